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


# The map: where the robot's foot stands when it is at a place, (x, y, yaw) in metres and radians. What the place
# offers lies ahead of it, 0.30 to 0.94 m, at the height of its foot (z = 0).
DOCKS = MappingProxyType(
    {
        'table': (0.0, -0.75, 1.5708),
        'close counter': (1.30, 0.10, 0.0),
        'far counter': (-1.90, 0.30, 3.1416),
        TRASH: (-1.30, -1.20, -1.5708),
        DRAWER: (1.30, 1.20, 1.5708),
        USER: (1.10, -1.20, -1.5708),
    }
)
# Where things stand at a place: metres ahead and to the left of the dock, first come first served.
SLOTS = tuple((x, y) for x in (0.44, 0.60) for y in (-0.085, 0.085, -0.255, 0.255))
DRAWER_SLOTS = tuple((x, y) for x in (0.44, 0.60) for y in (-0.085, 0.085))  # of the open drawer
# The drawer in its dock's frame, metres: where the knob is when it is closed, how far it opens, its floor and rim.
KNOB_AHEAD, DRAWER_TRAVEL, DRAWER_FLOOR, DRAWER_RIM = 0.69, 0.32, -0.060, -0.020
BIN_AHEAD = 0.54  # metres, the middle of the trash bin in its dock's frame
# name -> (kind, size along x, y, z in metres as it stands on a slot, colour 0..255); a hand opens 0.08 m along y
SHAPES_OF_THINGS = MappingProxyType(
    {
        'apple': ('ball', (0.060, 0.060, 0.060), (205, 45, 45)),
        'orange': ('ball', (0.062, 0.062, 0.062), (245, 145, 30)),
        'banana': ('box', (0.150, 0.034, 0.034), (240, 215, 70)),
        'coke can': ('can', (0.060, 0.060, 0.115), (200, 20, 30)),
        'pepsi can': ('can', (0.060, 0.060, 0.115), (20, 70, 160)),
        '7up can': ('can', (0.060, 0.060, 0.115), (20, 140, 60)),
        'lime soda': ('can', (0.060, 0.060, 0.115), (150, 210, 60)),
        'grapefruit soda': ('can', (0.060, 0.060, 0.115), (250, 130, 120)),
        'redbull can': ('can', (0.052, 0.052, 0.130), (190, 195, 215)),
        'tea bottle': ('can', (0.062, 0.062, 0.150), (170, 110, 50)),
        'water bottle': ('can', (0.062, 0.062, 0.150), (160, 210, 235)),
        'rice chips': ('box', (0.110, 0.050, 0.120), (235, 225, 190)),
        'kettle chips': ('box', (0.110, 0.050, 0.120), (140, 80, 40)),
        'jalapeno chips': ('box', (0.110, 0.050, 0.120), (70, 130, 50)),
        'multigrain chips': ('box', (0.110, 0.050, 0.120), (190, 150, 90)),
        'energy bar': ('box', (0.110, 0.036, 0.025), (110, 60, 130)),
        'sponge': ('box', (0.090, 0.055, 0.035), (240, 220, 60)),
    }
)
