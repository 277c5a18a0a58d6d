"""
Which things and places a program's words mean, on the scene as it is now.

``the`` wants exactly one: none is Absent with a reason, several are Ambiguous with a question that lists them.
Names are those of the scene; places are names too (``vocabulary.find_place``, areas), so a resolved value is a
tuple of names. Directions are those that people say (``vocabulary``); colours match by their words. It knows no
camera and moves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math
from types import MappingProxyType

from vlm_robot.datatypes import Question, Scene, SceneObject
from vlm_robot.planning.arrangement import point_beside, Spot, tour
from vlm_robot.planning.filters import (
    Absent,
    Ambiguous,
    Answer,
    AT_REACH,
    EXTREMES,
    FILTERS,
    Names,
    STRAIGHT,
    TABLE,
    Unresolved,
)
from vlm_robot.planning.program_parts import Call, Listing, Number, RANKS, Text, Value, Variable
from vlm_robot.planning.symbolic import relate
from vlm_robot.vocabulary import AREAS, find_place, format_spot, LOCATIONS

SHADES = {  # first the colours that are called so by everybody, then those that are in a pinch
    'light': (('yellow', 'white', 'pink', 'cyan'), ('gray', 'orange')),
    'dark': (('blue', 'purple', 'brown', 'black'), ('green', 'red')),
}
SPELLINGS = {'grey': 'gray', 'centre': 'middle', 'center': 'middle', 'edge': 'side', 'thing': 'object',
             'item': 'object'}  # fmt: skip
EVERYTHING = ('object', 'one')


@dataclass
class Resolver:
    """
    Answers what values mean in one scene.

    :param variables: what loops run through at the moment.
    :param exact: scene names that mean themselves although another thing has the same label.
    :param uses: how often a thing or place was already chosen by ``a`` and ``some`` in this program.
    """

    scene: Scene
    variables: Mapping[str, Names] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    uses: Counter[str] = field(default_factory=Counter)

    def resolve(self, value: Value) -> Answer:
        """Return the names that a value means, in order, or why there is no answer."""
        try:
            return self.names(value)
        except Unresolved as stop:
            return stop.answer

    def match(self, value: Value) -> Names:
        """Return everything that fits, without asking for one: what ``exists`` and ``count`` look at."""
        try:
            if isinstance(value, Call) and value.function in ('the', 'a', 'all', 'some'):
                return self._fitting(value)
            if isinstance(value, Text):
                return self._candidates(value.value)
            return self.names(value)
        except Unresolved:
            return ()

    def names(self, value: Value) -> Names:
        """Return the names that a value means; raise Unresolved where there is no answer."""
        if isinstance(value, Text):
            return self._one_of(self._candidates(value.value, by_name=True), value.value)
        if isinstance(value, Variable):
            return self.variables[value.name]
        if isinstance(value, Listing):
            return tuple(name for item in value.items for name in self.names(item))
        if not isinstance(value, Call):
            raise Unresolved(Absent(f'{value} is neither a thing nor a place'))
        return getattr(self, f'_call_{value.function}')(value)

    def _call_the(self, value: Call) -> Names:
        found = self._fitting(value)
        for key, item in value.options:
            if len(found) > 1 and key in STRAIGHT:
                found = STRAIGHT[key](self, found, item) or found
        return self._one_of(found, say(value, self.variables))

    def _call_a(self, value: Call) -> Names:
        return self._choose(value, 1)

    def _call_some(self, value: Call) -> Names:
        count = value.args[1]
        return self._choose(value, count.value if isinstance(count, Number) else 1)

    def _call_all(self, value: Call) -> Names:
        found = self._fitting(value)
        if not found:
            raise Unresolved(Absent(explain_none(say(value, self.variables), self.scene)))
        return found

    def _call_clockwise(self, value: Call) -> Names:
        return tour(_text(value.args[0]), backwards=False)

    def _call_counterclockwise(self, value: Call) -> Names:
        return tour(_text(value.args[0]), backwards=True)

    def _call_line(self, value: Call) -> Names:
        raise Unresolved(Absent('a line needs things to be put on it'))

    def _call_beside(self, value: Call) -> Names:
        name = self.single(value.args[0])
        return (format_spot(*point_beside(self.scene.find(name), self.point(name), _text(value.args[1]))),)

    def _call_between(self, value: Call) -> Names:
        (ax, ay), (bx, by) = (self.point(self.single(arg)) for arg in value.args)
        return (format_spot((ax + bx) / 2, (ay + by) / 2),)

    def single(self, value: Value) -> str:
        """Return the one name that a value means."""
        names = self.names(value)
        return names[0] if len(names) == 1 else self._one_of(names, 'thing')[0]

    def point(self, name: str) -> Spot:
        """Return x and y of a thing or place."""
        item, place = self.scene.find(name), find_place(name)
        if item is None and place is None:
            raise Unresolved(Absent(f'the {name} has no certain place'))
        return (item.p_base[0], item.p_base[1]) if item else place  # type: ignore[return-value]

    def _one_of(self, found: Names, words: str) -> Names:
        """Return the only name, else raise what is wrong with none or several."""
        if not found:
            raise Unresolved(Absent(explain_none(words, self.scene)))
        if len(found) > 1:
            listed = f'{", the ".join(found[:-1])} or the {found[-1]}'
            raise Unresolved(Ambiguous(Question(f'Which {words}: the {listed}?', found)))
        return found

    def _choose(self, value: Call, count: int) -> Names:
        """Return the ``count`` best things that fit: unused, free, uncovered ones first."""
        found = self._fitting(value)
        if len(found) < count:
            few = f'only {len(found)} {say(value, self.variables)} in view, not {count}' if found else ''
            raise Unresolved(Absent(few or explain_none(say(value, self.variables), self.scene)))
        order = sorted(found, key=lambda name: (self.uses[name], self._burden(name)))[:count]
        self.uses.update(order)
        return tuple(name for name in found if name in order)

    def _burden(self, name: str) -> int:
        """Return how much is on, in or at a thing or place, and whether it is put away itself."""
        places = relate(self.scene)
        if self.scene.find(name):
            return sum(place == (kind, name) for place in places.values() for kind in ('in', 'on')) + (
                2 * (places[name][0] in ('in', 'on'))
            )
        here = find_place(name)
        return sum(math.dist(item.p_base[:2], here) < AT_REACH for item in self.scene.objects) if here else 0

    def _fitting(self, value: Call) -> Names:
        """Return everything of the noun that passes all filters; ranks and extremes come last."""
        found = self._candidates(_text(value.args[0]))
        for key, item in sorted(value.options, key=lambda option: option[0] in (*RANKS, *EXTREMES)):
            found = FILTERS[key](self, found, item)
        return found

    def _candidates(self, words: str, by_name: bool = False) -> Names:
        """
        Return the things or places that a name may mean.

        :param by_name: a scene name means that thing only, even where others have the same label.
        """
        words = ' '.join(SPELLINGS.get(word, word) for word in words.lower().split())
        words = words.removeprefix('the ').removesuffix(' of the table')
        if words in self.scene.names and (by_name or words in self.exact or self._is_alone(words)):
            return (words,)
        if find_place(words) or words in AREAS or words == TABLE:
            return (words,)
        return self._of_kind(words) or self._of_kind(words.removesuffix('s')) or _places_called(words)

    def _of_kind(self, words: str) -> Names:
        *adjectives, noun = words.split() or ['']
        adjectives = [word for word in adjectives if word not in ('coloured', 'colored')]
        if noun in EVERYTHING and not adjectives:
            return self.scene.names
        for tier in (1, 2):
            found = tuple(item.name for item in self.scene.objects if _is_called(item, adjectives, noun, tier))
            if found:
                return found
        return tuple(item.name for item in self.scene.objects if item.label.replace('grey', 'gray') == words)

    def _is_alone(self, name: str) -> bool:
        item = self.scene.get(name)
        return sum(other.label == item.label for other in self.scene.objects) == 1 or item.label != name


def say(value: Call, variables: Mapping[str, Names] = MappingProxyType({})) -> str:
    """Return the words of a selector for a person, for example ``block left of the blue bowl``."""
    words = _text(value.args[0])
    for key, item in value.options:
        if isinstance(item, Call) and item.function == 'the':
            words += f' {PHRASES.get(key, key.replace("_", " "))} the {say(item, variables)}'
        elif isinstance(item, Variable):
            words += f' {PHRASES.get(key, key.replace("_", " "))} the {", ".join(variables.get(item.name, ()))}'
        elif isinstance(item, Text):
            words += f' {PHRASES.get(key, key.replace("_", " "))} {item.value}'
    return words


def explain_none(words: str, scene: Scene) -> str:
    """Return why a name fits nothing."""
    return f'there is no {words} in view' if scene.objects else f'there is no {words} in view: the table is empty'


def _text(value: Value) -> str:
    return value.value if isinstance(value, Text) else ''


def _is_called(item: SceneObject, adjectives: Sequence[str], noun: str, tiers: int) -> bool:
    *own, shape = item.label.replace('grey', 'gray').split()
    if noun not in (shape, *EVERYTHING):
        return False
    shades = {word: sum(groups[:tiers], ()) for word, groups in SHADES.items()}
    return all(word in own or ' '.join(own) in shades.get(word, ()) for word in adjectives)


def _places_called(words: str) -> Names:
    """Return the named places that hold all the words, for example both ``top corner``."""
    wanted = words.removesuffix('s').split()
    if wanted in (['place'], ['location']):
        return tuple(LOCATIONS)
    if not wanted or wanted[-1] not in ('corner', 'side', 'area'):
        return ()
    return tuple(name for name in (*LOCATIONS, *AREAS) if set(wanted) <= set(name.split()))


PHRASES = {'but': 'but not', 'inside': 'in', 'colour_of': 'of the colour of', 'not_colour_of': 'not of the colour of'}
