"""What a person sees in a terminal: the growing plan with its scores, and the tables of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vlm_robot.datatypes import Decision, Question, StepRecord

console = Console()
errors = Console(stderr=True)
BAR = '█'
BAR_LENGTH = 5


def draw_bar(value: float) -> str:
    """Return a bar of up to five blocks and the number, for 0..1."""
    return f'{BAR * round(BAR_LENGTH * min(max(value, 0.0), 1.0)):<{BAR_LENGTH}} {value:.2f}'


def tabulate_plan(sentence: str, records: Sequence[StepRecord], running: str = '') -> Table:
    """Return the plan so far: every step with what was said, what can be done, and what came of it."""
    table = Table(title=escape(f'"{sentence}"'), title_justify='left', expand=False)
    for name in ('#', 'step', 'say', 'can', 'runner-up', 'outcome'):
        table.add_column(name, overflow='fold')
    for number, record in enumerate(records, start=1):
        table.add_row(str(number), *_describe(record))
    if running:
        table.add_row(str(len(records) + 1), running, '', '', '', '[yellow]…[/yellow]')
    return table


def _describe(record: StepRecord) -> tuple[str, ...]:
    chosen, options = record.decision.chosen, record.decision.options
    others = [option for option in options if option.step != chosen.step]
    runner_up = f'{others[0].text.strip()} ({others[0].product:.2f})' if others else ''
    reason = record.result.reason or record.decision.reason
    outcome = '[green]ok[/green]' if record.result.success else f'[red]{escape(reason or "failed")}[/red]'
    return chosen.text.strip(), draw_bar(chosen.language), draw_bar(chosen.affordance), runner_up, outcome


def tabulate_decision(decision: Decision, top: int = 8) -> Table:
    """Return the best options with what the words say and what the robot can; the chosen one is marked."""
    table = Table(title=f'{len(decision.options)} options', title_justify='left', expand=False)
    for name in ('', 'option', 'say', 'can', 'say x can', 'why not'):
        table.add_column(name, overflow='fold', no_wrap=name in ('say', 'can', 'say x can'))
    for option in decision.options[:top]:
        is_chosen = option == decision.chosen
        bars = [draw_bar(value) for value in (option.language, option.affordance, option.product)]
        style = 'bold green' if is_chosen else None
        table.add_row('>' if is_chosen else '', escape(option.text.strip()), *bars, escape(option.reason), style=style)
    return table


def mark_program(program: str, line: int = 0) -> str:
    """Return the lines of a program, the running one (counted from 1) with a mark before it."""
    lines = [text for text in program.splitlines() if text.strip()]
    return '\n'.join(f'{">" if number == line else " "} {text}' for number, text in enumerate(lines, start=1))


def ask_person(question: Question) -> str:
    """Ask in the terminal; return the answer in words, empty where nobody sits there or nothing was said."""
    console.print(f'[yellow]{escape(question.text)}[/yellow]', highlight=False)
    for number, choice in enumerate(question.choices, start=1):
        console.print(f'  {number}. {choice}', highlight=False, markup=False)
    if not sys.stdin.isatty():
        return ''
    try:
        return console.input('your answer: ').strip()
    except EOFError:
        return ''


def answer_with(given: Iterable[str]) -> Callable[[Question], str]:
    """Return a function that answers questions: first with the given answers in turn, then by asking a person."""
    left = iter(given)
    return lambda question: next(left, '') or ask_person(question)


def end_table() -> None:
    """Begin a new line after a live table, which ends without one where nobody watches."""
    if not console.is_terminal:
        console.print()


def tell_end(status: str, reason: str) -> str:
    """Return how a task ended as one line with markup; the reason need not repeat the status."""
    colour = 'green' if status == 'done' else 'red'
    words = reason.removeprefix(status).lstrip(': ')
    return f'[{colour}]{status}[/{colour}]: {escape(words)}'


def tabulate_benchmark(rows: Sequence[dict]) -> Table:
    """Return the rows of a benchmark side by side."""
    table = Table(title='ours against what one would use instead, one run')
    for name in ('name', 'ratio', 'ours', 'theirs', 'largest difference of scores'):
        table.add_column(name, overflow='fold')
    for row in rows:
        table.add_row(
            row['name'],
            f'[bold]{row["ratio"]:.1f} x[/bold]',
            f'{row["ours_s"]:.3f} s',
            f'{row["theirs_s"]:.3f} s',
            f'{row["max_score_difference"]:.1e}',
        )
    return table
