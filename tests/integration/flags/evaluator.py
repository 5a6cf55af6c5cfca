# SPDX-License-Identifier: GPL-3.0-or-later
"""OFREP over the evaluator of flagd's provider: it reads the flag file again when that has changed, as flagd does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError

TOKEN = "Bearer not-a-secret-of-anybody"
PREFIX = "/ofrep/v1/evaluate/flags/"


class Evaluator:
    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.path = path
        self.deaf = deaf  # then it never reads the file again
        self.asked = 0
        self._core = FlagdCore()
        self._text = ""
        self._lock = threading.Lock()
        self._read()
        evaluator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                context = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["context"]
                if self.headers["Authorization"] != TOKEN:
                    status, body = 401, {"errorDetails": "who are you?"}
                else:
                    status, body = evaluator.answer(unquote(self.path.removeprefix(PREFIX)), context)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, key: str, context: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.asked += 1
            if not self.deaf:
                self._read()
            subject = EvaluationContext(context.pop("targetingKey", None), context)
            try:
                found = self._core._resolve(key, None, subject)
            except FlagNotFoundError:
                return 404, {"key": key, "errorCode": "FLAG_NOT_FOUND"}
        body = {"key": key, "reason": found.reason, "variant": found.variant, "value": found.value}
        return 200, {name: value for name, value in body.items() if value is not None}

    def _read(self) -> None:
        text = self.path.read_text()
        if text != self._text:
            self._core.set_flags(text)
            self._text = text

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
