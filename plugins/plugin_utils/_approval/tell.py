# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer as text: what is missing, why what is there does not count, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Data = Mapping[str, Any]


def tell(subject: Data, answer: Data) -> str:
    found, apart = answer["approvals"], answer["duties"]
    what = f"{subject['act']} of {subject['release']} to {subject['environment']}"
    if answer["verdict"] == "passed":
        who = ", ".join(found["approvers"]) or ", ".join(found["automatic"]) or "no one, as the rules allow"
        return f"The {what} is approved by {who} (digest {found['digest'][:12]})."
    return "\n".join([f"The {what} is not approved (digest {found['digest'][:12]}, {answer['verdict']}).", *_lines(found, apart)])


def _lines(found: Data, apart: Data) -> Iterator[str]:
    yield from (f"  can't be told: {why}" for why in found["unsure"])
    if found["changed"]:
        yield "  since approvals were asked for last, this changed, and with it they are void:"
        yield from (f"    - {what}" for what in found["changed"])
    for rule in found["rules"]:
        if rule["missing"]:
            yield f"  {rule['rule']}: {len(rule['people'])} of {rule['needed']} ({', '.join(rule['people']) or 'nobody'}). {rule['reason']}"
            yield from (f"    missing: one of {seat['group']} ({', '.join(seat['could']) or 'nobody is left who could'})" for seat in rule["missing"])
    yield from (f"  does not count: {one['file']}: {one['reason']}" for one in found["refused"])
    for rule in apart["rules"]:
        if rule["verdict"] != "passed":
            yield f"  {rule['name']} [{rule['verdict']}]: {rule['reason']} {rule['remedy']}"
    if found["verdict"] != "passed":
        yield "  next: ansible-playbook evenkeel.release.approve writes what is to be signed and says how."
