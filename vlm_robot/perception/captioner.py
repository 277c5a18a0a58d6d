"""
Captions of whole pictures by any image-to-text model of transformers, BLIP for example.

LENS (Berrios et al., arXiv 2306.16410) asks BLIP for one caption by beams and for many by sampling; one by beams, with
the probability of its words as confidence, is what a reader with limits wants. Such a model knows no places: its
words have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
import torch

from vlm_robot.datatypes import Box, GroundedCaption, GroundedWord
from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.images import check_rgb


@dataclass(frozen=True)
class CaptionerConfig:
    """Which captioner, and how long its sentences are."""

    model: str = 'Salesforce/blip-image-captioning-large'  # a folder or a name on the Hugging Face hub
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', ...
    beams: int = 5
    longest: int = 30  # tokens, as LENS

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ('beams', 'longest'):
            if getattr(self, name) < 1:
                raise ConfigError(f'captioner.{name} is {getattr(self, name)}; allowed: 1 or more')


class Captioner:
    """Writes a sentence about a picture or a box of it."""

    def __init__(self, config: CaptionerConfig | None = None):
        """Load the model; raise ModelError when it cannot be loaded."""
        self.config = config or CaptionerConfig()
        self.name = self.config.model
        device = 'cuda' if self.config.device == 'auto' and torch.cuda.is_available() else self.config.device
        self.device = torch.device('cpu' if device == 'auto' else device)
        self.model, self.processor = _load(self.config.model)
        self.model.to(self.device).eval()

    def caption(self, rgb: np.ndarray, box_xyxy_px: Box | None = None) -> GroundedCaption:
        """
        Return a sentence; its words have no places.

        :param rgb: (H, W, 3) uint8.
        :raises ImageError: ``rgb`` is no such picture, or the box is outside of it.
        """
        part = check_rgb(rgb) if box_xyxy_px is None else cut_around(rgb, box_xyxy_px)
        inputs = self.processor(images=Image.fromarray(np.ascontiguousarray(part)), return_tensors='pt').to(self.device)
        with torch.inference_mode():
            made = self.model.generate(
                **inputs, num_beams=self.config.beams, max_new_tokens=self.config.longest, do_sample=False,
                output_scores=True, return_dict_in_generate=True,
            )  # fmt: skip
        text = ' '.join(self.processor.batch_decode(made.sequences, skip_special_tokens=True)[0].split())
        words = tuple(GroundedWord(word, None) for word in text.split())
        return GroundedCaption(text, words, self._measure_confidence(made), box_xyxy_px)

    def _measure_confidence(self, made: Any) -> float:
        """Return the mean probability of the tokens of the best sentence."""
        if getattr(made, 'sequences_scores', None) is not None:
            return float(made.sequences_scores[0].exp())
        steps = self.model.compute_transition_scores(made.sequences, made.scores, normalize_logits=True)
        return float(steps[0].exp().mean()) if steps.numel() else 0.0


def _load(name: str):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        model = AutoModelForImageTextToText.from_pretrained(name)
        return model, AutoProcessor.from_pretrained(name)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"cannot load the captioner '{name}': {error}; give a folder or a hub name of an image-to-text model"
        ) from error
