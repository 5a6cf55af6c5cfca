# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the host's evidence speaks for somebody, for one finding."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Event = Mapping[str, Any]
# A change follows the command that makes it: at once, or when the editor is closed.
AT_ONCE, EDITOR, UNPACKING, LOGIN = 120.0, 3600.0, 900.0, 8 * 3600.0
SLACK = 2.0
OURS = "BECOME-SUCCESS-"
_SHELL = re.compile(r"(?:\S*/)?(?:su|bash|sh|zsh|dash|ksh|fish|tmux|screen)(?:\s+-\S*)*$")
_INSTALLER = re.compile(r"(?:\S*/)?(?:apt|apt-get|aptitude|dpkg|dnf|yum|rpm|unattended-upgrade)\b")
_SPLIT = re.compile(r"[\s=,;:\"'()<>|&]+")


class Candidate(NamedTuple):
    who: str
    time: float | None
    how: str
    confidence: str
    text: str


class Interval(Protocol):
    def holds(self, time: float) -> bool: ...


class Case(NamedTuple):
    """time is that of the last change that can be seen, None when there is none between since and until."""

    path: str
    places: Mapping[str, Mapping[str, Any]]
    words: frozenset[str]
    package: str
    version: str
    time: float | None
    since: float

    def distance(self, time: float | None) -> float:
        return 0.0 if time is None or self.time is None else abs(self.time - time)


def case(finding: Mapping[str, Any], known: Mapping[str, Any], window: tuple[float, float, float]) -> Case:
    since, until, skew = window
    places = known.get("places") or {}
    times = [facts[key] - skew for facts in places.values() for key in ("changed", "folder_changed") if key in facts]
    within = [time for time in times if since - SLACK <= time <= until + SLACK]
    after = finding["after"] if isinstance(finding["after"], Mapping) else {}
    return Case(
        str(finding["path"]),
        places,
        frozenset(known.get("words") or ()),
        str(known.get("package") or ""),
        str(after.get("version") or ""),
        max(within, default=None),
        since,
    )


def of_events(this: Case, events: Sequence[Event], own: Sequence[Interval]) -> Iterator[Candidate]:
    readers = {"audit": _audit, "package_log": _package, "sudo": _sudo, "session": _session}
    for event in events:
        # What Ansible did within a run of ours is that run.
        if event["how"] == "sudo" and OURS in event["command"] and any(run.holds(event["time"]) for run in own):
            continue
        confidence = readers[event["how"]](this, event)
        if confidence:
            who = str(event["who"])
            if event["how"] == "package_log" and not who:
                who = _installer(event, events)
            yield Candidate(who, event["time"], event["how"], confidence, str(event["text"]))


def of_files(this: Case) -> Iterator[Candidate]:
    """Whose it is says little: root may have written it. When it was written says more."""
    for place, facts in this.places.items():
        if "owner" in facts and this.time is not None:
            set_back = facts["changed"] - facts["written"] > SLACK
            text = f"{place} belongs to {facts['owner']}; this is when it was last changed{', its content is older or its time was set' if set_back else ''}"
            yield Candidate(str(facts["owner"]), this.time, "file", "possible", text)


def _audit(this: Case, event: Event) -> str:
    return "certain" if event["path"] in this.places else ""


def _package(this: Case, event: Event) -> str:
    if not this.package or _base(this.package) not in {_base(name) for name in event["packages"]}:
        return ""
    if this.path.startswith("package:"):
        return "certain" if this.version and this.version in event["versions"].values() else "likely"
    return "likely" if this.time is not None and -SLACK <= this.time - event["time"] <= UNPACKING else ""


def _base(package: str) -> str:
    return package.partition(":")[0] if package.startswith("deb/") else package


def _installer(event: Event, events: Sequence[Event]) -> str:
    """Who called apt with sudo just before: its log does not always say."""
    near = [each for each in events if each["how"] == "sudo" and _INSTALLER.match(each["command"]) and 0 <= event["time"] - each["time"] + SLACK <= UNPACKING]
    return str(near[-1]["who"]) if near else ""


def _sudo(this: Case, event: Event) -> str:
    delay = None if this.time is None else this.time - event["time"]
    named = _named(this, event)
    if named == "itself":
        return "likely"
    if delay is None or delay < -SLACK:
        return ""
    if named == "above" or delay <= AT_ONCE:
        return "possible"
    return "possible" if delay <= EDITOR and _SHELL.match(event["command"]) else ""


def _named(this: Case, event: Event) -> str:
    tokens = [token for token in _SPLIT.split(event["command"]) if token]
    if this.words.intersection(tokens):
        return "itself"
    folder = event.get("folder") or "/"
    full = {posixpath.normpath(posixpath.join(folder, token.strip("*"))) for token in tokens[1:] if not token.startswith("-")}
    if full & set(this.places):
        return "itself"
    # `chmod -R /etc/shop` names what it changes; `/` and `/etc` name everything.
    return "above" if any(place.startswith(f"{path}/") for path in full if path.count("/") > 1 for place in this.places) else ""


def _session(this: Case, event: Event) -> str:
    if this.time is None:
        return "possible"
    until = event.get("until", event["time"] + LOGIN)
    return "possible" if event["time"] - SLACK <= this.time <= until + SLACK else ""
