"""
Pictures for people of what was seen: masks, captions whose words point at pixels, descriptions, answers, retrievals.

Everything is drawn on a copy; sizes of letters and lines grow with the picture. It decides nothing; it only draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vlm_robot.annotation import FONT, INK, PAPER
from vlm_robot.datatypes import Answer, Box, Description, GroundedCaption, GroundedWord, Mask

PALETTE = (
    (230, 75, 60), (40, 120, 210), (35, 150, 85), (240, 150, 30), (145, 80, 180), (20, 165, 175), (215, 80, 150),
    (125, 100, 30),
)  # fmt: skip
MASK_SHARE = 0.5  # of the mask's colour in its pixels
COVER_PX = 240, 180  # of one picture on a sheet of several
MOST_LINES = 40  # of a panel


def draw_masks(rgb: np.ndarray, masks: Sequence[Mask]) -> np.ndarray:
    """Return a copy with every mask in a colour of its own, outlined and named; empty masks are listed below."""
    picture, scale = np.ascontiguousarray(rgb).copy(), measure_scale(rgb)
    for number, item in enumerate(masks):
        colour = PALETTE[number % len(PALETTE)]
        picture[item.mask] = ((1 - MASK_SHARE) * picture[item.mask] + MASK_SHARE * np.array(colour)).astype(np.uint8)
        outlines, _ = cv2.findContours(item.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, round(2 * scale))
    for item in masks:
        if item.mask.any():
            _, _, parts, _ = cv2.connectedComponentsWithStats(item.mask.astype(np.uint8))
            left, top = max(parts[1:], key=lambda part: part[cv2.CC_STAT_AREA])[:2]
            tag(picture, f'{item.label or "the shown thing"} {item.score:.2f}', (left, top), scale)
    absent = [
        f'{item.label or "the shown thing"}: not there ({item.score:.2f})' for item in masks if not item.mask.any()
    ]
    return add_panel(picture, absent, scale)


def draw_caption(rgb: np.ndarray, caption: GroundedCaption) -> np.ndarray:
    """
    Return a copy with the sentence below, an arrow from every word that names a place to its pixel.

    A word that names a thing has the thing's box, too; the region that was asked about has a white frame.
    """
    scale = measure_scale(rgb)
    words = caption.words or tuple(GroundedWord(word, None) for word in caption.text.split())
    picture, places = _write_words(np.ascontiguousarray(rgb), words, scale)
    if caption.box_xyxy_px is not None:
        frame(picture, caption.box_xyxy_px, PAPER, scale)
    for number, (word, place) in enumerate(zip(words, places, strict=True)):
        colour = PALETTE[number % len(PALETTE)]
        if word.box_xyxy_px is not None:
            frame(picture, word.box_xyxy_px, colour, scale)
        if word.point_px is not None:
            _point_at(picture, place, word.point_px, colour, scale)
    return picture


def draw_captions(rgb: np.ndarray, captions: Sequence[GroundedCaption]) -> np.ndarray:
    """Return a copy with the numbered region of each caption, its words' pixels as dots, and the texts below."""
    picture, scale = np.ascontiguousarray(rgb).copy(), measure_scale(rgb)
    for number, caption in enumerate(captions, start=1):
        colour = PALETTE[number % len(PALETTE)]
        for word in caption.words:
            if word.point_px is not None:
                cv2.circle(picture, _round(word.point_px), round(3 * scale), colour, -1, cv2.LINE_AA)
        if caption.box_xyxy_px is not None:
            frame(picture, caption.box_xyxy_px, colour, scale)
            tag(picture, str(number), caption.box_xyxy_px[:2], scale)
    lines = [f'{number}. {item.text} ({item.confidence:.2f})' for number, item in enumerate(captions, start=1)]
    return add_panel(picture, lines or ['nothing was found'], scale)


def draw_description(rgb: np.ndarray, description: Description) -> np.ndarray:
    """Return a copy with the regions that lines speak of, and all lines below."""
    picture, scale = np.ascontiguousarray(rgb).copy(), measure_scale(rgb)
    for line in description.lines:
        if line.box_xyxy_px is not None and line.kind in ('object', 'text'):
            frame(picture, line.box_xyxy_px, PALETTE[0 if line.kind == 'object' else 1], scale)
            tag(picture, line.text, line.box_xyxy_px[:2], scale)
    lines = [f'{line.kind}: {line.text} ({line.confidence:.2f})' for line in description.lines]
    return add_panel(picture, lines or ['nothing is said about it'], scale)


def draw_answer(rgb: np.ndarray, question: str, answer: Answer) -> np.ndarray:
    """Return a copy with question and answer below."""
    return add_panel(rgb, [question, f'{answer.text} ({answer.confidence:.2f})'], measure_scale(rgb))


def draw_shares(rgb: np.ndarray, labels: Sequence[str], shares: Sequence[float]) -> np.ndarray:
    """Return a copy with the labels and how much of the whole each has, largest first, below."""
    order = np.argsort(-np.asarray(shares), kind='stable')
    return add_panel(rgb, [f'{shares[i]:.2f}  {labels[i]}' for i in order], measure_scale(rgb))


def draw_sheet(pictures: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> np.ndarray:
    """Return small copies of several pictures on one sheet, in order, each with a title."""
    width, height = COVER_PX
    cells = []
    for rgb, title in zip(pictures, titles, strict=True):
        shrink = min(width / rgb.shape[1], height / rgb.shape[0])
        size = max(1, round(rgb.shape[1] * shrink)), max(1, round(rgb.shape[0] * shrink))
        cell = np.full((height + 24, width, 3), PAPER, np.uint8)
        cell[: size[1], : size[0]] = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
        _put(cell, title[:34], (4, height + 16), 0.4, INK)
        cells.append(cell)
    empty = np.full((height + 24, width, 3), PAPER, np.uint8)
    columns = min(columns, max(1, len(cells)))
    cells += [empty] * (-len(cells) % columns) or ([] if cells else [empty])
    rows = [np.concatenate(cells[i : i + columns], 1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows)


# ---- parts


def measure_scale(rgb: np.ndarray) -> float:
    """Return by how much letters and lines are larger than on a picture 640 px wide."""
    return max(0.7, max(rgb.shape[:2]) / 640)


def frame(picture: np.ndarray, box: Box, colour: tuple[int, int, int], scale: float) -> None:
    """Draw a box with a dark rim."""
    first, second = _round(box[:2]), _round(box[2:])
    cv2.rectangle(picture, first, second, INK, round(3 * scale))
    cv2.rectangle(picture, first, second, colour, max(1, round(1.5 * scale)))


def tag(picture: np.ndarray, text: str, place: Sequence[float], scale: float) -> None:
    """Write on a light ground just above a place, inside the picture."""
    (width, height), _ = cv2.getTextSize(text, FONT, 0.4 * scale, 1)
    left = int(np.clip(place[0], 0, max(0, picture.shape[1] - width - 4)))
    base = int(np.clip(place[1] - 4, height + 4, picture.shape[0] - 4))
    cv2.rectangle(picture, (left, base - height - 3), (left + width + 4, base + 3), PAPER, -1)
    _put(picture, text, (left + 2, base), 0.4 * scale, INK)


def add_panel(rgb: np.ndarray, lines: Sequence[str], scale: float) -> np.ndarray:
    """Return the picture with lines of text below, broken where they are longer than the picture is wide."""
    broken = [part for line in lines for part in _break(line, rgb.shape[1] - 12, 0.45 * scale)]
    if len(broken) > MOST_LINES:
        broken = [*broken[: MOST_LINES - 1], f'... {len(broken) - MOST_LINES + 1} more lines']
    step = round(20 * scale)
    panel = np.full((step * len(broken) + (8 if broken else 0), rgb.shape[1], 3), PAPER, np.uint8)
    for number, text in enumerate(broken):
        _put(panel, text, (6, step * number + round(16 * scale)), 0.45 * scale, INK)
    return np.concatenate([rgb, panel])


def _write_words(rgb: np.ndarray, words: Sequence[GroundedWord], scale: float):
    """Return the picture with the words below and, for each, where an arrow may begin."""
    size, step, gap = 0.5 * scale, round(26 * scale), round(7 * scale)
    spots, x, row = [], 6, 0
    for word in words:
        width = cv2.getTextSize(word.word, FONT, size, 1)[0][0]
        if x > 6 and x + width > rgb.shape[1] - 6:
            x, row = 6, row + 1
        spots.append((x, row, width))
        x += width + gap
    panel = np.full((step * (row + 1) + round(10 * scale), rgb.shape[1], 3), PAPER, np.uint8)
    picture, places = np.concatenate([rgb, panel]), []
    for number, (word, (x, row, width)) in enumerate(zip(words, spots, strict=True)):
        base = rgb.shape[0] + step * row + round(20 * scale)
        colour = PALETTE[number % len(PALETTE)] if word.point_px is not None else INK
        _put(picture, word.word, (x, base), size, colour)
        places.append((x + width // 2, base - round(13 * scale)))
    return picture, places


def _point_at(picture, begin: tuple[int, int], point: tuple[float, float], colour, scale: float) -> None:
    """Draw a dot at a pixel and a thin line to it, light beneath so that it shows on any ground."""
    end = _round(point)
    cv2.line(picture, begin, end, PAPER, max(2, round(2.5 * scale)), cv2.LINE_AA)
    cv2.line(picture, begin, end, colour, max(1, round(scale)), cv2.LINE_AA)
    cv2.circle(picture, end, round(5 * scale), PAPER, -1, cv2.LINE_AA)
    cv2.circle(picture, end, round(4 * scale), colour, -1, cv2.LINE_AA)


def _break(line: str, width_px: int, size: float) -> list[str]:
    parts: list[str] = []
    for word in line.split():
        longer = f'{parts[-1]} {word}' if parts else word
        if parts and cv2.getTextSize(longer, FONT, size, 1)[0][0] <= width_px:
            parts[-1] = longer
        else:
            parts.append(word)
    return parts


def _put(picture: np.ndarray, text: str, place: tuple[int, int], size: float, colour) -> None:
    plain = text.encode('ascii', 'replace').decode()  # the font has no other letters
    cv2.putText(picture, plain, place, FONT, size, colour, max(1, round(2 * size)), cv2.LINE_AA)


def _round(point: Sequence[float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])
