"""
Measure reading on pictures of the table with boards that carry words (``signs``).

Exact match: one line that was read equals what the board says, apart from capitals and spaces (a reader that joins
"KEEP DRY" has read it); strictly, apart from nothing. A picture without a board must read as empty. Nothing was
trained on these pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import time

import numpy as np

from vlm_robot.annotation import draw_detections, write_image
from vlm_robot.datatypes import DescriptionLine, Detection
from vlm_robot.errors import ConfigError
from vlm_robot.perception.ocr import OcrConfig, TextReader
from vlm_robot.training.owlvit_scenes import TableDrawer
from vlm_robot.training.signs import render_sign_picture

SIZES_PX = (0, 25, 50, 1000)  # height of a board in the picture; letters are about half as high


@dataclass(frozen=True)
class OcrMeasureConfig:
    """One measurement; ``out`` is a folder for the report and example pictures."""

    pictures: int = 60
    out: str = ''
    split: str = 'test'

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        if self.pictures < 1:
            raise ConfigError(f'pictures must be 1 or more, got {self.pictures}')


def measure(config: OcrMeasureConfig, settings: OcrConfig | None = None) -> dict:
    """Return the report; write it with example pictures where ``out`` says."""
    reader, drawer = TextReader(settings), TableDrawer()
    rows: list[dict] = []
    examples: list[np.ndarray] = []
    try:
        for seed in range(config.pictures):
            rgb, boards = render_sign_picture(config.split, seed, drawer)
            begun = time.perf_counter()
            lines = reader.read(rgb)
            seconds = time.perf_counter() - begun
            for text, box in boards:
                rows.append(judge(lines, text) | {'height_px': box[3] - box[1], 'seconds': seconds, 'text': text})
            if len(examples) < 4:
                found = [Detection(line.text, line.confidence, line.box_xyxy_px) for line in lines if line.box_xyxy_px]
                examples.append(draw_detections(rgb, found))
    finally:
        drawer.close()
    report = {'reader': reader.name, 'split': config.split, 'pictures': config.pictures} | summarise(rows)
    if config.out:
        folder = Path(config.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'metrics.json').write_text(json.dumps(report, indent=1) + '\n')
        pairs = [np.concatenate(examples[i : i + 2], 1) for i in range(0, len(examples) - 1, 2)]
        if pairs:
            write_image(np.concatenate(pairs), folder / 'example.png')
    return report


def judge(lines: Sequence[DescriptionLine], text: str) -> dict:
    """Return whether what was read is exactly, or apart from capitals and spaces, what is written."""
    said = [line.text for line in lines]
    said.append(' '.join(said))  # a board may be read as two lines
    return {
        'exact': text in said,
        'read': plain(text) in {plain(words) for words in said},
        'other_lines': sum(plain(line.text) not in plain(text) for line in lines),
        'said': said[:-1],
    }


def plain(text: str) -> str:
    """Return a text in small letters without spaces."""
    return ''.join(text.lower().split())


def summarise(rows: Sequence[dict]) -> dict:
    """Return shares of all boards and by the height of the board in the picture."""
    groups = {
        f'{low} to {high} px': [row for row in rows if low <= row['height_px'] < high]
        for low, high in zip(SIZES_PX, SIZES_PX[1:], strict=False)
    }
    return {
        'boards': len(rows),
        'exact_match': round(float(np.mean([row['exact'] for row in rows])), 4),
        'match_without_case_and_spaces': round(float(np.mean([row['read'] for row in rows])), 4),
        'lines_that_are_not_there': int(sum(row['other_lines'] for row in rows)),
        'by_board_height': {
            name: {'n': len(part), 'exact_match': round(float(np.mean([row['exact'] for row in part])), 4)}
            for name, part in groups.items() if part
        },
        'seconds_per_picture': round(float(np.median([row['seconds'] for row in rows])), 3),
        'not_read': [{'written': row['text'], 'read': row['said']} for row in rows if not row['exact']],
    }  # fmt: skip
