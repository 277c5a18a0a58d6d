"""
Fit the linear map that takes the detector's class vectors of pictures to those of the texts that name them.

Ridge regression on training tables only: for every visible thing the mean vector of the tokens that see it, and the
vector of its phrase. The detector itself does not change; texts work as before. With the map a picture as a query has
the cosines that a text would have, so that the same threshold tells what is there from what is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
import torch

from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector, SHIPPED
from vlm_robot.perception.owlvit_examples import find_vector
from vlm_robot.perception.owlvit_loading import EXAMPLE_FILE
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.sight_separation import split_rng


@dataclass(frozen=True)
class ExampleMapConfig:
    """
    One fit.

    :param model: checkpoint folder, or ``shipped``; the map is written into it.
    :param data: folder of renderings (``PictureStore``); what is missing is rendered.
    :param views: training tables, one picture each.
    :param ridge: weight that keeps the map small, in things.
    """

    model: str = 'shipped'
    data: Path = Path('runs/pictures')
    views: int = 600
    ridge: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.views < 1 or self.ridge <= 0:
            raise ConfigError(f'views must be 1 or more and ridge above 0, got {self.views} and {self.ridge}')


def fit(config: ExampleMapConfig) -> Path:
    """Fit the map on training tables and write it beside the weights; return its path."""
    detector = OwlVitDetector(OwlVitConfig(model=config.model))
    vectors, labels = collect(detector, PictureStore(config.data, 'train', config.views))
    folder = SHIPPED if config.model == 'shipped' else Path(config.model)
    solved = solve(vectors, detector.embed_texts(labels).float().cpu(), config.ridge)
    path = folder / EXAMPLE_FILE
    save_file({'map': solved.half().contiguous()}, str(path))
    return path


def collect(detector: OwlVitDetector, store: PictureStore) -> tuple[torch.Tensor, list[str]]:
    """Return the class vectors (N, D) of all visible things of training pictures, and their names."""
    rng, vectors, labels = split_rng('train', 'example map', 0), [], []
    for index in range(len(store)):
        picture = store.draw(index, rng)
        features = detector.encode(detector.preprocess([picture.rgb]))
        for thing in picture.things:
            vector = find_vector(detector, features, picture.rgb.shape[:2], thing.box_xyxy_px)
            if thing.is_clear and vector is not None:
                vectors.append(vector.cpu())
                labels.append(thing.label)
    return torch.stack(vectors), labels


def solve(vectors: torch.Tensor, wanted: torch.Tensor, ridge: float) -> torch.Tensor:
    """Return the (D, D) map whose ``vectors @ map`` is nearest to ``wanted``, both (N, D)."""
    identity = torch.eye(vectors.shape[1], dtype=vectors.dtype)
    return torch.linalg.solve(vectors.T @ vectors + ridge * identity, vectors.T @ wanted)
