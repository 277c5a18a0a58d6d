"""
The commands that look at one picture: ``segment``, ``ground``, ``caption``, ``describe``, ``ask``, ``classify``.

Models are imported when a command runs, so that ``--help`` is instant; each command loads
only what it needs. What is read in a picture or said about it is shown, never followed.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vlm_robot.console import console
from vlm_robot.datatypes import GroundedCaption, Mask
from vlm_robot.errors import ImageError
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.sight_options import (
    ConfigFile,
    Image,
    Json,
    Model,
    Out,
    parse_box,
    parse_point,
    read_settings,
)

TEMPLATES = ('{}', 'a photo of a {}')


def segment(  # noqa: PLR0913 -- one argument per option
    image: Image,
    query: Annotated[
        list[str] | None, typer.Option('--query', '-q', help='Whose pixels to show; may be repeated.')
    ] = None,
    example: Annotated[Path | None, typer.Option('--example', help='A picture of it instead of words.')] = None,
    example_box: Annotated[
        str, typer.Option('--example-box', help='Where it is in that picture: x0,y0,x1,y1 in pixels.')
    ] = '',
    mix: Annotated[
        float | None, typer.Option(min=0, max=1, help='Join words and example into one prompt; the share of the words.')
    ] = None,
    model: Model = '',
    out: Out = None,
    masks: Annotated[Path | None, typer.Option(help='Folder for one black-and-white picture a query.')] = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Show which pixels words name; or what an example picture shows; or both together.

    The example is cut out, what surrounds it blurred and darkened.

    Example: vlm-robot segment frame.png --query "red block" --query "green bowl" --out masks.png

    Example: vlm-robot segment frame.png --example other.png --example-box 120,80,160,121 -q "red block" --mix 0.5
    """
    if not (query or example):
        raise ImageError('say whose pixels to show: --query TEXT or --example IMAGE with --example-box')
    if mix is not None and not (query and example):
        raise ImageError('--mix joins words and an example: give --query and --example, too')
    from vlm_robot.annotation import read_image, write_image
    from vlm_robot.perception.clipseg import ClipSegSegmenter

    rgb, prompts = read_image(image), _make_prompts(query or [], example, example_box, mix)
    segmenter = ClipSegSegmenter(read_settings(config, 'segmenter', model))
    found = segmenter.segment(rgb, prompts)
    rows = [_describe_mask(item) for item in found]
    for row in rows:
        where = f'{row["pixels"]} px in {row["box_xyxy_px"]}' if row['pixels'] else 'not there'
        console.print(f'{row["label"]:24} {row["score"]:.3f}  {where}', highlight=False, markup=False)
    if masks:
        for number, item in enumerate(found, start=1):
            write_image((item.mask[..., None] * 255).repeat(3, 2).astype('uint8'), masks / f'{number}.png')
    _draw(out, 'draw_masks', rgb, found)
    save_json({'image': str(image), 'model': segmenter.name, 'masks': rows}, json_file)


def _make_prompts(query: list[str], example: Path | None, box: str, mix: float | None) -> list[Any]:
    """Return the words, then the example; or one prompt a word that says both."""
    if example is None:
        return list(query)
    from vlm_robot.annotation import read_image
    from vlm_robot.perception.visual_prompts import PicturePrompt

    shown = read_image(example)
    place = parse_box(box) if box else (0.0, 0.0, float(shown.shape[1]), float(shown.shape[0]))
    if mix is None:
        return [*query, PicturePrompt(shown, place)]
    return [PicturePrompt(shown, place, text=words, text_share=mix) for words in query]


def ground(
    image: Image,
    phrase: Annotated[str, typer.Argument(help='For example "the red block left of the blue bowl".')],
    model: Model = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Find the one thing that a phrase means, relations included.

    Example: vlm-robot ground frame.png "the red block left of the blue bowl" --out found.png
    """
    from vlm_robot.annotation import draw_detections, read_image, write_image

    rgb = read_image(image)
    grounder = _load_grounder(config, model)
    found = grounder.ground(rgb, phrase)
    for item in found:
        box = [round(v, 1) for v in item.box_xyxy_px]
        console.print(f'{item.label:24} {item.score:.3f}  {box}', highlight=False, markup=False)
    if not found:
        console.print(f'{phrase:24} not found', style='yellow', highlight=False, markup=False)
    if out:
        write_image(draw_detections(rgb, found), out)
    rows = [asdict(item) for item in found]
    save_json({'image': str(image), 'model': grounder.name, 'phrase': phrase, 'detections': rows}, json_file)


def caption(  # noqa: PLR0913 -- one argument per option
    image: Image,
    box: Annotated[str, typer.Option(help='Only this part of the picture: x0,y0,x1,y1 in pixels.')] = '',
    point: Annotated[str, typer.Option(help='Only what is at this place: x,y in pixels.')] = '',
    dense: Annotated[bool, typer.Option('--dense', help='One caption for every thing that is found.')] = False,
    model: Model = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Say what a picture shows, every word with the pixel that it speaks of.

    Example: vlm-robot caption frame.png --out caption.png

    Example: vlm-robot caption frame.png --box 120,80,160,121

    Example: vlm-robot caption frame.png --point 140,100
    """
    from vlm_robot.annotation import read_image

    region, place = parse_box(box) if box else None, parse_point(point) if point else None
    if sum(map(bool, (region, place, dense))) > 1:
        raise ImageError('--box asks about one region, --point about one place, --dense about all: give one of them')
    rgb = read_image(image)
    grounder = _load_grounder(config, model)
    if dense:
        found = grounder.caption_dense(rgb)
    else:
        found = [grounder.caption_point(rgb, place) if place else grounder.caption(rgb, region)]
    for item in found:
        _tell_caption(item)
    if not found:
        console.print('nothing was found', style='yellow')
    _draw(out, 'draw_captions' if dense else 'draw_caption', rgb, found if dense else found[0])
    save_json({'image': str(image), 'model': grounder.name, 'captions': [asdict(item) for item in found]}, json_file)


def describe(
    image: Image,
    captions: Annotated[str, typer.Option(help='none, whole, or dense; default: as the settings say.')] = '',
    model: Annotated[str, typer.Option(help='Detector, name or folder; default: as the settings say.')] = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Say all that is seen: tags, attributes, captions, written text, things, how many, and where.

    Example: vlm-robot describe frame.png --json description.json
    """
    from vlm_robot.annotation import read_image
    from vlm_robot.config import load_config
    from vlm_robot.evaluation.describing import load_describer

    rgb, settings = read_image(image), load_config(config)
    if model:
        settings = replace(settings, detector=replace(settings.detector, model=model))
    if captions:
        settings = replace(settings, describer=replace(settings.describer, captions=captions))
    describer = load_describer(settings)
    found = describer.describe(rgb)
    console.print(found.text or 'nothing is said about it', highlight=False, markup=False)
    _draw(out, 'draw_description', rgb, found)
    lines = [asdict(line) for line in found.lines]
    save_json({'image': str(image), 'model': describer.name, 'lines': lines}, json_file)


def ask(
    image: Image,
    question: Annotated[str, typer.Argument(help='For example "how many red blocks are there?"')],
    by: Annotated[str, typer.Option(help='vilt sees; lens reads the description with the language model.')] = 'vilt',
    model: Annotated[str, typer.Option(help='Of ViLT: name or folder; default: as the settings say.')] = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Answer a question about a picture.

    Example: vlm-robot ask frame.png "what colour is the bowl?"
    """
    from vlm_robot.annotation import read_image
    from vlm_robot.config import load_config
    from vlm_robot.evaluation.answering import load_answerer

    rgb, settings = read_image(image), load_config(config)
    if model:
        settings = replace(settings, vilt=replace(settings.vilt, model=model))
    answerer = load_answerer(by, settings)
    found = answerer.answer(rgb, question)
    console.print(f'{found.text} ({found.confidence:.2f})', highlight=False, markup=False)
    if found.evidence:
        console.print(found.evidence, style='dim', highlight=False, markup=False)
    if out:
        from vlm_robot.annotation import write_image
        from vlm_robot.sight_annotation import draw_answer

        write_image(draw_answer(rgb, question, found), out)
    save_json({'image': str(image), 'model': answerer.name, 'question': question} | asdict(found), json_file)


def classify(
    image: Image,
    label: Annotated[list[str], typer.Argument(help='Two or more labels, one of which is taken to be true.')],
    box: Annotated[str, typer.Option(help='Only this part of the picture: x0,y0,x1,y1 in pixels.')] = '',
    model: Model = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Say which of several labels fits a picture, or one box of it, best.

    Example: vlm-robot classify frame.png "a red block" "a green bowl" --box 120,80,160,121
    """
    from vlm_robot.annotation import read_image, write_image
    from vlm_robot.perception.clip_embedder import ClipEmbedder
    from vlm_robot.perception.crops import cut_around
    from vlm_robot.sight_annotation import draw_shares

    rgb = read_image(image)
    part = cut_around(rgb, parse_box(box)) if box else rgb
    labels = list(dict.fromkeys(label))
    embedder = ClipEmbedder(read_settings(config, 'clip', model))
    shares = embedder.classify(part, labels, TEMPLATES).tolist()
    for name, share in sorted(zip(labels, shares, strict=True), key=lambda pair: -pair[1]):
        console.print(f'{name:32} {share:.3f}', highlight=False, markup=False)
    if out:
        write_image(draw_shares(part, labels, shares), out)
    by_label = dict(zip(labels, shares, strict=True))
    save_json({'image': str(image), 'model': embedder.name, 'shares': by_label}, json_file)


def _load_grounder(config: Path | None, model: str) -> Any:
    from vlm_robot.perception.pixel_llm.grounder import PixelLlm

    return PixelLlm(read_settings(config, 'grounder', model))


def _describe_mask(item: Mask) -> dict[str, Any]:
    """Return a mask as plain data: how many pixels and the box around them."""
    box = None
    if item.mask.any():
        import numpy as np

        rows, columns = np.nonzero(item.mask)
        box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    return {'label': item.label, 'score': float(item.score), 'pixels': int(item.mask.sum()), 'box_xyxy_px': box}


def _tell_caption(item: GroundedCaption) -> None:
    where = f'{[round(v, 1) for v in item.box_xyxy_px]}: ' if item.box_xyxy_px else ''
    words = f'{where}{item.text or "(no words)"} ({item.confidence:.2f})'
    console.print(words, highlight=False, markup=False, soft_wrap=True)
    placed = [f'{w.word} ({w.point_px[0]:.0f}, {w.point_px[1]:.0f})' for w in item.words if w.point_px]
    if placed:
        console.print(f'    {"; ".join(placed)}', style='dim', highlight=False, markup=False)


def _draw(out: Path | None, name: str, rgb: Any, found: Any) -> None:
    """Write the picture that a function of ``sight_annotation`` makes, where a path was given."""
    if out:
        from vlm_robot import sight_annotation
        from vlm_robot.annotation import write_image

        write_image(getattr(sight_annotation, name)(rgb, found), out)
