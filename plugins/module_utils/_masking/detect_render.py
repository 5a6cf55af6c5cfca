# SPDX-License-Identifier: GPL-3.0-or-later
"""A proposed policy as YAML with its evidence in comments, and additions put into a policy that people wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect import explained
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Proposal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]*[A-Za-z0-9_]|[A-Za-z_]")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"])


def scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return scalar(value)


def _comment(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def column_lines(table: str, name: str, proposal: Proposal) -> list[str]:
    entry = proposal.policy["tables"][table]["columns"][name]
    found = proposal.guesses[table].get(name)
    reason = f"  # {_comment(explained(found))}" if found else ""
    if "paths" not in entry:
        return [f"      {scalar(name)}: {flow(entry)}{reason}"]
    lines = [
        f"      {scalar(name)}:{reason}",
        *(f"        {key}: {flow(value)}" for key, value in entry.items() if key not in ("paths", "others")),
        "        paths:",
    ]
    parts = proposal.leaves.get(table, {}).get(name, {})
    for path, leaf in entry["paths"].items():
        told = f"  # {_comment(explained(parts[path]))}" if path in parts else ""
        lines.append(f"          {scalar(path)}: {flow(leaf)}{told}")
    return [*lines, f"        others: {flow(entry['others'])}"]


def table_lines(table: str, proposal: Proposal) -> list[str]:
    document = proposal.policy["tables"][table]
    lines = [f"  {scalar(table)}:"]
    lines += [f"    {key}: {flow(document[key])}" for key in ("entity", "quasi_identifiers") if key in document]
    lines.append("    columns:")
    for name in document["columns"]:
        lines += column_lines(table, name, proposal)
    return lines


def render(proposal: Proposal) -> str:
    policy = proposal.policy
    lines = [
        "# Proposed from names, types, comments and sampled values. Read every line; those with REVIEW need a decision.",
        "---",
        *(f"{key}: {flow(policy[key])}" for key in ("name", "version", "database") if key in policy),
        "tables:",
    ]
    for table in policy["tables"]:
        lines += table_lines(table, proposal)
    if policy.get("skip"):
        lines += ["skip:", *(f"  - {flow(entry)}" for entry in policy["skip"])]
    return "\n".join(lines) + "\n"


def additions(existing: Mapping[str, Any], proposal: Proposal) -> list[str]:
    """Lines of YAML that the policy lacks."""
    lines: list[str] = []
    for table, document in proposal.policy["tables"].items():
        if table not in existing["tables"]:
            lines += table_lines(table, proposal)
            continue
        new = [name for name in document["columns"] if name not in existing["tables"][table]["columns"]]
        if new:
            lines += [f"  {scalar(table)}:", "    columns:"]
        for name in new:
            lines += column_lines(table, name, proposal)
    return lines


def merged(text: str, existing: Mapping[str, Any], proposal: Proposal) -> str:
    """The text of a policy with what it lacks put in and what is gone taken out; every other line stays as it was.

    Works on block style, as `render` writes it; the caller compares what the result means with `proposal.policy`.
    """
    lines = text.splitlines()
    wanted = proposal.policy["tables"]
    for table, document in existing["tables"].items():
        if table not in wanted:
            lines = _without(lines, _block(lines, table, 0, len(lines), 2))
            continue
        for name in [name for name in document["columns"] if name not in wanted[table]["columns"]]:
            begin, end = _block(lines, table, 0, len(lines), 2)
            lines = _without(lines, _block(lines, name, begin + 1, end, 6))
        new = [line for name in wanted[table]["columns"] if name not in document["columns"] for line in column_lines(table, name, proposal)]
        begin, end = _block(lines, table, 0, len(lines), 2)
        begin, end = _block(lines, "columns", begin + 1, end, 4)
        lines[end:end] = new
    tables_end = _block(lines, "tables", 0, len(lines), 0)[1]
    lines[tables_end:tables_end] = [line for table in wanted if table not in existing["tables"] for line in table_lines(table, proposal)]
    return _skips("\n".join(lines) + "\n", existing, proposal)


def _skips(text: str, existing: Mapping[str, Any], proposal: Proposal) -> str:
    before, after = ([entry["table"] for entry in policy.get("skip") or []] for policy in (existing, proposal.policy))
    if before == after:
        return text
    lines = text.splitlines()
    begin, end = _block(lines, "skip", 0, len(lines), 0)
    lines = _without(lines, (begin, end))
    new = ["skip:", *(f"  - {flow(entry)}" for entry in proposal.policy.get("skip", []))]
    return "\n".join([*lines, *(new if after else [])]) + "\n"


def _block(lines: list[str], key: str, begin: int, end: int, indent: int) -> tuple[int, int]:
    """From the line of a key to the one behind its last; (end, end) when it isn't there."""
    start = re.compile(" " * indent + r"(['\"]?)" + re.escape(key) + r"\1\s*:(\s|$)")
    found = next((place for place in range(begin, end) if start.match(lines[place])), None)
    if found is None:
        return end, end
    place = found + 1
    last = place
    while place < end:
        line = lines[place]
        if line.strip() and not line.lstrip().startswith("#"):
            if len(line) - len(line.lstrip()) <= indent:
                break
            last = place + 1
        place += 1
    return found, last


def _without(lines: list[str], block: tuple[int, int]) -> list[str]:
    return [*lines[: block[0]], *lines[block[1] :]]
