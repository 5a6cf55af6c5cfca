# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`certificates`: X.509 in PEM and DER files. Of what else a file holds, its private key above all, nothing is taken."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.der import BadDer
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.x509 import describe

NAME = "certificates"
KINDS = ("certificate",)
# What the host itself shows or trusts beside its distribution's authorities, whose hundreds come with a package.
USUAL = (
    "/etc/ssl/*.pem",
    "/etc/ssl/*.crt",
    "/etc/ssl/private/*.pem",
    "/etc/ssl/private/*.crt",
    "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "/etc/pki/tls/certs/*.crt",
    "/etc/pki/ca-trust/source/anchors/*",
    "/usr/local/share/ca-certificates/**/*.crt",
    "/etc/letsencrypt/live/*/fullchain.pem",
    "/etc/nginx/**/*.crt",
    "/etc/nginx/**/*.pem",
    "/etc/haproxy/**/*.crt",
    "/etc/haproxy/**/*.pem",
    "/etc/apache2/**/*.crt",
    "/etc/httpd/**/*.crt",
    "/etc/postgresql/**/*.crt",
    "/etc/kubernetes/pki/**/*.crt",
)
BUNDLES = frozenset({"/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.trust.crt"})
PEM = re.compile(rb"-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----")
BEGINS = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
LARGEST = 4 << 20
MAGIC = "*?["


def collect(options: Mapping[str, Any], host: Host) -> Items:
    globs = options.get("certificates") or USUAL
    items: Items = {}
    for pattern in globs:
        magic = any(mark in pattern for mark in MAGIC)
        for path in host.glob(pattern) if magic else [pattern]:
            key = f"certificate:{printable(path)}"
            if path not in BUNDLES and key not in items and f"{key}#1" not in items:
                items.update(_file(path, key, host, named=not magic and pattern not in USUAL))
    return items


def _file(path: str, key: str, host: Host, *, named: bool) -> Items:
    """`named`: somebody says there is one, so a file without any is worth a word."""
    try:
        data = host.data(path)
        if len(data) > LARGEST:
            raise Unknown(f"it is larger than {LARGEST >> 20} MiB")
    except FileNotFoundError:
        return {}
    except Unknown as exc:
        return {key: {"unknown": str(exc)}}
    found = [_certificate(der, more) for der, more in _encoded(data)]
    if not found and named:
        found = [{"unknown": "it holds no certificate"}]
    return {key if len(found) == 1 else f"{key}#{number}": one for number, one in enumerate(found, 1)}


def _certificate(der: bytes, more: bool) -> dict[str, Any]:
    try:
        return describe(der, more=more)
    except BadDer as exc:
        return {"unknown": f"it is not a certificate: {exc}"}


def _encoded(data: bytes) -> Iterator[tuple[bytes, bool]]:
    if data[:1] == b"0" and not BEGINS.search(data):
        yield data, False
        return
    complete = 0
    for block in PEM.finditer(data):
        complete += 1
        try:
            yield base64.b64decode(b"".join(block[2].split()), validate=True), block[1].startswith(b"TRUSTED")
        except binascii.Error:
            yield b"", False
    for _broken in range(len(BEGINS.findall(data)) - complete):
        yield b"", False
