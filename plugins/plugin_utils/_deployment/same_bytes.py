# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what goes on is, byte for byte, what the environment before it runs: by the ledger and by what its hosts say. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

Entry = Mapping[str, Any]
WORST = ("failed", "inconclusive", "passed")
# What promotion() reads of a ledger.
READS = ("deployment", "rollback", "recovery", "teardown")


def deployed(entries: Iterable[Entry], environment: str) -> dict[str, dict[str, str]]:
    """{service: {release, component, sha256}} of what the ledger says runs there; sha256 is "" where no plan of that release tells it."""
    known = list(entries)
    pinned: dict[tuple[str, str], dict[str, str]] = {}
    for entry in known:
        if entry["phase"] != "intent" or entry["environment"] != environment:
            continue
        for service in (entry["body"].get("plan") or {}).get("services", []):
            artifact = service.get("artifact") or {}
            pinned[service["service"], service["release"]] = {"component": str(artifact.get("component", "")), "sha256": str(artifact.get("sha256", ""))}
    nothing = {"component": "", "sha256": ""}
    running = views.deployed(known).get(environment, {})
    return {service: {"release": release, **pinned.get((service, release), nothing)} for service, release in sorted(running.items())}


def promotion(
    *,
    upstream: str,
    entries: Iterable[Entry],
    manifest: Mapping[str, Any],
    components: Mapping[str, str],
    observed: Mapping[str, Mapping[str, Mapping[str, Any]]] | None,
) -> dict[str, Any]:
    """{upstream, release, verdict, services: [{service, component, goes, ledger, hosts, verdict, why}], why}.

    components: {service: component} of the target's services that the manifest would change. observed: {host: {service: {current, sha256, intact}}} of the
    upstream hosts, null when nobody looked. failed: other bytes run there, or other ones are on a host; inconclusive: the release does not run there, or it
    can't be told. Only passed may go on.
    """
    running = deployed(entries, upstream)
    version = manifest["version"]
    services = [
        _service(service, component, version=version, pinned=manifest["components"][component], running=running.get(service), observed=observed)
        for service, component in sorted(components.items())
        if component in manifest["components"]
    ]
    verdict = next((each for each in WORST if any(one["verdict"] == each for one in services)), "inconclusive")
    why = [f"{one['service']}: {one['why']}" for one in services if one["why"]]
    return {"upstream": upstream, "release": version, "verdict": verdict, "services": services, "why": why or ([] if services else ["no service takes it"])}


def _service(
    service: str,
    component: str,
    *,
    version: str,
    pinned: Mapping[str, Any],
    running: Mapping[str, str] | None,
    observed: Mapping[str, Mapping[str, Mapping[str, Any]]] | None,
) -> dict[str, Any]:
    goes = _digests(pinned)
    told: dict[str, Any] = {"service": service, "component": component, "goes": goes, "ledger": (running or {}).get("sha256", ""), "hosts": {}}
    if running is None or running["release"] != version:
        found = f"runs {running['release']}" if running else "does not run it"
        return {**told, "verdict": "inconclusive", "why": f"the environment before {found}, not {version}"}
    if running["sha256"] and running["sha256"] not in goes:
        return {**told, "verdict": "failed", "why": f"the environment before was deployed with {running['sha256']}, the manifest pins {' or '.join(goes)}"}
    if observed is None:
        return {**told, "verdict": "inconclusive", "why": "nobody looked at the hosts of the environment before"}
    told["hosts"] = {host: dict(seen[service]) for host, seen in sorted(observed.items()) if service in seen}
    for host, seen in told["hosts"].items():
        verdict, why = _host(host, seen, version, goes)
        if verdict != "passed":
            return {**told, "verdict": verdict, "why": why}
    if not told["hosts"]:
        return {**told, "verdict": "inconclusive", "why": "no host of the environment before said what it has"}
    if not running["sha256"]:
        return {**told, "verdict": "inconclusive", "why": "the ledger does not tell from which bytes it was deployed"}
    return {**told, "verdict": "passed", "why": ""}


def _host(host: str, seen: Mapping[str, Any], version: str, goes: list[str]) -> tuple[str, str]:
    if seen.get("current") != version:
        return "failed", f"{host} has {seen.get('current') or 'no release'}, not {version}"
    if not seen.get("sha256"):
        return "inconclusive", f"{host} has no record of the bytes of {version}"
    if seen["sha256"] not in goes:
        return "failed", f"{host} was installed from {seen['sha256']}, the manifest pins {' or '.join(goes)}"
    if seen.get("intact") is not True:
        return "failed", f"files of {version} on {host} were changed after it was installed"
    return "passed", ""


def _digests(pinned: Mapping[str, Any]) -> list[str]:
    found = [pinned.get("sha256"), *(each.get("sha256") for each in pinned.get("variants", []))]
    return sorted({str(each).lower() for each in found if each})
