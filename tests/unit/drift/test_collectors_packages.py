# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages, and packaged files that are not what their package brought."""

from __future__ import annotations

import hashlib
import os
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import originals
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import packaged, packages
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make

STATUS = """\
Package: openssl
Status: install ok installed
Priority: optional
Architecture: amd64
Multi-Arch: foreign
Version: 3.0.17-1~deb12u2
Conffiles:
 /etc/ssl/openssl.cnf 6e9a0e4a8e0f1d3c2b7a5f4e3d2c1b0a
Description: Secure Sockets Layer toolkit
 Version: 9 of this text is no field.

Package: linux-image-amd64
Status: hold ok installed
Architecture: amd64
Version: 6.1.148-1

Package: nano
Status: deinstall ok config-files
Architecture: amd64
Version: 7.2-1
Conffiles:
 /etc/nanorc 0123456789abcdef0123456789abcdef

Package: broken
Status: install ok half-configured
Architecture: all
Version: 1:2.0

Package: known-only
Status: unknown ok not-installed
"""


def test_dpkg(tmp_path):
    host = make(tmp_path, {"/var/lib/dpkg/status": STATUS})
    assert packages.collect({}, host) == {
        "package:deb/openssl:amd64": {"version": "3.0.17-1~deb12u2"},
        "package:deb/linux-image-amd64:amd64": {"version": "6.1.148-1", "hold": True},
        "package:deb/broken:all": {"version": "1:2.0", "state": "half-configured"},
    }


def test_rpm(tmp_path):
    said = "openssl\tx86_64\t1:3.0.7-27.el9\nkernel\tx86_64\t0:5.14.0-503.el9\nkernel\tx86_64\t0:5.14.0-427.el9\ngpg-pubkey\t(none)\t0:fd431d51-4ae0493b\n"
    host = make(tmp_path, {"/var/lib/rpm/rpmdb.sqlite": ""}, tools={"rpm -qa": said})
    assert packages.collect({}, host) == {
        "package:rpm/openssl.x86_64": {"version": "1:3.0.7-27.el9"},
        "package:rpm/kernel.x86_64": {"version": "0:5.14.0-427.el9, 0:5.14.0-503.el9"},
        "package:rpm/gpg-pubkey": {"version": "0:fd431d51-4ae0493b"},
    }


def test_a_database_of_rpm_without_rpm_is_unknown(tmp_path):
    with pytest.raises(Unknown, match="rpm is not installed"):
        packages.collect({}, make(tmp_path, {"/usr/lib/sysimage/rpm/rpmdb.sqlite": ""}))


def test_trees_are_read_and_not_run(tmp_path):
    site = "/srv/shop/venv/lib/python3.11/site-packages"
    files = {
        f"{site}/Flask_SQLAlchemy-3.1.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask-SQLAlchemy\nVersion: 3.1.1\n\nVersion: of the text",
        f"{site}/shop-1.dist-info/METADATA": "Name: shop\nVersion: 1",
        f"{site}/shop-1.dist-info/direct_url.json": '{"url": "https://me:hunter2@git.example/shop.git"}',
        f"{site}/old.egg-info": "Name: old\nVersion: 0.1",
        f"{site}/flask/__init__.py": "raise SystemExit",
        "/srv/shop/venv/lib64": ("link", "lib"),
        "/srv/web/node_modules/left-pad/package.json": '{"name": "left-pad", "version": "1.3.0"}',
        "/srv/web/node_modules/@scope/thing/package.json": '{"version": "2.0.0"}',
        "/srv/web/node_modules/torn/package.json": "{",
        "/srv/web/node_modules/.bin/tool": "",
        "/srv/gems/specifications/rack-test-2.1.0.gemspec": "Gem::Specification.new",
    }
    items = packages.collect({"package_trees": ["/srv/*", "/srv/shop/venv", "/srv/none"]}, make(tmp_path, files))
    shop = items.pop("package:pip/srv/shop/venv/lib/python3.11/site-packages/shop")
    assert shop["version"] == "1"
    assert shop["secret"] is True
    assert "hunter2" not in str(shop)
    assert items == {
        "package:pip/srv/shop/venv/lib/python3.11/site-packages/flask-sqlalchemy": {"version": "3.1.1"},
        "package:pip/srv/shop/venv/lib/python3.11/site-packages/old": {"version": "0.1"},
        "package:npm/srv/web/node_modules/left-pad": {"version": "1.3.0"},
        "package:npm/srv/web/node_modules/@scope/thing": {"version": "2.0.0"},
        "package:npm/srv/web/node_modules/torn": {"unknown": "/srv/web/node_modules/torn/package.json is not JSON"},
        "package:gem/srv/gems/specifications/rack-test": {"version": "2.1.0"},
        "package:tree/srv/none": {"unknown": "there is no folder /srv/none"},
    }


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def debian(tmp_path, **more):
    """A host with two packages, whose files are all right."""
    files = {
        "/usr/bin/tool": "tool",
        "/usr/lib/x/data": "data",
        "/etc/tool.conf": "setting",
        "/bin": ("link", "usr/bin"),
        "/usr/bin/alias": ("link", "tool"),
        "/usr/share/doc/tool/README": "read me",
    }
    listed = ["/bin/tool", "/usr/lib/x/data", "/usr/share/doc/tool/README"]
    sums = "".join(f"{md5(files.get(path) or files['/usr' + path])}  {path[1:]}\n" for path in listed)
    status = "Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nConffiles:\n /etc/tool.conf {}\n /etc/old.conf {} obsolete\n"
    database = {
        "/var/lib/dpkg/status": status.format(md5("setting"), md5("old")),
        "/var/lib/dpkg/info/tool:amd64.md5sums": sums,
        "/var/lib/dpkg/info/tool:amd64.list": "\n".join(["/.", "/usr", "/usr/lib", "/usr/lib/x", "/usr/bin/alias", "/etc/tool.conf", *listed, ""]),
    }
    return make(tmp_path, {**files, **database, **more})


def look(host, **options):
    return packaged.collect({"cache_dir": host.path("/cache"), **options}, host)


def write(host, path, text, **times):
    with open(host.path(path), "w") as stream:
        stream.write(text)


def test_a_clean_host_has_no_findings(tmp_path):
    host = debian(tmp_path)
    assert look(host) == {}
    assert look(host) == {}


def test_what_is_altered_or_gone_is_found_every_time(tmp_path):
    host = debian(tmp_path)
    assert look(host) == {}
    write(host, "/usr/bin/tool", "evil")
    write(host, "/etc/tool.conf", "other")
    os.unlink(host.path("/usr/lib/x/data"))
    os.unlink(host.path("/usr/bin/alias"))
    about = {"package": "deb/tool:amd64"}
    expected = {
        "packaged:/usr/bin/tool": {**about, "state": "altered", "sha256": hashlib.sha256(b"evil").hexdigest()},
        "packaged:/etc/tool.conf": {**about, "state": "altered", "sha256": hashlib.sha256(b"other").hexdigest(), "conffile": True},
        "packaged:/usr/lib/x/data": {**about, "state": "missing"},
        "packaged:/usr/bin/alias": {**about, "state": "missing"},
    }
    assert look(host) == expected
    assert look(host) == expected
    assert look(host, cache_dir=None) == expected
    assert look(host, packaged_paths=["/etc/**"]) == {key: item for key, item in expected.items() if key.startswith("packaged:/etc")}
    assert look(host) == expected


def test_the_digest_of_a_file_that_not_all_may_read_is_hidden(tmp_path):
    host = debian(tmp_path)
    write(host, "/etc/tool.conf", "password=1234")
    os.chmod(host.path("/etc/tool.conf"), 0o600)
    item = look(host)["packaged:/etc/tool.conf"]
    assert item == {
        "package": "deb/tool:amd64",
        "conffile": True,
        "state": "altered",
        **host.secret(hashlib.sha256(b"password=1234").hexdigest()),
    }


def test_another_kind_of_thing_is_no_file(tmp_path):
    host = debian(tmp_path)
    os.unlink(host.path("/usr/bin/tool"))
    os.mkfifo(host.path("/usr/bin/tool"))
    assert look(host) == {"packaged:/usr/bin/tool": {"package": "deb/tool:amd64", "state": "no regular file"}}


def test_what_this_host_does_without_is_not_missed(tmp_path):
    rules = "# docs\npath-exclude=/usr/share/doc/*\npath-include = /usr/share/doc/*/copyright\n"
    host = debian(tmp_path, **{"/etc/dpkg/dpkg.cfg.d/docker": rules})
    os.unlink(host.path("/usr/share/doc/tool/README"))
    assert look(host) == {}
    write(host, "/etc/dpkg/dpkg.cfg.d/docker", "")
    assert look(host) == {"packaged:/usr/share/doc/tool/README": {"package": "deb/tool:amd64", "state": "missing"}}


def test_a_diverted_file_is_looked_at_where_it_lies(tmp_path):
    host = debian(tmp_path, **{"/var/lib/dpkg/diversions": "/bin/tool\n/bin/tool.real\nother\n"})
    os.rename(host.path("/usr/bin/tool"), host.path("/usr/bin/tool.real"))
    write(host, "/usr/bin/tool", "a wrapper of the other package")
    os.unlink(host.path("/usr/bin/alias"))
    os.symlink("tool", host.path("/usr/bin/alias"))
    assert look(host) == {}
    write(host, "/usr/bin/tool.real", "evil")
    assert [*look(host)] == ["packaged:/usr/bin/tool.real"]


def test_a_file_that_another_package_took_over_is_that_package_s(tmp_path):
    host = debian(tmp_path)
    with open(host.path("/var/lib/dpkg/info/tool:amd64.list")) as stream:
        left = stream.read().replace("/usr/lib/x/data\n", "")
    write(host, "/var/lib/dpkg/info/tool:amd64.list", left)
    write(host, "/usr/lib/x/data", "by the other package")
    assert look(host) == {}


def test_only_what_moved_is_read_again(tmp_path, monkeypatch):
    host = debian(tmp_path)
    old = time.time() - 60
    for path in ("/usr/bin/tool", "/usr/lib/x/data", "/etc/tool.conf", "/usr/share/doc/tool/README"):
        os.utime(host.path(path), (old, old))
    # What changed within the last two seconds (ctime cannot be set) is never trusted, so the look is two seconds later.
    now = time.time_ns() + originals.RACY_NS * 2
    monkeypatch.setattr(originals.time, "time_ns", lambda: now)
    read = []
    judge = originals.judge
    monkeypatch.setattr(originals, "judge", lambda path, digest: read.append(os.path.basename(path)) or judge(path, digest))
    assert look(host) == {}
    assert sorted(read) == [b"README", b"data", b"tool", b"tool.conf"]
    del read[:]
    assert look(host) == {}
    assert read == []
    os.utime(host.path("/usr/lib/x/data"), (old, old + 1))
    assert look(host) == {}
    assert read == [b"data"]
    del read[:]
    look(host, verify="full")
    assert len(read) == 4


def test_what_was_just_written_is_read_again(tmp_path, monkeypatch):
    """A second edit may leave size and times as the first one left them."""
    host = debian(tmp_path)
    look(host)
    read = []
    judge = originals.judge
    monkeypatch.setattr(originals, "judge", lambda path, digest: read.append(path) or judge(path, digest))
    look(host)
    assert len(read) == 4


def test_a_cache_that_is_broken_or_open_to_others_is_not_trusted(tmp_path, monkeypatch):
    host = debian(tmp_path)
    now = time.time_ns() + originals.RACY_NS * 2
    monkeypatch.setattr(originals.time, "time_ns", lambda: now)
    look(host)
    place = next((tmp_path / "cache").iterdir())
    whole = place.read_bytes()
    read = []
    judge = originals.judge
    monkeypatch.setattr(originals, "judge", lambda path, digest: read.append(path) or judge(path, digest))
    for data, mode in ((whole[:-1], 0o600), (whole[:-1] + b"\x01", 0o600), (b"", 0o600), (whole, 0o666)):
        del read[:]
        place.write_bytes(data)
        place.chmod(mode)
        assert look(host, keep_cache=False) == {}
        assert len(read) == 4
    place.chmod(0o600)
    del read[:]
    assert look(host) == {}
    assert read == []


def test_a_pattern_that_is_none_is_told(tmp_path):
    with pytest.raises(Unknown, match="pattern"):
        look(debian(tmp_path), packaged_paths=["/etc/[z-a]"])


RPM = """\
S.5....T.  c /etc/ssh/sshd_config
.......T.  c /etc/hosts
.M...UG..    /var/log/app
missing     /usr/bin/tool
missing   g /run/thing
missing     /root/x (Permission denied)
..?......    /usr/bin/sudo
........P    /usr/bin/ping
.....UG..  g /var/log/wtmp
Unsatisfied dependencies for nothing-1.0:
"""


def test_rpm_verify(tmp_path):
    host = make(tmp_path, {"/var/lib/rpm/Packages": ""}, tools={"rpm -Va": RPM})
    expected = {
        "packaged:/etc/ssh/sshd_config": {"conffile": True, "state": "altered", "differs": ["size", "digest"]},
        "packaged:/var/log/app": {"state": "altered", "differs": ["mode", "owner", "group"]},
        "packaged:/usr/bin/tool": {"state": "missing"},
        "packaged:/root/x": {"unknown": "cannot be looked at (permission denied)"},
        "packaged:/usr/bin/sudo": {"unknown": "its content could not be compared"},
        "packaged:/usr/bin/ping": {"state": "altered", "differs": ["capabilities"]},
        "packaged:/var/log/wtmp": {"state": "altered", "differs": ["owner", "group"]},
    }
    assert packaged.collect({}, host) == expected
    assert [*packaged.collect({"packaged_paths": ["/usr/bin/*"]}, host)] == ["packaged:/usr/bin/tool", "packaged:/usr/bin/sudo", "packaged:/usr/bin/ping"]
