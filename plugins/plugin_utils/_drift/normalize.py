# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as equal though it is written differently: a host's own values, and what rules say does not matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.shown import attributes, is_secret
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.versions import version_key

Item = Mapping[str, Any]
Rule = Mapping[str, Any]
Replace = Callable[[str], str]
# The same service lies elsewhere in each environment: that is never a difference.
DEFAULTS: tuple[Rule, ...] = ({"match": "**", "values": ["root"]},)
# A name may be part of a longer one (staging_db), a path only of a path below it, an address of nothing.
_EDGES = {
    "host": ("[A-Za-z0-9]", "[A-Za-z0-9]"),
    "environment": ("[A-Za-z0-9]", "[A-Za-z0-9]"),
    "address": (r"[\w.:]", r"[\w.]"),
    "root": (r"[\w./-]", r"[\w.-]"),
}


def replaced(items: Mapping[str, Item], rules: Sequence[Rule], own: Mapping[str, Any]) -> dict[str, Item]:
    """The items with the host's own values as {host}, {address}, {environment} and {root}, in names and in values.

    own: {host, address, environment, root}, each a text or a list of texts.
    """
    wanted = [(rule, _replacer(own, rule["values"])) for rule in (*rules, *DEFAULTS) if rule.get("values")]
    used = [(rule, replace) for rule, replace in wanted if replace]
    result: dict[str, Item] = {}
    for path in sorted(items):
        name, item = path, items[path]
        for rule, replace in used:
            if not fits(rule, path):
                continue
            only = rule.get("attributes")
            if not only:
                kind, colon, rest = name.partition(":")
                name = f"{kind}{colon}{replace(rest)}"
            item = {key: _within(value, replace) if not only or any_matches(only, key) else value for key, value in item.items()}
        # Two names that become one are kept apart.
        result[name if name not in result else path] = item
    return result


def _replacer(own: Mapping[str, Any], kinds: Sequence[str]) -> Replace | None:
    texts: dict[str, str] = {}
    for kind in kinds:
        values = own.get(kind) or ()
        for value in [values] if isinstance(values, str) else values:
            text = str(value).rstrip("/") if kind == "root" else str(value)
            if text:
                texts.setdefault(text, kind)
    if not texts:
        return None
    # The longest first: an address may begin with another one.
    options = [f"(?<!{_EDGES[texts[text]][0]}){re.escape(text)}(?!{_EDGES[texts[text]][1]})" for text in sorted(texts, key=len, reverse=True)]
    found = re.compile("|".join(options))
    shortest = tuple(text for text in texts if not any(other != text and other in text for other in texts))

    def replace(text: str) -> str:
        for each in shortest:
            if each in text:
                return found.sub(lambda match: f"{{{texts[match[0]]}}}", text)
        return text

    return replace


def _within(value: Any, replace: Replace) -> Any:
    if isinstance(value, str):
        return replace(value)
    if is_secret(value):
        return value
    if isinstance(value, Mapping):
        return {key: _within(each, replace) for key, each in value.items()}
    return [_within(each, replace) for each in value] if isinstance(value, list) else value


def fits(rule: Rule, path: str) -> bool:
    return any_matches([rule["match"]] if isinstance(rule["match"], str) else rule["match"], path)


def unlike(path: str, here: Item, there: Item, rules: Sequence[Rule]) -> list[str]:
    """Names of the attributes in which they differ and that matters; here is the later or the own one."""
    left, right = attributes(here), attributes(there)
    names = [name for name in sorted({*left, *right}) if left.get(name) != right.get(name) or (name in left) != (name in right)]
    fitting = [rule for rule in rules if fits(rule, path)]
    return [name for name in names if not any(_excuses(rule, name, left.get(name), right.get(name)) for rule in fitting)]


def ignored(path: str, rules: Sequence[Rule]) -> bool:
    """Whether it does not matter that it is there."""
    return any(rule.get("ignore") is True and not rule.get("attributes") and fits(rule, path) for rule in rules)


def significant(changes: Mapping[str, Mapping[str, Any]], rules: Sequence[Rule]) -> dict[str, Mapping[str, Any]]:
    """Without the changes that the rules call none. What is unknown stays."""
    if not any(rule.get("ignore") or rule.get("at_least") for rule in rules):
        return dict(changes)
    return {path: left for path, change in changes.items() if (left := _left(path, change, rules))}


def _left(path: str, change: Mapping[str, Any], rules: Sequence[Rule]) -> Mapping[str, Any] | None:
    old, new = change["before"], change["after"]
    if any(item and "unknown" in item for item in (old, new)):
        return change
    if old is None or new is None:
        return None if ignored(path, rules) else change
    names = unlike(path, new, old, rules)
    if not names:
        return None
    excused = {*attributes(old), *attributes(new)} - set(names) - {name for name in old if old[name] == new.get(name)}
    return {side: {key: value for key, value in change[side].items() if key not in excused} for side in ("before", "after")}


def _excuses(rule: Rule, name: str, here: Any, there: Any) -> bool:
    only = rule.get("attributes")
    if rule.get("at_least") and isinstance(here, str) and isinstance(there, str) and any_matches(only or ["version"], name):
        return version_key(here) >= version_key(there)
    if not rule.get("ignore") or (only and not any_matches(only, name)):
        return False
    if rule["ignore"] is True:
        return True
    return not is_secret(here) and not is_secret(there) and _plain(here, rule["ignore"]) == _plain(there, rule["ignore"])


def _plain(value: Any, ignore: str) -> Any:
    if isinstance(value, list):
        plain = [_plain(each, ignore) for each in value]
        return sorted(plain, key=repr) if ignore == "order" else plain
    if not isinstance(value, str):
        return value
    if ignore == "case":
        return value.casefold()
    if ignore == "whitespace":
        return " ".join(value.split())
    return sorted(part.strip() for part in value.split("," if "," in value else None))
