"""Kinds of task for single skills: drawer, push, sweep, hand over, pick, place what is held, swap, home; conditions."""

from __future__ import annotations

import random

from vlm_robot.training import planner_wordings
from vlm_robot.training import program_frames as frames
from vlm_robot.training import program_words as words
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_clauses import say_move, VERBS
from vlm_robot.training.program_sets import finish
from vlm_robot.training.program_tasks import add_thing, draw_table, hold, ProgramTask
from vlm_robot.training.program_voice import call, DIRECTIONS, Phrase, Voice
from vlm_robot.vocabulary import LOCATIONS

OPEN = "open('drawer')"
CLOSE = "close('drawer')"
ENSURE_OPEN = f"assert is_open('drawer'), {OPEN}"


def drawer(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write about the drawer: open it, close it, put something in it."""
    scene = draw_table(rng, palette)
    if rng.random() < 0.85:
        scene = add_thing(scene, 'drawer')
    voice = Voice(rng, scene)
    noun = rng.choice(('the drawer', 'the drawer', 'the drawer', 'drawer', 'the desk drawer', 'the table drawer'))
    roll = rng.random()
    if roll < 0.2:
        text = rng.choice(frames.OPEN_DRAWER)  # fmt: skip
        return finish('drawer', rng, scene, text.format(d=noun), OPEN)
    if roll < 0.4:
        text = rng.choice(frames.CLOSE_DRAWER)  # fmt: skip
        return finish('drawer', rng, scene, text.format(d=noun), CLOSE)
    what = voice.all('block') if rng.random() < 0.15 else voice.the(rng.choice([*voice.blocks, 'block']))
    if rng.random() < 0.15:
        what = voice.a('block')
    many = what.code.startswith('all')
    text = say_move(rng, what.words, f'{rng.choice(("in", "into", "inside", "in"))} {noun}', many=many)
    if rng.random() < 0.15:
        text = rng.choice(
            (f'store {what.words} in {noun}', f'hide {what.words} in {noun}', f'{noun} is for {what.words}')
        )
    lines = [ENSURE_OPEN, f"put({what.code}, the('drawer'))"]
    if rng.random() < 0.25:
        opening = rng.choice((f'open {noun}', f'pull {noun} open'))
        text = f'{opening}{rng.choice((" and ", " and then ", ", then ", ". "))}{text}'
        lines[0] = OPEN
    if rng.random() < 0.35:
        text += rng.choice(frames.AND_CLOSE)  # fmt: skip
        lines.append(CLOSE)
    return finish('drawer', rng, scene, text, '\n'.join(lines))


def push(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that something is pushed or swept."""
    scene = draw_table(rng, palette)
    if rng.random() < 0.4:
        return _sweep(rng, palette)
    voice = Voice(rng, scene)
    way = rng.choice(DIRECTIONS)
    said = {
        'left': ('to the left', 'left', 'leftwards', 'towards the left', 'a bit to the left',
        'to your right hand side, my left', 'a little left'),
        'right': ('to the right', 'right', 'rightwards', 'towards the right', 'a bit to the right', 'a little right'),
        'top': ('to the top', 'up', 'upwards', 'away from me', 'towards the robot', 'to the back', 'backwards',
        'towards you', 'towards the top'),
        'bottom': ('to the bottom', 'down', 'downwards', 'towards me', 'away from the robot', 'to the front',
                   'forwards', 'towards the bottom'),
    }[way]  # fmt: skip
    what = voice.the(rng.choice([*voice.blocks, *voice.blocks, 'block']), one=True)
    verb = rng.choice(
        ('push', 'push', 'push', 'slide', 'shove', 'nudge', 'give a push to', 'slide', 'shift with a push')
    )
    text = f'{verb} {what.words} {rng.choice(said)}'
    return finish('push', rng, scene, text, f"push({what.code}, '{way}')")


def _sweep(rng: random.Random, palette: Palette) -> ProgramTask:
    scene = draw_table(rng, palette)
    if rng.random() < 0.85:
        scene = add_thing(scene, 'pile')
    voice = Voice(rng, scene)
    noun = rng.choice(
        (
            'the pile',
            'the pile',
            'the heap',
            'the crumbs',
            'the pile of crumbs',
            'the beans',
            'the small pieces',
            'the mess',
            'the pile of beans',
        )
    )
    place = rng.choice([name for name in LOCATIONS if 'corner' not in name])
    verb = rng.choice(('sweep', 'sweep', 'sweep', 'wipe', 'brush', 'push', 'sweep away', 'broom', 'clear'))
    text = f'{verb} {noun} {voice.place(place).words}'
    return finish('sweep', rng, scene, text, f"sweep(the('pile'), '{place}')")


def grasp(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that something is picked up, held or handed over, or that the arm goes home."""
    scene = draw_table(rng, palette)
    roll = rng.random()
    if roll < 0.12:
        text = rng.choice(('go home', 'return to your home position', 'move the arm home', 'take your start position',
                           'home', 'go back to start', 'rest', 'take a rest position', 'go back to rest',
                           'return to the start pose', 'go and rest', 'resume your home pose',
                           'drive the arm to its rest position', 'go to the home pose', 'park the arm', 'arm home',
                           'back to the home position', 'move back out of the way'))  # fmt: skip
        return finish('home', rng, scene, text, 'go_home()')
    voice = Voice(rng, scene)
    what = voice.the(rng.choice([*voice.blocks, *voice.blocks, 'block']))
    if rng.random() < 0.15:
        what = voice.a(rng.choice(('block', voice.blocks[0].rstrip(' 0123456789'))))
    if roll < 0.5:
        text = rng.choice(('hand me {w}', 'give me {w}', 'hand over {w}', 'pass me {w}', 'give {w} to me',
                           'hand {w} over to me', 'i want to have {w} in my hand', 'bring me {w}', 'let me have {w}',
                           'can i get {w} from you', 'pass {w} over', 'reach me {w}',
                           'i would like {w}, hand it to me', 'bring {w} to me', 'pick up {w} and give it to me',
                           'take {w} and hand it to me'))  # fmt: skip
        return finish('hand over', rng, scene, text.format(w=what.words), f'hand_over({what.code})')
    text = rng.choice(('pick up {w}', 'grab {w}', 'grasp {w}', 'lift {w}', 'take {w}', 'hold {w}', 'pick {w} up',
                       'take hold of {w}', 'lift up {w}', 'get hold of {w}', 'take {w} in your hand',
                       'keep {w} in your gripper', 'hold {w} in the air', 'raise {w}',
                       'grab {w} and hold it'))  # fmt: skip
    return finish('pick', rng, scene, text.format(w=what.words), f'pick({what.code})')


def held(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write what happens to the block in the hand."""
    scene = draw_table(rng, palette)
    block = rng.choice(scene.names if rng.random() < 0.2 else [name for name in scene.names if 'block' in name])
    scene = hold(scene, block)
    voice = Voice(rng, scene)
    roll = rng.random()
    it = rng.choice(
        ('it', 'it', 'it', 'that', 'what you hold', 'what you are holding', 'the thing in your hand', 'this')
    )
    if roll < 0.15:
        text = rng.choice(
            ('hand {i} over', 'give {i} to me', 'give me {i}', 'hand me {i}', 'pass {i} to me', 'let me have {i}')
        )
        return finish('held', rng, scene, text.format(i=it), f'hand_over({call("the", block)})')
    if roll < 0.35:
        text = rng.choice(('put {i} down', 'set {i} down', 'let go of {i}', 'lay {i} down', 'release {i}', 'drop {i}',
                           'let {i} go', 'put {i} on the table', 'open your hand', 'open the gripper',
                           'place {i} on the table', 'lower {i} and let go'))  # fmt: skip
        return finish('held', rng, scene, text.format(i=it), "place('table')")
    where = voice.destination(block)
    if roll < 0.55:  # another thing than the one in the hand
        others = [name for name in voice.blocks if name != block]
        if others:
            what = voice.the(rng.choice(others))
            return finish('held', rng, scene, say_move(rng, what.words, where.words), f'put({what.code}, {where.code})')
    if roll < 0.75:
        what = voice.the(block)
        return finish('held', rng, scene, say_move(rng, what.words, where.words), f'put({what.code}, {where.code})')
    text = f'{rng.choice(VERBS)[0]} {it} {where.words}'
    return finish('held', rng, scene, text, f'place({where.code})')


def swap(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that two things change places."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    a, b = rng.sample(voice.blocks, 2)
    one, two = voice.the(a), voice.the(b)
    said = f'{one.words} and {two.words}'
    if rng.random() < 0.2 and not a[-1].isdigit() and not b[-1].isdigit():
        said = f'the {a.rsplit(" ", 1)[0]} and the {b.rsplit(" ", 1)[0]} {rng.choice(("block", "one", "cube"))}'
    text = rng.choice(
        ('swap {w}', 'exchange {w}', 'switch {w}', 'swap the places of {w}', 'let {w} change places',
         'exchange the positions of {w}', '{w} should change places', 'swap {a} with {b}', 'switch {a} with {b}',
         'exchange {a} for {b}', 'put {a} where {b} is and {b} where {a} is', 'trade places between {w}',
         'interchange {w}', '{a} and {b} swap places')
    ).format(w=said, a=one.words, b=two.words)  # fmt: skip
    return finish('swap', rng, scene, text, f'swap({one.code}, {two.code})')


def condition(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write a command that holds under a condition."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = False
    test, negated, code = _test(rng, voice)
    block, other = rng.sample(voice.blocks, 2)
    do = []
    for name in (block, other):
        what, where = voice.the(name), voice.destination(name)
        do.append((say_move(rng, what.words, where.words, plain=True), f'put({what.code}, {where.code})'))
    (first, first_code), (second, second_code) = do
    roll = rng.random()
    if rng.random() < 0.15 and not code.startswith('is_in'):
        what = voice.the(other)
        second = rng.choice((f'put {what.words} there', f'{what.words} there', f'move {what.words} there'))
        second_code = f'put({what.code}, {first_code.split(", ", 1)[1]}'
    if roll < 0.35:
        comma = rng.choice((', ', ', ', ' then ', ', then '))
        text = (
            f'{rng.choice(("if", "if", "in case", "when"))} {test}{comma}{first}'
            if rng.random() < 0.7
            else f'{first} if {test}'
        )
        return as_condition(rng, scene, text, f'if {code}:\n    {first_code}')
    if roll < 0.7:
        otherwise = rng.choice((', otherwise ', ', else ', '; if not, ', '. otherwise ', '; otherwise ', ' or else '))
        opening = rng.choice(('if', 'if', 'if', 'in the case that', 'should it be that', 'provided that', 'when'))
        text = f'{opening} {test}, {first}{otherwise}{second}'
        return as_condition(rng, scene, text, f'if {code}:\n    {first_code}\nelse:\n    {second_code}')
    negative = _deny(code)
    if roll < 0.85:
        text = f'{first} unless {test}' if rng.random() < 0.7 else f'unless {test}, {first}'
    else:
        text = f'if {negated}, {first}' if rng.random() < 0.7 else f'{first} if {negated}'
    return as_condition(rng, scene, text, f'if {negative}:\n    {first_code}')


def _deny(code: str) -> str:
    """Return the contrary of a condition; counts are turned round, since a program denies checks only."""
    for sign, contrary in ((' > ', ' <= '), (' < ', ' >= ')):
        if sign in code:
            return code.replace(sign, contrary)
    return f'not {code}'


def as_condition(rng: random.Random, scene, text: str, body: str) -> ProgramTask:
    """Return a task of the kind ``condition``."""
    return finish('condition', rng, scene, text, body)


def _test(rng: random.Random, voice: Voice) -> tuple[str, str, str]:
    """Return words, the words of the contrary, and the code of a condition."""
    thing, bowl = voice.the(rng.choice(voice.blocks)), voice.the(rng.choice(voice.bowls))
    roll = rng.random()
    if roll < 0.3:
        prep = rng.choice(('in', 'in', 'inside'))
        return (
            f'{thing.words} is {prep} {bowl.words}',
            f'{thing.words} is not {prep} {bowl.words}',
            f'is_in({thing.code}, {bowl.code})',
        )
    if roll < 0.42:
        other = voice.the(rng.choice([name for name in voice.blocks if call('the', name) != thing.code]))
        return (
            f'{thing.words} is on {other.words}',
            f"{thing.words} isn't on {other.words}",
            f'is_on({thing.code}, {other.code})',
        )
    if roll < 0.54:
        place = rng.choice(tuple(LOCATIONS))
        said = f'at {voice.spot(place)}'
        return f'{thing.words} is {said}', f'{thing.words} is not {said}', f"is_at({thing.code}, '{place}')"
    if roll < 0.74:
        name = rng.choice([rng.choice(voice.blocks), f'{rng.choice(planner_wordings.TRAIN_COLOURS)} block', 'apple'])
        said = voice.bare(name)
        code = f'exists({call("all", name)})'
        return f'there is a {said}', f'there is no {said}', code
    if roll < 0.84:
        code = f'is_clear({thing.code})'
        return (f'nothing is on {thing.words}', f'something is on {thing.words}', code) if rng.random() < 0.6 else (
            f'{thing.words} is free', f'{thing.words} is not free', code)  # fmt: skip
    return _count(rng, voice, bowl)


def _count(rng: random.Random, voice: Voice, bowl: Phrase) -> tuple[str, str, str]:
    """Return words, contrary and code of a condition on how many there are."""
    count = rng.choice((1, 2, 3))
    many = voice.plural('block')
    number = words.NUMERALS[count]
    if rng.random() < 0.5:
        return (
            f'there are more than {number} {many}',
            f'there are at most {number} {many}',
            f"count(all('block')) > {count}",
        )
    return (
        f'{bowl.words} is empty',
        f'{bowl.words} is not empty',
        f'count({call("all", "block", inside=bowl.code)}) < 1',
    )


def ensure(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that something must be clear before it is used."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    block = rng.choice(voice.blocks)
    what, where = voice.the(block), voice.destination(block)
    clear = rng.choice(('make sure nothing is on {w} and then', 'if something lies on {w}, take it off first, then',
                        'clear {w} first, then', 'free {w} and', 'check that {w} is clear, then'))  # fmt: skip
    text = f'{clear.format(w=what.words)} {rng.choice(VERBS)[0]} it {where.words}'
    body = f'assert is_clear({what.code}), unstack({what.code})\nput({what.code}, {where.code})'
    return finish('ensure', rng, scene, text, body)
