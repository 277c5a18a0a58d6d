"""Tests for config.py."""

from pathlib import Path

import pytest

from vlm_robot.config import AgentConfig, load_config, override
from vlm_robot.errors import ConfigError

CONFIG = Path(__file__).resolve().parents[1] / 'config'


def write(tmp_path, text):
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    return path


def test_no_file_and_an_empty_file_mean_the_defaults(tmp_path):
    assert load_config(None) == load_config(write(tmp_path, '')) == AgentConfig()


def test_values_override_and_the_rest_stays(tmp_path):
    config = load_config(write(tmp_path, 'scene: {forget_after: 7}\nskills: {safety: {max_speed: 1}}'))
    assert config.scene.forget_after == 7
    assert config.skills.safety.max_speed == 1.0
    assert config.detector == AgentConfig().detector


def test_a_gpu_robot_changes_names_in_one_file_for_nodes_and_command_line():
    config = load_config(CONFIG / 'gpu.yaml')
    assert config.detector.model == 'google/owlv2-base-patch16-ensemble'
    assert config.language.device == 'cuda'


@pytest.mark.parametrize('path', sorted(CONFIG.glob('*.yaml')), ids=lambda p: p.name)
def test_every_parameter_file_can_be_read(path):
    load_config(path)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('scenes: {}', "did you mean 'scene'"),
        ('scene: {forget_afte: 1}', "did you mean 'forget_after'"),
        ('scene: {forget_after: soon}', 'expected int'),
        ('scene: {forget_after: true}', 'expected int'),
        ('scene: {forget_after: 0}', '1 or more'),
        ('scene: 3', 'mapping'),
        ('a: [1', 'not YAML'),
        ('/**/scene: 3', 'ros__parameters'),
        ('/**/scene: {ros__parameters: {tracker.forget_afte: 3}}', "did you mean 'forget_after'"),
    ],
)
def test_faults_are_named(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        load_config(write(tmp_path, text))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match='cannot read'):
        load_config(tmp_path / 'nothing.yaml')


def test_whole_numbers_become_floats():
    assert isinstance(override(AgentConfig(), {'scene': {'gate': 1}}).scene.gate, float)
