"""The benchmark's table in the checklist's form, with spreads beside it, and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from proofbook_systems.pipeline.performance.judging import seconds_of, speedups, wholes
from proofbook_systems.pipeline.performance.measuring import QUICK, USUAL, Measured
from proofbook_systems.pipeline.performance.spreads import median_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_stages", "named_seconds", "write_table"]

_TITLES = {
    "trends": "Fetch Trends", "script": "Generate Script", "audio": "Generate Audio",
    "images": "Select Images", "video": "Assemble Video", "metrics": "Record Metrics",
}  # fmt: skip
_QUICKER = {"audio": "With parallelization", "images": "With batch queries"}
_LINE = "=" * 36


def write_table(runs: Sequence[Measured]) -> str:
    """Return the table in Markdown: the checklist's lines, then spreads, CPU and memory."""
    return "\n".join([*_benchmark(runs), "", *_spreads(runs), ""])


def named_seconds(runs: Sequence[Measured]) -> dict[str, list[float]]:
    """Return the seconds of each stage and form, by name: ``audio, quicker``."""
    return {
        stage if form == USUAL else f"{stage}, {form}": seconds_of(runs, stage, form)
        for stage in dict.fromkeys(run.stage for run in runs)
        for form in (USUAL, QUICK)
        if seconds_of(runs, stage, form)
    }


def draw_stages(runs: Sequence[Measured]) -> Figure:
    """Return the seconds of each stage as bars, with a dot for each repetition."""
    from proofbook.media.charts import draw_bars

    return draw_bars(named_seconds(runs), x="s")


def _benchmark(runs: Sequence[Measured]) -> list[str]:
    ratios, lines = speedups(runs), [_LINE, "Pipeline Performance Benchmark", _LINE]
    for stage in dict.fromkeys(run.stage for run in runs):
        items = next((run.items for run in runs if run.stage == stage and run.items), "")
        usual, quick = (seconds_of(runs, stage, form) for form in (USUAL, QUICK))
        title = f"{_TITLES.get(stage, stage)}:"
        if usual:
            lines.append(f"{title:<18}{median(usual):7.1f}s" + (f"  ({items})" if items else ""))
        if quick:
            words = _QUICKER.get(stage, "With the quicker form")
            gain = f" ({ratios[stage].value:.2g}x speedup)" if stage in ratios else ""
            lines.append(f"  - {words}: {median(quick):.1f}s{gain}")
    whole = wholes(runs)
    if whole.get(USUAL):
        seconds = median(whole[USUAL])
        told = f"{int(seconds // 60)}m {seconds % 60:02.0f}s"
        lines += [_LINE, f"{'Total Pipeline:':<18}{seconds:7.1f}s  ({told})"]
        if whole[QUICK] != whole[USUAL]:
            lines.append(f"  - With the quicker forms: {median(whole[QUICK]):.1f}s")
    return ["```text", *lines, _LINE, "```"]


def _spreads(runs: Sequence[Measured]) -> list[str]:
    rows = ["| stage | seconds | least to most | CPU s | memory, MB | speed-up |",
            "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    ratios = speedups(runs)
    for name, seconds in named_seconds(runs).items():
        stage, _, form = name.partition(", ")
        own = [r for r in runs if (r.stage, r.form) == (stage, form or USUAL) and r.repetition > 0]
        gain = ratios[stage].words if form and stage in ratios else ""
        rows.append(
            f"| {name} | {median_of(seconds).value:.3g} | {min(seconds):.3g} to "
            f"{max(seconds):.3g} | {median(r.cpu for r in own):.2g} | "
            f"{max(r.memory for r in own) / 1e6:.0f} | {gain} |"
        )
    return rows
