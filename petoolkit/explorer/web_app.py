"""The page as an ASGI application: it answers what the page needs, and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from petoolbench import InputError
from petoolkit.explorer.browse import listed, valid_view
from petoolkit.explorer.download import csv_lines, json_lines
from petoolkit.explorer.page_html import page_html, prompt_html, script, style
from petoolkit.explorer.view import View

if TYPE_CHECKING:
    from petoolkit.explorer.content import Content

# Nothing stands in the page itself that a browser would run, and no other host may be reached.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors {frame_ancestors}"
)
_HUB = "https://huggingface.co"  # shows a Space in a frame
_PIECE = "x-piece"  # a header of requests for what changes only
_FOR_A_YEAR = {"cache-control": "public, max-age=31536000, immutable"}  # the address names the version
_NOT_KEPT = {"cache-control": "no-store", "vary": _PIECE}
_DOWNLOADS: dict[str, tuple[Callable[..., Iterator[str]], str]] = {
    "rows.csv": (csv_lines, "text/csv; charset=utf-8"),
    "rows.jsonl": (json_lines, "application/jsonl; charset=utf-8"),
}


def make_app(content: "Content", hosts: list[str] | None) -> Starlette:
    """The page as an ASGI application.

    Args:
        content: what it shows.
        hosts: names under which it may be asked for, when only this machine is to come in: then no foreign page can
            reach it under a name of its own, and no page may show it in a frame. `None` for a page that others may
            reach: then the Hub may show it in a frame, as it does with Spaces.
    """

    def page(request: Request) -> Response:
        view = valid_view(content, View.of(request.url.query))
        return HTMLResponse(page_html(content, view, _PIECE in request.headers), headers=_NOT_KEPT)

    def prompt(request: Request) -> Response:
        try:
            html = prompt_html(content, dict(request.query_params), _PIECE in request.headers)
        except InputError as error:
            return PlainTextResponse(str(error), status_code=404, headers=_NOT_KEPT)
        return HTMLResponse(html, headers=_NOT_KEPT)

    def rows(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        lines, media_type = _DOWNLOADS[name]
        numbers = listed(content, valid_view(content, View.of(request.url.query))).numbers.tolist()
        disposition = {"content-disposition": f'attachment; filename="{name}"', **_NOT_KEPT}
        return StreamingResponse(lines(content, numbers), media_type=media_type, headers=disposition)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/prompt", prompt),
            *(Route(f"/{name}", rows) for name in _DOWNLOADS),
            Route("/explorer.css", lambda _: Response(style(), media_type="text/css", headers=_FOR_A_YEAR)),
            Route("/explorer.js", lambda _: Response(script(), media_type="text/javascript", headers=_FOR_A_YEAR)),
            Route("/icon.svg", lambda _: Response(_icon(), media_type="image/svg+xml", headers=_FOR_A_YEAR)),
        ],
        middleware=[
            Middleware(_Headers, frame_ancestors="'none'" if hosts else _HUB),
            # On this machine, compressing takes longer than it saves.
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts) if hosts else Middleware(GZipMiddleware),
        ],
    )


def _icon() -> bytes:
    return Path(__file__).with_name("icon.svg").read_bytes()


class _Headers:
    """Adds headers that keep other hosts out.

    Args:
        app: an ASGI application.
        frame_ancestors: which pages may show it in a frame, as the policy has it.
    """

    def __init__(self, app: ASGIApp, frame_ancestors: str):
        self._app = app
        self._headers = [
            (b"content-security-policy", _POLICY.format(frame_ancestors=frame_ancestors).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self._headers]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
