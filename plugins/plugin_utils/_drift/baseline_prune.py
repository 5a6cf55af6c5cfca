# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes from the store what no baseline needs any more. What cannot be understood is kept by removing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError, Version
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_book import Book
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_files import Files
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_request import Answer, Request
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, Objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate import held

NOTHING = "Nothing was removed."


def prune(request: Request) -> Answer:
    """Of every environment the versions in force and the newest ones stay whole, and whatever is younger than the grace."""
    newest, grace = request.args["keep"], request.args["grace"]
    if newest < 1 or grace < 0:
        raise BaselineError(f"keep is {newest} and grace is {grace}: allowed are 1 or more versions, and 0 or more seconds. {NOTHING}")
    known = _known(request.book)
    kept = {environment: standing(versions, newest) for environment, versions in known.items()}
    roots = {root for environment, versions in kept.items() for version in versions for root in _roots(request.book, environment, version)}
    contents = set(_contents(request.book.objects, roots))
    removed = request.book.objects.prune(roots, objects=contents, grace=grace, dry=request.dry)
    return {
        "changed": bool(removed.records or removed.objects),
        "removed": {"records": len(removed.records), "objects": len(removed.objects)},
        "kept": [f"{environment}: {version.title}" for environment, versions in kept.items() for version in versions],
        "dropped": list(_dropped(request.book, known, kept, set(removed.records))),
    }


def standing(versions: Sequence[Version], newest: int) -> list[Version]:
    """The version in force of each name, and the newest ones of it."""
    names = {version.name for version in versions}
    numbers = {version.version for name in names for version in [version for version in versions if version.name == name][-newest:]}
    numbers |= {version.version for name in names if (version := baseline.current(versions, name))}
    return [version for version in versions if version.version in numbers]


def _known(book: Book) -> dict[str, list[Version]]:
    """What the ledger knows of all environments. Documents that it does not know are those of another ledger, and so perhaps is the store."""
    entries = [entry.as_dict() for entry in book.ledger.entries(kind=("baseline", "teardown"))] if book.ledger else []
    found = {name: baseline.versions(entries, name) for name in sorted({str(entry["environment"]) for entry in entries})}
    known = {name: versions for name, versions in found.items() if versions}
    folders = [path for path in book.files.folder.parent.glob("*") if path.is_dir() and path.name not in known]
    strange = sorted(path.name for path in folders if Files(path).numbers())
    if strange or not known:
        what = f"the baselines of {', '.join(strange)}, which lie in {book.files.folder.parent}," if strange else "any baseline"
        raise BaselineError(
            f"The ledger does not know {what} and so not what they need. {NOTHING} Next: name the ledger that does, or move away what no ledger knows."
        )
    return known


def _document(book: Book, environment: str, version: Version) -> Mapping[str, Any]:
    """The bytes that the ledger vouches for. Who signed them matters when somebody compares with them."""
    files = Files(book.files.folder.with_name(environment))
    try:
        data = files.path(version.version).read_bytes()
    except OSError as exc:
        found = f"cannot be read ({exc.strerror})"
    else:
        if baseline.sha256(data) == version.sha256:
            return baseline.parse(data, f"The baseline {version.title} of {environment}")
        found = f"has SHA-256 {baseline.sha256(data)}; the ledger says {version.sha256}"
    raise BaselineError(f"The baseline {files.path(version.version)} {found}, so nobody knows what it needs. {NOTHING} Next: restore it.")


def _roots(book: Book, environment: str, version: Version) -> Iterator[str]:
    for services in _document(book, environment, version)["hosts"].values():
        for about in services.values():
            yield str(about["root"])


def _contents(objects: Objects, roots: set[str]) -> Iterator[str]:
    """Digests of the files' contents. Another environment may keep its records in another store; what is here has to be readable."""
    for root in sorted(roots & set(objects.place.keys("records"))):
        try:
            yield from held.files_of(objects.record(root), ["**"]).values()
        except Broken as exc:
            raise BaselineError(f"{exc} Until then nobody knows which contents it needs. {NOTHING}") from exc


def _dropped(book: Book, known: Mapping[str, Sequence[Version]], kept: Mapping[str, Sequence[Version]], gone: set[str]) -> Iterator[str]:
    """Versions that lost a record; their documents stay. What an old document says matters to nobody else any more."""
    for environment, versions in known.items():
        for version in [version for version in versions if version not in kept[environment]]:
            try:
                lost = gone & set(_roots(book, environment, version))
            except BaselineError:
                continue
            if lost:
                yield f"{environment}: {version.title}"
