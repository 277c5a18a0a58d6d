"""Times of the graph beside their limits: the table, and histograms and courses over the run as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use('Agg')
from matplotlib import pyplot as plt
import numpy as np

from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.limits import Figure, hold_all, write_markdown
from vlm_robot.evaluation.trends import fit_slope, grows, summarise, Values

SEEN_P50_MS, SEEN_P99_MS = 200.0, 600.0  # camera stamp to detection
GROWTH_MS = 100.0  # over the whole run: one frame at 10 Hz; a queue that fills grows by that within seconds
FIRST_GOAL_P50_S = 3.0
REST_P99_MS = 200.0  # of simulated time
NOTHING = float('nan')
WAYS = {'cancel': 'cancel of the task to rest', 'stop': 'the word stop to rest'}


def judge_sight(at: Values, age: Values, processing: Values, player: dict) -> list[Figure]:
    """
    Return the figures of the detector.

    :param at: seconds since the begin of each detection; ``age``: its age in seconds, and ``processing`` of it.
    """
    times, work = summarise(1000 * np.asarray(age)), summarise(1000 * np.asarray(processing))
    minutes = (max(at) - min(at)) / 60 if len(at) else 0.0
    slope = fit_slope(np.asarray(at) / 60, 1000 * np.asarray(age))
    does_grow = grows(at, 1000 * np.asarray(age), GROWTH_MS)
    told = f'{slope.per_unit:+.1f} ms a minute (95 %: {slope.low:+.1f} to {slope.high:+.1f}) in {minutes:.1f} minutes'
    sent = player.get('sent', 0)
    passed = f'{len(at)} looks at {sent:.0f} frames at 10 Hz; the newest is taken; warm-up not counted'
    work_told = f'of it in the model and lifting: p50 {work.get("p50", 0):.0f}, p99 {work.get("p99", 0):.0f} ms'
    return [
        Figure('camera stamp to detection, p50', times.get('p50', NOTHING), 'ms', SEEN_P50_MS, work_told),
        Figure('camera stamp to detection, p99', times.get('p99', NOTHING), 'ms', SEEN_P99_MS),
        Figure('queue of frames that grows', float(does_grow), '', 0, told),
        Figure('frames passed over for newer ones', max(0, sent - len(at)), '', detail=passed),
    ]


def judge_transport(age: Values, player: dict, cpu_share: float) -> list[Figure]:
    """Return the figures of the trip of a 640x480 picture from process to process."""
    times = summarise(1000 * np.asarray(age))
    cost = f'sender {100 * player["cpu_share"]:.1f} % (with depth), receiver {100 * cpu_share:.1f} % of a core'
    arrived = f'{len(age)} of {player["sent"]:.0f} frames came'
    return [
        Figure('picture 640x480 to another process, p50', times.get('p50', NOTHING), 'ms', detail=arrived),
        Figure('picture 640x480 to another process, p99', times.get('p99', NOTHING), 'ms', detail=cost),
    ]


def judge_tasks(first_goals: Sequence[dict], stops: Sequence[dict]) -> list[Figure]:
    """Return the figures of sentences and of stops."""
    goals = summarise([item['seconds'] for item in first_goals])
    parts = ', '.join(f'{key} {summarise([i[key] for i in first_goals]).get("p50", 0):.2f} s'
                      for key in ('looking', 'deciding'))  # fmt: skip
    figures = [
        Figure('sentence to first action goal, p50', goals.get('p50', NOTHING), 's', FIRST_GOAL_P50_S, parts),
        Figure('sentence to first action goal, p99', goals.get('p99', NOTHING), 's', detail=f'{goals["n"]} sentences'),
    ]
    for way, words in WAYS.items():
        chosen = [stop for stop in stops if stop['way'] == way]
        times = summarise([1000 * stop['seconds'] for stop in chosen])
        wall = summarise([1000 * stop['wall'] for stop in chosen])
        detail = f'simulated; {times["n"]} stops, p50 {times.get("p50", NOTHING):.0f}; wall clock to the '
        detail += f"task's end p50 {wall.get('p50', NOTHING):.0f} ms"
        figures.append(Figure(f'{words}, p99', times.get('p99', NOTHING), 'ms', REST_P99_MS, detail))
    return figures


def write_report(figures: Sequence[Figure], data: dict, out: Path, json_file: Path | None = None) -> None:
    """Write ``report.md``, ``latency.png`` and, where asked for, figures and samples as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    machine = data['machine']
    before, after = machine['before'], machine['after']
    busy = f'{before["cores"]} cores; load average {before["load_1min"]} before and {after["load_1min"]} after.'
    verdict = 'All limits are kept.' if hold_all(figures) else 'A limit is broken.'
    page = write_markdown(figures, 'Times of the graph', [f'{verdict} {busy}', '', '![times](latency.png)'])
    (out / 'report.md').write_text(page)
    draw(data, out / 'latency.png')
    told = {'holds': hold_all(figures), 'figures': [figure.describe() for figure in figures], **data}
    save_json(told, json_file)


def draw(data: dict, path: Path) -> None:
    """Draw the courses over the run and the histograms of what was measured."""
    parts = [part for part in ('sight', 'tasks') if data.get(part)]
    figure, panels = plt.subplots(len(parts), 2, figsize=(11, 0.5 + 3.5 * len(parts)), squeeze=False)
    for row, part in zip(panels, parts, strict=True):
        (_draw_sight if part == 'sight' else _draw_tasks)(row, data[part])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_sight(row, sight: dict) -> None:
    age = 1000 * np.asarray(sight['age'])
    row[0].plot(np.asarray(sight['at']) - sight['at'][0], age, '.', ms=3, color='#5a82c8')
    row[0].axhline(SEEN_P50_MS, color='#b3261e', lw=1, label='limit of p50')
    row[0].set_ylim(bottom=0)
    row[0].legend(fontsize=8)
    _name(row[0], 'camera stamp to detection over the run', 's', 'ms')
    _draw_histogram(row[1], age, SEEN_P99_MS, 'camera stamp to detection', 'ms')


def _draw_tasks(row, tasks: dict) -> None:
    goals, below = tasks['first_goals'], np.zeros(len(tasks['first_goals']))
    for key, colour in (('looking', '#8fc49b'), ('deciding', '#d9a441')):
        heights = np.array([item[key] for item in goals])
        row[0].bar(np.arange(1, len(goals) + 1), heights, bottom=below, color=colour, label=key)
        below = below + heights
    row[0].axhline(FIRST_GOAL_P50_S, color='#b3261e', lw=1, label='limit of p50')
    row[0].legend(fontsize=8)
    _name(row[0], 'sentence to first action goal', 'sentence', 's')
    rests = [1000 * stop['seconds'] for stop in tasks['stops'] if np.isfinite(stop['seconds'])]
    _draw_histogram(row[1], rests, REST_P99_MS, 'stop or cancel to rest', 'simulated ms')


def _draw_histogram(panel, values: Values, limit: float, title: str, unit: str) -> None:
    panel.hist(values, bins=40, color='#5a82c8')
    panel.axvline(limit, color='#b3261e', lw=1, label='limit of p99')
    panel.legend(fontsize=8)
    _name(panel, title, unit, 'count')


def _name(panel, title: str, x: str, y: str) -> None:
    panel.set_title(title, fontsize=10)
    panel.set_xlabel(x)
    panel.set_ylabel(y)
