# SPDX-License-Identifier: GPL-3.0-or-later
"""One interface for every format: which one a file is, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timezone, tzinfo
from functools import partial

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import parse
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import (
    coverage,
    cyclonedx,
    grype,
    jmeter,
    junit,
    k6,
    locust,
    npm_audit,
    osv,
    pact,
    pip_audit,
    pytest_benchmark,
    sarif,
    spdx,
    trivy,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File, Reading
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

Reader = Callable[[Document], list[Reading]]
_SINGLE = (junit, sarif, cyclonedx, spdx, trivy, grype, osv, npm_audit, pip_audit, k6, pytest_benchmark, jmeter)
_FAMILIES = (coverage, pact, locust)
READERS: dict[str, Reader] = {module.NAME: module.read for module in _SINGLE}
READERS |= {name: partial(module.read, name=name) for module in _FAMILIES for name in module.NAMES}
FORMATS = tuple(sorted(READERS))
_SYNTAX = {"junit": ("xml",), "cobertura": ("xml",), "jacoco": ("xml",), "cyclonedx": ("json", "xml"), "spdx": ("json", "text")}
_SYNTAX |= dict.fromkeys(("lcov", "locust_csv", "jmeter"), ("text",))


def read(file: File, *, form: str = "auto", zone: tzinfo = timezone.utc) -> list[Reading]:
    """What the file says; EvidenceError when it is none of the formats, or not of the named one."""
    return readings(parse.parse(file, zone), form=form)


def readings(doc: Document, *, form: str = "auto") -> list[Reading]:
    name = form if form != "auto" else format_of(doc)
    syntax = _SYNTAX.get(name, ("json",))
    if doc.syntax not in syntax:
        doc.refuse("", found=doc.syntax, allowed=f"{name}, which is {' or '.join(syntax)}", next_step="leave the format out, or name another one")
    return READERS[name](doc)


def format_of(doc: Document) -> str:
    found: list[str] = [module.NAME for module in _SINGLE if module.sniff(doc)]
    found += [name for name in (module.sniff(doc) for module in _FAMILIES) if name]
    if len(found) == 1:
        return found[0]
    return doc.refuse(
        "",
        found=f"what may be {' or '.join(found)}" if found else f"{doc.syntax} of no known format",
        allowed=", ".join(FORMATS),
        next_step="name the format" if found else "check that it is the report that was meant, and name its format",
    )
