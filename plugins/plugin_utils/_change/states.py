# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a change and the ways between them, as ServiceNow has them.

Source: ServiceNow, Change Management: "State model and transitions" (c_ChangeStateModel) and "State progression for normal, standard, and
emergency changes". Normal changes pass all states; standard ones are pre-authorized and bypass Assess and Authorize; emergency ones bypass
Assess, not Authorize. Review and Closed can't be canceled. "Revert to New" starts the approvals again.
"""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

VALUES = {"New": -5, "Assess": -4, "Authorize": -3, "Scheduled": -2, "Implement": -1, "Review": 0, "Closed": 3, "Canceled": 4}
TYPES = ("standard", "normal", "emergency")
PATHS = {
    "normal": ("New", "Assess", "Authorize", "Scheduled", "Implement", "Review", "Closed"),
    "standard": ("New", "Scheduled", "Implement", "Review", "Closed"),
    "emergency": ("New", "Authorize", "Scheduled", "Implement", "Review", "Closed"),
}
CANCELABLE = ("New", "Assess", "Authorize", "Scheduled", "Implement")
# A rejected change goes back as well; a standard one asks nobody, so nobody rejects it.
REVERTIBLE = {"normal": ("Assess", "Authorize"), "emergency": ("Authorize",), "standard": ()}
CLOSE_CODES = ("successful", "successful_issues", "unsuccessful")
ENDED = ("Closed", "Canceled")


def legal(kind: str, state: str) -> tuple[str, ...]:
    """The states that a change of this type may go to next."""
    path = PATHS[kind]
    after = path[path.index(state) + 1 : path.index(state) + 2] if state in path else ()
    back = ("New",) if state in REVERTIBLE[kind] else ()
    return (*after, *back, *(("Canceled",) if state in CANCELABLE else ()))


def check(kind: str, state: str, to: str, *, change: str) -> None:
    allowed = legal(kind, state)
    if to not in allowed:
        raise ChangeError(
            f"{change} is {'an' if kind == 'emergency' else 'a'} {kind} change in state {state} and can't go to {to}; from there it can go to"
            f" {', '.join(allowed) or 'no other state'}."
        )


def way(kind: str, state: str, to: str, *, change: str) -> tuple[str, ...]:
    """The states to pass through, `to` the last; only forward along the path of its type."""
    path = PATHS[kind]
    if state not in path or to not in path or path.index(to) <= path.index(state):
        check(kind, state, to, change=change)
        return (to,)
    return path[path.index(state) + 1 : path.index(to) + 1]
