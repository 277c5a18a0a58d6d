"""
Questions: which things they are about, in which words, and when none is needed.

Only what makes a difference is asked: candidates that lead to the same end, or a sentence that leaves the
choice (``any block``, ``all the blocks``), are no reason. Text and names are data; no model is asked here.
"""

from __future__ import annotations

from collections.abc import Sequence
import re

from vlm_robot.datatypes import OptionScore, Question, Scene
from vlm_robot.planning.conversation import WHICH
from vlm_robot.planning.parsing import PLACE_SKILLS
from vlm_robot.vocabulary import shape_of

NOUNS = {
    'block': ('block', 'cube', 'brick', 'box'),
    'bowl': ('bowl', 'dish', 'basin'),
}
MOST_CANDIDATES = 4  # that are compared by what they lead to
_FREE = r'\b(?:an?|any|some|either|one|all|every|each|both|two|three|four|five)\b(?: of the| the)?(?: \w+)?? '


def leaves_choice(sentence: str, shape: str) -> bool:
    """Return whether the sentence leaves it to the robot which thing of a shape it takes."""
    nouns = '|'.join(NOUNS.get(shape, (shape,)))
    text = sentence.lower()
    plural = rf'\b(?:{nouns})e?s\b'
    return bool(re.search(rf'{_FREE}(?:{nouns})\b', text) or re.search(plural, text))


def list_rivals(options: Sequence[OptionScore]) -> tuple[OptionScore, ...]:
    """Return the options that differ from the first in the thing they act on and in nothing else."""
    moving = [o for o in options if o.step.skill == 'pick' or o.step.skill in PLACE_SKILLS]
    if not moving or moving[0] != options[0]:
        return ()
    first, seen, rivals = moving[0].step, set(), []
    for option in moving:
        name = option.step.target if first.skill == 'pick' else option.step.destination
        if (option.step.skill == 'pick') == (first.skill == 'pick') and name not in seen:
            seen.add(name)
            rivals.append(option)
    return tuple(rivals[:MOST_CANDIDATES])


def name_of(option: OptionScore) -> str:
    """Return the thing or place that a rival stands for."""
    return option.step.target if option.step.skill == 'pick' else option.step.destination


def list_choices(sentence: str, scene: Scene) -> tuple[str, ...]:
    """Return the things that a sentence may mean by a bare noun such as ``the block``; else all blocks in view."""
    text = sentence.lower()
    for shape, nouns in NOUNS.items():
        names = tuple(item.name for item in scene.objects if shape_of(item.label) == shape and item.name != scene.held)
        if len(names) > 1 and re.search(rf'\b(?:the|that|this|one) (?:{"|".join(nouns)})\b', text):
            return names
    for label in dict.fromkeys(item.label for item in scene.objects):
        twins = tuple(item.name for item in scene.objects if item.label == label)
        if len(twins) > 1 and label in text:
            return twins
    blocks = tuple(item.name for item in scene.objects if shape_of(item.label) == 'block' and item.name != scene.held)
    return blocks or scene.names


def write_question(choices: Sequence[str]) -> Question:
    """Return the question that offers the choices."""
    shapes = {shape_of(name.rstrip(' 0123456789')) for name in choices}
    noun = f' {shapes.pop()}' if len(shapes) == 1 and shapes <= set(NOUNS) else ''
    named = [f'the {name}' for name in choices]
    listed = ' or '.join(filter(None, (', '.join(named[:-1]), named[-1]))) if named else 'nothing is in view'
    return Question(f'Which{noun or " one"}: {listed}?', tuple(choices))


def merge_answer(sentence: str, scene: Scene) -> str:
    """
    Return the sentence with the bare noun that was asked about replaced by the answer.

    ``put the block in the bowl; which one? the red one`` becomes ``put the red block in the bowl`` where the scene
    has a red block. An answer that names nothing in view stays as it was appended.
    """
    head, mark, answer = sentence.partition(WHICH)
    words = re.findall(r'\w+', answer.lower())
    for shape, nouns in NOUNS.items():
        bare = re.compile(rf'\b(the|that|this|one) (?:{"|".join(nouns)})\b', re.IGNORECASE)
        named = [item.name for item in scene.objects if shape_of(item.label) == shape]
        meant = [name for name in named if _fits(name, words)]
        if mark and len(meant) == 1 and len(named) > 1 and bare.search(head):
            return bare.sub(f'the {meant[0]}', head, count=1)
    return sentence


def _fits(name: str, words: Sequence[str]) -> bool:
    """Return whether the words give a name's colour and, where it has one, its number."""
    own = [word for word in name.split() if word not in NOUNS]
    other = {'block', 'bowl'} & set(words) - {shape_of(name.rstrip(' 0123456789'))}
    return bool(own) and all(word in words for word in own) and not other
