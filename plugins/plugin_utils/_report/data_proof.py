# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof of a refresh says, in words. Engines prove different things; a check that left no record is named as not made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import proof_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.data_read import Facts, Refresh, counted, items, listed, mapping, number, text, whole

# By what the proof says: how it is shown, and in which words.
WORDS = {
    "passed": ("passed", "proof passed"),
    "failed": ("failed", "proof failed"),
    "off": ("attention", "proof switched off"),
    "none": ("attention", "not proved"),
    "empty": ("attention", "proof shows no check"),
    "": ("attention", "no proof recorded"),
}
NO_ROWS = ("none", "no rows, nothing to prove")
# Of several databases the weakest says what is known of the whole.
RANK = ("failed", "attention", "passed", "none")
MOST_FINDINGS = 20
KEYS = {
    "foreign_keys": ("foreign key", "foreign keys"),
    "primary_keys": ("primary key", "primary keys"),
    "checks": ("check", "checks"),
    "unique": ("unique constraint", "unique constraints"),
    "exclusions": ("exclusion", "exclusions"),
    "indexes": ("index", "indexes"),
    "sequences": ("sequence", "sequences"),
    "not_valid_before": ("that was not valid before", "that were not valid before"),
    "broken_foreign_keys": ("broken foreign key", "broken foreign keys"),
}


class Group(NamedTuple):
    """The fewest rows that share their quasi-identifiers."""

    size: int
    table: str
    columns: str


def verdict(found: Refresh, *, proved: bool) -> tuple[str, str]:
    """(class of the badge, words). proved: all rows that are there, by the refreshes before too."""
    if found.mode == "schema_only" and not found.proof:
        return NO_ROWS
    if not found.changed:
        return WORDS["passed"] if proved else WORDS[""]
    said = proof_of(found.facts)
    if said == "passed" and not proved:
        return "attention", "only the changes proved"
    return WORDS.get(said, ("attention", f"proof {text(said)}"))


def describe(proof: Facts) -> dict[str, Any]:
    made: list[tuple[str, str]] = []
    missing: list[str] = []
    for name, words in CHECKS.items():
        said = words(proof)
        if said:
            made.append((name, said))
        else:
            missing.append(name)
    findings = [mapping(one) for one in items(proof.get("findings"))]
    return {
        "scope": text(proof.get("scope")),
        "made": made,
        "missing": ", ".join(missing),
        "findings": [f"{text(one.get('place'))}: {text(one.get('text'))}" for one in findings[:MOST_FINDINGS]],
        "more": max(0, len(findings) - MOST_FINDINGS),
        "seconds": number(proof.get("seconds")),
    }


def smallest(found: Refresh) -> Group | None:
    return min(_groups(found.proof), default=None)


def _groups(proof: Facts) -> list[Group]:
    found = []
    for table, facts in mapping(proof.get("k_anonymity")).items():
        size = whole(mapping(facts).get("smallest"))
        if size is not None:
            found.append(Group(size, text(table), listed(items(facts.get("columns")))))
    return found


def _counts(proof: Facts) -> str:
    """SQLite has no checksums."""
    tables = [mapping(one) for one in mapping(proof.get("tables")).values()]
    if not tables:
        return ""
    rows = sum(whole(one.get("rows")) or 0 for one in tables)
    sums = [text(one.get("checksum")) for one in tables if one.get("checksum")]
    equal = sums.count("equal")
    told = f"{counted(rows, 'row')} of {counted(len(tables), 'table')}, "
    differ = sums.count("differs")
    return told + (f"checksums equal in {equal:,}" if equal else "no checksums") + (f", different in {differ:,}" if differ else "")


def _sample(proof: Facts) -> str:
    if not isinstance(proof.get("sample"), Mapping):
        return ""
    rows, without = [], []
    for table, facts in proof["sample"].items():
        count = whole(mapping(facts).get("rows")) or whole(facts) or 0
        if count:
            rows.append(count)
        elif mapping(facts).get("why") not in (None, "no rows"):
            without.append(f"{text(table)} ({text(facts['why'])})")
    told = f"{counted(sum(rows), 'row')} of {counted(len(rows), 'table')} masked once more and compared"
    return told + (f"; not of {listed(without, 4)}" if without else "")


def _leaks(proof: Facts) -> str:
    found = mapping(proof.get("leaks"))
    if not found or found.get("checked") is False:
        return ""
    told = [f"{counted(whole(found.get('columns_checked')) or 0, 'column')}, {counted(whole(found.get('values')) or 0, 'value')} compared"]
    places, partly, tolerated = (found.get(key) for key in ("places_read", "read_partly", "tolerated"))
    if items(places):
        told.append(f"looked for in {counted(len(items(places)), 'place')}")
    if mapping(partly):
        told.append("read in part: " + listed((f"{place} ({share} %)" for place, share in mapping(partly).items()), 4))
    if mapping(tolerated):
        told.append(f"{counted(sum(whole(one) or 0 for one in mapping(tolerated).values()), 'value')} alike by chance or frequent")
    return "; ".join(told)


def _keys(proof: Facts) -> str:
    told = []
    for name, value in mapping(proof.get("keys")).items():
        words, count = text(name).replace("_", " "), whole(value)
        if count is None:
            told.append(f"{words} {text(value)}")
        elif count or words.startswith("broken"):
            told.append(counted(count, *KEYS.get(name, (words, words))))
    return listed(told)


def _anonymity(proof: Facts) -> str:
    if not isinstance(proof.get("k_anonymity"), Mapping):
        return ""
    told = []
    for table, given in proof["k_anonymity"].items():
        facts = mapping(given)
        size, below = whole(facts.get("smallest")), whole(facts.get("rows_below_k"))
        least = "no rows" if size is None else f"the smallest of {size:,}"
        small = f", {counted(below, 'row')} in groups below {text(facts.get('k'))}" if below else ""
        told.append(f"{text(table)}: {counted(whole(facts.get('groups')) or 0, 'group')} by {listed(items(facts.get('columns')))}, {least}{small}")
    return "; ".join(told[:6]) + (f" and {len(told) - 6} more tables" if len(told) > 6 else "") if told else "the policy names no quasi-identifiers"


CHECKS: dict[str, Callable[[Facts], str]] = {
    "counts": _counts,
    "second masking": _sample,
    "leaks": _leaks,
    "keys": _keys,
    "k-anonymity": _anonymity,
}
