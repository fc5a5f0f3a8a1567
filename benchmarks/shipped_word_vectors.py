"""Make the word vectors that ship with the parameter filler.

    pip install symspellpy
    python benchmarks/shipped_word_vectors.py .../symspellpy/frequency_dictionary_en_82_765.txt

Of the words that the default embedding model knows, in the order of its vocabulary, which begins with the most
frequent ones; behind them the most frequent other words of a list, whose lines are a word and how often it was seen.
Each word is embedded alone; the vectors are centred, and shortened to the directions in which those of the model's own
words differ most. They are written into the package.
"""

import re
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from petoolkit.embedding import Encoder
from petoolkit.selector.word_vectors import SHIPPED, WIDTH

_MOST_LISTED = 50_000  # words of the list
_WORD = re.compile("[a-z]{2,}")


def main(word_list: Path) -> None:
    """Embed, shorten and write."""
    encoder = Encoder()
    known = encoder.tokenizer().get_vocab()
    own = sorted((word for word in known if _WORD.fullmatch(word)), key=known.__getitem__)
    listed = (line.split()[0] for line in word_list.read_text(encoding="utf-8-sig").splitlines()[:_MOST_LISTED])
    words = [*own, *dict.fromkeys(word for word in listed if _WORD.fullmatch(word) and word not in known)]
    vectors = encoder.encode(words, "words")
    centred = vectors - vectors[: len(own)].mean(axis=0)
    short = centred @ np.linalg.svd(centred[: len(own)].T @ centred[: len(own)])[0][:, :WIDTH]
    short /= np.abs(short).max(axis=1, keepdims=True)
    stored = {
        "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        "vectors": np.round(127 * short).astype(np.int8),
    }
    save_file(stored, SHIPPED)
    print(f"{len(words):,} words, {SHIPPED.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
