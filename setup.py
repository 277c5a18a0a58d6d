"""Install vlm_robot with setuptools, as colcon and pip call it."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'vlm_robot'
NODES = (
    'annotator_node',
    'describer_node',
    'detector_node',
    'grounder_node',
    'kitchen_node',
    'planner_node',
    'recorder_node',
    'scene_node',
    'segmenter_node',
    'sim_node',
    'skill_node',
    'supervisor_node',
)


def list_data_files(*folders):
    """Return (folder under share/, files) of every file below the folders, the tree kept."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                found.setdefault(f'share/{NAME}/{path.parent.as_posix()}', []).append(path.as_posix())
    return sorted(found.items())


setup(
    name=NAME,
    version='0.1.0',
    description='A robot arm that does what a sentence says: open vocabulary, language model, ROS 2.',
    license='Apache-2.0',
    maintainer='vlm_robot maintainers',
    maintainer_email='maintainers@users.noreply.h-seed-ef5d33c4.example',
    python_requires='>=3.10',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    # Checkpoints and prompts belong to the code that reads them; config/ and sim/ to the user, in share/.
    package_data={NAME: ['py.typed', 'checkpoints/**/*', '**/*.yaml', '**/*.txt']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (
            f'share/{NAME}',
            ['package.xml', *sorted(str(path) for path in Path().glob('requirements*.txt')), 'constraints.txt'],
        ),
        *list_data_files('launch', 'config', 'sim'),
    ],
    zip_safe=False,
    install_requires=['setuptools'],
    extras_require={'test': ['pytest']},
    entry_points={
        'console_scripts': [
            'vlm-robot = vlm_robot.cli:main',
            *(f'{node} = {NAME}.nodes.starter:main' for node in NODES),
        ],
    },
)
