"""Kinds of task that move certain things somewhere: one clause, several clauses, telegrams, any thing of a kind."""

from __future__ import annotations

import random

from vlm_robot.training import planner_wordings
from vlm_robot.training import program_words as words
from vlm_robot.training.planner_tasks import join_clauses, Palette
from vlm_robot.training.program_clauses import frame, say_move, VERBS, write_body
from vlm_robot.training.program_tasks import add_thing, draw_table, ProgramTask, Turn
from vlm_robot.training.program_voice import call, colour_of, Phrase, Voice


def put(what: Phrase, where: Phrase) -> list[str]:
    """Return the code that puts what somewhere."""
    return [f'put({what.code}, {where.code})']


def single(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write one clause about one block, seen or not."""
    scene = draw_table(rng, palette)
    voice = Voice(rng, scene)
    block = rng.choice(voice.blocks)
    if rng.random() < 0.06:  # what is not there is named all the same
        block = f'{rng.choice(palette.invented or palette.colours)} block'
    what, where = voice.the(block, one=True), voice.destination(block)
    roll = rng.random()
    if roll < 0.10:
        what = voice.the('block')
    elif roll < 0.20:
        what = voice.a(rng.choice(('block', block.rstrip(' 0123456789'))))
    if voice.bowls and rng.random() < 0.16:
        bowl = rng.choice(voice.bowls).rstrip(' 0123456789')
        target = rng.choice((voice.the('bowl'), voice.a('bowl'), voice.a(bowl)))
        where = Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    return ProgramTask(
        'single', scene, (Turn(frame(rng, say_move(rng, what.words, where.words)), put(what, where)[0]),)
    )


def plain(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write one clause in the plainest words: the block and a bowl are certain, or any, or named."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = False
    block, bowl = (rng.choice(group).rstrip(' 0123456789') for group in (voice.blocks, voice.bowls))
    forms = {'the': lambda name: Phrase(f'the {name}', call('the', name)), 'a': voice.a}
    what = forms[rng.choice(('the', 'the', 'a'))](rng.choice((block, 'block')))
    target = forms[rng.choice(('the', 'the', 'a'))](rng.choice((bowl, 'bowl')))
    if rng.random() < 0.3:
        where = voice.place()
    else:
        where = Phrase(f'{rng.choice(("in", "in", "into", "inside", "on"))} {target.words}', target.code)
    return ProgramTask(
        'single', scene, (Turn(say_move(rng, what.words, where.words, plain=True), put(what, where)[0]),)
    )


def thing(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write one clause about something that is no block."""
    scene = draw_table(rng, palette)
    name = rng.choice(planner_wordings.THINGS)
    if rng.random() < 0.75:
        scene = add_thing(scene, name)
    voice = Voice(rng, scene)
    what, where = voice.the(name), voice.destination()
    if rng.random() < 0.2:
        what = voice.the(rng.choice(voice.blocks))
        target = voice.the(name)
        if rng.random() < 0.5:
            where = Phrase(f'{rng.choice(words.ON_WORDS)} {target.words}', target.code)
        else:
            way = rng.choice(('left', 'right', 'top', 'bottom'))
            said = rng.choice(words.BESIDE_WORDS[way])
            where = Phrase(f'{said} {target.words}', f"beside({target.code}, '{way}')")
    return ProgramTask('thing', scene, (Turn(frame(rng, say_move(rng, what.words, where.words)), put(what, where)[0]),))


def clauses(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write two to four clauses, each about another block; pronouns point back."""
    count = rng.choice((2, 2, 2, 3, 3, 4))
    scene = draw_table(rng, palette, least_blocks=count)
    voice = Voice(rng, scene)
    parts: list[tuple[str, list[str]]] = []
    last = None
    for block in rng.sample(voice.blocks, count):
        what, where = voice.the(block, one=True), voice.destination(block)
        if last and rng.random() < 0.12:
            where = Phrase(
                rng.choice(('on it', 'on top of it', 'on that', 'on top', 'onto it', 'on top of that one')), last
            )
        text = say_move(rng, what.words, where.words, plain=rng.random() < 0.5)
        if parts and rng.random() < 0.3:
            text = f'{what.words} {where.words}'
        parts.append((text, put(what, where)))
        last = what.code
    if count == 2 and rng.random() < 0.15:
        return ProgramTask('clauses', scene, (_reverse(rng, parts),))
    text = join_clauses(rng, [said for said, _ in parts], words.OPENINGS, words.JOINS)
    return ProgramTask('clauses', scene, (Turn(frame(rng, text), write_body(parts)),))


def _reverse(rng: random.Random, parts: list[tuple[str, list[str]]]) -> Turn:
    """Say the second clause first: before, after."""
    (first, _), (second, _) = parts
    text = rng.choice(
        (
            'before you do this: {b}, do that: {a}',
            '{b}, but first {a}',
            '{b}, but before that {a}',
            'last of all {b}, and first {a}',
            '{b}. do this before: {a}',
            'at the end {b}, at the beginning {a}',
        )
    ).format(a=first, b=second)
    return Turn(text, write_body(parts))


def both(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that two or three named blocks go to one place, or to two places respectively."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=1)
    voice = Voice(rng, scene)
    chosen = rng.sample(voice.blocks, min(len(voice.blocks), rng.choice((2, 2, 3))))
    names = [voice.the(block) for block in chosen]
    where = voice.inside() if rng.random() < 0.65 else voice.place()
    verb = rng.choice(VERBS)[0]
    said = f'{", ".join(name.words for name in names[:-1])} and {names[-1].words}'
    if rng.random() < 0.5 and not any(block[-1].isdigit() for block in chosen):
        colours = [colour_of(block) for block in chosen]
        article = rng.choice(('the', 'the', 'both the' if len(chosen) == 2 else 'the', ''))
        said = (
            f'{article} {", ".join(colours[:-1])} and {colours[-1]} {rng.choice(("blocks", "cubes", "ones", "block"))}'
        )
    tail = rng.choice(('', '', '', ' together', ' one after the other', ', please'))
    text = f'{verb} {said.strip()} {where.words}{tail}'
    if rng.random() < 0.12:
        text = rng.choice(words.STATEMENTS).format(w=said, t=where.words)
    body = f'put([{", ".join(name.code for name in names)}], {where.code})'
    return ProgramTask('both', scene, (Turn(frame(rng, text), body),))


def telegram(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write the fewest words: things and where, without verbs or articles."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare, voice.is_vivid, voice.is_steady = True, False, True
    block, target = rng.choice(voice.blocks), rng.choice(voice.bowls)
    what = voice.the(block)
    roll = rng.random()
    if roll < 0.4:
        where = voice.the(target)
        glue = rng.choice((' ', ' -> ', ', ', ' in ', ' to ', ' into ', ': ', ' > ', ' => ', ' ... '))
    elif roll < 0.6:
        place = voice.place()
        where, glue = (
            Phrase(place.words.split(' ', 1)[1], place.code),
            rng.choice((' ', ' -> ', ', ', ' to ', ': ', ' > ')),
        )
    elif roll < 0.8:  # colours alone: red in green is a block in a bowl, red on green two blocks
        bowl = rng.random() < 0.6
        pool = voice.bowls if bowl else [name for name in voice.blocks if name != block] or voice.bowls
        other = rng.choice(pool)
        is_in = other in voice.bowls
        what, where = Phrase(colour_of(block), what.code), Phrase(colour_of(other), call('the', other))
        glue = rng.choice((' in ', ' into ', ' inside ')) if is_in else rng.choice((' on ', ' onto ', ' on top of '))
        if rng.random() < 0.6:
            what = Phrase(f'{rng.choice(VERBS[:8])[0]} {what.words}', what.code)
    else:
        what, where, glue = (
            Phrase(rng.choice(('block', 'cube')), "the('block')"),
            voice.the(target),
            rng.choice((' in ', ' ')),
        )
    return ProgramTask('telegram', scene, (Turn(what.words + glue + where.words, put(what, where)[0]),))
