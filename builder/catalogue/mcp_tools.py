"""MCP servers' tools: answers to `tools/list`, lists of servers with their tools, and snapshots of running servers.

`inputSchema` is the key that tells them from other lists of functions.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .catalogue_format import CatalogueFormat, Source
from .json_schema import input_schema, shape_of
from .key_checks import note_unread_keys
from .mcp_snapshot import SNAPSHOT_KEY, check_snapshot
from .tool_document import ToolDocument

_SCHEMA = "inputSchema"
_NEEDED_TOOL_KEYS = ("name", "description", _SCHEMA)
# The keys that are read, and those that a benchmark has no use for.
_TOOL_KEYS = (
    *_NEEDED_TOOL_KEYS,
    *("title", "outputSchema"),
    *("annotations", "icons", "execution", "_meta", "meta"),
)
_SERVER_KEYS = (
    *("name", "server_name", "description", "instructions", "category", "serverInfo", "tools", "servers"),
    *("version", "title", "websiteUrl", "icons", "config", "model_config", "web", "organization", "_meta", "meta"),
    *("nextCursor", "protocolVersion", "capabilities", "resultType", "ttlMs", "cacheScope"),
)
_MOST_LEVELS = 4  # of servers within lists of servers


class _Server(NamedTuple):
    """What a catalogue says of the server whose tools it lists; "" where it says nothing."""

    name: str = ""
    description: str = ""
    category: str = ""


def _is_form(value: Any) -> bool:
    """Whether a value has keys that only MCP's forms have; answers to other requests are meant as one, too."""
    if not isinstance(value, Mapping):
        return False
    return (
        not value.keys().isdisjoint((SNAPSHOT_KEY, "jsonrpc", _SCHEMA))
        or _lists_tools(value, _MOST_LEVELS)
        or _is_by_name(value)
        or _lists_tools(value.get("result"), _MOST_LEVELS)
    )


def _is_by_name(value: Mapping) -> bool:
    """Whether a value holds nothing but servers, by their names."""
    return bool(value) and all(_lists_tools(server, _MOST_LEVELS) for server in value.values())


def _lists_tools(value: Any, levels: int) -> bool:
    if not isinstance(value, Mapping) or not levels:
        return False
    tools, servers = value.get("tools"), value.get("servers")
    if isinstance(tools, Mapping):
        return any(_lists_tools(one, levels - 1) for one in tools.values())
    if isinstance(servers, list):
        return any(_lists_tools(one, levels - 1) for one in servers)
    return isinstance(tools, list) and any(isinstance(tool, Mapping) and _SCHEMA in tool for tool in tools)


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    if SNAPSHOT_KEY in value:
        value = check_snapshot(value)
    elif "jsonrpc" in value or "result" in value:
        value = _result(value)
    elif _is_by_name(value):
        value = {"tools": value}
    elif _SCHEMA in value:
        value = {"tools": [value]}
    for server, tools in _listings(value, _Server(), source, _MOST_LEVELS):
        for number, tool in enumerate(tools, start=1):
            yield _document(tool, f"tool {number} of {server.name or 'the list'}", server, source)


def _result(response: Mapping) -> Mapping:
    """What a server answered to `tools/list`."""
    if isinstance(error := response.get("error"), Mapping):
        raise ValueError(f"the server answered with an error: {error.get('message')!r:.200}")
    result = response.get("result")
    if not isinstance(result, Mapping) or not isinstance(result.get("tools"), list):
        raise ValueError("this message of JSON-RPC does not answer `tools/list`: its `result` has no list `tools`")
    return result


def _listings(value: Any, owner: _Server, source: Source, levels: int) -> Iterator[tuple[_Server, list]]:
    """Servers with their tools, out of one, a list of them, or an object of them by name."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a server with its tools is not an object: {value!r:.60}")
    if not levels:
        raise ValueError("servers stand too deep within others")
    note_unread_keys(value, _SERVER_KEYS, (), "a server", source.counts)
    server = _server(value, owner)
    tools, servers = value.get("tools"), value.get("servers")
    if isinstance(servers, list):
        for one in servers:
            yield from _listings(one, _Server(category=server.category), source, levels - 1)
    elif isinstance(tools, Mapping):
        for name, one in tools.items():
            named = server if server.name and len(tools) == 1 else server._replace(name=name)
            yield from _listings(one, named, source, levels - 1)
    elif isinstance(tools, list):
        yield server, tools
    else:
        raise ValueError(f"`tools` of the server {server.name or '(no name)'} is not a list: {tools!r:.60}")


def _server(value: Mapping, owner: _Server) -> _Server:
    """A server by its own words; those of what it stands in go before, as people wrote these to tell servers apart."""
    info = value.get("serverInfo")
    info = info if isinstance(info, Mapping) else {}

    def first(*texts: Any) -> str:
        return next((text for text in texts if isinstance(text, str) and text.strip()), "")

    return _Server(
        first(owner.name, value.get("name"), value.get("server_name"), info.get("name")),
        first(owner.description, value.get("description"), info.get("description"), value.get("instructions")),
        first(owner.category, value.get("category")),
    )


def _document(tool: Any, where: str, server: _Server, source: Source) -> ToolDocument:
    if not isinstance(tool, Mapping):
        raise ValueError(f"{where} is not an object: {tool!r:.60}")
    if not _text(tool, "name", where).strip():
        raise ValueError(f"{where} has no name")
    where = f"the tool `{tool['name']:.100}`"
    if _SCHEMA not in tool:
        raise ValueError(f"{where} has no `{_SCHEMA}`")
    if not isinstance(tool[_SCHEMA], Mapping):
        raise ValueError(f"`{_SCHEMA}` of {where} is not an object: {tool[_SCHEMA]!r:.60}")
    note_unread_keys(tool, _TOOL_KEYS, _NEEDED_TOOL_KEYS, "a tool", source.counts)
    try:
        parameters = input_schema(tool[_SCHEMA])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return ToolDocument(
        category=server.category,
        tool=server.name,
        tool_description=server.description or None,
        api=tool["name"],
        api_description=_text(tool, "description", where) or _text(tool, "title", where) or None,
        required_parameters=parameters.required,
        optional_parameters=parameters.optional,
        parameters_schema=parameters.schema,
        response_schema=shape_of(tool.get("outputSchema")),
    )


def _text(tool: Mapping, key: str, where: str) -> str:
    """A text of a tool, "" where it has none."""
    value = tool.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"`{key}` of {where} is not text: {value!r:.60}")
    return value


MCP_TOOLS = CatalogueFormat(
    "a list of MCP tools",
    "an answer to `tools/list` (an object with `tools`, each with name, description and inputSchema), by itself or "
    "beside a server's name, description and category; several of these; or what `petoolbench snapshot` wrote",
    _is_form,
    _documents,
)
