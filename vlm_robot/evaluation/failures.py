"""
Pictures of an episode, most of all of one that failed: the table before and after, and a short film.

The episode is run again for them: the same seed gives the same episode, and those that succeed cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
import json
from pathlib import Path
from typing import Any

from vlm_robot.annotation import write_film, write_image
from vlm_robot.evaluation.episodes import EpisodeResult, Tier
from vlm_robot.sim.bullet_camera import BulletCamera, FRONT
from vlm_robot.sim.physics import TIME_STEP
from vlm_robot.sim.scenario import Episode
from vlm_robot.sim.world import World

FRAME_STEPS = round(0.5 / TIME_STEP)  # physics steps between two frames
MAX_FRAMES = 80  # of a film; longer ones leave frames out
WIDTH_PX, HEIGHT_PX = 320, 240


class Album:
    """Looks at a world from the front: once before anything moves, once at the end, and twice a second between."""

    def __init__(self, films: bool):
        """Begin with nothing; ``films`` says whether frames between are kept."""
        self.start: Any = None
        self.end: Any = None
        self.frames: list = []
        self._films, self._count = films, 0
        self._camera: BulletCamera | None = None

    def note(self, world: World, episode: Episode) -> None:
        """Take the first picture at the first call and the last one at the second."""
        if self._camera is None:
            spec = next((spec for spec in episode.cameras if spec.name == FRONT.name), FRONT)
            self._camera = BulletCamera(world, spec, episode.lighting, WIDTH_PX, HEIGHT_PX)
            self.start = self._camera.render().rgb
            if self._films:
                world.add_ticker(self._tick)
        else:
            self.end = self._camera.render().rgb

    def _tick(self) -> None:
        self._count += 1
        if self._count % FRAME_STEPS == 0 and self._camera is not None:
            self.frames.append(self._camera.render().rgb)

    def write(self, folder: Path) -> None:
        """Write ``start.png``, ``end.png`` and ``film.gif``, as far as there are any."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in (('start.png', self.start), ('end.png', self.end)):
            if picture is not None:
                write_image(picture, folder / name)
        if self.frames:
            write_film(self.frames[:: -(-len(self.frames) // MAX_FRAMES)], folder / 'film.gif')


def record_episode(folder: Path, run: Callable[..., EpisodeResult], tier: Tier) -> EpisodeResult:
    """
    Run an episode once more and leave its pictures and its data in a folder.

    :param run: runs it and passes ``on_world`` on to ``run_episode``.
    """
    album = Album(films=tier.moves)
    result = run(on_world=album.note)
    album.write(folder)
    text = json.dumps(asdict(result), indent=2, default=str, ensure_ascii=False)
    (folder / 'episode.json').write_text(f'{text}\n', encoding='utf-8')
    return result
