# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import psycopg

from shop import VERSION
from shop.migrate import MigrationError, migrate
from shop.server import serve
from shop.settings import Settings, SettingsError, load_settings


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shop", description="The demo shop.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("serve", help="answer HTTP requests until SIGTERM")
    run.add_argument("--config", type=Path, required=True)
    run.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    move = commands.add_parser("migrate", help="bring the schema to this release, forward only")
    move.add_argument("--config", type=Path, required=True)
    move.add_argument("--check", action="store_true", help="say what would be applied, change nothing")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.command == "migrate":
        for line in migrate(settings.database, check=arguments.check):
            print(line)
        return 0
    host, _, port = arguments.listen.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"--listen is {arguments.listen!r}; give ADDRESS:PORT, for example 127.0.0.1:8001")
    serve(settings, host.strip("[]"), int(port))
    return 0


def main() -> int:
    arguments = _arguments().parse_args()
    try:
        return _run(arguments, load_settings(arguments.config))
    except (SettingsError, MigrationError) as error:
        print(f"shop: {error}", file=sys.stderr)
    except (psycopg.Error, OSError) as error:
        # psycopg names host, port and user, never the password.
        print(f"shop {arguments.command}: {str(error).strip()}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
