# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding in words, the same in every output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Of one value: the document has all of it.
LONGEST = 200
# Of those who may have done it, in one line.
MOST_NAMED = 3


def value(found: Any, *, longest: int = LONGEST) -> str:
    text = found if isinstance(found, str) else json.dumps(found, sort_keys=True, ensure_ascii=False, default=str)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def differences(finding: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """(attribute, before, after), None where there was nothing; a plain value has no attribute's name."""
    before, after = finding.get("before"), finding.get("after")
    if not isinstance(before, Mapping) and not isinstance(after, Mapping):
        return [] if before is None and after is None else [("", _side(before), _side(after))]
    old: Mapping[str, Any] = before if isinstance(before, Mapping) else {} if before is None else {"": before}
    new: Mapping[str, Any] = after if isinstance(after, Mapping) else {} if after is None else {"": after}
    return [(name, value(old[name]) if name in old else None, value(new[name]) if name in new else None) for name in sorted({*old, *new})]


def message(finding: Mapping[str, Any]) -> str:
    """One line."""
    path, kind = finding["path"], finding["kind"]
    start = f"{path} could not be compared" if kind == "unknown" else f"{path} was {kind}" + (f" from {finding['from']}" if finding.get("from") else "")
    parts = [f"{name}: {_shown(old)} -> {_shown(new)}" if name else f"{_shown(old)} -> {_shown(new)}" for name, old, new in differences(finding)]
    text = f"{start}: {'; '.join(parts)}" if parts else start
    by = [attribution(item) for item in (finding.get("attribution") or [])[:MOST_NAMED] if not isinstance(item, Mapping) or item.get("who")]
    return text + (f" ({'; '.join(by)})" if by else "")


def attribution(item: Any) -> str:
    """Who and when, how sure that is and how it is known; or why nobody knows."""
    if not isinstance(item, Mapping):
        return f"by {value(item)}"
    if not item.get("who"):
        return value(item.get("text") or "nobody knows who did it")
    when = f" at {item['when']}" if item.get("when") else ""
    sure = ", ".join(str(item[key]) for key in ("confidence", "how") if item.get(key))
    text = f": {item['text']}" if item.get("text") else ""
    return value(f"by {item['who']}{when}{f' ({sure})' if sure else ''}{text}")


def reason(finding: Mapping[str, Any]) -> str:
    """Why it is allowed, by whom and until when."""
    declared = finding["expired"] if isinstance(finding.get("expired"), Mapping) else finding
    text = str(declared.get("reason") or "no reason given")
    known = [f"owner {declared['owner']}" if declared.get("owner") else "", _until(finding, declared)]
    rest = ", ".join(word for word in known if word)
    return f"{text} ({rest})" if rest else text


def _until(finding: Mapping[str, Any], declared: Mapping[str, Any]) -> str:
    if not declared.get("expires"):
        return ""
    return f"{'expired' if finding.get('expired') else 'until'} {declared['expires']}"


def _side(found: Any) -> str | None:
    return None if found is None else value(found)


def _shown(text: str | None) -> str:
    return "nothing" if text is None else text
