# SPDX-License-Identifier: GPL-3.0-or-later
"""oci://host/repository[:tag][@sha256:digest][#title]: OCI registries, in the layout of ORAS: a manifest whose layers are files with titles.

A tag is resolved to a digest first, an index to the manifest of the platform; the layer must be the one that the release manifest pins.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.download import Remote
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform, choose
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.oci_token import Tokens

TITLE = "org.opencontainers.image.title"
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
LARGEST_MANIFEST = 4 * 1024 * 1024
# image-spec and distribution-spec 1.1
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    base: str  # https://host[:port]
    repository: str
    tag: str = ""
    digest: str = ""
    title: str = ""

    @property
    def shown(self) -> str:
        return f"oci://{self.base.split('://', 1)[1]}/{self.repository}" + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True)
class Layer:
    digest: str
    size: int
    title: str


def parse(source: str) -> Reference:
    scheme = "http" if address.parse(source).scheme == "oci+http" else "https"
    rest = source.split("://", 1)[1]
    rest, _hash, title = rest.partition("#")
    name, _at, digest = rest.partition("@")
    host, _slash, path = name.partition("/")
    repository, _colon, tag = path.partition(":")
    good = _REPOSITORY.fullmatch(repository) and (not tag or _TAG.fullmatch(tag)) and (not digest or _DIGEST.fullmatch(digest))
    if not good or not (tag or digest):
        raise ArtifactError(f"{address.shown(source)} is no artifact of a registry, allowed: oci://host/repository[:tag][@sha256:digest][#title].")
    return Reference(f"{scheme}://{host}", repository, tag, digest, unquote(title))


class Registry:
    def __init__(self, reference: Reference, *, client: http.Client, credentials: Credentials) -> None:
        self._reference = reference
        self._client = client
        self._tokens = Tokens(reference.base, f"repository:{reference.repository}:pull", client=client, credentials=credentials)

    def resolve(self, platform: Platform) -> tuple[Reference, list[Layer]]:
        """(the reference with the digest of the manifest, its layers)."""
        found, document = self._manifest(self._reference.digest or self._reference.tag)
        if self._reference.digest and found != self._reference.digest:
            raise ClashError(f"{self._reference.shown} answered with the manifest {found}. Nothing was loaded.")
        if "manifests" in document or document.get("mediaType") in INDEXES:
            digest = _digest_of(choose([_described(each) for each in _listed(document, "manifests")], platform))
            resolved, document = self._manifest(digest)
            if resolved != digest:
                raise ClashError(f"{self._reference.shown} names the manifest {digest} and answered with {resolved}. Nothing was loaded.")
        layers = [_layer(each) for each in _listed(document, "layers")]
        return replace(self._reference, digest=found), layers

    def blob(self, layer: Layer) -> Remote:
        url = f"{self._reference.base}/v2/{self._reference.repository}/blobs/{layer.digest}"
        return Remote(url, secret=self._tokens.headers)

    def _manifest(self, wanted: str) -> tuple[str, dict[str, Any]]:
        """(digest of its bytes, content)."""
        url = f"{self._reference.base}/v2/{self._reference.repository}/manifests/{wanted}"
        response, content = self._tokens.read(url, most=LARGEST_MANIFEST, headers={"Accept": ", ".join((*MANIFESTS, *INDEXES))})
        if response.status != 200:
            raise http.refused(url, response)
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        told = response.headers.get("Docker-Content-Digest") or digest
        if told != digest and _DIGEST.fullmatch(told):
            raise ClashError(f"{address.shown(url)} is {digest}, the registry calls it {told}. Nothing was loaded.")
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ArtifactError(f"{address.shown(url)} is no manifest: it is not a JSON object.")
        return digest, document


def pick(layers: Sequence[Layer], reference: Reference) -> Layer:
    """The layer of that title, or the only one. A title is compared, it never becomes a path."""
    found = [layer for layer in layers if not reference.title or layer.title == reference.title]
    if len(found) == 1:
        return found[0]
    titles = ", ".join(layer.title or layer.digest for layer in layers) or "none"
    wanted = f"the title {reference.title!r}" if reference.title else "no title"
    raise ArtifactError(f"{reference.shown} holds {len(layers)} files, source asks for {wanted}; there are: {titles}. Write #title at the end of source.")


def _listed(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ArtifactError(f"The registry's manifest has no list of {name}: it is not one of an artifact.")
    return found


def _described(entry: Mapping[str, Any]) -> dict[str, Any]:
    written = entry.get("platform")
    platform: Mapping[str, Any] = written if isinstance(written, dict) else {}
    return {"digest": entry.get("digest"), "os": platform.get("os"), "arch": platform.get("architecture"), "variant": platform.get("variant")}


def _digest_of(entry: Mapping[str, Any]) -> str:
    digest = str(entry.get("digest"))
    if not _DIGEST.fullmatch(digest):
        raise ArtifactError(f"The registry names {digest[:80]!r}, which is no SHA-256 digest. Nothing was loaded.")
    return digest


def _layer(entry: Mapping[str, Any]) -> Layer:
    annotations = entry.get("annotations")
    title = annotations.get(TITLE) if isinstance(annotations, dict) else None
    size = entry.get("size")
    return Layer(_digest_of(entry), size if isinstance(size, int) else 0, str(title or ""))
