# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with the baselines of an environment; each act answers with what its task returns."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline, folding
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError, Version
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import Book
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_fold import fold
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_prune import prune
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_request import Answer, Request, Roots, described, new_version, none, row, wanted


def show_current(request: Request) -> Answer:
    """The document in force, after signature and ledger were asked."""
    book = request.book
    version = wanted(book, request.args["version"]) if request.args["version"] else book.current
    if version is None and request.args["required"]:
        raise none(book)
    return {"baseline": described(version, book.trusted(version)) if version else {}}


def take(request: Request) -> Answer:
    """A new version of what the hosts showed; a candidate, unless it is promoted at once."""
    book, only = request.book, request.args["service"]
    hosts = _seen_whole(request, only)
    if only:
        hosts = _replaced(book, hosts, only)
    if not hosts:
        raise BaselineError(f"{book.environment} declares nothing to look at: give a service `drift`, or set evenkeel_drift.system.")
    newest = next((version for version in reversed(book.known) if version.name == book.name), None)
    if newest and (newest == book.current or not request.args["promote"]) and _same(book, newest, hosts):
        return {"changed": False, "baseline": described(newest, book.trusted(newest))}
    if request.dry:
        return {"changed": True, "baseline": {}}
    if request.args["promote"] and request.args["four_eyes"]:
        raise BaselineError(f"A baseline of {book.environment} is taken and promoted by two people: drift_baseline_four_eyes is set. Next: take it first.")
    version = new_version(request, hosts, reason=request.args["reason"] or "taken", promote=request.args["promote"])
    return {"changed": True, "baseline": described(version, book.trusted(version))}


def promote(request: Request) -> Answer:
    book, number = request.book, request.args["version"]
    version = wanted(book, number) if number else baseline.candidate(book.known, book.name)
    if version is None:
        raise BaselineError(f"{book.environment} has no candidate for its baseline {book.name}. Next: take one with baseline_state=take.")
    changed = book.promote(version, reason=request.args["reason"], four_eyes=request.args["four_eyes"], dry=request.dry)
    return {"changed": changed, "baseline": described(version, book.trusted(version))}


def verify(request: Request) -> Answer:
    """Everything that is compared with or waits for its promotion, with all records behind it; every fault in one report."""
    book, number = request.book, request.args["version"]
    standing = [version for version in (book.current, baseline.candidate(book.known, book.name)) if version]
    chosen = [wanted(book, number)] if number else standing
    if not chosen:
        raise none(book)
    faults = [fault for version in chosen for fault in book.faults(version)] + book.strays()
    if faults:
        lines = "\n".join(f"- {fault}" for fault in faults)
        raise BaselineError(f"The baselines of {book.environment} are not what was recorded, {len(faults)} faults:\n{lines}")
    return {"versions": [row(version, book) for version in chosen]}


def show(request: Request) -> Answer:
    return {"versions": [row(version, request.book) for version in request.book.known]}


ACTS: dict[str, Callable[[Request], Answer]] = {
    "current": show_current,
    "take": take,
    "promote": promote,
    "fold": fold,
    "verify": verify,
    "show": show,
    "prune": prune,
}
READING = ("current", "verify", "show")


def _seen_whole(request: Request, only: str) -> Roots:
    """What every host showed; refused when a host told nothing, or could not read something."""
    hosts: Roots = {}
    faults = []
    for host in request.hosts:
        known = request.facts(host)
        if "drift_declared" not in known:
            faults.append(f"{host} told nothing")
        for service in known.get("drift_declared") or []:
            if only and service != only:
                continue
            result = (known.get("drift_seen") or {}).get(service)
            if result is None:
                faults.append(f"{host}/{service} told nothing")
                continue
            # What check mode saw lies in no store.
            about, blind = ({"root": result["root"], "items": 0}, []) if request.dry else folding.whole(result, request.book.objects)
            hosts.setdefault(host, {})[service] = about
            faults += [f"{host}/{service}: {gap}" for gap in blind]
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults[:50])
        raise BaselineError(f"A baseline of {request.book.environment} would have gaps:\n{listed}\nNothing was taken. Next: mend what cannot be read.")
    return hosts


def _replaced(book: Book, hosts: Roots, only: str) -> Roots:
    if book.current is None:
        return hosts
    before = book.trusted(book.current)["hosts"]
    kept = {host: {service: about for service, about in services.items() if service != only} for host, services in before.items()}
    return {host: both for host in [*kept, *(new for new in hosts if new not in kept)] if (both := {**kept.get(host, {}), **hosts.get(host, {})})}


def _same(book: Book, version: Version, hosts: Roots) -> bool:
    document = book.trusted(version)
    roots = [{host: {service: about["root"] for service, about in services.items()} for host, services in side.items()} for side in (document["hosts"], hosts)]
    return bool(roots[0] == roots[1] and document["release"] == book.deployed)
