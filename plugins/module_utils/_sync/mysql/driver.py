# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports PyMySQL.

PyMySQL writes bound values into the SQL text, so the masking key never goes through `execute`: `hand_over` speaks the binary
protocol, where the text holds a question mark and the value travels beside it. Rows are read and written as packets: no
value becomes a Python object, and LOAD DATA LOCAL reads from memory instead of a file.
"""

from __future__ import annotations

import importlib
import re
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

pymysql: Any = None
COMMAND: Any = None
try:
    pymysql = importlib.import_module("pymysql")  # by name: it has no types, and may not be there
    COMMAND = importlib.import_module("pymysql.constants.COMMAND")
    AVAILABLE = True
except ImportError:
    AVAILABLE = False

NEEDS = "PyMySQL 1.0 or newer in the Python that runs it for MariaDB and MySQL (pip install PyMySQL)."
# Fixed, so that a value has one text on every server and no server repairs a value in silence; zero dates may pass.
SETTINGS = (
    "set names utf8mb4 collate utf8mb4_bin",
    "set session time_zone = '+00:00'",
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES,NO_UNSIGNED_SUBTRACTION'",
    "set session net_read_timeout = 3600, net_write_timeout = 3600, wait_timeout = 86400",
    "set session group_concat_max_len = 1073741824",
)
BATCH = 262144  # bytes of rows gathered before they are passed on
WHOLE_PACKET = 0xFFFFFF
BINARY_STRING = 0xFC
# Errors whose messages hold no value of a row: rights, names, connections, locks, space.
# fmt: off
PUBLIC = frozenset((
    3, 1005, 1021, 1040, 1044, 1045, 1046, 1049, 1050, 1051, 1054, 1061, 1064, 1091, 1114, 1118, 1129, 1130, 1142, 1143, 1146, 1148, 1153, 1158, 1159,
    1160, 1161, 1193, 1205, 1206, 1213, 1226, 1227, 1231, 1267, 1290, 1305, 1317, 1370, 1396, 1412, 1419, 1436, 1449, 1698, 1827, 1877, 1927, 1969, 2002,
    2003, 2005, 2006, 2013, 2026, 3024, 3948,
))
# fmt: on
PLACE = re.compile(r"for (column ((?:`[^`]*`\.?)+|'[^']*') at row \d+|key '[^']*')$")


def name(*parts: str) -> str:
    """A quoted identifier: the one way in which names get into SQL."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def literal(value: str) -> str:
    """A text as SQL, whatever it holds and whatever the session's modes are."""
    if re.fullmatch(r"[A-Za-z0-9 _.,:@/+()-]*", value):
        return f"'{value}'"
    return f"_utf8mb4 x'{value.encode('utf-8').hex()}'"


def describe(exc: Any) -> str:
    """A server's error without what it may quote of a row."""
    code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0
    text = str(exc.args[1]) if len(exc.args) > 1 else ""
    if code in PUBLIC:
        return f"{text.strip().splitlines()[0] if text.strip() else 'no text'} (error {code})"
    found = PLACE.search(text)
    return f"{type(exc).__name__} (error {code}){' ' + found.group(0) if found else ''}; the server's log may have the details"


def is_error(exc: BaseException) -> bool:
    return pymysql is not None and isinstance(exc, pymysql.MySQLError)


class Connection:
    def __init__(self, place: Mapping[str, Any]) -> None:
        self.place = place
        self.database = str(place["dbname"])
        self.wire = _wire()(
            host=place.get("host") or "127.0.0.1",
            port=int(place.get("port") or 3306),
            user=place.get("user"),
            password=place.get("password") or "",
            database=self.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=15,
            local_infile=True,
            read_timeout=None,
            write_timeout=None,
            **_tls(place.get("sslmode") or ""),
        )
        if place.get("sslmode") in ("require", "verify-ca", "verify-full") and not isinstance(self.wire._sock, ssl.SSLSocket):
            self.close()
            raise SyncError(f"The server of database {self.database!r} doesn't encrypt, and sslmode {place['sslmode']} was asked for.")
        for text in SETTINGS:
            self.run(text)

    @property
    def mariadb(self) -> bool:
        return "mariadb" in self.wire.server_version.lower()

    def run(self, text: str, values: Sequence[Any] = ()) -> int:
        with self.wire.cursor() as cursor:
            return int(cursor.execute(text, values or None))

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.wire.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall())

    def one(self, text: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        found = self.rows(text, values)
        return found[0] if found else ()

    def hand_over(self, values: Mapping[str, bytes]) -> None:
        """Sets user variables. In the processlist and in every history of statements there is only `set @name = ?`."""
        for variable, value in values.items():
            self._bound(f"set @{name(variable)} = ?", value)

    def _bound(self, text: str, value: bytes) -> None:
        wire = self.wire
        wire._execute_command(COMMAND.COM_STMT_PREPARE, text)
        answer = wire._read_packet().get_all_data()
        number, columns, parameters = struct.unpack("<IHH", answer[1:9])
        for count in (parameters, columns):
            while count and not wire._read_packet().is_eof_packet():
                pass
        block = struct.pack("<IBI", number, 0, 1) + b"\0\1" + bytes((BINARY_STRING, 0)) + _length(len(value)) + value
        wire._execute_command(COMMAND.COM_STMT_EXECUTE, block)
        wire._read_packet()
        wire._execute_command(COMMAND.COM_STMT_CLOSE, struct.pack("<I", number))

    def stream(self, text: str) -> Iterator[list[bytes]]:
        """The rows of a query with one column of text, as they come, in batches. Leave none unread: close instead."""
        wire = self.wire
        wire._execute_command(COMMAND.COM_QUERY, text)
        for _field in range(wire._read_packet().read_length_encoded_integer()):
            wire._read_packet()
        wire._read_packet()  # the end of the fields
        wire._sock.settimeout(None)
        yield from _batches(wire._rfile.read)

    def load(self, text: str, batches: Iterable[bytes]) -> int:
        """Rows that LOAD DATA LOCAL took of what `batches` give. LOCAL turns errors into warnings: any warning is an error here."""
        wire = self.wire
        wire._execute_command(COMMAND.COM_QUERY, text)
        if not wire._read_packet().is_load_local_packet():
            raise SyncError("The target didn't ask for the rows of LOAD DATA LOCAL.")
        for batch in batches:
            wire.write_packet(batch)
        wire.write_packet(b"")
        answer = wire._read_packet()
        answer.advance(1)
        taken = int(answer.read_length_encoded_integer())
        answer.read_length_encoded_integer()
        warnings = struct.unpack("<HH", answer.read(4))[1]
        if warnings:
            found = sorted({(row[1], row[2]) for row in self.rows("show warnings limit 50")})
            errors = [describe(pymysql.DataError(code, str(message))) for code, message in found[:3]]
            raise SyncError(f"The target would have changed or left out rows: {'; '.join(errors) or 'no reason given'}")
        return taken

    def kill(self, number: int) -> None:
        self.run(f"kill {int(number)}")

    @property
    def number(self) -> int:
        return int(self.wire.thread_id())

    def close(self) -> None:
        try:
            self.wire._force_close()  # a polite end would wait for rows that nobody reads
        except (OSError, pymysql.MySQLError):
            return


def _length(number: int) -> bytes:
    if number < 251:
        return bytes((number,))
    return b"\xfc" + struct.pack("<H", number) if number < 1 << 16 else b"\xfe" + struct.pack("<Q", number)


def _unverified() -> ssl.SSLContext:
    """Encrypts and believes whoever answers: it needs none of the host's certificates, which take longer to load than a connection to open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _wire() -> Any:
    class Wire(pymysql.connections.Connection):  # type: ignore[misc]
        def _create_ssl_ctx(self, given: Any) -> Any:
            return super()._create_ssl_ctx(given) if given else _unverified()

    return Wire


def _tls(mode: str) -> dict[str, Any]:
    if mode in ("", "prefer", "allow"):
        return {}
    if mode == "disable":
        return {"ssl_disabled": True}
    if mode not in ("verify-ca", "verify-full"):
        return {"ssl": _unverified()}
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED
    return {"ssl": context}


def _batches(read: Callable[[int], bytes]) -> Iterator[list[bytes]]:
    held: list[bytes] = []
    size = 0
    while True:
        head = read(4)
        if len(head) < 4:
            raise _lost()
        length = head[0] | head[1] << 8 | head[2] << 16
        body = read(length)
        if len(body) < length:
            raise _lost()
        if length == WHOLE_PACKET:
            body += _rest(read)
        if body[0] < BINARY_STRING - 1:
            held.append(body[1:])
        elif body[0] == 0xFE and len(body) < 9:
            break
        else:
            held.append(_long(body))
        size += length
        if size >= BATCH:
            yield held
            held, size = [], 0
    if held:
        yield held


def _long(body: bytes) -> bytes:
    """A row of more than 250 bytes; or the server's report that there are no more rows to come."""
    first = body[0]
    if first == 0xFF:
        pymysql.err.raise_mysql_exception(body)
    if first == 0xFB:
        raise SyncError("A row is longer than the source's max_allowed_packet; raise it there.")
    return body[{0xFC: 3, 0xFD: 4, 0xFE: 9}[first] :]


def _rest(read: Callable[[int], bytes]) -> bytes:
    found = b""
    while True:
        head = read(4)
        if len(head) < 4:
            raise _lost()
        length = head[0] | head[1] << 8 | head[2] << 16
        found += read(length)
        if length < WHOLE_PACKET:
            return found


def _lost() -> Exception:
    found: Exception = pymysql.OperationalError(2013, "Lost connection to MySQL server during query")
    return found


def connect(place: Mapping[str, Any], *, role: str) -> Connection:
    try:
        return Connection(place)
    except pymysql.MySQLError as exc:
        where = f"{place.get('host')}:{place.get('port')}/{place.get('dbname')}"
        raise SyncError(f"Can't open the {role} database {where} as {place.get('user')}: {describe(exc)}") from None
