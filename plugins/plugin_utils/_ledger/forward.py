# SPDX-License-Identifier: GPL-3.0-or-later
"""Where entries go to: a file, a syslog server, a server that takes CloudEvents. What was not taken is told again the next time."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._notify import webhook

PORTS = {"udp": 514, "tcp": 601, "tls": 6514}  # RFC 5426, 6587, 5425
SYSLOG = (*PORTS, "unix")
DATAGRAM = 65_000


class Options(NamedTuple):
    timeout: float = 10.0
    ca_path: str = ""
    secret: str = ""
    headers: Mapping[str, str] = {}


class Sender(Protocol):
    def send(self, texts: Sequence[str], *, delivery: str) -> None:
        """All of them, or LedgerError."""

    def finish(self) -> None:
        """Until here nothing counts as taken."""

    def close(self) -> None: ...


def fault(dest: str, form: str) -> str:
    """Why entries of this form can't go there, or nothing."""
    parts = urlsplit(dest)
    if "://" not in dest:
        return "" if Path(dest).is_absolute() else "a file needs its whole path"
    if parts.scheme in ("http", "https"):
        return "" if form == "cloudevents" else "http and https are for format cloudevents"
    if parts.scheme not in SYSLOG:
        return f"the scheme is {parts.scheme}, allowed: {', '.join((*SYSLOG, 'http', 'https'))}, or the path of a file"
    if form != "syslog":
        return f"{parts.scheme} is for format syslog"
    with contextlib.suppress(ValueError):
        if parts.scheme == "unix" or (parts.hostname and (parts.port or PORTS[parts.scheme]) and not parts.username):
            return ""
    return f"an address is {parts.scheme}://host:port"


@contextlib.contextmanager
def opened(dest: str, options: Options, *, anew: bool) -> Iterator[Sender]:
    """anew: a file begins empty, and takes the place of the one before when all is written."""
    scheme = urlsplit(dest).scheme if "://" in dest else "file"
    try:
        sender = _File(Path(dest), anew=anew) if scheme == "file" else _Web(dest, options) if scheme.startswith("http") else _syslog(dest, scheme, options)
        try:
            yield sender
            sender.finish()
        finally:
            sender.close()
    except (OSError, ssl.SSLError) as exc:
        raise LedgerError(
            f"Sending entries to {_shown(dest)} failed: {_reason(exc)}. Next: mend that and run it again; what was taken is not sent twice."
        ) from exc
    except webhook.WebhookError as exc:
        raise LedgerError(f"Sending entries to {_shown(dest)} failed: {exc}") from exc


class _File:
    def __init__(self, path: Path, *, anew: bool) -> None:
        self._path, self._writes = path, path.with_name(f".{path.name}.new") if anew else path
        flags = os.O_TRUNC if anew else os.O_APPEND
        self._stream = open(os.open(self._writes, os.O_WRONLY | os.O_CREAT | flags, 0o600), "wb")  # noqa: SIM115 - closed by close()

    def send(self, texts: Sequence[str], *, delivery: str) -> None:  # noqa: ARG002 - only the web has a use for it
        self._stream.write("".join(f"{text}\n" for text in texts).encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def finish(self) -> None:
        if self._writes != self._path:
            os.replace(self._writes, self._path)

    def close(self) -> None:
        self._stream.close()
        if self._writes != self._path:
            self._writes.unlink(missing_ok=True)


class _Web:
    """One POST a batch, application/cloudevents-batch+json (CloudEvents HTTP binding 1.0, section 3.3)."""

    def __init__(self, url: str, options: Options) -> None:
        self._url, self._options = url, options

    def send(self, texts: Sequence[str], *, delivery: str) -> None:
        body = f"[{','.join(texts)}]".encode()
        message = webhook.Message(
            self._url, body, delivery, self._options.secret, self._options.headers, content_type="application/cloudevents-batch+json; charset=utf-8"
        )
        sent = webhook.send(message, webhook.Patience(timeout=self._options.timeout, ca_path=self._options.ca_path))
        if not sent.delivered:
            raise LedgerError(f"Sending entries to {_shown(self._url)} failed: it {sent.reason}. Next: mend that and run it again; nothing counts as taken.")

    def finish(self) -> None:
        """Each request was answered."""

    def close(self) -> None:
        """Nothing is open between two requests."""


class _Stream:
    """A message is its length, a space and its bytes: octet counting, RFC 6587 section 3.4.1 and RFC 5425."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, texts: Sequence[str], *, delivery: str) -> None:  # noqa: ARG002 - only the web has a use for it
        messages = [text.encode() for text in texts]
        self._connection.sendall(b"".join(b"%d %s" % (len(message), message) for message in messages))

    def finish(self) -> None:
        """The receiver has read all when it closes in turn: a server that dies loses what the kernel still holds, and syslog has no answer."""
        if isinstance(self._connection, ssl.SSLSocket):
            try:
                self._connection = self._connection.unwrap()
            except ssl.SSLEOFError:  # it went without a farewell, as many do, but it has read ours, the last that was sent
                return
        self._connection.shutdown(socket.SHUT_WR)
        while self._connection.recv(4096):
            pass

    def close(self) -> None:
        self._connection.close()


class _Datagrams:
    """Nobody tells whether they arrive."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, texts: Sequence[str], *, delivery: str) -> None:  # noqa: ARG002 - only the web has a use for it
        for text in texts:
            message = text.encode()
            if len(message) > DATAGRAM:
                raise LedgerError(f"A message of {len(message)} bytes fits no datagram. Next: lower max_bytes, or use tcp or tls.")
            self._connection.send(message)

    def finish(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        self._connection.close()


def _syslog(dest: str, scheme: str, options: Options) -> Sender:
    parts = urlsplit(dest)
    if scheme == "unix":
        local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        local.settimeout(options.timeout)
        local.connect(parts.path)
        return _Datagrams(local)
    address = (str(parts.hostname), parts.port or PORTS[scheme])
    if scheme == "udp":
        family, kind, _protocol, _name, found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        plain = socket.socket(family, kind)
        plain.settimeout(options.timeout)
        plain.connect(found)
        return _Datagrams(plain)
    stream = socket.create_connection(address, timeout=options.timeout)
    if scheme == "tls":
        context = ssl.create_default_context(cafile=options.ca_path or None)
        stream = context.wrap_socket(stream, server_hostname=address[0])
    return _Stream(stream)


def _reason(exc: Any) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate was refused: {exc.verify_message}"
    return str(exc.strerror or exc or type(exc).__name__)


def _shown(dest: str) -> str:
    """Never the whole of a web address: those may be passwords."""
    parts = urlsplit(dest)
    return dest if "://" not in dest or parts.scheme in SYSLOG else f"{parts.scheme}://{parts.hostname}"
