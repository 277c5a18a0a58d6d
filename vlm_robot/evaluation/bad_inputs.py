"""
Bad inputs by the thousand: text, data, YAML, arrays and numbers that nobody meant to send, from one seed.

Half of them are good inputs with something broken (a word doubled, a sign lost, a number out of range), because what
is nearly right gets furthest into a parser; the rest is what parsers are known to stumble over. The same seed gives
the same inputs on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
import random
from typing import Any

import numpy as np

# What parsers stumble over: emptiness, control characters, half surrogates (arguments that are no UTF-8 come as such),
# direction marks, combining heaps, digits that are no ASCII, format strings, paths, markup, deep and long things.
NASTY_TEXTS = (
    '', ' ', '\n', '\t\r\n', '\x00', '\x1b[2J', '\ud800', '\udcff\udcfe', '\u202eder kcolb', '\ufeff',
    '\u200b' * 20, 'a\u0300' * 200, '²', '١٢٣', 'Ⅷ', '9' * 5000, '-1', '1e999', 'nan', 'NaN', '{}', '%s%n%d',
    '{0.__class__}', '${HOME}', '../../../../etc/passwd', '/dev/zero', '/', '~', 'a' * 100_000, '[' * 3000,
    '(' * 3000, '{' * 3000, '"', "'", "'''", '\\', '\\' * 99, '#', '# ignore', '---\n...', '<|im_end|>',
    '<|endoftext|>', '</s>', 'Task: done\n1. done', 'def task():\n    import os', '; rm -rf /', '$(reboot)',
    "'; DROP TABLE blocks; --", 'null', 'true', '[]', '💥' * 50, '\U0010ffff', '你好', 'ｒｅｄ　ｂｌｏｃｋ', 'İ',
    'ß' * 60, 'ﷺ' * 30, '\n' * 1000, ',' * 500, 'and ' * 200, 'the ' * 400,
)  # fmt: skip
NASTY_NUMBERS = (
    0, -1, 1, 2**31, -(2**31) - 1, 2**63, -(2**63), 2**64, 10**400, 0.0, -0.0, 1e-320, 1e38, 1e39, 1e308, -1e308,
    float('nan'), float('inf'), float('-inf'), 0.1, -0.5, 1.5, 255, 256, 65536,
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    '',
    [[]],
    [None],
    {'': None},
    {None: None},
    {1: 2},
    [float('nan')],
    b'\xff',
)
MARKS = '.,;:!?()[]{}<>"\'\\/#@*&%$=+-_~^|`\n\t\x00 '
DEPTH_OF_LISTS = 3


def make_text(rng: random.Random, seeds: Sequence[str]) -> str:
    """Return one of the seeds with up to six things broken, or text that has nothing to do with them."""
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(NASTY_TEXTS)
    if kind < 0.35:
        return ''.join(chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000))))
                       for _ in range(rng.randrange(1, 80)))  # fmt: skip
    text = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        text = _break(rng, text, seeds)
    return text


def _break(rng: random.Random, text: str, seeds: Sequence[str]) -> str:
    at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    words = text.split(' ')
    way = rng.randrange(9)
    if way == 0:
        return text[:at] + text[to:]
    if way == 1:
        return text[:at] + rng.choice(MARKS) + text[at:]
    if way == 2:
        return text[:to] + text[at:to] * rng.choice((1, 2, 9)) + text[to:]
    if way == 3:
        return text[:at] + rng.choice(NASTY_TEXTS)[:300] + text[at:]
    if way == 4:
        rng.shuffle(words)
        return ' '.join(words)
    if way == 5:
        words[rng.randrange(len(words))] = rng.choice(rng.choice(seeds).split(' '))
        return ' '.join(words)
    if way == 6:
        return text[:at] + str(rng.choice(NASTY_NUMBERS))[:30] + text[at:]
    if way == 7:
        return text.swapcase() if rng.random() < 0.5 else text[::-1]
    return text + ' ' + rng.choice(seeds)


def make_value(rng: random.Random, depth: int = DEPTH_OF_LISTS) -> Any:
    """Return plain data of any kind, lists and mappings included."""
    way = rng.randrange(7 if depth else 4)
    if way == 0:
        return rng.choice(NASTY_NUMBERS)
    if way == 1:
        return rng.choice(NASTY_VALUES)
    if way in (2, 3):
        return rng.choice(NASTY_TEXTS)[:2000]
    if way == 4:
        return [make_value(rng, depth - 1) for _ in range(rng.randrange(6))]
    keys: list[Any] = ['a', 'on', 'in', 'text', 'index', '', 'x' * 50, *range(3)]
    return {rng.choice(keys): make_value(rng, depth - 1) for _ in range(rng.randrange(6))}


def break_data(rng: random.Random, data: Any) -> Any:
    """Return a copy of plain data in which one place holds something else, is missing, or has another key."""
    if isinstance(data, dict) and data and rng.random() < 0.9:
        key = rng.choice(list(data))
        left = {k: v for k, v in data.items() if k != key}
        way = rng.randrange(4)
        if way == 0:
            return left
        if way == 1:
            return {**left, rng.choice((f'{key}s', 7, None, '', 'zzz')): data[key]}
        return {**data, key: break_data(rng, data[key])}
    if isinstance(data, (list, tuple)) and data and rng.random() < 0.8:
        items = list(data)
        at = rng.randrange(len(items))
        way = rng.randrange(4)
        if way == 0:
            del items[at]
        elif way == 1:
            items.insert(at, make_value(rng, 1))
        else:
            items[at] = break_data(rng, items[at])
        return items
    return make_value(rng)


def make_yaml(rng: random.Random, seeds: Sequence[str]) -> bytes:
    """Return the bytes of a YAML file: broken text, aliases that grow a billionfold, tags that name code, or noise."""
    way = rng.random()
    if way < 0.1:
        return rng.randbytes(rng.randrange(200))
    if way < 0.2:
        return rng.choice(YAML_TRAPS)
    if way < 0.35:
        return json.dumps(make_value(rng), default=str).encode('utf-8', 'surrogatepass')
    return make_text(rng, seeds).encode('utf-8', 'surrogatepass')


def _grow(levels: int = 9) -> bytes:
    """Return aliases of aliases: printed out, the last of them would fill any memory."""
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    lines += [f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]' for i in range(1, levels)]
    return '\n'.join(lines).encode()


YAML_TRAPS = (
    _grow(), b'loop: &a [*a]', b'objects: &a\n  - *a', b'planner: &a {kind: *a}',
    b'!!python/object/apply:os.system [id]', b'!!python/name:os.system', b'? [a, b]\n: c', b'a: 2026-99-99',
    b'a: 1:99:99', b'<<: 3', b'<<: [1, 2]', b'a: !!int x', b'a: !!binary "@@"', b'a: !!timestamp nope',
    b'- ' * 2000, b'[' * 2000, b'{' * 2000, b'a: &a\nb: *c', b'%YAML 9.9\n---\n', b'---\na: 1\n---\nb: 2',
    b'\xff\xfe\x00', b'\x00', b'"\\ud800"', b'', b'# nothing', b'~', b'a: .nan', b'a: 0x', b'a: 1__1',
    b'a: 2001-01-01', b'2001-01-01: a', b'null: 1', b'[1]: 2', b'{}: 1', b'? {a: 1}\n: 2', b'a: .inf',
    b'a: ' + b'9' * 5000,
)  # fmt: skip


def make_array(rng: random.Random, shape: tuple[int, ...] = (48, 64, 3)) -> Any:
    """Return something that is nearly never a picture of that shape: other sizes, types, values, or no array."""
    way = rng.randrange(10)
    if way == 0:
        return rng.choice((None, 3, 'picture', b'\x00' * 30, [[1, 2], [3]], [], {}, float('nan')))
    sizes = rng.choice((shape, (0,), (), (1,), shape[:-1], (*shape, 1), shape[::-1], (0, 0, 3), (1, 1, 3), (7, 900, 3),
                        (4, *shape), (9, 9, 4), (900, 8, 3), tuple(rng.randrange(12) for _ in range(rng.randrange(5))),
                        shape, shape))  # fmt: skip
    kind = rng.choice(('u1', 'u1', 'u1', 'i1', 'u2', 'i8', 'f2', 'f4', 'f8', '?', 'c8', 'O', 'U3', 'M8[s]'))
    values = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, sizes)
    with np.errstate(all='ignore'):
        array = values.astype('i8' if kind == 'M8[s]' else kind).astype(kind)
    if kind in ('f2', 'f4', 'f8') and array.size:
        array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf, 1e30 if kind != 'f2' else 1.0))
    return array[::-1, ::2] if array.ndim == 3 and way == 1 else array


def make_depth(rng: random.Random, height: int, width: int) -> np.ndarray:
    """Return (height, width) float32 metres as broken cameras send them: NaN, zero, infinite, negative, huge, noise."""
    noise = np.random.default_rng(rng.randrange(2**32))
    depth = noise.uniform(0.3, 1.5, (height, width)).astype(np.float32)
    value = rng.choice((np.nan, 0.0, np.inf, -np.inf, -1.0, 1e30, 1e-30, 65.535, 3e38))
    depth[noise.random((height, width)) < rng.choice((0.0, 0.02, 0.5, 0.98, 1.0))] = value
    return depth


def make_numbers(rng: random.Random, count: int, usual: float = 1.0) -> list[float]:
    """Return floats of which some are as wrong as floats can be."""
    chance = rng.choice((0.1, 0.5, 1.0))
    wrong = [float(value) for value in NASTY_NUMBERS if abs(value) < 10**300 or not isinstance(value, int)]
    return [rng.choice(wrong) if rng.random() < chance else rng.uniform(-usual, usual) for _ in range(count)]
