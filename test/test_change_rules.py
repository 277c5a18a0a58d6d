"""When parameters of managed nodes may change: the longest rule counts, and a refusal says what to do."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from vlm_robot.nodes.change_rules import ChangeRules, When

STATES = ('unconfigured', 'configuring', 'inactive', 'activating', 'active', 'deactivating', 'finalized')
RULES = ChangeRules(
    '/left/eyes', {'rate': When.ALWAYS, 'lens.': When.INACTIVE, 'lens.zoom': When.ALWAYS, 'id': When.NEVER}
)


@pytest.mark.parametrize(
    ('name', 'when'),
    [
        ('rate', When.ALWAYS),
        ('rates', When.UNCONFIGURED),
        ('lens.focus', When.INACTIVE),
        ('lens.zoom', When.ALWAYS),
        ('lens', When.UNCONFIGURED),
        ('model', When.UNCONFIGURED),
    ],
)
def test_the_longest_rule_that_fits_counts(name, when):
    assert RULES.find(name) is when


@pytest.mark.parametrize('state', STATES)
def test_what_may_change_grows_with_rest(state):
    assert not RULES.complain('rate', state)
    assert bool(RULES.complain('lens.focus', state)) == (state not in ('unconfigured', 'inactive'))
    assert bool(RULES.complain('model', state)) == (state != 'unconfigured')
    assert RULES.complain('id', state)


def test_a_refusal_names_state_node_and_way():
    complaint = RULES.complain('model', 'active')
    for word in ("'model'", 'active', '/left/eyes', 'deactivate', 'cleanup', 'configure'):
        assert word in complaint
    assert 'cleanup' not in RULES.complain('lens.focus', 'active')
