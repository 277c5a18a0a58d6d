"""
Plans as short programs: a whitelisted subset of Python's syntax, read with ``ast`` and never executed.

The form follows ProgPrompt (arXiv 2209.11302) and Code as Policies (arXiv 2209.07753): calls of skills on
things chosen by selectors, loops over them, conditions, and ``assert CONDITION, RECOVERY``. Example::

    # 1: clear the corner
    for b in all('block', at='top left corner'):
        put(b, the('bowl', colour_of=b))
    assert is_open('drawer'), open('drawer')

Every function with its arguments stands in ``FUNCTIONS``; anything else (imports, attributes, other names,
``while``, ``lambda``, nesting without end) is a PlanError that names the line. It knows no scene.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from vlm_robot.errors import name_nearest, PlanError
from vlm_robot.planning.program_parts import (
    Assert,
    Call,
    Comment,
    Comparison,
    Condition,
    Do,
    For,
    FUNCTIONS,
    If,
    Join,
    Listing,
    Not,
    Number,
    Program,
    RANKS,
    Statement,
    Text,
    Value,
    Variable,
    WORDS,
)

HEADER = 'def task():'
INDENT = '    '
MAX_CHARS, MAX_NODES = 4000, 200
MAX_NESTING = 5  # calls and lists within each other
MAX_BLOCKS = 2  # loops and conditions within each other
SIGNS = {ast.Gt: '>', ast.Lt: '<', ast.GtE: '>=', ast.LtE: '<=', ast.Eq: '==', ast.NotEq: '!='}


def parse_program(text: str) -> Program:
    """
    Return the program of a text: the indented body, with or without the line ``def task():`` above it.

    :raises PlanError: anything but skills, selectors, conditions, loops over things and comments.
    """
    if len(text) > MAX_CHARS:
        raise PlanError(f'the program has {len(text)} characters, at most {MAX_CHARS} are read')
    if '\\' in text or not all(letter.isprintable() or letter == '\n' for letter in text):
        raise PlanError('the program holds a backslash, a tab or a character that cannot be printed; leave it out')
    lines = _frame(text)
    if len(lines) == 1:
        raise PlanError('the program is empty; the shortest one is: go_home()')
    try:
        tree = ast.parse('\n'.join(lines))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        number = getattr(error, 'lineno', None) or 1
        raise _refuse(number, lines, 'this is not the syntax of a program') from error
    return _Reader(lines).read(tree)


def format_program(program: Program) -> str:
    """Return the body as indented lines, each with its line end; ``parse_program`` is the inverse."""
    return ''.join(f'{line}\n' for statement in program.body for line in _format_statement(statement, INDENT))


def format_value(value: Value) -> str:
    """Return a value as it stands in a program, for example ``the('red block')``."""
    if isinstance(value, Text):
        quote = '"' if "'" in value.value else "'"
        return f'{quote}{value.value}{quote}'
    if isinstance(value, Number):
        return str(value.value)
    if isinstance(value, Variable):
        return value.name
    if isinstance(value, Listing):
        return f'[{", ".join(map(format_value, value.items))}]'
    parts = [*map(format_value, value.args), *(f'{key}={format_value(item)}' for key, item in value.options)]
    return f'{value.function}({", ".join(parts)})'


def format_condition(condition: Condition) -> str:
    """Return a condition as it stands in a program."""
    if isinstance(condition, Comparison):
        return f'{format_value(condition.left)} {condition.sign} {condition.right.value}'
    if isinstance(condition, Not):
        return f'not {_wrap(condition.part)}'
    if isinstance(condition, Join):
        return f' {condition.word} '.join(map(_wrap, condition.parts))
    return format_value(condition)


def _wrap(condition: Condition) -> str:
    words = format_condition(condition)
    return words if isinstance(condition, Call) else f'({words})'


def _format_statement(statement: Statement, indent: str) -> list[str]:
    deeper = indent + INDENT
    if isinstance(statement, Comment):
        return [f'{indent}# {statement.text}']
    if isinstance(statement, Do):
        return [indent + format_value(statement.call)]
    if isinstance(statement, Assert):
        return [f'{indent}assert {format_condition(statement.test)}, {format_value(statement.recovery)}']
    if isinstance(statement, For):
        values = ', '.join(map(format_value, statement.values))
        head = f'for {", ".join(statement.names)} in {f"zip({values})" if len(statement.names) > 1 else values}:'
        return [indent + head, *_format_block(statement.body, deeper)]
    lines = [f'{indent}if {format_condition(statement.test)}:', *_format_block(statement.body, deeper)]
    return lines + ([f'{indent}else:', *_format_block(statement.other, deeper)] if statement.other else [])


def _format_block(body: Sequence[Statement], indent: str) -> list[str]:
    return [line for statement in body for line in _format_statement(statement, indent)]


def _frame(text: str) -> list[str]:
    """Return the lines below a header; comment lines become strings, which the syntax tree keeps."""
    lines = text.rstrip().split('\n')
    while lines and not lines[0].strip():
        del lines[0]
    if lines and lines[0].rstrip() == HEADER:
        del lines[0]
    is_flat = bool(lines) and not lines[0].startswith(' ')
    framed = [HEADER]
    for line in lines:
        bare = line.strip()
        indent = (INDENT if is_flat else '') + line[: len(line) - len(line.lstrip())]
        framed.append(f'{indent}{"# " + bare.lstrip("# ")!r}' if bare.startswith('#') else indent + bare)
    return framed


def _refuse(number: int, lines: Sequence[str], why: str) -> PlanError:
    line = lines[number - 1].strip()[:100] if 0 < number <= len(lines) else ''
    return PlanError(f"line {max(number - 1, 1)} of the program, '{line}': {why}")


class _Reader:
    """Turns a syntax tree into a Program; whatever it has no method for is refused."""

    def __init__(self, lines: Sequence[str]):
        self.lines = lines
        self.variables: list[str] = []

    def read(self, tree: ast.Module) -> Program:
        nodes = [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]
        if len(nodes) > MAX_NODES:
            raise PlanError(f'the program has {len(nodes)} parts, at most {MAX_NODES} are read; say it in fewer steps')
        head = tree.body[0]
        if len(tree.body) != 1 or not isinstance(head, ast.FunctionDef):
            raise self.fault(tree.body[-1], 'a program is the body of one function and nothing else')
        return Program(self.block(head.body, 0, head))

    def fault(self, node: ast.AST, why: str) -> PlanError:
        return _refuse(getattr(node, 'lineno', 1), self.lines, why)

    def block(self, nodes: Sequence[ast.stmt], depth: int, above: ast.AST) -> tuple[Statement, ...]:
        if depth > MAX_BLOCKS:
            raise self.fault(above, f'loops and conditions nest at most {MAX_BLOCKS} deep')
        body = tuple(self.statement(node, depth) for node in nodes)
        if all(isinstance(statement, Comment) for statement in body):
            raise self.fault(above, 'this block does nothing')
        return body

    def statement(self, node: ast.stmt, depth: int) -> Statement:
        read: Callable | None = getattr(self, f'read_{type(node).__name__.lower()}', None)
        if read is None:
            raise self.fault(node, 'only skills, loops over things, conditions and assertions are allowed here')
        return read(node, depth)

    def read_expr(self, node: ast.Expr, depth: int) -> Statement:
        if isinstance(node.value, ast.Constant) and str(node.value.value).startswith('# '):
            return self.make(node, Comment, str(node.value.value)[2:])
        return Do(self.call(node.value, ('skill',)))

    def read_assert(self, node: ast.Assert, depth: int) -> Assert:
        if node.msg is None:
            raise self.fault(node, 'an assertion names its recovery: assert CONDITION, SKILL(...)')
        return Assert(self.condition(node.test), self.call(node.msg, ('skill',)))

    def read_if(self, node: ast.If, depth: int) -> If:
        test = self.condition(node.test)
        other = self.block(node.orelse, depth + 1, node) if node.orelse else ()
        return If(test, self.block(node.body, depth + 1, node), other)

    def read_for(self, node: ast.For, depth: int) -> For:
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        names = tuple(target.id for target in targets if isinstance(target, ast.Name))
        values = self.zipped(node.iter) if len(names) == 2 else [node.iter]
        legal = len(names) == len(targets) == len(values) == len(set(names)) and not node.orelse
        if not legal or not all(name.isalpha() and len(name) <= 12 and name not in FUNCTIONS for name in names):
            raise self.fault(node, 'a loop is: for x in THINGS, or: for x, y in zip(THINGS, THINGS)')
        runs = tuple(self.value(value, 1) for value in values)
        if any(isinstance(run, Number | Text) for run in runs):
            raise self.fault(node, 'a loop runs through things, not through a word or number')
        self.variables += names
        body = self.block(node.body, depth + 1, node)
        del self.variables[-len(names) :]
        return For(names, runs, body)

    def zipped(self, node: ast.expr) -> list[ast.expr]:
        is_zip = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'zip'
        if not is_zip or node.keywords:  # type: ignore[attr-defined]
            raise self.fault(node, 'two names run through zip(THINGS, THINGS)')
        return node.args  # type: ignore[attr-defined]

    def make(self, node: ast.AST, kind: Callable, *values):
        """Return a part, with the line named where the part refuses its values."""
        try:
            return kind(*values)
        except PlanError as error:
            raise self.fault(node, str(error)) from error

    def condition(self, node: ast.expr, depth: int = 0) -> Condition:
        if depth > MAX_NESTING:
            raise self.fault(node, f'conditions nest at most {MAX_NESTING} deep')
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Not(self.condition(node.operand, depth + 1))
        if isinstance(node, ast.BoolOp):
            word = 'and' if isinstance(node.op, ast.And) else 'or'
            return Join(word, tuple(self.condition(part, depth + 1) for part in node.values))
        if isinstance(node, ast.Compare):
            sign = SIGNS.get(type(node.ops[0]), '') if len(node.ops) == 1 else ''
            right = self.value(node.comparators[0], 1)
            if not sign or not isinstance(right, Number):
                raise self.fault(node, 'a comparison is: count(THINGS) > NUMBER')
            return Comparison(self.call(node.left, ('count',)), sign, right)
        return self.call(node, ('condition',))

    def value(self, node: ast.expr, depth: int) -> Value:
        if depth > MAX_NESTING:
            raise self.fault(node, f'calls nest at most {MAX_NESTING} deep')
        if isinstance(node, ast.Constant) and type(node.value) is str:
            return self.make(node, Text, node.value)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return self.make(node, Number, node.value)
        if isinstance(node, ast.List):
            if not 0 < len(node.elts) <= 20:
                raise self.fault(node, 'a list holds 1 to 20 things')
            return Listing(tuple(self.value(item, depth + 1) for item in node.elts))
        if isinstance(node, ast.Name):
            if node.id not in self.variables:
                raise self.fault(
                    node, f"'{node.id}' is no name that a loop gave{name_nearest(node.id, self.variables)}"
                )
            return Variable(node.id)
        return self.call(node, ('thing', 'things'), depth)

    def call(self, node: ast.expr, kinds: Sequence[str], depth: int = 0) -> Call:
        allowed = [name for name, signature in FUNCTIONS.items() if signature.kind in kinds]
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise self.fault(node, f'here stands one of {allowed}')
        name = node.func.id
        if name not in allowed:
            raise self.fault(node, f"'{name}' cannot be called here{name_nearest(name, allowed)}")
        signature = FUNCTIONS[name]
        if not signature.least <= len(node.args) <= len(signature.args):
            raise self.fault(node, f'{name} takes {signature.least} to {len(signature.args)} values')
        args = tuple(self.value(item, depth + 1) for item in node.args)
        for item, kind in zip(args, signature.args):
            if {'t': not isinstance(item, Text), 'n': not isinstance(item, Number)}.get(kind, isinstance(item, Number)):
                raise self.fault(node, f'{name} takes other values: {signature.args} (v a thing, t a text, n a number)')
        if name in WORDS and args[-1] not in [Text(word) for word in WORDS[name]]:
            raise self.fault(node, f'{name} takes one of {list(WORDS[name])}')
        return Call(name, args, tuple(self.option(item, name, depth) for item in node.keywords))

    def option(self, node: ast.keyword, name: str, depth: int) -> tuple[str, Value]:
        if node.arg not in FUNCTIONS[name].options:
            raise self.fault(node, f"{name} has no '{node.arg}'{name_nearest(str(node.arg), FUNCTIONS[name].options)}")
        value = self.value(node.value, depth + 1)
        if isinstance(value, Number) != (node.arg in RANKS):
            raise self.fault(node, f"'{node.arg}' takes {'a number' if node.arg in RANKS else 'a thing or place'}")
        return node.arg, value
