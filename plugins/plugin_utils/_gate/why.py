# SPDX-License-Identifier: GPL-3.0-or-later
"""Why can't I promote? One row for each rule that is not agreed with: what was found, what is needed, who can do what next. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision, RuleAnswer
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.needed import needs
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.words import literal

Data = Mapping[str, Any]
STATES = ("refused", "could not tell", "warned", "tried out", "waived")
GRAVEST = ("critical", "high", "medium", "low")
LONGEST = 160  # characters of a found value
# The rules that bring no condition of JMESPath along: an environment's own, and the one that nothing permits.
OWN = ("environment", "(none)")
MINIMUM, GAP = 60, 2
HEADS = ("RULE", "FOUND", "NEEDED", "WHO, WHAT NEXT")


def rows(decision: Decision, evidence: Data) -> list[dict[str, Any]]:
    """{rule, state, severity, found, needed, who, next, reason} of every rule that does not agree, what refuses first, the gravest first.

    found: {expression: value}, null where the evidence has none; needed: a text for each thing that must change.
    """
    found = [_row(rule, evidence) for rule in decision.rules if rule.verdict != "passed"]
    return sorted(found, key=lambda row: (STATES.index(row["state"]), GRAVEST.index(row["severity"])))


def answer(decision: Decision, evidence: Data, *, width: int = 110, standing: Sequence[Data] = ()) -> dict[str, Any]:
    """{verdict, act, environment, release, rows, agreeing, waivers, text}.

    standing: rows of what stands against the act before any policy is asked; with one the verdict is failed, whatever the policies say.
    """
    found = [*map(dict, standing), *rows(decision, evidence)]
    release = evidence.get("release")
    facts = {
        "verdict": "failed" if standing else decision.verdict,
        "act": decision.act,
        "environment": decision.environment,
        "release": str(release.get("version", "")) if isinstance(release, Mapping) else "",
        "agreeing": sum(rule.verdict == "passed" for rule in decision.rules),
        "rows": found,
        "waivers": [dict(note) for note in decision.waivers],
    }
    return {**facts, "text": render(facts, width=width)}


def render(facts: Data, *, width: int = 110) -> str:
    """The table, aligned, in lines of at most `width` characters."""
    refusing = sum(row["state"] in STATES[:2] for row in facts["rows"])
    what = f"{facts['act']} {facts['release']}".strip()
    total = facts["agreeing"] + len(facts["rows"])
    if refusing:
        head = f"{what} to {facts['environment']}: not now. {refusing} of {total} rules stand against it."
    else:
        head = f"{what} to {facts['environment']}: nothing stands against it. {facts['agreeing']} of {total} rules agree."
    lines = textwrap.wrap(head, width)
    if facts["rows"]:
        lines += ["", *_table([_cells(row) for row in facts["rows"]], max(width, MINIMUM))]
    void = [f"The exception {note['waiver']} for {note['rule']} counts for nothing: {note['why']}." for note in facts["waivers"] if not note["used"]]
    return "\n".join([*lines, *([""] if void else []), *(line for text in void for line in textwrap.wrap(text, width))])


def _row(rule: RuleAnswer, evidence: Data) -> dict[str, Any]:
    wants = [] if rule.policy in OWN or rule.condition.startswith("OPA ") else needs(rule.condition, wanted=rule.effect == "require", evidence=evidence)
    found = dict(rule.values)
    for need in wants:
        found |= dict(need.found)
    return {
        "rule": f"{rule.policy}/{rule.name}",
        "state": _state(rule),
        "severity": rule.severity,
        "found": found,
        "needed": [need.needed for need in wants] or [_needed(rule)],
        "who": rule.owner or _who(rule, evidence),
        "next": rule.remedy,
        "reason": rule.problem or rule.reason,
    }


def _state(rule: RuleAnswer) -> str:
    if rule.waived:
        return "waived"
    if rule.enforcement != "deny":
        return "warned" if rule.enforcement == "warn" else "tried out"
    return "refused" if rule.verdict == "failed" else "could not tell"


def _needed(rule: RuleAnswer) -> str:
    if rule.policy == "environment":
        needed = rule.values.get("required_approvals")
        return {
            "window": "an open window of the environment",
            "freeze": "no freeze",
            "approvals": f"approvals by {needed} different people" if needed is not None else "the approvals",
        }.get(rule.name, rule.condition)
    return rule.condition if rule.policy == "(none)" else f"the agreement of {rule.condition}"


def _who(rule: RuleAnswer, evidence: Data) -> str:
    environment = evidence.get("environment")
    owner = environment.get("owner") if isinstance(environment, Mapping) else None
    if rule.policy in OWN and owner:
        return f"{owner}, the owner of {environment.get('name')}" if isinstance(environment, Mapping) else str(owner)
    release = evidence.get("release")
    if isinstance(release, Mapping) and release.get("owner"):
        return f"{release['owner']}, the owner of the release"
    return "the owner of the release"


def _cells(row: Data) -> tuple[str, ...]:
    found = "\n".join(f"{name} = {_short(value)}" for name, value in row["found"].items()) or row["reason"]
    mark = f"{row['rule']}\n[{row['state']}, {row['severity']}]"
    return mark, found, "\n".join(row["needed"]), f"{row['who']}: {row['next']}"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = literal(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _table(cells: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """Columns get room by the length of what they hold, no less than their share of a narrow terminal."""
    room = width - GAP * (len(HEADS) - 1)
    wanted = [max(max(len(line) for line in row[column].split("\n")) for row in cells) for column in range(len(HEADS))]
    least = room // 6
    widths = [min(one, least) if sum(wanted) > room else one for one in wanted]
    left = room - sum(widths)
    for place, column in enumerate(sorted(range(len(HEADS)), key=lambda number: wanted[number])):
        share = left // (len(HEADS) - place)
        more = max(0, min(share, max(wanted[column], len(HEADS[column])) - widths[column]))
        widths[column] += more
        left -= more
    yield from _line(HEADS, widths)
    yield "  ".join("-" * size for size in widths)
    for number, row in enumerate(cells):
        yield from ([""] if number else [])
        yield from _line(row, widths)


class _Wrapper(textwrap.TextWrapper):
    """Paths and names of rules are broken after a dot or a slash rather than anywhere."""

    def _split(self, text: str) -> list[str]:
        usual: list[str] = super()._split(text)
        return [piece for chunk in usual for piece in (re.findall(r"[^./_]*[./_]|[^./_]+", chunk) if len(chunk) > self.width else [chunk])]


def _line(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [[piece for line in cell.split("\n") for piece in _Wrapper(size).wrap(line) or [""]] for cell, size in zip(row, widths)]
    for pieces in zip_longest(*wrapped, fillvalue=""):
        yield (" " * GAP).join(piece.ljust(size) for piece, size in zip(pieces, widths)).rstrip()
