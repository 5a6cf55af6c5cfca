# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry as others read it: a line of JSON, a CloudEvent 1.0 (cloudevents.io), a message of syslog (RFC 5424). Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry

TYPE = "io.evenkeel.release"
APP = "evenkeel"
AUDIT = 13  # "log audit", RFC 5424 table 1
SEVERITIES = {"failed": 3, "errored": 4, "inconclusive": 4}
NOTICE, INFORMATIONAL = 5, 6


class Place(NamedTuple):
    """What the receiver is told of the ledger: its name, the host that sends, and the private enterprise number (IANA) for structured data."""

    ledger: str
    host: str
    enterprise: int = 32473  # that of examples, RFC 5612: who has one of its own names it
    longest: int = 8192  # bytes of a syslog message


def line(entry: Entry, _place: Place) -> str:
    return _json(entry.as_dict())


def cloudevent(entry: Entry, place: Place) -> dict[str, Any]:
    """`sequence` and `sequencetype` are the official extension; two entries of one stream compare by them."""
    subject = "/".join(quote(part, safe="") for part in (entry.environment, entry.release, entry.subject))
    return {
        "specversion": "1.0",
        "id": entry.id,
        "source": f"urn:evenkeel:ledger:{quote(place.ledger, safe='')}:{entry.stream}",
        "type": f"{TYPE}.{entry.kind}.{entry.phase}",
        "time": entry.time,
        "subject": subject,
        "sequence": f"{entry.seq:020d}",
        "datacontenttype": "application/json",
        "data": entry.as_dict(),
    }


def cloudevent_line(entry: Entry, place: Place) -> str:
    return _json(cloudevent(entry, place))


def syslog(entry: Entry, place: Place) -> bytes:
    """The body is the message. One that would be too long is left out and said so: cut JSON reads as another one, or as none."""
    known = {
        "id": entry.id,
        "ledger": place.ledger,
        "stream": entry.stream,
        "seq": str(entry.seq),
        "phase": entry.phase,
        "environment": entry.environment,
        "release": entry.release,
        "subject": entry.subject,
        "actor": str(entry.actor.get("name", "")),
        "source": str(entry.actor.get("source", "")),
        "hash": entry.hash,
    }
    head = f"<{AUDIT * 8 + severity(entry)}>1 {entry.time} {_token(place.host, 255)} {APP} - {_token(entry.kind, 32)}"
    body = _json(entry.body)
    made = f"{head} {_structured(known, place)} \ufeff{body}".encode()
    if len(made) <= place.longest:
        return made
    return f"{head} {_structured({**known, 'omitted': str(len(body.encode()))}, place)}".encode()


def severity(entry: Entry) -> int:
    """An error for a definite no, a warning for what could not be told, a notice for an act that begins or ends, else information."""
    verdict = entry.body.get("verdict")
    if isinstance(verdict, str) and verdict in SEVERITIES:
        return SEVERITIES[verdict]
    return INFORMATIONAL if entry.phase == "fact" else NOTICE


def _structured(known: Mapping[str, str], place: Place) -> str:
    parameters = " ".join(f'{name}="{_escaped(value)}"' for name, value in known.items() if value)
    return f"[entry@{place.enterprise} {parameters}]"


def _escaped(value: str) -> str:
    """RFC 5424, section 6.3.3. A control character would end the line of many a receiver."""
    plain = "".join(letter if letter.isprintable() or letter == " " else f"#{ord(letter):03o}" for letter in value)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _token(value: str, longest: int) -> str:
    return "".join(letter for letter in value if "!" <= letter <= "~")[:longest] or "-"


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


FORMATS: dict[str, Callable[[Entry, Place], Any]] = {"json": line, "cloudevents": cloudevent_line, "syslog": lambda entry, place: syslog(entry, place).decode()}
