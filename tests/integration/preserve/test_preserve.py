# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a host runs it, on files of its own."""

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.module import run

SECRET = "password = hunter2-and-more\n"


class Host:
    def __init__(self, folder):
        self.root, self.sets, self.extra, self.flags = folder / "shop", folder / "sets", folder / "proxy.conf", folder / "flags.json"
        for version in ("1.0.0", "1.1.0"):
            (self.root / "releases" / version).mkdir(parents=True)
            (self.root / f"releases/{version}.json").write_text(json.dumps({"version": version, "sha256": version[2] * 64, "files": {}}))
        for colour in ("blue", "green"):
            (self.root / "config" / colour).mkdir(parents=True)
            (self.config(colour) / "shop.ini").write_text(f"# {colour}\n{SECRET}")
            (self.config(colour) / "shop.ini").chmod(0o600)
        self.live("1.0.0", "blue")
        self.extra.write_text("old proxy\n")
        flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        self.flags.write_text(json.dumps({"flags": {"checkout": flag, "search": flag}}, indent=2))

    def config(self, colour):
        return self.root / "config" / colour

    def live(self, version, colour):
        for link, target in ((self.root / "current", f"releases/{version}"), (self.root / "config/live", colour)):
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def run(self, *, check=False, **options):
        services = options.pop("services", [{"service": "shop", "root": str(self.root)}])
        return run("preserve", check=check, **{"id": "d1", "dir": str(self.sets), "services": services, **options})

    def preserve(self, **options):
        return self.run(files=[str(self.extra)], flags=[{"path": str(self.flags), "flags": ["checkout"]}], **options)

    def flag(self, name):
        return json.loads(self.flags.read_text())["flags"][name]["defaultVariant"]

    def set_flag(self, name, variant):
        document = json.loads(self.flags.read_text())
        document["flags"][name]["defaultVariant"] = variant
        self.flags.write_text(json.dumps(document, indent=2))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_set_has_pointer_digests_and_flags_and_no_secret_leaves_the_host(host):
    told = host.preserve(fingerprint_key="k")
    assert told["changed"]
    shop = told["preserved"]["services"]["shop"]
    assert (shop["release"], shop["colour"], shop["artifact"]) == ("1.0.0", "blue", "0" * 64)
    assert set(shop["config"]) == {"shop.ini"}
    assert told["preserved"]["flags"][str(host.flags)]["checkout"]["share"] == 0
    assert "hunter2" not in json.dumps(told)
    # What stays is closed to everybody else, all the way.
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [host.sets, *host.sets.rglob("*")]}
    assert modes == {0o700, 0o600}
    assert any(SECRET in path.read_text() for path in host.sets.rglob("*") if path.is_file())


def test_digests_depend_on_the_key(host):
    one, other = (host.run(state="info", fingerprint_key=key)["preserved"]["services"]["shop"]["config"] for key in ("a", "b"))
    assert one != other


def test_check_mode_preserves_nothing(host):
    assert host.preserve(check=True)["changed"]
    assert not host.sets.exists()


def test_a_set_that_is_there_is_never_written_again(host):
    first = host.preserve()
    (host.config("blue") / "shop.ini").write_text("new\n")
    host.live("1.1.0", "green")
    again = host.preserve()
    assert not again["changed"]
    assert again["preserved"] == first["preserved"]


def test_everything_comes_back_to_the_colour_that_is_live_now(host):
    host.preserve()
    before = (host.config("blue") / "shop.ini").read_bytes()
    host.live("1.0.0", "green")
    host.extra.unlink()
    host.set_flag("checkout", "on")
    host.set_flag("search", "on")
    (host.config("green") / "new.ini").write_text("new\n")

    planned = host.run(state="restored", check=True)
    assert sorted(planned["restored"]) == sorted([str(host.config("green") / "shop.ini"), str(host.extra), str(host.flags)])
    assert "# green" in (host.config("green") / "shop.ini").read_text()
    assert "hunter2" not in json.dumps(planned)

    told = host.run(state="restored")
    assert told["changed"]
    assert told["services_changed"] == ["shop"]
    assert told["left"] == [str(host.config("green") / "new.ini")]
    assert (host.config("green") / "shop.ini").read_bytes() == before
    assert stat.S_IMODE((host.config("green") / "shop.ini").stat().st_mode) == 0o600
    assert host.extra.read_text() == "old proxy\n"
    # The one flag of the set, not that of somebody else.
    assert (host.flag("checkout"), host.flag("search")) == ("off", "on")
    assert not host.run(state="restored")["changed"]


def test_a_set_that_is_gone_may_be_no_error(host):
    host.preserve()
    told = host.run(state="restored", id="d9", missing_ok=True)
    assert (told["missing"], told["changed"], told["restored"], told["services_changed"]) == (True, False, [], [])
    assert not host.run(state="restored", missing_ok=True)["missing"]


def test_a_chosen_colour_a_chosen_part_and_removal(host):
    host.preserve()
    host.extra.write_text("new proxy\n")
    (host.config("green") / "new.ini").write_text("new\n")
    services = [{"service": "shop", "root": str(host.root), "colour": "green"}]
    told = host.run(state="restored", services=services, parts=["config"], remove_added=True)
    assert sorted(told["restored"]) == sorted(str(host.config("green") / name) for name in ("shop.ini", "new.ini"))
    assert not (host.config("green") / "new.ini").exists()
    assert host.extra.read_text() == "new proxy\n"


def test_what_was_absent_is_told_as_absent(host):
    host.extra.unlink()
    assert host.preserve()["preserved"]["files"] == {str(host.extra): "absent"}
    host.extra.write_text("made by the release\n")
    assert host.run(state="restored")["left"] == [str(host.extra)]
    host.run(state="restored", remove_added=True)
    assert not host.extra.exists()


def test_a_content_that_somebody_changed_is_no_way_back(host):
    host.preserve()
    kept = next(path for path in (host.sets / "d1/contents").iterdir() if SECRET in path.read_text())
    kept.write_text("evil\n")
    host.extra.write_text("new proxy\n")
    told = host.run(state="restored")
    assert told["failed"]
    assert "is not what was preserved" in told["msg"]
    assert host.extra.read_text() == "new proxy\n", "something was restored although not all could be"


def test_an_open_folder_is_refused(host):
    host.sets.mkdir(mode=0o755)
    told = host.preserve()
    assert told["failed"]
    assert "mode 0700" in told["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"id": "../d"}, "id is '../d'"),
        ({"id": "d9", "state": "restored"}, "there are d1"),
        ({"id": "d2", "files": ["/etc"]}, "/etc is a folder"),
        ({"id": "d2", "files": ["relative"]}, "not absolute"),
        ({"id": "d2", "max_file_size": 3}, "more than max_file_size, which is 3"),
        ({"state": "restored", "services": [{"service": "blog", "root": "/srv/blog"}]}, "it has shop"),
        ({"id": "d2", "keep": 0}, "keep is 0"),
    ],
)
def test_refusals_say_what_and_leave_no_set(host, options, said):
    host.preserve()
    told = host.run(**options)
    assert told["failed"]
    assert said in told["msg"]
    assert [path.name for path in host.sets.iterdir() if path.name != ".restore"] == ["d1"]


def test_an_unknown_flag_lists_the_known(host):
    told = host.run(flags=[{"path": str(host.flags), "flags": ["nope"]}])
    assert "no flag nope; it has checkout, search" in told["msg"]


def test_old_sets_go(host):
    for number in range(4):
        host.run(id=f"d{number}")
        index = host.sets / f"d{number}/index.json"
        os.utime(index, (1_000_000 + number, 1_000_000 + number))
    assert host.run(id="d9", keep=2)["removed"] == ["d0", "d1", "d2"]
    assert host.run(id="d9", state="absent")["changed"]
    assert not host.run(id="d9", state="absent")["changed"]
