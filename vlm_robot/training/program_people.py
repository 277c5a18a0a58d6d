"""
Sentences as people type them, written by hand, each with a program that does what is meant; never trained.

A planner is right where its program leaves the same table, or refuses or asks where the reference does. Tables:
``four`` has four blocks and three bowls, ``pairs`` two red and two blue blocks and two bowls, ``one`` a single
block and a single bowl, ``desk`` also a drawer and a pile.
"""

from __future__ import annotations

from dataclasses import dataclass

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.training.planner_people import SCENE


@dataclass(frozen=True)
class PeopleCase:
    """
    A dialogue whose last sentence is asked.

    :param program: lines that do what the last sentence means.
    :param before: bodies of the earlier turns.
    """

    sentences: tuple[str, ...]
    program: str
    table: str = 'four'
    before: tuple[str, ...] = ()


def _lay(*things: tuple[str, str, float, float]) -> Scene:
    return Scene(tuple(SceneObject(n, k, (x, y, 0.0 if k.endswith('bowl') else 0.02)) for n, k, x, y in things))


TABLES = {
    'four': SCENE,
    'pairs': _lay(
        ('red block 1', 'red block', 0.42, -0.15),
        ('red block 2', 'red block', 0.60, 0.10),
        ('blue block 1', 'blue block', 0.47, 0.05),
        ('blue block 2', 'blue block', 0.58, -0.20),
        ('green bowl', 'green bowl', 0.45, 0.20),
        ('yellow bowl', 'yellow bowl', 0.60, -0.03),
    ),
    'one': _lay(('yellow block', 'yellow block', 0.50, 0.10), ('red bowl', 'red bowl', 0.52, -0.10)),
    'desk': _lay(
        ('orange block', 'orange block', 0.44, -0.10),
        ('white block', 'white block', 0.56, 0.12),
        ('drawer', 'drawer', 0.50, -0.30),
        ('pile', 'pile', 0.58, -0.05),
        ('blue bowl', 'blue bowl', 0.44, 0.15),
    ),
}


def ask(sentence: str, program: str, table: str = 'four') -> PeopleCase:
    """Return a case of one sentence."""
    return PeopleCase((sentence,), program, table)


NO = "refuse('no')"
PROGRAM_PEOPLE = (
    ask('would it be possible to have the red cube sitting in the blue bowl?',
         "put(the('red block'), the('blue bowl'))"),
    ask("I'm thinking the green one ought to live in the red dish", "put(the('green block'), the('red bowl'))"),
    ask('Yellow block please, top right.', "put(the('yellow block'), 'top right corner')"),
    ask("let's see the blue block resting on the red block", "put(the('blue block'), the('red block'))"),
    ask('red one into blue bowl, green one into red bowl',
         "put(the('red block'), the('blue bowl'))\nput(the('green block'), the('red bowl'))"),
    ask('Start with the blue block, it goes in the green bowl. Afterwards the yellow block goes to the left edge.',
         "put(the('blue block'), the('green bowl'))\nput(the('yellow block'), 'left side')"),
    ask('tidy up please, I want every last block to be in the red bowl', "put(all('block'), the('red bowl'))"),
    ask('load the green bowl up with all the blocks you can find', "put(all('block'), the('green bowl'))"),
    ask('all but the green block into the blue bowl', "put(all('block', but=the('green block')), the('blue bowl'))"),
    ask('leave the yellow block alone and throw the others in the green bowl',
         "put(all('block', but=the('yellow block')), the('green bowl'))"),
    ask('Two blocks of your choosing should be at the bottom of the table.', "put(some('block', 2), 'bottom side')"),
    ask('can you make sure three of these cubes sit inside the red bowl', "put(some('block', 3), the('red bowl'))"),
    ask('each cube ought to be with the bowl that shares its color',
         "for b in all('block'):\n    put(b, the('bowl', colour_of=b))"),
    ask('no block should be in a bowl of its own colour, but every block should be in a bowl',
         "for b in all('block'):\n    put(b, a('bowl', not_colour_of=b))"),
    ask('I want one cube in every corner', "for b, p in zip(all('block'), all('corner')):\n    put(b, p)"),
    ask('a block at each edge of the table, please', "for b, p in zip(all('block'), all('side')):\n    put(b, p)"),
    ask('make the blocks stand in a row', "for b, p in zip(all('block'), line('horizontal')):\n    put(b, p)"),
    ask('could the cubes form a straight column?', "for b, p in zip(all('block'), line('vertical')):\n    put(b, p)"),
    ask('arrange all of the blocks along a slanting line',
         "for b, p in zip(all('block'), line('diagonal')):\n    put(b, p)"),
    ask('I would love a tower made from every block', "stack(all('block'))"),
    ask('a tower in the middle of the table, all the blocks', "stack(all('block'), 'middle')"),
    ask('tower of three: blue lowest, then yellow, red highest',
         "stack([the('blue block'), the('yellow block'), the('red block')])"),
    ask('red on yellow and green on red',
         "put(the('red block'), the('yellow block'))\nput(the('green block'), the('red block'))"),
    ask('give the yellow block a tour of the corners, going clockwise',
         "for p in clockwise('corner'):\n    put(the('yellow block'), p)"),
    ask('the block furthest left goes into the red bowl', "put(the('block', from_left=1), the('red bowl'))"),
    ask('I need the second block counting from the right in the green bowl',
         "put(the('block', from_right=2), the('green bowl'))"),
    ask('whichever block is nearest the blue bowl, put it in there',
         "put(the('block', closest_to=the('blue bowl')), the('blue bowl'))"),
    ask('the block most remote from the red bowl should go to the middle',
         "put(the('block', farthest_from=the('red bowl')), 'middle')"),
    ask('see the block left of the green bowl? into the red bowl with it',
         "put(the('block', left_of=the('green bowl')), the('red bowl'))"),
    ask('set the red block down just to the left of the blue bowl',
         "put(the('red block'), beside(the('blue bowl'), 'left'))"),
    ask('I want the yellow block between the red bowl and the green bowl',
         "put(the('yellow block'), between(the('red bowl'), the('green bowl')))"),
    ask('put the blue block in whatever corner is closest to the green bowl',
         "put(the('blue block'), the('corner', closest_to=the('green bowl')))"),
    ask('the red block belongs as far as possible from the red bowl, in a corner',
         "put(the('red block'), the('corner', farthest_from=the('red bowl')))"),
    ask('anything red that is a block goes to the right hand side', "put(all('red block'), 'right side')"),
    ask('choose a block, not the blue one, and drop it in the green bowl',
         "put(a('block', but=the('blue block')), the('green bowl'))"),
    ask('a block that is neither yellow nor green into the red bowl please',
         "put(a('block', but=[all('yellow block'), all('green block')]), the('red bowl'))"),
    ask('could you swap around the red and the yellow block', "swap(the('red block'), the('yellow block'))"),
    ask('pull all the blocks into one cluster', "group(all('block'))"),
    ask('hand the green cube to me would you', "hand_over(the('green block'))"),
    ask('just hold the blue block up for a second', "pick(the('blue block'))"),
    ask('give the red block a little shove to the right', "push(the('red block'), 'right')"),
    ask('please go back to your resting position', 'go_home()'),
    ask('put the block in a bowl', "put(the('block'), a('bowl'))"),
    ask('I want the cube in the green bowl', "put(the('block'), the('green bowl'))"),
    ask('some cube or other into the green bowl', "put(a('block'), the('green bowl'))"),
    ask('the red block goes in the bowl', "put(the('red block'), the('bowl'))"),
    ask('the red block goes in any bowl at all', "put(the('red block'), a('bowl'))"),
    ask('shift the orange block over to the left edge', NO),
    ask('get the black cube and place it in the red bowl', NO),
    ask('place the red block in the white dish', NO),
    ask('the strawberry-coloured cube into the ocean-coloured bowl', "put(the('red block'), the('blue bowl'))"),
    ask('grass coloured block on top of the one that is blue', "put(the('green block'), the('blue block'))"),
    ask('what do you reckon is the tallest building in the world?', NO),
    ask('Which of the bowls is empty?', NO),
    ask('fancy making me a cappuccino?', NO),
    ask('tell me, is the red block inside a bowl right now', NO),
    ask('I feel a bit sad today', NO),
    ask('set the bowl on fire', NO),
    ask('if the red block is already in the blue bowl, put the green block in the red bowl, otherwise put the yellow '
         'block there',
         "if is_in(the('red block'), the('blue bowl')):\n    put(the('green block'), the('red bowl'))\n"
         "else:\n    put(the('yellow block'), the('red bowl'))"),
    ask('in case there is an orange block, move it to the middle; otherwise move the red block to the middle',
         "if exists(all('orange block')):\n    put(the('orange block'), 'middle')\n"
         "else:\n    put(the('red block'), 'middle')"),
    ask('blue block, green bowl', "put(the('blue block'), the('green bowl'))"),
    ask('pls put teh yellow blok inn the red bowl', "put(the('yellow block'), the('red bowl'))"),
    ask('only the block that is on the far right should be moved: to the blue bowl',
         "put(the('block', from_right=1), the('blue bowl'))"),
    ask('the red pair belongs in the green bowl', "put(all('red block'), the('green bowl'))", 'pairs'),
    ask('get me both of the blue ones over to the yellow bowl', "put(all('blue block'), the('yellow bowl'))", 'pairs'),
    ask('one of the two red cubes into the yellow bowl', "put(a('red block'), the('yellow bowl'))", 'pairs'),
    ask('the red cube into the yellow bowl', "put(the('red block'), the('yellow bowl'))", 'pairs'),
    ask('one tower with all blocks, colours switching from floor to floor',
         "stack([the('red block', from_left=1), the('blue block', from_left=1), "
         "the('red block', from_left=2), the('blue block', from_left=2)])", 'pairs'),
    ask('whatever is on the left half should be brought over to the right half',
         "put(all('block', at='left area'), 'right area')", 'pairs'),
    ask('keep the red cubes apart from the rest by grouping them', "group(all('red block'))", 'pairs'),
    ask('the leftmost red cube goes into the green bowl', "put(the('red block', from_left=1), the('green bowl'))",
         'pairs'),
    ask('cube in bowl please', "put(the('block'), the('bowl'))", 'one'),
    ask('the block into the dish', "put(the('block'), the('bowl'))", 'one'),
    ask('park the block at the top of the table', "put(the('block'), 'top side')", 'one'),
    ask('stow the white block away in the drawer',
         "assert is_open('drawer'), open('drawer')\nput(the('white block'), the('drawer'))", 'desk'),
    ask('open up the drawer for me', "open('drawer')", 'desk'),
    ask('the drawer can be closed now', "close('drawer')", 'desk'),
    ask('get that pile swept over to the right side', "sweep(the('pile'), 'right side')", 'desk'),
    PeopleCase(('red block into the green bowl', 'and the yellow one as well, same place'),
               "put(the('yellow block'), the('green bowl'))", before=("put(the('red block'), the('green bowl'))",)),
    PeopleCase(('red block into the green bowl', 'oh no, I meant the blue bowl'),
               "put(the('red block'), the('blue bowl'))", before=("put(the('red block'), the('green bowl'))",)),
    PeopleCase(('blue block to the middle', 'on second thought, take that back'), 'undo()',
        before=("put(the('blue block'), 'middle')",)),
    PeopleCase(('blue block to the middle', 'fine, and do likewise for green'), "put(the('green block'), 'middle')",
               before=("put(the('blue block'), 'middle')",)),
    PeopleCase(('put the block in the red bowl; which one? the yellow',), "put(the('yellow block'), the('red bowl'))"),
    PeopleCase(('move the cube to the middle; which one? oh, the blue cube',), "put(the('blue block'), 'middle')"),
)  # fmt: skip
