# SPDX-License-Identifier: GPL-3.0-or-later
"""SPDX licence expressions, and whether lists of allowed and denied licences permit them.

Of an OR one side is enough, of an AND all are needed. A WITH (an exception, which only adds permissions) is permitted when it is listed as written, or
when its licence is; it is denied when its licence is denied and it is not itself allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

LONGEST = 1000
_NOTHING = ("", "NONE", "NOASSERTION", "UNKNOWN")


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing  # it reads its index, so only who needs it waits

    return get_spdx_licensing()


@cache
def normal(text: str) -> str:
    """The expression in SPDX's own spelling; empty when it is none, or names a licence that SPDX does not list."""
    from boolean import ParseError
    from license_expression import ExpressionError

    plain = text.strip()
    if plain.upper() in _NOTHING or len(plain) > LONGEST:
        return ""
    try:
        parsed = _licensing().parse(plain, validate=False, strict=False)
        if parsed is None or _unlisted(parsed):
            return ""
        return str(parsed)
    except (ExpressionError, ParseError, RecursionError, TypeError, ValueError, AttributeError, IndexError):
        return ""


def _unlisted(parsed: Any) -> list[str]:
    """LicenseRef-... names a text that travels with the SBOM: known by name, and permitted only where that name is listed."""
    unknown = _licensing().unknown_license_keys(parsed)
    return [key for key in unknown if not key.startswith(("LicenseRef-", "DocumentRef-"))]


def together(parts: Iterable[str]) -> str:
    """Several licences that all hold, as one expression; empty when one of them is not readable."""
    found = [normal(part) for part in dict.fromkeys(parts)]
    if not found or not all(found):
        return ""
    return found[0] if len(found) == 1 else normal(" AND ".join(f"({part})" for part in found))


def judge(expressions: Iterable[str], *, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> dict[str, list[str]]:
    """{denied: [...], unlisted: [...]}: expressions that `deny` leaves no way to use, and those that `allow` does not permit.

    Without `allow` everything that is not denied is permitted. Entries of the lists are licences or licence WITH exception.
    """
    allowed, denied = {normal(one) or one for one in allow}, {normal(one) or one for one in deny}
    found: dict[str, list[str]] = {"denied": [], "unlisted": []}
    for text in sorted(set(expressions)):
        parsed = _licensing().parse(text, validate=False, strict=False)
        if not _holds(parsed, allowed=set(), denied=denied, listed=allowed):
            found["denied"].append(text)
        elif allowed and not _holds(parsed, allowed=allowed, denied=denied, listed=allowed):
            found["unlisted"].append(text)
    return found


def _holds(node: Any, *, allowed: set[str], denied: set[str], listed: set[str]) -> bool:
    operator = str(getattr(node, "operator", None) or "").strip()
    if operator == "OR":
        return any(_holds(part, allowed=allowed, denied=denied, listed=listed) for part in node.args)
    if operator == "AND":
        return all(_holds(part, allowed=allowed, denied=denied, listed=listed) for part in node.args)
    whole = str(node)
    names = {whole, str(getattr(node, "license_symbol", whole))}
    if names & denied and (whole in denied or whole not in listed):
        return False
    return not allowed or bool(names & allowed)


def faults(lists: Mapping[str, Iterable[str]]) -> list[str]:
    """Entries of the lists that are no SPDX licence: a typing error in `deny` would permit what it means to forbid."""
    return [f"{name}: {one}" for name in ("allow", "deny") for one in lists.get(name, ()) if not normal(one) or " AND " in one or " OR " in one]
