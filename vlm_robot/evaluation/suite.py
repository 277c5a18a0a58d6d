"""
Many episodes: run those that are not done yet, keep each at once, sum up, write JSON and CSV.

Same seeds, same numbers, whatever the number of processes or machines and however often a run was killed and
taken up again; only times differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import csv
import json
from pathlib import Path

from vlm_robot.evaluation.journal import Journal
from vlm_robot.evaluation.metrics import mean, rate_answers, wilson_interval
from vlm_robot.evaluation.runs import has_succeeded, run_one, RunSpec
from vlm_robot.evaluation.workers import InProcess, Workers

ROOMS = ('language', 'perception', 'motion', 'disturbance')
MISHAPS = ('fell out', 'somebody moved')  # events that a robot must recover from
TIMES = ('seconds', 'language_seconds')  # fields that differ from run to run


def evaluate(
    spec: RunSpec,
    seeds: Sequence[int],
    workers: Workers | None = None,
    journal: Journal | None = None,
    on_episode: Callable[[dict], None] = lambda result: None,
    resume: str = 'killed',
) -> dict:
    """
    Run one episode per seed and return the report (the JSON of ``vlm-robot evaluate``).

    :param journal: where results are kept at once.
    :param on_episode: called with every result as it comes, in any order.
    :param resume: what of the journal is not run again: ``killed``, what a run of the same key did that never
        came to its end; ``all``, whatever was done with that key; ``nothing``.
    """
    key = spec.key()
    known = journal.read(key, finished=resume == 'all') if journal and resume != 'nothing' else {}
    results = {seed: result for seed, result in known.items() if seed in set(seeds)}
    for result in results.values():
        on_episode(result)
    missing = [seed for seed in dict.fromkeys(seeds) if seed not in results]
    for number, result in (workers or InProcess()).map(run_one, [(spec, seed) for seed in missing]):
        if journal:
            journal.append(key, missing[number], result)
        results[missing[number]] = result
        on_episode(result)
    if journal:
        journal.end(key)
    return summarise(spec, [results[seed] for seed in dict.fromkeys(seeds)])


def summarise(spec: RunSpec, results: Sequence[dict]) -> dict:
    """Return rates with Wilson intervals, the error split, tasks, refusals, recovery and every episode."""
    n, moves = len(results), spec.find_tier().moves
    tasks = list(dict.fromkeys(result['task'] for result in results))
    return {
        'suite': spec.suite,
        'tier': spec.tier,
        'planner': spec.kind,
        'baseline': spec.baseline,
        'disturbed': spec.find_tier().disturbed,
        'key': spec.key(),
        'seed': results[0]['seed'] if results else 0,
        'n': n,
        **_rate('plan_success', results),
        **(_rate('execution_success', results) if moves else {'execution_success': None}),
        'intervals': {name: _interval(name, results) for name in ('plan_success', 'execution_success')[: 1 + moves]},
        'goal_condition_recall': mean([r['goal_condition_recall'] for r in results]),
        'executability': mean([r['executability'] for r in results]),
        'skill_success': _share([r['skills_done'] for r in results], [r['skills_tried'] for r in results]),
        'side_effect_precision': mean([r['kept'] for r in results]),
        'early_termination': mean([float(r['early']) for r in results]),
        'answers': rate_answers([(r['expected'], r['outcome']) for r in results]),
        'recovery': _rate_recovery(results),
        'language': _measure_language(results),
        'error_split': {room: sum(r['failed_room'] == room for r in results) for room in ROOMS},
        'tasks': {task: _sum_up_task([r for r in results if r['task'] == task]) for task in tasks if task},
        'episodes': list(results),
    }


def _rate(name: str, results: Sequence[dict]) -> dict:
    told = _told(name, results)
    return {name: mean([float(truth) for truth in told]) if told or not results else None}


def _interval(name: str, results: Sequence[dict]) -> tuple[float, float]:
    told = _told(name, results)
    return wilson_interval(sum(told), len(told))


def _told(name: str, results: Sequence[dict]) -> list[bool]:
    """Return the truth of every episode in which it could be told."""
    return [bool(r[name]) for r in results if r[name] is not None]


def _share(parts: Sequence[int], wholes: Sequence[int]) -> float | None:
    return sum(parts) / sum(wholes) if sum(wholes) else None


def _rate_recovery(results: Sequence[dict]) -> dict | None:
    """Return how often it came right where something went wrong; None where nothing did."""
    hit = [r for r in results if any(mishap in event for event in r['events'] for mishap in MISHAPS)]
    good = sum(has_succeeded(r) for r in hit)
    return {'n': len(hit), 'rate': good / len(hit), 'interval': wilson_interval(good, len(hit))} if hit else None


def _measure_language(results: Sequence[dict]) -> dict:
    decisions = [step for r in results for step in r['steps']]
    calls = sum(r['language_calls'] for r in results)
    seconds = sum(r['language_seconds'] for r in results)
    return {
        'calls_per_episode': calls / len(results) if results else 0.0,
        'seconds_per_step': seconds / len(decisions) if decisions else 0.0,
        'options_per_step': mean([step['option_count'] for step in decisions]),
    }


def _sum_up_task(results: Sequence[dict]) -> dict:
    good = sum(has_succeeded(result) for result in results)
    return {'n': len(results), 'success': good / len(results), 'interval': wilson_interval(good, len(results))}


def without_times(report: dict) -> dict:
    """Return a report without the numbers that measure the machine, for comparisons."""
    episodes = [
        {k: [_drop_times(step) for step in v] if k == 'steps' else v for k, v in r.items() if k not in TIMES}
        for r in report['episodes']
    ]
    return {k: v for k, v in report.items() if k != 'language'} | {'episodes': episodes}


def _drop_times(step: dict) -> dict:
    return {key: value for key, value in step.items() if key not in TIMES}


def write_json(report: dict, path: Path) -> None:
    """Write a report as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, default=str, ensure_ascii=False) + '\n', encoding='utf-8')


def write_csv(report: dict, path: Path) -> None:
    """Write one row per episode: what was asked, planned and done, every decision's options with both scores."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [key for key in (report['episodes'] or [{}])[0] if key != 'steps']
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, [*columns, 'decisions'], extrasaction='ignore')
        writer.writeheader()
        for episode in report['episodes']:
            writer.writerow({key: _to_cell(value) for key, value in episode.items()} | {'decisions': _options(episode)})


def _to_cell(value) -> str:
    if isinstance(value, list):
        return '; '.join(json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else str(v) for v in value)
    return value


def _options(episode: dict) -> str:
    """Return per decision what was chosen and, per option, its words, say, can and say times can, as JSON."""
    rows = [
        [step['step'], [[o['text'], o['language'], o['affordance'], o['product']] for o in step['options']]]
        for step in episode['steps']
    ]
    return json.dumps(rows, ensure_ascii=False)
