# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Header compression of HTTP/2 (RFC 7541): decodes all of it, encodes literals without compression."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

Header = tuple[str, str]

# Appendix B: the length of each symbol's code, 257 of them. The code is canonical, so the lengths tell it whole.
_LENGTHS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505050606060606060607080f060c0a"
    "0d06070707070707070707070707070707070707070707070807080d130d0e060f05060506050606060507070606060506070605050607070707070f0b0e0d1c"
    "141614141616161716171717171718171818161718171717171516171617171816151416161717151716161815161717151516151716171714161616171616171a"
    "1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a1e"
)
_END = 256  # symbol that never stands in a text
_STATIC = """:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control content-disposition content-encoding
content-language content-length content-location content-range content-type cookie date etag expect expires from host if-match if-modified-since
if-none-match if-range if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh
retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"""


def _static_table() -> list[Header]:
    lines = _STATIC.split("\n")
    first = [(name, value) for line in lines[:16] for name, _blank, value in [line.partition(" ")]]
    return [*first, *((name, "") for line in lines[16:] for name in line.split(" "))]


def _codes() -> dict[tuple[int, int], int]:
    """(length, code) -> symbol"""
    found = {}
    code = length = 0
    for wanted, symbol in sorted((length, symbol) for symbol, length in enumerate(_LENGTHS)):
        code <<= wanted - length
        length = wanted
        found[length, code] = symbol
        code += 1
    return found


STATIC = _static_table()
_CODES = _codes()
_TABLE_LIMIT = 4096  # what a peer may use unless we say otherwise, which we don't


class HpackError(ValueError):
    pass


def encode(headers: Iterable[Header]) -> bytes:
    """Literals that nobody remembers."""
    block = b""
    for name, value in headers:
        for number, text in enumerate((name.encode("ascii"), value.encode("latin-1", "replace"))):
            block += (b"\0" if number == 0 else b"") + _integer(len(text), 7) + text
    return block


def _integer(value: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    value -= limit
    out = bytearray([limit])
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class Decoder:
    """One per connection: later blocks refer to headers of earlier ones."""

    def __init__(self) -> None:
        self._dynamic: deque[Header] = deque()
        self._size = 0
        self._limit = _TABLE_LIMIT
        self._data = b""
        self._at = 0

    def decode(self, block: bytes) -> list[Header]:
        self._data, self._at = block, 0
        headers: list[Header] = []
        while self._at < len(block):
            first = block[self._at]
            if first & 0x80:
                headers.append(self._entry(self._number(7)))
            elif first & 0x40:
                headers.append(self._literal(6))
                self._remember(headers[-1])
            elif first & 0x20:
                self._limit = self._number(5)
                if self._limit > _TABLE_LIMIT:
                    raise HpackError("its table of headers is larger than allowed")
                self._evict(0)
            else:
                headers.append(self._literal(4))
        return headers

    def _literal(self, bits: int) -> Header:
        index = self._number(bits)
        name = self._entry(index)[0] if index else self._text()
        return name, self._text()

    def _entry(self, index: int) -> Header:
        if not 1 <= index <= len(STATIC) + len(self._dynamic):
            raise HpackError(f"there is no header {index}")
        return STATIC[index - 1] if index <= len(STATIC) else self._dynamic[index - len(STATIC) - 1]

    def _number(self, bits: int) -> int:
        limit = (1 << bits) - 1
        value = self._byte() & limit
        if value < limit:
            return value
        for shift in range(0, 35, 7):
            byte = self._byte()
            value += (byte & 127) << shift
            if not byte & 128:
                return value
        raise HpackError("a number is too long")

    def _text(self) -> str:
        packed = bool(self._data[self._at : self._at + 1] >= b"\x80")
        size = self._number(7)
        text = self._data[self._at : self._at + size]
        if len(text) < size:
            raise HpackError("a text is cut off")
        self._at += size
        return (unpacked(text) if packed else text).decode("latin-1")

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise HpackError("the block is cut off")
        self._at += 1
        return self._data[self._at - 1]

    def _remember(self, header: Header) -> None:
        size = _size(header)
        self._evict(size)
        if size <= self._limit:
            self._dynamic.appendleft(header)
            self._size += size

    def _evict(self, room: int) -> None:
        while self._dynamic and self._size + room > self._limit:
            self._size -= _size(self._dynamic.pop())


def _size(header: Header) -> int:
    return len(header[0]) + len(header[1]) + 32


def unpacked(data: bytes) -> bytes:
    """A Huffman-coded text; it is padded with fewer than 8 ones."""
    out = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = _CODES.get((length, code))
            if symbol is not None:
                if symbol == _END:
                    raise HpackError("a text has a code that may not stand in it")
                out.append(symbol)
                code = length = 0
            elif length > 30:
                raise HpackError("a text has an unknown code")
    if length > 7 or code != (1 << length) - 1:
        raise HpackError("a text is not padded as it must be")
    return bytes(out)
