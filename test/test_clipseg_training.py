"""The small CLIPSeg: its training pass is the stock one, it starts from the detector, batches say what is true."""

import numpy as np
import pytest
import torch

from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.training.clipseg_batches import choose_prompts, cut_mask_patches, make_batch, normalise, select_tokens
from vlm_robot.training.clipseg_measure import Row
from vlm_robot.training.clipseg_model import decode, embed_phrases, embed_tokens
from vlm_robot.training.clipseg_start import align_decoder, gather_texts, start_from_detector
from vlm_robot.training.clipseg_training import ClipSegTrainingConfig, compute_loss, spread
from vlm_robot.training.fake_pictures import build_picture, put_thing, scatter_things
from vlm_robot.training.owlvit_data import GRID, PATCH_PX, SIDE_PX
from vlm_robot.training.owlvit_phrases import list_canonical
from vlm_robot.training.picture_phrases import canonical_phrase
from vlm_robot.training.pictures import resize_picture
from vlm_robot.training.sight_separation import is_held_out


@pytest.fixture(scope='module')
def detector():
    return OwlVitDetector(OwlVitConfig(device='cpu'))


@pytest.fixture(scope='module')
def model(detector):
    return start_from_detector(detector.model, 0).eval()


def draw(seed, side=SIDE_PX):
    return resize_picture(scatter_things(np.random.default_rng(seed)), (side, side))


def test_the_training_pass_is_the_stock_forward_pass(model, detector):
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
    patches = torch.from_numpy(normalise(rgb))[None]
    tokens = gather_texts(['red block', 'the bowl'], detector.processor.tokenizer)
    with torch.no_grad():
        activations, shown = embed_tokens(model, patches, torch.arange(GRID**2)[None])
        wanted = embed_phrases(model, tokens)
        logits = spread(decode(model, activations, wanted[None], torch.arange(GRID**2)[None]))
        pixels = detector.preprocess([rgb])
        stock = model(pixel_values=pixels.repeat(2, 1, 1, 1), **tokens).logits
        assert (logits - stock).abs().max() < 1e-3 * stock.abs().max()
        assert torch.allclose(shown, model.clip.get_image_features(pixels).pooler_output, atol=1e-3)


def test_the_towers_are_those_of_the_detector(model, detector):
    ours, theirs = model.clip.state_dict(), detector.model.owlvit.state_dict()
    for name, value in theirs.items():
        if name != 'visual_projection.weight':  # the detector's was never trained
            assert torch.equal(ours[name.replace('pre_layernorm', 'pre_layrnorm')], value.float())


def test_an_aligned_decoder_is_conditioned_on_what_the_prompt_says(detector):
    model = start_from_detector(detector.model, 0)
    pictures = [draw(seed) for seed in range(1, 5)]
    patches = torch.from_numpy(np.stack([normalise(picture.rgb) for picture in pictures]))
    index = torch.arange(GRID**2).expand(len(pictures), -1)
    tokens = gather_texts([item.text for item in list_canonical()], detector.processor.tokenizer)
    align_decoder(model, detector.model, patches, index, tokens)
    with torch.no_grad():
        activations, _ = embed_tokens(model, patches, index)
        factor = model.decoder.film_mul(embed_phrases(model, tokens))
        for activation, reduce in zip(activations[::-1], model.decoder.reduces, strict=True):
            size = reduce(activation[:, 1:]).std()
            assert 0.3 < size < 3  # beside a condition of about 1
    assert 0.3 < factor.std() < 3


def test_batches_say_what_pictures_show():
    rng, pictures = np.random.default_rng(0), [draw(seed) for seed in range(6)]
    batch = make_batch(pictures, 4, 100, 3, rng)
    assert batch.patches.shape == (6, 100, 3 * PATCH_PX**2) and batch.target.shape == (6, 4, 100, PATCH_PX**2)
    assert batch.text.max() < len(batch.phrases) and (batch.index.diff(dim=1) > 0).all()
    for picture, index, target in zip(pictures, batch.index, batch.target, strict=True):
        shown = np.zeros((SIDE_PX, SIDE_PX), bool)
        for thing in picture.things:
            shown |= thing.mask
        allowed = torch.from_numpy(cut_mask_patches(shown[None])[0][index.numpy()])
        assert not target[:, ~allowed].any()
    assert (batch.crop[:, 1] == 3).all() and batch.crops.shape[0] == len(batch.crop) == len(batch.share) <= 3
    assert ((batch.share >= 0) & (batch.share <= 1)).all()


def test_chosen_tokens_hold_every_thing():
    for seed in range(8):
        picture = draw(seed)
        kept = set(select_tokens(picture, 160, np.random.default_rng(0)).tolist())
        for thing in picture.things:
            assert set(np.flatnonzero(cut_mask_patches(thing.mask[None])[0].any(1)).tolist()) <= kept


def test_training_prompts_name_no_held_out_pair_and_often_nothing():
    rng, absent, count = np.random.default_rng(0), 0, 0
    for seed in range(40):
        for item in choose_prompts(draw(seed, 64), 'train', 6, rng):
            assert not is_held_out(item.colour, item.shape)
            absent, count = absent + (not item.is_present), count + 1
    assert 0.4 < absent / count < 0.8


def test_the_loss_is_least_where_all_is_right_and_blind_where_nothing_is_judged():
    torch.manual_seed(0)
    target = (torch.rand(2, 3, 5, 16) > 0.7).float()
    target[:, 2] = 0
    weight = torch.ones_like(target)
    right, wrong = 20 * (2 * target - 1), -20 * (2 * target - 1)
    entropy, dice = compute_loss(right, target, weight)
    assert entropy < 1e-6 and dice < 1e-3
    assert all(bad > good for bad, good in zip(compute_loss(wrong, target, weight), (entropy, dice), strict=True))
    weight[:, 0] = 0
    changed = wrong.clone()
    changed[:, 0] = right[:, 0]
    blind = [torch.stack(compute_loss(logits, target, weight)) for logits in (wrong, changed)]
    assert torch.equal(*blind)


def test_a_row_counts_overlap_and_every_false_pixel():
    picture = build_picture(put_thing('red block', (0.5, 0.5)), put_thing('blue bowl', (0.2, 0.2), visible_px=10))
    there, absent, hidden = (canonical_phrase(picture, *label.split()) for label in
                             ('red block', 'green bowl', 'blue bowl'))  # fmt: skip
    row = Row()
    row.add(there.mask, there)
    row.add(np.zeros_like(absent.mask), absent)
    assert row.summarise() == {'present': 1, 'absent': 1, 'miou': 1.0, 'found': 1.0, 'iou_fg': 1.0, 'alarms': 0.0,
                               'false_share': 0.0}  # fmt: skip
    one = np.zeros_like(absent.mask)
    one[3, 4] = True
    row.add(one, absent)
    row.add(np.ones_like(one), hidden)  # hardly shows: neither present nor absent
    assert row.summarise()['alarms'] == 0.5 and row.summarise()['absent'] == 2 and row.summarise()['present'] == 1


@pytest.mark.parametrize('wrong', [{'minutes': 0}, {'tokens': 4}, {'batch': -1}, {'rate': 0.0}])
def test_impossible_training_is_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ClipSegTrainingConfig(tmp_path, **wrong)
