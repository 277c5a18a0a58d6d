from __future__ import annotations

import json

import numpy as np
import pytest

from vlm_robot.datatypes import OptionScore, Step
from vlm_robot.errors import ConfigError
from vlm_robot.planning.calibration import (
    Calibration,
    find_threshold,
    load_calibration,
    measure_surprise,
    predict_set,
    save_calibration,
    share_confidence,
)


def build(*products: float) -> tuple[OptionScore, ...]:
    """Return options with these products, best first."""
    steps = [Step('pick', f'block {number}') for number in range(len(products))]
    return tuple(OptionScore(s, s.target, 0.0, v, 1.0, v) for s, v in zip(steps, products, strict=True))


def test_confidence_sums_to_one_and_surprise_is_the_rest():
    options = build(0.3, 0.2, 0.1)
    assert sum(share_confidence(options)) == pytest.approx(1)
    assert measure_surprise(options, [options[0].step]) == pytest.approx(0.5)
    assert measure_surprise(options, [options[1].step, options[2].step]) == pytest.approx(1 - 1 / 3)
    assert measure_surprise(options, [Step('done')]) == 1
    assert share_confidence(build(0.0, 0.0)) == [0, 0]


@pytest.mark.parametrize('level', [0.05, 0.1, 0.3])
def test_sets_cover_the_truth_as_promised(level):
    """The guarantee itself: calibrated on some decisions, the set holds the right option of others."""
    rng = np.random.default_rng(round(100 * level))

    def draw():
        weights = rng.dirichlet(np.full(6, 0.4))
        right = int(rng.choice(6, p=weights))
        options = build(*weights)
        return options, options[right].step

    surprises = [measure_surprise(options, [right]) for options, right in (draw() for _ in range(1000))]
    threshold = find_threshold(surprises, level)
    trials = [draw() for _ in range(2000)]
    covered = np.mean([right in [o.step for o in predict_set(options, threshold)] for options, right in trials])
    assert covered > 1 - level - 0.03
    assert covered < 1 - level + 0.06  # and they are no larger than they must be


def test_quantile_is_corrected_for_few_decisions():
    assert find_threshold([0.1, 0.2, 0.3], 0.1) == 1.0  # three decisions promise nothing at 10 %
    assert find_threshold([i / 100 for i in range(100)], 0.1) == pytest.approx(0.90)
    for wrong in (([], 0.1), ([0.1], 0.0), ([0.1], 1.0)):
        with pytest.raises(ConfigError):
            find_threshold(*wrong)


def test_sets_grow_with_the_threshold_and_are_never_empty():
    options = build(0.5, 0.3, 0.15, 0.05)
    sizes = [len(predict_set(options, q)) for q in (0.0, 0.4, 0.71, 0.86, 0.96)]
    assert sizes == [1, 1, 2, 3, 4]
    assert predict_set(options, 0.8)[0] == options[0]


def test_file_comes_back_and_nonsense_is_refused(tmp_path):
    calibration = Calibration(0.62, 0.1, 150, 0.93, 1.2, 150)
    save_calibration(calibration, tmp_path)
    assert load_calibration(str(tmp_path)) == calibration
    assert set(json.loads((tmp_path / 'calibration.json').read_text())) >= {'n', 'level', 'coverage', 'threshold'}
    assert load_calibration('') is None
    assert load_calibration(str(tmp_path / 'nothing')) is None
    (tmp_path / 'calibration.json').write_text('{"threshold": 3}')
    load_calibration.cache_clear()
    with pytest.raises(ConfigError, match='train calibration'):
        load_calibration(str(tmp_path))


def test_threshold_of_other_weights_is_not_used(tmp_path):
    weights = tmp_path / 'adapter_model.safetensors'
    weights.write_bytes(b'one')
    save_calibration(Calibration(0.62, 0.1, 150), tmp_path)
    assert load_calibration(str(tmp_path)).threshold == 0.62
    weights.write_bytes(b'two')
    load_calibration.cache_clear()
    assert load_calibration(str(tmp_path)) is None
