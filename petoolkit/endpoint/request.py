"""Requests to a language model, in the form that its endpoint takes, and its replies."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from petoolkit.console import make_console
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.reasoning import has_reasoning

_FORMATS = ("json_schema", "json_object", "text")  # of a reply, best first; a refused format is not tried again

_TEXT_PARTS = (None, "text", "output_text")  # types of the parts of a message that are its text
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
_REASONING_PARTS = ("thinking", "redacted_thinking", "reasoning")
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|n.t support|not support|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed"
    r"|extra_forbidden|deprecated",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.;!?]\s|\n")


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
        max_tokens: most tokens of the reply; by default, those of the settings.
        timeout: seconds, after which the request is sent again; by default, those of the settings.
    """

    messages: list[dict[str, str]]
    seed: int
    schema: type[BaseModel] | None = None
    tools: list[dict[str, Any]] | None = None
    max_tokens: int | None = None
    timeout: float | None = None


class AnswerError(Exception):
    """An answer with status 200 that does not hold a reply.

    Args:
        message: the endpoint's words, or what is wrong with the answer.
        status: the HTTP status that the answer names, such as 429; `None` if it names none.
        code: the error code that the answer names, such as `insufficient_quota`.
    """

    def __init__(self, message: str, status: int | None = None, code: str | None = None):
        super().__init__(message)
        self.status = status
        self.code = code


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
    left_out: tuple[str, ...] = ()  # options that were not sent, since the endpoint refuses them
    length_option: str | None = None  # name under which `max_tokens` was sent, if another one
    has_reasoning: bool = False  # whether the model reasoned before it answered, as far as the endpoint shows it

    @classmethod
    def of(
        cls,
        answer: object,
        seconds: float | None = None,
        left_out: Iterable[str] = (),
        length_option: str | None = None,
    ) -> "Reply":
        """The reply in an endpoint's answer, which is its JSON as Python values.

        The model's reasoning (`reasoning_content`, parts of type `thinking`) is not part of the reply.

        Raises:
            AnswerError: if the answer holds an error, or no choice.
        """
        if not isinstance(answer, dict):
            raise AnswerError("the answer is not a JSON object; check the base URL")
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise _answer_error(answer.get("error"), "the answer does not hold a message")
        finish_reason = choice.get("finish_reason")
        if finish_reason == "error":
            raise _answer_error(choice.get("error") or answer.get("error"), "the reply ended with an error")
        message = choice["message"]
        content, refusal = _text_and_refusal(message.get("content"))
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return cls(
            content=content,
            finish_reason=finish_reason if isinstance(finish_reason, str) else None,
            refusal=_text_and_refusal(message.get("refusal"))[0] or refusal or None,
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            called=_first_call(message),
            seconds=seconds,
            left_out=tuple(sorted(left_out)),
            length_option=length_option,
            has_reasoning=_has_reasoning(message, usage) or has_reasoning(content),
        )

    def to_bytes(self) -> bytes:
        """The reply as JSON, for the cache."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Reply":
        """The reply that `to_bytes` wrote."""
        values = json.loads(stored)
        called = values.pop("called", None)
        left_out = tuple(values.pop("left_out", ()))
        return cls(**values, called=tuple(called) if called else None, left_out=left_out)

    @property
    def is_failure(self) -> bool:
        """Whether this is an answer without a reply, which earlier versions kept in the cache as an empty reply."""
        is_empty = not (self.content or self.called or self.refusal)
        return self.finish_reason == "error" or (is_empty and self.finish_reason is None)


def _answer_error(error: object, otherwise: str) -> AnswerError:
    """The error in an answer with status 200; OpenRouter's `code` is an HTTP status."""
    if not isinstance(error, dict):
        return AnswerError(str(error or otherwise))
    code = error.get("code")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    is_status = isinstance(code, int) and 400 <= code < 600
    return AnswerError(
        str(error.get("message") or otherwise),
        status=code if is_status else None,
        code=code if isinstance(code, str) else None,
    )


def _text_and_refusal(content: object) -> tuple[str, str]:
    """The text of a message's content, and the text of its refusals; content is text or a list of parts."""
    if isinstance(content, str) or content is None:
        return content or "", ""
    texts, refusals = [], []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            texts += [part["text"]] if isinstance(part.get("text"), str) and part.get("type") in _TEXT_PARTS else []
            refusals += [part["refusal"]] if isinstance(part.get("refusal"), str) else []
    return "".join(texts), "".join(refusals)


def _has_reasoning(message: dict[str, Any], usage: dict[str, Any]) -> bool:
    """Whether the endpoint shows, or counts, reasoning apart from the text of the reply."""
    details = usage.get("completion_tokens_details")
    counted = details.get("reasoning_tokens") if isinstance(details, dict) else None
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return (
        _count(counted) > 0
        or any(message.get(name) for name in _REASONING_FIELDS)
        or any(isinstance(part, dict) and part.get("type") in _REASONING_PARTS for part in parts)
    )


def _first_call(message: dict[str, Any]) -> tuple[str, str] | None:
    """Name and arguments (JSON text) of a message's first function call; some servers give arguments as an object."""
    calls = message.get("tool_calls")
    functions = [
        call.get("function")
        for call in (calls if isinstance(calls, list) else [])
        if isinstance(call, dict) and call.get("type") in (None, "", "function")
    ]
    for function in [*functions, message.get("function_call")]:
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = function.get("arguments")
            if arguments is None:
                arguments = ""
            return function["name"], arguments if isinstance(arguments, str) else json.dumps(arguments)
    return None


def _count(number: object) -> int:
    return int(number) if isinstance(number, int | float) and number > 0 else 0


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
            **self._settings.extra_body,
            "model": self._settings.model,
            "messages": request.messages,
            **{name: value for name, value in sampling.items() if name not in self.left_out},
            self._length_option: request.max_tokens or self._settings.max_tokens,
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
            Request(request.messages, request.seed, tools=request.tools, max_tokens=request.max_tokens)
        )
        return hashlib.sha256(json.dumps([self._base_url, plain, schema], sort_keys=True).encode()).digest()

    def missing_from(self, body: dict[str, Any]) -> set[str]:
        """The options of sampling that a body does not send."""
        return {name for name in ("temperature", "seed") if name not in body}

    def renamed_length(self, body: dict[str, Any]) -> str | None:
        """The name under which a body sends `max_tokens`; `None` if it is that."""
        return None if "max_tokens" in body else self._length_option

    def adapt(self, refused: dict[str, Any], refusal: str, param: str | None = None) -> bool:
        """Learn from a refusal; returns whether the same request would now be sent in another form.

        Args:
            refused: the body that was refused.
            refusal: the endpoint's message.
            param: the option that the endpoint blames; `None` if it names none outside of its message.
        """
        if "response_format" in refused and (param or refusal).find("response_format") >= 0:
            tried = _FORMATS.index(refused["response_format"]["type"])
            self._format = max(self._format, tried + 1)
            return True
        if "max_tokens" in refused and param in (None, "max_tokens") and _is_unsupported("max_tokens", refusal):
            self._length_option = "max_completion_tokens"
            return True
        for option in ("temperature", "seed"):
            if option in refused and (param == option if param else _is_unsupported(option, refusal)):
                if option not in self.left_out:
                    make_console(stderr=True).print(f"The endpoint does not take this {option}: it is left out.")
                self.left_out.add(option)
                return True
        return False


def _is_unsupported(option: str, refusal: str) -> bool:
    """Whether a sentence of a refusal names an option as unsupported; an option's name may also be in a prompt."""
    word = re.compile(rf"(?<![\w-]){option}(?![\w-])")
    return any(word.search(part) and _UNSUPPORTED.search(part) for part in _SENTENCE_END.split(refusal))


@cache
def _json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    return schema.model_json_schema()


def _response_format(name: str, schema: type[BaseModel]) -> dict[str, Any]:
    if name == "json_schema":
        described = {"name": schema.__name__, "schema": _json_schema(schema), "strict": True}
        return {"response_format": {"type": name, "json_schema": described}}
    return {"response_format": {"type": name}} if name == "json_object" else {}
