"""Small language models of random weights for the tests."""

from collections.abc import Iterable
from pathlib import Path

from petoolkit.training.random_model import make_random_model


def make_tiny_model(folder: Path, texts: Iterable[str], vocabulary: int = 400, seed: int = 0, **shape: float) -> Path:
    """Write a model as `make_random_model` does, with a small vocabulary; returns its folder."""
    make_random_model(folder, texts, vocabulary, seed, **shape)
    return folder
