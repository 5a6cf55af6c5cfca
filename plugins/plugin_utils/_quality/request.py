# SPDX-License-Identifier: GPL-3.0-or-later
"""One report that somebody wants recorded, made into evidence documents. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone, tzinfo
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import combine, document, files, parse, signature, statement, vex
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import read as reader
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.document import NAME, Artifact
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import vex as vex_documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import SHA256, File, Reading
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.take import parse_time

STATEMENT = "statement"
FORMATS = ("auto", *reader.FORMATS, STATEMENT)
_SCANS = ("static_analysis", "dynamic_analysis", "infrastructure")


@dataclass(frozen=True)
class Context:
    """`manifest` is None when evidence is recorded before there is one; `base` is the folder of relative paths."""

    now: datetime
    base: str
    manifest: Mapping[str, Any] | None = None


class Planned(NamedTuple):
    artifact: Artifact
    environment: str
    body: dict[str, Any]


def plan(reports: Sequence[Mapping[str, Any]], context: Context) -> tuple[list[Planned], list[EvidenceError]]:
    """(what would be recorded, every fault of every report)."""
    planned: list[Planned] = []
    faults: list[EvidenceError] = []
    seen: dict[tuple[str, str, str, str], str] = {}
    for number, report in enumerate(reports):
        place = f"reports[{number}]"
        try:
            for one in _one(report, place, context):
                key = (one.artifact.sha256, one.environment, one.body["kind"], one.body["name"])
                if seen.setdefault(key, place) != place:
                    _fault(place, f"the name {one.body['name']} of {seen[key]} again for {one.body['kind']}", "each name once", "give it another name")
                planned.append(one)
        except EvidenceError as exc:
            faults.append(exc)
    return planned, faults


def _one(report: Mapping[str, Any], place: str, context: Context) -> list[Planned]:
    name = str(report["name"])
    if not NAME.fullmatch(name):
        _fault(f"{place}.name", repr(name)[:100], "letters, digits and . _ / -, at most 80, as in unit or e2e/chrome", "correct the name")
    artifact = target(report, place, context.manifest)
    given, zone = _given(report, place), _zone(report, place)
    found = files.find(_list(report["src"]), context.base)
    if report.get("format") == STATEMENT or report.get("signature"):
        return [_signed(report, place, found, artifact, context)]
    readings = _readings(found, str(report.get("format") or "auto"), zone, given, artifact, context.now)
    by_kind = _kinds(report, place, readings)
    said = report.get("tool") or {}
    tool = (str(said.get("name") or ""), str(said.get("version") or ""))
    planned = []
    for kind, ours in by_kind.items():
        whole = combine.readings([reading for _file, _form, reading in ours])
        used: list[dict[str, Any]] = []
        if kind == "performance" and not report.get("environment"):
            _fault(f"{place}.environment", "nothing", "where it was measured: only measurements of one place are compared", "name the place")
        if kind == "dependencies" and report.get("vex"):
            whole, used = _vex(report, zone, whole, artifact, context)
        pairs = [(file, form) for file, form, _reading in ours]
        made_at = whole.made_at or context.now  # each reading has its time by now
        body = document.body(whole, name=name, artifact=artifact, files=pairs, made_at=made_at, tool=tool, vex=used)
        planned.append(Planned(artifact, str(report.get("environment") or ""), body))
    return planned


def target(report: Mapping[str, Any], place: str, manifest: Mapping[str, Any] | None) -> Artifact:
    """By the digest, else by the component of the manifest, else the manifest itself."""
    sha256, component = str(report.get("artifact") or ""), str(report.get("component") or "")
    if sha256 and not SHA256.fullmatch(sha256):
        _fault(f"{place}.artifact", repr(sha256)[:80], "the sha256 of the artifact: 64 lower-case hexadecimal digits", "correct the digest")
    if manifest is None:
        if not sha256:
            _fault(place, "neither a release nor an artifact", "the release manifest, or the sha256 of the artifact", "pass release or artifact")
        return Artifact(sha256, component, "", component or sha256[:12])
    known = document.artifacts(manifest)
    if not sha256 and not component:
        return Artifact(document.digest_of(manifest), "", str(manifest["version"]), f"release {manifest['version']}")
    fitting = [one for one in known if (not sha256 or one.sha256 == sha256) and component in ("", one.component)]
    if len(fitting) == 1:
        return fitting[0]
    pinned = ", ".join(f"{one.label} {one.sha256}" for one in known)
    if fitting and not sha256:
        _fault(f"{place}.component", f"{component}, of which there are {len(fitting)} artifacts", pinned, "pass artifact, the digest that was tested")
    if fitting:  # the same file under two names
        return fitting[0]
    return _fault(
        place, f"{component or 'an artifact'} {sha256}".strip(), f"what release {manifest['version']} pins: {pinned}", "correct component or artifact"
    )


def _readings(found: Sequence[File], form: str, zone: tzinfo, given: datetime | None, artifact: Artifact, now: datetime) -> list[tuple[File, str, Reading]]:
    readings = []
    for file in found:
        doc = parse.parse(file, zone)
        name = reader.format_of(doc) if form == "auto" else form
        for reading in reader.readings(doc, form=name):
            document.check_subject(reading, artifact.sha256, file)
            readings.append((file, name, replace(reading, made_at=document.time_of(reading, given, file, now))))
    return readings


def _kinds(report: Mapping[str, Any], place: str, readings: Sequence[tuple[File, str, Reading]]) -> dict[str, list[tuple[File, str, Reading]]]:
    """By kind. Of SARIF the caller says what kind of scan it was; elsewhere `kind` takes one of the kinds that the files hold."""
    kind = str(report.get("kind") or "")
    by_kind: dict[str, list[tuple[File, str, Reading]]] = {}
    for file, form, reading in readings:
        of = kind if form == "sarif" and kind in _SCANS else reading.kind
        by_kind.setdefault(of, []).append((file, form, replace(reading, kind=of)))
    if kind and kind not in by_kind:
        allowed = ", ".join(_SCANS if any(form == "sarif" for _file, form, _reading in readings) else by_kind)
        _fault(f"{place}.kind", kind, allowed, "leave kind out, or correct it")
    return {kind: by_kind[kind]} if kind else by_kind


def _vex(report: Mapping[str, Any], zone: tzinfo, whole: Reading, artifact: Artifact, context: Context) -> tuple[Reading, list[dict[str, Any]]]:
    """Statements of all documents are weighed together: the newest counts, whichever document it is in."""
    every, notes = [], []
    for file in files.find(_list(report["vex"]), context.base):
        statements = vex_documents.read(parse.parse(file, zone))
        late = next((one.made_at for one in statements if one.made_at and one.made_at > context.now + document.SKEW), None)
        if late:
            _fault(file.name, f"a statement of {late.isoformat()}, which is in the future", "a time that has passed", "correct the document")
        every += statements
        notes.append({"name": file.name, "sha256": file.sha256, "statements": len(statements)})
    changed, used = vex.apply(whole, every, artifact=artifact.sha256)
    return replace(changed, numbers={**changed.numbers, "vex_used": used}), notes


def _signed(report: Mapping[str, Any], place: str, found: Sequence[File], artifact: Artifact, context: Context) -> Planned:
    if len(found) != 1:
        _fault(f"{place}.src", f"{len(found)} files", "one statement with its signature", "list each statement by itself")
    for key in ("signature", "allowed_signers"):
        if not report.get(key):
            _fault(f"{place}.{key}", "nothing", "a file: a statement counts only when it is signed", f"pass {key}")
    said = statement.read(found[0], today=context.now.date())
    sign, signers = (files.find([str(report[key])], context.base)[0] for key in ("signature", "allowed_signers"))
    document.check_subject(said.reading, artifact.sha256, found[0])
    made_at = document.time_of(said.reading, None, found[0], context.now)
    signature.verify(found[0], sign, signers=signers, principal=said.signer, kind=said.reading.kind, times=(made_at, context.now))
    if report.get("kind") and report["kind"] != said.reading.kind:
        _fault(f"{place}.kind", str(report["kind"]), said.reading.kind, "leave kind out, or correct it")
    pairs = [(found[0], STATEMENT), (sign, "sshsig")]
    body = document.body(said.reading, name=str(report["name"]), artifact=artifact, files=pairs, made_at=made_at, signer=said.signer, signers=signers)
    return Planned(artifact, str(report.get("environment") or ""), body)


def _given(report: Mapping[str, Any], place: str) -> datetime | None:
    if not report.get("made_at"):
        return None
    text = str(report["made_at"])
    found = parse_time(text, timezone.utc)
    if found is None or datetime.fromisoformat(text).tzinfo is None:
        _fault(f"{place}.made_at", repr(text)[:60], "an RFC 3339 time with its zone such as 2027-01-15T10:00:00Z", "correct the time")
    return found


def _zone(report: Mapping[str, Any], place: str) -> tzinfo:
    name = str(report.get("timezone") or "UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return _fault(f"{place}.timezone", repr(name)[:60], "an IANA time zone such as Europe/Berlin", "correct the zone")


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def _fault(where: str, found: str, allowed: str, next_step: str) -> NoReturn:
    raise EvidenceError(where, "", found=found, allowed=allowed, next_step=next_step) from None
