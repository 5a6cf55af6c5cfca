# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing a checkpoint and taking a signature back: the body of the entry, None when nothing changes, or HandoffError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.errors import HandoffError
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import Teams, digest, member, state

LONGEST, MOST = 500, 20


def sign(
    document: Mapping[str, Any], entries: Iterable[Any], teams: Teams, checkpoint: str, *, actor: str, evidence: Sequence[str] = (), note: str = ""
) -> dict[str, Any] | None:
    found = state(document, entries, teams)
    row = _row(document, found, checkpoint)
    if row["state"] == "signed" and row["who"] == actor and list(evidence) in ([], row["evidence"]):
        return None
    title = f"{document['name']}/{checkpoint}"
    other = next((each for each in found["checkpoints"] if each["state"] == "signed" and each["who"] == actor and each["by"] != row["by"]), None)
    first = found["next"][0] if found["next"] else checkpoint
    faults = [
        (row["state"] == "signed", f"{row['who']} signed it at {row['at']}; withdraw that first"),
        (
            not member(actor, row["by"], teams),
            f"{actor or 'nobody known'} is not in the team {row['by']}: {', '.join(teams.get(row['by'], ())) or 'nobody is'}",
        ),
        (other is not None, f"{actor} has signed {other['name'] if other else ''} for {other['by'] if other else ''}, and nobody signs for both sides"),
        (found["ordered"] and row["state"] != "signed" and checkpoint not in found["next"], f"{first} comes before it and is not signed"),
        (row["needs_evidence"] and not evidence, "it needs a link to evidence"),
        (len(evidence) > MOST or any(not link.strip() or len(link) > LONGEST for link in evidence), f"allowed are {MOST} links of {LONGEST} characters"),
        (len(note) > LONGEST, f"its note is longer than {LONGEST} characters"),
    ]
    if said := [text for wrong, text in faults if wrong]:
        raise HandoffError(f"Signing {title} was refused, nothing was written: {'; '.join(said)}. It says: {row['description']}")
    promised = next(each for each in document["checkpoints"] if each["name"] == checkpoint)
    return {
        "event": "signed",
        "handoff": document["name"],
        "checkpoint": checkpoint,
        "digest": digest(document, promised),
        "evidence": list(evidence),
        "note": note,
    }


def withdraw(document: Mapping[str, Any], entries: Iterable[Any], teams: Teams, checkpoint: str, *, actor: str, note: str) -> dict[str, Any] | None:
    """By whoever signed, or somebody of the same team. What was signed after it in an ordered handoff then counts no more."""
    row = _row(document, state(document, entries, teams), checkpoint)
    if row["state"] == "open":
        return None
    if actor != row["who"] and not member(actor, row["by"], teams):
        raise HandoffError(f"{actor} may not withdraw what {row['who']} signed for {row['by']}. Next: ask one of them: {', '.join(teams.get(row['by'], ()))}.")
    if not note:
        raise HandoffError(f"Withdrawing {document['name']}/{checkpoint} needs a note that says why.")
    return {"event": "withdrawn", "handoff": document["name"], "checkpoint": checkpoint, "note": note[:LONGEST]}


def _row(document: Mapping[str, Any], found: Mapping[str, Any], checkpoint: str) -> dict[str, Any]:
    row = next((each for each in found["checkpoints"] if each["name"] == checkpoint), None)
    if row is None:
        names = ", ".join(each["name"] for each in found["checkpoints"])
        raise HandoffError(f"The handoff {document['name']} has no checkpoint {checkpoint!r}; it has {names}.")
    return dict(row)
