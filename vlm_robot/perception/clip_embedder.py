"""
Pictures and words in one space, by any model of open_clip: zero-shot classes, tags, retrieval.

The cosine of two embeddings says how well a text fits a picture. Texts are encoded once ever (cached by their
words); a picture is encoded once whatever it is compared with. Sources: CLIP (Radford et al., arXiv 2103.00020),
its sigmoid form SigLIP (Zhai et al., arXiv 2303.15343), open_clip (github.com/mlfoundations/open_clip).

Two traps of open_clip are closed here. Where weights are missing it only warns and goes on with random ones: we
refuse. And the weights of OpenAI, DFN, MetaCLIP and LAION-400M were trained with the activation QuickGELU: under a
name without ``-quickgelu`` they load without a word and are worse, so that such a pair is refused with the right
name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
import logging
from pathlib import Path
import threading
from typing import Any

import numpy as np
from PIL import Image
import torch

from vlm_robot.errors import ConfigError, ModelError, name_nearest, SentenceError
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.pretrained import choose_device

SHIPPED = Path(__file__).resolve().parents[1] / 'checkpoints' / 'clip'
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
TEMPERATURE_LIMIT = 100.0  # open_clip's own bound on the factor before the softmax


@dataclass(frozen=True)
class ClipConfig:
    """Which embedder, and how much it does at a time."""

    model: str = 'shipped'  # 'shipped', a folder in open_clip's local-dir format, or a name such as 'ViT-B-32'
    pretrained: str = ''  # tag of the weights for a name, such as 'laion2b_s34b_b79k', or a file; empty for folders
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', 'cuda:1', ...
    precision: str = 'fp32'  # fp32, bf16, fp16
    batch: int = 16  # pictures or texts per forward pass
    cached_texts: int = 5000  # how many encoded texts are kept

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.model:
            raise ConfigError("clip.model is empty; allowed: 'shipped', a folder, or an open_clip name")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"clip.precision is '{self.precision}'; allowed: {list(PRECISIONS)}")
        for name in ('batch', 'cached_texts'):
            if getattr(self, name) < 1:
                raise ConfigError(f'clip.{name} is {getattr(self, name)}; allowed: 1 or more')


class ClipEmbedder:
    """
    Embeds pictures and texts; implements ``sight.ImageEmbedder``.

    Calls from several threads wait for each other.
    """

    def __init__(self, config: ClipConfig | None = None):
        """Load the model; raise ModelError when it is missing, incomplete or unknown."""
        self.config = config or ClipConfig()
        self.name = self.config.model
        self.device = choose_device(self.config.device, 'clip.device')
        self.model, self.preprocess, self.tokenizer = _load(self.config, self.device)
        self.scale = min(float(self.model.logit_scale.detach().exp()), TEMPERATURE_LIMIT)
        bias = getattr(self.model, 'logit_bias', None)
        self.bias = (
            None if bias is None else float(bias.detach())
        )  # None: trained with the softmax, a cosine is no probability
        self._texts: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_calibrated(self) -> bool:
        """Whether the model brings a bias, so that one text and one picture already make a probability."""
        return self.bias is not None

    def embed_images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """
        Return (N, D) float32, each row of length 1.

        :param pictures: (H, W, 3) uint8 each, red green blue, of any sizes.
        :raises ImageError: one of them is no such picture.
        """
        ready = [self.preprocess(Image.fromarray(np.ascontiguousarray(check_rgb(rgb)))) for rgb in pictures]
        return self._run(self.model.encode_image, ready)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """
        Return (N, D) float32, each row of length 1; each text is encoded once and remembered.

        :raises SentenceError: a text is empty. Words beyond the model's context are cut off, as open_clip does.
        """
        if isinstance(texts, str):
            raise SentenceError(f"texts must be a list of texts, got the text '{texts}'; put it into a list")
        for text in texts:
            if not isinstance(text, str) or not text.strip():
                raise SentenceError(f"a text must be words such as 'a red block', got {text!r}")
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        rows = self._run(self.model.encode_text, list(self.tokenizer(new)) if new else [])
        with self._lock:
            self._texts.update(zip(new, rows, strict=True))
            stacked = [self._texts[text] for text in texts]
            for text in texts:
                self._texts.move_to_end(text)
            while len(self._texts) > self.config.cached_texts:
                self._texts.popitem(last=False)
        return np.stack(stacked) if stacked else rows

    def embed_classes(self, names: Sequence[str], templates: Sequence[str] = ('{}',)) -> np.ndarray:
        """
        Return (N, D) float32: per class the mean over the templates, of length 1.

        :param templates: each with one ``{}``, for example ``a photo of a {}``.
        """
        bad = [template for template in templates if template.count('{}') != 1]
        if bad or not templates:
            raise ConfigError(f"a template must hold '{{}}' exactly once, got {bad or 'none'}")
        filled = [template.replace('{}', name) for name in names for template in templates]
        means = self.embed_texts(filled).reshape(len(names), len(templates), -1).mean(1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def classify(self, rgb: np.ndarray, labels: Sequence[str], templates: Sequence[str] = ('{}',)) -> np.ndarray:
        """Return (N,) float32, the probability of each label, where exactly one of them is taken to be true."""
        if not labels:
            raise SentenceError('classify needs at least one label, got none')
        return self.share(self.embed_images([rgb]), self.embed_classes(labels, templates))[0]

    def share(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return (N, C) float32, rows that sum to 1: the classes compete for each picture."""
        logits = self.scale * images @ classes.T
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    def judge(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """
        Return (N, T) float32, 0..1, how sure the model is that each text is true of each picture.

        Several texts may be true at once. A model without a bias never learned such a probability: then it is
        the share among all the texts, which is small where many are true.
        """
        if self.bias is None:
            return self.share(images, texts)
        return (1 / (1 + np.exp(-(self.scale * images @ texts.T + self.bias)))).astype(np.float32)

    def _run(self, encode, ready: Sequence[torch.Tensor]) -> np.ndarray:
        if not ready:
            return np.zeros((0, self.model.visual.output_dim), np.float32)
        size, rows = self.config.batch, []
        with self._lock, torch.inference_mode():
            for start in range(0, len(ready), size):
                batch = torch.stack(list(ready[start : start + size])).to(self.device)
                if batch.is_floating_point():
                    batch = batch.to(PRECISIONS[self.config.precision])
                rows.append(encode(batch, normalize=True).float().cpu().numpy())
        return np.concatenate(rows)


def _load(config: ClipConfig, device: torch.device) -> tuple[Any, Any, Any]:
    import open_clip  # it takes seconds (timm): only where a model is loaded

    name = _resolve(config)
    chatter = logging.getLogger().level
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name,
            pretrained=config.pretrained or None,
            device=device,
            precision=config.precision,
            require_pretrained=True,  # else missing weights are random ones and a warning
        )
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"cannot load clip.model '{config.model}' with clip.pretrained '{config.pretrained}': {error}"
        ) from error
    finally:
        logging.getLogger().setLevel(chatter)
    return model.eval(), preprocess, tokenizer


def _resolve(config: ClipConfig) -> str:
    """Return open_clip's name of the model; raise ModelError where it would load silently wrong or not at all."""
    import open_clip

    folder = SHIPPED if config.model == 'shipped' else Path(config.model)
    if config.model == 'shipped' or folder.is_dir():
        return f'local-dir:{folder}'
    if ':' in config.model:  # hf-hub:..., local-dir:...
        return config.model
    if config.model not in open_clip.list_models():
        raise ModelError(
            f"open_clip has no model '{config.model}' and there is no such folder"
            f"{name_nearest(config.model, open_clip.list_models())}; allowed: 'shipped', a folder, a name"
        )
    _check_weights(config)
    return config.model


def _check_weights(config: ClipConfig) -> None:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(config.model)
    if not config.pretrained:
        raise ModelError(f"clip.model '{config.model}' needs weights: set clip.pretrained to one of {tags} or a file")
    if Path(config.pretrained).is_file():
        return
    if config.pretrained not in tags:
        raise ModelError(
            f"'{config.model}' has no weights '{config.pretrained}'{name_nearest(config.pretrained, tags)}"
        )
    wanted = open_clip.get_pretrained_cfg(config.model, config.pretrained).get('quick_gelu', False)
    has = bool((open_clip.get_model_config(config.model) or {}).get('quick_gelu', False))
    twin = f'{config.model}-quickgelu'
    if wanted and not has and twin in open_clip.list_models():
        raise ModelError(
            f"the weights '{config.pretrained}' were trained with QuickGELU, '{config.model}' has GELU and would be "
            f"silently worse; set clip.model to '{twin}'"
        )
