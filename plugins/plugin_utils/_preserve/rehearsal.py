# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsed rollback: whether it may be rehearsed, what differs afterwards, and what its evidence is worth later. Pure functions.

A rehearsal is two facts of kind `validation` with the subject `rollback_rehearsal`: {state: begun, from, artifacts} before anything is deployed, and
{state: ended, rehearsal: id of the first, verdict, findings, expires}. One that has begun and never ended proves nothing, so a run that was killed,
or whose deployment or rollback failed, denies as a failed one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError

Entry = Mapping[str, Any]
Services = Mapping[str, Mapping[str, Any]]
Endpoints = Mapping[str, Mapping[str, Mapping[str, Any]]]
KIND, SUBJECT = "validation", "rollback_rehearsal"
PLACE = ("host", "port", "dbname", "user", "sslmode")
WORST = ("failed", "errored", "inconclusive", "passed")
SHOWN = 20


def begin(
    *,
    environment: Mapping[str, Any],
    services: Mapping[str, Mapping[str, Any]],
    manifest: Mapping[str, Any],
    entries: Sequence[Entry],
) -> dict[str, Any]:
    """{from, artifacts, restore}: the release that runs now, to which the rollback goes, and what the evidence is bound to.

    A release that is held back or marked bad is refused by the deployment itself.
    """
    name, release = environment["name"], str(manifest["version"])
    if environment.get("tier") == "production":
        raise PreservationError(
            f"{name} is a production environment, where a rollback is never rehearsed. Rehearse {release} where it goes out before, for instance"
            f" in {environment.get('promotes_from') or 'staging'}."
        )
    deployed = views.deployed(entries).get(name, {})
    wanted = sorted(service for service, one in services.items() if one["engine"] == "application" and one.get("component", service) in manifest["components"])
    before = {service: deployed.get(service, "") for service in wanted}
    releases = sorted(set(before.values()))
    if not wanted:
        raise PreservationError(f"No service of {name} uses a component of release {release} ({', '.join(sorted(manifest['components']))}).")
    if releases == [release]:
        raise PreservationError(
            f"{name} runs {release} already, so there is nothing to come back to. Roll it back first (evenkeel.release.rollback), lift the hold with"
            " evenkeel.release.mark, then rehearse."
        )
    if len(releases) > 1 or not releases[0]:
        told = ", ".join(f"{service} on {version or 'no release'}" for service, version in before.items())
        raise PreservationError(f"{name} has no one release to come back to: {told}. Deploy the release that production runs to all of them first.")
    if releases[0] not in views.verified_releases(entries, name):
        raise PreservationError(
            f"{name} runs {releases[0]}, which was never verified there, so no rollback goes to it. Deploy it again with deploy_force=true."
        )
    return {"from": releases[0], "services": wanted, "artifacts": pins(manifest)}


def pins(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Digests of the artifacts of a release by component: evidence about other bytes is no evidence."""
    return [
        {"component": name, "sha256": sorted(str(one["sha256"]).lower() for one in (component, *component.get("variants", ())) if one.get("sha256"))}
        for name, component in sorted(manifest["components"].items())
    ]


def finding(what: str, where: str, reason: str, verdict: str = "failed") -> dict[str, str]:
    return {"what": what, "where": where, "verdict": verdict, "reason": reason}


def compare(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """before, after: {host: the result of module preserve with state info, or anything else when it was not told}."""
    found = []
    for host in sorted({*before, *after}):
        one, other = (_told(side.get(host)) for side in (before, after))
        if one is None or other is None:
            found.append(finding("host", host, f"its state {'before the release' if one is None else 'after the rollback'} could not be read", "errored"))
            continue
        for service in sorted({*one["services"], *other["services"]}):
            found += _service(f"{service} on {host}", one["services"].get(service), other["services"].get(service))
        found += _differing("files", host, one["files"], other["files"])
        for path in sorted({*one["flags"], *other["flags"]}):
            sides = ({name: flag["digest"] for name, flag in side["flags"].get(path, {}).items()} for side in (one, other))
            found += _differing("flags", f"{path} on {host}", *sides)
    return found


def _told(side: Any) -> Mapping[str, Any] | None:
    preserved = side.get("preserved") if isinstance(side, Mapping) and not side.get("failed") else None
    return preserved if isinstance(preserved, Mapping) else None


def _service(where: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, str]]:
    if before is None or after is None:
        return [finding("release", where, "it was not there before the release" if before is None else "it is not there any more")]
    found = [
        finding(what, where, f"it is {after[key] or 'none'}, before the release it was {before[key] or 'none'}")
        for key, what in (("release", "release"), ("artifact", "artifact"))
        if before[key] != after[key]
    ]
    return found + _differing("configuration", where, before["config"], after["config"])


def _differing(what: str, where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    for name in sorted({*before, *after}):
        one, other = before.get(name, "absent"), after.get(name, "absent")
        if one != other:
            words = "is gone" if other == "absent" else "was added" if one == "absent" else "differs"
            found.append(finding(what, where, f"{name} {words} from what was there before the release" if words == "differs" else f"{name} {words}"))
    return found


def place(*, services: Services, endpoints: Endpoints, names: Sequence[str], host: str = "") -> dict[str, Any]:
    """{host, address, port}: where a rehearsal writes and asks, and the address at which users would: the balancer of the first service that has one."""
    hosts = [found for name in names for found in sorted(endpoints.get(name, {}))]
    chosen = host or next(iter(hosts), "")
    if not chosen:
        raise PreservationError(f"{', '.join(names)} has no host. Run evenkeel.release.provision first.")
    for name in names:
        for _balancer, at in sorted(endpoints.get(services[name].get("uses", {}).get("balancer", ""), {}).items()):
            return {"host": chosen, "address": at["address"], "port": at["ports"]["http"]}
    at = next(at for name in names for _host, at in sorted(endpoints.get(name, {}).items()))
    return {"host": chosen, "address": at["address"], "port": next((at["ports"][key] for key in ("main", "http") if key in at["ports"]), "")}


def schemas(*, services: Services, endpoints: Endpoints, names: Sequence[str]) -> list[dict[str, Any]]:
    """Whose record of migrations is read, and on which host: {service, host, engine, python, database}."""
    found = []
    for name in names:
        declared = services[name].get("schema")
        hosts = sorted(endpoints.get(name, {}))
        if declared and hosts:
            at = endpoints[name][hosts[0]]
            root, ports = at.get("paths", {}).get("root", ""), at.get("ports") or {}
            values = {"address": at["address"], "port": ports.get("main", ""), "root": root, "release_dir": f"{root}/current"}
            # The password may hold anything, braces too.
            database = {key: fill(declared[key], values) if isinstance(declared[key], str) else declared[key] for key in PLACE if key in declared}
            database.update({"password": declared["password"]} if "password" in declared else {})
            found.append({"service": name, "host": hosts[0], "engine": declared["engine"], "python": declared.get("python", ""), "database": database})
    return found


def heads(*, results: Sequence[Mapping[str, Any]]) -> dict[str, list[str] | None]:
    """{service: versions that its database has had}; null when these could not be read. `results`: what module schema_versions said of no version at all."""
    return {
        one["service"]: [str(version) for version in one["answer"].get("additional", [])] if one["answer"].get("verdict") in ("passed", "failed") else None
        for one in results
    }


def joined(*, points: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{service: {before, written, after}} out of {point: {service: heads}}."""
    services = sorted({service for found in points.values() for service in found})
    return {service: {point: points[point].get(service) for point in ("before", "written", "after")} for service in services}


def schema(*, heads: Mapping[str, Any]) -> list[dict[str, str]]:
    """heads: {before, written, after} by service, each the versions that the database has had, or null when these could not be read.

    A rollback leaves the widened schema, or takes it back to where it was; anything between is a schema that no release was tested on.
    """
    found = []
    for service, one in sorted(heads.items()):
        if any(one.get(point) is None for point in ("before", "written", "after")):
            found.append(finding("schema", service, "the record of its migrations could not be read", "errored"))
            continue
        before, written, after = (sorted(str(head) for head in one[point]) for point in ("before", "written", "after"))
        if after not in (before, written):
            found.append(
                finding(
                    "schema", service, f"it stands at {_list(after)} after the rollback, before the release at {_list(before)}, with it at {_list(written)}"
                )
            )
    return found


def data(*, checks: Sequence[Mapping[str, Any]], values: Mapping[str, Any], wrote: bool | str) -> list[dict[str, str]]:
    """values: {before, written, after}, each {name of a check: value}, or null when the queries failed. wrote: whether the write succeeded."""
    asked = [check for check in checks if "sql" in check]
    found = []
    if str(wrote) != "True":  # older cores hand a text over, and any text is true
        found.append(finding("write", "", "what users would write could not be written with the new release", "errored"))
    if any(values.get(point) is None for point in ("before", "written", "after")) and asked:
        missing = [point for point in ("before", "written", "after") if values.get(point) is None]
        return [*found, finding("data", "", f"the queries could not be asked ({', '.join(missing)})", "errored")]
    for check in asked:
        name = check["name"]
        found += _value(name, str(check.get("expect") or "kept"), *(values[point].get(name) for point in ("before", "written", "after")))
    if asked and wrote and all(values["before"].get(check["name"]) == values["written"].get(check["name"]) for check in asked):
        found.append(finding("data", "", "the write changed nothing that a query sees, so nothing shows that a rollback keeps it", "inconclusive"))
    return found


def _value(name: str, expect: str, before: Any, written: Any, after: Any) -> list[dict[str, str]]:
    if expect == "same":
        return [] if after == before else [finding("data", name, f"it is {after} after the rollback, before the release it was {before}")]
    if after != written:
        return [finding("data", name, f"it is {after} after the rollback, with the new release it was {written}: what users wrote is not kept")]
    if expect == "grown" and not _more(written, before):
        return [finding("data", name, f"it was {before} and is {written} after the write, which adds nothing that it counts", "inconclusive")]
    return []


def _more(value: Any, than: Any) -> bool:
    try:
        return Decimal(str(value)) > Decimal(str(than))
    except InvalidOperation:
        return bool(value != than)


def probes(*, results: Sequence[Mapping[str, Any]], point: str) -> list[dict[str, str]]:
    """Whatever did not pass: probes of the checks after the rollback, scenarios of the write, checks of a smoke test."""
    return [
        finding(
            "probe",
            str(one.get("name") or " ".join(str(one.get(key) or "") for key in ("host", "service", "check"))).strip(),
            f"{point}: {one['reason']}",
            _verdict(one),
        )
        for one in results
        if one.get("verdict") != "passed"
    ]


def _verdict(one: Mapping[str, Any]) -> str:
    return str(one["verdict"]) if one.get("verdict") in WORST else "errored"


def judge(*, findings: Sequence[Mapping[str, str]], now: str, valid: str = "7d") -> dict[str, Any]:
    """{verdict, expires, message} of a rehearsal that ended now."""
    verdict = next((word for word in WORST if any(one["verdict"] == word for one in findings)), "passed")
    expires = _time(now) + timedelta(seconds=duration.seconds(valid, option="evenkeel_rehearsal.valid"))
    lines = [" ".join(part for part in (one["what"], one["where"]) if part) + f" {one['verdict']}: {one['reason']}" for one in findings[:SHOWN]]
    more = [f"and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    message = "\n".join([f"{len(findings)} findings.", *lines, *more]) if findings else "Everything is as it was, and what users wrote is kept."
    return {"verdict": verdict, "expires": expires.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "message": message}


def rehearsals(entries: Sequence[Entry], manifest: Mapping[str, Any], *, now: str) -> dict[str, Any]:
    """The part `rehearsal` of the gate's evidence document: the newest rehearsal of this release, wherever it was.

    {passed, verdict, environment, from, at, expires, reasons, findings}. verdict is none without one, expired when it is too old, and other_artifacts
    when it was about other bytes under the same version. Nothing but a newest rehearsal that passed and still counts makes `passed` true.
    """
    release = str(manifest["version"])
    begun: Entry | None = None
    ended: Entry | None = None
    for entry in entries:
        if entry["kind"] != KIND or entry["subject"] != SUBJECT or entry["release"] != release:
            continue
        if entry["body"].get("state") == "begun":
            begun, ended = entry, None
        elif begun is not None and entry["body"].get("rehearsal") == begun["id"]:
            ended = entry
    if begun is None:
        return _evidence(None, "none", [f"the rollback of {release} was never rehearsed"], manifest=manifest)
    if begun["body"].get("artifacts") != pins(manifest):
        return _evidence(begun, "other_artifacts", [f"another artifact than the one that release {release} pins now was rehearsed"], manifest=manifest)
    if ended is None:
        verdict, reasons = _unended(entries, begun)
        return _evidence(begun, verdict, reasons, manifest=manifest)
    body = ended["body"]
    verdict, reasons = str(body.get("verdict", "errored")), [str(one["reason"]) for one in body.get("findings", [])]
    expires = str(body.get("expires") or "")
    if verdict == "passed" and (not expires or _time(now) >= _time(expires)):
        verdict, reasons = "expired", [f"it counted until {expires or 'nobody knows when'}"]
    return {**_evidence(begun, verdict, reasons, manifest=manifest), "at": ended["time"], "expires": expires, "findings": len(body.get("findings", []))}


def rehearsed(entries: Sequence[Entry], manifest: Mapping[str, Any], *, now: str, from_release: str = "") -> bool:
    """Whether the rollback of exactly this release was rehearsed with success and that still counts; to `from_release`, when that is given."""
    found = rehearsals(entries, manifest, now=now)
    return bool(found["passed"]) and from_release in ("", found["from"])


def _evidence(begun: Entry | None, verdict: str, reasons: list[str], *, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "passed": verdict == "passed",
        "verdict": verdict,
        "release": str(manifest["version"]),
        "environment": begun["environment"] if begun else None,
        "from": begun["body"].get("from") if begun else None,
        "at": begun["time"] if begun else None,
        "expires": None,
        "findings": 0 if verdict == "passed" else max(1, len(reasons)),
        "reasons": reasons,
    }


def _unended(entries: Iterable[Entry], begun: Entry) -> tuple[str, list[str]]:
    """What the deployment or the rollback left in the ledger, when the rehearsal itself could not say it any more."""
    behind, reasons = False, []
    for entry in entries:
        behind = behind or entry["id"] == begun["id"]
        if not behind or entry["environment"] != begun["environment"] or entry["kind"] not in ("deployment", "rollback") or entry["phase"] != "outcome":
            continue
        if entry["body"].get("verdict") != "passed":
            problems = "; ".join(f"{one.get('host')}: {one.get('reason')}" for one in entry["body"].get("problems") or []) or "see its entry"
            reasons.append(f"the {entry['kind']} of {entry['release']} did not pass: {problems}")
    if reasons:
        return "failed", reasons
    return "errored", [f"it began at {begun['time']} and has not ended"]


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _list(heads: Sequence[str]) -> str:
    return ", ".join(heads) or "nothing"
