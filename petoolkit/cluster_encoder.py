"""Sentence embeddings by the workers of a cluster, on their graphics cards where they have some."""

import platform
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from petoolbench import InputError
from petoolkit.chunks import in_chunks
from petoolkit.embedding import Batch, Encoder
from petoolkit.engines.engine import Engine

_BATCHES_AT_ONCE = 16  # batches that a worker is given


class ClusterEncoder:
    """A `petoolkit.embedding.TextEncoder` whose vectors are made on a cluster; the cache is this machine's.

    Args:
        model: see `petoolkit.embedding.Encoder`.
        engine: the cluster; it is not asked before there is something to embed.

    Raises:
        InputError: if the model cannot be loaded here.
    """

    def __init__(self, model: str, engine: Engine):
        self.model = model
        self._engine = engine
        self._encoder = Encoder(model)

    @property
    def fingerprint(self) -> str:
        """See `TextEncoder`."""
        return self._encoder.fingerprint

    @property
    def texts_embedded(self) -> int:
        """How many so far, without those found in the cache."""
        return self._encoder.texts_embedded

    @property
    def seconds_embedding(self) -> float:
        """How long it took."""
        return self._encoder.seconds_embedding

    @cached_property
    def made_with(self) -> dict[str, str]:
        """See `TextEncoder`; where the workers differ, all that they have."""
        found = [known for _, (known, _) in self._engine.run(self._replica, [[]] * self._engine.number_of_workers)]
        return {name: ", or ".join(sorted({one[name] for one in found})) for name in found[0]}

    def tokenizer(self) -> Any:
        """See `TextEncoder`."""
        return self._encoder.tokenizer()

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """See `TextEncoder`."""
        return self._encoder.encode_by(self._vectors, self.made_with, texts, noun)

    def _vectors(self, batches: Sequence[Batch]) -> Iterator[np.ndarray]:
        for _, (_, vectors) in self._engine.run(self._replica, in_chunks(batches, _BATCHES_AT_ONCE)):
            yield from vectors

    @property
    def _replica(self) -> "EncoderReplica":
        return EncoderReplica(self.model, self.fingerprint)


class EncoderReplica:
    """An embedding model in a process of a cluster.

    Args:
        model: see `petoolkit.embedding.Encoder`.
        fingerprint: of its weights, which all nodes must have.
    """

    holds_a_model = True

    def __init__(self, model: str, fingerprint: str):
        self._model, self._fingerprint = model, fingerprint

    @cached_property
    def _encoder(self) -> Encoder:
        import torch

        encoder = Encoder(self._model, device="cuda" if torch.cuda.is_available() else "cpu")
        if encoder.fingerprint != self._fingerprint:
            raise InputError(
                f"{platform.node()} has other weights of the embedding model {self._model} than the machine of the "
                "command; give all nodes the same."
            )
        return encoder

    def __call__(self, batches: Sequence[Batch]) -> tuple[dict[str, str], list[np.ndarray]]:
        """What the vectors are made with, and those of each batch."""
        return self._encoder.made_with, [self._encoder.vectors(batch) for batch in batches]
