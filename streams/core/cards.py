"""The card of an episode: what the board and the record system show, in the fields of CDS Hooks."""

from hashlib import blake2b
from typing import Literal
from uuid import UUID

from schemas.clinical.cards import SUMMARY_CHARS_MAX, Card, CardSource, OverrideReason, Suggestion
from schemas.clinical.findings import Finding, Level, Step, StepState

DETAIL_CHARS_MAX = 8000
NEEDS_SHOWN_MAX = 8
OVERRIDE_REASONS = tuple(
    OverrideReason(code=code, display=display)
    for code, display in (
        ("lab-ordered", "Lab ordered"),
        ("will-review", "Will review"),
        ("already-treated", "Already treated"),
        ("not-valid", "Not clinically valid"),
    )
)
_INDICATOR: dict[Level, Literal["info", "warning", "critical"]] = {
    Level.ASK: "info",
    Level.WATCH: "info",
    Level.WARNING: "warning",
    Level.CRITICAL: "critical",
}
_BOX = {
    StepState.OFFERED: "- [ ]",
    StepState.MODIFIED: "- [ ] changed:",
    StepState.DONE: "- [x]",
    StepState.WITHHELD: "- withheld:",
    StepState.NEEDS_CHECK: "- needs a check:",
    StepState.DISCUSS: "- discuss first:",
}


def digest(*parts: str) -> str:
    """Thirty-two hex digits from content alone."""
    return blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


def card(alert: str, level: Level, finding: Finding, others: tuple[Finding, ...], remarks: tuple[str, ...]) -> Card:
    """The card of the alert with this id: the loudest finding's sentence, then what else there is to say."""
    steps = finding.steps
    return Card(
        uuid=str(UUID(alert)),
        summary=_shortened(finding.sentence.text, SUMMARY_CHARS_MAX),
        detail=_shortened(_detail(finding, others, remarks), DETAIL_CHARS_MAX),
        indicator=_INDICATOR[level],
        source=CardSource(label=_source(finding)),
        suggestions=(suggestions := tuple(_suggestion(alert, step) for step in steps if step.state in _OPEN)),
        selectionBehavior="any" if suggestions else None,
        overrideReasons=OVERRIDE_REASONS,
    )


_OPEN = (StepState.OFFERED, StepState.MODIFIED)


def _suggestion(alert: str, step: Step) -> Suggestion:
    return Suggestion(
        label=_shortened(step.text, 200),
        uuid=str(UUID(digest(alert, step.id))),
        isRecommended=step.state is StepState.OFFERED,
    )


def _source(finding: Finding) -> str:
    """The rule with its version, and where its first step comes from."""
    rule = f"{finding.rule} ({finding.rule_version})"
    return _shortened(f"{rule}: {finding.steps[0].passage.citation}" if finding.steps else rule, 200)


def _detail(finding: Finding, others: tuple[Finding, ...], remarks: tuple[str, ...]) -> str:
    lines = [finding.sentence.text, *(f"**{remark}**" for remark in remarks)]
    lines.extend(f"- measure {need}" for need in _needs(finding, others)[:NEEDS_SHOWN_MAX])
    lines.extend(f"- {other.sentence.text}" for other in others)
    for step in finding.steps:
        because = "; ".join(reason.text for reason in step.reasons)
        lines.append(f"{_BOX[step.state]} {step.text}" + (f" ({because})" if because else ""))
    return "\n".join(lines)


def _needs(finding: Finding, others: tuple[Finding, ...]) -> list[str]:
    needs = {need.subject: f"{need.label}: {need.why}" for part in (finding, *others) for need in part.needs}
    return list(needs.values())


def _shortened(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: chars_max - 1].rstrip() + "…"
