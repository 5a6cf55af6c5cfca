# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(Exception):
    pass


@dataclass(frozen=True)
class Database:
    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)

    def connect_arguments(self) -> dict:
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "user": self.user,
            "password": self.password,
            "connect_timeout": 5,
            "application_name": "shop",
        }


@dataclass(frozen=True)
class Settings:
    threads: int
    page_size: int
    banner: str
    currency: str
    free_shipping_from: int
    flags: str
    database: Database


# section -> key -> (type, default); None means the file must say it.
KEYS = {
    "server": {"threads": (int, "8"), "page_size": (int, "20"), "banner": (str, "")},
    "database": {
        "host": (str, None),
        "port": (int, "5432"),
        "dbname": (str, None),
        "user": (str, None),
        "password": (str, None),
    },
    "shop": {"currency": (str, "EUR"), "free_shipping_from": (int, "50"), "flags": (str, "")},
}


def _faults(parser: configparser.RawConfigParser) -> list:
    faults = []
    for section in parser.sections():
        known = KEYS.get(section)
        if known is None:
            faults.append("section [{}] is unknown; allowed: {}".format(section, ", ".join(KEYS)))
            continue
        faults += ["{}.{} is unknown; allowed: {}".format(section, key, ", ".join(known)) for key in parser.options(section) if key not in known]
    return faults


def _values(parser: configparser.RawConfigParser, faults: list) -> dict:
    values = {}
    for section, keys in KEYS.items():
        for key, (kind, default) in keys.items():
            text = parser.get(section, key, fallback=default)
            if text is None:
                faults.append(f"{section}.{key} is missing")
            elif kind is int and not (text.isdigit() and int(text) > 0):
                faults.append(f"{section}.{key} is {text!r}; allowed: a whole number above 0")
            else:
                values[key] = kind(text)
    return values


def load_settings(path: Path) -> Settings:
    """Reads shop.ini; raises SettingsError with every fault of the file at once."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"reading {path}: {error}") from error
    except configparser.Error as error:
        # The parser's own message quotes the line, which may be the password.
        raise SettingsError(f"reading {path}: not an ini file ({type(error).__name__})") from None
    faults = _faults(parser)
    values = _values(parser, faults)
    if faults:
        raise SettingsError("{}: {}".format(path, "; ".join(faults)))
    database = Database(**{key: values.pop(key) for key in KEYS["database"]})
    return Settings(database=database, **values)
