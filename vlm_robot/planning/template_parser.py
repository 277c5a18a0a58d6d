"""
A baseline that is no language model: regular expressions for the suite's own templates.

It exists to be compared with: if it ties the language model on a family, that family measures templates.
Nothing in the robot uses it. It knows exactly the wordings of family A and two of family B.
"""

from __future__ import annotations

import re

from vlm_robot.datatypes import Plan, Scene, Step
from vlm_robot.vocabulary import LOCATIONS, shape_of

_THING = r'[a-z]+ (?:block|bowl)s?'
_PATTERNS = (
    re.compile(rf'(?:pick up|take|grab) the (?P<what>{_THING}) and (?:place|put) it (?:on|in) the (?P<where>.+)'),
    re.compile(rf'(?:put|place|move) the (?P<what>{_THING}) (?:on|in|into|to|at) (?:the|an?) (?P<where>.+)'),
)
_ALL_IN = re.compile(r'put all the blocks in the (?P<where>[a-z]+ bowl)')
_MATCHING = re.compile(r'put all the blocks in the bowls with matching colors')


def parse_sentence(sentence: str, scene: Scene) -> Plan:
    """Return the plan of a known template; a plan that refuses, with a reason, for every other sentence."""
    text = ' '.join(re.sub(r'[^\w ]', ' ', sentence.lower()).split())
    pairs = _read_pairs(text, scene)
    if not pairs:
        return Plan((Step('refuse'),), 'no template fits')
    steps: list[Step] = []
    for what, where in pairs:
        missing = [name for name in (what, where) if name not in scene.names and name not in LOCATIONS]
        if missing:
            return Plan((Step('refuse'),), f'there is no {missing[0]} in view')
        steps += [Step('pick', what), Step(_choose_skill(where), what, where)]
    return Plan((*steps, Step('done')))


def _read_pairs(text: str, scene: Scene) -> list[tuple[str, str]]:
    blocks = [item.name for item in scene.objects if shape_of(item.label) == 'block']
    if _MATCHING.fullmatch(text):
        pairs = [(name, name.replace('block', 'bowl')) for name in blocks]
        return [(block, bowl) for block, bowl in pairs if bowl in scene.names]
    match = _ALL_IN.fullmatch(text)
    if match:
        return [(name, match['where']) for name in blocks]
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return [(match['what'].removesuffix('s'), match['where'].removesuffix('s'))]
    return []


def _choose_skill(where: str) -> str:
    return 'place_at' if where in LOCATIONS else f'place_{"in" if shape_of(where) == "bowl" else "on"}'
