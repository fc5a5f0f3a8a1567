"""The catalogue that ships, as large as one likes: copies whose tools are as near to each other as the original's.

Each copy has categories, providers and names of its own, and its vectors are the original's turned by an orthogonal
matrix of its own. So within a copy all distances are the original's, and between copies tools are as far apart as
unrelated ones.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..catalogue.catalogue_files import EMBEDDED, documents_of
from ..catalogue.catalogue_settings import CatalogueSettings
from ..catalogue.tool_document import ToolDocument

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

_MARK = re.compile(r" ?\bcopy(\d+)\b")


def write_copies(path: Path, number: int) -> int:
    """Write the tool documents of so many copies of the embedded catalogue, as JSON lines; returns their number."""
    documents = list(documents_of([CatalogueSettings(path=EMBEDDED)], Counter()))
    with open(path, "w", encoding="utf-8") as file:
        for copy in range(number):
            for document in documents:
                row = _copied(document, copy).model_dump(exclude={"background"})
                file.write(f"{json.dumps(row)}\n")
    return number * len(documents)


def _copied(document: ToolDocument, copy: int) -> ToolDocument:
    """A document under other names; both of its descriptions hold the copy's mark, where each author keeps it."""
    if not copy:
        return document
    verb, _, rest = (document.api_description or "").partition(" ")
    return document.model_copy(
        update={
            "category": f"{document.category} {copy}",
            "tool": f"{document.tool} {copy}",
            "tool_description": f"{document.tool_description} copy{copy}",
            "api_description": f"{verb} copy{copy} {rest}",
        }
    )


class EncoderOfCopies:
    """An encoder for texts of `write_copies`: the vectors of the original texts, turned for each copy.

    Args:
        encoder: of the original texts.
    """

    def __init__(self, encoder: "TextEncoder"):
        self._encoder = encoder
        self.model, self.fingerprint, self.made_with = encoder.model, encoder.fingerprint, encoder.made_with
        self.texts_embedded, self.seconds_embedding = 0, 0.0  # counted elsewhere

    def tokenizer(self) -> Any:
        """See `petoolkit.embedding.TextEncoder`."""
        return self._encoder.tokenizer()

    def encode(self, texts: Sequence[str], noun: str = "texts") -> np.ndarray:
        """See `petoolkit.embedding.TextEncoder`."""
        marks = [_MARK.search(text) for text in texts]
        copies = np.array([int(mark[1]) if mark else 0 for mark in marks], int)
        vectors = self._encoder.encode([_MARK.sub("", text) for text in texts], noun)
        for copy in np.unique(copies[copies > 0]):
            rng = np.random.default_rng(int(copy))
            order = rng.permutation(vectors.shape[1])
            signs = rng.choice(np.array([-1, 1], vectors.dtype), vectors.shape[1])
            vectors[copies == copy] = vectors[copies == copy][:, order] * signs
        return vectors
