"""
Reads the journal of a soak, says what leaks, and draws it.

Memory is judged by its private part, by a robust slope after a warm-up; a journal of several graphs (a run that was
killed and went on) is judged graph by graph, and the longest counts. Threads, files and segments must not be higher at
the end than they ever were in the first half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
import json
from pathlib import Path

import matplotlib as mpl

mpl.use('Agg')
from matplotlib import pyplot as plt
import numpy as np

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.limits import Figure, hold_all, write_markdown
from vlm_robot.evaluation.trends import count_excess, fit_slope, leave_out_warm_up, Slope, summarise

MEMORY_LIMIT = 1.0  # MB per 100 tasks, of the whole graph
ENOUGH = 100  # tasks of one run: with fewer the noise of a slope is as large as its limit
COUNTS = {'threads': 'threads', 'files': 'open files', 'segments': 'shared-memory segments'}
CLIENT = 'client'


def read_journal(path: Path) -> list[dict]:
    """Return the lines of a journal, none where there is no file; a last line that was cut off is left out."""
    if not path.is_file():
        return []
    lines = []
    texts = path.read_text().splitlines()
    for number, text in enumerate(texts):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError as error:
            if number < len(texts) - 1:
                raise ConfigError(f"line {number + 1} of '{path}' is no JSON: {error}; use --fresh") from error
    return lines


def pick_longest(lines: Sequence[dict]) -> list[dict]:
    """Return the lines of the graph that did most tasks."""
    if not lines:
        return []
    run = Counter(line['run'] for line in lines).most_common(1)[0][0]
    return [line for line in lines if line['run'] == run]


def list_processes(lines: Sequence[dict]) -> list[str]:
    """Return the names of all processes in the order in which they were started."""
    return list(dict.fromkeys(name for line in lines for name in line['processes']))


def read_of(process: str, key: str) -> Callable[[dict], float]:
    """Return a function that reads from a line what a process holds."""
    return lambda line: line['processes'][process][key]


def take_series(lines: Sequence[dict], read: Callable[[dict], float]) -> tuple[np.ndarray, np.ndarray]:
    """Return task numbers and values, (N,) each, of the tasks after which the value could be read."""
    pairs = []
    for line in lines:
        try:
            pairs.append((line['task'], read(line)))
        except KeyError:  # the process had ended
            continue
    x, y = np.array(pairs, float).reshape(-1, 2).T
    return x, y


def fit_memory(lines: Sequence[dict], names: Sequence[str]) -> Slope:
    """Return the slope of the private memory of some processes together, MB per 100 tasks, after the warm-up."""
    x, y = take_series(lines, lambda line: sum(line['processes'][name]['private_mb'] for name in names))
    skipped = leave_out_warm_up(len(x))
    return fit_slope(x[skipped:], y[skipped:]).scale(100)


def judge(lines: Sequence[dict]) -> list[Figure]:
    """Return the figures of a soak beside their limits."""
    longest = pick_longest(lines)
    names = list_processes(longest)
    nodes = [name for name in names if name != CLIENT]
    runs = len({line['run'] for line in lines})
    ends = Counter(line['status'] for line in lines)
    told = ', '.join(f'{count} {status}' for status, count in ends.most_common())
    figures = [
        Figure('tasks in one run of the graph', len(longest), detail=f'{len(lines)} in {runs} runs: {told}'),
        _judge_memory('memory of the graph', fit_memory(longest, nodes), MEMORY_LIMIT),
    ]
    figures += [_judge_memory(f'memory of {name}', fit_memory(longest, [name]), None) for name in names]
    for key, words in COUNTS.items():
        excess = {name: _find_excess(longest, name, key) for name in names}
        figures.append(Figure(f'{words} that stay', sum(excess.values()), limit=0, detail=_tell(excess)))
    _, family = take_series(longest, lambda line: line['family'])
    figures.append(Figure('processes that stay', count_excess(family), limit=0))
    left: Counter = Counter()
    for line in lines:
        left.update(line['open_goals'])
    figures.append(Figure('goals left open after a task', sum(left.values()), limit=0, detail=_tell(left)))
    lost = len(nodes) * len(longest) - sum(name in line['processes'] for line in longest for name in nodes)
    figures.append(Figure('processes lost', lost, limit=0))
    seconds = summarise([line['seconds'] for line in lines])
    loads = summarise([line['machine']['load_1min'] for line in lines])
    cores = lines[-1]['machine']['cores'] if lines else 0
    machine = f'{cores} cores, load average {loads.get("p50", 0):.1f} (p50), {loads.get("max", 0):.1f} (most)'
    figures.append(Figure('seconds of a task, p50', seconds.get('p50', float('nan')), 's', detail=machine))
    return figures


def _judge_memory(name: str, slope: Slope, limit: float | None) -> Figure:
    detail = f'95 %: {slope.low:+.2f} to {slope.high:+.2f}; from {slope.start:.0f} MB'
    return Figure(name, slope.per_unit, 'MB per 100 tasks', limit, detail)


def _find_excess(lines: Sequence[dict], name: str, key: str) -> int:
    return count_excess(take_series(lines, read_of(name, key))[1].tolist())


def _tell(counts: dict[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in counts.items() if count)


def write_report(lines: Sequence[dict], figures: Sequence[Figure], out: Path, json_file: Path | None = None) -> None:
    """Write ``report.md``, ``soak.png`` and, where asked for, the figures as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    verdict = 'Nothing leaks.' if hold_all(figures) else 'A limit is broken.'
    if len(pick_longest(lines)) < ENOUGH:
        verdict += f' Fewer than {ENOUGH} tasks in one run prove little about memory.'
    page = write_markdown(figures, f'Soak: {len(lines)} tasks', [verdict, '', '![memory and counts](soak.png)'])
    (out / 'report.md').write_text(page)
    draw(pick_longest(lines), out / 'soak.png')
    data = {'tasks': len(lines), 'holds': hold_all(figures), 'figures': [f.describe() for f in figures]}
    save_json(data, json_file)


def draw(lines: Sequence[dict], path: Path) -> None:
    """Draw private memory with its slope, and the counts, over the tasks of one run."""
    figure, panels = plt.subplots(4, 1, figsize=(9, 12), sharex=True)
    for number, name in enumerate(list_processes(lines)):
        colour = f'C{number}'
        x, y = take_series(lines, read_of(name, 'private_mb'))
        slope = fit_memory(lines, [name])
        panels[0].plot(x, y - y[0], color=colour, lw=1, label=f'{name} ({y[0]:.0f} MB, {slope.per_unit:+.2f})')
        for panel, key in zip(panels[1:], COUNTS, strict=True):
            panel.plot(*take_series(lines, read_of(name, key)), color=colour, lw=1)
    skipped = leave_out_warm_up(len(lines))
    panels[0].axvspan(lines[0]['task'], lines[skipped]['task'], color='#eeeeee', label='warm-up')
    panels[0].set_ylabel('private memory since\nthe first task, MB')
    panels[0].set_title('in brackets: at the first task; slope in MB per 100 tasks', fontsize=9)
    for panel, words in zip(panels[1:], COUNTS.values(), strict=True):
        panel.set_ylabel(words)
    panels[0].legend(fontsize=8, loc='center right')
    panels[-1].set_xlabel('task')
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
