# SPDX-License-Identifier: GPL-3.0-or-later
"""VEX: what the supplier says about single vulnerabilities of a product (CISA, Minimum Requirements for VEX, 2023).

A statement hides a vulnerability when it is the newest that fits its id and its package (a package URL, its version if the statement names one) or this
very artifact (its sha256), and says not_affected, with a reason, or fixed. Of two of the same time the one that hides less counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

STATUSES = ("affected", "under_investigation", "fixed", "not_affected")
HIDING = ("fixed", "not_affected")
_NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Product:
    """The package that a vulnerability is in, or the artifact by its sha256; `within` narrows an artifact to packages of it."""

    purl: str = ""
    sha256: str = ""
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    ids: tuple[str, ...]
    products: tuple[Product, ...]
    status: str
    reason: str
    made_at: datetime | None = None
    author: str = ""


def apply(reading: Reading, statements: Sequence[Statement], *, artifact: str) -> tuple[Reading, int]:
    """(the reading with new numbers, how many statements were used)."""
    used: set[int] = set()
    changed = []
    for one in reading.findings:
        newest = _newest(one, statements, artifact)
        if newest is not None and not one.hidden and statements[newest].status in HIDING:
            said = statements[newest]
            used.add(newest)
            one = replace(one, hidden=short(f"vex: {said.status}, {said.reason or 'a fixed version'} ({said.author or 'no author'})"))
        changed.append(one)
    kept = {name: value for name, value in reading.numbers.items() if name not in vulnerabilities.numbers(())}
    numbers = {**vulnerabilities.numbers(changed), **kept}
    return replace(reading, numbers=numbers, items=vulnerabilities.items(changed), findings=tuple(changed)), len(used)


def _newest(one: Vulnerability, statements: Sequence[Statement], artifact: str) -> int | None:
    names = {name.upper() for name in one.ids}
    fitting = [
        (statement.made_at or _NEVER, -STATUSES.index(statement.status), -number)
        for number, statement in enumerate(statements)
        if names & {name.upper() for name in statement.ids} and any(covers(product, one, artifact) for product in statement.products)
    ]
    return -max(fitting)[2] if fitting else None


def covers(product: Product, one: Vulnerability, artifact: str) -> bool:
    if product.sha256:
        return product.sha256 == artifact and (not product.within or any(same_package(purl, one.purl) for purl in product.within))
    return bool(product.purl) and same_package(product.purl, one.purl)


def same_package(said: str, found: str) -> bool:
    """Type, namespace and name are equal, and the version where the statement has one; qualifiers and subpath are not compared."""
    from packageurl import PackageURL

    try:
        one, other = PackageURL.from_string(said), PackageURL.from_string(found)
    except ValueError:
        return False
    return (one.type, one.namespace, one.name) == (other.type, other.namespace, other.name) and one.version in (None, "", other.version)


def digest_of(purl: str) -> str:
    """The sha256 that an OCI package URL has for its version."""
    from packageurl import PackageURL

    try:
        version = PackageURL.from_string(purl).version or ""
    except ValueError:
        return ""
    return version.removeprefix("sha256:") if version.startswith("sha256:") else ""


def product(purl: str, *, sha256: str = "", within: Iterable[str] = ()) -> Product:
    return Product(purl=purl, sha256=sha256 or digest_of(purl), within=tuple(within))
