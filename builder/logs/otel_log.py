"""OpenTelemetry spans of generative AI, as OTLP writes them in JSON (`resourceSpans`)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from petoolbench import InputError
from petoolkit.decoding import decode_json
from petoolkit.text import listing

from .log_call import LogForm, LoggedCall, LogSource
from .table_log import read_call

_OPERATION, _CALL = "gen_ai.operation.name", "execute_tool"
# Attributes of each field, the first that is there; `--columns` names another one.
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "user": ("enduser.id", "user.id", "enduser.pseudo.id", "gen_ai.conversation.id"),
    "request": ("gen_ai.input.messages",),
    "tool": ("gen_ai.tool.name",),
    "arguments": ("gen_ai.tool.call.arguments",),
    "rating": ("gen_ai.evaluation.score.label", "gen_ai.evaluation.score.value"),
    "offered": ("gen_ai.tool.definitions",),
}
_SHOWN = 30  # names of attributes in a message
_MOST_PARENTS = 50


@dataclass(slots=True)
class _Span:
    key: tuple[str, str]  # trace and span
    parent: tuple[str, str]
    start: int
    attributes: dict[str, Any]
    children: "list[_Span]" = field(default_factory=list)

    @property
    def is_call(self) -> bool:
        return self.attributes.get(_OPERATION) == _CALL


def is_export(value: Any) -> bool:
    """Whether a decoded value is an export of spans."""
    return isinstance(value, dict) and isinstance(value.get("resourceSpans"), list)


def otel_calls(exports: Iterable[Any], source: LogSource) -> Iterator[LoggedCall]:
    """The calls of a file's spans: those whose operation is `execute_tool`.

    What a call's span does not say is looked for in the spans around it: the spans that it is part of, the nearest
    first, and the model's answer that came last before it within each; a user also in the resource.

    Raises:
        InputError: if an attribute that is given is nowhere.
    """
    spans = {span.key: span for export in exports for span in _spans(export, source)}
    for span in spans.values():
        if span.parent in spans:
            spans[span.parent].children.append(span)
    names = dict.fromkeys(name for span in spans.values() for name in span.attributes)
    given = {name: column for name, column in source.columns.items() if name != "time"}
    if unknown := [f"{name}={column}" for name, column in given.items() if column not in names]:
        raise InputError(
            f"{source.file}: --columns gives {listing(unknown)}, which no span has; there are "
            f"{listing(sorted(names), _SHOWN)}."
        )
    attributes = _ATTRIBUTES | {name: (column,) for name, column in given.items()}
    for span in spans.values():
        if span.is_call:
            found: dict[str, Any] = dict.fromkeys(attributes)
            for name, keys in attributes.items():
                for key in keys:
                    value = _nearest(span, key, spans, name in ("tool", "arguments", "rating"))
                    if value is not None:
                        found[name] = value
                        source.taken.setdefault(name, key)
                        if key == "gen_ai.conversation.id":
                            source.counts["taken: the conversation stands for the user, who is not named"] += 1
                        break
            found["request"] = _request(found["request"])
            if call := read_call({**found, "time": None}, source.counts):
                call.time = span.start or None
                yield call


def _nearest(span: _Span, key: str, spans: dict[tuple[str, str], _Span], own_only: bool) -> Any:
    """An attribute of a span, or of the nearest one around it that has it."""
    if own_only or key in span.attributes:
        return span.attributes.get(key)
    current: _Span | None = spans.get(span.parent)
    for _ in range(_MOST_PARENTS):
        if current is None:
            return None
        if key in current.attributes:
            return current.attributes[key]
        before = [one for one in current.children if key in one.attributes and one.start <= span.start]
        if before:
            return max(before, key=lambda one: one.start).attributes[key]
        current = spans.get(current.parent)
    return None


def _request(messages: Any) -> str:
    """The text of the last user message among the input messages of a model's answer."""
    if isinstance(messages, str):
        try:
            messages = decode_json(messages)
        except ValueError:
            return messages.strip()
    if not isinstance(messages, list):
        return ""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            parts = message.get("parts", message.get("content"))
            parts = parts if isinstance(parts, list) else [parts]
            texts = [part.get("content", part.get("text")) if isinstance(part, dict) else part for part in parts]
            if text := "\n".join(text for text in texts if isinstance(text, str)).strip():
                return text
    return ""


def _spans(export: Any, source: LogSource) -> Iterator[_Span]:
    if not is_export(export):
        source.counts["left out: a line is not an export of spans"] += 1
        return
    for resource in _list_of(export, "resourceSpans"):
        of_resource = _decoded(resource.get("resource"))
        for scope in _list_of(resource, "scopeSpans"):
            for span in _list_of(scope, "spans"):
                trace = str(span.get("traceId"))
                start = span.get("startTimeUnixNano")
                attributes = of_resource | _decoded(span)
                for event in _list_of(span, "events"):
                    attributes = _decoded(event) | attributes
                yield _Span(
                    (trace, str(span.get("spanId"))),
                    (trace, str(span.get("parentSpanId") or "")),
                    int(start) if isinstance(start, str | int) and str(start).isdecimal() else 0,
                    attributes,
                )


def _list_of(holder: dict, key: str) -> list[dict]:
    values = holder.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _decoded(holder: Any) -> dict[str, Any]:
    """The attributes of a resource, span or event, as JSON values by name."""
    if not isinstance(holder, dict):
        return {}
    return {str(one.get("key")): _value(one.get("value")) for one in _list_of(holder, "attributes")}


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    for kind, content in value.items():
        if kind == "intValue" and str(content).lstrip("-").isdecimal():
            return int(content)
        if kind == "arrayValue":
            return [_value(one) for one in _list_of(content, "values")] if isinstance(content, dict) else None
        if kind == "kvlistValue":
            pairs = _list_of(content, "values") if isinstance(content, dict) else []
            return {str(pair.get("key")): _value(pair.get("value")) for pair in pairs}
        return content
    return None


OTEL = LogForm(
    "OpenTelemetry spans",
    "exports of spans in JSON (`resourceSpans`), where calls are spans with `gen_ai.operation.name` = `execute_tool`",
    is_export,
    otel_calls,
)
