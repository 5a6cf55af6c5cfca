# SPDX-License-Identifier: GPL-3.0-or-later
"""What was preserved before a deployment, as the ledger keeps it, and what a rollback can make of it. Pure functions.

The entry is the outcome of a step in the state `preserved`. Everything in it is a list: the ledger hides what stands under the name of a secret,
and a file may be called secret.ini.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError

Entry = Mapping[str, Any]
STATE = "preserved"


def record(*, identity: str, hosts: Mapping[str, Any], databases: Sequence[Mapping[str, Any]] = (), flags: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """{body, problems}: what goes into the ledger, and why it is not complete.

    hosts: {host: what module preserve returned there, or anything else when the host did not get that far}.
    databases: the work with `answer`, what module preserve_database returned; flags: rows of servers {url, name, share, killed}.
    """
    problems = [{"host": host, "reason": "it was not reached, or its state could not be recorded"} for host, told in sorted(hosts.items()) if not _whole(told)]
    whole = {host: told for host, told in sorted(hosts.items()) if _whole(told)}
    ways = [_way(one) for one in databases]
    problems += [{"host": one["host"], "reason": f"no way back for the data of {one['service']}: {one['why']}"} for one in ways if not one["usable"]]
    body = {
        "id": identity,
        "services": [row for host, told in whole.items() for row in _services(host, told)],
        "files": [
            {"host": host, "path": path, "digest": digest} for host, told in whole.items() for path, digest in sorted(told["preserved"]["files"].items())
        ],
        "flags": [row for host, told in whole.items() for row in _flags(host, told)] + [dict(row) for row in flags],
        "databases": ways,
    }
    return {"body": body, "problems": problems}


def _whole(told: Any) -> bool:
    return isinstance(told, Mapping) and isinstance(told.get("preserved"), Mapping) and not told.get("failed")


def _services(host: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "host": host,
            "service": name,
            "release": one["release"],
            "colour": one["colour"],
            "artifact": one["artifact"],
            "config": [{"name": file, "digest": digest} for file, digest in sorted(one["config"].items())],
        }
        for name, one in sorted(told["preserved"]["services"].items())
    ]


def _flags(host: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"host": host, "path": path, "name": name, **one} for path, flags in sorted(told["preserved"]["flags"].items()) for name, one in sorted(flags.items())
    ]


def _way(one: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing of a command or of a connection: these may hold secrets."""
    common = {"service": one["service"], "host": one["host"], "method": one["method"], "restores": bool(one.get("restore"))}
    if one["method"] == "none":
        return {**common, "usable": True, "why": "", "how": "", "needs": "", "reason": one["reason"]}
    answer = one.get("answer") or {}
    known = ("name", "lsn", "archived", "file", "sha256", "size", "taken_at", "age_seconds")
    kept = {key: answer[key] for key in known if key in answer}
    if one["method"] == "backup_id" and "id" in answer:
        kept["backup"] = answer["id"]
    usable = answer.get("usable") is True and not answer.get("failed")  # a word in its place is none
    why = str(answer.get("why") or answer.get("msg") or ("" if usable else "it was not told"))
    return {**common, **kept, "usable": usable, "why": "" if usable else why, "how": str(answer.get("how") or ""), "needs": str(answer.get("needs") or "")}


def newest(entries: Iterable[Entry], *, environment: str, release: str, services: Sequence[str] = (), skip: str = "") -> Entry | None:
    """The last complete record of the environment in which the release ran there: what a rollback to it has to bring back.

    services: all of these have to be on the release wherever they ran, since a record taken amid a rollout has the files of both; without any, one
    service is enough. skip: the id of the set that the rollback itself has just taken.
    """
    found = None
    for entry in entries:
        body = entry["body"]
        if entry["kind"] != "step" or entry["phase"] != "outcome" or entry["environment"] != environment:
            continue
        if body.get("state") != STATE or body.get("verdict") != "passed":
            continue
        if skip and body["preserved"]["id"] == skip:
            continue
        rows = [row for row in body["preserved"]["services"] if row["release"] and (not services or row["service"] in services)]
        there = [row["release"] == release for row in rows]
        if all(there) and there if services else any(there):
            found = entry
    return found


def wanted(entries: Iterable[Entry], *, environment: str, release: str, services: Sequence[str] = (), skip: str = "") -> dict[str, Any]:
    """The body of the newest record of the release; an error that lists the choices when there is none."""
    known = list(entries)
    found = newest(known, environment=environment, release=release, services=services, skip=skip)
    if found is None:
        rows = [row for entry in known if entry["body"].get("state") == STATE for row in (entry["body"].get("preserved") or {}).get("services", [])]
        choices = ", ".join(sorted({row["release"] for row in rows} - {""})) or "no release"
        raise PreservationError(
            f"Nothing is preserved of {environment} with release {release or 'unknown'}; there are records of {choices}."
            " A rollback brings the release all the same; its configuration is rendered anew."
        )
    return {**found["body"]["preserved"], "entry": found["id"], "time": found["time"]}


def restorable(preserved: Mapping[str, Any], *, parts: Sequence[str] = ("config", "files", "flags"), data: bool = False) -> dict[str, list[str]]:
    """What a rollback restores by itself (`can`), what an operator has to do (`operator`), and what nobody can (`cannot`).

    data: whether the restoration of data by the declared commands is allowed.
    """
    found: dict[str, list[str]] = {"can": [], "operator": [], "cannot": []}
    for row in preserved["services"]:
        if row["release"]:
            found["can"].append(f"release {row['release']} of {row['service']} on {row['host']}")
        if row["config"] and "config" in parts:
            found["can"].append(f"{len(row['config'])} configuration files of {row['service']} on {row['host']}")
    if "files" in parts:
        found["can"] += [f"{row['path']} on {row['host']}" for row in preserved["files"]]
    if "flags" in parts:
        for row in preserved["flags"]:
            _flag(row, found)
    for way in preserved["databases"]:
        _data(way, found, data=data)
    return found


def _flag(row: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    if "path" in row:
        found["can"].append(f"flag {row['name']} of {row['path']} on {row['host']}")
    elif row.get("killed") or row.get("share") is not None:
        found["can"].append(f"flag {row['name']} of {row['url']}")
    else:
        found["operator"].append(f"set flag {row['name']} of {row['url']} again by hand: it had rules of its own, which are not recorded")


def _data(way: Mapping[str, Any], found: dict[str, list[str]], *, data: bool) -> None:
    name = f"the data of {way['service']}"
    if way["method"] == "none":
        found["cannot"].append(f"{name}: nothing is preserved, because {way['reason']}")
    elif not way["usable"]:
        found["cannot"].append(f"{name}: {way['why']}")
    elif way["restores"] and data:
        found["can"].append(f"{name}, by its declared command; what was written since then is lost")
    else:
        takes = f"; it takes {way['needs']}" if way["needs"] else ""
        allowed = " (or allow the declared command with preserve_restore_data=true)" if way["restores"] else ""
        found["operator"].append(f"{name}, only if it must go back too: {way['how']}{takes}{allowed}. What was written since then is lost")


def flag_acts(preserved: Mapping[str, Any], now: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How module feature_flag brings the flags of servers back: {url, name, state, percentage}; flags that are as they were are left out."""
    today = {(row["url"], row["name"]): row for row in now}
    acts = []
    for row in preserved["flags"]:
        there = today.get((row.get("url"), row["name"]))
        if "url" not in row or there is None or (row.get("share") is None and not row.get("killed")):
            continue
        if (there.get("share"), bool(there.get("killed"))) != (row.get("share"), bool(row.get("killed"))):
            share = row.get("share")
            state = "killed" if row.get("killed") else "on" if share == 100 else "off" if share == 0 else "percentage"
            acts.append({"url": row["url"], "name": row["name"], "state": state, **({"percentage": share} if state == "percentage" else {})})
    return acts


def tell(found: Mapping[str, Sequence[str]]) -> list[str]:
    """For a terminal, a line each."""
    words = {"can": "restored:", "operator": "left to an operator:", "cannot": "lost:"}
    return [f"{words[part]} {line}" for part in ("can", "operator", "cannot") for line in found[part]] or ["There is nothing to restore."]
