"""The commands that look at a picture: on a rendered table and on a photograph, with pictures and JSON written."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vlm_robot.annotation import read_image, write_image
from vlm_robot.cli import app
from vlm_robot.errors import VlmRobotError
from vlm_robot.evaluation.sight_options import parse_box
from vlm_robot.training.owlvit_pictures import draw_pictures

CHECKPOINTS = Path(__file__).resolve().parents[1] / 'vlm_robot' / 'checkpoints'
BOX = '100,100,180,170'
COMMANDS = {
    'detect': ['detect', 'IMAGE', '-q', 'red block', '-q', 'green bowl=0.3'],
    'detect, ensemble': ['detect', 'IMAGE', '-q', 'red block', '--ensemble', 'plain', '--propose'],
    'detect, tree': ['detect', 'IMAGE', '--tree', '[bowl [block (red block, blue block)]]'],
    'segment': ['segment', 'IMAGE', '-q', 'red block', '-q', 'banana', '--masks', 'MASKS'],
    'segment, example': ['segment', 'IMAGE', '--example', 'IMAGE', '--example-box', BOX],
    'segment, mixed': [
        'segment',
        'IMAGE',
        '-q',
        'red block',
        '--example',
        'IMAGE',
        '--example-box',
        BOX,
        '--mix',
        '0.5',
    ],
    'ground': ['ground', 'IMAGE', 'the red block left of the green bowl'],
    'caption': ['caption', 'IMAGE'],
    'caption, box': ['caption', 'IMAGE', '--box', BOX],
    'caption, point': ['caption', 'IMAGE', '--point', '140,120'],
    'caption, dense': ['caption', 'IMAGE', '--dense'],
    'describe': ['describe', 'IMAGE'],
    'ask': ['ask', 'IMAGE', 'is there a red block?'],
    'classify': ['classify', 'IMAGE', 'a red block', 'a photo of a person', '--box', BOX],
    'retrieve': ['retrieve', 'a red block', 'IMAGE', 'IMAGE'],
}
NEEDS = {'segment': 'clipseg', 'ground': 'pixel_llm', 'caption': 'pixel_llm', 'describe': 'clip', 'ask': 'vilt',
         'classify': 'clip', 'retrieve': 'clip'}  # fmt: skip


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    """Return the file of a rendered table and what it shows."""
    picture = next(draw_pictures('test', [9001]))
    path = tmp_path_factory.mktemp('table') / 'table.png'
    write_image(picture.image.rgb, path)
    return path, picture


@pytest.fixture(scope='module')
def rendering(tmp_path_factory):
    """Return the file that ``vlm-robot render`` writes with a seed of nobody's."""
    path = tmp_path_factory.mktemp('rendering') / 'scene.png'
    result = CliRunner().invoke(app, ['render', 'A', '--seed', '770077', '--out', str(path)])
    assert result.exit_code == 0, (result.output, result.exception)
    return path


@pytest.fixture(scope='module')
def photograph():
    """Return the file of a photograph that comes with matplotlib."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / 'sample_data' / 'grace_hopper.jpg'
    if not path.is_file():
        pytest.skip('this build of matplotlib brings no photograph')
    return path


def run(words, image, folder):
    """Run a command with ``IMAGE`` put in; return the JSON that it wrote."""
    out, data = folder / 'out.png', folder / 'out.json'
    words = [{'IMAGE': str(image), 'MASKS': str(folder / 'masks')}.get(word, word) for word in words]
    result = CliRunner().invoke(app, [*words, '--out', str(out), '--json', str(data)])
    assert result.exit_code == 0, (result.output, result.exception)
    assert read_image(out).shape[1] >= 40
    return json.loads(data.read_text())


@pytest.mark.parametrize('kind', ['rendering', 'photograph'])
@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_runs_on_a_rendering_and_on_a_photograph(name, kind, tmp_path, request):
    needed = NEEDS.get(COMMANDS[name][0])
    if needed and not (CHECKPOINTS / needed).is_dir():
        pytest.skip(f"the checkpoint '{needed}' does not ship")
    report = run(COMMANDS[name], request.getfixturevalue(kind), tmp_path)
    assert report['model']
    if COMMANDS[name][0] == 'segment':
        assert all(row['pixels'] >= 0 and 0 <= row['score'] <= 1 for row in report['masks'])


def test_an_example_from_the_command_line_finds_its_like(table, tmp_path):
    path, picture = table
    index = int(picture.visible_px.argmax())
    box = ','.join(f'{value:.1f}' for value in picture.boxes_px[index])
    report = run(['detect', 'IMAGE', '--example', 'IMAGE', '--example-box', box], path, tmp_path)
    assert report['detections'] and report['detections'][0]['label'] == 'example'


def test_a_tree_from_the_command_line_lists_its_branches(table, tmp_path):
    report = run(['detect', 'IMAGE', '--tree', '[block, bowl [block]]'], table[0], tmp_path)
    assert report['tree'][0]['label'] == 'image' and len(report['tree']) > 3


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['detect', 'IMAGE'], '--query'),
        (['detect', 'IMAGE', '-q', 'red block=high'], 'least score'),
        (['detect', 'IMAGE', '-q', 'red block=7'], '0 to 1'),
        (['detect', 'IMAGE', '--tree', '[a'], 'never closed'),
        (['detect', 'IMAGE', '--example', 'IMAGE', '--example-box', '1,2,3'], 'x0,y0,x1,y1'),
        (['detect', 'IMAGE', '-q', 'x', '--ensemble', 'plane'], "'plain'"),
        (['segment', 'IMAGE'], '--query'),
        (['caption', 'IMAGE', '--box', BOX, '--dense'], 'one of them'),
        (['caption', 'IMAGE', '--box', '9,9,1,1'], 'is empty'),
        (['caption', 'IMAGE', '--point', '9'], 'x,y'),
        (['caption', 'IMAGE', '--point', '9,9', '--dense'], 'one of them'),
        (['segment', 'IMAGE', '-q', 'red block', '--mix', '0.5'], '--example'),
        (['classify', 'missing.png', 'a', 'b'], 'missing.png'),
        (['retrieve', 'a red block'], 'no pictures'),
        (['retrieve', 'a red block', '--folder', 'nowhere'], 'no folder'),
    ],
)
def test_wrong_use_is_one_sentence(words, told, table):
    words = [str(table[0]) if word == 'IMAGE' else word for word in words]
    result = CliRunner().invoke(app, words)
    assert result.exit_code != 0
    assert isinstance(result.exception, VlmRobotError), result.exception
    assert told in str(result.exception)


def test_boxes_are_read():
    assert parse_box('1, 2,3.5,4') == (1.0, 2.0, 3.5, 4.0)
