"""A side of a comparison: which runs a reference stands for, and what is read of them."""

import json
from dataclasses import replace

import pytest

from hemosweep.comparison.sides import choose_runs, in_common_repeats, read_sides, run_scores
from hemosweep.errors import BadInput
from tests.recorded import IDS, LARGE, MIDDLE, SMALL, cases, healthy, in_memory


def read(tables, a, b, metric="dsc", labels=()):
    return read_sides(in_memory(tables), (a, b), metric, labels)


def test_an_arm_stands_for_all_its_seeds_where_both_sides_have_several():
    tables = {f"s/{arm}@{seed}": cases(SMALL) for arm in "ab" for seed in (0, 1)}
    a, _ = read(tables, "s/a", "s/b")
    assert (a.name, len(a.seeds), [run.seed for run in a.runs]) == ("s/a, seeds 0, 1", 2, [0, 1])


@pytest.mark.parametrize("other", ["s/b", "table.csv"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_arm_stands_for_all_its_seeds_also_against_one_run_or_a_file(tmp_path, other, place):
    tables = {"s/a@0": cases(SMALL), "s/a@1": cases(LARGE), "s/b@0": cases(MIDDLE)}
    if other.endswith(".csv"):
        cases(MIDDLE).to_csv(tmp_path / other, index=False)
        other = str(tmp_path / other)
    sides = read(tables, *(("s/a", other) if place == 0 else (other, "s/a")))
    assert sides[place].name == "s/a, seeds 0, 1"
    assert sides[place].seeds == tuple(dict(zip(IDS, scores, strict=True)) for scores in (SMALL, LARGE))
    assert sides[1 - place].seeds == (dict(zip(IDS, MIDDLE, strict=True)),)


def test_what_is_known_of_the_cases_is_read_with_the_scores():
    table = cases(SMALL)
    table["patient_id"] = ["P1", "P1", *["n/a"] * 6]
    table.loc[2, "reference_ml"] = 0.0
    a, _ = read({"s/a@0": table, "s/b@0": cases(MIDDLE)}, "s/a", "s/b")
    assert a.seeds[0] == dict(zip(IDS, SMALL, strict=True))
    assert a.folds["002"] == "1"
    assert a.ivh["001"] == "yes"
    assert a.patients == {"001": "P1", "002": "P1"}
    assert a.without_lesion == {"003"}
    assert a.program == "hemosweep"


def test_a_run_that_recorded_no_patients_knows_none():
    table = cases(SMALL).drop(columns="patient_id")
    a, _ = read({"s/a@0": table, "s/b@0": cases(MIDDLE)}, "s/a", "s/b")
    assert a.patients is None


def test_a_seed_that_was_trained_otherwise_is_left_out_and_named():
    tables = {f"s/a@{seed}": cases(SMALL) for seed in range(3)}
    runs, warnings = choose_runs(in_memory(tables, configs={"s/a@1": {"arm": "another"}}), "s/a")
    assert [run.seed for run in runs] == [0, 2]
    assert warnings == ("s/a@1 is left out: its data, folds, configuration or code are not those of s/a@2",)


def test_a_seed_that_is_not_done_is_left_out_and_named():
    store = in_memory({f"s/a@{seed}": cases(SMALL) for seed in range(2)})
    killed = tuple(replace(run, status="KILLED") if run.seed == 0 else run for run in store.runs)
    runs, warnings = choose_runs(replace(store, runs=killed), "s/a")
    assert [run.seed for run in runs] == [1]
    assert warnings == ("s/a@0 is left out, it is KILLED",)


def test_a_run_of_some_folds_says_that_it_is_for_trying():
    _, warnings = choose_runs(in_memory({"s/a@0": (cases(SMALL), {"subset": "folds 0 of 5 only"})}), "s/a")
    assert warnings == ("s/a@0 has folds 0 of 5 only: for trying, not for the study",)


def test_a_metric_that_a_run_lacks_lists_those_that_it_has():
    store = in_memory({"s/a@0": cases(LARGE)})
    with pytest.raises(BadInput, match=r"s/a@0 \(00000000\): no metric 'nds'; it has dsc, "):
        run_scores(store, store.runs[0], "nds")
    for name in ("case_id", "fold", "ivh", "patient_id"):
        with pytest.raises(BadInput, match="no metric"):
            run_scores(store, store.runs[0], name)


@pytest.mark.parametrize(
    ("labels", "said"),
    [(("1",), "neither s/a@0 nor s/b@0 has scores of several labels"), (("1", "2", "3"), "one each")],
)
def test_labels_are_for_files_that_have_several(labels, said):
    with pytest.raises(BadInput, match=said):
        read({"s/a@0": cases(SMALL), "s/b@0": cases(MIDDLE)}, "s/a", "s/b", labels=labels)


def test_ids_that_an_earlier_version_recorded_in_nfd_are_those_of_a_newer_run():
    names = {"composed": "M\u00fcller", "decomposed": "Mu\u0308ller"}
    tables = {}
    for arm, name in names.items():
        table = cases(SMALL)
        table["case_id"] = [name, *IDS[1:]]
        table["patient_id"] = [name, *IDS[1:]]
        tables[f"s/{arm}@0"] = table
    a, b = read(tables, "s/composed", "s/decomposed")
    assert a.seeds[0] == b.seeds[0]
    assert (a.folds, a.ivh, a.patients) == (b.folds, b.ivh, b.patients)


@pytest.mark.parametrize("with_labels", [0, 1])
def test_a_label_is_for_the_side_that_has_several(tmp_path, with_labels):
    plain, labelled = tmp_path / "plain.csv", tmp_path / "labelled.csv"
    plain.write_text("case_id,dsc\n001,0.5\n002,0.6\n")
    labelled.write_text("id,tumor_dice,edema_dice\n001,0.1,0.3\n002,0.2,0.4\nMean,0.15,0.35\n")
    order = [plain, labelled][:: 1 if with_labels else -1]
    sides = read({}, *map(str, order), labels=("edema",))
    assert sides[with_labels].seeds == ({"001": 0.3, "002": 0.4},)
    assert sides[with_labels].name.endswith("labelled.csv (label edema)")
    assert sides[1 - with_labels].seeds == ({"001": 0.5, "002": 0.6},)
    with pytest.raises(BadInput, match=r"--label edema: neither .* has scores of several labels; leave it out"):
        read({}, str(plain), str(plain), labels=("edema",))


@pytest.mark.parametrize("fact", ["dataset_digest", "folds_digest", "checkpoint_rule", "source_digest", "profile"])
def test_a_seed_of_other_provenance_is_left_out_and_named(fact):
    tables = {"s/a@0": (cases(SMALL), {fact: "earlier"}), "s/a@1": cases(SMALL), "s/a@2": cases(SMALL)}
    runs, warnings = choose_runs(in_memory(tables), "s/a")
    assert [run.seed for run in runs] == [1, 2]
    assert warnings == ("s/a@0 is left out: its data, folds, configuration or code are not those of s/a@2",)


def test_an_older_run_of_the_same_name_is_told():
    store = in_memory({"s/a@0": cases(SMALL)})
    (newer,) = store.runs
    older = replace(newer, run_id="f" * 32, start_time=newer.start_time.replace(year=2025))
    store = replace(store, runs=(older, newer), rows=store.rows | {older.run_id: store.rows[newer.run_id]})
    runs, warnings = choose_runs(store, "s/a")
    assert [run.run_id for run in runs] == [newer.run_id]
    assert warnings == ("1 older run is named s/a@0 too; took the newest, 00000000 (hemosweep runs)",)


def test_a_run_of_all_folds_goes_before_a_newer_one_of_some():
    tables = {"s/a@0": cases(SMALL), "s/a@1": (cases(SMALL), {"subset": "folds 0 of 5 only"})}
    runs, warnings = choose_runs(in_memory(tables), "s/a")
    assert [run.seed for run in runs] == [0]
    assert warnings == ("s/a@1 is left out: its data, folds, configuration or code are not those of s/a@0",)
    part = {name: (cases(SMALL), {"subset": "folds 0 of 5 only"}) for name in tables}
    runs, warnings = choose_runs(in_memory(part), "s/a")
    assert warnings == ("s/a@0, s/a@1 have folds 0 of 5 only: for trying, not for the study",)


def test_the_facts_about_the_cases_are_those_of_the_last_seed():
    described = {"metric_descriptions": json.dumps({"dsc": {"label": "DSC as described", "higher_is_better": True}})}
    last = cases(MIDDLE).assign(patient_id=IDS)
    tables = {name: cases(SMALL) for name in ("s/a@0", "s/b@0", "s/b@1")} | {"s/a@1": (last, described)}
    a, _ = read(tables, "s/a", "s/b")
    assert a.description.label == "DSC as described"
    assert a.patients == {case_id: case_id for case_id in IDS}


def test_false_positives_are_the_mean_over_the_seeds_that_recorded_them():
    tables = {f"s/{arm}@{seed}": healthy(SMALL, 1.0 + 2 * seed) for arm in "ab" for seed in (0, 1)}
    tables["s/a@1"].loc[0, "false_positive_ml"] = float("nan")
    a, _ = read(tables, "s/a", "s/b")
    assert (a.false_positive_ml["002"], a.false_positive_ml["003"]) == (2.0, 0.0)
    assert a.false_positive_ml["001"] == 0.5, "one seed alone recorded it"


def test_each_side_may_have_a_label_of_its_own(tmp_path):
    path = tmp_path / "labelled.csv"
    path.write_text("id,tumor_dice,edema_dice\n001,0.1,0.3\n002,0.2,0.4\n")
    a, b = read({}, str(path), str(path), labels=("edema", "tumor"))
    assert (a.seeds, b.seeds) == (({"001": 0.3, "002": 0.4},), ({"001": 0.1, "002": 0.2},))
    assert (a.labels, a.program, a.runs) == (("tumor", "edema"), "MIST", ())


def test_of_several_runs_that_are_not_finished_the_last_is_named():
    store = in_memory({f"s/a@{seed}": cases(SMALL) for seed in range(3)})
    runs = tuple(replace(run, status="RUNNING" if run.seed == 2 else "KILLED") for run in store.runs)
    with pytest.raises(BadInput, match="run s/a@2 is RUNNING, not finished; run its sweep again first"):
        choose_runs(replace(store, runs=runs), "s/a")


@pytest.mark.parametrize(("metric", "seeds"), [("dsc", [1]), ("nsd", [0, 1])])
def test_a_seed_that_was_scored_otherwise_is_left_out_for_that_metric_alone(metric, seeds):
    earlier = json.dumps({"dsc": "dsc of an earlier version", "nsd": "nsd now"})
    tables = {f"s/a@{seed}": cases(SMALL).assign(nsd=SMALL) for seed in (0, 1)}
    store = in_memory(tables | {"s/a@0": (tables["s/a@0"], {"metric_digests": earlier})})
    a, _ = read_sides(store, ("s/a", "s/a"), metric, ())
    assert [run.seed for run in a.runs] == seeds


def repeated(*names):
    """Runs of an arm by SEED or SEED~REPEAT, each repeat in folds of its own."""
    tables = {}
    for name in names:
        arm, _, training = name.partition("@")
        seed, _, repeat = training.partition("~")
        facts = {"folds_digest": f"folds {repeat}"} | ({"repeat": repeat} if repeat else {})
        folds = [(place + int(repeat or 0)) % 4 // 2 for place in range(8)]
        tables[f"se/{arm}@{seed}"] = (cases(SMALL, folds), facts)
    return in_memory(tables)


def test_repeats_of_an_arm_belong_together_and_those_of_one_side_alone_are_left_out_by_name():
    store = repeated("unet@0", "unet@1~1", "unet@2~2", "se_unet@0", "se_unet@1~1")
    a, b = read_sides(store, ("se/unet", "se/se_unet"), "dsc", ())
    assert (a.name, b.name) == ("se/unet, repeats 0, 1, 2", "se/se_unet, repeats 0, 1")
    assert [split["001"] for split in a.splits] == ["0", "0", "1"]
    assert a.folds == a.splits[0]
    common_a, common_b, warnings = in_common_repeats(a, b)
    assert warnings == ["left out, as the other side has no such repeat in these folds: se/unet~2"]
    assert [len(side.seeds) for side in (common_a, common_b)] == [2, 2]
    assert (common_a.runs, common_a.splits, common_b) == (a.runs[:2], a.splits[:2], b)
    assert in_common_repeats(common_a, common_b) == (common_a, common_b, [])


def test_a_repeat_of_one_side_in_other_folds_than_the_other_s_is_left_out():
    store = repeated("unet@0", "unet@1~1", "se_unet@0", "se_unet@1~1")
    *others, last = store.runs
    changed = replace(last, tags=last.tags | {"hemosweep.folds_digest": "of other data"})
    a, b = read_sides(replace(store, runs=(*others, changed)), ("se/unet", "se/se_unet"), "dsc", ())
    common_a, common_b, (warning,) = in_common_repeats(a, b)
    assert (common_a.runs, common_b.runs) == (a.runs[:1], b.runs[:1])
    assert warning.endswith(": se/unet~1, se/se_unet~1")


def test_sides_without_a_repeat_in_common_stay_as_they_are():
    store = repeated("unet@0", "se_unet@1~1")
    a, b = read_sides(store, ("se/unet", "se/se_unet"), "dsc", ())
    assert in_common_repeats(a, b) == (a, b, [])
    assert (a.name, b.name) == ("se/unet@0", "se/se_unet~1")


def test_seeds_of_the_first_split_are_named_beside_its_repeats():
    store = repeated("unet@0", "unet@5", "unet@1~1", "se_unet@0", "se_unet@5")
    a, b = read_sides(store, ("se/unet", "se/se_unet"), "dsc", ())
    assert (a.name, b.name) == ("se/unet, seeds 0, 5, repeats 0, 1", "se/se_unet, seeds 0, 5")
