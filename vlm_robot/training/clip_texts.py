"""
What is true of a picture or of a cut-out of it, and texts that say it: pairs for contrastive training.

A subject carries facts (``colour:red``, ``has:blue bowl``, ``left:red block>blue bowl``); a text needs some of them.
So it is known which text of a batch is true of which picture: two pictures with a red block are no negatives of each
other, as they would be where only the own caption counts. Facts about things of which too little shows are doubtful
and teach nothing. Words come in families that are trained or kept for the test (``sight_separation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from vlm_robot.perception.tagging import read_vocabulary, VOCABULARIES
from vlm_robot.training.owlvit_phrases import COLOUR_NAMES, Phrase, sample_phrases
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import is_held_out, pick, Wordings
from vlm_robot.vocabulary import list_labels, SHAPES

TONES = {'light': ('yellow', 'pink', 'gray', 'white'), 'dark': ('blue', 'brown')}
WARMTH = {'warm': ('red', 'orange', 'yellow', 'pink'), 'cool': ('blue', 'green', 'cyan')}
NUMBERS = ('no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight')
CROWD = 7  # things from which on a table is called full
HIDDEN = (0.35, 0.5)  # share of its box that a thing shows: below it is partly hidden, between that is open
BESIDE = 0.08  # of the picture's side, from which on one thing is beside or above another
ATTRIBUTES = {
    'tone:light': ('has a light colour', 'is light', 'is pale'),
    'tone:dark': ('has a dark colour', 'is dark'),
    'warmth:warm': ('has a warm colour', 'is warm in colour'),
    'warmth:cool': ('has a cool colour', 'is cool in colour'),
    'shape:block': ('has flat sides', 'is a cube', 'has sharp edges'),
    'shape:bowl': ('is round and hollow', 'has a round rim', 'is hollow'),
    'place:table': ('stands on the table', 'is on the table'),
    'place:bowl': ('lies in a bowl', 'is inside a bowl'),
    'place:stack': ('stands on a block', 'is on top of a block'),
    'place:hand': ('is held by the gripper', 'is in the hand of the robot'),
    'hidden': ('is partly hidden', 'is half covered'),
}
OPEN = ('robot arm', 'wooden table', 'workbench')  # tags that the simulator can neither affirm nor deny
NOUNS = ('thing', 'object', 'item')
WITH = Wordings(
    ('{}', 'a photo of {}', 'a picture with {}', 'a table with {}', 'there is {}'),
    ('an image that shows {}', '{} can be seen'),
)
RELATED = Wordings(('{a} {relation} {b}', 'a photo of {a} {relation} {b}'), ('{a} that is {relation} {b}',))
RELATIONS = {
    'left': ('left of', 'to the left of'),
    'right': ('right of', 'to the right of'),
    'above': ('above', 'further up than'),
    'below': ('below', 'further down than'),
    'in': ('in', 'inside'),
    'on': ('on', 'on top of'),
}


@dataclass(frozen=True)
class Text:
    """
    A text and the facts without which it is false.

    :param kind: ``phrase``, ``attribute``, ``caption``, ``relation``, ``count`` or ``scene``.
    """

    text: str
    needs: frozenset[str]
    kind: str


@dataclass(frozen=True)
class Facts:
    """What is true of a picture or a cut-out; ``doubtful`` facts are neither true nor false."""

    true: frozenset[str]
    doubtful: frozenset[str] = field(default_factory=frozenset)

    def judge(self, text: Text) -> float:
        """Return 1 where the text is true, 0 where it is false, NaN where that cannot be told."""
        if text.needs <= self.true:
            return 1.0
        return np.nan if text.needs <= self.true | self.doubtful else 0.0


def judge_all(facts: Sequence[Facts], texts: Sequence[Text]) -> np.ndarray:
    """Return (N, T) float32 of ``Facts.judge``."""
    return np.array([[item.judge(text) for text in texts] for item in facts], np.float32).reshape(
        len(facts), len(texts)
    )


# ---- facts


def facts_of_thing(thing: PictureThing) -> Facts:
    """Return what is true of a cut-out around a thing: the thing in its middle is meant."""
    area = (thing.box_xyxy_px[2] - thing.box_xyxy_px[0]) * (thing.box_xyxy_px[3] - thing.box_xyxy_px[1])
    share = float(thing.mask.sum()) / max(1.0, area)
    true = {f'colour:{thing.colour}', f'shape:{thing.shape}', f'place:{thing.place}', 'thing'}
    true |= {f'tone:{tone}' for tone, colours in TONES.items() if thing.colour in colours}
    true |= {f'warmth:{kind}' for kind, colours in WARMTH.items() if thing.colour in colours}
    doubtful = {'hidden'} if HIDDEN[0] <= share < HIDDEN[1] else set()
    if share < HIDDEN[0]:
        true.add('hidden')
    if not any(fact.startswith('tone') for fact in true):
        doubtful |= {'tone:light', 'tone:dark'}
    if not any(fact.startswith('warmth') for fact in true):
        doubtful |= {'warmth:warm', 'warmth:cool'}
    return Facts(frozenset(true), frozenset(doubtful))


NOTHING = Facts(frozenset({'nothing'}))  # a cut-out without a thing


def facts_of_picture(picture: Picture) -> Facts:
    """Return what is true of a whole picture."""
    clear = [thing for thing in picture.things if thing.is_clear]
    faint = [thing for thing in picture.things if not thing.is_clear]
    true = {fact for thing in clear for fact in _presence(thing)}
    doubtful = {fact for thing in faint for fact in _presence(thing)}
    said = [facts_of_thing(thing) for thing in clear]
    true |= {fact for item in said for fact in item.true if fact in ATTRIBUTES}
    doubtful |= {fact for item in said for fact in item.doubtful}
    doubtful |= {fact for thing in faint for fact in facts_of_thing(thing).true}
    true |= {fact for a in clear for b in clear if a is not b for fact in _relations(a, b, picture)}
    for shape in SHAPES:
        number = sum(thing.shape == shape for thing in clear)
        if any(thing.shape == shape for thing in faint):
            doubtful |= {f'count:{shape}={number}' for number in range(len(NUMBERS))}
        elif number < len(NUMBERS):
            true.add(f'count:{shape}={number}')
    if not clear:
        (doubtful if faint else true).add('nothing')
    (true if len(clear) >= CROWD else doubtful if len(clear) >= CROWD - 2 else set()).add('full')
    if any(thing.place == 'hand' for thing in clear):
        true.add('holding')
    return Facts(frozenset(true), frozenset(doubtful))


def _presence(thing: PictureThing) -> set[str]:
    return {f'has:{thing.label}', f'has:{thing.colour}', f'has:{thing.shape}', 'thing'}


def _relations(a: PictureThing, b: PictureThing, picture: Picture) -> set[str]:
    width, height = picture.size_px
    (ax, ay), (bx, by) = a.centre_px, b.centre_px
    dx, dy = (bx - ax) / width, (by - ay) / height
    found = {'left'} if dx > BESIDE else {'right'} if dx < -BESIDE else set()
    found |= {'above'} if dy > BESIDE else {'below'} if dy < -BESIDE else set()
    if a.host is not None and picture.things[a.host] is b:
        found.add('in' if b.shape == 'bowl' else 'on')
    return {f'{name}:{a.label}>{b.label}' for name in found}


# ---- texts


def sample_phrase_texts(rng: np.random.Generator, of_pictures: bool) -> list[Text]:
    """
    Return a phrase for every pair of colour and shape that is not held out, wider ones, and some that fit nothing.

    :param of_pictures: judged by what a whole picture holds, else by the thing in the middle.
    """
    phrases = [phrase for phrase in sample_phrases(rng) if not _is_forbidden(phrase)]
    return [Text(phrase.text, _needs(phrase, of_pictures), 'phrase') for phrase in phrases]


def _is_forbidden(phrase: Phrase) -> bool:
    """Return whether it names a held-out pair, or calls absent what is an attribute here."""
    if phrase.is_absent:
        return bool({'dark', 'bright', 'colourful', 'shiny'} & set(phrase.text.split()))
    return phrase.colour >= 0 and phrase.shape >= 0 and is_held_out(COLOUR_NAMES[phrase.colour], SHAPES[phrase.shape])


def _needs(phrase: Phrase, of_pictures: bool) -> frozenset[str]:
    if phrase.is_absent:
        return frozenset({'never'})
    colour = COLOUR_NAMES[phrase.colour] if phrase.colour >= 0 else ''
    shape = SHAPES[phrase.shape] if phrase.shape >= 0 else ''
    if of_pictures:
        named = ' '.join(word for word in (colour, shape) if word)
        return frozenset({f'has:{named}' if named else 'thing'})
    needs = {f'colour:{colour}'} if colour else set()
    needs |= {f'shape:{shape}'} if shape else set()
    return frozenset(needs or {'thing'})


def sample_attribute_texts(rng: np.random.Generator) -> list[Text]:
    """Return one text for every attribute, as LENS writes them: ``<noun> which <what it has or is>``."""
    rows = [
        Text(f'{pick(rng, NOUNS)} which {pick(rng, said)}', frozenset({f}), 'attribute')
        for f, said in ATTRIBUTES.items()
    ]
    return [*rows, Text(pick(rng, ('an empty table', 'nothing')), frozenset({'nothing'}), 'attribute')]


@cache
def list_strangers(kind: str) -> tuple[str, ...]:
    """Return the entries of a vocabulary (``tags``, ``attributes``) that are true of nothing in the simulator."""
    known = {*list_labels(), *OPEN, *(f'thing which {said[0]}' for said in ATTRIBUTES.values())}
    return tuple(entry for entry in read_vocabulary(VOCABULARIES / f'{kind}.txt') if entry not in known)


def sample_strangers(rng: np.random.Generator, attributes: int = 8, tags: int = 8) -> list[Text]:
    """Return entries of the vocabularies that fit nothing, so that they are not guessed."""
    chosen = [
        *rng.choice(list_strangers('attributes'), attributes, False),
        *rng.choice(list_strangers('tags'), tags, False),
    ]
    return [Text(str(text), frozenset({'never'}), 'attribute') for text in chosen]


def name_thing(label: str) -> str:
    """Return a label with its article."""
    return f'an {label}' if label[0] in 'aeiou' else f'a {label}'


def list_things(labels: Sequence[str]) -> str:
    """Return labels with articles, ``a red block, a blue bowl and a white block``."""
    said = [name_thing(label) for label in labels]
    return said[0] if len(said) == 1 else f'{", ".join(said[:-1])} and {said[-1]}'


def caption_things(labels: Sequence[str], split: str, rng: np.random.Generator) -> Text:
    """Return a caption that lists things."""
    template, _ = WITH.pick(split, rng)
    needs = frozenset(f'has:{label}' for label in labels)
    return Text(template.replace('{}', list_things(labels)), needs, 'caption')


def sample_picture_texts(picture: Picture, facts: Facts, split: str, rng: np.random.Generator) -> list[Text]:
    """Return texts that are true of a whole picture: a list of its things, a relation, a count, the scene."""
    labels = sorted({thing.label for thing in picture.things if thing.is_clear})
    labels = [str(label) for label in rng.permutation(labels)]
    texts = [caption_things(labels[: int(rng.integers(2, 6))], split, rng)] if labels else []
    relations = sorted(fact for fact in facts.true if fact.partition(':')[0] in RELATIONS)
    near = [fact for fact in relations if fact.startswith(('in:', 'on:'))]
    for facts_here in (relations, near):
        if facts_here:
            texts.append(say_relation(pick(rng, facts_here), split, rng))
    counts = sorted(fact for fact in facts.true if fact.startswith('count:'))
    if counts:
        texts.append(say_count(pick(rng, counts)))
    texts.append(Text('an empty table', frozenset({'nothing'}), 'scene'))
    texts.append(Text('a table full of things', frozenset({'full'}), 'scene'))
    texts.append(Text('the robot holds something', frozenset({'holding'}), 'scene'))
    return texts


def say_relation(fact: str, split: str, rng: np.random.Generator) -> Text:
    """Return a relation as text, for example ``a red block left of a blue bowl``."""
    name, _, rest = fact.partition(':')
    a, _, b = rest.partition('>')
    template, _ = RELATED.pick(split, rng)
    said = template.format(a=name_thing(a), b=name_thing(b), relation=pick(rng, RELATIONS[name]))
    return Text(said, frozenset({fact}), 'relation')


def say_count(fact: str) -> Text:
    """Return a count as text, for example ``three blocks``."""
    shape, _, number = fact.removeprefix('count:').partition('=')
    return Text(f'{NUMBERS[int(number)]} {shape}{"" if number == "1" else "s"}', frozenset({fact}), 'count')


def list_new_words() -> list[str]:
    """Return every text from which the tokenizer learns the words that the detector's does not know."""
    said = [words for options in (*ATTRIBUTES.values(), *RELATIONS.values()) for words in options]
    said += [*WITH.trained, *WITH.kept, *NOUNS, *NUMBERS, *TONES, *WARMTH]
    return [text.replace('{}', 'and') for text in said] + ['which', 'an empty table full of things', 'the robot holds']
