"""
Many episodes: run them on all cores, attribute the failures, sum up, write JSON and CSV.

Same seeds, same results, whatever the number of processes. A failed episode is run again at lower tiers on
the same seed to find the room that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
import csv
from dataclasses import asdict, replace
import json
import multiprocessing
import os
from pathlib import Path

import torch

from vlm_robot.config import AgentConfig
from vlm_robot.evaluation.episodes import EpisodeResult, run_episode, Stack
from vlm_robot.evaluation.loading import load_stack
from vlm_robot.evaluation.metrics import attribute_failure, mean, wilson_interval
from vlm_robot.sim.scenario import sample_episode, Scenario

ROOMS = ('language', 'perception', 'motion')
_worker: dict[str, Stack] = {}


def evaluate(
    scenario: Scenario,
    tier: str,
    seeds: Sequence[int],
    config: AgentConfig,
    jobs: int = 1,
    on_episode: Callable[[EpisodeResult], None] = lambda result: None,
) -> dict:
    """
    Run one episode per seed and return the report (the JSON of ``vlm-robot evaluate``).

    :param tier: ``T0``, ``T1``, ``T2`` or ``T3``.
    :param jobs: processes; each loads its own models.
    :param on_episode: called with every result as it comes, in order of seeds.
    """
    results = []
    for result in _run_all(scenario, tier, seeds, config, jobs):
        results.append(result)
        on_episode(result)
    return summarise(scenario.name, tier, seeds[0] if seeds else 0, results)


def _run_all(scenario, tier, seeds, config, jobs):
    tasks = [(scenario, tier, seed, config) for seed in seeds]
    if jobs <= 1:
        yield from map(_run_one, tasks)
        return
    context = multiprocessing.get_context('spawn')  # forked torch threads can hang
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (threads,)) as pool:
        yield from pool.map(_run_one, tasks)


def _run_one(task) -> EpisodeResult:
    scenario, tier, seed, config = task
    if 'stack' not in _worker:
        _worker['stack'] = load_stack(config, sees=tier in ('T1', 'T3'))
    stack = _worker['stack']
    result = run_episode(sample_episode(scenario, seed), tier, stack)
    if has_succeeded(result):
        return result
    lower = {'T0': [], 'T1': ['T0'], 'T2': ['T0'], 'T3': ['T0', 'T2']}[tier]
    episode = sample_episode(scenario, seed)
    succeeded = {name: has_succeeded(run_episode(episode, name, stack)) for name in lower}
    return replace(result, failed_room=attribute_failure(tier, succeeded))


def has_succeeded(result: EpisodeResult) -> bool:
    """Return whether the episode counts as a success at its tier."""
    return result.plan_success if result.execution_success is None else result.execution_success


def summarise(suite: str, tier: str, seed: int, results: Sequence[EpisodeResult]) -> dict:
    """Return rates with Wilson intervals, the error split and every episode as plain data."""
    n = len(results)
    planned = sum(result.plan_success for result in results)
    moves = tier in ('T2', 'T3')
    executed = sum(bool(result.execution_success) for result in results)
    intervals = {'plan_success': wilson_interval(planned, n)}
    if moves:
        intervals['execution_success'] = wilson_interval(executed, n)
    return {
        'suite': suite,
        'tier': tier,
        'seed': seed,
        'n': n,
        'plan_success': planned / n if n else 0.0,
        'execution_success': (executed / n if n else 0.0) if moves else None,
        'goal_condition_recall': mean([r.goal_condition_recall for r in results]),
        'executability': mean([r.executability for r in results]),
        'intervals': intervals,
        'error_split': {room: sum(r.failed_room == room for r in results) for room in ROOMS},
        'episodes': [asdict(result) for result in results],
    }


def write_json(report: dict, path: Path) -> None:
    """Write a report as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, default=str) + '\n')


def write_csv(report: dict, path: Path) -> None:
    """Write one row per episode."""
    columns = [key for key in (report['episodes'] or [{}])[0] if key != 'steps']
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, columns, extrasaction='ignore')
        writer.writeheader()
        for episode in report['episodes']:
            writer.writerow(episode | {'plan': '; '.join(episode['plan']), 'objects': '; '.join(episode['objects'])})
