"""Forms in which models write a tool call: the prompt's, and those that they were trained on."""

import ast
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from petoolkit.quoted_arguments import quoted_arguments

AS_ASKED, OWN_FORM, MENDED = "as asked", "own form", "mended"


class ToolCall(NamedTuple):
    """A call as it was read: the tool's full name and its parameters, decoded from JSON."""

    tool_name: str
    parameters: dict[str, Any]


class Reading(NamedTuple):
    """A call, and what it took to read it: `AS_ASKED`, `OWN_FORM` or `MENDED`; both are `None` without a call."""

    call: ToolCall | None
    how: str | None


_NAMES = ("tool_name", "name", "function", "tool", "action", "recipient_name")
NAME_KEY = re.compile(rf'"(?:{"|".join(_NAMES)})"')
_PARAMETERS = ("parameters", "arguments", "args", "tool_input", "action_input", "input", "params")
# Keys of tool documents: an object that has one, and no parameters, repeats the prompt.
_DOCUMENT_KEYS = frozenset(("tool_description", "required_parameters", "optional_parameters", "description"))
_NAMESPACES = ("functions.", "tools.", "default_api.")
_LONGEST_NAMESPACE = max(map(len, _NAMESPACES))


def read_value(value: Any, tools: Collection[str] | None = None) -> Reading | None:
    """The first call in a decoded JSON value; `None` if it holds none.

    Args:
        value: any JSON value; the call may lie in lists and wrappers, such as `{"tool_calls": [...]}`.
        tools: full names of the candidate tools. A name in a form that is not the prompt's must be one of them; any
            name will do where they are not known.
    """
    to_read = [value]
    while to_read:
        item = to_read.pop()
        if isinstance(item, list):
            to_read += reversed(item)
        elif isinstance(item, dict):
            if reading := _read_object(item, tools):
                return reading
            to_read += reversed(item.values())
    return None


def as_call(value: Any) -> ToolCall | None:
    """A decoded gold call, `{"tool_name": ..., "parameters": ...}`; `None` if the value is not one.

    Parameters may be JSON text, `null` or absent.
    """
    if not isinstance(value, dict) or not isinstance(value.get("tool_name"), str):
        return None
    parameters = _decoded(value.get("parameters"))
    return None if parameters is None else ToolCall(value["tool_name"], parameters)


def _read_object(value: dict, tools: Collection[str] | None) -> Reading | None:
    written = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    key = next((key for key in _PARAMETERS if key in value), None)
    asked = isinstance(value.get("tool_name"), str)
    if written is None or (key is None and not asked):
        return None
    if key is None and (_DOCUMENT_KEYS & value.keys() or any(isinstance(item, dict) for item in value.values())):
        return None
    name = written if asked else full_name(written, tools)
    parameters = _decoded(value[key]) if key else {}
    if name is None or parameters is None or _is_schema(value, parameters):
        return None
    return Reading(ToolCall(name, parameters), _how_read(asked, key, value.get(key or "")))


def _how_read(asked: bool, key: str | None, parameters: Any) -> str:
    if not asked or key not in (None, "parameters"):
        return OWN_FORM
    return MENDED if parameters in ("", []) else AS_ASKED


def _is_schema(value: dict, parameters: dict[str, Any]) -> bool:
    """Whether an object describes a tool instead of calling it."""
    return "description" in value and isinstance(parameters.get("properties"), dict)


def full_name(name: str, tools: Collection[str] | None) -> str | None:
    """A candidate's full name, of what a model wrote as the name; `None` if it is not a candidate's."""
    if tools is None:
        return name
    bare = next((name.removeprefix(space) for space in _NAMESPACES if name.startswith(space)), name).strip()
    return next((written for written in (name, bare, bare.replace("\\_", "_")) if written in tools), None)


def _decoded(parameters: Any) -> dict[str, Any] | None:
    """Parameters as an object, also of JSON text; empty for what models write where there are none."""
    if parameters is None or parameters in ("", []):
        return {}
    if isinstance(parameters, str):
        try:
            parameters = json.loads(parameters)
        except (ValueError, RecursionError):
            return None
    return parameters if isinstance(parameters, dict) else None


# --- a name with arguments behind it, not in one JSON object ---

# What stands between: `<function=NAME>{`, `[TOOL_CALLS]NAME[ARGS]{`, `NAME:0<|tool_call_argument_begin|>{`, a fence,
# `to=functions.NAME<|channel|>commentary json<|message|>{`.
_BETWEEN = re.compile(
    r"(?:<(?!parameter=|(?:\w{1,20}:)?parameter |arg_key>)[^<>{}\n]{0,40}>|\[ARGS\]|\[CALL_ID\]\w{1,40}|```(?:json)?"
    r"|(?:commentary\s{0,4})?json|:\d{1,4}|[\s:>\])\"'`,|=]){0,40}"
)
_ARGUMENT = re.compile(
    r"\s*(?:<parameter=(?P<a>[^<>\n]{1,200})>(?P<va>[\s\S]{0,20000}?)</parameter>"
    r"|<(?:\w{1,20}:)?parameter name=\"(?P<c>[^<>\"\n]{1,200})\"[^<>\n]{0,40}>(?P<vc>[\s\S]{0,20000}?)"
    r"</(?:\w{1,20}:)?parameter>"
    r"|<arg_key>(?P<b>[^<>\n]{1,200})</arg_key>\s{0,20}<arg_value>(?P<vb>[\s\S]{0,20000}?)</arg_value>)"
)
_WITHOUT_ARGUMENTS = re.compile(r"\"?>?\s{0,20}</(?:function|tool_call|(?:\w{1,20}:)?invoke)>")
_MOST_NAMES = 20  # occurrences of a name that are looked at
_JSON_WORDS = {"true": True, "false": False, "null": None}
_LONGEST_CALL = 4000  # characters of `NAME(key=value, ...)` and `NAME{key:value, ...}`


def calls_by_name(text: str, tools: Collection[str]) -> Iterator[tuple[int, str, dict[str, Any] | int]]:
    """Calls written as a candidate's name with arguments behind it.

    Yields:
        The name's position, the name, and the arguments or the position where their JSON object begins.
    """
    for name in tools:
        end = 0
        for _ in range(_MOST_NAMES):
            start = text.find(name, end)
            if start < 0:
                break
            end = start + len(name)
            if _is_end_of_longer_name(text[max(0, start - _LONGEST_NAMESPACE) : start]):
                continue
            if text.startswith("(", end):
                arguments = _keyword_arguments(text[end : end + _LONGEST_CALL])
                if arguments is not None:
                    yield start, name, arguments
                    continue
            if _WITHOUT_ARGUMENTS.match(text, end):
                yield start, name, {}
                continue
            if (
                text.startswith("{", end)
                and (arguments := quoted_arguments(text[end : end + _LONGEST_CALL])) is not None
            ):
                yield start, name, arguments
                continue
            between = _BETWEEN.match(text, end)
            behind = between.end() if between else end
            if text.startswith("{", behind):
                yield start, name, behind
            elif arguments := _tagged_arguments(text, behind):
                yield start, name, arguments


def _is_end_of_longer_name(before: str) -> bool:
    """Whether the text before a name belongs to the name that the model wrote, and is not a namespace."""
    return before[-1:].isalnum() or (before.endswith(("_", "-", ".")) and not before.endswith(_NAMESPACES))


def _tagged_arguments(text: str, position: int) -> dict[str, Any]:
    arguments = {}
    while argument := _ARGUMENT.match(text, position):
        position = argument.end()
        key, value = _key_and_text(argument)
        arguments[key] = _value(value)
    return arguments


def tagged_texts(text: str) -> dict[str, str]:
    """The arguments that are written between tags in a reply, as text, which has no types: `<parameter=KEY>...`."""
    return dict(map(_key_and_text, _ARGUMENT.finditer(text)))


def _key_and_text(argument: re.Match[str]) -> tuple[str, str]:
    key, value = next((argument[one], argument[f"v{one}"]) for one in "abc" if argument[one])
    return key.strip(), value.strip("\n")


def _keyword_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of `(city="Paris", days=3)`: literals of values that JSON has; nothing is evaluated."""
    position = -1
    for _ in range(8):  # closing brackets may stand in texts
        position = text.find(")", position + 1)
        if position < 0:
            return None
        try:
            call = ast.parse(f"f{text[: position + 1]}", mode="eval").body
            if not isinstance(call, ast.Call) or call.args or any(keyword.arg is None for keyword in call.keywords):
                return None
            call = _JsonWords().visit(call)
            arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
            return json.loads(json.dumps(arguments))  # tuples become lists; sets and bytes raise a TypeError
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            continue
    return None


class _JsonWords(ast.NodeTransformer):
    """Puts values in the stead of the words that JSON has for them."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """See `ast.NodeTransformer`."""
        return ast.Constant(_JSON_WORDS[node.id]) if node.id in _JSON_WORDS else node


def _value(text: str) -> Any:
    """An argument written between tags: JSON if it can be decoded, else text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
