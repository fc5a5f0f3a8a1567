"""Running MCP servers: their tools, all pages, through the package `mcp`. Only `petoolbench snapshot` does this."""

import logging
import re
import shlex
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from petoolbench import InputError
from petoolkit.extras import missing_package
from petoolkit.text import on_one_line

if TYPE_CHECKING:
    from mcp import Client

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_MOST_PAGES = 1000
_INSTEAD = "or save the answer to `tools/list` as a JSON file, which is a catalogue too"


def read_server(address: str, timeout: float) -> dict[str, Any]:
    """What a server says of itself and its tools, as `make_snapshot` takes it.

    Args:
        address: the URL of a server over streamable HTTP, or the command line of one over stdio, which is started for
            it and ended afterwards. No shell reads the line, and of this process's variables the server gets only
            HOME, PATH and the like.
        timeout: seconds for all of it.

    Raises:
        InputError: if the package `mcp` is missing, the server cannot be started or reached, does not answer in time,
            answers with an error, or ends too early.
    """
    try:
        import anyio
        import mcp  # noqa: F401
    except ImportError:
        raise missing_package("a running MCP server is read with", "mcp", "mcp") from None
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
        _quiet_logs(),
        _interrupted_by_sigterm(),
    ):
        try:
            return anyio.run(_read, address, timeout, said)
        except Exception as error:  # whatever goes wrong on the other side; the package has no error of its own for it
            first = _first(error)
            if isinstance(first, InputError):
                raise first from None
            raise InputError(f"the MCP server {_named(address)} {_reason(first, timeout)}{_last_line(said)}") from None


async def _read(address: str, timeout: float, said: IO[str]) -> dict[str, Any]:
    import anyio
    from mcp import Client

    with anyio.fail_after(timeout):
        async with Client(_server(address, said)) as client:
            info = client.server_info
            tools = await _all_tools(client)
            return {
                "name": info.name if info else _named(address),
                "version": info.version if info else None,
                "description": client.instructions or getattr(info, "description", None),
                "protocolVersion": client.protocol_version,
                "tools": tools,
            }


def _server(address: str, said: IO[str]) -> Any:
    """What the package takes as a server; what one over stdio writes to its error stream goes into `said`."""
    if _URL.fullmatch(address):
        return address
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    try:
        words = shlex.split(address)
    except ValueError as error:
        raise InputError(f"the command line {address!r} cannot be read ({str(error).lower()}); check it.") from None
    if not words:
        raise InputError("one of SERVERS is empty; give a URL, or a command line in quotes.")
    return stdio_client(StdioServerParameters(command=words[0], args=words[1:]), errlog=cast(TextIO, said))


async def _all_tools(client: "Client") -> list[dict]:
    """The tools of all pages, in the server's order. The session's own method would leave some out without a word."""
    from mcp.types import ListToolsRequest, ListToolsResult, PaginatedRequestParams

    tools: list[dict] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
        page = await client.session.send_request(request, ListToolsResult)
        tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise InputError(f"the paging of an MCP server does not end: its tools go on after {_MOST_PAGES:,} pages.")


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """The package logs tracebacks of what the user is told in a sentence."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """A process that is ended meanwhile ends the server too, as one that is interrupted does."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _named(address: str) -> str:
    """An address without what may be secret: a URL's query and user, or a command's arguments."""
    if _URL.fullmatch(address):
        return re.sub(r"(?<=//)[^/@]*@", "", address.partition("?")[0])
    words = address.split()
    command = next((word for word in words if word != "env" and "=" not in word), words[0])
    return f"`{command}`" if len(words) == 1 else f"`{command} ...`"


def _first(error: BaseException) -> BaseException:
    """The first single error of a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: BaseException, timeout: float) -> str:
    """Why a server could not be read, and what to do: the rest of a sentence."""
    if isinstance(error, TimeoutError):
        return f"did not answer within {timeout:g} s; check that it is an MCP server, or give --timeout more seconds."
    if isinstance(error, FileNotFoundError):
        return "cannot be started: there is no such command; check its spelling, or install it."
    if isinstance(error, OSError):
        return f"cannot be started ({(error.strerror or str(error)).lower()}); check the command."
    text = on_one_line(str(error))[:200] or type(error).__name__
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):
        return f"cannot be reached ({text}); check the address, and that it runs."
    if text == "Connection closed":
        return "ended before it had answered; check that the command starts an MCP server over stdio."
    return f"could not be read ({text}); check that it is an MCP server and that it needs no login, {_INSTEAD}."


def _last_line(said: IO[str]) -> str:
    """What a server last wrote to its error stream, as a sentence; "" if nothing."""
    said.seek(0)
    lines = [line.strip() for line in said if line.strip()]
    return f" It wrote at the end: {on_one_line(lines[-1])[:200]}" if lines else ""
