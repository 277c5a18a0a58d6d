"""
The words of the detector's training: which phrase fits which object, and phrases that fit nothing.

A phrase is a colour word, a shape word, both or neither ("thing"), in one of a few wrappings; every word has
its synonyms, because a small text tower knows only the words it was shown. A third of the phrases name what
is never on the table, so that an unknown noun or colour scores low.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlm_robot.vocabulary import COLOURS, SHAPES

COLOUR_NAMES = tuple(COLOURS)
COLOUR_WORDS = {colour: (colour,) for colour in COLOURS} | {
    'gray': ('gray', 'grey'),
    'cyan': ('cyan', 'cyan', 'teal', 'turquoise'),
    'purple': ('purple', 'purple', 'violet'),
}
SHAPE_WORDS = {
    'block': ('block', 'block', 'block', 'cube', 'box', 'blocks', 'cubes', 'boxes', 'brick'),
    'bowl': ('bowl', 'bowl', 'bowl', 'dish', 'basin', 'bowls', 'dishes'),
}
GENERIC_WORDS = ('object', 'thing', 'item', 'one')
WRAPPINGS = (
    '{}', '{}', '{}', '{}', 'the {}', 'the {}', 'a {}', 'a {}', 'an {}', 'photo of a {}', 'a photo of a {}',
    'a photo of the {}', 'picture of a {}', 'an image of a {}', 'the {} on the table', 'a {} on a table',
    'my {}', 'small {}', 'one {}', 'photo of the {}',
)  # fmt: skip
ABSENT_COLOURS = (
    'black', 'magenta', 'beige', 'gold', 'golden', 'silver', 'navy', 'maroon', 'olive', 'lime', 'indigo',
    'khaki', 'transparent', 'striped', 'spotted', 'wooden', 'metal', 'plastic', 'glass', 'dark', 'bright',
    'shiny', 'colourful', 'rusty', 'bronze', 'ivory', 'furry',
)  # fmt: skip
NOUNS = (
    'banana', 'apple', 'pear', 'lemon', 'strawberry', 'grape', 'melon', 'carrot', 'potato', 'tomato',
    'onion', 'bread', 'cheese', 'egg', 'cake', 'pizza', 'sandwich', 'cookie', 'fish', 'meat', 'cat', 'dog',
    'bird', 'horse', 'cow', 'sheep', 'pig', 'duck', 'mouse', 'rabbit', 'bear', 'lion', 'tiger', 'elephant',
    'monkey', 'frog', 'snake', 'spider', 'person', 'man', 'woman', 'child', 'hand', 'face', 'robot', 'arm',
    'gripper', 'finger', 'table', 'chair', 'sofa', 'bed', 'desk', 'lamp', 'door', 'window', 'wall', 'floor',
    'ceiling', 'shelf', 'drawer', 'cupboard', 'mug', 'cup', 'glass', 'plate', 'fork', 'knife', 'spoon',
    'pan', 'pot', 'kettle', 'bottle', 'can', 'jar', 'jug', 'tray', 'basket', 'bucket', 'bag', 'backpack',
    'suitcase', 'hat', 'shirt', 'shoe', 'sock', 'glove', 'scarf', 'coat', 'ring', 'watch', 'necklace',
    'ball', 'football', 'cone', 'cylinder', 'pyramid', 'sphere', 'triangle', 'star', 'heart', 'disk',
    'wheel', 'car', 'truck', 'bus', 'train', 'bicycle', 'motorcycle', 'boat', 'plane', 'rocket', 'tree',
    'flower', 'leaf', 'grass', 'rock', 'mountain', 'river', 'sun', 'moon', 'cloud', 'book', 'pen', 'pencil',
    'paper', 'scissors', 'stapler', 'tape', 'ruler', 'key', 'phone', 'laptop', 'keyboard', 'monitor',
    'screen', 'camera', 'remote', 'television', 'radio', 'clock', 'battery', 'cable', 'hammer',
    'screwdriver', 'wrench', 'drill', 'saw', 'nail', 'screw', 'bolt', 'nut', 'gear', 'rope', 'towel',
    'sponge', 'brush', 'broom', 'soap', 'toothbrush', 'comb', 'mirror', 'candle', 'box', 'cutter', 'toy',
    'doll', 'teddy', 'puzzle', 'card', 'dice', 'domino', 'lego', 'piano', 'guitar', 'drum', 'flute',
    'violin', 'umbrella', 'map', 'flag', 'coin', 'money', 'wallet', 'letter', 'envelope', 'stamp', 'pillow',
    'blanket', 'curtain', 'carpet', 'stairs', 'ladder', 'house', 'building', 'bridge', 'road', 'sign',
    'traffic', 'light', 'fire', 'hydrant', 'bench', 'fence', 'stop', 'fridge', 'oven', 'toaster',
    'microwave', 'sink', 'toilet', 'bathtub', 'shower', 'fan', 'heater', 'vase', 'statue',
)  # fmt: skip
NOT_ABSENT = (
    'box', 'glass', 'light', 'stop', 'sign', 'fire', 'traffic', 'hand', 'arm', 'robot', 'gripper', 'finger',
    'table', 'floor',
)  # fmt: skip
ABSENT_NOUNS = tuple(noun for noun in NOUNS if noun not in NOT_ABSENT)


@dataclass(frozen=True)
class Phrase:
    """
    A query and what it fits.

    :param colour: index into COLOUR_NAMES; -1 fits every colour.
    :param shape: index into SHAPES; -1 fits every shape.
    :param is_absent: True for a phrase that fits nothing.
    """

    text: str
    colour: int = -1
    shape: int = -1
    is_absent: bool = False


def match_phrases(phrases, colours: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Return (N, P) bool: whether object n, of colour and shape index, fits phrase p."""
    wanted_colour = np.array([item.colour for item in phrases])
    wanted_shape = np.array([item.shape for item in phrases])
    is_absent = np.array([item.is_absent for item in phrases])
    fits_colour = (wanted_colour == -1) | (wanted_colour == np.asarray(colours)[:, None])
    fits_shape = (wanted_shape == -1) | (wanted_shape == np.asarray(shapes)[:, None])
    return fits_colour & fits_shape & ~is_absent


def list_canonical() -> list[Phrase]:
    """Return the 22 phrases of the vocabulary in the order of ``vocabulary.list_labels``."""
    return [
        Phrase(f'{colour} {shape}', c, s) for s, shape in enumerate(SHAPES) for c, colour in enumerate(COLOUR_NAMES)
    ]


def sample_phrases(rng: np.random.Generator, absent: int = 12) -> list[Phrase]:
    """Return phrases for a step: every colour with every shape, a few wider ones, some that fit nothing."""
    chosen = [
        _wrap(rng, f'{_pick(rng, COLOUR_WORDS[item_colour])} {_pick(rng, SHAPE_WORDS[shape])}', c, s)
        for s, shape in enumerate(SHAPES)
        for c, item_colour in enumerate(COLOUR_NAMES)
    ]
    for s, shape in enumerate(SHAPES):
        chosen += [_wrap(rng, _pick(rng, SHAPE_WORDS[shape]), -1, s) for _ in range(2)]
    for c in rng.permutation(len(COLOUR_NAMES))[:3]:
        words = f'{_pick(rng, COLOUR_WORDS[COLOUR_NAMES[c]])} {_pick(rng, GENERIC_WORDS)}'
        chosen.append(_wrap(rng, words, int(c), -1))
    chosen.append(_wrap(rng, _pick(rng, GENERIC_WORDS[:3]), -1, -1))
    return chosen + [sample_absent(rng) for _ in range(absent)]


def sample_absent(rng: np.random.Generator) -> Phrase:
    """Return a phrase that fits nothing: an unknown noun, or an unknown colour of a known shape."""
    kind = rng.random()
    if kind < 0.4:
        words = _pick(rng, ABSENT_NOUNS)
    elif kind < 0.65:
        words = f'{_pick(rng, COLOUR_WORDS[_pick(rng, COLOUR_NAMES)])} {_pick(rng, ABSENT_NOUNS)}'
    elif kind < 0.8:
        words = f'{_pick(rng, ABSENT_NOUNS)} {_pick(rng, ABSENT_NOUNS)}'
    else:
        words = f'{_pick(rng, ABSENT_COLOURS)} {_pick(rng, SHAPE_WORDS[_pick(rng, SHAPES)])}'
    phrase = _wrap(rng, words, -1, -1)
    return Phrase(phrase.text, is_absent=True)


def list_words() -> list[str]:
    """Return every phrase and word that the tokenizer should know, the frequent ones repeated."""
    known = [w for words in (*COLOUR_WORDS.values(), *SHAPE_WORDS.values()) for w in words]
    wrapped = [wrapping.format(word) for wrapping in WRAPPINGS for word in (*known, *GENERIC_WORDS)]
    return known * 20 + wrapped * 3 + [*GENERIC_WORDS, *ABSENT_COLOURS, *NOUNS] * 2


def _wrap(rng: np.random.Generator, words: str, colour: int, shape: int) -> Phrase:
    return Phrase(_pick(rng, WRAPPINGS).format(words), colour, shape)


def _pick(rng: np.random.Generator, items) -> str:
    return items[int(rng.integers(len(items)))]
