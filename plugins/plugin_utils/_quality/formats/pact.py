# SPDX-License-Identifier: GPL-3.0-or-later
"""Pact: what the verifier writes (pact_verifier_cli --json), a broker's verification result, and its matrix (can-i-deploy --output json)."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import FAILED, INCONCLUSIVE, PASSED, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAMES = ("pact_verifier", "pact_result", "pact_matrix")


def sniff(doc: Document) -> str:
    if doc.syntax != "json" or not isinstance(doc.value, dict):
        return ""
    if "result" in doc.value and "errors" in doc.value and "pendingErrors" in doc.value:
        return "pact_verifier"
    if "success" in doc.value and "providerApplicationVersion" in doc.value:
        return "pact_result"
    return "pact_matrix" if isinstance(doc.value.get("summary"), dict) and "deployable" in doc.value["summary"] and "matrix" in doc.value else ""


def read(doc: Document, name: str) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    return [{"pact_verifier": _verifier, "pact_result": _result, "pact_matrix": _matrix}[name](doc, top)]


def _verifier(doc: Document, top: dict[str, Any]) -> Reading:
    good = take.flag(doc, top.get("result"), "result")
    errors = list(take.mappings(doc, top.get("errors"), "errors"))
    pending = list(take.mappings(doc, top.get("pendingErrors"), "pendingErrors"))
    known = "interactionResults" in top
    results = list(take.mappings(doc, top.get("interactionResults"), "interactionResults", optional=True))
    wrong = sum(one.get("result") != "OK" for _place, one in results)
    numbers = {"interactions": len(results), "failed": max(len(errors), wrong - len(pending)), "pending_failed": len(pending)}
    verdict, reason = PASSED, ""
    if not good or errors:
        verdict, reason = FAILED, f"{numbers['failed']} interactions do not hold"
    elif not results:
        verdict, reason = INCONCLUSIVE, "no interaction was verified" if known else "the verifier lists no interactions; use one that writes interactionResults"
    items = tuple({"interaction": short(one.get("interaction", ""))} for _place, one in errors[:20])
    return Reading("contracts", verdict, numbers, reason, "pact verifier", items=items)


def _result(doc: Document, top: dict[str, Any]) -> Reading:
    good = take.flag(doc, top.get("success"), "success")
    when = top.get("verificationDate") or top.get("verifiedAt")
    made_at = take.moment(doc, when, "verificationDate") if when else None
    verified = take.mapping(doc, top.get("verifiedBy"), "verifiedBy", optional=True)
    numbers = {"interactions": 1, "failed": 0 if good else 1, "pending_failed": 0}
    reason = "" if good else f"the provider version {short(top['providerApplicationVersion'])} does not keep the contract"
    tool, version = short(verified.get("implementation") or "pact broker"), short(verified.get("version") or "")
    return Reading("contracts", PASSED if good else FAILED, numbers, reason, tool, version, made_at)


def _matrix(doc: Document, top: dict[str, Any]) -> Reading:
    summary = take.mapping(doc, top.get("summary"), "summary")
    rows = {"success": 0, "failed": 0, "unknown": 0}
    for place, row in take.mappings(doc, top.get("matrix"), "matrix"):
        result = take.mapping(doc, row.get("verificationResult"), f"{place}.verificationResult", optional=True)
        outcome = result.get("success")
        rows["unknown" if outcome is None else "success" if take.flag(doc, outcome, f"{place}.verificationResult.success") else "failed"] += 1
    deployable = summary.get("deployable")
    if deployable is not None:
        take.flag(doc, deployable, "summary.deployable")
    # Rows of old versions may have failed: what counts for this question is the broker's own sum.
    counts = {name: take.whole(doc, summary[name], f"summary.{name}") if name in summary else rows[name] for name in rows}
    numbers = {"deployable": deployable is True, **counts}
    verdict = PASSED if deployable is True else FAILED if deployable is False else INCONCLUSIVE
    reason = "" if verdict == PASSED else f"the broker says: {short(summary.get('reason') or 'it can not tell')}"
    # When it was asked is not in the answer: verifiedAt are the times of the verifications, which may be years old and still hold.
    return Reading("contracts", verdict, numbers, reason, "pact broker")
