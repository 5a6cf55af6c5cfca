# SPDX-License-Identifier: GPL-3.0-or-later
"""`npm audit --json` (auditReportVersion 2). An advisory counts once for each package that it is about."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import ERRORED, INCONCLUSIVE, PASSED, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

NAME = "npm_audit"


def sniff(doc: Document) -> bool:
    if doc.syntax != "json" or not isinstance(doc.value, dict):
        return False
    return "auditReportVersion" in doc.value or ("error" in doc.value and ("statusCode" in doc.value or "uri" in doc.value))


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    if "auditReportVersion" not in top and "error" in top:
        return [vulnerabilities.reading((), tool="npm audit", verdict=ERRORED, reason=f"npm audit failed: {short(top.get('message') or top['error'])}")]
    if top.get("auditReportVersion") != 2:
        doc.refuse("auditReportVersion", found=repr(top.get("auditReportVersion"))[:40], allowed="2", next_step="use npm 7 or newer")
    found = []
    for name, entry in take.mapping(doc, top.get("vulnerabilities"), "vulnerabilities").items():
        place = f"vulnerabilities.{name[:60]}"
        package = take.mapping(doc, entry, place)
        # Texts in `via` name another package of this list, whose advisory is counted there.
        for number, one in enumerate(take.listing(doc, package.get("via"), f"{place}.via")):
            if isinstance(one, dict):
                found.append(_advisory(doc, one, f"{place}.via[{number}]", bool(package.get("fixAvailable"))))
    metadata = take.mapping(doc, top.get("metadata"), "metadata", optional=True)
    dependencies = take.mapping(doc, metadata.get("dependencies"), "metadata.dependencies", optional=True)
    looked_at = take.whole(doc, dependencies["total"], "metadata.dependencies.total") if "total" in dependencies else None
    verdict = INCONCLUSIVE if looked_at == 0 and not found else PASSED
    more = {} if looked_at is None else {"packages": looked_at}
    return [vulnerabilities.reading(found, tool="npm audit", verdict=verdict, reason="" if verdict == PASSED else "no package was looked at", more=more)]


def _advisory(doc: Document, one: dict[str, object], place: str, fixable: bool) -> Vulnerability:
    name = take.text(doc, one.get("name"), f"{place}.name")
    url = take.text(doc, one.get("url"), f"{place}.url", optional=True)
    identity = url.rsplit("/", 1)[-1] if "GHSA-" in url else f"npm-{one.get('source')}"
    return Vulnerability(
        (short(identity),), name, "", vulnerabilities.purl_of("npm", name, ""), vulnerabilities.severity(one.get("severity")), "yes" if fixable else ""
    )
