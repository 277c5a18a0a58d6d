"""
Noun phrases of Japanese and Chinese commands: words that describe are folded into the noun behind them.

Both languages put what describes before what is described, so phrases are built from left to right: a
finished one may in turn describe the next (``青いボウルの左の``, to the left of the blue bowl). ``gloss.py`` cuts the
words and writes the clauses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

NUMBERS = ('', 'a', 'two', 'three', 'four', 'five', 'six')
ORDINALS = ('', 'first', 'second', 'third', 'fourth', 'fifth', 'sixth')
AREAS = ('corner', 'side', 'area')
DESCRIBES = ('adj', 'num', 'ord', 'all', 'each', 'different', 'same_colour', 'other_colour', 'dir', 'post',
             'gen', 'exist', 'classifier', 'most', 'near', 'far')  # fmt: skip
RELATION_OF = {'left': 'to the left of', 'right': 'to the right of', 'top': 'on', 'bottom': 'below'}


@dataclass(frozen=True)
class Token:
    """
    A word with its part in the sentence, or a noun phrase that words were folded into.

    :param kind: a section of the dictionary, ``unknown``, ``post`` (describes what stands before it), ``tally`` (a
        number behind its noun; no word: all of them) or ``phrase``.
    :param word: English.
    :param relation: of a phrase, for example ``in``; empty where it stands alone.
    :param head: of a phrase, the noun.
    """

    kind: str
    word: str = ''
    relation: str = ''
    head: str = ''


def prepare(tokens: list[Token]) -> list[Token]:
    """Return the tokens with words that only change their neighbours worked into them."""
    tokens = [token for token in tokens if token.kind != 'drop']
    for rule in (_name_ordinals, _tally, _count_from, _colour_of_things, _negate, _extremes, _add_one):
        tokens = rule(tokens)
    return tokens


def _name_ordinals(tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    for i, token in enumerate(tokens):
        after = tokens[i + 1].kind if i + 1 < len(tokens) else ''
        if token.kind == 'num' and (after == 'ord_after' or (found and found[-1].kind == 'ord_before')):
            number = min(int(token.word), len(ORDINALS) - 1)
            found = found[:-1] if found and found[-1].kind == 'ord_before' else found
            found.append(Token('ord', ORDINALS[number]))
        elif token.kind != 'ord_after':
            found.append(token)
    return found


def _tally(tokens: list[Token]) -> list[Token]:
    """Return the tokens with a number right behind the mark of the object as one that belongs to the object."""
    before = ['', *(token.kind for token in tokens)]
    return [
        Token('tally', token.word) if token.kind in ('all', 'num') and kind == 'obj_after' else token
        for token, kind in zip(tokens, before)
    ]


def _count_from(tokens: list[Token]) -> list[Token]:
    """Return the tokens with ``right, from, third`` as ``third`` and ``from the right``."""
    found: list[Token] = []
    i = 0
    while i < len(tokens):
        start = i + (tokens[i].kind == 'from_before')
        end = start + 1
        while end < len(tokens) and tokens[end].kind in ('from', 'gen', 'dest_before', 'dir'):
            end += 1
        if end < len(tokens) and tokens[start].kind == 'dir' and tokens[end].kind == 'ord':
            found += [tokens[end], Token('post', f'from the {tokens[start].word}')]
            i = end + 1
        else:
            found.append(tokens[i])
            i += 1
    return found


def _colour_of_things(tokens: list[Token]) -> list[Token]:
    """Return the tokens with ``banana, colour`` as one adjective."""
    found: list[Token] = []
    for token in tokens:
        noun = next((k for k in (-1, -2) if len(found) >= -k and found[k].kind in ('noun', 'unknown')), 0)
        if token.kind == 'colour' and noun and (noun == -1 or found[-1].kind == 'gen'):
            found[noun:] = [Token('adj', f'{found[noun].word}-colored')]
        elif token.kind != 'colour':
            found.append(token)
    return found


def _negate(tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    for token in tokens:
        if token.kind == 'not_after' and found and found[-1].kind == 'adj':
            found[-1] = Token('post', f'that is not {found[-1].word}')
        elif token.kind == 'adj' and found and found[-1].kind == 'not_before':
            found[-1] = Token('post', f'that is not {token.word}')
        else:
            found.append(token)
    return found


def _extremes(tokens: list[Token]) -> list[Token]:
    """Return the tokens with ``most, left`` as ``leftmost``."""
    found: list[Token] = []
    for token in tokens:
        if token.kind == 'dir' and found and found[-1].kind == 'most':
            found[-1] = Token('adj', token.word.replace(' ', '-') + 'most')
        else:
            found.append(token)
    return found


def _add_one(tokens: list[Token]) -> list[Token]:
    """Return the tokens with the noun ``one`` behind adjectives that describe nothing: ``the green one``."""
    found: list[Token] = []
    for i, token in enumerate(tokens):
        found.append(token)
        j = i + 1
        while j < len(tokens) and tokens[j].kind == 'gen':
            j += 1
        after = tokens[j].kind if j < len(tokens) else 'end'
        describes = token.kind == 'adj' or (token.kind == 'post' and token.word.startswith('that is not'))
        if describes and after not in (*DESCRIBES, 'noun', 'unknown', 'place', 'most', 'near', 'far', 'not_after'):
            found.append(Token('noun', 'one'))
    return found


def fold(tokens: list[Token]) -> list[Token]:
    """Return the tokens with every noun and all that describes it as one ``phrase``."""
    while True:
        place = next((i for i, t in enumerate(tokens) if _is_head(tokens, i)), -1)
        if place < 0:
            return _join_phrases([t for t in tokens if t.kind not in ('gen', 'exist', 'classifier')])
        start = place
        while start and tokens[start - 1].kind in DESCRIBES:
            start -= 1
        phrase = _build(tokens[start:place], tokens[place])
        tokens = _relate([*tokens[:start], phrase, *tokens[place + 1 :]], start)


def _is_head(tokens: list[Token], place: int) -> bool:
    token = tokens[place]
    if token.kind == 'dir':  # the left; but not the left corner, nor the left of something
        rest = [t for t in tokens[place + 1 :] if t.kind != 'gen']
        return not (rest and rest[0].kind == 'noun' and rest[0].word in AREAS)
    is_verb = token.kind == 'unknown' and not any(t.kind == 'verb' for t in tokens)
    rest_kinds = {t.kind for t in tokens[place + 1 :]}
    if is_verb and not rest_kinds & {'obj_after', 'dest_after', 'noun', 'gen', 'rel'}:
        return False
    return token.kind in ('noun', 'place', 'unknown')


def _build(before: list[Token], head: Token) -> Token:
    words: dict[str, list[str]] = {}
    for token in before:
        words.setdefault(token.kind, []).append(token.word)
    count = int(words['num'][0]) if 'num' in words else 0
    noun = head.word
    if head.kind == 'dir':
        noun += ' corner' if ' ' in noun else ' side'
    is_many = count > 1 or {'all', 'different', 'same_colour', 'other_colour'} & words.keys()
    extreme = ['closest'] if 'near' in words else ['farthest'] if 'far' in words else []
    parts = [_determine(words, count), *words.get('ord', ()), *extreme, *words.get('dir', ()), *words.get('adj', ())]
    parts += [noun + 's' if is_many else noun]
    parts += ['with matching colors'] if 'same_colour' in words else []
    parts += ['with mismatched colors'] if 'other_colour' in words else []
    return Token('phrase', ' '.join(p for p in [*parts, *words.get('post', ())] if p), head=head.word)


def _determine(words: dict[str, list[str]], count: int) -> str:
    if 'all' in words:
        return 'all the'
    if 'each' in words:
        return 'each'
    if 'different' in words:
        return 'different'
    if count:
        return NUMBERS[count] if count < len(NUMBERS) else str(count)
    return 'a' if any(post.startswith('that is not') for post in words.get('post', ())) else 'the'


def _relate(tokens: list[Token], place: int) -> list[Token]:
    """Return the tokens with what follows a new phrase taken into it: ``left of it``, ``near it``, ``except it``."""
    phrase, rest = tokens[place], tokens[place + 1 :]
    head = tokens[:place]
    if rest and rest[0].kind == 'except_after':
        head = head[:-1] if head and head[-1].kind == 'except_before' else head
        return [*head, Token('all'), Token('post', f'except {phrase.word}'), *rest[1:]]
    skip = next((i for i, t in enumerate(rest) if t.kind not in ('dest_after', 'from', 'gen', 'most')), len(rest))
    if skip < len(rest) and rest[skip].kind in ('near', 'far'):
        head = head[:-1] if head and head[-1].kind == 'apart' else head
        word = 'closest to' if rest[skip].kind == 'near' else 'farthest from'
        return [*head, Token('post', f'{word} {phrase.word}'), *rest[skip + 1 :]]
    at = 1 if rest and rest[0].kind == 'gen' else 0
    if len(rest) > at and rest[at].kind in ('rel', 'dir') and phrase.head not in AREAS:
        word = rest[at].word
        relation = RELATION_OF.get(word, word) if rest[at].kind == 'rel' or word in RELATION_OF else ''
        if relation:
            after = rest[at + 1 :]
            kinds = [t.kind for t in after]
            if kinds and kinds[0] in ('gen', 'exist', 'noun', 'adj') and _has_head(after):
                link = 'that is ' if relation in ('in', 'on') else ''
                return [*head, Token('post', f'{link}{relation} {phrase.word}'), *after]
            return [*head, replace(phrase, relation=relation), *after]
    return tokens


def _has_head(tokens: list[Token]) -> bool:
    """Return whether a noun follows that the words before can describe."""
    after = next((t for t in tokens if t.kind not in (*DESCRIBES, 'exist', 'classifier')), None)
    return after is not None and after.kind in ('noun', 'unknown')


def _join_phrases(tokens: list[Token]) -> list[Token]:
    """Return the tokens with ``phrase and phrase`` as one, and numbers behind their noun taken to it."""
    found: list[Token] = []
    for token in tokens:
        is_list = len(found) >= 2 and found[-1].kind == 'and' and found[-2].kind == 'phrase'
        if token.kind == 'phrase' and is_list:
            found[-2:] = [replace(token, word=f'{found[-2].word} and {token.word}')]
        else:
            found.append(token)
    return found
