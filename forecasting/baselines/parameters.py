"""The numbers of the damped trend as they lie in `trend_parameters.json`, made by `forecasting.training.fit_trend`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from forecasting import chances, moments, news, readings
from forecasting.baselines.crossing import Table
from forecasting.baselines.fans import Curve, Lead
from forecasting.baselines.running import Pace
from schemas.codes.concepts import CONCEPTS

NAME, VERSION = "damped-trend", "2"
MODEL = f"{NAME}@{VERSION}"
PARAMETERS = Path(__file__).with_name("trend_parameters.json")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was fitted, and two hashes: of the file, and of all that the forecasts rest on."""

    curves: Mapping[str, Curve]  # by concept
    odds: Mapping[str, Table]  # by question: `map below`
    file_hash: str
    digest: str

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each concept, by which lanes and tables are ordered."""
        return {concept: number for number, concept in enumerate(self.curves)}


def read(path: Path) -> Parameters:
    """From a parameter file. The digest covers the file, the code of the trend, and what that reads of the concepts."""
    raw = path.read_bytes()
    fitted = json.loads(raw)
    digest = blake2b(raw, digest_size=16)
    file_hash = digest.hexdigest()
    own = sorted(Path(__file__).parent.glob("*.py"))
    for module in (*own, *(Path(str(shared.__file__)) for shared in (chances, moments, news, readings))):
        digest.update(module.read_bytes())
    for about in map(CONCEPTS.__getitem__, fitted["curves"]):
        digest.update(repr((about.id, about.decimals, about.hard_low, about.hard_high)).encode())
        digest.update(repr((about.valid_icu_min, about.valid_icu_by_method, about.valid_when)).encode())
    return Parameters(
        curves={concept: _curve(fields) for concept, fields in fitted["curves"].items()},
        odds={question: Table.of(fields) for question, fields in fitted["odds"].items()},
        file_hash=file_hash,
        digest=digest.hexdigest(),
    )


def _curve(fields: Mapping[str, Any]) -> Curve:
    leads = [
        Lead(
            hours=lead["hours"],
            weights=tuple(lead["weights"]),
            trust=lead["trust"],
            offsets=tuple(map(tuple, lead["offsets"])),
        )
        for lead in fields["leads"]
    ]
    return Curve(
        pace=Pace(**fields["pace"]),
        mean_prior=fields["mean_prior"],
        population=fields["population"],
        knots=tuple(fields["knots"]),
        leads=tuple(leads),
    )
