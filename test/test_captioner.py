"""Captions by any image-to-text model: a tiny BLIP with random weights, saved and loaded as the public ones are."""

import numpy as np
import pytest
import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

from vlm_robot.config import AgentConfig
from vlm_robot.errors import ConfigError, ImageError, ModelError
from vlm_robot.evaluation.describing import load_describer
from vlm_robot.perception.captioner import Captioner, CaptionerConfig
from vlm_robot.perception.clip_embedder import ClipConfig
from vlm_robot.perception.describer import DescriberConfig
from vlm_robot.perception.detector import FixedDetector

WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'red', 'block', 'bowl', 'on', 'the', 'table']
TOWER = {'hidden_size': 16, 'intermediate_size': 24, 'num_hidden_layers': 1, 'num_attention_heads': 2}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('blip')
    (path / 'vocab.txt').write_text('\n'.join(WORDS) + '\n')
    ids = {'bos_token_id': 2, 'sep_token_id': 3, 'eos_token_id': 3, 'pad_token_id': 0}
    text = TOWER | ids | {'vocab_size': len(WORDS), 'encoder_hidden_size': 16, 'max_position_embeddings': 32}
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(
        BlipConfig(text_config=text, vision_config=TOWER | {'image_size': 32, 'patch_size': 16}, projection_dim=8)
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(path)
    size = {'height': 32, 'width': 32}
    BlipProcessor(BlipImageProcessor(size=size), BertTokenizer(str(path / 'vocab.txt'))).save_pretrained(path)
    return str(path)


@pytest.fixture(scope='module', params=[1, 3])
def captioner(folder, request):
    return Captioner(CaptionerConfig(model=folder, device='cpu', beams=request.param, longest=6))


def draw(height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_caption_is_a_short_sentence_with_a_confidence_and_no_places(captioner):
    for rgb in (draw(), draw(8, 200), np.zeros((30, 30, 3), np.uint8)):
        found = captioner.caption(rgb)
        assert found.text == ' '.join(word.word for word in found.words)
        assert set(found.text.split()) <= set(WORDS) and len(found.words) <= 6
        assert all(word.point_px is None for word in found.words)
        assert 0 <= found.confidence <= 1
        assert captioner.caption(rgb) == found


def test_a_box_is_captioned_by_its_cut_out(captioner):
    rgb, box = draw(), (10.0, 5.0, 30.0, 25.0)
    assert captioner.caption(rgb, box).box_xyxy_px == box
    with pytest.raises(ImageError, match='box'):
        captioner.caption(rgb, (100.0, 5.0, 130.0, 25.0))
    with pytest.raises(ImageError):
        captioner.caption(np.zeros((0, 0, 3), np.uint8))


def test_the_describer_takes_its_captions_from_the_model_that_is_named(folder):
    chosen = DescriberConfig(tags=False, writing=False, captions='whole', captioner=folder)
    describer = load_describer(AgentConfig(describer=chosen, clip=ClipConfig(device='cpu')), FixedDetector({}))
    kinds = [line.kind for line in describer.describe(draw()).lines]
    assert kinds in (['caption'], [])  # random weights may say nothing
    assert describer.captioner.name == folder


def test_a_model_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelError, match='captioner'):
        Captioner(CaptionerConfig(model=str(tmp_path)))
    for wrong in ({'beams': 0}, {'longest': 0}):
        with pytest.raises(ConfigError, match='allowed'):
            CaptionerConfig(**wrong)
