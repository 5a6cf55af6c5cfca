# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way by which collectors reach the host, so that tests give them another one."""

from __future__ import annotations

import glob
import os
import stat
import subprocess
from collections.abc import Sequence
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.keyed import fingerprint, key_id
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

# (argv, timeout) -> (exit code, standard output)
Run = Callable[[list[str], float], tuple[int, str]]
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
LARGEST = 64 << 20  # a settings file is never that large; whatever is shall not fill the memory
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Host:
    def __init__(self, root: str = "", fingerprint_key: bytes = b"", run: Optional[Run] = None) -> None:
        self.root = root.rstrip("/")
        self._key = fingerprint_key
        self._run = run

    def path(self, path: str) -> str:
        return self.root + path

    def data(self, path: str) -> bytes:
        """FileNotFoundError where there is none; Unknown where there is one that cannot be read."""
        try:
            descriptor = os.open(self.path(path), FLAGS)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise FileNotFoundError(path) from exc
        except (OSError, ValueError) as exc:
            raise Unknown(f"{path} cannot be read ({reason(exc)})") from exc
        try:
            # Not a pipe, whose reader would wait for ever, nor a device, which reading may change.
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Unknown(f"{path} is not a regular file")
            if found.st_size > LARGEST:
                raise Unknown(f"{path} is larger than {LARGEST >> 20} MiB")
            with open(descriptor, "rb", closefd=False) as stream:
                return stream.read()
        except OSError as exc:
            raise Unknown(f"{path} cannot be read ({reason(exc)})") from exc
        finally:
            os.close(descriptor)

    def text(self, path: str) -> str:
        return self.data(path).decode("utf-8", "backslashreplace")

    def names(self, path: str) -> list[str]:
        """What lies in a folder, sorted; FileNotFoundError or Unknown as for `data`."""
        try:
            return sorted(os.listdir(self.path(path)))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise FileNotFoundError(path) from exc
        except (OSError, ValueError) as exc:
            raise Unknown(f"{path} cannot be listed ({reason(exc)})") from exc

    def glob(self, pattern: str) -> list[str]:
        """Paths without the root, sorted; `**` is any number of folders."""
        found = glob.glob(glob.escape(self.root) + pattern, recursive=True)
        return sorted(path[len(self.root) :] for path in found)

    def which(self, name: str) -> Optional[str]:
        for folder in FOLDERS:
            path = f"{folder}/{name}"
            if os.access(self.path(path), os.X_OK) and not os.path.isdir(self.path(path)):
                return path
        return None

    def lines(self, argv: Sequence[str], timeout: float = 30, codes: Sequence[int] = (0,)) -> list[str]:
        """Standard output of a tool; Unknown when it is missing, ends with another code, or takes too long."""
        if self._run is None and self.root:
            raise Unknown(f"{argv[0]} is not run for another root")
        try:
            code, text = (self._run or _run)(list(argv), timeout)
        except FileNotFoundError as exc:
            raise Unknown(f"{argv[0]} is not installed") from exc
        except subprocess.TimeoutExpired as exc:
            raise Unknown(f"{argv[0]} took longer than {timeout:g} s") from exc
        except (OSError, ValueError, subprocess.SubprocessError) as exc:
            raise Unknown(f"{argv[0]} cannot be run ({reason(exc)})") from exc
        if code not in codes:
            raise Unknown(f"{argv[0]} failed with code {code}")
        return text.splitlines()

    def secret(self, value: str) -> dict[str, Any]:
        if not self._key:
            raise Unknown("there is no fingerprint key, so secrets cannot be compared without being shown")
        return {"secret": True, "fingerprint": fingerprint(value, self._key), "key": key_id(self._key)}


def reason(exc: BaseException) -> str:
    """Why, in words that are the same on every host: no path, no value."""
    text = getattr(exc, "strerror", None)
    return text.lower() if isinstance(text, str) and text else type(exc).__name__


def _run(argv: list[str], timeout: float) -> tuple[int, str]:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *FOLDERS])
    environment = {**os.environ, "LC_ALL": "C", "PATH": path}
    found = next((place for place in (f"{folder}/{argv[0]}" for folder in path.split(os.pathsep)) if os.access(place, os.X_OK)), argv[0])
    done = subprocess.run(
        [found, *argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, timeout=timeout, check=False
    )
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace")
