"""
The kitchen in words: what the language model reads and the steps it may say, in SayCan's manner.

Example::

    Kitchen: table: apple (fruit, red, round, sweet, healthy). far counter: sponge (cleaning, wipes spills, soft,
    yellow). drawer closed: nothing.
    Robot with you, holding nothing.
    Task: bring me something to wipe this up
    1. find the sponge. at the far counter.
    2. pick up the sponge. ok, holding it.
    3. bring it to you. ok.
    4.

What is in brackets is what any shopper knows (kitchen_knowledge.py): 'something sweet' is read, not guessed.
``parse_step(format_step(step), held) == step``. The text only grows, so a model's cache stays valid. Text from
outside is flattened to one line: it is data.
"""

from __future__ import annotations

from collections.abc import Sequence
import re

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import PlanError
from vlm_robot.kitchen_vocabulary import DRAWER, PLACES, USER
from vlm_robot.planning import kitchen
from vlm_robot.planning.domain import Domain
from vlm_robot.planning.kitchen import is_open, list_sayable, place_of, ROBOT
from vlm_robot.planning.kitchen_knowledge import tell
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.prompt import History, MAX_REASON_CHARS

_NAME = r"[^\W_]+(?:[ '-][^\W_]+)*"
_PATTERNS = (
    ('find', re.compile(rf'find the (?P<target>{_NAME})')),
    ('pick', re.compile(rf'pick up the (?P<target>{_NAME})')),
    ('put_down', re.compile(rf'put down the (?P<target>{_NAME})')),
    ('bring', re.compile('bring it to (?P<destination>you)')),
    ('go_to', re.compile(rf'go to (?:the )?(?P<destination>{_NAME})')),
    ('open_drawer', re.compile('open the drawer')),
    ('close_drawer', re.compile('close the drawer')),
    ('done', re.compile('done')),
    ('refuse', re.compile('refuse')),
)
_FIXED = {'open_drawer': 'open the drawer', 'close_drawer': 'close the drawer', 'done': 'done', 'refuse': 'refuse'}
_ASK = 'ask which one'
_LOOKS = {'find': 'find the {}', 'pick': 'pick up the {}', 'put_down': 'put down the {}'}


def format_step(step: Step, held: str = '') -> str:
    """
    Return the words of a step, for example ``go to the far counter``.

    :raises PlanError: the step names an unknown skill or lacks an argument.
    """
    if step == Step('refuse', WHICH_ONE):
        return _ASK
    if step.skill in _FIXED:
        return _FIXED[step.skill]
    if step.skill in _LOOKS and step.target:
        return _LOOKS[step.skill].format(step.target)
    if step.skill == 'bring':
        return 'bring it to you'
    if step.skill == 'go_to' and step.destination:
        return f'go to {_say_place(step.destination)}'
    raise PlanError(f'{step} cannot be said in words; allowed: {sorted(kitchen.SKILLS)} with their arguments')


def parse_step(text: str, held: str = '') -> Step:
    """
    Return the step that the words say.

    :param held: what the hand holds; going somewhere takes it along.
    :raises PlanError: the words are no step.
    """
    words = ' '.join(text.strip().rstrip('.').lower().split())
    if words == _ASK:
        return Step('refuse', WHICH_ONE)
    for skill, pattern in _PATTERNS:
        match = pattern.fullmatch(words)
        if match:
            groups = match.groupdict()
            where = groups.get('destination', '')
            where = USER if where == 'you' else where
            target = held if skill in ('bring', 'go_to') else groups.get('target', '')
            return Step(skill, target, where)
    raise PlanError(f"'{text.strip()[:80]}' is no step; say for example 'find the apple' or 'go to the table'")


def build_options(scene: Scene, only_fitting_hand: bool = True) -> tuple[Step, ...]:
    """
    Return the steps that are scored: every skill with every argument, absent things included.

    :param only_fitting_hand: leave out what needs another hand than the robot has now.
    """
    held = scene.held
    names = list_sayable(scene)
    steps: list[Step] = []
    if not held or not only_fitting_hand:
        steps += [Step('find', name) for name in names] + [Step('pick', name) for name in names]
        steps += [Step('open_drawer'), Step('close_drawer')]
    if held or not only_fitting_hand:
        steps += [Step('put_down', held)] if held else [Step('put_down', name) for name in names]
        steps += [Step('bring', held, USER)]
    steps += [Step('go_to', held, place) for place in PLACES if place != USER or not held or not only_fitting_hand]
    return (*steps, Step('done'), Step('refuse'), Step('refuse', WHICH_ONE))


def say(step: Step, held: str) -> str:
    """Return the words that are scored; with the full stop no option is the head of another."""
    return f' {format_step(step, held)}.'


def read_proposal(text: str, held: str, known: Sequence[Step]) -> Step | None:
    """Return the step that generated text says; None if it says none, or one that was scored already."""
    try:
        step = parse_step(text.split('.', maxsplit=1)[0].split('\n', maxsplit=1)[0], held)
    except PlanError:
        return None
    is_offered = any(other.skill == step.skill for other in known)
    return step if is_offered and step not in known else None


def begin(scene: Scene) -> History:
    """Return the history of a task that starts in this kitchen."""
    return History(describe(scene), scene.held)


def describe(scene: Scene) -> str:
    """Return what is where, then where the robot is and what it holds."""
    parts = []
    for place in PLACES:
        names = [_introduce(item.name) for item in scene.objects if place_of(item.name, scene) == place]
        head = f'drawer {"open" if is_open(scene) else "closed"}' if place == DRAWER else place
        head = 'you' if place == USER else head
        if names or place == DRAWER:
            parts.append(f'{head}: {", ".join(names) or "nothing"}.')
    here = place_of(ROBOT, scene)
    return f'Kitchen: {" ".join(parts)}\nRobot {_say_at(here)}, holding {_introduce(scene.held) or "nothing"}.'


def _introduce(name: str) -> str:
    """Return a thing with what is known of it: ``apple (fruit, red, round, sweet, healthy)``."""
    known = tell(name)
    return f'{name} ({known})' if known else name


def observe(before: Scene, after: Scene, step: Step, result: SkillResult) -> str:
    """Return ``ok`` or ``failed`` with the reason, and what the next step must know."""
    reason = ' '.join(result.reason.split())[:MAX_REASON_CHARS].rstrip('. ')
    if not result.success:
        told = f'failed: {reason}' if reason else 'failed'
        return f'{told}, holding {after.held}' if after.held else told
    if step.skill == 'find':
        return _say_at(place_of(ROBOT, after))
    if step.skill == 'pick':
        return 'ok, holding it' if after.held else 'ok, holding nothing'
    if step.skill == 'put_down':
        place = place_of(step.target, after)
        return f'ok, {_say_at(place)}' if place else 'ok'
    return 'ok'


def write_prompt(sentence: str, history: History) -> str:
    """Return the prompt up to the number of the step that must be chosen now; it ends without a space."""
    text = f'{history.opening}\nTask: {" ".join(sentence.split())}\n1.'
    for number, record in enumerate(history.records, 2):
        text += f' {format_step(record.decision.chosen.step)}. {record.scene_text}.\n{number}.'
    return text


def _say_place(place: str) -> str:
    return 'you' if place == USER else f'the {place}'


def _say_at(place: str) -> str:
    return {USER: 'with you', 'trash': 'at the trash', DRAWER: 'at the drawer'}.get(place, f'at the {place}')


KITCHEN = Domain(
    name='kitchen',
    options=build_options,
    judge=kitchen.judge,
    apply=kitchen.apply,
    begin=begin,
    write_prompt=write_prompt,
    say=say,
    observe=observe,
    read_proposal=read_proposal,
    format_step=format_step,
    not_understood='this is nothing that can be done with the things and places of this kitchen',
    verify=kitchen.contradict,
)
