"""
What is done to a sentence before the language model reads it, every change told to the user.

In order: one line of plain characters; Japanese and Chinese into English words; typing mistakes; politeness
around the command; colours of things (``banana-coloured``); other words for what the scene holds (``cube``).
A sentence without any of these comes out as it went in, letter by letter. Which thing is meant, whether it is
there and whether there are several is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
import functools
import re
import unicodedata

import yaml

from vlm_robot.datatypes import Scene
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.planning import gloss, spelling
from vlm_robot.vocabulary import COLOURS, shape_of

KNOWN_SHARE = 0.6  # of the words must be English after correction, or it was no English sentence to begin with
COLOUR_PROMPT = 'Everybody knows that the typical color of {} is'
# Of what the model says about any thing; with 0, 0.5 and 1 it was right about 14, 21 and 11 of 38 nouns. On 32 nouns
# that were not in the file, chosen among four colours, it was right in 54 % (chance: 25 %).
PRIOR_WEIGHT = 0.5
# Before -coloured or behind "the colour of", and no thing that has a colour.
NO_NOUN = frozenset((
    'another', 'any', 'brightly', 'dark', 'darker', 'different', 'each', 'it', 'its', 'light', 'lighter', 'matching',
    'mismatched', 'multi', 'one', 'other', 'same', 'that', 'their', 'this', 'two', 'whose',
))  # fmt: skip
# "banana-coloured block": noun, thing. "block that has the colour of a banana": thing, what is replaced, noun.
BEFORE = re.compile(r'\b((?:[a-z]+-)*[a-z]+)(?:[- ]colou?red|-colou?r)\b(?= ?([a-z]*))', re.IGNORECASE)
BEHIND = re.compile(
    r'\b([a-z]+)((?: that| which)?(?: is| are| has| have| with| of| in| having)?,?'
    r' the colou?r of (?:an? |the )?([a-z]+))\b',
    re.IGNORECASE,
)

ColourOf = Callable[[str, Sequence[str]], str]


@dataclass(frozen=True)
class Understood:
    """
    A sentence as the language model shall read it.

    :param notes: one line for the user for every change.
    :param unknown: words that are in no dictionary; a refusal names them.
    """

    text: str
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Words:
    targets: frozenset[str]
    colours: frozenset[str]
    heads: tuple[str, ...]
    tails: tuple[str, ...]
    gerund_heads: tuple[str, ...]
    gerunds: dict[str, str]
    synonyms: dict[str, str]
    colour_of: dict[str, str]


@functools.cache
def load_words() -> _Words:
    """Return the words of the shipped files."""
    data = yaml.safe_load((gloss.WORDS / 'english.yaml').read_text(encoding='utf-8'))
    things = yaml.safe_load((gloss.WORDS / 'colours_of_things.yaml').read_text(encoding='utf-8'))
    return _Words(
        frozenset({*data['targets'].split(), *spelling.with_plurals(data['nouns'].split())}),
        frozenset(data['colours'].split()),
        tuple(sorted(map(str, data['polite_heads']), key=len, reverse=True)),
        tuple(sorted(map(str, data['polite_tails']), key=len, reverse=True)),
        tuple(data['gerund_heads']),
        data['gerunds'],
        data['synonyms'],
        {noun: colour for colour, nouns in things.items() for noun in nouns.split()},
    )


def understand(sentence: str, scene: Scene = Scene(), ask_colour: ColourOf | None = None) -> Understood:
    """
    Return a sentence as the language model shall read it.

    :param scene: its labels are words that can be meant.
    :param ask_colour: noun and possible colours -> one of them, for nouns of unknown colour (``ask_model``).
    """
    text = flatten(sentence)
    if gloss.find_language(text):
        english = gloss.write_english(text)
        return _read_on(english.text, scene, ask_colour, (f"read '{text}' as '{english.text}'",), english.unknown)
    return _read_on(text, scene, ask_colour)


def _read_on(
    text: str, scene: Scene, ask_colour: ColourOf | None, notes: tuple[str, ...] = (), unknown: tuple[str, ...] = ()
) -> Understood:
    found = list(notes)
    steps = (
        lambda words: correct_spelling(words, scene),
        leave_politeness_out,
        lambda words: name_colours(words, scene, ask_colour),
        lambda words: use_scene_words(words, scene),
    )
    for step in steps:
        text, news = step(text)
        found += news
    return Understood(text, tuple(found), unknown or list_unknown(text, scene))


def flatten(sentence: str) -> str:
    """Return a sentence on one line, in compatibility form (NFKC), with straight quotes and no control characters."""
    plain = unicodedata.normalize('NFKC', sentence).translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    kept = (' ' if unicodedata.category(c) == 'Cc' else c for c in plain if unicodedata.category(c) != 'Cf')
    return ' '.join(''.join(kept).split())


def _list_scene_words(scene: Scene) -> set[str]:
    return {word for item in scene.objects for word in spelling.list_words(f'{item.label} {item.name}')}


def correct_spelling(text: str, scene: Scene = Scene(), more: Collection[str] = ()) -> tuple[str, list[str]]:
    """Return the text with typing mistakes put right, and a note on each; ``more`` words can be meant."""
    words, own = load_words(), spelling.with_plurals(_list_scene_words(scene))
    nouns = {shape_of(item.label) for item in scene.objects}
    targets = words.targets | frozenset(more)
    notes: list[str] = []
    before = ''

    def read(match: re.Match[str]) -> str:
        nonlocal before
        old = match[0].lower()
        new = spelling.correct(old, targets, own)
        if new == old and before in words.colours and old not in own:
            meant = [noun for noun in spelling.with_plurals(nouns) if spelling.is_slip(old, noun)]
            new = meant[0] if len(meant) == 1 else old
        before = new.rsplit(' ', 1)[-1]
        if new == old:
            return match[0]
        notes.append(f"read '{match[0]}' as '{new}'")
        return new

    corrected = re.sub(r"(?<![\w'])[A-Za-z]+(?![\w'])", read, text)
    return (corrected, notes) if _share_known(corrected, own) >= KNOWN_SHARE else (text, [])


def _share_known(text: str, own: set[str]) -> float:
    found = spelling.list_words(text)
    return sum(_is_known(word, own) for word in found) / len(found) if found else 1.0


def _is_known(word: str, own: set[str]) -> bool:
    return word in load_words().targets or word in own or "'" in word or spelling.is_english(word)


def list_unknown(text: str, scene: Scene = Scene()) -> tuple[str, ...]:
    """Return the words of letters that are no English and none of the scene's, each once."""
    own = spelling.with_plurals(_list_scene_words(scene))
    known = own | set(COLOURS) | load_words().colour_of.keys()
    found = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    return tuple(dict.fromkeys(w for w in found if len(w) > 2 and not _is_known(w, known)))


def leave_politeness_out(text: str) -> tuple[str, list[str]]:
    """Return the command without greetings and requests around it; nothing changes where no command would be left."""
    words, rest = load_words(), text
    while cut := _cut_head(rest, words):
        rest = cut
    if rest != text:
        rest = rest.rstrip('?').rstrip() if not re.search(r'[.!;]', rest) else rest
    while cut := _cut_tail(rest, words):
        rest = cut
    return (rest, [f"left out the politeness: '{rest}'"]) if rest != text else (text, [])


def _cut_head(text: str, words: _Words) -> str:
    low = text.lower()
    for head in words.gerund_heads:
        verb = re.match(rf'{head} ([a-z]+)\b', low)
        if verb and verb[1] in words.gerunds:
            return words.gerunds[verb[1]] + text[verb.end() :]
    for head in words.heads:
        match = re.match(rf'{re.escape(head)}(?:\s*[,!.:;]+\s*|\s+)', low)
        if match and _is_command(text[match.end() :]):
            return text[match.end() :]
    return ''


def _cut_tail(text: str, words: _Words) -> str:
    low = text.lower()
    for tail in words.tails:
        match = re.search(rf'(?:\s*[,.!;]+\s*|\s+){re.escape(tail)}\s*[.!?]*$', low)
        if match and _is_command(text[: match.start()]):
            return text[: match.start()]
    return ''


def _is_command(text: str) -> bool:
    """Return whether two words or more are left."""
    return len(re.findall(r'\w+', text)) >= 2


def name_colours(text: str, scene: Scene = Scene(), ask_colour: ColourOf | None = None) -> tuple[str, list[str]]:
    """Return the text with ``banana-coloured`` and ``the colour of grass`` as plain colours, and a note on each."""
    notes: list[str] = []

    def look_up(noun: str, thing: str, written: str) -> str:
        colour = '' if noun in NO_NOUN else find_colour(noun, thing, scene, ask_colour)
        if colour:
            notes.append(f"read '{written}' as '{colour}'")
        return colour

    def before_thing(match: re.Match[str]) -> str:
        return look_up(match[1].lower(), match[2].lower(), match[0]) or match[0]

    def behind_thing(match: re.Match[str]) -> str:
        colour = look_up(match[3].lower(), match[1].lower(), match[2].strip())
        return f'{colour} {match[1]}' if colour else match[0]

    return BEHIND.sub(behind_thing, BEFORE.sub(before_thing, text)), notes


def find_colour(noun: str, thing: str, scene: Scene, ask_colour: ColourOf | None = None) -> str:
    """
    Return the colour that a noun stands for; empty where nobody knows.

    :param thing: the word it describes; the model chooses among the colours that such things have in the scene.
    """
    if noun in COLOURS:
        return noun
    known = load_words().colour_of
    for form in (noun, noun.removesuffix('s'), noun.replace('-', '')):
        if form in known:
            return known[form]
    if ask_colour is None:
        return ''
    shapes = {thing.removesuffix('s')}
    there = [item.label.split(' ')[0] for item in scene.objects if shape_of(item.label) in shapes]
    choices = [colour for colour in dict.fromkeys(there) if colour in COLOURS] or list(COLOURS)
    return ask_colour(noun, choices)


def ask_model(model: LanguageModel) -> ColourOf:
    """Return a function that asks a language model which colour a thing has, against what it says of any thing."""

    def choose(noun: str, choices: Sequence[str]) -> str:
        texts = [f' {colour}' for colour in choices]
        article = 'an' if noun[0] in 'aeiou' else 'a'
        own = model.score(COLOUR_PROMPT.format(f'{article} {noun}'), texts)
        prior = model.score(COLOUR_PROMPT.format('a thing'), texts)
        weights = [a.logprob - PRIOR_WEIGHT * b.logprob for a, b in zip(own, prior)]
        return choices[max(range(len(choices)), key=weights.__getitem__)]

    return choose


def use_scene_words(text: str, scene: Scene) -> tuple[str, list[str]]:
    """Return the text with other words for the labels replaced, and a note on each; words of the scene stay."""
    own = spelling.with_plurals(_list_scene_words(scene))
    notes: list[str] = []

    def replace(match: re.Match[str]) -> str:
        old = match[0].lower()
        new = load_words().synonyms.get(old, old)
        if new == old or old in own or (new not in own and new not in COLOURS):
            return match[0]
        notes.append(f"read '{match[0]}' as '{new}'")
        return new

    return re.sub(r'[A-Za-z]+', replace, text), notes
