"""
The words and places of the blocks-and-bowls table, and which of them training may see.

Colours are the Tableau values of CLIPort and Ravens (google-research/ravens, cliport/cliport utils) plus
white; the seen/unseen split of colours follows Code as Policies (arXiv 2209.07753, appendix K). Left, right,
top and bottom are those of the picture that a person opposite the robot sees: top is near the robot (small
x), left is negative y.
"""

from __future__ import annotations

import re
from types import MappingProxyType

COLOURS = MappingProxyType(
    {
        'blue': (78, 121, 167),
        'red': (255, 87, 89),
        'green': (89, 169, 79),
        'orange': (242, 142, 43),
        'yellow': (237, 201, 72),
        'purple': (176, 122, 161),
        'pink': (255, 157, 167),
        'cyan': (118, 183, 178),
        'brown': (156, 117, 95),
        'gray': (186, 176, 172),
        'white': (255, 255, 255),
    }
)
SEEN_COLOURS = ('blue', 'red', 'green', 'orange', 'yellow')
UNSEEN_COLOURS = ('pink', 'cyan', 'brown', 'gray', 'purple')
SHAPES = ('block', 'bowl')

BLOCK_SIZE = 0.04  # metres, edge of a cube (SayCan and CLIPort tabletop)
BOWL_DIAMETER = 0.12  # metres, outer rim
BOWL_HEIGHT = 0.045  # metres

# Metres in the base frame; the table top is z = 0.
ZONE_X = (0.36, 0.68)
ZONE_Y = (-0.31, 0.31)
LOCATIONS = MappingProxyType(
    {
        'top left corner': (0.39, -0.27),
        'top right corner': (0.39, 0.27),
        'bottom left corner': (0.65, -0.27),
        'bottom right corner': (0.65, 0.27),
        'top side': (0.39, 0.0),
        'bottom side': (0.65, 0.0),
        'left side': (0.52, -0.27),
        'right side': (0.52, 0.27),
        'middle': (0.52, 0.0),
    }
)
# Halves of the table: axis of (x, y), and on which side of the middle.
AREAS = MappingProxyType({'left area': (1, -1), 'right area': (1, 1), 'top area': (0, -1), 'bottom area': (0, 1)})


def format_spot(x: float, y: float) -> str:
    """Return the name of any point of the table, for example ``spot 450 left 100``: 450 mm ahead, 100 mm left."""
    return f'spot {round(1000 * x)} {"left" if y < 0 else "right"} {round(1000 * abs(y))}'


def find_place(name: str) -> tuple[float, float] | None:
    """Return x and y in metres of a named location or of a spot; None says that it is neither."""
    if name in LOCATIONS:
        return LOCATIONS[name]
    match = re.fullmatch(r'spot (\d{1,4}) (left|right) (\d{1,4})', name)
    if not match:
        return None
    return int(match[1]) / 1000, int(match[3]) / 1000 * (-1 if match[2] == 'left' else 1)


def shape_of(label: str) -> str:
    """Return the last word of a label: ``red block`` is a ``block``."""
    return label.rsplit(' ', 1)[-1] if label else ''


def list_labels() -> tuple[str, ...]:
    """Return every colour with every shape, for example ``red block``."""
    return tuple(f'{colour} {shape}' for shape in SHAPES for colour in COLOURS)
