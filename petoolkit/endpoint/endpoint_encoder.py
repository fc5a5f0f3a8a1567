"""An embedding model behind an OpenAI-compatible endpoint."""

import hashlib
import time
from collections.abc import Iterator, Sequence

import numpy as np

from petoolkit.embedding import encode_once
from petoolkit.endpoint.ask import Endpoint

_EMBEDDED_AT_ONCE = 128  # texts in a request


class EndpointEncoder:
    """Stands in the place of `petoolkit.embedding.Encoder`.

    Args:
        model: its name there, such as `text-embedding-ada-002` (the paper's).
        endpoint: where to ask.
    """

    def __init__(self, model: str, endpoint: Endpoint):
        self.model = model
        self.fingerprint = hashlib.sha256(f"{endpoint.base_url} {model}".encode()).hexdigest()[:32]
        self.texts_embedded = 0
        self.seconds_embedding = 0.0
        self._endpoint = endpoint

    def encode(self, texts: Sequence[str], what: str = "texts") -> np.ndarray:
        """See `petoolkit.embedding.TextEncoder`."""
        return encode_once(texts, self.fingerprint, self._embed)

    def _embed(self, texts: list[str]) -> Iterator[tuple[list[str], np.ndarray]]:
        started = time.perf_counter()
        batches = [texts[start : start + _EMBEDDED_AT_ONCE] for start in range(0, len(texts), _EMBEDDED_AT_ONCE)]
        yield from zip(batches, self._endpoint.embed_all(batches, self.model), strict=True)
        self.texts_embedded += len(texts)
        self.seconds_embedding += time.perf_counter() - started
