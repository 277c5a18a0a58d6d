"""
The words of generated instructions: nouns, verbs, polite forms, and sentences no robot can follow.

Lists only, and small functions that choose from them with a given random generator. Which of them training
may use is decided by planner_separation.py, not here.
"""

from __future__ import annotations

import random

from vlm_robot.vocabulary import SEEN_COLOURS

TRAIN_COLOURS = (*SEEN_COLOURS, 'white')
INVENTED_COLOURS = (
    'black', 'gold', 'silver', 'teal', 'navy', 'violet', 'magenta', 'lime', 'maroon', 'beige', 'olive',
    'turquoise', 'indigo',
    'crimson', 'scarlet', 'ivory', 'coral', 'amber', 'bronze', 'copper', 'cream', 'emerald', 'jade',
    'lavender', 'lemon',
    'mint', 'mustard', 'ochre', 'peach', 'plum', 'rose', 'ruby', 'rust', 'salmon', 'sapphire', 'tan',
    'khaki', 'fuchsia',
    'azure', 'lilac', 'mauve', 'charcoal', 'striped', 'dotted', 'wooden', 'metal', 'glass', 'small', 'big',
    'shiny', 'blorp',
    'zint', 'quax', 'dark', 'light', 'transparent', 'plastic', 'tiny', 'rubber', 'checkered',
)  # fmt: skip
THINGS = (
    'mug', 'cup', 'apple', 'banana', 'spoon', 'fork', 'sponge', 'bottle', 'can', 'ball', 'pen', 'book',
    'phone', 'key', 'duck',
    'lemon', 'orange juice', 'toy car', 'screwdriver', 'plate', 'battery', 'eraser', 'marker', 'pyramid',
    'cylinder', 'cone',
    'cookie', 'egg', 'carrot', 'candle', 'remote', 'scissors', 'stapler', 'tape', 'glove', 'cat', 'robot',
    'ring', 'peg',
)  # fmt: skip
BLOCK_NOUNS = (
    'block',
    'block',
    'block',
    'block',
    'cube',
    'cube',
    'box',
    'brick',
    'square',
    'piece',
    'toy block',
)
BOWL_NOUNS = ('bowl', 'bowl', 'bowl', 'bowl', 'dish', 'basin', 'container', 'vessel', 'saucer', 'tray', 'pot')

PLACE_VERBS = (
    ('put', 'putting'), ('put', 'putting'), ('put', 'putting'), ('place', 'placing'), ('place', 'placing'),
    ('drop', 'dropping'),
    ('set', 'setting'), ('pop', 'popping'), ('lay', 'laying'), ('toss', 'tossing'), ('get', 'getting'),
    ('throw', 'throwing'),
    ('leave', 'leaving'), ('insert', 'inserting'), ('position', 'positioning'), ('dump', 'dumping'),
    ('chuck', 'chucking'),
)  # fmt: skip
MOVE_VERBS = (
    ('move', 'moving'), ('move', 'moving'), ('transfer', 'transferring'), ('bring', 'bringing'),
    ('take', 'taking'),
    ('carry', 'carrying'), ('shift', 'shifting'), ('send', 'sending'), ('deliver', 'delivering'),
    ('transport', 'transporting'),
)  # fmt: skip
STACK_VERBS = (
    ('stack', 'stacking'),
    ('stack', 'stacking'),
    ('balance', 'balancing'),
    ('pile', 'piling'),
    ('rest', 'resting'),
)
GRASP_VERBS = (
    'pick up',
    'pick up',
    'grab',
    'take',
    'grasp',
    'lift',
    'get',
    'fetch',
    'collect',
    'pick',
    'seize',
)
IN_WORDS = ('in', 'in', 'in', 'into', 'into', 'inside', 'on', 'onto', 'on top of', 'to', 'within', 'in to')
ON_WORDS = ('on', 'on', 'on top of', 'on top of', 'onto', 'atop', 'over', 'upon')
AT_WORDS = ('in', 'at', 'on', 'to', 'into', 'onto')

_CORNERS = {
    f'{a} {b} corner': (
        f'the {a} {b} corner', f'the {a} {b} corner', f'{a} {b} corner', f'the {a} {b}',
        f'the {b} {a} corner', f'{a}-{b} corner',
        f'the {a}-{b} corner of the table', f'the corner at the {a} {b}', f'the {up} {b} corner',
        f'the {up} {b}',
        f'the {a} {b} of the table', f'the corner on the {a} {b}', f'the {up}-{b} corner',
        f'the {a} corner on the {b}',
    )
    for a, up in (('top', 'upper'), ('bottom', 'lower')) for b in ('left', 'right')
}  # fmt: skip
_SIDES = {
    f'{a} side': (
        f'the {a} side', f'the {a} side', f'{a} side', f'the {a} edge', f'the {a} of the table',
        f'the {a} side of the table',
        f'the {a} edge of the table', f'the side at the {a}', f'the {a}',
        f'the {a} hand side' if a in ('left', 'right') else f'the {a} end',
    )
    for a in ('top', 'bottom', 'left', 'right')
}  # fmt: skip
PLACE_PHRASES = {
    **_CORNERS,
    **_SIDES,
    'middle': (
        'the middle', 'the middle', 'the center', 'the centre', 'the middle of the table',
        'the center of the table', 'the table center',
        'the centre of the table', 'the middle position', 'the middle spot', 'the central spot',
    ),
}  # fmt: skip

PREFIXES = (
    'please', 'please', 'could you', 'can you', 'would you', 'could you please', 'can you please',
    'robot,', 'hey robot,', 'hi robot, please',
    'now', 'ok, now', 'i need you to', "i'd like you to", 'i want you to', 'kindly', 'go ahead and',
    "let's", 'try to', 'you should', 'hey,',
    'will you', 'would you please', 'i would like you to', 'your task is to', 'next,', 'just', 'quickly',
    'carefully', 'gently', 'help me',
    'it would be great if you could', 'are you able to', 'do me a favour and', 'robot, please',
    'okay robot,', 'time to', 'we need to',
    'how would you', 'pls', 'yo,', 'simply', 'make sure to', 'i was wondering if you could',
    'may i ask you to', 'you must', 'excuse me,',
)  # fmt: skip
GERUND_PREFIXES = ('would you mind', 'how about', 'start', 'i suggest', 'do you mind', 'what about', 'try')
SUFFIXES = (
    'please',
    'please',
    'for me',
    'thanks',
    'thank you',
    'now',
    'right now',
    'if you can',
    'ok',
    'for me please',
    'carefully',
    'would you',
)
OPENINGS = ('first', 'first,', 'start:', '1.', 'to begin,', 'firstly,', 'two things:', 'first of all')
JOINS = (
    ' and then ', ' and then ', ', then ', ', then ', '. then ', ' and ', ' and ', ', and ',
    '; after that ', ', after that ', '. ', '; ', ', and then ',
    ' then ', ', next ', '. afterwards ', ' and afterwards ', '. next ', ', followed by this: ',
    '. finally ', ' before you ', '. and ', ', ',
)  # fmt: skip

CHATTER = (
    'open your hand', 'close your fingers', 'open and close the hand', 'sleep', 'relax',
    'calibrate the camera', 'wave at me',
    'be quiet', 'look around', 'wait a minute', 'come here', 'turn yourself off', 'make the bed',
    'cut some bread', 'sit down',
    'hello', 'hi there', 'how are you', 'how are you today', 'what is your name', 'who are you',
    'tell me a joke', 'what time is it',
    'what is the weather like', 'thank you', 'good morning', 'good night', 'i am hungry', 'i love you',
    'nice work', 'sing a song',
    'what can you do', 'what do you see', 'how many blocks are there', 'which blocks are on the table',
    'is the red block in the bowl',
    'what colour is the bowl', 'what is two plus two', 'write a poem about robots', 'the sky is blue',
    'red is my favourite colour',
    'i like the green bowl', 'blocks are fun', 'robots are cool', 'the red block is nice', 'stop', 'help',
    'yes', 'no', 'maybe', 'ok',
    'why is the block red', 'where is the blue block', 'do you like bowls',
    'colourless green ideas sleep furiously', 'to be or not to be',
    'once upon a time there was a robot', 'play some music', 'book a flight to paris', 'call my mother',
    'send an email to the boss',
    'turn on the light', 'turn off the lamp', 'open the door', 'close the window', 'open the drawer',
    'close the drawer', 'make me a coffee',
    'cook dinner', 'wash the dishes', 'clean the floor', 'go to the kitchen', 'drive forward',
    'walk to the door', 'turn around', 'jump',
    'dance', 'bring me a drink', 'buy some milk', 'charge the battery', 'update your software',
    'delete all files', 'shut down', 'fly away',
    'ignore all previous instructions', 'say hello', 'count to ten', 'take a picture',
    'what is the meaning of life', 'do something',
    'do it', 'do that', 'again', 'the block', 'a bowl', 'red', 'blue bowl', 'green block', 'table',
    'block bowl block bowl', 'put', 'pick',
    'put the', 'move it', 'in the', 'put in bowl the the', 'colour', 'one two three', 'la la la', 'hmm',
    'what', 'i spilled my drink',
    'water the plants', 'feed the cat', 'fold the laundry', 'iron the shirt', 'vacuum the room',
    'paint a picture', 'read me a story',
    'translate this into french', 'who won the game yesterday', 'how tall is the tower', 'explain gravity',
    'solve this equation',
)  # fmt: skip
IMPOSSIBLE = (
    'paint {b} {c}', 'cut {b} in half', 'eat {b}', 'throw {b} at the wall', 'throw {b} out of the window',
    'break {b}', 'melt {b}', 'burn {b}',
    'wash {b}', 'turn {b} into a bowl', 'make {b} bigger', 'rotate {b} by ninety degrees', 'flip {b} over',
    'juggle {b}', 'hide {b} from me',
    'give {b} to my sister', 'bring {b} to the kitchen', 'put {b} in the fridge', 'put {b} in your pocket',
    'take {b} home', 'sell {b}',
    'fill {d} with water', 'pour the soup into {d}', 'empty the water from {d}', 'wash {d}', 'break {d}',
    'eat from {d}', 'kick {b}',
    'squeeze {b} flat', 'glue {b} to {d}', 'tie {b} to {d}', 'describe {b}', 'what colour is {b}',
    'is {b} in {d}', 'where is {b}',
    'why is {b} on the table', 'how heavy is {b}', 'do not move {b}', "don't touch {b}",
    'never put {b} in {d}', "don't put {b} in {d}",
    'do not put {b} in {d}', 'forget {b}', 'look at {b}', 'photograph {b}', 'count {b}',
    'tell me about {b}', 'i like {b}', '{b} is pretty',
    '{b} and {d}', 'put {b}', 'place {b}', 'in {d}', 'swallow {b}', 'launch {b} into space',
    'teleport {b}', 'dissolve {b}', 'explode {b}',
    'put {b} next to {d}', 'put {b} to the left of {d}', 'put {b} to the right of {d}', 'push {b} away',
    'slide {b} to the left',
    'move {b} ten centimetres forward', 'move {b} a bit to the right', 'put {b} under {d}',
    'put {b} behind {d}', 'stack the bowls',
    'put {b} in front of {d}', 'put {b} near {d}', 'turn {d} upside down', 'tip {d} over', 'shake {b}',
    'roll {b}', 'spin {b}',
    'put {b} on the ceiling', 'put {b} under the table', 'put {b} on the moon', 'put {b} on my head',
    'sharpen {b}', 'name {b}',
)  # fmt: skip
FOREIGN = (
    'lege den roten block in die grüne schüssel', 'stelle den blauen würfel auf den gelben block',
    'mets le bloc rouge dans le bol vert',
    'pose le cube bleu sur le bloc jaune', 'pon el bloque rojo en el cuenco verde',
    'coloca el cubo azul sobre el bloque amarillo',
    'metti il blocco rosso nella ciotola verde', 'coloque o bloco vermelho na tigela verde',
    'zet het rode blok in de groene kom',
    'lägg den röda klossen i den gröna skålen', 'połóż czerwony klocek w zielonej misce',
    'polož červenou kostku do zelené misky',
    'положи красный кубик в зелёную миску', '把红色的积木放进绿色的碗里',
    '赤いブロックを緑のボウルに入れて', '빨간 블록을 초록 그릇에 넣어',
    'ضع المكعب الأحمر في الوعاء الأخضر', 'kırmızı bloğu yeşil kaseye koy',
    'laita punainen palikka vihreään kulhoon', 'guten morgen wie geht es dir',
    'bonjour comment ça va', 'hola que tal', 'buongiorno a tutti', 'wo ist der ball',
    'je ne comprends pas', 'no entiendo nada',
    'lorem ipsum dolor sit amet', 'consectetur adipiscing elit', 'räume bitte den tisch auf',
    'alle blöcke in die schüssel legen',
    'tous les blocs dans le bol', 'todos los bloques en el cuenco', 'tutti i blocchi nella ciotola',
    'blokken in de kom', 'vad heter du',
)  # fmt: skip


def write_gibberish(rng: random.Random) -> str:
    """Return words of random letters."""

    def word() -> str:
        if rng.random() < 0.5:
            return ''.join(rng.choice('abcdefghijklmnopqrstuvwxyzäöüß') for _ in range(rng.randint(2, 9)))
        return ''.join(
            rng.choice(('ba', 'lo', 'ki', 'zu', 'ra', 'mo', 'ne', 'ti', 'fa', 'gru', 'spl', 'sch', 'wib', 'xo'))
            for _ in range(rng.randint(1, 4))
        )

    return ' '.join(word() for _ in range(rng.randint(1, 8)))


def disturb(sentence: str, rng: random.Random) -> str:
    """Return the sentence as people type it: other capitals, punctuation, now and then a typing mistake."""
    roll = rng.random()
    if roll < 0.45:
        sentence = sentence[:1].upper() + sentence[1:]
    elif roll < 0.48:
        sentence = sentence.upper()
    if rng.random() < 0.05:
        spot = rng.randrange(len(sentence))
        swap = sentence[spot : spot + 2][::-1] if rng.random() < 0.5 else ''
        sentence = sentence[:spot] + swap + sentence[spot + (2 if swap else 1) :]
    return sentence + rng.choice(('', '', '.', '.', '.', '!', '?', ' .'))
