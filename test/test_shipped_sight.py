"""The shipped eyes on one held-out table: masks, grounded masks, tags, memory; what is not used is not loaded."""

from dataclasses import replace
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from vlm_robot.cli import app
from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Detection
from vlm_robot.errors import ModelError
from vlm_robot.evaluation import loading
from vlm_robot.evaluation.answering import load_answerer
from vlm_robot.evaluation.describing import load_describer
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.describer import DescriberConfig
from vlm_robot.perception.detector import FixedDetector
from vlm_robot.perception.owlvit import OwlVitConfig
from vlm_robot.perception.pixel_llm.grounder import PixelLlm, PixelLlmConfig
from vlm_robot.perception.regions import cut_mask
from vlm_robot.perception.tagging import Tagger
from vlm_robot.perception.vilt import ViltConfig
from vlm_robot.scene.memory import Look, SceneMemory
from vlm_robot.training.owlvit_scenes import TableDrawer
from vlm_robot.training.pictures import render_picture

NOWHERE = '/no/such/checkpoint'


@pytest.fixture(scope='module')
def picture():
    drawer = TableDrawer()
    yield render_picture(drawer, 'test', 4)
    drawer.close()


@pytest.fixture(scope='module')
def thing(picture):
    """Return the largest thing whose label no other has."""
    labels = [thing.label for thing in picture.things]
    lone = [thing for thing in picture.things if labels.count(thing.label) == 1 and thing.place == 'table']
    return max(lone, key=lambda thing: thing.visible_px)


@pytest.fixture(scope='module')
def segmenter():
    return ClipSegSegmenter(ClipSegConfig(device='cpu'))


@pytest.fixture(scope='module')
def embedder():
    return ClipEmbedder(ClipConfig(device='cpu'))


def overlap(mask, other):
    return (mask & other).sum() / max(1, (mask | other).sum())


def test_a_phrase_masks_its_thing_and_an_absent_one_nothing(picture, thing, segmenter):
    present, absent = segmenter.segment(picture.rgb, [thing.label, 'banana'])
    assert present.mask.shape == picture.rgb.shape[:2]
    assert overlap(present.mask, thing.mask) > 0.5
    assert absent.mask.mean() < 0.02 and absent.score < present.score


def test_a_grounded_phrase_has_the_mask_of_its_thing(picture, thing, segmenter):
    grounder = PixelLlm(PixelLlmConfig(device='cpu'), segmenter)
    pairs = grounder.ground_masks(picture.rgb, f'the {thing.label}')
    assert pairs
    found, mask = pairs[0]
    assert isinstance(found, Detection) and mask.mask.shape == picture.rgb.shape[:2]
    assert overlap(mask.mask, thing.mask) > 0.5
    for item, part in pairs:
        assert (cut_mask(part, item.box_xyxy_px).mask == part.mask).all()


def test_a_cut_out_is_tagged_with_what_it_is(picture, thing, embedder):
    lines = Tagger(embedder).tag(picture.rgb, [thing.box_xyxy_px])
    told = {line.text for line in lines if line.box_xyxy_px and line.kind == 'tag'}
    assert thing.label in told
    shape = 'is round and hollow' if thing.shape == 'bowl' else 'has flat sides'
    assert f'thing which {shape}' in {line.text for line in lines if line.box_xyxy_px and line.kind == 'attribute'}
    assert all(0.5 <= line.confidence <= 1 for line in lines)


def test_what_was_seen_is_recalled_with_its_last_time_and_place(picture, thing, embedder, tmp_path, monkeypatch):
    memory = SceneMemory(embedder)
    cut = cut_around(picture.rgb, thing.box_xyxy_px)
    bare = np.full_like(picture.rgb, 120)
    assert memory.remember(picture.rgb, [Look(cut, thing.label, thing.box_xyxy_px, thing.p_base)], 3.0, 'front')
    assert memory.remember(bare, [], 9.0, 'front')
    memory.save(tmp_path / 'memory.npz')
    monkeypatch.setattr(loading, 'load_memory', lambda config=None: SceneMemory(embedder))
    answers = {}
    for text in (f'a {thing.label}', 'a banana'):
        out = tmp_path / 'answer.json'
        words = ['recall', text, '--memory', str(tmp_path / 'memory.npz'), '--json', str(out)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (result.output, result.exception)
        answers[text] = json.loads(out.read_text())
    seen = answers[f'a {thing.label}']['last_seen']['memory']
    assert (seen['stamp'], seen['camera'], seen['label']) == (3.0, 'front', thing.label)
    assert seen['p_base'] == pytest.approx(thing.p_base, abs=1e-6)
    assert answers[f'a {thing.label}']['best'][0]['memory']['label'] == thing.label
    assert answers['a banana']['last_seen'] is None


# ---- nothing is loaded that is not used: what is not used names a checkpoint that does not exist


@pytest.fixture
def nothing_there():
    """Return settings in which every model is missing."""
    return replace(
        AgentConfig(),
        detector=OwlVitConfig(model=NOWHERE), segmenter=ClipSegConfig(model=NOWHERE), clip=ClipConfig(model=NOWHERE),
        grounder=PixelLlmConfig(model=NOWHERE), vilt=ViltConfig(model=NOWHERE),
        describer=DescriberConfig(tags=False, crops=False, writing=False, captions='none'),
    )  # fmt: skip


def test_a_describer_loads_the_parts_that_it_uses_and_no_other(nothing_there):
    detector = FixedDetector({})
    describer = load_describer(nothing_there, detector)
    assert (describer.tagger, describer.reader, describer.captioner) == (None, None, None)
    for used in ({'tags': True}, {'captions': 'whole'}):
        with pytest.raises(ModelError):
            load_describer(replace(nothing_there, describer=replace(nothing_there.describer, **used)), detector)
    with pytest.raises(ModelError):
        load_describer(nothing_there)  # its own detector


def test_who_answers_loads_the_model_of_its_way_only(nothing_there):
    with pytest.raises(ModelError, match=NOWHERE):
        load_answerer('vilt', nothing_there)
    with pytest.raises(ModelError, match=NOWHERE):
        load_answerer('lens', nothing_there)  # stops at the detector: ViLT, also missing, is never asked for


@pytest.mark.parametrize('sees', [True, False])
def test_a_run_loads_eyes_only_if_it_sees_and_a_segmenter_only_for_masks(nothing_there, sees, monkeypatch):
    loaded = []
    monkeypatch.setattr(loading, 'load_language_model', lambda config: 'language')
    monkeypatch.setattr(loading, 'build_planner', lambda model, config: 'planner')
    monkeypatch.setattr(loading, 'OwlVitDetector', lambda config: loaded.append('detector') or 'detector')
    stack = loading.load_stack(nothing_there, sees)
    assert loaded == (['detector'] if sees else [])
    assert stack.memory is None and stack.segmenter is None
    if sees:
        with pytest.raises(ModelError):
            loading.load_stack(replace(nothing_there, lifting=replace(nothing_there.lifting, uses_masks=True)))
