"""Tests for cli.py: what a newcomer meets first, and errors that name the cure. Each runs the real command."""

import json
import os
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ['demo', 'task', 'plan', 'decide', 'chat', 'detect', 'segment', 'ground', 'caption', 'describe', 'ask',
            'classify', 'retrieve', 'render', 'evaluate', 'report', 'train', 'measure', 'bench']  # fmt: skip


def run(*arguments, cwd=None):
    """Run the command line in a process of its own and return it."""
    environment = os.environ | {'PYTHONPATH': str(ROOT), 'COLUMNS': '120', 'HF_HUB_OFFLINE': '1'}
    command = [sys.executable, '-m', 'vlm_robot.cli', *arguments]
    options = {'capture_output': True, 'text': True, 'timeout': 240}
    return subprocess.run(command, check=False, env=environment, cwd=cwd, **options)


def test_help_lists_every_command():
    result = run('--help')
    assert result.returncode == 0
    assert all(command in result.stdout for command in COMMANDS)


@pytest.mark.parametrize('command', [c for c in COMMANDS if c not in ('train', 'measure')])
def test_every_help_shows_an_example(command):
    result = run(command, '--help')
    assert result.returncode == 0
    assert f'Example: vlm-robot {command}' in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['task', ''], 'empty'),
        (['task', 'word ' * 1000], '4999 characters'),
        (['task', '?!... 123'], 'has no words'),
        (['task', 'put it down', '--scenario', 'blocks_and_bowl'], "did you mean 'blocks_and_bowls'"),
        (['task', 'put it down', '--scenario', 'missing.yaml'], 'cannot read'),
        (['plan', ''], 'empty'),
        (['decide', '?!... 123'], 'has no words'),
        (['chat', '--scenario', 'nowhere'], 'no scenario'),
        (['render', 'nowhere'], 'no scenario'),
        (['detect', 'missing.png', '--query', 'red block'], 'missing.png'),
        (['segment', 'missing.png', '--query', 'red block'], 'missing.png'),
        (['evaluate', 'A', '--tier', 'T9', '--episodes', '1'], "no tier 'T9'"),
        (['evaluate', 'blocks_and_bowls', '--config', 'missing.yaml'], 'missing.yaml'),
    ],
)  # fmt: skip
def test_errors_are_one_sentence_and_no_traceback(arguments, words, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode not in (0, 2)
    assert words in result.stderr.replace('\n', ' ')
    assert 'Traceback' not in result.stderr + result.stdout


def test_a_file_that_is_no_image_is_refused(tmp_path):
    path = tmp_path / 'notes.png'
    path.write_text('this is no picture')
    result = run('detect', str(path), '--query', 'red block')
    assert result.returncode == 1 and 'no image' in result.stderr


def test_unknown_colours_in_a_scenario_are_refused(tmp_path):
    path = tmp_path / 'mauve.yaml'
    path.write_text('objects: [{label: mauve block, position: [0.5, 0.0]}]')
    result = run('render', str(path))
    assert result.returncode == 1 and 'mauve block' in result.stderr


def test_render_writes_a_picture_and_its_truth(tmp_path):
    picture, truth = tmp_path / 'scene.png', tmp_path / 'scene.json'
    result = run('render', 'A', '--seed', '7', '--out', str(picture), '--truth', str(truth))
    assert result.returncode == 0, result.stderr
    data = json.loads(truth.read_text())
    assert picture.stat().st_size > 1000
    assert data['seed'] == 7 and data['sentence']
    assert any(item['box_xyxy_px'] for item in data['objects'])
