# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ledger
short_description: Read the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Gives entries of the ledger, or what follows from them. Reading changes nothing; a ledger that does not exist yet is an empty one.
options:
  _terms:
    description:
      - V(entries) are the entries themselves, V(head) the last one of each stream by stream.
      - V(open_intents) are announced acts without an outcome, V(history) acts joined with their outcome.
      - V(deployed) is the release of each service by environment; V(last_verified) the last release whose verification passed in O(environment).
      - V(leases) are the leases that somebody holds.
    type: list
    elements: str
    required: true
  kind:
    description: Only entries of these kinds.
    type: list
    elements: str
  phase:
    description: Only entries of these phases.
    type: list
    elements: str
  environment:
    description: Only entries of this environment.
    type: str
  release:
    description: Only entries of this release.
    type: str
  subject:
    description: Only entries with this subject.
    type: str
  stream:
    description: Only entries of this stream.
    type: str
  after:
    description: Only entries after the one with this id.
    type: str
  since:
    description: Only V(entries) written from then on, in seconds since the epoch or as RFC 3339 text.
    type: str
  before:
    description: For V(last_verified), an id or a time to stop before, or a release that is not wanted.
    type: str
  limit:
    description: At most so many entries.
    type: int
  newest_first:
    description: Order of V(entries).
    type: bool
    default: false
  ledger_url:
    description: The store. Defaults as in M(evenkeel.release.record).
    type: str
"""

EXAMPLES = r"""
- name: Show what runs where
  ansible.builtin.debug:
    msg: "{{ lookup('evenkeel.release.ledger', 'deployed') }}"

- name: Refuse to go on after a run that was killed
  ansible.builtin.assert:
    that: query('evenkeel.release.ledger', 'open_intents', environment='staging') | flatten | length == 0
"""

RETURN = r"""
_raw:
  description: One answer per term, a list or a mapping as the term asks for.
  type: list
  elements: raw
"""

from dataclasses import is_dataclass
from datetime import datetime

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, session, settings, store, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

FILTERS = ("kind", "phase", "environment", "release", "subject", "stream", "after")


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        known = settings.templated(variables, self._templar.template)
        unknown = [term for term in terms if term not in _VIEWS]
        if unknown:
            raise AnsibleLookupError(f"The ledger has no view {', '.join(unknown)}. Allowed: {', '.join(_VIEWS)}.")
        message = ""
        try:
            url = self.get_option("ledger_url") or settings.ledger_url(known.get)
            if not store.exists(url):
                return [_VIEWS[term](None, self.get_option) for term in terms]
            with session.open_for(url, known) as opened:
                return [_VIEWS[term](opened, self.get_option) for term in terms]
        except LedgerError as exc:
            message = str(exc)
        raise AnsibleLookupError(message)


def _read(opened, option, *, whole=False, **more):
    """The filters that narrow the answer must not narrow what it is derived from, when an outcome could drop out."""
    if opened is None:
        return []
    filters = {name: option(name) for name in (("environment", "stream") if whole else FILTERS)}
    return opened.entries(**{**filters, **more})


def _after(after, since):
    """Ids sort by time: the store finds the first one without reading those before."""
    if since is None:
        return after
    try:
        moment = float(since)
    except ValueError:
        moment = _moment(since)
    return max(after or "", ids.new_id(int(moment * 1_000_000), random=0))


def _moment(text):
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise AnsibleLookupError(f"since is {text!r}, allowed are seconds since the epoch or a time with its zone such as 2027-06-30T08:00:00Z.")
    return parsed.timestamp()


def _entries(opened, option):
    return _plain(_read(opened, option, after=_after(option("after"), option("since")), limit=option("limit"), newest_first=option("newest_first")))


def _open_intents(opened, option):
    found = views.open_intents(_read(opened, option, whole=True))
    wanted = {name: option(name) for name in ("kind", "release", "subject") if option(name)}
    return _plain(entry for entry in found if all(entry[name] in (value if name == "kind" else [value]) for name, value in wanted.items()))


def _last_verified(opened, option):
    return views.last_verified(_read(opened, option, whole=True), option("environment") or "", option("before")) or ""


def _plain(entries):
    return [entry.as_dict() if is_dataclass(entry) else entry for entry in entries]


_VIEWS = {
    "entries": _entries,
    "open_intents": _open_intents,
    "history": lambda opened, option: views.history(_read(opened, option, whole=True)),
    "deployed": lambda opened, option: views.deployed(_read(opened, option, whole=True)),
    "last_verified": _last_verified,
    "head": lambda opened, _option: {name: head._asdict() for name, head in opened.heads().items()} if opened else {},
    "leases": lambda opened, _option: opened.leases() if opened else [],
}
