"""PixelLLM's parts: shapes, who may look at whom, prompt kinds, boxes, saving and loading."""

from dataclasses import replace
import json

import pytest
import torch

from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.perception.pixel_llm.image_encoder import ImageEncoder
from vlm_robot.perception.pixel_llm.language_decoder import add_lora, join_masks
from vlm_robot.perception.pixel_llm.location_encoder import LocationPrompts, look_at_boxes
from vlm_robot.perception.pixel_llm.pixel_config import (
    AdaptorConfig,
    CONTEXTS,
    DecoderConfig,
    PixelLlmShape,
    read_shape,
    TowerConfig,
    write_shape,
)
from vlm_robot.perception.pixel_llm.pixel_files import load, save
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel
from vlm_robot.perception.pixel_llm.pixel_text import build_word_tokenizer, TextCodec
from vlm_robot.perception.pixel_llm.pixel_writing import write
from vlm_robot.perception.pixel_llm.point_head import answer_boxes, Places, PointHead

TOWER = {
    'hidden_size': 32, 'intermediate_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'image_size': 64,
    'patch_size': 16,
}  # fmt: skip
LLAMA = {
    'hidden_size': 32, 'intermediate_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 2,
    'num_key_value_heads': 1, 'max_position_embeddings': 128, 'initializer_range': 0.3,
}  # fmt: skip
WORDS = ['red', 'blue', 'green', 'block', 'bowl', 'the', 'a', 'left', 'right', 'of', 'there', 'is']


def make_shape(vocabulary: int, **changes) -> PixelLlmShape:
    """Return a tiny shape with every part."""
    shape = PixelLlmShape(
        semantic=TowerConfig('owlvit', TOWER, 1),
        localiser=TowerConfig('owlvit', TOWER, -1, has_boxes=True),
        adaptor=AdaptorConfig(width=24, tokens=3, depth=2, heads=2, mlp_width=32),
        language=DecoderConfig(settings=LLAMA | {'vocab_size': vocabulary, 'pad_token_id': 0}),
        objects=5,
        point_width=16,
    )
    return replace(shape, **changes)


def make_model(seed: int = 0, **changes) -> tuple[PixelLlmModel, TextCodec]:
    """Return a tiny model with random weights and its codec."""
    torch.manual_seed(seed)
    tokenizer = build_word_tokenizer([*WORDS, *CONTEXTS.values()])
    return PixelLlmModel(make_shape(len(tokenizer), **changes)).eval(), TextCodec(tokenizer, CONTEXTS)


@pytest.fixture(scope='module')
def tiny():
    """Return a tiny model, its codec and two pictures."""
    model, codec = make_model()
    return model, codec, torch.randn(2, 3, 64, 64)


def encode_row(codec, *texts):
    """Return ids, segments and positions of one row of referring expressions."""
    encoded = [codec.encode('refer', text).ids[:-1] for text in texts]
    ids = torch.tensor([[i for item in encoded for i in item]])
    segments = torch.tensor([[n for n, item in enumerate(encoded) for _ in item]])
    return ids, segments, torch.tensor([[i for item in encoded for i in range(len(item))]])


@torch.inference_mode()
def test_features_have_the_channels_of_both_streams_and_boxes_inside(tiny):
    model, _, pixels = tiny
    features = model.encode(pixels)
    assert features.tokens.shape == (2, 16, 64)
    assert features.boxes.shape == (2, 16, 4)
    assert bool((features.boxes[..., 2:] > features.boxes[..., :2]).all())
    assert features.objectness.shape == (2, 16)


@torch.inference_mode()
def test_all_tokens_kept_is_the_same_as_none_chosen(tiny):
    model, _, pixels = tiny
    whole, chosen = model.encode(pixels), model.encode(pixels, torch.arange(16).expand(2, -1))
    assert torch.allclose(whole.tokens, chosen.tokens, atol=1e-5)
    assert torch.allclose(whole.boxes, chosen.boxes, atol=1e-5)


@torch.inference_mode()
def test_a_smaller_second_stream_is_resized_to_the_larger_grid():
    torch.manual_seed(0)
    clip = TowerConfig('clip', TOWER | {'image_size': 32, 'hidden_size': 24}, -1)
    shape = PixelLlmShape(TowerConfig('owlvit', TOWER, has_boxes=True), clip, objects=0)
    features = ImageEncoder(shape)(torch.randn(1, 3, 64, 64), torch.tensor([[0, 5, 9]]))
    assert features.tokens.shape == (1, 3, 56)


def test_only_what_shall_train_trains():
    model, _ = make_model()
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert not any(name.startswith('image.localiser') for name in trained)
    assert not any('semantic.vision.encoder.layers.0' in name for name in trained)
    assert any('semantic.vision.encoder.layers.1' in name for name in trained)
    assert any(name.startswith('language.') for name in trained)


def test_masks_let_texts_see_the_picture_and_themselves_only():
    prefix = torch.tensor([[True, True, False]])
    mask = join_masks(prefix, torch.tensor([[0, 0, 1, -1]]), False)[0]
    assert mask[3].tolist() == [True, True, False, True, False, False, False]  # first of the first text
    assert mask[4].tolist() == [True, True, False, True, True, False, False]
    assert mask[5].tolist() == [True, True, False, False, False, True, False]  # the second text
    assert not mask[:3, 3:].any()  # the picture does not see the text
    assert mask[0, 1]
    assert not join_masks(prefix, torch.tensor([[0]]), True)[0][0, 1]


@torch.inference_mode()
def test_texts_of_one_row_do_not_touch_each_other(tiny):
    model, codec, pixels = tiny
    features = model.encode(pixels[:1])
    prefix = model.see(features, LocationPrompts.whole(1), regions=model.find_regions(features))
    alone, _ = model.read(prefix, *encode_row(codec, 'the red block'))
    both, _ = model.read(prefix, *encode_row(codec, 'a green bowl left of the blue bowl', 'the red block'))
    assert torch.allclose(alone[0], both[0, -alone.shape[1] :], atol=1e-4)


@torch.inference_mode()
def test_several_prompts_of_a_picture_equal_one_after_the_other(tiny):
    model, _, pixels = tiny
    features = model.encode(pixels)
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.5, 0.2, 0.9, 0.9], [0.0, 0.0, 0.3, 0.3]])
    prompts = LocationPrompts(boxes, torch.zeros(3, dtype=torch.bool))
    together = model.see(features, prompts, torch.tensor([2, 1]))
    single = model.see(features, LocationPrompts(boxes[[0, 2]], torch.zeros(2, dtype=torch.bool)))
    assert torch.allclose(together.embeds[[0, 2]], single.embeds, atol=1e-5)


@torch.inference_mode()
def test_box_point_and_nothing_are_told_apart(tiny):
    model, _, pixels = tiny
    features = model.encode(pixels[:1])
    place = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    kinds = [
        LocationPrompts(place, torch.tensor([True])),
        LocationPrompts(torch.tensor([[0.4, 0.4, 0.6, 0.6]]), torch.tensor([False])),
        LocationPrompts.whole(1),
    ]
    seen = [model.see(features, kind).embeds for kind in kinds]
    assert seen[0].shape == seen[2].shape == (1, 7, 32)
    assert all(not torch.allclose(seen[i], seen[j], atol=1e-3) for i in range(3) for j in range(i))


@torch.inference_mode()
def test_a_look_at_a_box_is_the_mean_of_the_cells_in_it(tiny):
    model, _, pixels = tiny
    features = model.encode(pixels[:1])
    looks = look_at_boxes(torch.tensor([[[0.25, 0.0, 0.5, 0.25], [0.0, 0.0, 1.0, 1.0]]]), features)
    assert torch.allclose(looks[0, 0, 0], features.tokens[0, 1], atol=1e-3)
    assert torch.allclose(looks[0, 1, 0], features.tokens[0].mean(0), atol=1e-4)


@torch.inference_mode()
def test_regions_are_best_first_and_no_duplicates(tiny):
    model, _, pixels = tiny
    regions = model.find_regions(model.encode(pixels))
    assert regions.boxes.shape == (2, 5, 4)
    for scores, there in zip(regions.scores, regions.is_there, strict=True):
        kept = scores[there].tolist()
        assert kept == sorted(kept, reverse=True)
    assert regions.is_there[:, 0].all()


@torch.inference_mode()
def test_written_states_equal_those_of_one_pass_over_the_text(tiny):
    model, codec, pixels = tiny
    features = model.encode(pixels)
    prefix = model.see(features, LocationPrompts.whole(2), regions=model.find_regions(features))
    writings, states = write(model, prefix, codec.contexts['caption'], codec.end, 6)
    for row, item in enumerate(writings):
        ids = torch.tensor([[*codec.contexts['caption'], *item.ids]]).expand(2, -1)
        hidden, again = model.read(prefix, ids, torch.zeros_like(ids), torch.arange(ids.shape[1]).expand(2, -1))
        start = len(codec.contexts['caption'])
        assert torch.allclose(hidden[row, start:], item.hidden, atol=1e-3)
        assert torch.allclose(again, states, atol=1e-3)
        chances = torch.log_softmax(model.language.say(hidden[row, start - 1 : -1]), -1)
        assert chances.argmax(-1).tolist() == list(item.ids)


def test_the_head_answers_with_the_region_it_chooses_or_the_regressed_box():
    corners = torch.tensor([[[0.6, 0.7, 0.2, 0.1]]])
    regions = torch.tensor([[[0.0, 0.0, 0.1, 0.1], [0.5, 0.5, 0.9, 0.9]]])
    places = Places(corners, torch.zeros(1, 1), torch.tensor([[[0.0, 5.0]]]))
    assert answer_boxes(places, None)[0][0, 0].tolist() == pytest.approx([0.2, 0.1, 0.6, 0.7])
    boxes, chance = answer_boxes(places, regions)
    assert boxes[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.9, 0.9])
    assert float(chance) > 0.9


@torch.inference_mode()
def test_regions_that_are_not_there_are_never_chosen():
    head = PointHead(8, 8, 4)
    there = torch.tensor([[True, False, False]])
    places = head(torch.randn(1, 5, 8), torch.randn(1, 3, 8), torch.rand(1, 3, 4), there)
    assert places.choice.argmax(-1).eq(0).all()


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    model, codec = make_model(3)
    model.half().float()  # what half precision keeps
    save(model, codec, tmp_path)
    again, other = load(tmp_path)
    assert again.shape == replace(model.shape, contexts=again.shape.contexts)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(model.encode(pixels).tokens, again.encode(pixels).tokens)
        ids = torch.tensor([codec.encode('refer', 'the red bowl').ids])
        assert torch.allclose(model.language.embed(ids), again.language.embed(ids))
    assert other.encode('refer', 'the red bowl') == codec.encode('refer', 'the red bowl')


def test_what_both_streams_share_is_kept_once(tmp_path):
    model, codec = make_model()
    save(model, codec, tmp_path)
    apart = (tmp_path / 'model.safetensors').stat().st_size
    model.image.semantic.vision.load_state_dict(model.image.localiser.vision.state_dict())
    save(model, codec, tmp_path)
    assert (tmp_path / 'model.safetensors').stat().st_size < apart
    again, _ = load(tmp_path)
    wanted = model.image.localiser.vision.encoder.layers[0].mlp.fc1.weight.half().float()
    assert torch.equal(again.image.semantic.vision.encoder.layers[0].mlp.fc1.weight, wanted)


def test_lora_trains_thin_matrices_only_and_starts_from_nothing():
    model, _ = make_model()
    language = model.language
    ids = torch.tensor([[3, 4, 5]])
    before = language.model(ids).logits.detach()
    language.model.requires_grad_(False)
    add_lora(language.model, DecoderConfig(train='lora', rank=2))
    assert torch.allclose(language.model(ids).logits, before, atol=1e-5)
    trained = [name for name, p in language.named_parameters() if p.requires_grad]
    assert trained
    assert all('lora_' in name and ('q_proj' in name or 'v_proj' in name) for name in trained)
    with pytest.raises(ModelError, match='targets'):
        add_lora(make_model()[0].language.model, DecoderConfig(targets=('nothing',)))


def test_the_shape_survives_json_and_wrong_files_are_refused(tmp_path):
    shape = make_shape(30, thresholds={'presence': 0.4})
    write_shape(shape, tmp_path)
    assert read_shape(tmp_path) == shape
    path = tmp_path / 'config.json'
    path.write_text(path.read_text().replace('"objects"', '"objets"'))
    with pytest.raises(ModelError, match="did you mean 'objects'"):
        read_shape(tmp_path)
    path.write_text(json.dumps({'model_type': 'owlvit'}))
    with pytest.raises(ModelError, match='pixel_llm'):
        read_shape(tmp_path)
    with pytest.raises(ModelError, match='train pixel_llm'):
        read_shape(tmp_path / 'nowhere')


@pytest.mark.parametrize(
    'wrong',
    [
        lambda: TowerConfig('resnet'),
        lambda: TowerConfig(frozen_layers=-2),
        lambda: AdaptorConfig(width=50),
        lambda: AdaptorConfig(tokens=0),
        lambda: DecoderConfig(train='some'),
        lambda: DecoderConfig(rank=0),
        lambda: PixelLlmShape(objects=3),
        lambda: PixelLlmShape(objects=0, contexts={'caption': 'x'}),
    ],
)
def test_shapes_that_make_no_model_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()


def test_incomplete_weights_are_refused(tmp_path):
    model, codec = make_model()
    save(model, codec, tmp_path)
    write_shape(replace(model.shape, objects=0), tmp_path)
    with pytest.raises(ModelError, match='not known'):
        load(tmp_path)
