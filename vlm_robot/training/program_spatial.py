"""Kinds of task that tell things apart by where they are: ranks, neighbours, distances, areas, in and on, shades."""

from __future__ import annotations

import random

from vlm_robot.training import program_words as words
from vlm_robot.training.planner_tasks import join_clauses, Palette
from vlm_robot.training.program_clauses import frame, say_move, write_body
from vlm_robot.training.program_sets import choose_where, finish
from vlm_robot.training.program_tasks import draw_families, draw_table, ProgramTask, Turn
from vlm_robot.training.program_voice import call, DIRECTIONS, Phrase, Voice
from vlm_robot.vocabulary import LOCATIONS

RELATIONS = ('left_of', 'right_of', 'above', 'below', 'closest_to', 'farthest_from', 'next_to')


def choose_anchor(rng: random.Random, voice: Voice, spared: str = '') -> Phrase:
    """Return a thing that others are compared with, or a place."""
    names = [name for name in voice.blocks + voice.bowls if name != spared]
    if names and rng.random() < 0.85:
        return voice.the(rng.choice(names))
    place = rng.choice(tuple(LOCATIONS))
    return Phrase(voice.spot(place), f"'{place}'")


def rank(rng: random.Random, voice: Voice, name: str) -> Phrase:
    """Name a thing by its rank from one side."""
    way, count = rng.choice(DIRECTIONS), rng.choice((1, 1, 1, 2, 2, 3, 3, 4, 5))
    noun = voice.bare(name)
    ordinal = rng.choice(words.ORDINALS[count])
    side = {'top': ('the top', 'the back', 'above', 'the top side', 'the upper side'),
        'left': ('the left', 'left', 'the left side'),
            'right': ('the right', 'right', 'the right side'),
            'bottom': ('the bottom', 'the front', 'below', 'the bottom side', 'the lower side')}[way]  # fmt: skip
    if count == 1 and rng.random() < 0.65:
        said = f'the {rng.choice(words.MOST[way])} {noun}'
        if rng.random() < 0.3:
            far = rng.choice(('furthest {w}', 'farthest {w}', 'furthest to the {w}', 'at the far {w}',
                              'on the far {w}', 'that is on the far {w}', 'most to the {w}', 'that is furthest {w}',
                              'at the {w} end', 'on the outer {w}', 'closest to the {w} edge'))  # fmt: skip
            said = f'the {noun} {far.format(w=way)}'
        if rng.random() < 0.12:
            said = {'top': f'the {noun} closest to the robot', 'bottom': f'the {noun} closest to me'}.get(way, said)
    else:
        said = rng.choice(
            (f'the {ordinal} {noun} from {rng.choice(side)}', f'{noun} number {count} from {rng.choice(side)}',
             f'the {ordinal} {noun} counted from {rng.choice(side)}', f'the {ordinal} {noun} from {rng.choice(side)}',
             f'the {ordinal} {noun} when you count from {rng.choice(side)}',
             f'the {noun} that is {ordinal} from {rng.choice(side)}')
        )  # fmt: skip
        if count > 1 and way in ('left', 'right', 'top', 'bottom') and rng.random() < 0.15:
            said = f'the {ordinal} {rng.choice(words.MOST[way][:2])} {noun}'
    return Phrase(said, call('the', name, **{f'from_{way}': str(count)}))


def related(rng: random.Random, voice: Voice, name: str) -> Phrase:
    """Name a thing by another thing or place: left of it, closest to it ..."""
    relation = rng.choice(RELATIONS)
    anchor = choose_anchor(rng, voice, name)
    noun = voice.bare(name)
    said = rng.choice(words.WHERE_WORDS[relation])
    if relation in ('closest_to', 'farthest_from') and rng.random() < 0.3:
        near = {'closest_to': ('closest', 'nearest'), 'farthest_from': ('farthest', 'furthest', 'most distant')}[
            relation
        ]
        glue = 'to' if relation == 'closest_to' or rng.random() < 0.2 else 'from'
        return Phrase(
            f'the {rng.choice(near)} {noun} {glue} {anchor.words}', call('the', name, **{relation: anchor.code})
        )
    many = relation not in ('closest_to', 'farthest_from') and rng.random() < 0.2
    if many:
        plural = voice.many(name)
        said = said.replace('that is', 'that are').replace('which is', 'which are').replace('that lies', 'that lie')
        return Phrase(
            f'{rng.choice(("all the", "the", "all"))} {plural} {said} {anchor.words}',
            call('all', name, **{relation: anchor.code}),
        )
    function, article = (
        ('a', rng.choice(('a', 'any'))) if relation in RELATIONS[:4] and rng.random() < 0.12 else ('the', 'the')
    )
    return Phrase(f'{article} {noun} {said} {anchor.words}', call(function, name, **{relation: anchor.code}))


def located(rng: random.Random, voice: Voice, name: str) -> Phrase:
    """Name things by what they are in, on or at."""
    noun, many = voice.bare(name), voice.many(name)
    roll = rng.random()
    if voice.bowls and roll < 0.5:
        anchor = voice.the(rng.choice([*voice.bowls, 'bowl']))
        options = {'inside': anchor.code}
        said = rng.choice(
            ('in', 'inside', 'that is in', 'which lies in', 'that lies inside', 'within', 'from', 'sitting in')
        )
    elif roll < 0.75:
        anchor = voice.the(rng.choice(voice.blocks))
        options = {'on': anchor.code}
        said = rng.choice(('on', 'on top of', 'that is on', 'which lies on', 'sitting on', 'that stands on top of'))
    else:
        place = rng.choice(tuple(LOCATIONS))
        anchor, options = Phrase(voice.spot(place), f"'{place}'"), {'at': f"'{place}'"}
        said = rng.choice(('in', 'at', 'on', 'that is in', 'which lies at', 'that is at', 'standing at'))
    function = rng.choice(('the', 'the', 'the', 'all'))
    if function == 'all':
        said = said.replace(' is', ' are').replace('lies', 'lie').replace('stands', 'stand')
        return Phrase(
            f'{rng.choice(("all the", "the", "all"))} {many} {said} {anchor.words}', call('all', name, **options)
        )
    return Phrase(f'the {noun} {said} {anchor.words}', call('the', name, **options))


def shaded(rng: random.Random, voice: Voice, noun: str) -> Phrase:
    """Name a thing by its lightness."""
    shade = rng.choice(('light', 'dark'))
    said = rng.choice({'light': ('light', 'light', 'lighter', 'bright', 'pale', 'light coloured', 'light colored',
                                 'brightly coloured'),
                       'dark': ('dark', 'dark', 'darker', 'dark coloured', 'dark colored',
                       'deep coloured')}[shade])  # fmt: skip
    function = rng.choice(('the', 'the', 'a', 'all'))
    words_ = {
        'the': f'the {said} {voice.noun(noun)}',
        'a': f'a {said} {voice.noun(noun)}',
        'all': f'all {said} {voice.plural(noun)}',
    }
    return Phrase(words_[function], call(function, f'{shade} {noun}'))


def choose_by_place(rng: random.Random, voice: Voice, name: str) -> Phrase:
    """Name a thing by its rank, by a neighbour or by what it is in."""
    roll = rng.random()
    if roll < 0.42:
        return rank(rng, voice, name)
    return related(rng, voice, name) if roll < 0.82 else located(rng, voice, name)


def move(rng: random.Random, what: Phrase, where: Phrase) -> str:
    """Return a sentence that moves what somewhere."""
    return say_move(rng, what.words, where.words, many=what.code.startswith('all'), plain=rng.random() < 0.4)


def spatial(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write about a block by where it is."""
    scene = draw_families(rng, palette) if rng.random() < 0.35 else draw_table(rng, palette)
    voice = Voice(rng, scene)
    voice.is_bare = False
    name = 'block' if rng.random() < 0.7 else f'{rng.choice(voice.colours)} block'
    what, where = choose_by_place(rng, voice, name), choose_where(rng, voice)
    if rng.random() < 0.1:
        where = voice.destination()
    return finish('spatial', rng, scene, move(rng, what, where), f'put({what.code}, {where.code})')


def spatial_goal(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write where a block goes by a bowl's, corner's or side's place: the nearest corner, the leftmost bowl."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = False
    what = voice.the(rng.choice([*voice.blocks, *voice.blocks, 'block']))
    if rng.random() < 0.15:
        what = voice.a('block')
    roll = rng.random()
    if roll < 0.45:
        target = rank(rng, voice, 'bowl') if rng.random() < 0.5 else related(rng, voice, 'bowl')
        if target.code.startswith('all'):
            target = rank(rng, voice, 'bowl')
        where = Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    elif roll < 0.55:
        target = rank(rng, voice, 'block')
        where = Phrase(f'{rng.choice(words.ON_WORDS)} {target.words}', target.code)
    else:
        noun = rng.choice(('corner', 'corner', 'side'))
        relation = rng.choice(('closest_to', 'farthest_from'))
        anchor = choose_anchor(rng, voice)
        said = rng.choice(words.WHERE_WORDS[relation])
        target = f'the {noun} {said} {anchor.words}'
        if rng.random() < 0.25:
            near = rng.choice(('as close as possible to', 'as near as you can to', 'right by',
            'nearest') if relation == 'closest_to' else
                              ('as far as possible from', 'as far away as you can from', 'well away from',
                               'as far from it as possible, meaning from'))  # fmt: skip
            target = rng.choice((f'the {noun} {near} {anchor.words}', f'the {noun} which is {near} {anchor.words}'))
        elif rng.random() < 0.15:
            anchor = what if what.code.startswith('the') else anchor
            near = 'nearest' if relation == 'closest_to' else 'farthest'
            target = f'the {near} {noun}' if anchor is what else f'the {near} {noun} to {anchor.words}'
        where = Phrase(
            f'{rng.choice(("in", "to", "into", "at"))} {target}', call('the', noun, **{relation: anchor.code})
        )
    return finish('spatial', rng, scene, move(rng, what, where), f'put({what.code}, {where.code})')


def shades(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write about light and dark things."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    what, where = shaded(rng, voice, 'block'), choose_where(rng, voice)
    if voice.bowls and rng.random() < 0.2:
        target = shaded(rng, voice, 'bowl')
        if not target.code.startswith('all'):
            where = Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    return finish('shade', rng, scene, move(rng, what, where), f'put({what.code}, {where.code})')


def empty(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write that a bowl is emptied, or that something comes out of it."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    bowl = voice.the(rng.choice([*voice.bowls, 'bowl']))
    if rng.random() < 0.4:
        what = voice.the(rng.choice(voice.blocks))
        text = rng.choice(('take {w} out of {b}', 'get {w} out of {b}', 'remove {w} from {b}',
                           '{w} should come out of {b}', 'fetch {w} from {b} and put it on the table',
                           'lift {w} out of {b}'))  # fmt: skip
        return finish('empty', rng, scene, text.format(w=what.words, b=bowl.words), f"put({what.code}, 'table')")
    text = rng.choice(('empty {b}', 'take everything out of {b}', 'clear {b} out', 'remove all blocks from {b}',
                       'clear {b}', '{b} should be empty', 'unload {b}', 'get everything out of {b}',
                       'take all of the blocks out of {b}', 'make {b} empty'))  # fmt: skip
    code = call('all', 'block', inside=bowl.code)
    if rng.random() < 0.4:
        where = voice.place()
        return finish(
            'empty', rng, scene, f'{text.format(b=bowl.words)} and put them {where.words}', f'put({code}, {where.code})'
        )
    return finish('empty', rng, scene, text.format(b=bowl.words), f"put({code}, 'table')")


def mixed(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write two clauses, one of them about a thing by its place."""
    scene = draw_table(rng, palette, least_blocks=2)
    voice = Voice(rng, scene)
    parts = []
    for position in rng.sample((0, 1), 2):
        what = choose_by_place(rng, voice, 'block') if position else voice.the(rng.choice(voice.blocks))
        where = choose_where(rng, voice)
        parts.append((move(rng, what, where), [f'put({what.code}, {where.code})']))
    text = join_clauses(rng, [said for said, _ in parts], words.OPENINGS, words.JOINS)
    return ProgramTask('spatial', scene, (Turn(frame(rng, text), write_body(parts)),))
