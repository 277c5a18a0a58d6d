"""Kinds of task about towers: build them, in an order, at a place, taking colours in turn, and take them apart."""

from __future__ import annotations

import random

from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_sets import finish
from vlm_robot.training.program_tasks import count_of, draw_families, draw_table, ProgramTask
from vlm_robot.training.program_voice import call, CORNERS, Voice
from vlm_robot.vocabulary import LOCATIONS


def tower(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that all blocks, or those of a colour, become one tower, somewhere or anywhere."""
    scene = draw_families(rng, palette) if rng.random() < 0.35 else draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    name = 'block' if rng.random() < 0.75 else f'{rng.choice(voice.colours)} block'
    what = voice.all(name)
    text = rng.choice(
        ('stack {w}', 'build a tower out of {w}', 'make a tower of {w}', 'pile up {w}',
         'pile {w} on top of each other', 'make one stack of {w}', 'stack up {w}', 'stack {w} on top of one another',
         'build a stack from {w}', '{w} on top of each other', 'put {w} on top of each other', 'i want a tower of {w}',
         'erect a tower with {w}', 'heap {w} up into one tower', 'turn {w} into a tower', '{w} should form one tower',
         'a tower of {w}', 'a stack made of {w}', 'a tower, {w}', 'use {w} for a tower', 'make {w} into a stack',
         'a tower made from {w} please')
    ).format(w=what.words)  # fmt: skip
    if name == 'block' and rng.random() < 0.25:
        text = rng.choice(('build a tower', 'build the highest tower you can', 'make a tower', 'make a stack',
                           'make one big pile', 'stack them all', 'stack everything',
                           'build a stack as high as possible', 'stack',
                           'make the tallest tower possible'))  # fmt: skip
    code = call('all', name)
    if rng.random() < 0.4:
        place = rng.choice([*LOCATIONS, *CORNERS])
        at = voice.place(place).words
        text = rng.choice(
            (f'{text} {at}', f'{text} {at}', f'{text} {at}', f'{at} {text}', f'{text}, {at}', f'{text}, and that {at}')
        )
        return finish('stack', rng, scene, text, f"stack({code}, '{place}')")
    if voice.bowls and rng.random() < 0.06:
        where = voice.inside()
        return finish('stack', rng, scene, f'{text} {where.words}', f'stack({code}, {where.code})')
    return finish('stack', rng, scene, text, f'stack({code})')


def ordered(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write a tower whose blocks are named from the bottom up or from the top down."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    chosen = rng.sample(voice.blocks, min(len(voice.blocks), rng.choice((2, 3, 3, 4))))
    names = [voice.the(block, one=True).words for block in chosen]
    down = names[::-1]
    middle = ', '.join(f'then {name}' for name in names[1:-1]) + (', ' if len(names) > 2 else '')
    bottom_up = f'{names[0]} at the bottom, {middle}{names[-1]} on top'
    text = rng.choice(
        (
            f'build a tower with {bottom_up}',
            f'make a stack: {bottom_up}',
            f'tower with {bottom_up}',
            f'stack {" on ".join(down)}',
            f'build a tower, from bottom to top: {", ".join(names)}',
            f'stack from bottom to top {", ".join(names)}',
            f'make a tower from top to bottom {", ".join(down)}',
            f'stack {", ".join(names[:-1])} and {names[-1]}, in this order from the bottom',
            f'put {" on ".join(down)}',
            f'start a tower with {names[0]}, then {", then ".join(names[1:])}',
            f'pile up {", ".join(names[:-1])} and then {names[-1]}',
            f'a tower: top {down[0]}, below it {", below it ".join(down[1:])}',
            f'{names[0]} carries {", which carries ".join(names[1:])}',
            f'stack {", ".join(names[:-1])} and {names[-1]}',
        )
    )
    items = ', '.join(call('the', block) for block in chosen)
    place = ''
    if rng.random() < 0.25:
        place = rng.choice(tuple(LOCATIONS))
        text, place = f'{text} {voice.place(place).words}', f", '{place}'"
    return finish('stack', rng, scene, text, f'stack([{items}]{place})')


def alternate(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write a tower in which two colours take turns, or one colour stays below; names come from the scene."""
    while True:
        scene = draw_families(rng, palette)
        voice = Voice(rng, scene)
        if len(voice.colours) == 2 and len(voice.blocks) > 2:
            break
    one, two = ([call('the', f'{colour} block', from_left=str(number)) for number in range(1,
        count_of(scene, f'{colour} block') + 1)]
                for colour in voice.colours)  # fmt: skip
    if len(two) > len(one):
        one, two = two, one
    noun = voice.plural('block')
    if rng.random() < 0.75:
        order = [name for pair in zip(one, two) for name in pair] + one[len(two) : len(two) + 1]
        text = rng.choice(
            (f'build a tower of {noun} in which the colours take turns',
             f'stack the {noun} with the colours alternating',
             f'pile up the {noun} so that no two neighbours have the same colour',
             f'make an alternating tower of {noun}', f'build a striped tower out of the {noun}',
             f'one stack of all {noun}, the colour changes with every level',
             f'a tower in which each layer has another colour than the one below, with all {noun}',
             f'stack the {noun} in turns of colour', f'pile the {noun} up, switching the colour each time',
             f'a tower with alternating colours from all {noun}', f'stack {noun}, alternating the colours',
             'tower, colours one after the other in turn',
             f'make a stack of the {noun} that changes colour at every step')
        )  # fmt: skip
    else:
        order = one + two
        low, high = (f'the {code[5:].split(" block")[0]} {noun}' for code in (one[0], two[0]))
        text = rng.choice((f'build a tower with {low} below and {high} above',
                           f'stack {high} on top of {low}, all in one tower',
                           f'make a tower: first {low}, then {high}'))  # fmt: skip
    return finish('stack', rng, scene, text, f'stack([{", ".join(order)}])')


def per_colour(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that every colour becomes a tower, or a group, of its own."""
    while True:
        scene = draw_families(rng, palette)
        voice = Voice(rng, scene)
        if len(voice.blocks) > len(voice.colours) > 1:
            break
    noun, one = voice.plural('block'), voice.noun('block')
    if rng.random() < 0.7:
        text = rng.choice(
            (f'make one tower per colour out of the {noun}', 'build a separate tower for each colour',
             f'a tower of {noun} for every colour', f'pile up {noun} of equal colour', f'stack the {noun} by colour',
             'each colour becomes its own stack', f'stack same-coloured {noun}',
             f'stack every {one} with those of its colour', f'sort the {noun} into towers by colour',
             f'towers of one colour each, using all {noun}', f'build single-coloured towers from the {noun}')
        )  # fmt: skip
        code = [f'stack({call("all", f"{colour} block")})' for colour in voice.colours]
    else:
        text = rng.choice(
            (f'group the {noun} by colour', f'bring {noun} of the same colour together',
             f'gather the {noun} by colour on the table', f'make a group of {noun} for each colour',
             f'sort the {noun} into groups by colour', f'cluster the {noun} by colour')
        )  # fmt: skip
        code = [f'group({call("all", f"{colour} block")})' for colour in voice.colours]
    return finish('stack', rng, scene, text, '\n'.join(code))


def apart(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that blocks come off each other."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    upper, lower = rng.sample(voice.blocks, 2)
    top, base = voice.the(upper, one=True), voice.the(lower, one=True)
    if rng.random() < 0.55:
        text = rng.choice(
            ('unstack {a}', 'take {a} off {b}', 'lift {a} off {b} and put it on the table', 'get {a} down from {b}',
             'remove {a} from {b}', 'take {a} down', 'put {a} down on the table next to {b}',
             '{a} should not be on {b}', 'take {a} from the top of {b}', 'get {a} off of {b}')
        ).format(a=top.words, b=base.words)  # fmt: skip
        return finish('unstack', rng, scene, text, f'unstack({top.code})')
    noun = voice.plural('block')
    text = rng.choice(
        ('take the tower apart', 'unstack the {n}', 'unstack everything', 'dismantle the stack',
         'take the stack apart', 'unpile the {n}', 'no {m} may be on another one', 'put every {m} down on the table',
         'disassemble the tower', 'break the tower down into single {n}', 'take down the tower', 'unstack all {n}',
         'all {n} flat on the table please', 'undo the tower, {m} by {m}')
    ).format(n=noun, m=voice.noun('block'))  # fmt: skip
    return finish('unstack', rng, scene, text, "unstack(all('block'))")
