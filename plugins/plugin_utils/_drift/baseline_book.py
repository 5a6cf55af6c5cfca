# SPDX-License-Identifier: GPL-3.0-or-later
"""The baselines of one environment: documents, signatures, ledger and the records behind them, taken together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import baseline, signing
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline import BaselineError, Document, Hosts, Version
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_files import Files
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, Missing, Objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

KINDS = ("baseline", "teardown", *views.DEPLOYING)


@dataclass(frozen=True)
class Keys:
    """A default key, and the default file that trusts it, are made when they are not there."""

    key: Path
    signers: Path
    default_key: bool
    default_signers: bool


class Book:
    """ledger: None when there is none yet."""

    def __init__(self, *, environment: str, name: str, ledger: Store | None, files: Files, objects: Objects, keys: Keys) -> None:
        self.environment, self.name = environment, name
        self.ledger, self.files, self.objects, self.keys = ledger, files, objects, keys
        entries = ledger.entries(kind=KINDS, environment=environment) if ledger else []
        self.known = baseline.versions([entry.as_dict() for entry in entries], environment)
        self.deployed = views.deployed(entries).get(environment, {})

    @property
    def current(self) -> Version | None:
        return baseline.current(self.known, self.name)

    def trusted(self, version: Version) -> Document:
        """The document, after signature and ledger were asked."""
        data, signature = self.files.read(version.version)
        what = f"the baseline {self.files.path(version.version)}"
        # The ledger first: what it does not know is never looked at any closer.
        document = baseline.check(data, version=version, known=self.known, environment=self.environment, signer=signing.signer_of(signature, what))
        signing.verify(data, signature, signers=self.keys.signers, what=what)
        return document

    def take(self, hosts: Hosts, *, reason: str, by: str, created: str, release: Mapping[str, str] | None = None, promote: bool = False) -> Version:
        """A new version; also in force at once when `promote`. The ledger learns of it when it lies there whole."""
        if self.ledger is None:
            raise BaselineError(f"A baseline of {self.environment} needs a ledger to be recorded in, and there is none.")
        if self.keys.default_key:
            signing.make_key(self.keys.key, self.keys.signers if self.keys.default_signers else None)
        number = max([0, *(version.version for version in self.known), *self.files.numbers()]) + 1
        document = baseline.compose(
            name=self.name,
            environment=self.environment,
            release=self.deployed if release is None else release,
            version=number,
            created=created,
            by=by,
            reason=reason,
            hosts=hosts,
            previous=self.known[-1].sha256 if self.known else "",
        )
        data = baseline.text(document)
        signature = signing.sign(data, key=self.keys.key)
        signer = self._signed(data, signature, number)
        self.files.write(number, data, signature)
        digest = baseline.sha256(data)
        common = {"name": self.name, "version": number, "sha256": digest, "signer": signer.fingerprint, "reason": reason}
        subjects = sum(len(services) for services in hosts.values())
        taken = {**common, "event": "taken", "principal": signer.principal, "by": by, "previous": document["previous"], "subjects": subjects}
        entries = [taken, *([{**common, "event": "promoted"}] if promote else [])]
        written = self.ledger.append([self._entry(body, document["release"]) for body in entries])
        version = Version(self.name, number, digest, signer.fingerprint, written[0].as_dict(), written[1].as_dict() if promote else None)
        self.known.append(version)
        return version

    def _signed(self, data: bytes, signature: bytes, number: int) -> signing.Signer:
        """Whoever signs with a key that nobody trusts learns it now, not when the baseline is needed."""
        try:
            return signing.verify(data, signature, signers=self.keys.signers, what=f"the new baseline v{number}")
        except signing.SigningError as exc:
            line = signing.signers_line(self.keys.key)
            raise BaselineError(f"{exc} Nothing was taken. To trust the key {self.keys.key}, {self.keys.signers} needs the line: {line}") from exc

    def promote(self, version: Version, *, reason: str, four_eyes: bool, dry: bool = False) -> bool:
        """Make it the one to compare with; False when it is. What is broken cannot be promoted."""
        document = self.trusted(version)
        faults = list(self.broken(document))
        if faults:
            raise BaselineError(f"The baseline {version.title} of {self.environment} cannot be promoted: {'; '.join(faults)}. Next: take a new one.")
        if version == self.current:
            return False
        if self.ledger is None or not reason.strip():
            raise BaselineError(f"The baseline {version.title} of {self.environment} is promoted only with a reason. Next: pass -e baseline_reason='...'.")
        if four_eyes:
            baseline.refuse_same_person(version, str(self.ledger.actor["name"]), self.environment)
        if not dry:
            body = {"event": "promoted", "name": version.name, "version": version.version, "sha256": version.sha256, "signer": version.signer}
            self.ledger.append([self._entry({**body, "reason": reason}, document["release"])])
        return True

    def broken(self, document: Document) -> Iterator[str]:
        """What of its records is missing or damaged, a text each."""
        for host, services in document["hosts"].items():
            for service, about in services.items():
                try:
                    self.objects.record(about["root"])
                except (Missing, Broken) as exc:
                    yield f"{host}/{service}: {exc}"

    def faults(self, version: Version) -> list[str]:
        try:
            return list(self.broken(self.trusted(version)))
        except (BaselineError, signing.SigningError) as exc:
            return [str(exc)]

    def strays(self) -> list[str]:
        """Documents that nobody recorded, for instance of a run that was killed."""
        known = {version.version for version in self.known}
        return [f"{self.files.path(number)} is unknown to the ledger" for number in self.files.numbers() if number not in known]

    def _entry(self, body: Mapping[str, Any], release: Mapping[str, str]) -> NewEntry:
        subject = f"{self.name}/v{body['version']}"
        return NewEntry(kind="baseline", phase="fact", environment=self.environment, release=baseline.releases(release), subject=subject, body=body)


def gaps(record: Record) -> list[str]:
    """What the record does not know; a baseline with gaps would let anything happen in them."""
    blind = [f"{name} ({state.get('reason', 'no reason given')})" for name, state in record.collectors.items() if state["state"] != "read"]
    return blind + record.unknown()
