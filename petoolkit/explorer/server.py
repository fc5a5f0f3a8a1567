"""The explorer's server: it listens on loopback unless another host is given, and answers only what the page needs."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.extras import missing_package

if TYPE_CHECKING:
    from rich.console import Console

    from petoolkit.explorer.content import Content

PORT = 7860
# Gradio evaluates the scripts that it was given, and writes styles into the page. No other host may be reached.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'none'; "
    "base-uri 'self'; frame-ancestors {frame_ancestors}"
)
_HUB = "https://huggingface.co"  # shows a Space in a frame
# What the page asks for. Gradio has more: uploads, files, proxies, API documents, an editor of its own source.
_PATHS = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/gradio_api/run/predict"}
_FOLDERS = ("/assets/", "/static/", "/gradio_api/heartbeat/", "/gradio_api/startup-events")


def explore(
    dataset: str, revision: str | None, results: list[Path], host: str, port: int, console: "Console | None" = None
) -> None:
    """Read a dataset and evaluations, and serve the page until Ctrl-C stops it, at any moment.

    Args:
        dataset: a folder or a Hub id.
        revision: of a dataset on the Hub: a branch, tag or commit.
        results: evaluations of rows of this dataset, or folders that hold some.
        host: the address to listen on.
        port: the port to listen on.
        console: for messages.

    Raises:
        InputError: if gradio is not installed, the port is taken, the dataset or an evaluation cannot be read, or an
            evaluation is about other rows.
    """
    console = console or make_console(stderr=True)
    try:
        _serve(dataset, revision, results, host, port, console)
    except KeyboardInterrupt:
        console.file.write("Stopped.\n")  # `print` would repeat a line that it was interrupted in


def _serve(dataset: str, revision: str | None, results: list[Path], host: str, port: int, console: "Console") -> None:
    if find_spec("gradio") is None:
        raise missing_package("the explorer needs", "gradio", "explore")
    with _listening(host, port) as listener:
        with console.status("Reading rows and replies"):
            from petoolkit.explorer.content import read_content

            content = read_content(dataset, revision, results, lambda text: console.print(text, markup=False))
            app = make_app(content, host)
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


def make_app(content: "Content", host: str) -> Any:
    """The page as an ASGI application.

    Args:
        content: what it shows.
        host: the address on which it will listen. On loopback, it answers only requests that name loopback, so that
            no foreign page can reach it under a name of its own, and no page may show it in a frame. Elsewhere, the
            Hub may, as it does with Spaces.
    """
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from petoolkit.explorer.gradio_page import STYLE, make_page

    mounted = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        make_page(content),
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
        return _guarded(mounted, frame_ancestors="'none'", compressed=False)
    return _guarded(mounted, frame_ancestors=_HUB, compressed=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(app: Any, frame_ancestors: str, compressed: bool) -> Any:
    """Answer what the page asks for and nothing else, with headers that keep other hosts out.

    Args:
        app: an ASGI application.
        frame_ancestors: which pages may show it in a frame, as the policy has it.
        compressed: whether it may compress answers; on loopback that takes longer than it saves.
    """
    headers = [
        (b"content-security-policy", _POLICY.format(frame_ancestors=frame_ancestors).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def guarded(scope: dict, receive: Any, send: Any) -> None:
        async def send_with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *headers]}
            await send(message)

        if scope["type"] == "lifespan":
            await app(scope, receive, send)
        elif scope["type"] == "http" and (scope["path"] in _PATHS or scope["path"].startswith(_FOLDERS)):
            if not compressed:
                kept = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
                scope = {**scope, "headers": kept}
            await app(scope, receive, send_with_headers)
        elif scope["type"] == "http":
            await send_with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"Not found"})

    return guarded


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port, before anything is read."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off, which costs 40 ms an answer; a page has 46 answers.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {host}:{port} ({error.strerror}); give another --host or --port."
            ) from None
        yield listener
