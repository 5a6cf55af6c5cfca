# SPDX-License-Identifier: GPL-3.0-or-later
"""A sign-off by people: penetration test or UAT, as a small YAML or JSON document (schema `statement`)."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any, NamedTuple, NoReturn

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import parse
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import PASSED, File, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.take import parse_time

KINDS = ("penetration_test", "uat")
LARGEST = 64 * 1024


class Signed(NamedTuple):
    reading: Reading
    signer: str
    made_at: datetime
    subject: str
    valid_until: str


def read(file: File, *, today: date) -> Signed:
    """What it says; that it is signed is another question. EvidenceError with all its faults."""
    value = _value(file, today)
    findings: dict[str, int] = {name: int(value.get("findings", {}).get(name, 0)) for name in ("critical", "high", "medium", "low")}
    numbers: dict[str, Any] = {**findings, "signed": True} if value["kind"] == "penetration_test" else {"signed": True}
    made_at = parse_time(value["made_at"], timezone.utc) or datetime.max.replace(tzinfo=timezone.utc)  # the schema has checked it
    until = value.get("valid_until", "")
    if until:
        numbers["valid_until"] = until
    verdict = value["verdict"]
    reading = Reading(
        value["kind"],
        verdict,
        numbers,
        "" if verdict == PASSED else short(value["summary"]),
        tool=short(value.get("by", value["signer"])),
        made_at=made_at,
        subjects=(value["subject"]["sha256"],),
        items=({"summary": short(value["summary"]), "scope": short(value.get("scope", "")), "signer": value["signer"]},),
    )
    return Signed(reading, value["signer"], made_at, value["subject"]["sha256"], until)


def _value(file: File, today: date) -> dict[str, Any]:
    try:
        if len(file.data) > LARGEST:
            _refuse(file, "", f"{len(file.data)} bytes", f"at most {LARGEST} bytes")
        text = file.data.decode("utf-8")
        if any(isinstance(token, (yaml.AliasToken, yaml.AnchorToken)) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            _refuse(file, "", "an anchor or alias", "plain values")
        value, source, faults = parse(text, file.name)
    except UnicodeDecodeError:
        _refuse(file, "", "bytes that are not UTF-8", "UTF-8")
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        _refuse(file, f"line {mark.line + 1}" if mark else "", f"YAML that is broken ({getattr(exc, 'problem', None) or type(exc).__name__})", "YAML or JSON")
    faults = faults or check("statement", value, today=today, source=source)
    if faults:
        first = faults[0]
        others = "".join(f"; {fault.path}: found {fault.found}, allowed {fault.allowed}" for fault in faults[1:])
        place = f"line {first.line}, {first.path}" if first.line else first.path
        _refuse(file, place, f"{first.found}", f"{first.allowed}{others}")
    return dict(value)


def _refuse(file: File, place: str, found: str, allowed: str) -> NoReturn:
    raise EvidenceError(file.name, place, found=found, allowed=allowed, next_step="correct the statement and sign it again") from None
