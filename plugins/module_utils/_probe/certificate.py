# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many days a peer's certificate is still valid, whether it was verified or not."""

from __future__ import annotations

import calendar
import re
import ssl
import time

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Unavailable

# Two times in a row (UTCTime tag 0x17, 13 bytes; GeneralizedTime tag 0x18, 15 bytes) stand only in an X.509 Validity.
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(_TIME + _TIME)


def days_left(sock: ssl.SSLSocket, now: float) -> float:
    der = sock.getpeercert(binary_form=True)
    if not der:
        raise Unavailable("it showed no certificate")
    return round((not_after(der) - now) / 86400, 2)


def not_after(der: bytes) -> float:
    """End of validity in seconds since the epoch; getpeercert() tells it only for verified certificates."""
    found = _VALIDITY.search(der)
    if not found:
        raise Unavailable("its certificate has no readable validity")
    short, full = found.group(3), found.group(4)
    if short:
        text = short.decode()
        # RFC 5280: two-digit years from 50 on belong to the 20th century.
        full_text = ("19" if text[:2] >= "50" else "20") + text
    else:
        full_text = full.decode()
    return float(calendar.timegm(time.strptime(full_text, "%Y%m%d%H%M%S")))
