"""
The kinds of instruction: each function takes a random generator and a palette and returns a ``TaskSample``.

``KINDS`` is the only list of them, with how often each is drawn. Hard cases are here on purpose: blocks that share a colour
with bowls, second clauses that share a noun with the first, facts that already hold, things that are not there.
"""

from __future__ import annotations

from dataclasses import replace
import math
import random

from vlm_robot.datatypes import Scene
from vlm_robot.planning.symbolic import HAND, find_covers, relate
from vlm_robot.training import planner_wordings as words
from vlm_robot.training.planner_tasks import (
    ASK, REFUSE, Goal, Palette, Speaker, TaskSample, build_scene, choose_colours, join_clauses, list_of,
)  # fmt: skip
from vlm_robot.vocabulary import LOCATIONS, shape_of


def _scene(rng: random.Random, palette: Palette, blocks=(1, 5), bowls=(0, 4), busy=0.12, duplicates=0.03) -> Scene:
    """Return a random scene; half of the time bowls repeat the colours of blocks."""
    n, m = rng.randint(*blocks), rng.randint(*bowls)
    block_colours = choose_colours(rng, palette, n)
    bowl_colours = choose_colours(rng, palette, m)
    if rng.random() < 0.5:
        shared = rng.sample(block_colours, min(n, m))
        bowl_colours = list(dict.fromkeys(shared + bowl_colours))[:m]
        rng.shuffle(bowl_colours)
    if n > 1 and rng.random() < duplicates:
        block_colours[0] = block_colours[1]
    things = rng.sample(palette.things, rng.randint(1, 2)) if palette.things and rng.random() < 0.15 else []
    busy = busy if rng.random() < 0.6 else 0.0
    return build_scene(rng, palette, [f'{c} block' for c in block_colours], [f'{c} bowl' for c in bowl_colours], things, busy)


def _goal(rng: random.Random, scene: Scene, block: str, used: tuple[str, ...] = ()) -> Goal:
    """Return a random goal for a block; destinations that are taken are avoided."""
    taken = set(find_covers(scene)) | set(used)
    places = relate(scene)
    at = {spot for spot, xy in LOCATIONS.items() if any(math.dist(xy, item.p_base[:2]) < 0.09 for item in scene.objects)}
    bowls = [('in', block, name) for name in list_of(scene, 'bowl')]
    blocks = [('on', block, name) for name in list_of(scene, 'block') if name != block and name not in taken and places[name][0] != 'in']
    spots = [('at', block, name) for name in LOCATIONS if name not in at and name not in used]
    pools = [pool for pool, weight in ((bowls, 5), (blocks, 3), (spots, 3)) if pool for _ in range(weight)]
    return rng.choice(rng.choice(pools))


def _free_blocks(scene: Scene) -> list[str]:
    return [name for name in list_of(scene, 'block') if name not in find_covers(scene)]


def single(rng: random.Random, palette: Palette) -> TaskSample:
    """Write one clause about one block."""
    scene = _scene(rng, palette)
    speaker = Speaker(rng)
    block = rng.choice(_free_blocks(scene))
    goal = _goal(rng, scene, block)
    what = speaker.name(block, one=goal[0] != 'at' or rng.random() < 0.5)
    if rng.random() < 0.06:
        what = _say_by_place(rng, scene, block) or what
    elif len(list_of(scene, 'block')) == 1 and rng.random() < 0.5:
        what = rng.choice(('the block', 'the cube', 'the only block', 'the box', 'the block on the table'))
    text = speaker.clause(goal, what)
    bowls = list_of(scene, 'bowl')
    if goal[0] == 'in' and len(bowls) == 1 and rng.random() < 0.3:
        text = f'{rng.choice(("put", "place", "drop", "move"))} {what} {rng.choice(("in", "into", "inside"))} {rng.choice(("the bowl", "the dish", "the bowl", "a bowl"))}'
    return TaskSample('single', speaker.frame(text), scene, (goal,))


def _say_by_place(rng: random.Random, scene: Scene, block: str) -> str:
    relation, what = relate(scene)[block]
    if relation not in ('in', 'on', 'at') or sum(place == (relation, what) for place in relate(scene).values()) > 1:
        return ''
    link = {'in': ('in', 'inside'), 'on': ('on', 'on top of'), 'at': ('in', 'at')}[relation]
    return f'the block {rng.choice(("", "that is ", "which is "))}{rng.choice(link)} the {what}'


def clauses(rng: random.Random, palette: Palette) -> TaskSample:
    """Write two or three clauses about different blocks, now and then the same one twice."""
    scene = _scene(rng, palette, blocks=(2, 5), bowls=(1, 4))
    speaker = Speaker(rng)
    blocks = _free_blocks(scene)
    rng.shuffle(blocks)
    count = min(len(blocks), rng.choice((2, 2, 2, 3)))
    goals: list[Goal] = []
    for block in blocks[:count]:
        used = tuple(g[2] for g in goals if g[0] != 'in')
        moved = {g[1] for g in goals}
        goal = _goal(rng, scene, block, used)
        bases = {g[2] for g in goals}
        if block not in bases and not (goal[0] == 'on' and goal[2] in moved and rng.random() < 0.5):
            goals.append(goal)
    parts = [speaker.clause(g, speaker.name(g[1], one=i > 0)) for i, g in enumerate(goals)]
    if len(goals) > 1 and rng.random() < 0.3:
        parts = _elide(rng, speaker, goals)
    if len(goals) == 1 and goals[0][0] == 'at' and rng.random() < 0.5:
        goals.append(_goal(rng, scene, goals[0][1], (goals[0][2],)))
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


def several(rng: random.Random, palette: Palette) -> TaskSample:
    """Write a list of blocks that go into one bowl, or two of them into two bowls respectively."""
    scene = _scene(rng, palette, blocks=(2, 5), bowls=(1, 4), busy=0.05)
    speaker = Speaker(rng)
    blocks = _free_blocks(scene)
    rng.shuffle(blocks)
    chosen = blocks[: rng.choice((2, 2, 3))]
    bowl = rng.choice(list_of(scene, 'bowl'))
    goals = tuple(('in', block, bowl) for block in chosen)
    there = speaker.target(goals[0])
    verb = rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]
    if rng.random() < 0.5:
        names = [speaker.name(block) for block in chosen]
        what = ' and '.join(names) if rng.random() < 0.5 else f'{", ".join(names[:-1])} and {names[-1]}'
    else:
        colours = [block.rsplit(' ', 1)[0] if not block[-1].isdigit() else block for block in chosen]
        what = f'{rng.choice(("the", "the", "both the" if len(chosen) == 2 else "the"))} {", ".join(colours[:-1])} and {colours[-1]} {rng.choice(("blocks", "cubes", "ones", "block"))}'
    tail = rng.choice(('', '', '', ' together', ' one after the other')) if rng.random() < 0.5 else ''
    text = f'{verb} {what} {there}{tail}'
    if rng.random() < 0.15:
        text = f'{rng.choice(("i want", "i need", "make sure to get", "get", "gather", "collect"))} {what} {there}'
    return TaskSample('several', speaker.frame(text), scene, goals)


def all_in_one(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that all blocks, or all but one, or all of a colour go into one bowl."""
    scene = _scene(rng, palette, blocks=(1, 5), bowls=(1, 4), busy=0.15, duplicates=0.2)
    speaker = Speaker(rng)
    order = _unstack_order(scene)
    bowl = rng.choice(list_of(scene, 'bowl'))
    verb = rng.choice(words.PLACE_VERBS + words.MOVE_VERBS + (('gather', ''), ('collect', ''), ('throw', ''), ('clear', ''), ('tidy', '')))[0]
    noun = rng.choice(('blocks', 'blocks', 'cubes', 'boxes', 'bricks', 'pieces'))
    what = rng.choice((f'all the {noun}', f'all {noun}', f'all of the {noun}', f'every {noun[:-1] if noun != "boxes" else "box"}', 'everything', f'the {noun}',
                       f'each {noun[:-1] if noun != "boxes" else "box"}', f'all these {noun}', f'all {noun} on the table', 'them all', f'all your {noun}'))  # fmt: skip
    goals = [('in', block, bowl) for block in order]
    roll = rng.random()
    repeated = [item.label for item in scene.objects if item.name != item.label and shape_of(item.label) == 'block']
    if repeated and roll < 0.7:
        colour = repeated[0].rsplit(' ', 1)[0]
        what = rng.choice((f'the {colour} {noun}', f'all {colour} {noun}', f'both {colour} {noun}', f'all the {colour} {noun}', f'the two {colour} {noun}'))
        goals = [goal for goal in goals if goal[1].startswith(repeated[0])]
    elif len(order) > 2 and roll < 0.25:
        spared = rng.choice([block for block in order if block not in find_covers(scene)])
        what += f'{rng.choice((" except", " but", " except for", ", but not", " apart from", " other than", " without"))} {speaker.name(spared, one=True)}'
        goals = [goal for goal in goals if goal[1] != spared]
    sample_goal: Goal = ('in', '', bowl)
    if len(list_of(scene, 'bowl')) == 1 and rng.random() < 0.3:
        text = f'{verb} {what} {rng.choice(("in the bowl", "into the bowl", "inside the bowl", "in the dish"))}'
    else:
        text = f'{verb} {what} {speaker.target(sample_goal)}'
        if rng.random() < 0.15:
            text = speaker._statement(what, speaker.target(sample_goal), sample_goal)
    return TaskSample('all_in_one', speaker.frame(text), scene, tuple(goals))


def _unstack_order(scene: Scene) -> list[str]:
    """Return the blocks in scene order, those on top of others first."""
    covers = find_covers(scene)
    blocks = list_of(scene, 'block')
    return sorted(blocks, key=lambda name: (name in covers, blocks.index(name)))


def matching(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that each block goes into the bowl of its own colour; blocks without such a bowl stay."""
    count = rng.randint(1, 4)
    colours = choose_colours(rng, palette, count + 1)
    bowls = colours[:count] if rng.random() < 0.7 else colours[1:]
    blocks = colours[:count]
    scene = build_scene(rng, palette, [f'{c} block' for c in blocks], [f'{c} bowl' for c in bowls], [], 0.0 if rng.random() < 0.7 else 0.2)
    speaker = Speaker(rng)
    order = [block for block in _unstack_order(scene) if scene.find(block.replace(' block', ' bowl'))]
    what = rng.choice(('the blocks', 'every block', 'each block', 'all blocks', 'the cubes', 'each cube', 'all of the blocks', 'blocks', 'each of the blocks'))
    plural = what.startswith(('the', 'all', 'blocks'))
    own = rng.choice(('the matching bowl', 'the bowl of the same colour', 'its own bowl', 'the bowl with the same color', 'the bowl of its colour',
                      'the bowl that matches its color', 'the same coloured bowl', 'the right bowl', 'the corresponding bowl'))  # fmt: skip
    if plural:
        own = rng.choice(('the matching bowls', 'the bowls of the same colour', 'their matching bowls', 'the bowls with the same color', 'bowls of their own colour',
                          'the bowls that match', 'their bowls by colour', 'the same color bowls', 'the bowls, sorted by colour'))  # fmt: skip
    verb = rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]
    text = f'{verb} {what} {rng.choice(("in", "into", "in", "on", "inside", "to"))} {own}'
    if rng.random() < 0.3:
        text = rng.choice(('sort the blocks by colour', 'sort the blocks into the bowls', 'sort {w} into {o}', 'match the blocks with the bowls', 'tidy up by colour',
                           'match {w} to {o}', 'sort by color', 'distribute the blocks to the bowls by colour', 'group blocks and bowls by color',
                           'bring blocks and bowls of the same colour together', 'clean up: {w} in {o}', 'sort everything by colour')).format(w=what, o=own)  # fmt: skip
    goals = tuple(('in', block, block.replace(' block', ' bowl')) for block in order)
    return TaskSample('matching', speaker.frame(text), scene, goals or (REFUSE,))


def tower(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that some or all blocks become one tower."""
    scene = _scene(rng, palette, blocks=(2, 4), bowls=(0, 3), busy=0.0)
    speaker = Speaker(rng)
    blocks = list_of(scene, 'block')
    noun = rng.choice(('blocks', 'blocks', 'cubes', 'bricks'))
    if rng.random() < 0.45:
        rng.shuffle(blocks)
        blocks = blocks[: rng.choice((2, 3, 3))]
        names = [speaker.name(block) for block in blocks]
        bottom_up = f'{names[0]} at the bottom, ' + ', '.join(f'then {name}' for name in names[1:-1]) + (', ' if len(names) > 2 else '') + f'{names[-1]} on top'
        text = rng.choice((f'build a tower with {bottom_up}', f'make a stack: {bottom_up}', f'tower with {bottom_up}', f'stack {" on ".join(names[::-1])}',
                           f'build a tower, from bottom to top: {", ".join(names)}', f'put {" on ".join(names[::-1])}'))  # fmt: skip
    else:
        text = rng.choice((f'stack the {noun}', f'build a tower', f'build a tower out of all {noun}', f'make a tower of the {noun}', f'pile up all {noun}',
                           f'pile the {noun} on top of each other', f'make one stack of all {noun}', f'stack up the {noun}', f'stack every block', 'stack them all',
                           'build the highest tower you can', f'put the {noun} on top of each other', 'make the highest stack', f'stack all of the {noun}'))  # fmt: skip
    goals = tuple(('on', top, base) for base, top in zip(blocks, blocks[1:]))
    return TaskSample('tower', speaker.frame(text), scene, goals)


def any_block(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that some block, or a number of blocks, or one that is not of a colour, goes into a bowl."""
    scene = _scene(rng, palette, blocks=(2, 5), bowls=(1, 3), busy=0.0)
    speaker = Speaker(rng)
    blocks = list_of(scene, 'block')
    bowl = rng.choice(list_of(scene, 'bowl'))
    count, what = 1, rng.choice(('a block', 'any block', 'one block', 'one of the blocks', 'some block', 'a cube', 'any of the cubes'))
    roll = rng.random()
    if roll < 0.35:
        count = rng.randint(2, len(blocks))
        numeral = {2: 'two', 3: 'three', 4: 'four', 5: 'five'}[count]
        what = rng.choice((f'{numeral} blocks', f'{count} blocks', f'{numeral} of the blocks', f'{numeral} cubes', f'any {numeral} blocks'))
    elif roll < 0.6 and not blocks[0][-1].isdigit():
        avoid = rng.choice(blocks)
        colour = avoid.rsplit(' ', 1)[0]
        what = rng.choice((f'a block that is not {colour}', f'a block which is not {colour}', f'any block but the {colour} one', f'a block other than the {colour} one', f'a non-{colour} block'))
        blocks = [block for block in blocks if block != avoid]
    goals = tuple(('in', block, bowl) for block in blocks[:count])
    text = f'{rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]} {what} {speaker.target(goals[0])}'
    return TaskSample('any', speaker.frame(text), scene, goals)


def pick_only(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that a block is only picked up, or that the arm goes home."""
    scene = _scene(rng, palette)
    speaker = Speaker(rng)
    if rng.random() < 0.25:
        text = rng.choice(('go home', 'return home', 'go to your home position', 'move to the home pose', 'home', 'go back to the start', 'retract the arm', 'go to rest',
                           'return to the starting position', 'move the arm home', 'back to home position', 'go to your rest pose', 'drive home', 'park the arm'))  # fmt: skip
        return TaskSample('home', speaker.frame(text), scene, (('home', '', ''),))
    block = rng.choice(_free_blocks(scene))
    what = speaker.name(block, one=True)
    text = rng.choice(('pick up {w}', 'pick up {w}', 'grab {w}', 'grasp {w}', 'lift {w}', 'pick {w} up', 'hold {w}', 'take {w} in your hand', 'take {w}', 'lift up {w}',
                       'get {w} in your gripper', 'raise {w}', 'pick up {w} and hold it', 'only pick up {w}')).format(w=what)  # fmt: skip
    return TaskSample('pick_only', speaker.frame(text), scene, (('hold', block, ''),))


def in_hand(rng: random.Random, palette: Palette) -> TaskSample:
    """Write an instruction while the hand holds the block already."""
    scene = _scene(rng, palette)
    speaker = Speaker(rng)
    block = rng.choice(_free_blocks(scene))
    goal = _goal(rng, scene, block)
    objects = tuple(replace(item, p_base=HAND) if item.name == block else item for item in scene.objects)
    what = rng.choice(('it', 'what you hold', 'the block in your hand', 'that block', 'this', speaker.name(block), speaker.name(block), speaker.name(block)))
    text = f'{rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]} {what} {speaker.target(goal)}'
    return TaskSample('in_hand', speaker.frame(text), replace(scene, objects=objects, held=block), (goal,))


def satisfied(rng: random.Random, palette: Palette) -> TaskSample:
    """Write a clause that is true already."""
    for _ in range(50):
        scene = _scene(rng, palette, blocks=(2, 5), bowls=(1, 4), busy=0.5)
        facts = [(r, name, what) for name, (r, what) in relate(scene).items() if r in ('in', 'on', 'at') and shape_of(scene.find(name).label) == 'block']
        if facts:
            break
    else:
        return single(rng, palette)
    speaker = Speaker(rng)
    goals = [rng.choice(facts)]
    parts = [speaker.clause(goals[0], speaker.name(goals[0][1]))]
    others = [name for name in _free_blocks(scene) if name not in goals[0]]
    if others and rng.random() < 0.4:
        other = rng.choice(others)
        extra = _goal(rng, scene, other, (goals[0][2],))
        if extra[2] != goals[0][1]:
            spot = rng.randint(0, 1)
            goals.insert(spot, extra)
            parts.insert(spot, speaker.clause(extra, speaker.name(other)))
    return TaskSample('satisfied', speaker.frame(join_clauses(rng, parts)), scene, tuple(goals))


def absent(rng: random.Random, palette: Palette) -> TaskSample:
    """Write about a block, bowl or other thing that is not in view; the plan names it and is stopped there."""
    scene = _scene(rng, palette, blocks=(1, 4), bowls=(1, 3))
    speaker = Speaker(rng)
    labels = {item.label for item in scene.objects}
    while True:
        (colour,) = choose_colours(rng, palette, 1)
        name = f'{colour} {rng.choice(("block", "bowl"))}'
        if name not in labels and f'{colour} bowl' != name or (name.endswith('bowl') and name not in labels):
            break
    if palette.things and rng.random() < 0.25:
        name = rng.choice([thing for thing in palette.things if thing not in labels])
        name = name if rng.random() < 0.6 else f'{colour} {name}'
    goal: Goal
    if name.endswith('bowl'):
        goal = ('in', rng.choice(_free_blocks(scene)), name)
    elif rng.random() < 0.2 and name.endswith('block'):
        goal = ('on', rng.choice(_free_blocks(scene)), name)
    else:
        goal = _goal(rng, scene, name)
    parts, goals = [speaker.clause(goal, speaker.name(goal[1]))], [goal]
    if goal[0] == 'in' and name == goal[1] and rng.random() < 0.35:
        parts = [f'{rng.choice(("put", "place", "drop", "move", "pop"))} {speaker.name(name)} {rng.choice(("in", "into", "inside"))} {rng.choice(("the", "the", "a"))} {speaker.bowl}']
    others = [block for block in _free_blocks(scene) if block not in goal]
    if others and rng.random() < 0.3:
        block = rng.choice(others)
        extra = _goal(rng, scene, block, (goal[2],))
        spot = rng.randint(0, 1)
        goals.insert(spot, extra)
        parts.insert(spot, speaker.clause(extra, speaker.name(block)))
    return TaskSample('absent', speaker.frame(join_clauses(rng, parts)), scene, tuple(goals))


def ambiguous(rng: random.Random, palette: Palette) -> TaskSample:
    """Write ``the block`` or ``the bowl`` where several are in view."""
    scene = _scene(rng, palette, blocks=(2, 5), bowls=(2, 4), duplicates=0.4)
    speaker = Speaker(rng)
    block, bowl = rng.choice(list_of(scene, 'block')), rng.choice(list_of(scene, 'bowl'))
    repeated = [item for item in scene.objects if item.name != item.label]
    if repeated and rng.random() < 0.7:
        what, goal = f'the {repeated[0].label}', ('in', block, bowl)
    elif rng.random() < 0.7:
        what, goal = rng.choice(('the block', 'the cube', 'the box', 'the block')), ('in', block, bowl)
    else:
        text = f'{rng.choice(words.PLACE_VERBS)[0]} {speaker.name(block)} {rng.choice(("in", "into", "inside"))} {rng.choice(("the bowl", "the dish", "the bowl"))}'
        return TaskSample('ambiguous', speaker.frame(text), scene, (ASK,))
    return TaskSample('ambiguous', speaker.frame(speaker.clause(goal, what)), scene, (ASK,))


def refused(rng: random.Random, palette: Palette) -> TaskSample:
    """Write what is no command for this table: chatter, impossible wishes, other languages, noise."""
    scene = _scene(rng, palette)
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
    (single, 30), (clauses, 20), (several, 5), (all_in_one, 8), (matching, 6), (tower, 4), (any_block, 3), (pick_only, 3), (in_hand, 3),
    (satisfied, 5), (absent, 10), (ambiguous, 3), (refused, 10),
)  # fmt: skip


def sample_task(rng: random.Random, palette: Palette, kinds=KINDS) -> TaskSample:
    """Return one random task."""
    function = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
    sample = function(rng, palette)
    return replace(sample, sentence=words.disturb(sample.sentence, rng))
