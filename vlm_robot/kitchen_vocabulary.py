"""
The things and places of the kitchen, and what can be said of the things.

The seventeen things and five places are those of SayCan's kitchen (Ahn et al., arXiv 2204.01691, section 5 and
appendix C) in our own words; the drawer stands in a cabinet of its own. Which thing is a fruit or has caffeine
is common knowledge, written down here so that instructions can be graded without a person.
"""

from __future__ import annotations

from types import MappingProxyType

# name -> what it is; every attribute is one that sentences use
THINGS = MappingProxyType(
    {
        'apple': frozenset({'fruit', 'food', 'healthy', 'sweet', 'compost', 'round'}),
        'orange': frozenset({'fruit', 'food', 'healthy', 'sweet', 'compost', 'round', 'citrus'}),
        'banana': frozenset({'fruit', 'food', 'healthy', 'sweet', 'compost'}),
        'coke can': frozenset({'drink', 'soda', 'can', 'caffeine', 'sweet', 'recycle'}),
        'pepsi can': frozenset({'drink', 'soda', 'can', 'caffeine', 'sweet', 'recycle'}),
        '7up can': frozenset({'drink', 'soda', 'can', 'sweet', 'lemon', 'recycle'}),
        'lime soda': frozenset({'drink', 'soda', 'can', 'sweet', 'lime', 'recycle'}),
        'grapefruit soda': frozenset({'drink', 'soda', 'can', 'sweet', 'grapefruit', 'recycle'}),
        'redbull can': frozenset({'drink', 'can', 'caffeine', 'sweet', 'energy', 'recycle'}),
        'tea bottle': frozenset({'drink', 'bottle', 'caffeine', 'recycle'}),
        'water bottle': frozenset({'drink', 'bottle', 'healthy', 'plain', 'recycle'}),
        'rice chips': frozenset({'food', 'snack', 'chips', 'bag', 'rice'}),
        'kettle chips': frozenset({'food', 'snack', 'chips', 'bag', 'potato'}),
        'jalapeno chips': frozenset({'food', 'snack', 'chips', 'bag', 'spicy'}),
        'multigrain chips': frozenset({'food', 'snack', 'chips', 'bag', 'grain'}),
        'energy bar': frozenset({'food', 'snack', 'energy', 'sweet', 'bar'}),
        'sponge': frozenset({'cleaning'}),
    }
)
USER, TRASH, DRAWER = 'user', 'trash', 'drawer'
PLACES = ('table', 'close counter', 'far counter', TRASH, DRAWER, USER)
SHELVES = ('table', 'close counter', 'far counter')  # places where things stand in the open


def thing_of(name: str) -> str:
    """Return what a name is: ``coke can 2`` is a ``coke can``."""
    return name.rstrip(' 0123456789')


def has(name: str, attribute: str) -> bool:
    """Return whether a thing has an attribute; unknown things have none."""
    return attribute in THINGS.get(thing_of(name), frozenset())
