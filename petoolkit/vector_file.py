"""Vectors of texts in a file: made once, mapped by every process, and looked up by text.

Embedding models give other last bits on other processors, so a build's vectors are embedded once and then only read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from petoolbench import InputError
from petoolkit.chunks import in_chunks
from petoolkit.engines.shared_file import SharedFile
from petoolkit.exact_products import on_grid
from petoolkit.files import replacing

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

_AT_ONCE = 32_768  # texts whose vectors are in memory while they are embedded


def write_vectors(path: Path, texts: Iterable[str], encoder: "TextEncoder", noun: str) -> int:
    """Embed the distinct texts of a file for `VectorFile`, and return their number.

    Args:
        path: of the file: a table of numpy, sorted by the texts' hashes, with vectors on the grid of `exact_products`.
        texts: what to embed.
        encoder: the model.
        noun: names them in the progress.

    Raises:
        InputError: if the file can't be written; and what the encoder raises.
    """
    by_hash = {_hash(text): text for text in texts}
    hashes = np.sort(np.fromiter(by_hash, np.uint64, len(by_hash)))
    with replacing(path) as beside:
        if not by_hash:
            with open(beside, "wb") as file:
                np.save(file, np.empty(0, _row(0)))
        table = None
        start = 0
        for part in in_chunks(hashes.tolist(), _AT_ONCE):
            vectors = on_grid(encoder.encode([by_hash[one] for one in part], noun))
            if table is None:
                form = _row(vectors.shape[1])
                table = np.lib.format.open_memmap(beside, mode="w+", dtype=form, shape=(len(hashes),))
                table["text"] = hashes
            table["vector"][start : start + len(part)] = vectors
            start += len(part)
        if table is not None:
            table.flush()
    return len(by_hash)


class VectorFile:
    """Vectors that `write_vectors` wrote.

    Args:
        file: the file.

    Raises:
        InputError: if the file is not there or damaged.
    """

    def __init__(self, file: SharedFile):
        self._file = file
        path = file.here()
        try:
            table = np.load(path, mmap_mode="r")
            self._hashes, self._vectors = np.ascontiguousarray(table["text"]), table["vector"]
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise InputError(
                f"the vectors of texts cannot be read from {path} ({error}); workers need the run's folder under the "
                "same path. If the file is damaged, remove it to have it written again."
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._file,)

    def find(self, texts: Sequence[str]) -> np.ndarray:
        """(texts,) the row of each text; -1 for a text that is not in the file."""
        wanted = np.fromiter(map(_hash, texts), np.uint64, len(texts))
        rows = np.searchsorted(self._hashes, wanted)
        found = rows < len(self._hashes)
        found[found] = self._hashes[rows[found]] == wanted[found]
        return np.where(found, rows, -1)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """(rows, dimension) float32."""
        return self._vectors[rows]


class KeptEncoder:
    """A `petoolkit.embedding.TextEncoder` that only reads files.

    Args:
        encoder: the model that made them.
        files: what it reads.
    """

    def __init__(self, encoder: "TextEncoder", files: Sequence[SharedFile]):
        self.model, self.fingerprint = encoder.model, encoder.fingerprint
        self.texts_embedded, self.seconds_embedding = 0, 0.0
        self._encoder: TextEncoder | None = encoder
        self._files = [VectorFile(file) for file in files]
        self._names = ", ".join(str(file.path) for file in files)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_encoder": None}  # other processes need no model

    @property
    def made_with(self) -> dict[str, str]:
        """See `petoolkit.embedding.TextEncoder`; empty in other processes."""
        return self._encoder.made_with if self._encoder else {}

    def tokenizer(self) -> Any:
        """See `petoolkit.embedding.TextEncoder`."""
        return self._encoder and self._encoder.tokenizer()

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """See `petoolkit.embedding.TextEncoder`.

        Raises:
            InputError: if a text is in none of the files.
        """
        for file in self._files:
            rows = file.find(texts)
            if (rows >= 0).all():
                return file.vectors(rows)
        raise InputError(
            f"{len(texts):,} {noun} have no vectors in {self._names}; remove the file to have it written again."
        )


def _row(dimension: int) -> np.dtype:
    return np.dtype([("text", "<u8"), ("vector", "<f4", (dimension,))])


def _hash(text: str) -> int:
    """64 bits, by which a million texts are told apart: that any two have one hash has odds of 1 to 36 million."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest())
