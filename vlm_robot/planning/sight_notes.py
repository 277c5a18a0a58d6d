"""
What the eyes say of a picture beside names and places, as one line of a planner's prompt.

Objects, counts and relations stand in the prompt already, from all cameras and in metres; tags, attributes, captions
and written words come from ``perception/describer.py`` (after LENS, Berrios et al., arXiv 2306.16410). Words that
stand written in the scene are quoted, and shown only where the sentence is about writing, so that no sign can tell
the robot what to do. The shipped adapter was trained without this line; who shows it to whom is a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
import json

from vlm_robot.datatypes import DescriptionLine
from vlm_robot.language.description_prompt import QUOTED_LETTERS, WRITING
from vlm_robot.planning.parsing import flatten

HEADINGS = {'tag': 'tags', 'attribute': 'attributes', 'caption': 'captions', 'text': 'written'}
MOST_LETTERS = 400  # of all that is said; the least sure lines go first
LEAST_CONFIDENCE = 0.3  # 0..1, of a line that is shown


def write_notes(lines: Sequence[DescriptionLine], sentence: str) -> str:
    """Return for example ``tags: table; attributes: red block; written: "apples"``; empty where nothing is to say."""
    asks_for_writing = bool(WRITING.search(sentence.lower()))
    said = {(line.kind, _plain(line)): line.confidence for line in sorted(lines, key=lambda line: line.confidence)}
    room, kept = MOST_LETTERS, []
    for (kind, text), confidence in sorted(said.items(), key=lambda item: -item[1]):
        is_shown = kind in HEADINGS and text and (kind != 'text' or asks_for_writing)
        if is_shown and confidence >= LEAST_CONFIDENCE and len(text) <= room:
            room -= len(text)
            kept.append((kind, text))
    parts = {heading: [text for other, text in kept if other == kind] for kind, heading in HEADINGS.items()}
    return '; '.join(f'{heading}: {", ".join(texts)}' for heading, texts in parts.items() if texts)


def _plain(line: DescriptionLine) -> str:
    """Return the text of a line on one line, without signs that mean something in a prompt; written words quoted."""
    text = flatten(line.text)
    return json.dumps(text[:QUOTED_LETTERS], ensure_ascii=False) if line.kind == 'text' and text else text
