# SPDX-License-Identifier: GPL-3.0-or-later
"""Series from readings of HAProxy's statistics: what M(evenkeel.release.traffic_info) returned, or the text of `show stat`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils import _bake
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy_text import parse_stat
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import AVAILABILITY, COUNTER, GAUGE, JudgeError, Metric
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

Place = Mapping[str, Any]


def document(source: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    """A ratio counts failed requests between each two readings, a counter all requests, of all balancers together; a gauge takes `field` of one."""
    readings = sorted(((_time(each, number), _places(each, source)) for number, each in enumerate(source["haproxy"])), key=lambda each: each[0])
    if metric.kind == GAUGE:
        return {"points": [[time, _field(_only(found), str(source.get("field", metric.name)), source)] for time, found in readings]}
    if len(readings) < 2:
        raise JudgeError(f"{len(readings)} readings of HAProxy are there, needed are 2 or more: its counters tell by their difference.")
    seen = list(_gained(readings))
    if metric.kind == COUNTER:
        total, points = 0, [[readings[0][0], 0.0]]
        for time, requests, _errors in seen:
            total += requests
            points.append([time, float(total)])
        return {"points": points, "exposure": source.get("exposure", 1)}
    up = metric.kind == AVAILABILITY
    return {"points": [[time, requests - errors if up else errors, requests] for time, requests, errors in seen]}


def _gained(readings: Sequence[tuple[float, Mapping[str, Place]]]) -> Iterator[tuple[float, int, int]]:
    """(time, requests, errors) since the reading before; of a balancer that didn't answer then, since the last time it did."""
    known = dict(readings[0][1])
    for time, now in readings[1:]:
        each = [_bake.between(known[address], place) for address, place in now.items() if address in known]
        if not each:
            raise JudgeError("a reading of HAProxy has no balancer that an earlier one has: nothing can be told of the time between them.")
        known.update(now)
        yield time, sum(one.requests for one in each), sum(one.errors for one in each)


def _time(reading: Any, number: int) -> float:
    at = reading.get("at") if isinstance(reading, Mapping) else None
    return float(number) if at is None else seconds(at, "at of a reading")


def _places(reading: Any, source: Mapping[str, Any]) -> dict[str, Place]:
    """The backend, or the server of it, of each balancer by its address."""
    if not isinstance(reading, Mapping) or not {"balancers", "backends", "stat"} & set(reading):
        raise JudgeError("a reading of HAProxy needs what traffic_info returns, or stat, the text of show stat.")
    tables = {str(each.get("address", "")): each["backends"] for each in reading.get("balancers") or [] if "backends" in each}
    if not tables:
        tables = {"": reading["backends"] if "backends" in reading else parse_stat(str(reading.get("stat", "")))}
    if "balancer" in source:
        tables = {str(source["balancer"]): _named(tables, str(source["balancer"]), "balancer")}
    return {address: _place(backends, source) for address, backends in tables.items()}


def _place(backends: Mapping[str, Any], source: Mapping[str, Any]) -> Place:
    found = _named(backends, str(source["backend"]), "backend")
    return _named(found.get("servers", {}), str(source["server"]), f"server of {source['backend']}") if "server" in source else found


def _only(found: Mapping[str, Place]) -> Place:
    if len(found) != 1:
        raise JudgeError(f"a gauge is of one balancer, the readings are of {', '.join(sorted(found))}. Next: name it with balancer.")
    return next(iter(found.values()))


def _named(found: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    if name not in found:
        raise JudgeError(f"HAProxy has no {what} {name}; it has {', '.join(sorted(found)) or 'none'}.")
    named: Mapping[str, Any] = found[name]
    return named


def _field(found: Mapping[str, Any], field: str, source: Mapping[str, Any]) -> Any:
    if field not in found:
        numbers = sorted(name for name, value in found.items() if isinstance(value, (int, float)))
        raise JudgeError(f"HAProxy gave no {field} for {source['backend']}; it gave {', '.join(numbers)}.")
    return found[field]
