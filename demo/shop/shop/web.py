# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application: a table of routes, each a function of the request that gives an Answer."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Callable
from urllib.parse import parse_qs

import psycopg

from shop import VERSION, features, orders
from shop.database import Pool
from shop.flags import Flags, subject_of
from shop.metrics import Metrics
from shop.migrate import schema_version
from shop.page import orders_page
from shop.payload import PayloadError, parse_order
from shop.settings import Settings

MAX_BODY = 65_536
# Larger than any identity column can hold: such a number is simply not found.
MAX_ID = 2**63 - 1
REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, default=_plain).encode("utf-8") + b"\n", "application/json")


class Shop:
    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.settings = settings
        self.pool = pool
        self.metrics = Metrics()
        self.flags = Flags(settings.flags)
        # Set by the server on SIGTERM, so that balancers see "not ready".
        self.draining = False
        self._routes: list[tuple[str, re.Pattern[str], str, bool, Callable[..., Answer]]] = [
            ("GET", re.compile(r"^/health/live$"), "live", False, self.live),
            ("GET", re.compile(r"^/health/ready$"), "ready", False, self.ready),
            ("GET", re.compile(r"^/version$"), "version", False, self.version),
            ("GET", re.compile(r"^/metrics$"), "metrics", False, self.counters),
            ("GET", re.compile(r"^/$"), "home", True, self.home),
            ("GET", re.compile(r"^/customers/(\d+)$"), "customer", True, self.customer),
            ("GET", re.compile(r"^/orders$"), "orders", True, self.orders),
            ("POST", re.compile(r"^/orders$"), "order", True, self.order),
        ]

    def __call__(self, environ: dict, start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = time.perf_counter()
        route, answer = self._answer(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Shop-Version", VERSION),
        ]
        start_response(f"{answer.status} {REASONS[answer.status]}", headers)
        self.metrics.observe(route, answer.status, time.perf_counter() - started)
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: dict) -> tuple[str, Answer]:
        path, method = environ.get("PATH_INFO") or "/", environ["REQUEST_METHOD"]
        method = "GET" if method == "HEAD" else method
        known = [(route, pattern.match(path)) for route in self._routes for pattern in [route[1]]]
        matching = [(route, match) for route, match in known if match]
        if not matching:
            return "none", as_json({"error": "no such page", "path": path}, 404)
        for (verb, _pattern, name, business, handler), match in matching:
            if verb == method:
                return name, self._guarded(handler, business, environ, match.groups())
        return "none", as_json({"error": f"method {method} is not allowed here"}, 405)

    def _guarded(self, handler: Callable[..., Answer], business: bool, environ: dict, groups: tuple) -> Answer:
        if business and features.FLAG:
            subject = subject_of(environ.get("PATH_INFO") or "/", parse_qs(environ.get("QUERY_STRING", "")))
            variant = self.flags.variant(features.FLAG, subject)
            answer = self._answered(handler, business, environ, groups, variant=variant)
            self.metrics.observe_variant(features.FLAG, variant, answer.status)
            return answer
        return self._answered(handler, business, environ, groups)

    def _answered(self, handler: Callable[..., Answer], business: bool, environ: dict, groups: tuple, variant: str = "") -> Answer:
        try:
            if business:
                features.before_request()
            if variant == "on":
                features.with_flag()
            return handler(environ, *groups)
        except PayloadError as error:
            return as_json({"error": "the order was refused", "faults": error.faults}, error.status)
        except psycopg.OperationalError as error:
            print(f"database: {str(error).strip()}", file=sys.stderr, flush=True)
            return as_json({"error": "the database does not answer"}, 503)
        except Exception:
            traceback.print_exc()
            return as_json({"error": "internal error"}, 500)

    def live(self, _environ: dict) -> Answer:
        return as_json({"status": "live", "version": VERSION})

    def ready(self, _environ: dict) -> Answer:
        facts: dict[str, Any] = {"version": VERSION, "required_schema": features.REQUIRED_SCHEMA}
        if self.draining:
            return as_json({"status": "draining", **facts}, 503)
        with self.pool.connection(wait=2.0) as connection:
            facts["schema"] = schema_version(connection)
        ready = facts["schema"] >= features.REQUIRED_SCHEMA
        return as_json({"status": "ready" if ready else "schema too old", **facts}, 200 if ready else 503)

    def version(self, _environ: dict) -> Answer:
        return as_json({"version": VERSION, "colour": os.environ.get("SHOP_COLOUR", "")})

    def counters(self, _environ: dict) -> Answer:
        return Answer(200, self.metrics.text(VERSION).encode("utf-8"), "text/plain; version=0.0.4")

    def home(self, _environ: dict) -> Answer:
        with self.pool.connection() as connection:
            rows = orders.recent(connection, self.settings.page_size)
        page = orders_page(rows, version=VERSION, banner=self.settings.banner)
        return Answer(200, page.encode("utf-8"), "text/html; charset=utf-8")

    def customer(self, _environ: dict, number: str) -> Answer:
        with self.pool.connection() as connection:
            found = orders.customer(connection, int(number)) if int(number) <= MAX_ID else None
        return as_json(found) if found else as_json({"error": "no such customer", "id": number}, 404)

    def orders(self, environ: dict) -> Answer:
        wanted = parse_qs(environ.get("QUERY_STRING", "")).get("customer", [""])[0]
        with self.pool.connection() as connection:
            if not wanted:
                return as_json({"orders": orders.recent(connection, self.settings.page_size)})
            if not wanted.isdecimal() or int(wanted) > MAX_ID:
                return as_json({"error": "customer must be a number", "found": wanted}, 400)
            return as_json({"orders": orders.of_customer(connection, int(wanted), self.settings.page_size)})

    def order(self, environ: dict) -> Answer:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY:
            raise PayloadError([f"the body has {length} bytes, allowed are {MAX_BODY}"], status=413)
        customer, items = parse_order(environ["wsgi.input"].read(length))
        with self.pool.connection() as connection:
            placed = orders.place(
                connection,
                customer,
                items,
                currency=self.settings.currency,
                free_shipping_from=self.settings.free_shipping_from,
            )
        return as_json(placed, 201) if placed else as_json({"error": "no such customer", "id": customer}, 404)
