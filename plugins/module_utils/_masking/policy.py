# SPDX-License-Identifier: GPL-3.0-or-later
"""A masking policy against the columns that exist: what is masked, and every reason to refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import (
    ANY,
    DATE,
    TEXT,
    TIMESTAMP,
    TRANSFORMERS,
    UUID,
    MaskingError,
)

FAMILIES = {
    "text": TEXT,
    "character varying": TEXT,
    "character": TEXT,
    "citext": TEXT,
    "uuid": UUID,
    "date": DATE,
    "timestamp without time zone": TIMESTAMP,
    "timestamp with time zone": TIMESTAMP,
}
# Keys of guesses: a name that matches, tried in this order. The last resort hides the value.
GUESSES = (
    ("email", r"e_?mail|(^|_)mail($|_)"),
    ("phone", r"phone|mobile|fax|(^|_)tel($|_)"),
    ("first_name", r"first_?name|given_?name"),
    ("last_name", r"last_?name|family_?name|surname"),
    ("iban", r"iban"),
    ("card", r"card|(^|_)pan($|_)"),
    ("postcode", r"post_?code|zip"),
    ("city", r"city|town"),
    ("street", r"street|address"),
    ("name", r"name"),
)


class Column(NamedTuple):
    name: str
    type: str  # as format_type() shows it, with its modifier
    not_null: bool
    generated: bool = False

    @property
    def family(self) -> str:
        return FAMILIES.get(re.sub(r"\(\d+\)", "", self.type).replace("  ", " "), "")

    @property
    def length(self) -> int:
        found = re.search(r"^char\w*(?: varying)?\((\d+)\)", self.type)
        return int(found.group(1)) if found else 0


class Rule(NamedTuple):
    mask: Optional[str]  # None: the column is kept, for a reason the policy gives
    domain: str
    options: Mapping[str, Any]


class Plan(NamedTuple):
    tables: dict[str, dict[str, Rule]]
    faults: list[str]
    additions: list[str]  # lines of YAML that would cure the faults


def guess(column: Column) -> str:
    if column.generated:
        return '{keep: "computed by the database from other columns"}'
    if column.family == TEXT:
        for transformer, pattern in GUESSES:
            if re.search(pattern, column.name, re.IGNORECASE):
                return f"{{mask: {transformer}}}"
        return "{mask: text}"
    if column.family in (DATE, TIMESTAMP):
        personal = re.search(r"birth|dob", column.name, re.IGNORECASE)
        return "{mask: date_shift}" if personal else '{keep: "REVIEW: a time, no personal value"}'
    if column.family == UUID:
        return "{mask: uuid}"
    if re.search(r"(^|_)id$", column.name):
        return '{keep: "REVIEW: surrogate key, no personal value"}'
    if column.type.startswith(("integer", "bigint", "smallint", "numeric", "boolean")):
        return '{keep: "REVIEW: why is this value not personal?"}'
    return '{mask: "null"}' if not column.not_null else '{mask: constant, value: "REVIEW"}'


def structure_faults(policy: Mapping[str, Any]) -> list[str]:
    """What the schema of the document says too: a module may be handed a policy that nobody validated."""
    faults = [f"{key}: unknown key" for key in policy if key not in ("name", "version", "database", "tables", "skip")]
    if not isinstance(policy.get("name"), str):
        faults.append("name: a text is needed")
    if policy.get("version") != 1:
        faults.append(f"version: found {policy.get('version')!r}, allowed is 1")
    tables = policy.get("tables")
    if not isinstance(tables, Mapping) or not tables:
        return [*faults, "tables: a mapping of schema.table is needed"]
    for name, table in tables.items():
        if not isinstance(table, Mapping) or set(table) != {"columns"} or not isinstance(table["columns"], Mapping):
            faults.append(f"tables.{name}: a mapping with the one key 'columns' is needed")
            continue
        for column, entry in table["columns"].items():
            faults += [f"tables.{name}.columns.{column}: {fault}" for fault in _entry_faults(entry)]
    for place, entry in enumerate(policy.get("skip") or []):
        if not isinstance(entry, Mapping) or set(entry) != {"table", "reason"} or not entry["reason"]:
            faults.append(f"skip[{place}]: a mapping of 'table' and 'reason' is needed")
    return faults


def _entry_faults(entry: Any) -> list[str]:
    if not isinstance(entry, Mapping) or ("mask" in entry) == ("keep" in entry):
        return ["either 'mask' or 'keep' is needed"]
    if "keep" in entry:
        reason_given = isinstance(entry["keep"], str) and entry["keep"].strip() and len(entry) == 1
        return [] if reason_given else ["'keep' needs a reason as text, and nothing beside it"]
    transformer = TRANSFORMERS.get(entry["mask"]) if isinstance(entry["mask"], str) else None
    if transformer is None:
        return [f"mask: found {entry['mask']!r}, allowed are {', '.join(sorted(TRANSFORMERS))}"]
    allowed = {"mask", "domain", *transformer.options}
    faults = [f"{key}: {entry['mask']} has no such option" for key in entry if key not in allowed]
    if entry["mask"] == "constant" and not isinstance(entry.get("value"), (str, int, float)):
        faults.append("value: constant needs a text or a number")
    if "days" in entry:
        try:
            transformer.sql(entry)
        except MaskingError as exc:
            faults.append(str(exc))
    return faults


def make_plan(policy: Mapping[str, Any], catalog: Mapping[str, list[Column]]) -> Plan:
    """`catalog` holds every table of the source. Nothing may move while `faults` holds anything."""
    plan = Plan({}, structure_faults(policy), [])
    if plan.faults:
        return plan
    skipped = {entry["table"] for entry in policy.get("skip") or []}
    for name in sorted({*catalog, *policy["tables"], *skipped}):
        wanted = policy["tables"].get(name)
        if name not in catalog:
            plan.faults.append(f"{name}: the policy names it, the source has no such table")
        elif wanted is not None and name in skipped:
            plan.faults.append(f"{name}: is in both tables and skip")
        elif name in skipped:
            continue
        else:
            rules, faults, lines = _table(name, (wanted or {}).get("columns", {}), catalog[name])
            plan.tables[name] = rules
            plan.faults.extend(faults if wanted is not None else [f"{name}: the policy doesn't mention this table"])
            plan.additions.extend([f"  {name}:", "    columns:", *lines] if lines else [])
    return plan


def _table(name: str, entries: Mapping[str, Any], columns: list[Column]) -> tuple[dict[str, Rule], list[str], list[str]]:
    rules: dict[str, Rule] = {}
    known = {column.name for column in columns}
    faults = [f"{name}.{entry}: the policy names it, the source has no such column" for entry in entries if entry not in known]
    lines = []
    for column in columns:
        entry = entries.get(column.name)
        if entry is None:
            faults.append(f"{name}.{column.name}: the policy doesn't mention this column ({column.type})")
            lines.append(f"      {column.name}: {guess(column)}")
            continue
        options = {key: entry[key] for key in ("days", "value") if key in entry}
        mask = entry.get("mask")
        rules[column.name] = Rule(mask, entry.get("domain", mask or ""), options)
        if mask:
            faults += [f"{name}.{column.name}: {fault}" for fault in column_faults(mask, column)]
    return rules, faults, lines


def column_faults(mask: str, column: Column) -> list[str]:
    transformer = TRANSFORMERS[mask]
    if column.generated:
        return ["is computed by the database from other columns; keep it and mask those"]
    if ANY not in transformer.families and column.family not in transformer.families:
        return [f"{mask} can't make a {column.type}; it makes {', '.join(transformer.families)}"]
    if mask == "null" and column.not_null:
        return ["null isn't allowed in a column that is NOT NULL"]
    if column.length and transformer.longest > column.length and column.family == TEXT:
        return [f"{mask} makes up to {transformer.longest} characters, the column holds {column.length}"]
    return []
