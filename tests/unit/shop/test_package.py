# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import importlib.util
import io
import stat
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

DEMO = Path(__file__).resolve().parents[3] / "demo"


@pytest.fixture(scope="module")
def package():
    pytest.importorskip("cryptography")
    spec = importlib.util.spec_from_file_location("demo_package", DEMO / "package.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_package"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_twice_gives_the_same_bytes_and_changes_nothing(package, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert "SHA256SUMS.sig" in package.package(one)
    assert package.package(one) == []
    package.package(two)
    assert (one / "SHA256SUMS").read_bytes() == (two / "SHA256SUMS").read_bytes()


def test_manifest_pins_the_tarball_and_the_key_is_private(package, tmp_path):
    package.package(tmp_path)
    for release in package.RELEASES:
        document = yaml.safe_load((tmp_path / "releases" / f"{release.version}.yml").read_text())
        component = document["components"]["shop"]
        content = Path(component["artifact"]).read_bytes()
        assert component["sha256"] == hashlib.sha256(content).hexdigest()
        assert component["size"] == len(content)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


def test_signature_verifies_with_the_public_key_and_not_after_a_change(package, tmp_path):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    package.package(tmp_path)
    public = load_pem_public_key((tmp_path / "signing.pub").read_bytes())
    listing, signature = (tmp_path / "SHA256SUMS").read_bytes(), (tmp_path / "SHA256SUMS.sig").read_bytes()
    public.verify(signature, listing)
    with pytest.raises(InvalidSignature):
        public.verify(signature, listing.replace(b"shop-1.0.0", b"shop-1.0.1"))


def test_overlays_change_only_what_a_release_says(package):
    files = {release.version: package.release_files(release, package.SOURCE) for release in package.RELEASES}
    base, loyalty, broken = files["1.0.0"], files["1.1.0"], files["1.2.0"]
    assert {name for name in loyalty if loyalty[name] != base.get(name)} == {
        "VERSION",
        "migrations/002_loyalty.sql",
        "shop/features.py",
    }
    assert {name for name in broken if broken[name] != loyalty.get(name)} == {"VERSION", "shop/features.py"}


def test_tarball_is_sorted_and_has_no_trace_of_its_maker(package):
    content = package.tarball({"b/c.py": b"1", "VERSION": b"2"})
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == ["VERSION", "b", "b/c.py"]
    assert {(entry.uid, entry.gid, entry.uname, entry.mtime) for entry in entries} == {(0, 0, "root", package.MTIME)}
    assert content[4:8] == bytes(4)
