"""
Noun phrases that say what a thing is like instead of its name: "a fruit that is green", "a drink without sugar".

They are put together from the attributes that the scene's text tells (planning/kitchen_knowledge.py), of any
thing a shopper may buy, so that reading the attributes is what is learned and no list of phrases.
"""

from __future__ import annotations

import random

from vlm_robot.training.kitchen_speech import expand, fits

COLOURS = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown', 'white', 'black', 'silver')
# attribute -> adjectives for it
ADJECTIVES = {
    **{colour: (colour, colour, f'{colour} coloured') for colour in COLOURS},
    'sweet': ('sweet', 'sweet tasting'),
    'salty': ('salty', 'salted'),
    'sour': ('sour', 'tart'),
    'healthy': ('healthy', 'wholesome', 'nutritious'),
    'spicy': ('spicy', 'fiery', 'hot tasting', 'peppery'),
    'warm': ('warm', 'heated'),
    'round': ('round', 'ball shaped'),
    'long': ('long', 'elongated'),
    'citrus': ('citrus', 'citrusy'),
    'caffeine': ('caffeinated',),
    'no caffeine': ('caffeine free', 'decaffeinated', 'non caffeinated'),
    'no sugar': ('sugar free', 'unsweetened', 'sugarless'),
    'plain': ('plain', 'pure'),
}
# what a thing can be with or without -> its names
SUBSTANCES = {
    name: (name,)
    for name in ('caffeine', 'sugar', 'lemon', 'lime', 'grapefruit', 'ginger', 'protein', 'rice', 'corn', 'cocoa')
} | {'grains': ('grains', 'cereals'), 'potato': ('potato', 'potatoes'), 'chili': ('chili', 'hot pepper')}
# kind -> (nouns with their article, what one does with it)
NOUNS = {
    'fruit': (('a fruit', 'some fruit'), 'eat'),
    'vegetable': (('a vegetable',), 'eat'),
    'soda': (('a soda', 'a soft drink', 'a fizzy drink'), 'drink'),
    'drink': (('a drink', 'a beverage', 'some drink'), 'drink'),
    'chips': (('some chips', 'a bag of chips', 'some crisps'), 'eat'),
    'snack': (('a snack', 'some snack'), 'eat'),
    'food': (('a thing to eat', 'some food'), 'eat'),
    'can': (('a can',), 'drink'),
    'bottle': (('a bottle',), 'drink'),
}
IS = (
    '{article} {adjective} {noun}', '{article} {adjective} {noun}', 'the {adjective} {noun}',
    '{article} {noun} that (is|looks or tastes) {adjective}', 'something {adjective} to {use}', 'something {adjective}',
    'anything {adjective} to {use}', 'the {noun} which is {adjective}',
)  # fmt: skip
IS_NOT = (
    '{article} {noun} that is not {adjective}', 'something to {use} that is not {adjective}',
    '{article} {noun}, but nothing {adjective}', 'the {noun} that is not {adjective}',
    '{article} non {adjective} {noun}',
)  # fmt: skip
HAS = (
    '{article} {noun} with {substance}', 'something with {substance}',
    '{article} {noun} (containing|made with) {substance}',
    'something to {use} that (has|contains) {substance}', '{article} {noun} that has {substance} in it',
)  # fmt: skip
HAS_NOT = (
    '{article} {noun} without {substance}', '{article} {noun} without any {substance}',
    '{article} {substance} free {noun}',
    '{article} {noun} that (has no|contains no|is free of) {substance}',
    'something to {use} (without|with no) {substance}',
    '{article} {noun} that does not contain {substance}', '{article} {noun} with zero {substance}',
)  # fmt: skip
NO_KIND = (
    '{article} {noun} (that|which) is not {other}', '{article} {noun} other than {other}',
    '{article} {noun}, but not {other}',
    'something to {use} that is not {other}', 'anything to {use} except {other}',
)  # fmt: skip
CONTENTS = ('caffeine', 'sugar')  # that a thing has none of is told, not silence


def describe_kind(rng: random.Random, names: list[str]) -> tuple[tuple[str, ...], str] | None:
    """Return attributes and a phrase for them that one of the names fits; None where the draw fails."""
    name = rng.choice(names)
    kinds = [kind for kind in NOUNS if fits(name, (kind,))]
    if not kinds:
        return None
    kind = rng.choice(kinds)
    nouns, use = NOUNS[kind]
    article, noun = rng.choice(nouns).split(' ', 1)
    wanted = rng.choice((_draw_adjective, _draw_adjective, _draw_substance, _draw_other))(rng, name, names)
    if wanted is None:
        return None
    attribute, templates, parts = wanted
    phrase = expand(rng, rng.choice(templates), article=article, noun=noun, use=use, **parts)
    implied = use if f'to {use}' in phrase and noun not in phrase else ''
    first = {'eat': 'food', 'drink': 'drink'}.get(implied, '' if noun not in phrase else kind)
    return tuple(a for a in (first, attribute) if a), _fix_article(phrase)


def _fix_article(phrase: str) -> str:
    """Return the phrase with ``an`` before a vowel."""
    if phrase.startswith('a ') and phrase[2] in 'aeiou':
        return f'an {phrase[2:]}'
    return phrase


Wanted = tuple[str, tuple[str, ...], dict[str, str]]


def _draw_adjective(rng: random.Random, name: str, names: list[str]) -> Wanted | None:
    own = [attribute for attribute in ADJECTIVES if fits(name, (attribute,))]
    others = [
        a for a in ADJECTIVES if not fits(name, (a,)) and not a.startswith('no ') and any(fits(n, (a,)) for n in names)
    ]
    if others and (not own or rng.random() < 0.25):
        attribute = rng.choice(others)
        return f'-{attribute}', IS_NOT, {'adjective': rng.choice(ADJECTIVES[attribute])}
    if not own:
        return None
    attribute = rng.choice(own)
    return attribute, IS, {'adjective': rng.choice(ADJECTIVES[attribute])}


def _draw_substance(rng: random.Random, name: str, names: list[str]) -> Wanted | None:
    own = [substance for substance in SUBSTANCES if fits(name, (substance,))]
    without = [s for s in CONTENTS if fits(name, (f'no {s}',))]
    if without and (not own or rng.random() < 0.6):
        substance = rng.choice(without)
        return f'no {substance}', HAS_NOT, {'substance': rng.choice(SUBSTANCES[substance])}
    if not own:
        return None
    substance = rng.choice(own)
    return substance, HAS, {'substance': rng.choice(SUBSTANCES[substance])}


def _draw_other(rng: random.Random, name: str, names: list[str]) -> Wanted | None:
    """Return a kind that the thing is not, though another thing in view is."""
    others = [kind for kind in NOUNS if not fits(name, (kind,)) and any(fits(n, (kind,)) for n in names)]
    if not others:
        return None
    kind = rng.choice(others)
    return f'-{kind}', NO_KIND, {'other': rng.choice(NOUNS[kind][0]).replace('some ', 'any ')}
