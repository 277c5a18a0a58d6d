"""Tests for openai_server.py and server_link.py: a real HTTP server on the loopback interface, well and broken."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
import socket

import numpy as np
import pybullet
import pytest

from vlm_robot.config import AgentConfig, load_config
from vlm_robot.errors import ConfigError, ModelError, ServerError
from vlm_robot.evaluation.episodes import Stack
from vlm_robot.language.fake_server import FakeServer, MODEL
from vlm_robot.language.language_loading import LanguageConfig, load_language_model
from vlm_robot.language.openai_server import ServerLanguageModel
from vlm_robot.language.server_formats import read_echo, read_letters
from vlm_robot.language.server_link import ServerConfig
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.sim.scenario import load_scenario, sample_episode

ROOT = Path(__file__).resolve().parents[1]
SENTENCE = 'put the red block in the green bowl'
SCRIPT = {
    f'Task: {SENTENCE}\n1.': 'pick up the red block.',
    'holding red block.\n2.': 'put it in the green bowl.',
    'red block in green bowl.\n3.': 'done.',
}
PROMPT = f'See: red block, green bowl.\nTask: {SENTENCE}\n1.'
GRAMMAR = 'start: "a"'
OPTIONS = [f' pick up the {colour} block.' for colour in ('blue', 'red', 'green')] + [' done.']


def connect(server, **settings) -> ServerLanguageModel:
    settings = {'url': server.url, 'timeout_s': 30.0, 'backoff_s': 0.01} | settings
    return ServerLanguageModel(ServerConfig(**settings))


def best(scores) -> str:
    return max(scores, key=lambda score: score.logprob).text


@pytest.mark.parametrize(
    ('offers', 'tokens'),
    [
        (('echo', 'lists', 'completions'), 6),
        (('echo', 'completions'), 6),
        (('chat', 'logprobs'), 1),
        (('completions', 'logprobs'), 1),
        (('chat',), 1),
        (('completions',), 1),
    ],
    ids=str,
)
def test_the_best_way_that_is_offered_is_found_and_kept(offers, tokens):
    with FakeServer(SCRIPT, offers=offers) as server:
        model = connect(server)
        scores = model.score(PROMPT, OPTIONS)
        assert [score.text for score in scores] == OPTIONS
        assert best(scores) == ' pick up the red block.'
        assert scores[1].token_count == tokens
        asked = len(server.bodies)
        way = model.way
        model.score(PROMPT, OPTIONS)
        assert model.way == way
        assert len(server.bodies) - asked < asked + 4  # no second search
        if way.is_echo:
            assert scores[1].logprob == pytest.approx(-0.1) and scores[0].logprob == pytest.approx(-10)
        else:
            assert sum(math.exp(score.logprob) for score in scores) == pytest.approx(1)


def test_many_options_are_asked_in_few_requests():
    options = [f' pick up thing {i}.' for i in range(59)] + [' pick up the red block.']
    with FakeServer(SCRIPT) as server:
        scores = connect(server).score(PROMPT, options)
        assert best(scores) == options[-1] and len(scores) == 60
        assert len(server.bodies) == 1 + 4
    with FakeServer(SCRIPT, offers=('chat', 'logprobs')) as server:
        assert best(connect(server).score(PROMPT, options)) == options[-1]


def test_the_method_can_be_chosen():
    with FakeServer(SCRIPT) as server:
        assert connect(server, method='letters').score(PROMPT, OPTIONS)[0].logprob != pytest.approx(-10)
        assert all('echo' not in body for body in server.bodies)
    with FakeServer(SCRIPT, offers=('chat',)) as server, pytest.raises(ServerError, match=r'cannot score.*no echo'):
        connect(server, method='logprobs').score(PROMPT, OPTIONS)


@pytest.mark.parametrize('offers', [('completions',), ('chat',)])
def test_text_is_written_and_cut(offers):
    with FakeServer(SCRIPT, offers=offers) as server:
        model = connect(server)
        assert model.generate(PROMPT).strip() == 'pick up the red block.'
        assert model.generate(PROMPT, stop=['red']).strip() == 'pick up the'
        assert server.bodies[-1]['stop'] == ['red']


@pytest.mark.parametrize('offers', [('completions', 'logprobs'), ('chat', 'logprobs'), ('chat',)], ids=str)
def test_text_comes_with_its_probability_where_the_server_tells_it(offers):
    with FakeServer(SCRIPT, offers=offers) as server:
        written = connect(server).write(PROMPT)
        assert written.text.strip() == 'pick up the red block.'
        assert written.logprob == (-0.1 if 'logprobs' in offers else None)


def test_a_grammar_is_sent_only_where_a_field_for_it_is_named():
    with FakeServer(SCRIPT) as server:
        connect(server).generate(PROMPT, grammar=GRAMMAR)
        assert 'start: ' not in str(server.bodies[-1])
        for field, sent in (
            ('guided_grammar', GRAMMAR),
            ('structured_outputs', {'grammar': GRAMMAR}),
            ('grammar', f'%llguidance {{}}\n{GRAMMAR}'),
        ):
            connect(server, grammar_field=field).generate(PROMPT, grammar=GRAMMAR)
            assert server.bodies[-1][field] == sent


def test_models_are_found_or_listed():
    with FakeServer(models=['only']) as server:
        model = connect(server)
        model.connect()
        assert model.served == 'only' and server.url in model.name
    with FakeServer(models=['big', 'small:latest']) as server:
        with pytest.raises(ServerError, match=r'several.*big.*small'):
            connect(server).connect()
        with pytest.raises(ServerError, match=r"does not serve 'bog'; did you mean 'big'.*small:latest"):
            connect(server, model='bog').connect()
        model = connect(server, model='small')
        model.connect()
        assert model.served == 'small:latest'
    with FakeServer(models=[]) as server, pytest.raises(ServerError, match='lists no models'):
        connect(server).connect()


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ('hang', 'no whole answer within 0.3 s'),
        ('trickle', 'no whole answer within 0.3 s'),
        ('garbage', 'not a JSON object.*It works.*/v1'),
        ('list', 'not a JSON object.*1, 2'),
        ('deep', 'not a JSON object'),
        ('zip', 'cannot be decoded'),
        ('shape', 'cannot score options.*hello'),
        ('close', 'closed the connection.*3 attempts'),
        ('cut', 'closed the connection.*3 attempts'),
        ('401', 'VLM_ROBOT_API_KEY is not set'),
        ('429', 'busy or not ready.*429.*3 attempts'),
        ('500', 'HTTP 500: fault number 500'),
    ],
)
def test_every_fault_is_named_in_one_sentence(fault, words, monkeypatch):
    monkeypatch.delenv('VLM_ROBOT_API_KEY', raising=False)
    with FakeServer(SCRIPT, fault) as server:
        for use in (lambda m: m.score(PROMPT, OPTIONS), lambda m: m.generate(PROMPT)):
            with pytest.raises(
                ServerError, match=words.replace('score options', '(score options|write text)')
            ) as error:
                use(connect(server, timeout_s=0.3 if fault in ('hang', 'trickle') else 30.0, model=MODEL))
            assert server.url in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('fault', ['close', 'cut', '429'])
def test_what_may_pass_is_tried_again(fault):
    with FakeServer(SCRIPT, fault, faults_from=2, faults_until=4) as server:
        model = connect(server)
        for _ in range(3):
            assert best(model.score(PROMPT, OPTIONS)) == ' pick up the red block.'


@pytest.mark.parametrize('fault', ['hang', 'garbage', '500'])
def test_what_will_not_pass_is_asked_once(fault):
    with FakeServer(SCRIPT, fault, faults_from=2) as server:
        model = connect(server, timeout_s=3.0 if fault == 'hang' else 30.0)
        model.score(PROMPT, OPTIONS)
        with pytest.raises(ServerError):
            model.score(PROMPT, OPTIONS)
        assert len(server.bodies) == 3


def test_after_a_fault_the_next_question_is_answered_again():
    with FakeServer(SCRIPT) as server:
        model = connect(server)
        model.score(PROMPT, OPTIONS)
        server.fault = 'shape'
        with pytest.raises(ServerError):
            model.score(PROMPT, OPTIONS)
        server.fault, server.offers = '', {'chat'}  # another server took its place
        assert best(model.score(PROMPT, OPTIONS)) == ' pick up the red block.'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_nobody_there_says_how_to_start_one():
    config = ServerConfig(f'http://127.0.0.1:{free_port()}/v1', backoff_s=0.01)
    with pytest.raises(ModelError, match=r'no language server answers at http://127.*vllm serve.*ollama'):
        load_language_model(LanguageConfig(backend='server', server=config))


def test_a_key_is_sent_and_never_shown(monkeypatch, caplog):
    caplog.set_level('DEBUG')
    monkeypatch.setenv('ROBOT_KEY', 'sesame-123')
    with FakeServer(SCRIPT) as server:
        model = connect(server, api_key_env='ROBOT_KEY', model=MODEL)
        model.score(PROMPT, OPTIONS)
        assert server.headers[-1]['Authorization'] == 'Bearer sesame-123'
        texts = [repr(model.config), repr(vars(model)), model.name]
        for fault in ('500', '401'):
            server.fault = fault
            with pytest.raises(ServerError, match=r'ROBOT_KEY is set, but|asked with \*\*\*') as error:
                model.score(PROMPT, OPTIONS)
            texts.append(str(error.value))
        assert 'sesame' not in ' '.join([*texts, caplog.text])


@pytest.mark.parametrize('key', ['two\nlines', 'clé'])
def test_a_key_that_cannot_be_sent_is_refused_unseen(key, monkeypatch):
    monkeypatch.setenv('ROBOT_KEY', key)
    with FakeServer(SCRIPT) as server, pytest.raises(ServerError, match='ROBOT_KEY holds no key') as error:
        connect(server, api_key_env='ROBOT_KEY').score(PROMPT, OPTIONS)
    assert key not in str(error.value)


def test_any_text_can_be_asked():
    with FakeServer(SCRIPT) as server:
        text = connect(server).generate('赤いブロック \udc80 "\\ \x00' + PROMPT)
        assert text.strip() == 'pick up the red block.'


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'url': 'localhost:8000'}, 'HOST'),
        ({'url': 'ftp://host/v1'}, 'no address'),
        ({'url': 'http://me:secret@host/v1'}, 'environment'),
        ({'url': 'http://host/v1?key=1'}, 'environment'),
        ({'method': 'guess'}, 'letters'),
        ({'timeout_s': 0.0}, 'above 0'),
        ({'retries': -1}, '0 or more'),
        ({'group': 21}, '2..20'),
        ({'grammar_field': 'gbnf'}, 'guided_grammar'),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(ConfigError, match=words) as error:
        ServerConfig(**settings)
    assert 'secret' not in str(error.value)


def test_settings_of_local_models_stay_where_they_were():
    config = load_config(ROOT / 'config' / 'gpu.yaml').language
    assert (config.backend, config.device) == ('transformers', 'cuda')
    config = load_config(ROOT / 'config' / 'server.yaml').language
    assert (config.backend, config.server.url) == ('server', 'http://127.0.0.1:8000/v1')
    with pytest.raises(ConfigError, match='transformers'):
        LanguageConfig(backend='cloud')


def test_it_works_where_an_event_loop_runs():
    async def use(model):
        return model.score(PROMPT, OPTIONS)

    with FakeServer(SCRIPT) as server:
        assert best(asyncio.run(use(connect(server)))) == ' pick up the red block.'


@pytest.mark.parametrize(
    ('tokens', 'values', 'new', 'expected'),
    [
        (['<s>', 'a', ' pick', ' up'], [None, -1, -2, -3], 0, (-5.0, 2)),
        (['a', 'pick', 'up'], [None, -2, -3], 0, (-5.0, 2)),  # printed without spaces
        (['a', ' pick', ' up', ' more'], [None, -2, -3, -9], 1, (-5.0, 2)),
        (['a', ' pick', ' up'], [None, -2, -3], 1, (-5.0, 2)),  # nothing was written behind
        (['a', ' p', 'ick', ' u', 'p'], [None, -1, -1, -1, -1], 0, (-4.0, 4)),
        (['a pick', ' up'], [-1, -1], 0, None),  # the border lies inside a token
        (['a', ' pick', ' up'], [None, None, -3], 0, None),
        (['a', ' pick', ' up'], [None, math.nan, -3], 0, None),
        (['a', ' put'], [None, -1], 0, None),
        ([], [], 0, None),
    ],
)
def test_tokens_of_the_option_are_found_from_the_end(tokens, values, new, expected):
    choice = {'logprobs': {'tokens': tokens, 'token_logprobs': values}}
    assert read_echo(choice, ' pick up', new) == expected


def test_letters_are_read_in_every_form():
    top = [{'token': 'B', 'logprob': -0.2}, {'token': ' B', 'logprob': -3.0}, {'token': 'A', 'logprob': -2.0}]
    chat = {
        'message': {'content': 'B'},
        'logprobs': {'content': [{'token': 'B', 'logprob': -0.2, 'top_logprobs': top}]},
    }
    answer = read_letters(chat, 3)
    assert answer.logprobs['A'] == -2.0 and answer.logprobs['B'] == pytest.approx(np.logaddexp(-0.2, -3.0))
    assert answer.floor == -3.0
    text = {'text': ' B', 'logprobs': {'tokens': ['\n', ' B'], 'top_logprobs': [{'\n': -0.1}, {' B': -0.5, 'Z': -1}]}}
    assert read_letters(text, 3).logprobs == {'B': -0.5}
    said = read_letters({'message': {'content': 'B. put it down'}}, 3)
    assert said.logprobs == {'B': math.log(0.9)}
    assert read_letters({'message': {'content': 'Because'}}, 3).logprobs == {}
    assert read_letters({'text': 7}, 3) is None


@pytest.fixture
def table():
    """Return the demo's table."""
    episode = sample_episode(load_scenario(ROOT / 'sim' / 'scenarios' / 'blocks_and_bowls.yaml'), 0)
    world = episode.build_world()
    yield world, episode
    world.close()


def build_agent(server, world, episode, **settings):
    model = connect(server, **settings)
    config = AgentConfig()
    return Stack(config, model, SayCanPlanner(model, config.planner)).build_agent(world, episode, sees=False)


@pytest.mark.parametrize('offers', [('echo', 'lists', 'completions'), ('chat', 'logprobs')], ids='+'.join)
def test_a_server_moves_a_block(table, offers):
    world, episode = table
    with FakeServer(SCRIPT, offers=offers) as server:
        result = build_agent(server, world, episode).run(SENTENCE)
    assert result.status == 'done', result.reason
    assert np.linalg.norm(np.subtract(world.position('red block'), world.position('green bowl'))[:2]) < 0.05


@pytest.mark.parametrize('fault', ['hang', 'trickle', 'garbage', 'shape', 'close', 'cut', '500', 'gone'])
def test_a_server_that_fails_in_mid_task_ends_it_with_a_reason_and_the_arm_at_rest(table, fault):
    world, episode = table
    server = FakeServer(SCRIPT)

    def disturb(step):
        """Break the server, and change the table so that it must be asked again."""
        place = world.position('yellow bowl')
        pybullet.resetBasePositionAndOrientation(
            world.bodies['yellow block'], (*place[:2], 0.05), (0, 0, 0, 1), physicsClientId=world.client
        )
        if fault == 'gone':
            server.__exit__()
        server.fault = fault

    with server:
        agent = build_agent(server, world, episode, timeout_s=3.0 if fault in ('hang', 'trickle') else 30.0)
        agent.on_step_start = disturb
        result = agent.run(SENTENCE)
    assert result.status == 'failed' and server.url in result.reason, result.reason
    assert [step.skill for step in result.steps] == ['pick']
    rest = agent.arm.tcp_pose()
    world.settle(0.5)
    assert np.abs(agent.arm.tcp_pose() - rest).max() < 1e-3
    assert world.state().held == 'red block'  # what the hand held it holds
