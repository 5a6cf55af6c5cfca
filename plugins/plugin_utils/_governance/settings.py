# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the documents of governance are: variables of the project, the same for a deployment, for "why" and before every batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain


class Settings(NamedTuple):
    """Folders, "" for none; of compatibility also a list of them. teams: {team: [person]}; incidents: None when nobody told."""

    calendars_dir: str = ""
    reservations_dir: str = ""
    handoffs_dir: str = ""
    bundles_dir: str = ""
    compatibility_dir: str | list[str] = ""
    changes_dir: str = ""
    approvals_dir: str = ""
    project: str = ""
    teams: Mapping[str, Any] = {}
    quality: Mapping[str, Any] = {}
    incidents: list[Any] | None = None
    release_authors: list[Any] = []
    access_exports: list[Any] = []
    risk: str = ""
    fingerprint_key: str = ""

    def places(self, name: str) -> list[str]:
        """The folder as a list of places, empty when it is not declared."""
        folder = getattr(self, f"{name}_dir")
        return [str(each) for each in folder] if isinstance(folder, list) else [folder] if folder else []


TEXT, LIST, MAPPING = (str, "text"), (list, "a list"), (Mapping, "a mapping")
KINDS: dict[str, tuple[Any, str]] = {
    "teams": MAPPING,
    "quality": MAPPING,
    "incidents": LIST,
    "release_authors": LIST,
    "access_exports": LIST,
    "compatibility_dir": ((str, list), "a folder or a list of them"),
}


def of(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> Settings:
    """From the variables evenkeel_<name>. Raises DeploymentError for one that is of another kind."""
    found: dict[str, Any] = {}
    for name in Settings._fields:
        written = variables.get(f"evenkeel_{name}")
        value = plain(template(written)) if written is not None else None
        if value in (None, ""):
            continue
        wanted, allowed = KINDS.get(name, TEXT)
        if not isinstance(value, wanted):
            raise DeploymentError(f"evenkeel_{name} is {type(value).__name__}; allowed is {allowed}.")
        found[name] = value
    return Settings(**found)
