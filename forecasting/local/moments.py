"""What was said of a hospital's own past patients, and what came: what a recalibration is fitted on.

A moment is one patient, one hour of his stay, one line and one time ahead, where a chance was given and something was
measured within that time. What came is a value beyond the line; it lasted if it was still there at the next value.

Shapes: M moments, P patients.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecasting.evaluation.stays import Flags, Floats, Ints


class Row(NamedTuple):
    """One patient at M moments of one question: (M,) each."""

    said: Floats
    came: Flags
    lasted: Flags
    line: Floats
    hours: Floats


class Patient(NamedTuple):
    """Of whom it is, and what he is grouped by; None: not known."""

    name: str
    age_years: float | None
    sex: str | None
    unit: str | None


class Visited(NamedTuple):
    """One stay: the moments of each question that has any."""

    patient: Patient
    rows: dict[str, Row]


class Moments(NamedTuple):
    """Of all patients and one question: (M,) each."""

    said: Floats
    came: Flags
    lasted: Flags
    line: Floats
    hours: Floats
    patient: Ints  # place in the cohort

    def of(self, which: Flags) -> "Moments":
        """Some of them."""
        return Moments(
            self.said[which], self.came[which], self.lasted[which], self.line[which], self.hours[which],
            self.patient[which],
        )  # fmt: skip

    @property
    def with_event(self) -> int:
        """How many patients it came to."""
        return len(np.unique(self.patient[self.came]))


class Cohort(NamedTuple):
    """A hospital's own patients with what was said of them."""

    patients: tuple[Patient, ...]
    questions: dict[str, Moments]  # by name, in the order of the network's

    @classmethod
    def of(cls, visited: Sequence[Visited], questions: Sequence[str]) -> "Cohort":
        """Stays of one name are one patient's."""
        places: dict[str, int] = {}
        patients: list[Patient] = []
        own: list[int] = []
        for stay in visited:
            if stay.patient.name not in places:
                places[stay.patient.name] = len(patients)
                patients.append(stay.patient)
            own.append(places[stay.patient.name])
        held = {name: _joined(name, visited, own) for name in questions}
        return cls(tuple(patients), {name: found for name, found in held.items() if len(found.said)})

    @property
    def moments(self) -> int:
        """Of all questions."""
        return sum(len(found.said) for found in self.questions.values())

    def groups(self) -> Iterator[tuple[str, str, Flags]]:
        """What patients are told apart by: of what, which, and who (P,)."""
        ages = np.array([np.nan if p.age_years is None else p.age_years for p in self.patients])
        for group, which in (("under 65", ages < OLD), ("65 and older", ages >= OLD)):
            yield "age", group, which
        for what, values in (("sex", [p.sex for p in self.patients]), ("unit", [p.unit for p in self.patients])):
            for value in sorted({value for value in values if value is not None})[:GROUPS_MAX]:
                yield what, value, np.array([one == value for one in values])


OLD = 65.0
GROUPS_MAX = 20


def _joined(question: str, visited: Sequence[Visited], own: Sequence[int]) -> Moments:
    found = [(place, stay.rows[question]) for stay, place in zip(visited, own, strict=True) if question in stay.rows]
    if not found:
        empty: NDArray[np.float64] = np.zeros(0)
        return Moments(empty, empty > 0, empty > 0, empty, empty, np.zeros(0, np.int64))
    said, came, lasted, line, hours = (
        np.concatenate(column) for column in zip(*(row for _, row in found), strict=True)
    )
    patient = np.concatenate([np.full(len(row.said), place, np.int64) for place, row in found])
    return Moments(said, came, lasted, line, hours, patient)
