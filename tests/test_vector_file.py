"""Vectors of a build are embedded once; whoever goes on with the run's folder only reads them."""

import io
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import WordEncoder
from petoolkit.builder.kept_vectors import FUNCTIONS, KeptVectors, made_with
from petoolkit.builder.run_folder import RunFolder
from rich.console import Console

from petoolbench import InputError
from petoolkit import vector_file
from petoolkit.engines.shared_file import SharedFile
from petoolkit.exact_products import on_grid
from petoolkit.vector_file import KeptEncoder, VectorFile, write_vectors

TEXTS = [f"get item {number}" for number in range(40)]


class Model(WordEncoder):
    """Counts what it embeds."""

    texts_embedded, seconds_embedding = 0, 0.0

    def __init__(self, processor="x86_64"):
        self.made_with = {"weights": self.fingerprint, "processor": processor}

    def encode(self, texts, what="texts"):
        self.texts_embedded += len(texts)
        return super().encode(texts)


def test_vectors_are_found_by_text_in_parts_of_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_file, "_AT_ONCE", 7)
    assert write_vectors(tmp_path / "vectors.npy", [*TEXTS, *TEXTS], Model(), "texts") == 40
    kept = KeptEncoder(Model(), [SharedFile(tmp_path / "vectors.npy")])
    expected = on_grid(WordEncoder().encode(TEXTS))
    assert np.array_equal(kept.encode(TEXTS[::-1]), expected[::-1])
    assert np.array_equal(on_grid(kept.encode(TEXTS)), expected)
    sent = pickle.loads(pickle.dumps(kept))
    assert np.array_equal(sent.encode(TEXTS[:3]), expected[:3]) and sent.fingerprint == "words"
    with pytest.raises(InputError, match=r"2 requests have no vectors in .*vectors\.npy; remove the file"):
        kept.encode(["get item 3", "another"], "requests")


def test_no_texts_give_an_empty_file(tmp_path):
    write_vectors(tmp_path / "vectors.npy", [], Model(), "texts")
    assert len(KeptEncoder(Model(), [SharedFile(tmp_path / "vectors.npy")]).encode([])) == 0


@pytest.mark.parametrize("content", [None, b"no table", b""])
def test_a_worker_without_the_file_says_so(tmp_path, content):
    write_vectors(tmp_path / "vectors.npy", TEXTS, Model(), "texts")
    sent = pickle.dumps(VectorFile(SharedFile(tmp_path / "vectors.npy")))
    (tmp_path / "vectors.npy").unlink()
    if content is not None:
        (tmp_path / "vectors.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read from .*vectors\.npy .*need the run's folder under the same"):
        pickle.loads(sent)


def materials_of(folder, model):
    run = RunFolder(folder, ["understand", "export"], Console(file=io.StringIO()))
    recipe = SimpleNamespace(group=SimpleNamespace(model="words"))
    return SimpleNamespace(run=run, recipe=recipe, vectors={}, encoder=lambda name: model)


def test_a_build_reads_what_another_machine_embedded(tmp_path):
    rows = [{"functionality": text, "rejected": None} for text in TEXTS] + [{"functionality": None, "rejected": "x"}]
    argument, first, second = KeptVectors("group.model", of=(FUNCTIONS,)), Model(), Model("another")
    materials = materials_of(tmp_path, first)
    materials.run.do("understand", lambda notes: rows, {})
    key = argument.key(materials)
    assert np.array_equal(argument.value(materials, None).encode(TEXTS), on_grid(WordEncoder().encode(TEXTS)))
    assert first.texts_embedded == 40

    moved = materials_of(tmp_path, second)
    assert argument.key(moved) == key and second.texts_embedded == 0
    assert made_with(moved)["functionality-words"]["processor"] == "x86_64"

    (file,) = tmp_path.glob("vectors-*.npy")
    file.write_bytes(file.read_bytes()[:-4] + b"\1\1\1\1")  # damaged: written again, by this machine
    again = materials_of(tmp_path, second)
    assert argument.key(again) == key and second.texts_embedded == 40
    assert made_with(again)["functionality-words"]["processor"] == "another"

    rows.append({"functionality": "another text", "rejected": None})
    again.run.do("understand", lambda notes: rows, {"changed": True})
    assert argument.key(again) != key and second.texts_embedded == 81
