"""An embedding model behind an OpenAI-compatible endpoint."""

import hashlib
import time
from collections.abc import Iterator, Sequence

import numpy as np

from petoolkit.embedding import encode_with_cache
from petoolkit.endpoint.ask import Endpoint

_TEXTS_PER_REQUEST = 128


class EndpointEncoder:
    """A `petoolkit.embedding.TextEncoder` whose model is behind an endpoint.

    Args:
        model: the name of the model there, such as `text-embedding-ada-002` (the paper's).
        endpoint: the endpoint to ask.
    """

    def __init__(self, model: str, endpoint: Endpoint):
        self.model = model
        self.fingerprint = hashlib.sha256(f"{endpoint.base_url} {model}".encode()).hexdigest()[:32]
        self.made_with = {"weights": self.fingerprint, "endpoint's model": model}
        self.texts_embedded = 0
        self.seconds_embedding = 0.0
        self._endpoint = endpoint

    def tokenizer(self) -> None:
        """See `petoolkit.embedding.TextEncoder`; an endpoint keeps its own."""

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """See `petoolkit.embedding.TextEncoder`; no progress is shown."""
        return encode_with_cache(texts, self.fingerprint, self._embed)

    def _embed(self, texts: list[str]) -> Iterator[tuple[list[str], np.ndarray]]:
        started = time.perf_counter()
        requests = [texts[start : start + _TEXTS_PER_REQUEST] for start in range(0, len(texts), _TEXTS_PER_REQUEST)]
        yield from zip(requests, self._endpoint.embed_all(requests, self.model), strict=True)
        self.texts_embedded += len(texts)
        self.seconds_embedding += time.perf_counter() - started
