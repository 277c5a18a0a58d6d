"""
Pictures of the table with boards on it that carry words, to measure how well written words are read.

A board is a textured plane of the simulator: leaning towards the front camera, flat on the table under the one above.
Letters are 28 to 45 mm high, which is 15 to 32 pixels in the picture. Nothing is trained on them; the splits have
different words all the same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont
import pybullet as p

from vlm_robot.datatypes import Box
from vlm_robot.robot.panda import solve_inverse, WORK_POSTURE
from vlm_robot.training.owlvit_data import box_of_mask
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer, TableView, Thing
from vlm_robot.training.sight_separation import check_split, pick, split_rng

WORDS = {
    'train': ('SALT', 'RICE', 'PAPER', 'GLASS', 'FRONT', 'LEFT', 'STOP', 'BOX 3', 'KEEP DRY', 'TOOLS'),
    'validation': ('FLOUR', 'METAL', 'BACK', 'RIGHT', 'BOX 5', 'OPEN', 'SCREWS', 'THIS SIDE UP', 'WATER', 'EXIT'),
    'test': (
        'SUGAR', 'COFFEE', 'FRAGILE', 'PLASTIC', 'TEA', 'BOX 7', 'SPARE PARTS', 'CLOSED', 'HANDLE WITH CARE', 'MILK',
        'RECYCLE', 'ORDER 482', 'SHELF B', 'WARNING', 'BATTERIES', 'PLEASE WAIT', 'LOT 90617', 'KITCHEN',
        'DO NOT TOUCH', 'EMPTY',
    ),
}  # fmt: skip
LETTER_M = (0.028, 0.045)  # height of a capital on the board
TEXTURE_PX_PER_M = 1400
INKS = ((20, 20, 20), (20, 40, 120), (150, 20, 20), (20, 90, 40))
GROUNDS = ((255, 255, 255), (250, 240, 200), (225, 235, 245))
SPOTS_X, SPOTS_Y = (0.46, 0.62), 0.28  # metres: where the foot of a board may be, and how far aside its ends
LEAN = {'front': 0.6, 'top': np.pi / 2}  # radians from upright
ASIDE_M, BEHIND_M, AHEAD_M = 0.07, 0.1, 0.25  # things nearer to the middle of a board than this are taken away


def render_sign_picture(
    split: str, seed: int, drawer: TableDrawer | None = None
) -> tuple[np.ndarray, list[tuple[str, Box]]]:
    """
    Render a table of a split with one board on it and the arm drawn back.

    :param drawer: saves making a world for every picture.
    :return: (480, 640, 3) uint8, and the words with the box of their board in pixels.
    """
    check_split(split)
    rng = split_rng(split, 'signs', seed)
    view = replace(sample_view(split, seed), joints=_draw_back())
    used = drawer or TableDrawer()
    try:
        return _render(used, view, pick(rng, WORDS[split]), rng)
    finally:
        if drawer is None:
            used.close()


@cache
def _draw_back() -> tuple[float, ...]:
    T = np.array([[1.0, 0, 0, 0.27], [0, -1, 0, 0], [0, 0, -1, 0.55], [0, 0, 0, 1]])
    return tuple(solve_inverse(T, WORK_POSTURE).tolist())


def paint_board(text: str, letter_m: float, rng: np.random.Generator) -> tuple[Image.Image, tuple[float, float]]:
    """Return the picture of a board and its width and height in metres."""
    font = ImageFont.load_default(size=letter_m * TEXTURE_PX_PER_M / 0.72)  # a capital is 0.72 of the size
    left, top, right, bottom = font.getbbox(text)
    edge = round(0.5 * letter_m * TEXTURE_PX_PER_M)
    width, height = round(right - left) + 2 * edge, round(bottom - top) + 2 * edge
    board = Image.new('RGB', (width, height), pick(rng, GROUNDS))
    ImageDraw.Draw(board).text((edge - left, edge - top), text, pick(rng, INKS), font)
    return board, (width / TEXTURE_PX_PER_M, height / TEXTURE_PX_PER_M)


def _render(drawer: TableDrawer, view: TableView, text: str, rng: np.random.Generator):
    board, size = paint_board(text, float(rng.uniform(*LETTER_M)), rng)
    corners = _place_board(view.camera.name, size, rng)
    middle, client = corners.mean(0), drawer.world.client
    body = _create_board(client, board, corners)
    try:
        picture, _, _ = drawer.draw(replace(view, things=tuple(t for t in view.things if not _hides(t, middle, size))))
    finally:
        p.removeBody(body, physicsClientId=client)
    mask = picture.body == body
    return picture.rgb, [(text, box_of_mask(mask))] if mask.any() else []


def _place_board(camera: str, size: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    lean = LEAN[camera] - rng.uniform(0.0, 0.15)
    right, up = np.array([0.0, size[0] / 2, 0.0]), size[1] * np.array([-np.sin(lean), 0.0, np.cos(lean)])
    widest = max(0.0, SPOTS_Y - size[0] / 2)
    foot = np.array([rng.uniform(*SPOTS_X), rng.uniform(-widest, widest), 0.002])
    return np.array([foot - right, foot + right, foot + right + up, foot - right + up])


def _hides(thing: Thing, middle: np.ndarray, size: tuple[float, float]) -> bool:
    """Return whether a thing stands where the board is, between it and a camera, or in the fingers."""
    ahead, aside = thing.position[0] - middle[0], abs(thing.position[1] - middle[1])
    return thing.place == 'hand' or (aside < size[0] / 2 + ASIDE_M and -BEHIND_M < ahead < AHEAD_M)


def _create_board(client: int, board: Image.Image, corners: np.ndarray) -> int:
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal /= np.linalg.norm(normal)
    shape = p.createVisualShape(
        p.GEOM_MESH,
        vertices=corners.tolist(),
        indices=[0, 1, 2, 0, 2, 3],
        uvs=[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
        normals=[normal.tolist()] * 4,
        rgbaColor=[1, 1, 1, 1],
        physicsClientId=client,
    )
    body = p.createMultiBody(0, -1, shape, physicsClientId=client)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'board.png'
        board.save(path)
        texture = p.loadTexture(str(path), physicsClientId=client)
    p.changeVisualShape(body, -1, textureUniqueId=texture, physicsClientId=client)
    return body
