"""The success predictor: figures that measure it, calibration, files, the shipped one, and how fast it is read."""

from __future__ import annotations

from dataclasses import replace
import json

import numpy as np
import pytest

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.planning.success_features import FEATURES, measure, SKILLS
from vlm_robot.planning.success_predictor import load_predictor, SHIPPED, SuccessPredictor
from vlm_robot.training.success_data import Attempt
from vlm_robot.training.success_measure import draw_reliability, flip_hand, grade, measure_auc, reliability, tabulate
from vlm_robot.training.success_training import (
    add_wrong_hands,
    calibrate,
    cross_logits,
    fit,
    save,
    SuccessTrainingConfig,
    train,
)


def build_attempts(count: int, rng: np.random.Generator) -> list[Attempt]:
    """Return picks that succeed as their detection score says."""
    attempts = []
    for number in range(count):
        score = float(rng.uniform(0.1, 1.0))
        place = (float(rng.uniform(0.4, 0.6)), float(rng.uniform(-0.2, 0.2)), 0.02)
        item = SceneObject('red block', 'red block', place, score=score)
        other = SceneObject('blue block', 'blue block', (0.65, 0.27, 0.02))
        scene, step = Scene((item, other)), Step('pick', 'red block')
        attempts.append(Attempt(number // 4, 'made', 'true', step, scene, bool(rng.random() < score)))
    return attempts


def test_figures_of_the_perfect_the_blind_and_the_wrong():
    truths = np.array([1, 0, 1, 1, 0, 1.0])
    perfect = grade(truths, truths)
    assert (perfect.brier, perfect.ece, perfect.auc) == (0, 0, 1)
    base = grade(np.full(6, truths.mean()), truths)
    assert base.brier == pytest.approx(base.base_brier)
    assert (base.ece, base.auc) == (pytest.approx(0), 0.5)
    wrong = grade(1 - truths, truths)
    assert (wrong.brier, wrong.ece, wrong.auc) == (1, 1, 0)


def test_area_is_the_share_of_ordered_pairs():
    rng = np.random.default_rng(0)
    values, truths = rng.random(60).round(1), rng.integers(0, 2, 60)
    pairs = [(a > b) + 0.5 * (a == b) for a in values[truths == 1] for b in values[truths == 0]]
    assert measure_auc(values, truths) == pytest.approx(np.mean(pairs))


def test_bins_hold_everything_once():
    values = np.linspace(0, 1, 101)
    assert sum(count for _, _, count in reliability(values, values > 0.5)) == 101


def test_calibration_undoes_overconfidence():
    rng = np.random.default_rng(1)
    true_logits = rng.normal(0.5, 1.5, 4000)
    outcomes = (rng.random(4000) < 1 / (1 + np.exp(-true_logits))).astype(float)
    plain = SuccessPredictor(np.zeros(1), np.ones(1), ())
    better = calibrate(plain, 3 * true_logits + 1, outcomes)
    assert better.temperature == pytest.approx(3, rel=0.1)
    assert better.bias == pytest.approx(-1, abs=0.4)


def test_network_learns_what_decides_and_comes_back_from_its_file(tmp_path):
    attempts = build_attempts(400, np.random.default_rng(2))
    predictor = fit(attempts, SuccessTrainingConfig(hidden=8, steps=150, wrong_hands=0.0))
    seen, doubted = (
        replace(attempts[0].scene, objects=(replace(attempts[0].scene.objects[0], score=s),)) for s in (0.95, 0.15)
    )
    step = Step('pick', 'red block')
    assert predictor.predict(step, seen) > 0.75 > 0.4 > predictor.predict(step, doubted)
    save(predictor, tmp_path)
    assert load_predictor(str(tmp_path)).predict(step, seen) == pytest.approx(predictor.predict(step, seen), abs=1e-4)
    assert len(cross_logits(attempts[:40], SuccessTrainingConfig(hidden=4, steps=5))) == 40


def test_wrong_hands_are_refused_by_the_skills_and_learned():
    attempts = build_attempts(200, np.random.default_rng(3))
    told = add_wrong_hands(attempts, 0.1)
    added = told[len(attempts) :]
    assert len(added) == 20
    assert all(not attempt.success and attempt.scene.held for attempt in added)
    predictor = fit(told, SuccessTrainingConfig(hidden=8, steps=150))
    right = attempts[0]
    assert predictor.predict(right.step, flip_hand(right).scene) < predictor.predict(right.step, right.scene)


def test_training_writes_checkpoint_card_picture_and_figures(tmp_path):
    rng, quick = np.random.default_rng(4), SuccessTrainingConfig(hidden=4, steps=30)
    learned = train(build_attempts(200, rng), build_attempts(80, rng), tmp_path, quick)['possible']['learned']
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ['README.md', 'metrics.json', 'model.safetensors', 'reliability.png']
    assert json.loads((tmp_path / 'metrics.json').read_text())['possible']['learned']['n'] == learned['n']
    assert f'n = {learned["n"]}' in (tmp_path / 'README.md').read_text()
    low, high = learned['brier_interval']
    assert low <= learned['brier'] <= high
    with pytest.raises(ConfigError):
        SuccessTrainingConfig(hidden=0)


def test_features_are_finite_bounded_and_none_for_what_is_unknown(scene):
    rows = [measure(Step('pick', name), scene) for name in scene.names if 'block' in name]
    held = replace(scene, held='red block')
    rows += [measure(Step('place_in', 'red block', 'green bowl'), held)]
    rows += [measure(Step('place_on', 'red block', 'blue block'), held)]
    rows += [measure(Step('place_at', 'red block', 'spot 520 left 100'), held)]
    assert all(len(row) == len(FEATURES) and np.isfinite(row).all() for row in rows)
    assert [row[: len(SKILLS)].index(1.0) for row in rows] == [0, 0, 0, 1, 2, 3]
    for step in (
        Step('pick', 'pink block'),
        Step('go_home'),
        Step('place_in', 'red block', 'blue block'),
        Step('done'),
    ):
        assert measure(step, held) is None
        assert load_predictor().predict(step, held) is None


def test_features_do_not_care_for_left_and_right(scene):
    mirrored = replace(
        scene,
        objects=tuple(replace(o, p_base=(o.p_base[0], -o.p_base[1], o.p_base[2]), yaw=-o.yaw) for o in scene.objects),
    )
    for name in ('red block', 'blue block'):
        assert measure(Step('pick', name), scene) == pytest.approx(measure(Step('pick', name), mirrored))


def test_shipped_predictor_is_as_good_as_its_card_says():
    figures = json.loads((SHIPPED / 'success' / 'metrics.json').read_text())
    learned, rules = figures['possible']['learned'], figures['possible']['geometry']
    assert learned['n'] >= 300
    assert learned['auc'] > max(0.8, rules['auc'])
    assert learned['brier'] < min(learned['base_brier'], rules['brier'])
    assert learned['ece'] < 0.05
    card = (SHIPPED / 'success' / 'README.md').read_text()
    assert f'{learned["brier"]:.3f}' in card
    assert f'{learned["auc"]:.3f}' in card


def test_missing_or_foreign_predictors_say_what_to_do(tmp_path):
    with pytest.raises(ModelError, match='kind geometry needs none'):
        load_predictor(str(tmp_path / 'nowhere'))
    (tmp_path / 'model.safetensors').write_bytes(b'garbage')
    with pytest.raises(ModelError, match='train success'):
        load_predictor(str(tmp_path))


def test_picture_is_small(tmp_path):
    draw_reliability([(0.1, 0.0, 5), (0.5, 0.6, 12), (0.9, 0.95, 200)], tmp_path / 'reliability.png')
    assert 1000 < (tmp_path / 'reliability.png').stat().st_size < 100_000


def test_tables_of_figures_name_every_part():
    attempts = build_attempts(60, np.random.default_rng(5))
    figures = tabulate(np.full(60, 0.5), attempts)
    assert {'pick', 'made', 'true'} <= set(figures['parts'])
    assert figures['possible']['learned']['n'] + figures['forbidden']['n'] == 60
