"""What a picture really shows, for people, tests and graders: names, places and visible boxes of a rendering."""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.sim.bullet_camera import BulletCamera, Rendering
from vlm_robot.sim.world import World

MIN_PIXELS = 30  # fewer visible pixels count as hidden


def visible_boxes(world: World, picture: Rendering) -> dict[str, Box]:
    """Return name -> box xyxy in pixels of the visible part of every object with at least MIN_PIXELS."""
    boxes = {}
    for name, bodies in world.list_bodies().items():
        rows, columns = np.nonzero(np.isin(picture.body, bodies))
        if len(rows) >= MIN_PIXELS:
            boxes[name] = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return boxes


def describe_truth(world: World, camera: BulletCamera, picture: Rendering) -> dict:
    """Return the truth of one picture as plain data: the JSON of ``vlm-robot render --truth``."""
    boxes, k = visible_boxes(world, picture), camera.intrinsics
    return {
        'camera': camera.name,
        'intrinsics': {name: getattr(k, name) for name in k.__dataclass_fields__},
        'T_base_camera': camera.T_base_camera.tolist(),
        'objects': [
            {
                'name': name,
                'label': world.labels[name],
                'position': list(world.position(name)),
                'yaw': world.yaw(name),
                'box_xyxy_px': list(boxes[name]) if name in boxes else None,
            }
            for name in world.labels
        ],
    }
