"""Encoders by their names in recipes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from petoolkit.engines.engine import HERE, Engine

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder
    from petoolkit.endpoint.ask import Endpoint

_ENDPOINT = "openai:"


def is_of_the_endpoint(name: str) -> bool:
    """Whether a name means an embedding model behind the endpoint of the recipe's section `llm`."""
    return name.startswith(_ENDPOINT)


def make_encoder(name: str, endpoint: "Callable[[], Endpoint]", engine: Engine = HERE) -> "TextEncoder":
    """Make the encoder of a name.

    Args:
        name: `openai:MODEL` for a model of the endpoint, or else a model of sentence-transformers.
        endpoint: gives the endpoint; it is called for models of the endpoint only.
        engine: if it is a cluster, its workers embed.

    Raises:
        InputError: if the model can't be had.
    """
    if is_of_the_endpoint(name):
        from petoolkit.endpoint.endpoint_encoder import EndpointEncoder

        return EndpointEncoder(name.removeprefix(_ENDPOINT), endpoint())
    if engine.is_on_this_machine:
        from petoolkit.embedding import Encoder

        return Encoder(name)
    from petoolkit.cluster_encoder import ClusterEncoder

    return ClusterEncoder(name, engine)
