# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not work together in a state in which some components run in two versions at once. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import ranges
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Facts, Library, Need, Problem, State

Hosts = Mapping[str, Sequence[str]]


def problems(state: State, declared: Declared, hosts: Hosts | None = None) -> list[Problem]:
    """Every broken pair. hosts: {component: its hosts}, for libraries of which a host or a process has only one."""
    return sorted(
        set(chain(_needs(state, declared), libraries(state, declared, hosts or {}))), key=lambda one: (one.component, one.version, one.other, one.text)
    )


def unknown(state: State, declared: Declared) -> list[tuple[str, str]]:
    """(component, version) of which nothing is declared, or two things are."""
    return sorted((name, version) for name, versions in state.items() for version in versions if facts_of(declared, name, version) is None)


def facts_of(declared: Declared, name: str, version: str) -> Facts | None:
    return declared[name].facts(version) if name in declared else None


def _needs(state: State, declared: Declared) -> Iterator[Problem]:
    offers = _offers(state, declared)
    for name in sorted(state):
        for version in sorted(state[name]):
            facts = facts_of(declared, name, version)
            for need in facts.needs if facts else ():
                problem = _unmet(name, version, need, offers.get(need.contract, {}))
                if problem:
                    yield problem


def _offers(state: State, declared: Declared) -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """{contract: {component: {its version: versions of the contract, () for a version that does not offer it}}} of every component that offers it at all."""
    found: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {}
    for name, versions in state.items():
        known = {version: facts.provides if (facts := facts_of(declared, name, version)) else {} for version in versions}
        for contract in {contract for provides in known.values() for contract in provides}:
            found.setdefault(contract, {})[name] = {version: tuple(provides.get(contract, ())) for version, provides in known.items()}
    return found


def _unmet(name: str, version: str, need: Need, offers: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Problem | None:
    """A need is met by a component all of whose running versions offer it: users of a rolling deployment meet the old and the new one."""
    mine = {provider: offered for provider, offered in offers.items() if need.source in ("", provider)}
    if any(all(fits(need, offered) for offered in versions.values()) for versions in mine.values()):
        return None
    wants = f"{name} {version} requires {need.contract} {need.range}"
    if not mine:
        if need.optional:
            return None
        of = f" of {need.source}" if need.source else ""
        return Problem("missing", name, version, need.source, f"{wants}{of}; nothing that runs offers it", tuple(filter(None, (name, need.source))))
    provider = min(mine)
    found = "; ".join(
        f"{provider} {at} offers {', '.join(offered) or 'none'}"
        for provider, versions in sorted(mine.items())
        for at, offered in sorted(versions.items())
        if not fits(need, offered)
    )
    return Problem("contract", name, version, provider, f"{wants}; {found}", (name, *sorted(mine)))


def fits(need: Need, offered: Sequence[str]) -> bool:
    return any(ranges.contains(need.range, each) for each in offered)


def libraries(state: State, declared: Declared, hosts: Hosts) -> Iterator[Problem]:
    """Of each library that a host or a process has only once, one version must be there that all who use it can live with."""
    rooms: dict[tuple[str, str, str], dict[tuple[str, str], Library]] = {}
    for name, versions in state.items():
        for version in versions:
            facts = facts_of(declared, name, version)
            for library in facts.libraries if facts else ():
                for room in _rooms(library, name, declared, hosts):
                    rooms.setdefault((library.name, library.ecosystem, room), {})[name, version] = library
    told: dict[str, tuple[tuple[str, str], tuple[str, str], list[str]]] = {}
    for (library_name, _ecosystem, room), users in sorted(rooms.items()):
        brought = sorted({each.version for each in users.values()})
        if any(all(accepts(library, version) for library in users.values()) for version in brought):
            continue
        first, other, text = _torn(library_name, users)
        told.setdefault(text, (first, other, []))[2].append(room)
    for text, (first, other, where) in told.items():
        yield Problem("library", first[0], first[1], other[0], f"{text} (in {', '.join(where)})", tuple(sorted({first[0], other[0]})))


def accepts(library: Library, version: str) -> bool:
    if not library.accepts:
        return version == library.version
    return all(ranges.contains(text, version, ecosystem=library.ecosystem) for _who, text in library.accepts)


def _rooms(library: Library, name: str, declared: Declared, hosts: Hosts) -> list[str]:
    """Where there is only one of it: a process is one on each host. A component whose hosts nobody names is taken to be with all others."""
    places = list(hosts.get(name, ())) or ["all hosts"]
    if library.shared == "host":
        return [f"host {place}" for place in places]
    process = declared[name].process or name
    return [f"process {process} on {place}" for place in places]


def _torn(name: str, users: Mapping[tuple[str, str], Library]) -> tuple[tuple[str, str], tuple[str, str], str]:
    """Two users that can't share, and why; where any two can and all together can't, the first and the last."""
    order = sorted(users)
    pairs = [(left, right) for at, left in enumerate(order) for right in order[at + 1 :] if not _share(users[left], users[right])]
    left, right = pairs[0] if pairs else (order[0], order[-1])
    said = [f"{at[0]} {at[1]} brings {users[at].version} and accepts {_asked(users[at])}" for at in (left, right)]
    return left, right, f"only one {name} can be there: {'; '.join(said)}"


def _share(left: Library, right: Library) -> bool:
    return any(accepts(left, version) and accepts(right, version) for version in (left.version, right.version))


def _asked(library: Library) -> str:
    if not library.accepts:
        return f"only {library.version}"
    return ", ".join(f"{text} ({who})" if who else text for who, text in library.accepts)
