"""The tests of a fold's cases: the next case is read, and on a GPU the last one scored, while the network works."""

import errno
import json
import threading
from dataclasses import replace

import pytest

from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.pause import Paused
from hemosweep.foldrun.spec import CaseInput
from hemosweep.training import fold_run, scoring, testing
from tests.fold_runs import run_fold

pytestmark = pytest.mark.usefixtures("one_thread")
TIMEOUT_S = 60.0


@pytest.fixture
def spec(tiny_spec):
    return tiny_spec(train="a", validation="b", test="cde", max_epochs=1)


@pytest.fixture(params=[False, True], ids=["scored in turn", "scored beside"])
def beside(request, monkeypatch):
    """Scoring as on the CPU, and as on a GPU."""
    as_it_is = fold_run.test_in_order
    monkeypatch.setattr(
        fold_run, "test_in_order", lambda *given, score_beside: as_it_is(*given, score_beside=request.param)
    )
    return request.param


@pytest.fixture
def predicted(monkeypatch):
    """Grows by one with each case that the network begins to predict."""
    calls = []
    predict = testing.predict_case

    def counted(*arguments, **options):
        calls.append(None)
        return predict(*arguments, **options)

    monkeypatch.setattr(testing, "predict_case", counted)
    return calls


class Watched(Journal):
    """Notes which predictions lie in the folder when a case is told to be tested, and who tells it."""

    def __init__(self, path):
        super().__init__(path)
        self.written = []
        self.threads = set()

    def write(self, event, **fields):
        self.threads.add(threading.current_thread())
        if event == "tested":
            path = self.path.parent / "predictions" / f"{fields['case_id']}.nii.gz"
            self.written.append((fields["case_id"], path.is_file()))
        super().write(event, **fields)


def journal(folder):
    return Watched(folder / "events.jsonl")


def cases_told(folder):
    return [event["case_id"] for event in read_journal(folder / "events.jsonl") if event["event"] == "tested"]


def scores(folder):
    return json.loads((folder / "scores.json").read_text())["rows"]


@pytest.fixture(scope="module")
def plain(one_thread, tiny_spec, tmp_path_factory):
    """The scores of the same fold on the CPU as it is."""
    folder = tmp_path_factory.mktemp("plain")
    run_fold(tiny_spec(train="a", validation="b", test="cde", max_epochs=1), folder, journal(folder))
    return scores(folder)


def test_the_scores_stand_in_order_and_a_case_is_told_of_when_its_prediction_is_on_disk(spec, tmp_path, beside, plain):
    watched = journal(tmp_path)
    run_fold(spec, tmp_path, watched)
    assert scores(tmp_path) == plain
    assert [row["case_id"] for row in plain] == ["c", "d", "e"]
    assert watched.written == [("c", True), ("d", True), ("e", True)]
    assert watched.threads == {threading.main_thread()}


def test_a_case_is_scored_while_the_next_one_is_predicted(spec, tmp_path, monkeypatch, plain):
    second_begun = threading.Event()
    predict, score = testing.predict_case, scoring.score_case
    num_predicted = 0

    def predict_and_tell(*arguments, **options):
        nonlocal num_predicted
        num_predicted += 1
        if num_predicted == 2:
            second_begun.set()
        return predict(*arguments, **options)

    def score_then(*arguments, **options):
        assert second_begun.wait(TIMEOUT_S)
        return score(*arguments, **options)

    as_it_is = fold_run.test_in_order
    monkeypatch.setattr(fold_run, "test_in_order", lambda *given, score_beside: as_it_is(*given, score_beside=True))
    monkeypatch.setattr(testing, "predict_case", predict_and_tell)
    monkeypatch.setattr(scoring, "score_case", score_then)
    run_fold(spec, tmp_path, journal(tmp_path))
    assert scores(tmp_path) == plain


def test_a_case_is_read_while_the_one_before_is_predicted(spec, tmp_path, monkeypatch, plain):
    second_read = threading.Event()
    predict, load = testing.predict_case, testing.load_preprocessed

    def load_and_tell(path):
        if path.name == "d.npz":
            second_read.set()
        return load(path)

    def predict_then(*arguments, **options):
        assert second_read.wait(TIMEOUT_S)
        return predict(*arguments, **options)

    monkeypatch.setattr(testing, "load_preprocessed", load_and_tell)
    monkeypatch.setattr(testing, "predict_case", predict_then)
    run_fold(spec, tmp_path, journal(tmp_path))
    assert scores(tmp_path) == plain


def test_a_pause_keeps_every_case_that_was_begun_and_the_rest_is_tested_later(spec, tmp_path, beside, predicted, plain):
    with pytest.raises(Paused):
        run_fold(spec, tmp_path, journal(tmp_path), should_pause=lambda: len(predicted) == 2)
    assert scores(tmp_path) == plain[:2]
    assert cases_told(tmp_path) == ["c", "d"]
    assert not (tmp_path / "done.json").exists()
    run_fold(spec, tmp_path, journal(tmp_path))
    assert scores(tmp_path) == plain
    assert cases_told(tmp_path) == ["c", "d", "e"]


def test_a_full_disk_under_a_prediction_is_raised_as_it_is_and_no_thread_is_left(spec, tmp_path, beside, monkeypatch):
    write = testing.write_prediction

    def full(path, *arguments):
        if path.name == "d.nii.gz":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, *arguments)

    monkeypatch.setattr(testing, "write_prediction", full)
    before = threading.enumerate()
    with pytest.raises(OSError, match="No space left") as raised:
        run_fold(spec, tmp_path, journal(tmp_path))
    assert raised.value.errno == errno.ENOSPC
    assert threading.enumerate() == before
    assert cases_told(tmp_path) == ["c"]
    assert not (tmp_path / "done.json").exists()


def test_a_case_that_is_not_readable_is_raised_as_it_is_when_its_turn_comes(spec, tmp_path, beside, predicted):
    lost = CaseInput(case_id="e", ivh="no", path=str(tmp_path / "lost.npz"))
    before = threading.enumerate()
    with pytest.raises(BadInput, match=r"lost\.npz") as raised:
        run_fold(replace(spec, test=(*spec.test[:2], lost)), tmp_path, journal(tmp_path))
    assert isinstance(raised.value.__cause__, FileNotFoundError)
    assert len(predicted) == 2
    assert threading.enumerate() == before


def test_what_fails_in_the_network_leaves_no_thread(spec, tmp_path, beside, predicted, monkeypatch):
    before = threading.enumerate()
    predict = testing.predict_case

    def fail(*arguments, **options):
        if len(predicted) == 2:
            raise MemoryError
        return predict(*arguments, **options)

    monkeypatch.setattr(testing, "predict_case", fail)
    with pytest.raises(MemoryError):
        run_fold(spec, tmp_path, journal(tmp_path))
    assert threading.enumerate() == before
