# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a refresh, from what two environments declare. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

ENGINES = ("postgresql", "mysql", "sqlite")
# What a service declares under `data` and data_sync takes as it is.
OPTIONS = ("mode", "subset", "watermarks", "slot", "deletes", "drift", "window", "workers", "throttle", "statement_timeout", "lock_timeout", "proof")


class DataError(ValueError):
    """The documents don't say what to refresh; the text names the environment, the service and what to write."""


class Side(NamedTuple):
    """One environment."""

    name: str
    services: Mapping[str, Mapping[str, Any]]
    endpoints: Mapping[str, Mapping[str, Mapping[str, Any]]]
    secrets: Mapping[str, Any]


def chosen(services: Mapping[str, Mapping[str, Any]], asked: Any, *, environment: str) -> list[str]:
    """Names of the databases to refresh: those asked for, else those that declare `data`, else the only one there is."""
    databases = [name for name, service in services.items() if service.get("engine") in ENGINES]
    names = [asked] if isinstance(asked, str) else list(asked or [])
    names = [word.strip() for name in names for word in str(name).split(",") if word.strip()]
    wrong = [name for name in names if name not in databases]
    if wrong:
        raise DataError(f"{environment} has no database {', '.join(wrong)}: found {', '.join(databases) or 'none'} as evenkeel_service to name.")
    found = names or [name for name in databases if services[name].get("data")] or databases
    if not found or (len(found) > 1 and not names and not services[found[0]].get("data")):
        raise DataError(
            f"{environment} has the databases {', '.join(databases) or '(none)'} and none of them declares `data`: "
            "name one as evenkeel_service, or declare which are refreshed together."
        )
    return sorted(set(found), key=found.index)


def password(secrets: Mapping[str, Any], service: str) -> str:
    """Each service may have a password of its own."""
    return str(secrets.get(f"{service}_password") or secrets.get("database_password") or "")


def place(side: Side, name: str) -> dict[str, Any]:
    service = side.services.get(name)
    if service is None:
        raise DataError(f"{side.name} has no service {name}, found {', '.join(side.services) or 'none'}: both environments need it.")
    if service["engine"] == "sqlite":
        return {"path": service["database"]}
    ends = side.endpoints.get(name) or {}
    if not ends:
        raise DataError(f"{side.name}: nothing is known of where {name} listens. Provision the environment, or name its hosts and port.")
    end = next(iter(ends.values()))
    return {
        "host": end["address"],
        "port": int(end["ports"]["main"]),
        "dbname": service["database"],
        "user": service.get("user") or service["database"],
        "password": password(side.secrets, name),
    }


def databases(
    names: Sequence[str],
    *,
    source: Side,
    target: Side,
    policies: Mapping[str, Mapping[str, Any]],
    overrides: Mapping[str, Any],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """For option `databases` of the module. `overrides` is {service: {source, target}}, `options` go before what is declared."""
    return [
        {
            # A target that is ahead has columns more, which its own migrations fill afterwards.
            **({"drift": "accept"} if (target.services[name].get("data") or {}).get("migrations") == "migrate" else {}),
            **declared(target.services[name].get("data") or {}, OPTIONS),
            **{key: value for key, value in options.items() if value not in (None, "")},
            "name": name,
            "engine": target.services[name]["engine"],
            "source": {**place(source, name), **((overrides.get(name) or {}).get("source") or {})},
            "target": {**place(target, name), **((overrides.get(name) or {}).get("target") or {})},
            "policy": policies[name],
        }
        for name in names
    ]


def declared(data: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    return {key: data[key] for key in wanted if data.get(key) is not None}


def policy_file(name: str, folder: str) -> str:
    """A bare name is a document of the folder of masking policies."""
    return name if "/" in name else f"{folder}/{name.removesuffix('.yml')}.yml"


def policy_files(names: Sequence[str], services: Mapping[str, Mapping[str, Any]], *, masking: str, folder: str) -> dict[str, str]:
    """{service: path}. `masking` is for the only database of a refresh, or for those that declare none."""
    found = {}
    for name in names:
        own = (services[name].get("data") or {}).get("masking") or ""
        wanted = (masking or own) if len(names) == 1 else (own or masking)
        if not wanted:
            raise DataError(f"{name}: no masking policy. Declare data.masking in the service, or pass evenkeel_masking.")
        found[name] = policy_file(str(wanted), folder)
    return found


def gates(name: str, *, source: Side, target: Side) -> dict[str, Any]:
    """What has to hold before anything is read: replicas and queues as the source declares them, versions as the target does."""
    here, there = ((side.services.get(name) or {}).get("data") or {} for side in (source, target))
    waiting = {key: here.get(key, there.get(key)) for key in ("max_lag", "lag_wait", "queues")}
    return {**{key: value for key, value in waiting.items() if value is not None}, "migrations": there.get("migrations", "refuse")}
