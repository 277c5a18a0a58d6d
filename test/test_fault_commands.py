"""``vlm-robot bench faults`` hands its options on to the program of the graph and ends with its exit code."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from vlm_robot.cli import app


@pytest.mark.parametrize('code', [0, 1])
def test_options_reach_the_bench_and_its_exit_code_comes_back(monkeypatch, code):
    calls = []

    def become(_, command):
        calls.append(command)
        raise SystemExit(code)

    monkeypatch.setattr(os, 'execv', become)
    words = ['--only', 'depth*', '--only', 'sim killed', '--list', '--fresh', '--slow', '3', '--json', 'f.json']
    result = CliRunner().invoke(app, ['bench', 'faults', '--out', 'folder', *words])
    assert result.exit_code == code
    command = calls[0]
    assert command[1:3] == ['-m', 'vlm_robot.nodes.fault_bench']
    pairs = list(zip(command, command[1:], strict=False))
    for pair in [('--only', 'depth*'), ('--only', 'sim killed'), ('--out', 'folder'), ('--json', 'f.json')]:
        assert pair in pairs
    assert {'--list', '--fresh'} <= set(command)


def test_help_teaches_with_examples():
    result = CliRunner().invoke(app, ['bench', 'faults', '--help'])
    assert result.exit_code == 0
    assert 'Example:' in result.output
