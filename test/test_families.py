"""Tests for sim/tasks: every family goes through the same checks."""

import pytest

from vlm_robot.datatypes import Plan, Scene, SceneObject, WorldState
from vlm_robot.errors import ScenarioError
from vlm_robot.evaluation.grading import grade_plan
from vlm_robot.resources import find
from vlm_robot.scene.relations import relations_of
from vlm_robot.sim.scenario import load_scenario
from vlm_robot.sim.tasks.families import FAMILIES, find_family
from vlm_robot.sim.tasks.robust_tasks import mistype
from vlm_robot.sim.tasks.spatial_tasks import APART, NEARER, rank, SIDEWAYS
from vlm_robot.sim.tasks.tabletop import distance, points_of
from vlm_robot.sim.tasks.wordings import list_templates, match_suite, NUMERALS, PICK_AND_PLACE, SIDES_OF, TEMPLATES
from vlm_robot.vocabulary import AREAS, LOCATIONS, SEEN_COLOURS, shape_of, UNSEEN_COLOURS, ZONE_X, ZONE_Y

ROUNDS = 6  # episodes of each task that are looked at


@pytest.fixture(params=FAMILIES, ids=str)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture
def episodes(family):
    return [family.sample(seed) for seed in family.list_seeds(ROUNDS * len(family.tasks))]


def scene_of(episode):
    objects = tuple(SceneObject(p.name, p.label, p.position, yaw=p.yaw) for p in episode.placements)
    return Scene(objects, relations_of(objects))


def state_of(episode):
    return WorldState({p.name: p.position for p in episode.placements})


def test_the_same_seed_gives_the_same_episode(family, episodes):
    assert [family.sample(episode.seed) for episode in episodes] == episodes


def test_other_seeds_give_other_tables(episodes):
    assert len({repr(episode.placements) for episode in episodes}) == len(episodes)


def test_consecutive_seeds_are_balanced_over_the_tasks(family, episodes):
    counts = {task: sum(episode.task == task for episode in episodes) for task in family.tasks}
    assert set(counts.values()) == {ROUNDS}


def test_doing_nothing_fails_unless_nothing_may_be_done(episodes):
    for episode in episodes:
        assert episode.goal.holds(state_of(episode)) == (episode.expected == 'refuse'), episode.sentence


def test_the_reference_plan_reaches_the_goal_on_paper(episodes):
    for episode in episodes:
        grade = grade_plan(Plan(episode.reference), scene_of(episode), episode)
        assert grade.success, f'{episode.sentence}: {grade}'


def test_tables_lie_in_the_zone_and_apart(episodes):
    for episode in episodes:
        points = points_of(episode.placements)
        for name, (x, y) in points.items():
            assert ZONE_X[0] <= x <= ZONE_X[1] and ZONE_Y[0] <= y <= ZONE_Y[1]
            assert all(distance((x, y), other) >= 0.08 for key, other in points.items() if key != name)


def test_sentences_are_known_to_the_rule_of_separation(family, episodes):
    for episode in episodes:
        if episode.task != 'typos':  # they are what the rule cannot match, and come from no list
            assert match_suite(episode.sentence), episode.sentence


def test_only_families_of_questions_ask(family, episodes):
    expected = {episode.expected for episode in episodes}
    assert expected == ({'act', 'refuse', 'ask'} if family.name == 'F' else {'act'})
    assert all(bool(episode.answer) == (episode.expected == 'ask') for episode in episodes)


def test_half_of_the_refusals_have_controls():
    tasks = FAMILIES['F'].tasks
    expected = [FAMILIES['F'].sample(seed).expected for seed in range(len(tasks))]
    assert expected.count('act') >= len(tasks) / 2


@pytest.mark.parametrize(
    ('name', 'allowed'), [('B', SEEN_COLOURS), ('C', SEEN_COLOURS), ('D', UNSEEN_COLOURS), ('C_unseen', UNSEEN_COLOURS)]
)
def test_families_keep_to_their_colours(name, allowed):
    family = FAMILIES[name]
    placements = [p for seed in family.list_seeds(20) for p in family.sample(seed).placements]
    assert {p.label.split()[0] for p in placements} == set(allowed)


@pytest.mark.parametrize('name', ['C', 'C_unseen'])
def test_references_are_unambiguous(name):
    for seed in range(60):
        episode = FAMILIES[name].sample(seed)
        points = points_of(episode.placements)
        blocks = [block for block in points if shape_of(block) == 'block']
        bowl = next((bowl for bowl in points if bowl in episode.sentence and shape_of(bowl) == 'bowl'), '')
        meant, words = episode.reference[0].target, episode.sentence
        if episode.task == 'nth':
            direction = words.split('from the ')[1].split()[0]
            nth = next(i for i, word in enumerate(NUMERALS) if word in words)
            assert rank(points, blocks, direction)[nth] == meant
            axis = AREAS[f'{direction} area'][0]
            line = sorted(points[block][axis] for block in blocks)
            assert min(b - a for a, b in zip(line, line[1:], strict=False)) >= APART
        elif episode.task == 'distance':
            sign = 1 if 'closest' in words else -1
            first, second = sorted(sign * distance(points[b], points[bowl]) for b in blocks)[:2]
            assert second - first >= NEARER
            assert sign * distance(points[meant], points[bowl]) == first
        else:
            axis, sign = AREAS[f'{next(d for d, w in SIDES_OF.items() if w in words)} area']
            beside = [b for b in blocks if sign * (points[b][axis] - points[bowl][axis]) > -SIDEWAYS[1]]
            assert beside == [meant]


def test_the_published_seeds_of_family_a_stay():
    scenario = load_scenario(find('sim/scenarios/A.yaml'))
    assert tuple(task.text for task in scenario.tasks) == PICK_AND_PLACE


def test_cliport_seeds_and_counts_follow_the_recipe():
    family = FAMILIES['cliport_seen']
    assert family.list_seeds(3) == (10001, 10003, 10005)
    for seed in family.list_seeds(30):
        episode = family.sample(seed)
        colour, colour2 = episode.sentence.split()[2], episode.sentence.split()[6]
        labels = [p.label for p in episode.placements]
        blocks, bowls = labels.count(f'{colour} block'), labels.count(f'{colour2} bowl')
        assert 1 <= blocks <= bowls <= 3
        assert len(labels) - blocks - bowls == 6
        assert sum(label.startswith(f'{colour} ') for label in labels) == blocks
        assert sum(label.startswith(f'{colour2} ') for label in labels) == bowls


def test_mistyping_changes_two_words_by_one_slip(monkeypatch):
    import numpy as np

    sentence = PICK_AND_PLACE[0].format(block='yellow block', block2='orange block')
    for seed in range(30):
        wrong = mistype(sentence, np.random.default_rng(seed))
        changed = [a for a, b in zip(sentence.split(), wrong.split(), strict=True) if a != b]
        assert 1 <= len(changed) <= 2  # two equal letters exchanged leave a word as it is


def test_every_template_is_listed_once():
    listed = list_templates()
    assert len(listed) == len(set(listed))
    assert {text for tasks in TEMPLATES.values() for texts in tasks.values() for text in texts} == set(listed)


def test_ordinary_sentences_are_not_the_suites():
    for sentence in ('put the red block in the green bowl', 'drop the red block into the blue bowl', 'hello'):
        assert not match_suite(sentence)


def test_unknown_families_name_the_nearest():
    with pytest.raises(ScenarioError, match='B_unseen'):
        find_family('B_unsen')
    with pytest.raises(ScenarioError, match='0 or more'):
        FAMILIES['B'].sample(-1)


def test_places_of_the_splits_exist():
    for family in FAMILIES.values():
        assert set(family.split.places) <= set(LOCATIONS)


def test_side_effects_are_what_the_robot_moved_and_nobody_asked_for():
    from vlm_robot.evaluation.grading import share_kept

    episode = FAMILIES['C'].sample(0)
    start = state_of(episode)
    other = next(name for name in start.positions if name != episode.reference[0].target)
    end = WorldState(dict(start.positions) | {other: (0.9, 0.9, 0.02)})
    assert share_kept(episode.goal, [start, start]) == 1
    assert share_kept(episode.goal, [start, end]) < 1
    assert share_kept(episode.goal, [start, end], [other]) == 1
