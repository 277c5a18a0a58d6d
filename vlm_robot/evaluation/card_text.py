"""A model card's figures stand between two marks, so that they can be measured again and its other words stay."""

from __future__ import annotations

from vlm_robot.errors import ConfigError

BEGIN, END = '<!-- figures -->', '<!-- end of figures -->'


def replace_table(text: str, table: str) -> str:
    """
    Return a card with another table between its two marks.

    :raises ConfigError: a mark is missing.
    """
    if BEGIN not in text or END not in text:
        raise ConfigError(f"the card lacks '{BEGIN}' or '{END}', between which the figures stand")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    return f'{head}{BEGIN}\n{table}\n{END}{tail}'


def write_share(right: int, n: int, interval: tuple[float, float]) -> str:
    """Return ``9 of 10 (60-98 %)``."""
    low, high = (round(100 * share) for share in interval)
    return f'{right} of {n} ({low}-{high} %)'
