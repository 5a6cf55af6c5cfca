# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the entries: pure functions. Entries come oldest first, as Entry or as its dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar


class Readable(Protocol):
    def __getitem__(self, key: str, /) -> Any: ...


E = TypeVar("E", bound=Readable)
DEPLOYING = ("deployment", "rollback", "recovery")


def open_intents(entries: Iterable[E]) -> list[E]:
    """Announced acts without an outcome: still running, or killed."""
    seen = list(entries)
    done = {entry["body"].get("intent") for entry in seen if entry["phase"] == "outcome"}
    return [entry for entry in seen if entry["phase"] == "intent" and entry["id"] not in done]


def deployments(entries: Iterable[E]) -> dict[str, dict[str, dict[str, Any]]]:
    """{environment: {service: {release, since, by, entry}}} after the last act that ended well.

    Services come from body.services of the outcome ({name: release}, or names, or mappings with name or service and
    keep_release or release), else from its subject; a rollback or recovery may name in body.to the release it went to.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in entries:
        if entry["phase"] != "outcome" or entry["body"].get("verdict") != "passed":
            continue
        if entry["kind"] == "teardown":
            found.pop(entry["environment"], None)
        elif entry["kind"] in DEPLOYING:
            known = {"since": entry["time"], "by": entry["actor"]["name"], "entry": entry["id"]}
            services = found.setdefault(entry["environment"], {})
            for service, release in services_of(entry).items():
                if release:
                    services[service] = {"release": release, **known}
                else:
                    services.pop(service, None)
    return found


def services_of(entry: Readable) -> dict[str, str]:
    """{service: release that it runs from the entry on, "" for none} of the outcome of a deployment, rollback or recovery."""
    body, release = entry["body"], entry["body"].get("to") or entry["release"]
    services = body.get("services") or [entry["subject"]]
    if isinstance(services, Mapping):
        return {name: value if isinstance(value, str) else str(value.get("release") or release) for name, value in services.items()}
    return dict(_service(item, release) for item in services)


def _service(item: str | Mapping[str, Any], release: str) -> tuple[str, str]:
    if isinstance(item, str):
        return item, release
    chosen = item["keep_release"] if "keep_release" in item else item.get("release", release)
    return str(item.get("service") or item.get("name") or ""), str(chosen or "")


def deployed(entries: Iterable[E]) -> dict[str, dict[str, str]]:
    """{environment: {service: release}}."""
    found = deployments(entries)
    return {environment: {service: known["release"] for service, known in services.items()} for environment, services in found.items()}


def verified_releases(entries: Iterable[E], environment: str, *, before: str | None = None) -> list[str]:
    """Releases whose verification passed there, in that order, oldest first; a release that is verified again moves to the end.

    before: only entries with an id or a time smaller than this.
    """
    order: dict[str, None] = {}
    for entry in entries:
        if entry["environment"] == environment and _is_verification(entry) and (before is None or _is_before(entry, before)):
            order.pop(entry["release"], None)
            order[entry["release"]] = None
    return list(order)


def last_verified(entries: Iterable[E], environment: str, before: str | None = None) -> str | None:
    """The release to roll back to. `before` is an entry's id, a time, or a release that must not be the answer."""
    seen = list(entries)
    if before is not None and not _is_mark(before):
        return next((release for release in reversed(verified_releases(seen, environment)) if release != before), None)
    return next(reversed(verified_releases(seen, environment, before=before)), None)


def verified_in(entries: Iterable[E], release: str) -> dict[str, str]:
    """{environment: time} of the release's last passed verification, as long as none failed after it."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry["release"] != release or entry["kind"] != "verification" or entry["phase"] == "intent":
            continue
        if entry["body"].get("verdict") == "passed":
            found[entry["environment"]] = entry["time"]
        else:
            found.pop(entry["environment"], None)
    return found


def history(entries: Iterable[E], environment: str | None = None) -> list[dict[str, Any]]:
    """One row per act: its intent joined with its outcome; `verdict` is open while there is none. Facts stand alone."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if environment is not None and entry["environment"] != environment:
            continue
        intent = entry["body"].get("intent")
        if entry["phase"] == "outcome" and intent in rows:
            rows[intent] |= {"verdict": entry["body"]["verdict"], "ended": entry["time"], "outcome": entry["id"], "body": entry["body"]}
            continue
        fields = {key: entry[key] for key in ("id", "kind", "phase", "environment", "release", "subject", "body")}
        verdict = "open" if entry["phase"] == "intent" else entry["body"].get("verdict", "")
        rows[entry["id"]] = {**fields, "by": entry["actor"]["name"], "began": entry["time"], "verdict": verdict, "ended": None, "outcome": None}
    return list(rows.values())


def _is_verification(entry: Readable) -> bool:
    return bool(entry["kind"] == "verification" and entry["phase"] != "intent" and entry["body"].get("verdict") == "passed")


def _is_mark(text: str) -> bool:
    """An id or a time, not a version."""
    return len(text) >= 20 and (text[10] == "T" or text.count("-") == 4)


def _is_before(entry: Readable, mark: str) -> bool:
    return bool((entry["time"] if mark[10] == "T" else entry["id"]) < mark)
