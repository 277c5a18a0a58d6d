"""
Noun phrases of the kitchen grounded in what is there: "a drink without sugar" is read as "the water bottle".

A phrase is a determiner, attributes, a kind, and what may be said behind it (``to eat``, ``with caffeine``, ``that is
not a fruit``, ``from the table``). Which things it fits is looked up in kitchen_knowledge.py; "a" takes the first of
them in the order of the planner's text, "two" the first two, "all" all that are not there already. A phrase that
fits nothing, or that says more than is known here, stays as it is for the language model. No word here is a mark of the
evaluation's sentences (training/kitchen_separation.py); a test keeps it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import functools
import re

from vlm_robot.datatypes import Scene
from vlm_robot.kitchen_vocabulary import PLACES, thing_of, USER
from vlm_robot.planning.kitchen import place_of
from vlm_robot.planning.kitchen_knowledge import is_a, load_things

COLOURS = ('red', 'orange', 'yellow', 'green', 'blue', 'purple', 'pink', 'brown', 'white', 'black', 'silver')
FLAVOURS = ('lemon', 'lime', 'grapefruit', 'ginger', 'coconut', 'potato', 'rice', 'corn', 'protein', 'energy')
NEUTRAL = (
    'empty',
    'cold',
    'cool',
    'fresh',
    'nice',
    'good',
    'tasty',
    'little',
    'small',
    'big',
    'new',
    'old',
    'refreshing',
)
ADJECTIVES = {
    **dict.fromkeys(NEUTRAL, ''),  # they tell no thing from another
    **{word: word for word in (*COLOURS, *FLAVOURS, 'sweet', 'sour', 'warm', 'round', 'long', 'plain')},
    'citrus': 'citrus', 'salty': 'salty', 'salted': 'salty', 'savoury': 'salty', 'tart': 'sour', 'healthy': 'healthy',
    'wholesome': 'healthy', 'nutritious': 'healthy',
    'spicy': 'spicy', 'hot': 'spicy', 'fiery': 'spicy', 'peppery': 'spicy',
    'citrusy': 'citrus', 'caffeinated': 'caffeine',
    'decaffeinated': 'no caffeine', 'caffeine free': 'no caffeine', 'caffeine-free': 'no caffeine',
    'non caffeinated': 'no caffeine', 'sugar free': 'no sugar', 'sugar-free': 'no sugar', 'unsweetened': 'no sugar',
    'sugarless': 'no sugar', 'pure': 'plain', 'fizzy': 'soda', 'carbonated': 'soda', 'canned': 'can',
    'bottled': 'bottle', 'wholegrain': 'grains', 'grain': 'grains', 'edible': 'food',
}  # fmt: skip
NOUNS = {
    'fruit': 'fruit', 'drink': 'drink', 'beverage': 'drink', 'refreshment': 'drink', 'soda': 'soda',
    'soft drink': 'soda', 'pop': 'soda', 'cola': 'cola', 'can': 'can', 'bottle': 'bottle', 'snack': 'snack',
    'chips': 'chips', 'crisps': 'chips', 'bag of chips': 'chips', 'bag of crisps': 'chips', 'pack of chips': 'chips',
    'vegetable': 'vegetable', 'food': 'food', 'water': 'water', 'tea': 'tea', 'coffee': 'coffee', 'milk': 'milk',
    'juice': 'juice', 'bar': 'bar', 'thing': '', 'item': '', 'treat': 'food', 'bite': 'food',
}  # fmt: skip
PLURALS = {
    'bag of chips': 'bags of chips', 'bag of crisps': 'bags of crisps', 'pack of chips': 'packs of chips',
    'chips': 'chips', 'crisps': 'crisps', 'fruit': 'fruits?', 'food': 'food',
}  # fmt: skip
SUBSTANCES = {
    **{word: word for word in ('caffeine', 'sugar', 'lemon', 'lime', 'grapefruit', 'ginger', 'protein', 'rice')},
    'corn': 'corn', 'grains': 'grains', 'potatoes': 'potato', 'potato': 'potato', 'chili': 'spicy',
}  # fmt: skip
CLEANING = 'cleaning'
USES = {
    'eat': 'food', 'munch on': 'food', 'munch': 'food', 'chew': 'food',
    'snack on': 'snack', 'drink': 'drink', 'sip': 'drink', 'clean': 'cleaning', 'wipe': 'cleaning',
    'scrub': 'cleaning',
}  # fmt: skip
CONTENTS = ('caffeine', 'sugar')  # that a thing has none of is told, not silence
PLACE_WORDS = {
    **{place: place for place in PLACES if place != USER},
    'near counter': 'close counter', 'nearby counter': 'close counter', 'closest counter': 'close counter',
    'nearest counter': 'close counter', 'counter close by': 'close counter', 'counter far away': 'far counter',
    'counter at the far end': 'far counter', 'distant counter': 'far counter', 'farthest counter': 'far counter',
    'dining table': 'table', 'table top': 'table', 'kitchen drawer': 'drawer', 'bin': 'trash', 'trash can': 'trash',
}  # fmt: skip
IS, HAS = '(?:is|are|is made|tastes)', '(?:has|have|contains?|does not contain|do not contain)'
WITH = 'with|without|containing|made of|free of'
PACKS = ('can', 'bottle', 'bag', 'box', 'carton', 'cup')
NUMBERS = {'two': 2, '2': 2, 'a couple of': 2, 'a pair of': 2, 'both': 2, 'three': 3, '3': 3}
# Said behind a phrase and not read, such as 'that gives energy': then it is left to the language model.
_MORE = '(?:of|that|which|who|with|without|made|full|but|except|other than|containing|free|from|in an?)'
_HAND = 'in your (?:hand|gripper|fingers)'
_HELD = re.compile(
    r'\b(?:what(?:ever)?|the thing|that thing|the object)(?: that| which)? '
    rf'(?:you (?:hold|carry|grasp|are holding|are carrying)(?: {_HAND})?|is {_HAND})\b',
    re.IGNORECASE,
)
_FOR_USER = re.compile(
    r'\b(?:bring|give|get|fetch|hand|pass|serve|deliver) (?:me|us)\b|\bto (?:me|us)\b', re.IGNORECASE
)


@dataclass(frozen=True)
class Phrase:
    """What a noun phrase says: attributes (a leading minus: must not have it), a place, how many; 0 means all."""

    attributes: tuple[str, ...]
    place: str = ''
    count: int = 1
    is_definite: bool = False

    def fits(self, name: str, scene: Scene) -> bool:
        """Return whether a thing is meant."""
        if self.place and place_of(name, scene) != self.place:
            return False
        return all(is_a(name, word.lstrip('-')) != word.startswith('-') for word in self.attributes)


def _either(words: Iterable[str]) -> str:
    return '(?:' + '|'.join(sorted(words, key=len, reverse=True)) + ')'


@functools.cache
def _pattern(is_for_user: bool) -> re.Pattern[str]:
    """Return names of things (left alone) or a noun phrase; a bare ``on the table`` may say where a thing shall go."""
    adjective = rf'(?:{_either(ADJECTIVES)}(?: (?:coloured|colored|flavoured|flavored|tasting))?)'
    singular, plural = _either(NOUNS), _either(PLURALS.get(noun, f'{noun}s') for noun in NOUNS)
    place = f'(?:the )?{_either(PLACE_WORDS)}'
    behind = rf'(?! (?:{singular}|{plural})\b)'  # 'the lemon' of 'the lemon soda' is no lemon
    names = rf'(?:(?:the|an?|some|my|that|this) )?{_either(map(re.escape, load_things()))}(?: \d+)?{behind}'
    posts = (
        rf'to {_either(use for use, kind in USES.items() if kind != CLEANING)}',
        rf'to {_either(use for use, kind in USES.items() if kind == CLEANING)}(?: (?:it|this|up|with))*',
        rf'(?:that|which) {IS} (?:not |no |not made )?(?:an? |any |of |with )?(?:{adjective}|{singular})',
        rf'(?:that|which) {HAS}(?: no| any)* {_either(SUBSTANCES)}(?: in it)?',
        rf'(?:{WITH})(?: no| any| zero)* {_either(SUBSTANCES)}(?: in it)?',
        rf'(?:other than|except|but not|but no|but) (?:an? |any |some )?{singular}',
        rf'(?:that comes )?in an? {_either(PACKS)}',
        rf'(?:that|which) (?:is|are|stands?|lies?) (?:on|at|in) {place}',
        rf'(?:from|on|at|in) {place}' if is_for_user else f'from {place}',
    )
    head = (
        rf'(?P<some>something|anything)(?: {adjective})?|(?P<every>everything|all things|all the things)|'
        rf'(?P<all>all(?: of)?(?: the)?|every|each|every one of the) (?:{adjective} )*(?:{plural}|{singular})|'
        rf'(?P<number>{_either(NUMBERS)})(?: of the)? (?:{adjective} )*{plural}|'
        rf'(?P<one>an?|the|some|any|another) (?:{adjective} )*{singular}'
    )
    said = rf'(?:,? (?:{"|".join(posts)})\b)*'
    return re.compile(
        rf'(?P<name>\b{names}\b)|\b(?:{head})\b{behind}(?P<posts>{said})\b(?!,? {_MORE}\b)', re.IGNORECASE
    )


def ground(text: str, scene: Scene) -> tuple[str, list[str]]:
    """Return the text with the phrases that are understood replaced by the names of things, and a note on each."""
    aims = _find_aims(text)
    text, notes = _name_held(text, scene)

    def read(match: re.Match[str]) -> str:
        phrase = None if match['name'] else read_phrase(match)
        names = choose(phrase, scene, text, aims) if phrase else ()
        if not names:
            return match[0]
        named = [f'the {name}' for name in names]
        told = ' and '.join(filter(None, (', '.join(named[:-1]), named[-1])))
        notes.append(f"read '{match[0]}' as '{told}'")
        return told

    return _pattern(bool(_FOR_USER.search(text))).sub(read, text), notes


def _name_held(text: str, scene: Scene) -> tuple[str, list[str]]:
    """Return the text with 'what you are holding' as the name of what is held."""
    match = _HELD.search(text) if scene.held else None
    if match is None:
        return text, []
    told = f'the {scene.held}'
    return text[: match.start()] + told + text[match.end() :], [f"read '{match[0]}' as '{told}'"]


def _find_aims(text: str) -> tuple[str, ...]:
    """Return the places that the sentence names, and the user: what is there already is not fetched first."""
    to = r'(?<!go )(?<!drive )(?<!move )(?:to|on|onto|in|into|at|inside|with)'
    found = re.findall(rf'\b{to} (?:the )?({_either(PLACE_WORDS)})\b', text.lower())
    return (USER, *(PLACE_WORDS[place] for place in found))


def read_phrase(match: re.Match[str]) -> Phrase | None:
    """Return what a matched phrase says; None where it says nothing that is known here."""
    words = match[0].lower()
    posts = (match['posts'] or '').lower()
    head = words[: len(words) - len(posts)]
    attributes = [*_read_head(head), *_read_posts(posts)]
    place = ''
    for found in re.finditer(
        rf'(from|(?:is|are|stands?|lies?) (?:on|at|in)|on|at|in) (?:the )?({_either(PLACE_WORDS)})', posts
    ):
        place = PLACE_WORDS[found[2]]
    if not any(attributes) and not (place and (match['every'] or match['some'])):
        return None
    count = 0 if match['every'] or match['all'] else NUMBERS.get((match['number'] or '').lower(), 1)
    return Phrase(tuple(filter(None, attributes)), place, count, (match['one'] or '').lower() == 'the')


def _read_head(head: str) -> list[str]:
    """Return the attributes in front of a noun, and its own."""
    for noun in sorted(NOUNS, key=len, reverse=True):
        found = re.search(rf'\b(?:{PLURALS.get(noun, noun + "s")}|{noun})$', head)
        if found:
            return [*_find_adjectives(head[: found.start()]), NOUNS[noun]]
    return _find_adjectives(head)


def _find_adjectives(text: str) -> list[str]:
    return [ADJECTIVES[word] for word in re.findall(rf'\b{_either(ADJECTIVES)}\b', text)]


def _read_posts(posts: str) -> list[str]:
    """Return what is said behind the noun: use, contents, what it is or is not."""
    uses = [USES[use] for use in re.findall(rf'\bto ({_either(USES)})\b', posts)]
    other = rf'(?:other than|except|but not|but no|but) (?:an? |any |some )?({_either(NOUNS)})\b'
    packs = re.findall(rf'\bin an? ({_either(PACKS)})\b', posts)
    return [
        *uses,
        *packs,
        *_read_contents(posts),
        *_read_is(posts),
        *(_deny(NOUNS[n]) for n in re.findall(other, posts)),
    ]


def _read_contents(posts: str) -> list[str]:
    pattern = rf'({WITH}|{HAS})((?: no| any| zero)*) ({_either(SUBSTANCES)})\b'
    found = []
    for part in re.finditer(pattern, posts):
        is_without = {'without', 'free', 'not', 'no', 'zero'} & {*part[1].split(), *part[2].split()}
        found.append(_deny(SUBSTANCES[part[3]]) if is_without else SUBSTANCES[part[3]])
    return found


def _read_is(posts: str) -> list[str]:
    pattern = rf'{IS} (not |no |not made )?(?:an? |any |of |with )?({_either((*ADJECTIVES, *NOUNS))})\b'
    found = []
    for part in re.finditer(pattern, posts):
        word = ADJECTIVES.get(part[2]) or NOUNS.get(part[2], '')
        found.append(_deny(word) if part[1] else word)
    return found


def _deny(word: str) -> str:
    """Return the attribute of not being or having something."""
    return f'no {word}' if word in CONTENTS else f'-{word}' if word else ''


def choose(phrase: Phrase, scene: Scene, text: str, aims: Sequence[str]) -> tuple[str, ...]:
    """Return the things that a phrase means, in the order of the planner's text; none where it is left open."""
    fitting = [
        name for place in PLACES for name in scene.names if place_of(name, scene) == place and phrase.fits(name, scene)
    ]
    if scene.held and phrase.fits(scene.held, scene) and not phrase.place:
        return (scene.held,) if phrase.count == 1 else ()
    away = [name for name in fitting if place_of(name, scene) not in aims or place_of(name, scene) == phrase.place]
    if phrase.count == 0:
        return tuple(away)
    if phrase.is_definite and len({thing_of(name) for name in fitting}) > 1:
        said = [name for name in fitting if thing_of(name).split(' ')[0] in re.findall(r'\w+', text.lower())]
        return (said[0],) if len(said) == 1 else ()
    found = (away or fitting)[: phrase.count]
    return tuple(found) if len(found) == phrase.count else ()
