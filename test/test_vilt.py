"""Questions by ViLT: mechanics on tiny random checkpoints of two kinds, and the public checkpoint's shape."""

import numpy as np
import pytest
import torch
from transformers import BertTokenizer, ViltConfig, ViltForQuestionAnswering, ViltImageProcessor, ViltProcessor
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor

from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception import vilt
from vlm_robot.perception.vilt import ViltAnswerer
from vlm_robot.training.picture_questions import ask
from vlm_robot.training.picture_store import PictureStore

ANSWERS = ('yes', 'no', 'red', '2', 'left side', 'brown')
QUESTIONS = ['is there a red block?', 'what colour is the bowl that is left of the red block?', 'how many?']
SIZES = [(48, 80), (90, 50), (8, 700), (500, 9)]  # height, width


def build_tokenizer():
    letters = 'abcdefghijklmnopqrstuvwxyz'
    pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '?', 'red', 'block', *letters, *(f'##{c}' for c in letters)]
    return BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=40)


def save_tiny(folder, problem_type, image_processor, **shape):
    """Save a tiny random checkpoint whose answers differ enough to be compared."""
    torch.manual_seed(4)
    tokenizer = build_tokenizer()
    config = ViltConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        image_size=64, patch_size=16, id2label=dict(enumerate(ANSWERS)), problem_type=problem_type,
        label2id={answer: i for i, answer in enumerate(ANSWERS)}, **shape,
    )  # fmt: skip
    model = ViltForQuestionAnswering(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    ViltProcessor(image_processor, tokenizer).save_pretrained(folder)


KINDS = {
    'squashed, one label': ('single_label_classification', OwlViTImageProcessor(size={'height': 64, 'width': 64})),
    'shape kept, many labels': (None, ViltImageProcessor(size={'shortest_edge': 64})),
}


@pytest.fixture(scope='module', params=KINDS)
def tiny(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('vilt')
    save_tiny(folder, *KINDS[request.param])
    return ViltAnswerer(vilt.ViltConfig(str(folder), answers=3, batch=2, device='cpu'))


def picture(height=48, width=80, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_confidences_are_those_of_the_stock_forward_pass(tiny):
    rgb = picture()
    inputs = tiny.processor(images=[rgb], text=QUESTIONS[1], return_tensors='pt')
    with torch.inference_mode():
        logits = tiny.model(**inputs).logits[0]
    is_one_label = tiny.model.config.problem_type == 'single_label_classification'
    expected = logits.softmax(-1) if is_one_label else logits.sigmoid()
    assert torch.allclose(tiny.weigh(rgb, [QUESTIONS[1]])[0], expected, atol=1e-5)


@pytest.mark.parametrize('size', SIZES)
def test_questions_do_not_disturb_each_other_on_pictures_of_any_size(tiny, size):
    rgb = picture(*size)
    together = tiny.weigh(rgb, QUESTIONS)
    alone = torch.cat([tiny.weigh(rgb, [question]) for question in QUESTIONS])
    assert together.shape == (3, len(ANSWERS)) and torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-4)


def test_answer_is_the_likeliest_and_the_evidence_lists_the_next(tiny):
    rgb = picture()
    answer, values = tiny.answer(rgb, QUESTIONS[0]), tiny.weigh(rgb, QUESTIONS[:1])[0]
    assert answer.text == ANSWERS[int(values.argmax())]
    assert answer.confidence == pytest.approx(float(values.max())) and 0 <= answer.confidence <= 1
    assert answer.evidence.startswith(answer.text) and answer.evidence.count(',') == 2
    assert [text for text, _ in tiny.rank(rgb, QUESTIONS[:1])[0]] == [ANSWERS[i] for i in values.topk(3).indices]


def test_no_questions_give_no_answers(tiny):
    assert tiny.answer_all(picture(), []) == []


def test_random_choice_of_patches_gives_one_answer_and_leaves_random_numbers_alone(tmp_path):
    save_tiny(tmp_path, None, ViltImageProcessor(size={'shortest_edge': 128}), max_image_length=5)
    answerer = ViltAnswerer(vilt.ViltConfig(str(tmp_path), device='cpu'))
    rgb, state = picture(96, 96), torch.get_rng_state()
    first = answerer.weigh(rgb, QUESTIONS)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(99)
    assert torch.allclose(first, answerer.weigh(rgb, QUESTIONS))


@pytest.mark.parametrize('question', ['', '   ', None, 7, 'z' * 60, 'what is it and ' * 30])
def test_what_is_no_question_is_refused(tiny, question):
    with pytest.raises(SentenceError, match='question'):
        tiny.answer(picture(), question)


@pytest.mark.parametrize(
    'rgb',
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        'x',
    ],
)
def test_what_is_no_picture_is_refused(tiny, rgb):
    with pytest.raises(ImageError):
        tiny.answer(rgb, QUESTIONS[0])


def test_a_text_instead_of_a_list_is_refused(tiny):
    with pytest.raises(SentenceError, match='list'):
        tiny.answer_all(picture(), 'is there a bowl?')


@pytest.mark.parametrize('change', [{'answers': 0}, {'batch': 0}, {'threads': -1}, {'model': ''}])
def test_settings_that_cannot_be_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        vilt.ViltConfig(**change)


def test_what_is_no_vilt_is_refused(tmp_path):
    with pytest.raises(ModelError, match='cannot load'):
        ViltAnswerer(vilt.ViltConfig(str(tmp_path)))
    (tmp_path / 'config.json').write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="this is 'bert'"):
        ViltAnswerer(vilt.ViltConfig(str(tmp_path)))
    save_tiny(tmp_path / 'fine', *KINDS['shape kept, many labels'])
    with pytest.raises(ModelError, match='device'):
        ViltAnswerer(vilt.ViltConfig(str(tmp_path / 'fine'), device='nonsense'))


def test_threads_are_set(tmp_path):
    save_tiny(tmp_path, *KINDS['squashed, one label'])
    before = torch.get_num_threads()
    try:
        ViltAnswerer(vilt.ViltConfig(str(tmp_path), device='cpu', threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_public_checkpoints_shape_answers(tmp_path):
    """The shape of dandelin/vilt-b32-finetuned-vqa, with two of its 12 layers: 3129 answers, 384 px, 40 tokens."""
    torch.manual_seed(0)
    config = ViltConfig(
        num_hidden_layers=2, id2label={i: f'answer {i}' for i in range(3129)},
        label2id={f'answer {i}': i for i in range(3129)},
    )  # fmt: skip
    ViltForQuestionAnswering(config).save_pretrained(tmp_path)
    tokenizer = build_tokenizer()
    ViltProcessor(ViltImageProcessor(size={'shortest_edge': 384}), tokenizer).save_pretrained(tmp_path)
    answerer = ViltAnswerer(vilt.ViltConfig(str(tmp_path), device='cpu'))
    values = answerer.weigh(picture(120, 160), ['how many?'])
    assert values.shape == (1, 3129) and answerer.text_limit == 40
    assert answerer.answer(picture(120, 160), 'how many?').text.startswith('answer ')


def test_the_shipped_checkpoint_sees_what_is_there(tmp_path):
    """Existence is what it knows best (0.96 of test questions): below 0.8 of 40 something is broken."""
    store, answerer = PictureStore(tmp_path, 'test', 5), ViltAnswerer(vilt.ViltConfig(device='cpu'))
    rights = []
    for index in range(5):
        rng = np.random.default_rng(index)
        picture_seen = store.draw(index, rng)
        drawn = [ask(picture_seen, 'test', rng, 'existence') for _ in range(8)]
        asked = [item for item in drawn if item is not None]
        answers = answerer.answer_all(picture_seen.rgb, [item.text for item in asked])
        rights += [answer.text == item.answer for answer, item in zip(answers, asked, strict=True)]
    store.close()
    assert np.mean(rights) >= 0.8
