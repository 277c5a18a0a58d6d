"""
Sentences with slots and their programs that are only measured: verbs, frames and turns of phrase never trained.

Every wording holds a held-out mark of planner_separation.py. Slots: ``b`` and ``b2`` blocks, ``d`` and ``d2``
bowls, ``c`` and ``c2`` their colours, ``p`` a place, ``q`` a corner, ``w`` a direction, ``n`` a number, ``o`` its
ordinal; a program writes them as they are.
"""

from __future__ import annotations

import random

from vlm_robot.datatypes import Scene
from vlm_robot.training.planner_scenes import draw_scene
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_tasks import draw_families, ProgramTask, Turn
from vlm_robot.training.program_voice import colour_of, CORNERS, DIRECTIONS
from vlm_robot.training.program_words import NUMERALS, ORDINALS
from vlm_robot.vocabulary import LOCATIONS, shape_of

TEMPLATES: dict[str, tuple[tuple[str, str], ...]] = {
    'single': (
        ('deposit the {b} in the {d}', "put(the('{b}'), the('{d}'))"),
        ('the {c} cube belongs on the {b2}', "put(the('{b}'), the('{b2}'))"),
        ('could the {b} find its way to the {p}?', "put(the('{b}'), '{p}')"),
        ('plop the {c} one into the {c2} dish', "put(the('{b}'), the('{d}'))"),
    ),
    'clauses': (
        ('deposit the {b} in the {d} and plop the {b2} at the {p}',
            "put(the('{b}'), the('{d}'))\nput(the('{b2}'), '{p}')"),
        ('relocate the {b} to the {p}, then stick the {b2} in the {d}',
            "put(the('{b}'), '{p}')\nput(the('{b2}'), the('{d}'))"),
    ),
    'which': (
        ('plop the cube into the {d}', "put(the('block'), the('{d}'))"),
        ('plop a cube into the {d}', "put(a('block'), the('{d}'))"),
        ('deposit the {b} in a bowl', "put(the('{b}'), a('bowl'))"),
        ('deposit the {b} in the bowl', "put(the('{b}'), the('bowl'))"),
    ),
    'all': (
        ('relocate every block to the {p}', "put(all('block'), '{p}')"),
        ('it would be good if all cubes could end up in the {d}', "put(all('block'), the('{d}'))"),
        ('your job is to get all {c} cubes into the {d}', "put(all('{c} block'), the('{d}'))"),
    ),
    'number': (
        ('deposit {n} blocks in the {d}', "put(some('block', {m}), the('{d}'))"),
        ('relocate any {n} of the cubes to the {p}', "put(some('block', {m}), '{p}')"),
    ),
    'negation': (
        ('stick a cube that is not {c} in the {d}', "put(a('block', but=all('{c} block')), the('{d}'))"),
        ('deposit all blocks apart from the {c} one in the {d}', "put(all('block', but=the('{b}')), the('{d}'))"),
        ('plop a block that is neither {c} nor {e} into the {d}',
         "put(a('block', but=[all('{c} block'), all('{e} block')]), the('{d}'))"),
    ),
    'matching': (
        ('each cube belongs in the bowl of its colour', "for b in all('block'):\n    put(b, the('bowl', colour_of=b))"),
        ('deposit every block in a bowl of another colour',
            "for b in all('block'):\n    put(b, a('bowl', not_colour_of=b))"),
    ),
    'one each': (
        ('stick one block in every corner', "for b, p in zip(all('block'), all('corner')):\n    put(b, p)"),
        ('every cube should end up in its own corner', "for b, p in zip(all('block'), all('corner')):\n    put(b, p)"),
    ),
    'line': (
        ('make it so that the cubes are in a horizontal row',
            "for b, p in zip(all('block'), line('horizontal')):\n    put(b, p)"),
        ('all cubes should end up along a diagonal', "for b, p in zip(all('block'), line('diagonal')):\n    put(b, p)"),
        ('deposit the blocks in a vertical row', "for b, p in zip(all('block'), line('vertical')):\n    put(b, p)"),
    ),
    'stack': (
        ('your job is to pile up every cube at the {p}', "stack(all('block'), '{p}')"),
        ('make it so that all blocks form a tower', "stack(all('block'))"),
        ('a tower should end up there: {b} at the bottom, {b2} on top', "stack([the('{b}'), the('{b2}')])"),
    ),
    'trip': (
        ('relocate the {b} clockwise through all corners', "for p in clockwise('corner'):\n    put(the('{b}'), p)"),
        ('be so kind as to bring the {b} to every side', "for p in all('side'):\n    put(the('{b}'), p)"),
    ),
    'area': (('relocate all cubes in the left half to the right half',
    "put(all('block', at='left area'), 'right area')"),),
    'spatial': (
        ('deposit the {o} cube from the {w} in the {d}', "put(the('block', from_{w}={m}), the('{d}'))"),
        ('the block nearest to the {d} belongs at the {p}', "put(the('block', closest_to=the('{d}')), '{p}')"),
        ('the cube farthest from the {d} should end up at the {p}',
            "put(the('block', farthest_from=the('{d}')), '{p}')"),
        ('relocate the block left of the {d} to the {p}', "put(the('block', left_of=the('{d}')), '{p}')"),
        ('relocate the cube behind the {d} to the {p}', "put(the('block', above=the('{d}')), '{p}')"),
        ('plop the {b} in the corner nearest to the {d}', "put(the('{b}'), the('corner', closest_to=the('{d}')))"),
        ('stick the {b} to the left of the {d}', "put(the('{b}'), beside(the('{d}'), 'left'))"),
    ),
    'swap': (('make it so that the {b} and the {b2} swap places', "swap(the('{b}'), the('{b2}'))"),),
    'condition': (
        ('if there is a {b}, plop it into the {d}', "if exists(all('{b}')):\n    put(the('{b}'), the('{d}'))"),
        ('if the {b} is in the {d}, relocate the {b2} to the {p}',
         "if is_in(the('{b}'), the('{d}')):\n    put(the('{b2}'), '{p}')"),
    ),
    'absent': (
        ('plop the {x} block into the {d}', "put(the('{x} block'), the('{d}'))"),
        ('the {b} belongs in the {x} bowl', "put(the('{b}'), the('{x} bowl'))"),
        ('relocate the spoon to the {p}', "put(the('spoon'), '{p}')"),
    ),
    'refuse': (
        ('what is the capital of norway?', "refuse('no')"),
        ('could you tie my shoes', "refuse('no')"),
        ('does the {b} belong to you?', "refuse('no')"),
        ('the weather is lovely today', "refuse('no')"),
        ('bite into the {b}', "refuse('no')"),
    ),
    'dialogue': (
        ('deposit the {b} in the {d} | and do the same with the {c2b} one', "put(the('{b2}'), the('{d}'))"),
        ('deposit the {b} in the {d} | no no, it belongs at the {p}', "put(the('{b}'), '{p}')"),
        ('deposit the {b} in the {d} | please undo what you did there', 'undo()'),
        ('plop the cube into the {d}; which one? the {c} one', "put(the('{b}'), the('{d}'))"),
    ),
}  # fmt: skip


def sample_heldout(rng: random.Random, kind: str, palette: Palette) -> ProgramTask:
    """Return a task of that kind in a scene that holds what it names, but for absent things."""
    families = kind == 'all' and rng.random() < 0.5
    scene = draw_families(rng, palette) if families else draw_scene(rng, palette, (3, 4), (2, 3), 0.0, 0.0)
    while not _is_rich(scene):
        scene = draw_scene(rng, palette, (3, 4), (2, 3), 0.0, 0.0)
    sentence, body = rng.choice(TEMPLATES[kind])
    slots = _fill(rng, scene, palette)
    *before, asked = sentence.format(**slots).split(' | ')
    turns = [Turn(before[0], "put(the('{b}'), the('{d}'))".format(**slots))] if before else []
    return ProgramTask(kind, scene, (*turns, Turn(asked, body.format(**slots))))


def _is_rich(scene: Scene) -> bool:
    """Say whether the scene has two blocks and two bowls, each of a colour of its own."""
    labels = [item.label for item in scene.objects]
    return sum(shape_of(label) == 'bowl' for label in labels) >= 2 and len(set(labels)) == len(labels)


def _fill(rng: random.Random, scene: Scene, palette: Palette) -> dict[str, str]:
    blocks = rng.sample([name for name in scene.names if name.endswith('block')], 2)
    bowl = rng.choice([name for name in scene.names if name.endswith('bowl')])
    number = rng.choice((2, 2, 3))
    absent = [c for c in palette.colours if f'{c} block' not in scene.names and f'{c} bowl' not in scene.names]
    return {
        'b': blocks[0], 'b2': blocks[1], 'c': colour_of(blocks[0]), 'e': colour_of(blocks[1]),
        'c2b': colour_of(blocks[1]),
        'd': bowl, 'c2': colour_of(bowl), 'p': rng.choice(tuple(LOCATIONS)), 'q': rng.choice(CORNERS),
        'w': rng.choice(DIRECTIONS), 'n': NUMERALS[number], 'm': str(number), 'o': ORDINALS[number][0],
        'x': rng.choice(absent),
    }  # fmt: skip
