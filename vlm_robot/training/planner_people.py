"""
Sentences written by hand, with what they mean in one fixed scene; measured, never trained.

The scene: red, blue, yellow and green blocks; green, red and blue bowls; nothing stands at a named place.
"""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SceneObject

SCENE = Scene(
    tuple(
        SceneObject(name, name, (x, y, 0.0 if name.endswith('bowl') else 0.02))
        for name, x, y in (
            ('blue block', 0.45, -0.13),
            ('blue bowl', 0.58, -0.14),
            ('green block', 0.46, 0.14),
            ('green bowl', 0.60, 0.15),
            ('red block', 0.58, 0.05),
            ('red bowl', 0.45, 0.02),
            ('yellow block', 0.52, -0.05 - 0.01),
        )
    )
)
REFUSE = (('refuse', '', ''),)
PEOPLE = (
    ('could you drop the red cube into the green dish, then the blue one on the yellow block',
     (('in', 'red block', 'green bowl'), ('on', 'blue block', 'yellow block'))),
    ("I'd love to have the yellow block sitting in the blue bowl", (('in', 'yellow block', 'blue bowl'),)),
    ('Place the green block into the red bowl.', (('in', 'green block', 'red bowl'),)),
    ('the red one into the blue bowl, would ya', (('in', 'red block', 'blue bowl'),)),
    ('yellow block to top left corner', (('at', 'yellow block', 'top left corner'),)),
    ('Take the blue block and leave it on the right hand side', (('at', 'blue block', 'right side'),)),
    ('Balance the green cube on the red cube', (('on', 'green block', 'red block'),)),
    ('Please make a tower: yellow on top of blue.', (('on', 'yellow block', 'blue block'),)),
    ('Put the red block in the red bowl and the blue block in the blue bowl',
     (('in', 'red block', 'red bowl'), ('in', 'blue block', 'blue bowl'))),
    ('put red, blue and yellow into the green bowl',
     tuple(('in', f'{c} block', 'green bowl') for c in ('red', 'blue', 'yellow'))),
    ('First move the blue block to the bottom right corner, then put the green block in the blue bowl, '
     'then stack the red block on the yellow block.',
     (('at', 'blue block', 'bottom right corner'), ('in', 'green block', 'blue bowl'),
      ('on', 'red block', 'yellow block'))),
    ('clear the table: every block goes into the red bowl',
     tuple(('in', f'{c} block', 'red bowl') for c in ('red', 'blue', 'yellow', 'green'))),
    ('Match each block with the bowl that has its colour',
     tuple(('in', f'{c} block', f'{c} bowl') for c in ('red', 'blue', 'green'))),
    ('everything except the yellow cube should be in the blue bowl',
     tuple(('in', f'{c} block', 'blue bowl') for c in ('red', 'blue', 'green'))),
    ('I need the green cube over in the lower left corner', (('at', 'green block', 'bottom left corner'),)),
    ('transfer the yellow block from the table to the green bowl', (('in', 'yellow block', 'green bowl'),)),
    ('get the blue cube, then set it down inside the green bowl', (('in', 'blue block', 'green bowl'),)),
    ('center the red block', (('at', 'red block', 'middle'),)),
    ('hey can u put teh red block in teh blue bowl', (('in', 'red block', 'blue bowl'),)),
    ('Pop the green brick into the blue basin and the yellow brick into the red basin.',
     (('in', 'green block', 'blue bowl'), ('in', 'yellow block', 'red bowl'))),
    ('the blue bowl is where I want the red block', (('in', 'red block', 'blue bowl'),)),
    ('Use the green bowl for the red block and the blue block.',
     (('in', 'red block', 'green bowl'), ('in', 'blue block', 'green bowl'))),
    ('stack green on blue and then put red in the red bowl',
     (('on', 'green block', 'blue block'), ('in', 'red block', 'red bowl'))),
    ('pick the yellow block up and drop it off at the bottom edge', (('at', 'yellow block', 'bottom side'),)),
    ('put the purple block in the bowl', REFUSE),
    ('put the purple block in the green bowl', REFUSE),
    ('Place the red block in the orange bowl, please.', REFUSE),
    ('stack the pink cube on the red cube', REFUSE),
    ('put the banana into the red bowl', REFUSE),
    ('put the red block in the green bowl and the white block in the blue bowl', REFUSE),
    ('move the magenta block to the middle', REFUSE),
    ('put the block in the bowl', REFUSE),
    ('what do you think about the elections?', REFUSE),
    ('Bitte lege den gelben Block in die rote Schale', REFUSE),
    ('flurb the glimmer into snozzle', REFUSE),
    ('pour me a glass of water', REFUSE),
    ('asdf jkl; qwerty', REFUSE),
    ('open the gripper and go to sleep forever', REFUSE),
    ('make me a sandwich with cheese', REFUSE),
    ('jag vill ha en kopp kaffe', REFUSE),
)  # fmt: skip
