"""
The actions of control_msgs, moveit_msgs and nav2_msgs for tests: the real packages, else stand-ins.

Where the real packages are installed (a ROS 2 distribution) the tests use them. The wheels of ROS 2 lack them: then
``look_alikes/`` is built once, in the folder of the Python environment, and its types stand under the real names while
the tests run. The stand-ins have the same fields with the same types, as far as vlm_robot touches them; they are real
DDS types, but a real controller would not match them, because a DDS type is matched by its name. ``install`` returns
which they are.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import importlib.util
import os
from pathlib import Path
import shutil
import subprocess
import sys
import types

import pytest
import rclpy

FOLDER = Path(__file__).parent / 'look_alikes'
PACKAGE = 'robot_look_alikes'
REAL = ('control_msgs', 'moveit_msgs', 'nav2_msgs')
# In the order in which they need each other; rosidl's dispatch opens the third by its name.
LIBRARIES = ('generator_c', 'typesupport_fastrtps_c', 'typesupport_c', 'generator_py')


def install() -> str:
    """Make the three packages importable and return where they come from; skip the tests where that cannot be."""
    missing = [name for name in REAL if importlib.util.find_spec(name) is None]
    if not missing:
        return f'the real packages {", ".join(REAL)}'
    if not rclpy.get_rmw_implementation_identifier().startswith('rmw_fastrtps'):
        pytest.skip(f'{missing} are absent and the stand-ins are built for Fast DDS alone')
    build = _build()
    for name in LIBRARIES:
        ctypes.CDLL(str(build / f'lib{PACKAGE}__rosidl_{name}.so'), ctypes.RTLD_GLOBAL)
    sys.path.append(str(build / 'rosidl_generator_py'))
    for name in missing:
        sys.modules[name] = types.ModuleType(name)
        for part in ('msg', 'action'):
            sys.modules[f'{name}.{part}'] = importlib.import_module(f'{PACKAGE}.{part}')
    return f'stand-ins for {", ".join(missing)}'


def remove() -> None:
    """Forget the stand-ins, so that other tests meet the machine as it is."""
    for name in REAL:
        if name in sys.modules and not hasattr(sys.modules[name], '__file__'):
            for module in (name, f'{name}.msg', f'{name}.action'):
                sys.modules.pop(module, None)


def _build() -> Path:
    """Return the folder of the built stand-ins; build them unless they are there."""
    if not all(shutil.which(tool, path=_path()) for tool in ('cmake', 'ninja', 'g++')):
        pytest.skip('control_msgs, moveit_msgs and nav2_msgs are absent and so are the tools to build stand-ins')
    digest = hashlib.sha256(b''.join(path.read_bytes() for path in sorted(FOLDER.rglob('*')) if path.is_file()))
    place = Path(sys.prefix) if os.access(sys.prefix, os.W_OK) else FOLDER.parents[1] / 'build'
    build = place / f'build-look-alikes-{digest.hexdigest()[:12]}'
    if (build / 'done').exists():
        return build
    unfinished = build.with_name(f'{build.name}.{os.getpid()}')
    _run('cmake', '-S', FOLDER, '-B', unfinished, '-G', 'Ninja', f'-DPython3_EXECUTABLE={sys.executable}')
    _run('cmake', '--build', unfinished)
    (unfinished / 'done').touch()
    if build.exists():  # another process was faster
        shutil.rmtree(unfinished)
    else:
        unfinished.rename(build)
    return build


def _path() -> str:
    return f'{Path(sys.prefix) / "bin"}:{os.environ["PATH"]}'


def _run(*command) -> None:
    prefixes = {name: f'{sys.prefix}:{os.environ.get(name, "")}' for name in ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH')}
    words, environment = [str(word) for word in command], os.environ | prefixes | {'PATH': _path()}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f'{command[:2]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}')
