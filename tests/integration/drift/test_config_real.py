# SPDX-License-Identifier: GPL-3.0-or-later
"""Collectors against the tools that know better: openssl, a shell, HAProxy, podman, iptables."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import certificates, config, containers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

KEY = b"0123456789abcdef"
SUBJECT = "/C=DE/O=M\u00fcller, S\u00f6hne \\+ Co/OU=a\\/b/CN=web 1+emailAddress=a@b.org"
NAMES = "subjectAltName=DNS:a.org,DNS:*.b.org,IP:10.0.0.1,IP:2001:db8::1,email:x@y.org,URI:https://a.org/x"


def run(*argv: str, **more: Any) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout


def made(folder: Path, name: str, *kind: str) -> Path:
    """A self-signed certificate, its private key in the same file."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    new = ["openssl", "req", "-x509", "-nodes", "-utf8", "-multivalue-rdn", "-days", "9000", "-subj", SUBJECT, "-addext", NAMES]
    subprocess.run([*new, "-keyout", str(key), "-out", str(certificate), *kind], check=True, capture_output=True)
    certificate.write_text(key.read_text() + certificate.read_text())
    return certificate


def ordered(name: str) -> str:
    """Parts that stand for one are a set: openssl turns them round, others do not."""
    return ",".join("+".join(sorted(re.split(r"(?<!\\)\+", part))) for part in re.split(r"(?<!\\),", name))


def comparable(item: dict[str, Any]) -> dict[str, Any]:
    return {key: ordered(value) if key in ("subject", "issuer") else value for key, value in item.items() if key != "names"}


def told(path: Path) -> dict[str, str]:
    """What openssl says of it."""
    show = ["-noout", "-subject", "-issuer", "-serial", "-dates", "-fingerprint", "-sha256", "-nameopt", "RFC2253,-esc_msb,utf8"]
    lines = run("openssl", "x509", "-in", str(path), *show, "-dateopt", "iso_8601").splitlines()
    said = {key.strip().split()[0].lower(): value.strip() for key, _sign, value in (line.partition("=") for line in lines)}
    return {
        "subject": ordered(said["subject"]),
        "issuer": ordered(said["issuer"]),
        "serial": said["serial"],
        "not_before": said["notbefore"].replace(" ", "T", 1),
        "not_after": said["notafter"].replace(" ", "T", 1),
        "sha256": said["sha256"].replace(":", "").lower(),
    }


KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["-newkey", "ed25519"],
    "late": ["-newkey", "ed25519", "-days", "20000"],
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_certificates_are_what_openssl_says(tmp_path: Path) -> None:
    paths = [made(tmp_path, name, *kind) for name, kind in KINDS.items()]
    items = certificates.collect({"certificates": [f"{tmp_path}/*.pem"]}, Host())
    for path in paths:
        item = items[f"certificate:{path}"]
        assert item["names"] == ["DNS:a.org", "DNS:*.b.org", "IP:10.0.0.1", "IP:2001:db8::1", "email:x@y.org", "URI:https://a.org/x"]
        assert comparable(item) == told(path)
        assert not any(line in str(items) for line in path.with_suffix(".key").read_text().splitlines()[1:-1])


@pytest.mark.skipif(not Path("/etc/ssl/certs/ca-certificates.crt").exists(), reason="there is no bundle of authorities")
def test_all_authorities_of_the_system_can_be_read(tmp_path: Path) -> None:
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    items = certificates.collect({"certificates": [str(bundle)]}, Host())
    assert len(items) == bundle.read_text().count("BEGIN CERTIFICATE")
    assert not [item for item in items.values() if "unknown" in item]
    for number in (1, len(items) // 2, len(items)):
        blocks = bundle.read_text().split("-----END CERTIFICATE-----\n")
        (tmp_path / "one.pem").write_text(blocks[number - 1] + "-----END CERTIFICATE-----\n")
        found = items[f"certificate:{bundle}#{number}"]
        assert comparable(found) == told(tmp_path / "one.pem")


DOTENV = 'A=b\nexport B=\'x # y\'\nC="a \\"b\\" \\\\ c"\nD=a#b # c\nE=\n\n# F=no\nG="x\ny"\n'


def test_an_environment_file_is_what_a_shell_reads(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text(DOTENV)
    out = run("sh", "-c", 'set -a; . "$1"; exec env -0', "sh", str(tmp_path / "x.env"), env={})
    wanted = dict(pair.split("=", 1) for pair in out.split("\0") if pair and pair[0] in "ABCDEG" and pair[1] == "=")
    items = config.collect({"config": [str(tmp_path / "x.env")]}, Host(fingerprint_key=KEY))
    assert {key.rpartition(":")[2]: item["value"] for key, item in items.items()} == wanted


HAPROXY = """global
    maxconn 100
defaults
    mode http
    timeout client 3s
    timeout server 3s
    timeout connect 3s
userlist ops
    user bob insecure-password hunter2
frontend web
    bind 127.0.0.1:{port}
    acl ok hdr(X-Token) -m str "se cret"
    http-request deny unless ok
    default_backend own
backend own
    server a 127.0.0.1:1 check
"""


def test_a_configuration_that_haproxy_takes(haproxy_bin: Path, free_port: Any, tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(HAPROXY.format(port=free_port()))
    run(str(haproxy_bin), "-c", "-f", str(path))
    items = config.collect({"config": [str(path)]}, Host(fingerprint_key=KEY))
    assert items["config:haproxy.cfg:frontend[web].http-request"] == {"value": "deny unless ok"}
    assert items["config:haproxy.cfg:frontend[web].acl[ok]"]["secret"] is True
    assert items["config:haproxy.cfg:userlist[ops].user[bob]"]["secret"] is True
    assert "hunter2" not in str(items)
    assert "se cret" not in str(items)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[str]:
    """An image of one file. It is never run, so it needs neither a network nor a registry."""
    if shutil.which("podman") is None or subprocess.run(["podman", "images", "-q"], capture_output=True, check=False).returncode:
        pytest.skip("podman does not work here")
    name = f"evenkeel-test-{uuid.uuid4().hex[:8]}"
    (tmp_path / "file").write_text(name)
    run("tar", "-C", str(tmp_path), "-cf", str(tmp_path / "image.tar"), "file")
    run("podman", "import", "--quiet", str(tmp_path / "image.tar"), f"localhost/{name}:1")
    yield name
    subprocess.run(["podman", "rm", "--force", name], capture_output=True, check=False)
    subprocess.run(["podman", "rmi", "--force", f"localhost/{name}:1", f"localhost/{name}:2"], capture_output=True, check=False)


def test_containers_and_images_of_podman(image: str) -> None:
    run("podman", "create", "--name", image, "--publish", "127.0.0.1:8089:80", f"localhost/{image}:1", "/file", "--password", "hunter2")
    items = containers.collect({}, Host(fingerprint_key=KEY))
    found = items[f"container:podman/{image}"]
    told = json.loads(run("podman", "image", "inspect", f"localhost/{image}:1"))[0]
    assert (found["image"], found["image_id"]) == (f"localhost/{image}:1", told["Id"])
    assert (found["state"], found["ports"], found["command"]) == ("created", ["127.0.0.1:8089->80/tcp"], "/file --password [REDACTED]")
    assert items[f"image:podman/localhost/{image}:1"] == {"id": told["Id"], "digest": told["Digest"]}
    run("podman", "tag", f"localhost/{image}:1", f"localhost/{image}:2")
    mine = {key: item for key, item in containers.collect({}, Host(fingerprint_key=KEY)).items() if image in key}
    assert {key for key in mine if items.get(key) != mine[key]} == {f"image:podman/localhost/{image}:2"}


LOOK = """
import json
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import firewall
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
print(json.dumps(firewall.collect({}, Host())))
"""
RULES = 'iptables -A INPUT -p tcp --dport 22 -j ACCEPT && iptables -P FORWARD DROP && "$@" && iptables -I INPUT -i lo -j ACCEPT && "$@"'


def test_a_rule_in_a_network_of_its_own() -> None:
    separate = ["unshare", "--map-root-user", "--net"] if os.geteuid() else ["unshare", "--net"]
    look = [*separate, "sh", "-c", RULES, "sh", sys.executable, "-c", LOOK]
    done = subprocess.run(look, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no iptables in a network namespace here: {done.stderr.strip()[-100:]}")
    before, after = map(json.loads, done.stdout.splitlines())
    ((added, item),) = [(key, after[key]) for key in after.keys() - before.keys()]
    assert added.rpartition("/")[0].endswith("filter/INPUT")
    assert "lo" in item["rule"]
    assert [key.rpartition("/")[2] for key in before if before[key] != after[key]] == ["INPUT"]
    assert next(item["policy"].upper() for key, item in after.items() if key.endswith("filter/FORWARD")) == "DROP"
