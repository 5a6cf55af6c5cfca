# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has to be asked, and what the answers come to. Pure functions on plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import ERRORED, FAILED, PASSED, overall
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.keyed import fingerprint
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._smoke.errors import SmokeError

PORTS = ("main", "http")  # of services that have no colours
PLACE = ("host", "port", "dbname", "user", "password", "sslmode")
SHOWN = 20


def releases_of(services: Mapping[str, Mapping[str, Any]], deployed: Mapping[str, str], version: str = "") -> dict[str, str]:
    """{application: release that it should be on}: the given one, or what the ledger says was deployed."""
    applications = [name for name, service in services.items() if service["engine"] == "application"]
    return {name: version or deployed[name] for name in applications if version or name in deployed}


def work(
    *,
    host: str,
    services: Mapping[str, Mapping[str, Any]],
    endpoints: Mapping[str, Mapping[str, Mapping[str, Any]]],
    seen: Mapping[str, Mapping[str, Any]],
    releases: Mapping[str, str],
    manifests: Mapping[str, Mapping[str, Any]],
    only: str = "",
) -> list[dict[str, Any]]:
    """One item per service of the host that there is something to ask about. `seen`: what release_artifact says of each application."""
    found = []
    for name, service in services.items():
        place = endpoints.get(name, {}).get(host)
        if place is None or only not in ("", name):
            continue
        if service.get("colours") and not seen.get(name, {}).get("current"):
            continue  # a host of the colour that is idle
        if service["engine"] == "application":
            found.append(_application(name, service, place, seen.get(name, {}), _release(name, service, releases, manifests), endpoints=endpoints, host=host))
        elif service.get("smoke"):
            values = {"address": place["address"], "port": _port(place, "")}
            found.append({"service": name, "application": False, "probes": _aimed(name, service["smoke"], values)})
    return found


def _release(name: str, service: Mapping[str, Any], releases: Mapping[str, str], manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    version = releases.get(name, "")
    component = (manifests.get(version) or {}).get("components", {}).get(service.get("component", name))
    if version and component is None:
        raise SmokeError(
            f"Release {version} has no component {service.get('component', name)} for the service {name}. Pass the version that is to be compared."
        )
    return {"release": version, "sha256": (component or {}).get("sha256", "")}


def _application(
    name: str,
    service: Mapping[str, Any],
    place: Mapping[str, Any],
    seen: Mapping[str, Any],
    release: Mapping[str, Any],
    *,
    endpoints: Mapping[str, Mapping[str, Mapping[str, Any]]],
    host: str,
) -> dict[str, Any]:
    root, current = place["paths"]["root"], str(seen.get("current") or "")
    values = {"address": place["address"], "port": _port(place, str(seen.get("colour") or "")), "root": root, "release_dir": f"{root}/releases/{current}"}
    schema = dict(service.get("schema") or {}) if host == next(iter(endpoints[name])) else {}
    return {
        "service": name,
        "application": True,
        "root": root,
        "current": current,
        **release,
        "configured": bool(service.get("config")) and bool(current),
        "schema": _schema(schema, values) if schema else {},
        "probes": _aimed(name, service.get("smoke") or [], values),
    }


def _schema(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    plain = _filled("schema", {key: value for key, value in schema.items() if key != "password"}, values)
    database = {key: plain[key] for key in PLACE if key in plain}
    if "password" in schema:  # it may hold anything, braces too
        database["password"] = schema["password"]
    return {**{key: value for key, value in plain.items() if key not in PLACE}, "database": database}


def _port(place: Mapping[str, Any], colour: str) -> Any:
    ports = place.get("ports") or {}
    found = ports.get(colour) or next((ports[key] for key in PORTS if key in ports), None)
    return found if found is not None else ""


def _aimed(service: str, probes: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`path` of an http probe becomes a URL; host and port default to the service's, unless the probe has a URL."""
    aimed = []
    for given in probes:
        probe = _filled(f"smoke of {service}", given, values)
        kind = probe.get("type")
        if kind in ("http", "https") and "url" not in probe and "host" not in probe:
            probe["url"] = f"{kind}://{values['address']}:{values['port']}{probe.pop('path', '/')}"
        elif kind != "command" and "url" not in probe:
            probe.setdefault("host", values["address"])
            probe.setdefault("port", values["port"])
        aimed.append({**probe, "name": f"{service}: {probe.get('name')}"})
    return aimed


def _filled(what: str, template: Any, values: Mapping[str, Any]) -> Any:
    try:
        return fill(template, values)
    except DeploymentError as exc:
        raise SmokeError(f"{what}: {exc}") from exc


def check(service: str, kind: str, verdict: str, reason: str) -> dict[str, str]:
    return {"service": service, "check": kind, "verdict": verdict, "reason": reason}


def artifact_check(item: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, str]:
    """`answer`: what release_artifact says in check mode when it is told to install exactly this artifact."""
    name, wanted = item["service"], item["release"]
    if not wanted:
        return check(name, "artifact", ERRORED, "no release is recorded for it; pass evenkeel_version, or deploy it")
    if item["current"] != wanted:
        return check(name, "artifact", FAILED, f"current is {item['current'] or 'no release'}, the release is {wanted}")
    if answer.get("failed"):
        return check(name, "artifact", FAILED, str(answer.get("msg") or "its files could not be compared"))
    if answer.get("changed"):
        return check(name, "artifact", FAILED, f"release {wanted} has no complete record of its files on this host")
    return check(name, "artifact", PASSED, f"release {wanted} is current, every file is as its artifact {item['sha256'][:12]} had it")


def config_check(service: str, results: Sequence[Mapping[str, Any]], fault: str = "") -> dict[str, str]:
    """`results`: {name, changed} per file, what rendering it again would do."""
    if fault:
        return check(service, "config", ERRORED, fault)
    differ = [str(one["name"]) for one in results if one["changed"]]
    if differ:
        return check(service, "config", FAILED, f"{', '.join(differ)} on the host differs from what its template and the secrets give now")
    return check(service, "config", PASSED, f"{len(results)} files are as their templates and the secrets give them")


def probe_checks(results: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    found = []
    for one in results:
        service, _colon, name = str(one["name"]).partition(": ")
        at = f" at {one['address']}" if one.get("address") else ""
        found.append(check(service, f"smoke {name}{at}", str(one["verdict"]), str(one["reason"])))
    return found


def fingerprints(secrets: Mapping[str, Any], key: str) -> list[dict[str, str]]:
    """[{name: dotted name, fingerprint}] of every text and number. A list, because the ledger hides what stands under the name of a secret."""
    found: list[dict[str, str]] = []

    def walk(value: Any, name: str) -> None:
        if isinstance(value, Mapping):
            for part, inner in value.items():
                walk(inner, f"{name}.{part}" if name else str(part))
        elif isinstance(value, (list, tuple)):
            for number, inner in enumerate(value):
                walk(inner, f"{name}.{number}")
        elif value is not None:
            found.append({"name": name, "fingerprint": fingerprint(str(value), key.encode())})

    walk(secrets, "")
    return found


def secrets_check(now: Sequence[Mapping[str, str]], before: Sequence[Mapping[str, str]] | None, *, release: str, fault: str = "") -> dict[str, str]:
    """Against what the first smoke test of this release saw. That one has nothing to compare with, and says so."""
    if fault:
        return check("", "secrets", ERRORED, fault)
    if before is None:
        return check("", "secrets", PASSED, f"the fingerprints of {len(now)} secrets are recorded for release {release}; later tests compare with them")
    here, there = ({one["name"]: one["fingerprint"] for one in side} for side in (now, before))
    differ = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    if differ:
        return check("", "secrets", FAILED, f"{', '.join(differ)} changed since release {release} was first tested here; deploy again, or accept it")
    return check("", "secrets", PASSED, f"{len(now)} secrets are those of release {release}")


def answer(checks: Mapping[str, Sequence[Mapping[str, str]] | bool | None]) -> dict[str, Any]:
    """{verdict, message, checks} of all hosts; a host that told nothing (null or false) could not be asked."""
    rows = []
    for host, told in checks.items():
        if not isinstance(told, (list, tuple)):
            rows.append({"host": host, **check("", "host", ERRORED, "it was not reached, or its smoke test did not end")})
            continue
        rows += [{"host": host, **one} for one in told]
    verdict = overall(row["verdict"] for row in rows)
    bad = [row for row in rows if row["verdict"] != PASSED]
    bad.sort(key=lambda row: row["verdict"] != FAILED)
    lines = [" ".join(part for part in (row["host"], row["service"], row["check"]) if part) + f" {row['verdict']}: {row['reason']}" for row in bad[:SHOWN]]
    more = [f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    message = "\n".join([f"{len(bad)} of {len(rows)} checks did not pass.", *lines, *more]) if bad else f"All {len(rows)} checks passed."
    return {"verdict": verdict, "message": message if rows else "There was nothing to check.", "checks": rows}
