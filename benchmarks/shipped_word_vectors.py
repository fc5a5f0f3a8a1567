"""Make the word vectors that ship with the parameter filler, of the words that the default embedding model knows.

    python benchmarks/shipped_word_vectors.py

Each word is embedded alone; the vectors are centred, and shortened to the directions in which they differ most. They
are written into the package.
"""

import re

import numpy as np
from safetensors.numpy import save_file

from petoolkit.embedding import Encoder
from petoolkit.selector.word_vectors import SHIPPED

_WIDTH = 48


def main() -> None:
    """Embed, shorten and write."""
    encoder = Encoder()
    known = encoder.tokenizer().get_vocab()
    words = sorted(word for word in known if re.fullmatch("[a-z]{2,}", word))
    vectors = encoder.encode(words, "words")
    centred = vectors - vectors.mean(axis=0)
    short = centred @ np.linalg.svd(centred.T @ centred)[0][:, :_WIDTH]
    short /= np.abs(short).max(axis=1, keepdims=True)
    stored = {
        "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        "vectors": np.round(127 * short).astype(np.int8),
    }
    save_file(stored, SHIPPED)
    print(f"{len(words):,} words, {SHIPPED.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
