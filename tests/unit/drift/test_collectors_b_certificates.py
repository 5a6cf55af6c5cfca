# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: against another reader of X.509, and any bytes at all."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import certificates
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.der import BadDer, element
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.x509 import describe
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type as Asn1
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12)
PRINTABLE = st.text("abc XYZ019'()+,-./:=?", min_size=1, max_size=12)
OIDS = [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME]


@functools.lru_cache(maxsize=1)
def key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def attribute(oid: x509.ObjectIdentifier, text: str, kind: Asn1 = Asn1.UTF8String) -> x509.NameAttribute[Any]:
    return x509.NameAttribute(oid, text, kind, _validate=False)


def made(subject: x509.Name, *, serial: int = 5, names: Any = (), ends: datetime.datetime = datetime.datetime(2040, 1, 2, 3, 4, 5)) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        x509.Name([attribute(NameOID.COMMON_NAME, "ca")]), subject, key().public_key(), serial, datetime.datetime(2020, 1, 1), ends
    )
    if names:
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    return builder.sign(key(), None)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


RDN = st.lists(st.tuples(st.sampled_from(OIDS), TEXT), min_size=1, max_size=2, unique_by=lambda pair: pair[0])


@given(st.lists(RDN, min_size=1, max_size=4), st.integers(1, 2**159))
def test_names_and_serials_are_what_another_reader_says(parts: list[list[tuple[Any, str]]], serial: int) -> None:
    subject = x509.Name([x509.RelativeDistinguishedName([attribute(oid, text) for oid, text in part]) for part in parts])
    found = describe(der(made(subject, serial=serial)))
    assert x509.Name.from_rfc4514_string(found["subject"]).rfc4514_string() == x509.load_der_x509_certificate(der(made(subject))).subject.rfc4514_string()
    assert int.from_bytes(bytes.fromhex(found["serial"]), "big") == serial


@pytest.mark.parametrize("kind", [Asn1.UTF8String, Asn1.PrintableString, Asn1.IA5String, Asn1.BMPString, Asn1.T61String])
def test_kinds_of_text(kind: Asn1) -> None:
    name = x509.Name([attribute(NameOID.COMMON_NAME, "plain, text", kind)])
    assert describe(der(made(name)))["subject"] == "CN=plain\\, text"


def test_all_that_is_told() -> None:
    names = [x509.DNSName("a.org"), x509.IPAddress(ipaddress.ip_address("10.0.0.1")), x509.IPAddress(ipaddress.ip_address("::1"))]
    names += [x509.RFC822Name("a@b"), x509.UniformResourceIdentifier("urn:x"), x509.DirectoryName(x509.Name([attribute(NameOID.COMMON_NAME, "d")]))]
    certificate = made(x509.Name([attribute(NameOID.COMMON_NAME, "web")]), serial=255, names=names, ends=datetime.datetime(2051, 1, 2, 3, 4, 5))
    assert describe(der(certificate)) == {
        "subject": "CN=web",
        "issuer": "CN=ca",
        "not_before": "2020-01-01T00:00:00Z",
        "not_after": "2051-01-02T03:04:05Z",
        "serial": "FF",
        "sha256": hashlib.sha256(der(certificate)).hexdigest(),
        "names": ["DNS:a.org", "IP:10.0.0.1", "IP:::1", "email:a@b", "URI:urn:x", "dirName:CN=d"],
    }


WHOLE = der(made(x509.Name([attribute(NameOID.COMMON_NAME, "web")]), names=[x509.DNSName("a.org")]))


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, 3))
def test_a_certificate_with_any_byte_altered_is_another_or_none(at: int, byte: int, cut: int) -> None:
    altered = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 : len(WHOLE) - cut]
    try:
        found = describe(altered)
    except BadDer:
        assert altered != WHOLE
    else:
        assert (found == describe(WHOLE)) == (altered == WHOLE)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadDer):
        describe(data)


@pytest.mark.parametrize("data", ["3080", "308100", "30820001aa", "3f0100", "30", "3002aa", "308500000000"])
def test_what_der_does_not_allow(data: str) -> None:
    with pytest.raises(BadDer):
        element(bytes.fromhex(data))


def collect(root: Path, *globs: str) -> dict[str, Any]:
    return certificates.collect({"certificates": list(globs)}, Host(str(root)))


def pem(number: int) -> bytes:
    return made(x509.Name([attribute(NameOID.COMMON_NAME, f"c{number}")]), serial=number).public_bytes(Encoding.PEM)


def test_bundles_and_private_keys(tmp_path: Path) -> None:
    private = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(b"note\n" + private + pem(1).replace(b"\n", b"\r\n") + pem(2))
    (tmp_path / "one.der").write_bytes(der(made(x509.Name([attribute(NameOID.COMMON_NAME, "d")]))))
    (tmp_path / "key.pem").write_bytes(private)
    items = collect(tmp_path, "/*.pem", "/*.der", "/both.pem")
    assert {name: item["subject"] for name, item in items.items()} == {
        "certificate:/both.pem#1": "CN=c1",
        "certificate:/both.pem#2": "CN=c2",
        "certificate:/one.der": "CN=d",
    }
    assert not any(line in str(items) for line in private.decode().splitlines())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"nothing", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", "not a certificate"),
        (pem(3)[:-30], "not a certificate"),
        (WHOLE + b"x", "something follows"),
        (b"0" * (5 << 20), "larger than 4 MiB"),
    ],
)
def test_a_named_file_without_a_good_certificate_is_unknown(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.pem").write_bytes(data)
    assert said in collect(tmp_path, "/x.pem")["certificate:/x.pem"]["unknown"]


def test_one_bad_part_of_a_bundle_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_bytes(pem(1) + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + pem(3))
    assert [item.get("subject", "?") for item in collect(tmp_path, "/x.pem").values()] == ["CN=c1", "?", "CN=c3"]


def test_usual_places(tmp_path: Path) -> None:
    (tmp_path / "etc/nginx/tls").mkdir(parents=True)
    (tmp_path / "etc/nginx/tls/web.crt").write_bytes(pem(1))
    (tmp_path / "etc/nginx/tls/params.pem").write_bytes(b"-----BEGIN DH PARAMETERS-----\n")
    assert list(collect(tmp_path)) == ["certificate:/etc/nginx/tls/web.crt"]
