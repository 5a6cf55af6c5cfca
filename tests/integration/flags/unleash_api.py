# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the admin API of Unleash that the modules use, with the answers that a server 7.4.1 was heard to give."""

from __future__ import annotations

import json
import re
import threading
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "*:*.evenkeel-test"
ENVIRONMENTS = ("development", "production")
FEATURE = r"/api/admin/projects/default/features/(?P<flag>[^/]+)"
PLACE = FEATURE + r"/environments/(?P<environment>[^/]+)"
Reply = tuple[int, Any]


def _error(status: int, name: str, message: str) -> Reply:
    return status, {"name": name, "message": message, "details": [{"message": message}]}


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Recorded:
    def __init__(self) -> None:
        self.flags: dict[str, dict[str, Any]] = {}
        self.archived: set[str] = set()
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._routes = [
            ("GET", r"/api/admin/environments/project/[^/]+", self._environments),
            ("GET", r"/api/admin/projects/default/features", self._list),
            ("POST", r"/api/admin/projects/default/features", self._create),
            ("DELETE", FEATURE, self._archive),
            ("GET", PLACE, self._state),
            ("POST", PLACE + r"/(?P<to>on|off)", self._switch),
            ("POST", r"/api/admin/projects/default/bulk_features/environments/(?P<environment>[^/]+)/off", self._all_off),
            ("POST", PLACE + r"/strategies", self._add),
            ("PUT", PLACE + r"/strategies/(?P<strategy>[^/]+)", self._update),
            ("DELETE", PLACE + r"/strategies/(?P<strategy>[^/]+)", self._drop),
            ("GET", r"/api/admin/events/(?P<flag>[^/]+)", self._events),
        ]
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "null")
                status, found = server.reply(self.command, self.path, body, self.headers["Authorization"])
                data = json.dumps(found).encode() if found is not None else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, method: str, path: str, body: Any, token: str | None) -> Reply:
        if token != TOKEN:
            return _error(401, "UnauthorizedError", "You must log in to use Unleash.")
        with self._lock:
            self.calls.append(f"{method} {path}")
            for verb, pattern, act in self._routes:
                found = re.fullmatch(pattern, path)
                if verb == method and found:
                    named = found.groupdict()
                    if "flag" in named and named["flag"] not in self.flags:
                        return _error(404, "NotFoundError", f'There\'s no feature named "{named["flag"]}" in project "default".')
                    if "environment" in named and named["environment"] not in ENVIRONMENTS:
                        return _error(404, "NotFoundError", f"Could not find {named.get('flag')} in {named['environment']}")
                    return act(body=body, **named)
        return _error(404, "NotFoundError", f"The path you were looking for ({path}) is not available.")

    def _environments(self, body: Any) -> Reply:
        return 200, {"version": 1, "environments": [{"name": name, "enabled": True, "visible": True} for name in ENVIRONMENTS]}

    def _list(self, body: Any) -> Reply:
        return 200, {"version": 2, "features": [{key: flag[key] for key in ("name", "type", "createdAt", "stale")} for flag in self.flags.values()]}

    def _create(self, body: Any) -> Reply:
        name = body["name"]
        if name in self.flags or name in self.archived:
            told = "An archived flag with that name already exists" if name in self.archived else "A flag with that name already exists"
            return _error(409, "NameExistsError", told)
        if not re.fullmatch(r"[\w.~-]+", name):
            return _error(400, "BadDataError", f'"name" must be URL friendly. You provided "{name}".')
        environments = {environment: {"enabled": False, "strategies": []} for environment in ENVIRONMENTS}
        self.flags[name] = {"name": name, "type": body.get("type", "release"), "createdAt": _now(), "stale": False, "environments": environments, "events": []}
        return 201, self.flags[name]

    def _archive(self, body: Any, flag: str) -> Reply:
        del self.flags[flag]
        self.archived.add(flag)
        return 202, None

    def _at(self, flag: str, environment: str, event: str = "") -> dict[str, Any]:
        if event:
            self.flags[flag]["events"].append({"type": event, "createdAt": _now(), "environment": environment})
        return dict(self.flags[flag]["environments"])[environment]

    def _state(self, body: Any, flag: str, environment: str) -> Reply:
        return 200, {"name": flag, "environment": environment, **self._at(flag, environment)}

    def _switch(self, body: Any, flag: str, environment: str, to: str) -> Reply:
        place = self._at(flag, environment, f"feature-environment-{'enabled' if to == 'on' else 'disabled'}")
        place["enabled"] = to == "on"
        if to == "on" and not place["strategies"]:
            self._add({"name": "flexibleRollout", "parameters": {"rollout": "100", "stickiness": "default", "groupId": flag}}, flag, environment)
        return 200, None

    def _all_off(self, body: Any, environment: str) -> Reply:
        for flag in body["features"]:
            if flag not in self.flags:
                return _error(404, "NotFoundError", f'There\'s no feature named "{flag}" in project "default".')
        for flag in body["features"]:
            self._switch(None, flag, environment, "off")
        return 200, None

    def _add(self, body: Any, flag: str, environment: str) -> Reply:
        empty = {"constraints": [], "variants": [], "segments": [], "title": None, "disabled": False, "sortOrder": 0}
        strategy = {"id": str(uuid.uuid4()), "featureName": flag, **empty, **body}
        self._at(flag, environment, "feature-strategy-add")["strategies"].append(strategy)
        return 200, strategy

    def _update(self, body: Any, flag: str, environment: str, strategy: str) -> Reply:
        for one in self._at(flag, environment, "feature-strategy-update")["strategies"]:
            if one["id"] == strategy:
                one.update(body)
                return 200, one
        return _error(404, "NotFoundError", f"Could not find strategy with id {strategy}")

    def _drop(self, body: Any, flag: str, environment: str, strategy: str) -> Reply:
        place = self._at(flag, environment, "feature-strategy-remove")
        place["strategies"] = [one for one in place["strategies"] if one["id"] != strategy]
        return 200, None

    def _events(self, body: Any, flag: str) -> Reply:
        return 200, {"version": 1, "toggleName": flag, "events": self.flags[flag]["events"][::-1]}
