"""Sentence vectors of texts, kept in memory for the rows to come; several threads may ask at once."""

import threading
from collections.abc import Iterable

import numpy as np

from petoolkit.embedding import DEFAULT_MODEL, Encoder

_MOST_KEPT = 60_000  # texts: 90 MB of vectors of 384 numbers


class RowVectors:
    """Vectors by text.

    Args:
        model: any sentence-transformers model; it is loaded when the first vector is asked for.
    """

    def __init__(self, model: str = DEFAULT_MODEL):
        self.model = model
        self._encoder: Encoder | None = None
        self._kept: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """Identifies the weights of the model (`petoolkit.embedding.Encoder.fingerprint`)."""
        return self._loaded().fingerprint

    def of(self, texts: Iterable[str], noun: str = "texts") -> dict[str, np.ndarray]:
        """The vectors of texts, each (dimension,) float32 of length 1; those that are not known are embedded at once.

        Args:
            texts: all texts that a caller needs.
            noun: names them in the progress.
        """
        wanted = list(dict.fromkeys(texts))
        kept = self._kept
        found = {text: vector for text in wanted if (vector := kept.get(text)) is not None}
        if len(found) == len(wanted):
            return found
        with self._lock:
            missing = [text for text in wanted if text not in found]
            new = dict(zip(missing, self._loaded().encode(missing, noun), strict=True))
            # A new dict, so that threads that read the earlier one are not disturbed.
            self._kept = (kept | new) if len(kept) + len(new) <= _MOST_KEPT else new
        return found | new

    def _loaded(self) -> Encoder:
        if self._encoder is None:
            self._encoder = Encoder(self.model)
        return self._encoder
