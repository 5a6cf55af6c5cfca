# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms that others read. CloudEvents are read by their own SDK, syslog by the grammar of RFC 5424."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import exports, forward
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

PLACE = exports.Place("prod", "controller1")
# RFC 5424, section 6: version, timestamp, host, application, process, message id, one element of structured data, message
MESSAGE = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) - ([!-~]{1,32}) "
    r'\[([!-~]{1,32})((?: [!-~]{1,32}="(?:[^"\\\]]|\\.)*")+)\]'
    r"(?: (.*))?",
    re.DOTALL,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def entry(**changed: Any) -> Entry:
    known = {
        "id": "0199b6a2-7c1e-7d5c-9f3e-3f6f0b9c2d11", "stream": "main", "seq": 7, "time": "2027-01-15T08:00:00.000001Z",
        "actor": {"name": "ann", "source": "os"}, "kind": "deployment", "phase": "outcome", "environment": "production", "release": "1.2.0", "subject": "shop",
        "body": {"verdict": "failed", "intent": "x"}, "prev": "00" * 32, "hash": "ab" * 32,
    }  # fmt: skip
    return Entry(**{**known, **changed})


def parameters(text: str) -> dict[str, str]:
    return {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in re.findall(r' ([!-~]+?)="((?:[^"\\\]]|\\.)*)"', text)}


def test_a_cloudevent_is_one_for_its_own_sdk() -> None:
    event = JSONFormat().read(CloudEvent, exports.cloudevent_line(entry(subject="a/b c"), PLACE).encode())
    assert (event.get_id(), event.get_type()) == (entry().id, "io.evenkeel.release.deployment.outcome")
    assert event.get_time() == datetime.fromisoformat(entry().time)
    assert (event.get_source(), event.get_subject()) == ("urn:evenkeel:ledger:prod:main", "production/1.2.0/a%2Fb%20c")
    assert event.get_extension("sequence") == "00000000000000000007"
    assert event.get_data()["hash"] == "ab" * 32


@given(environment=TEXTS, subject=TEXTS, actor=TEXTS, said=TEXTS)
def test_a_message_of_syslog_fits_its_grammar_whatever_it_holds(environment: str, subject: str, actor: str, said: str) -> None:
    made = exports.syslog(entry(environment=environment, subject=subject, actor={"name": actor, "source": "os"}, body={"said": said}), PLACE).decode()
    found = MESSAGE.fullmatch(made)
    assert found, made
    known = parameters(found[7])
    if subject.isprintable() and subject:
        assert known["subject"] == subject
    assert "\n" not in found[7]
    assert json.loads(found[8].removeprefix("\ufeff")) == {"said": said}


@pytest.mark.parametrize(
    ("phase", "verdict", "priority"),
    [
        ("outcome", "failed", 107),
        ("outcome", "errored", 108),
        ("outcome", "inconclusive", 108),
        ("outcome", "passed", 109),
        ("intent", None, 109),
        ("fact", None, 110),
    ],
)
def test_priority(phase: str, verdict: str | None, priority: int) -> None:
    """13 * 8 + error, warning, notice, informational."""
    assert exports.syslog(entry(phase=phase, body={"verdict": verdict}), PLACE).startswith(f"<{priority}>1 ".encode())


def test_too_long_a_body_is_left_out_and_said_so() -> None:
    long = entry(body={"text": "ä" * 5000})
    found = MESSAGE.fullmatch(exports.syslog(long, PLACE).decode())
    assert found
    assert (parameters(found[7])["omitted"], found[8]) == (str(10_011), None)
    assert b"omitted" not in exports.syslog(long, PLACE._replace(longest=20_000))


@pytest.mark.parametrize(
    ("dest", "form", "told"),
    [
        ("/srv/x", "json", ""),
        ("x.jsonl", "json", "whole path"),
        ("tcp://siem:601", "syslog", ""),
        ("tls://siem", "syslog", ""),
        ("unix:///dev/log", "syslog", ""),
        ("tcp://siem:601", "json", "tcp is for format syslog"),
        ("tcp://siem:70000", "syslog", "scheme://host:port".replace("scheme", "tcp")),
        ("tcp://", "syslog", "tcp://host:port"),
        ("https://broker/x", "cloudevents", ""),
        ("https://broker/x", "syslog", "are for format cloudevents"),
        ("ftp://x/y", "json", "the scheme is ftp"),
    ],
)
def test_places(dest: str, form: str, told: str) -> None:
    found = forward.fault(dest, form)
    assert (told in found) if told else (found == "")
