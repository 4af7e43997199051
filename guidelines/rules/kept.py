"""What a bed remembers of its rules: each node's answer, until when it stays, and which are stale.

    case = KeptCase(snapshot, outlook, graph, kept, stale=graph.readers_of(news))
    case.ask(node)                         # asks again only what is stale or whose time is up
    kept = case.kept()                     # a new one: the old stays as it was

Kept are truths, without what made them so: who has something to say asks again, in full (`Case`). The property that
both agree at every instant is under test (`tests/guidelines/test_kept.py`): it is what makes a missed alarm impossible.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from guidelines.rules.answers import Answer, bare
from guidelines.rules.case import FAR, Case
from guidelines.rules.graph import Graph, Node
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import Situation
from schemas.frozen import EARLIEST


class Kept(NamedTuple):
    """Answers by node index. Never changed in place: each judgement makes its own."""

    graph: Graph
    values: list[Any]
    untils: list[datetime]
    stale: int
    setting: str | None = None
    situations: Collection[Situation] = ()


def nothing_kept(graph: Graph) -> Kept:
    count = len(graph.nodes)
    return Kept(graph, [None] * count, [EARLIEST] * count, graph.everything)


class KeptCase(Case):
    """A case that asks again only what can have changed since the kept answers were given."""

    def __init__(self, snapshot: Snapshot, outlook: Outlook, kept: Kept, news: Collection[str]) -> None:
        super().__init__(snapshot, outlook, kept.graph)
        self._values, self._untils = kept.values.copy(), kept.untils.copy()
        self.changed = False  # whether anything that was asked again has another answer
        self._orders = kept.graph.named["open orders"].index
        aging_alike = kept.setting == snapshot.setting and kept.situations == snapshot.situations
        self._stale = kept.stale | kept.graph.readers_of(news) if aging_alike else kept.graph.everything

    def ask(self, node: Node) -> Any:
        """The value of a node; of a condition without what made it so, without what made it so."""
        index = node.index
        until = self._untils[index]
        if until > self.now and not self._stale & node.bit:
            if until < self.until:
                self.until = until
            return self._values[index]
        outer, self.until = self.until, FAR
        value = node.work(self)
        if type(value) is Answer:
            value = bare(value)
            before = self._values[index]
            if before is not None and before is not value and (before.truth, before.met) != (value.truth, value.met):
                self.changed = True
        elif index == self._orders and self._values[index] not in (None, value):
            self.changed = True
        until = self.until
        self._values[index], self._untils[index] = value, until
        self._stale &= ~node.bit
        self.until = until if until < outer else outer
        return value

    def rises(self, node: Node) -> datetime:
        return self._turns(node, rising=True)

    def _turns(self, node: Node, rising: bool) -> datetime:
        """When, at the earliest, time alone may make a node TRUE (or FALSE): a conjunction waits for its last part."""
        if not (node.may_rise if rising else node.may_fall):
            return FAR
        if node.how is None:
            return self._untils[node.index]
        part_rises = rising if node.how != "none" else not rising
        if (node.how == "any") == rising:
            return min(self._turns(part, part_rises) for part in node.parts)
        done = Truth.YES if part_rises else Truth.NO
        latest = EARLIEST
        for part in node.parts:
            value = self._values[part.index]
            if value is None or value.truth is not done:
                latest = max(latest, self._turns(part, part_rises))
                if latest is FAR:
                    break
        return latest

    def only(self, node: Node) -> None:
        self.until = self._untils[node.index]

    def kept(self) -> Kept:
        return Kept(
            self.graph, self._values, self._untils, self._stale, self.snapshot.setting, self.snapshot.situations
        )
