# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one sample of a probe can say, and the errors that sort it."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]
# {"state": "answered"|"unavailable"|"unknown", "reason": str, and when answered: the metrics of the type}
Sample = dict[str, Any]

# The probing side is at fault or cannot know: not a word about the service.
_UNKNOWN_ERRNO = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}


class Unavailable(Exception):
    """The service gave a definite no."""


class Unknown(Exception):
    """The probe could not find out."""


def classify(exc: BaseException, timeout: float) -> Sample:
    """Sort what went wrong into `unavailable` (a definite no) or `unknown` (could not tell)."""
    if isinstance(exc, Unavailable):
        return _sample("unavailable", str(exc))
    if isinstance(exc, socket.gaierror):
        return _sample("unknown", f"the host name could not be resolved ({exc.strerror})")
    if isinstance(exc, ssl.SSLCertVerificationError):
        return _sample("unavailable", f"its certificate was not accepted: {exc.verify_message}")
    if isinstance(exc, ssl.SSLError):
        return _sample("unavailable", f"the TLS handshake failed ({exc.reason or 'no reason given'})")
    if isinstance(exc, (TimeoutError, socket.timeout)):  # two classes before Python 3.10
        return _sample("unavailable", f"no answer within {timeout:g} s")
    if isinstance(exc, OSError):
        state = "unknown" if exc.errno in _UNKNOWN_ERRNO else "unavailable"
        return _sample(state, (exc.strerror or type(exc).__name__).lower())
    if isinstance(exc, Unknown):
        return _sample("unknown", str(exc))
    return _sample("unknown", f"the probe itself broke: {type(exc).__name__}")


def answered(metrics: Mapping[str, Any]) -> Sample:
    return {"state": "answered", "reason": "", **metrics}


def _sample(state: str, reason: str) -> Sample:
    return {"state": state, "reason": reason}
