"""What a refusal keeps of what was refused, and how it is shown."""

from datetime import UTC, datetime
from hashlib import blake2b

import pytest

from schemas.events.quarantine import CODE_CHARS_MAX, RAW_BYTES_MAX, WHY_CHARS_MAX, Fault, printable, rejected

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("ten chars!", "ten chars!"),
        ("eleven char", "eleven ch…"),
        ("a\x00b", "a\\x00b"),
        ("a\u202eb", "a\\u202eb"),  # a direction override would turn the line round
        ("a\nb", "a\\nb"),
        ("é µ", "é µ"),
        ("\x00\x00\x00", "\\x00\\x00\\…"),
        ("", ""),
    ],
)
def test_a_text_is_shown_as_it_prints_and_cut(text: str, shown: str) -> None:
    """What does not print is escaped, and the end of what is too long is dots."""
    assert printable(text, 10) == shown


def test_a_refusal_keeps_the_beginning_and_the_whole_is_known_by_its_hash() -> None:
    """Its length and hash are those of all the bytes; its texts are cut."""
    raw = b"x" * (RAW_BYTES_MAX + 5)
    made = rejected(raw, Fault.FLOOD, "w" * 1000, NOW, encounter="e1", code="c" * 1000, unit="u" * 1000)
    assert (len(made.raw), made.raw_bytes) == (RAW_BYTES_MAX, RAW_BYTES_MAX + 5)
    assert made.raw_hash == blake2b(raw, digest_size=16).hexdigest()
    assert (len(made.why), len(made.code or ""), len(made.unit or "")) == (
        WHY_CHARS_MAX,
        CODE_CHARS_MAX,
        CODE_CHARS_MAX,
    )
    assert (made.fault, made.encounter, made.received_at) == (Fault.FLOOD, "e1", NOW)
    bare = rejected(b"", Fault.FLOOD, "why", NOW)
    assert (bare.code, bare.unit, bare.sender, bare.encounter, bare.why) == (None, None, None, None, "why")
