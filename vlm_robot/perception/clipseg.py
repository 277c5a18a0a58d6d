"""
Masks from words or from example pictures with CLIPSeg, any checkpoint by name or folder.

The picture is encoded once whatever the number of prompts, only as deep as the decoder reads, and every text once ever
(cached by its words); what is left per prompt is the light decoder. Logits equal those of the stock forward pass. On
top comes what it lacks: masks at the picture's own size and shape, prompts that mix a name with a picture, a score that
says whether the thing is there at all, an empty mask when it is not, and masks that keep to the picture's edges. Which
checkpoint is loaded, the code does not ask: sizes and layers come from its configuration.

Sources: CLIPSeg (Lüddecke and Ecker, arXiv 2112.10003), transformers' implementation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import threading

import numpy as np
import torch
from torch.nn import functional

from vlm_robot.datatypes import Mask
from vlm_robot.errors import ConfigError, ModelError, SentenceError
from vlm_robot.perception.clipseg_loading import load_checkpoint, read_settings
from vlm_robot.perception.guided_filter import EdgeGuide
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.owlvit_answers import find_rivals
from vlm_robot.perception.pretrained import choose_device, DTYPES
from vlm_robot.perception.visual_prompts import PicturePrompt

SHIPPED = Path(__file__).resolve().parents[1] / 'checkpoints' / 'clipseg'
TOP_SHARE = 0.0005  # of the pixels, the likeliest: their mean says whether anything is there (51 of 320 x 320)
Prompt = str | PicturePrompt
Activations = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class ClipSegConfig:
    """Which segmenter, and what it answers."""

    model: str = 'shipped'  # 'shipped', a folder, or a name on the Hugging Face hub
    threshold: float = -1.0  # 0..1, least probability of a pixel of a mask; -1: the checkpoint's own
    presence: float = -1.0  # 0..1, least score at which a mask is not empty; -1: the checkpoint's own
    rivals: bool = True  # where prompts of one noun claim the same pixel ("red block", "pink block"), the best gets it
    edges: bool = True  # masks follow the edges of the picture: the model's own are round where a cube has corners
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', 'cuda:1', ...
    dtype: str = 'float32'  # float32, float16, bfloat16
    threads: int = 0  # CPU threads of the whole process; 0 leaves torch's choice
    batch: int = 16  # prompts that are decoded together: bounds the memory
    cached_texts: int = 1000  # how many encoded texts are kept

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ('threshold', 'presence'):
            value = getattr(self, name)
            if value != -1.0 and not 0 <= value <= 1:
                raise ConfigError(f"segmenter.{name} is {value}; allowed: 0 to 1, or -1 for the checkpoint's own")
        if not self.model:
            raise ConfigError("segmenter.model is empty; allowed: 'shipped', a folder, or a hub name")
        if self.dtype not in DTYPES:
            raise ConfigError(f"segmenter.dtype is '{self.dtype}'; allowed: {sorted(DTYPES)}")
        for name, least in (('threads', 0), ('batch', 1), ('cached_texts', 1)):
            if getattr(self, name) < least:
                raise ConfigError(f'segmenter.{name} is {getattr(self, name)}; allowed: {least} or more')


def check_prompts(queries: Sequence[Prompt]) -> None:
    """Raise SentenceError where this is no list, or a prompt is neither words nor a picture prompt."""
    if isinstance(queries, str):
        raise SentenceError(f"queries must be a list of prompts, got the text '{queries}'; put it into a list")
    for query in queries:
        if not isinstance(query, PicturePrompt) and not (isinstance(query, str) and query.strip()):
            raise SentenceError(f"a prompt must be words such as 'red block' or a PicturePrompt, got {query!r}")


def yield_to_rivals(logits: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
    """
    Return (P, S, S) logits where every pixel that a rival claims more is lowered below even chances.

    Rivals end in the same noun and neither says all that the other says: "red block" and "pink block" are, "block" and
    "red block" are not; a prompt without a name has none.
    """
    rivals = torch.from_numpy(find_rivals(names)).to(logits.device)
    if not rivals.any():
        return logits
    yielded = logits.clone()
    for i, mine in enumerate(rivals):
        if mine.any():
            best = logits[mine].amax(0)
            yielded[i] = torch.where(logits[i] < best, torch.minimum(logits[i], -best.abs() - 1), logits[i])
    return yielded


class ClipSegSegmenter:
    """
    Says which pixels a prompt means; implements ``sight.Segmenter``.

    Calls from several threads wait for each other.
    """

    def __init__(self, config: ClipSegConfig | None = None):
        """Load the checkpoint; raise ModelError when it is missing, incomplete or of another kind."""
        self.config = config or ClipSegConfig()
        self.name = self.config.model
        folder = str(SHIPPED) if self.config.model == 'shipped' else self.config.model
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self.device = choose_device(self.config.device, 'segmenter.device')
        self.model, self.processor = load_checkpoint(folder, DTYPES[self.config.dtype])
        self.model.to(self.device).eval()
        self._own = read_settings(Path(folder))
        self.adjust(self.config)
        self.width = int(self.model.clip.projection_dim)
        self.text_limit = self.model.config.text_config.max_position_embeddings
        self._texts: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def adjust(self, config: ClipSegConfig) -> None:
        """Answer by the thresholds of another configuration of the same checkpoint; nothing is loaded."""
        self.config = config
        self.threshold = self._own.threshold if config.threshold < 0 else config.threshold
        self.presence = self._own.presence if config.presence < 0 else config.presence

    # ---- answers

    def segment(self, rgb: np.ndarray, queries: Sequence[Prompt]) -> list[Mask]:
        """
        Return one mask per prompt, in their order: all things that it means; all False where there is none.

        Prompts asked together compete for pixels if their names exclude each other (``rivals``).

        :param rgb: (H, W, 3) uint8, red green blue, of any size and shape.
        :param queries: names such as ``red block``, pictures of a thing, or both (``PicturePrompt``).
        :raises ImageError: ``rgb`` or the picture of a prompt is none.
        :raises SentenceError: a text is empty or longer than the model can read.
        """
        check_rgb(rgb)
        check_prompts(queries)
        if not queries:
            return []
        logits, names = self.score(rgb, queries), [q if isinstance(q, str) else q.text for q in queries]
        return self.draw(yield_to_rivals(logits, names) if self.config.rivals else logits, names, rgb)

    def draw(self, logits: torch.Tensor, names: Sequence[str], rgb: np.ndarray) -> list[Mask]:
        """Return the masks of logits (P, S, S) at the size of the picture that they are of, by the thresholds."""
        likely = self._count_likely(logits).tolist()
        full = functional.interpolate(logits[:, None], rgb.shape[:2], mode='bilinear', antialias=True)[:, 0]
        probabilities = list(torch.sigmoid(full).cpu().numpy())
        there = [i for i, score in enumerate(likely) if score >= self.presence]
        if self.config.edges and there:
            guide = EdgeGuide(rgb)
            for i in there:
                probabilities[i] = guide.follow(probabilities[i])
        return [
            Mask(name, score, probability, (probability >= self.threshold) & (score >= self.presence))
            for name, score, probability in zip(names, likely, probabilities, strict=True)
        ]

    def score(self, rgb: np.ndarray, queries: Sequence[Prompt]) -> torch.Tensor:
        """Return (P, S, S) float32 logits of a picture at the model's own size, as the stock forward pass gives."""
        wanted = self.embed(queries)
        with self._lock, torch.inference_mode():
            activations = self._encode(self.preprocess([rgb]))
            parts = [self._decode(activations, part) for part in wanted.split(self.config.batch)]
            return torch.cat(parts).float()

    @staticmethod
    def _count_likely(logits: torch.Tensor) -> torch.Tensor:
        """Return (P,) 0..1, the mean of the highest probabilities."""
        flat = logits.flatten(1)
        count = max(1, round(TOP_SHARE * flat.shape[1]))
        return torch.sigmoid(flat.topk(count, 1).values).mean(1)

    # ---- the model in parts

    def preprocess(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        """Return (B, 3, S, S) pixels as the checkpoint's processor makes them; pictures of any shapes become square."""
        stock = self.processor.image_processor
        pixels = stock(images=[np.ascontiguousarray(rgb) for rgb in pictures], return_tensors='pt')['pixel_values']
        if pixels.shape[2] != pixels.shape[3]:
            raise ModelError(
                f"the processor of segmenter.model '{self.name}' makes pictures of {tuple(pixels.shape[2:])} px; "
                'CLIPSeg needs squares: set size to equal height and width in its preprocessor_config.json'
            )
        return pixels.to(self.device, self.model.dtype)

    def _encode(self, pixels: torch.Tensor) -> Activations:
        """Return what the decoder reads of one picture: (1, tokens, hidden) per extracted layer."""
        vision, wanted = self.model.clip.vision_model, self.model.extract_layers
        x = vision.pre_layrnorm(vision.embeddings(pixels, interpolate_pos_encoding=True))
        kept = {}
        for number, layer in enumerate(vision.encoder.layers[: max(wanted) + 1]):
            x = layer(x, None)
            kept[number] = x
        return tuple(kept[number] for number in wanted)

    def _decode(self, activations: Activations, wanted: torch.Tensor) -> torch.Tensor:
        """Return logits (P, S, S) of one picture for prompts (P, D)."""
        repeated = [activation.expand(len(wanted), -1, -1) for activation in activations]
        return self.model.decoder(repeated, wanted).logits

    # ---- prompts

    def embed(self, queries: Sequence[Prompt]) -> torch.Tensor:
        """Return (P, D), what the decoder is conditioned on: text, picture, or text_share of one and the rest other."""
        texts = [q if isinstance(q, str) else q.text for q in queries]
        by_text = iter(self.embed_texts([text for text in texts if text]))
        by_picture = iter(self.embed_pictures([q for q in queries if isinstance(q, PicturePrompt)]))
        rows = []
        for query, name in zip(queries, texts, strict=True):
            parts = [next(by_text)] if name else []
            if isinstance(query, PicturePrompt):
                parts.append(next(by_picture))
            share = query.text_share if isinstance(query, PicturePrompt) else 1.0
            rows.append(parts[0] if len(parts) == 1 else share * parts[0] + (1 - share) * parts[1])
        return torch.stack(rows)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Return (T, D), the projected texts; each is encoded once and remembered."""
        with self._lock, torch.inference_mode():
            new = [text for text in dict.fromkeys(texts) if text not in self._texts]
            for text, row in zip(new, self._encode_texts(new) if new else (), strict=True):
                self._texts[text] = row
            rows = [self._texts[text] for text in texts]
            for text in texts:
                self._texts.move_to_end(text)
            while len(self._texts) > self.config.cached_texts:
                self._texts.popitem(last=False)
        return torch.stack(rows) if rows else torch.zeros(0, self.width)

    def embed_pictures(self, prompts: Sequence[PicturePrompt]) -> torch.Tensor:
        """Return (N, D), the projected class tokens of the prompts' crops."""
        if not prompts:
            return torch.zeros(0, self.width)
        with self._lock, torch.inference_mode():
            return self.model.clip.get_image_features(self.preprocess([p.cut() for p in prompts])).pooler_output

    def _encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        encoded = self.processor.tokenizer(list(texts), padding=True, return_tensors='pt').to(self.device)
        for text, length in zip(texts, encoded['attention_mask'].sum(1).tolist(), strict=True):
            if length > self.text_limit:
                raise SentenceError(
                    f"query '{text[:60]}' has {length} tokens; '{self.name}' reads at most {self.text_limit}: "
                    'use fewer words'
                )
        return self.model.clip.get_text_features(encoded['input_ids'], encoded['attention_mask']).pooler_output
