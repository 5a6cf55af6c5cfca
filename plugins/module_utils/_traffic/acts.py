# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call asks for, carried out at one or several balancers: look at all of them, check every name, then change, wait, report."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import (
    WORD,
    Driver,
    State,
    TrafficError,
    Unreachable,
    check_pool,
    check_server,
    check_service,
    existing,
    serves,
    split_of,
)
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.wait import Place, wait_drained, wait_serving

ROUTES = ("switched", "split", "closed", "opened")
PLACES = ("ready", "drain", "maint", "drained", "weighted")
STATES = ROUTES + PLACES


class Wish(NamedTuple):
    act: str
    service: str = ""
    pool: str = ""
    shares: dict[str, float] = {}
    retry_after: int = 30
    servers: tuple[tuple[str, Optional[str], Optional[int]], ...] = ()  # pool, server or the whole pool, weight
    deadline: float = 30.0
    wait_up: bool = True
    wait: bool = False
    cut: bool = False
    min_ready: int = 0
    skip_unreachable: bool = False


Seen = list[tuple[Driver, State]]


def act(drivers: Sequence[Driver], wish: Wish, *, check: bool) -> dict[str, Any]:
    _check_words(wish)
    seen, unreachable = observe(drivers, skip=wish.skip_unreachable)
    result = route(seen, wish, check=check) if wish.act in ROUTES else place(seen, wish, check=check)
    if unreachable:
        # Not "unreachable": Ansible takes a result with that key for a host that cannot be reached.
        result["left_out"] = sorted(unreachable)
        result.setdefault("warnings", []).extend(f"Left out: {unreachable[address]}" for address in sorted(unreachable))
    return result


def _check_words(wish: Wish) -> None:
    names = [("service", wish.service), ("pool", wish.pool), *(("shares", pool) for pool in wish.shares)]
    names += [("pool", pool) for pool, _server, _weight in wish.servers] + [("server", server) for _pool, server, _weight in wish.servers if server]
    for option, name in names:
        if name and not WORD.match(name):
            raise TrafficError(f"{option} {name!r}: blanks, quotes, ';', '\\', '<', '>', '{{', '}}', '$', '#' and control characters are not allowed.")
    for _pool, _server, weight in wish.servers:
        if weight is not None and not 0 <= weight <= 256:
            raise TrafficError("weight %d: allowed is 0 to 256." % weight)


def observe(drivers: Sequence[Driver], *, skip: bool) -> tuple[Seen, dict[str, str]]:
    """All of them are asked before one is changed, so that the one that is down is known in time."""
    seen: Seen = []
    unreachable: dict[str, str] = {}
    for driver in drivers:
        try:
            seen.append((driver, driver.state()))
        except Unreachable as exc:
            unreachable[driver.address] = str(exc)
    if unreachable and (not skip or not seen):
        one_of = f"{len(unreachable)} of {len(drivers)} balancers cannot be asked, nothing was changed. " if len(drivers) > 1 else ""
        raise Unreachable(one_of + " ".join(unreachable[address] for address in sorted(unreachable)), {"left_out": sorted(unreachable)})
    return seen, unreachable


def _all_faults(checks: list[Callable[[], None]]) -> None:
    faults: list[str] = []
    for check in checks:
        try:
            check()
        except TrafficError as exc:
            faults.append(str(exc))
    if faults:
        raise TrafficError(" ".join(dict.fromkeys(faults)))


# --- where a service's requests go ----------------------------------------------------------------------------------
def route(seen: Seen, wish: Wish, *, check: bool) -> dict[str, Any]:
    _all_faults([lambda driver=driver, state=state: _check_route(driver, state, wish) for driver, state in seen])  # type: ignore[misc]
    steps = [(driver, state, found_route(state, wish), wanted_route(wish)) for driver, state in seen]
    due = [(driver, state, before != after, before != after or wish.service in state.get("unkept", [])) for driver, state, before, after in steps]
    result = _told(wish.service, [(driver.address, before, after) for driver, _state, before, after in steps])
    result["changed"] = any(changes for _driver, _state, _moves, changes in due)
    gated = [(driver, state) for driver, state, moves, _changes in due if moves and wish.act in ("switched", "split") and wish.wait_up]
    if check:
        result["warnings"] = [text for driver, state in gated for text in _not_up(driver, state, wish)]
        return {key: value for key, value in result.items() if key != "warnings" or value}
    waited = [driver.wait_up(pool, wish.deadline) for driver, state in gated for pool in _new_pools(state, wish)]
    if waited:
        result["waited"] = round(max(waited), 3)
    _carry_out([(driver, state) for driver, state, _moves, changes in due if changes], wish)
    return result


def _check_route(driver: Driver, state: State, wish: Wish) -> None:
    check_service(driver, state, wish.service)
    if wish.act == "switched":
        check_pool(driver, state, wish.pool)
    if wish.act == "split":
        for pool in wish.shares:
            check_pool(driver, state, pool)
        split_of(wish.service, wish.shares, state["services"][wish.service], same_age=driver.same_age)


def found_route(state: State, wish: Wish) -> Any:
    """What is, in the words of the wish."""
    live = state["services"][wish.service]
    if wish.act == "switched":
        return state["splits"].get(wish.service, live)
    if wish.act == "split":
        return state["splits"].get(wish.service, {live: 100.0})
    return "closed:{}".format(state["closed"][wish.service]) if wish.service in state["closed"] else "open"


def wanted_route(wish: Wish) -> Any:
    if wish.act == "switched":
        return wish.pool
    if wish.act == "split":
        return {pool: round(float(percent), 2) for pool, percent in wish.shares.items()}
    return f"closed:{wish.retry_after}" if wish.act == "closed" else "open"


def _new_pools(state: State, wish: Wish) -> list[str]:
    """Pools that are about to get requests they don't get now."""
    live = state["services"][wish.service]
    if wish.act == "switched":
        return [wish.pool] if wish.pool != live else []
    return [pool for pool, percent in wish.shares.items() if percent and pool != live]


def _not_up(driver: Driver, state: State, wish: Wish) -> list[str]:
    texts = []
    for pool in _new_pools(state, wish):
        try:
            driver.wait_up(pool, 0)
        except TrafficError:
            servers = state["servers"][pool]
            states = [f"{name} {found.get('status') or found['state']} (check {found['check'] or 'none yet'})" for name, found in sorted(servers.items())]
            texts.append(f"{driver.words[1].capitalize()} {pool} is DOWN now ({', '.join(states) or 'no servers'}); a real run would wait for it.")
    return texts


def _carry_out(due: Seen, wish: Wish) -> None:
    """All balancers or none: the first that fails takes the others back."""
    for number, (driver, _state) in enumerate(due):
        try:
            _move(driver, wish)
        except (TrafficError, OSError) as exc:
            told = [_put_back(other, before, wish.service) for other, before in reversed(due[: number + 1])]
            raise TrafficError(" ".join([str(exc), *told])) from exc


def _move(driver: Driver, wish: Wish) -> None:
    if wish.act == "switched":
        driver.switch(wish.service, wish.pool)
    elif wish.act == "split":
        driver.split(wish.service, wish.shares)
    elif wish.act == "closed":
        driver.close(wish.service, wish.retry_after)
    else:
        driver.open(wish.service)


def _put_back(driver: Driver, before: State, service: str) -> str:
    """Compare first: a balancer that refused from the start needs nothing."""
    try:
        now = driver.state()
        same = all(now[part].get(service) == before[part].get(service) for part in ("services", "splits", "closed"))
        if same and service not in now.get("unkept", []):
            return f"The balancer at {driver.address} is as it was."
        if now["services"].get(service) != before["services"][service] or service not in before["splits"]:
            driver.switch(service, before["services"][service])
        if service in before["splits"]:
            driver.split(service, before["splits"][service])
        if now["closed"].get(service) != before["closed"].get(service):
            if service in before["closed"]:
                driver.close(service, before["closed"][service])
            else:
                driver.open(service)
    except (TrafficError, OSError) as exc:
        return f"The balancer at {driver.address} could not be put back, look at it: {exc}"
    return f"The balancer at {driver.address} was put back."


def _told(subject: str, steps: list[tuple[str, Any, Any]]) -> dict[str, Any]:
    """before and after as they are where all balancers agree, else per balancer."""
    befores, afters = ([step[side] for step in steps] for side in (1, 2))
    before = befores[0] if all(one == befores[0] for one in befores) else {step[0]: step[1] for step in steps}
    after = afters[0] if all(one == afters[0] for one in afters) else {step[0]: step[2] for step in steps}
    diff = {"before": f"{subject} {_text(before)}\n", "after": f"{subject} {_text(after)}\n"}
    balancers = [{"address": address, "before": old, "after": new} for address, old, new in steps]
    return {"changed": before != after, "before": before, "after": after, "diff": diff, "balancers": balancers}


def _text(value: Any) -> str:
    return ", ".join(f"{pool} {percent:g}%" for pool, percent in value.items()) if isinstance(value, dict) and _is_shares(value) else str(value)


def _is_shares(value: dict[str, Any]) -> bool:
    return all(isinstance(percent, (int, float)) for percent in value.values())


# --- single servers -------------------------------------------------------------------------------------------------
def place(seen: Seen, wish: Wish, *, check: bool) -> dict[str, Any]:
    wishes = [(driver, state, *one) for driver, state in seen for one in wish.servers]
    _all_faults(
        [
            lambda driver=driver, state=state, pool=pool, server=server: (  # type: ignore[misc]
                check_server(driver, state, pool, server) if server else check_pool(driver, state, pool)
            )
            for driver, state, pool, server, _weight in wishes
        ]
    )
    _keep_enough(seen, wish)
    rows = [_row(driver, state, pool, server, weight, wish) for driver, state, pool, server, weight in wishes]
    places = [Place(driver, pool, server) for driver, _state, pool, server, _weight in wishes]
    if not check:
        _change(places, rows, wish)
    return _result(rows)


def _keep_enough(seen: Seen, wish: Wish) -> None:
    """Taking the last servers of a pool is an outage, not a drain. A server that is down serves nobody: it may be taken, and is no reserve."""
    if wish.act not in ("drain", "maint") or not wish.min_ready:
        return
    for driver, state in seen:
        for pool in sorted({pool for pool, _server, _weight in wish.servers}):
            taken = {server for where, server, _weight in wish.servers if where == pool}
            serving = {name for name, found in state["servers"][pool].items() if serves(found)}
            left = serving - taken
            if serving & taken and len(left) < wish.min_ready:
                raise TrafficError(
                    f"{driver.words[1].capitalize()} {pool} of the balancer at {driver.address} would keep {len(left)} servers that are ready and up"
                    f" ({existing(left)}), min_ready is {wish.min_ready}; nothing was changed."
                )


def _row(driver: Driver, state: State, pool: str, server: Optional[str], weight: Optional[int], wish: Wish) -> dict[str, Any]:
    row: dict[str, Any] = {"balancer": driver.address, "backend": pool, "server": server}
    if wish.act == "drained" or server is None:
        return row
    found = state["servers"][pool][server]
    if wish.act == "weighted":
        return dict(row, before=found["weight"], after=weight)
    return dict(row, before=found["state"], after=wish.act)


def _change(places: list[Place], rows: list[dict[str, Any]], wish: Wish) -> None:
    due = [(one, row) for one, row in zip(places, rows) if row.get("before") != row.get("after")]
    if wish.act == "weighted":
        _together([(one, lambda one=one, row=row: one.driver.set_weight(one.pool, one.server, row["after"])) for one, row in due])  # type: ignore[misc]
        return
    if wish.act == "ready":
        _together([(one, lambda one=one: one.driver.ready(one.pool, one.server)) for one, _row in due])  # type: ignore[misc]
        if wish.wait:
            _wait_serving(places, rows, wish)
        return
    waits = wish.wait or wish.act == "drained"
    # On the way to maint, what is out of service already must not come back into draining.
    drains = [one for one, row in due if wish.act == "drain" or (wish.act == "maint" and waits and row["before"] == "ready")]
    _together([(one, lambda one=one: one.driver.drain(one.pool, one.server)) for one in drains])  # type: ignore[misc]
    if waits:
        _wait(places, rows, wish)
        _still_out(places, rows)
    if wish.act == "maint":
        _together([(one, lambda one=one: one.driver.maint(one.pool, one.server)) for one, _row in due])  # type: ignore[misc]
        if waits:
            # What came between the last look and now.
            _wait(places, rows, wish)


def _still_out(places: list[Place], rows: list[dict[str, Any]]) -> None:
    """A balancer that was reloaded meanwhile knows nothing of the drain: it counts from zero, and sends new requests."""
    states = {id(one.driver): one.driver.state() for one in places}
    out = [one for one, row in zip(places, rows) if "after" in row]
    back = [one for one in out if states[id(one.driver)]["servers"].get(one.pool, {}).get(one.server, {}).get("state") == "ready"]
    if back:
        names = ", ".join(f"{one} at {one.driver.address}" for one in back)
        raise TrafficError(f"Drained, but ready again: {names}. Was the balancer reloaded meanwhile?", _result(rows))


def _together(changes: list[tuple[Place, Callable[[], None]]]) -> None:
    drivers = {id(one.driver): one.driver for one, _change in changes}
    with contextlib.ExitStack() as stack:
        for driver in drivers.values():
            stack.enter_context(driver.together())
        for _one, change in changes:
            change()


def _wait_serving(places: list[Place], rows: list[dict[str, Any]], wish: Wish) -> None:
    waited, down = wait_serving(places, deadline=wish.deadline)
    for row in rows:
        row["waited"] = waited
    if down:
        names = ", ".join(f"{one} at {one.driver.address}" for one in down)
        raise TrafficError(f"Ready, but not up after {wish.deadline:g}s: {names}.", _result(rows))


def _wait(places: list[Place], rows: list[dict[str, Any]], wish: Wish) -> None:
    for row, found in zip(rows, wait_drained(places, deadline=wish.deadline, cut=wish.cut)):
        row.update(found, waited=round(row.get("waited", 0.0) + found["waited"], 3), cut=row.get("cut", 0) + found["cut"])
    busy = [(one, row) for one, row in zip(places, rows) if row["left"]]
    if busy:
        texts = [f"{one} at {one.driver.address} still has {row['left']} sessions after {wish.deadline:g}s" for one, row in busy]
        raise TrafficError("; ".join(texts) + "; needed are 0.", _result(rows))


def _result(rows: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": False, "servers": rows}
    steps = [(row["balancer"], row.get("before"), row.get("after"), "{backend}/{server}".format(**row)) for row in rows if "before" in row]
    if steps:
        shown = {side: "".join(f"{name} {step[index]}\n" for *step, name in steps) for side, index in (("before", 1), ("after", 2))}
        result.update(changed=any(step[1] != step[2] for step in steps), diff=shown)
    if len(steps) == 1:
        result.update(before=steps[0][1], after=steps[0][2])
    if any("waited" in row for row in rows):
        result["waited"] = max(row["waited"] for row in rows)
    if any("cut" in row for row in rows):
        result["cut"] = sum(row["cut"] for row in rows)
    return result
