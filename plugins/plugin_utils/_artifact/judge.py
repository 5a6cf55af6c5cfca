# SPDX-License-Identifier: GPL-3.0-or-later
"""Which signatures hold, and whether they are what the policy asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.policy import Demand, Policy, Rule
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.kinds import KINDS
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.signatures.signature import BadSignatureError, Key
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject

# A list that somebody else writes must not cost hours.
MOST = 20


@dataclass(frozen=True)
class Given:
    kind: str
    content: bytes
    source: str = ""


@dataclass(frozen=True)
class Checked:
    """`key` is the name in the policy and `key_id` the kind's own; both are empty when no key of the policy fits."""

    kind: str
    key: str
    key_id: str
    verdict: str
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_all(subject: Subject, given: Sequence[Given], policy: Policy) -> list[Checked]:
    if len(given) > MOST:
        raise ArtifactError(f"The artifact comes with {len(given)} signatures, allowed: {MOST}.")
    return [_check(subject, signature, policy) for signature in given]


def require(rule: Rule, checked: Sequence[Checked], what: str) -> None:
    """ArtifactError unless every demand is met by signatures that hold, of so many different keys."""
    good = {each.key for each in checked if each.verdict == "passed"}
    missing = [_asked(demand) for demand in rule.demands if len(demand.keys & good) < demand.at_least]
    if not missing:
        return
    seen = "; ".join(f"{each.kind}: {each.key or 'no trusted key'}, {each.reason or 'good'}" for each in checked) or "none came with it"
    raise ArtifactError(
        f"{what} is not signed as the rule {rule.name} of the artifact policy demands: {'; '.join(missing)}. Signatures: {seen}."
        " It was not put into the cache. Find out who made it; only then sign it, or trust the key."
    )


def _check(subject: Subject, signature: Given, policy: Policy) -> Checked:
    if signature.kind not in KINDS:
        raise ArtifactError(f"A signature is of kind {signature.kind!r}, allowed: {', '.join(KINDS)}.")
    reasons = []
    for key in (key for key in policy.keys.values() if key.kind == signature.kind):
        try:
            KINDS[key.kind].verify(subject, signature.content, key)
        except BadSignatureError as exc:
            reasons.append(str(exc))
            continue
        return _by(key, policy)
    known = [reason for reason in reasons if "another key" not in reason] or reasons
    return Checked(signature.kind, "", "", "failed", known[0] if known else f"the policy trusts no key of kind {signature.kind}")


def _by(key: Key, policy: Policy) -> Checked:
    refused = policy.refused.get(key.name, "")
    return Checked(key.kind, key.name, KINDS[key.kind].key_id(key), "failed" if refused else "passed", refused)


def _asked(demand: Demand) -> str:
    return f"{demand.at_least} of {', '.join(sorted(demand.keys))}"
