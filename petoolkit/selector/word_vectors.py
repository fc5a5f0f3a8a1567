"""What single words mean, as short vectors that ship: near for words of one kind, as `cattle` and `sheep`.

They are the default embedding model's vectors of single words, shortened (`benchmarks/shipped_word_vectors.py`), so
that parameters are filled in a millisecond and without that model. The more frequent words stand first.
"""

import re
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from petoolkit.selector.request_words import FUNCTION_WORDS

SHIPPED = Path(__file__).with_suffix(".safetensors")
WIDTH = 48  # of a vector
_UNKNOWN = 1.1  # rarity of a word that is not among those that ship
_WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def _table() -> tuple[dict[str, int], np.ndarray]:
    """The number of each word, and (words, 48) vectors of length 1."""
    from safetensors.numpy import load_file

    stored = load_file(SHIPPED)
    vectors = stored["vectors"].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    words = stored["words"].tobytes().decode().split("\n")
    return {word: number for number, word in enumerate(words)}, vectors


@lru_cache(maxsize=50_000)
def meaning(text: str) -> np.ndarray | None:
    """The direction of the mean of a text's known words, of length 1; `None` if it has none."""
    numbers, vectors = _table()
    words = (word.lower() for word in _WORD.findall(text.replace("_", " ")))
    known = [numbers[word] for word in words if word not in FUNCTION_WORDS and word in numbers]
    if not known:
        return None
    mean = vectors[known].mean(axis=0)
    return mean / (np.linalg.norm(mean) + 1e-9)


@lru_cache(maxsize=50_000)
def word_vector(word: str) -> np.ndarray:
    """(WIDTH,) the sum of the vectors of a word's known parts, which are two in `pick-up`; zeros for none."""
    numbers, vectors = _table()
    parts = (part.lower() for part in _WORD.findall(word))
    known = [numbers[part] for part in parts if part not in FUNCTION_WORDS and part in numbers]
    return vectors[known].sum(axis=0)


@lru_cache(maxsize=50_000)
def rarity(word: str) -> float:
    """How seldom a word in lower case is: from 0 for the most frequent one to 1, more if it is not known."""
    numbers, _ = _table()
    number = numbers.get(word.removesuffix("'s"))
    return _UNKNOWN if number is None else float(np.log(number + 1) / np.log(len(numbers)))
