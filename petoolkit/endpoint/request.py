"""Requests to a language model, in the form that its endpoint takes, and its replies."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from petoolkit.console import make_console
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.extras import missing_package

try:
    from openai.types.chat import ChatCompletion
except ImportError:
    raise missing_package("asking an endpoint needs", "openai", "openai") from None

_FORMATS = ("json_schema", "json_object", "text")  # of a reply, best first; a refused format is not tried again


class RequestFailed(Exception):
    """A request has no answer after all its retries; the message says why."""


@dataclass(frozen=True)
class Request:
    """A request to a language model.

    Args:
        messages: the prompt, as {`role`, `content`}.
        seed: random seed, for endpoints that support it.
        schema: asks for a reply in JSON of this form.
        tools: native functions, in the form that endpoints take.
    """

    messages: list[dict[str, str]]
    seed: int
    schema: type[BaseModel] | None = None
    tools: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Reply:
    """A reply of a language model; `finish_reason` and `refusal` are as the endpoint gives them."""

    content: str
    finish_reason: str | None
    refusal: str | None
    prompt_tokens: int
    completion_tokens: int
    called: tuple[str, str] | None = None  # name and arguments (JSON text) of the first native function call
    seconds: float | None = None  # from request to answer; not known for batches

    @classmethod
    def of(cls, completion: ChatCompletion, seconds: float | None = None) -> "Reply":
        """The reply in an endpoint's answer; an answer without choices is an empty reply."""
        choice = completion.choices[0] if completion.choices else None
        usage = completion.usage
        functions = (
            [call.function for call in (choice.message.tool_calls or []) if call.type == "function"] if choice else []
        )
        return cls(
            content=(choice.message.content if choice else None) or "",
            finish_reason=choice.finish_reason if choice else None,
            refusal=choice.message.refusal if choice else None,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            called=(functions[0].name, functions[0].arguments) if functions else None,
            seconds=seconds,
        )

    def to_bytes(self) -> bytes:
        """The reply as JSON, for the cache."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Reply":
        """The reply that `to_bytes` wrote."""
        values = json.loads(stored)
        called = values.pop("called", None)
        return cls(**values, called=tuple(called) if called else None)


Ask = Callable[[Request], Awaitable[Reply]]
OnReply = Callable[[Request, Reply], None]


class Dialect:
    """The form in which an endpoint takes requests: reply format, and names of options; learnt from its refusals.

    Args:
        settings: settings of the model.
        base_url: address of the endpoint; `None` is OpenAI's own.
    """

    def __init__(self, settings: LlmSettings, base_url: str | None):
        self._settings = settings
        self._base_url = base_url
        self._format = 0
        self._length_option = "max_tokens"
        self.left_out: set[str] = set()  # options that the endpoint does not take

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON body of a request."""
        sampling = {"temperature": self._settings.temperature, "seed": request.seed}
        body = {
            "model": self._settings.model,
            "messages": request.messages,
            **{name: value for name, value in sampling.items() if name not in self.left_out},
            self._length_option: self._settings.max_tokens,
        }
        if request.tools:
            body["tools"] = request.tools
        if request.schema:
            body |= _response_format(_FORMATS[self._format], request.schema)
        return body

    def key(self, request: Request) -> bytes:
        """The cache key: a hash of everything that changes the reply; it does not depend on the endpoint's form."""
        schema = _json_schema(request.schema) if request.schema else None
        plain = Dialect(self._settings, self._base_url).body(
            Request(request.messages, request.seed, tools=request.tools)
        )
        return hashlib.sha256(json.dumps([self._base_url, plain, schema], sort_keys=True).encode()).digest()

    def adapt(self, refused: dict[str, Any], refusal: str) -> bool:
        """Learn from a refusal; returns whether the same request would now be sent in another form.

        Args:
            refused: the body that was refused.
            refusal: the endpoint's message.
        """
        if "response_format" in refusal and "response_format" in refused:
            tried = _FORMATS.index(refused["response_format"]["type"])
            self._format = max(self._format, tried + 1)
            return True
        if "max_tokens" in refusal and "max_tokens" in refused:
            self._length_option = "max_completion_tokens"
            return True
        for option in ("temperature", "seed"):
            if option in refusal and option in refused:
                if option not in self.left_out:
                    make_console(stderr=True).print(f"The endpoint does not take this {option}: it is left out.")
                self.left_out.add(option)
                return True
        return False


@cache
def _json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    return schema.model_json_schema()


def _response_format(name: str, schema: type[BaseModel]) -> dict[str, Any]:
    if name == "json_schema":
        described = {"name": schema.__name__, "schema": _json_schema(schema), "strict": True}
        return {"response_format": {"type": name, "json_schema": described}}
    return {"response_format": {"type": name}} if name == "json_object" else {}
