"""
Questions to a language server over HTTP, and its answers as plain data; whatever goes wrong is a ServerError.

Every request has one deadline for the whole answer, so a server that hangs, or that sends a byte now and then,
is given up. Asking changes nothing on the server, so a connection that was refused or broke and a server that
says it is busy are tried again; a deadline that passed and an answer that makes no sense are not. The key comes
from an environment variable and stands in no message. It knows nothing of prompts or scores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import json
import os
from typing import Any, TypeVar

import httpx

from vlm_robot.errors import ConfigError, ServerError

GRAMMAR_FIELDS = ('', 'structured_outputs', 'guided_grammar', 'grammar')
METHODS = ('auto', 'logprobs', 'letters')
BUSY = (429, 502, 503, 504)  # statuses by which a server asks to come again
MAX_ANSWER_BYTES = 64_000_000  # 60 options with every token's log-probability are below one
HOW_TO_START = (
    'start one, for example `vllm serve MODEL --port 8000`, `llama-server -m MODEL.gguf --port 8000` or '
    '`ollama serve` (its url: http://127.0.0.1:11434/v1), set language.server.url to it, '
    "or set language.backend to 'transformers'"
)
T = TypeVar('T')


@dataclass(frozen=True)
class ServerConfig:
    """Which language server is asked, and for how long."""

    url: str = 'http://127.0.0.1:8000/v1'  # of its OpenAI-compatible interface, without user name, key or query
    model: str = ''  # a name that the server lists; empty takes the only one it serves
    api_key_env: str = 'VLM_ROBOT_API_KEY'  # environment variable that holds the key, if the server wants one
    timeout_s: float = 30.0  # seconds, above 0, for one whole answer
    retries: int = 2  # 0 or more; further attempts when the connection breaks or the server is busy
    backoff_s: float = 0.5  # seconds before the second attempt; doubles with every further one
    parallel: int = 8  # 1 or more; requests under way at once
    method: str = 'auto'  # options by 'logprobs' of their tokens, by 'letters', or 'auto': what the server offers
    orders: int = 4  # 1 or more; orders in which the same letters are asked, their bias averaged out
    group: int = 20  # 2..20 options in one question by letters; more are asked in rounds
    grammar_field: str = ''  # 'structured_outputs' or 'guided_grammar' (vLLM), 'grammar' (llama.cpp); empty sends none

    def __post_init__(self):
        """Check ranges."""
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"url '{self.url}' cannot be read ({error}); wanted: http://HOST:PORT/v1") from error
        if url.userinfo or url.query:
            raise ConfigError('the url of a language server must hold no key; put it into the environment '
                              f'variable that api_key_env names ({self.api_key_env})')  # fmt: skip
        if url.scheme not in ('http', 'https') or not url.host:
            raise ConfigError(f"url '{self.url}' is no address; wanted: http://HOST:PORT/v1 or https://HOST/v1")
        if self.method not in METHODS:
            raise ConfigError(f"method '{self.method}' is not known; allowed: {list(METHODS)}")
        if self.grammar_field not in GRAMMAR_FIELDS:
            raise ConfigError(f"grammar_field '{self.grammar_field}' is not known; allowed: {list(GRAMMAR_FIELDS)}")
        if not (self.timeout_s > 0 and self.backoff_s >= 0 and self.retries >= 0):
            raise ConfigError('timeout_s must be above 0, backoff_s and retries 0 or more')
        if not (self.parallel >= 1 and self.orders >= 1 and 2 <= self.group <= 20):
            raise ConfigError('parallel and orders must be 1 or more, group in 2..20')


@dataclass(frozen=True)
class Answer:
    """
    What came back.

    :param body: the JSON object; empty when the status says that the request was turned down.
    :param complaint: the server's words when it was; empty otherwise.
    """

    status: int
    body: Mapping[str, Any]
    complaint: str = ''

    @property
    def is_fine(self) -> bool:
        """Return whether the server did what was asked."""
        return not self.complaint


class ServerLink:
    """Sends requests to one server; safe to use from several threads."""

    def __init__(self, config: ServerConfig):
        """Keep the settings; nothing is sent yet."""
        self.config = config
        self.url = config.url.rstrip('/')

    def get(self, path: str) -> Answer:
        """
        Return the answer to one GET.

        :raises ServerError: no whole answer, no JSON, or a key that the server does not take.
        """
        return _run(self._ask_all('GET', path, [None]))[0]

    def post(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """
        Return the answers to several POSTs, in order.

        :raises ServerError: as ``get``.
        """
        return _run(self._ask_all('POST', path, bodies))

    async def _ask_all(self, verb: str, path: str, bodies: Sequence[Mapping | None]) -> list[Answer]:
        slots = asyncio.Semaphore(self.config.parallel)
        key = self._read_key()
        host = httpx.URL(self.url).host
        options: dict[str, Any] = {
            'timeout': self.config.timeout_s,
            'headers': {'Content-Type': 'application/json'} | ({'Authorization': f'Bearer {key}'} if key else {}),
            'trust_env': host not in ('127.0.0.1', 'localhost', '::1'),  # a proxy does not reach this machine
        }

        async def ask(client: httpx.AsyncClient, body: Mapping | None) -> Answer:
            async with slots:
                return await self._insist(client, verb, path, body)

        async with httpx.AsyncClient(**options) as client:
            tasks = [asyncio.ensure_future(ask(client, body)) for body in bodies]
            try:
                return await asyncio.gather(*tasks)
            finally:  # one failure ends all
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _insist(self, client: httpx.AsyncClient, verb: str, path: str, body: Mapping | None) -> Answer:
        """Ask, and ask again where that is safe and may help."""
        pause = self.config.backoff_s
        for attempt in range(self.config.retries + 1):
            is_last = attempt == self.config.retries
            try:
                status, data = await asyncio.wait_for(self._send(client, verb, path, body), self.config.timeout_s)
                if status not in BUSY or is_last:
                    return self._read(status, data)
            except (asyncio.TimeoutError, httpx.TimeoutException) as error:
                raise ServerError(
                    f'the language server at {self.url} gave no whole answer within {self.config.timeout_s:g} s; '
                    'look whether it is overloaded or still loading, or raise language.server.timeout_s'
                ) from error
            except httpx.TransportError as error:
                if is_last:
                    raise ServerError(self._describe_break(error, attempt + 1)) from error
            except httpx.RequestError as error:
                raise ServerError(
                    f'the answer of the language server at {self.url} cannot be decoded ({_shorten(str(error))})'
                ) from error
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError('the last attempt returns or raises')

    async def _send(self, client: httpx.AsyncClient, verb: str, path: str, body: Mapping | None) -> tuple[int, bytes]:
        content = None if body is None else json.dumps(body)  # in ASCII: no text can spoil the encoding
        async with client.stream(verb, f'{self.url}/{path}', content=content) as response:
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    raise ServerError(f'the language server at {self.url} sent more than {MAX_ANSWER_BYTES} bytes')
            return response.status_code, bytes(data)

    def _describe_break(self, error: httpx.TransportError, attempts: int) -> str:
        if isinstance(error, httpx.ConnectError):
            return f'no language server answers at {self.url} ({_shorten(str(error))}); {HOW_TO_START}'
        return (
            f'the language server at {self.url} closed the connection before its answer was whole '
            f'({attempts} attempts, {_shorten(str(error))}); look into its log'
        )

    def _read(self, status: int, data: bytes) -> Answer:
        text = data.decode('utf-8', errors='replace')
        if status in (401, 403):
            raise ServerError(self._describe_key(status))
        body = _parse(text)
        words = f'HTTP {status}: {self._clean(_find_message(body, text))}'
        if status in BUSY:
            raise ServerError(
                f'the language server at {self.url} is busy or not ready ({words}); '
                f'{self.config.retries + 1} attempts were made, try again later'
            )
        if status >= 300 or (isinstance(body, dict) and body.get('error')):
            return Answer(status, {}, words)
        if not isinstance(body, dict):
            raise ServerError(
                f'the language server at {self.url} answered with something that is not a JSON object: '
                f"'{self._clean(text, 80)}'; is this the url of an OpenAI-compatible interface (it often ends in /v1)?"
            )
        return Answer(status, body)

    def _read_key(self) -> str:
        """Return the key, or nothing; one that cannot stand in a header is refused before it reaches a message."""
        name = self.config.api_key_env
        key = os.environ.get(name, '').strip()
        if not (key.isascii() and key.isprintable()):
            raise ServerError(f'the environment variable {name} holds no key: it has line ends or other strange signs')
        return key

    def _describe_key(self, status: int) -> str:
        name = self.config.api_key_env
        state = 'is set, but its key is not accepted' if os.environ.get(name) else 'is not set'
        return (
            f'the language server at {self.url} wants a key (HTTP {status}): the environment variable {name} '
            f'{state}; put a valid key there, or name another variable in language.server.api_key_env'
        )

    def _clean(self, text: str, limit: int = 200) -> str:
        """Return foreign text on one short line; should it repeat the key, without it."""
        key = os.environ.get(self.config.api_key_env, '').strip()
        return _shorten(text.replace(key, '***') if key else text, limit)


def _parse(text: str) -> Any:
    """Return what the JSON says; None for what is no JSON or nested too deeply to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_message(body: Any, text: str) -> str:
    """Return the words of an error object in the forms that servers use."""
    error = body.get('error', body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = error.get('message') or error.get('detail') or text
    return error if isinstance(error, str) else text


def _shorten(text: str, limit: int = 200) -> str:
    words = ' '.join(''.join(c if c.isprintable() else ' ' for c in text).split())
    return words if len(words) <= limit else words[: limit - 3] + '...'


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop already runs (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
