"""What a bed remembers of its rules: each node's answer, until when it stays, and which are stale.

    case = KeptCase(snapshot, outlook, kept, news)
    case.ask(node)                         # asks again only what is stale or whose time is up
    kept = case.kept()                     # a new one: the old stays as it was

What is watched (every trigger) is brought up to date at once: leaves whose reads are in the news or whose time is up
are asked, and only an answer that has changed is carried on to the combinations above it. The rest waits to be asked.

Kept are truths, without what made them so: who has something to say asks again, in full (`Case`). The property that
both agree at every instant is under test (`tests/guidelines/test_kept.py`): it is what makes a missed alarm impossible.
"""

import heapq
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from guidelines.rules.answers import NO, YES, Answer, Interval, bare
from guidelines.rules.case import FAR, Case
from guidelines.rules.graph import Graph, Node
from guidelines.rules.kinds import COMPARED, Bound, quantity, settled
from schemas.clinical.findings import Truth
from schemas.clinical.forecasts import Outlook
from schemas.clinical.snapshot import Snapshot
from schemas.codes.concepts import Situation
from schemas.frozen import EARLIEST

OPEN = -1  # no part settles it alone


class Kept(NamedTuple):
    """Answers by node index. Never changed in place: each judgement makes its own."""

    graph: Graph
    values: list[Any]
    untils: list[datetime]
    settled: list[int]  # of a combination that one part settles: which
    stale: int
    ends: datetime  # no watched leaf's time is up before
    setting: str | None = None
    situations: Collection[Situation] = ()


def nothing_kept(graph: Graph) -> Kept:
    count = len(graph.nodes)
    return Kept(graph, [None] * count, [EARLIEST] * count, [OPEN] * count, graph.everything, EARLIEST)


class KeptCase(Case):
    """A case that asks again only what can have changed since the kept answers were given.

    `changed`: the mask of the nodes that have another answer than was kept; `asked`: of those that were asked from
    outside, not by other nodes, since somebody set it to 0.
    """

    def __init__(self, snapshot: Snapshot, outlook: Outlook, kept: Kept, news: Collection[str]) -> None:
        super().__init__(snapshot, outlook, kept.graph)
        graph = kept.graph
        self._values, self._untils, self._settled = kept.values.copy(), kept.untils.copy(), kept.settled.copy()
        self.changed = self.asked = 0
        self._turned: dict[tuple[int, bool], datetime] = {}
        self._first = kept.ends is EARLIEST
        aging_alike = kept.setting == snapshot.setting and kept.situations == snapshot.situations
        if self._first or not aging_alike:
            self._stale, leaves = graph.everything, list(graph.watched)
        else:
            self._stale, leaves = kept.stale | graph.readers_of(news), graph.watched_readers_of(news)
        self._ends = kept.ends if aging_alike else EARLIEST
        if self._ends <= self.now:
            asked = {node.index for node in leaves}
            untils = self._untils
            leaves += [n for n in graph.watched if untils[n.index] <= self.now and n.index not in asked]
            leaves.sort(key=lambda node: node.index)
        self._bring_up_to_date(leaves)

    def _bring_up_to_date(self, leaves: list[Node]) -> None:
        values, nodes = self._values, self.graph.nodes
        queue: list[int] = []
        compared: dict[str, tuple[Interval, datetime]] = {}
        for leaf in leaves:
            bound = leaf.bound
            if self._anew(leaf) if bound is None else self._compared(leaf, bound, compared):
                queue += self._open_above(leaf)
        heapq.heapify(queue)
        last = -1
        while queue:
            index = heapq.heappop(queue)
            if index == last:
                continue
            last, node = index, nodes[index]
            value, before = self._combined(node), values[index]
            if value is not before and value != before:
                values[index] = value
                self._has_changed(node, before)
                for parent in self._open_above(node):
                    heapq.heappush(queue, parent)
        if self._ends <= self.now:
            self._ends = min((self._untils[node.index] for node in self.graph.watched), default=FAR)

    def _open_above(self, part: Node) -> list[int]:
        """The combinations over a part that has another answer, but those that another part settles as before."""
        settled, own = self._settled, (OPEN, part.index)
        return [parent.index for parent in part.parents if settled[parent.index] in own]

    def _combined(self, node: Node) -> Answer:
        """The answer of a combination, of the answers of its parts as they are now."""
        values, settling = self._values, node.settling
        if settling is not None:
            for place in node.places:
                if values[place].truth is settling:
                    self._settled[node.index] = place
                    return YES if node.how == "any" else NO
            self._settled[node.index] = OPEN
        assert node.combined is not None
        return bare(node.combined([values[place] for place in node.places]))

    def _compared(self, leaf: Node, bound: Bound, compared: dict[str, tuple[Interval, datetime]]) -> bool:
        """A leaf that compares a newest value: the value is looked up once for all of them."""
        known = compared.get(bound.quantity)
        if known is None:
            self.until = FAR
            known = compared[bound.quantity] = quantity(self, bound.quantity), self.until
            if self.until < self._ends:
                self._ends = self.until
        number, until = known
        holds = COMPARED[bound.op]
        if number.low == number.high:
            value = YES if holds(number.low, bound.value) else NO
        else:
            value = bare(settled(bound.op, number, bound.value))
        index = leaf.index
        before = self._values[index]
        self._values[index], self._untils[index] = value, until
        self._stale &= ~leaf.bit
        if value is before or value == before:
            return False
        self._has_changed(leaf, before)
        return True

    def _anew(self, node: Node) -> bool:
        """Asks a leaf again; whether it has another answer."""
        outer, asked, self.until = self.until, self.asked, FAR
        value = node.work(self)
        index, until, self.asked = node.index, self.until, asked
        if type(value) is Answer:
            value = bare(value)
        else:
            self._answers[index] = value, until
        before = self._values[index]
        self._values[index], self._untils[index] = value, until
        self._stale &= ~node.bit
        if until < self._ends:
            self._ends = until
        self.until = until if until < outer else outer
        if value is before or value == before:
            return False
        self._has_changed(node, before)
        return True

    def _has_changed(self, node: Node, before: Any) -> None:
        self._stale |= node.above
        if before is not None:
            self.changed |= node.bit

    def ask(self, node: Node) -> Any:
        """The value of a node; of a condition without what made it so."""
        index = node.index
        until = self._untils[index]
        self.asked |= node.bit
        if node.watched or (until > self.now and not self._stale & node.bit):
            if EARLIEST < until < self.until:
                self.until = until
            return self._values[index]
        self._anew(node)
        return self._values[index]

    def in_full(self) -> Case:
        """The same instant as a case whose answers say what made them so."""
        return Case(self.snapshot, self.outlook, self.graph, self)

    def same_until(self, asked: int, until: datetime) -> datetime | None:
        """Until when all these nodes stay as they were kept, which they did `until` then; None: one is another by now.

        What is stale or whose time is up is asked again.
        """
        if self.changed & asked:
            return None
        if until > self.now and not self._stale & asked:
            return until
        nodes, untils = [self.graph.nodes[index] for index in _indexes(asked)], self._untils
        for node in nodes:
            if not node.watched and (untils[node.index] <= self.now or self._stale & node.bit):
                self._anew(node)
                if self.changed & asked:
                    return None
        return min((end for node in nodes if (end := untils[node.index]) > self.now), default=FAR)

    def ends_of(self, nodes: Iterable[Node]) -> datetime:
        """Until when all of these leaves stay, as far as they were asked."""
        now, until = self.now, FAR
        for node in nodes:
            end = self._untils[node.index]
            if now < end < until:
                until = end
        return until

    def rises(self, node: Node) -> datetime:
        return self._turns(node, rising=True)

    def _turns(self, node: Node, rising: bool) -> datetime:
        """When, at the earliest, time alone may make a node TRUE (or FALSE): a conjunction waits for its last part."""
        if not (node.may_rise if rising else node.may_fall):
            return FAR
        if node.how is None:
            return self._turns_of_leaf(node, rising)
        key = node.index, rising
        known = self._turned.get(key)
        if known is None:
            known = self._turned[key] = self._turns_of_parts(node, rising)
        return known

    def _turns_of_leaf(self, node: Node, rising: bool) -> datetime:
        """Of one that rests on newest values alone: when what it uses turns. A value too old only makes it UNKNOWN."""
        charted = node.bound is not None and self.has(node.bound.quantity)  # what is worked out may take its place
        if charted or not node.ages_only:
            return self._untils[node.index]
        now, until = self.now, FAR
        for used in node.uses:
            end = self._turns(used, rising)
            if now < end < until:  # an earlier one was not asked for
                until = end
        return until

    def _turns_of_parts(self, node: Node, rising: bool) -> datetime:
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

    def kept(self) -> Kept:
        ends = self._ends if self._ends > EARLIEST else FAR
        setting, situations = self.snapshot.setting, self.snapshot.situations
        return Kept(self.graph, self._values, self._untils, self._settled, self._stale, ends, setting, situations)


@lru_cache(4096)
def _indexes(mask: int) -> tuple[int, ...]:
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return tuple(found)
