"""A double of the Hugging Face Hub: data set repositories over HTTP, as the real ``huggingface_hub`` and ``datasets`` ask for them.

Uploads go by Git LFS, which the client takes with HF_HUB_DISABLE_XET=1. As a program it prints its address and runs until
its standard input is closed: ``python hub_server.py``. Tokens: ``hf_write``, ``hf_read``; owners that may be written to: ``me``, ``team``.
"""

import hashlib
import json
import re
import sys
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hub_store import File, RefusedError, Repo, Store, card_errors

WRITE, READ = "hf_write", "hf_read"
OWNERS = ("me", "team")
PAGE = 7
"""Entries of one page of a listing: few, so that clients have to turn pages."""
_API = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/(?P<verb>[a-z-]+)(?:/(?P<rev>[^/]+)(?:/(?P<rest>.*))?)?)?"
)
_LFS = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
_FILE = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")


@dataclass
class Fault:
    """What goes wrong with requests whose ``METHOD path`` matches."""

    pattern: str
    status: int = 0
    """0 breaks the connection off."""
    times: int = 1
    done: bool = False
    """Whether the request is carried out all the same, and only the answer gets lost."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    token: str | None


class Hub(ThreadingHTTPServer):
    """The double, in a thread of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.storage = (
            f"http://localhost:{self.server_address[1]}"  # another host than the Hub's, as it is in earnest
        )
        self.store, self.seen, self.faults = Store(), list[Seen](), list[Fault]()
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self) -> None:
        self.store.reset()
        self.seen.clear()
        self.faults.clear()

    def count(self, pattern: str) -> int:
        """Return how many requests match ``METHOD path``."""
        return sum(bool(re.search(pattern, f"{one.method} {one.path}")) for one in self.seen)

    def fault(self, told: str) -> Fault | None:
        with self.lock:
            found = next((one for one in self.faults if one.times and re.search(one.pattern, told)), None)
            if found:
                found.times -= 1
            return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(parts.query)
        self.raw_path, self.body = parts.path, self._read()
        told = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self.token = told
        self.server.seen.append(Seen(self.command, urllib.parse.unquote(parts.path), told))
        fault = self.server.fault(f"{self.command} {urllib.parse.unquote(parts.path)}")
        if fault is None or fault.done:
            answer = self._answer()
        if fault is None:
            self._send(*answer)
        elif fault.status:
            self._send(fault.status, {"error": "injected"}, fault.headers)
        else:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _handle  # noqa: N815  # the names that http.server calls

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, told: Any, headers: dict[str, str] | None = None) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        kind = "application/octet-stream" if isinstance(told, bytes) else "application/json"
        every = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        self.send_response(status)
        for name, value in every.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(self) -> tuple[int, Any, dict[str, str]]:
        try:
            with self.server.lock:
                return self._route()
        except RefusedError as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            return refused.status, {"error": str(refused)}, {**code, "X-Error-Message": str(refused)}

    def _route(self) -> tuple[int, Any, dict[str, str]]:
        if self.token not in (None, WRITE, READ):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        path = self.raw_path
        if path.startswith("/_large/"):
            return self._large(path.rpartition("/")[2])
        if path == "/_verify":
            known = json.loads(self.body)["oid"] in self.server.store.large
            return (200 if known else 404), {}, {}
        if path == "/api/validate-yaml":
            errors = card_errors(json.loads(self.body)["content"])
            return (400 if errors else 200), {"errors": [{"message": x} for x in errors], "warnings": []}, {}
        if path == "/api/repos/create":
            return self._create(json.loads(self.body))
        if match := _LFS.fullmatch(path):
            self._writer(match["repo"])
            return self._batch(json.loads(self.body)["objects"])
        if match := _FILE.fullmatch(path):
            return self._resolve(
                match["repo"], urllib.parse.unquote(match["rev"]), urllib.parse.unquote(match["path"])
            )
        if match := _API.fullmatch(path):
            return self._api(match)
        raise RefusedError(404, f"not in the double: {path}", "EntryNotFound")

    def _repo(self, name: str) -> Repo:
        repo = self.server.store.repos.get(name)
        if repo is None or (repo.private and self.token is None):
            raise RefusedError(404 if self.token else 401, "Repository not found", "RepoNotFound")
        return repo

    def _writer(self, name: str) -> Repo:
        repo = self._repo(name)
        self._may_write(name.partition("/")[0])
        return repo

    def _may_write(self, owner: str) -> None:
        if self.token is None:
            raise RefusedError(401, "Invalid username or password.")
        if self.token != WRITE or owner not in OWNERS:
            raise RefusedError(
                403, f"You don't have the rights to create or change a dataset under the namespace {owner}"
            )

    def _create(self, told: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        owner = told.get("organization") or "me"
        self._may_write(owner)
        name = f"{owner}/{told['name']}"
        url = f"{self.server.url}/datasets/{name}"
        if name in self.server.store.repos:
            return 409, {"error": "You already created this dataset repo", "url": url}, {}
        self.server.store.repos[name] = Repo(private=told.get("visibility") == "private")
        return 200, {"url": url, "name": name, "id": "1"}, {}

    def _batch(self, objects: list[dict[str, Any]]) -> tuple[int, Any, dict[str, str]]:
        url = self.server.url
        answered = []
        for one in objects:
            actions = {
                "upload": {"href": f"{self.server.storage}/_large/{one['oid']}"},
                "verify": {"href": f"{url}/_verify"},
            }
            known = one["oid"] in self.server.store.large
            answered.append(one if known else {**one, "actions": actions})
        return 200, {"transfer": "basic", "objects": answered}, {}

    def _large(self, oid: str) -> tuple[int, Any, dict[str, str]]:
        if self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != oid:
                raise RefusedError(400, "the content has another hash")
            self.server.store.large[oid] = self.body
            return 200, b"", {}
        return self._ranged(File(self.server.store.large[oid], True), {})

    def _resolve(self, name: str, revision: str, path: str) -> tuple[int, Any, dict[str, str]]:
        commit = self._repo(name).at(revision)
        file = commit.files.get(path)
        if file is None:
            raise RefusedError(404, f"Entry not found: {path}", "EntryNotFound")
        headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if not file.large:
            return self._ranged(file, headers)
        linked = {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
        return 302, b"", {**headers, **linked, "Location": f"{self.server.storage}/_large/{file.sha256}"}

    def _ranged(self, file: File, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not asked:
            return 200, file.content, headers
        size = len(file.content)
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        told = {"Content-Range": f"bytes {first}-{last}/{size}"}
        return 206, file.content[first : last + 1], {**headers, **told}

    def _api(self, match: re.Match[str]) -> tuple[int, Any, dict[str, str]]:
        name, verb = match["repo"], match["verb"]
        revision = urllib.parse.unquote(match["rev"] or "main")
        rest = urllib.parse.unquote(match["rest"] or "")
        if verb in (None, "revision"):
            return 200, self._info(name, revision), {}
        if verb == "tree":
            return self._tree(name, revision, rest)
        if verb == "paths-info":
            return 200, self._paths(name, revision), {}
        if verb == "refs":
            return 200, self._refs(name), {}
        repo = self._writer(name)
        if verb == "branch":
            repo.branch(revision, json.loads(self.body or b"{}").get("startingPoint") or "main")
            return 200, {}, {}
        if verb == "preupload":
            return 200, {"files": self._modes(repo.at(revision).files)}, {}
        if verb == "commit":
            lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
            made = self.server.store.commit(name, revision, lines)
            url = f"{self.server.url}/datasets/{name}/commit/{made.oid}"
            return 200, {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""}, {}
        raise RefusedError(501, f"not in the double: {verb}")

    def _info(self, name: str, revision: str) -> dict[str, Any]:
        repo = self._repo(name)
        commit = repo.at(revision)
        when = "2026-01-01T00:00:00.000Z"
        return {
            "_id": "1",
            "id": name,
            "sha": commit.oid,
            "private": repo.private,
            "gated": False,
            "tags": [],
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "lastModified": when,
            "createdAt": when,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }

    def _refs(self, name: str) -> dict[str, Any]:
        repo = self._repo(name)
        branches = [(x, f"refs/heads/{x}", commits[-1]) for x, commits in repo.branches.items()]
        tags = [(x, f"refs/tags/{x}", commit) for x, commit in repo.tags.items()]
        told = {
            kind: [{"name": x, "ref": ref, "targetCommit": commit.oid} for x, ref, commit in found]
            for kind, found in (("branches", branches), ("tags", tags))
        }
        return {**told, "converts": []}

    def _modes(self, present: dict[str, File]) -> list[dict[str, Any]]:
        told = []
        for one in json.loads(self.body)["files"]:
            large = one["path"].endswith((".parquet", ".webp", ".png", ".jpg")) or one["size"] > 10 * 2**20
            mode = {"path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            known = present.get(one["path"])
            told.append({**mode, "oid": known.etag} if known else mode)
        return told

    def _tree(self, name: str, revision: str, folder: str) -> tuple[int, Any, dict[str, str]]:
        files = self._repo(name).at(revision).files
        recursive = self.query.get("recursive", [""])[0].lower() in ("true", "1")
        found = _entries(files, folder.strip("/"), recursive)
        if not found and folder:
            raise RefusedError(404, f"Entry not found: {folder}", "EntryNotFound")
        start = int(self.query.get("cursor", ["0"])[0])
        page, more = found[start : start + PAGE], start + PAGE < len(found)
        query = urllib.parse.urlencode({"recursive": recursive, "cursor": start + PAGE})
        link = {"Link": f'<{self.server.url}{self.raw_path}?{query}>; rel="next"'}
        return 200, page, link if more else {}

    def _paths(self, name: str, revision: str) -> list[dict[str, Any]]:
        files = self._repo(name).at(revision).files
        try:
            asked = json.loads(self.body)["paths"]
        except ValueError:
            asked = urllib.parse.parse_qs(self.body.decode())["paths"]
        every = {one["path"]: one for one in _entries(files, "", recursive=True)}
        return [every[path] for path in asked if path in every]


def _entries(files: dict[str, File], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """Return files and folders under a folder, as the Hub lists them."""
    found: dict[str, dict[str, Any]] = {}
    for path, file in sorted(files.items()):
        if folder and not path.startswith(f"{folder}/"):
            continue
        base = folder.count("/") + 1 if folder else 0
        parts = path.split("/")
        for end in range(base + 1, len(parts)):
            inner = "/".join(parts[:end])
            if recursive or end == base + 1:
                found[inner] = {"type": "directory", "path": inner, "oid": "0" * 40, "size": 0}
        if recursive or len(parts) == base + 1:
            entry = {"type": "file", "path": path, "size": len(file.content), "oid": file.blob}
            large = {"oid": file.sha256, "size": len(file.content), "pointerSize": 131}
            found[path] = {**entry, "lfs": large} if file.large else entry
    return list(found.values())


if __name__ == "__main__":
    print(Hub().url, flush=True)
    sys.stdin.read()
