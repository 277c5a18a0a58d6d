"""
The public checkpoints' architectures through our classes: random weights in the published shapes, one picture each.

A GPU robot names ``google/owlv2-base-patch16-ensemble`` and its like in a YAML file; here the same folders are made
from the published configurations, so that the code that reads them is run without a network. What is asserted are
parameter counts, shapes and types; random weights see nothing.
"""

import contextlib
import json

import numpy as np
import pytest
import torch
from transformers import (
    BertTokenizer,
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    CLIPTokenizer,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2Processor,
    ViltConfig,
    ViltForQuestionAnswering,
    ViltImageProcessor,
    ViltProcessor,
    ViTImageProcessor,
)
from transformers.initialization import no_init_weights
from transformers.models.owlv2.image_processing_owlv2 import Owlv2ImageProcessor

from vlm_robot.perception import vilt
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.perception.owlvit_examples import Example, ExampleDetector
from vlm_robot.perception.tree_detector import TreeDetector
from vlm_robot.perception.visual_prompts import PicturePrompt

CLIP_TEXT = {'vocab_size': 49408, 'hidden_size': 512, 'intermediate_size': 2048, 'num_hidden_layers': 12,
             'num_attention_heads': 8, 'hidden_act': 'quick_gelu', 'bos_token_id': 49406, 'eos_token_id': 49407,
             'pad_token_id': 0}  # fmt: skip
CLIP_VISION = {'hidden_size': 768, 'intermediate_size': 3072, 'num_hidden_layers': 12, 'num_attention_heads': 12,
               'patch_size': 16, 'hidden_act': 'quick_gelu'}  # fmt: skip
OWLV2 = Owlv2Config(
    text_config=CLIP_TEXT | {'max_position_embeddings': 16},
    vision_config=CLIP_VISION | {'image_size': 960},
    projection_dim=512,
)
CLIPSEG = CLIPSegConfig(
    text_config=CLIP_TEXT | {'max_position_embeddings': 77, 'eos_token_id': 49407},
    vision_config=CLIP_VISION | {'image_size': 224},
    projection_dim=512, reduce_dim=64, extract_layers=[3, 6, 9], conditional_layer=0, decoder_num_attention_heads=4,
    decoder_intermediate_size=2048, use_complex_transposed_convolution=True,
)  # fmt: skip
VILT = ViltConfig(
    vocab_size=30522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
    max_position_embeddings=40, image_size=384, patch_size=32, modality_type_vocab_size=2, max_image_length=-1,
    num_labels=3129,
)  # fmt: skip


@pytest.fixture(scope='module')
def picture():
    return np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def fill(model, millions):
    """Give a model random weights, of which there must be so many millions."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.uniform_(-0.02, 0.02, generator=generator)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def save(model_class, config, processor, folder, millions, dtype=torch.bfloat16):
    """Save a model of a configuration with random weights."""
    with default_dtype(dtype), no_init_weights():
        model = model_class(config)
    fill(model, millions)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.fixture(scope='module')
def clip_tokenizer():
    """Return CLIP's tokenizer from the vocabulary that open_clip brings."""
    from open_clip import SimpleTokenizer

    theirs = SimpleTokenizer()
    names = {'<start_of_text>': '<|startoftext|>', '<end_of_text>': '<|endoftext|>'}
    vocabulary = {names.get(token, token): number for token, number in theirs.encoder.items()}
    assert len(vocabulary) == CLIP_TEXT['vocab_size']
    ranked = sorted(theirs.bpe_ranks, key=theirs.bpe_ranks.get)
    return CLIPTokenizer(vocab=vocabulary, merges=ranked)


@pytest.fixture(scope='module')
def owlv2(tmp_path_factory, clip_tokenizer):
    folder = tmp_path_factory.mktemp('owlv2-base-patch16-ensemble')
    clip_tokenizer.model_max_length = 16
    size = {'height': 960, 'width': 960}
    save(Owlv2ForObjectDetection, OWLV2, Owlv2Processor(Owlv2ImageProcessor(size=size), clip_tokenizer), folder, 155.0)
    return OwlVitDetector(OwlVitConfig(str(folder), dtype='bfloat16', device='cpu'))


def test_owlv2_base_patch16_detects_proposes_and_takes_examples(owlv2, picture):
    features = owlv2.encode(owlv2.preprocess([picture]))
    assert features.embeds.shape == (1, 3600, 512)
    assert features.boxes.shape == (1, 3600, 4)
    assert features.objectness.shape == (1, 3600)
    # One look serves words, proposals, an example and a tree: a second would cost seconds.
    owlv2.encode = lambda pixels: features
    scores, boxes = owlv2.score([picture], ['red block', 'a green bowl'])[0]
    assert scores.shape == (3600, 2) and boxes.shape == (3600, 4)
    assert torch.isfinite(scores).all() and torch.isfinite(boxes).all()
    found = owlv2.detect(picture, ['red block', 'a green bowl'], {'red block': 0.0, 'a green bowl': 2.0})
    assert found and {item.label for item in found} == {'red block'}
    proposals = owlv2.propose(picture, threshold=0.0, most=10)
    assert 1 <= len(proposals) <= 10
    box = proposals[0].box_xyxy_px
    assert 0 <= box[0] < box[2] <= 320 and 0 <= box[1] < box[3] <= 240
    by_example = ExampleDetector(owlv2, {'it': [Example(picture, box)]}).detect(picture, thresholds={'it': 0.0})
    assert by_example and by_example[0].label == 'it'
    assert TreeDetector(owlv2).detect(picture, '[a bowl [a block]]', {'a bowl': 2.0})[0].label == 'image'


def test_clipseg_rd64_refined_segments_by_words_and_by_pictures(tmp_path, clip_tokenizer, picture):
    clip_tokenizer.model_max_length = 77
    size = {'height': 352, 'width': 352}
    stock = ViTImageProcessor(size=size, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    save(CLIPSegForImageSegmentation, CLIPSEG, CLIPSegProcessor(stock, clip_tokenizer), tmp_path, 150.7)
    segmenter = ClipSegSegmenter(ClipSegConfig(str(tmp_path), dtype='bfloat16', device='cpu'))
    prompts = ['a red block', PicturePrompt(picture, (40.0, 40.0, 120.0, 100.0))]
    assert segmenter.score(picture, prompts).shape == (2, 352, 352)
    masks = segmenter.segment(picture, prompts[:1])
    assert masks[0].mask.shape == masks[0].probability.shape == (240, 320)
    assert masks[0].probability.dtype == np.float32 and np.isfinite(masks[0].probability).all()


def test_clip_vit_b_32_embeds_pictures_and_texts(tmp_path, picture):
    import open_clip
    from safetensors.torch import save_file

    name = 'ViT-B-32'
    with no_init_weights():
        model = open_clip.create_model(name)
    fill(model, 151.3)
    save_file({key: value.half().contiguous() for key, value in model.state_dict().items()},
              str(tmp_path / 'open_clip_model.safetensors'))  # fmt: skip
    description = {'model_cfg': open_clip.get_model_config(name), 'preprocess_cfg': {'size': 224}}
    (tmp_path / 'open_clip_config.json').write_text(json.dumps(description))
    embedder = ClipEmbedder(ClipConfig(str(tmp_path), device='cpu'))
    images, texts = embedder.embed_images([picture]), embedder.embed_texts(['a red block', 'a green bowl'])
    assert images.shape == (1, 512) and texts.shape == (2, 512)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-4)
    shares = embedder.classify(picture, ['a red block', 'a green bowl'])
    assert shares.shape == (2,) and shares.sum() == pytest.approx(1, abs=1e-5)


def test_vilt_b32_finetuned_vqa_answers(tmp_path, picture):
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *'abcdefghijklmnopqrstuvwxyz?']
    words += [f'##{letter}' for letter in words[5:]]
    words += [f'[unused{number}]' for number in range(VILT.vocab_size - len(words))]
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)}, model_max_length=40)
    stock = ViltImageProcessor(size={'shortest_edge': 384}, size_divisor=32)
    save(ViltForQuestionAnswering, VILT, ViltProcessor(stock, tokenizer), tmp_path, 117.6, torch.float32)
    answerer = vilt.ViltAnswerer(vilt.ViltConfig(str(tmp_path), device='cpu'))
    weights = answerer.weigh(picture, ['is it red?'])
    assert weights.shape == (1, 3129)
    answer = answerer.answer(picture, 'is it red?')
    assert answer.text and 0 <= answer.confidence <= 1
