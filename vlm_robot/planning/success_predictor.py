"""
How likely a skill is to succeed here and now, learned from the simulator's own attempts: SayCan's value function.

A small network over the features of ``success_features``, calibrated on attempts it was not fitted to
(temperature and bias of Platt 1999; Guo et al., arXiv 1706.04599). It is numpy at run time and reads its
weights from safetensors; ``training/success_training.py`` makes them. It moves nothing and tries nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open, SafetensorError

from vlm_robot.datatypes import Scene, Step
from vlm_robot.errors import ModelError
from vlm_robot.planning.success_features import FEATURES, find_nearest, measure

WEIGHTS_NAME = 'model.safetensors'
SHIPPED = Path(__file__).parents[1] / 'checkpoints'
ROOM_NEEDED = 0.004  # metres: less room around the fingers than this is told as the reason
DOUBTFUL = 0.5  # a success less likely than this gets a reason


@dataclass(frozen=True, eq=False)
class SuccessPredictor:
    """
    A network with one hidden layer of tanh units.

    :param mean: (F,) of the features; ``scale`` is (F,), their spread.
    :param layers: (weights, bias) of each layer, the last of one unit.
    :param temperature: divides the logit; ``bias`` is added first.
    """

    mean: np.ndarray
    scale: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    temperature: float = 1.0
    bias: float = 0.0

    def predict(self, step: Step, scene: Scene) -> float | None:
        """Return 0..1, how likely the step succeeds; None for a skill or thing that was never tried."""
        row = measure(step, scene)
        return None if row is None else float(self.predict_rows(np.array([row]))[0])

    def predict_rows(self, rows: np.ndarray) -> np.ndarray:
        """
        Return (N,) probabilities.

        :param rows: (N, F) features in the order of FEATURES.
        """
        return 1.0 / (1.0 + np.exp(-np.clip((self.logits(rows) + self.bias) / self.temperature, -30, 30)))

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return (N,) logits before calibration."""
        values = (np.asarray(rows, float) - self.mean) / self.scale
        for weights, bias in self.layers[:-1]:
            values = np.tanh(values @ weights + bias)
        weights, bias = self.layers[-1]
        return (values @ weights + bias)[:, 0]


@lru_cache(maxsize=4)
def load_predictor(name: str = 'success') -> SuccessPredictor:
    """
    Return a shipped checkpoint by name, or the one in a folder; loaded once.

    :raises ModelError: it is not there, cannot be read, or was made for other features.
    """
    folder = SHIPPED / name if (SHIPPED / name / WEIGHTS_NAME).exists() else Path(name)
    try:
        with safe_open(folder / WEIGHTS_NAME, 'numpy') as file:
            about = json.loads((file.metadata() or {}).get('about', '{}'))
            tensors = {key: file.get_tensor(key).astype(float) for key in file.keys()}  # noqa: SIM118
        layers = tuple((tensors[f'weights{i}'], tensors[f'bias{i}']) for i in range(int(about['layers'])))
        if tuple(about['features']) != FEATURES:
            raise ModelError(
                f"success predictor '{name}' was made for other features; retrain it with "
                '`vlm-robot train success`, or set affordance.kind to geometry'
            )
        return SuccessPredictor(
            tensors['mean'], tensors['scale'], layers, float(about['temperature']), float(about['bias'])
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"no success predictor '{name}' ({error}); wanted: a shipped checkpoint or a folder with {WEIGHTS_NAME}, "
            'as `vlm-robot train success` writes it; affordance.kind geometry needs none'
        ) from error


def explain_doubt(step: Step, scene: Scene, value: float) -> str:
    """Return why a success is unlikely, in words for people and prompts; empty where it is likely."""
    if value >= DOUBTFUL:
        return ''
    row = measure(step, scene)
    thing = step.target if step.skill == 'pick' else step.destination
    share = f'such a {step.skill.replace("_", " ")} succeeds in {100 * value:.0f} of 100 attempts'
    if row is None:
        return share
    known = dict(zip(FEATURES, row, strict=True))
    if known['score'] < DOUBTFUL:
        return f'the {thing} is hardly seen (score {known["score"]:.2f}); {share}'
    nearest = find_nearest(step, scene)
    if nearest and min(known['finger_room'], known['palm_room']) < ROOM_NEEDED:
        return f'the {nearest} is close to the {thing}; {share}'
    if known['contents'] > 1:
        return f'other things lie close together there; {share}'
    return share
