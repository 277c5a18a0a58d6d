"""
Where found things are in one picture: which part of it, in or on what, left of, right of, above, below.

Pure functions of boxes. Left, right, above and below are the picture's own; a picture has no depth, so "in" and "on"
are read from how boxes of blocks and bowls overlap, and are guesses with a confidence of their own. What the robot
acts on comes from ``scene/relations``, which knows positions in space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_robot.datatypes import Detection
from vlm_robot.vocabulary import shape_of

BESIDE = 0.025  # of the picture's side, from which on one centre is left of or above another
STACK_TRUST = 0.7  # boxes alone tell a stack from two blocks behind each other about so often
COLUMNS, ROWS = ('left', 'centre', 'right'), ('upper', 'middle', 'lower')


@dataclass(frozen=True)
class HostRules:
    """What boxes must look like to be in or on each other; chosen on validation pictures (``placing_measure``)."""

    least_in_bowl: float = 0.7  # share of a block's box inside a bowl's box; a block may look over the rim
    stack_overlap: float = 0.65  # share of the narrower width in which two blocks of a stack stand above each other
    least_bite: float = 0.05  # of the upper block's height: how far its box reaches into the lower one's, at least
    most_bite: float = 0.8  # and at most
    stack_rise: float = 0.4  # of the upper block's height: how far its top is above that of the lower, at least


HOST_RULES = HostRules()


def tell_part(box_xyxy_px: Sequence[float], size_px: tuple[int, int]) -> str:
    """Return in which ninth of a picture (width, height) the centre of a box is, for example ``upper left``."""
    x = (box_xyxy_px[0] + box_xyxy_px[2]) / 2 / size_px[0]
    y = (box_xyxy_px[1] + box_xyxy_px[3]) / 2 / size_px[1]
    column, row = (min(2, max(0, int(3 * value))) for value in (x, y))
    return 'centre' if (column, row) == (1, 1) else f'{ROWS[row]} {COLUMNS[column]}'


def find_hosts(found: Sequence[Detection], rules: HostRules = HOST_RULES) -> list[tuple[int, float] | None]:
    """
    Return for each thing what carries it and how sure that is: the index of a bowl or block; None: neither.

    A block lies in the smallest bowl whose box holds most of its own and is clearly larger; else it stands on the
    block whose top is where its bottom is.
    """
    hosts: list[tuple[int, float] | None] = []
    for i, item in enumerate(found):
        if shape_of(item.label) != 'block':
            hosts.append(None)
            continue
        others = [(j, other) for j, other in enumerate(found) if j != i]
        bowls = [
            (j, _share_inside(item, o)) for j, o in others if shape_of(o.label) == 'bowl' and _area(o) > _area(item)
        ]
        bowls = [(j, share) for j, share in bowls if share >= rules.least_in_bowl]
        blocks = [(j, _fit_on(item, o, rules)) for j, o in others if shape_of(o.label) == 'block']
        blocks = [(j, fit) for j, fit in blocks if fit > 0]
        best = max(bowls, key=lambda pair: pair[1], default=None) or max(blocks, key=lambda pair: pair[1], default=None)
        hosts.append(best and (best[0], best[1] * min(item.score, found[best[0]].score)))
    return hosts


def list_sides(found: Sequence[Detection], size_px: tuple[int, int]) -> list[tuple[int, str, int]]:
    """Return ``(i, 'left of', j)`` and the like for all pairs whose centres are apart, nearest pairs first."""
    centres = np.array([[(b[0] + b[2]) / 2, (b[1] + b[3]) / 2] for b in (item.box_xyxy_px for item in found)])
    centres = centres.reshape(-1, 2) / size_px
    rows: list[tuple[float, int, str, int]] = []
    for i in range(len(found)):
        for j in range(len(found)):
            dx, dy = centres[j] - centres[i]
            distance = float(np.hypot(dx, dy))
            if i != j and abs(dx) >= BESIDE:
                rows.append((distance, i, 'left of' if dx > 0 else 'right of', j))
            if i != j and abs(dy) >= BESIDE:
                rows.append((distance, i, 'above' if dy > 0 else 'below', j))
    return [(i, side, j) for _, i, side, j in sorted(rows)]


def _area(item: Detection) -> float:
    left, top, right, bottom = item.box_xyxy_px
    return max(0.0, right - left) * max(0.0, bottom - top)


def _share_inside(item: Detection, other: Detection) -> float:
    """Return the share of a box that lies in another."""
    a, b = item.box_xyxy_px, other.box_xyxy_px
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height) / max(_area(item), 1e-9)


def _fit_on(upper: Detection, lower: Detection, rules: HostRules) -> float:
    """Return 0..1, how well one block stands on another: above it, with its bottom where the other's top begins."""
    a, b = upper.box_xyxy_px, lower.box_xyxy_px
    overlap = (min(a[2], b[2]) - max(a[0], b[0])) / max(min(a[2] - a[0], b[2] - b[0]), 1e-9)
    height = max(a[3] - a[1], 1e-9)
    bite, rise, below = (a[3] - b[1]) / height, (b[1] - a[1]) / height, (b[3] - a[3]) / height
    is_bitten = rules.least_bite <= bite <= rules.most_bite
    is_stack = overlap >= rules.stack_overlap and is_bitten and rise >= rules.stack_rise and below > 0
    return STACK_TRUST * min(1.0, overlap) if is_stack else 0.0
