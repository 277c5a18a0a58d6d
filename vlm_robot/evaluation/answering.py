"""
Who answers questions about a picture: ViLT, which sees it, or the language model, which reads what was seen in it.

``load_answerer`` is what the command line and the nodes call; it loads only what the chosen way needs.
"""

from __future__ import annotations

from dataclasses import replace
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Answer, Description
from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.sight import Answerer, Describer

if TYPE_CHECKING:
    from vlm_robot.language.description_reader import DescriptionReader

WAYS = ('vilt', 'lens')


class DescriptionAnswerer:
    """Has the picture described, then asks the language model; implements ``sight.Answerer``."""

    def __init__(self, describer: Describer, reader: DescriptionReader):
        """Keep who describes and who reads."""
        self.describer, self.reader = describer, reader
        self.name = reader.name
        self._last: tuple[bytes, Description] | None = None  # people ask more than once about one picture

    def answer(self, rgb: np.ndarray, question: str) -> Answer:
        """
        Return the answer; ``evidence`` is the text from which it was read.

        :param rgb: (H, W, 3) uint8, red green blue, of any size.
        :raises ImageError: ``rgb`` is no such picture.
        :raises SentenceError: the question is empty or too long.
        """
        from vlm_robot.language.description_prompt import check_question

        check_question(question)  # before the picture costs anything
        return self.reader.read(self._describe(rgb), question)

    def _describe(self, rgb: np.ndarray) -> Description:
        check_rgb(rgb)
        key = repr(rgb.shape).encode() + hashlib.sha256(rgb.tobytes()).digest()
        last = self._last
        if last is None or last[0] != key:
            self._last = last = (key, self.describer.describe(rgb))
        return last[1]


def load_answerer(by: str, config: AgentConfig | None = None, describer: Describer | None = None) -> Answerer:
    """
    Return who answers questions: ``vilt``, or ``lens`` for the frozen language model on the description.

    :param describer: who describes the picture for ``lens``; None loads the configured one.
    :raises ConfigError: ``by`` is none of them.
    :raises ModelError: a model cannot be loaded.
    """
    config = config or AgentConfig()
    if by == 'vilt':
        from vlm_robot.perception.vilt import ViltAnswerer

        return ViltAnswerer(config.vilt)
    if by != 'lens':
        raise ConfigError(f"answers by '{by}' were asked for{name_nearest(by, WAYS)}; allowed: {list(WAYS)}")
    from vlm_robot.language.description_reader import DescriptionReader
    from vlm_robot.language.language_loading import load_language_model

    if describer is None:
        from vlm_robot.evaluation.describing import load_describer

        describer = load_describer(config)
    # Frozen: the planner's adapter speaks of steps, not of pictures.
    return DescriptionAnswerer(
        describer, DescriptionReader(load_language_model(replace(config.language, adapter='')), config.reader)
    )
