"""
Pictures of a task beyond boxes: masks of what was found, and a sentence whose every word points at its pixel.

Models are loaded when the first picture is drawn and never for a run that draws none. Where a checkpoint cannot be
loaded, its pictures are left out and ``missing`` says why: a report is no reason for a task to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vlm_robot.annotation import write_image
from vlm_robot.config import AgentConfig
from vlm_robot.errors import ModelError
from vlm_robot.perception.sight import Grounder, Segmenter
from vlm_robot.sight_annotation import draw_caption, draw_masks


@dataclass
class SightPainter:
    """
    Draws what the robot sees; ``missing`` are the reasons for pictures that are not drawn.

    :param segmenter: None loads the configured one, likewise ``grounder``.
    """

    config: AgentConfig = field(default_factory=AgentConfig)
    segmenter: Segmenter | None = None
    grounder: Grounder | None = None
    missing: list[str] = field(default_factory=list)

    def paint(self, rgb: np.ndarray, labels: Sequence[str], folder: Path, name: str) -> list[str]:
        """
        Write the pictures of one look; return the names of their files in the folder.

        :param labels: what was found, of which masks are drawn; each once.
        :param name: how the files' names begin.
        """
        written = []
        for kind, draw in (('masks', self._draw_masks), ('caption', self._draw_caption)):
            picture = self._try(draw, rgb, tuple(dict.fromkeys(labels)))
            if picture is not None:
                written.append(f'{name}_{kind}.png')
                write_image(picture, folder / written[-1])
        return written

    def _try(self, draw: Callable, rgb: np.ndarray, labels: tuple[str, ...]) -> np.ndarray | None:
        try:
            return draw(rgb, labels)
        except ModelError as error:
            if str(error) not in self.missing:
                self.missing.append(str(error))
            return None

    def _draw_masks(self, rgb: np.ndarray, labels: tuple[str, ...]) -> np.ndarray | None:
        if not labels:
            return None
        if self.segmenter is None:
            from vlm_robot.perception.clipseg import ClipSegSegmenter

            self.segmenter = ClipSegSegmenter(self.config.segmenter)
        return draw_masks(rgb, self.segmenter.segment(rgb, labels))

    def _draw_caption(self, rgb: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
        if self.grounder is None:
            from vlm_robot.perception.pixel_llm.grounder import PixelLlm

            self.grounder = PixelLlm(self.config.grounder)
        return draw_caption(rgb, self.grounder.caption(rgb))
