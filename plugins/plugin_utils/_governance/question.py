# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of every section: who wants to do what, where, with which release, and what is known of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import bookings
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import manifest_files

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """plan and batches are those of the deployment, None where nothing is planned; store is None while there is no ledger; variables are the task's.

    manifest: as the deployment reads it. entries: those of reads.for_decision. actor: {name, source} of who acts.
    """

    act: str
    environment: Data
    services: Data
    manifest: Data
    releases_dir: str
    policies_dir: str
    plan: Data | None
    batches: Sequence[Any]
    now: datetime
    groups: Mapping[str, Sequence[str]]
    hostvars: Any
    entries: Sequence[Data]
    store: Store | None
    settings: Settings
    actor: Data
    variables: Data

    @property
    def name(self) -> str:
        return str(self.environment["name"])

    @property
    def release(self) -> str:
        return str(self.manifest["version"])

    @property
    def moved(self) -> list[str]:
        """The services that change; all of the environment where nothing is planned yet."""
        planned = [str(each["service"]) for each in (self.plan or {}).get("services", [])]
        return planned or sorted(self.services)

    @functools.cached_property
    def written(self) -> Data:
        """The manifest as its file says, with artifacts where it says they are. Read once. Raises ManifestError."""
        return manifest_files.find(self.releases_dir, self.release, today=self.now.date())

    @functools.cached_property
    def booked(self) -> bookings.Bookings:
        """Read once. Raises the errors of FAULTS."""
        return bookings.read(self.store, self.name, settings=self.settings, groups=self.groups, hostvars=self.hostvars, now=self.now)
