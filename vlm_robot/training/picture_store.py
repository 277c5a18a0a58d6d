"""
Where pictures to learn from and to measure on are kept: rendered once, read ever after.

Training renderings are the layered shards that ``train owlvit`` makes (same names, same contents, so one folder
serves every model); they are mapped into memory, so that several trainers share one copy. Validation and test
pictures are rendered when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import itertools
import os
from pathlib import Path
import struct
from typing import BinaryIO
import zipfile

import numpy as np
from rich.progress import track

from vlm_robot.console import console
from vlm_robot.errors import ConfigError
from vlm_robot.training.owlvit_data import check_generator, Layers, render_shard, split_shard
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer, TableView
from vlm_robot.training.pictures import compose_picture, label_picture, Picture, render_owners, sample_sight
from vlm_robot.training.sight_separation import check_split, is_far

SHARD_VIEWS = 100
LOCAL_HEADER = struct.Struct('<26xHH')  # of a zip member: lengths of its name and of its extra field


class PictureStore:
    """The pictures of one split."""

    def __init__(self, folder: Path, split: str, views: int | None = None):
        """
        Open a folder and render the training shards that it lacks.

        :param views: of training, how many tables to use, before those from far cameras are dropped (None: all that
            the folder holds); of the others, how many pictures (None: 200).
        :raises ConfigError: an unknown split, no views, nothing to train on, or pictures of another generator.
        """
        check_split(split)
        if views is not None and views < 1:
            raise ConfigError(f'views must be 1 or more, got {views}')
        self.folder, self.split = Path(folder), split
        self.folder.mkdir(parents=True, exist_ok=True)
        check_generator(self.folder)
        self._drawer: TableDrawer | None = None
        self._layers: list[tuple[TableView, Layers]] = list(self._open_shards(views)) if split == 'train' else []
        if split == 'train' and not self._layers:
            raise ConfigError(f"no training pictures in '{folder}'; say how many views to render")
        self._count = len(self._layers) if split == 'train' else views or 200

    def __len__(self) -> int:
        """Return how many tables there are."""
        return self._count

    def draw(self, index: int, rng: np.random.Generator) -> Picture:
        """Return picture ``index``, modulo their number; in training its colours, light and side are drawn from rng."""
        index %= self._count
        if self.split == 'train':
            view, layers = self._layers[index]
            return compose_picture(layers, view, rng)
        view = sample_sight(self.split, index)
        return label_picture(view, *self._look(view, self.folder / f'{self.split}_{index:05d}.npz'))

    def sample(self, rng: np.random.Generator) -> Picture:
        """Return any picture."""
        return self.draw(int(rng.integers(self._count)), rng)

    def close(self) -> None:
        """Disconnect the simulator, if it was needed."""
        if self._drawer is not None:
            self._drawer.close()
            self._drawer = None

    def _open_shards(self, views: int | None) -> Iterator[tuple[TableView, Layers]]:
        for shard, path in enumerate(self._find_shards(views)):
            for i, layers in enumerate(split_shard(map_arrays(path))):
                seed = shard * SHARD_VIEWS + i
                if layers.camera is None:
                    raise ConfigError(f"'{path}' does not say where its cameras stood; delete it and render it again")
                if not is_far(layers.camera) and (views is None or seed < views):
                    yield replace(sample_view('train', seed), camera=layers.camera), layers

    def _find_shards(self, views: int | None) -> list[Path]:
        paths = [self.folder / f'train_{shard:04d}.npz' for shard in range(-(-(views or 0) // SHARD_VIEWS))]
        if views is None:
            names = (self.folder / f'train_{shard:04d}.npz' for shard in itertools.count())
            paths = list(itertools.takewhile(Path.exists, names))
        missing = [path for path in paths if not path.exists()]
        for path in track(missing, 'rendering training tables', console=console, disable=not missing):
            first = paths.index(path) * SHARD_VIEWS
            render_shard(path, 'train', range(first, min(first + SHARD_VIEWS, views or 0)))
        return paths

    def _look(self, view: TableView, path: Path) -> tuple[np.ndarray, np.ndarray]:
        if path.exists():
            with np.load(path) as file:
                return file['rgb'], file['owner']
        self._drawer = self._drawer or TableDrawer()
        rgb, owner = render_owners(self._drawer, view)
        part = path.with_suffix(f'.{os.getpid()}.part.npz')
        np.savez_compressed(part, rgb=rgb, owner=owner)
        part.rename(path)
        return rgb, owner


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """
    Return the arrays of an uncompressed .npz file mapped into memory, read-only.

    Only the pages that are looked at are read, and processes share them.

    :raises ConfigError: the file is compressed, or no .npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open('rb') as file:
            return {item.filename.removesuffix('.npy'): _map_array(path, file, item) for item in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise ConfigError(f"cannot map '{path}': {error}; delete it and it is rendered again") from error


def _map_array(path: Path, file: BinaryIO, item: zipfile.ZipInfo) -> np.ndarray:
    if item.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f'{item.filename} is compressed')
    file.seek(item.header_offset)
    file.seek(sum(LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))), os.SEEK_CUR)
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, 'r', file.tell(), shape))
