"""
Steps as words and back: ``parse_plan(format_plan(plan)) == plan``.

One table of templates is the whole grammar; the same words are scored by the language model, printed for
people and read back from generated text. Text is data: it is matched, never evaluated.
"""

from __future__ import annotations

import re

from vlm_robot.datatypes import Plan, Step
from vlm_robot.errors import PlanError

PLACE_SKILLS = ('place_in', 'place_on', 'place_at')
RELEASE_SKILLS = (*PLACE_SKILLS, 'hand_over')  # after a success the hand is empty
PSEUDO_SKILLS = ('done', 'refuse')
WHICH_ONE = 'which one'  # target of a refusal that asks back

_TEMPLATES = {
    'pick': 'pick up the {target}',
    'place_in': 'put {target} in the {destination}',
    'place_on': 'put {target} on the {destination}',
    'place_at': 'put {target} at the {destination}',
    'go_home': 'go home',
    'push': 'push the {target} to the {destination}',
    'unstack': 'unstack the {target}',
    'open_drawer': 'open the {target}',
    'close_drawer': 'close the {target}',
    'sweep': 'sweep the {target} to the {destination}',
    'hand_over': 'hand over the {target}',
    'done': 'done',
    'refuse': 'refuse',
}
_NAME = r"[^\W_]+(?:[ '-][^\W_]+)*"
_ASK = 'ask which one'
LONGEST_NAME = 40  # characters of the name of a thing, as in the grammar of programs


def is_name(text: str) -> bool:
    """Return whether a thing of that name can be spoken of; what cannot be said is shown to no language model."""
    return len(text) <= LONGEST_NAME and re.fullmatch(_NAME, text) is not None


def _compile(template: str) -> re.Pattern[str]:
    pattern = template.replace('put {target}', rf'put (?:it|the (?P<target>{_NAME}?))')
    pattern = pattern.replace('{target}', f'(?P<target>{_NAME})').replace('{destination}', f'(?P<destination>{_NAME})')
    return re.compile(pattern)


_PATTERNS = {skill: _compile(template) for skill, template in _TEMPLATES.items()}


def format_step(step: Step, held: str = '') -> str:
    """
    Return the words of a step, for example ``put it in the green bowl``.

    :param held: name of what the hand holds; that thing is called ``it``.
    :raises PlanError: the step names an unknown skill or lacks an argument.
    """
    if step.skill not in _TEMPLATES:
        raise PlanError(f"skill '{step.skill}' is not known; allowed: {sorted(_TEMPLATES)}")
    if step.skill == 'refuse':
        return _ASK if step.target == WHICH_ONE else 'refuse'
    target = step.target
    if step.skill in PLACE_SKILLS:
        target = 'it' if step.target == held else f'the {step.target}'
    words = _TEMPLATES[step.skill].format(target=target, destination=step.destination)
    if parse_step(words, held) != step:
        raise PlanError(f'{step} cannot be said in words: an argument is missing, superfluous or no plain name')
    return words


def parse_step(text: str, held: str = '') -> Step:
    """
    Return the step that the words say; a final full stop, capitals and outer spaces do not matter.

    :param held: what ``it`` stands for.
    :raises PlanError: the words are no step.
    """
    words = ' '.join(text.strip().rstrip('.').lower().split())
    if words == _ASK:
        return Step('refuse', WHICH_ONE)
    for skill, pattern in _PATTERNS.items():
        match = pattern.fullmatch(words)
        if match:
            groups = match.groupdict()
            target = groups.get('target') or (held if skill in PLACE_SKILLS else '')
            return Step(skill, target, groups.get('destination') or '')
    raise PlanError(f"'{text.strip()[:80]}' is no step; allowed: {sorted(_TEMPLATES.values())}")


def hold_after(step: Step, held: str) -> str:
    """Return what the hand holds after the step, if the step succeeds."""
    if step.skill == 'pick':
        return step.target
    return '' if step.skill in RELEASE_SKILLS else held


def format_plan(plan: Plan, held: str = '') -> str:
    """Return the plan as numbered lines, and its reason, where it has one, as a last line ``because ...``."""
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines.append(f'{number}. {format_step(step, held)}')
        held = hold_after(step, held)
    if plan.reason:
        lines.append(f'because {" ".join(plan.reason.split())}')
    return '\n'.join(lines)


def parse_plan(text: str, held: str = '') -> Plan:
    """
    Return the plan that numbered lines say.

    :raises PlanError: a line is no step, or the numbers are not 1, 2, 3 ...
    """
    steps: list[Step] = []
    reason = ''
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith('because '):
            reason = line.removeprefix('because ')
            continue
        number, _, words = line.partition('. ')
        if number != str(len(steps) + 1):
            raise PlanError(f"line '{line[:80]}' should begin with '{len(steps) + 1}. ', then a step")
        steps.append(parse_step(words, held))
        held = hold_after(steps[-1], held)
    return Plan(tuple(steps), reason)


def flatten(sentence: str) -> str:
    """Return a sentence as one plain line: no line ends, no signs that mean something in a program."""
    plain = ''.join(letter if letter.isprintable() else ' ' for letter in sentence)
    for sign, instead in (('#', ' '), ('\\', ' '), ('"', "'"), ('`', "'"), ('“', "'"), ('”', "'"), ('’', "'")):
        plain = plain.replace(sign, instead)
    while "''" in plain:
        plain = plain.replace("''", "'")
    return ' '.join(plain.split())
