"""
The command ``vlm-robot detect``: things by words, by an example picture, by a tree of wholes and parts.

Models are imported when the command runs, so that ``--help`` is instant.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vlm_robot.console import console
from vlm_robot.datatypes import Box
from vlm_robot.errors import SentenceError
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.sight_options import ConfigFile, Image, Json, Model, Out, parse_box, read_settings

MARK = '='  # between a query and its own least score


def detect(  # noqa: PLR0913 -- one argument per option
    image: Image,
    query: Annotated[
        list[str] | None,
        typer.Option('--query', '-q', help='What to look for; may be repeated; `=0.3` after it sets its least score.'),
    ] = None,
    example: Annotated[
        list[Path] | None, typer.Option('--example', help='A picture of what to look for; several are averaged.')
    ] = None,
    example_box: Annotated[
        list[str] | None,
        typer.Option('--example-box', help='Where it is in that picture: x0,y0,x1,y1 in pixels; one each.'),
    ] = None,
    tree: Annotated[
        str, typer.Option('--tree', help='Wholes, [parts] and (classes): "[a face [a nose, an eye] (happy, sad)]".')
    ] = '',
    ensemble: Annotated[str, typer.Option(help='Average wordings: plain, clip, or a file with one a line.')] = '',
    threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Instead of the checkpoint's own.")] = None,
    propose: Annotated[bool, typer.Option('--propose', help='Whatever things there are, without a query.')] = False,
    model: Model = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Find things by words in an image file; by example pictures; parts inside wholes; or whatever there is.

    Example: vlm-robot detect frame.png --query "red block" --query "green bowl=0.3" --out found.png

    Example: vlm-robot detect frame.png --example other.png --example-box 120,80,160,121

    Example: vlm-robot detect frame.png --tree "[a bowl [a block]]"
    """
    if not (query or example or tree or propose):
        raise SentenceError('say what to look for: --query TEXT, --example IMAGE, --tree PROMPT, or --propose')
    from vlm_robot.annotation import read_image
    from vlm_robot.perception.owlvit import OwlVitDetector

    rgb = read_image(image)
    examples = _read_examples(example or [], example_box or [])
    settings = read_settings(config, 'detector', model)
    settings = replace(settings, ensemble=ensemble or settings.ensemble)
    detector = OwlVitDetector(settings if threshold is None else replace(settings, threshold=threshold))
    queries, limits = _split_queries(query or [])
    found = detector.detect(rgb, queries, limits) + (detector.propose(rgb, threshold) if propose else [])
    if examples:
        from vlm_robot.perception.owlvit_examples import ExampleDetector

        found += ExampleDetector(detector, {'example': examples}).detect(rgb)
    branches = _walk_tree(detector, rgb, tree) if tree else []
    asked = [*queries, *(['example'] if examples else [])]
    _tell(rgb, found, branches, asked, out)
    rows = [{'label': d.label, 'score': d.score, 'box_xyxy_px': list(d.box_xyxy_px)} for d in found]
    missing = [name for name in asked if name not in {item.label for item in found}]
    report = {'image': str(image), 'model': detector.name, 'detections': rows, 'not_found': missing}
    save_json(report | ({'tree': [asdict(item) for item in branches]} if tree else {}), json_file)


def _split_queries(texts: list[str]) -> tuple[list[str], dict[str, float]]:
    """Return the queries, and the least score of those that bring one."""
    queries, limits = [], {}
    for text in texts:
        words, mark, number = text.rpartition(MARK)
        name = words.strip() if mark else text
        queries.append(name)
        if mark:
            try:
                limits[name] = float(number)
            except ValueError as error:
                raise SentenceError(
                    f"'{text}': after '{MARK}' a least score must follow, as in 'red block=0.3'"
                ) from error
            if not 0 <= limits[name] <= 1:
                raise SentenceError(f"'{text}': the least score is {limits[name]}; allowed: 0 to 1")
    return queries, limits


def _read_examples(paths: list[Path], boxes: list[str]) -> list[Any]:
    from vlm_robot.annotation import read_image
    from vlm_robot.perception.owlvit_examples import Example

    if len(boxes) not in (0, len(paths)):
        raise SentenceError(f'{len(paths)} --example need as many --example-box or none, got {len(boxes)}')
    parsed: list[Box | None] = [parse_box(text) for text in boxes]
    parsed = parsed or [None] * len(paths)
    return [Example(read_image(path), box) for path, box in zip(paths, parsed, strict=True)]


def _walk_tree(detector, rgb, prompt: str) -> list[Any]:
    """Return what a tree prompt finds; classes are weighed by CLIP where its checkpoint is there."""
    from vlm_robot.perception.tree_detector import TreeDetector

    return TreeDetector(detector).detect(rgb, prompt)


def _tell(rgb, found, branches, asked: list[str], out: Path | None) -> None:
    from vlm_robot.annotation import draw_detections, write_image
    from vlm_robot.datatypes import Detection

    for item in found:
        console.print(
            f'{item.label:24} {item.score:.3f}  {[round(v, 1) for v in item.box_xyxy_px]}',
            highlight=False,
            markup=False,
        )
    for name in asked:
        if name not in {item.label for item in found}:
            console.print(f'{name:24} not found', style='yellow', highlight=False, markup=False)
    named = []
    for item in branches:
        classes = ', '.join(f'{label} {share:.2f}' for label, share in item.classes)
        words = f'{item.label}{f" ({classes})" if classes else ""}'
        named.append(Detection(words, item.score, item.box_xyxy_px))
        indent = '  ' * _depth(item, branches)
        box = [round(v, 1) for v in item.box_xyxy_px]
        console.print(f'{indent}{item.number}. {words}  {item.score:.3f}  {box}', highlight=False, markup=False)
    if out:
        write_image(draw_detections(rgb, [*found, *named[1:]]), out)


def _depth(item, branches) -> int:
    return 0 if item.parent < 0 else 1 + _depth(branches[item.parent], branches)
