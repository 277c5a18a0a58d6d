"""
A causal language model of transformers, in this process, that scores many continuations in one pass.

Prompts are encoded once and the key-value caches of the last few kinds of prompt are kept: the next prompt
re-uses the longest run of tokens that it shares with one of them. What somebody guesses that the model will
write is checked in one pass and kept as far as the model would have written it too (speculative decoding,
arXiv 2211.17192, with a draft that costs nothing); the text is the same, it only comes sooner. Continuations
are fed as a trie (token_trie.py), so tokens shared by several are computed once and the cache is never copied.
The scores equal those of one full forward pass per continuation, up to rounding.

It assumes full causal attention (Llama, Qwen, SmolLM, ...): a sliding window shorter than the prompt would
change the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
import sys
import threading

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from vlm_robot import interruption
from vlm_robot.errors import ConfigError, ModelError
from vlm_robot.language.adapter import merge_adapter
from vlm_robot.language.constrained import GrammarGuide, GuidedText
from vlm_robot.language.language_model import ContinuationScore, Generation
from vlm_robot.language.smollm import ensure_smollm2, quiet, SMOLLM2
from vlm_robot.language.token_trie import build_mask, build_trie, pick_logprobs, TokenTrie

CHECKPOINTS = Path(__file__).resolve().parent.parent / 'checkpoints'
CACHES = 2  # kinds of prompt that are remembered: a planner's programs and its options begin differently
SHARED = 8  # tokens that prompts of one kind have in common, at least; short prompts: half of theirs
WARM_TOKENS, WARM_OPTIONS = 255, 128  # about twice what a table with many things asks for
WARM_GRAMMAR = 'start: "put"'
DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


@dataclass(frozen=True)
class TransformersConfig:
    """Which model, and how it runs."""

    model: str = SMOLLM2  # the embedded model, a folder, or a name of the Hugging Face hub
    adapter: str = 'planner'  # a shipped checkpoint, a folder with a LoRA, or empty for none
    device: str = 'auto'  # 'auto' takes CUDA if there is one; else as torch names devices
    dtype: str = 'auto'  # 'auto' is float32 on a CPU and bfloat16 elsewhere
    threads: int = 0  # CPU threads of the whole process; 0 leaves torch's choice

    def __post_init__(self):
        """Check ranges."""
        if self.dtype not in ('auto', *DTYPES):
            raise ConfigError(f"dtype '{self.dtype}' is not known; allowed: {['auto', *DTYPES]}")
        if self.threads < 0 or not self.model:
            raise ConfigError(f'model must be named (got {self.model!r}) and threads be 0 or more (got {self.threads})')


@dataclass
class _Encoded:
    """A prompt that was read: the key-value cache and the tokens in it."""

    cache: DynamicCache
    tokens: list[int] = field(default_factory=list)


class TransformersLanguageModel:
    """A LanguageModel that runs here; safe to call from several threads, one call at a time is computed."""

    def __init__(self, config: TransformersConfig = TransformersConfig()):
        """
        Load tokenizer and weights and merge the adapter.

        :raises ModelError: the model or adapter cannot be found or loaded; the message names the cure.
        """
        self.config = config
        self.name = f'{config.model}+{config.adapter}' if config.adapter else config.model
        if config.threads:
            torch.set_num_threads(config.threads)
        self.device = config.device
        if config.device == 'auto':
            self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.dtype = DTYPES.get(config.dtype) or (torch.float32 if self.device == 'cpu' else torch.bfloat16)
        self.tokenizer, self.model = _load(config, self.device, self.dtype)
        self._guide = GrammarGuide(self.tokenizer, self.model.config.vocab_size)
        self._most_tokens = getattr(self.model.config, 'max_position_embeddings', None) or sys.maxsize
        self._lock = threading.Lock()
        self.forget()

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """
        Return the log-probability of each continuation after the prompt, in order.

        :param prompt: must not end with white space.
        :param continuations: each begins with white space, so that its tokens do not depend on the prompt.
        :raises ModelError: the border between prompt and continuation is not one between tokens, or the
            text is too long.
        """
        if not continuations:
            return []
        ids = self._tokenise(prompt)
        coded = self._split(prompt, continuations)
        trie = build_trie(coded)
        with self._lock:
            logits = self._extend(ids, trie).float()
        logprobs = pick_logprobs(logits, trie.paths)
        return [ContinuationScore(text, sum(values), len(values)) for text, values in zip(continuations, logprobs)]

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """Return the greedy continuation of the prompt, cut before the first stop text."""
        return self.write(prompt, max_new_tokens, stop, grammar).text

    def write(
        self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '', draft: str = ''
    ) -> Generation:
        """
        Return the greedy continuation of the prompt with its probability, cut before the first stop text.

        :param grammar: Lark text; tokens that it does not allow are passed over, those that it forces are taken
            without a choice and fed together. The probability is that of the model without the grammar.
        :param draft: a guess of the continuation. It changes how long the text takes and nothing else.
        :raises ModelError: the grammar cannot be used, or the text is too long.
        """
        ids = self._tokenise(prompt)
        guide = self._guide.begin(grammar) if grammar else None
        guess = self._read_draft(draft)[: max(0, min(max_new_tokens, self._most_tokens - len(ids)))]
        new: list[int] = []
        logprob = 0.0
        with self._lock:
            while len(new) < max_new_tokens and not (guide and guide.is_complete()):
                forced = guide.list_forced() if guide else []
                # Fed beyond what is certain: the guess, as long as it agrees with all before it.
                ahead = guess if forced == guess[: len(forced)] else forced
                logprobs = torch.log_softmax(self._extend(ids + new + ahead, rows=1 + len(ahead)).float(), dim=-1)
                taken = _take(logprobs, ahead, guide, forced)
                guess = guess[len(taken) :] if taken == guess[: len(taken)] else []
                for row, token in enumerate(taken[: max_new_tokens - len(new)]):
                    if token == self.tokenizer.eos_token_id:
                        return Generation(self.tokenizer.decode(new), logprob, len(new))
                    new.append(token)
                    logprob += logprobs[row, token].item()
                    text = self.tokenizer.decode(new) if stop else ''
                    cuts = [text.index(mark) for mark in stop if mark in text]
                    if cuts:
                        return Generation(text[: min(cuts)], logprob, len(new))
        return Generation(self.tokenizer.decode(new), logprob, len(new))

    def _tokenise(self, prompt: str) -> list[int]:
        ids = self.tokenizer(prompt)['input_ids']
        if not ids:
            raise ModelError('the prompt is empty; a language model needs at least one token to go on from')
        return ids

    def _read_draft(self, draft: str) -> list[int]:
        return self.tokenizer(draft, add_special_tokens=False)['input_ids'] if draft else []

    def _split(self, prompt: str, continuations: Sequence[str]) -> list[list[int]]:
        """Return the tokens of the continuations, after a check that the border to the prompt is stable."""
        tail = prompt.rsplit('\n', 1)[-1][-40:]
        texts = [tail, *(tail + text for text in continuations)]
        head, *joined = self.tokenizer(texts, add_special_tokens=False)['input_ids']
        coded = [both[len(head) :] for both in joined]  # alone, some tokenisers write a text with another space
        for text, ids, both in zip(continuations, coded, joined):
            if not ids or head != both[: len(head)]:
                raise ModelError(
                    f'the border between prompt {tail[-20:]!r} and continuation {text[:40]!r} '
                    'is not one between tokens; let '
                    'the prompt end without white space and every continuation begin with a space'
                )
        return coded

    def warm_up(self) -> None:
        """
        Make a pass as large as they get, in the thread that will ask, and read a grammar.

        Torch keeps the buffers of the largest pass; what reads grammars is made for a tokeniser when the first comes.
        """
        with suppress(ModelError):  # without llguidance; whoever asks for a grammar is told
            self._guide.begin(WARM_GRAMMAR)
        prompt = 'put' + ' put' * min(WARM_TOKENS, self._most_tokens // 4)
        options = [f' {first}{second} put' for first in ascii_lowercase for second in ascii_lowercase]
        self.score(prompt, options[: min(WARM_OPTIONS, self._most_tokens // 8)])
        self.forget()

    def forget(self) -> None:
        """Throw the caches of prompts away."""
        self._encoded: list[_Encoded] = []  # the newest last

    def _recall(self, ids: list[int]) -> tuple[_Encoded, int]:
        """
        Take out the encoded prompt that begins most like ``ids``, or make room for one of a new kind.

        :return: the prompt, and how many tokens it begins with are those of ``ids``.
        """
        shared = [_count_common(old.tokens, ids) for old in self._encoded]
        best = max(range(len(shared)), key=shared.__getitem__, default=-1)
        if best >= 0 and shared[best] >= max(1, min(SHARED, len(ids) // 2)):
            return self._encoded.pop(best), shared[best]
        if len(self._encoded) == CACHES:
            self._encoded.pop(0)
        return _Encoded(DynamicCache(config=self.model.config)), 0

    @torch.inference_mode()
    def _extend(self, ids: list[int], trie: TokenTrie = TokenTrie((), (), ()), rows: int = 1) -> torch.Tensor:
        """
        Bring the cache to ``ids`` and read the trie behind it.

        What ``interruption.check`` raises ends it before the pass.

        :param rows: for how many of the last tokens of ``ids`` the logits behind them are returned.
        :return: (rows + nodes, vocabulary) logits after the prompt and after each node.
        """
        interruption.check()
        if len(ids) + len(trie.tokens) > self._most_tokens:
            raise ModelError(
                f'the prompt has {len(ids)} tokens, model {self.name} reads at most {self._most_tokens}; '
                'shorten the text'
            )
        # What is taken out is not put back where anything fails: half-written, it must not be believed.
        encoded, shared = self._recall(ids)
        keep = min(shared, len(ids) - rows)  # the last tokens are always fed: their logits are needed
        fresh = len(ids) - keep
        if keep < len(encoded.tokens):
            encoded.cache.crop(keep - len(encoded.tokens))
        mask, positions = build_mask(keep, fresh, trie.parents, self.dtype)
        logits = self.model(
            input_ids=torch.tensor([ids[keep:] + list(trie.tokens)], device=self.device),
            position_ids=positions.to(self.device),
            attention_mask=mask.to(self.device),
            past_key_values=encoded.cache,
            use_cache=True,
            logits_to_keep=rows + len(trie.tokens),
        ).logits[0]
        if trie.tokens:
            encoded.cache.crop(-len(trie.tokens))
        self._encoded.append(_Encoded(encoded.cache, list(ids)))
        return logits


def _take(logprobs: torch.Tensor, ahead: list[int], guide: GuidedText | None, forced: list[int]) -> list[int]:
    """
    Return the greedy tokens as far as their logits are known.

    :param logprobs: (1 + len(ahead), vocabulary), behind what is certain and behind each token that was fed beyond.
    :param ahead: these tokens; ``forced`` must come next, whatever the model wants.
    """
    taken: list[int] = []
    while True:
        if forced != ahead[len(taken) : len(taken) + len(forced)]:
            return taken  # what is forced was not fed; the next pass begins with it
        if guide is not None:
            guide.add(forced)
        taken += forced
        if guide is not None and guide.is_complete():
            return taken
        row = len(taken)
        taken.append(_choose_token(logprobs[row], guide))
        if row == len(ahead) or taken[-1] != ahead[row]:
            return taken
        forced = guide.list_forced() if guide is not None else []


def _choose_token(logprobs: torch.Tensor, guide: GuidedText | None) -> int:
    """Return the likeliest token that may come next."""
    if guide is None:
        return int(logprobs.argmax())
    allowed = torch.from_numpy(guide.mask()).to(logprobs.device)
    token = int(logprobs.masked_fill(~allowed, -torch.inf).argmax())
    guide.add([token])
    return token


def _count_common(a: list[int], b: list[int]) -> int:
    """Return the length of the longest common head."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def find_adapter(name: str) -> Path:
    """
    Return the folder of an adapter: a folder as given, else a shipped checkpoint of that name.

    :raises ModelError: neither exists.
    """
    for folder in (Path(name).expanduser(), CHECKPOINTS / name):
        if (folder / 'adapter_config.json').is_file():
            return folder
    shipped = sorted(path.parent.name for path in CHECKPOINTS.glob('*/adapter_config.json'))
    raise ModelError(
        f"adapter '{name}' is neither a folder with adapter_config.json nor shipped; shipped: {shipped}; '' for none"
    )


def _load(config: TransformersConfig, device: str, dtype: torch.dtype):
    """Return tokenizer and model; an adapter is merged in float32, where nothing is rounded away."""
    adapter = find_adapter(config.adapter) if config.adapter else None
    source = ensure_smollm2() if config.model == SMOLLM2 else config.model
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32 if adapter else dtype)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"language model '{config.model}' cannot be loaded ({first_line}); use "
            f"'{SMOLLM2}', a folder that "
            'save_pretrained wrote, or a hub name that is in the local Hugging Face cache '
            '(or unset HF_HUB_OFFLINE to download it)'
        ) from error
    if adapter:
        merge_adapter(model, adapter)
    try:
        return tokenizer, model.to(device=device, dtype=dtype).eval()  # type: ignore[call-arg]
    except RuntimeError as error:
        raise ModelError(f"device '{device}' cannot be used ({error}); set device to 'cpu' or 'auto'") from error
