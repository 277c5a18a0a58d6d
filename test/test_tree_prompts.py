"""Tree prompts as text: what is read, what is written, what is refused and how the message helps."""

import pytest

from vlm_robot.errors import SentenceError
from vlm_robot.perception.tree_prompts import Branch, format_tree, Group, list_texts, MOST_DEPTH, parse_tree


def detect(*branches):
    return Group('detect', tuple(b if isinstance(b, Branch) else Branch(b) for b in branches))


def classify(*branches):
    return Group('classify', tuple(b if isinstance(b, Branch) else Branch(b) for b in branches))


FACE = (detect(Branch('a face', (detect('a nose', 'an eye'), classify('happy', 'sad')))),)
TREES = [
    FACE,
    (detect('a'),),
    (detect('a', 'b'), classify('indoors', 'outdoors')),
    (classify(Branch('a bowl', (detect('a block'),)), 'a block'),),
    (detect(Branch('a', (detect(Branch('b', (detect(Branch('c', (classify('d', 'e'),))),))),))),),
    (detect('salt, pepper', r'a\b', '[x]', '(y)'),),
]


def test_the_example_of_nanoowl_reads_as_meant():
    assert parse_tree('[a face [a nose, an eye] (happy, sad)]') == FACE


@pytest.mark.parametrize('tree', TREES, ids=format_tree)
def test_what_is_written_reads_back(tree):
    assert parse_tree(format_tree(tree)) == tree


def test_space_does_not_matter():
    assert parse_tree('\n[ a   face[a nose ,an eye](happy,sad) ] ') == FACE


def test_signs_after_a_backslash_are_letters():
    assert parse_tree(r'[salt\, pepper, \[x\], \(y\), a\\b]') == (detect('salt, pepper', '[x]', '(y)', r'a\b'),)


def test_texts_are_listed_by_kind_at_every_depth():
    tree = parse_tree('[a face [a nose, an eye] (happy [a smile], sad), a nose] (in, out)')
    assert list_texts(tree, 'detect') == ('a face', 'a nose', 'an eye', 'a smile')
    assert list_texts(tree, 'classify') == ('happy', 'sad', 'in', 'out')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'must be text'),
        ('   ', 'must be text'),
        (None, 'must be text'),
        ('a face', 'outside of brackets'),
        ('[a face] a nose', 'outside of brackets'),
        ('[a face', 'never closed'),
        ('[a face [a nose]', 'never closed'),
        ('[a face)', "expected ',' or ']'"),
        ('[a [b] c]', "expected ',' or ']'"),
        ('[]', 'label is missing'),
        ('[a, ]', 'label is missing'),
        ('[a,, b]', 'label is missing'),
        ('[[a]]', 'label is missing'),
        ('(happy)', 'at least two'),
        ('[a, a]', 'twice'),
        (r'[a\b]', 'backslash'),
        ('[a\\', 'backslash'),
        ('[a' * (MOST_DEPTH + 1) + ']' * (MOST_DEPTH + 1), 'inside each other'),
        ('[' + 'a' * 3000 + ']', 'characters'),
        (']', 'outside of brackets'),
    ],
)
def test_what_is_no_tree_is_refused_with_the_place(text, words):
    with pytest.raises(SentenceError) as error:
        parse_tree(text)
    assert words in str(error.value)


def test_the_message_points_at_the_place():
    with pytest.raises(SentenceError, match='character 1 '):
        parse_tree('[a face [a nose]')
    with pytest.raises(SentenceError, match='character 8 '):
        parse_tree('[a] [b]x')
