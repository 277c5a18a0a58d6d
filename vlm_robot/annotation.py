"""
Pictures for people: boxes on frames, scores as bars, frames as a film.

Colours of boxes are those of the labels where a label names one. It decides nothing; it only draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np

from vlm_robot.datatypes import Decision, Detection, OptionScore
from vlm_robot.errors import ImageError
from vlm_robot.vocabulary import COLOURS

INK, PAPER = (30, 30, 30), (250, 250, 248)
SAY, CAN, BOTH = (70, 116, 190), (205, 75, 65), (120, 85, 150)  # language blue, affordance red, product
SHADE = (226, 234, 214)  # behind the option that was chosen
OTHER = (255, 220, 0)  # of what has no colour in its name
FONT = cv2.FONT_HERSHEY_SIMPLEX
ROW_PX, BAR_PX, TEXT_PX = 34, 190, 400
TEXT_CHARS = 46  # that fit into TEXT_PX


def read_image(path: Path) -> np.ndarray:
    """
    Return an image file as (H, W, 3) uint8 RGB; grey and RGBA files are converted.

    :raises ImageError: there is no such file or it is no image.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f"cannot read the image '{path}': {error.strerror or error}") from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise ImageError(f"'{path}' is no image that can be decoded; PNG, JPEG, BMP, TIFF and WebP can")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def write_image(rgb: np.ndarray, path: Path) -> None:
    """Write (H, W, 3) uint8 RGB; the ending of the path decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        written = cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ImageError(f"cannot write '{path}': use an ending such as .png or .jpg") from error
    if not written:
        raise ImageError(f"cannot write '{path}'; is the folder writable?")


def draw_detections(rgb: np.ndarray, detections: Sequence[Detection]) -> np.ndarray:
    """Return a copy with a box, the label and the score of every detection."""
    picture = np.ascontiguousarray(rgb).copy()
    for found in sorted(detections, key=lambda d: d.score):
        left, top, right, bottom = (round(v) for v in found.box_xyxy_px)
        cv2.rectangle(picture, (left, top), (right, bottom), INK, 3)
        cv2.rectangle(picture, (left, top), (right, bottom), choose_colour(found.label), 2)
        _tag(picture, f'{found.label} {found.score:.2f}', (left, top, bottom))
    return picture


def choose_colour(label: str) -> tuple[int, int, int]:
    """Return the colour that a label names first, red, green, blue; a bright one where it names none."""
    return next((COLOURS[word] for word in label.lower().split() if word in COLOURS), OTHER)


def _tag(picture: np.ndarray, text: str, place: tuple[int, int, int]) -> None:
    """Write a text above a thing, or below it where there is no room; ``place``: left, top, bottom in pixels."""
    left, top, bottom = place
    (width, height), _ = cv2.getTextSize(text, FONT, 0.4, 1)
    base = top - 4 if top > height + 8 else bottom + height + 4
    left = min(left, picture.shape[1] - width - 4)
    cv2.rectangle(picture, (left, base - height - 3), (left + width + 4, base + 3), PAPER, -1)
    cv2.putText(picture, text, (left + 2, base), FONT, 0.4, INK, 1, cv2.LINE_AA)


def draw_decision(decision: Decision, top: int = 6, title: str = '') -> np.ndarray:
    """
    Return bars of language, affordance and product for the best options, as the figures of the SayCan paper.

    :param top: rows; the chosen option is always among them, on a shaded ground.
    :param title: a line above, for example the sentence.
    """
    options = list(decision.options[:top])
    if decision.chosen not in options and decision.chosen in decision.options:
        options[-1] = decision.chosen
    notes = [text for text in (_tell_reason(decision),) if text]
    rows = len(options) + 1 + bool(title) + len(notes)
    picture = np.full((ROW_PX * rows + 8, TEXT_PX + 3 * BAR_PX, 3), PAPER, np.uint8)
    base = 22
    if title:
        _write(picture, title, (8, base), 0.5, INK, 100)
        base += ROW_PX
    for column, (name, colour) in enumerate((('say', SAY), ('can', CAN), ('say x can', BOTH))):
        _write(picture, name, (TEXT_PX + column * BAR_PX, base), 0.5, colour)
    for option in options:
        base += ROW_PX
        _draw_option(picture, option, base, option == decision.chosen)
    for text in notes:
        base += ROW_PX
        _write(picture, text, (8, base), 0.45, CAN, 110)
    return picture


def draw_decisions(decisions: Sequence[Decision], title: str = '') -> np.ndarray:
    """Return the bars of several decisions, one below the other."""
    pictures = [draw_decision(item, title=f'{number}. {title}') for number, item in enumerate(decisions, start=1)]
    return np.concatenate(pictures) if pictures else np.full((ROW_PX, TEXT_PX, 3), PAPER, np.uint8)


def _tell_reason(decision: Decision) -> str:
    if decision.question is not None:
        return f'asks: {decision.question.text}'
    return f'because {decision.reason}' if decision.reason else ''


def _draw_option(picture: np.ndarray, option: OptionScore, base: int, is_chosen: bool) -> None:
    if is_chosen:
        cv2.rectangle(picture, (0, base - 21), (picture.shape[1], base + 11), SHADE, -1)
    _write(picture, ('> ' if is_chosen else '  ') + option.text.strip(), (8, base), 0.45, INK, TEXT_CHARS)
    if is_chosen:  # written twice, a pixel apart: bold
        _write(picture, '> ' + option.text.strip(), (9, base), 0.45, INK, TEXT_CHARS)
    for column, (value, colour) in enumerate(
        ((option.language, SAY), (option.affordance, CAN), (option.product, BOTH))
    ):
        left = TEXT_PX + column * BAR_PX
        length = round((BAR_PX - 60) * float(np.clip(value, 0, 1)))
        cv2.rectangle(picture, (left, base - 12), (left + max(1, length), base + 3), colour, -1)
        _write(picture, f'{value:.2f}', (left + length + 6, base), 0.4, INK)


def _write(picture: np.ndarray, text: str, place: tuple[int, int], scale: float, colour, most: int = 999) -> None:
    """Write a text on a picture; the font has no other letters than those of ASCII."""
    plain = text.encode('ascii', 'replace').decode()
    plain = plain if len(plain) <= most else plain[: most - 3] + '...'
    cv2.putText(picture, plain, place, FONT, scale, colour, 1, cv2.LINE_AA)


def write_film(frames: Sequence[np.ndarray], path: Path, frames_per_second: float = 8.0) -> None:
    """Write frames of equal size as an animated GIF that plays for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not frames:
        raise ImageError(f"no frames were taken, so '{path}' cannot be written")
    small = [cv2.resize(f, (320, 240), interpolation=cv2.INTER_AREA) for f in frames]
    iio.imwrite(path, np.stack(small), duration=1000 / frames_per_second, loop=0)
