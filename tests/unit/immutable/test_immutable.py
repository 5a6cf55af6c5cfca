# SPDX-License-Identifier: GPL-3.0-or-later
"""Protection of real files, seen by lsattr and by who tries to write; units and mounts from tables."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._immutable import act, bind, flags, tree, units
from ansible_collections.evenkeel.release.plugins.module_utils._immutable.modes import Modes


def able(folder: Path) -> bool:
    probe = folder / "probe"
    probe.write_text("x")
    try:
        done = flags.give(os.fsencode(probe), True)
        flags.give(os.fsencode(probe), False)
    except PermissionError:
        done = None
    probe.unlink()
    return bool(done)


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "releases"
    (made / "1.0.0" / "bin").mkdir(parents=True)
    (made / "1.0.0" / "bin" / "shop").write_text("shop")
    (made / "1.0.0" / "bin" / "shop").chmod(0o755)
    (made / "1.0.0" / "conf").write_text("conf")
    (made / "1.0.0" / "conf").chmod(0o640)
    (made / "1.0.0" / "link").symlink_to("conf")
    yield made
    if able(tmp_path):
        for path in [made, *made.rglob("*")]:
            if not path.is_symlink():
                flags.give(os.fsencode(path), False)


def run(top: Path, state: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"method": "attribute", "fallback": True, "dry": False, "run": lambda argv: pytest.fail(str(argv)), **more}
    return act.perform([os.fsencode(top)], state=state, modes=Modes(str(top.parent / "state")), **given)


def modes_of(top: Path) -> dict[str, int]:
    return {str(path): stat.S_IMODE(os.lstat(path).st_mode) for path in [top, *top.rglob("*")] if not path.is_symlink()}


def test_the_attribute_holds_and_is_taken_off_again(top: Path, tmp_path: Path) -> None:
    if not able(tmp_path):
        pytest.skip("no immutable attribute here")
    before = modes_of(top)
    dry = run(top, "applied", dry=True)
    assert (dry["changed"], dry["held"]) == (True, False)
    done = run(top, "applied")
    assert (done["changed"], done["held"], done["protected"], done["weak"]) == (True, True, {"attribute": 5}, [])
    said = subprocess.run(["lsattr", "-R", str(top)], capture_output=True, text=True, check=True).stdout
    assert all("i" in line.split()[0] for line in said.splitlines() if line.endswith(("shop", "conf", "bin")))
    for attempt in (lambda: (top / "1.0.0/conf").write_text("x"), lambda: (top / "1.0.0/new").write_text("x"), lambda: (top / "1.0.0/link").unlink()):
        with pytest.raises(PermissionError):
            attempt()
    assert not run(top, "applied")["changed"]
    assert run(top, "verified")["held"]
    flags.give(os.fsencode(top / "1.0.0/conf"), False)
    opened = run(top, "verified")
    assert (opened["held"], opened["open"], opened["changed"]) == (False, [str(top / "1.0.0/conf")], False)
    lifted = run(top, "lifted")
    assert (lifted["changed"], lifted["held"], lifted["protected"]) == (True, False, {"none": 5})
    assert modes_of(top) == before
    assert not run(top, "lifted")["changed"]
    (top / "1.0.0/conf").write_text("x")


@pytest.mark.parametrize("why", ["no attribute", "no capability"])
def test_modes_are_the_fallback_and_told_as_weak(top: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    before = modes_of(top)

    def denied(path: bytes, wanted: bool) -> bool:
        raise PermissionError(errno.EPERM, "denied")

    if why == "no attribute":
        monkeypatch.setattr(tree.flags, "of", lambda path: None)
        monkeypatch.setattr(tree.flags, "give", lambda path, wanted: None)
    else:
        monkeypatch.setattr(tree.flags, "of", lambda path: False)
        monkeypatch.setattr(tree.flags, "give", denied)
    done = run(top, "applied")
    assert (done["held"], done["protected"], len(done["weak"])) == (True, {"modes": 5}, 5)
    assert all(not mode & 0o222 for mode in modes_of(top).values())
    assert not run(top, "applied")["changed"]
    assert run(top, "verified")["held"]
    (top / "1.0.0/conf").chmod(0o600)
    assert run(top, "verified")["open"] == [str(top / "1.0.0/conf")]
    (top / "1.0.0/conf").chmod(0o640)
    run(top, "applied")
    assert run(top, "lifted")["changed"]
    assert modes_of(top) == before
    with pytest.raises(tree.Fault, match=r"fallback is false|capability linux_immutable"):
        run(top, "applied", fallback=False)
    assert modes_of(top) == before


def test_a_missing_path_and_a_link_stop_before_anything_changes(top: Path) -> None:
    before = modes_of(top)
    for bad, said in ((top / "gone", "is not there"), (top / "1.0.0/link", "is a link")):
        with pytest.raises(tree.Fault, match=said):
            act.perform(
                [os.fsencode(top), os.fsencode(bad)], state="applied", method="attribute", fallback=True, modes=Modes(str(top)), dry=False, run=bind.command
            )
    assert modes_of(top) == before
    assert not any(flags.of(os.fsencode(path)) for path in top.rglob("*") if not path.is_symlink())


def test_read_only_mounts(top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(b"20 1 8:1 / / rw - ext4 /dev/sda rw\n")
    asked: list[list[str]] = []

    def mount(argv: Any) -> int:
        asked.append(list(argv))
        option = b"ro" if "remount,bind,ro" in argv else b"rw"
        table.write_bytes(table.read_bytes() + b"21 20 8:1 / %s %s - ext4 /dev/sda rw\n" % (os.fsencode(top), option))
        return 0

    monkeypatch.setattr(bind.read_only, "__defaults__", (str(table),))
    assert run(top, "applied", method="bind", run=mount)["protected"] == {"bind": 1}
    assert [argv[0:3] for argv in asked] == [["mount", "--bind", str(top)], ["mount", "-o", "remount,bind,ro"]]
    assert not run(top, "applied", method="bind")["changed"]
    with pytest.raises(tree.Fault, match=r"umount .* failed with code 32"):
        run(top, "lifted", method="bind", run=lambda argv: 32)


@pytest.mark.parametrize(
    ("shown", "mounts", "expected"),
    [
        ("", "", (False, None)),
        ("LoadState=not-found\nReadOnlyPaths=/srv/a /srv/b\nMainPID=0", "", (False, None)),
        ("LoadState=loaded\nReadOnlyPaths=/srv/a\nMainPID=0", "", (False, None)),
        ("LoadState=loaded\nReadOnlyPaths=/srv/a -/srv/b\nMainPID=0", "", (True, None)),
        ("LoadState=loaded\nReadOnlyPaths=/srv/a /srv/b\nMainPID=7", "1 1 8:1 / / rw - x y z\n", (True, False)),
        (
            "LoadState=loaded\nReadOnlyPaths=/srv/a /srv/b\nMainPID=7",
            "1 1 8:1 / / rw - x y z\n2 1 8:1 / /srv/a ro - x y z\n3 1 8:1 / /srv/b ro - x y z\n",
            (True, True),
        ),
        ("LoadState=loaded\nReadOnlyPaths=/srv/a /srv/b\nMainPID=7", "1 1 8:1 / / ro,nosuid - x y z\n", (True, True)),
    ],
)
def test_units_are_asked_for_what_is_set_and_what_holds(tmp_path: Path, shown: str, mounts: str, expected: Any) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/mountinfo").write_text(mounts)
    state = units.state("shop.service", ["/srv/a", "/srv/b"], lines=lambda argv: shown.splitlines(), proc=str(tmp_path))
    assert (state["declared"], state["in_effect"]) == expected
