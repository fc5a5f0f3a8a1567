"""A stand-in for the Hub, on loopback and in memory: it answers huggingface_hub, datasets, peft and evaluate.

    with HubStandIn() as hub:
        subprocess.run(..., env=hub.environment(tmp_path))

Files with a NUL byte or over 1 kB are uploaded as large files, the others are in the commit itself.
"""

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "standInStandInStandInStandIn42"
_LARGE = 1_000


@dataclass
class Commit:
    sha: str
    files: dict[str, bytes]
    title: str
    changed: list[str]  # paths


@dataclass
class Repository:
    private: bool
    branches: dict[str, list[Commit]] = field(default_factory=dict)
    pull_requests: list[Commit] = field(default_factory=list)

    def find(self, revision: str) -> Commit | None:
        commits = [commit for branch in self.branches.values() for commit in branch] + self.pull_requests
        if revision in self.branches:
            return self.branches[revision][-1]
        return next((commit for commit in commits if commit.sha == revision), None)


# An answer to a request (status, headers, text); a fault gives one, or `None` to hang up.
Answer = tuple[int, dict[str, str], str]
Fault = Callable[["HubStandIn"], Answer | None]


class HubStandIn:
    """Accepts `TOKEN` for everything under `me/`; `fail` gives faults instead of answers."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}  # by kind and name
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []  # "METHOD path", in order
        self.faults: list[tuple[str, int, Fault, bool]] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> "HubStandIn":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Environment variables of a process that uses this Hub, and `home` for its home and caches."""
        kept = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_DATASETS_OFFLINE")}
        ours = {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home), "HOME": str(home)}
        ours |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "NO_PROXY": "127.0.0.1"}
        return {**kept, **ours, **({"HF_TOKEN": token} if token else {})}

    def fail(self, request: str, answer: Answer | Fault | None, times: int = 1, late: bool = False) -> None:
        """Answer requests that the expression `request` matches ("POST .*/commit/") with a fault.

        Args:
            request: searched in "METHOD path".
            answer: status, headers and text; `None` to hang up; or a function that does something and gives one of
                these.
            times: how often.
            late: first do what was asked, so that only the answer is lost.
        """
        self.faults.append((request, times, answer if callable(answer) else lambda hub: answer, late))

    def add(self, kind: str, name: str, files: dict[str, bytes], private: bool = False) -> Repository:
        """Make a repository."""
        repository = self.repositories[kind, name] = Repository(private)
        repository.branches["main"] = [_commit(None, files, "initial commit", [*files])]
        return repository

    def files(self, kind: str, name: str, branch: str = "main") -> dict[str, bytes]:
        return self.repositories[kind, name].branches[branch][-1].files

    def commits(self, kind: str, name: str, branch: str = "main") -> list[Commit]:
        """Commits after the first one, with which the repository was made."""
        return self.repositories[kind, name].branches[branch][1:]

    # --- the calls ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict, headers: Any, body: bytes) -> tuple[int, dict, bytes]:
        with self._lock:
            if path.startswith("/lfs/"):
                return self._large_file(path.rpartition("/")[2], body)
            if (token := headers.get("Authorization", "").removeprefix("Bearer ")) and token != TOKEN:
                return _error(401, "", "Invalid credentials in Authorization header")
            if method == "POST" and not token:
                return _error(401, "", "Invalid username or password.")
            if path == "/api/validate-yaml":
                return _json({"errors": [], "warnings": []})
            if path == "/api/repos/create":
                return self._create(json.loads(body))
            if match := re.fullmatch(r"/(datasets/|spaces/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
                return self._batch(json.loads(body))
            if match := re.fullmatch(r"/api/(model|dataset|space)s/([^/]+/[^/]+)(?:/(\w+)(?:/([^/]+))?(/.*)?)?", path):
                return self._repository(method, *match.groups(), query, body)
            if match := re.fullmatch(r"/(datasets/|spaces/)?([^/]+/[^/]+)/resolve/([^/]+)/(.*)", path):
                kind = (match[1] or "models/").removesuffix("s/")
                return self._file(kind, match[2], unquote(match[3]), unquote(match[4]))
            return _error(404, "EntryNotFound", f"{method} {path}")

    def _create(self, asked: dict) -> tuple[int, dict, bytes]:
        kind, name = asked.get("type") or "model", f"{asked.get('organization') or 'me'}/{asked['name']}"
        if not name.startswith("me/"):
            return _error(403, "", "You don't have the rights to create a repository under this namespace")
        if any(there == name for _, there in self.repositories):
            return _error(409, "", "You already created this repository")
        self.add(kind, name, {".gitattributes": b"*.parquet filter=lfs\n"}, asked.get("visibility") == "private")
        return _json({"url": f"{self.url}/{'' if kind == 'model' else kind + 's/'}{name}", "name": name})

    def _batch(self, asked: dict) -> tuple[int, dict, bytes]:
        objects = []
        for one in asked["objects"]:
            upload = {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}
            objects.append({**one, **({} if one["oid"] in self.large else {"actions": upload})})
        return _json({"transfer": "basic", "objects": objects})

    def _large_file(self, oid: str, body: bytes) -> tuple[int, dict, bytes]:
        if hashlib.sha256(body).hexdigest() != oid:
            return _error(400, "", "hash")
        self.large[oid] = body
        return 200, {}, b""

    def _repository(self, method, kind, name, what, revision, rest, query, body) -> tuple[int, dict, bytes]:
        repository = self.repositories.get((kind, name))
        if repository is None:
            return _error(404, "RepoNotFound", "Repository not found")
        revision = unquote(revision or "main")
        if what == "branch":
            repository.branches.setdefault(revision, [repository.branches["main"][-1]])
            return _json({})
        commit = repository.find(revision)
        if commit is None:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if what in (None, "revision"):
            siblings = [{"rfilename": path} for path in commit.files]
            known = {"id": name, "sha": commit.sha, "private": repository.private, "siblings": siblings, "tags": []}
            return _json({**known, "lastModified": "2026-01-01T00:00:00.000Z", "downloads": 0, "likes": 0})
        if what == "tree":
            under, deep = unquote(rest or "").strip("/"), query.get("recursive", [""])[0].lower() == "true"
            entries = [e for e in _tree(commit.files) if deep or str(Path(e["path"]).parent) == (under or ".")]
            entries = [entry for entry in entries if not under or entry["path"].startswith(f"{under}/")]
            return _json(entries) if entries else _error(404, "EntryNotFound", under)
        if what == "paths-info":
            asked = parse_qs(body.decode()).get("paths") or json.loads(body).get("paths", [])
            return _json([entry for entry in _tree(commit.files) if entry["path"] in asked])
        if method == "POST" and not name.startswith("me/"):
            return _error(403, "", "you must have write access")
        if what == "preupload":
            modes = []
            for file in json.loads(body)["files"]:
                large = file["size"] > _LARGE or b"\0" in base64.b64decode(file["sample"])
                mode = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
                content = commit.files.get(file["path"])
                modes.append({"path": file["path"], **mode, "oid": None if content is None else _oid(content)})
            return _json({"files": modes})
        if what == "commit":
            return self._commit(repository, kind, name, revision, "create_pr" in query, body)
        return _error(404, "EntryNotFound", what)

    def _commit(self, repository, kind, name, revision, as_pull_request, body) -> tuple[int, dict, bytes]:
        lines = [json.loads(line) for line in body.splitlines()]
        before = repository.branches[revision][-1]
        files, changed = dict(before.files), []
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                del files[value["path"]]
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
            else:
                files[value["path"]] = base64.b64decode(value["content"])
            changed.append(value["path"])
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, before.sha) and not as_pull_request:
            return _error(412, "", "The branch has moved: expected another parent commit")
        commit = _commit(before, files, header["summary"], changed)
        (repository.pull_requests if as_pull_request else repository.branches[revision]).append(commit)
        page = f"{self.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        made = {"commitUrl": f"{page}/commit/{commit.sha}", "commitOid": commit.sha}
        return _json({**made, "pullRequestUrl": f"{page}/discussions/1" if as_pull_request else None})

    def _file(self, kind: str, name: str, revision: str, path: str) -> tuple[int, dict, bytes]:
        repository = self.repositories.get((kind, name))
        if repository is None:
            return _error(404, "RepoNotFound", "Repository not found")
        commit = repository.find(revision)
        if commit is None:
            return _error(404, "RevisionNotFound", revision)
        if path not in commit.files:
            return _error(404, "EntryNotFound", path)
        content = commit.files[path]
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{_git_hash(content)}"', "Accept-Ranges": "bytes"}
        return 200, headers, content


def _commit(before: Commit | None, files: dict[str, bytes], title: str, changed: list[str]) -> Commit:
    content = "".join(f"{path} {_git_hash(files[path])}\n" for path in sorted(files))
    seed = f"{before.sha if before else ''}\n{title}\n{content}"
    return Commit(hashlib.sha1(seed.encode()).hexdigest(), files, title, changed)


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _is_large(content: bytes) -> bool:
    return len(content) > _LARGE or b"\0" in content


def _oid(content: bytes) -> str:
    """The hash by which the Hub names a file's content."""
    return hashlib.sha256(content).hexdigest() if _is_large(content) else _git_hash(content)


def _tree(files: dict[str, bytes]) -> list[dict]:
    entries: list[dict] = []
    folders = {str(parent) for path in files for parent in Path(path).parents if str(parent) != "."}
    for path in sorted(folders):
        entries.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
    for path, content in files.items():
        entry = {"type": "file", "path": path, "size": len(content), "oid": _git_hash(content)}
        if _is_large(content):
            entry["lfs"] = {"oid": _oid(content), "size": len(content), "pointerSize": 130}
        entries.append(entry)
    return entries


def _json(value: Any) -> tuple[int, dict, bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _error(status: int, code: str, message: str) -> tuple[int, dict, bytes]:
    return status, {"X-Error-Code": code, "X-Error-Message": message}, json.dumps({"error": message}).encode()


def _handler(hub: HubStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = f"{self.command} {url.path}"
            hub.requests.append(request)
            method = self.command
            for number, (pattern, times, fault, late) in enumerate(hub.faults):
                if times and re.search(pattern, request):
                    hub.faults[number] = (pattern, times - 1, fault, late)
                    if late:
                        hub.answer(method, url.path, parse_qs(url.query), self.headers, body)
                    given = fault(hub)
                    if given is None:
                        self.close_connection = True
                        return
                    if given[0]:
                        self._send(given[0], given[1], given[2].encode())
                        return
            self._send(*hub.answer(method, url.path, parse_qs(url.query), self.headers, body))

        def _send(self, status: int, headers: dict, content: bytes) -> None:
            if "Range" in self.headers and status == 200:
                first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
                whole, start = len(content), int(first)
                content = content[start : int(last) + 1 if last else None]
                headers = {**headers, "Content-Range": f"bytes {start}-{start + len(content) - 1}/{whole}"}
                status = 206
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            pass

    return Handler
