"""
The prompt by which a language model answers a question about a picture that it does not see, from text about it.

The form is that of LENS for questions (Berrios et al., arXiv 2306.16410): what was seen, by kind, then ``Question:``
and ``Short Answer:``; objects, counts and relations come on top, and worked examples, because small models need
them. What stands written in a picture is data: it is quoted on one line, and shown only to questions about writing,
so that no label on a box can tell the robot what to answer. It knows words and no model.
"""

from __future__ import annotations

import json
import re

from vlm_robot.datatypes import Description, DescriptionLine
from vlm_robot.errors import SentenceError
from vlm_robot.vocabulary import COLOURS, SHAPES

MOST_LINES = 8  # of a description that are shown; a small model loses itself in more
MOST_LETTERS = 300  # of a question
QUOTED_LETTERS = 60  # of one written text
HEADINGS = {
    'tag': 'Tags', 'attribute': 'Attributes', 'caption': 'Captions', 'text': 'Written', 'object': 'Objects',
    'count': 'Counts', 'relation': 'Relations',
}  # fmt: skip
SAME = {
    'cube': 'block', 'box': 'block', 'boxe': 'block', 'brick': 'block', 'dish': 'bowl', 'dishe': 'bowl',
    'basin': 'bowl', 'grey': 'gray', 'teal': 'cyan', 'turquoise': 'cyan', 'violet': 'purple',
}  # fmt: skip
DULL = frozenset({'the', 'a', 'an', 'i', 'is', 'are', 'there', 'of', 'to', 'on', 'in', 'it'})
NUMBERS = tuple(str(number) for number in range(13))
YES_NO = ('yes', 'no')
AUXILIARIES = (
    'is', 'are', 'do', 'does', 'can', 'could', 'was', 'were', 'has', 'have', 'will', 'would', 'did', 'should',
)  # fmt: skip
WRITING = re.compile(r'\b(written|writing|writes?|reads?|says?|text|label|labelled|sign|words?|letters?|spell\w*)\b')
WHICH_COLOUR = re.compile(r'\b(?:what|which)\s+colou?r\b')
WHERE = re.compile(r'\bwhere\b|\bon or in\b|\bin or on\b|^what is .* (?:in|on|inside)\W*$')
EXAMPLES = """Objects:
- red block on the table
- blue bowl on the table
Question: Is there a red block?
Short Answer: yes

Objects:
- blue block on the table
Counts:
- 0 red blocks
Question: Is there a red block?
Short Answer: no

Counts:
- 3 green blocks
- 1 green bowl
Question: How many green blocks are there?
Short Answer: 3

Objects:
- yellow block in the blue bowl
- red block on the table
Question: What colour is the block in the blue bowl?
Short Answer: yellow

Objects:
- blue block in the red bowl
Question: Where is the blue block?
Short Answer: in the red bowl

Relations:
- green block left of red bowl
Question: Is the green block left of the red bowl?
Short Answer: yes

Relations:
- green block left of red bowl
Question: Is the green block right of the red bowl?
Short Answer: no

"""


def check_question(question: str) -> str:
    """Return the question on one line; raise SentenceError when it is empty, too long or no text."""
    if not isinstance(question, str) or not question.strip():
        raise SentenceError(f"a question must be words such as 'is there a red block?', got {question!r}")
    text = ' '.join(''.join(c if c.isprintable() else ' ' for c in question).split())
    if len(text) > MOST_LETTERS:
        raise SentenceError(f'the question has {len(text)} letters, allowed are {MOST_LETTERS}: use fewer words')
    return text


def list_candidates(description: Description, question: str) -> tuple[str, ...]:
    """
    Return the answers among which a question leaves a choice; empty where any words may answer.

    The words of the question alone decide the kind: yes or no, a number, a colour, a written text, a place, a thing.
    """
    words = question.lower()
    if re.search(r'\bhow many\b', words):
        return NUMBERS
    if WHICH_COLOUR.search(words):
        return tuple(COLOURS)
    if words.split()[0] in AUXILIARIES:
        return YES_NO
    if WRITING.search(words):
        return tuple(dict.fromkeys(line.text for line in description.lines if line.kind == 'text' and line.text))
    if re.search(r'\bnumber of\b', words):
        return NUMBERS
    if re.search(r'\bcolou?r of\b', words):
        return tuple(COLOURS)
    if WHERE.search(words):
        return list_places(description)
    if re.match(r'(what|which)\s+(shape|kind)\b', words):
        return SHAPES
    if re.match(r'(what|which)\b', words):
        return tuple(dict.fromkeys(line.text for line in description.lines if line.kind == 'tag'))
    return YES_NO if words.endswith('?') and not re.search(r'\b(what|which|who|why|how|when)\b', words) else ()


def list_places(description: Description) -> tuple[str, ...]:
    """Return the places that things can have in a description: table, hand, in or on anything it names."""
    named = re.findall(r'\b(?:in|on|inside) (?:the |a )?(\w+ (block|bowl))\b', _join_seen(description).lower())
    hosts = [f'{"in" if shape == "bowl" else "on"} the {name}' for name, shape in named]
    return tuple(dict.fromkeys(['on the table', 'in the hand', *hosts]))


def _join_seen(description: Description) -> str:
    return '\n'.join(line.text for line in description.lines if line.kind != 'text')


def format_prompt(description: Description, question: str) -> str:
    """Return the prompt: examples, what was seen that the question is about, the question."""
    return f'{EXAMPLES}{format_evidence(description, question)}Question: {question}\nShort Answer:'


def format_evidence(description: Description, question: str) -> str:
    """Return the lines that share most words with the question, headed by their kinds, in the description's order."""
    chosen = select_lines(description, question)
    parts = []
    for kind, heading in HEADINGS.items():
        texts = [_write_line(line) for line in chosen if line.kind == kind]
        texts += list_missing(description, question) if kind == 'count' else []
        if texts:
            parts.append(f'{heading}:\n' + ''.join(f'- {text}\n' for text in dict.fromkeys(texts)))
    return ''.join(parts) or 'Objects:\n- nothing\n'


def list_missing(description: Description, question: str) -> list[str]:
    """Return ``0 red blocks`` for each colour with a shape that the question names and no line of things does."""
    seen = {name for line in description.lines if line.kind in ('object', 'count') for name in _list_names(line.text)}
    asked = dict.fromkeys(name for name in _list_names(question) if name[0] in COLOURS)
    return [f'0 {colour} {shape}s' for colour, shape in asked if (colour, shape) not in seen]


def select_lines(description: Description, question: str) -> list[DescriptionLine]:
    """
    Return at most MOST_LINES lines, in the description's order: those that the question is about.

    A line counts by the names it shares with the question (``red block``: two words side by side), then by single
    words; lines with fewer shared names than the best are left out.
    """
    is_about_writing = bool(WRITING.search(question.lower()))
    lines = [line for line in description.lines if line.kind != 'text' or is_about_writing]
    worth = [(line.kind == 'text', *_measure_overlap(line.text, question), line.confidence) for line in lines]
    most = max((names for _, names, *_ in worth), default=0)
    order = sorted(range(len(lines)), key=lambda i: worth[i], reverse=True)
    kept = {i for i in order if worth[i][0] or (worth[i][1] == most and (most or worth[i][2]))}
    return [lines[i] for i in sorted([i for i in order if i in kept][:MOST_LINES])]


def _measure_overlap(text: str, question: str) -> tuple[int, int]:
    """Return how many names and how many words of the question a text shares."""
    names = set(_list_names(text)) & set(_list_names(question))
    return len(names), len(set(_list_stems(text)) & set(_list_stems(question)) - DULL)


def _list_names(text: str) -> list[tuple[str, str]]:
    """Return each shape word with the word before it, in plain words: ``grey cubes`` is (gray, block)."""
    stems = _list_stems(text)
    return [pair for pair in zip(stems, stems[1:], strict=False) if pair[1] in SHAPES]


def _list_stems(text: str) -> list[str]:
    words = (word.removesuffix('s') for word in re.findall(r'[a-z]+', text.lower()))
    return [SAME.get(word, word) for word in words]


def _write_line(line: DescriptionLine) -> str:
    text = ' '.join(''.join(c if c.isprintable() else ' ' for c in line.text).split())
    return json.dumps(text[:QUOTED_LETTERS]) if line.kind == 'text' else text
