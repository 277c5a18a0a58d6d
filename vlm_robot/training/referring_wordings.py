"""
The wordings of referring expressions: ``{np}`` is the thing, ``{nps}`` its plural, ``{a}`` the other thing.

Kept wordings are put together from words that trained ones use elsewhere, so that the test asks for a new way to say
it and not for an unknown word.
"""

from __future__ import annotations

from vlm_robot.training.sight_separation import Wordings

ORDINALS = ('', 'first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth')


def _say_side(side: str) -> Wordings:
    return Wordings(
        (
            f'the {{np}} {side} of the {{a}}',
            f'the {{np}} {side} of the {{a}}',
            f'the {{np}} to the {side} of the {{a}}',
            f'{{np}} to the {side} of the {{a}}',
            f'the {{np}} that is {side} of the {{a}}',
        ),
        (f'the {{np}} that lies {side} of the {{a}}', f'the {{np}} that is to the {side} of the {{a}}'),
    )


def _say_height(word: str, further: str) -> Wordings:
    return Wordings(
        (
            f'the {{np}} {word} the {{a}}',
            f'the {{np}} {word} the {{a}}',
            f'{{np}} {word} the {{a}}',
            f'the {{np}} further {further} than the {{a}}',
        ),
        (f'the {{np}} that is {word} the {{a}}', f'the {{np}} that lies {word} the {{a}}'),
    )


def _say_extreme(word: str, direction: str) -> Wordings:
    return Wordings(
        (
            f'the {word} {{np}}',
            f'the {word} {{np}}',
            f'{word} {{np}}',
            f'the {word} of the {{nps}}',
            f'the {{np}} furthest {direction}',
            f'the {{np}} that lies furthest {direction}',
        ),
        (f'the {{np}} that is furthest {direction}', f'of the {{nps}} the {word}'),
    )


def _say_rank(side: str) -> Wordings:
    return Wordings(
        (
            f'the {{ord}} {{np}} from the {side}',
            f'{{ord}} {{np}} from the {side}',
            f'from the {side} the {{ord}} {{np}}',
        ),
        (f'the {{np}} that is {{ord}} from the {side}', f'the {{ord}} of the {{nps}} from the {side}'),
    )


WORDINGS = {
    '': Wordings(('the {np}', 'the {np}', '{np}', 'that {np}', 'the only {np}'), ('the only {np} there is',)),
    'left': _say_side('left'),
    'right': _say_side('right'),
    'above': _say_height('above', 'up'),
    'below': _say_height('below', 'down'),
    'leftmost': _say_extreme('leftmost', 'left'),
    'rightmost': _say_extreme('rightmost', 'right'),
    'topmost': _say_extreme('topmost', 'up'),
    'bottommost': _say_extreme('lowest', 'down'),
    'from left': _say_rank('left'),
    'from right': _say_rank('right'),
    'nearest': Wordings(
        ('the {np} nearest to the {a}', 'the {np} closest to the {a}', '{np} closest to the {a}'),
        ('the {np} that is nearest to the {a}', 'of the {nps} the closest to the {a}'),
    ),
    'farthest': Wordings(
        ('the {np} farthest from the {a}', 'the {np} furthest away from the {a}', '{np} farthest from the {a}'),
        ('the {np} that is farthest away from the {a}', 'of the {nps} the farthest from the {a}'),
    ),
    'in': Wordings(
        ('the {np} in the {a}', 'the {np} in the {a}', '{np} inside the {a}', 'the {np} that lies inside the {a}'),
        ('the {np} that is in the {a}', 'the {np} the {a} holds'),
    ),
    'on': Wordings(
        ('the {np} on the {a}', 'the {np} on top of the {a}', '{np} on the {a}'),
        ('the {np} that is on the {a}', 'the {np} that lies on top of the {a}'),
    ),
    'in any': Wordings(('the {np} in a bowl', 'the {np} that lies in a bowl'), ('the {np} that is inside a bowl',)),
    'not in': Wordings(
        ('the {np} that is not in a bowl', 'the {np} outside the bowls', '{np} not in a bowl'),
        ('the {np} that is outside the bowls', 'the {np} that lies outside the bowls'),
    ),
    'held': Wordings(
        ('the {np} in the gripper', 'the {np} that the robot holds', '{np} in the gripper'),
        ('the {np} that is in the gripper',),
    ),
}
