"""A rule book's conditions as one graph of unique nodes, each with what it reads.

    graph = Graph(definitions)
    node = graph.node(parse("map below 65 for 10 min"))     # the same condition is the same node
    graph.readers_of({"map"})                               # a mask: the nodes that must be asked again

A node's reads are those of all that lies below it, so one look at the news tells which nodes are stale.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping

from guidelines import quantities
from guidelines.rules.kinds import Compiled, compiled
from guidelines.rules.registry import registered
from schemas.conditions import Condition, Named


class Node:
    """One thing to ask: a condition, a quantity or a predicate. `bit` is its place in the masks of its graph.

    `may_rise` and `may_fall`: whether time alone, without news, can make it TRUE, or FALSE. A value that grows too old
    does neither: it becomes UNKNOWN. `ages_only`: beside what it `uses`, it rests on newest values alone. `settling`:
    the answer of one part that settles a combination. `watched`: its answer is kept up to date; `parents`: the watched
    combinations that it is a part of; `above`: the mask of all others that rest on it.
    """

    __slots__ = (
        "above", "ages_only", "bit", "bound", "combined", "how", "index", "may_fall", "may_rise", "parents", "parts",
        "places", "reads", "settling", "uses", "watched", "work",
    )  # fmt: skip

    def __init__(self, index: int, made: Compiled) -> None:
        self.index, self.bit = index, 1 << index
        self.work, self.reads = made.work, made.reads
        self.may_rise, self.may_fall = made.may_rise, made.may_fall
        self.parts, self.how, self.combined, self.bound = made.parts, made.how, made.combined, made.bound
        self.places = tuple(part.index for part in made.parts)
        self.settling, self.uses, self.ages_only = made.settling, made.uses, made.ages_only
        self.watched = False
        self.parents: list[Node] = []
        self.above = 0

    def leaves(self) -> "Iterator[Node]":
        """What it rests on that is no combination."""
        if self.how is None:
            yield self
        for part in self.parts:
            yield from part.leaves()


class UnknownName(ValueError):
    """A condition names a definition that nothing defines."""


class Graph:
    """The nodes of one book. It holds no patient and may be shared."""

    def __init__(self, definitions: Mapping[str, Condition] | None = None) -> None:
        quantities.load()
        self.nodes: list[Node] = []
        self.named: dict[str, Node] = {}
        self.definitions = definitions or {}
        self._by_key: dict[Hashable, Node] = {}
        self._readers: dict[str, int] = {}
        self.watched: tuple[Node, ...] = ()  # the leaves of what is watched, by index
        self._watched_readers: dict[str, tuple[Node, ...]] = {}
        for name in registered():
            self._name(name)
        for name in self.definitions:
            self.named[name] = self.node(self.definitions[name])

    @property
    def everything(self) -> int:
        """The mask of all nodes."""
        return (1 << len(self.nodes)) - 1

    def node(self, condition: Condition) -> Node:
        """The node of a condition, made the first time. Raises UnknownName."""
        if isinstance(condition, Named):
            return self._definition(condition.name)
        found = self._by_key.get(condition)
        return self.add(condition, compiled(condition, self)) if found is None else found

    def add(self, key: Hashable, made: Compiled) -> Node:
        """A node of its own under a key; the same key is the same node."""
        if key not in self._by_key:
            self._by_key[key] = self._add(made)
        return self._by_key[key]

    def watch(self, roots: Iterable[Node]) -> None:
        """Keep these nodes and all below them up to date: an answer that changes is carried on to what rests on it."""
        cone: set[Node] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in cone:
                cone.add(node)
                waiting += node.parts
        for node in cone:
            node.watched = True
        for node in self.nodes:  # parts come before what they are parts of
            for part in node.parts:
                if node.watched:
                    part.parents.append(node)
        for node in reversed(self.nodes):
            for part in node.parts:
                part.above |= node.above | (0 if node.watched else node.bit)
        self.watched = tuple(sorted((node for node in cone if node.how is None), key=lambda node: node.index))
        reads = {read for node in self.watched for read in node.reads}
        self._watched_readers = {read: tuple(n for n in self.watched if read in n.reads) for read in reads}

    def watched_readers_of(self, news: Iterable[str]) -> list[Node]:
        """The watched leaves that read any of the news, each before those that may rest on it."""
        found: dict[int, Node] = {}
        for read in news:
            for node in self._watched_readers.get(read, ()):
                found[node.index] = node
        return [found[index] for index in sorted(found)]

    def readers_of(self, news: Iterable[str]) -> int:
        """The mask of the nodes that read any of the news."""
        mask = 0
        for read in news:
            mask |= self._readers.get(read, 0)
        return mask

    @property
    def reads(self) -> frozenset[str]:
        """Everything that any node reads."""
        return frozenset(self._readers)

    def quantity(self, name: str) -> Node | None:
        """The node of a registered quantity; None for what is only measured."""
        return self.named.get(name)

    def _definition(self, name: str) -> Node:
        if name not in self.named:
            if name not in self.definitions:
                raise UnknownName(f"unknown definition {name!r}")
            self.named[name] = self.node(self.definitions[name])
        return self.named[name]

    def _name(self, name: str) -> Node:
        if name not in self.named:
            entry = registered()[name]
            below = tuple([self._name(used) for used in entry.uses])
            reads = entry.reads.union(*(node.reads for node in below))
            rises, falls = any(n.may_rise for n in below), any(n.may_fall for n in below)
            drifts = not entry.ages_only
            made = Compiled(entry.work, reads, rises or drifts, falls or drifts, uses=below, ages_only=not drifts)
            self.named[name] = self._add(made)
        return self.named[name]

    def _add(self, made: Compiled) -> Node:
        node = Node(len(self.nodes), made)
        self.nodes.append(node)
        for read in made.reads:
            self._readers[read] = self._readers.get(read, 0) | node.bit
        return node
