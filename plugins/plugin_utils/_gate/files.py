# SPDX-License-Identifier: GPL-3.0-or-later
"""Read policies and the exceptions beside them. The one file of the gate that reads files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.policies import beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, plain

Documents = list[dict[str, Any]]


class PolicyFilesError(Exception):
    """All faults of the documents, in words."""


class Read(NamedTuple):
    policies: Documents
    waivers: Documents


def read(policies: Sequence[Any], waivers: Sequence[Any], *, policies_dirs: Sequence[str], waivers_dir: str, today: date) -> Read:
    """The policies and exceptions that are given as data, and those of the folders: a folder of policies may have a folder waivers."""
    found, faults = _both("policy", "policies", policies, policies_dirs, today)
    places = [waivers_dir] if waivers_dir else beside(policies_dirs, "waivers")
    exceptions, more = _both("policy_waiver", "waivers", waivers, places, today)
    faults += more
    if faults:
        raise PolicyFilesError("The gate can't use its policies. " + render(faults, {"policies": len(found), "waivers": len(exceptions)}))
    for word, documents in (("policies", found), ("exceptions", exceptions)):
        names = [one["name"] for one in documents]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PolicyFilesError(f"The gate got two {word} of the same name: {', '.join(twice)}. Rename or remove one.")
    return Read(found, exceptions)


def _both(kind: str, option: str, given: Sequence[Any], places: Sequence[str], today: date) -> tuple[Documents, list[Fault]]:
    documents = [plain(one) for one in given]
    faults = [fault for number, one in enumerate(documents) for fault in check(kind, one, today=today, source=Source(f"{option}[{number}]"))]
    if not places:
        return documents, faults
    read_ones, broken = files.read(kind, places, today=today)
    return [*documents, *(one.value for one in read_ones)], [*faults, *broken]
