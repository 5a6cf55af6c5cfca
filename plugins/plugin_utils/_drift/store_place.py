# SPDX-License-Identifier: GPL-3.0-or-later
"""What a place for objects has to do, and its faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

# On `kin` lies, for the collectors that records have in common, the root of the first of them.
Shelf = Literal["objects", "records", "kin"]


class StoreError(Exception):
    """The store cannot be read or written."""


class Missing(StoreError):
    """It is not in the store."""


class Place(Protocol):
    """Bytes by name on three shelves. Names are 64 hexadecimal digits; what is read may have been tampered with."""

    name: str

    def read(self, shelf: Shelf, key: str) -> bytes | None: ...
    def read_many(self, shelf: Shelf, keys: Iterable[str]) -> dict[str, bytes]: ...
    def write(self, shelf: Shelf, key: str, data: bytes) -> None: ...

    def add(self, shelf: Shelf, key: str, data: bytes) -> bool:
        """Writes what isn't there yet; False, and nothing written, when another one was first."""

    def touch(self, shelf: Shelf, keys: Iterable[str]) -> None: ...
    def keys(self, shelf: Shelf) -> list[str]: ...

    def old(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        """Those that `remove` would remove now."""

    def remove(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        """Those removed, and none that was written or touched within these seconds: their writer may be about to name them."""
