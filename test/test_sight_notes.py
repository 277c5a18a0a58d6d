"""What the eyes say beside names and places reaches the prompt of a planner, and stays data there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Description, DescriptionLine, Scene, SceneObject
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.episodes import Stack
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.planning.planners import build_planner, PlannerConfig, reads_descriptions
from vlm_robot.planning.program_prompt import write_program_prompt
from vlm_robot.planning.prompt import begin, write_prompt
from vlm_robot.planning.sight_notes import MOST_LETTERS, write_notes
from vlm_robot.resources import find_scenario
from vlm_robot.sim.scenario import load_scenario, sample_episode

WISH, ASKING = 'put the red block in the blue bowl', 'put the red block in the bowl that is labelled apples'
LINES = (
    DescriptionLine('tag', 'table', 0.9),
    DescriptionLine('attribute', 'shiny red block', 0.8),
    DescriptionLine('attribute', 'round', 0.1),
    DescriptionLine('caption', 'a red block beside a bowl', 0.7),
    DescriptionLine('text', 'APPLES', 0.95),
    DescriptionLine('object', 'red block on the table, upper left', 0.99),
    DescriptionLine('count', '1 red block', 0.99),
)
SCENE = Scene((SceneObject('red block', 'red block', (0.5, 0.2, 0.02)),), described=LINES)
SAID = 'tags: table; attributes: shiny red block; captions: a red block beside a bowl'


def test_sure_lines_are_told_by_kind_and_writing_only_to_who_asks_for_it():
    assert write_notes(LINES, WISH) == SAID
    assert write_notes(LINES, ASKING) == f'{SAID}; written: "APPLES"'
    assert write_notes((), WISH) == ''
    assert write_notes(LINES[:1] * 3, WISH) == 'tags: table'


def test_the_least_sure_go_first_where_there_is_no_room():
    many = [DescriptionLine('tag', f'{"thing" * 10}{i}', 0.3 + i / 100) for i in range(50)]
    text = write_notes(many, WISH)
    assert f'thing{49}' in text and 'thing0' not in text
    assert len(text) < MOST_LETTERS + 50


def test_both_kinds_of_prompt_show_it():
    assert f'\nAlso: {SAID}.\nTask: ' in write_prompt(WISH, begin(SCENE))
    program = write_program_prompt(WISH, SCENE)
    assert f"objects = ['red block']\n# seen: {SAID}\n# {WISH}\n" in program
    bare = Scene(SCENE.objects)
    assert 'Also' not in write_prompt(WISH, begin(bare)) and '# seen' not in write_program_prompt(WISH, bare)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(min_size=1, max_size=200), kind=st.sampled_from(['tag', 'attribute', 'caption', 'text']))
def test_what_is_seen_never_leaves_its_line(text, kind):
    scene = Scene(SCENE.objects, described=(DescriptionLine(kind, text, 0.9),))
    plain = write_program_prompt(ASKING, Scene(SCENE.objects)).split('\n')
    lines = write_program_prompt(ASKING, scene).split('\n')
    extra = [line for line in lines if line not in plain]
    assert len(lines) - len(plain) == len(extra) <= 1 and all(line.startswith('# seen: ') for line in extra)
    assert write_prompt(ASKING, begin(scene)).count('\n') <= 4


@pytest.mark.parametrize(
    ('description', 'language', 'reads'),
    [
        ('auto', LanguageConfig(), False),
        ('auto', LanguageConfig(adapter=''), True),
        ('auto', LanguageConfig(backend='server'), True),
        ('on', LanguageConfig(), True),
        ('off', LanguageConfig(backend='server'), False),
    ],
)
def test_an_adapter_is_spared_what_it_was_not_trained_with(description, language, reads):
    assert reads_descriptions(PlannerConfig(description=description), language) == reads


def test_other_words_are_refused():
    with pytest.raises(ConfigError, match='allowed'):
        PlannerConfig(description='maybe')


class Spy:
    """A language model that keeps its prompts and wants nothing."""

    name = 'spy'

    def __init__(self):
        self.prompts = []

    def generate(self, prompt, max_new_tokens=64, stop=(), grammar=''):
        self.prompts.append(prompt)
        return '    go_home()\n\n'


class Eye:
    """A detector that finds nothing."""

    name = 'nothing'

    def detect(self, rgb, queries, thresholds=None):
        return []


class Writer:
    """A describer that says the same of every picture."""

    def describe_found(self, rgb, found):
        return Description(LINES)


def test_what_a_describer_says_of_real_frames_reaches_the_language_model():
    episode = sample_episode(load_scenario(find_scenario('blocks_and_bowls')), 5)
    world, model = episode.build_world(), Spy()
    planner = build_planner(model, PlannerConfig(kind='program'))
    try:
        stack = Stack(AgentConfig(), model, planner, Eye(), describer=Writer())
        scene = stack.build_agent(world, episode, sees=True).look()
    finally:
        world.close()
    assert scene.described[: len(LINES)] == LINES
    planner.plan(WISH, scene)
    assert f'# seen: {SAID}\n' in model.prompts[0]
