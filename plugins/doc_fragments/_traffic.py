# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # Which balancer is meant, and how it is spoken to.
    DOCUMENTATION = r"""
options:
  driver:
    description:
      - V(haproxy) speaks to the runtime interface of a running HAProxy and never reloads it.
      - V(nginx) writes an include file, has it checked by C(nginx -t) and reloads gracefully. It is weaker, a reload closes connections that
        clients have kept open, and it cannot count the sessions of a server.
      - V(command) runs your own program, one argument list per verb.
      - V(none) is for traffic that somebody else moves, such as DNS. Nothing is done, and the result says so.
    type: str
    choices: [haproxy, nginx, command, none]
    default: haproxy
  socket:
    description: Runtime socket of HAProxy, a path or V(host:port). It must have the level C(admin) for changes.
    type: str
  map:
    description: Map file of HAProxy, as the balancer's configuration names it.
    type: path
  balancers:
    description: Several HAProxy balancers that do the same, instead of O(socket).
    type: list
    elements: dict
    suboptions:
      socket:
        description: Runtime socket, a path or V(host:port).
        type: str
        required: true
      map:
        description: Map file of this balancer, when it is not O(map).
        type: path
  include:
    description: The file that nginx's configuration includes and that O(driver=nginx) writes. It has to exist, with its upstreams.
    type: path
  nginx:
    description: Program and arguments of O(driver=nginx).
    type: list
    elements: str
    default: [nginx]
  pid_file:
    description: File with the process id of nginx.
    type: path
    default: /run/nginx.pid
  commands:
    description:
      - "Argument lists of O(driver=command) per verb, C(state) and those that are used of C(switch), C(split), C(close), C(open),
        C(set_weight), C(drain), C(ready), C(maint) and C(cut). No shell is involved."
      - "C({service}), C({pool}), C({server}), C({weight}), C({live}), C({percent}) and C({retry_after}) are filled in, where a verb has them."
      - What they answer is described in the how-to about traffic.
    type: dict
  timeout:
    description: Seconds that one run of nginx or of a command may take.
    type: float
    default: 30
"""
