"""Where the files beside the code are found: in a clone, in a ROS 2 workspace, in a Python environment."""

import shutil
import subprocess
import sys

import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.resources import find, list_roots

PROFILE = 'config/fastdds_large_images.xml'


def find_elsewhere(package_parent, **environment):
    """Return what another Python finds that sees the package only below ``package_parent``."""
    code = f'from vlm_robot.resources import find; print(find({PROFILE!r}))'
    return subprocess.run(
        [sys.executable, '-S', '-c', code],
        env={'PYTHONPATH': str(package_parent), '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1', **environment},
        cwd=package_parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def installed(tmp_path):
    """Copy only what the look-up needs, as a plain installation has it: no package.xml beside the package."""
    package = tmp_path / 'site' / 'vlm_robot'
    package.mkdir(parents=True)
    for name in ('__init__', 'errors', 'resources'):
        shutil.copy(find(f'vlm_robot/{name}.py'), package)
    share = tmp_path / 'prefix' / 'share' / 'vlm_robot' / 'config'
    share.mkdir(parents=True)
    shutil.copy(find(PROFILE), share)
    return tmp_path


def test_every_shipped_folder_is_found():
    for folder in ('config', 'launch', 'sim'):
        assert find(folder).is_dir()
    assert find(PROFILE).is_absolute()


def test_the_clone_comes_first(monkeypatch, tmp_path):
    other = tmp_path / 'share' / 'vlm_robot'
    (other / 'config').mkdir(parents=True)
    (other / PROFILE).write_text('another')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert find(PROFILE) == list_roots()[0] / PROFILE
    assert other in list_roots()


def test_an_installation_finds_its_share_by_the_sourced_workspace(installed):
    answer = find_elsewhere(installed / 'site', AMENT_PREFIX_PATH=f'/nowhere:{installed / "prefix"}')
    assert answer.stdout.strip() == str(installed / 'prefix' / 'share' / 'vlm_robot' / PROFILE), answer.stderr


def test_an_installation_without_its_share_says_where_it_searched(installed):
    answer = find_elsewhere(installed / 'site', AMENT_PREFIX_PATH='/nowhere')
    assert answer.returncode != 0
    assert '/nowhere/share/vlm_robot' in answer.stderr


@pytest.mark.parametrize('path', ['sim/no_such.yaml', '/etc/passwd', '../setup.py', 'config/../../x'])
def test_what_is_not_there_or_outside_is_refused(path):
    with pytest.raises(ConfigError, match='resource'):
        find(path)
