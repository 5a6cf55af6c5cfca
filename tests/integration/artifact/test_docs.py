# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of the how-to page, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/artifacts.md"


def test_from_build_to_host(playbook, tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    script, plays = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("sh", "yaml"))
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    # A playbook in a file: what it looks up lies beside it.
    (tmp_path / "fetch.yml").write_text(plays)
    run = playbook(tmp_path / "fetch.yml", extra_vars={"shop_root": str(tmp_path / "srv")})
    assert run.rc == 0, run.stdout + run.stderr
    assert os.listdir(tmp_path / "srv/releases/1.1.0") == ["VERSION"]
