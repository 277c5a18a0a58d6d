"""Kinds of task about sets: all of them, some, all but one, those of a colour, own and other colours."""

from __future__ import annotations

import random

from vlm_robot.training import program_frames as frames
from vlm_robot.training import program_words as words
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_clauses import frame, say_move, VERBS
from vlm_robot.training.program_tasks import count_of, draw_families, draw_table, ProgramTask, Turn
from vlm_robot.training.program_voice import call, colour_of, Phrase, Voice


def finish(kind: str, rng: random.Random, scene, text: str, body: str) -> ProgramTask:
    """Return a task of one turn in a polite frame."""
    return ProgramTask(kind, scene, (Turn(frame(rng, text), body),))


def choose_where(rng: random.Random, voice: Voice) -> Phrase:
    """Return where a set goes: a bowl, the bowl, any bowl, a place, beside a bowl."""
    roll = rng.random()
    if voice.bowls and roll < 0.4:
        return voice.inside()
    if voice.bowls and roll < 0.55:
        target = rng.choice((voice.the('bowl'), voice.the('bowl'), voice.a('bowl')))
        return Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    if voice.bowls and roll < 0.6:
        return voice.beside(rng.choice(voice.bowls))
    if roll < 0.66:
        return Phrase(
            rng.choice(('in a corner', 'in any corner', 'into some corner', 'to one of the corners')), "a('corner')"
        )
    return voice.place()


def everything(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that all blocks, or all of a colour, go somewhere."""
    scene = draw_families(rng, palette) if rng.random() < 0.45 else draw_table(rng, palette)
    voice = Voice(rng, scene)
    name = 'block' if rng.random() < 0.6 else f'{rng.choice(voice.colours)} block'
    what, where = voice.all(name, count_of(scene, name)), choose_where(rng, voice)
    if name != 'block' and rng.random() < 0.25:
        colour, many, one = name.removesuffix(' block'), voice.plural('block'), voice.noun('block')
        said = rng.choice(('all {m} that are {c}', 'every {n} that is {c}', 'the {m} which are {c}',
                           'each {n} which is {c}', 'whatever {m} are {c}', 'every {n} painted {c}',
                           'any {m} that happen to be {c}', 'all {m} of {c} colour', 'the {m} in {c}',
                           'anything {c} among the {m}'))  # fmt: skip
        if count_of(scene, name) == 2 and rng.random() < 0.3:
            said = rng.choice(
                ('the pair of {c} {m}', 'the {c} pair', 'the two {c} ones', 'both {c} ones', 'the {c} twins')
            )
        what = Phrase(said.format(m=many, n=one, c=colour), what.code)
    text = say_move(rng, what.words, where.words, many=True)
    if where.code.startswith("the('") and rng.random() < 0.2:
        text = rng.choice(
            ('gather {w} {t}', 'collect {w} {t}', 'tidy {w} away {t}', 'clear {w} away {t}', 'fill {d} with {w}',
             'clean up: {w} {t}', 'throw {w} together {t}', '{d} should hold {w}')
        ).format(w=what.words, t=where.words, d=where.words.split(' ', 1)[1])  # fmt: skip
    return finish('all', rng, scene, text, f'put({what.code}, {where.code})')


def number(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that a number of blocks go somewhere, of one colour or of two."""
    scene = draw_families(rng, palette) if rng.random() < 0.6 else draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    name = 'block' if rng.random() < 0.55 else f'{rng.choice(voice.colours)} block'
    where = choose_where(rng, voice)
    count = rng.choice((2, 2, 3, 3, 4, 5))
    what = voice.some(name, count)
    if len(voice.colours) > 1 and rng.random() < 0.2:
        one, two = (f'{colour} block' for colour in rng.sample(voice.colours, 2))
        first = Phrase(f'one {voice.bare(one)}', call('a', one))
        second = voice.some(two, count)
        text = say_move(rng, f'{first.words} and {second.words}', where.words, many=True, plain=True)
        return finish('number', rng, scene, text, f'put([{first.code}, {second.code}], {where.code})')
    return finish(
        'number', rng, scene, say_move(rng, what.words, where.words, many=True), f'put({what.code}, {where.code})'
    )


def negation(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write about blocks by what they are not."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    where = choose_where(rng, voice)
    block = rng.choice(voice.blocks)
    label, colour = block.rstrip(' 0123456789'), colour_of(block)
    spared, noun = voice.the(block, one=True), voice.noun('block')
    rule = call('all', label)
    roll = rng.random()
    if roll < 0.35:  # all but one, or all but a colour
        everyone = voice.all('block').words
        but = rng.choice(words.BUT_WORDS)
        ones = rng.random() < 0.3
        left = f'the {colour} ones' if ones else spared.words
        code = call('all', 'block', but=rule if ones else spared.code)
        text = say_move(rng, f'{everyone} {but} {left}', where.words, many=True, plain=True)
        if rng.random() < 0.3:
            rest = rng.choice(frames.THE_OTHERS)
            others = say_move(rng, rest, where.words, many=True, plain=True)
            text = rng.choice(frames.SPARE_FIRST).format(l=left, m=others)
        elif rng.random() < 0.35:
            text = say_move(rng, everyone, where.words, many=True, plain=True)
            text += rng.choice(frames.SPARE_LAST).format(l=left)
    elif roll < 0.55 and len(voice.colours) > 1:  # neither ... nor
        other = rng.choice([c for c in voice.colours if c != colour])
        rule = f'[{rule}, {call("all", f"{other} block")}]'
        many = rng.random() < 0.4
        one = rng.choice((('a', noun, 'is'), ('any', noun, 'is'), ('one', noun, 'is')))
        article, nouns, verb = ('all', voice.plural('block'), 'are') if many else one
        said = rng.choice(frames.NEITHER).format(a=article, n=nouns, v=verb, x=colour, y=other)
        code = call('all' if many else 'a', 'block', but=rule)
        text = say_move(rng, said, where.words, many=many, plain=True)
    else:
        said, code = _not_colour(rng, voice, colour, rule, spared)
        text = say_move(rng, said, where.words, many=code.startswith('all'), plain=rng.random() < 0.6)
    return finish('negation', rng, scene, text, f'put({code}, {where.code})')


def _not_colour(rng: random.Random, voice: Voice, colour: str, rule: str, spared: Phrase) -> tuple[str, str]:
    """Return words and code of blocks that are not of a colour: any, the one, or all of them."""
    noun, many = voice.noun('block'), voice.plural('block')
    choices = [
        (f"a {noun} that isn't {colour}", 'a', rule),
        (f'a {noun} which is not {colour}', 'a', rule),
        (f'any {noun} that is not {colour}', 'a', rule),
        (f'a non-{colour} {noun}', 'a', rule),
        (f'some {noun} of another colour than {colour}', 'a', rule),
        (f'any {noun} but {spared.words}', 'a', spared.code),
        (f'anything but {spared.words}', 'a', spared.code),
        (f'a {noun} other than {spared.words}', 'a', spared.code),
        (f'any other {noun} than {spared.words}', 'a', spared.code),
        (f'a {noun}, but not {spared.words},', 'a', spared.code),
        (f'a {noun}, not {spared.words},', 'a', spared.code),
        (f"the {noun} that isn't {colour}", 'the', rule),
        (f'the {noun} that is not {colour}', 'the', rule),
        (f'the non-{colour} {noun}', 'the', rule),
        (f'the {noun} which is not {colour}', 'the', rule),
        (f'all {many} that are not {colour}', 'all', rule),
        (f'the {many} which are not {colour}', 'all', rule),
        (f'every {noun} that is not {colour}', 'all', rule),
        (f'every non-{colour} {noun}', 'all', rule),
        (f"all {many} that aren't {colour}", 'all', rule),
    ]
    said, function, but = rng.choice(choices)
    return said, call(function, 'block', but=but)


def matching(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that every block goes to the bowl of its colour, or of another colour."""
    scene = draw_table(rng, palette, least_blocks=1, least_bowls=1)
    voice = Voice(rng, scene)
    one, many, bowl, bowls = voice.noun('block'), voice.plural('block'), voice.noun('bowl'), voice.plural('bowl')
    verb = rng.choice(VERBS)[0]
    prep = rng.choice(('in', 'into', 'in', 'on', 'to', 'inside'))
    is_same = rng.random() < 0.55
    name = 'block' if rng.random() < 0.85 else f'{rng.choice(voice.colours)} block'
    singular = rng.random() < 0.5
    if singular:
        adjective = name.removesuffix('block')
        what = f'{rng.choice(("every", "each", "every single"))} {adjective}{one}'
        own = frames.OWN_EACH  # fmt: skip
        other = frames.OTHER_EACH
    else:
        what = voice.all(name).words
        own = frames.OWN_ALL  # fmt: skip
        other = frames.OTHER_ALL  # fmt: skip
    text = f'{verb} {what} {prep} {rng.choice(own if is_same else other).format(b=bowl, p=bowls)}'
    if is_same and rng.random() < 0.3 and name == 'block':
        text = rng.choice(
            frames.SORT
        ).format(w=many, o=bowls, o1=bowl)  # fmt: skip
    elif not is_same and rng.random() < 0.2 and name == 'block':
        text = rng.choice(
            frames.MISMATCH
        ).format(w=many, w1=one, o=bowls, o1=bowl)  # fmt: skip
    target = "the('bowl', colour_of=b)" if is_same else "a('bowl', not_colour_of=b)"
    return finish('matching', rng, scene, text, f'for b in {call("all", name)}:\n    put(b, {target})')


def own_bowl(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write about one block and the bowl of its colour or of another, or blocks of a colour in a bowl each."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    block, bowl = rng.choice(voice.blocks), voice.noun('bowl')
    what = voice.the(block)
    prep = rng.choice(('in', 'into', 'in', 'on', 'to', 'inside'))
    own = (
        'the {b} of the same colour',
        'its own {b}',
        'the {b} with the same color',
        'the matching {b}',
        'the {b} that matches',
    )
    other = (
        'a {b} of another colour',
        'a {b} of a different color',
        'a {b} that does not match',
        'a differently coloured {b}',
    )
    is_same = rng.random() < 0.5
    where = f'{prep} {rng.choice(own if is_same else other).format(b=bowl)}'
    options = {'colour_of' if is_same else 'not_colour_of': what.code}
    code = call('the' if is_same else 'a', 'bowl', **options)
    return finish('matching', rng, scene, say_move(rng, what.words, where, plain=True), f'put({what.code}, {code})')


def spread(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that blocks of a colour go into bowls of a colour, each into another if there are several."""
    scene = draw_families(rng, palette)
    voice = Voice(rng, scene)
    colour = rng.choice(voice.colours)
    bowl = rng.choice([name.rstrip(' 0123456789') for name in voice.bowls] or ['bowl'])
    what, target = voice.all(f'{colour} block', count_of(scene, f'{colour} block')), voice.a(bowl)
    where = f'{rng.choice(words.IN_WORDS[:8])} {target.words}'
    body = f'for b in {what.code}:\n    put(b, {target.code})'
    return finish('spread', rng, scene, say_move(rng, what.words, where, many=True, plain=True), body)
