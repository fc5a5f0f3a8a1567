"""Embedding by the workers of a cluster: the vectors of one process, and a record of what made them."""

import pickle

import numpy as np
import pytest
from petoolkit.builder.encoders import make_encoder

from petoolbench import InputError
from petoolkit.cluster_encoder import ClusterEncoder, EncoderReplica
from petoolkit.embedding import DEFAULT_MODEL, Encoder
from petoolkit.engines.engine import HERE

TEXTS = [f"get the {noun} of city number {number}" for number in range(40) for noun in ("weather", "tax", "map")]
TEXTS += ["a very long text " * 60]


class Cluster:
    """Does chunks in this process; functions and chunks are sent as they would be to others."""

    number_of_workers = 2
    is_on_this_machine = False

    def __init__(self, change=lambda number, made_with: made_with):
        self.chunks, self._change = [], change

    def run(self, function, chunks):
        for number, chunk in enumerate(chunks):
            self.chunks.append(chunk)
            made_with, vectors = pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(chunk)))
            yield number, (self._change(number, made_with), vectors)


@pytest.fixture
def other_cache(monkeypatch, tmp_path):
    return lambda name: monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path / name))


def test_a_cluster_gives_the_bits_of_one_process_and_is_not_asked_again(other_cache):
    other_cache("here")
    here = Encoder().encode(TEXTS)
    other_cache("cluster")
    cluster = Cluster()
    encoder = ClusterEncoder(DEFAULT_MODEL, cluster)
    assert np.array_equal(encoder.encode(TEXTS), here)
    asked = [chunk for chunk in cluster.chunks if chunk]
    assert sorted(text for chunk in asked for _, texts in chunk for text in texts) == sorted(TEXTS)
    assert encoder.texts_embedded == len(TEXTS) and encoder.made_with == Encoder().made_with
    encoder.encode(TEXTS)
    assert [chunk for chunk in cluster.chunks if chunk] == asked


def test_a_build_on_a_cluster_embeds_there_and_asks_nothing_before_it_needs_to():
    cluster = Cluster()
    encoder = make_encoder(DEFAULT_MODEL, lambda: None, cluster)
    assert isinstance(encoder, ClusterEncoder) and encoder.fingerprint and cluster.chunks == []
    assert isinstance(make_encoder(DEFAULT_MODEL, lambda: None, HERE), Encoder)


def test_what_differs_between_workers_is_recorded_and_has_vectors_of_its_own(other_cache):
    other_cache("a")
    Encoder().encode(TEXTS[:3])
    cluster = Cluster(lambda number, made_with: {**made_with, "device": ("cpu", "cuda")[number % 2]})
    encoder = ClusterEncoder(DEFAULT_MODEL, cluster)
    assert encoder.made_with == {**Encoder().made_with, "device": "cpu, or cuda"}
    encoder.encode(TEXTS[:3])
    assert any(cluster.chunks)


def test_a_node_with_other_weights_is_refused():
    with pytest.raises(InputError, match=f"has other weights of the embedding model {DEFAULT_MODEL}"):
        EncoderReplica(DEFAULT_MODEL, "another")([])
