# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of a COPY, handed from one server to the other as they are.

What one server sends (CopyData) is what the other wants to receive, byte for byte, so nothing has to be taken apart: a call for
each row would cost this process as much as the row costs the servers. That needs the bare sockets of both connections; where they
are encrypted, libpq has to do it row by row (copying.Stream).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import fields_of, report, sql

CHUNK = 262144
GATHERED = 131072  # bytes that are waited for: a server sends 8 KiB at a time, and to be woken for each of them costs three processes time
PATIENCE = 20_000  # microseconds that they are waited for
QUIET = 10  # such times without a byte, after which what came last may have been an error
HELD = 16384  # the last bytes stay here until more come: they may turn out to be an error, which is for nobody else
READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")
# CopyDone, then CommandComplete with the number of rows, then the description of the answer that follows.
END = re.compile(rb"c\x00\x00\x00\x04C\x00\x00\x00[\x00-\xff]COPY ([0-9]+)\x00T")


class Broken(Exception):
    """Why rows can't go on; without what a server may quote of a row."""


class Passed(NamedTuple):
    rows: int
    bytes: int


def possible(*connections: Any) -> bool:
    """Whether both sockets carry the protocol as it is. A Windows server's or a GSS connection isn't asked about: libpq says TLS alone."""
    return all(not connection.pgconn.ssl_in_use and not getattr(connection.pgconn, "gssapi_in_use", False) for connection in connections)


class Bare:
    """The socket of a connection that libpq leaves alone meanwhile: it is idle, or in a COPY and has nothing to say."""

    def __init__(self, connection: Any) -> None:
        self.socket = socket.socket(fileno=os.dup(connection.pgconn.socket))
        self.socket.setblocking(True)

    def be_patient(self) -> None:
        self._wait_for(GATHERED, microseconds=PATIENCE)

    def _wait_for(self, size: int, *, microseconds: int) -> None:
        with contextlib.suppress(OSError):  # where the system knows no such mark every byte wakes us
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, microseconds))

    def break_off(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._wait_for(1, microseconds=0)
        self.socket.setblocking(False)  # of the connection itself, too: both share it
        self.socket.close()


class Reader:
    """Runs one COPY TO STDOUT and yields its messages in large pieces."""

    def __init__(self, connection: Any, text: Any) -> None:
        self.connection = connection
        # Behind the rows comes an answer that no row can hold: it was made up after the snapshot.
        self.sign = secrets.token_hex(16).encode("ascii")
        query = (text + sql.SQL(f"; select '{self.sign.decode('ascii')}'")).as_string(connection).encode("utf-8") + b"\0"
        self.request = b"Q" + struct.pack("!I", len(query) + 4) + query
        self.rows = -1

    def run(self, give: Callable[[list[Any]], None]) -> None:
        bare = Bare(self.connection)
        try:
            bare.socket.sendall(self.request)
            bare.be_patient()
            self._read(bare.socket, give)
        except OSError as exc:
            raise Broken(f"the connection to the source broke ({exc.strerror or type(exc).__name__})") from None
        finally:
            bare.close()

    def _read(self, source: socket.socket, give: Callable[[list[Any]], None]) -> None:
        held, begun, quiet = b"", False, 0
        chunk = memoryview(bytearray(CHUNK))
        while True:
            try:
                size = source.recv_into(chunk)
            except BlockingIOError:
                size = -1
            quiet = quiet + 1 if size < 0 else 0
            if size == 0:
                raise Broken(_fault(held, len(held)) or "the source closed the connection")
            if size > 0:
                piece: Any = chunk[:size]
                if not begun:
                    held += bytes(piece)
                    begun, held = self._begin(held)
                    piece = b""
                # All but the last bytes can go: what ends the stream is in those.
                if len(piece) > HELD:
                    give([held, piece[:-HELD]])
                    held = bytes(piece[-HELD:])
                else:
                    held += bytes(piece)
                    if len(held) > 4 * HELD:
                        give([held[:-HELD]])
                        held = held[-HELD:]
            if READY.search(held[-6:]) and self._ended(held, give, sure=quiet >= QUIET):
                return

    def _begin(self, held: bytes) -> tuple[bool, bytes]:
        """Takes away the message that says that rows will come."""
        if held[:1] == b"E":
            return False, held
        if len(held) < 5 or len(held) < 1 + struct.unpack("!I", held[1:5])[0]:
            return False, held
        if held[:1] != b"H":
            raise Broken("the source answered a COPY with something else")
        return True, held[1 + struct.unpack("!I", held[1:5])[0] :]

    def _ended(self, held: bytes, give: Callable[[list[Any]], None], *, sure: bool) -> bool:
        """Whether the server is ready for the next request; gives the last rows."""
        place = held.rfind(self.sign)
        if place >= 0:
            ends = list(END.finditer(held, 0, place))
            if not ends:
                raise Broken("the source ended a COPY in an unknown way")
            give([held[: ends[-1].start()]])
            self.rows = int(ends[-1].group(1))
            return True
        fault = _fault(held, len(held) - 6)
        if fault is None or not sure:
            return False
        raise Broken(fault)


def _fault(held: bytes, end: int) -> Optional[str]:
    """What the error says that ends right there, if there is one."""
    place = held.rfind(b"E", 0, end)
    while place >= 0:
        if held[place + 5 : place + 6] == b"S" and place + 1 + struct.unpack("!I", held[place + 1 : place + 5])[0] == end:
            return report(fields_of(held[place + 5 : end]))
        place = held.rfind(b"E", 0, place)
    return None


def _complaint(target: socket.socket) -> str:
    """The target speaks up only when it has given up. Its message comes whole, or the connection is gone."""
    said = target.recv(CHUNK)
    if said[:1] == b"E" and len(said) > 5:
        return report(fields_of(said[5 : 1 + struct.unpack("!I", said[1:5])[0]]))
    return "the target closed the connection" if not said else "the target stopped taking rows"


def relay(reader: Reader, copy: Any, *, each: Callable[[int], None]) -> Passed:
    """`copy` is the COPY FROM STDIN that waits on the target; `each` hears how many bytes went, and may raise."""
    target = Bare(copy.connection)
    sent = 0

    def give(pieces: list[Any]) -> None:
        nonlocal sent
        for piece in pieces:
            if piece:
                try:
                    target.socket.sendall(piece)
                    if select.select([target.socket], [], [], 0)[0]:
                        raise Broken(_complaint(target.socket))
                except OSError as exc:
                    raise Broken(f"the connection to the target broke ({exc.strerror or type(exc).__name__})") from None
                sent += len(piece)
                each(len(piece))

    copy.write(b"")  # else psycopg would end the stream with a header of its own
    try:
        reader.run(give)
    except BaseException:
        # Perhaps in the middle of a message: there is no way to say a word to the target any more.
        target.break_off()
        raise
    finally:
        target.close()
    return Passed(reader.rows, sent)
