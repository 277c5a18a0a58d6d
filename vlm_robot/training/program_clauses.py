"""Sentences around phrases: commands that move something somewhere, polite frames, several clauses."""

from __future__ import annotations

import random
import re

from vlm_robot.training import planner_wordings
from vlm_robot.training import program_words as words

VERBS = planner_wordings.PLACE_VERBS + planner_wordings.MOVE_VERBS
LINKS = (' and ', ' and ', ', ', ', then ', ' and then ', '. ', '. then ', ' & ', ', and ')


def say_move(rng: random.Random, what: str, where: str, many: bool = False, plain: bool = False) -> str:
    """
    Return a command that moves ``what`` to ``where`` (which brings its preposition).

    :param many: several things are moved.
    :param plain: only the imperative forms, for what does not fit everywhere.
    """
    verb, gerund = rng.choice(VERBS)
    roll = rng.random()
    if plain or roll < 0.56:
        return f'{verb} {what} {where}'
    if roll < 0.74:
        grasp = rng.choice(planner_wordings.GRASP_VERBS)
        return f'{grasp} {what}{rng.choice(LINKS)}{verb} {"them" if many else "it"} {where}'
    if roll < 0.77:
        return f'{where} {verb} {what}'
    if roll < 0.82:
        return f'{rng.choice(words.GERUND_PREFIXES)} {gerund} {what} {where}'
    if roll < 0.86:
        return f'{verb} {what}, {rng.choice(("and that", "namely", "yes,", "i mean"))} {where}'
    if roll < 0.89:
        return f'{what} {where}'
    text = rng.choice(words.STATEMENTS).format(w=what, t=where)
    return text.replace(' is ', ' are ').replace(' goes ', ' go ').replace(' needs ', ' need ') if many else text


def frame(rng: random.Random, text: str) -> str:
    """Return the sentence with polite words before or after it, or none, as people type it."""
    if rng.random() < 0.33 and not text.startswith(
        ('would', 'do you', 'how', 'what', 'can ', 'i ', "i'd", 'if ', 'is ', 'could', 'might', 'unless', 'no,', 'undo')
    ):
        text = f'{rng.choice(words.PREFIXES)} {text}'
    if rng.random() < 0.10:
        text = f'{text}{rng.choice((" ", ", "))}{rng.choice(words.SUFFIXES)}'
    return text


def write_body(clauses: list[tuple[str, list[str]]]) -> str:
    """
    Return the lines of a program without indentation.

    :param clauses: words and lines of code of each clause; from three clauses on the words become comments.
    """
    lines = []
    for number, (said, code) in enumerate(clauses, 1):
        if len(clauses) > 2:
            plain = re.sub(r"[^A-Za-z0-9 ,.:;!?'()-]+", ' ', said)
            lines.append(f'# {number}: {" ".join(plain.split())[:60].strip(" ,.;:")}')
        lines += code
    return '\n'.join(lines)
