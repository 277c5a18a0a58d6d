"""
A language model behind an OpenAI-compatible server: vLLM, llama.cpp's server, Ollama, a hosted one.

Options are scored in the best way that the server offers, found out once:

1. log-probabilities of the option's own tokens (completions with ``echo``: vLLM, llama-cpp-python); these
   mean the same as those of the local model;
2. multiple-choice letters with the log-probabilities of the letters (chat, else completions);
3. multiple-choice letters that are only said.

2 and 3 give shares that sum to 1 over the options, as SayCan's normalised language scores do; ``token_count``
is 1 then. Facts on who offers what: the servers' public references; llama.cpp and Ollama have no ``echo``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_robot.errors import name_nearest, ServerError
from vlm_robot.language import server_formats as formats
from vlm_robot.language.language_model import ContinuationScore, Generation
from vlm_robot.language.letters import LetterAnswer, score_by_letters
from vlm_robot.language.server_link import Answer, ServerConfig, ServerLink

PROMPTS_IN_ONE = 16  # of one completions request
GO_ON = 'Go on with this text. Write only what comes next, without a word about it.\n\n'


@dataclass(frozen=True)
class Way:
    """
    One way of asking.

    :param path: ``completions`` or ``chat/completions``.
    :param is_echo: log-probabilities of the option's tokens; else letters.
    :param prompts: how many prompts one request carries.
    :param new_tokens: tokens that the server insists on writing behind an echo.
    :param with_logprobs: ask for the log-probabilities of what is written.
    """

    path: str
    is_echo: bool = False
    prompts: int = 1
    new_tokens: int = 0
    with_logprobs: bool = True


ECHOES = (
    Way('completions', True, PROMPTS_IN_ONE),
    Way('completions', True),
    Way('completions', True, 1, 1),
)
LETTER_WAYS = (
    Way('chat/completions'),
    Way('completions'),
    Way('chat/completions', with_logprobs=False),
    Way('completions', with_logprobs=False),
)
TEXT_WAYS = (
    Way('completions'),
    Way('completions', with_logprobs=False),
    Way('chat/completions'),
    Way('chat/completions', with_logprobs=False),
)
WAYS = {'auto': (*ECHOES, *LETTER_WAYS), 'logprobs': ECHOES, 'letters': LETTER_WAYS}


class ServerLanguageModel:
    """A LanguageModel that lives behind a URL."""

    def __init__(self, config: ServerConfig = ServerConfig()):
        """Keep the settings; nothing is sent before ``connect`` or the first question."""
        self.config = config
        self.link = ServerLink(config)
        self.served = config.model
        self.name = f'{config.model or "the only model"} at {self.link.url}'
        self.way: Way | None = None
        self.text_way: Way | None = None

    def connect(self) -> None:
        """
        Find the server and the model.

        :raises ServerError: the server is down or does not serve the model; the message lists what it serves.
        """
        answer = self.link.get('models')
        names = _list_names(answer.body)
        if not answer.is_fine or not names:
            if not self.config.model:
                raise ServerError(
                    f'the language server at {self.link.url} lists no models ({answer.complaint or "empty list"}); '
                    'name one in language.server.model'
                )
            return
        if not self.config.model and len(names) > 1:
            raise ServerError(
                f'the language server at {self.link.url} serves several models; name one of them in '
                f'language.server.model: {names}'
            )
        wanted = self.config.model or names[0]
        near = next((name for name in (wanted, f'{wanted}:latest') if name in names), None)
        if near is None:
            raise ServerError(
                f"the language server at {self.link.url} does not serve '{wanted}'{name_nearest(wanted, names)}; "
                f'it serves: {names}'
            )
        self.served = near
        self.name = f'{near} at {self.link.url}'

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """
        Return the log-probability of each continuation after the prompt, in order.

        :raises ServerError: no server, no sense in what it says, or no way of scoring that it offers.
        """
        if not continuations:
            return []
        self._find_model()
        if self.way is None:
            self.way = self._find_way(prompt, continuations[0])
        try:
            if self.way.is_echo:
                return self._score_echo(self.way, prompt, continuations)
            return self._score_letters(self.way, prompt, continuations)
        except ServerError:
            self.way = None  # the server may have been replaced by another
            raise

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """Return the greedy continuation of the prompt, cut before the first stop text."""
        return self.write(prompt, max_new_tokens, stop, grammar).text

    def write(
        self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '', draft: str = ''
    ) -> Generation:
        """
        Return the greedy continuation of the prompt, cut before the first stop text, with its probability if told.

        :param grammar: Lark text, sent along where ``grammar_field`` says how; otherwise the text is free.
        :param draft: not used; a server has its own ways to gain time.
        :raises ServerError: as ``score``.
        """
        self._find_model()
        complaints = []
        for way in (self.text_way,) if self.text_way else TEXT_WAYS:
            body = self._text_body(way, prompt, max_new_tokens) | ({'stop': list(stop)[:4]} if stop else {})
            answer = self.link.post(way.path, [body | grammar_fields(self.config.grammar_field, grammar)])[0]
            choices = formats.read_choices(answer.body, 1)
            text = formats.read_text(choices[0]) if choices else None
            if choices and text is not None:
                self.text_way = way
                text = _cut(_unfence(text) if way.path.startswith('chat') else text, stop)
                return Generation(text, *formats.read_likelihood(choices[0], text))
            complaints.append(self._complain(way.path, answer))
        self.text_way = None
        raise ServerError(self._sum_up('write text', list(dict.fromkeys(complaints))))

    def _find_model(self) -> None:
        if not self.served:
            self.connect()

    def _text_body(self, way: Way, prompt: str, max_new_tokens: int) -> dict[str, Any]:
        body: dict[str, Any] = {'model': self.served, 'max_tokens': max_new_tokens, 'temperature': 0}
        if way.path == 'completions':
            return body | {'prompt': prompt} | ({'logprobs': 1} if way.with_logprobs else {})
        body['messages'] = [{'role': 'user', 'content': GO_ON + prompt}]
        return body | ({'logprobs': True} if way.with_logprobs else {})

    def _find_way(self, prompt: str, continuation: str) -> Way:
        """Try the ways on a small question and return the first that works."""
        complaints: list[str] = []
        for way in WAYS[self.config.method]:
            if way.is_echo:
                texts = [continuation] * min(2, way.prompts)
                body = formats.echo_body(self.served, [prompt + text for text in texts], way.new_tokens)
            else:
                texts = [continuation.strip(), 'something else']
                body = _letter_body(way, self.served, formats.write_question(prompt, texts))
            answer = self.link.post(way.path, [body])[0]
            if self._has_worked(way, answer, texts):
                return way
            complaint = self._complain(way.path, answer)
            if complaint not in complaints:
                complaints.append(complaint)
        raise ServerError(self._sum_up('score options', complaints))

    def _has_worked(self, way: Way, answer: Answer, texts: Sequence[str]) -> bool:
        choices = formats.read_choices(answer.body, len(texts) if way.is_echo else 1)
        if not choices:
            return False
        if way.is_echo:
            return all(formats.read_echo(c, t, way.new_tokens) for c, t in zip(choices, texts))
        letters = formats.read_letters(choices[0], len(texts))
        return letters is not None and bool(letters.logprobs)

    def _score_echo(self, way: Way, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        parts = [continuations[i : i + way.prompts] for i in range(0, len(continuations), way.prompts)]
        bodies = [formats.echo_body(self.served, [prompt + text for text in part], way.new_tokens) for part in parts]
        scores = []
        for part, answer in zip(parts, self.link.post(way.path, bodies)):
            choices = formats.read_choices(answer.body, len(part)) or []
            for text, choice in zip(part, choices):
                found = formats.read_echo(choice, text, way.new_tokens)
                if found is None:
                    raise ServerError(self._sum_up('score options', [self._complain(way.path, answer)]))
                scores.append(ContinuationScore(text, *found))
            if not choices:
                raise ServerError(self._sum_up('score options', [self._complain(way.path, answer)]))
        return scores

    def _score_letters(self, way: Way, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        def ask(questions: Sequence[Sequence[str]]) -> list[LetterAnswer]:
            bodies = [_letter_body(way, self.served, formats.write_question(prompt, texts)) for texts in questions]
            return [self._read_letters(way, a, len(q)) for a, q in zip(self.link.post(way.path, bodies), questions)]

        shares = score_by_letters(continuations, ask, self.config.orders, self.config.group)
        return [ContinuationScore(text, share, 1) for text, share in zip(continuations, shares)]

    def _read_letters(self, way: Way, answer: Answer, count: int) -> LetterAnswer:
        choices = formats.read_choices(answer.body, 1)
        letters = formats.read_letters(choices[0], count) if choices else None
        if letters is None:
            raise ServerError(self._sum_up('score options', [self._complain(way.path, answer)]))
        return letters

    def _complain(self, path: str, answer: Answer) -> str:
        """Return what was wrong with an answer, the server's own words included."""
        if not answer.is_fine:
            return f'{path}: {answer.complaint}'
        return f'{path}: an answer without what was asked for (it has: {sorted(map(str, answer.body))[:8]})'

    def _sum_up(self, what: str, complaints: Sequence[str]) -> str:
        return (
            f"the language server at {self.link.url} cannot {what} with '{self.served}': {'; '.join(complaints)}; "
            'see config/server.yaml for servers that can'
        )


def _letter_body(way: Way, model: str, question: str) -> dict[str, Any]:
    build = formats.chat_body if way.path.startswith('chat') else formats.completion_body
    return build(model, question, with_logprobs=way.with_logprobs)


def grammar_fields(field: str, grammar: str) -> dict[str, Any]:
    """Return what carries a Lark grammar in a request; nothing where no field is named."""
    if not (field and grammar):
        return {}
    if field == 'structured_outputs':
        return {field: {'grammar': grammar}}
    return {field: f'%llguidance {{}}\n{grammar}' if field == 'grammar' else grammar}


def _list_names(body: Mapping[str, Any]) -> list[str]:
    data = body.get('data')
    return [str(item['id']) for item in data if isinstance(item, Mapping) and item.get('id')] if isinstance(
        data, list) else []  # fmt: skip


def _unfence(text: str) -> str:
    """Return the text without the fence of a code block, which chat models like to draw."""
    lines = text.strip('\n').split('\n')
    if lines[0].startswith('```'):
        lines = lines[1:]
        end = next((i for i, line in enumerate(lines) if line.startswith('```')), len(lines))
        return '\n'.join(lines[:end])
    return text


def _cut(text: str, stop: Sequence[str]) -> str:
    return text[: min((text.index(mark) for mark in stop if mark in text), default=len(text))]
