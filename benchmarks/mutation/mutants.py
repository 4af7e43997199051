"""Small faults put into the code and into the knowledge, one at a time: what a test should notice.

    for mutant in mutants_of(Path("guidelines/scores.py"), text): ...

Each is one replacement in the text of one file. In Python: comparisons, and/or, + and -, numbers, min/max/sum/any/all,
True/False, `not`, a condition turned round, a result of None, one branch of two, an element left out of a literal,
another member of an enumeration. In TOML (rules, concepts, drugs, notes): numbers, the words of a condition, levels and
severities, flags, an element left out of a list. Nothing is put into docstrings, annotations, or words for people.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault: the bytes `start` to `end` of a file become `new`.

    `lines` are those of its statement, first to last; `inside` says whether that stands in a function.
    """

    path: str
    start: int
    end: int
    new: str
    line: int
    lines: tuple[int, int]
    inside: bool
    what: str

    def applied(self, text: str) -> str:
        raw = text.encode()
        return (raw[: self.start] + self.new.encode() + raw[self.end :]).decode()

    def diff(self, text: str) -> tuple[str, str]:
        """The first line that differs, before and after."""
        before, after = text.splitlines(), self.applied(text).splitlines()
        at = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after) - 1)
        return before[at].strip(), (after[at] if at < len(after) else "").strip()


Edit = tuple[int, int, str, str]
"""From byte, to byte, the new text, and what kind of fault it is."""

COMPARISONS = {"<": ("<=", ">"), "<=": ("<", ">"), ">": (">=", "<"), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
               "is not": ("is",), "is": ("is not",), "not in": ("in",), "in": ("not in",)}  # fmt: skip
OPERATORS: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "/"),
}  # fmt: skip
CALLED = {"min": "max", "max": "min", "sum": "max", "any": "all", "all": "any"}
WORDS = {  # strings that mean something to the program: each becomes the next of its kind
    word: group[(place + 1) % len(group)]
    for group in (
        ("hard", "soft", "modify", "check"), ("icu", "ward"), ("nibp", "invasive"), ("male", "female"),
        ("affirmed", "uncertain", "negated"), ("current", "historical", "planned", "hypothetical"),
        ("patient", "family", "other"), ("definite", "probable", "possible", "unlikely"), ("new", "duplicate"),
        ("critical", "warning", "watch"), ("forward", "backward", "both"),
    )
    for place, word in enumerate(group)
}  # fmt: skip


def mutants_of(path: Path, text: str, root: Path = Path()) -> list[Mutant]:
    """Every mutant of one file, by its place."""
    name = path.relative_to(root).as_posix() if path.is_absolute() else path.as_posix()
    found = _of_toml(name, text) if path.suffix == ".toml" else _of_python(name, text)
    unique = {(m.start, m.end, m.new): m for m in found}
    return [unique[key] for key in sorted(unique)]


# -- Python


class _Source:
    """A module as bytes, with the place of each node in them."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode()
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line.encode()))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        if node.end_lineno is None or node.end_col_offset is None:
            raise ValueError("expected a node that was parsed from text")
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def between(self, left: ast.expr, right: ast.expr, word: str) -> tuple[int, int] | None:
        """Where an operator stands between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        pattern = rb"\s+".join(re.escape(w.encode()) for w in word.split())
        edges = (rb"\b", rb"\b") if word[0].isalpha() else (rb"(?<![<>=!])", rb"(?![<>=])")
        found = re.search(edges[0] + pattern + edges[1], self.raw[start:end])
        return None if found is None else (start + found.start(), start + found.end())

    def text(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.raw[start:end].decode()


def _of_python(name: str, text: str) -> Iterator[Mutant]:
    tree, source = ast.parse(text), _Source(text)
    for statement, inside, node in _walk(tree):
        for start, end, new, what in _edits(node, source):
            line = text.encode()[:start].count(b"\n") + 1
            yield Mutant(name, start, end, new, line, _header(statement), inside, what)


NO_PART = ("annotation", "returns", "type_params", "decorator_list", "keywords")
"""What is left as it is: types, decorators, and the options of a class (`frozen`, `slots`)."""


def _walk(tree: ast.Module) -> Iterator[tuple[ast.stmt, bool, ast.AST]]:
    """Every node that is executed, the statement that it stands in, and whether that stands in a function."""
    waiting: list[tuple[ast.stmt | None, bool, ast.AST]] = [(None, False, tree)]
    while waiting:
        statement, inside, node = waiting.pop()
        around = node if isinstance(node, ast.stmt) else statement
        if around is not None:
            yield around, inside, node
        for field, value in ast.iter_fields(node):
            if field in NO_PART and not isinstance(node, ast.Call):
                continue
            deeper = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            children = value if isinstance(value, list) else [value]
            parts = (child for child in children if isinstance(child, ast.AST) and not _is_words(child))
            waiting.extend((around, deeper, part) for part in parts)


TYPES = ("Literal", "Annotated", "Mapping", "Sequence", "Callable")


def _is_words(node: ast.AST) -> bool:
    """A docstring or another bare string; an f-string; what is raised; an assertion; the values of a type."""
    bare = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    typed = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in TYPES
    return bare or typed or isinstance(node, (ast.JoinedStr, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom))


def _header(statement: ast.stmt) -> tuple[int, int]:
    """The lines of a statement; of one that holds others, those before the first of them."""
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) and body else statement.end_lineno
    return statement.lineno, max(last or statement.lineno, statement.lineno)


def _edits(node: ast.AST, source: _Source) -> Iterator[Edit]:
    kind = _EDITS.get(type(node))
    if kind is not None:
        yield from kind(node, source)


def _compare(node: ast.Compare, source: _Source) -> Iterator[Edit]:
    operands = [node.left, *node.comparators]
    names = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
             ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}  # fmt: skip
    for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
        word = names[type(op)]
        place = source.between(left, right, word)
        if place is not None:
            yield from ((*place, new, "comparison") for new in COMPARISONS[word])


def _bool(node: ast.BoolOp, source: _Source) -> Iterator[Edit]:
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in pairwise(node.values):
        place = source.between(left, right, word)
        if place is not None:
            yield (*place, other, "and/or")


def _binary(node: ast.BinOp, source: _Source) -> Iterator[Edit]:
    if type(node.op) in OPERATORS and not _is_text(node):
        word, other = OPERATORS[type(node.op)]
        place = source.between(node.left, node.right, word)
        if place is not None:
            yield (*place, other, "arithmetic")


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(x, ast.JoinedStr) or (isinstance(x, ast.Constant) and isinstance(x.value, str))
               for x in (node.left, node.right))  # fmt: skip


def _constant(node: ast.Constant, source: _Source) -> Iterator[Edit]:
    span = source.span(node)
    match node.value:
        case bool():
            yield (*span, str(not node.value), "True/False")
        case int():
            yield from ((*span, str(node.value + by), "number") for by in (1, -1) if node.value + by >= 0)
        case float():
            yield from ((*span, f"{node.value * by:.12g}", "number") for by in (1.1, 0.9) if node.value)
        case str() if node.value in WORDS:
            yield (*span, repr(WORDS[node.value]).replace("'", '"'), "word")


def _call(node: ast.Call, source: _Source) -> Iterator[Edit]:
    if isinstance(node.func, ast.Name) and node.func.id in CALLED:
        yield (*source.span(node.func), CALLED[node.func.id], "min/max/sum/any/all")


def _unary(node: ast.UnaryOp, source: _Source) -> Iterator[Edit]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield (*source.span(node), source.text(node.operand), "not" if isinstance(node.op, ast.Not) else "sign")


def _turned(node: ast.If | ast.While | ast.comprehension, source: _Source) -> Iterator[Edit]:
    tests = node.ifs if isinstance(node, ast.comprehension) else [node.test]
    for test in tests:
        if not isinstance(test, (ast.Compare, ast.UnaryOp)):  # those have faults of their own
            yield (*source.span(test), f"(not ({source.text(test)}))", "condition turned round")


def _branch(node: ast.IfExp, source: _Source) -> Iterator[Edit]:
    for side in (node.body, node.orelse):
        yield (*source.span(node), f"({source.text(side)})", "one branch")


def _return(node: ast.Return, source: _Source) -> Iterator[Edit]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield (*source.span(node.value), "None", "no result")


def _shorter(node: ast.Tuple | ast.List | ast.Set, source: _Source) -> Iterator[Edit]:
    """An element left out, with the comma after or before it; of a pair the other one stays, still in a tuple."""
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or len(node.elts) < 2:
        return
    spans = [source.span(e) for e in node.elts]
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        yield from ((spans[0][0], spans[1][1], f"{source.text(e)},", "element left out") for e in node.elts)
        return
    yield from _without(node.elts, spans, source)


def _shorter_dict(node: ast.Dict, source: _Source) -> Iterator[Edit]:
    if len(node.values) > 1 and all(key is not None for key in node.keys):
        spans = [(source.span(k)[0], source.span(v)[1]) for k, v in zip(node.keys, node.values, strict=True) if k]
        yield from _without(node.values, spans, source)


def _without(parts: list[ast.expr], spans: list[tuple[int, int]], source: _Source) -> Iterator[Edit]:
    for place, (start, end) in enumerate(spans):
        if isinstance(parts[place], ast.Starred):
            continue
        last = place == len(spans) - 1
        gap = source.raw[spans[place - 1][1] : start] if last else source.raw[end : spans[place + 1][0]]
        if b"#" in gap or b"(" in gap or b")" in gap:
            continue  # a comment or brackets stand there: leave it
        yield (
            (spans[place - 1][1], end, "", "element left out")
            if last
            else (start, spans[place + 1][0], "", "element left out")
        )


MEMBERS: dict[str, list[str]] = {}
"""Members of each enumeration of the project, filled by `enumerations`."""


def enumerations(sources: Mapping[str, str]) -> None:
    """Read the members of every enumeration in these sources (path -> text)."""
    for text in sources.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(b).endswith("Enum") for b in node.bases):
                MEMBERS[node.name] = [t.id for s in node.body if isinstance(s, ast.Assign) for t in s.targets
                                      if isinstance(t, ast.Name)]  # fmt: skip


def _member(node: ast.Attribute, source: _Source) -> Iterator[Edit]:
    members = MEMBERS.get(node.value.id, []) if isinstance(node.value, ast.Name) else []
    if node.attr in members and len(members) > 1:
        _, end = source.span(node)
        other = members[(members.index(node.attr) + 1) % len(members)]
        yield end - len(node.attr), end, other, "another member"


_EDITS: Mapping[type[ast.AST], Callable[..., Iterator[Edit]]] = {
    ast.Compare: _compare, ast.BoolOp: _bool, ast.BinOp: _binary, ast.Constant: _constant, ast.Call: _call,
    ast.UnaryOp: _unary, ast.If: _turned, ast.While: _turned, ast.comprehension: _turned, ast.IfExp: _branch,
    ast.Return: _return, ast.Tuple: _shorter, ast.List: _shorter, ast.Set: _shorter, ast.Dict: _shorter_dict,
    ast.Attribute: _member,
}  # fmt: skip


# -- TOML

DECIDES = re.compile(  # keys that decide something; the others are words for people, sources and examples
    r"^(when|done|within|max_age|severity|level|prepare|limited|alone|asks|iv_only|steps|orders|for|clock|requires"
    r"|never_triggers|hard_\w+|valid_\w+|normal_codes|unit_traps|codes|whole|aggregate|molar_mass|valence|classes"
    r"|rate_hard_high|polarity|temporality|value|below|above|falls|times|percent|detail|kind|needs|group"
    r"|reach|last|ends|class|way|across|kinds)\s*="
)
CONDITION_WORDS = {
    "below": "at_most", "at_most": "below", "above": "at_least", "at_least": "above", "rises_by": "falls_by",
    "falls_by": "rises_by", "all_of": "any_of", "any_of": "all_of", "min": "max", "max": "min", "true": "false",
    "false": "true",
}  # fmt: skip
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.+-]+')
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


def _of_toml(name: str, text: str) -> Iterator[Mutant]:
    at, table = 0, ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        head = re.match(r"^\s*\[+([\w.-]+)\]+", line)
        table = head[1] if head else table
        if DECIDES.match(line) and not table.startswith(("sources", "examples", "data", "reassess")):
            code = line.split("  #")[0]
            value = len(code[: code.index("=") + 1])
            for start, end, new, what in _toml_edits(code, value):
                first, last = (at + len(line[:k].encode()) for k in (start, end))
                yield Mutant(name, first, last, new, number, (number, number), False, what)
        at += len(line.encode())


def _toml_edits(line: str, start: int) -> Iterator[Edit]:
    for found in _NUMBER.finditer(line, start):
        whole = "." not in found[0]
        changed = (int(found[0]) + 1, int(found[0]) - 1) if whole else (float(found[0]) * 1.1, float(found[0]) * 0.9)
        yield from ((found.start(), found.end(), f"{new:.12g}", "number") for new in changed if new >= 0)
    for found in re.finditer(r"(?:min|max)(?= of )|(?!min\b|max\b)\b[a-z_]+\b", line[start:]):
        other = CONDITION_WORDS.get(found[0]) or (WORDS.get(found[0]) if "(" not in line else None)
        if other is not None:
            yield start + found.start(), start + found.end(), other, "word"
    yield from _list_edits(line, start)


def _list_edits(line: str, start: int) -> Iterator[Edit]:
    """An element left out of a list of strings, or a part out of a combination of conditions."""
    listed = re.fullmatch(r"\s*\[(.*)\]\s*", line[start:], re.DOTALL)
    if listed:
        items = list(re.finditer(r'"(?:[^"\\]|\\.)*"', line[start:]))
        for one, after in pairwise(items):
            yield start + one.start(), start + after.start(), "", "element left out"
        if len(items) > 1:
            yield start + items[-2].end(), start + items[-1].end(), "", "element left out"
        return
    for pattern in (r"; [^;()]+(?=[;)])", r"(?<=\()[^;()]+; "):
        for part in re.finditer(pattern, line[start:]):
            yield start + part.start(), start + part.end(), "", "part left out"
