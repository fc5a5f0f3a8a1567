"""The explorer's page without a browser: what a view answers, as text, links and tables."""

import re
from html import unescape

from report_folders import Page
from starlette.testclient import TestClient

from petoolkit.explorer.server import hosts_of
from petoolkit.explorer.web_app import make_app


class Client:
    """Asks the page for views."""

    def __init__(self, content, host="127.0.0.1"):
        self.http = TestClient(make_app(content, hosts_of(host)), base_url=f"http://{host}")

    def html(self, query="", path="/", **headers):
        answer = self.http.get(f"{path}{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def text(self, query=""):
        """The text of a view, as one line."""
        return text_of(self.html(query))

    def link(self, query, words):
        """Where the first link with these words leads."""
        return link_in(self.html(query), words)


def text_of(html):
    return " ".join(" ".join(Page(html).text).split())


def link_in(html, words):
    for href, inner in re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL):
        if words in text_of(inner):
            return unescape(href)
    raise AssertionError(f"no link {words!r}")


def part(html, start, end):
    """What stands between two texts of a page."""
    return html.split(start, 1)[1].split(end, 1)[0]
