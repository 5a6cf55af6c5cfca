# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REDACTED = "[REDACTED]"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, in words a user can act on and without any value. `kind` is stable, for callers."""

    kind: str
    text: str

    def redact(self, hidden: Iterable[str]) -> Fault:
        text = self.text
        for secret in hidden:
            if secret:
                text = text.replace(secret, REDACTED)
        return Fault(self.kind, text)


class SecretsError(Exception):
    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(render(self.faults))


def fail(kind: str, text: str) -> SecretsError:
    return SecretsError([Fault(kind, text)])


def render(faults: Iterable[Fault]) -> str:
    """All faults as one report; the same sentence said by many secrets is said once."""
    texts = list(dict.fromkeys(fault.text for fault in faults))
    if len(texts) == 1:
        return texts[0]
    return f"{len(texts)} faults:\n" + "\n".join(f"- {text}" for text in texts)
