# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins share of Ansible; everything else here knows nothing of it.

A filter whose first argument names one of several pure functions, which get what is piped into it as their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain


def filter_of(steps: Mapping[str, Callable[..., Any]], *, of: str, errors: type[Exception] | tuple[type[Exception], ...]) -> Callable[[Any, str], Any]:
    """`of` says whose steps they are; `errors` are what the functions say of bad input, which the filter says in the same words."""

    def work(given: Any, step: str) -> Any:
        if step not in steps:
            raise AnsibleFilterError(f"The step of {of} is {step!r}; allowed are {', '.join(steps)}.")
        try:
            return steps[step](**plain(given))
        except errors as exc:
            raise AnsibleFilterError(str(exc)) from exc

    return work
