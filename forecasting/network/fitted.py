"""What was fitted, as it lies beside this file: `weights.safetensors`, and `manifest.json` that says what they mean.

    questions    concept, direction, lines, how far what is said of each can be trusted, and of which line trees speak
                 as well
    edges_h      ends of the intervals of the hours ahead
    events       what is told by trees: within which time, from which chance on to alarm, how far it can be trusted
    inputs       the names of what is read, in their order: other code than the weights were fitted with is refused
    weights      hash of the weights' file: other weights than those that were measured are refused

The rest of the manifest says where it all comes from and what it was measured to be worth (`docs/forecasting.md`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

import forecasting
from forecasting.forest import Forest
from forecasting.model import Network
from forecasting.network import inputs
from forecasting.network.crossing import Event, Partner, Question, Reliability
from forecasting.network.taught import Taught, Usual, usual

HERE = Path(__file__).parent
WEIGHTS, MANIFEST = "weights.safetensors", "manifest.json"
_CODE = ("chances.py", "exact.py", "forest.py", "model.py", "moments.py", "news.py", "readings.py", "network/*.py")


class Unreadable(Exception):
    """Weights or manifest are missing, damaged, or of another network. The text says which, for people."""


@dataclass(frozen=True)
class Fitted:
    """The network with what its numbers mean, and what a hospital has of its own (`forecasting.local`)."""

    network: Network
    questions: tuple[Question, ...]
    edges_h: tuple[float, ...]
    events: Mapping[str, Event]
    usual: Usual
    digest: str  # of weights, manifest and code, and of what is the hospital's own
    recalibrated: str | None = None  # the version in force
    taught: Mapping[str, Taught] = field(default_factory=dict)
    untaught: Mapping[str, str] = field(default_factory=dict)  # what was taught and cannot be used: why

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each question, by its name."""
        return {question.name: number for number, question in enumerate(self.questions)}


def fitted(folder: Path = HERE) -> Fitted:
    """The committed network; raises `Unreadable`."""
    try:
        raw, described = (folder / WEIGHTS).read_bytes(), (folder / MANIFEST).read_bytes()
    except OSError as problem:
        raise Unreadable(f"expected {WEIGHTS} and {MANIFEST}, found {type(problem).__name__}") from problem
    try:
        manifest = json.loads(described)
        if manifest["weights"]["blake2b"] != blake2b(raw, digest_size=16).hexdigest():
            raise Unreadable(f"{WEIGHTS} is not the file that {MANIFEST} was written for")
        if manifest["inputs"] != [name for name, _ in inputs.named()]:
            raise Unreadable(f"{MANIFEST} is of a network that reads something else")
        found = load(raw)
        questions = tuple(_question(fields, found) for fields in manifest["questions"])
        edges_h = tuple(manifest["edges_h"])
        lines_max = max(len(question.lines) for question in questions)
        network = Network(found, len(questions), len(edges_h), lines_max)
        events = {name: _event(name, fields, found) for name, fields in manifest["events"].items()}
        known = usual(found)
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as problem:
        raise Unreadable(f"{WEIGHTS} or {MANIFEST} is damaged ({type(problem).__name__})") from problem
    return Fitted(network, questions, edges_h, events, known, _digest(raw, described))


def _question(fields: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> Question:
    concept, direction, beside = fields["concept"], fields["direction"], fields["partner"]
    partner = None
    if beside is not None:
        forest = Forest.read(found, partner_named(concept, direction))
        partner = Partner(forest, beside["line"], beside["within_h"])
    return Question(concept, direction, tuple(fields["lines"]), Reliability.read(fields["reliability"]), partner)


def partner_named(concept: str, direction: str) -> str:
    """What the trees of a question are called in the weights' file."""
    return f"{concept}_{direction}"


def _event(name: str, fields: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> Event:
    reliability = Reliability.read(fields["reliability"])
    return Event(Forest.read(found, name), fields["within_h"], fields["alarm_at"], reliability)


def _digest(*files: bytes) -> str:
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(file)
    top = Path(forecasting.__path__[0])
    for path in sorted(found for pattern in _CODE for found in top.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
