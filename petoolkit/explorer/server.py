"""The explorer's server: it listens on loopback unless another host is given."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.extras import missing_package
from petoolkit.progress_bars import progress_bars

if TYPE_CHECKING:
    from rich.console import Console

PORT = 7860
_NEEDED = ("starlette", "uvicorn")


def explore(
    dataset: str, revision: str | None, results: list[Path], host: str, port: int, console: "Console | None" = None
) -> None:
    """Read a dataset and evaluations, and serve the page until Ctrl-C stops it, at any moment.

    Args:
        dataset: a folder or a Hub id.
        revision: of a dataset on the Hub: a branch, tag or commit.
        results: evaluations of rows of this dataset, or folders that hold some; without any, those below `results/`
            that are about these rows.
        host: the address to listen on.
        port: the port to listen on.
        console: for messages.

    Raises:
        InputError: if a package is not installed, the port is taken, the dataset or a named evaluation cannot be
            read, or a named evaluation is about other rows.
    """
    console = console or make_console(stderr=True)
    try:
        _serve(dataset, revision, results, host, port, console)
    except KeyboardInterrupt:
        console.file.write("Stopped.\n")  # `print` would repeat a line that it was interrupted in


def _serve(dataset: str, revision: str | None, results: list[Path], host: str, port: int, console: "Console") -> None:
    for package in _NEEDED:
        if find_spec(package) is None:
            raise missing_package("the explorer needs", package, "explore")
    with _listening(host, port) as listener:
        with progress_bars(console) as bars:
            task = bars.add_task("Reading rows", total=None)
            from petoolkit.explorer.content import read_content

            content = read_content(dataset, revision, results, lambda text: console.print(text, markup=False), bars)
            bars.update(task, total=1, advance=1)
        from petoolkit.explorer.web_app import make_app

        app = make_app(content, hosts_of(host))
        console.print(
            f"http://{f'[{host}]' if ':' in host else host}:{port}/ shows {dataset}; Ctrl-C stops it.",
            markup=False,
            highlight=False,
        )
        if not is_loopback(host):
            console.print("Everyone who can reach this machine can read the page.")
        import uvicorn

        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


def hosts_of(host: str) -> list[str] | None:
    """The names under which a server on this address may be asked for; `None` where any name will do."""
    return ["localhost", "127.0.0.1", "[::1]", host] if is_loopback(host) else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port, before anything is read."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off, which costs 40 ms an answer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {host}:{port} ({error.strerror}); give another --host or --port."
            ) from None
        yield listener
