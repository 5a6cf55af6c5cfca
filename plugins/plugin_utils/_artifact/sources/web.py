# SPDX-License-Identifier: GPL-3.0-or-later
"""http and https: any server, Nexus and Artifactory."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.download import Remote
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.credentials import Credentials
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.layout import sidecar_digest

LARGEST_SIDECAR = 64 * 1024


def locate(source: str, *, credentials: Credentials) -> Remote:
    return Remote(source, secret=credentials.http)


def name_of(url: str) -> str:
    return unquote(urlsplit(url).path).rsplit("/", 1)[-1]


def check_sidecar(remote: Remote, *, sha256: str, client: http.Client) -> str | None:
    """What <url>.sha256 tells, when the repository has one; another digest is an error before anything large is loaded."""
    parts = urlsplit(remote.url)
    url = urlunsplit(parts._replace(path=f"{parts.path}.sha256", fragment=""))
    response, content = client.read(url, most=LARGEST_SIDECAR, secret=remote.secret())
    told = sidecar_digest(content.decode("utf-8", "replace"), name_of(remote.url)) if response.status == 200 else None
    if told and told != sha256:
        raise ClashError(
            f"{address.shown(remote.url)} has SHA-256 {told} according to {address.shown(url)}, the release manifest pins {sha256}."
            " Nothing was loaded. A version never changes its content: publish the artifact that was tested, or a new version."
        )
    return told
