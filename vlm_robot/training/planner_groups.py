"""
Kinds of instruction about several blocks at once: lists, all of them, matching colours, towers, any of them.

See planner_kinds.py, which holds the list of all kinds.
"""

from __future__ import annotations

import random

from vlm_robot.datatypes import Scene
from vlm_robot.planning.symbolic import find_covers
from vlm_robot.training import planner_wordings as words
from vlm_robot.training.planner_scenes import build_scene, choose_colours, draw_scene, free_blocks, list_of
from vlm_robot.training.planner_tasks import Goal, Palette, REFUSE, Speaker, TaskSample
from vlm_robot.vocabulary import shape_of


def several(rng: random.Random, palette: Palette) -> TaskSample:
    """Write a list of blocks that go into one bowl, or two of them into two bowls respectively."""
    scene = draw_scene(rng, palette, blocks=(2, 5), bowls=(1, 4), busy=0.05)
    speaker = Speaker(rng)
    blocks = free_blocks(scene)
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
        article = rng.choice(('the', 'the', 'both the' if len(chosen) == 2 else 'the'))
        noun = rng.choice(('blocks', 'cubes', 'ones', 'block'))
        what = f'{article} {", ".join(colours[:-1])} and {colours[-1]} {noun}'
    tail = rng.choice(('', '', '', ' together', ' one after the other')) if rng.random() < 0.5 else ''
    text = f'{verb} {what} {there}{tail}'
    if rng.random() < 0.15:
        wish = rng.choice(('i want', 'i need', 'make sure to get', 'get', 'gather', 'collect'))
        text = f'{wish} {what} {there}'
    return TaskSample('several', speaker.frame(text), scene, goals)


def all_in_one(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that all blocks, or all but one, or all of a colour go into one bowl."""
    scene = draw_scene(rng, palette, blocks=(1, 5), bowls=(1, 4), busy=0.15, duplicates=0.2)
    speaker = Speaker(rng)
    order = _unstack_order(scene)
    bowl = rng.choice(list_of(scene, 'bowl'))
    verb = rng.choice(
        words.PLACE_VERBS
        + words.MOVE_VERBS
        + (('gather', ''), ('collect', ''), ('throw', ''), ('clear', ''), ('tidy', ''))
    )[0]
    noun = rng.choice(('blocks', 'blocks', 'cubes', 'boxes', 'bricks', 'pieces'))
    what = rng.choice(
        (
            f'all the {noun}',
            f'all {noun}',
            f'all of the {noun}',
            f'every {noun[:-1] if noun != "boxes" else "box"}',
            'everything',
            f'the {noun}',
            f'each {noun[:-1] if noun != "boxes" else "box"}',
            f'all these {noun}',
            f'all {noun} on the table',
            'them all',
            f'all your {noun}',
        )
    )
    goals = [('in', block, bowl) for block in order]
    roll = rng.random()
    repeated = [item.label for item in scene.objects if item.name != item.label and shape_of(item.label) == 'block']
    if repeated and roll < 0.7:
        colour = repeated[0].rsplit(' ', 1)[0]
        what = rng.choice(
            (
                f'the {colour} {noun}',
                f'all {colour} {noun}',
                f'both {colour} {noun}',
                f'all the {colour} {noun}',
                f'the two {colour} {noun}',
            )
        )
        goals = [goal for goal in goals if goal[1].startswith(repeated[0])]
    elif len(order) > 2 and roll < 0.25:
        spared = rng.choice([block for block in order if block not in find_covers(scene)])
        but = rng.choice((' except', ' but', ' except for', ', but not', ' apart from', ' other than', ' without'))
        what += f'{but} {speaker.name(spared, one=True)}'
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
    colours = choose_colours(rng, palette, rng.randint(2, 5))
    blocks = rng.sample(colours, rng.randint(1, min(4, len(colours))))
    others = [colour for colour in colours if colour not in blocks]
    bowls = rng.sample(blocks, max(1, len(blocks) - (rng.random() < 0.3)))
    bowls += rng.sample(others, rng.randint(0, min(2, len(others))))  # bowls that no block belongs to
    rng.shuffle(bowls)
    scene = build_scene(
        rng,
        palette,
        [f'{c} block' for c in blocks],
        [f'{c} bowl' for c in bowls],
        [],
        0.0 if rng.random() < 0.7 else 0.2,
    )
    speaker = Speaker(rng)
    order = [block for block in _unstack_order(scene) if scene.find(block.replace(' block', ' bowl'))]
    what = rng.choice(
        (
            'the blocks',
            'every block',
            'each block',
            'all blocks',
            'the cubes',
            'each cube',
            'all of the blocks',
            'blocks',
            'each of the blocks',
        )
    )
    plural = what.startswith(('the', 'all', 'blocks'))
    own = rng.choice(
        (
            'the matching bowl',
            'the bowl of the same colour',
            'its own bowl',
            'the bowl with the same color',
            'the bowl of its colour',
            'the bowl that matches its color',
            'the same coloured bowl',
            'the right bowl',
            'the corresponding bowl',
        )
    )
    if plural:
        own = rng.choice(
            (
                'the matching bowls',
                'the bowls of the same colour',
                'their matching bowls',
                'the bowls with the same color',
                'bowls of their own colour',
                'the bowls that match',
                'their bowls by colour',
                'the same color bowls',
                'the bowls, sorted by colour',
            )
        )
    verb = rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]
    text = f'{verb} {what} {rng.choice(("in", "into", "in", "on", "inside", "to"))} {own}'
    if rng.random() < 0.3:
        text = rng.choice(
            (
                'sort the blocks by colour',
                'sort the blocks into the bowls',
                'sort {w} into {o}',
                'match the blocks with the bowls',
                'tidy up by colour',
                'match {w} to {o}',
                'sort by color',
                'distribute the blocks to the bowls by colour',
                'group blocks and bowls by color',
                'bring blocks and bowls of the same colour together',
                'clean up: {w} in {o}',
                'sort everything by colour',
            )
        ).format(w=what, o=own)
    goals = tuple(('in', block, block.replace(' block', ' bowl')) for block in order)
    return TaskSample('matching', speaker.frame(text), scene, goals or (REFUSE,))


def tower(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that some or all blocks become one tower."""
    scene = draw_scene(rng, palette, blocks=(2, 4), bowls=(0, 3), busy=0.0)
    speaker = Speaker(rng)
    blocks = list_of(scene, 'block')
    noun = rng.choice(('blocks', 'blocks', 'cubes', 'bricks'))
    if rng.random() < 0.45:
        rng.shuffle(blocks)
        blocks = blocks[: rng.choice((2, 3, 3))]
        names = [speaker.name(block) for block in blocks]
        bottom_up = (
            f'{names[0]} at the bottom, '
            + ', '.join(f'then {name}' for name in names[1:-1])
            + (', ' if len(names) > 2 else '')
            + f'{names[-1]} on top'
        )
        text = rng.choice(
            (
                f'build a tower with {bottom_up}',
                f'make a stack: {bottom_up}',
                f'tower with {bottom_up}',
                f'stack {" on ".join(names[::-1])}',
                f'build a tower, from bottom to top: {", ".join(names)}',
                f'put {" on ".join(names[::-1])}',
            )
        )
    else:
        text = rng.choice(
            (
                f'stack the {noun}',
                'build a tower',
                f'build a tower out of all {noun}',
                f'make a tower of the {noun}',
                f'pile up all {noun}',
                f'pile the {noun} on top of each other',
                f'make one stack of all {noun}',
                f'stack up the {noun}',
                'stack every block',
                'stack them all',
                'build the highest tower you can',
                f'put the {noun} on top of each other',
                'make the highest stack',
                f'stack all of the {noun}',
            )
        )
    goals = tuple(('on', top, base) for base, top in zip(blocks, blocks[1:]))
    return TaskSample('tower', speaker.frame(text), scene, goals)


def any_block(rng: random.Random, palette: Palette) -> TaskSample:
    """Write that some block, or a number of blocks, or one that is not of a colour, goes into a bowl."""
    scene = draw_scene(rng, palette, blocks=(2, 5), bowls=(1, 3), busy=0.0)
    speaker = Speaker(rng)
    blocks = list_of(scene, 'block')
    bowl = rng.choice(list_of(scene, 'bowl'))
    if rng.random() < 0.25:
        goal = ('in', rng.choice(blocks), list_of(scene, 'bowl')[0])
        where = rng.choice(
            ('any bowl', 'some bowl', 'one of the bowls', 'a bowl', 'any dish', 'whichever bowl you like')
        )
        text = f'{speaker.begin(words.PLACE_VERBS)} {speaker.name(goal[1])} {speaker.inside()} {where}'
        return TaskSample('any', speaker.frame(text), scene, (goal,))
    count, what = (
        1,
        rng.choice(
            (
                'a block',
                'any block',
                'one block',
                'one of the blocks',
                'some block',
                'a cube',
                'any of the cubes',
            )
        ),
    )
    roll = rng.random()
    if roll < 0.35:
        count = rng.randint(2, len(blocks))
        numeral = {2: 'two', 3: 'three', 4: 'four', 5: 'five'}[count]
        what = rng.choice(
            (
                f'{numeral} blocks',
                f'{count} blocks',
                f'{numeral} of the blocks',
                f'{numeral} cubes',
                f'any {numeral} blocks',
            )
        )
    elif roll < 0.6 and not blocks[0][-1].isdigit():
        avoid = rng.choice(blocks)
        colour = avoid.rsplit(' ', 1)[0]
        what = rng.choice(
            (
                f'a block that is not {colour}',
                f'a block which is not {colour}',
                f'any block but the {colour} one',
                f'a block other than the {colour} one',
                f'a non-{colour} block',
            )
        )
        blocks = [block for block in blocks if block != avoid]
    goals = tuple(('in', block, bowl) for block in blocks[:count])
    text = f'{rng.choice(words.PLACE_VERBS + words.MOVE_VERBS)[0]} {what} {speaker.target(goals[0])}'
    return TaskSample('any', speaker.frame(text), scene, goals)
