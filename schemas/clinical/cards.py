"""A card as CDS Hooks 2.0 names its fields: what the record system and the board both show."""

from typing import Literal

from schemas.frozen import Record, always

SUMMARY_CHARS_MAX = 139  # the specification says fewer than 140


class CardSource(Record, frozen=True, kw_only=True):
    label: str
    url: str | None = None


class Suggestion(Record, frozen=True, kw_only=True):
    label: str
    uuid: str
    isRecommended: bool = always(False)  # the specification's own name


class Link(Record, frozen=True, kw_only=True):
    label: str
    url: str
    type: Literal["absolute", "smart"] = always("absolute")


class OverrideReason(Record, frozen=True, kw_only=True):
    code: str
    display: str


class Card(Record, frozen=True, kw_only=True):
    """CDS Hooks card: https://cds-hooks.hl7.org/2.0/#card-attributes."""

    uuid: str
    summary: str
    detail: str = always("")
    indicator: Literal["info", "warning", "critical"]
    source: CardSource
    suggestions: tuple[Suggestion, ...] = always(())
    selectionBehavior: Literal["at-most-one", "any"] | None = None
    overrideReasons: tuple[OverrideReason, ...] = always(())
    links: tuple[Link, ...] = always(())
