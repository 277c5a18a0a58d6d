"""
Turns things, places and goals of the kitchen into sentences, with one random generator.

``expand`` writes one of many wordings from a template with alternatives in brackets.
"""

from __future__ import annotations

import random
import re

from vlm_robot.datatypes import Scene
from vlm_robot.kitchen_vocabulary import PLACES, thing_of
from vlm_robot.planning.kitchen import place_of
from vlm_robot.planning.kitchen_knowledge import is_a
from vlm_robot.training import kitchen_wordings as words

_GROUP = re.compile(r'\(([^()]*)\)')
TYPO_SHARE = 0.07
MASSES = ('chips', 'crisps', 'water', 'tea', 'juice', 'bread', 'cheese', 'popcorn', 'ale', 'beer', 'cola', 'ries',
          'pes', 'ts', 'els', 'kers', 'kies', 'bears')  # fmt: skip


def expand(rng: random.Random, template: str, **parts: str) -> str:
    """Return one wording: alternatives chosen, then ``{names}`` filled in; parts are not expanded."""
    while _GROUP.search(template):
        template = _GROUP.sub(lambda match: rng.choice(match[1].split('|')), template)
    return ' '.join(template.format(**parts).split())


def name_thing(rng: random.Random, name: str, article: str = 'the') -> str:
    """Return a noun phrase for one thing."""
    base = thing_of(name)
    word = base if rng.random() < 0.5 else rng.choice(words.THING_WORDS.get(base, (base,)))
    number = name.removeprefix(base)
    plural = word.endswith(MASSES) and not word.startswith(('bag', 'bottle'))
    if not article or rng.random() < 0.05:
        return word + number
    if article == 'a' and not number:
        return f'some {word}' if plural else f'{"an" if word[0] in "aeio" else "a"} {word}'
    return f'{rng.choice(("the", "the", "the", "the", "that", "this", "my"))} {word}{number}'


def short_name(rng: random.Random, name: str) -> str:
    """Return a name for a thing without an article."""
    return name_thing(rng, name, '')


def name_place(rng: random.Random, place: str) -> str:
    """Return a phrase for a place."""
    return rng.choice(words.PLACE_WORDS[place])


def pronoun(phrase: str, count: int = 1) -> str:
    """Return ``it`` or ``them``."""
    return 'them' if count > 1 or phrase.endswith(('chips', 'crisps')) else 'it'


def order(scene: Scene) -> list[str]:
    """Return the things that lie somewhere in the order in which the prompt lists them."""
    return [name for place in PLACES for name in scene.names if place_of(name, scene) == place]


def fits(name: str, attributes: tuple[str, ...]) -> bool:
    """Return whether a thing has all attributes; a leading minus means that it must not."""
    return all(is_a(name, a.lstrip('-')) != a.startswith('-') for a in attributes)


def finish(rng: random.Random, sentence: str, polite: bool = True) -> str:
    """Return the sentence with polite words around it, capitals and, now and then, typing mistakes."""
    if polite:
        sentence = expand(rng, rng.choice(words.HEADS)) + ' ' + sentence
    sentence += rng.choice(words.TAILS)
    sentence = ' '.join(sentence.split()).replace(' ,', ',').replace('??', '?')
    if rng.random() < TYPO_SHARE:
        sentence = mistype(rng, sentence)
    return sentence[0].upper() + sentence[1:] if rng.random() < 0.5 else sentence


def mistype(rng: random.Random, sentence: str) -> str:
    """Return the sentence with one to three slips: letters swapped, lost or doubled."""
    parts = sentence.split(' ')
    for _ in range(rng.randint(1, 3)):
        index = rng.randrange(len(parts))
        word = parts[index]
        if len(word) > 3:
            at = rng.randrange(1, len(word) - 1)
            slip = rng.random()
            if slip < 0.45:
                word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            elif slip < 0.85:
                word = word[:at] + word[at + 1 :]
            else:
                word = word[:at] + word[at] + word[at:]
            parts[index] = word
    shorten = {'you': 'u', 'please': 'pls', 'the': 'teh', 'can': 'cna', 'and': 'an', 'for': '4', 'to': 'too'}
    return ' '.join(shorten[part] if part in shorten and rng.random() < 0.25 else part for part in parts)


def say_move(
    rng: random.Random, phrase: str, place: str, count: int = 1, imperative_share: float = 0.65
) -> tuple[str, bool]:
    """Return a clause that asks for things to be at a place, and whether it is an imperative."""
    parts = {'w': phrase, 'p': name_place(rng, place), 'it': pronoun(phrase, count)}
    orders, wishes = {
        'user': (words.BRING, words.WISHES),
        'trash': (words.THROW, words.THROW_WISHES),
        'drawer': (words.INTO_DRAWER, words.INTO_DRAWER[2:3]),
    }.get(place, (words.MOVE, words.MOVE_WISHES))
    imperative = rng.random() < imperative_share
    return expand(rng, rng.choice(orders if imperative else wishes), **parts), imperative


def say_structured(rng: random.Random, phrase: str, here: str, place: str) -> str:
    """Return a clause that spells the steps out: take it, then put it there."""
    it = pronoun(phrase)
    parts = {'w': phrase, 'it': it, 'p': name_place(rng, place), 'q': name_place(rng, here)}
    link = rng.choice(words.STRUCTURED_LINK[:-1])
    take = expand(rng, rng.choice(words.STRUCTURED_TAKE), **parts)
    put = expand(rng, rng.choice(words.STRUCTURED_PUT.get(place, words.STRUCTURED_PUT[''])), **parts)
    return f'{take}{link}{put}'
