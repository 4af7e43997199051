"""A hospital's recalibration, as it is kept and as it is served: per question a scale of the logit and bounds.

One scale serves all lines and times of a question and always rises, so that a chance still rises with a nearer line
and with more hours. It belongs to one fitted model: its digest is in the file, and any other model refuses it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from forecasting.network.crossing import Question, Reliability, Scale
from forecasting.network.fitted import Fitted


class Unfit(Exception):
    """A file of this hospital's own cannot be used with this model. The text says why, for people."""


@dataclass(frozen=True)
class Told:
    """What one question is told by."""

    scale: Scale
    reliability: Reliability


@dataclass(frozen=True)
class Recalibration:
    """What is served of one version, and what a board says of it."""

    version: str
    belongs_to: str  # digest of the model
    made_on: str  # date
    patients: int
    questions: Mapping[str, Told]

    @classmethod
    def read(cls, version: str, text: str) -> "Recalibration":
        """Raises Unfit where it is no recalibration."""
        try:
            fields = json.loads(text)
            questions = {name: _told(own) for name, own in fields["questions"].items()}
            return cls(version, str(fields["belongs_to"]), str(fields["made_at"])[:10],
                       int(fields["cohort"]["patients"]), questions)  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise Unfit(f"version {version} cannot be read ({type(problem).__name__})") from problem

    def applied(self, to: Fitted, digest: str) -> Fitted:
        """The model as this hospital hears it; `digest` is that of what was fitted. Raises Unfit where this belongs to
        another."""
        if digest != self.belongs_to:
            raise Unfit(f"version {self.version} belongs to another version of the model")
        if unknown := self.questions.keys() - to.numbers.keys():
            raise Unfit(f"version {self.version} tells of {min(unknown)}, which this model does not")
        questions = tuple(self._told(question) for question in to.questions)
        digest = blake2b(f"{to.digest} {self.version}".encode(), digest_size=16).hexdigest()
        return replace(to, questions=questions, digest=digest, recalibrated=self.version)

    def _told(self, question: Question) -> Question:
        own = self.questions.get(question.name)
        return question if own is None else replace(question, scale=own.scale, reliability=own.reliability)


def _told(fields: Mapping[str, Any]) -> Told:
    scale, reliability = Scale(float(fields["slope"]), float(fields["intercept"])), fields["reliability"]
    columns = [tuple(map(float, reliability[name])) for name in ("said", "low", "high", "lasting")]
    said = columns[0]
    if not (math.isfinite(scale.slope) and scale.slope > 0 and math.isfinite(scale.intercept)):
        raise ValueError("a scale does not rise")
    if not said or any(len(column) != len(said) for column in columns) or any(a > b for a, b in pairwise(said)):
        raise ValueError("bounds do not fit together")
    if not all(0 <= value <= 1 for column in columns for value in column):
        raise ValueError("a bound is no chance")
    return Told(scale, Reliability(*columns))
