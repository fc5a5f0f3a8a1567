"""Which encoder a recipe's name stands for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder
    from petoolkit.endpoint.ask import Endpoint

_ENDPOINT = "openai:"


def is_of_the_endpoint(name: str) -> bool:
    """Whether a name means an embedding model behind the endpoint of the recipe's section `llm`."""
    return name.startswith(_ENDPOINT)


def make_encoder(name: str, endpoint: "Callable[[], Endpoint]") -> "TextEncoder":
    """The encoder of a name.

    Args:
        name: `openai:MODEL` of the endpoint, else a model of sentence-transformers.
        endpoint: gives the endpoint; called for such a name alone.

    Raises:
        InputError: if the model can't be had.
    """
    if is_of_the_endpoint(name):
        from petoolkit.endpoint.endpoint_encoder import EndpointEncoder

        return EndpointEncoder(name.removeprefix(_ENDPOINT), endpoint())
    from petoolkit.embedding import Encoder

    return Encoder(name)
