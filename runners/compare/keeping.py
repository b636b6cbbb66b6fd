"""The files of a comparison that are kept with its run."""

from __future__ import annotations

import json
from pathlib import Path

from runners.compare.report import Report


def write(report: Report, folder: Path) -> list[Path]:
    """Writes the table as a page and as JSON, and the pictures of it, into a folder; their paths."""
    from runners import pictures

    page, plain = folder / "comparison.md", folder / "comparison.json"
    page.write_text(report.markdown(), encoding="utf-8")
    plain.write_text(json.dumps(report.plain(), indent=1, ensure_ascii=False), encoding="utf-8")
    drawn = [pictures.intervals(report, folder / "intervals.png"), pictures.pareto(report, folder / "pareto.png")]
    return [page, plain, *drawn]
