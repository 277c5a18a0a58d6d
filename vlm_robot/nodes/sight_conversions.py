"""
Sight as messages and back: masks, grounded captions, descriptions, regions, remembered views.

Boxes and points are in pixels of the original image; label images and masks are mono8 at its size. Messages carry
float32 numbers; nothing else is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from vlm_robot.datatypes import (
    Box,
    Description,
    DescriptionLine,
    Detection,
    GroundedCaption,
    GroundedWord,
    Mask,
)
from vlm_robot.nodes import pixels
from vlm_robot.nodes.conversions import to_detection, to_header, to_point
from vlm_robot.perception.regions import cut_box, frame_mask
from vlm_robot.scene.memory import Recollection
from vlm_robot_interfaces import msg as msgs

MOST_LABELS = 255  # that a mono8 label image can tell apart


def fill_box(message: Any, box: Box | None) -> Any:
    """Write a region into a message with ``has_region`` and four sides; return the message."""
    message.has_region = box is not None
    if box is not None:
        message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px = (float(side) for side in box)
    return message


def read_box(message: Any) -> Box | None:
    """Return the region of a message; None is the whole image."""
    if not message.has_region:
        return None
    return message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px


def read_region(request: Any, rgb: np.ndarray) -> Box | None:
    """Return the region that a request asks about, cut to the picture; raise ImageError where nothing is left."""
    box = read_box(request)
    return None if box is None else cut_box(box, rgb)


def to_found(found: Sequence[Detection], rgb: np.ndarray, header: Header) -> msgs.DetectionArray:
    """Return what was found in an image, (H, W, 3), boxes only."""
    items = [to_detection(item) for item in found]
    return msgs.DetectionArray(
        header=header, image_width_px=rgb.shape[1], image_height_px=rgb.shape[0], detections=items
    )


# ---- masks


def to_segmentation(
    masks: Sequence[Mask], rgb: np.ndarray, header: Header, with_masks: bool = False
) -> msgs.Segmentation:
    """
    Return what was segmented in an image; a mask without a pixel says that the query is not there.

    :param with_masks: whether every detection carries its whole mask beside the label image.
    """
    there = sorted((mask for mask in masks if mask.mask.any()), key=lambda mask: -mask.score)[:MOST_LABELS]
    labels = np.zeros(rgb.shape[:2], np.uint8)
    for number in range(len(there), 0, -1):
        labels[there[number - 1].mask] = number
    message = msgs.Segmentation(header=header, labels=pixels.to_image(labels, 'mono8', header))
    message.queries = [mask.label for mask in masks]
    message.scores = [float(mask.score) for mask in masks]
    for mask in there:
        item = to_detection(Detection(mask.label, mask.score, frame_mask(mask.mask) or (0.0, 0.0, 0.0, 0.0)))
        if with_masks:
            fill_mask(item, mask.mask, header)
        message.detections.append(item)
    return message


def fill_mask(message: msgs.Detection, mask: np.ndarray, header: Header) -> None:
    """Write a mask, (H, W) bool, into a detection."""
    message.has_mask = True
    message.mask = pixels.to_image(mask.astype(np.uint8) * np.uint8(255), 'mono8', header)


def from_mask(message: Image) -> np.ndarray:
    """Return a mask message as (H, W) bool."""
    return pixels.from_colour(message)[..., 0] > 0


def from_segmentation(message: msgs.Segmentation) -> list[Mask]:
    """Return what is there, best first, each with its pixels of the label image; probabilities are 0 or 1."""
    if not message.labels.width:
        return []
    labels = pixels.from_colour(message.labels)[..., 0]
    masks = [(item, labels == number) for number, item in enumerate(message.detections, start=1)]
    return [Mask(item.label, item.score, mask.astype(np.float32), mask) for item, mask in masks]


# ---- words


def to_word(word: GroundedWord) -> msgs.GroundedWord:
    """Return a word with its place as a message."""
    message = msgs.GroundedWord(word=word.word, confidence=float(word.confidence))
    if word.point_px is not None:
        message.has_point = True
        message.x_px, message.y_px = (float(value) for value in word.point_px)
    if word.box_xyxy_px is not None:
        message.has_box = True
        sides = (float(side) for side in word.box_xyxy_px)
        message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px = sides
    return message


def from_word(message: msgs.GroundedWord) -> GroundedWord:
    """Return a word with its place."""
    point = (message.x_px, message.y_px) if message.has_point else None
    box = (message.x_min_px, message.y_min_px, message.x_max_px, message.y_max_px) if message.has_box else None
    return GroundedWord(message.word, point, box, message.confidence)


def to_caption(caption: GroundedCaption, header: Header) -> msgs.GroundedCaption:
    """Return a grounded caption as a message."""
    words = [to_word(word) for word in caption.words]
    message = msgs.GroundedCaption(header=header, text=caption.text, words=words, confidence=float(caption.confidence))
    return fill_box(message, caption.box_xyxy_px)


def from_caption(message: msgs.GroundedCaption) -> GroundedCaption:
    """Return a grounded caption."""
    words = tuple(from_word(word) for word in message.words)
    return GroundedCaption(message.text, words, message.confidence, read_box(message))


def to_description(description: Description, header: Header) -> msgs.Description:
    """Return a description as a message."""
    lines = [
        fill_box(
            msgs.DescriptionLine(kind=line.kind, text=line.text, confidence=float(line.confidence)), line.box_xyxy_px
        )
        for line in description.lines
    ]
    return msgs.Description(header=header, lines=lines, text=description.text)


def from_description(message: msgs.Description) -> Description:
    """Return a description."""
    return Description(
        tuple(DescriptionLine(line.kind, line.text, line.confidence, read_box(line)) for line in message.lines)
    )


def to_view(item: Recollection) -> msgs.SeenView:
    """Return something that was remembered; its header has the stamp, the camera's optical frame by its usual name."""
    memory = item.memory
    message = msgs.SeenView(camera=memory.camera, label=memory.label, score=float(item.cosine))
    message.header = to_header(memory.stamp, f'{memory.camera}_optical_frame')
    if memory.p_base is not None:
        message.has_position, message.position = True, to_point(memory.p_base)
    return fill_box(message, memory.box_xyxy_px)
