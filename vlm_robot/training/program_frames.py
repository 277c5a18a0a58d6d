"""Frames with slots for sentences about sets, rows and the drawer; lists only, see program_words.py."""

from __future__ import annotations

OWN_EACH = (
    'the {b} that shares its colour', 'the {b} sharing its color', 'the {b} with its own colour',
    'the {b} of its colour', 'its own {b}', 'the {b} with the same color', 'the {b} of the same colour',
    'the {b} that matches its color', 'the corresponding {b}', 'the matching {b}', 'the same-coloured {b}',
    'the right {b} by colour', 'the {b} that has its colour', 'the {b} painted like it',
)  # fmt: skip
OTHER_EACH = (
    'a {b} whose colour is not its own', 'a {b} that has some other colour', 'a {b} not of its colour',
    'a {b} of another colour', 'a {b} of a different colour', 'a {b} that does not match',
    'some other {b} than its own', 'a {b} with a different color', 'a {b} which has not its colour', 'a wrong {b}',
    'a non-matching {b}', "a {b} that doesn't have its colour", 'any {b} but the one of its colour',
)  # fmt: skip
OWN_ALL = (
    'the {p} that share their colour', 'the {p} in their colour', 'the {p} of the same colour', 'their matching {p}',
    'the {p} with the same color', '{p} of their own colour', 'the {p} that match', 'their {p} by colour',
    'the same color {p}', 'the {p}, sorted by colour', 'their own {p}', 'the {p} of their color',
    'the {p} which fit their colour',
)  # fmt: skip
OTHER_ALL = (
    '{p} of another colour', '{p} of a different colour', 'the {p} that do not match', 'the wrong {p}',
    '{p} of other colors', '{p} that have a different colour', 'non-matching {p}', 'differently coloured {p}',
    'the {p} so that no colours match', '{p} which are not of their colour',
)  # fmt: skip
SORT = (
    'sort the {w} by colour', 'sort the {w} into the {o}', 'match the {w} with the {o}', 'tidy up by colour',
    'sort by color', 'distribute the {w} to the {o} by colour', 'sort everything by colour',
    'pair the {w} and {o} by colour', 'colour-sort the {w}', 'every {o1} gets the {w} of its colour',
    'red to red, blue to blue and so on: {w} in {o}',
)  # fmt: skip
MISMATCH = (
    'no {w1} may be in the {o1} of its own colour: put all of them in {o}',
    'every {w1} goes in a {o1}, but never in the one of its own colour',
    'fill the {o} with the {w}, never matching colours', 'each {w1} in some {o1}, colours must not match',
    'mix it up: every {w1} in a {o1} of another colour', 'mismatch the {w} and the {o}',
    'sort the {w} wrongly into the {o}', 'colours of {w} and {o} must differ, so fill the {o}',
)  # fmt: skip
SPARE_FIRST = (
    'leave {l} out and {m}', '{l} stays; {m}', "don't touch {l}, but {m}", 'skip {l}, {m}', 'ignore {l} and {m}',
    'keep {l} where it is, {m}', 'not {l}, but {m}', 'without touching {l}, {m}',
)  # fmt: skip
SPARE_LAST = (
    ', but not {l}', ', but leave {l} alone', ' but leave out {l}', ', just not {l}', '; {l} stays where it is',
    ', {l} stays', ', but keep {l} where it is', ' but do not touch {l}', ", but don't move {l}", ', not {l}',
)  # fmt: skip
NEITHER = (
    '{a} {n} that {v} neither {x} nor {y}', '{a} {n} which {v} not {x} and not {y}',
    '{a} {n} that {v} not {x} or {y}', '{a} neither {x} nor {y} {n}',
    '{a} {n} that {v} neither the {x} nor the {y} one', '{a} non-{x}, non-{y} {n}',
)  # fmt: skip
HORIZONTAL = (
    'in a row', 'in one row', 'as a row', 'in a row', 'in a neat row', 'in a horizontal row', 'side by side in a row',
    'in one row from left to right', 'horizontally', 'next to each other in a line', 'in a straight row',
    'along a horizontal line', 'in a line across the table',
)  # fmt: skip
VERTICAL = (
    'in a column', 'as a column', 'in one column', 'in a straight column', 'in a vertical column',
    'one behind the other in a line', 'vertically', 'in a vertical row', 'along a vertical line',
    'in one column from top to bottom', 'in a file, one behind the other',
)  # fmt: skip
DIAGONAL = (
    'diagonally', 'in a sloping row', 'aslant', 'in an oblique row', 'on a tilted row', 'in a tilted line',
    'along a diagonal', 'in a slanted row', 'along the diagonal of the table', 'in a diagonal row',
    'in a row from one corner to the opposite one', 'like a diagonal', 'on a slant',
)  # fmt: skip
ROWS = {'horizontal': HORIZONTAL, 'vertical': VERTICAL, 'diagonal': DIAGONAL}
OPEN_DRAWER = (
    'open {d}', 'pull {d} open', 'pull out {d}', 'open {d} up', 'i want {d} open', '{d} should be open',
    'make sure {d} is open', 'you can open {d}', 'have {d} open', 'pull {d} out for me', '{d} may be opened',
    'please get {d} open', 'pull {d}', 'slide {d} open', 'get {d} open',
)  # fmt: skip
CLOSE_DRAWER = (
    'close {d}', 'shut {d}', 'push {d} shut', 'push {d} in', 'i want {d} closed', '{d} should be shut',
    'make sure {d} is closed', '{d} may be shut', 'you can shut {d}', '{d} should be closed',
    'please have {d} closed', 'no need for {d} to be open, shut it', 'push {d} back in', 'slide {d} shut',
    'push {d} closed', 'shut {d} again',
)  # fmt: skip
AND_CLOSE = (
    ' and close it', ', then shut it', ' and shut the drawer again', ', and then close the drawer',
    '. close it afterwards', '. then push it shut',
)  # fmt: skip
THE_OTHERS = ('the others', 'all the others', 'the rest', 'all others', 'everything else', 'all the other ones')
