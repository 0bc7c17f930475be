import optuna
import pytest
from optuna.trial import create_trial

from hemosweep.engine.dashboard import from_here_only, note_trials, open_studies
from hemosweep.engine.ledger import RUN_ID, open_ledger
from hemosweep.errors import BadInput

dashboard = pytest.importorskip("optuna_dashboard", reason="the extra hemosweep[dashboard] is not installed")


@pytest.fixture
def study(tmp_path):
    """A study of a version before notes and metric names, with a complete trial and one at work."""
    study = optuna.create_study(storage=open_ledger(tmp_path / "optuna.db"), study_name="loss")
    study.add_trial(
        create_trial(
            value=0.5, user_attrs={"arm": "dice", "seed": 1, RUN_ID: "abc"}, intermediate_values={0: 0.4, 1: 0.6}
        )
    )
    study.ask()
    return study


def notes(study):
    return [
        dashboard.get_note(optuna.trial.Trial(study, trial._trial_id)) for trial in study.get_trials(deepcopy=False)
    ]


def test_a_trial_has_a_note_with_its_arm_its_folds_and_its_run_in_mlflow(tmp_path, study):
    before = study.get_trials()
    note_trials(open_studies(tmp_path), lambda run_id: f"http://127.0.0.1:5000/#/runs/{run_id}")
    whole, at_work = notes(study)
    assert "Arm **dice**, seed 1." in whole
    assert "[Its run in MLflow](http://127.0.0.1:5000/#/runs/abc)" in whole
    assert "| 0 | 0.400 |\n| 1 | 0.600 |" in whole
    assert at_work == ""  # What is written once would not tell of its later folds.
    assert study.get_trials() == before


def test_a_note_that_is_there_stays(tmp_path, study):
    trial = study.get_trials(deepcopy=False)[0]
    dashboard.save_note(optuna.trial.Trial(study, trial._trial_id), "mine")
    note_trials(open_studies(tmp_path), str)
    assert notes(study)[0] == "mine"


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8080", None, "200"),
        ("localhost:8080", "http://localhost:8080", "200"),
        ("planted.example", None, "403"),
        ("127.0.0.1:8080", "http://planted.example", "403"),
    ],
)
def test_a_request_from_another_site_is_refused(host, origin, status):
    answers = []
    app = from_here_only(lambda environ, start_response: [start_response("200 OK", [])])
    environ = {"HTTP_HOST": host} | ({} if origin is None else {"HTTP_ORIGIN": origin})
    app(environ, lambda line, headers: answers.append(line))
    assert [line.partition(" ")[0] for line in answers] == [status]


def test_a_folder_without_trials_is_refused(tmp_path):
    with pytest.raises(BadInput, match="has no trials; start some with `hemosweep sweep NAME"):
        open_studies(tmp_path)
