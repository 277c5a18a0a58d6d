"""The card of the kitchen's adapter: figures in its table, numbers in metrics.json, a chart and a picture."""

import json

import cv2
import pytest

from vlm_robot.config import AgentConfig
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.card_text import BEGIN, END, replace_table
from vlm_robot.evaluation.kitchen_card import write_card, write_table
from vlm_robot.evaluation.kitchen_suite import evaluate_kitchen


@pytest.fixture(scope='module')
def reports():
    """Return the expert's plans and executions of two instructions."""
    config = AgentConfig()
    return [evaluate_kitchen(config, 'T2', 'expert', [0, 6]), evaluate_kitchen(config, 'T0', 'expert', [0, 6])]


def test_a_card_is_written_with_its_table_in_place(reports, tmp_path):
    (tmp_path / 'README.md').write_text(f'# card\n{BEGIN}\nold\n{END}\nthe end\n')
    write_card(reports, tmp_path)
    card = (tmp_path / 'README.md').read_text()
    assert card.startswith('# card') and card.endswith('the end\n') and 'old' not in card
    assert '| total | 2 | 100 % (34-100) | 84 % | 100 % (34-100) | 74 % |' in card
    assert 'expert, plans only: 100 % of 2' in card
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics[0]['families']['primitive']['execution_success'] == 1.0
    picture = cv2.imread(str(tmp_path / 'kitchen.png'))
    assert picture.shape == (480, 640, 3) and picture.std() > 20
    assert (tmp_path / 'families.png').is_file()


def test_a_card_without_marks_is_left_alone(reports):
    with pytest.raises(ConfigError, match='figures'):
        replace_table('# card', write_table(reports))
