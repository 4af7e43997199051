"""Fit the network of crossings: one loop over rows of many stays, resumable, seeded, logged.

    hourly stays ─► what is read at each hour (charted)        ─┐
                 ─► what the hours ahead brought (crossings)   ─┴► epochs of shuffled batches ─► averaged weights

The weights that are kept are a running average of those of every step, as of the epoch after which patients that
nothing is fitted on were told best. Shapes: N rows, F inputs, Q questions, J intervals, T lines.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from forecasting.evaluation.stays import Ints, Values, rows_of
from forecasting.model import Weights
from forecasting.network import inputs
from forecasting.training import charted, crossings
from forecasting.training.charted import COLUMNS
from forecasting.training.cohorts import Hourly
from forecasting.training.crossings import CONCEPTS_ASKED, EDGES_H, LINES, REACHED, RISES, SIGNS
from forecasting.training.labels import CLEAR_H, RULES
from forecasting.training.network import Lines, Network, Shape, loss_of, truth_of

SOURCES = (
    "model.py", "exact.py", "evaluation/stays.py", "network/chart.py", "network/inputs.py", "training/charted.py",
    "training/cohorts.py", "training/crossings.py", "training/fit_network.py", "training/labels.py",
    "training/network.py", "training/windows.py",
)  # fmt: skip
"""What the weights come from, besides data and seed."""
KNOT_ROWS = 200_000  # drawn to place the knots by
BIAS_ROWS = 60_000  # drawn to begin from the frequencies of
ROWS_AT_ONCE = 8192
ASKED_WEIGHT = 5.0  # of the lines of protocol D, against any other
LABORATORY_WEIGHT = 3.0  # of a value that few rows bring
Say = Callable[[str], None]
Tensors = Sequence[torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """How long and how fast it learns.

    Chosen on the first fold of protocol D by patients that are not scored there. That the clock is not read and that
    the average is a long one was decided after one look at those that are.
    """

    epochs: int = 3
    batch: int = 1024
    rate: float = 1e-3
    decay: float = 1e-2
    averaged_over: float = 1000.0  # steps
    seed: int = 20

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Prepared:
    """A cohort as the network learns from it."""

    inputs: Values  # (N, F or more): all that is read, of which the network reads the first F
    furthest: Values  # (N, Q, J)
    offsets: Ints

    @classmethod
    def of(cls, cohort: Hourly) -> "Prepared":
        return cls(charted.table(cohort), crossings.furthest(cohort), cohort.offsets)

    def batch(self, rows: Ints) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of these rows: inputs (B, F), furthest (B, Q, J), and the newest value of each question, signed as that is,
        where it is of the last three hours: (B, Q). What is older may be crossed again, by protocol D."""
        read = torch.from_numpy(self.inputs[rows, : inputs.network_reads()])
        newest = read[:, NEWEST]
        newest[:, RISE] /= (newest[:, RISE] - read[:, ABOVE_LOWEST]) / REACHED
        lately = (newest * SIGNED).masked_fill(read[:, GAP] >= CLEAR_H, torch.nan)
        return read, torch.from_numpy(self.furthest[rows]), lately


def _places(suffix: str, concepts: Sequence[str]) -> torch.Tensor:
    """Of the inputs that are named for these concepts."""
    names = [name for name, _ in inputs.named()]
    return torch.tensor([names.index(f"{concept}{suffix}") for concept in concepts])


NEWEST, GAP = _places("", CONCEPTS_ASKED), _places(": gap", CONCEPTS_ASKED)  # (Q,)
RISE = torch.tensor(RISES)  # (Q,) whether its lines are multiples of the lowest value so far
ABOVE_LOWEST = _places(
    ": above its lowest", [concept for concept, rises in zip(CONCEPTS_ASKED, RISES, strict=True) if rises]
)
SIGNED = torch.tensor(SIGNS, dtype=torch.float32)


def knots_of(read: Values, pieces: int) -> Values:
    """(F, K + 1) rising: the quantiles of each input; where values repeat, the widest gaps are cut in half."""
    found = np.empty((read.shape[1], pieces + 1), np.float32)
    for place, column in enumerate(read.T):
        known = column[np.isfinite(column)]
        own = np.unique(np.quantile(known, np.linspace(0.001, 0.999, pieces + 1))) if len(known) else np.zeros(1)
        if len(own) == 1:
            own = own + np.array([0.0, 1.0])
        while len(own) <= pieces:
            widest = int(np.argmax(np.diff(own)))
            own = np.insert(own, widest + 1, (own[widest] + own[widest + 1]) / 2)
        found[place] = own
    return found


def all_lines() -> Lines:
    """The lines of `crossings.LINES` with their weights."""
    asked = {(f"{_concept_of(rule.variable)} {rule.kind}", rule.limit) for rule in RULES}
    found = np.zeros(crossings.lines().shape, np.float32)
    for place, (question, own) in enumerate(LINES.items()):
        base = 1.0 if question.split()[0] in inputs.VITALS else LABORATORY_WEIGHT
        found[place, : len(own)] = [base * (ASKED_WEIGHT if (question, line) in asked else 1.0) for line in own]
    return Lines.of(torch.from_numpy(crossings.lines()), torch.from_numpy(found))


def _concept_of(column: str) -> str:
    return next(concept for concept, name in COLUMNS.items() if name == column)


def begun(shape: Shape, data: Prepared, rows: Ints, generator: np.random.Generator) -> Network:
    """A network that says of everyone what happens to the average row."""
    some = np.sort(generator.choice(rows, min(KNOT_ROWS, len(rows)), replace=False))
    questions, widest = crossings.lines().shape
    knots = torch.from_numpy(knots_of(data.inputs[some, : inputs.network_reads()], shape.pieces))
    network = Network(shape, knots, questions, len(EDGES_H), widest)
    few = np.sort(generator.choice(rows, min(BIAS_ROWS, len(rows)), replace=False))
    _, furthest, lately = data.batch(few)
    lines = all_lines()
    truth = truth_of(furthest, lately, lines)
    often = (truth.crossed & truth.learnt).sum(0).add(1) / truth.learnt.sum(0).add(20)  # (J, L)
    logits = torch.full((questions, len(EDGES_H), widest), torch.nan)
    logits[lines.question, :, lines.place] = torch.logit(often.clamp(1e-4, 0.9)).T
    steps = logits.diff(dim=-1).nan_to_num(1.0).clamp(min=0.05)
    with torch.no_grad():
        softplus_of = torch.log(torch.expm1(steps))  # what becomes these steps when it is made positive
        network.hazards.bias.copy_(torch.cat([logits[..., :1], softplus_of], dim=-1).flatten())
        network.measured.bias.copy_(torch.logit(truth.measured.float().mean(0).clamp(1e-3, 1 - 1e-3)).flatten())
    return network


def fit(data: Prepared, stays: Sequence[Ints], shape: Shape, plan: Plan, say: Say, kept: Path | None = None) -> Weights:
    """The weights, fitted on the rows of the first stays and chosen on those of the second.

    `kept`: a file that is written after each epoch; where it is there, the fitting goes on from it.
    """
    torch.manual_seed(plan.seed)
    generator = np.random.default_rng(plan.seed)
    rows, chosen_on = (rows_of(some, data.offsets) for some in stays)
    network = begun(shape, data, rows, generator)
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=partial(_average, plan.averaged_over), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), plan.rate, betas=(0.9, 0.99), weight_decay=plan.decay)
    steps = plan.epochs * (len(rows) // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, total_steps=max(steps, 2), pct_start=0.1)
    parts: dict[str, Any] = {"network": network, "averaged": averaged, "optimizer": optimizer, "schedule": schedule}
    state: dict[str, Any] = {"epoch": 0, "best": float("inf"), "weights": None}
    if kept is not None and kept.exists():
        found = torch.load(kept, weights_only=False)  # our own file, of this very run
        for name, part in parts.items():
            part.load_state_dict(found[name])
        state = found["state"]
        torch.set_rng_state(found["torch"])
        generator.bit_generator.state = found["numpy"]
        say(f"goes on after epoch {state['epoch']}")
    lines = all_lines()
    for epoch in range(state["epoch"], plan.epochs):
        network.train()
        order, total = generator.permutation(len(rows)), 0.0
        batches = len(rows) // plan.batch
        for step in range(batches):
            read, furthest, lately = data.batch(rows[order[step * plan.batch : (step + 1) * plan.batch]])
            hazards, measured = network(read)
            loss = loss_of(hazards, measured, truth_of(furthest, lately, lines), lines)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(network)
            total += float(loss.detach())
            if (step + 1) % 200 == 0:
                say(f"epoch {epoch + 1}, step {step + 1} of {batches}: loss {total / (step + 1):.4f}")
        reached = loss_on(averaged.module, data, chosen_on, lines)
        say(f"epoch {epoch + 1} of {plan.epochs}: loss {total / max(batches, 1):.4f}, on others {reached:.4f}")
        state["epoch"] = epoch + 1
        if reached < state["best"]:
            state |= {"best": reached, "weights": exported(averaged.module)}
        if kept is not None:
            found = {name: part.state_dict() for name, part in parts.items()}
            found |= {"state": state, "torch": torch.get_rng_state(), "numpy": generator.bit_generator.state}
            unfinished = kept.with_suffix(".part")
            torch.save(found, unfinished)
            unfinished.replace(kept)
    return dict(state["weights"])


def _average(
    over: float, averaged: Sequence[torch.Tensor], current: Sequence[torch.Tensor], steps: torch.Tensor
) -> None:
    """A running average over so many steps; at first over fewer, so that it forgets how all began."""
    keep = min(1 - 1 / over, (1 + int(steps)) / (10 + int(steps)))
    for mean, new in zip(averaged, current, strict=True):
        if mean.is_floating_point():
            mean.lerp_(new, 1 - keep)
        else:
            mean.copy_(new)


def loss_on(network: torch.nn.Module, data: Prepared, rows: Ints, lines: Lines) -> float:
    """Mean loss on these rows."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            read, furthest, lately = data.batch(some)
            hazards, measured = network(read)
            total += float(loss_of(hazards, measured, truth_of(furthest, lately, lines), lines)) * len(some)
    return total / len(rows)


def exported(network: torch.nn.Module) -> Mapping[str, NDArray[np.float32]]:
    """What the served network reads: its numbers, by the names they have here."""
    return {
        name: value.numpy().astype(np.float32)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
