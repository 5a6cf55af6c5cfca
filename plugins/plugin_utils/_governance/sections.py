# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence that policies are asked about, with every section of governance: the same for a deployment and for "why"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import evidence
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_bundle, of_people, of_place, of_release
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.errors import FAULTS
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question

# In this order: what is found first is known to those that come later.
READERS: tuple[tuple[Callable[[Question, Data], dict[str, Any]], tuple[str, ...]], ...] = (
    (of_release.manifest, ("manifest", "scope", "milestones", "boundaries", "complete", "standing", "promotion")),
    (of_release.quality, ("quality",)),
    (of_bundle.bundle, ("bundle",)),
    (of_release.compatibility, ("compatibility",)),
    (of_people.change, ("change",)),
    (of_people.approvals, ("approvals", "duties", "access")),
    (of_place.reservation, ("reservation",)),
    (of_place.handoff, ("handoff",)),
    (of_place.calendar, ("calendar",)),
)


def document(
    asked: Question,
    *,
    above: tuple[Data | None, Data],
    deployed: Mapping[str, Mapping[str, str]],
    opened: Sequence[Data],
    fallback: Data | None = None,
) -> dict[str, Any]:
    """The whole evidence document. above: the environment before this one and its services; deployed and opened as the ledger's views give them."""
    known = evidence.assemble(
        now=asked.now.isoformat(timespec="seconds"),
        act=asked.act,
        environment=asked.environment,
        upstream=above[0],
        manifest=asked.manifest,
        entries=asked.entries,
        deployed=deployed,
        open_intents=opened,
        fallback=fallback,
        services=asked.services,
        upstream_services=above[1],
    )
    return gather(asked, known)


def gather(asked: Question, known: Data) -> dict[str, Any]:
    """What is known with all sections. What can't be gathered ends it with DeploymentError; on the way back it is null, and what asks for it is refused."""
    found = dict(known)
    with asked.store.together() if asked.store else nullcontext():
        for read, names in READERS:
            try:
                found.update(read(asked, found))
            except FAULTS as exc:
                if asked.act not in WAY_BACK:
                    raise DeploymentError(str(exc)) from exc
                found.update(dict.fromkeys(names))
    return found
