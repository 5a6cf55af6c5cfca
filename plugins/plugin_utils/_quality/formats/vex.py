# SPDX-License-Identifier: GPL-3.0-or-later
"""VEX documents: OpenVEX 0.2, CycloneDX VEX, CSAF 2.0 of the category csaf_vex."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vex
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import cyclonedx
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import SHA256, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vex import Product, Statement

# CycloneDX 1.4, vulnerabilities[].analysis.state.
_STATES = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
# CSAF 2.0, 3.2.3.9: the groups of product_status that make a statement.
_GROUPS = {"known_not_affected": "not_affected", "fixed": "fixed", "known_affected": "affected", "under_investigation": "under_investigation"}


def read(doc: Document) -> list[Statement]:
    """All statements; EvidenceError when one hides something without a reason, or when the document is no VEX."""
    top = take.mapping(doc, doc.value, "") if doc.syntax == "json" else {}
    if "openvex" in str(top.get("@context", "")):
        return list(_openvex(doc, top))
    if top.get("bomFormat") == "CycloneDX":
        return list(_cyclonedx(doc, top))
    document = top.get("document")
    if isinstance(document, dict) and "csaf_version" in document:
        return list(_csaf(doc, top, document))
    return doc.refuse("", found="no VEX", allowed="OpenVEX, CycloneDX VEX or CSAF VEX in JSON", next_step="name the VEX document")


def _statement(doc: Document, place: str, said: Statement) -> Statement:
    if said.status not in vex.STATUSES:
        doc.refuse(f"{place}.status", found=repr(said.status)[:60], allowed=", ".join(vex.STATUSES))
    if said.status == "not_affected" and not said.reason:
        doc.refuse(place, found="not_affected without a reason", allowed="a justification or an impact statement", next_step="say why it is not affected")
    if not said.ids:
        doc.refuse(place, found="no vulnerability", allowed="its id")
    return said


def _openvex(doc: Document, top: dict[str, Any]) -> Iterator[Statement]:
    author = short(take.text(doc, top.get("author"), "author", optional=True))
    for place, one in take.mappings(doc, top.get("statements"), "statements"):
        vulnerability = one.get("vulnerability")
        named = {"name": vulnerability} if isinstance(vulnerability, str) else take.mapping(doc, vulnerability, f"{place}.vulnerability")
        aliases = take.listing(doc, named.get("aliases"), f"{place}.vulnerability.aliases", optional=True)
        ids = [one for one in (named.get("name"), *aliases) if isinstance(one, str) and one]
        when = one.get("timestamp") or top.get("timestamp")
        products = take.listing(doc, one.get("products"), f"{place}.products", optional=True)
        said = Statement(
            tuple(ids),
            tuple(_openvex_product(doc, product, f"{place}.products[{number}]") for number, product in enumerate(products)),
            take.text(doc, one.get("status"), f"{place}.status"),
            short(one.get("justification") or one.get("impact_statement") or ""),
            take.moment(doc, when, f"{place}.timestamp") if when else None,
            author,
        )
        yield _statement(doc, place, said)


def _openvex_product(doc: Document, product: Any, place: str) -> Product:
    if isinstance(product, str):
        return vex.product(product)
    entry = take.mapping(doc, product, place)
    within = [_purl(doc, one, here) for here, one in take.mappings(doc, entry.get("subcomponents"), f"{place}.subcomponents", optional=True)]
    hashes = take.mapping(doc, entry.get("hashes"), f"{place}.hashes", optional=True)
    digest = str(hashes.get("sha-256", "")).lower()
    return vex.product(_purl(doc, entry, place), sha256=digest if SHA256.fullmatch(digest) else "", within=[one for one in within if one])


def _purl(doc: Document, entry: dict[str, Any], place: str) -> str:
    identifiers = take.mapping(doc, entry.get("identifiers"), f"{place}.identifiers", optional=True)
    return take.text(doc, identifiers.get("purl") or entry.get("@id"), f"{place}.@id", optional=True)


def _cyclonedx(doc: Document, top: dict[str, Any]) -> Iterator[Statement]:
    metadata = take.mapping(doc, top.get("metadata"), "metadata", optional=True)
    known = {one["bom-ref"]: one.get("purl") for _place, one in cyclonedx.components(doc, top) if isinstance(one.get("bom-ref"), str)}
    for place, one in take.mappings(doc, top.get("vulnerabilities"), "vulnerabilities"):
        analysis = take.mapping(doc, one.get("analysis"), f"{place}.analysis", optional=True)
        if not analysis.get("state"):
            continue  # a vulnerability that is listed and not judged
        references = take.mappings(doc, one.get("references"), f"{place}.references", optional=True)
        ids = [one.get("id"), *(reference.get("id") for _here, reference in references)]
        state = take.text(doc, analysis["state"], f"{place}.analysis.state")
        when = analysis.get("lastUpdated") or one.get("updated") or metadata.get("timestamp")
        refs = [
            take.text(doc, affected.get("ref"), f"{here}.ref") for here, affected in take.mappings(doc, one.get("affects"), f"{place}.affects", optional=True)
        ]
        purls = [str(known.get(ref.rsplit("#", 1)[-1] if ref.startswith("urn:cdx:") else ref) or ref) for ref in refs]
        said = Statement(
            tuple(one for one in ids if isinstance(one, str) and one),
            tuple(vex.product(purl) for purl in purls),
            _STATES.get(state, state),
            short(analysis.get("justification") or analysis.get("detail") or ("false_positive" if state == "false_positive" else "")),
            take.moment(doc, when, f"{place}.analysis.lastUpdated") if when else None,
        )
        yield _statement(doc, place, said)


def _csaf(doc: Document, top: dict[str, Any], document: dict[str, Any]) -> Iterator[Statement]:
    if document.get("category") != "csaf_vex":
        doc.refuse("document.category", found=repr(document.get("category"))[:60], allowed="csaf_vex")
    publisher = take.mapping(doc, document.get("publisher"), "document.publisher", optional=True)
    tracking = take.mapping(doc, document.get("tracking"), "document.tracking", optional=True)
    when = tracking.get("current_release_date")
    made_at = take.moment(doc, when, "document.tracking.current_release_date") if when else None
    known = dict(_csaf_products(doc, take.mapping(doc, top.get("product_tree"), "product_tree")))
    for place, one in take.mappings(doc, top.get("vulnerabilities"), "vulnerabilities"):
        ids = [one.get("cve"), *(entry.get("text") for _here, entry in take.mappings(doc, one.get("ids"), f"{place}.ids", optional=True))]
        reasons = _csaf_reasons(doc, one, place)
        for group, listed in take.mapping(doc, one.get("product_status"), f"{place}.product_status").items():
            for product in take.listing(doc, listed, f"{place}.product_status.{group[:40]}") if group in _GROUPS else ():
                if isinstance(product, str) and product in known:
                    names = tuple(one for one in ids if isinstance(one, str) and one)
                    said = Statement(names, (known[product],), _GROUPS[group], reasons.get(product, ""), made_at, short(publisher.get("name") or ""))
                    yield _statement(doc, place, said)


def _csaf_reasons(doc: Document, one: dict[str, Any], place: str) -> dict[str, str]:
    """By product: the label of a flag, else the details of a threat of the category impact."""
    found: dict[str, str] = {}
    flags = [(here, entry, entry.get("label")) for here, entry in take.mappings(doc, one.get("flags"), f"{place}.flags", optional=True)]
    threats = take.mappings(doc, one.get("threats"), f"{place}.threats", optional=True)
    flags += [(here, entry, entry.get("details")) for here, entry in threats if entry.get("category") == "impact"]
    for here, entry, words in flags:
        for product in take.listing(doc, entry.get("product_ids"), f"{here}.product_ids", optional=True):
            if isinstance(product, str):
                found.setdefault(product, short(words or ""))
    return found


def _csaf_products(doc: Document, tree: dict[str, Any]) -> Iterator[tuple[str, Product]]:
    """(product_id, product) of branches, full_product_names and relationships, where they have a package URL."""
    waiting: list[tuple[str, dict[str, Any]]] = [("product_tree", tree)]
    while waiting:
        place, node = waiting.pop()
        named = [one for one in (node.get("product"), node.get("full_product_name")) if isinstance(one, dict)]
        named += [one for _here, one in take.mappings(doc, node.get("full_product_names"), f"{place}.full_product_names", optional=True)]
        for one in named:
            helper = take.mapping(doc, one.get("product_identification_helper"), f"{place}.product_identification_helper", optional=True)
            if isinstance(one.get("product_id"), str) and helper.get("purl"):
                yield one["product_id"], vex.product(take.text(doc, helper["purl"], f"{place}.purl"))
        for key in ("branches", "relationships"):
            waiting += take.mappings(doc, node.get(key), f"{place}.{key}", optional=True)
