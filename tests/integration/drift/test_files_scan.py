# SPDX-License-Identifier: GPL-3.0-or-later
"""The scan of files on real file systems, against the tools of the system, and while others kill, fill or write."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, files
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits

SCAN = """
import json, sys
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import files, host, limits
place, kept, more = json.loads(sys.argv[1])
tree = files.scan(paths=[place], exclude=[], host=host.Host(), cache_dir=kept, limits=limits.Limits(**more))
print(json.dumps(dict(tree.all_items())))
"""
NOBODY = 65534
ROOT = os.geteuid() == 0
SETTLES = 2.1


def look(place: Path, kept: Path | None = None, **more: Any) -> dict[str, Any]:
    return dict(files.scan(paths=[str(place)], exclude=[], host=Host(), cache_dir=str(kept) if kept else None, limits=Limits(**more)).all_items())


def started(place: Path, kept: Path, **more: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([sys.executable, "-c", SCAN, json.dumps([str(place), str(kept), more])], stdout=subprocess.PIPE, env=environment)


def grow(top: Path, count: int) -> Path:
    for number in range(count):
        folder = top / str(number % 20)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}").write_bytes(os.urandom(2000))
    return top


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        run("umount", str(place))


def test_the_tools_of_the_system_say_the_same(tmp_path: Path) -> None:
    place = grow(tmp_path / "tree", 100)
    (place / "link").symlink_to("5")
    (place / "5" / "00005").chmod(0o4750)
    items = look(place)
    lines = run("find", str(place), "-printf", "%p %y %04m %u %g %l\n").splitlines()
    assert len(items) == len(lines)
    letters = {"f": "file", "d": "folder", "l": "link"}
    for path, letter, mode, owner, group, *target in map(str.split, lines):
        item = items[f"file:{path}"]
        assert [item[name] for name in ("type", "mode", "owner", "group")] == [letters[letter], mode, owner, group]
        assert item.get("target") == (target[0] if target else None)
    sums = run("sh", "-c", 'find "$0" -type f -exec sha256sum {} +', str(place)).splitlines()
    assert {f"file:{line[66:]}": line[:64] for line in sums} == {key: item["sha256"] for key, item in items.items() if "sha256" in item}


@pytest.mark.skipif(not ROOT or shutil.which("setcap") is None, reason="setcap needs root")
def test_capabilities_are_what_getcap_says(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("x")
    for wanted in ("cap_net_raw=ep", "cap_chown,cap_net_raw=p", "cap_net_raw=i", "cap_chown,cap_net_raw=eip"):
        if subprocess.run(["setcap", wanted, str(target)], capture_output=True).returncode:
            pytest.skip("this file system keeps no capabilities")
        assert look(tmp_path)[f"file:{target}"]["capabilities"] == run("getcap", str(target)).split(" ", 1)[1].strip()


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="setfacl is not installed")
def test_access_lists_are_what_getfacl_says(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("x")
    run("setfacl", "-m", "u:root:r,g:root:rwx", str(target))
    run("setfacl", "-d", "-m", "u:root:rx", str(tmp_path))
    items = look(tmp_path)
    for path, key, flag in ((target, "acl", "-a"), (tmp_path, "default_acl", "-d")):
        assert items[f"file:{path}"][key].split(",") == run("getfacl", "-cpE", flag, str(path)).split()


@pytest.mark.skipif(shutil.which("aide") is None, reason="aide is not installed")
def test_aide_finds_the_same_edits(tmp_path: Path) -> None:
    place = grow(tmp_path / "tree", 60)
    settings = tmp_path / "aide.conf"
    kept = f"database_in=file:{tmp_path}/db\ndatabase_out=file:{tmp_path}/db\n"
    settings.write_text(f"{kept}report_format=json\nreport_url=file:{tmp_path}/report\n{place} p+ftype+u+g+l+s+sha256\n")
    before = look(place)
    run("aide", "--config", str(settings), "--init")
    (place / "1" / "00001").write_text("other")
    (place / "2" / "00002").unlink()
    (place / "3" / "new").write_text("new")
    (place / "4" / "00004").chmod(0o600)
    (place / "5" / "00005").rename(place / "5" / "renamed")
    (place / "6" / "00006").unlink()
    (place / "6" / "00006").symlink_to("/dev/null")
    (place / "7" / "00007").rename(tmp_path / "aside")
    (place / "7" / "00027").rename(place / "7" / "00007")
    (tmp_path / "aside").rename(place / "7" / "00027")
    after = look(place)
    done = subprocess.run(["aide", "--config", str(settings), "--check"], capture_output=True, text=True)
    assert done.returncode & 7 == 7, done.stdout + done.stderr
    report = json.loads((tmp_path / "report").read_text())
    theirs = {kind: {path.rstrip("/") for path in report[kind]} for kind in ("added", "removed", "changed")}
    ours = {
        "added": {key[5:] for key in after.keys() - before.keys()},
        "removed": {key[5:] for key in before.keys() - after.keys()},
        "changed": {key[5:] for key in before.keys() & after.keys() if before[key] != after[key]},
    }
    # The size of a folder is the file system's own affair.
    theirs["changed"] = {path for path in theirs["changed"] if not Path(path).is_dir()}
    assert ours == theirs


@pytest.mark.skipif(not ROOT, reason="only root can become somebody else")
def test_what_another_user_may_not_read_is_unknown_to_him(tmp_path: Path) -> None:
    place = Path("/tmp") / f"evenkeel-{os.getpid()}"  # where he can get to
    grow(place, 40)
    try:
        (place / "1" / "00001").chmod(0o600)
        (place / "2").chmod(0o700)
        (place / "3").chmod(0o744)
        items = as_nobody(lambda: look(place))
    finally:
        shutil.rmtree(place)
    unknown = {key.removeprefix(f"file:{place}/"): item["unknown"] for key, item in items.items() if "unknown" in item}
    listed = "the folder cannot be listed (permission denied)"
    assert unknown == {"1/00001": "permission denied", "2": listed, "3/00003": "permission denied", "3/00023": "permission denied"}
    assert items[f"file:{place}/1/00001"]["mode"] == "0600"


def as_nobody(act: Callable[[], Any]) -> Any:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with open(sink, "wb") as stream:
                pickle.dump(act(), stream)
        finally:
            os._exit(0)
    os.close(sink)
    with open(source, "rb") as stream:
        found = pickle.load(stream)
    os.waitpid(child, 0)
    return found


def test_a_mount_point_is_not_entered() -> None:
    if not os.path.ismount("/dev/shm"):
        pytest.skip("/dev/shm is no mount point here")
    items = look(Path("/dev"))
    assert items["file:/dev/shm"]["mount"] is True
    assert not [key for key in items if key.startswith("file:/dev/shm/")]


def test_a_mount_that_appears_between_two_scans(tmp_path: Path) -> None:
    place, kept = grow(tmp_path / "tree", 300), tmp_path / "kept"
    time.sleep(SETTLES)
    before = look(place, kept)
    with mounted(place / "1", "1m"):
        (place / "1" / "00001").write_text("x")
        covered = look(place, kept)
    assert covered[f"file:{place}/1"]["mount"] is True
    assert set(before.keys() - covered.keys()) == {key for key in before if key.startswith(f"file:{place}/1/")}
    assert look(place, kept) == before


def test_a_full_disk_costs_only_speed(tmp_path: Path) -> None:
    place, kept = grow(tmp_path / "tree", 1500), tmp_path / "kept"
    kept.mkdir()
    with mounted(kept, "64k"):
        assert look(place, kept) == look(place)
        assert list(kept.iterdir()) == []


def test_a_scan_that_is_killed_leaves_the_old_cache(tmp_path: Path) -> None:
    place, kept = grow(tmp_path / "tree", 1500), tmp_path / "kept"
    time.sleep(SETTLES)
    look(place, kept)
    (old,) = kept.iterdir()
    before = old.read_bytes()
    progress = tmp_path / "progress"
    scan = started(place, kept, verify="full", io_mib_per_s=0.5, progress=str(progress))
    children: list[int] = []
    while not children:
        assert scan.poll() is None
        children = [int(child) for child in Path(f"/proc/{scan.pid}/task/{scan.pid}/children").read_text().split()]
    time.sleep(0.3)
    os.kill(scan.pid, signal.SIGKILL)
    scan.wait()
    assert scan.stdout
    scan.stdout.close()
    assert [path.read_bytes() for path in kept.iterdir()] == [before]
    (place / "1" / "00001").write_text("later")
    found = look(place, kept)
    assert found == look(place)
    assert found[f"file:{place}/1/00001"]["sha256"] == hashlib.sha256(b"later").hexdigest()
    for child in children:  # they notice at their next folder
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_scans_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    place, kept = grow(tmp_path / "tree", 1500), tmp_path / "kept"
    time.sleep(SETTLES)
    expected = look(place)
    for _round in range(2):
        scans = [started(place, kept) for _number in range(3)]
        answers = [json.loads(scan.communicate(timeout=60)[0]) for scan in scans]
        assert answers == [expected] * 3
        (whole,) = kept.iterdir()
        assert len(cache.load(str(whole)).places) == 22
