# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OPA server said about the evidence, as answers of rules. Pure; _gate/opa_client.py asks.

The result (https://www.openpolicyagent.org/docs/rest-api, POST /v1/data) is one of
  true or false                                   whether it allows
  ["message", {"msg": ..., "id": ...}, ...]       what it denies; an empty list denies nothing, and permits nothing
  {"allow": bool, "deny": [...], "violation": [...], "warn": [...]}   other keys are the policy's own business
Undefined, null, another type, or an object with neither allow nor deny nor violation is an error, and an error denies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import RuleAnswer, Verdict

Data = Mapping[str, Any]
MOST = 200  # messages
LONGEST = 1000  # characters of one
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
DENIES = ("deny", "violation")


class Reply(NamedTuple):
    """`error` says why there is none; `result` is None when the server found the path undefined."""

    result: Any = None
    error: str = ""
    decision_id: str = ""


class _ResultError(ValueError):
    """A result that says neither yes nor no."""


def judge(policy: Data, reply: Reply | None) -> list[RuleAnswer]:
    if reply is None:
        return [_rule(policy, "allow", "require", "errored", problem="its OPA server was not asked")]
    if reply.error:
        return [_rule(policy, "allow", "require", "errored", problem=reply.error)]
    try:
        return list(_answers(policy, reply.result))
    except _ResultError as exc:
        return [_rule(policy, "allow", "require", "errored", problem=str(exc))]


def _answers(policy: Data, result: Any) -> Iterator[RuleAnswer]:
    if result is None:
        raise _ResultError(f"the server knows no {policy['opa']['path']}, or it is undefined for this evidence")
    if isinstance(result, bool):
        yield _allow(policy, result)
    elif isinstance(result, list):
        yield from _messages(policy, "deny", result)
    elif isinstance(result, Mapping):
        yield from _document(policy, result)
    else:
        raise _ResultError(f"the result is {type(result).__name__} {result!r:.60}, allowed: true, false, a list of messages, or an object with allow or deny")


def _document(policy: Data, result: Data) -> Iterator[RuleAnswer]:
    if not any(key in result for key in ("allow", *DENIES)):
        raise _ResultError(f"the result has neither allow nor deny nor violation, found {', '.join(sorted(map(str, result)))[:200] or 'an empty object'}")
    if "allow" in result:
        if not isinstance(result["allow"], bool):
            raise _ResultError(f"allow is {type(result['allow']).__name__} {result['allow']!r:.60}, allowed: true or false")
        yield _allow(policy, result["allow"])
    for key in (*DENIES, "warn"):
        if key in result:
            if not isinstance(result[key], list):
                raise _ResultError(f"{key} is {type(result[key]).__name__}, allowed: a list of messages")
            yield from _messages(policy, key, result[key])


def _allow(policy: Data, allowed: bool) -> RuleAnswer:
    return _rule(policy, "allow", "require", "passed" if allowed else "failed")


def _messages(policy: Data, key: str, messages: list[Any]) -> Iterator[RuleAnswer]:
    if len(messages) > MOST:
        raise _ResultError(f"{key} has {len(messages)} messages, allowed {MOST}")
    if not messages and key != "warn":
        yield _rule(policy, key, "forbid", "passed")
    for number, item in enumerate(messages, 1):
        details: Data = item if isinstance(item, Mapping) else {"msg": item}
        message = details.get("msg")
        if not isinstance(message, str) or not message.strip():
            raise _ResultError(f"{key}[{number - 1}] is {item!r:.60}, allowed: a text, or an object with the text msg")
        said = details.get("id")
        name = said if isinstance(said, str) and _NAME.fullmatch(said) else f"{key}-{number}"
        remedy = details.get("remedy")
        enforcement = "warn" if key == "warn" else ""
        yield _rule(policy, name, "forbid", "failed", reason=message[:LONGEST], remedy=remedy[:LONGEST] if isinstance(remedy, str) else "", tell=enforcement)


def _rule(policy: Data, name: str, effect: str, verdict: Verdict, *, reason: str = "", remedy: str = "", problem: str = "", tell: str = "") -> RuleAnswer:
    declared = policy["opa"]
    usual = policy.get("enforcement", "deny")
    return RuleAnswer(
        name=name,
        policy=policy["name"],
        effect=effect,
        verdict=verdict,
        condition=f"OPA data.{declared['path'].replace('/', '.')}",
        reason=reason or declared["reason"],
        remedy=remedy or declared["remedy"],
        severity=declared.get("severity", "high"),
        problem=problem,
        enforcement=tell if tell and usual == "deny" else usual,
        owner=policy.get("owner", ""),
    )
