"""A verdict and a comparison as JSON: what programs rely on."""

import json
import math

from test_report_text import COMMAND, HOSTILE, cell, fine, guard, hostile, verdict

from xbench.report import as_json, compared


def test_the_members_of_a_verdict_are_those_of_its_schema() -> None:
    tree = json.loads(as_json(verdict(), COMMAND))
    assert list(tree) == [
        "schema", "verdict", "command", "code", "line", "guards", "cells", "harmed", "lost", "mismatches", "waivers",
        "detectable", "seeds", "seeds_required", "harm_margin", "levels", "candidate", "baseline", "faults", "notes",
        "settings", "xbench", "improved",
    ]  # fmt: skip
    assert (tree["schema"], tree["verdict"], tree["code"]) == ("xbench.verdict/1", "REGRESSION", 1)
    assert list(tree["guards"][0]) == [
        "name", "value", "low", "high", "margin", "outcome", "seeds_needed", "detectable", "languages",
        "standard_error", "degrees_of_freedom", "seeds",
    ]  # fmt: skip
    assert list(tree["cells"][0]) == [
        "task", "language", "metric", "candidate", "baseline", "difference", "low", "high", "p", "p_adjusted",
        "p_two_sided", "p_two_sided_adjusted", "harmed", "waived", "detectable", "standard_error",
        "degrees_of_freedom", "seeds", "n",
    ]  # fmt: skip
    assert tree["harmed"] == [{"task": "xnli", "language": "sw"}]
    assert tree["candidate"]["hash"] == "ab" * 32


def test_values_are_shares_not_points_and_what_is_no_number_is_null() -> None:
    tree = json.loads(as_json(verdict(guards=(guard(detectable=math.inf, standard_error=math.nan),))))
    assert tree["cells"][1]["difference"] == -0.05
    assert tree["guards"][0]["detectable"] is None
    assert tree["guards"][0]["standard_error"] is None


def test_names_stay_whole_for_programs_and_harmless_in_a_log() -> None:
    said = as_json(hostile(), HOSTILE)
    assert json.loads(said)["harmed"] == [{"task": HOSTILE, "language": HOSTILE}]
    assert "##[" not in said
    assert not set(said) & {"\x1b", "\u202e", "\ud800", "\ufffe"}
    said.encode("utf-8")


def test_a_comparison_names_ties_and_takes_both_ends_of_a_mean_at_one_level() -> None:
    judged = verdict(cells=(fine("de"), cell(), fine("fr")))
    tree = json.loads(compared.as_json(judged))
    assert tree["schema"] == "xbench.comparison/1"
    assert [one["beyond_doubt"] for one in tree["cells"]] == [False, True, False]
    (mean, _) = tree["means"]
    # Student's t with 8 degrees of freedom: 2.306 (tables of the distribution).
    assert mean["high"] - mean["difference"] == mean["difference"] - mean["low"]
    assert abs(mean["high"] - (-0.004 + 2.306 * 0.002)) < 1e-6
    assert "No difference beyond doubt in de, fr." in compared.table(judged)
    assert compared.table(judged).startswith("new against old: better in 0 cells, worse in 1, no difference in 2\n")


def test_a_comparison_escapes_names_too() -> None:
    said = compared.table(hostile())
    assert "##[" not in said
    assert not any(line.lstrip().startswith("::") for line in said.splitlines())
    assert HOSTILE not in compared.markdown(hostile())
    assert json.loads(compared.as_json(hostile()))["first"]["encoder"] == HOSTILE
