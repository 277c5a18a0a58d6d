"""
What is known of the things of a kitchen: kind, contents, taste, colour, form and use, as any shopper knows them.

The words of ``words/things.yaml`` are told to the language model with the scene, so that "a drink without
caffeine" can be read off the text instead of guessed. The same words are the attributes that training data asks
for. It knows no sentence and no goal.
"""

from __future__ import annotations

from collections.abc import Mapping
import functools
from types import MappingProxyType

import yaml

from vlm_robot.kitchen_vocabulary import thing_of
from vlm_robot.planning.gloss import WORDS

# a kind -> what everything of that kind is besides
IMPLIED = MappingProxyType(
    {
        'fruit': ('food',),
        'vegetable': ('food',),
        'soda': ('drink', 'sweet'),
        'snack': ('food',),
        'spicy': ('chili',),
    }
)


@functools.cache
def load_things() -> Mapping[str, tuple[str, ...]]:
    """Return what is told of every known thing, the kind first."""
    data = yaml.safe_load((WORDS / 'things.yaml').read_text(encoding='utf-8'))
    return MappingProxyType({str(name): tuple(told.split(', ')) for name, told in data.items()})


def tell(name: str) -> str:
    """Return what is told of a thing, as ``fruit, red, round``; empty where nothing is known."""
    return ', '.join(load_things().get(thing_of(name), ()))


@functools.cache
def list_attributes(thing: str) -> frozenset[str]:
    """Return everything that is true of a thing (``thing_of`` a name)."""
    told = load_things().get(thing, ())
    return frozenset((*told, *(more for word in told for more in IMPLIED.get(word, ()))))


def is_a(name: str, attribute: str) -> bool:
    """Return whether a thing has an attribute; unknown things have none."""
    return attribute in list_attributes(thing_of(name))
