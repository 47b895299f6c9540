"""A small server that answers as the Hugging Face Hub does, for data set repositories laid out in a folder.

Run as a program it serves `ROOT/<owner>/<name>/<revision>/…` on a free port, which it prints; every request is noted in
a file, so that a test can see what was asked for.
"""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def folder_of(root: Path, repo: str, revision: str = "main") -> Path:
    """Where a revision of a repository lies; branches of more than one part are folders of one."""
    return root / repo / revision.replace("/", "--")


def commit(folder: Path) -> str:
    """The commit of a revision: another one whenever its files are others."""
    digest = hashlib.sha1()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


class Hub(BaseHTTPRequestHandler):
    root: Path
    log: Path
    gated: frozenset[str] = frozenset()
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{self.command} {path}\n")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "datasets"]:
            self.api("/".join(parts[2:4]), parts[4:], body)
        elif parts[0] == "datasets" and parts[3] == "resolve":
            self.file("/".join(parts[1:3]), "/".join(parts[4:]), body)
        else:
            self.refuse(404, "EntryNotFound", body)

    def folder(self, repo: str, revision: str) -> tuple[Path, str] | None:
        """Folder and commit of a revision that is told by its name or by its commit."""
        for candidate in sorted((self.root / repo).glob("*")):
            sha = commit(candidate)
            if revision in {candidate.name.replace("--", "/"), sha}:
                return candidate, sha
        return None

    def api(self, repo: str, rest: list[str], body: bool) -> None:
        if not (self.root / repo).is_dir():
            return self.refuse(404, "RepoNotFound", body)
        verb, revision = (rest[0], "/".join(rest[1:])) if rest else ("revision", "main")
        found = self.folder(repo, revision or "main")
        if found is None:
            return self.refuse(404, "RevisionNotFound", body)
        folder, sha = found
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        names = [path.relative_to(folder).as_posix() for path in files]
        if verb == "tree":
            tree = [
                {
                    "type": "file",
                    "path": name,
                    "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                    "size": path.stat().st_size,
                }
                for name, path in zip(names, files, strict=True)
            ]
            return self.json(tree, body)
        listed = [{"rfilename": name} for name in names]
        return self.json({"id": repo, "sha": sha, "private": False, "gated": False, "siblings": listed}, body)

    def file(self, repo: str, rest: str, body: bool) -> None:
        if repo in self.gated:
            return self.refuse(403, "GatedRepo", body)
        for name in ("main", "refs/convert/parquet", rest.split("/")[0]):
            if rest.startswith(f"{name}/") and (found := self.folder(repo, name)):
                folder, sha = found
                path = folder / rest.removeprefix(f"{name}/")
                if path.is_file():
                    return self.send(200, path.read_bytes(), body, {"X-Repo-Commit": sha})
        return self.refuse(404, "EntryNotFound", body)

    def json(self, value: Any, body: bool) -> None:
        self.send(200, json.dumps(value).encode(), body, {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, body: bool) -> None:
        self.send(status, b"{}", body, {"X-Error-Code": code, "X-Error-Message": code})

    def send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
        start = 0
        if status == 200 and (asked := self.headers.get("Range", "")).startswith("bytes=") and body:
            start, status = int(asked.removeprefix("bytes=").partition("-")[0] or 0), 206
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.send_response(status)
        tag = hashlib.sha1(content).hexdigest()
        for key, value in {"ETag": f'"{tag}"', "Content-Length": str(len(content) - start), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the requests are in the log."""


def main(root: str, log: str, *gated: str) -> None:
    """Serve until killed."""
    Hub.root, Hub.log, Hub.gated = Path(root), Path(log), frozenset(gated)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
