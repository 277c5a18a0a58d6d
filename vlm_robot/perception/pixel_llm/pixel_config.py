"""
The shape of a PixelLLM as data: nested frozen values that turn into JSON and back.

The fields follow the parts of the paper (Xu et al., "Pixel Aligned Language Models", arXiv 2312.09237; its code:
google-research/scenic, projects/pixel_llm): two image streams, a location encoder, a prompt feature extractor, a
language model, a point head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vlm_robot.errors import ConfigError, ModelError, name_nearest

CONFIG_FILE = 'config.json'
CONTEXTS = MappingProxyType({'caption': 'describe', 'refer': 'where is', 'region': 'an object of'})


@dataclass(frozen=True)
class TowerConfig:
    """
    One image stream.

    :param family: ``owlvit`` or ``clip``, whose vision transformer of transformers is built.
    :param settings: what its configuration class takes, for example ``hidden_size`` and ``image_size``.
    :param frozen_layers: how many of the first layers (with the embeddings) never train; -1 freezes the whole stream.
    :param has_boxes: one box per token is predicted by OWL-ViT's box head.
    """

    family: str = 'owlvit'
    settings: Mapping[str, Any] = field(default_factory=dict)
    frozen_layers: int = 0
    has_boxes: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.family not in ('owlvit', 'clip'):
            raise ConfigError(f"pixel_llm tower family is '{self.family}'; allowed: 'owlvit', 'clip'")
        if self.frozen_layers < -1:
            raise ConfigError(f'pixel_llm frozen_layers is {self.frozen_layers}; allowed: -1 (all) or more')


@dataclass(frozen=True)
class AdaptorConfig:
    """The prompt feature extractor: learned tokens and a two-way transformer (SAM's)."""

    width: int = 192  # channels inside
    tokens: int = 16  # learned tokens; the paper has 32
    depth: int = 2  # two-way layers; the paper has 6
    heads: int = 6
    mlp_width: int = 256
    downsample: int = 2  # attention between tokens and image runs at width / downsample

    def __post_init__(self) -> None:
        """Refuse widths that do not divide."""
        if self.width % (self.heads * self.downsample) or self.width % 4:
            raise ConfigError(
                f'pixel_llm adaptor width {self.width} must be divisible by heads x downsample = '
                f'{self.heads * self.downsample} and by 4'
            )
        if min(self.tokens, self.depth) < 1:
            raise ConfigError(f'pixel_llm adaptor tokens {self.tokens} and depth {self.depth} must be 1 or more')


@dataclass(frozen=True)
class DecoderConfig:
    """
    The causal language model.

    :param model: a folder or hub name of any causal language model; empty: a Llama built from ``settings`` whose
        weights are kept in the checkpoint.
    :param train: ``all``, ``lora`` (the weights frozen, LoRA on ``targets``; the paper's way with T5) or ``none``.
    :param is_prefix_causal: whether visual tokens see only those before them; False lets all see all (GIT's mask).
    """

    model: str = ''
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: str = 'all'
    rank: int = 32
    scale: float = 2.0
    targets: tuple[str, ...] = ('q_proj', 'v_proj')
    is_prefix_causal: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown ways of training."""
        if self.train not in ('all', 'lora', 'none'):
            raise ConfigError(f"pixel_llm language.train is '{self.train}'; allowed: 'all', 'lora', 'none'")
        if self.rank < 1 or not self.targets:
            raise ConfigError(f'pixel_llm LoRA needs rank 1 or more and targets, got {self.rank}, {self.targets}')


@dataclass(frozen=True)
class PixelLlmShape:
    """
    A whole PixelLLM.

    :param localiser: the second, frozen stream; None for one stream only.
    :param objects: how many image regions that the localiser holds for things are given to the language model beside
        the learned tokens, and may be pointed at; 0 is the paper's model, whose boxes are regressed only.
    :param point_layers: linear layers of the point head, ``point_width`` wide.
    :param contexts: the words that come before the text of each task.
    """

    semantic: TowerConfig = TowerConfig()
    localiser: TowerConfig | None = None
    adaptor: AdaptorConfig = AdaptorConfig()
    language: DecoderConfig = DecoderConfig()
    objects: int = 20
    object_iou: float = 0.6
    point_width: int = 256
    point_layers: int = 4
    contexts: Mapping[str, str] = field(default_factory=lambda: dict(CONTEXTS))
    image_mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what makes no model."""
        if set(self.contexts) != set(CONTEXTS):
            raise ConfigError(f'pixel_llm contexts are {sorted(self.contexts)}; needed: {sorted(CONTEXTS)}')
        if self.objects < 0 or self.point_layers < 1:
            raise ConfigError(f'pixel_llm objects {self.objects} must be 0 or more, point_layers {self.point_layers} 1')
        if self.objects and not (self.localiser or self.semantic).has_boxes:
            raise ConfigError('pixel_llm objects need a stream with has_boxes; set objects to 0 or add the box head')


def write_shape(shape: PixelLlmShape, folder: Path) -> None:
    """Write ``config.json``."""
    text = json.dumps({'model_type': 'pixel_llm'} | asdict(shape), indent=2)
    (Path(folder) / CONFIG_FILE).write_text(text + '\n')


def read_shape(folder: Path) -> PixelLlmShape:
    """Return what ``write_shape`` wrote; raise ModelError when it is missing or makes no sense."""
    path = Path(folder) / CONFIG_FILE
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"'{folder}' holds no PixelLLM: {error}; `vlm-robot train pixel_llm` makes one") from error
    if not isinstance(data, dict) or data.pop('model_type', '') != 'pixel_llm':
        raise ModelError(f"'{path}' is no PixelLLM's: model_type must be 'pixel_llm'")
    return _build(PixelLlmShape, data, str(path))


_PARTS = {'semantic': TowerConfig, 'localiser': TowerConfig, 'adaptor': AdaptorConfig, 'language': DecoderConfig}


def _build(kind, data: Mapping[str, Any], where: str):
    known = {item.name for item in fields(kind)}
    for key in data:
        if key not in known:
            raise ModelError(f"'{where}' has an unknown key '{key}'{name_nearest(key, known)}")
    made = {}
    for key, value in data.items():
        part = _PARTS.get(key) if kind is PixelLlmShape else None
        if part and value is not None:
            made[key] = _build(part, value, where)
        else:
            made[key] = tuple(value) if isinstance(value, list) else value
    return kind(**made)
