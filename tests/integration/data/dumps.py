# SPDX-License-Identifier: GPL-3.0-or-later
"""What pg_dump says of a database, to compare."""

from __future__ import annotations

import re
import subprocess
from typing import Any


def dump(pg: Any, name: str, *more: str) -> list[str]:
    argv = [pg.bin / "pg_dump", "--exclude-schema=evenkeel", *more, "-d", name]
    text = subprocess.run(argv, env=pg.env(), capture_output=True, text=True, check=True).stdout
    return sorted(line for line in text.splitlines() if not re.match(r"\\(un)?restrict |--", line))
