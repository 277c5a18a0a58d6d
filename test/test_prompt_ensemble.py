"""Wordings averaged: files that are read and refused, vectors that stay unit vectors."""

import numpy as np
import pytest
import torch

from vlm_robot.errors import ConfigError, SentenceError
from vlm_robot.perception.owlvit import GENERIC_WORDS, OwlVitConfig, OwlVitDetector, PROPOSAL
from vlm_robot.perception.prompt_ensemble import average_wordings, fill_templates, FOLDER, read_templates


@pytest.mark.parametrize('name', sorted(path.stem for path in FOLDER.glob('*.txt')))
def test_the_sets_of_the_package_can_be_read(name):
    templates = read_templates(name)
    assert len(templates) >= 5
    assert all('red block' in text for text in fill_templates(' red block ', templates))


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / 'mine.txt'
    path.write_text('# comment\n\n{} here\nthere is a {}\n{} here\n')
    assert read_templates(str(path)) == ('{} here', 'there is a {}')


@pytest.mark.parametrize(('text', 'words'), [('no place', '{}'), ('{} and {}', '{}'), ('# nothing\n', 'no wordings')])
def test_a_file_that_makes_no_sense_is_refused(tmp_path, text, words):
    path = tmp_path / 'mine.txt'
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_templates(str(path))


def test_an_unknown_set_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'plain'"):
        read_templates('plane')
    with pytest.raises(ConfigError):
        OwlVitDetector(OwlVitConfig(ensemble='nowhere'))


@pytest.mark.parametrize('wrong', ['', '  ', None, 7])
def test_a_query_without_words_is_refused(wrong):
    with pytest.raises(SentenceError):
        fill_templates(wrong, ('a {}',))


def test_averages_are_unit_vectors_between_the_wordings():
    vectors = torch.nn.functional.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    mean = average_wordings(vectors, 3)
    assert mean.shape == (2, 8)
    assert torch.allclose(mean.norm(dim=-1), torch.ones(2), atol=1e-6)
    assert torch.allclose(mean[1], torch.nn.functional.normalize(vectors[3:].sum(0), dim=-1), atol=1e-6)
    assert average_wordings(vectors, 1) is vectors


def test_a_detector_averages_and_one_wording_changes_nothing(tmp_path):
    path = tmp_path / 'same.txt'
    path.write_text('{}\n')
    single = OwlVitDetector(OwlVitConfig(ensemble=str(path), device='cpu'))
    several = OwlVitDetector(OwlVitConfig(ensemble='plain', device='cpu'))
    queries = ['red block', 'a bowl']
    words = single.embed_texts(queries)
    assert torch.equal(single.embed_queries(queries), words)
    averaged = several.embed_queries(queries)
    assert torch.allclose(averaged.norm(dim=-1), torch.ones(2), atol=1e-5)
    cosines = averaged @ words.T
    assert cosines.diagonal().min() > 0.8 > cosines[0, 1]


def test_proposals_of_a_model_without_objectness_are_the_best_generic_word():
    detector = OwlVitDetector(OwlVitConfig(device='cpu'))
    plain = np.full((240, 320, 3), (128, 118, 108), np.uint8)
    assert detector.propose(plain) == []
    every = detector.propose(plain, threshold=0.0, most=7)
    assert len(every) == 7 and {item.label for item in every} == {PROPOSAL}
    scores = detector.score([plain], GENERIC_WORDS)[0][0]
    assert every[0].score == pytest.approx(float(scores.max()), abs=1e-6)
