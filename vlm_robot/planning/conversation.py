"""
What people say while a task runs: answers to questions and words that change the task.

An answer is appended to the sentence in one fixed form, ``...; which one? the red one``, which planners know
from training; free words are kept as they are. Text from people is flattened to one line: it is data.
"""

from __future__ import annotations

import re

from vlm_robot.datatypes import Question

MAX_CHARS = 200  # of an answer
WHICH = '; which one? '  # between a sentence and its answer
HALT = frozenset(('stop', 'halt', 'cancel', 'abort', 'never mind', 'nevermind', 'forget it', 'nothing', 'none', 'quit'))
_OPENING = re.compile(r'^(?:(?:stop|wait|no|halt|hold on|hang on|sorry|actually|instead)\b[\s,.!;:]*)+', re.IGNORECASE)


def flatten(words: str) -> str:
    """Return what somebody said on one line of at most MAX_CHARS characters."""
    words = words.encode('utf-8', 'ignore').decode()  # half surrogates come from arguments that are no UTF-8
    return ' '.join(words.split())[:MAX_CHARS].strip()


def says_halt(words: str) -> bool:
    """Return whether somebody wants the task to end and nothing else."""
    return flatten(words).lower().strip(' .!,') in HALT


def take_answer(sentence: str, question: Question, answer: str) -> str:
    """
    Return the sentence with an answer appended.

    A number chooses from the question's choices, a choice gets its article, other words stay as they are.
    """
    words = flatten(answer).rstrip('.!')
    named = {choice.lower(): choice for choice in question.choices}
    if words.isdecimal() and 1 <= int(words) <= len(question.choices):
        words = question.choices[int(words) - 1]
    bare = re.sub(r'^the\s+', '', words.lower())
    if bare in named:
        words = named[bare] if named[bare].startswith('the ') else f'the {named[bare]}'
    return f'{sentence.rstrip(" .!?")}{WHICH}{words}'


def read_interjection(words: str) -> str:
    """Return the new command in words like ``stop, the other bowl``; empty where they only say stop."""
    text = flatten(words)
    return '' if says_halt(text) else _OPENING.sub('', text).strip()
