from __future__ import annotations

from vlm_robot.datatypes import Decision, OptionScore, Question, Step
from vlm_robot.planning.explanation import explain, find_line
from vlm_robot.planning.program import parse_program

OPTIONS = tuple(
    OptionScore(Step('pick', f'{colour} block'), f'pick up the {colour} block', -1.0, say, can, say * can, reason)
    for colour, say, can, reason in (
        ('red', 0.6, 0.97, ''),
        ('blue', 0.3, 0.9, ''),
        ('green', 0.05, 0.2, 'the blue block is close to it'),
        ('pink', 0.04, 0.0, 'there is no pink block in view'),
    )
)


def test_every_option_is_told_with_both_scores_and_its_reason():
    lines = explain(Decision(OPTIONS[0], OPTIONS), top=4)
    assert lines[0] == 'chosen: pick up the red block'
    assert lines[1].startswith('> pick up the red block')
    assert 'say 0.600  can 0.970  both 0.582' in lines[1]
    assert lines[3].endswith('the blue block is close to it')
    assert len(lines) == 5


def test_the_chosen_option_is_always_told_and_the_rest_summed():
    lines = explain(Decision(OPTIONS[3], OPTIONS, 'there is no pink block in view'), top=2)
    assert lines[0] == 'chosen: pick up the pink block because there is no pink block in view'
    assert any(line.startswith('> pick up the pink block') for line in lines)
    assert '2 more options' in lines[-1]


def test_a_question_is_the_reason():
    asking = Decision(OPTIONS[0], OPTIONS, 'x', question=Question('Which block?'))
    assert 'because of a question: Which block?' in explain(asking)[0]


def test_every_statement_is_found_on_its_line():
    text = (
        "    # 1: first\n    for b in all('block'):\n        if is_clear(b):\n            go_home()\n"
        '        else:\n            go_home()\n    go_home()\n'
    )
    program = parse_program(text)
    comment, loop, last = program.body
    (condition,) = loop.body
    found = [comment, loop, condition, *condition.body, None, *condition.other, last]
    assert [find_line(program, item) for item in found] == [1, 2, 3, 4, 0, 6, 7]
    assert len(found) == len(text.splitlines())
    assert find_line(program, parse_program('    go_home()\n').body[0]) == 0
