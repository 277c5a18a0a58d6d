"""
What the robot has seen, kept as embeddings, for questions such as "when did you last see the green bowl".

Every frame that differs from the last one of its camera is kept as one vector, and every thing in it as one more,
with the time, the camera and the place; pictures are not kept. A question is compared by its cosine (CLIP, Radford et
al., arXiv 2103.00020). The memory is bounded: the oldest of what was seen again since goes first, so that the last
look at a thing outlives many looks at another. It knows no model: an embedder is handed in, and a saved memory can
only be read with the one that it was made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
import threading
from typing import Protocol
import zipfile

import numpy as np

from vlm_robot.datatypes import Box, Point
from vlm_robot.errors import ConfigError, SentenceError

FORMAT = 1  # of the file


class Embedder(Protocol):
    """What the memory needs of ``perception.sight.ImageEmbedder``, and how sure it is of a pair."""

    name: str

    def embed_images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return (N, D) float32, each row of length 1."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32, each row of length 1."""
        ...


@dataclass(frozen=True)
class MemoryConfig:
    """Whether and how much is remembered."""

    is_on: bool = False  # remembering costs a forward pass per kept frame and per thing in it
    most: int = 5000  # entries
    most_bytes: int = 50_000_000  # of embeddings
    least_change: float = 0.02  # 0..2, 1 - cosine to the last kept frame of the camera, from which on a frame is kept
    least_seconds: float = 0.5  # between kept frames of one camera

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ('most', 'most_bytes'):
            if getattr(self, name) < 1:
                raise ConfigError(f'memory.{name} is {getattr(self, name)}; allowed: 1 or more')
        for name in ('least_change', 'least_seconds'):
            if getattr(self, name) < 0:
                raise ConfigError(f'memory.{name} is {getattr(self, name)}; allowed: 0 or more')


@dataclass(frozen=True)
class Memory:
    """
    One thing or frame that was seen.

    :param stamp: seconds on the clock of the robot.
    :param label: what the detector called the thing; empty for a whole frame.
    :param box_xyxy_px: where it was in the picture; None for a whole frame.
    :param p_base: metres in the base frame, where it was; None where that is not known.
    """

    stamp: float
    camera: str
    label: str = ''
    box_xyxy_px: Box | None = None
    p_base: Point | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """A cut-out of a thing that is to be remembered: its picture (H, W, 3) uint8 and what ``Memory`` says of it."""

    rgb: np.ndarray
    label: str = ''
    box_xyxy_px: Box | None = None
    p_base: Point | None = None


@dataclass(frozen=True)
class Recollection:
    """An answer of the memory; ``cosine`` says how well it fits the words."""

    memory: Memory
    cosine: float


@dataclass(eq=False)
class SceneMemory:
    """Remembers frames and things; calls from several threads wait for each other."""

    embedder: Embedder
    config: MemoryConfig = field(default_factory=MemoryConfig)
    entries: list[Memory] = field(default_factory=list)
    _embeds: list[np.ndarray] = field(default_factory=list)
    _last: dict[str, tuple[float, np.ndarray]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.entries)

    def remember(self, rgb: np.ndarray, things: Sequence[Look], stamp: float, camera: str) -> bool:
        """
        Take in a frame and the things in it; return False where it is too like or too near to the last one.

        :param rgb: (H, W, 3) uint8.
        """
        last = self._last.get(camera)
        if last is not None and 0 <= stamp - last[0] < self.config.least_seconds:
            return False
        frame = self.embedder.embed_images([rgb])[0]
        if last is not None and 1 - float(frame @ last[1]) < self.config.least_change:
            return False
        rows = self.embedder.embed_images([thing.rgb for thing in things]) if things else np.zeros((0, len(frame)))
        with self._lock:
            self._last[camera] = (stamp, frame)
            self._add(Memory(stamp, camera), frame)
            for thing, row in zip(things, rows, strict=True):
                self._add(Memory(stamp, camera, thing.label, thing.box_xyxy_px, thing.p_base), row)
            self._forget()
        return True

    def retrieve(self, text: str, most: int = 5) -> list[Recollection]:
        """Return what fits the words best, best first; nothing where nothing is remembered."""
        if most < 1:
            raise SentenceError(f'at least one recollection must be asked for, got {most}')
        query = self.embedder.embed_texts([text])[0]
        with self._lock:
            if not self.entries:
                return []
            cosines = np.stack(self._embeds) @ query
            order = np.argsort(-cosines, kind='stable')[:most]
            return [Recollection(self.entries[i], float(cosines[i])) for i in order]

    def last_seen(self, text: str, least_cosine: float | None = None) -> Recollection | None:
        """
        Return the newest look at what the words name; None says that it was never seen.

        :param least_cosine: from which on a look counts. None: where the embedder says how sure it is of a pair
            (``judge``), it must be more than half sure; else the cosine must be 0.2, as in LENS.
        """
        query = self.embedder.embed_texts([text])
        with self._lock:
            if not self.entries:
                return None
            table = np.stack(self._embeds)
            cosines = table @ query[0]
            if least_cosine is None and getattr(self.embedder, 'is_calibrated', False):
                fits = self.embedder.judge(table, query)[:, 0] > 0.5  # type: ignore[attr-defined]
            else:
                fits = cosines >= (0.2 if least_cosine is None else least_cosine)
            found = [i for i, fit in enumerate(fits) if fit]
            if not found:
                return None
            best = max(found, key=lambda i: (self.entries[i].stamp, cosines[i]))
            return Recollection(self.entries[best], float(cosines[best]))

    def save(self, path: Path) -> None:
        """Write everything to one .npz file."""
        with self._lock:
            rows = self.entries
            data = {
                'format': np.array(FORMAT),
                'model': np.array(self.embedder.name),
                'embeds': np.array(self._embeds, np.float16),
                'stamp': np.array([item.stamp for item in rows], np.float64),
                'camera': np.array([item.camera for item in rows], np.str_),
                'label': np.array([item.label for item in rows], np.str_),
                'box': np.array([item.box_xyxy_px or (np.nan,) * 4 for item in rows], np.float32).reshape(-1, 4),
                'p_base': np.array([item.p_base or (np.nan,) * 3 for item in rows], np.float64).reshape(-1, 3),
            }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix('.part.npz')
        np.savez_compressed(part, **data)  # type: ignore[arg-type]
        part.rename(path)

    def load(self, path: Path) -> None:
        """
        Replace everything by what a file holds.

        :raises ConfigError: it cannot be read, or was made with another embedder.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                data = {key: file[key] for key in file.files}
            model, number = str(data['model']), int(data['format'])
            embeds = data['embeds'].astype(np.float32)
            entries = [
                Memory(float(s), str(c), str(label), _to_tuple(box), _to_tuple(place))
                for s, c, label, box, place in zip(
                    data['stamp'], data['camera'], data['label'], data['box'], data['p_base'], strict=True
                )
            ]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ConfigError(f"'{path}' is no saved memory: {error}") from error
        if number != FORMAT or model != self.embedder.name or len(embeds) != len(entries):
            raise ConfigError(
                f"the memory '{path}' was made with '{model}' (format {number}), it cannot be read with "
                f"'{self.embedder.name}' (format {FORMAT}); look again, or use that model"
            )
        with self._lock:
            self.entries, self._embeds, self._last = entries, list(embeds), {}
            self._forget()

    def _add(self, item: Memory, embed: np.ndarray) -> None:
        self.entries.append(item)
        self._embeds.append(np.asarray(embed, np.float32))

    def _forget(self) -> None:
        """Drop what is over the bounds: the oldest that was seen again since, else the oldest."""
        if not self.entries:
            return
        room = max(1, min(self.config.most, self.config.most_bytes // self._embeds[0].nbytes))
        excess = len(self.entries) - room
        if excess <= 0:
            return
        newest: dict[tuple[str, str], int] = {}
        for i, item in enumerate(self.entries):
            newest[item.camera, item.label] = i
        is_last = set(newest.values())
        order = [i for i in range(len(self.entries)) if i not in is_last] + sorted(is_last)
        dropped = set(order[:excess])
        self.entries = [item for i, item in enumerate(self.entries) if i not in dropped]
        self._embeds = [row for i, row in enumerate(self._embeds) if i not in dropped]


def _to_tuple(row: np.ndarray):
    return None if np.isnan(row).any() else tuple(float(value) for value in row)
