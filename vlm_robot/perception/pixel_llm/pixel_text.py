"""
Words and tokens of PixelLLM: texts become ids, ids become words, and every token knows its word.

Any fast tokenizer of transformers serves; ``build_word_tokenizer`` makes a plain one of whole words, of which unknown
ones become one token, so that an unknown noun is known to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
import re

from tokenizers import models, normalizers, pre_tokenizers, Regex, Tokenizer
from transformers import PreTrainedTokenizerFast

from vlm_robot.errors import ModelError, SentenceError

PAD, UNKNOWN, END = '<pad>', '<unk>', '<end>'
MARKS = r'[.,;:!?]'


@dataclass(frozen=True)
class TokenText:
    """
    A text as the language model reads it.

    :param ids: context, text and end.
    :param words: per token the number of its word of the text; -1 for context and end.
    """

    ids: tuple[int, ...]
    words: tuple[int, ...]


def split_words(text: str) -> list[str]:
    """Return the words of a text; a mark such as a comma belongs to the word before it."""
    return text.split()


def build_word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows these words, in lower case, and the marks ``. , ; : ! ?``."""
    known = sorted({piece for word in words for piece in re.findall(rf'{MARKS}|[^\s.,;:!?]+', word.lower())})
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([PAD, UNKNOWN, END, *'.,?', *known]))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(MARKS), 'isolated')]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, unk_token=UNKNOWN, eos_token=END, clean_up_tokenization_spaces=False
    )


class TextCodec:
    """Turns texts into ids and back for one tokenizer."""

    def __init__(self, tokenizer, contexts: Mapping[str, str]):
        """Keep a fast tokenizer; raise ModelError on one that cannot tell where its tokens are."""
        if not getattr(tokenizer, 'is_fast', False) or tokenizer.eos_token_id is None:
            raise ModelError('PixelLLM needs a fast tokenizer with an end token')
        self.tokenizer, self.end = tokenizer, int(tokenizer.eos_token_id)
        self._space = '' if isinstance(tokenizer.backend_tokenizer.model, models.WordLevel) else ' '
        self.mark = self._ids('?')
        self.contexts = {task: self._ids(words) for task, words in contexts.items()}

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)['input_ids'])

    def encode(self, task: str, text: str) -> TokenText:
        """
        Return context, text and end of a text; raise SentenceError where there is no word.

        A question (``refer``) ends in a question mark: there the answer is read, one step after the last word, so that
        the place of the last word and that of the answer do not share a token.
        """
        words = split_words(text)
        if not words:
            raise SentenceError(f"a text must be words such as 'the red block', got {text!r}")
        ids, owners = list(self.contexts[task]), [-1] * len(self.contexts[task])
        for number, word in enumerate(words):
            # A space before the word makes byte-pair tokenizers choose the tokens of a word inside a sentence.
            pieces = self._ids(self._space + word)
            ids += pieces
            owners += [number] * len(pieces)
        if task == 'refer':
            ids += self.mark
            owners += [-1] * len(self.mark)
        return TokenText((*ids, self.end), (*owners, -1))

    def name(self, label: str) -> tuple[int, ...]:
        """Return the first token of each word of a label such as ``red block``."""
        return tuple(self._ids(self._space + word)[0] for word in label.split())

    def decode(self, ids: Sequence[int]) -> tuple[str, list[int]]:
        """Return the text of generated ids, without the end, and per id the number of its word."""
        if not self._space:
            return self._decode_words(ids)
        text, owners = '', []
        for i in range(len(ids)):
            text = self.tokenizer.decode(ids[: i + 1], skip_special_tokens=True)
            owners.append(max(0, len(text.split()) - 1))
        return ' '.join(text.split()), owners

    def _decode_words(self, ids: Sequence[int]) -> tuple[str, list[int]]:
        words: list[str] = []
        owners: list[int] = []
        for piece in self.tokenizer.convert_ids_to_tokens(list(ids)):
            if re.fullmatch(MARKS, piece) and words:
                words[-1] += piece
            else:
                words.append(piece)
            owners.append(len(words) - 1)
        return ' '.join(words), owners
