"""The explorer as a server: on loopback unless told otherwise, and with nothing behind it but the page itself."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from petoolbench import InputError
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.results_folder import evaluations_in
from petoolkit.explorer.browse import Shelf
from petoolkit.explorer.index import read_index
from petoolkit.explorer.judged_runs import read_runs

PORT = 7860
# Gradio evaluates the scripts it was given and writes styles in place; nothing may come from, or go to, anywhere else.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'none'; "
    "base-uri 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
# What the page asks for. Gradio answers more: uploads, files, proxies, API documents, an editor of its own source.
_PATHS = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/run/predict"}
_FOLDERS = ("/assets/", "/static/", "/gradio_api/heartbeat/", "/gradio_api/startup-events")


def explore(
    dataset: str, revision: str | None, results: list[Path], host: str, port: int, console: Console | None = None
) -> None:
    """Read a dataset and evaluations, and serve the page until it is stopped.

    Args:
        dataset: a folder or a Hub id.
        revision: of a Hub dataset: a branch, tag or commit.
        results: folders that `petoolbench evaluate --out` wrote, about rows of this dataset, or folders of such.
        host: where to listen.
        port: at which port.
        console: says where the page is.

    Raises:
        InputError: if gradio is not installed, what `read_shelf` raises, or if the port is taken.
    """
    console = console or Console(stderr=True)
    _need_gradio()
    with _listening(host, port) as place:
        with console.status("Reading rows and replies"):
            app = make_app(read_shelf(dataset, revision, results), host)
        console.print(
            f"http://{f'[{host}]' if ':' in host else host}:{port}/ shows {dataset}; Ctrl-C stops it.", highlight=False
        )
        if not is_loopback(host):
            console.print("Whoever reaches this machine can read it there.")
        import uvicorn

        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=1)
        )
        with suppress(KeyboardInterrupt):
            server.run(sockets=[place])


def read_shelf(dataset: str, revision: str | None, results: list[Path]) -> Shelf:
    """Read all that is to be shown; arguments are those of `explore`.

    Raises:
        InputError: what `resolved_revision`, `read_index` and `read_runs` raise.
    """
    commit = resolved_revision(dataset, revision) or revision
    index = read_index(dataset, commit)
    title = Path(dataset).resolve().name if Path(dataset).is_dir() else dataset
    folders = [found for folder in results for found in evaluations_in(folder)]
    return Shelf(title, index, read_runs(folders, index))


def make_app(shelf: Shelf, host: str) -> Any:
    """The page as an ASGI application.

    Args:
        shelf: what it shows.
        host: where it will listen; on loopback, only requests that name loopback are answered, so that no foreign page
            can have a name of its own lead here.
    """
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from petoolkit.explorer.gradio_page import STYLE, make_page

    mounted = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        make_page(shelf),
        path="/",
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        head=STYLE,
    )
    if is_loopback(host):
        mounted.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", host])
    return _guarded(mounted, compressed=not is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(app: Any, compressed: bool) -> Any:
    """Answer what the page asks for and nothing else, with headers that keep other hosts out.

    Args:
        app: an ASGI application.
        compressed: whether it may compress; on loopback that takes longer than it saves.
    """

    async def guarded(scope: dict, receive: Any, send: Any) -> None:
        async def send_with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        if scope["type"] == "lifespan":
            await app(scope, receive, send)
        elif scope["type"] == "http" and (scope["path"] in _PATHS or scope["path"].startswith(_FOLDERS)):
            if not compressed:
                scope = {
                    **scope,
                    "headers": [header for header in scope["headers"] if header[0] != b"accept-encoding"],
                }
            await app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await send_with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"Not found"})

    return guarded


def _need_gradio() -> None:
    if find_spec("gradio") is None:
        raise InputError("the explorer needs the package gradio: pip install 'petoolbench[explore]'")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port before anything is read for it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms more an answer, and a page has 46.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
        except OSError as error:
            raise InputError(
                f"{host}:{port} can't be listened on ({error.strerror}); give another --host or --port."
            ) from None
        yield place
