"""
What sight costs: several prompts over one, all of sight in frames a second, and what one would use instead.

Instead of the detector: transformers' pipeline, which encodes the picture once per label; instead of the segmenter:
CLIPSeg as its documentation uses it, with the picture repeated for every prompt. All on the same weights, in one
process, in turns; only ratios and frames a second with their number of threads mean something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
import time

import numpy as np
from PIL import Image
import torch

from vlm_robot.config import AgentConfig
from vlm_robot.evaluation.detection_benchmark import compare_scores, draw_table, THRESHOLD, time_in_turns
from vlm_robot.perception.clipseg import ClipSegSegmenter
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector, SHIPPED
from vlm_robot.vocabulary import list_labels

PROMPTS = 5
SIZE_PX = (320, 240)  # width and height of the frames that are counted
CORES = 2
CLOCKS = (time.perf_counter, time.process_time)  # of the wall; of all threads of this process
FRAMES_PER_S = 3.0


@dataclass(frozen=True)
class Target:
    """A number that sight must reach; ``is_least`` says from which side."""

    name: str
    value: float
    must: float
    unit: str
    is_least: bool = False

    @property
    def is_reached(self) -> bool:
        """Return whether the number is good enough."""
        return self.value >= self.must if self.is_least else self.value <= self.must

    def describe(self) -> dict:
        """Return it as plain data."""
        return asdict(self) | {'is_reached': self.is_reached}


def compare(repeats: int = 7) -> list[dict]:
    """Return one row for the detector, one for the segmenter: ratio, ours_s, theirs_s, max_score_difference."""
    rgb, labels = draw_table(), list(list_labels()[:PROMPTS])
    return [_compare_detector(rgb, labels, repeats), _compare_segmenter(rgb, labels, repeats)]


def measure_targets(repeats: int = 15, config: AgentConfig | None = None) -> list[Target]:
    """
    Return what several prompts cost over one, and what a frame of all of sight costs.

    The ratios are of CPU time, which other programs disturb less than the clock; frames a second are of the clock.
    """
    rgb, labels = draw_table(), list(list_labels()[:PROMPTS])
    config = config or AgentConfig()
    config = replace(config, describer=replace(config.describer, captions='none'))
    detector, segmenter = OwlVitDetector(config.detector), ClipSegSegmenter(config.segmenter)
    one, several, one_mask, several_masks = time_in_turns(
        [
            lambda: detector.detect(rgb, labels[:1]),
            lambda: detector.detect(rgb, labels),
            lambda: segmenter.segment(rgb, labels[:1]),
            lambda: segmenter.segment(rgb, labels),
        ],
        repeats,
        time.process_time,
    )
    return [
        Target(f'OWL-ViT, {PROMPTS} prompts over 1', several / one, 1.3, 'x'),
        Target(f'CLIPSeg, {PROMPTS} prompts over 1', several_masks / one_mask, 2.5, 'x'),
        *_measure_frames(rgb, detector, segmenter, config, repeats),
    ]


def _measure_frames(rgb, detector, segmenter, config: AgentConfig, repeats: int) -> list[Target]:
    """
    Return frames a second, and CPU seconds a frame, of detecting, segmenting and describing without captions.

    As in the graph with ``config/cpu.yaml``: segmenter and describer work side by side on what was found, one thread
    each, which two cores share better than the layers of small models.
    """
    from vlm_robot.evaluation.describing import load_describer

    frame = np.array(Image.fromarray(rgb).resize(SIZE_PX, Image.Resampling.BOX))
    describer = load_describer(replace(config, ocr=replace(config.ocr, threads=1)), detector)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(CORES) as pool:

        def look() -> None:
            found = detector.detect(frame, list_labels())
            masks = pool.submit(segmenter.segment, frame, list(dict.fromkeys(item.label for item in found)))
            describer.describe_found(frame, found)
            masks.result()

        try:
            seconds, cpu_seconds = (time_in_turns([look], repeats, clock)[0] for clock in CLOCKS)
        finally:
            torch.set_num_threads(threads)
    name = f'detect, segment, describe at {SIZE_PX[0]}x{SIZE_PX[1]}'
    return [
        Target(f'{name}, {CORES} cores', 1 / seconds, FRAMES_PER_S, 'frames/s', is_least=True),
        Target(f'{name}: CPU time of a frame', cpu_seconds, CORES / FRAMES_PER_S, 'CPU s'),
    ]


def _compare_detector(rgb: np.ndarray, labels: list[str], repeats: int) -> dict:
    from transformers import pipeline

    detector = OwlVitDetector(OwlVitConfig(threshold=THRESHOLD, device='cpu'))
    pipe = pipeline('zero-shot-object-detection', model=str(SHIPPED), device='cpu', dtype='float32')
    difference, picture = compare_scores(detector, pipe, rgb, labels), Image.fromarray(rgb)
    ours, theirs = (
        lambda: detector.detect(rgb, labels),
        lambda: pipe(picture, candidate_labels=labels, threshold=THRESHOLD),
    )
    return _make_row(f'detect {len(labels)} prompts, beside the pipeline', ours, theirs, difference, repeats)


def _compare_segmenter(rgb: np.ndarray, labels: list[str], repeats: int) -> dict:
    segmenter, picture = ClipSegSegmenter(), Image.fromarray(rgb)

    def repeat_picture() -> torch.Tensor:
        inputs = segmenter.processor(text=labels, images=[picture] * len(labels), padding=True, return_tensors='pt')
        with torch.inference_mode():
            return segmenter.model(**inputs).logits

    difference = float((segmenter.score(rgb, labels).sigmoid() - repeat_picture().sigmoid()).abs().max())
    name = f'segment {len(labels)} prompts, beside the picture repeated'
    return _make_row(name, lambda: segmenter.score(rgb, labels), repeat_picture, difference, repeats)


def _make_row(name: str, ours: Callable[[], object], theirs: Callable[[], object], difference, repeats: int) -> dict:
    ours_s, theirs_s = time_in_turns([ours, theirs], repeats)
    return {
        'name': name, 'ratio': theirs_s / ours_s, 'ours_s': ours_s, 'theirs_s': theirs_s,
        'max_score_difference': difference,
    }  # fmt: skip


def tabulate_targets(targets: Sequence[Target]):
    """Return the targets as a table for the terminal."""
    from rich.table import Table

    table = Table(title='what sight must reach')
    for name in ('what', 'measured', 'must be', ''):
        table.add_column(name, overflow='fold')
    for item in targets:
        bound = 'at least' if item.is_least else 'at most'
        verdict = '[green]reached[/green]' if item.is_reached else '[red]NOT reached[/red]'
        table.add_row(item.name, f'{item.value:.2f} {item.unit}', f'{bound} {item.must:.2f} {item.unit}', verdict)
    return table


def write_targets(targets: Sequence[Target]) -> str:
    """Return the targets as a table in Markdown."""
    rows = [
        f'| {item.name} | {item.value:.2f} {item.unit} '
        f'| {"at least" if item.is_least else "at most"} {item.must:.2f} '
        f'| {"reached" if item.is_reached else "**not reached**"} |'
        for item in targets
    ]
    return '\n'.join(['| what | measured | must be | |', '|---|---|---|---|', *rows]) + '\n'
