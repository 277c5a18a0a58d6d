"""
Typing mistakes: a word that is no English word and close to a word of the robot's world is read as that word.

A plain English word is never touched, with one exception: right after a colour, a displaced or missing letter
of a thing in the scene is put right (``the green blow``). Which words are English is asked of the frequency
list of the package pyspellchecker (from the OpenSubtitles corpus), in which only words above a least count are
believed; distances are optimal string alignment distances (one swap of neighbours counts 1) of rapidfuzz.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
import functools
import re

from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

LEAST_COUNT = 100  # of the word list; ``blok`` is found 50 times there, ``bowel`` 3754 times
SHORTEST = 3  # letters of a word that is corrected; of two letters only ``ni`` and its like
TWO_MISTAKES = 6  # letters from which two mistakes are believed


@functools.cache
def _load_words() -> SpellChecker:
    return SpellChecker(language='en', distance=1)


def is_english(word: str) -> bool:
    """Return whether a lower-case word is a common one of the English language."""
    return int(_load_words().word_frequency[word]) >= LEAST_COUNT


def correct(word: str, targets: Collection[str], preferred: Collection[str] = ()) -> str:
    """
    Return the target that a mistyped word means; the word itself where none or several are as near.

    :param word: lower case, letters only.
    :param targets: the words that can be meant.
    :param preferred: those of them that win a tie, such as the words of the scene.
    """
    if word in targets or word in preferred or is_english(word):
        return word
    ranks = {target: _rank(word, target, target in preferred) for target in {*targets, *preferred}}
    near = sorted((rank, target) for target, rank in ranks.items() if _is_believed(word, target, rank[0]))
    if not near:
        return split(word, {*targets, *preferred})
    return word if len(near) > 1 and near[0][0] == near[1][0] else near[0][1]


def _rank(word: str, target: str, is_preferred: bool) -> tuple[int, bool, bool, bool]:
    """Return how far a target is: the fewer mistakes the better, then swapped letters, then the scene's own words."""
    return (
        OSA.distance(word, target, score_cutoff=2),
        sorted(word) != sorted(target),
        not is_preferred,
        word[0] != target[0],
    )


def _is_believed(word: str, target: str, mistakes: int) -> bool:
    """Return whether so many mistakes can be: two in long words or where all letters are there, beginning as meant."""
    is_shuffled = sorted(word) == sorted(target)
    length = min(len(word), len(target) + 1)
    if mistakes == 1:
        return length >= SHORTEST or (is_shuffled and length == SHORTEST - 1)
    if mistakes > 2 or word[0] != target[0]:
        return False
    return length >= TWO_MISTAKES or (length == TWO_MISTAKES - 1 and is_shuffled)


def split(word: str, targets: Collection[str]) -> str:
    """Return two targets that were written together with the space between them, else the word."""
    for cut in range(2, len(word) - 1):
        if word[:cut] in targets and word[cut:] in targets:
            return f'{word[:cut]} {word[cut:]}'
    return word


def is_slip(word: str, target: str) -> bool:
    """Return whether a word is the target with one letter at another place or missing, the first one in its place."""
    is_shuffled = sorted(word) == sorted(target) and OSA.distance(word, target) <= 2
    is_short = len(word) >= SHORTEST and len(word) == len(target) - 1 and OSA.distance(word, target) == 1
    return word != target and word[:1] == target[:1] and (is_shuffled or is_short)


def with_plurals(words: Iterable[str]) -> set[str]:
    """Return the words and their plurals in -s."""
    return {form for word in words for form in (word, word + 's')}


def list_words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())
