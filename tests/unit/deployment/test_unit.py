# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._runtime import unit

TEXT = "[Service]\nExecStart=/bin/shop\nEnvironmentFile=/etc/systemd/system/shop-green.env\n"


class Systemctl:
    """Answers as systemctl does, and keeps what it was told."""

    def __init__(self):
        self.active, self.told = False, []

    def __call__(self, words):
        verb = words[1]
        if verb == "is-active":
            return (0 if self.active else 3), "", ""
        self.told.append(verb)
        self.active = {"start": True, "restart": True, "stop": False}.get(verb, self.active)
        return 0, "", ""


def bring(systemctl, folder, *, settings, check=False):
    return unit.bring(systemctl, name="shop-green.service", text=TEXT, settings=settings, started=True, check=check, folder=str(folder))


def test_its_environment_is_in_a_file_that_only_root_reads(tmp_path):
    systemctl = Systemctl()
    assert bring(systemctl, tmp_path, settings='TOKEN="a"\n', check=True)
    assert list(tmp_path.iterdir()) == []
    assert bring(systemctl, tmp_path, settings='TOKEN="a"\n')
    private = tmp_path / "shop-green.env"
    assert (private.read_text(), private.stat().st_mode & 0o777) == ('TOKEN="a"\n', 0o600)
    assert (tmp_path / "shop-green.service").stat().st_mode & 0o777 == 0o644
    assert not bring(systemctl, tmp_path, settings='TOKEN="a"\n')
    assert systemctl.told == ["daemon-reload", "enable", "start"]


def test_another_environment_starts_it_anew_and_the_old_one_is_gone(tmp_path):
    systemctl = Systemctl()
    bring(systemctl, tmp_path, settings='TOKEN="a"\n')
    systemctl.told.clear()
    assert bring(systemctl, tmp_path, settings="")
    assert (tmp_path / "shop-green.env").read_text() == ""
    assert systemctl.told == ["daemon-reload", "enable", "restart"]
    assert not bring(systemctl, tmp_path, settings="")
