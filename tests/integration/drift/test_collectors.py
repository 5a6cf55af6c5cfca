# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collectors read of this machine, against its own tools."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import packaged, packages
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors.sysctl import VOLATILE
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

OPTIONS: dict[str, Any] = {"sysctl_keys": [], "secret_keys": [], "package_trees": [], "packaged_paths": [], "certificates": [], "config": [], "custom": []}
KEY = b"a key of thirty-two bytes or so."


def need(tool: str) -> str:
    found = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if not found:
        pytest.skip(f"{tool} is not installed")
    return found


def said(*argv: str, codes: tuple[int, ...] = (0,)) -> list[str]:
    done = subprocess.run([need(argv[0]), *argv[1:]], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode in codes, done.stderr
    return done.stdout.splitlines()


def look(name: str, **options: Any) -> dict[str, dict[str, Any]]:
    states, items = registry.gather({**OPTIONS, "collectors": [name], **options}, Host(fingerprint_key=KEY))
    assert states == {name: {"state": "read"}}
    return items


def test_packages() -> None:
    rows = [line.split() for line in said("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}:${Architecture} ${Version}\n")]
    installed = {f"package:deb/{name}": version for state, name, version in rows if state in ("ii", "hi")}
    assert {key: item["version"] for key, item in look("packages").items() if key.startswith("package:deb/")} == installed


def test_pip_trees() -> None:
    site = sysconfig.get_path("purelib")
    named = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in importlib.metadata.distributions(path=[site])}
    items = look("packages", package_trees=[sys.prefix])
    assert {key.rpartition("/")[2]: item["version"] for key, item in items.items() if key.startswith(f"package:pip{site}/")} == named


class Debs:
    """A root of its own with packages that dpkg itself installed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc/dpkg/dpkg.cfg.d", "usr/bin"):
            (self.root / name).mkdir(parents=True)
        (self.root / "bin").symlink_to("usr/bin")
        (self.root / "var/lib/dpkg/status").touch()

    def install(self, name: str, files: dict[str, str], conffiles: tuple[str, ...] = (), more: str = "", version: str = "1") -> None:
        tree = self.folder / f"{name}-{version}"
        for path, text in files.items():
            place = tree / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        (tree / "DEBIAN").mkdir()
        control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: x\n{more}"
        (tree / "DEBIAN/control").write_text(control)
        (tree / "DEBIAN/conffiles").write_text("".join(f"{path}\n" for path in conffiles))
        sums = "".join(f"{said('md5sum', str(tree / path.lstrip('/')))[0][:32]}  {path.lstrip('/')}\n" for path in files if path not in conffiles)
        (tree / "DEBIAN/md5sums").write_text(sums)
        for folder in (tree, *(path for path in tree.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        deb = self.folder / f"{name}-{version}.deb"
        said("dpkg-deb", "--root-owner-group", "-b", str(tree), str(deb))
        self.dpkg("--force-confold", "-i", str(deb))

    def dpkg(self, *argv: str, codes: tuple[int, ...] = (0,)) -> list[str]:
        return said("dpkg", f"--root={self.root}", "--force-not-root", "--force-bad-path", f"--log={self.folder}/log", *argv, codes=codes)

    def verify(self) -> dict[str, str]:
        rows = [re.fullmatch(r"(missing|\S{9}) +(?:c )?(/.*?)(?: \(.*\))?", line) for line in self.dpkg("--verify", codes=(0, 1))]
        return {("/usr" + row[2] if row[2].startswith("/bin/") else row[2]): "missing" if row[1] == "missing" else "altered" for row in rows if row}

    def found(self) -> dict[str, str]:
        host = Host(str(self.root), KEY)
        options = {"cache_dir": str(self.folder / "cache")}
        items = packaged.collect(options, host)
        assert items == packaged.collect(options, host)
        return {key.partition(":")[2]: item["state"] for key, item in items.items()}


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg makes the owners of files")
def test_packaged_files_as_dpkg_tells_them(tmp_path: Path) -> None:
    need("dpkg-deb")
    debs = Debs(tmp_path)
    debs.install(
        "one",
        {"/bin/tool": "tool", "/usr/bin/other": "other", "/etc/one.conf": "a", "/etc/two.conf": "b", "/usr/share/x/data": "data"},
        ("/etc/one.conf", "/etc/two.conf"),
    )
    # Takes a file over, and gives a setting up.
    debs.install("two", {"/usr/share/x/data": "of two"}, more="Replaces: one\n")
    said("dpkg-divert", "--root", str(debs.root), "--package", "two", "--divert", "/usr/bin/other.real", "--rename", "/usr/bin/other")
    (debs.root / "usr/bin/other").write_text("a wrapper")
    assert debs.verify() == debs.found() == {}
    (debs.root / "usr/bin/tool").write_text("evil")
    (debs.root / "etc/one.conf").write_text("own")
    (debs.root / "etc/two.conf").unlink()
    (debs.root / "usr/share/x/data").write_text("again")
    expected = {
        "/usr/bin/tool": "altered",
        "/etc/one.conf": "altered",
        "/etc/two.conf": "missing",
        "/usr/share/x/data": "altered",
    }
    assert debs.verify() == expected
    assert debs.found() == expected
    # dpkg itself does not look at files that were moved aside.
    (debs.root / "usr/bin/other.real").write_text("evil too")
    assert debs.verify() == expected
    assert debs.found() == {**expected, "/usr/bin/other.real": "altered"}
    (debs.root / "usr/bin/other.real").write_text("other")
    debs.install("one", {"/bin/tool": "tool 2", "/etc/one.conf": "a"}, ("/etc/one.conf",), version="2")
    assert debs.found() == debs.verify()
    (debs.root / "usr/bin/tool").unlink()
    shutil.rmtree(debs.root / "usr/share/x")
    assert debs.verify()["/usr/share/x"] == "missing"
    assert debs.found() == debs.verify()


def test_users_and_groups() -> None:
    items = look("users")
    rows = [line.split(":") for line in said("getent", "-s", "files", "passwd")]
    users = {f"user:{row[0]}": (row[2], row[3], row[5], row[6]) for row in rows}
    assert {k: (str(i["uid"]), str(i["gid"]), i["home"], i["shell"]) for k, i in items.items() if k.startswith("user:")} == users
    groups = {f"group:{row[0]}": sorted(filter(None, row[3].split(","))) for row in (line.split(":") for line in said("getent", "-s", "files", "group"))}
    assert {k: i["members"] for k, i in items.items() if k.startswith("group:")} == groups


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask")
def test_passwords() -> None:
    words = {"L": "locked", "LK": "locked", "P": "set", "PS": "set", "NP": "none"}
    expected = {f"user:{row[0]}": words[row[1]] for row in (line.split() for line in said("passwd", "-S", "-a"))}
    items = look("users")
    assert {key: items[key].get("password") for key in expected} == expected


def test_sysctl() -> None:
    rows = (line.partition(" = ") for line in said("sysctl", "-a", "--ignore", codes=(0, 1, 255)))
    told: dict[str, str] = {}
    for key, sign, value in rows:
        if sign:
            told.setdefault(key, " ".join(value.split()))
    items = {key.partition(":")[2]: item for key, item in look("sysctl").items() if key.startswith("sysctl:")}
    shown = {key: item["value"] for key, item in items.items() if "value" in item}
    # Values of several lines are several rows there.
    assert {key: value for key, value in shown.items() if key in told and told[key] != value and not value.startswith(told[key])} == {}
    assert {key for key in told if key not in items and not VOLATILE.fullmatch(key)} == set()
    assert len(shown) > 100


def test_mounts() -> None:
    rows = json.loads("\n".join(said("findmnt", "--json", "--list", "--nofsroot", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS")))["filesystems"]
    told = {f"mount:{row['target']}": row for row in rows}
    items = look("mounts")
    assert items["mount:/"]["type"] == told["mount:/"]["fstype"]
    for key, item in items.items():
        assert (item["source"], item["type"]) == (told[key]["source"], told[key]["fstype"])
        options = {one for one in told[key]["options"].split(",") if not re.match("(?:lower|upper|work)dir", one)}
        assert set(item["options"].split(",")) == options


def test_ports_and_their_processes() -> None:
    program = "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        udp.bind(("127.0.0.1", 0))
        assert other.stdout is not None
        key = f"port:tcp:127.0.0.1:{int(other.stdout.readline())}"
        comm = Path(f"/proc/{other.pid}/comm").read_text().strip()
        items = look("ports")
        sockets = {
            f"port:{kind}:{row[4].replace('%lo', '')}"
            for kind in ("tcp", "udp")
            for row in (line.split() for line in said("ss", "-Hln" + kind[0], "--no-header", "-O"))
            for row in [["", *row]]
        }
        other.communicate("")
    assert items[key] == {"process": comm, "user": pwd.getpwuid(os.geteuid()).pw_name}
    mine = f"port:udp:127.0.0.1:{udp.getsockname()[1]}" if udp.fileno() >= 0 else None
    assert mine is None or mine in items
    assert key in sockets
    assert key not in look("ports")


def test_scripts_of_cron() -> None:
    items = look("cron")
    told = {f"cron:{path}" for folder in ("/etc/cron.daily", "/etc/cron.weekly") if Path(folder).is_dir() for path in said("run-parts", "--test", folder)}
    assert told <= {key for key, item in items.items() if item.get("executable")}


def test_services() -> None:
    states, items = registry.gather({**OPTIONS, "collectors": ["services"]}, Host())
    if not Path("/run/systemd/system").is_dir():
        assert (states, items) == ({"services": {"state": "unknown", "reason": "systemd does not run here"}}, {})
        return
    rows = [line.split() for line in said("systemctl", "list-unit-files", "--type=service,timer", "--no-legend", "--no-pager")]
    enabled = {f"{row[0].rpartition('.')[2]}:{row[0]}": row[1] for row in rows if row[1] != "transient"}
    assert {key: items[key]["enabled"] for key in enabled if key in items} == {key: state for key, state in enabled.items() if key in items}
    assert items


def test_unit_files_as_systemctl_tells_them() -> None:
    """Where no systemd runs; where one does, it was asked above."""
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here")
    from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.units import Units

    rows = [line.split() for line in said("systemctl", "--root=/", "list-unit-files", "--type=service,timer", "--no-legend", "--no-pager")]
    units = Units(Host())
    assert {row[0]: units.enabled(row[0]) for row in rows} == {row[0]: row[1] for row in rows}


def test_an_idle_host_is_the_same_twice() -> None:
    """But for ports, which come and go with other tests."""
    names = [name for name in registry.COLLECTORS if name not in ("ports", "packaged", "containers")]
    first, second = (registry.gather({**OPTIONS, "collectors": names}, Host(fingerprint_key=KEY)) for _look in range(2))
    assert first == second
    json.dumps(first)


def test_all_of_them_travel_to_the_host(playbook: Any) -> None:
    """What the module brings along has every collector."""
    options: dict[str, Any] = {
        "collectors": [name for name in registry.COLLECTORS if name not in ("config", "custom")],
        "packaged_paths": ["/etc/**"],
        "fingerprint_key": "a key for this run",
        "inline_limit": 1 << 24,
    }
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Look", "evenkeel.release.drift_snapshot": options}]}])
    assert run.rc == 0, run.stdout
    assert run.changed == 0
    found = run.result("Look")["snapshot"]
    broken = {name: state["reason"] for name, state in found["collectors"].items() if "broke" in state.get("reason", "")}
    assert broken == {}
    assert set(found["collectors"]) == set(options["collectors"])
    assert {key: item for key, item in found["items"].items() if key.startswith("package:")} == packages.collect({}, Host())
