"""
The grammar of the programs that may be written for one sentence and one scene, as Lark text for llguidance.

Every text of the grammar is one that ``program.parse_program`` reads, as long as its limits of length hold.
Names are those of the scene, colours with nouns, plain nouns, and runs of words of the sentence: so the words
can name what is not there, and the interpreter can say so. Loops and conditions do not nest, so a body has two
levels of indentation; variables stand only where a loop gives them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
import re

from vlm_robot.datatypes import Scene
from vlm_robot.planning.parsing import flatten
from vlm_robot.planning.program_parts import SHAPES_OF_LINES, SIDES, SKILL_CALLS
from vlm_robot.vocabulary import AREAS, COLOURS, LOCATIONS

NOUNS = ('block', 'bowl', 'corner', 'side', 'object', 'drawer', 'pile')
SHADES = ('light', 'dark')
LONGEST_RUN = 3  # words of the sentence that may be a name
MOST_WORDS = 60  # words of the sentence that are looked at
MOST_STATEMENTS, MOST_INNER, MOST_LISTED = 16, 4, 8
# Loop -> variables that its body may use; '' stands outside all loops.
SCOPES = {'': (), 'b': ('b',), 'p': ('p',), 'bp': ('b', 'p')}

_HEAD = r"""
start: statement{{1,{statements}}} "\n"
statement: comment? ("    " line "\n" | loop_b | loop_p | loop_bp | choice)
comment: "    # " COMMENT "\n"
loop_b: "    for b in " things ":\n" inner_b
loop_p: "    for p in " (tour | all2) ":\n" inner_p
loop_bp: "    for b, p in zip(" things ", " (all2 | tour | row) "):\n" inner_bp
choice: "    if " test ":\n" inner ("    else:\n" inner)?
tour: ("clockwise(" | "counterclockwise(") ("'corner'" | "'side'") ")"
row: "line(" LINE ")"
COMMENT: /[A-Za-z0-9][A-Za-z0-9 ,.:;!?'()-]{{0,70}}/
LINE: {lines}
SIDE: {sides}
PLACE: {places}
AREA: {areas}
NAME: {names}
REASON: /'[A-Za-z][A-Za-z0-9 ,.:;!?()-]{{0,70}}'/
NUMBER: /[1-9]/
SIGN: ">" | "<" | ">=" | "<=" | "==" | "!="
"""

# {s} is the suffix of the scope: '' or '_b', '_p', '_bp'.
_SCOPE = r"""
inner{s}: ("        " line{s} "\n"){{1,{inner}}}
line{s}: {lines} | "assert " test{s} ", " call{s}
call{s}: {lines}
things{s}: {variables}the2{s} | a2{s} | all2{s} | some2{s} | list{s}
dest{s}: PLACE | AREA | "'table'" | {variables}the2{s} | a2{s} | all2{s} | beside{s} | between{s} | row
beside{s}: "beside(" ref{s} ", " SIDE ")"
between{s}: "between(" ref{s} ", " ref{s} ")"
list{s}: "[" one{s} (", " one{s}){{1,{listed}}} "]"
one{s}: {variables}the1{s} | a1{s} | all1{s} | some1{s}
ref{s}: {variables}PLACE | the1{s}
the2{s}: "the(" NAME filter2{s}{{0,2}} ")"
a2{s}: "a(" NAME filter2{s}{{0,2}} ")"
all2{s}: "all(" NAME filter2{s}{{0,2}} ")"
some2{s}: "some(" NAME ", " NUMBER filter2{s}{{0,2}} ")"
the1{s}: "the(" NAME filter1{s}? ")"
a1{s}: "a(" NAME filter1{s}? ")"
all1{s}: "all(" NAME filter1{s}? ")"
some1{s}: "some(" NAME ", " NUMBER filter1{s}? ")"
filter2{s}: rank | relation ref{s} | ", but=" (one{s} | list{s}) | ", at=" (AREA | ref{s}) | ", on='table'"
filter1{s}: rank | relation ref0{s} | ", at=" (AREA | ref0{s}) | ", but=" few{s}
few{s}: {variables}"all(" NAME ")" | "the(" NAME ")"
ref0{s}: {variables}PLACE | "the(" NAME ")"
test{s}: "not "? check{s} | check{s} (" and " | " or ") check{s} | "count(" all1{s} ") " SIGN " " NUMBER
check{s}: ("is_in(" | "is_on(") things{s} ", " ref{s} ")"
    | "is_at(" things{s} ", " (AREA | ref{s}) ")"
    | ("is_clear(" | "is_held(") things{s} ")"
    | "is_open(" drawer{s} ")"
    | "exists(" (the1{s} | all1{s} | a1{s}) ")"
drawer{s}: "'drawer'" | {variables}the1{s}
"""

_CALLS = {
    'put': '"put(" things{s} ", " dest{s} ")"',
    'pick': '"pick(" things{s} ")"',
    'place': '"place(" dest{s} ")"',
    'stack': '"stack(" things{s} (", " dest{s})? ")"',
    'unstack': '"unstack(" things{s} ")"',
    'swap': '"swap(" ref{s} ", " ref{s} ")"',
    'group': '"group(" things{s} (", " dest{s})? ")"',
    'push': '"push(" things{s} ", " (SIDE | PLACE | ref{s}) ")"',
    'sweep': '"sweep(" things{s} ", " (PLACE | AREA | SIDE) ")"',
    'open': '"open(" drawer{s} ")"',
    'close': '"close(" drawer{s} ")"',
    'hand_over': '"hand_over(" things{s} ")"',
    'go_home': '"go_home()"',
    'undo': '"undo()"',
    'refuse': '"refuse(" REASON ")"',
}
_RELATIONS = ('colour_of', 'not_colour_of', 'left_of', 'right_of', 'above', 'below', 'next_to', 'closest_to',
              'farthest_from', 'inside', 'on')  # fmt: skip


def write_grammar(sentence: str, scene: Scene, skills: Collection[str] = SKILL_CALLS) -> str:
    """
    Return the Lark text of the programs for a sentence.

    :param skills: functions that may be called, of ``program_parts.SKILL_CALLS``.
    """
    names = list_names(sentence, scene)
    rules = [
        _HEAD.format(
            statements=MOST_STATEMENTS,
            lines=_alternatives(SHAPES_OF_LINES),
            sides=_alternatives(SIDES),
            places=_alternatives(LOCATIONS),
            areas=_alternatives(AREAS),
            names=_alternatives(names),
        )
    ]
    for suffix, variables in SCOPES.items():
        s = f'_{suffix}' if suffix else ''
        calls = ' | '.join(text.format(s=s) for name, text in _CALLS.items() if name in skills)
        given = ''.join(f'"{name}" | ' for name in variables)
        rules.append(_SCOPE.format(s=s, lines=calls, variables=given, inner=MOST_INNER, listed=MOST_LISTED - 1))
    rules.append('relation: ' + ' | '.join(f'", {key}="' for key in _RELATIONS))
    rules.append('rank: ' + ' | '.join(f'", from_{side}=" NUMBER' for side in SIDES))
    return '\n'.join(rules)


def list_names(sentence: str, scene: Scene) -> tuple[str, ...]:
    """Return the names that a program for this sentence may say, without repeats."""
    words = re.findall(r'[^\W_]+(?:-[^\W_]+)*', flatten(sentence).lower())[:MOST_WORDS]
    runs = (' '.join(words[i : i + n]) for n in range(1, LONGEST_RUN + 1) for i in range(len(words) - n + 1))
    colours = list(dict.fromkeys([*COLOURS, *SHADES]))
    coloured = (f'{colour} {noun}' for noun in ('block', 'bowl', 'object') for colour in colours)
    said = (f'{word} {noun}' for word in words for noun in ('block', 'bowl', 'object'))
    held = [scene.held] if scene.held else []
    seen = [*scene.names, *(item.label for item in scene.objects), *held]
    known = [*map(flatten, seen), *NOUNS, *coloured, *runs, *said]
    return tuple(dict.fromkeys(name for name in known if re.fullmatch(r'[\w -]{1,40}', name)))


def _alternatives(words: Iterable[str] | Sequence[str]) -> str:
    return ' | '.join(f'"\'{word}\'"' for word in words)
