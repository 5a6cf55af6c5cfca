# SPDX-License-Identifier: GPL-3.0-or-later
"""Series from Prometheus, or from what speaks its HTTP interface. Texts never hold a header's value."""

from __future__ import annotations

import http.client
import json
import math
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import COUNTER, GAUGE, JudgeError, Metric

MOST_POINTS = 11_000  # of one series: Prometheus refuses more
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_path: str = ""
    validate_certs: bool = True
    timeout: float = 30.0


@dataclass(frozen=True)
class Window:
    """Seconds since 1970, and seconds between two points."""

    start: float
    end: float
    step: float


Rows = list[tuple[float, float]]


def document(place: Place, source: Mapping[str, Any], metric: Metric, window: Window) -> dict[str, Any]:
    """`query` is PromQL: of a gauge one series; of counters all that are to be added up. A ratio has {events, of}."""
    query = source["query"]
    if metric.kind in (GAUGE, "availability") and isinstance(query, str):
        return {"points": [list(row) for row in _single(query_range(place, query, window), query)]}
    if metric.kind == COUNTER and isinstance(query, str):
        return {"points": cumulative(*_gains(place, [query], window)), "exposure": source.get("exposure", 1)}
    if not isinstance(query, Mapping):
        raise JudgeError(f"{metric.name} is a {metric.kind}, so its query needs the two counters events and of.")
    return {"points": shares(*_gains(place, [query["events"], query["of"]], window))}


def _single(found: Sequence[tuple[str, Rows]], query: str) -> Rows:
    if len(found) > 1:
        names = "; ".join(name for name, _rows in found[:5])
        raise JudgeError(f"the query {query} gave {len(found)} series, needed is one: {names}. Next: aggregate it, for example with max() or avg().")
    return found[0][1] if found else []


def _gains(place: Place, queries: Sequence[str], window: Window) -> list[dict[float, float]]:
    """grown() of each query. Prometheus is asked once whether it was away, and only when a counter appears within the window."""
    found = [query_range(place, query, window) for query in queries]
    born = not any(_appears(series, window) for series in found) or not _appears(query_range(place, "count(up)", window), window)
    return [grown(series, window, born=born) for series in found]


def _appears(found: Sequence[tuple[str, Rows]], window: Window) -> bool:
    """Whether one of the series begins within the window. When `up` does, Prometheus itself read nothing before, so what else appears is not new."""
    return any(rows and _late(rows[0][0], window) for _name, rows in found)


def _late(time: float, window: Window) -> bool:
    """A series that was there before shows its last value at the start of the window, however long ago it was read (5 minutes)."""
    return time > window.start + window.step / 2


def grown(found: Sequence[tuple[str, Rows]], window: Window, *, born: bool = True) -> dict[float, float]:
    """What all counters together gained at each time, 0 at the first.

    With `born`, one that appears within the window was born at 0: an error counter often begins with its first error, and all of a canary's with its
    first request.
    """
    total: dict[float, float] = defaultdict(float)
    for _name, rows in found:
        kept = [row for row in rows if not math.isnan(row[1])]
        if not kept:
            continue
        time, value = kept[0]
        total[time] += value if born and _late(time, window) else 0.0
        for (_then, old), (time, new) in zip(kept, kept[1:]):
            total[time] += new - old if new >= old else new
    if born and total and _late(min(total), window):
        total[window.start] = 0.0
    return dict(sorted(total.items()))


def cumulative(gains: Mapping[float, float]) -> list[list[float]]:
    """One counter from many, whose targets may come, go and start anew."""
    sum_, points = 0.0, []
    for time, gain in gains.items():
        sum_ += gain
        points.append([time, sum_])
    return points


def shares(failed: Mapping[float, float], asked: Mapping[float, float]) -> list[list[float]]:
    """[time, events, of] of each interval. No series of events is no event; no series of requests is no data."""
    # Two counters are read at slightly other moments: an event may show before its request.
    return [[time, failed.get(time, 0.0), max(count, failed.get(time, 0.0))] for time, count in list(asked.items())[1:]]


def query_range(place: Place, query: str, window: Window) -> list[tuple[str, Rows]]:
    points = (window.end - window.start) / window.step
    if not 0 <= points <= MOST_POINTS:
        raise JudgeError(f"the window of {window.end - window.start:g} s in steps of {window.step:g} s is out of range, allowed are 0 to {MOST_POINTS} steps.")
    form = {"query": query, "start": repr(window.start), "end": repr(window.end), "step": repr(window.step)}
    answer = _ask(place, "/api/v1/query_range", form)
    data = answer.get("data")
    if answer.get("status") != "success" or not isinstance(data, Mapping):
        raise JudgeError(f"Prometheus refused the query {query}: {str(answer.get('error', 'no reason given'))[:300]}")
    if data.get("resultType") != "matrix":
        raise JudgeError(f"the query {query} gave a {data.get('resultType')}, needed is a matrix of series.")
    return [(_labels(each.get("metric", {})), [(float(time), float(value)) for time, value in each["values"]]) for each in data["result"]]


def _labels(labels: Mapping[str, str]) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}"


def _ask(place: Place, path: str, form: Mapping[str, str]) -> dict[str, Any]:
    parts = urllib.parse.urlsplit(place.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise JudgeError(f"prometheus.url has the scheme {parts.scheme!r} and the host {parts.hostname or ''!r}, allowed: http(s), a host, no password in it.")
    name = f"Prometheus at {parts.hostname}"
    # Refused here: http.client would do it with the value in its text.
    torn = [header for header, value in place.headers.items() if not str(value).isprintable()]
    if torn:
        raise JudgeError(f"prometheus.headers {torn[0]} holds a line break or another control character. Next: take it out of what the header is read from.")
    request = urllib.request.Request(  # noqa: S310 - http and https only, checked above
        place.url.rstrip("/") + path, data=urllib.parse.urlencode(form).encode(), headers={**place.headers, "Accept": "application/json"}
    )
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
    if parts.scheme == "https":
        handlers.append(urllib.request.HTTPSHandler(context=_context(place)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=place.timeout) as answer:
            return _parsed(answer.read(MOST_BYTES + 1), name)
    except urllib.error.HTTPError as exc:
        with exc:
            return _refused(exc, name)
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        raise JudgeError(f"{name} could not be asked: {reason}. Is the address right, and is it running?") from exc
    except ValueError:
        raise JudgeError(f"{name} could not be asked: its address or one of its headers holds what can't be sent.") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the headers, which may be secrets, to wherever the answer says."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _context(place: Place) -> ssl.SSLContext:
    if place.ca_path and not os.path.exists(place.ca_path):
        raise JudgeError(f"prometheus.ca_path {place.ca_path} is not there.")
    context = ssl.create_default_context(cafile=place.ca_path or None)
    if not place.validate_certs:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _parsed(body: bytes, name: str) -> dict[str, Any]:
    if len(body) > MOST_BYTES:
        raise JudgeError(f"{name} answered more than {MOST_BYTES // 1024 // 1024} MB. Next: aggregate the query or lengthen the step.")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise JudgeError(f"{name} answered something that is no JSON object: {body[:80]!r}. Is this the address of Prometheus?")
    return found


def _refused(exc: urllib.error.HTTPError, name: str) -> dict[str, Any]:
    """Prometheus explains a bad query in the body of 400 and 422."""
    try:
        found = _parsed(exc.read(MOST_BYTES), name)
    except JudgeError:
        found = {}
    if "error" not in found:
        raise JudgeError(f"{name} answered {exc.code} {exc.reason}.") from None
    return found
