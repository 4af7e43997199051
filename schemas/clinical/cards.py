"""A card as CDS Hooks 2.0 names its fields: what the record system and the board both show."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.frozen import Frozen, ShortText

SUMMARY_CHARS_MAX = 139  # the specification says fewer than 140


class CardSource(Frozen):
    label: ShortText
    url: ShortText | None = None


class Suggestion(Frozen):
    label: ShortText
    uuid: ShortText
    isRecommended: bool = False  # the specification's own name


class Link(Frozen):
    label: ShortText
    url: ShortText
    type: Literal["absolute", "smart"] = "absolute"


class OverrideReason(Frozen):
    code: ShortText
    display: ShortText


class Card(Frozen):
    """CDS Hooks card: https://cds-hooks.hl7.org/2.0/#card-attributes."""

    uuid: ShortText
    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_CHARS_MAX)]
    detail: Annotated[str, Field(max_length=8000)] = ""
    indicator: Literal["info", "warning", "critical"]
    source: CardSource
    suggestions: tuple[Suggestion, ...] = ()
    selectionBehavior: Literal["at-most-one", "any"] | None = None
    overrideReasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
