"""
Family I, robustness: what A and B ask, said in other words, with typing errors, at length, in Japanese, in Chinese.

Two other languages and typing errors follow rows of SayCan's task list (arXiv 2204.01691); all sentences are
ours. Nothing is refused here: whoever says it so wants it done.
"""

from __future__ import annotations

import re

import numpy as np

from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of
from vlm_robot.sim.tasks.tabletop import all_of, Builder, choose, Draft, lay_table, plan_moves, Split
from vlm_robot.sim.tasks.wordings import TEMPLATES

TEXTS = TEMPLATES['I']
JAPANESE = {
    'red': '赤い', 'blue': '青い', 'green': '緑の', 'orange': 'オレンジ色の', 'yellow': '黄色い',
    'block': 'ブロック', 'bowl': 'ボウル',
    'left side': '左側', 'top left corner': '左上の角', 'top side': '上側', 'top right corner': '右上の角',
}  # fmt: skip
CHINESE = {
    'red': '红色', 'blue': '蓝色', 'green': '绿色', 'orange': '橙色', 'yellow': '黄色',
    'block': '积木', 'bowl': '碗',
    'left side': '左边', 'top left corner': '左上角', 'top side': '上边', 'top right corner': '右上角',
}  # fmt: skip


def draw(rng: np.random.Generator, split: Split, text: str, words: dict[str, str] | None = None) -> Draft:
    """Return the draft of a wording; its slots tell what is asked: a place, one bowl, another block, all blocks."""
    blocks, bowls, place = blocks_of(rng, split, 3), bowls_of(rng, split, 2), choose(rng, split.places)
    slots = set(re.findall(r'{(\w+)}', text))
    is_placed = bool(slots & {'place', 'location'})
    if is_placed:
        pairs = [(blocks[0], place)]
    elif 'block2' in slots:
        pairs = [(blocks[0], blocks[1])]
    else:
        named = bool(slots & {'block', 'block_colour', 'colour'})
        pairs = [(block, bowls[0]) for block in (blocks[:1] if named else blocks)]
    predicate = 'at' if is_placed else 'on' if 'block2' in slots else 'in'
    goal = all_of(*({predicate: list(pair)} for pair in pairs))
    placements = lay_table(rng, blocks + bowls, keep_clear=[place] if is_placed else [])
    fill = {'block': blocks[0], 'block2': blocks[1], 'bowl': bowls[0], 'place': place, 'location': place}
    fill = {slot: _say(value, words) for slot, value in fill.items()}
    colours = {'colour': blocks[0], 'colour2': bowls[0], 'block_colour': blocks[0], 'bowl_colour': bowls[0]}
    fill |= {slot: label.split()[0] for slot, label in colours.items()}
    return Draft(placements, text.format(**fill), goal, plan_moves(pairs))


def mistype(sentence: str, rng: np.random.Generator) -> str:
    """Return the sentence with one slip of the fingers in two of its longer words."""
    words = sentence.split(' ')
    long = [i for i, word in enumerate(words) if len(word.strip('.')) >= 4]
    for i in rng.permutation(long)[:2]:
        words[i] = _slip(words[i], rng)
    return ' '.join(words)


def _slip(word: str, rng: np.random.Generator) -> str:
    """Return a word with two inner letters exchanged, one left out or one doubled."""
    spot = int(rng.integers(1, len(word.strip('.')) - 2))
    a, b = word[spot], word[spot + 1]
    return word[:spot] + [b + a, b, a + a + b][int(rng.integers(3))] + word[spot + 2 :]


def _say(value: str, words: dict[str, str] | None) -> str:
    if words is None:
        return value
    return words[value] if value in words else ''.join(words[word] for word in value.split())


def build_paraphrase(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table and say it in other words."""
    return draw(rng, split, choose(rng, TEXTS['paraphrase']))


def build_typos(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table and mistype a sentence of family A."""
    draft = draw(rng, split, choose(rng, TEXTS['typos']))
    return Draft(draft.placements, mistype(draft.sentence, rng), draft.goal, draft.reference)


def build_polite(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table and say it at length."""
    return draw(rng, split, choose(rng, TEXTS['polite']))


def build_japanese(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table and say it in Japanese."""
    return draw(rng, split, choose(rng, TEXTS['japanese']), JAPANESE)


def build_chinese(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table and say it in Chinese."""
    return draw(rng, split, choose(rng, TEXTS['chinese']), CHINESE)


TASKS: dict[str, Builder] = {
    'paraphrase': build_paraphrase,
    'typos': build_typos,
    'polite': build_polite,
    'japanese': build_japanese,
    'chinese': build_chinese,
}
