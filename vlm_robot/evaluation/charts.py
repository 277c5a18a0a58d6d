"""Charts of runs: rates with their intervals, and which room failed. Drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use('Agg')
from matplotlib import pyplot as plt

from vlm_robot.evaluation.summary import name_run

ROW_IN = 0.34  # inches of height for one bar
GOOD, INK = '#8fc49b', '#222222'
ROOM_COLOURS = {'language': '#5a82c8', 'perception': '#d9a441', 'motion': '#b3261e', 'disturbance': '#7a5aa6'}


def draw_rates(reports: Sequence[dict], path: Path) -> None:
    """Draw success of every run with its 95 % interval."""
    names = [name_run(report) for report in reports]
    keys = ['plan_success' if r['execution_success'] is None else 'execution_success' for r in reports]
    rates = [report[key] for report, key in zip(reports, keys, strict=True)]
    spans = [report['intervals'][key] for report, key in zip(reports, keys, strict=True)]
    draw_bars(names, rates, spans, path, 'success, % (95 % interval)')


def draw_tasks(report: dict, path: Path) -> None:
    """Draw success of every task of a run."""
    cells = report['tasks']
    draw_bars(
        list(cells),
        [cell['success'] for cell in cells.values()],
        [cell['interval'] for cell in cells.values()],
        path,
        f'{name_run(report)}: success, %',
    )


def draw_bars(names: Sequence[str], rates: Sequence[float], spans: Sequence, path: Path, title: str) -> None:
    """Draw horizontal bars of rates 0..1 with intervals, first one on top."""
    figure, axes = plt.subplots(figsize=(9, 1.0 + ROW_IN * len(names)))
    low = [100 * max(0.0, rate - span[0]) for rate, span in zip(rates, spans, strict=True)]
    high = [100 * max(0.0, span[1] - rate) for rate, span in zip(rates, spans, strict=True)]
    axes.barh(range(len(names)), [100 * rate for rate in rates], color=GOOD, xerr=[low, high], ecolor=INK, capsize=2)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(title)
    _save(figure, path)


def draw_errors(reports: Sequence[dict], path: Path) -> None:
    """Draw for every run how many episodes failed, and in which room."""
    figure, axes = plt.subplots(figsize=(9, 1.2 + ROW_IN * len(reports)))
    left = [0] * len(reports)
    for room, colour in ROOM_COLOURS.items():
        counts = [report['error_split'].get(room, 0) for report in reports]
        axes.barh(range(len(reports)), counts, left=left, color=colour, label=room)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    axes.set_yticks(range(len(reports)), [name_run(report) for report in reports], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel('failed episodes by room, found by swapping tiers on the same seed')
    axes.legend(fontsize=8)
    _save(figure, path)


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
