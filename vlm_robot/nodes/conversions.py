"""
Messages to values and back: frames, detections, the scene, the hand, the simulator's truth.

Plans stand in ``plan_conversions``, what sight says in ``sight_conversions``; these three alone see both sides.
Frames are those of the values: points in the base frame, camera poses as T_base_camera of the optical frame
(REP 103), depth per REP 118 (32FC1 metres or 16UC1 millimetres). Messages carry float32 numbers; nothing else
is lost on the way. Filling ``data`` through ``array.frombytes`` is the one form that is fast on every ROS 2
distribution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseStamped, TransformStamped, Vector3
import numpy as np
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header

from vlm_robot.camera.optics import Calibration, match_size
from vlm_robot.datatypes import (
    Detection,
    Intrinsics,
    LiftedDetection,
    Relation,
    RgbdImage,
    Scene,
    SceneObject,
    WorldState,
)
from vlm_robot.errors import MotionError
from vlm_robot.geometry import build_transform, to_quaternion
from vlm_robot.nodes import pixels
from vlm_robot_interfaces import msg as msgs
from vlm_robot_interfaces.srv import GetWorldState

BASE_FRAME = 'base'
LONGEST_NAME = 100  # characters of the name of a thing


def to_stamp(seconds: float) -> Time:
    """Return seconds as a stamp; to_seconds gives back the same float down to a nanosecond."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def to_seconds(stamp: Time) -> float:
    """Return a stamp as seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def to_header(seconds: float, frame: str) -> Header:
    """Return a header with that stamp and frame."""
    return Header(stamp=to_stamp(seconds), frame_id=frame)


def to_camera_info(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """Return the calibration of a camera without distortion."""
    fx, fy, cx, cy = intrinsics.fx_px, intrinsics.fy_px, intrinsics.cx_px, intrinsics.cy_px
    message = CameraInfo(header=header, width=intrinsics.width_px, height=intrinsics.height_px)
    message.distortion_model, message.d = 'plumb_bob', [0.0] * 5
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = np.eye(3).ravel().tolist()
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def from_camera_info(message: CameraInfo) -> Calibration:
    """Return the calibration; raise ImageError when the camera is uncalibrated or its model is not known."""
    roi = message.roi
    return Calibration(
        (message.width, message.height),
        tuple(float(message.k[index]) for index in (0, 4, 2, 5)),
        message.distortion_model,
        tuple(float(value) for value in message.d),
        (roi.x_offset, roi.y_offset, roi.width, roi.height),
        (message.binning_x or 1, message.binning_y or 1),
    )


def to_pose(T: np.ndarray) -> Pose:
    """Return a rigid transform as a pose."""
    pose = Pose(position=to_point(T[:3, 3]))
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = to_quaternion(T).tolist()
    return pose


def from_pose(pose: Pose) -> np.ndarray:
    """Return (4, 4) float64; raise MotionError when quaternion or numbers make no sense."""
    q = np.array([pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w])
    position = from_point(pose.position)
    if not np.isfinite([*q, *position]).all() or abs(np.linalg.norm(q) - 1) > 1e-3:
        raise MotionError(f'a pose has position {position} and quaternion {q.tolist()}; it needs length 1, xyzw')
    return build_transform(position, q)


def to_pose_stamped(T: np.ndarray, header: Header) -> PoseStamped:
    """Return T_frame_x as a pose in the header's frame."""
    return PoseStamped(header=header, pose=to_pose(T))


def to_transform(pose: PoseStamped, child: str) -> TransformStamped:
    """Return the pose of a frame as what tf carries."""
    message = TransformStamped(header=pose.header, child_frame_id=child)
    message.transform.translation = to_vector(from_point(pose.pose.position))
    message.transform.rotation = pose.pose.orientation
    return message


def to_point(p: Iterable[float]) -> Point:
    """Return three metres as a point."""
    x, y, z = (float(value) for value in p)
    return Point(x=x, y=y, z=z)


def from_point(point: Point | Vector3) -> tuple[float, float, float]:
    """Return a point or vector as three floats."""
    return (point.x, point.y, point.z)


def is_finite(*values: float) -> bool:
    """Return whether all of them are numbers that can be reckoned with."""
    return bool(np.isfinite(values).all())


def to_vector(v: Iterable[float]) -> Vector3:
    """Return three numbers as a vector."""
    x, y, z = (float(value) for value in v)
    return Vector3(x=x, y=y, z=z)


def to_frame(frame: RgbdImage, prefix: str = '') -> tuple[Image, Image, CameraInfo, PoseStamped]:
    """Return colour, depth, calibration and pose with one stamp; ``prefix`` comes before frame ids."""
    header = to_header(frame.stamp, f'{prefix}{frame.camera}_optical_frame')
    pose = to_pose_stamped(frame.T_base_camera, to_header(frame.stamp, prefix + BASE_FRAME))
    depth = pixels.to_image(frame.depth, '32FC1', header)
    return pixels.to_image(frame.rgb, 'rgb8', header), depth, to_camera_info(frame.intrinsics, header), pose


def from_frame(camera: str, colour: Image, depth: Image, info: CameraInfo, pose: PoseStamped) -> RgbdImage:
    """
    Return one frame of a camera, straightened where the lens bends.

    Colour and depth must show the same part of the scene; depth may be smaller or larger.

    :raises ImageError: the parts do not belong together.
    """
    rgb, metres, calibration = pixels.from_colour(colour), pixels.from_depth(depth), from_camera_info(info)
    intrinsics = calibration.fit(colour.width, colour.height)
    metres = match_size(metres, colour.width, colour.height)
    rgb, metres = calibration.rectify(rgb), calibration.rectify(metres, nearest=True)
    return RgbdImage(rgb, metres, intrinsics, from_pose(pose.pose), to_seconds(colour.header.stamp), camera)


def straighten(rgb: np.ndarray, info: CameraInfo | None) -> np.ndarray:
    """
    Return a picture as a lens without distortion would have drawn it; as it is where no calibration says how.

    :param rgb: (H, W, 3) uint8.
    :raises ImageError: the calibration is broken or of another picture.
    """
    if info is None or info.k[0] == 0 or not any(info.d):
        return rgb
    return from_camera_info(info).rectify(rgb)


def to_detection(seen: LiftedDetection | Detection) -> msgs.Detection:
    """Return a detection as a message, with its place where it has one."""
    detection = seen.detection if isinstance(seen, LiftedDetection) else seen
    message = msgs.Detection(label=detection.label, score=float(detection.score))
    box = [float(value) for value in detection.box_xyxy_px]
    message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px = box
    if isinstance(seen, LiftedDetection):
        message.has_position, message.yaw = True, float(seen.yaw)
        message.position, message.size = to_point(seen.p_base), to_vector(seen.size)
    return message


def to_detections(
    found: Sequence[Detection], lifted: Sequence[LiftedDetection], image: Image, pose: PoseStamped
) -> msgs.DetectionArray:
    """Return what was found in an image; those without a place among ``lifted`` stand there without one."""
    placed = {item.detection: item for item in lifted}
    items = [to_detection(placed.get(detection, detection)) for detection in found]
    return msgs.DetectionArray(
        header=image.header,
        position_frame=pose.header.frame_id,
        image_width_px=image.width,
        image_height_px=image.height,
        detections=items,
    )


def clean_name(text: str) -> str:
    """Return what a stranger calls a thing on one line of at most LONGEST_NAME printable characters: it is data."""
    return ' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())[:LONGEST_NAME]


def from_detection(message: msgs.Detection) -> Detection:
    """Return what was seen, without its place."""
    box = (message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px)
    return Detection(clean_name(message.label), message.score, box)


def from_detections(message: msgs.DetectionArray) -> list[LiftedDetection]:
    """Return those detections that have a place in the world; one of numbers that are none is no place."""
    return [
        LiftedDetection(
            from_detection(item), from_point(item.position), from_point(item.size), item.yaw, message.camera
        )
        for item in message.detections
        if item.has_position and is_finite(*from_point(item.position), *from_point(item.size), item.yaw, item.score)
    ]


def to_scene(scene: Scene, text: str, frame: str = BASE_FRAME) -> msgs.Scene:
    """Return the scene as a message with its words."""
    message = msgs.Scene(header=to_header(scene.stamp, frame), held=scene.held, text=text)
    message.objects = [
        msgs.SceneObject(
            name=item.name,
            label=item.label,
            position=to_point(item.p_base),
            size=to_vector(item.size),
            yaw=float(item.yaw),
            score=float(item.score),
            last_seen=to_stamp(item.stamp),
        )
        for item in scene.objects
    ]
    message.relations = [
        msgs.Relation(subject=r.subject, predicate=r.predicate, object=r.object) for r in scene.relations
    ]
    return message


def from_scene(message: msgs.Scene) -> Scene:
    """Return the scene of a message, without things whose place or size is no number."""
    objects = tuple(
        SceneObject(
            clean_name(item.name),
            clean_name(item.label),
            from_point(item.position),
            from_point(item.size),
            item.yaw,
            item.score,
            to_seconds(item.last_seen),
        )
        for item in message.objects
        if is_finite(*from_point(item.position), *from_point(item.size), item.yaw)
    )
    relations = tuple(Relation(r.subject, r.predicate, r.object) for r in message.relations)
    return Scene(objects, relations, message.held, to_seconds(message.header.stamp))


def to_hand_state(
    held: str, width: float, T_base_tcp: np.ndarray, stamp: float, moving: bool = False
) -> msgs.HandState:
    """Return what the hand does as a message."""
    header, pose = to_header(stamp, 'tcp'), to_pose(T_base_tcp)
    return msgs.HandState(header=header, moving=moving, held=held, width_m=float(width), pose=pose)


def to_joint_state(
    names: Iterable[str], positions: Iterable[float], stamp: float, velocities: Iterable[float] = ()
) -> JointState:
    """Return joint positions, radians and metres, and velocities, the same per second, as a message."""
    message = JointState(header=to_header(stamp, ''), name=list(names))
    message.position, message.velocity = ([float(value) for value in values] for values in (positions, velocities))
    return message


def fill_world_state(message: GetWorldState.Response, labels: dict[str, str], poses: dict, held: str) -> None:
    """Write the simulator's truth into a response; ``poses``: name -> T_base_object, (4, 4)."""
    message.names, message.held = list(poses), held
    message.labels = [labels[name] for name in poses]
    message.poses = [to_pose(T) for T in poses.values()]


def from_world_state(message: GetWorldState.Response) -> WorldState:
    """Return the simulator's truth."""
    places = (from_point(pose.position) for pose in message.poses)
    return WorldState(dict(zip(message.names, places, strict=True)), message.held)
