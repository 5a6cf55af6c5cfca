# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases for Kayenta's judge: made here, answered by the reference (Oracle.scala), kept with the answers in corpus.json.

`python cases.py COUNT > cases.txt` writes the lines that Oracle.scala reads; `python cases.py COUNT answers.txt > corpus.json` joins them.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

FIELDS = (
    "tolerance", "confidence", "allowed_decrease", "allowed_increase", "critical_decrease", "critical_increase",
    "measure", "direction", "nan", "outliers", "outlier_factor", "critical", "required", "canary", "baseline",
)  # fmt: skip
LABELS = ("Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error")


def metric(pick: random.Random) -> dict[str, Any]:
    measure = pick.choice(["meanRatio", "meanRatio", "cles"])
    usual = 0.5 if measure == "cles" else 1.0
    spread = pick.choice([(0, 0), (0, 0), (0.2, 0.2), (0.4, 0.3)])
    critical = pick.choice([(0, 0), (0.1, 0.1), (0.5, 0.5)])
    canary, baseline = _data(pick)
    return {
        "tolerance": pick.choice([0.25, 0.25, 0.25, 0.1, 0.2]),
        "confidence": pick.choice([0.98, 0.98, 0.95]),
        "allowed_decrease": round(usual - spread[0], 3),
        "allowed_increase": round(usual + spread[1], 3),
        "critical_decrease": round(usual - critical[0], 3),
        "critical_increase": round(usual + critical[1], 3),
        "measure": measure,
        "direction": pick.choice(["either", "either", "increase", "decrease"]),
        "nan": pick.choice(["remove", "remove", "replace"]),
        "outliers": pick.choice(["keep", "keep", "remove"]),
        "outlier_factor": pick.choice([3.0, 1.5]),
        "critical": pick.random() < 0.3,
        "required": pick.random() < 0.2,
        "canary": canary,
        "baseline": baseline,
    }


def _data(pick: random.Random) -> tuple[list[float], list[float]]:
    shape = pick.choice(["lognormal", "lognormal", "normal", "poisson", "sparse", "constant", "tiny", "empty", "negative", "outliers"])
    sizes = [pick.choice([1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45]) for _side in range(2)]
    factor = pick.choice([1, 1, 1, 1.1, 1.25, 1.5, 2, 0.8, 0.5, 4])
    sides = []
    for size, scale in zip(sizes, (factor, 1)):
        values = [_value(pick, shape, scale) for _number in range(size)]
        sides.append([float("nan") if pick.random() < 0.03 else value for value in values])
    if shape == "empty":
        sides[pick.randrange(2)] = pick.choice([[], [float("nan")] * 3])
    if shape == "constant":
        sides = [[value] * size for value, size in zip((pick.choice([0.0, 1.0, 5.0, -2.0, factor]), pick.choice([0.0, 1.0, 5.0, -2.0])), sizes)]
    if pick.random() < 0.05:
        sides[0] = pick.sample(sides[1], len(sides[1]))
    return sides[0], sides[1]


def _value(pick: random.Random, shape: str, scale: float) -> float:
    if shape == "normal":
        return round(pick.gauss(20, 5) * scale, 2)
    if shape == "poisson":
        return float(sum(pick.random() < 0.1 for _trial in range(30)) * (scale > 1) + sum(pick.random() < 0.1 for _trial in range(20)))
    if shape == "sparse":
        return float(pick.random() < 0.08 * scale)
    if shape == "tiny":
        return round(pick.lognormvariate(0, 0.5) * scale * 1e-5, 8)
    if shape == "negative":
        return round(-pick.lognormvariate(1, 0.4) * scale, 3)
    if shape == "outliers" and pick.random() < 0.1:
        return round(pick.lognormvariate(4, 1), 2)
    return round(pick.lognormvariate(3, 0.4) * scale, 2)


def scoring(pick: random.Random) -> dict[str, Any]:
    names = pick.sample(["errors", "latency", "system", "business"], pick.randint(1, 3))
    weighted = pick.sample(names, pick.randint(0, len(names)))
    results = [
        {
            "name": f"m{number}",
            "label": pick.choice([*LABELS, *["Pass"] * 6]),
            "critical": pick.random() < 0.08,
            "groups": sorted(pick.sample(names, pick.choice([1, 1, 1, len(names)]))),
        }
        for number in range(pick.randint(1, 9))
    ]
    return {"weights": {name: pick.choice([10, 15, 25, 30.5]) for name in weighted}, "results": results}


def line(case: dict[str, Any]) -> str:
    if "results" in case:
        weights = ",".join(f"{name}={float(weight)}" for name, weight in case["weights"].items())
        results = [f"{each['name']}:{each['label']}:{str(each['critical']).lower()}:{'+'.join(each['groups'])}" for each in case["results"]]
        return f"S|{weights}|{';'.join(results)}"
    shown = [",".join(map(str, value)) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value) for value in case.values()]
    return "M|" + "|".join(shown)


def cases(count: int) -> list[dict[str, Any]]:
    pick = random.Random(20180410)
    return [scoring(pick) if number % 5 == 4 else metric(pick) for number in range(count)]


def joined(case: dict[str, Any], answer: str) -> dict[str, Any]:
    parts = answer.split("|")
    if "results" in case:
        return {**case, "score": float(parts[0]), "classification": parts[1], "reason": parts[2], "groups": parts[3]}
    found = {"label": parts[0], "reason": parts[1], "deviation": parts[2], "critical_found": parts[3] == "true"}
    return {**case, **{side: [None if value != value else value for value in case[side]] for side in ("canary", "baseline")}, **found, "raw": parts[4:]}


def rolls_dice(case: dict[str, Any]) -> bool:
    """Kayenta tells two constants apart with random noise: single points, and ratios that lie on a limit, come out by chance."""
    sides = [{value for value in case[side] if value is not None and value == value} for side in ("canary", "baseline")]
    if case["nan"] == "replace" and any(value is None for side in ("canary", "baseline") for value in case[side]):
        return False
    if not all(len(side) == 1 for side in sides):
        return False
    single = all(sum(value is not None for value in case[side]) == 1 for side in ("canary", "baseline"))
    (top,), (bottom,) = sides
    if top == bottom:
        return False
    limits = [case[f"{kind}_{way}"] for kind in ("allowed", "critical") for way in ("decrease", "increase")]
    return single or (bottom != 0 and any(abs(top / bottom - limit) < 1e-3 for limit in limits))


if __name__ == "__main__":
    made = cases(int(sys.argv[1]))
    if len(sys.argv) > 2:
        answers = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
        rows = ",\n".join(json.dumps(joined(case, answer), separators=(",", ":")) for case, answer in zip(made, answers, strict=True))
        print(f"[\n{rows}\n]")
    else:
        print("\n".join(map(line, made)))
