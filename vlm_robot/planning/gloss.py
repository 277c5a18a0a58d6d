"""
Japanese and Chinese commands in plain English word order, so that a model that reads English can plan them.

Words are cut by longest match over a small dictionary (``words/*.yaml``) that also names the part of every
word; the parts are folded into noun phrases from left to right, because both languages put what describes
before what is described; then each clause is written as verb, object, place. It is a dictionary with
grammar marks, not a translator: what it does not know stays as it is and is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
import functools
from pathlib import Path
import re

import yaml

from vlm_robot.planning.noun_phrases import fold, NUMBERS, prepare, Token
from vlm_robot.vocabulary import COLOURS

WORDS = Path(__file__).resolve().parent / 'words'
LATIN = re.compile(r'[A-Za-z]+(?: +[A-Za-z]+)*')
KANA, HAN = re.compile(r'[\u3040-\u30ff]'), re.compile(r'[\u3400-\u9fff]')


@dataclass(frozen=True)
class Gloss:
    """English words, and the pieces that the dictionary does not have."""

    text: str
    unknown: tuple[str, ...] = ()


def find_language(text: str) -> str:
    """Return ``japanese``, ``chinese`` or nothing, by the writing."""
    if KANA.search(text):
        return 'japanese'
    return 'chinese' if HAN.search(text) else ''


@functools.cache
def load_dictionary(language: str) -> dict[str, Token]:
    """Return written word -> token of a language."""
    data = yaml.safe_load((WORDS / f'{language}.yaml').read_text(encoding='utf-8'))
    found = {}
    for kind, words in data.items():
        pairs = words.items() if isinstance(words, dict) else ((str(word), '') for word in words)
        found.update({str(written): Token(kind, str(english)) for written, english in pairs})
    return found


def write_english(text: str) -> Gloss:
    """Return a Japanese or Chinese command in English words."""
    tokens = cut(text, load_dictionary(find_language(text)))
    unknown = tuple(token.word for token in tokens if token.kind == 'unknown')
    clauses = [_write_clause(clause) for clause in _part(fold(prepare(tokens)))]
    return Gloss(', then '.join(clause for clause in clauses if clause), unknown)


def cut(text: str, dictionary: dict[str, Token]) -> list[Token]:
    """Return the words of a text by longest match; Latin words stay, other pieces become ``unknown``."""
    longest, tokens, place = max(map(len, dictionary)), [], 0
    while place < len(text):
        latin = LATIN.match(text, place)
        digits = re.compile(r'\d+').match(text, place)
        size = next((n for n in range(longest, 0, -1) if text[place : place + n] in dictionary), 0)
        if latin:
            tokens += _cut_latin(latin[0].lower().split())
            place = latin.end()
        elif digits:
            tokens.append(Token('num', digits[0]))
            place = digits.end()
        elif size:
            tokens.append(dictionary[text[place : place + size]])
            place += size
        else:
            if not text[place].isspace():
                is_more = place and tokens and tokens[-1].kind == 'unknown' and not text[place - 1].isspace()
                tokens[-1:] = (
                    [replace(tokens[-1], word=tokens[-1].word + text[place])]
                    if is_more
                    else [*tokens[-1:], Token('unknown', text[place])]
                )
            place += 1
    return tokens


@dataclass
class _Clause:
    verb: str = ''
    adverb: str = ''
    is_denied: bool = False
    things: list[tuple[str, Token]] = field(default_factory=list)  # role and phrase, in order


def _cut_latin(words: list[str]) -> list[Token]:
    """Return English words between the others: the last is a thing, unless it is a colour; those before describe it."""
    *before, last = words
    return [*(Token('adj', word) for word in before), Token('adj' if last in COLOURS else 'noun', last)]


def _part(tokens: list[Token]) -> list[_Clause]:
    """Return the clauses: one ends at its joining word, or where a second verb begins."""
    clauses, role = [_Clause()], ''
    for i, token in enumerate(tokens):
        now = clauses[-1]
        after = tokens[i + 1].kind if i + 1 < len(tokens) else ''
        is_next = now.verb and now.things and (token.kind == 'obj_before' or _ends_verbs(tokens, i, now))
        if token.kind == 'join' or is_next:
            clauses.append(now := _Clause())
            role = ''
        if token.kind == 'phrase':
            now.things.append((role or {'obj_after': 'obj', 'dest_after': 'dest'}.get(after, ''), token))
            role = ''
        elif token.kind in ('obj_before', 'dest_before'):
            role = token.kind.removesuffix('_before')
        elif token.kind == 'verb' or (token.kind == 'unknown' and not now.verb):
            now.verb = token.word
        elif token.kind == 'adverb':
            now.adverb = token.word
        elif token.kind == 'neg':
            now.is_denied = True
        elif token.kind in ('all', 'num', 'tally') and now.things:
            now.things[-1] = (now.things[-1][0], _pluralise(now.things, token))
    return clauses


def _ends_verbs(tokens: list[Token], place: int, now: _Clause) -> bool:
    """Return whether a phrase opens a new clause because its verb came after the last one's (verb-final)."""
    kinds = [token.kind for token in tokens]
    is_verb_last = 'obj_after' in kinds or 'dest_after' in kinds
    return is_verb_last and tokens[place].kind == 'phrase' and bool(now.verb)


def _pluralise(things: list[tuple[str, Token]], token: Token) -> Token:
    phrase = things[-1][1]
    number = int(token.word) if token.word else 0
    lead = (NUMBERS[number] if number < len(NUMBERS) else token.word) if number else 'all the'
    words = phrase.word.removeprefix('the ')
    if phrase.word.startswith(('all ', 'each ', 'different ')) or not phrase.head or ' and ' in words:
        return phrase
    plural = words if number == 1 else re.sub(rf'\b{re.escape(phrase.head)}\b', phrase.head + 's', words, count=1)
    return replace(phrase, word=f'{lead} {plural}')


def _write_clause(clause: _Clause) -> str:
    things = list(clause.things)
    if not things and not clause.verb:
        return ''
    if len(things) == 1 and not clause.verb and not things[0][0]:  # an answer, not a command
        return things[0][1].word
    target = next((p for role, p in things if role == 'obj'), None)
    if target is None:
        target = next((p for role, p in things if not role and not p.relation), None)
    places = [p for _, p in things if p is not target]
    if target and any(re.match('different|.* with (mis)?match', place.word) for place in places):
        target = _pluralise([('', target)], Token('all'))
    verb = clause.verb or 'put'
    if verb == 'undo':
        return 'undo that'
    words = [verb, target.word if target else ('it' if places else '')]
    words += [_write_place(place, verb) for place in places]
    text = ' '.join(word for word in [*words, clause.adverb] if word)
    return f'do not {text}' if clause.is_denied else text


def _write_place(place: Token, verb: str) -> str:
    relation = place.relation
    if not relation:
        relation = {'bowl': 'in', 'drawer': 'in', 'block': 'on', 'one': 'on'}.get(place.head, 'in')
        is_side = place.head in ('left', 'right', 'top', 'bottom', 'side')
        relation = 'on' if is_side else relation
        if verb in ('move', 'push') and (is_side or place.head in ('corner', 'middle', 'area')):
            relation = 'to'
    return f'{relation} {place.word}'
