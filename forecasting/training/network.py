"""The network of `forecasting.model` in torch, for fitting, and what it is fitted to.

    values of now, of the hours ahead  ->  which lines are crossed first in which interval  ->  loss of the hazards

Shapes: B rows, F inputs, K pieces, D width, Q questions, J intervals, T lines of a question, padded, L of all of them
(`forecasting.training.crossings`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """How large the network is, and how much of it is left out while it learns."""

    width: int = 256  # D
    blocks: int = 2
    pieces: int = 8  # K
    dropout: float = 0.3
    inputs_dropped: float = 0.1  # each input of each row is taken for unknown so often


class Block(nn.Module):
    """x + linear(relu(linear(scaled x)))"""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(shape.width)
        self.wide = nn.Linear(shape.width, 2 * shape.width)
        self.back = nn.Linear(2 * shape.width, shape.width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:  # (B, D)
        found: Tensor = x + self.back(self.drop(functional.relu(self.wide(self.norm(x)))))
        return found


class Network(nn.Module):
    """The names of its parameters are those of the weights' file."""

    knots: Tensor

    def __init__(self, shape: Shape, knots: Tensor, questions: int, intervals: int, widest: int) -> None:
        super().__init__()
        inputs = len(knots)
        self.shape = (questions, intervals, widest)
        self.inputs_dropped = shape.inputs_dropped
        self.register_buffer("knots", knots)  # (F, K + 1)
        self.first = nn.Linear(inputs * (shape.pieces + 1), shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = nn.BatchNorm1d(shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.hazards = nn.Linear(shape.width, questions * intervals * widest)
        self.measured = nn.Linear(shape.width, questions * intervals)
        nn.init.normal_(self.hazards.weight, std=0.01)
        nn.init.normal_(self.measured.weight, std=0.01)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of hazards (B, Q, J, T), rising from line to line, and of being measured (B, Q, J)."""
        if self.training:
            inputs = inputs.masked_fill(torch.rand_like(inputs) < self.inputs_dropped, torch.nan)
        x = self.first(self.encoded(inputs))  # (B, D)
        for block in self.blocks:
            x = block(x)
        hidden = self.drop(functional.relu(self.norm(x)))
        return rising(self.hazards(hidden).view(-1, *self.shape)), self.measured(hidden).view(-1, *self.shape[:2])

    def encoded(self, inputs: Tensor) -> Tensor:
        """(B, F · K + F): the way along each piece between two knots, and whether it is known."""
        known = torch.isfinite(inputs)
        start, width = self.knots[:, :-1], self.knots.diff(dim=1).clamp(min=1e-6)
        along = (inputs.where(known, torch.zeros(())).unsqueeze(-1) - start) / width  # (B, F, K)
        low, high = torch.zeros(along.shape[-1]), torch.ones(along.shape[-1])
        low[0], high[-1] = -1.0, 2.0
        pieces = along.clamp(low, high) * known.unsqueeze(-1)
        return torch.cat([pieces.flatten(1), known.float()], dim=1)


def rising(raw: Tensor) -> Tensor:
    """(…, T) logits: the first as it is, each further one by something positive above the one before."""
    return torch.cat([raw[..., :1], raw[..., :1] + functional.softplus(raw[..., 1:]).cumsum(-1)], dim=-1)


@dataclass(frozen=True)
class Lines:
    """All lines of all questions in a row: L of them."""

    at: Tensor  # (L,) signed so that beyond is below
    question: Tensor  # (L,)
    place: Tensor  # (L,) among the lines of its question
    weight: Tensor  # (L,) in the loss

    @classmethod
    def of(cls, padded: Tensor, weights: Tensor) -> "Lines":
        """From lines and weights (Q, T), NaN where a question has no more lines."""
        question, place = torch.isfinite(padded).nonzero(as_tuple=True)
        return cls(padded[question, place], question, place, weights[question, place])


class Truth(NamedTuple):
    """What came of some rows, and what can be learnt from it."""

    crossed: Tensor  # (B, J, L) the line in that interval
    learnt: Tensor  # (B, J, L) measured in it, and not beyond the line before
    measured: Tensor  # (B, Q, J)
    clear: Tensor  # (B, L) not beyond the line lately


def truth_of(furthest: Tensor, lately: Tensor, lines: Lines) -> Truth:
    """From the furthest value of each interval (B, Q, J) and the newest one of late (B, Q), signed so that beyond is
    below, NaN where none was measured."""
    measured = torch.isfinite(furthest)
    reached = furthest.where(measured, INFINITE)
    newest = lately.where(torch.isfinite(lately), INFINITE).unsqueeze(-1)
    before = torch.cat([newest, reached], dim=-1).cummin(-1).values[..., :-1]  # (B, Q, J)
    crossed = by_line(reached, lines) < lines.at
    learnt = by_line(measured, lines) & (by_line(before, lines) >= lines.at)
    return Truth(crossed, learnt, measured, newest[:, lines.question, 0] >= lines.at)


def by_line(of_questions: Tensor, lines: Lines) -> Tensor:
    """(B, Q, J) -> (B, J, L)"""
    return of_questions[:, lines.question].transpose(1, 2)


def within(hazards: Tensor, measured: Tensor) -> Tensor:
    """(B, J, L) chance of a crossing up to the end of each interval, if anything is measured up to it."""
    seen = torch.sigmoid(measured)
    clear = (1 - seen * torch.sigmoid(hazards)).cumprod(1)
    unseen = (1 - seen).cumprod(1)
    return (1 - clear) / (1 - unseen).clamp(min=1e-4)


def loss_of(hazards: Tensor, measured: Tensor, truth: Truth, lines: Lines) -> Tensor:
    """Log losses of each hazard, of each chance up to the end of an interval, and of being measured, for logits of
    hazards (B, Q, J, T) and of being measured (B, Q, J)."""
    own = hazards[:, lines.question, :, lines.place].permute(1, 2, 0)  # (B, J, L)
    hazard = functional.binary_cross_entropy_with_logits(own, truth.crossed.float(), reduction="none")
    chances = within(own, by_line(measured, lines)).clamp(1e-5, 1 - 1e-5)
    came = truth.crossed.cummax(1).values.float()
    chance = functional.binary_cross_entropy(chances, came, reduction="none")
    asked = by_line(truth.measured, lines).cummax(1).values & truth.clear.unsqueeze(1)
    summed = ((hazard * truth.learnt + chance * asked) * lines.weight).sum() / len(hazards)
    return summed / LINES_SCALE + functional.binary_cross_entropy_with_logits(measured, truth.measured.float())


INFINITE = torch.full((), torch.inf)
LINES_SCALE = 50.0  # brings the sum over hundreds of lines and intervals near 1
