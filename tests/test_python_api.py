"""The Python API: `import hemosweep` is free, its words are those of the command line, and the README's lines run."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import hemosweep
from hemosweep.sweeps import base
from tests.recorded import CLEAR, FOUR_FOLDS, IDS, MIDDLE, SMALL, cases, in_memory

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_importing_it_imports_no_other_package():
    code = "import sys; before = {*sys.modules}; import hemosweep; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported - {*sys.stdlib_module_names} == {"hemosweep"}


def test_every_public_name_is_there_has_a_docstring_and_is_listed():
    for name in hemosweep.__all__:
        assert getattr(hemosweep, name).__doc__, name
    assert {*hemosweep.__all__} <= {*dir(hemosweep)}
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = hemosweep.train


def test_the_names_that_the_type_checker_sees_are_those_that_are_there():
    source = Path(hemosweep.__file__).read_text(encoding="utf-8")
    assert {*re.findall(r"import \w+ as (\w+)$", source, re.MULTILINE)} == {*hemosweep.__all__}


def test_the_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    # On fewer phantoms than the demo has, so that it takes seconds.
    demo = base.demo()
    short = replace(demo.config, training=replace(demo.config.training, max_epochs=2))
    monkeypatch.setitem(base.PROFILES, "demo", lambda: replace(demo, phantom_cases=4, config=short))
    monkeypatch.chdir(tmp_path)
    (lines,) = re.findall(r"## From Python.*?```python\n(.*?)```", README, re.DOTALL)
    exec(compile(lines, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "\nforecast for patchsize (demo profile) on " in printed
    assert ", 4 cases, 4 fold runs: about " in printed
    assert "['patchsize/24x24x8@0', 'patchsize/32x32x16@0']" in printed
    assert "runs/report" in printed
    assert "sub-001_ct" in printed.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}


def test_a_case_table_is_found_by_the_run_s_name_with_nan_for_what_is_undefined():
    table = hemosweep.case_table(in_memory({"patchsize/a@0": cases([*SMALL[:-1], float("nan")])}), "patchsize/a")
    assert table["case_id"].tolist() == IDS
    assert np.isnan(table["dsc"].iloc[-1])
    assert table["patient_id"].tolist() == ["n/a"] * 8


def test_two_runs_two_tables_and_two_arrays_give_the_same_test():
    expected = stats.ttest_rel(CLEAR, SMALL)
    a, b = cases(SMALL, FOUR_FOLDS), cases(CLEAR, FOUR_FOLDS)
    store = in_memory({"patchsize/a@0": a, "patchsize/b@0": b})
    by_runs = hemosweep.compare(store, "patchsize/a", "patchsize/b").comparison
    by_tables = hemosweep.compare_tables(a, b).comparison
    by_arrays = hemosweep.compare_arrays(SMALL, CLEAR)
    for comparison in (by_runs, by_tables, by_arrays):
        assert comparison.p == pytest.approx(expected.pvalue)
    assert by_tables == by_runs
    assert by_tables.outcome == "better"
    assert (by_arrays.outcome, by_arrays.claim.p) == ("trained_models", None), "arrays have no folds"


def test_tables_know_patients_and_empty_references():
    a, b = cases(SMALL), cases(MIDDLE)
    for table in (a, b):
        table["patient_id"] = ["P1", "P1", *(f"P{place}" for place in range(2, 8))]
        table.loc[3, ["reference_ml", "dsc"]] = [0.0, float("nan")]
    compared = hemosweep.compare_tables(a, b)
    assert any("cases of one patient" in warning for warning in compared.all_warnings)
    assert any("no lesion in the reference of 004" in warning for warning in compared.all_warnings)
    assert compared.comparison.n == 7


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: hemosweep.compare_tables(cases(SMALL).drop(columns="dsc"), cases(SMALL)),
            "table A has no column 'dsc'",
        ),
        (lambda: hemosweep.compare_tables(cases(SMALL), cases(SMALL), metric="nds"), "table A has no column 'nds'"),
        (lambda: hemosweep.compare_arrays([0.1, 0.2], [0.1]), r"arrays of shape \(2,\) and \(1,\)"),
        (lambda: hemosweep.compare_arrays(["x"], ["y"]), "scores must be numbers"),
        (lambda: hemosweep.compare_arrays([0.5, 55.0], [0.5, 60.0]), "looks like percent"),
        (lambda: hemosweep.open_store("nowhere").list_runs(), "nowhere has no runs; start one with"),
    ],
)
def test_what_cannot_be_used_is_one_line(call, said):
    with pytest.raises(hemosweep.BadInput, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
