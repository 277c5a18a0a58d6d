"""
The bodies that OpenAI-compatible servers read and the parts of their answers that count; data in, data out.

Read from the public references of the OpenAI API, vLLM, llama.cpp's server and Ollama. They agree on most;
where they differ, every form is read. A form that is not understood gives ``None``, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any, TypeGuard

from vlm_robot.language.letters import LetterAnswer, LETTERS

TOP = 20  # most tokens of a place that servers list
SURE = 0.9  # share of a letter that was only said: nothing tells how sure the model was
_MARKS = ' \t\n\r.,:;()[]{}*`"\'▁Ġ'


def echo_body(model: str, prompts: Sequence[str], max_tokens: int) -> dict[str, Any]:
    """Return a completions request for the log-probabilities of the prompts' own tokens."""
    prompt = prompts[0] if len(prompts) == 1 else list(prompts)
    return {'model': model, 'prompt': prompt, 'max_tokens': max_tokens, 'echo': True, 'logprobs': 1, 'temperature': 0}


def read_echo(choice: Any, continuation: str, new_tokens: int) -> tuple[float, int] | None:
    """
    Return the summed log-probability of the continuation's tokens and their number.

    The tokens are found from the end by their letters, white space aside: servers count offsets in different
    ways and some print tokens without their leading space.

    :param new_tokens: how many tokens at most were generated behind the text.
    """
    logprobs = choice.get('logprobs') if isinstance(choice, Mapping) else None
    if not isinstance(logprobs, Mapping):
        return None
    tokens, values = logprobs.get('tokens'), logprobs.get('token_logprobs')
    if not (isinstance(tokens, list) and isinstance(values, list) and len(tokens) == len(values)):
        return None
    wanted = _strip(continuation)
    for extra in range(new_tokens, -1, -1):
        found = _sum_tail(tokens[: len(tokens) - extra], values, wanted)
        if found:
            return found
    return None


def _sum_tail(tokens: list, values: list, wanted: str) -> tuple[float, int] | None:
    text, total = '', 0.0
    for count, place in enumerate(range(len(tokens) - 1, -1, -1), start=1):
        text = _strip(str(tokens[place])) + text
        if not _is_number(values[place]) or not wanted.endswith(text):
            return None
        total += float(values[place])
        if text == wanted:
            return total, count
    return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _strip(text: str) -> str:
    return ''.join(text.replace('▁', ' ').replace('Ġ', ' ').split())


def write_question(prompt: str, options: Sequence[str]) -> str:
    """Return the multiple-choice question which line goes on with the text."""
    lines = '\n'.join(f'{letter}. {option.strip()}' for letter, option in zip(LETTERS, options))
    return (
        f'{prompt}\n\n---\nThe text above breaks off. Which of these lines comes next?\n{lines}\n'
        'Answer with the letter of one line and nothing else.'
    )


def chat_body(model: str, question: str, *, with_logprobs: bool) -> dict[str, Any]:
    """Return a chat request for a letter."""
    body: dict[str, Any] = {
        'model': model,
        'messages': [{'role': 'user', 'content': question}],
        'max_tokens': 4,
        'temperature': 0,
    }
    return body | ({'logprobs': True, 'top_logprobs': TOP} if with_logprobs else {})


def completion_body(model: str, question: str, *, with_logprobs: bool) -> dict[str, Any]:
    """Return a completions request for a letter."""
    body: dict[str, Any] = {'model': model, 'prompt': f'{question}\nAnswer:', 'max_tokens': 4, 'temperature': 0}
    return body | ({'logprobs': TOP} if with_logprobs else {})


def read_letters(choice: Any, count: int) -> LetterAnswer | None:
    """
    Return how likely the first ``count`` letters are.

    Without log-probabilities in the answer, the letter that was said gets most of the share.
    """
    text = read_text(choice)
    if text is None:
        return None
    places = _read_places(choice.get('logprobs'))
    if not places:
        letter = read_letter(text.split()[0] if text.split() else '', count)
        rest = math.log((1 - SURE) / max(1, count - 1))
        return LetterAnswer({letter: math.log(SURE)} if letter else {}, rest)
    said = next((top for token, top in places if read_letter(token, count)), places[0][1])
    logprobs: dict[str, float] = {}
    for token, value in said:
        letter = read_letter(token, count)
        if letter:
            logprobs[letter] = _add_logs(logprobs[letter], value) if letter in logprobs else value
    return LetterAnswer(logprobs, min((value for _, value in said), default=-20.0))


def read_letter(token: str, count: int) -> str:
    """Return the letter that a token says, or nothing."""
    bare = token.strip(_MARKS)
    return bare if len(bare) == 1 and bare in LETTERS[:count] else ''


def read_text(choice: Any) -> str | None:
    """Return the text of a completion or of a chat message."""
    if not isinstance(choice, Mapping):
        return None
    text = choice.get('text')
    message = choice.get('message')
    if text is None and isinstance(message, Mapping):
        text = message.get('content') or ''
    return text if isinstance(text, str) else None


def read_likelihood(choice: Mapping[str, Any], text: str) -> tuple[float | None, int]:
    """Return the log-probability of the tokens that make up a generated text, and their number; None if untold."""
    logprobs = choice.get('logprobs')
    if not isinstance(logprobs, Mapping):
        return None, 0
    if isinstance(logprobs.get('content'), list):
        pairs = [(item.get('token'), item.get('logprob')) for item in logprobs['content'] if isinstance(item, Mapping)]
    else:
        pairs = list(zip(logprobs.get('tokens') or (), logprobs.get('token_logprobs') or ()))
    wanted, seen, total = len(_strip(text)), 0, 0.0
    for count, (token, value) in enumerate(pairs, start=1):
        if not _is_number(value):
            return None, 0
        total += value
        seen += len(_strip(str(token)))
        if seen >= wanted:
            return total, count
    return None, 0


def read_choices(body: Mapping[str, Any], count: int) -> list | None:
    """Return ``count`` choices in the order of the prompts."""
    choices = body.get('choices')
    if not isinstance(choices, list) or len(choices) != count or not all(isinstance(c, Mapping) for c in choices):
        return None
    return sorted(choices, key=lambda choice: choice['index'] if isinstance(choice.get('index'), int) else 0)


def _read_places(logprobs: Any) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return (token, its rivals with log-probabilities) of every generated place, from either form."""
    if not isinstance(logprobs, Mapping):
        return []
    if isinstance(logprobs.get('content'), list):
        rows = [(item, item.get('top_logprobs')) for item in logprobs['content'] if isinstance(item, Mapping)]
        places = [
            (str(item.get('token', '')), [(str(t.get('token', '')), t.get('logprob')) for t in top or [item]
                                          if isinstance(t, Mapping)])
            for item, top in rows
        ]  # fmt: skip
    else:
        tops, tokens = logprobs.get('top_logprobs'), logprobs.get('tokens')
        if not (isinstance(tops, list) and isinstance(tokens, list)):
            return []
        places = [(str(token), list(top.items())) for token, top in zip(tokens, tops) if isinstance(top, Mapping)]
    numbers = [(token, [(t, float(v)) for t, v in top if _is_number(v)]) for token, top in places]
    return [(token, top) for token, top in numbers if top]


def _add_logs(a: float, b: float) -> float:
    high = max(a, b)
    return high + math.log(math.exp(a - high) + math.exp(b - high))
