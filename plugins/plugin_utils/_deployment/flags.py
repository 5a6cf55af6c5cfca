# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature flags of a deployment: where they are, which must be off when a release goes out, which are lowered when it goes back.

Pure. A switch of a flag is an entry of kind `flag`, an intent before and an outcome after it, with the flag's name as subject and the body
{service, percentage, place, deployment}. The place has what module feature_flag needs to find the flag again, and never a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import FLAG

Document = Mapping[str, Any]
Entry = Mapping[str, Any]
# What tells where a flag is and how it is read; a token is left out, since a place is written into the ledger.
PLACE = (
    "name",
    "provider",
    "path",
    "url",
    "project",
    "environment",
    "sticky_by",
    "on_variant",
    "off_variant",
    "ca_path",
    "validate_certs",
    "verify",
    "settle_seconds",
)
SETTLE_SECONDS = 2


def raised_by(service: Document) -> dict[str, Any] | None:
    """The flag that a release of this service is raised behind, None with any other strategy."""
    return dict((service.get("rollout") or {})["flag"]) if service.get("strategy") == FLAG else None


def declared(service: Document) -> list[dict[str, Any]]:
    """Every flag that the service names, the one that is raised first."""
    rollout = service.get("rollout") or {}
    found = [rollout["flag"]] if rollout.get("flag") else []
    return [dict(flag) for flag in [*found, *(rollout.get("flags") or [])]]


def place(flag: Document, *, own: Sequence[str], groups: Mapping[str, Sequence[str]], service: str) -> dict[str, Any]:
    """The flag with the hosts on which it is switched: those of `hosts`, else the service's own; a server is asked from the controller."""
    provider = str(flag.get("provider", "flagd"))
    names = flag.get("hosts") or (own if provider == "flagd" else ["localhost"])
    known = {host for members in groups.values() for host in members} | {"localhost"}
    unknown = [name for name in names if name not in groups and name not in known]
    if unknown:
        raise DeploymentError(
            f"Service {service}: flag {flag['name']} is on {', '.join(unknown)}, which is no host and no group of the inventory. Correct its hosts."
        )
    hosts = dict.fromkeys(host for name in names for host in groups.get(name, [name]))
    return {"provider": provider, "settle_seconds": SETTLE_SECONDS, **{key: flag[key] for key in PLACE if key in flag}, "hosts": list(hosts)}


def raised(entries: Iterable[Entry], environment: str) -> dict[tuple[str, str], dict[str, Any]]:
    """{(service, flag): {percentage, release, place, since, by}} of the flags that are not known to be down again.

    An intent to raise counts as raised until its outcome: a run that was killed in between may have done it.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        body = entry["body"]
        if entry["kind"] != "flag" or entry["environment"] != environment or "percentage" not in body:
            continue
        key = (str(body.get("service", "")), str(entry["subject"]))
        if body["percentage"]:
            known = {"percentage": body["percentage"], "release": entry["release"], "place": dict(body.get("place") or {})}
            found[key] = {**known, "since": entry["time"], "by": entry["actor"]["name"]}
        elif entry["phase"] == "fact" or (entry["phase"] == "outcome" and body.get("verdict") == "passed"):
            found.pop(key, None)
    return found


def attach(
    plan: dict[str, Any], services: Mapping[str, Document], *, groups: Mapping[str, Sequence[str]], entries: Sequence[Entry], act: str, dark: bool = False
) -> dict[str, Any]:
    """The plan, each service with `flag` (the one that is raised after the switch), `dark` (those that must be off before) and `lower`
    (those that are lowered before anything else goes back)."""
    known = raised(entries, plan["environment"])
    return {**plan, "services": [_with_flags(item, services[item["service"]], groups, known, act, dark) for item in plan["services"]]}


def _with_flags(
    item: Document, service: Document, groups: Mapping[str, Sequence[str]], known: Mapping[tuple[str, str], Document], act: str, dark: bool
) -> dict[str, Any]:
    name, own = item["service"], sorted(item["hosts"])
    placed = [place(flag, own=own, groups=groups, service=name) for flag in declared(service)]
    if dark and not placed:
        raise DeploymentError(
            f"Service {name} names no flag under rollout, so {item['release']} can't go out dark. Name it there, or deploy without the fallback."
        )
    raises = raised_by(service) if act != "rollback" else None
    more: dict[str, Any] = {}
    if raises and not dark:
        more["flag"] = {**placed[0], "on_failure": (service.get("rollout") or {}).get("on_failure", "release")}
    if act != "rollback":
        more["dark"] = placed if dark else placed[:1] if raises else []
    going = item["previous"] if act == "rollback" else item["release"]
    lower = list(_to_lower(name, placed, service, known, going))
    return {**item, **more, **({"lower": lower} if lower else {})}


def _to_lower(service: str, placed: Sequence[Document], document: Document, known: Mapping[tuple[str, str], Document], going: str) -> Iterator[dict[str, Any]]:
    """What is declared, but for the raised flag of a release that stays; then what the ledger knows that the release that goes has raised."""
    told = set()
    for number, flag in enumerate(placed):
        own = known.get((service, flag["name"]))
        told.add(flag["name"])
        is_raised = number == 0 and bool((document.get("rollout") or {}).get("flag"))
        if not (is_raised and own and own["release"] != going):
            yield dict(flag)
    for (owner, name), own in known.items():
        if owner == service and own["release"] == going and name not in told and own["place"]:
            yield dict(own["place"])


def to_read(plan: Document) -> list[dict[str, Any]]:
    """A row {service, host, **flag} for each place where a flag has to be off before the release goes out."""
    return [{**flag, "service": item["service"], "host": host} for item in plan["services"] for flag in item.get("dark", []) for host in flag["hosts"]]


def everywhere(services: Mapping[str, Document], groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """A row {service, host, **flag} for each flag of each service, wherever it is switched."""
    rows = []
    for name, service in services.items():
        for flag in declared(service):
            placed = place(flag, own=groups.get(str(service["hosts"]), []), groups=groups, service=name)
            rows += [{**placed, "service": name, "host": host} for host in placed["hosts"]]
    return rows


def not_dark(rows: Sequence[Document], answers: Sequence[Document]) -> list[str]:
    """Why the release would not be dark, from what feature_flag_info answered for each row of `to_read`; what can't be told is not dark."""
    return [fault for row, answer in zip(rows, answers, strict=True) if (fault := _lit(row, answer))]


def _lit(row: Document, answer: Document) -> str:
    where = f"flag {row['name']} of service {row['service']} on {row['host']}"
    if answer.get("failed") or answer.get("unreachable") or "flags" not in answer:
        return f"{where} could not be read: {answer.get('msg') or 'no answer'}"
    found = [flag for flag in answer["flags"] if flag["key"] == row["name"]]
    if not found:
        known = ", ".join(sorted(flag["key"] for flag in answer["flags"])) or "none"
        return f"{where} is not there; there is {known}. Make it with feature_flag: state 'off', create true"
    share = found[0]["share"]
    if share is None:
        return f"{where} has rules of its own, so nobody can tell who has it"
    return f"{where} is on for {share:g} %. Switch it off, or name the flag of this release" if share else ""


def tell(plan: Document) -> list[str]:
    """A line for each service that is raised behind a flag or goes out dark."""
    return [line for item in plan["services"] for line in _told(item)]


def _told(item: Document) -> Iterator[str]:
    if item.get("flag"):
        back = "and the release goes back" if item["flag"]["on_failure"] == "release" else "and the release stays, dark"
        yield f"{item['service']}: flag {item['flag']['name']} is 0 % until the release is out, then raised; a bad step lowers it first {back}"
    elif item.get("dark"):
        yield f"{item['service']}: goes out dark, behind {', '.join(flag['name'] for flag in item['dark'])}, and nothing is raised"
