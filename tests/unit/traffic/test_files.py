# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import files
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError


def test_writers_wait_for_each_other(tmp_path):
    path = tmp_path / "live.map"
    path.write_text("0")

    def add():
        for _number in range(20):
            with files.locked(str(path)):
                files.replace(str(path), str(int(path.read_text()) + 1))

    writers = [threading.Thread(target=add) for _number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() == "80"


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = str(tmp_path / "gone" / "live.map")
    with pytest.raises(TrafficError, match=r"Map file .*gone/live\.map cannot be read: No such file"):
        files.read(path, "Map file")
    with pytest.raises(TrafficError, match=r"Folder .*gone cannot be opened"), files.locked(path):
        pass
    with pytest.raises(TrafficError, match=r"gone/live\.map cannot be replaced"):
        files.replace(path, "x")
