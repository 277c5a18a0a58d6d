"""
A fake of an OpenAI-compatible server on this machine, for tests and for trying out what a broken one does.

It answers from a script like ``ScriptedLanguageModel``, in the forms that it is told to offer, and from a
chosen question on it misbehaves in a chosen way. It ends with its ``with`` block, whoever still waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import re
import threading
from typing import Any

from vlm_robot.language.letters import LETTERS

FAULTS = ('', 'hang', 'trickle', 'garbage', 'shape', 'list', 'deep', 'close', 'cut', 'zip', '401', '429', '500')
OFFERS = ('echo', 'lists', 'chat', 'completions', 'logprobs')
MODEL = 'fake-model'


class FakeServer:
    """
    A server in a thread; ``with FakeServer(script) as server`` starts and ends it.

    :param script: ending of a prompt -> what comes next.
    :param fault: one of FAULTS; may be changed while it runs.
    :param offers: some of OFFERS; ``lists`` are several prompts in one request.
    :param faults_from: number of the first POST that meets the fault, from 0.
    :param faults_until: number of the first POST that does not any more.
    :param port: of the loopback interface; 0 takes a free one.
    """

    def __init__(
        self,
        script: Mapping[str, str] | None = None,
        fault: str = '',
        offers: Sequence[str] = OFFERS,
        *,
        faults_from: int = 0,
        faults_until: int = 1_000_000,
        models: Sequence[str] = (MODEL,),
        port: int = 0,
    ):
        """Open a port on the loopback interface; nobody is answered yet."""
        self.script, self.fault, self.offers, self.models = dict(script or {}), fault, set(offers), list(models)
        self.faulty = range(faults_from, faults_until)
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        handler = type('Handler', (_Handler,), {'fake': self})
        self._http = ThreadingHTTPServer(('127.0.0.1', port), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Return the address of the OpenAI-compatible interface."""
        return f'http://127.0.0.1:{self._http.server_address[1]}/v1'

    def __enter__(self) -> FakeServer:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        """Let everybody go who waits, and close the port."""
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def note(self, body: dict, headers: Mapping[str, str]) -> str:
        """Remember a POST and return the fault that it meets."""
        with self._lock:
            self.bodies.append(body)
            self.headers.append(dict(headers))
            return self.fault if len(self.bodies) - 1 in self.faulty else ''

    def answer(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and body of a good answer, or of a refusal to do what is not offered."""
        if path.endswith('/chat/completions'):
            if 'chat' not in self.offers:
                return 404, {'error': {'message': 'no chat here'}}
            return 200, {'choices': [self._choose(body, body['messages'][-1]['content'], 'chat')]}
        if 'completions' not in self.offers or (body.get('echo') and 'echo' not in self.offers):
            return 400, {'error': {'message': 'only no echo is supported'}}
        prompts = body['prompt'] if isinstance(body['prompt'], list) else [body['prompt']]
        if len(prompts) > 1 and 'lists' not in self.offers:
            return 400, {'error': 'prompt must be a string'}
        choices = [self._echo(text) if body.get('echo') else self._choose(body, text, 'text') for text in prompts]
        return 200, {'choices': [choice | {'index': number} for number, choice in enumerate(choices)]}

    def continue_text(self, prompt: str) -> str:
        """Return what the script says after a prompt."""
        endings = [key for key in self.script if prompt.rstrip().endswith(key)]
        return self.script[max(endings, key=len)] if endings else ''

    def _echo(self, text: str) -> dict[str, Any]:
        """Give the scripted continuation -0.1 in all and any other -10, spread over its tokens."""
        border = max((text.rfind(key) + len(key) for key in self.script if key in text), default=0)
        tokens = re.findall(r'\s*\w+|\W', text)
        total = -0.1 if text[border:].strip() == self.continue_text(text[:border]) else -10.0
        lengths = [sum(map(len, tokens[: i + 1])) for i in range(len(tokens))]
        inside = [length > border for length in lengths]
        values = [total / sum(inside) if is_inside else -1.0 for is_inside in inside]
        return {'text': text, 'logprobs': {'tokens': tokens, 'token_logprobs': [None, *values[1:]]}}

    def _choose(self, body: Mapping[str, Any], text: str, form: str) -> dict[str, Any]:
        prompt, rule, question = text.partition('\n\n---\n')
        if not rule:
            asked = body.get('logprobs') and 'logprobs' in self.offers
            return self._wrap(
                f' {self.continue_text(text)}', [(f' {self.continue_text(text)}', -0.1)] if asked else [], form
            )
        options = re.findall(r'^([A-T])\. (.+)$', question, re.M)
        wanted = self.continue_text(prompt)
        values = [(letter, -0.1 if option == wanted else -10.0) for letter, option in options]
        values.sort(key=lambda pair: -pair[1])
        asked = 'logprobs' in body and 'logprobs' in self.offers
        return self._wrap(values[0][0], values if asked else [], form)

    def _wrap(self, text: str, tops: list[tuple[str, float]], form: str) -> dict[str, Any]:
        if form == 'text':
            logprobs = {
                'tokens': [text],
                'token_logprobs': [tops[0][1] if tops else None],
                'top_logprobs': [dict(tops)],
            }
            return {'text': text} | ({'logprobs': logprobs} if tops else {})
        listed = [{'token': token, 'logprob': value} for token, value in tops]
        content = [{'token': text, 'logprob': tops[0][1], 'top_logprobs': listed}] if tops else []
        return {'message': {'role': 'assistant', 'content': text}} | (
            {'logprobs': {'content': content}} if tops else {}
        )


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        if self.path.endswith('/models'):
            self._send(200, {'data': [{'id': name} for name in self.fake.models]})
        else:
            self._send(404, {'error': {'message': 'not found'}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        fault = self.fake.note(body, dict(self.headers))
        if fault.isdigit():
            key = self.headers.get('Authorization', 'no key').removeprefix('Bearer ')
            self._send(int(fault), {'error': {'message': f'fault number {fault}, asked with {key}'}})
        elif fault:
            self._misbehave(fault)
        else:
            self._send(*self.fake.answer(self.path, body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the standard library
        """Say nothing."""

    def _misbehave(self, fault: str) -> None:
        self.close_connection = True
        if fault == 'hang':
            self.fake.released.wait(60)
        elif fault in ('trickle', 'cut'):
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"choices": [')
            while fault == 'trickle' and not self.fake.released.wait(0.05):
                try:
                    self.wfile.write(b' ')
                except OSError:
                    return
        elif fault == 'zip':
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd')
        elif fault != 'close':
            self._send(
                200, {'garbage': '<html>It works!', 'shape': {'hello': 1}, 'list': [1, 2], 'deep': '[' * 100_000}[fault]
            )

    def _send(self, status: int, body: Any) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked has gone
            self.close_connection = True


assert len(LETTERS) == 20  # the pattern of an option above reads A to T
