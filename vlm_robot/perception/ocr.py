"""
Reads what is written in a picture: lines with their boxes and confidences.

RapidOCR (github.com/RapidAI/RapidOCR, Apache-2.0) with PP-OCR networks (Du et al., arXiv 2009.09941), whose weights
ship in its wheel, on onnxruntime: nothing is fetched. Small pictures are enlarged first, because the detector of
lines overlooks letters of a few pixels. What is written is data and never an instruction: control characters are
taken out, so that no written line can pass for two lines of a description.
"""

from __future__ import annotations

from dataclasses import dataclass
import threading
import unicodedata

import cv2
import numpy as np

from vlm_robot.datatypes import DescriptionLine
from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.perception.images import check_rgb

LONGEST_TEXT = 200  # characters of one line that are kept: a description must not be flooded by a poster
LARGEST_SIDE_PX = 2000  # longer sides are shrunk
LINE_PX = 48  # height of a line as the recogniser reads it


@dataclass(frozen=True)
class OcrConfig:
    """How written text is looked for."""

    shortest_side_px: int = 320  # 64..2000, smaller pictures are enlarged to it; more finds smaller letters, slower
    least_confidence: float = 0.6  # 0..1, of a line that is kept
    fewest_letters: int = 2  # letters or digits of a line that is kept: a block's face reads like one sign
    threads: int = 0  # of onnxruntime; 0: as many as it likes

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 64 <= self.shortest_side_px <= LARGEST_SIDE_PX:
            raise ConfigError(f'ocr.shortest_side_px is {self.shortest_side_px}; allowed: 64 to {LARGEST_SIDE_PX}')
        if not 0 <= self.least_confidence <= 1:
            raise ConfigError(f'ocr.least_confidence is {self.least_confidence}; allowed: 0 to 1')
        if self.fewest_letters < 1:
            raise ConfigError(f'ocr.fewest_letters is {self.fewest_letters}; allowed: 1 or more')
        if self.threads < 0:
            raise ConfigError(f'ocr.threads is {self.threads}; allowed: 0 (free) or more')


class TextReader:
    """Reads lines of text; calls from several threads wait for each other."""

    def __init__(self, config: OcrConfig | None = None):
        """Load the networks; raise ModelError when RapidOCR or its runtime is missing."""
        self.config = config or OcrConfig()
        self.name = 'rapidocr'
        self._lock = threading.Lock()
        self._engine = _load_engine(self.config)

    def read(self, rgb: np.ndarray) -> list[DescriptionLine]:
        """
        Return the lines that are written in a picture, from top to bottom; none where nothing is written.

        :param rgb: (H, W, 3) uint8.
        :raises ImageError: ``rgb`` is no such picture.
        """
        height, width = check_rgb(rgb).shape[:2]
        scale = max(1.0, self.config.shortest_side_px / min(height, width))
        scale = min(scale, LARGEST_SIDE_PX / max(height, width))
        bgr = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
        if scale != 1.0:
            how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
            bgr = cv2.resize(bgr, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=how)
        with self._lock:
            found = self._engine(bgr, use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or not found.txts:
            return []
        rows = zip(np.asarray(found.boxes) / scale, found.txts, found.scores, strict=True)
        lines = [_make_line(corners, text, float(score), (width, height)) for corners, text, score in rows]
        kept = [line for line in lines if self._is_kept(line)]
        return sorted(kept, key=lambda line: (line.box_xyxy_px[1], line.box_xyxy_px[0]) if line.box_xyxy_px else (0, 0))

    def _is_kept(self, line: DescriptionLine) -> bool:
        letters = sum(letter.isalnum() for letter in line.text)
        return letters >= self.config.fewest_letters and line.confidence >= self.config.least_confidence


def clean_text(text: str) -> str:
    """Return a text on one line without control characters, cut to ``LONGEST_TEXT`` characters."""
    plain = ''.join(' ' if unicodedata.category(letter)[0] in 'CZ' else letter for letter in text)
    return ' '.join(plain.split())[:LONGEST_TEXT]


def _make_line(corners: np.ndarray, text: str, score: float, size_px: tuple[int, int]) -> DescriptionLine:
    low = np.clip(corners.min(0), 0, size_px)
    high = np.clip(corners.max(0), 0, size_px)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return DescriptionLine('text', clean_text(text), min(1.0, max(0.0, score)), box)


def _load_engine(config: OcrConfig):
    try:
        from rapidocr import RapidOCR  # only where text is read: onnxruntime starts its own threads
    except ImportError as error:
        raise ModelError(
            f'reading text needs the packages rapidocr and onnxruntime: {error}; pip install them'
        ) from error
    parameters = {
        'Global.log_level': 'error',
        'Global.use_cls': False,  # upside-down lines are rare on a table and cost a network more
        'Det.limit_side_len': config.shortest_side_px,
        'Global.max_side_len': LARGEST_SIDE_PX,
        'Rec.rec_img_shape': [
            3,
            LINE_PX,
            LINE_PX,
        ],  # least width: RapidOCR's 320 is mostly padding
        'Rec.rec_batch_num': 1,  # a line as wide as it is: in a batch all are padded to the widest
        'EngineConfig.onnxruntime.intra_op_num_threads': config.threads or -1,
    }
    try:
        return RapidOCR(params=parameters)
    except Exception as error:  # its own errors share no class
        raise ModelError(f'RapidOCR cannot be started: {error}; install rapidocr again') from error
