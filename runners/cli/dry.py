"""`convspec run --dry-run`: how much a comparison or a search would train, and how long that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convspec.loading import Several
from runners.cli.output import echo, echo_json

if TYPE_CHECKING:
    from convspec.candidates import Survey
    from convspec.searching import Searching
    from runners.family.request import Request


def run_dry(family: Several | Searching, request: Request, *, as_json: bool) -> None:
    """Counts and measures; nothing is recorded."""
    from runners.family.estimate import of_comparison, of_search

    if isinstance(family, Several):
        estimate, survey = of_comparison(family, request), None
    else:
        from convspec.candidates import survey as surveyed

        survey = surveyed(family.candidates)
        estimate = of_search(family, survey, request)
    if as_json:
        echo_json({**({} if survey is None else {"space": _plain(survey)}), **estimate.plain()})
        return
    for line in [*([] if survey is None else _space_lines(survey)), *estimate.lines()]:
        echo(line)


def _plain(survey: Survey) -> dict[str, object]:
    low, high = survey.interval
    return {
        "size": survey.size,
        "tried": survey.tried,
        "valid": survey.valid,
        "distinct": survey.distinct,
        "valid_share": [low, high],
        "reasons": survey.reasons,
    }


def _space_lines(survey: Survey) -> list[str]:
    size = "no end of combinations" if survey.size is None else f"{survey.size:,} combinations"
    if survey.is_exact:
        lines = [f"space    {size}, {survey.valid:,} of them valid, {survey.distinct:,} different pipelines"]
    else:
        low, high = survey.interval
        share = f"{survey.valid / survey.tried:.1%} of {survey.tried:,} drawn are valid"
        lines = [f"space    {size}; {share} (95 % interval {low:.1%} to {high:.1%})"]
    common = sorted(survey.reasons.items(), key=lambda item: -item[1])[:3]
    return lines + [f"invalid  {count:,}: {reason}" for reason, count in common]
