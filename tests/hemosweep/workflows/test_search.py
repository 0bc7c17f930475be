"""A finished search as JSON and as lines."""

from hemosweep.ablation.search import Trial
from hemosweep.workflows.sweeping.search import SearchResult

TRIALS = (
    Trial(index=0, number=3, params={"rate": 1.0}, ended=True, dsc=0.5),
    Trial(index=1, number=4, params={"rate": 2.0}, ended=True, dsc=0.75),
    Trial(index=2, number=5, params={"rate": 3.0}, ended=True, dsc=None),
)


def result(**changes):
    fields = {"search": "search-training", "profile": "demo", "trials": TRIALS, "best": TRIALS[1], "held_out": None}
    return SearchResult(**fields | {"failures": (), "notes": ("A note.",)} | changes)


def test_json_has_every_trial_and_the_name_of_the_best():
    values = result().as_json()
    assert values["trials"] == [
        {"trial": "trial-000", "params": {"rate": 1.0}, "dsc": 0.5},
        {"trial": "trial-001", "params": {"rate": 2.0}, "dsc": 0.75},
        {"trial": "trial-002", "params": {"rate": 3.0}, "dsc": None},
    ]
    assert (values["best"], values["held_out"], values["failures"]) == ("trial-001", None, [])


def test_a_search_of_failures_has_no_best():
    assert result(trials=TRIALS[2:], best=None).as_json()["best"] is None


def test_lines_are_the_table_of_trials_then_the_notes():
    *table, note = result().as_lines()
    assert note == "A note."
    assert all(any(trial.name in line for line in table) for trial in TRIALS)
