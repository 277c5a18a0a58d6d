"""
A speaker who names things, sets and destinations: every phrase is words with the code that means them.

``the`` is what people say of one certain thing, ``a`` of any one: the robot asks about the first and chooses
itself for the second, so the two are never mixed here. Names come from the scene or are invented: the
program names what was said, and the interpreter says what is not there.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from vlm_robot.datatypes import Scene
from vlm_robot.training import planner_wordings
from vlm_robot.training import program_words as words
from vlm_robot.training.planner_scenes import list_of
from vlm_robot.vocabulary import LOCATIONS, shape_of

CORNERS = tuple(name for name in LOCATIONS if name.endswith('corner'))
SIDES = tuple(name for name in LOCATIONS if name.endswith('side'))
DIRECTIONS = ('left', 'right', 'top', 'bottom')


class Phrase(NamedTuple):
    """Words, and the code that means them."""

    words: str
    code: str


def call(function: str, noun: str, *args: object, **options: str) -> str:
    """Return a selector, for example ``the('block', left_of=the('blue bowl'))``."""
    parts = [f"'{noun}'", *map(str, args), *(f'{key}={value}' for key, value in options.items())]
    return f'{function}({", ".join(parts)})'


class Voice:
    """Turns things and places of one scene into phrases, with one random generator."""

    def __init__(self, rng: random.Random, scene: Scene):
        """Keep the generator; nouns stay the same through one sentence three times in four."""
        self.rng = rng
        self.blocks, self.bowls = list_of(scene, 'block'), list_of(scene, 'bowl')
        self.things = [item.name for item in scene.objects if shape_of(item.label) not in ('block', 'bowl', 'drawer')]
        self.colours = list(dict.fromkeys(colour_of(name) for name in self.blocks))
        self.steady = {noun: rng.choice(nouns) for noun, nouns in words.SINGULARS.items()}
        self.is_steady = rng.random() < 0.75
        self.is_bare = rng.random() < 0.08  # telegram style: no articles
        self.is_vivid = rng.random() < 0.08  # colours by their nouns

    def noun(self, noun: str) -> str:
        """Return a singular noun in one of its words."""
        return self.steady[noun] if self.is_steady else self.rng.choice(words.SINGULARS[noun])

    def plural(self, noun: str) -> str:
        """Return a plural noun in one of its words."""
        return self.rng.choice(words.PLURALS[noun])

    def colour(self, colour: str) -> str:
        """Return the words of a colour, now and then by a thing of that colour."""
        rng = self.rng
        ending = rng.choice((' coloured', '-coloured', ' colored', '-colored'))
        if colour in words.COLOUR_NOUNS and (self.is_vivid or rng.random() < 0.03):
            ending = rng.choice((ending, ending, ending, '-colour', ' color'))
            return rng.choice(words.COLOUR_NOUNS[colour]) + ending
        return colour + (ending if rng.random() < 0.03 else '')

    def bare(self, name: str, one: bool = False) -> str:
        """Return the words of a name without article, for example ``teal cube number 2``."""
        *front, last = name.split()
        number = ''
        if last.isdigit():
            number = self.rng.choice((f' {last}', f' number {last}', f' {last}', f' no. {last}'))
            *front, last = front
        if last in words.SINGULARS:
            last = self.noun(last)
            if one and front and self.rng.random() < 0.35:
                last = 'one'
            if front:
                front = [self.colour(' '.join(front))]
        return ' '.join([*front, last]) + number

    def article(self, text: str, article: str = 'the') -> str:
        """Return the words with an article, or without in telegram style."""
        if article == 'a':
            return f'an {text}' if text[0] in 'aeiou' else f'a {text}'
        return text if self.is_bare else f'{article} {text}'

    def the(self, name: str, one: bool = False) -> Phrase:
        """Name one certain thing."""
        rng, colour = self.rng, colour_of(name)
        if (
            colour in words.COLOUR_NOUNS
            and not name[-1].isdigit()
            and not self.is_bare
            and rng.random() < (0.2 if self.is_vivid else 0.015)
        ):
            like = rng.choice(('{n} coloured like {t}', '{n} with the colour of {t}', '{n} that looks like {t}',
                               '{n} in the colour of {t}', '{n} whose color is that of {t}'))  # fmt: skip
            model = rng.choice(words.COLOUR_NOUNS[colour])
            said = like.format(n=self.noun(shape_of(name)), t=rng.choice((model, f'a {model}', f'the {model}')))
        elif shape_of(name) in words.SINGULARS and colour and rng.random() < 0.03:
            said = f'{self.noun(shape_of(name))} {rng.choice(("that is", "which is"))} {colour}'
        elif colour and shape_of(name) == 'block' and one and rng.random() < 0.05:
            return Phrase(colour, call('the', name))
        else:
            said = self.bare(name, one)
        article = rng.choice(('the', 'the', 'the', 'the', 'the', 'the', 'that', 'this', 'my', 'your'))
        return Phrase(self.article(said, article), call('the', name))

    def a(self, name: str) -> Phrase:
        """Name any one thing of a kind."""
        rng, said, many = self.rng, self.bare(name), self.many(name)
        return Phrase(
            rng.choice(
                (
                    self.article(said, 'a'),
                    self.article(said, 'a'),
                    self.article(said, 'a'),
                    f'any {said}',
                    f'some {said}',
                    f'one {said}',
                    f'one of the {many}',
                    f'any of the {many}',
                    f'whichever {said} you like',
                    f'a random {said}',
                    f'any one of the {many}',
                    f'an arbitrary {said}',
                    f'one of those {many}',
                )
            ),
            call('a', name),
        )

    def many(self, name: str) -> str:
        """Return the plural words of a name."""
        *front, noun = name.split()
        return f'{self.colour(" ".join(front))} {self.plural(noun)}' if front else self.plural(noun)

    def all(self, name: str, count: int = 0) -> Phrase:
        """Name all things of a kind; with their count sometimes by number (the two red blocks)."""
        rng, many, one = self.rng, self.many(name), self.bare(name)
        choices = [
            f'all the {many}',
            f'all the {many}',
            f'all {many}',
            f'all of the {many}',
            f'the {many}',
            f'the {many}',
            f'every {one}',
            f'each {one}',
            f'each of the {many}',
            f'every single {one}',
            f'all these {many}',
            f'all {many} on the table',
            f'all your {many}',
            f'{many}',
            f'every one of the {many}',
            f'those {many}',
            f'these {many}',
            f'any and all {many}',
            f'the {many}, all of them,',
            f'all {many} that you see',
        ]
        if count == 2:
            choices += [f'both {many}', f'both the {many}', f'both of the {many}', f'the two {many}'] * 2
        elif count in words.NUMERALS and count > 2:
            choices += [
                f'the {words.NUMERALS[count]} {many}',
                f'all {words.NUMERALS[count]} {many}',
                f'all {count} {many}',
            ]
        if name == 'block' and not self.things:
            choices += ['everything', 'them all', 'all of it', 'the whole lot', 'everything you can pick up']
        return Phrase(rng.choice(choices), call('all', name))

    def some(self, name: str, count: int) -> Phrase:
        """Name a number of things of a kind."""
        many = self.many(name)
        number = self.rng.choice((words.NUMERALS[count], words.NUMERALS[count], str(count)))
        shapes = ('{n} {m}', '{n} {m}', '{n} of the {m}', 'any {n} {m}', 'any {n} of the {m}', 'exactly {n} {m}',
                  '{n} of those {m}', 'any {n} {m} you like', '{n} {m} of your choice', 'just {n} {m}',
                  '{n} {m}, no matter which,', 'a total of {n} {m}')  # fmt: skip
        return Phrase(self.rng.choice(shapes).format(n=number, m=many), call('some', name, count))

    def spot(self, name: str) -> str:
        """Return the words of a named place without preposition."""
        return self.rng.choice(planner_wordings.PLACE_PHRASES[name])

    def place(self, name: str = '') -> Phrase:
        """Name a place of the table as destination, with its preposition."""
        if not name and self.rng.random() < 0.04:
            return Phrase(
                self.rng.choice(('on the table', 'onto the table', 'down on the table', 'back on the table')), "'table'"
            )
        name = name or self.rng.choice(tuple(LOCATIONS))
        return Phrase(f'{self.rng.choice(words.AT_WORDS)} {self.spot(name)}', f"'{name}'")

    def inside(self, name: str = '', one: bool = False) -> Phrase:
        """Name a bowl as destination; ``bowl`` alone is the bowl, or any of them."""
        what = self.the(name or self.rng.choice(self.bowls), one)
        return Phrase(f'{self.rng.choice(words.IN_WORDS)} {what.words}', what.code)

    def onto(self, name: str) -> Phrase:
        """Name a block as destination."""
        what = self.the(name, one=True)
        return Phrase(f'{self.rng.choice(words.ON_WORDS)} {what.words}', what.code)

    def beside(self, name: str) -> Phrase:
        """Name the space beside a thing as destination."""
        way = self.rng.choice(DIRECTIONS)
        what = self.the(name)
        if self.rng.random() < 0.2:
            far = self.rng.choice(
                ('{n} cm ', '{n} centimetres ', 'a few centimetres ', 'a little ', 'a hand ', '{n}cm ', 'slightly ')
            )
            far = far.format(n=self.rng.randint(2, 12))
            way = self.rng.choice(DIRECTIONS)
            said = {'left': ('to the left of', 'left of'), 'right': ('to the right of', 'right of'),
                    'top': ('above', 'behind'), 'bottom': ('below', 'in front of')}[way]  # fmt: skip
            return Phrase(f'{far}{self.rng.choice(said)} {what.words}', f"beside({what.code}, '{way}')")
        return Phrase(f'{self.rng.choice(words.BESIDE_WORDS[way])} {what.words}', f"beside({what.code}, '{way}')")

    def between(self, a: str, b: str) -> Phrase:
        """Name the space between two things as destination."""
        one, two = self.the(a), self.the(b)
        many = shape_of(a) == shape_of(b) and colour_of(a) and colour_of(b) and self.rng.random() < 0.25
        said = f'{one.words} and {two.words}'
        if many:
            said = f'the {colour_of(a)} and {colour_of(b)} {self.plural(shape_of(a))}'
        link = self.rng.choice(('between', 'between', 'in between', 'in the middle between', 'halfway between'))
        return Phrase(f'{link} {said}', f'between({one.code}, {two.code})')

    def destination(self, block: str = '') -> Phrase:
        """Name a random destination for a block."""
        rng = self.rng
        others = [name for name in self.blocks if name != block]
        roll = rng.random()
        if self.bowls and roll < 0.45:
            return self.inside(one=False)
        if others and roll < 0.62:
            return self.onto(rng.choice(others))
        if roll < 0.85:
            return self.place()
        anchors = others + self.bowls
        if len(anchors) > 1 and roll < 0.90:
            return self.between(*rng.sample(anchors, 2))
        if anchors:
            return self.beside(rng.choice(anchors))
        return self.place()


def colour_of(name: str) -> str:
    """Return the words before the noun of a block or bowl: ``red block 2`` is ``red``."""
    front = [word for word in name.split() if not word.isdigit()]
    return ' '.join(front[:-1]) if front[-1] in ('block', 'bowl') else ''
