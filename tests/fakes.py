"""Stand-ins that one can predict by eye."""

import hashlib

import numpy as np
from petoolkit.builder.tools import Tools

from petoolbench import ToolName


class WordEncoder:
    """Embeds a text as the set of its words: texts without a common word are orthogonal, equal sets are equal."""

    model = fingerprint = "words"
    tokenizer = staticmethod(lambda: None)
    DIMENSION = 4096

    def encode(self, texts, what="texts"):
        vectors = np.zeros((len(texts), self.DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in set(text.lower().split()):
                vectors[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.DIMENSION] = 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def parameter(name, type="STRING", default=None, examples=(), description=""):
    """A parameter as `collect` writes it; `default` is JSON text."""
    return {
        "name": name,
        "type": type,
        "description": description,
        "default": default,
        "schema": None,
        "examples": list(examples),
        "asks": None,
    }


def tool(
    name,
    functionality="get the weather",
    attributes="free of charge",
    required=(),
    optional=(),
    response=None,
    traits=None,
    vendor=None,
    background=False,
):
    """A tool as `collect` and `understand` write it; `name` is "Category.Provider.api"."""
    full_name = ToolName(*name.split("."))
    return {
        "tool_name": str(full_name),
        "category": full_name.category,
        "provider": full_name.provider,
        "vendor": vendor,
        "tool_description": functionality,
        "provider_description": attributes,
        "traits": dict(traits or {}),
        "requests": [],
        "background": background,
        "required_parameters": list(required),
        "optional_parameters": list(optional),
        "schema": None,
        "response": response,
        "example": {"instruction": functionality, "parameters": {}},
        "functionality": functionality,
        "attributes": attributes,
    }


def tool_set(*tools, eps=0.1) -> Tools:
    """`Tools` over rows of `tool`, with the word encoder."""
    return Tools({tool["tool_name"]: tool for tool in tools}, WordEncoder(), eps)


class VectorEncoder:
    """Embeds a text as the vector that a table gives it."""

    model = fingerprint = "vectors"
    tokenizer = staticmethod(lambda: None)

    def __init__(self, vectors):
        self._vectors = vectors

    def encode(self, texts, what="texts"):
        vectors = np.array([self._vectors[text] for text in texts], dtype=np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


MARKET_FUNCTIONS = ("flights", "jokes", "maps", "news", "recipes", "scores", "songs", "weather")
MARKET_PROVIDERS = {"Alder": "free open", "Birch": "fast paid", "Cedar": "private hosted"}


def market(*strangers, functions=MARKET_FUNCTIONS, eps=0.1):
    """`Tools` and rows of `group`: eight functions, each offered by three providers; `strangers` are further tools."""
    groups = [
        {
            "group_id": f"g-{function}",
            "category": "Data",
            "functionality": f"get {function}",
            "tools": [full(f"Data.{provider}.{function}") for provider in MARKET_PROVIDERS],
        }
        for function in functions
    ]
    rows = [
        tool(f"Data.{provider}.{function}", functionality=f"get {function}", attributes=attributes)
        for function in functions
        for provider, attributes in MARKET_PROVIDERS.items()
    ]
    return tool_set(*rows, *strangers, eps=eps), groups


def full(name):
    """The full name behind "Category.Provider.api"."""
    return str(ToolName(*name.split(".")))
