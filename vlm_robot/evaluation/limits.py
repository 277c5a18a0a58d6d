"""Measured figures beside the limits they must keep, as a table for the terminal, for Markdown and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

HEAD = ('what', 'measured', 'limit', 'holds', 'detail')


@dataclass(frozen=True)
class Figure:
    """
    One measured figure.

    :param measured: NaN where nothing could be measured, which keeps no limit.
    :param limit: the most that is allowed; None: told, not judged.
    :param detail: in words, what belongs to it.
    """

    name: str
    measured: float
    unit: str = ''
    limit: float | None = None
    detail: str = ''

    @property
    def holds(self) -> bool:
        """Return whether the limit is kept."""
        return self.limit is None or self.measured <= self.limit

    def describe(self) -> dict:
        """Return plain data."""
        return {**asdict(self), 'holds': self.holds}

    def format(self) -> tuple[str, ...]:
        """Return the cells of its row."""
        limit = '' if self.limit is None else f'<= {_round(self.limit)} {self.unit}'.rstrip()
        verdict = '' if self.limit is None else 'yes' if self.holds else 'NO'
        return self.name, f'{_round(self.measured)} {self.unit}'.rstrip(), limit, verdict, self.detail


def _round(value: float) -> str:
    return f'{value:.4g}' if abs(value) < 1000 else f'{value:.0f}'


def tabulate_figures(figures: Sequence[Figure], title: str) -> Table:
    """Return the figures as a table for the terminal."""
    table = Table(title=title, title_justify='left')
    for name in HEAD:
        table.add_column(name, overflow='fold')
    for figure in figures:
        table.add_row(*figure.format(), style=None if figure.holds else 'red')
    return table


def write_markdown(figures: Sequence[Figure], title: str, notes: Sequence[str] = ()) -> str:
    """Return the figures as a Markdown page with notes below."""
    rows = [HEAD, tuple('---' for _ in HEAD), *(figure.format() for figure in figures)]
    lines = [f'| {" | ".join(cell.replace("|", "/") for cell in row)} |' for row in rows]
    return '\n'.join([f'# {title}', '', *lines, '', *notes]) + '\n'


def hold_all(figures: Sequence[Figure]) -> bool:
    """Return whether every limit is kept."""
    return all(figure.holds for figure in figures)
