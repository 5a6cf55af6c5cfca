# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_control
short_description: Pause, go on with, abort or hurry a deployment, and hold or mark a release
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Writes what an operator wants into the ledger, where the run that deploys reads it before each of its steps, whatever host it runs on.
  - Says with O(state=info) how far the deployment is.
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Writes nothing.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  state:
    description:
      - V(pause) keeps the deployment from taking its next step, V(resume) ends that.
      - V(abort) makes it go back. Nothing takes back an abort.
      - V(promote) lets it go on without the pauses that are left.
      - V(answer) says what is done about O(host) when its batch does not come through; see M(evenkeel.release.deployment_guidance).
      - V(held) keeps O(release) from being deployed to O(environment), as a rollback does; V(lifted) ends that.
      - V(bad) keeps O(release) from being deployed anywhere, also as the target of a rollback; V(cleared) ends that.
      - V(revoked) takes back the verification of O(release) in O(environment), there and for every environment after it. It is not taken back itself;
        a new verification ends it.
      - V(info) only reads.
    type: str
    choices: [pause, resume, abort, promote, answer, held, lifted, bad, cleared, revoked, info]
    default: info
  environment:
    description: Environment, the name of its inventory group. Needed unless O(state) is V(bad) or V(cleared).
    type: str
    default: ""
  release:
    description: Release, with O(state=held), O(state=lifted), O(state=bad), O(state=cleared) and O(state=revoked).
    type: str
    default: ""
  reason:
    description: Why. Needed with O(state=pause), O(state=abort), O(state=answer), O(state=held), O(state=bad) and O(state=revoked).
    type: str
    default: ""
  host:
    description: With O(state=answer), the host; V(*) is every host without an answer of its own.
    type: str
    default: ""
  act:
    description: With O(state=answer), what is done about it.
    type: str
    choices: [rollback, stop, retry, exclude]
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Wait before the next batch
  evenkeel.release.deployment_control:
    environment: production
    state: pause
    reason: the support desk sees complaints

- name: Never again
  evenkeel.release.deployment_control:
    release: 1.2.0
    state: bad
    reason: it loses orders
"""

RETURN = r"""
deployment:
  description: "The deployment that is under way: C(id), C(kind), C(release), C(by), C(since), C(state), C(word), C(why), C(touched), C(steps); empty for none."
  returned: with O(state=info)
  type: dict
flags:
  description: Flags that releases have raised in the environment, C(service), C(flag), C(percentage), C(release), C(since) and C(by).
  returned: with O(state=info)
  type: list
  elements: dict
runs_in:
  description: Environments that run the release whose verification was revoked.
  returned: with O(state=revoked)
  type: list
  elements: str
entry:
  description: The entry of the ledger.
  returned: when one was written
  type: dict
"""
