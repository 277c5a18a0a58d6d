"""PixelLLM learns: batches say what is meant, losses fall, a run that is resumed is the run that went on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_pixel_model import make_model, make_shape
import torch
from transformers import AutoTokenizer

from vlm_robot.errors import ConfigError
from vlm_robot.language.smollm import find_cache, FOLDER
from vlm_robot.perception.pixel_llm.pixel_config import CONTEXTS, DecoderConfig
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel
from vlm_robot.perception.pixel_llm.pixel_text import TextCodec
from vlm_robot.training.fake_pictures import build_picture, put_thing, scatter_things
from vlm_robot.training.pixel_llm_baselines import find_relation, list_nouns, NearestCrop, Noun, RuleGrounder
from vlm_robot.training.pixel_llm_batches import build_rows, collate, IGNORED, PlacedText, RegionText
from vlm_robot.training.pixel_llm_loss import objectness_loss, place_losses
from vlm_robot.training.pixel_llm_optimiser import PixelOptimiser
from vlm_robot.training.pixel_llm_runs import learn_language, PixelRunConfig
from vlm_robot.training.pixel_llm_texts import list_pixel_words, make_example, sample_absent_text, TextMix
from vlm_robot.training.pixel_llm_training import compute_losses, PixelRun, PixelTrainingConfig
from vlm_robot.training.referring import KINDS, sample_referring
from vlm_robot.training.referring_wordings import WORDINGS
from vlm_robot.vocabulary import COLOURS

BOX = (0.1, 0.2, 0.3, 0.4)


def source(rng):
    """Return an example of the size of the tiny model."""
    return make_example(scatter_things(rng), 'train', rng, TextMix(1, 1, 1, 1, 2), 64)


def train_some(folder, steps, most=0, **changes):
    """Return a run of the tiny model after some of its steps."""
    model, codec = make_model(1, **changes)
    config = PixelTrainingConfig(folder, steps=steps, batch=2, tokens=12, warm_up_steps=1, rate=3e-3)
    run = PixelRun(config, model, codec, source)
    run.learn(most)
    return run


def test_every_word_that_the_generators_say_is_known():
    known = {word for text in list_pixel_words() for word in text.lower().split()}
    rng = np.random.default_rng(0)
    for _ in range(60):
        example = source(rng)
        said = {word for text in example.texts if text.task == 'caption' for word in text.text.lower().split()}
        assert said - {','} <= known
    assert set(COLOURS) <= known


def test_words_and_boxes_of_a_text_are_as_many():
    rng = np.random.default_rng(1)
    for _ in range(40):
        for text in source(rng).texts:
            assert len(text.boxes) == len(text.text.split())
            assert all(box is None or (box[0] < box[2] and box[1] < box[3]) for box in text.boxes)


def test_absent_expressions_name_no_thing_by_its_words():
    rng = np.random.default_rng(2)
    picture = build_picture(put_thing('red block', (0.3, 0.3)), put_thing('blue bowl', (0.7, 0.6)))
    for _ in range(60):
        text = sample_absent_text(picture, 'train', rng)
        nouns = list_nouns(text)
        there = {('red', 'block'), ('blue', 'bowl')}
        if nouns and nouns[0].colour and nouns[0].shape and (nouns[0].colour, nouns[0].shape) in there:
            assert len(nouns) > 1  # then it is beside or in something that is not there or does not hold it


def test_rows_say_what_comes_next_and_where_it_is():
    codec = make_model()[1]
    caption = PlacedText('caption', 'a red block', (None, BOX, BOX))
    asked = PlacedText('refer', 'the blue bowl', (None, None, BOX), BOX)
    rows = build_rows([[caption, asked], [asked]], codec)
    assert rows.ids.shape == (2, 4 + 6)
    words = codec.tokenizer.convert_ids_to_tokens
    assert words(rows.ids[0, :4].tolist()) == ['describe', 'a', 'red', 'block']
    assert words(rows.labels[0, :4].tolist()) == ['a', 'red', 'block', '<end>']
    assert rows.labels[0, 4:].eq(IGNORED).all()  # the paper: an expression trains only its place
    assert words(rows.ids[0, 4:].tolist()) == ['where', 'is', 'the', 'blue', 'bowl', '?']
    assert rows.is_placed[0].tolist() == [False, False, True, True] + [False] * 4 + [True, True]
    assert rows.is_judged[0].tolist() == [False, True, True, True] + [False] * 4 + [True, True]
    assert rows.is_answer[0].nonzero().flatten().tolist() == [9]
    assert rows.segments[1].tolist() == [0] * 6 + [-1] * 4
    assert rows.boxes[0, 9].tolist() == pytest.approx(BOX)


def test_collated_tokens_hold_every_thing():
    rng = np.random.default_rng(3)
    model, codec = make_model()
    examples = [source(rng) for _ in range(3)]
    batch = collate(examples, codec, model.shape, 12, rng)
    assert batch.kept.shape == (3, 12)
    for example, kept in zip(examples, batch.kept.tolist(), strict=True):
        for x0, y0, x1, y1 in example.boxes:
            middle = int((y0 + y1) / 2 * 4) * 4 + int((x0 + x1) / 2 * 4)
            assert middle in kept
    assert int(batch.counts.sum()) == len(batch.prompts.boxes)


def test_a_point_is_told_from_a_box():
    assert RegionText((0.5, 0.5, 0.5, 0.5), 'red block', BOX).is_point
    assert not RegionText(BOX, 'red block', BOX).is_point


def test_place_losses_are_least_at_the_truth():
    target = torch.tensor([[0.2, 0.2, 0.4, 0.5]])
    regions = torch.tensor([[[0.2, 0.2, 0.4, 0.5], [0.6, 0.6, 0.9, 0.9]]])
    right = place_losses(target.clone(), torch.tensor([[9.0, 0.0]]), target, regions)
    wrong = place_losses(target + 0.2, torch.tensor([[0.0, 9.0]]), target, regions)
    assert all(a < b for a, b in zip(right, wrong, strict=True))
    assert float(right[0]) == 0
    far = place_losses(target, torch.tensor([[0.0, 9.0]]), torch.tensor([[0.0, 0.9, 0.1, 1.0]]), regions)
    assert float(far[2]) == 0  # no region meets it: the choice is not taught


def test_objectness_falls_when_the_right_tokens_are_marked():
    features = make_model()[0].encode(torch.randn(1, 3, 64, 64))
    truth = [features.boxes[0, 3:4].detach()]
    clear = [torch.tensor([True])]
    marked = torch.full_like(features.objectness, -4.0)
    unmarked = marked.clone()
    marked[0, 3] = 4.0
    losses = [objectness_loss(replace(features, objectness=value), truth, clear) for value in (marked, unmarked)]
    assert losses[0] < losses[1]


def test_a_few_steps_lower_the_loss(tmp_path):
    model, codec = make_model(2)
    rng = np.random.default_rng(4)
    batch = collate([source(rng) for _ in range(4)], codec, model.shape, 0, rng)
    optimiser = PixelOptimiser(model, 0.02, 5e-3)
    totals = []
    for _ in range(12):
        total = sum(compute_losses(model, batch).values())
        total.backward()
        optimiser.step(1.0)
        totals.append(float(total.detach()))
    assert totals[-1] < 0.8 * totals[0]


def test_the_ablation_leaves_the_places_of_words_out():
    model, codec = make_model()
    rng = np.random.default_rng(5)
    batch = collate([source(rng) for _ in range(3)], codec, model.shape, 0, rng)
    with_words, without = (set(compute_losses(model, batch, flag)) for flag in (True, False))
    assert with_words - without >= {'word corners', 'word choice', 'word presence'}
    assert 'answer corners' in without


def test_a_resumed_run_ends_as_one_that_went_through(tmp_path):
    through = train_some(tmp_path / 'a', 4)
    train_some(tmp_path / 'b', 4, most=2)
    resumed = train_some(tmp_path / 'b', 4)
    assert resumed.optimiser.steps == 4
    for name, value in through.optimiser.masters.items():
        assert torch.equal(value, resumed.optimiser.masters[name]), name
    model, _ = resumed.finished()
    assert isinstance(model, PixelLlmModel)


def test_what_is_frozen_stays_and_the_rest_moves(tmp_path):
    before = {name: value.clone() for name, value in make_model(1)[0].state_dict().items()}
    after, _ = train_some(tmp_path, 3).finished()
    moved = {name for name, value in after.state_dict().items() if not torch.equal(value, before[name].half().float())}
    assert not any(name.startswith('image.localiser') for name in moved)
    assert any(name.startswith('adaptor.') for name in moved)
    assert any(name.startswith('points.') for name in moved)


def test_lora_on_a_named_language_model_learns_and_keeps_only_its_own(tmp_path):
    base, codec = make_model(6)
    base.language.model.save_pretrained(tmp_path / 'base')
    language = DecoderConfig(model=str(tmp_path / 'base'), train='lora', rank=2)
    model, _ = make_model(6, language=language)
    rng = np.random.default_rng(7)
    batch = collate([source(rng) for _ in range(4)], codec, model.shape, 0, rng)
    optimiser = PixelOptimiser(model, 0.02, 5e-3)
    assert not any('lora_' in name for names in optimiser._shapes.values() for name in names)
    totals = []
    for _ in range(8):
        total = sum(compute_losses(model, batch).values())
        total.backward()
        optimiser.step(1.0)
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0]
    kept = [name for name in model.state_dict() if name.startswith('language.')]
    own = [name for name in kept if model.language.is_own(name.removeprefix('language.'))]
    assert own
    assert all('lora_' in name for name in own)


def test_smollm2_goes_the_same_way():
    folder = find_cache() / FOLDER
    if not (folder / 'model.safetensors').is_file():
        pytest.skip('SmolLM2 is not in the cache; ./run setup converts it')
    torch.manual_seed(0)
    language = DecoderConfig(model='smollm2-135m-instruct', train='lora', rank=4)
    model = PixelLlmModel(make_shape(0, language=language, objects=3), str(folder))
    codec = TextCodec(AutoTokenizer.from_pretrained(folder), CONTEXTS)
    rng = np.random.default_rng(11)
    example = make_example(scatter_things(rng), 'train', rng, TextMix(1, 1, 0, 1, 1), 64)
    batch = collate([example], codec, model.shape, 0, rng)
    optimiser = PixelOptimiser(model, 0.02, 3e-3)
    totals = []
    for _ in range(4):
        total = sum(compute_losses(model, batch).values())
        total.backward()
        optimiser.step(1.0)
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0]
    text, owners = codec.decode(
        codec.encode('caption', 'there is a red block').ids[len(codec.contexts['caption']) : -1]
    )
    assert text == 'there is a red block'
    assert owners[-1] == 4


def test_the_language_learns_alone():
    model, codec = make_model(8)
    losses = learn_language(model, codec, source, 0, 12)
    assert np.mean(losses[-3:]) < losses[0]


@pytest.mark.parametrize(
    'wrong', [{'minutes': 0}, {'batch': 0}, {'tokens': 0}]
)  # fmt: skip
def test_runs_that_cannot_train_are_refused(wrong):
    with pytest.raises(ConfigError):
        PixelTrainingConfig(Path('x'), **wrong)
    with pytest.raises(ConfigError):
        PixelRunConfig(PixelTrainingConfig(Path('x')), views=0)


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind])
def test_the_rules_read_every_wording_of_a_relation(kind):
    for wording in (*WORDINGS[kind].trained, *WORDINGS[kind].kept):
        text = wording.format(np='red block', nps='red blocks', a='blue bowl', ord='second')
        assert find_relation(text) == kind, text
        assert list_nouns(text)[0] == Noun('red', 'block'), text


def test_the_rules_answer_most_expressions_when_every_box_is_right():
    class Seer:
        """Sees everything as it is."""

        name = 'seer'

        def __init__(self, picture):
            self.picture = picture

        def detect(self, rgb, queries):
            from vlm_robot.datatypes import Detection

            return [Detection(thing.label, 1.0, thing.box_xyxy_px) for thing in self.picture.things]

    rng, hits = np.random.default_rng(9), []
    while len(hits) < 150:
        picture = scatter_things(rng)
        asked = sample_referring(picture, 'test', rng)
        if asked is not None:
            rules = RuleGrounder(Seer(picture))
            box = rules.ground(rules.look(picture.rgb), asked.text)
            hits.append(box == picture.things[asked.index].box_xyxy_px)
    assert np.mean(hits) > 0.6


def test_the_nearest_crop_names_what_it_has_seen():
    crops = NearestCrop()
    picture = build_picture(put_thing('red block', (0.3, 0.3)), put_thing('blue bowl', (0.7, 0.6)))
    crops.learn(picture)
    assert [crops.name(picture.rgb, thing.box_xyxy_px) for thing in picture.things] == ['red block', 'blue bowl']
