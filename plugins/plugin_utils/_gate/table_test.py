# SPDX-License-Identifier: GPL-3.0-or-later
"""Table tests of policies: documents policy_test in, results, coverage and the mutations that no case noticed out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import mutation
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import answer, applies, decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.merge import MergeError, merged, without
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render

Data = Mapping[str, Any]
TESTER = "policy-test"


class Case(NamedTuple):
    """One case of a table, ready to be asked."""

    table: str
    name: str
    expected: Data
    policies: tuple[Data, ...]
    evidence: Data
    deployer: str
    fault: str = ""


class Result(NamedTuple):
    """`faults` is empty when the case came out as expected; `decision` is None when it could not be asked."""

    case: Case
    decision: Decision | None
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        found = self.decision
        return {
            "table": self.case.table,
            "case": self.case.name,
            "passed": not self.faults,
            "faults": list(self.faults),
            "expected": self.case.expected["verdict"],
            "found": found.verdict if found else "",
            "refused": refused(found) if found else [],
        }


def cases(tables: Sequence[Data], policies: Sequence[Data]) -> list[Case]:
    return [_case(table, case, policies) for table in tables for case in table["cases"]]


def run(case: Case) -> Result:
    if case.fault:
        return Result(case, None, (case.fault,))
    decision = ask(case, case.policies)
    return Result(case, decision, tuple(_faults(case.expected, decision)))


def ask(case: Case, policies: Sequence[Data]) -> Decision:
    return decide(
        policies,
        case.evidence,
        act=str(case.evidence["act"]),
        environment=case.evidence["environment"],
        exceptions=case.expected.get("waivers", []),
        deployer=case.deployer,
    )


def refused(decision: Decision) -> list[str]:
    return sorted(f"{rule.policy}/{rule.name}" for rule in decision.refused)


def coverage(results: Sequence[Result], policies: Sequence[Data]) -> dict[str, Any]:
    """{rules, covered, percent, uncovered: [{rule, never}]}: a rule is covered when one case makes it refuse and another makes it agree.

    A rule counts as refusing when it gives a definite no, whatever its enforcement; an error alone shows nothing about its condition.
    """
    seen: dict[str, set[str]] = {f"{policy['name']}/{rule['name']}": set() for policy in policies for rule in policy.get("rules", [])}
    for result in results:
        for rule in result.decision.rules if result.decision else ():
            known = seen.get(f"{rule.policy}/{rule.name}")
            if known is not None and rule.verdict in ("passed", "failed"):
                known.add("agrees" if rule.verdict == "passed" else "refuses")
    missing = [{"rule": name, "never": [word for word in ("refuses", "agrees") if word not in found]} for name, found in seen.items() if len(found) < 2]
    covered = len(seen) - len(missing)
    return {"rules": len(seen), "covered": covered, "percent": round(100.0 * covered / len(seen), 1) if seen else 100.0, "uncovered": missing}


def survivors(results: Sequence[Result], policies: Sequence[Data], *, most: int) -> dict[str, Any]:
    """{tried, killed, left_out, survived: [{rule, mutation}]}: changes of a condition that no case noticed.

    A change is noticed when the rule answers otherwise in some case. Only cases that come out as expected are asked.
    most: mutations that are tried at most; left_out says how many were not.
    """
    usable = [result for result in results if result.decision is not None and not result.faults]
    every = [(policy, number, changed) for policy in policies for number, rule in enumerate(policy.get("rules", [])) for changed in mutation.of(rule)]
    survived = [
        {"rule": f"{policy['name']}/{policy['rules'][number]['name']}", "mutation": changed["condition"]}
        for policy, number, changed in every[:most]
        if not any(_notices(result, policy, number, changed) for result in usable)
    ]
    tried = min(len(every), most)
    return {"tried": tried, "killed": tried - len(survived), "left_out": len(every) - tried, "survived": survived}


def _notices(result: Result, policy: Data, number: int, changed: Data) -> bool:
    evidence = result.case.evidence
    if policy not in result.case.policies or not applies(policy, str(evidence["act"]), evidence["environment"]):
        return False
    before, after = (answer(policy, rule, evidence).verdict for rule in (policy["rules"][number], changed))
    return before != after


def _case(table: Data, case: Data, policies: Sequence[Data]) -> Case:
    wanted = table.get("policies")
    names = [policy["name"] for policy in policies]
    chosen = tuple(policy for policy in policies if wanted is None or policy["name"] in wanted)
    known = Case(str(table["name"]), str(case["name"]), case, chosen, {}, str(table.get("deployer") or TESTER))
    absent = [name for name in wanted or [] if name not in names]
    if absent:
        return known._replace(fault=f"there is no policy {', '.join(absent)}; policies are {', '.join(names) or 'none'}")
    try:
        evidence = without(merged(table["evidence"], case.get("evidence") or {}), case.get("without") or [])
    except MergeError as exc:
        return known._replace(fault=str(exc))
    environment = evidence.get("environment")
    if not evidence.get("act") or not isinstance(environment, Mapping) or not environment.get("name"):
        return known._replace(fault="its evidence has no act, or no environment with a name")
    return known._replace(evidence=evidence)


def _faults(expected: Data, decision: Decision) -> list[str]:
    found = []
    if decision.verdict != expected["verdict"]:
        found.append(f"the verdict is {decision.verdict}, expected {expected['verdict']}")
    told = {"refuses": refused(decision), "warns": sorted(f"{rule.policy}/{rule.name}" for rule in decision.warned)}
    for key, names in told.items():
        if key in expected and names != sorted(expected[key]):
            found.append(f"{key} {', '.join(names) or 'nothing'}, expected {', '.join(sorted(expected[key])) or 'nothing'}")
    text = render(decision)
    found += [f"the answer does not say {text_wanted!r}" for text_wanted in expected.get("says", []) if text_wanted not in text]
    if found:
        found += [f"{rule.policy}/{rule.name} could not tell: {rule.problem}" for rule in decision.refused if rule.problem]
    return found
