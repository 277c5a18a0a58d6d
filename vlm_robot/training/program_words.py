"""
The words of generated instructions for programs: frames, selectors in words, talk, and colours by their nouns.

Lists only. Which of the sentences made of them may be trained is decided by planner_separation.py.
"""

from __future__ import annotations

PLURALS = {
    'block': ('blocks', 'blocks', 'blocks', 'cubes', 'cubes', 'bricks', 'boxes', 'pieces', 'toy blocks'),
    'bowl': ('bowls', 'bowls', 'bowls', 'dishes', 'basins', 'containers', 'pots'),
    'corner': ('corners',),
    'side': ('sides', 'edges'),
    'object': ('objects', 'things', 'items', 'objects', 'stuff'),
}
SINGULARS = {
    'block': ('block', 'block', 'block', 'block', 'cube', 'cube', 'box', 'brick', 'piece', 'square', 'toy block'),
    'bowl': ('bowl', 'bowl', 'bowl', 'bowl', 'dish', 'basin', 'container', 'pot', 'vessel', 'saucer'),
    'corner': ('corner',),
    'side': ('side', 'edge'),
    'object': ('object', 'thing', 'item'),
}
COLOUR_NOUNS = {  # banana and sky are kept for measuring
    'yellow': ('lemon', 'sunflower', 'corn', 'canary', 'sun', 'mustard', 'pineapple', 'butter', 'cheese', 'honey'),
    'green': ('grass', 'lime', 'leaf', 'frog', 'cucumber', 'spinach', 'broccoli', 'pea', 'forest', 'moss', 'avocado'),
    'red': ('tomato', 'strawberry', 'cherry', 'blood', 'fire engine', 'ketchup', 'ladybird', 'raspberry', 'brick'),
    'blue': ('ocean', 'sea', 'blueberry', 'jeans', 'sapphire', 'water', 'denim', 'lake'),
    'orange': ('carrot', 'pumpkin', 'tangerine', 'mandarin', 'apricot', 'basketball', 'fox'),
    'white': ('snow', 'milk', 'paper', 'salt', 'cloud', 'sugar', 'chalk'),
}
NUMERALS = {1: 'one', 2: 'two', 3: 'three', 4: 'four', 5: 'five', 6: 'six', 7: 'seven', 8: 'eight'}
ORDINALS = {
    1: ('first', '1st'),
    2: ('second', '2nd', 'second'),
    3: ('third', '3rd', 'third'),
    4: ('fourth', '4th'),
    5: ('fifth', '5th'),
}
IN_WORDS = ('in', 'in', 'in', 'into', 'into', 'inside', 'onto', 'on', 'to', 'within', 'in to')
ON_WORDS = ('on', 'on', 'on', 'on top of', 'on top of', 'onto', 'atop', 'upon', 'over')
AT_WORDS = ('in', 'at', 'on', 'to', 'to', 'into', 'onto')
BESIDE_WORDS = {
    'left': ('to the left of', 'left of', 'on the left of', 'on the left side of', 'just left of',
    'to the left side of',
             'a bit to the left of', 'left from', 'on the left-hand side of'),
    'right': ('to the right of', 'right of', 'on the right of', 'on the right side of', 'just right of', 'next to',
              'beside', 'to the right side of', 'a bit to the right of', 'by', 'near', 'close to', 'alongside'),
    'top': ('above', 'behind', 'above', 'behind', 'just above', 'right behind', 'at the back of', 'in back of',
            'on the top side of'),
    'bottom': ('below', 'in front of', 'below', 'in front of', 'just below', 'right in front of', 'before',
               'on the bottom side of'),
}  # fmt: skip
WHERE_WORDS = {
    'left_of': ('to the left of', 'left of', 'on the left of', 'that is left of', 'which is to the left of',
                'on the left side of', 'standing left of', 'left from'),
    'right_of': ('to the right of', 'right of', 'on the right of', 'that is right of', 'which is to the right of',
                 'on the right side of', 'standing right of', 'right from'),
    'above': ('above', 'behind', 'that is above', 'which is behind', 'at the back of', 'that lies above',
              'standing behind'),
    'below': ('below', 'in front of', 'that is below', 'which is in front of', 'that lies below', 'lying in front of',
              'standing in front of'),
    'closest_to': ('closest to', 'nearest to', 'nearest', 'that is closest to', 'which is nearest to',
                   'that lies closest to', 'that is nearest', 'most near to', 'closest by'),
    'farthest_from': ('farthest from', 'farthest to', 'furthest to', 'furthest from', 'that is farthest from',
                      'furthest away from', 'which is farthest away from', 'most distant from',
                      'that lies farthest from', 'farthest away from'),
    'next_to': ('next to', 'beside', 'near', 'that is next to', 'close to', 'right by'),
}  # fmt: skip
MOST = {  # the very first from one side
    'left': (
        'leftmost',
        'left-most',
        'furthest left',
        'farthest left',
        'far left',
        'left',
        'most left',
        'outermost left',
    ),
    'right': (
        'rightmost',
        'right-most',
        'furthest right',
        'farthest right',
        'far right',
        'right',
        'most right',
        'outermost right',
    ),
    'top': ('topmost', 'top', 'uppermost', 'upper', 'highest up', 'back', 'rear'),
    'bottom': ('bottommost', 'bottom', 'lowermost', 'lower', 'lowest', 'front', 'frontmost'),
}
BUT_WORDS = ('except', 'except for', 'but', 'but not', 'apart from', 'other than', 'excluding', 'without', 'save for')

STATEMENTS = (
    '{w} {t}',
    '{w} {t}',
    'i want {w} {t}',
    'i want {w} to be {t}',
    'i would like {w} {t}',
    "i'd like to have {w} {t}",
    '{w} should be {t}',
    '{w} should go {t}',
    '{w} goes {t}',
    '{w} must be {t}',
    '{w} needs to go {t}',
    'make sure {w} is {t}',
    'see to it that {w} is {t}',
    'get {w} {t}',
    'i need {w} {t}',
    'have {w} {t}',
    'let {w} go {t}',
    'i wish {w} were {t}',
    'make {w} go {t}',
    '{w}: {t}',
    'new place for {w}: {t}',
    'what i want is {w} {t}',
    'can i have {w} {t}',
    'how do you get {w} {t}',
    'what would you do to get {w} {t}',
    'arrange for {w} to be {t}',
    '{w} would look nice {t}',
    'could {w} be {t}',
    'might {w} go {t}',
)
PREFIXES = (
    'please', 'please', 'could you', 'can you', 'would you', 'could you please', 'can you please', 'robot,',
    'hey robot,', 'now', 'ok,', 'i need you to', "i'd like you to", 'i want you to', 'kindly', 'go ahead and', "let's",
    'try to', 'you should', 'will you', 'would you please', 'i would like you to', 'your task is to', 'next,', 'just',
    'carefully', 'help me', 'it would be great if you could', 'do me a favour and', 'okay robot,', 'time to',
    'we need to', 'how would you', 'pls', 'hey can you', 'simply', 'make sure to', 'may i ask you to', 'you must',
    'alright,', 'so,', 'well,', 'good, now', 'can u', 'would you kindly', 'hello,', 'hi,', 'dear robot,', 'quick,',
)  # fmt: skip
SUFFIXES = (
    'please', 'please', 'for me', 'thanks', 'thank you', 'now', 'if you can', 'ok?', 'carefully', 'would you',
    'will you', 'thx', 'if possible', 'my friend', 'robot', 'pretty please', 'when you can', 'as soon as possible',
)  # fmt: skip
GERUND_PREFIXES = ('would you mind', 'how about', 'start by', 'i suggest', 'do you mind', 'what about', 'try',
                   'think about', 'your next task is')  # fmt: skip
OPENINGS = (
    'first', 'first,', 'start:', '1.', 'to begin,', 'firstly,', 'a few things:', 'first of all,', 'please',
)  # fmt: skip
JOINS = (
    ' and then ', ' and then ', ', then ', ', then ', '. then ', ' and ', ' and ', ', and ', '; after that ',
    ', after that ', '. ', '; ', ', and then ', ' then ', ', next ', '. afterwards ', ' and afterwards ', '. next ',
    '. after that, ', '. finally, ', '. and ', ', ', ' & ', '. when you are done, ', ' plus ', '. also ',
)  # fmt: skip

UNDO = (
    'undo that', 'on reflection, undo it', 'hmm no, take that back', 'second thoughts: put it back', 'undo',
    'undo the last step', 'undo this please', 'take that back', 'put it back', 'put that back',
    'put it back where it was', 'put them back', 'put everything back', 'reverse that', 'revert it',
    'go back to how it was', 'as it was before please', 'that was wrong, undo it', 'oops, undo',
    'no, put it back', 'sorry, take it back', 'return it to where it was', 'make it as it was before',
    'bring it back to its old place', 'cancel that, put it back', 'i changed my mind, put it back',
    'restore the way it was', 'back to where it came from', 'can you undo that', 'roll that back',
    'undo your last move',
    'not like that, put it back', 'please reverse what you just did', 'that was a mistake, put everything back',
)  # fmt: skip
AGAIN = (
    'again', 'once more', 'do it again', 'do that again', 'same again', 'repeat that', 'one more time',
    'please repeat', 'and again', 'the same again', 'do the same once more',
)  # fmt: skip
SAME = (
    'the same with {w}', 'and {w} as well', 'and {w}, same place', 'and do likewise with {w}', '{w} goes there too',
    'put {w} there too', 'the same place for {w}', 'also put {w} there', 'and {w} goes with it',
    'do the same with {w}', 'same with {w}', 'the same for {w}', 'likewise {w}', 'also {w}',
    'and {w} too', 'and now {w}', 'now {w}', 'now do {w}', '{w} as well', '{w} too', 'same for {w}', 'and {w}',
    'do that with {w} too', 'do the same thing to {w}', 'same thing with {w}', 'next {w}', 'repeat it with {w}',
    'then {w}', 'what about {w}', 'how about {w} as well', 'please do likewise with {w}', 'again, with {w}',
    'now the same for {w}', 'and also {w} please', '{w} next', '{w} also', 'do this for {w} also', 'ditto for {w}',
    'ok and {w}', 'good, now {w}', 'great. the same with {w}', 'now do that with {w}',
)  # fmt: skip
THERE = (
    'again {t}', 'the same {t}', 'now {t}', 'no, {t}', 'actually {t}', 'rather {t}', 'i meant {t}', 'no, i meant {t}',
    'now put it {t}', 'no wait, {t}', 'sorry, i meant {t}', 'oh, {t} i mean', 'not there, {t}', 'wrong, {t}',
    'now move it {t}', 'then put it {t}', 'put it {t} instead', 'move it {t}', 'better {t}',
    'sorry, {t}', 'make that {t}', 'take it {t}', 'and now bring it {t}', 'no, put it {t}', 'instead {t}',
    'and then {t}', 'it should be {t}', 'wait, {t}', 'hmm, rather {t}', 'could you put it {t} now', '{t} please',
)  # fmt: skip
WHICH = 'which one?'
ANSWERS = ('{w}', '{w}', 'the {c} one', 'the {c} one', '{c}', '{c} please', 'i mean {w}', '{w} please', 'take {w}',
           '{w}, of course', 'the {c}', 'i meant the {c} one', '{c} one', 'use {w}')  # fmt: skip
ANY = ('any', 'any of them', 'whichever', 'does not matter', "doesn't matter", "i don't care", 'you choose', 'any one',
       'either', 'either one', 'your choice', 'no matter', 'pick one', 'it does not matter', 'all the same to me',
       'whichever you like', "i don't mind")  # fmt: skip
BOTH = ('all of them', 'all', 'both', 'every one', 'both of them', 'all please', 'each of them', 'them all')
NONE = ('none', 'neither', 'none of them', 'forget it', 'never mind', 'nothing', 'no one', 'leave it', 'stop',
        'neither of them', 'never mind then', 'forget about it', 'nothing, thanks')  # fmt: skip
