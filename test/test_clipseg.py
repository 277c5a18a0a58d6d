"""Masks from words and pictures: equal to the stock forward pass, one picture pass, the picture's own size."""

import json

import numpy as np
import pytest
import torch
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter, yield_to_rivals
from vlm_robot.perception.owlvit import SHIPPED as DETECTOR
from vlm_robot.perception.visual_prompts import PicturePrompt
from vlm_robot.training.clipseg_model import build_processor

PROMPTS = ['red block', 'the blue bowl', 'a banana']


def make_folder(folder, layers=(0, 2, 1), side=64):
    """Save a tiny random CLIPSeg whose layers are extracted out of order, and its processor."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(DETECTOR)
    towers = {'hidden_size': 32, 'intermediate_size': 48, 'num_attention_heads': 4}
    torch.manual_seed(0)
    model = CLIPSegForImageSegmentation(CLIPSegConfig(
        text_config=towers | {'num_hidden_layers': 1, 'vocab_size': len(tokenizer), 'max_position_embeddings': 16,
                              'pad_token_id': 0, 'bos_token_id': tokenizer.bos_token_id,
                              'eos_token_id': tokenizer.eos_token_id},
        vision_config=towers | {'num_hidden_layers': 4, 'image_size': 48, 'patch_size': 16},
        projection_dim=24, extract_layers=list(layers), reduce_dim=16, decoder_intermediate_size=32,
        use_complex_transposed_convolution=True,
    ))  # fmt: skip
    for parameter in model.parameters():  # stock initialisation is too small to tell pictures apart
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    processor = build_processor(tokenizer, (0.5,) * 3, (0.3,) * 3)
    processor.image_processor.size = {'height': side, 'width': side}
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(make_folder(tmp_path_factory.mktemp('clipseg')))


@pytest.fixture(scope='module')
def tiny(folder):
    return ClipSegSegmenter(ClipSegConfig(model=folder))


def draw(height=90, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def ask_stock(segmenter, rgb, texts=None, **conditions):
    """Return the logits of the plain forward pass, the picture repeated per prompt as its documentation says."""
    count = len(texts) if texts else len(next(iter(conditions.values())))
    pixels = segmenter.processor(images=[rgb] * count, return_tensors='pt')['pixel_values']
    if texts:
        conditions = dict(segmenter.processor.tokenizer(texts, padding=True, return_tensors='pt'))
    with torch.no_grad():
        return segmenter.model(pixel_values=pixels, **conditions).logits


def test_logits_are_those_of_the_stock_forward_pass(tiny):
    rgb = draw()
    assert (tiny.score(rgb, PROMPTS) - ask_stock(tiny, rgb, PROMPTS)).abs().max() < 1e-4


def test_a_picture_prompt_is_that_of_the_stock_forward_pass(tiny):
    rgb, example = draw(), PicturePrompt(draw(seed=1), box_xyxy_px=(20, 10, 70, 60))
    shown = tiny.processor(images=[example.cut()], return_tensors='pt')['pixel_values']
    plain = ask_stock(tiny, rgb, conditional_pixel_values=shown)
    assert (tiny.score(rgb, [example]) - plain).abs().max() < 1e-4


def test_a_mixed_prompt_is_the_weighted_mean(tiny):
    example = PicturePrompt(draw(seed=1), box_xyxy_px=(20, 10, 70, 60))
    mixed = PicturePrompt(example.rgb, example.box_xyxy_px, text='red block', text_share=0.3)
    text, picture, both = tiny.embed(['red block', example, mixed])
    assert torch.allclose(both, 0.3 * text + 0.7 * picture, atol=1e-5)


def test_prompts_of_all_kinds_keep_their_order(tiny):
    example = PicturePrompt(draw(seed=1), box_xyxy_px=(20, 10, 70, 60))
    prompts = [example, 'red block', PicturePrompt(example.rgb, example.box_xyxy_px, text='blue bowl')]
    together = tiny.score(draw(), prompts)
    for i, prompt in enumerate(prompts):
        assert torch.allclose(together[i], tiny.score(draw(), [prompt])[0], atol=1e-4)
    assert [mask.label for mask in tiny.segment(draw(), prompts)] == ['', 'red block', 'blue bowl']


@pytest.mark.parametrize('count', [1, 5, 20])
def test_the_picture_is_encoded_once_for_all_prompts(tiny, count):
    passes, texts = [], [f'thing {i}' for i in range(count)]
    hook = tiny.model.clip.vision_model.embeddings.register_forward_hook(lambda *a: passes.append(len(a[1][0])))
    tiny.segment(draw(), texts)
    hook.remove()
    assert passes == [1]


def test_a_text_is_encoded_once_and_the_cache_is_bounded(folder):
    segmenter, encoded = ClipSegSegmenter(ClipSegConfig(model=folder, cached_texts=2)), []
    segmenter.model.clip.text_model.register_forward_hook(lambda *a: encoded.append(1))
    first = segmenter.embed_texts(['a', 'b'])
    assert torch.equal(segmenter.embed_texts(['a', 'b']), first) and len(encoded) == 1
    segmenter.embed_texts(['c', 'd', 'e'])
    assert len(segmenter._texts) == 2
    assert torch.allclose(segmenter.embed_texts(['a', 'b']), first, atol=1e-5)


def test_prompts_in_several_parts_answer_the_same(folder, tiny):
    few = ClipSegSegmenter(ClipSegConfig(model=folder, batch=2))
    assert torch.allclose(few.score(draw(), PROMPTS), tiny.score(draw(), PROMPTS), atol=1e-5)


@pytest.mark.parametrize('size', [(90, 160), (160, 90), (64, 64), (8, 300), (720, 1280)])
def test_masks_have_the_size_of_their_picture(tiny, size):
    for mask in tiny.segment(draw(*size), PROMPTS):
        assert mask.probability.shape == mask.mask.shape == size
        assert mask.probability.dtype == np.float32 and mask.mask.dtype == bool
        assert mask.probability.min() >= 0 and mask.probability.max() <= 1 and 0 <= mask.score <= 1


def test_a_threshold_bounds_the_mask_and_presence_empties_it(folder):
    rgb = draw()
    low = ClipSegSegmenter(ClipSegConfig(model=folder, threshold=0.2, presence=0.0)).segment(rgb, PROMPTS)
    high = ClipSegSegmenter(ClipSegConfig(model=folder, threshold=0.6, presence=0.0)).segment(rgb, PROMPTS)
    never = ClipSegSegmenter(ClipSegConfig(model=folder, threshold=0.0, presence=1.0)).segment(rgb, PROMPTS)
    for wide, narrow, empty in zip(low, high, never, strict=True):
        assert (wide.mask == (wide.probability >= 0.2)).all() and wide.mask.sum() > narrow.mask.sum()
        assert not empty.mask.any() and empty.score == wide.score


def test_of_two_rivals_the_likelier_gets_the_pixel_and_others_share_it():
    logits = torch.randn(4, 9, 9) * 3
    names = ['red block', 'pink block', 'block', '']
    yielded = yield_to_rivals(logits, names)
    red, pink = yielded[:2] > 0
    assert not (red & pink).any()
    assert torch.equal(red | pink, (logits[:2] > 0).any(0))
    assert torch.equal(yielded[2:], logits[2:])
    assert (yielded <= logits).all()
    assert yield_to_rivals(logits, ['red block', 'red bowl', 'block', 'a red block']) is logits


def test_rivals_compete_unless_the_settings_say_otherwise(folder):
    prompts, rgb = ['red block', 'pink block', 'blue block'], draw()
    free = ClipSegSegmenter(ClipSegConfig(model=folder, rivals=False, threshold=0.5, presence=0.0))
    bound = ClipSegSegmenter(ClipSegConfig(model=folder, threshold=0.5, presence=0.0))
    alone = [free.segment(rgb, [prompt])[0] for prompt in prompts]
    for mine, theirs in zip(free.segment(rgb, prompts), alone, strict=True):
        assert np.allclose(mine.probability, theirs.probability, atol=1e-5)
    claimed = sum(mask.mask.astype(int) for mask in bound.segment(rgb, prompts))
    assert claimed.max() <= 2 < sum(mask.mask.astype(int) for mask in alone).max()


def test_no_prompts_no_masks(tiny):
    assert tiny.segment(draw(), []) == []


@pytest.mark.parametrize('rgb', [np.zeros((0, 0, 3), np.uint8), np.zeros((40, 40), np.uint8),
                                 np.zeros((40, 40, 4), np.uint8), np.zeros((40, 40, 3), np.float32)])  # fmt: skip
def test_what_is_no_picture_is_refused(tiny, rgb):
    with pytest.raises(ImageError):
        tiny.segment(rgb, PROMPTS)
    with pytest.raises(ImageError):
        tiny.segment(draw(), [PicturePrompt(rgb, (0, 0, 9, 9))])


def test_what_is_no_prompt_is_refused(tiny):
    for wrong in ('red block', [''], ['   '], [None], ['word ' * 40]):
        with pytest.raises(SentenceError):
            tiny.segment(draw(), wrong)


@pytest.mark.parametrize('change', [{'threshold': 1.1}, {'presence': -0.5}, {'dtype': 'int8'}, {'batch': 0},
                                    {'threads': -1}, {'cached_texts': 0}, {'model': ''}])  # fmt: skip
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        ClipSegConfig(**change)


def test_other_checkpoints_are_refused(tmp_path):
    with pytest.raises(ModelError, match='owlvit'):
        ClipSegSegmenter(ClipSegConfig(model=str(DETECTOR)))
    with pytest.raises(ModelError, match='clipseg-rd64-refined'):
        ClipSegSegmenter(ClipSegConfig(model=str(tmp_path)))
    with pytest.raises(ModelError, match=r'segmenter\.device'):
        ClipSegSegmenter(ClipSegConfig(model=str(DETECTOR), device='abacus'))


def test_the_checkpoints_own_thresholds_are_read_and_checked(tmp_path):
    make_folder(tmp_path)
    path = tmp_path / 'segmenter.json'
    path.write_text(json.dumps({'threshold': 0.4, 'presence': 0.7}))
    segmenter = ClipSegSegmenter(ClipSegConfig(model=str(tmp_path)))
    assert (segmenter.threshold, segmenter.presence) == (0.4, 0.7)
    assert ClipSegSegmenter(ClipSegConfig(model=str(tmp_path), presence=0.1)).presence == 0.1
    for broken in ('{"threshold": 3}', '{"limit": 0.1}', '[]', 'x'):
        path.write_text(broken)
        with pytest.raises(ModelError, match=r'segmenter\.json'):
            ClipSegSegmenter(ClipSegConfig(model=str(tmp_path)))


def test_a_processor_that_makes_oblongs_is_refused(tmp_path):
    make_folder(tmp_path)
    segmenter = ClipSegSegmenter(ClipSegConfig(model=str(tmp_path)))
    segmenter.processor.image_processor.size = {'height': 32, 'width': 64}
    with pytest.raises(ModelError, match='squares'):
        segmenter.segment(draw(), PROMPTS)
