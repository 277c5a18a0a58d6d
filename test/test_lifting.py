"""From a box to a place, on real renderings."""

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot.datatypes import Detection, LiftedDetection
from vlm_robot.errors import ConfigError, ImageError
from vlm_robot.geometry import wrap_quarter_turn
from vlm_robot.perception.lifting import kind_of, lift, lift_all, LiftingConfig, NotLifted
from vlm_robot.sim.bullet_camera import BulletCamera, CAMERAS
from vlm_robot.sim.world import Placement, World

TABLE = (
    Placement('red block', 'red block', (0.45, -0.15, 0.02), 0.3),
    Placement('blue block', 'blue block', (0.60, -0.10, 0.02), -0.6),
    Placement('cyan block', 'cyan block', (0.60, -0.155, 0.02), -0.6),
    Placement('green bowl', 'green bowl', (0.50, 0.10, 0.0225)),
    Placement('white block', 'white block', (0.505, 0.095, 0.024), 0.2),
    Placement('pink block', 'pink block', (0.62, 0.20, 0.02), 0.1),
    Placement('gray block', 'gray block', (0.622, 0.198, 0.06), 0.5),
)


@pytest.fixture(scope='module', params=sorted(CAMERAS))
def seen(request):
    """Return a frame, the detection of every object with its true visible box, and true places."""
    world = World(TABLE)
    camera = BulletCamera(world, CAMERAS[request.param])
    picture, image = camera.render(), camera.read()
    detections = {name: Detection(name, 0.9, box_of(picture.body == body)) for name, body in world.bodies.items()}
    places = {name: world.position(name) for name in world.bodies}
    world.close()
    return image, detections, places


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def error_of(outcome, place):
    return np.linalg.norm(np.subtract(outcome.p_base, place))


@pytest.mark.parametrize('name', ['red block', 'blue block', 'cyan block', 'green bowl', 'white block', 'gray block'])
def test_places_are_exact_to_millimetres(seen, name):
    image, detections, places = seen
    outcome = lift(detections[name], image)
    assert isinstance(outcome, LiftedDetection)
    assert error_of(outcome, places[name]) < 0.006
    assert outcome.camera == image.camera


@pytest.mark.parametrize('name', ['red block', 'blue block', 'gray block'])
def test_yaw_is_that_of_the_top_face(seen, name):
    image, detections, _ = seen
    true = next(item.yaw for item in TABLE if item.name == name)
    assert abs(wrap_quarter_turn(lift(detections[name], image).yaw - true)) < np.radians(6)


def test_boxes_a_little_off_change_little(seen):
    image, detections, places = seen
    rng = np.random.default_rng(1)
    for name in ('red block', 'green bowl'):
        for _ in range(10):
            box = tuple(np.array(detections[name].box_xyxy_px) + rng.normal(0, 1.5, 4))
            assert error_of(lift(replace(detections[name], box_xyxy_px=box), image), places[name]) < 0.012


@pytest.mark.parametrize('hole', [0.0, np.nan, np.inf])
def test_holes_in_the_depth_do_not_matter(seen, hole):
    image, detections, places = seen
    depth = image.depth.copy()
    depth[np.random.default_rng(0).random(depth.shape) < 0.4] = hole
    for name in ('red block', 'green bowl'):
        assert error_of(lift(detections[name], replace(image, depth=depth)), places[name]) < 0.012


def test_without_depth_the_reason_is_told_and_the_thing_left_out(seen):
    image, detections, _ = seen
    blind = replace(image, depth=np.zeros_like(image.depth))
    outcome = lift(detections['red block'], blind)
    assert isinstance(outcome, NotLifted)
    assert '0 depth points' in outcome.reason
    assert lift_all(detections.values(), blind) == []


def test_a_box_of_plain_table_has_no_place(seen):
    image, _, _ = seen
    corner = Detection('red block', 0.9, (600.0, 440.0, 638.0, 478.0))
    assert isinstance(lift(corner, image), NotLifted)


@pytest.mark.parametrize('box', [(-50.0, -50.0, -10.0, -10.0), (5000.0, 0.0, 5010.0, 10.0), (10.2, 10.2, 10.3, 10.3)])
def test_a_box_without_pixels_has_no_place(seen, box):
    outcome = lift(Detection('red block', 0.9, box), seen[0])
    assert isinstance(outcome, NotLifted)
    assert outcome.reason == 'the box holds no pixel'


def test_the_lower_block_of_a_stack_lies_below_the_upper_one(seen):
    image, detections, places = seen
    pair = [detections['pink block'], detections['gray block']]
    for order in (pair, pair[::-1]):
        lifted = {item.detection.label: item for item in lift_all(order, image)}
        assert abs(lifted['gray block'].p_base[2] - places['gray block'][2]) < 0.006
        assert abs(lifted['pink block'].p_base[2] - places['pink block'][2]) < 0.012


def test_a_mask_takes_away_what_else_is_in_the_box(seen):
    image, detections, places = seen
    x0, y0, x1, y1 = detections['blue block'].box_xyxy_px
    mask = np.zeros(image.depth.shape, bool)
    mask[round(y0) : round(y1), round(x0) : round(x1)] = True
    a0, b0, a1, b1 = detections['cyan block'].box_xyxy_px
    both = (min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1))
    wide = Detection('small toy', 0.9, both)  # measured by its extent, so that a neighbour would draw it over
    config = LiftingConfig(mask_reach_px=0)
    assert error_of(lift(wide, image, config, mask), places['blue block']) < 0.02
    assert error_of(lift(wide, image, config), places['blue block']) > 0.02


@pytest.mark.parametrize('is_full', [True, False])
def test_a_mask_of_all_or_of_nothing_changes_nothing(seen, is_full):
    image, detections, _ = seen
    masks = {name: np.full(image.depth.shape, is_full) for name in detections}
    assert lift_all(detections.values(), image, masks=masks) == lift_all(detections.values(), image)


def test_a_mask_of_another_size_is_refused(seen):
    with pytest.raises(ImageError, match='size'):
        lift(seen[1]['red block'], seen[0], mask=np.ones((4, 4), bool))


def test_an_unknown_thing_is_measured_by_its_extent(seen):
    image, detections, places = seen
    outcome = lift(replace(detections['red block'], label='small toy'), image)
    assert error_of(outcome, places['red block']) < 0.02


def test_synonyms_and_plurals_are_measured_like_the_thing():
    assert [kind_of(text) for text in ('red cube', 'the blue boxes', 'a dish', 'dishes', 'bowls', 'cat', '')] == [
        'block', 'block', 'bowl', 'bowl', 'bowl', '', '',
    ]  # fmt: skip


@pytest.mark.parametrize(
    'wrong', [{'table_z': 1.0}, {'nearest': 5.0}, {'least_points': 0}, {'block_size': -0.04}, {'bowl_diameter': 0.0},
              {'mask_reach_px': -1}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        LiftingConfig(**wrong)
