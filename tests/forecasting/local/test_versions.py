"""Versions are never overwritten, each step can be taken back, and a file that was changed is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.local import versions as module
from forecasting.local.versions import JOURNAL, NotKept, Versions

NOW = datetime(2031, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "own")


def test_nothing_is_in_force_where_nothing_was_kept(versions: Versions) -> None:
    """A folder that is not there is no error."""
    assert (versions.in_force(), versions.kept()) == (None, [])


def test_what_is_added_is_in_force_and_what_was_there_stays(versions: Versions) -> None:
    """Numbers rise; each text can be read again."""
    first, second = versions.add("one", NOW), versions.add("two", NOW)
    assert versions.kept() == [first, second]
    assert [versions.text(name) for name in (first, second)] == ["one", "two"]
    assert versions.in_force() == second
    assert (first[:4], second[:4]) == ("0001", "0002")


def test_each_step_can_be_taken_back(versions: Versions) -> None:
    """Down to nothing; then there is no step left, and every file is still there."""
    first, second = versions.add("one", NOW), versions.add("two", NOW)
    versions.use(first, NOW)
    assert [versions.in_force(), versions.undo(NOW), versions.undo(NOW), versions.undo(NOW)] == [
        first, second, first, None,
    ]  # fmt: skip
    with pytest.raises(NotKept, match="nothing is in force"):
        versions.undo(NOW)
    assert versions.kept() == [first, second]


def test_every_step_stands_in_the_journal_with_its_time(versions: Versions) -> None:
    """It is only ever added to."""
    first = versions.add("one", NOW)
    versions.undo(NOW + timedelta(minutes=5))
    assert (versions.folder / JOURNAL).read_text("utf-8").splitlines() == [
        f"2031-05-04T08:00:00+00:00 use {first}",
        "2031-05-04T08:05:00+00:00 undo",
    ]


def test_a_file_that_was_changed_is_refused(versions: Versions) -> None:
    """By its hash, in a sentence that names it."""
    first = versions.add("one", NOW)
    (versions.folder / f"{first}.json").write_text("won", "utf-8")
    with pytest.raises(NotKept, match=f"{first}.json was changed"):
        versions.text(first)
    with pytest.raises(NotKept):
        versions.use(first, NOW)


@pytest.mark.parametrize("name", ["0001-00000000", "../../etc/passwd", "", "0001-9F3A1C20"])
def test_what_is_not_there_is_refused(versions: Versions, name: str) -> None:
    """Also a name that is none."""
    versions.add("one", NOW)
    with pytest.raises(NotKept, match="there is no version"):
        versions.use(name, NOW)


@pytest.mark.parametrize("line", ["undo", "use", "x use nothing", "2031 undo", "2031 used 0001-00000000"])
def test_a_journal_that_cannot_be_read_is_said(versions: Versions, line: str) -> None:
    """Nothing is guessed from it."""
    versions.folder.mkdir()
    (versions.folder / JOURNAL).write_text(line + "\n", "utf-8")
    with pytest.raises(NotKept, match="line 1"):
        versions.in_force()


def test_there_is_an_end_to_versions(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing is kept, and what is in force stays."""
    monkeypatch.setattr(module, "VERSIONS_MAX", 2)
    versions.add("one", NOW)
    second = versions.add("two", NOW)
    with pytest.raises(NotKept, match="2 versions"):
        versions.add("three", NOW)
    assert versions.in_force() == second


@given(steps=st.lists(st.sampled_from(["add", "use", "undo"]), max_size=12))
def test_what_is_in_force_is_the_last_step_not_taken_back(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Over any steps, against a stack kept beside."""
    own, stack = Versions(tmp_path_factory.mktemp("own")), list[str]()
    for number, step in enumerate(steps):
        if step == "add":
            stack.append(own.add(f"text {number}", NOW))
        elif step == "use" and own.kept():
            own.use(own.kept()[0], NOW)
            stack.append(own.kept()[0])
        elif step == "undo" and stack:
            stack.pop()
            own.undo(NOW)
        assert own.in_force() == (stack[-1] if stack else None)
