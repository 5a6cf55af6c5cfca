# SPDX-License-Identifier: GPL-3.0-or-later
"""One controller that books, and gives back now and then: started many times at once."""

from __future__ import annotations

import json
import random
import sys
from datetime import datetime, timedelta, timezone

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import desk
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal

PLACES = ("staging", "qa")
DOCUMENTS = {
    "reservations": [{"rules": {"auto_approve": [{"tiers": ["test"]}]}, "lanes": {"both": list(PLACES)}}],
    "environments": {name: {"name": name, "tier": "test", "owner": "platform"} for name in PLACES},
    "teams": {},
}


def attempt(store, actor, dice, number):
    """booked, or the refusal in words."""
    start = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1 + dice.randrange(12))
    wanted = {
        "state": "booked",
        "id": f"{actor}-{number}",
        "mode": "exclusive",
        "purpose": "test",
        "from": start.isoformat(),
        "length": f"{dice.choice((1, 2, 3))}h",
        "reason": "a race",
        **({"lane": "both"} if dice.random() < 0.2 else {"environments": [dice.choice(PLACES)]}),
    }
    try:
        desk.answer(store, DOCUMENTS, wanted, actor=actor)
    except Refusal as exc:
        return str(exc)
    if dice.random() < 0.3:
        desk.answer(store, DOCUMENTS, {"state": "released", "id": wanted["id"]}, actor=actor)
    return "booked"


def main(url, actor, attempts):
    dice = random.Random(actor)
    with open_store(url, actor={"name": actor, "source": "test"}) as store:
        print(json.dumps([attempt(store, actor, dice, number) for number in range(attempts)]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
