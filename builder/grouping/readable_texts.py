"""Texts that an embedding model can read: what it takes letter by letter, or not at all, has a meaningless vector."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

MULTILINGUAL_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
_MOST_UNKNOWN = 0.5  # share of a text's tokens
_FEWEST_WORDS = 500  # pieces of two or more letters in a script, without which a model was not trained on it
_LETTER = re.compile(r"[^\W\d_]")
_MOST_FOREIGN = 0.2  # share of letters of other scripts than Latin, below which a text needs no look


def is_readable(texts: Sequence[str], encoder: "TextEncoder") -> np.ndarray:
    """(texts,) bool: whether at most half of a text's tokens are unknown to the encoder.

    All texts are taken as readable for an encoder whose tokenizer cannot be had.
    """
    readable = np.ones(len(texts), bool)
    foreign = [index for index, text in enumerate(texts) if _has_other_script(text)]
    tokenizer = encoder.tokenizer() if foreign else None
    if tokenizer is not None:
        readable[foreign] = [unknown_share(texts[index], tokenizer) <= _MOST_UNKNOWN for index in foreign]
    return readable


def unknown_share(text: str, tokenizer: Any) -> float:
    """The share of a text's tokens that are unknown, or single letters of a script that the model has no words of."""
    tokens = tokenizer.tokenize(text)
    words = _words_by_script(tokenizer)

    def is_unknown(token: str) -> bool:
        letters = _LETTER.findall(token)
        return token == tokenizer.unk_token or (
            len(letters) == 1 and _script(letters[0]) != "LATIN" and words[_script(letters[0])] < _FEWEST_WORDS
        )

    return sum(map(is_unknown, tokens)) / max(len(tokens), 1)


def main_script(text: str) -> str:
    """The script of most of a text's letters, such as Latin, Cyrillic or CJK (Chinese characters)."""
    scripts = Counter(map(_script, _LETTER.findall(text)))
    name = max(scripts, key=scripts.__getitem__, default="")
    return name if name == "CJK" else name.title() or "none"


def _has_other_script(text: str) -> bool:
    letters = _LETTER.findall(text)
    return sum(not letter.isascii() and _script(letter) != "LATIN" for letter in letters) > _MOST_FOREIGN * len(
        letters
    )


@cache
def _words_by_script(tokenizer: Any) -> Counter[str]:
    """How many pieces of two or more letters a tokenizer has in each script."""
    counts: Counter[str] = Counter()
    for token in tokenizer.get_vocab():
        letters = _LETTER.findall(token)
        if len(letters) > 1:
            counts[_script(letters[0])] += 1
    return counts


@cache
def _script(letter: str) -> str:
    """The first word of a letter's name, such as LATIN, CYRILLIC or CJK."""
    return unicodedata.name(letter, "").partition(" ")[0]
