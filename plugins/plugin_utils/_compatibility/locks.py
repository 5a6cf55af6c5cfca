# SPDX-License-Identifier: GPL-3.0-or-later
"""What lock files pin and who asked for it: pip's requirements.txt, poetry.lock, uv.lock and package-lock.json. Texts in, plain data out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import tomllib
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import ranges
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError

MOST_BYTES = 20_000_000
MOST_TORN = 50


class Asked(NamedTuple):
    """`who` (package and version) asks for `name` in `range`. where: the place in node_modules from which npm looks it up."""

    who: str
    name: str
    range: str
    where: str = ""


@dataclass(frozen=True)
class Lock:
    """pinned: {package: versions that are installed}; torn: what was asked for and does not fit what is pinned, in words."""

    ecosystem: str
    pinned: Mapping[str, tuple[str, ...]]
    needs: tuple[Asked, ...] = ()
    torn: tuple[str, ...] = ()

    def version(self, name: str) -> str:
        """The one version that is pinned; "" when there is none or more than one."""
        found = self.pinned.get(_normal(name, self.ecosystem), ())
        return found[0] if len(found) == 1 else ""

    def asked(self, name: str) -> list[tuple[str, str]]:
        wanted = _normal(name, self.ecosystem)
        return sorted({(each.who, each.range) for each in self.needs if each.name == wanted and each.range})


def parse(name: str, text: str) -> Lock:
    """name: that of the file, which tells its format. Raises CompatibilityError."""
    if len(text) > MOST_BYTES:
        raise CompatibilityError(f"{name} has more than {MOST_BYTES} bytes.")
    read = _reader(name)
    try:
        return read(text)
    except CompatibilityError as exc:
        raise CompatibilityError(f"{name} can't be read: {exc}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise CompatibilityError(f"{name} is not what its tool writes ({type(exc).__name__}: {exc}). Write it again with the tool.") from None


def _reader(name: str) -> Callable[[str], Lock]:
    base = name.rpartition("/")[2]
    exact = {"poetry.lock": _poetry, "uv.lock": _uv, "package-lock.json": _npm, "npm-shrinkwrap.json": _npm}
    if base in exact:
        return exact[base]
    if base.endswith(".txt"):
        return _requirements
    raise CompatibilityError(f"The lock file {base} is of no known kind; allowed are {', '.join(exact)} and requirements.txt (any .txt that pip takes).")


def _requirements(text: str) -> Lock:
    """Pins alone: who asked is in no requirements.txt. A line without == is a fault, since it pins nothing."""
    from packaging.requirements import InvalidRequirement, Requirement

    pinned: dict[str, set[str]] = {}
    joined = re.sub(r"\\\r?\n", " ", text)
    for number, line in enumerate(joined.splitlines(), 1):
        bare = re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
        bare = re.sub(r"\s--hash[= ]\S+", "", bare).strip()
        if not bare or bare.startswith("-"):
            continue
        try:
            asked = Requirement(bare)
        except InvalidRequirement as exc:
            raise CompatibilityError(f"line {number}: {str(exc).splitlines()[0]}") from None
        exact = [each.version for each in asked.specifier if each.operator in ("==", "===") and "*" not in each.version]
        if len(exact) != 1:
            raise CompatibilityError(f"line {number}: {asked.name} is not pinned with ==. Lock it, as with pip-compile.")
        pinned.setdefault(_normal(asked.name, "pypi"), set()).add(exact[0])
    return _judged("pypi", pinned, [])


def _poetry(text: str) -> Lock:
    pinned: dict[str, set[str]] = {}
    needs: list[Asked] = []
    for package in tomllib.loads(text)["package"]:
        name = _normal(package["name"], "pypi")
        pinned.setdefault(name, set()).add(package["version"])
        for other, wanted in package.get("dependencies", {}).items():
            # Several entries are alternatives of platforms: none of them must hold here.
            if isinstance(wanted, list):
                continue
            text_of = wanted if isinstance(wanted, str) else "" if wanted.get("optional") else wanted.get("version", "")
            needs.append(Asked(f"{name} {package['version']}", _normal(other, "pypi"), _from_poetry(text_of)))
    return _judged("pypi", pinned, needs)


def _uv(text: str) -> Lock:
    """uv.lock tells of a dependency its name, and its version where there are several; ranges are there for the project's own needs only."""
    pinned: dict[str, set[str]] = {}
    needs: list[Asked] = []
    for package in tomllib.loads(text)["package"]:
        name, version = _normal(package["name"], "pypi"), package.get("version", "")
        if version and not {"virtual", "editable"} & set(package.get("source", {})):
            pinned.setdefault(name, set()).add(version)
        for wanted in (package.get("metadata") or {}).get("requires-dist", []):
            if not wanted.get("marker"):
                needs.append(Asked(f"{name} {version}".strip(), _normal(wanted["name"], "pypi"), wanted.get("specifier", "")))
    return _judged("pypi", pinned, needs)


def _npm(text: str) -> Lock:
    found = json.loads(text)
    if found.get("lockfileVersion") not in (2, 3):
        raise CompatibilityError(f"lockfileVersion is {found.get('lockfileVersion')!r}, allowed are 2 and 3. Write it again with npm 7 or later.")
    pinned: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    needs: list[Asked] = []
    for place, package in found["packages"].items():
        if package.get("link") or (not place and not package.get("version")):
            continue
        name = package.get("name") or place.rpartition("node_modules/")[2]
        version = package.get("version", "")
        if "node_modules/" in place and version:
            pinned.setdefault(name, set()).add(version)
            places[place] = version
        optional = {each for each, meta in package.get("peerDependenciesMeta", {}).items() if meta.get("optional")}
        asked = {**package.get("dependencies", {}), **{key: value for key, value in package.get("peerDependencies", {}).items() if key not in optional}}
        needs += [Asked(f"{name} {version}".strip(), other, wanted, place) for other, wanted in asked.items()]
    return _judged("npm", pinned, needs, places)


def _judged(ecosystem: str, pinned: Mapping[str, set[str]], needs: list[Asked], places: Mapping[str, str] | None = None) -> Lock:
    known = {name: tuple(sorted(versions)) for name, versions in pinned.items()}
    readable = [each for each in needs if each.range and _is_range(each.range, ecosystem)]
    torn = []
    for each in readable:
        met = [found] if places is not None and (found := _looked_up(each, places)) else known.get(each.name, ()) if places is None else ()
        if met and not any(_fits(each.range, version, ecosystem) for version in met):
            torn.append(f"{each.who} asks for {each.name} {each.range}, pinned is {', '.join(met)}")
    return Lock(ecosystem, known, tuple(readable), tuple(sorted(set(torn))[:MOST_TORN]))


def _looked_up(asked: Asked, places: Mapping[str, str]) -> str:
    """Node's way: node_modules of the package itself, then of each folder above it."""
    place = asked.where
    while True:
        found = places.get(f"{place}/node_modules/{asked.name}".lstrip("/"))
        if found or not place:
            return found or ""
        place = place.rpartition("/node_modules/")[0] if "/node_modules/" in place else ""


def _fits(text: str, version: str, ecosystem: str) -> bool:
    try:
        return ranges.contains(text, version, ecosystem=ecosystem)
    except CompatibilityError:
        return True  # a version of another kind (a tag, a commit): nothing that ranges could tell


def _is_range(text: str, ecosystem: str) -> bool:
    """npm also takes addresses, tags and files, which are no ranges."""
    try:
        ranges.check_range(text, ecosystem=ecosystem)
    except CompatibilityError:
        return False
    return True


def _normal(name: str, ecosystem: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "pypi" else name


def _from_poetry(text: str) -> str:
    """Poetry's own caret and tilde as PEP 440 (its documentation, Version constraints); alternatives (||) are left out, since PEP 440 has none."""
    if "||" in text:
        return ""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return ",".join(_constraint(part) for part in parts)


def _constraint(part: str) -> str:
    read = re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)(.*)", part)
    if not read or part.startswith("~="):
        return "" if part == "*" else part if re.match(r"[<>=!~]", part) else f"=={part}"
    numbers = [int(number) for number in read[2].split(".")]
    at = min(1, len(numbers) - 1) if read[1] == "~" else next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    upper = [*numbers[:at], numbers[at] + 1]
    return f">={read[2]}{read[3]},<{'.'.join(map(str, upper))}"
