"""Kinds of task that lay several things out: one to each place, lines, tours, halves of the table, groups."""

from __future__ import annotations

import random

from vlm_robot.training import program_frames as frames
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_clauses import say_move, VERBS
from vlm_robot.training.program_sets import choose_where, finish
from vlm_robot.training.program_tasks import count_of, draw_families, draw_table, ProgramTask
from vlm_robot.training.program_voice import call, CORNERS, Phrase, Voice


def one_each(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that blocks go to different corners, sides or bowls, or one to each."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=1)
    voice = Voice(rng, scene)
    noun = rng.choice(('corner', 'corner', 'side', 'bowl'))
    name = 'block' if rng.random() < 0.8 else f'{rng.choice(voice.colours)} block'
    what, one = voice.all(name), f'{name.removesuffix("block")}{voice.noun("block")}'
    place, places = voice.noun(noun), voice.plural(noun)
    prep = rng.choice(('in', 'into', 'to', 'at') if noun != 'bowl' else ('in', 'into', 'inside'))
    verb = rng.choice(VERBS)[0]
    text = rng.choice(
        (
            f'{verb} {what.words} {prep} the {places}, one each',
            f'{verb} one {one} {prep} each {place}',
            f'{verb} a {one} {prep} every {place}',
            f'every {place} gets a {one}',
            f'each {one} goes {prep} its own {place}',
            f'each {one} {prep} another {place}',
            f'distribute {what.words} over the {places}',
            f'spread {what.words} over the {places}',
            f'{verb} {what.words} {prep} separate {places}',
            f'no two {voice.plural("block")} in the same {place}: spread {what.words} over the {places}',
            f'share {what.words} out among the {places}',
            f'{verb} each {one} {prep} a {place} of its own',
            f'give every {place} one {one}',
            f'one {one} per {place}',
            f'{verb} {what.words} {prep} {places}, every one {prep} another {place}',
        )
    )
    return finish(
        'one each', rng, scene, text, f'for b, p in zip({call("all", name)}, {call("all", noun)}):\n    put(b, p)'
    )


def lines(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that blocks form a line."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    name = 'block' if rng.random() < 0.8 else f'{rng.choice(voice.colours)} block'
    what = voice.all(name)
    shape = rng.choice(('horizontal', 'vertical', 'diagonal'))
    how = rng.choice(frames.ROWS[shape])
    text = rng.choice(
        (
            f'{rng.choice(VERBS)[0]} {what.words} {how}',
            f'arrange {what.words} {how}',
            f'line up {what.words} {how}',
            f'line {what.words} up {how}',
            f'align {what.words} {how}',
            f'{what.words} {how}',
            f'order {what.words} {how}',
            f'i want {what.words} {how}',
            f'lay {what.words} out {how}',
            f'set {what.words} up {how}',
            f'let {what.words} stand {how}',
            f'have {what.words} lie {how}',
            f'can {what.words} be {how}',
            f'get {what.words} to stand {how}',
            f'{what.words} should form a {shape} {rng.choice(("row", "line"))}',
        )
    )
    adjective = {'horizontal': rng.choice(('', 'horizontal '))}.get(shape, f'{shape} ')
    if rng.random() < 0.25:
        text = rng.choice((f'form a {adjective}line with {what.words}', f'make a {adjective}row out of {what.words}',
                           f'build a {adjective}line of {what.words}',
                           f'draw a {adjective}line with {what.words}'))  # fmt: skip
    return finish('line', rng, scene, text, f"for b, p in zip({call('all', name)}, line('{shape}')):\n    put(b, p)")


def trips(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that one block visits all corners or sides, in some order or round the table."""
    scene = draw_table(rng, palette)
    voice = Voice(rng, scene)
    what = voice.the(rng.choice([*voice.blocks, 'block', 'block']))
    noun = rng.choice(('corner', 'corner', 'side'))
    places = voice.plural(noun)
    way = rng.choice(('', 'clockwise', 'counterclockwise'))
    said = {'': ('', 'one after the other ', 'in turn '), 'clockwise': ('clockwise ', 'in clockwise order '),
            'counterclockwise': ('counterclockwise ', 'anticlockwise ', 'counter-clockwise ',
            'against the clock ')}[way]  # fmt: skip
    how = rng.choice(said)
    text = rng.choice(
        (
            f'bring {what.words} {how}to every {noun}',
            f'take {what.words} {how}to each of the {places}',
            f'visit all {places} {how}with {what.words}',
            f'carry {what.words} {how}from {noun} to {noun}',
            f'{what.words} should visit every {noun} {how}'.strip(),
            f'let {what.words} travel {how}through the {places}',
            f'show {what.words} all {places} {how}'.strip(),
            f'{how}bring {what.words} to all the {places}',
            f'move {what.words} around the table {how}through all {places}',
        )
    )
    code = f"{way}('{noun}')" if way else call('all', noun)
    return finish('trip', rng, scene, text, f'for p in {code}:\n    put({what.code}, p)')


def areas(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that what lies in one half of the table goes to the other, or to another place."""
    scene = draw_table(rng, palette)
    voice = Voice(rng, scene)
    source, goal = rng.sample(('left', 'right', 'top', 'bottom'), 2)
    if rng.random() < 0.5:
        goal = {'left': 'right', 'right': 'left', 'top': 'bottom', 'bottom': 'top'}[source]
    name = 'block' if rng.random() < 0.75 else f'{rng.choice(voice.colours)} block'

    def area(way: str) -> str:
        return rng.choice((f'the {way} area', f'the {way} half', f'the {way} part of the table',
                           f'the {way} half of the table', f'the {way} region', f'the {way} area of the table',
                           f'the {way} zone'))  # fmt: skip

    many = voice.plural('block')
    adjective = name.removesuffix('block')
    said = rng.choice(('all the {a}{m} in {s}', 'every {a}{n} in {s}', 'the {a}{m} that lie in {s}',
                       'all {a}{m} from {s}', '{a}{m} in {s}', 'each {a}{n} in {s}', 'whatever {a}{m} are in {s}',
                       'the {a}{m} of {s}'))  # fmt: skip
    what = said.format(a=adjective, m=many, n=voice.noun('block'), s=area(source))
    where = Phrase(f'{rng.choice(("to", "into", "over to", "in"))} {area(goal)}', f"'{goal} area'")
    if rng.random() < 0.3:
        where = choose_where(rng, voice)
    code = call('all', name, at=f"'{source} area'")
    if rng.random() < 0.12:
        text = rng.choice(
            (
                f'clear {area(source)}: everything {where.words}',
                f'{area(source)} must be empty, all blocks {where.words}',
            )
        )
        code = call('all', 'block', at=f"'{source} area'")
    else:
        text = say_move(rng, what, where.words, many=True, plain=True)
    if rng.random() < 0.2:
        whole = voice.all(name)
        text, code = say_move(rng, whole.words, where.words, many=True, plain=True), whole.code
    return finish('area', rng, scene, text, f'put({code}, {where.code})')


def groups(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that things come together: all blocks, all things of a colour."""
    scene = draw_families(rng, palette)
    voice = Voice(rng, scene)
    colour = rng.choice(voice.colours)
    name = rng.choice(('block', f'{colour} block', f'{colour} block', f'{colour} object', f'{colour} object'))
    what = voice.all(name, count_of(scene, name))
    text = rng.choice(
        ('gather {w}', 'group {w}', 'bring {w} together', 'put {w} close to each other', 'collect {w} in one spot',
         'cluster {w}', 'make a group of {w}', 'put {w} next to each other', 'make a heap of {w}', 'get {w} together',
         '{w} should be together', 'i want {w} near each other', 'assemble {w}', 'herd {w} together',
         'place {w} in one group', 'move {w} closer together')
    ).format(w=what.words)  # fmt: skip
    code = f'group({what.code})'
    if rng.random() < 0.25:
        corner = rng.choice([*CORNERS, 'middle', 'left side', 'right side'])
        where = voice.place(corner)
        text, code = f'{text} {where.words}', f'group({what.code}, {where.code})'
    return finish('group', rng, scene, text, code)
