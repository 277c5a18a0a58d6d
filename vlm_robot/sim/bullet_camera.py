"""
Calibrated RGB-D cameras of the simulator, drawn by Bullet's software renderer (no GPU, no display).

``front`` is opposite the robot and looks down at the table, ``top`` hangs above it; up in both pictures is
towards the robot. Depth is metres along the optical axis. The pictures carry the renderer's own pixel
centres: projecting a world point through ``intrinsics`` and ``T_base_camera`` hits the pixel that shows it
(tests check it).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pybullet as p

from vlm_robot.datatypes import Intrinsics, RgbdImage
from vlm_robot.geometry import intrinsics_of, invert, look_at
from vlm_robot.sim.world import World

NEAR, FAR = 0.05, 6.0  # metres
WIDTH_PX, HEIGHT_PX = 640, 480


@dataclass(frozen=True)
class Lighting:
    """
    How a picture is lit.

    :param direction: where the light comes from, in the base frame.
    :param colour: 0..1 each, tint of the light.
    :param ambient: 0..1, light that is everywhere.
    :param diffuse: 0..1, light that depends on the surface's slope.
    """

    direction: tuple[float, float, float] = (0.6, 0.5, 2.0)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ambient: float = 0.55
    diffuse: float = 0.45
    specular: float = 0.05
    shadow: bool = True


@dataclass(frozen=True)
class CameraSpec:
    """Where a camera stands: eye and target in metres in the base frame, up direction, vertical field of view."""

    name: str
    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    vertical_fov_deg: float = 40.0


FRONT = CameraSpec('front', (1.25, 0.0, 0.65), (0.50, 0.0, 0.0))
TOP = CameraSpec('top', (0.52, 0.0, 1.05), (0.52, 0.0, 0.0), (-1.0, 0.0, 0.0), 31.0)
CAMERAS = {spec.name: spec for spec in (FRONT, TOP)}


@dataclass(frozen=True, eq=False)
class Rendering:
    """
    One raw picture.

    :param rgb: (H, W, 3) uint8.
    :param depth: (H, W) float32 metres.
    :param body: (H, W) int32, body id per pixel, -1 for background.
    """

    rgb: np.ndarray
    depth: np.ndarray
    body: np.ndarray


@dataclass
class BulletCamera:
    """A camera at a fixed pose in a world; implements ``camera.Camera``."""

    world: World
    spec: CameraSpec
    lighting: Lighting = field(default_factory=Lighting)
    width_px: int = WIDTH_PX
    height_px: int = HEIGHT_PX

    def __post_init__(self) -> None:
        """Compute the calibration."""
        self.name = self.spec.name
        self.intrinsics = intrinsics_of(self.width_px, self.height_px, self.spec.vertical_fov_deg)
        self.T_base_camera = look_at(self.spec.eye, self.spec.target, self.spec.up)
        self._view = _to_view_matrix(self.T_base_camera)
        self._projection = _to_projection_matrix(self.intrinsics)

    def read(self) -> RgbdImage:
        """Render the world as it is now."""
        picture = self.render()
        return RgbdImage(picture.rgb, picture.depth, self.intrinsics, self.T_base_camera, self.world.time, self.name)

    def render(self) -> Rendering:
        """Render colour, depth and which body every pixel shows."""
        light = self.lighting
        _, _, rgba, buffer, body = p.getCameraImage(
            self.width_px,
            self.height_px,
            self._view,
            self._projection,
            lightDirection=light.direction,
            lightColor=light.colour,
            lightDistance=2.0,
            lightAmbientCoeff=light.ambient,
            lightDiffuseCoeff=light.diffuse,
            lightSpecularCoeff=light.specular,
            shadow=int(light.shadow),
            renderer=p.ER_TINY_RENDERER,
            physicsClientId=self.world.client,
        )
        shape = (self.height_px, self.width_px)
        rgb = np.asarray(rgba, np.uint8).reshape(*shape, 4)[..., :3].copy()
        buffer = np.asarray(buffer, np.float32).reshape(shape)
        depth = FAR * NEAR / (FAR - (FAR - NEAR) * buffer)
        depth[buffer >= 1.0] = 0.0
        return Rendering(rgb, depth.astype(np.float32), np.asarray(body, np.int32).reshape(shape))


def _to_view_matrix(T_base_camera: np.ndarray) -> list[float]:
    opengl = T_base_camera @ np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL looks along -z with y up
    return invert(opengl).T.ravel().tolist()


def _to_projection_matrix(k: Intrinsics) -> list[float]:
    m = np.zeros((4, 4))
    m[0, 0] = 2 * k.fx_px / k.width_px
    m[1, 1] = 2 * k.fy_px / k.height_px
    m[0, 2] = 1 - (2 * k.cx_px + 1) / k.width_px
    m[1, 2] = (2 * k.cy_px + 1) / k.height_px - 1
    m[2, 2] = -(FAR + NEAR) / (FAR - NEAR)
    m[2, 3] = -2 * FAR * NEAR / (FAR - NEAR)
    m[3, 2] = -1
    return m.T.ravel().tolist()
