"""The planner's card: what is measured comes from the model and stands in table, metrics.json and chart."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from vlm_robot.cli import app
from vlm_robot.evaluation.card_text import BEGIN, END
from vlm_robot.training.planner_card import CHART, measure, PlannerMeasureConfig, write_card

REPORT = {
    'model': 'a model',
    'seed': 1,
    'programs': [{'name': 'all', 'right': 7, 'n': 8, 'interval': [0.53, 0.98], 'failures': ['put it away']}],
    'steps': [],
}


def test_figures_stand_between_the_marks_and_other_words_stay(tmp_path):
    (tmp_path / 'README.md').write_text(f'# planner\n{BEGIN}\nold\n{END}\nlimits\n')
    write_card(REPORT, tmp_path)
    card = (tmp_path / 'README.md').read_text()
    assert '| all | 7 of 8 (53-98 %) |' in card and 'old' not in card and card.endswith('limits\n')
    assert json.loads((tmp_path / 'metrics.json').read_text()) == REPORT
    assert (tmp_path / CHART).stat().st_size > 1000


def test_the_shipped_adapter_is_measured_and_an_untuned_model_is_worse():
    told = []
    kinds, families = ('all',), ('A',)
    good = measure(PlannerMeasureConfig(episodes=3, steps=2, kinds=kinds, families=families), lambda *s: told.append(s))
    plain = measure(PlannerMeasureConfig('', episodes=3, steps=0, kinds=kinds))
    assert [row['name'] for row in good['programs']] == ['all', 'held-out wordings']
    assert good['programs'][0]['right'] >= 2 > plain['programs'][0]['right']
    assert good['steps'][0]['name'] == 'A' and good['steps'][0]['n'] == 2
    assert [task for task, _ in told] == ['program', 'steps']
    assert len(plain['programs'][0]['failures']) == 3 - plain['programs'][0]['right']


def test_a_kind_that_does_not_exist_is_refused_with_the_nearest():
    result = CliRunner().invoke(app, ['measure', 'planner', '--kind', 'al'])
    assert result.exit_code != 0 and 'all' in f'{result.output}{result.exception}'
