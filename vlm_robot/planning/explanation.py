"""
Why a step was chosen, in plain lines: the best options with what the words say and what the robot can.

Where a step comes from a program, its line is found, too. The lines are for terminals, logs and messages; the
picture is ``annotation.draw_decision`` and the data ``evaluation.episodes.describe_record``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlm_robot.datatypes import Decision, OptionScore
from vlm_robot.planning.program_parts import For, If, Program, Statement

WIDTH = 44  # characters for the words of an option


def explain(decision: Decision, top: int = 5) -> list[str]:
    """
    Return one line for what was chosen and why, then one for each of the best options.

    :param top: options to list; the chosen one is always among them.
    """
    chosen = decision.chosen
    lines = [f'chosen: {chosen.text.strip()}{_because(decision)}']
    shown = list(decision.options[:top])
    if chosen not in shown and chosen in decision.options:
        shown = [*shown[: top - 1], chosen]
    lines += [_tell(option, option == chosen) for option in shown]
    rest = len(decision.options) - len(shown)
    if rest > 0:
        left = sum(option.product for option in decision.options) - sum(option.product for option in shown)
        lines.append(f'  and {rest} more options with a product of {max(left, 0.0):.3f} together')
    return lines


def _because(decision: Decision) -> str:
    if decision.question is not None:
        return f' because of a question: {decision.question.text}'
    return f' because {decision.reason}' if decision.reason else ''


def _tell(option: OptionScore, is_chosen: bool) -> str:
    mark = '>' if is_chosen else ' '
    scores = f'say {option.language:.3f}  can {option.affordance:.3f}  both {option.product:.3f}'
    return f'{mark} {option.text.strip():{WIDTH}} {scores}{"  " + option.reason if option.reason else ""}'


def find_line(program: Program, statement: Statement | None) -> int:
    """Return the line of a statement in the text of its program, counted from 1; 0 where it does not stand there."""
    lines = (number for number, found in enumerate(_list_lines(program.body), start=1) if found is statement)
    return next(lines, 0) if statement is not None else 0


def _list_lines(body: Sequence[Statement]) -> Iterator[Statement | None]:
    """Yield the statement that begins on each line; None for the line of an ``else``."""
    for statement in body:
        yield statement
        if isinstance(statement, For | If):
            yield from _list_lines(statement.body)
        if isinstance(statement, If) and statement.other:
            yield None
            yield from _list_lines(statement.other)
