from __future__ import annotations

import os

import pytest

os.environ.setdefault('HF_HUB_OFFLINE', '1')  # tests need no network

from vlm_robot.datatypes import Scene, SceneObject


@pytest.fixture
def scene() -> Scene:
    """Return three blocks and two bowls that touch nothing and stand at no named location."""
    return Scene(
        (
            SceneObject('red block', 'red block', (0.45, -0.15, 0.02)),
            SceneObject('blue block', 'blue block', (0.45, 0.12, 0.02)),
            SceneObject('yellow block', 'yellow block', (0.58, -0.10, 0.02)),
            SceneObject('green bowl', 'green bowl', (0.58, 0.12, 0.0), (0.12, 0.12, 0.045)),
            SceneObject('red bowl', 'red bowl', (0.46, -0.02, 0.0), (0.12, 0.12, 0.045)),
        )
    )


@pytest.fixture(scope='session')
def untuned():
    """Return the embedded language model as it comes; the first test session converts it into the cache."""
    from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel

    return TransformersLanguageModel(TransformersConfig(adapter=''))


@pytest.fixture(scope='session')
def tuned():
    """Return the embedded language model with the shipped planner adapter."""
    from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel

    return TransformersLanguageModel(TransformersConfig())
