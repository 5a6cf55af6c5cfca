# SPDX-License-Identifier: GPL-3.0-or-later
"""One artifact from its source into the cache: nothing is there before policy, digest and signatures agree."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, download, judge, names
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache, Name
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.policy import Policy, Rule, check_name, check_source, rule_for
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources import web
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access, Located, known_name, locate, read_small
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject, file_digest


class Signature(NamedTuple):
    kind: str
    source: str


@dataclass(frozen=True)
class Wanted:
    """`platform` is the host's, for registries that choose; that of the name is the chosen variant's."""

    name: Name
    source: str
    sha256: str
    size: int | None = None
    signatures: tuple[Signature, ...] = ()
    platform: Platform = field(default_factory=Platform)


@dataclass(frozen=True)
class Fetched:
    """`cached` says that the bytes were here already; `path` is None when they would have been fetched."""

    wanted: Wanted
    path: Path | None
    size: int | None
    cached: bool
    resolved: str
    resumed: int
    signatures: tuple[judge.Checked, ...]
    rule: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path) if self.path else "",
            "sha256": self.wanted.sha256,
            "size": self.size,
            "component": self.wanted.name.component,
            "version": self.wanted.name.version,
            "platform": str(self.wanted.name.platform),
            "source": self.resolved,
            "cached": self.cached,
            "resumed": self.resumed,
            "rule": self.rule,
            "signatures": [each.as_dict() for each in self.signatures],
        }


@dataclass(frozen=True)
class Fetcher:
    cache: Cache
    policy: Policy
    access: Access
    limits: download.Limits
    now: datetime

    def run(self, wanted: Wanted, *, check: bool = False) -> Fetched:
        """With `check` nothing is written and nothing is loaded."""
        rule, known = self._admit(wanted)
        if check:
            return self._preview(wanted, rule)
        self.cache.prepare()
        # Hosts that find it here don't wait for each other.
        if self.cache.intact(wanted.sha256):
            return self._from_cache(wanted, rule, known)
        with self.cache.lock(wanted.sha256, seconds=self.limits.deadline):
            if self.cache.intact(wanted.sha256):
                return self._from_cache(wanted, rule, known)
            self.cache.object(wanted.sha256).unlink(missing_ok=True)
            return self._from_source(wanted, rule)

    def _admit(self, wanted: Wanted) -> tuple[Rule, dict[str, Any]]:
        """What can be said before anything is asked of a server."""
        names.check(component=wanted.name.component, version=wanted.name.version)
        rule = rule_for(self.policy, wanted.name.component)
        for source in (wanted.source, *(signature.source for signature in wanted.signatures)):
            if "://" in source:
                address.parse(source)
        check_source(rule, address.shown(wanted.source))
        known = self.cache.check_claim(wanted.name, wanted.sha256) or {}
        name = known_name(wanted.source) or str(known.get("name") or "")
        if name or not wanted.source.startswith(("oci://", "oci+http://")):
            self._check_name(rule, wanted, name)
        if rule.demands and not wanted.signatures:
            judge.require(rule, (), str(wanted.name))
        return rule, known

    def _preview(self, wanted: Wanted, rule: Rule) -> Fetched:
        if not self.cache.intact(wanted.sha256):
            return Fetched(wanted, None, wanted.size, False, address.shown(wanted.source), 0, (), rule.name)
        return self._from_cache(wanted, rule, {}, check=True)

    def _from_cache(self, wanted: Wanted, rule: Rule, known: dict[str, Any], *, check: bool = False) -> Fetched:
        """The policy may have changed since, and a key may have been revoked: all is judged again."""
        path = self.cache.object(wanted.sha256)
        size = path.stat().st_size
        limits = self._limits(wanted, rule)
        if size > limits.most or (wanted.size is not None and size != wanted.size):
            raise ArtifactError(f"{wanted.name} has {size} bytes, allowed: {wanted.size if wanted.size is not None else limits.most}.")
        resolved = str(known.get("source") or address.shown(wanted.source))
        name = known_name(wanted.source) or str(known.get("name") or "")
        if rule.file_name and not name:
            located = locate(wanted.source, self.access, platform=wanted.platform, sha256=wanted.sha256)
            name, resolved = located.name, located.resolved
            self._check_name(rule, wanted, name)
        signatures = self._judged(path, wanted, rule, check=check)
        if not check:
            self.cache.touch(wanted.sha256)
            self._claim(wanted, name, size, resolved)
        return Fetched(wanted, path, size, True, resolved, 0, signatures, rule.name)

    def _from_source(self, wanted: Wanted, rule: Rule) -> Fetched:
        located = locate(wanted.source, self.access, platform=wanted.platform, sha256=wanted.sha256)
        self._check_name(rule, wanted, located.name)
        part = self.cache.part(wanted.sha256)
        got = self._load(located, part, wanted, self._limits(wanted, rule))
        try:
            signatures = self._judged(part, wanted, rule)
        except ArtifactError:
            download.discard(part)
            raise
        self._claim(wanted, located.name, got.size, located.resolved)
        path = self.cache.put(wanted.sha256)
        return Fetched(wanted, path, got.size, False, located.resolved, got.resumed, signatures, rule.name)

    def _load(self, located: Located, part: Path, wanted: Wanted, limits: download.Limits) -> download.Got:
        if located.path:
            return copy(located.path, part, sha256=wanted.sha256, limits=limits)
        if located.remote is None:
            raise ArtifactError(f"{located.resolved} is neither a file nor an address.")
        if self.access.checksum_file and wanted.source.startswith(("http://", "https://")):
            web.check_sidecar(located.remote, sha256=wanted.sha256, client=self.access.client)
        return download.fill(part, located.remote, sha256=wanted.sha256, limits=limits, client=self.access.client)

    def _limits(self, wanted: Wanted, rule: Rule) -> download.Limits:
        most = min(self.limits.most, rule.max_bytes or self.limits.most)
        if wanted.size is not None and wanted.size > most:
            raise ArtifactError(f"{wanted.name} has {wanted.size} bytes according to the release manifest, allowed: {most}. Nothing was loaded.")
        return replace(self.limits, most=most, size=wanted.size)

    def _judged(self, path: Path, wanted: Wanted, rule: Rule, *, check: bool = False) -> tuple[judge.Checked, ...]:
        """Signatures that are kept serve when the repository is away, which is when a rollback is wanted; when they don't do, it is asked."""
        subject = Subject(path)
        kept = [self.cache.signature(wanted.sha256, signature.source) for signature in wanted.signatures]
        if kept and all(each.is_file() for each in kept):
            given = [judge.Given(signature.kind, each.read_bytes()) for signature, each in zip(wanted.signatures, kept, strict=True)]
            checked = judge.check_all(subject, given, self.policy)
            if all(each.verdict == "passed" for each in checked):
                judge.require(rule, checked, str(wanted.name))
                return tuple(checked)
        given = self._read_signatures(wanted.signatures, wanted)
        checked = judge.check_all(subject, given, self.policy)
        judge.require(rule, checked, str(wanted.name))
        if not check:
            for signature, each in zip(wanted.signatures, given, strict=True):
                self.cache.keep_signature(wanted.sha256, signature.source, each.content)
        return tuple(checked)

    def _read_signatures(self, signatures: Sequence[Signature], wanted: Wanted) -> list[judge.Given]:
        return [judge.Given(kind, read_small(source, self.access, platform=wanted.platform)) for kind, source in signatures]

    def _check_name(self, rule: Rule, wanted: Wanted, name: str) -> None:
        component, version, platform = wanted.name
        check_name(rule, name, component=component, version=version, platform=platform)

    def _claim(self, wanted: Wanted, name: str, size: int, source: str) -> None:
        facts = {"size": size, "source": source, "name": name, "time": self.now.isoformat(timespec="seconds")}
        self.cache.claim(wanted.name, wanted.sha256, facts)


def copy(source: Path, part: Path, *, sha256: str, limits: download.Limits) -> download.Got:
    try:
        size = source.stat().st_size
        if size > limits.most or (limits.size is not None and size != limits.size):
            raise ArtifactError(f"{source} has {size} bytes, allowed: {limits.size if limits.size is not None else limits.most}. Nothing was copied.")
        download.discard(part)
        shutil.copyfile(source, part)
    except OSError as exc:
        raise ArtifactError(f"The artifact {source} can't be copied into the cache: {exc.strerror or exc}.") from exc
    found = file_digest(part).hex()
    if found != sha256:
        download.discard(part)
        raise ClashError(
            f"{source} has SHA-256 {found}, the release manifest pins {sha256}. Nothing was kept."
            " A version never changes its content: publish the artifact that was tested, or a new version."
        )
    return download.Got(size=part.stat().st_size)
