# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import fail


def first_of(value: object, file: object, *, what: str) -> str:
    """The value, else the stripped text of the file, else ''. A file that is there but unreadable is a fault."""
    if value:
        return str(value).strip()
    if not file:
        return ""
    path = Path(str(file)).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not text"
        raise fail("credentials", f"Can't read {what} {path}: {reason}.") from None
