"""
The prompt forms of LENS for any language model: what was seen, by kind, then the question.

Forms after LENS (Berrios et al., arXiv 2306.16410): ``all`` shows every kind, ``vqa`` captions, ``vision`` tags and
attributes in one line each. Ours adds ``things``: objects, counts and relations, which LENS never had, and a bound on
the length that drops the least sure lines first. Written words are quoted and stand on one line: they are data.
``description_prompt`` is the form that the shipped small model answers best; this one is for larger ones.
"""

from __future__ import annotations

from collections.abc import Sequence
import json

from vlm_robot.datatypes import Description, DescriptionLine
from vlm_robot.errors import ConfigError, name_nearest

HEADINGS = {
    'object': 'Objects', 'count': 'Counts', 'relation': 'Relations', 'tag': 'Tags', 'attribute': 'Attributes',
    'caption': 'Captions', 'text': 'Written',
}  # fmt: skip
FORMS = {
    'all': tuple(HEADINGS),
    'things': ('object', 'count', 'relation'),
    'vision': ('tag', 'attribute'),
    'vqa': ('caption',),
}


def format_lens_prompt(description: Description, question: str, form: str = 'all', most_letters: int = 4000) -> str:
    """
    Return a prompt that ends with ``Short Answer:``.

    :param form: ``all``, ``things``, ``vision`` or ``vqa``.
    :param most_letters: of what was seen; the least sure lines go first.
    :raises ConfigError: there is no such form, or it may have no letters.
    """
    if form not in FORMS:
        raise ConfigError(f"no prompt form '{form}'{name_nearest(form, FORMS)}")
    if most_letters < 1:
        raise ConfigError(f'most_letters is {most_letters}; allowed: 1 or more')
    lines = _shorten([line for line in description.lines if line.kind in FORMS[form]], most_letters)
    parts = [_write_part(kind, [line for line in lines if line.kind == kind], form) for kind in FORMS[form]]
    asked = ' '.join(question.split())
    return f'{"".join(parts)}Question: {asked}\nShort Answer:'


def _shorten(lines: Sequence[DescriptionLine], most_letters: int) -> list[DescriptionLine]:
    """Return the surest lines that fit, in their order; of lines that read the same the first."""
    unique = list({(line.kind, line.text): line for line in reversed(lines)}.values())[::-1]
    room, kept = most_letters, set()
    for i in sorted(range(len(unique)), key=lambda i: -unique[i].confidence):
        room -= len(_write_line(unique[i]))
        if room < 0:
            break
        kept.add(i)
    return [unique[i] for i in sorted(kept)]


def _write_part(kind: str, lines: Sequence[DescriptionLine], form: str) -> str:
    if not lines:
        return ''
    if form == 'vision':
        return f'{HEADINGS[kind]}: {", ".join(line.text for line in lines)}\n'
    return f'{HEADINGS[kind]}:\n' + ''.join(_write_line(line) for line in lines)


def _write_line(line: DescriptionLine) -> str:
    text = ' '.join(line.text.split())
    return f'- {json.dumps(text) if line.kind == "text" else text}\n'
