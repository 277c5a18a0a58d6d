"""
The kinds of instruction: each function takes a random generator and a palette and returns a ``TaskSample``.

``KINDS`` is the only list of them, with how often each is drawn. Hard cases are here on purpose: blocks
that share a colour with bowls, second clauses that share a noun with the first, facts that already hold,
things that are not there.
"""

from __future__ import annotations

from dataclasses import replace
import random

from vlm_robot.datatypes import Scene
from vlm_robot.planning.symbolic import HAND, relate
from vlm_robot.training import planner_wordings as words
from vlm_robot.training.planner_groups import all_in_one, any_block, matching, several, tower
from vlm_robot.training.planner_scenes import choose_colours, choose_goal, draw_scene, free_blocks, list_of
from vlm_robot.training.planner_tasks import ASK, Goal, join_clauses, Palette, REFUSE, Speaker, TaskSample
from vlm_robot.vocabulary import LOCATIONS, shape_of


def single(rng: random.Random, palette: Palette) -> TaskSample:
    """Write one clause about one block."""
    scene = draw_scene(rng, palette)
    speaker = Speaker(rng)
    block = rng.choice(free_blocks(scene))
    goal = choose_goal(rng, scene, block)
    what = speaker.name(block, one=goal[0] != 'at' or rng.random() < 0.5)
    if rng.random() < 0.06:
        what = _say_by_place(rng, scene, block) or what
    elif len(list_of(scene, 'block')) == 1 and rng.random() < 0.5:
        what = rng.choice(('the block', 'the cube', 'the only block', 'the box', 'the block on the table'))
    text = speaker.clause(goal, what)
    bowls = list_of(scene, 'bowl')
    if goal[0] == 'in' and len(bowls) == 1 and rng.random() < 0.3:
        where = rng.choice(('the bowl', 'the dish', 'the bowl', 'a bowl'))
        text = f'{speaker.begin()} {what} {speaker.inside()} {where}'
    return TaskSample('single', speaker.frame(text), scene, (goal,))


def plain(rng: random.Random, palette: Palette) -> TaskSample:
    """Write one clause or two in the plainest words with full names, beside which the ambiguous ones stand out."""
    scene = draw_scene(rng, palette, blocks=(1, 4), bowls=(1, 3), busy=0.05, duplicates=0.0)
    blocks = free_blocks(scene)
    goals = [choose_goal(rng, scene, block) for block in rng.sample(blocks, min(len(blocks), rng.choice((1, 1, 2))))]
    if len(goals) == 2 and (goals[0][2] in goals[1] or goals[1][2] in goals[0]):
        goals.pop()
    links = {'in': ('in', 'into', 'inside', 'on'), 'on': ('on', 'onto', 'on top of'), 'at': ('in', 'at', 'to', 'on')}
    parts = [
        f'{Speaker(rng).begin(words.PLACE_VERBS[:6] + words.MOVE_VERBS[:4])} the {block} '
        f'{rng.choice(links[relation])} the {where}'
        for relation, block, where in goals
    ]
    return TaskSample('plain', rng.choice((' and ', ' and then ', ', then ')).join(parts), scene, tuple(goals))


def _say_by_place(rng: random.Random, scene: Scene, block: str) -> str:
    relation, what = relate(scene)[block]
    if relation not in ('in', 'on', 'at') or sum(place == (relation, what) for place in relate(scene).values()) > 1:
        return ''
    link = {'in': ('in', 'inside'), 'on': ('on', 'on top of'), 'at': ('in', 'at')}[relation]
    return f'the block {rng.choice(("", "that is ", "which is "))}{rng.choice(link)} the {what}'


def clauses(rng: random.Random, palette: Palette) -> TaskSample:
    """Write two or three clauses about different blocks, now and then the same one twice."""
    scene = draw_scene(rng, palette, blocks=(2, 5), bowls=(1, 4))
    speaker = Speaker(rng)
    blocks = free_blocks(scene)
    rng.shuffle(blocks)
    count = min(len(blocks), rng.choice((2, 2, 2, 3)))
    goals: list[Goal] = []
    for block in blocks[:count]:
        used = tuple(g[2] for g in goals if g[0] != 'in')
        moved = {g[1] for g in goals}
        goal = choose_goal(rng, scene, block, used)
        bases = {g[2] for g in goals}
        if block not in bases and not (goal[0] == 'on' and goal[2] in moved and rng.random() < 0.5):
            goals.append(goal)
    parts = [speaker.clause(g, speaker.name(g[1], one=i > 0)) for i, g in enumerate(goals)]
    if len(goals) > 1 and rng.random() < 0.3:
        parts = _elide(rng, speaker, goals)
    if len(goals) == 1 and goals[0][0] == 'at' and rng.random() < 0.5:
        goals.append(choose_goal(rng, scene, goals[0][1], (goals[0][2],)))
        parts.append(speaker.clause(goals[1], 'it'))
    if len(goals) == 2 and rng.random() < 0.06:
        text = f'{parts[1]}, but {rng.choice(("first", "before that", "first of all"))} {parts[0]}'
    else:
        text = join_clauses(rng, parts)
    return TaskSample('clauses', speaker.frame(text), scene, tuple(goals))


def _elide(rng: random.Random, speaker: Speaker, goals: list[Goal]) -> list[str]:
    """Return clauses in which only the first has a verb: ``put A in B and C on D``."""
    verb = rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]
    parts = [f'{verb} {speaker.name(goals[0][1])} {speaker.target(goals[0])}']
    for before, goal in zip(goals, goals[1:]):
        there = speaker.target(goal)
        if goal[::2] == before[::2] and goal[0] == 'in' and rng.random() < 0.6:
            there = rng.choice(('there too', 'in the same bowl', 'in there as well', 'too', 'as well'))
        parts.append(f'{speaker.name(goal[1], one=True)} {there}')
    return parts


def pick_only(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that a block is only picked up, or that the arm goes home."""
    scene = draw_scene(rng, palette)
    speaker = Speaker(rng)
    if rng.random() < 0.25:
        text = rng.choice(
            (
                'go home',
                'return home',
                'go to your home position',
                'move to the home pose',
                'home',
                'go back to the start',
                'retract the arm',
                'go to rest',
                'return to the starting position',
                'move the arm home',
                'back to home position',
                'go to your rest pose',
                'drive home',
                'park the arm',
            )
        )
        return TaskSample('home', speaker.frame(text), scene, (('home', '', ''),))
    block = rng.choice(free_blocks(scene))
    bowls = list_of(scene, 'bowl')
    if bowls and rng.random() < 0.3:
        block = rng.choice(bowls)  # the plan names the bowl; the affordance says that it is too wide
        if rng.random() < 0.6:
            goal: Goal = ('at', block, rng.choice(list(LOCATIONS)))
            return TaskSample('bowl', speaker.frame(speaker.clause(goal, speaker.name(block))), scene, (goal,))
    what = speaker.name(block, one=True)
    text = rng.choice(
        (
            'pick up {w}',
            'pick up {w}',
            'grab {w}',
            'grasp {w}',
            'lift {w}',
            'pick {w} up',
            'hold {w}',
            'take {w} in your hand',
            'take {w}',
            'lift up {w}',
            'get {w} in your gripper',
            'raise {w}',
            'pick up {w} and hold it',
            'only pick up {w}',
        )
    ).format(w=what)
    return TaskSample('pick_only', speaker.frame(text), scene, (('hold', block, ''),))


def in_hand(rng: random.Random, palette: Palette) -> TaskSample:
    """Write an instruction while the hand holds the block already."""
    scene = draw_scene(rng, palette)
    speaker = Speaker(rng)
    block = rng.choice(free_blocks(scene))
    goal = choose_goal(rng, scene, block)
    objects = tuple(replace(item, p_base=HAND) if item.name == block else item for item in scene.objects)
    what = rng.choice(
        (
            'it',
            'what you hold',
            'the block in your hand',
            'that block',
            'this',
            speaker.name(block),
            speaker.name(block),
            speaker.name(block),
        )
    )
    text = f'{rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]} {what} {speaker.target(goal)}'
    return TaskSample('in_hand', speaker.frame(text), replace(scene, objects=objects, held=block), (goal,))


def satisfied(rng: random.Random, palette: Palette) -> TaskSample:
    """Write a clause that is true already."""
    for _ in range(50):
        scene = draw_scene(rng, palette, blocks=(2, 5), bowls=(1, 4), busy=0.5)
        facts = [
            (r, name, what)
            for name, (r, what) in relate(scene).items()
            if r in ('in', 'on', 'at') and shape_of(scene.find(name).label) == 'block'
        ]
        if facts:
            break
    else:
        return single(rng, palette)
    speaker = Speaker(rng)
    goals = [rng.choice(facts)]
    parts = [speaker.clause(goals[0], speaker.name(goals[0][1]))]
    others = [name for name in free_blocks(scene) if name not in goals[0]]
    if others and rng.random() < 0.4:
        other = rng.choice(others)
        extra = choose_goal(rng, scene, other, (goals[0][2],))
        if extra[2] != goals[0][1]:
            spot = rng.randint(0, 1)
            goals.insert(spot, extra)
            parts.insert(spot, speaker.clause(extra, speaker.name(other)))
    return TaskSample('satisfied', speaker.frame(join_clauses(rng, parts)), scene, tuple(goals))


def absent(rng: random.Random, palette: Palette) -> TaskSample:
    """Write about a thing that is not in view; the plan names it and is stopped there."""
    scene = draw_scene(rng, palette, blocks=(1, 4), bowls=(1, 3))
    speaker = Speaker(rng)
    labels = {item.label for item in scene.objects}
    while True:
        (colour,) = choose_colours(rng, palette, 1)
        name = f'{colour} {rng.choice(("block", "bowl"))}'
        if (name not in labels and f'{colour} bowl' != name) or (name.endswith('bowl') and name not in labels):
            break
    if palette.things and rng.random() < 0.25:
        name = rng.choice([thing for thing in palette.things if thing not in labels])
        name = name if rng.random() < 0.6 else f'{colour} {name}'
    goal: Goal
    if name.endswith('bowl'):
        goal = ('in', rng.choice(free_blocks(scene)), name)
    elif rng.random() < 0.2 and name.endswith('block'):
        goal = ('on', rng.choice(free_blocks(scene)), name)
    else:
        goal = choose_goal(rng, scene, name)
    parts, goals = [speaker.clause(goal, speaker.name(goal[1]))], [goal]
    if goal[0] == 'in' and name == goal[1] and rng.random() < 0.6:
        where = f'{rng.choice(("the", "the", "a"))} {speaker.bowl}'
        parts = [f'{speaker.begin()} {speaker.name(name)} {speaker.inside()} {where}']
    others = [block for block in free_blocks(scene) if block not in goal]
    if others and rng.random() < 0.3:
        block = rng.choice(others)
        extra = choose_goal(rng, scene, block, (goal[2],))
        spot = rng.randint(0, 1)
        goals.insert(spot, extra)
        parts.insert(spot, speaker.clause(extra, speaker.name(block)))
    return TaskSample('absent', speaker.frame(join_clauses(rng, parts)), scene, tuple(goals))


def ambiguous(rng: random.Random, palette: Palette) -> TaskSample:
    """Write ``the block`` or ``the bowl`` where several are in view."""
    scene = draw_scene(rng, palette, blocks=(2, 5), bowls=(2, 4), duplicates=0.4)
    speaker = Speaker(rng)
    block, bowl = rng.choice(list_of(scene, 'block')), rng.choice(list_of(scene, 'bowl'))
    repeated = [item for item in scene.objects if item.name != item.label]
    if repeated and rng.random() < 0.7:
        what, goal = f'the {repeated[0].label}', ('in', block, bowl)
    elif rng.random() < 0.7:
        what, goal = rng.choice(('the block', 'the cube', 'the box', 'the block')), ('in', block, bowl)
    else:
        where = rng.choice(('the bowl', 'the dish', 'the bowl'))
        text = f'{speaker.begin(words.PLACE_VERBS)} {speaker.name(block)} {speaker.inside()} {where}'
        return TaskSample('ambiguous', speaker.frame(text), scene, (ASK,))
    return TaskSample('ambiguous', speaker.frame(speaker.clause(goal, what)), scene, (ASK,))


def refused(rng: random.Random, palette: Palette) -> TaskSample:
    """Write what is no command for this table: chatter, impossible wishes, other languages, noise."""
    scene = draw_scene(rng, palette)
    speaker = Speaker(rng)
    roll = rng.random()
    if roll < 0.3:
        text = rng.choice(words.CHATTER)
    elif roll < 0.65:
        block = speaker.name(rng.choice(list_of(scene, 'block')))
        bowl = speaker.name(rng.choice(list_of(scene, 'bowl') or ['green bowl']))
        text = rng.choice(words.IMPOSSIBLE).format(b=block, d=bowl, c=rng.choice(palette.colours))
        text = speaker.frame(text) if rng.random() < 0.5 else text
    elif roll < 0.8:
        text = rng.choice(words.FOREIGN)
    else:
        text = words.write_gibberish(rng)
    return TaskSample('refused', text, scene, (REFUSE,))


KINDS = (
    (plain, 16),
    (single, 20),
    (clauses, 28),
    (several, 6),
    (all_in_one, 14),
    (matching, 10),
    (tower, 4),
    (any_block, 3),
    (pick_only, 3),
    (in_hand, 3),
    (satisfied, 5),
    (absent, 14),
    (ambiguous, 4),
    (refused, 11),
)


def sample_task(rng: random.Random, palette: Palette, kinds=KINDS) -> TaskSample:
    """Return one random task."""
    function = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
    sample = function(rng, palette)
    return replace(sample, sentence=words.disturb(sample.sentence, rng))
