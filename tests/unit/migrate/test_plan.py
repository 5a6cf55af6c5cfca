# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import File, parse
from ansible_collections.evenkeel.release.plugins.module_utils._migrate.plan import Applied, Rules, heads, plan
from hypothesis import given
from hypothesis import strategies as st

C = "-- evenkeel: contract\n"


def files(**texts: str) -> list[File]:
    """V1="select 1;" is V1__x.sql; R1 is R__1.sql."""
    named = {(f"{key.replace('_', '.')}__x.sql" if key[0] == "V" else f"R__{key[1:]}.sql"): text for key, text in texts.items()}
    found, faults = parse(named)
    assert faults == []
    return found


def row(file: File, rank: int = 1, *, success: bool = True, **more: object) -> Applied:
    found = Applied(rank, file.version, file.description, "SQL", file.script, file.checksum, success)
    return found._replace(**more)


def pending(found: list[File], applied: list[Applied], **rules: object) -> list[str]:
    made = plan(found, applied, Rules(**rules))  # type: ignore[arg-type]
    assert made.faults == ()
    return [file.script for file in made.pending]


def faults(found: list[File], applied: list[Applied], **rules: object) -> str:
    return "; ".join(plan(found, applied, Rules(**rules)).faults)  # type: ignore[arg-type]


def test_what_is_not_applied_is_pending_in_order() -> None:
    found = files(V1="a", V2="b", V10="c", R1="d")
    assert pending(found, []) == ["V1__x.sql", "V2__x.sql", "V10__x.sql", "R__1.sql"]
    assert pending(found, [row(found[0]), row(found[3])]) == ["V2__x.sql", "V10__x.sql"]


def test_a_repeatable_file_comes_again_when_it_changed() -> None:
    old, new = files(R1="a"), files(R1="b")
    assert pending(old, [row(old[0])]) == []
    assert pending(new, [row(old[0])]) == ["R__1.sql"]
    assert pending(old, [row(old[0], 1), row(new[0], 2)]) == ["R__1.sql"]
    assert pending(old, [row(old[0], 1), row(new[0], 2), row(old[0], 3)]) == []


def test_a_changed_file_is_an_error_that_names_it() -> None:
    old, new = files(V1="a", V2="b"), files(V1="a", V2="c")
    told = faults(new, [row(one) for one in old])
    assert told.startswith(f"V2__x.sql was applied with checksum {old[1].checksum} and has {new[1].checksum} now")


def test_a_missing_file_is_an_error_unless_allowed() -> None:
    found = files(V1="a", V2="b")
    told = faults(found[:1], [row(one) for one in found])
    assert "V2__x.sql (version 2) is applied, and there is no such file" in told
    assert pending(found[:1], [row(one) for one in found], ignore_missing=True) == []


def test_a_file_below_the_highest_version_is_an_error_unless_allowed() -> None:
    found = files(V1="a", V2="b", V3="c")
    told = faults(found, [row(found[0]), row(found[2])])
    assert "V2__x.sql comes before version 3, which is applied" in told
    assert pending(found, [row(found[0]), row(found[2])], out_of_order=True) == ["V2__x.sql"]


def test_a_baseline_stands_for_what_is_below_it() -> None:
    found = files(V1="a", V2="b", V3="c")
    base = Applied(1, "2", "<< Flyway Baseline >>", "BASELINE", "<< Flyway Baseline >>", None, True)
    assert pending(found, [base]) == ["V3__x.sql"]


def test_rows_without_a_checksum_and_of_the_schema_are_left_alone() -> None:
    found = files(V1="a")
    schema = Applied(0, "", "<< Flyway Schema Creation >>", "SCHEMA", '"public"', None, True)
    assert pending(found, [schema, row(found[0], checksum=None)]) == []


def test_a_failed_row_stops_it_unless_this_run_goes_on_with_it() -> None:
    found = files(V1="a", V2="b")
    rows = [row(found[0]), row(found[1], 2, success=False)]
    assert "V2__x.sql failed in an earlier run" in faults(found, rows)
    assert pending(found, rows, going_on="V2__x.sql") == ["V2__x.sql"]


def test_the_phases_keep_apart() -> None:
    found = files(V1="a", V2="b", V3=C, R1="d")
    made = plan(found, [], Rules("expand"))
    assert ([file.version for file in made.pending], [file.version for file in made.later], made.faults) == (["1", "2", ""], ["3"], ())
    assert "V1__x.sql (expand) isn't applied: run the expand phase first" in faults(found, [], phase="contract")
    assert pending(found, [row(one) for one in found if one.phase == "expand"], phase="contract") == ["V3__x.sql"]
    assert pending(found, [], phase="all") == ["V1__x.sql", "V2__x.sql", "V3__x.sql", "R__1.sql"]


def test_expand_doesnt_jump_over_a_contract_that_waits() -> None:
    found = files(V1="a", V2=C, V3="c")
    assert "V3__x.sql (expand) comes after V2__x.sql (contract), which isn't applied" in faults(found, [row(found[0])])
    assert pending(found, [row(found[0]), row(found[1])]) == ["V3__x.sql"]


def test_heads_are_the_highest_version() -> None:
    found = files(V1="a", V2_1="b", V10="c", R1="d")
    assert heads([]) == []
    assert heads([row(one) for one in found]) == ["10"]
    assert heads([row(found[0]), row(found[1], success=False)]) == ["1"]


@pytest.mark.parametrize("phase", ["expand", "contract", "all"])
def test_nothing_is_pending_when_all_is_applied(phase: str) -> None:
    found = files(V1="a", V2="b", V3=C, R1="d")
    assert pending(found, [row(one) for one in found], phase=phase) == []


@given(st.lists(st.sampled_from(["a", "b", C]), max_size=7), st.integers(0, 7))
def test_expand_then_contract_applies_each_file_once(kinds: list[str], done: int) -> None:
    """Contract files last, as one release has them: both phases together are everything, and nothing twice."""
    texts = sorted(kinds, key=lambda text: text == C)
    found = files(**{f"V{number}": text for number, text in enumerate(texts, 1)})
    applied = [row(one, rank) for rank, one in enumerate(found[:done], 1)]
    expected = [file.script for file in found[done:]]
    if any(file.phase == "contract" for file in found[:done]):
        assert pending(found, applied, phase="contract") == expected
        return
    first = plan(found, applied, Rules("expand"))
    assert first.faults == ()
    applied += [row(file, 100 + number) for number, file in enumerate(first.pending)]
    assert [file.script for file in first.pending] + pending(found, applied, phase="contract") == expected
