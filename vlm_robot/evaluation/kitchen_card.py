"""
The card of the kitchen's adapter: its table of figures, metrics.json, a chart and a picture of the kitchen.

Everything stands in reports of ``kitchen_suite.evaluate_kitchen``; the words of the card around its table are
written by hand and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
from pathlib import Path

import numpy as np
import pybullet as p

from vlm_robot.annotation import write_image
from vlm_robot.config import AgentConfig
from vlm_robot.evaluation.card_text import replace_table
from vlm_robot.evaluation.charts import draw_bars
from vlm_robot.evaluation.kitchen_episode import KitchenAgent
from vlm_robot.evaluation.kitchen_instructions import load_instructions
from vlm_robot.evaluation.kitchen_results import KitchenResult
from vlm_robot.evaluation.kitchen_suite import evaluate_kitchen

BASELINES = ('no_value', 'generative', 'affordance')
KEPT = (
    'tier',
    'planner',
    'n',
    'plan_success',
    'execution_success',
    'goal_condition_recall',
    'executability',
    'families',
)
PICTURED = 87  # number of the instruction whose kitchen the picture shows
SIZE_PX = (640, 480)


def measure_kitchen(
    config: AgentConfig,
    folder: Path,
    numbers: Sequence[int] | None = None,
    on_result: Callable[[KitchenResult], None] = lambda result: None,
) -> list[dict]:
    """Run SayCan at T2 and the baselines at T0, write them into a folder and return the reports."""
    reports = [evaluate_kitchen(config, 'T2', 'saycan', numbers, on_result)]
    reports += [evaluate_kitchen(config, 'T0', name, numbers, on_result) for name in BASELINES]
    write_card(reports, folder)
    return reports


def write_card(reports: Sequence[dict], folder: Path) -> None:
    """Write metrics.json, the chart, the picture and, where there is a card, its table."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = [{key: report[key] for key in KEPT} for report in reports]
    (folder / 'metrics.json').write_text(json.dumps(kept, indent=1) + '\n')
    families = reports[0]['families']
    tried = {name: row for name, row in families.items() if row['execution_success_interval']}
    rates = [row['execution_success'] for row in tried.values()]
    spans = [row['execution_success_interval'] for row in tried.values()]
    draw_bars(list(tried), rates, spans, folder / 'families.png', 'plans carried out in the simulated kitchen, %')
    write_image(render_kitchen(PICTURED), folder / 'kitchen.png')
    card = folder / 'README.md'
    if card.is_file():
        card.write_text(replace_table(card.read_text(), write_table(reports)))


def write_table(reports: Sequence[dict]) -> str:
    """Return SayCan's families beside the published ones, and a line on every baseline, as Markdown."""
    lines = ['| family | n | plan (95 %) | published | execution (95 %) | published |', '|---|---|---|---|---|---|']
    for name, row in reports[0]['families'].items():
        cells = [f'| {name} | {row["n"]}']
        for key in ('plan', 'execution'):
            span = row[f'{key}_success_interval']
            rate = f'{100 * row[f"{key}_success"]:.0f} % ({100 * span[0]:.0f}-{100 * span[1]:.0f})' if span else '-'
            cells.append(f'{rate} | {100 * row[f"published_{key}"]:.0f} %')
        lines.append(' | '.join(cells) + ' |')
    lines.append('')
    for report in reports[1:]:
        total = report['families']['total']
        paper = total['published_plan']
        beside = f'; published {100 * paper:.0f} %' if report['planner'] in ('no_value', 'generative') else ''
        lines.append(f'- {report["planner"]}, plans only: {100 * total["plan_success"]:.0f} % of {report["n"]}{beside}')
    return '\n'.join(lines)


def render_kitchen(number: int) -> np.ndarray:
    """Return a picture (480, 640, 3) uint8 of the kitchen in which an instruction begins, seen from above the user."""
    agent = KitchenAgent(load_instructions()[number].scene, is_visible=True)
    try:
        view = p.computeViewMatrix((0.9, -3.4, 2.9), (-0.2, -0.1, -0.2), (0, 0, 1))
        lens = p.computeProjectionMatrixFOV(52, SIZE_PX[0] / SIZE_PX[1], 0.1, 20)
        options = {'renderer': p.ER_TINY_RENDERER, 'physicsClientId': agent.world.client}
        rgba = p.getCameraImage(*SIZE_PX, view, lens, **options)[2]
        return np.reshape(np.asarray(rgba, np.uint8), (SIZE_PX[1], SIZE_PX[0], 4))[:, :, :3].copy()
    finally:
        agent.close()
