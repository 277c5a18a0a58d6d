"""The measurement of PixelLLM counts everything once, and its card says what was counted."""

from dataclasses import replace
import json

import numpy as np
import pytest
from test_pixel_model import make_model

from vlm_robot.errors import ConfigError
from vlm_robot.perception.pixel_llm.pixel_config import read_shape, write_shape
from vlm_robot.perception.pixel_llm.pixel_files import save
from vlm_robot.training.fake_pictures import build_picture, put_thing
from vlm_robot.training.pixel_llm_card import tell_ablation, write_card
from vlm_robot.training.pixel_llm_measure import measure, PixelMeasureConfig, Tally, write_report
from vlm_robot.training.pixel_llm_runs import choose_thresholds

TRAINING = {
    'pictures_seen': 10, 'steps': 2, 'batch': 5, 'learned_minutes': 1.0, 'seed': 1, 'matrix_rate': 0.01, 'rate': 0.001,
    'minutes': 1.0, 'views': 100,
}  # fmt: skip


class FewPictures:
    """A store of two fake pictures."""

    split = 'validation'

    def __len__(self):
        return 2

    def draw(self, index, rng):
        """Return a red block and a blue bowl, or a white block too."""
        more = [put_thing('white block', (0.5, 0.8))] * index
        return build_picture(put_thing('red block', (0.3, 0.3)), put_thing('blue bowl', (0.7, 0.6)), *more)


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """Return the folder of a tiny checkpoint and its report on two test pictures."""
    folder = tmp_path_factory.mktemp('measured')
    model, codec = make_model(9)
    save(model, codec, folder)
    write_shape(replace(model.shape, thresholds={'presence': 0.1, 'object': 0.2}), folder)
    return folder, measure(PixelMeasureConfig(folder / 'store', str(folder), pictures=2, crops=0))


def test_every_share_is_a_share_and_every_number_counts(report):
    _, data = report
    for value in data['shares'].values():
        assert 0 <= value['share'] <= 1
        assert value['n'] > 0
    assert data['shares']['absent refused']['n'] == 6
    assert data['captions']['region']['n'] == data['captions']['point']['n']
    assert 0 <= data['dense']['dense']['map_exact_text'] <= data['dense']['dense']['map'] <= 1
    assert data['errors_of_image_width']['noun']['n'] == data['errors_of_image_width']['noun at the middle']['n']


def test_the_card_tells_the_figures_and_what_is_wanted(report):
    folder, data = report
    write_report(data, folder)
    assert json.loads((folder / 'metrics.json').read_text()) == data
    (folder / 'training.json').write_text(json.dumps(TRAINING))
    needed = {'plain': {'n': 2, 'share': 0.5}, 'related': {'n': 2, 'share': 0.25}}
    write_card(folder, data | {'shares': needed | data['shares']})
    card = (folder / 'README.md').read_text()
    assert '{' not in card
    assert '>= 0.85' in card and (folder / 'shares.png').is_file()
    assert 'presence 0.1' in card


def test_the_ablation_stands_side_by_side():
    side = {
        'shares': {name: {'share': 0.5} for name in ('plain', 'related', 'absent refused')},
        'captions': {'region': {'exact': 0.75}}, 'dense': {'dense': {'map_exact_text': 0.25}},
    }  # fmt: skip
    text = tell_ablation({'what': 'two runs', 'with': side, 'without': side})
    assert '| region captions, exact | 0.750 | 0.750 |' in text


def test_thresholds_are_chosen_and_written(tmp_path):
    save(*make_model(10), tmp_path)
    limits = choose_thresholds(tmp_path, FewPictures())
    assert dict(read_shape(tmp_path).thresholds) == limits
    assert set(limits) == {'presence', 'object'}
    assert all(0 < value < 1 for value in limits.values())


def test_time_is_noted_and_the_answer_handed_on():
    tally = Tally()
    assert tally.time('sum', lambda: 1 + 1) == 2
    assert len(tally.seconds['sum']) == 1
    assert np.isfinite(tally.seconds['sum'][0])


def test_empty_measurements_are_refused(tmp_path):
    with pytest.raises(ConfigError):
        PixelMeasureConfig(tmp_path, pictures=0)
