"""Whatever is sent to a parser is refused with a reason or taken within the limits: hypothesis, and seeded inputs."""

from __future__ import annotations

import random
import signal
import time

from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
import pytest

from vlm_robot.errors import ConfigError, ScenarioError, VlmRobotError
from vlm_robot.evaluation import bad_inputs, input_commands
from vlm_robot.evaluation.entry_points import ENTRY_POINTS, EntryPoint, feed, require, Violation
from vlm_robot.evaluation.input_trials import Row, run_trials, try_one, watch
from vlm_robot.resources import find_scenario, read_yaml

pytestmark = pytest.mark.timeout(1800)  # of a machine that imports torch for minutes
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
BY_NAME = {entry.name: entry for entry in ENTRY_POINTS}
ROUNDS = {'kitchen sentence': 4, 'scenario file': 12}  # inputs that cost more than a millisecond
texts = st.text(max_size=300)
nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize('name', sorted(BY_NAME))
def test_bad_inputs_are_refused_with_a_reason_or_taken_within_limits(name):
    row = run_trials((BY_NAME[name],), ROUNDS.get(name, 30), seed=1, limit_s=0)[0]
    assert row.is_clean, row.faults
    assert row.tried == row.refused + row.accepted == ROUNDS.get(name, 30)


@pytest.mark.parametrize(
    'name', ['answer to a question', 'program', 'plan', 'reply of a language model', 'tree prompt']
)
@FEW
@given(text=texts)
def test_any_text_is_borne_by_every_parser(name, text):
    assert isinstance(feed(BY_NAME[name], text), str)


@FEW
@given(text=texts)
def test_any_text_is_borne_as_a_sentence(text):
    assert feed(BY_NAME['sentence'], text)


VOCABULARY = """
put pick place stack swap the a all some count block bowl red ' ' ( ) [ ] , = > for in if else assert not and zip b p :
1 9 colour_of from_left at but middle 'block' 'red bowl' clockwise beside line
"""
WORDS = st.sampled_from(VOCABULARY.split()) | st.just('\n    ')


@FEW
@given(words=st.lists(WORDS, max_size=30))
def test_programs_of_the_right_words_in_the_wrong_order_are_borne(words):
    assert isinstance(feed(BY_NAME['program'], ' '.join(words)), str)


@FEW
@given(data=nested)
def test_any_data_is_borne_as_a_goal(data):
    assert isinstance(feed(BY_NAME['goal'], data), str)


@FEW
@given(numbers=st.lists(st.floats(), min_size=6, max_size=6))
def test_no_numbers_send_the_arm_outside(numbers):
    assert isinstance(feed(BY_NAME['motion of the arm'], numbers), str)


@pytest.mark.parametrize('data', bad_inputs.YAML_TRAPS, ids=lambda data: data[:24].decode('latin-1'))
def test_yaml_that_grows_names_code_or_breaks_is_read_or_refused(data, tmp_path):
    path = tmp_path / 'trap.yaml'
    path.write_bytes(data)
    try:
        repr(read_yaml(path, ConfigError, 'the trap'))
    except ConfigError as error:
        assert 'trap.yaml' in str(error)


@pytest.mark.parametrize('name', ['a' * 400, 'a\0b', '../' * 40, ''])
def test_names_that_are_no_paths_are_no_scenarios(name):
    with pytest.raises(ScenarioError, match='known'):
        find_scenario(name)


def test_devices_are_no_files():
    with pytest.raises(ConfigError, match='ordinary'):
        read_yaml('/dev/zero', ConfigError, 'the settings')


def test_trials_tell_crashes_hangs_and_violations_from_refusals():
    def act(number):
        if number == 'crash':
            raise KeyError(number)
        if number == 'refuse':
            raise VlmRobotError('no')
        while number == 'hang':
            time.sleep(0.01)
        require(number != 'violate', 'too far')
        return ''

    row, entry = Row('x'), EntryPoint('x', lambda rng: '', act)
    for value in ('crash', 'refuse', 'violate', 'take'):
        try_one(entry, value, row, 0)
    try_one(entry, 'hang', row, 0.2)
    assert (row.crashes, row.refused, row.violations, row.accepted, row.hangs, row.tried) == (1, 1, 1, 1, 1, 5)
    assert not row.is_clean and len(row.faults) == 3
    assert not issubclass(Violation, VlmRobotError)


def test_the_watchdog_gives_an_earlier_alarm_back():
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    with watch(5.0):
        pass
    after = signal.getitimer(signal.ITIMER_REAL)[0]
    assert bool(before) == bool(after) and after <= before


def test_the_same_seed_sends_the_same_inputs():
    for entry in ENTRY_POINTS:
        first, again = (repr([entry.make(random.Random(5)) for _ in range(5)]) for _ in range(2))
        assert first == again, entry.name


def test_the_table_sums_up_and_names_faults():
    rows = [Row('a', 3, 2, 1), Row('b', 2, 1, 0, 1, faults=['crash: KeyError'])]
    text = input_commands.write_markdown(rows)
    assert '| all | 5 | 3 | 1 | 1 | 0 | 0 |' in text and 'crash: KeyError' in text
    assert not input_commands.sum_up(rows).is_clean
