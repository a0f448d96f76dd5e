"""A stand-in for Hugging Face on this machine, for tests of downloads."""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = f"{1:040}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body):
        path, hub = self.path.split("?")[0], self.server
        found, headers = hub.pages(path), {}
        name = path.rsplit("/", 1)[-1]
        if "/resolve/" in path and name in hub.files:
            found = hub.files[name]
            hub.fetched.add(name)
            headers = {"ETag": f'"{hashlib.sha1(found).hexdigest()}"', "X-Repo-Commit": COMMIT}
        self.send_response(200 if found is not None else 404)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        if body and found:
            self.wfile.write(found)


class Hub(ThreadingHTTPServer):
    """Serves the files of one folder as the repository `name`; `fetched` are those asked for."""

    def __init__(self, name, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.fetched = name, set()
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def pages(self, path):
        """What the API answers, None for a page that there is not."""
        base = f"/api/models/{self.name}"
        if path.startswith(f"{base}/revision"):
            siblings = [{"rfilename": name} for name in self.files]
            return json.dumps({"id": self.name, "sha": COMMIT, "siblings": siblings}).encode()
        if path.startswith(f"{base}/tree"):
            return json.dumps([{"type": "file", "path": name, "size": len(data), "oid": "a" * 40}
                               for name, data in self.files.items()]).encode()
        return None


@contextlib.contextmanager
def serving(name, folder):
    """A Hub that answers while the block runs."""
    with Hub(name, folder) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
