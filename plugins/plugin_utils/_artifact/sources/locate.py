# SPDX-License-Identifier: GPL-3.0-or-later
"""From the source of an artifact to the place where its bytes are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.download import Remote
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources import oci, s3, web
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials

LARGEST_SIGNATURE = 1 << 20


@dataclass(frozen=True)
class Access:
    """`home` is the address whose host the credentials are for; nobody else gets them."""

    client: http.Client
    credentials: Credentials = field(default_factory=Credentials)
    home: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    checksum_file: bool = False

    def for_source(self, source: str) -> Credentials:
        same = "://" in self.home and "://" in source and address.origin(self.home) == address.origin(source)
        return self.credentials if same else Credentials()


@dataclass(frozen=True)
class Located:
    """Either a file of the controller or something remote. `resolved` is the source with what was found out about it."""

    name: str
    resolved: str
    path: Path | None = None
    remote: Remote | None = None


def locate(source: str, access: Access, *, platform: Platform, sha256: str = "") -> Located:
    """`sha256` is what the content must have, when that is known: a registry tells before anything is loaded."""
    scheme = address.parse(source).scheme if "://" in source else "file"
    credentials = access.for_source(source)
    if scheme == "file":
        path = Path(unquote(urlsplit(source).path) if "://" in source else source)
        return Located(path.name, str(path), path=path)
    if scheme == "s3":
        remote = s3.locate(source, credentials=credentials, endpoint=access.endpoint, region=access.region)
        return Located(web.name_of(remote.url), address.shown(source), remote=remote)
    if scheme in ("oci", "oci+http"):
        return _in_registry(source, access.client, credentials, platform, sha256)
    return Located(web.name_of(source), address.shown(source), remote=web.locate(source, credentials=credentials))


def known_name(source: str) -> str:
    """The name that the source itself tells; empty when a registry has to be asked."""
    if source.startswith(("oci://", "oci+http://")):
        return unquote(source.partition("#")[2])
    return web.name_of(source) if "://" in source else Path(source).name


def read_small(source: str, access: Access, *, platform: Platform) -> bytes:
    """A signature."""
    found = locate(source, access, platform=platform)
    if found.path:
        try:
            with found.path.open("rb") as stream:
                content = stream.read(LARGEST_SIGNATURE + 1)
        except OSError as exc:
            raise ArtifactError(f"The signature {found.path} can't be read: {exc.strerror}.") from exc
        if len(content) > LARGEST_SIGNATURE:
            raise ArtifactError(f"The signature {found.path} has more than {LARGEST_SIGNATURE} bytes.")
        return content
    remote = found.remote or Remote("")
    response, content = access.client.read(remote.url, most=LARGEST_SIGNATURE, secret=remote.secret())
    if response.status != 200:
        raise http.refused(remote.url, response)
    return content


def _in_registry(source: str, client: http.Client, credentials: Credentials, platform: Platform, sha256: str) -> Located:
    registry = oci.Registry(oci.parse(source), client=client, credentials=credentials)
    resolved, layers = registry.resolve(platform)
    layer = oci.pick(layers, resolved)
    if sha256 and layer.digest != f"sha256:{sha256}":
        raise ClashError(
            f"{resolved.shown} holds {layer.digest}, the release manifest pins sha256:{sha256}. Nothing was loaded."
            " A version never changes its content: publish the artifact that was tested, or a new version."
        )
    return Located(layer.title, resolved.shown, remote=registry.blob(layer))
