"""
Measures the planner's adapter as its card tells it: programs by kind of sentence, SayCan's steps by family.

Programs are written greedily and without the grammar, so that the figures are the model's own. One model serves both.
What is measured becomes ``metrics.json``, a chart and the table between the marks of the card; the words around it
are written by hand and stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vlm_robot.evaluation.card_text import replace_table, write_share
from vlm_robot.evaluation.charts import draw_bars
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.language.smollm import SMOLLM2
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.training.planner_measure import FAMILIES, measure_family, Score
from vlm_robot.training.program_measure import add_up, build_writer, KINDS, measure_kind, TEMPLATES

CHART = 'families.png'


@dataclass(frozen=True)
class PlannerMeasureConfig:
    """What is measured; ``adapter`` is a shipped checkpoint, a folder, or empty for the untuned model."""

    adapter: str = 'planner'
    episodes: int = 8  # programs of each kind, except those written by hand, which are as many as there are
    steps: int = 8  # plans of each family that SayCan scores step by step; slow
    seed: int = 10_001
    kinds: tuple[str, ...] = KINDS
    families: tuple[str, ...] = tuple(FAMILIES)
    model: str = SMOLLM2


def measure(config: PlannerMeasureConfig, on_score: Callable[[str, Score], None] = lambda task, score: None) -> dict:
    """
    Return the report as plain data: ``programs`` and ``steps``, each a list of scores with Wilson intervals.

    :param on_score: called with the task and every score as it comes.
    :raises ModelError: the model or the adapter cannot be loaded.
    """
    model = TransformersLanguageModel(TransformersConfig(model=config.model, adapter=config.adapter))
    write, planner = build_writer(model), SayCanPlanner(model, SayCanConfig())
    programs, steps = [], []
    for kind in config.kinds:
        programs.append(measure_kind(write, kind, config.episodes, config.seed))
        on_score('program', programs[-1])
    templates = [score for score in programs if score.family in TEMPLATES]
    if templates:
        programs.append(add_up(templates))
    for family in config.families if config.steps else ():
        steps.append(measure_family(planner, family, config.steps, config.seed))
        on_score('steps', steps[-1])
    return {
        'model': model.name,
        'seed': config.seed,
        'programs': [_to_data(score) for score in programs],
        'steps': [_to_data(score) for score in steps],
    }


def write_card(report: dict, folder: Path) -> None:
    """Write metrics.json, the chart and, where there is a card, its table."""
    save_json(report, folder / 'metrics.json')
    rows = [*report['programs'], *report['steps']]
    names = [f'programs: {row["name"]}' for row in report['programs']]
    names += [f'steps: {row["name"]}' for row in report['steps']]
    rates, spans = [row['right'] / row['n'] for row in rows], [row['interval'] for row in rows]
    draw_bars(names, rates, spans, folder / CHART, 'the same end as the reference, % (95 % interval)')
    card = folder / 'README.md'
    if card.is_file():
        card.write_text(replace_table(card.read_text(), write_tables(report)))


def write_tables(report: dict) -> str:
    """Return both tables as Markdown, and the chart below them."""
    parts = []
    for key, heading in (('programs', 'programs, greedy, without the grammar'), ('steps', 'SayCan, step by step')):
        if report[key]:
            lines = [f'| {heading} | right |', '|---|---|']
            shares = [write_share(row['right'], row['n'], row['interval']) for row in report[key]]
            lines += [f'| {row["name"]} | {share} |' for row, share in zip(report[key], shares, strict=True)]
            parts.append('\n'.join(lines))
    return '\n\n'.join([*parts, f'![by kind of sentence]({CHART})'])


def _to_data(score: Score) -> dict:
    return {
        'name': score.family,
        'right': score.right,
        'n': score.n,
        'interval': [round(share, 4) for share in score.interval],
        'failures': list(score.failures),
    }
