"""
What people say in the kitchen, made ready for its planner: typing mistakes, and questions where a word fits several.

"Bring me the soda" with two kinds of soda in view is asked about ("Which one: the coke can or the pepsi can?");
"a soda" leaves the choice to the robot. What a noun and its adjectives fit is read off kitchen_knowledge.py, so that
only plain phrases are judged here; whatever says more is left to the language model.
"""

from __future__ import annotations

from dataclasses import replace
import functools
import re
from typing import Any

from vlm_robot.datatypes import Decision, Plan, Question, Scene, Step, TaskResult
from vlm_robot.kitchen_vocabulary import PLACES, thing_of
from vlm_robot.planning import spelling
from vlm_robot.planning.asking import write_question
from vlm_robot.planning.conversation import WHICH
from vlm_robot.planning.kitchen_grounding import ground
from vlm_robot.planning.kitchen_knowledge import is_a, load_things
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection
from vlm_robot.planning.understanding import correct_spelling, flatten

NOUNS = {
    'fruit': 'fruit', 'drink': 'drink', 'beverage': 'drink', 'soda': 'soda', 'soft drink': 'soda', 'cola': 'cola',
    'can': 'can', 'bottle': 'bottle', 'snack': 'snack', 'chips': 'chips', 'crisps': 'chips', 'bag of chips': 'chips',
    'vegetable': 'vegetable',
}  # fmt: skip
# Words of wishes that mistakes are read as, besides those of understanding.py and of the things.
VERBS = (
    'bring', 'carry', 'close', 'deliver', 'discard', 'drive', 'drop', 'fetch', 'find', 'give', 'grab', 'hand', 'lift',
    'move', 'need', 'open', 'pass', 'pick', 'place', 'please', 'return', 'serve', 'take', 'throw', 'want', 'something',
    'counter', 'close', 'far', 'drawer', 'drink', 'hungry', 'thirsty', 'would', 'could', 'like', 'with', 'without',
    'salted', 'crunchy', 'spicy', 'healthy', 'sweet', 'caffeinated',
)  # fmt: skip
_MORE = r'(?! ?(?:with|without|that|which|from|of|containing|made|next|by|near)\b)'
_PUTS = re.compile(r'\b(?:put|place|set|leave|store|stow|lay|drop|return|move|stock|restock)\b')


@functools.cache
def list_targets() -> frozenset[str]:
    """Return the words of the kitchen that a typing mistake can mean."""
    things = (spelling.list_words(f'{name} {" ".join(told)}') for name, told in load_things().items())
    return frozenset({*VERBS, *(w for words in things for w in words), *(w for p in PLACES for w in p.split())})


@functools.cache
def _definite() -> re.Pattern[str]:
    words = sorted({word for told in load_things().values() for word in told if ' ' not in word})
    nouns = sorted(NOUNS, key=len, reverse=True)
    return re.compile(
        rf'(?<!all )(?<!of )(?<!both )\b(?:the|that|this) ((?:(?:{"|".join(words)}) )*?)({"|".join(nouns)})\b{_MORE}',
        re.IGNORECASE,
    )


def list_meant(text: str, scene: Scene) -> tuple[str, ...]:
    """Return the things that a definite phrase of the sentence may mean, where they are of several kinds; else none."""
    match = _definite().search(text)
    if match is None or (re.match(r' ?(?:on|in|at)\b', text[match.end() :]) and not _PUTS.search(text.lower())):
        return ()
    wanted = (*match[1].lower().split(), NOUNS[match[2].lower()])
    names = [name for name in scene.names if all(is_a(name, attribute) for attribute in wanted)]
    said = spelling.list_words(text)
    is_clear = scene.held in names or any(thing_of(name).split(' ')[0] in said for name in names)
    return () if is_clear or len({thing_of(name) for name in names}) < 2 else tuple(names)


def put_answer(asked: str, answer: str, scene: Scene) -> str:
    """Return the sentence with the phrase that was asked about replaced by the answer, where the answer names one."""
    words = set(spelling.list_words(answer))
    meant = [name for name in list_meant(asked, scene) if words & set(spelling.list_words(thing_of(name)))]
    exact = [name for name in meant if re.search(rf'\b{re.escape(name)}$', answer.strip().lower())]
    named = exact or meant
    return _definite().sub(f'the {named[0]}', asked, count=1) if len(named) == 1 else f'{asked}{WHICH}{answer}'


class KitchenListener:
    """The kitchen's planner asked in the words of people; it has the form of ``planning.dialogue.Listener``."""

    def __init__(self, planner: Any):
        """Listen for one task; ``planner`` is SayCan's with the domain ``KITCHEN``."""
        self._planner = planner
        self.heard: dict[str, tuple[str, tuple[str, ...]]] = {}  # sentence -> as it was read, notes

    def __getattr__(self, name: str) -> Any:
        """Return what the planner has under that name."""
        return getattr(self.__dict__['_planner'], name)

    def read(self, sentence: str, scene: Scene) -> str:
        """Return the sentence with typing mistakes put right, an answer in its place, and kinds as the things meant."""
        if sentence not in self.heard:
            asked, mark, answer = sentence.rpartition(WHICH)
            text, notes = correct_spelling(flatten(asked if mark else sentence), scene, list_targets())
            if mark:
                told, more = correct_spelling(flatten(answer), scene, list_targets())
                text, notes = put_answer(text, told, scene), notes + more
            text, grounded = ground(text, scene)
            self.heard[sentence] = text, (*notes, *grounded)
        return self.heard[sentence][0]

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan, or a question; nothing moves."""
        return self.project(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions, or a question where a phrase fits several kinds of things."""
        text = self.read(sentence, scene)
        choices = list_meant(text, scene) if WHICH not in text else ()
        if choices:
            question: Question = write_question(choices)
            return Projection(Plan((Step('refuse', WHICH_ONE),), question.text, question=question), ())
        return self._planner.project(text, scene)

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the chosen next step."""
        return self._planner.decide(self.read(sentence, scene), scene, history)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was read otherwise than it was written."""
        return tuple(dict.fromkeys(note for _, notes in self.heard.values() for note in notes))

    def end(self, result: TaskResult) -> TaskResult:
        """Return the end of a task with the notes on how it was read; nothing else is remembered."""
        return replace(result, notes=self.notes)
