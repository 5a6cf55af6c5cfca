# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

RELEASE_DIR = Path(__file__).resolve().parents[1]
VERSION = (RELEASE_DIR / "VERSION").read_text(encoding="utf-8").strip()
