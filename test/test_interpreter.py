"""Programs of every form reach their goals on a symbolic table, with failures and disturbances too."""

from __future__ import annotations

from dataclasses import replace
import random

import pytest

from vlm_robot import furniture
from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import ConfigError
from vlm_robot.goals import parse_goal
from vlm_robot.planning.binding import find_moves
from vlm_robot.planning.interpreter import Execution, InterpreterConfig
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.symbolic import apply, relate, to_state

BOWL = (0.12, 0.12, 0.045)
BLOCKS = ('red block', 'blue block', 'yellow block')
BOWLS = ('red bowl', 'blue bowl', 'yellow bowl')


def draw_table(seed: int, blocks=BLOCKS, bowls=BOWLS) -> Scene:
    """Return things at random free points of the table."""
    rng = random.Random(seed)
    while True:
        points, objects = [], []
        for name in (*bowls, *blocks):
            for _ in range(200):
                x, y = rng.uniform(0.38, 0.66), rng.uniform(-0.29, 0.29)
                if all((x - a) ** 2 + (y - b) ** 2 > 0.125**2 for a, b in points):
                    points.append((x, y))
                    is_bowl = name.rstrip(' 0123456789').endswith('bowl')
                    size = BOWL if is_bowl else (0.04,) * 3
                    objects.append(
                        SceneObject(name, name.rstrip(' 0123456789'), (x, y, 0.022 if is_bowl else 0.02), size)
                    )
                    break
        if len(objects) == len(blocks) + len(bowls):
            return Scene(tuple(objects))


def run(text: str, scene: Scene, moves=(), trouble: random.Random | None = None, share: float = 0.15):
    """Carry a program out on the symbolic table; with trouble, picks miss, blocks drop and move."""
    execution, result, steps = Execution(parse_program(text), moves), None, []
    for _ in range(120):
        ruling = execution.next_step(scene, result)
        if ruling.step.skill in ('done', 'refuse'):
            return scene, steps, ruling
        steps.append(ruling.step)
        result = SkillResult(True)
        if trouble and trouble.random() < share:
            result = SkillResult(False, 'the block slipped')
            if scene.held and trouble.random() < 0.5:
                scene = apply(Step('place_at', scene.held, 'spot 520 right 0'), scene)
        else:
            scene = apply(ruling.step, scene)
    raise AssertionError(f'{text} has no end: {steps[-6:]}')


def put(block: str, bowl: str) -> dict:
    return {'in': [block, bowl]}


CORNERS = ('top left corner', 'top right corner', 'bottom left corner', 'bottom right corner')
FORMS = {
    "put(the('red block'), the('blue bowl'))": put('red block', 'blue bowl'),
    "put(all('block'), the('blue bowl'))": {'all': [put(b, 'blue bowl') for b in BLOCKS]},
    "put([the('red block'), the('blue block')], the('red bowl'))":
        {'all': [put('red block', 'red bowl'), put('blue block', 'red bowl')]},
    "for b in all('block'):\n    put(b, the('bowl', colour_of=b))":
        {'all': [put(b, b.replace('block', 'bowl')) for b in BLOCKS]},
    "for b in all('block'):\n    put(b, a('bowl', not_colour_of=b))":
        {'all': [{'any': [put(b, c) for c in BOWLS if c.split()[0] != b.split()[0]]} for b in BLOCKS]},
    "for b, c in zip(all('block'), all('bowl')):\n    put(b, c)":
        {'all': [{'any': [put(b, c) for b in BLOCKS]} for c in BOWLS]},
    "for b, p in zip(all('block'), line('diagonal')):\n    put(b, p)": {'row': [*BLOCKS, 'diagonal']},
    "for b, p in zip(all('block'), line('horizontal')):\n    put(b, p)": {'row': [*BLOCKS, 'horizontal']},
    "put(all('block'), line('horizontal'))": {'row': [*BLOCKS, 'horizontal']},
    "stack(all('block'))": {'stack': [*BLOCKS]},
    "stack([the('blue block'), the('yellow block'), the('red block')])":
        {'all': [{'on': ['yellow block', 'blue block']}, {'on': ['red block', 'yellow block']}]},
    "put(the('yellow block'), the('red block'))": {'on': ['yellow block', 'red block']},
    "put([the('yellow block'), the('blue block')], the('red block'))":
        {'all': [{'on': ['yellow block', 'red block']}, {'on': ['blue block', 'yellow block']}]},
    "put(the('red block'), 'table')": {'all': []},
    "put(all('block'), 'right area')": {'all': [{'area': [b, 'right area']} for b in BLOCKS]},
    "group(all('block'))": {'all': [{'dist': [BLOCKS[i], BLOCKS[i - 1], 0.0, 0.18]} for i in range(3)]},
    "put(some('block', 2), the('red bowl'))":
        {'any': [{'all': [put(a, 'red bowl'), put(b, 'red bowl')]} for a in BLOCKS for b in BLOCKS if a != b]},
    "put(a('block', but=all('red block')), the('blue bowl'))":
        {'any': [put('blue block', 'blue bowl'), put('yellow block', 'blue bowl')]},
    "put(the('red block'), beside(the('blue block'), 'left'))": {'beside': ['red block', 'blue block', 'left']},
    "pick(the('red block'))\nplace(the('red bowl'))": put('red block', 'red bowl'),
    "put(the('red block'), the('red bowl'))\nput(the('red block'), the('blue bowl'))": put('red block', 'blue bowl'),
    "put(the('red block'), the('blue block'))\nput(the('yellow block'), the('red block'))\nunstack(the('blue block'))":
        {'not': {'on': ['red block', 'blue block']}},
    "stack(all('block'))\nunstack(all('block'))": {'not': {'any': [{'on': [a, b]} for a in BLOCKS for b in BLOCKS]}},
    "if exists(the('red block')):\n    put(the('red block'), the('red bowl'))\nelse:\n    refuse('none')":
        put('red block', 'red bowl'),
    "if count(all('block')) > 3:\n    refuse('too many')\nelse:\n    put(the('red block'), the('red bowl'))":
        put('red block', 'red bowl'),
    "if is_in(the('red block'), the('red bowl')) or not is_clear(the('red block')):\n    refuse('no')\n"
    "put(the('red block'), the('red bowl'))": put('red block', 'red bowl'),
    "stack([the('red block'), the('blue block')])\nassert is_clear(the('red block')), unstack(the('red block'))\n"
    "put(the('red block'), the('red bowl'))": put('red block', 'red bowl'),
}  # fmt: skip


def to_goal(data: dict):
    return parse_goal(data) if data != {'all': []} else None


@pytest.mark.parametrize('text', FORMS)
def test_every_form_reaches_its_goal(text):
    for seed in range(6):
        end, steps, ruling = run(text, draw_table(seed))
        goal = to_goal(FORMS[text])
        if 'beside' in text and 'bowl stands at' in ruling.reason:
            continue  # bowls are not moved: this spot is taken
        assert ruling.step.skill == 'done', (seed, ruling, steps)
        assert goal is None or goal.holds(to_state(end)), (seed, steps, relate(end))
        assert not end.held


@pytest.mark.parametrize('text', [text for text in FORMS if 'some(' not in text and " a('" not in text])
def test_every_form_reaches_its_goal_in_spite_of_trouble(text):
    reached = 0
    for seed in range(6):
        end, _, ruling = run(text, draw_table(seed), trouble=random.Random(seed), share=0.12)
        goal = to_goal(FORMS[text])
        is_good = ruling.step.skill == 'done' and (goal is None or goal.holds(to_state(end)))
        reached += is_good
        assert is_good or ruling.reason
    assert reached >= 5


PLACES = ('top left corner', 'bottom side', 'middle', 'right side')


@pytest.mark.parametrize('place', PLACES)
def test_several_things_share_a_place(place):
    reached = 0
    for seed in range(8):
        end, _, ruling = run(f"put(all('block'), '{place}')", draw_table(seed, bowls=()))
        goal = parse_goal({'all': [{'near': [b, place]} for b in BLOCKS]})
        reached += ruling.step.skill == 'done' and goal.holds(to_state(end))
        gaps = [
            sum((p - q) ** 2 for p, q in zip(end.get(a).p_base[:2], end.get(b).p_base[:2])) ** 0.5
            for a in BLOCKS for b in BLOCKS if a < b
        ]  # fmt: skip
        assert min(gaps) >= 0.05
    assert reached == 8


OTHERWISE = ('unstack', 'pick(', 'a(', 'some(', 'refuse')  # forms that do something else the second time


def test_what_is_true_is_left_alone():
    scene = draw_table(3)
    for text in FORMS:
        if any(word in text for word in OTHERWISE) or text.count('put(') > 1:
            continue
        end, _, _ = run(text, scene)
        _, steps, ruling = run(text, end)
        assert (steps, ruling.step.skill) == ([], 'done'), text


def test_a_round_trip_visits_every_corner_in_order():
    scene = draw_table(1, blocks=('red block',), bowls=())
    _, steps, ruling = run("for p in clockwise('corner'):\n    put(the('block'), p)", scene)
    assert ruling.step.skill == 'done'
    places = [step.destination for step in steps if step.skill == 'place_at']
    assert places == ['top left corner', 'top right corner', 'bottom right corner', 'bottom left corner']


def test_corners_that_are_taken_are_taken_last_and_those_in_place_stay():
    points = {'red block': (0.5, 0.0, 0.02), 'blue block': (0.66, 0.28, 0.02), 'red bowl': (0.39, -0.27, 0.022)}
    scene = Scene(tuple(SceneObject(name, name, point) for name, point in points.items()))
    end, steps, _ = run("for b, p in zip(all('block'), all('corner')):\n    put(b, p)", scene)
    assert [step.target for step in steps if step.skill == 'pick'] == ['red block']
    assert relate(end)['blue block'] == ('at', 'bottom right corner')
    assert relate(end)['red block'] in [('at', 'top right corner'), ('at', 'bottom left corner')]


@pytest.mark.parametrize('seed', range(6))
def test_swap_and_undo_are_inverse(seed):
    start = draw_table(seed)
    start = apply(Step('place_in', 'yellow block', 'red bowl'), apply(Step('pick', 'yellow block'), start))
    for text in ("swap(the('red block'), the('blue block'))", "swap(the('red block'), the('yellow block'))",
                 "stack(all('block'))", "put(all('block'), the('blue bowl'))"):  # fmt: skip
        end, _, ruling = run(text, start)
        assert ruling.step.skill == 'done'
        moves = find_moves(start, end)
        back, _, ruling = run('undo()', end, moves)
        assert ruling.step.skill == 'done', (text, ruling)
        for item in start.objects:
            assert back.get(item.name).p_base[:2] == pytest.approx(item.p_base[:2], abs=0.05)
        assert relate(back)['yellow block'] == ('in', 'red bowl')


def test_swap_exchanges_places():
    start = draw_table(0)
    end, _, _ = run("swap(the('red block'), the('blue block'))", start)
    for a, b in (('red block', 'blue block'), ('blue block', 'red block')):
        assert end.get(a).p_base[:2] == pytest.approx(start.get(b).p_base[:2], abs=0.03)


def test_swap_of_two_on_one_stack_turns_them_over():
    start, _, _ = run("put(the('red block'), the('blue block'))", draw_table(0))
    end, _, ruling = run("swap(the('red block'), the('blue block'))", start)
    assert ruling.step.skill == 'done' and relate(end)['blue block'] == ('on', 'red block')


def test_covered_things_are_uncovered_first_and_repaired_at_the_end():
    start, _, _ = run("stack([the('red block'), the('blue block'), the('yellow block')])", draw_table(4))
    end, steps, ruling = run("put(the('red block'), the('red bowl'))", start)
    assert ruling.step.skill == 'done' and relate(end)['red block'] == ('in', 'red bowl')
    assert [step.target for step in steps if step.skill == 'pick'] == ['yellow block', 'blue block', 'red block']


def test_earlier_facts_that_were_disturbed_are_made_true_again():
    text = "put(the('red block'), the('red bowl'))\nput(the('blue block'), the('blue bowl'))"
    scene, execution, result = draw_table(5), Execution(parse_program(text)), None
    moved = False
    for _ in range(20):
        ruling = execution.next_step(scene, result)
        if ruling.step.skill == 'done':
            break
        scene, result = apply(ruling.step, scene), SkillResult(True)
        if ruling.step == Step('place_in', 'blue block', 'blue bowl') and not moved:
            moved = True
            scene = apply(Step('place_at', 'red block', 'middle'), apply(Step('pick', 'red block'), scene))
    assert moved and relate(scene)['red block'] == ('in', 'red bowl')


def test_absent_and_ambiguous_end_in_refusal_and_question():
    scene = draw_table(0)
    _, steps, ruling = run("put(the('purple block'), the('red bowl'))", scene)
    assert (steps, ruling.step, ruling.question) == ([], Step('refuse'), None)
    assert ruling.reason == 'there is no purple block in view'
    _, steps, ruling = run("put(the('block'), the('red bowl'))", scene)
    assert steps == [] and ruling.step == Step('refuse', WHICH_ONE)
    assert ruling.question.choices == BLOCKS
    _, _, ruling = run("put(the('block'), the('purple bowl'))", scene)
    assert ruling.question is None and 'no purple bowl' in ruling.reason


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ("put(the('red bowl'), 'middle')", 'too wide'),
        ("put(the('red block'), the('red block'))", 'cannot be put on itself'),
        ("place('middle')", 'the hand is empty'),
        ('undo()', 'nothing to undo'),
        ("refuse('this is no task for me')", 'this is no task for me'),
        ("for b in all('bowl'):\n    put(b, 'middle')", 'too wide'),
        ("if is_in(the('pink block'), the('red bowl')):\n    go_home()", 'no pink block'),
        ("assert is_in(the('red block'), the('red bowl')), go_home()", 'remedy did not help'),
        ("pick(all('block'))", 'one thing'),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(text, reason):
    _, _, ruling = run(text, draw_table(0))
    assert ruling.step.skill == 'refuse' and reason in ruling.reason


def test_a_thing_without_its_colour_is_left_out_but_not_all_of_them():
    scene = draw_table(0, bowls=('red bowl', 'green bowl'))
    text = "for b in all('block'):\n    put(b, the('bowl', colour_of=b))"
    end, steps, ruling = run(text, scene)
    assert ruling.step.skill == 'done' and len(steps) == 2 and relate(end)['red block'] == ('in', 'red bowl')
    _, _, ruling = run(text, draw_table(0, bowls=('green bowl',)))
    assert ruling.step.skill == 'refuse' and 'of the colour of' in ruling.reason


def test_a_step_that_always_fails_ends_with_its_reason():
    execution, scene = Execution(parse_program("put(the('red block'), 'middle')")), draw_table(0)
    ruling = execution.next_step(scene)
    for _ in range(InterpreterConfig().max_failures):
        assert ruling.step == Step('pick', 'red block')
        ruling = execution.next_step(scene, SkillResult(False, 'the fingers missed it'))
    assert ruling.step.skill == 'refuse' and 'the fingers missed it' in ruling.reason
    assert execution.next_step(scene) == ruling


def test_a_neighbour_that_leaves_no_room_goes_aside():
    near = SceneObject('blue block', 'blue block', (0.5, 0.055, 0.02))
    scene = Scene((SceneObject('red block', 'red block', (0.5, 0.0, 0.02)), near))
    execution = Execution(parse_program("put(the('red block'), 'left side')"))
    assert execution.next_step(scene).step == Step('pick', 'red block')
    result = SkillResult(False, 'there is no room for the fingers around the red block: the blue block is too near')
    assert execution.next_step(scene, result).step == Step('pick', 'blue block')


def test_nothing_that_was_said_goes_on_for_ever():
    config = InterpreterConfig(max_steps=6)
    execution, scene, result = Execution(parse_program("stack(all('block'))"), config=config), draw_table(0), None
    for _ in range(20):
        ruling = execution.next_step(scene, result)
        result = SkillResult(True)  # the steps succeed but change nothing
        if ruling.step.skill == 'refuse':
            break
    assert 'no end' in ruling.reason or 'circles' in ruling.reason
    with pytest.raises(ConfigError):
        InterpreterConfig(max_steps=0)


def test_the_hand_is_emptied_before_something_else_is_taken():
    scene = apply(Step('pick', 'red block'), draw_table(0))
    _, steps, ruling = run("put(the('blue block'), the('blue bowl'))", scene)
    assert ruling.step.skill == 'done' and steps[0].skill == 'place_at' and steps[0].target == 'red block'
    _, steps, _ = run("put(all('block'), the('blue bowl'))", scene)
    assert steps[0] == Step('place_in', 'red block', 'blue bowl')


def test_names_with_numbers_are_exact_and_alone_they_are_not():
    scene = draw_table(0, blocks=('red block', 'red block 2', 'blue block'), bowls=())
    end, _, ruling = run("stack([the('red block'), the('blue block'), the('red block 2')])", scene)
    assert ruling.step.skill == 'done' and relate(end)['red block 2'] == ('on', 'blue block')
    _, _, ruling = run("put(the('red block'), 'middle')", scene)
    assert ruling.question is not None


def test_the_drawer_is_opened_before_something_is_put_in():
    drawer = SceneObject('drawer', 'drawer', furniture.set_opening(0.0))
    scene = draw_table(0, bowls=())
    scene = replace(scene, objects=(*scene.objects, drawer))
    text = "assert is_open('drawer'), open('drawer')\nput(the('red block'), the('drawer'))\nclose('drawer')"
    end, steps, ruling = run(text, scene)
    assert ruling.step.skill == 'done', ruling
    assert [step.skill for step in steps] == ['open_drawer', 'pick', 'place_in', 'close_drawer']
    assert relate(end)['red block'] == ('in', 'drawer')
    _, steps, _ = run("put(the('red block'), the('drawer'))", scene)
    assert steps[0] == Step('open_drawer', 'drawer')


def test_deeds_are_done_once():
    scene = draw_table(0, bowls=())
    _, steps, ruling = run("push(the('red block'), 'left')\ngo_home()", scene)
    assert ruling.step.skill == 'done' and [step.skill for step in steps] == ['push', 'go_home']
    _, steps, ruling = run("hand_over(the('red block'))", scene)
    assert [step.skill for step in steps] == ['pick', 'hand_over'] and ruling.step.skill == 'done'
