import json
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import compare_family
from hemosweep.engine.lock import driver_lock
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.tracking import server
from hemosweep.tracking.database import database_path
from hemosweep.tracking.ports import LOOPBACK, free_port
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store
from hemosweep.tracking.verdicts import VerdictRecorder
from hemosweep.tracking.views import ARMS, PAGES, TABLE_MODE, compare_page, page, runs_page
from tests.chrome import chrome, needs_chrome
from tests.recorded import CLEAR, FOUR_FOLDS, SEEDS, SMALL, Book, shifted
from tests.recorded import cases as recorded_cases


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(BadInput, match="has no runs"):
        server.start(tmp_path)


def test_an_unknown_sweep_is_refused_before_anything_starts(out, replicate):
    Recorder(out).begin_replicate(replicate())
    with pytest.raises(BadInput, match="'se'; it has loss"):
        server.start(out, experiment="se")


def test_a_taken_port_gives_way_to_the_next_free_one():
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert free_port(taken) > taken


def test_the_page_is_the_newest_sweeps_unless_one_is_named(out, replicate):
    recorder = Recorder(out)
    recorder.begin_replicate(replicate(sweep="loss"))
    time.sleep(0.01)
    recorder.begin_replicate(replicate(sweep="se"))
    store = open_store(out)
    ids = {name: store.client.get_experiment_by_name(f"hemosweep/{name}").experiment_id for name in ("loss", "se")}
    assert next(iter(server._pages(store, out, None).values())) == page(ids["se"], ARMS, TABLE_MODE)
    assert next(iter(server._pages(store, out, "loss").values())) == page(ids["loss"], ARMS, TABLE_MODE)


@pytest.fixture
def finished(out, replicate, cases):
    """The run of an arm, with its case table."""
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    return run_id


@pytest.fixture
def shown(monkeypatch):
    """The stores that a server is started for, none of which is."""
    stores = []

    def started(store, copy, port, pages):
        uri = store.client.get_experiment_by_name("hemosweep/loss").artifact_location
        stores.append((store.database, uri, store.artifacts))
        return server.Server(process=None, url=pages["arms by DSC"], copy=copy)

    monkeypatch.setattr(server, "_started", started)
    return stores


def moved(out):
    return out.rename(out.with_name("moved ?#"))


def test_a_folder_that_was_moved_is_put_right_and_shown_where_it_lies(out, finished, shown):
    place = moved(out)
    assert server.start(place).copy is None
    artifacts = place / "artifacts"
    assert shown == [(database_path(place), (artifacts / "loss").as_uri(), artifacts)]


def test_a_folder_that_was_moved_and_is_read_only_is_shown_from_a_copy_with_its_own_artifacts(
    out, finished, shown, monkeypatch
):
    place = moved(out)
    before = database_path(place).read_bytes()
    monkeypatch.setattr(server, "_is_writable", lambda out: False)  # Root may write anywhere.
    served = server.start(place)
    artifacts = place / "artifacts"
    assert shown == [(database_path(served.copy), (artifacts / "loss").as_uri(), artifacts)]
    assert database_path(place).read_bytes() == before
    server._delete(served.copy)


def test_a_moved_folder_with_a_driver_that_knows_it_by_another_place_is_shown_from_a_copy(out, finished, shown):
    place = moved(out)
    before = database_path(place).read_bytes()
    with driver_lock(place):
        served = server.start(place)
    assert shown == [(database_path(served.copy), (place / "artifacts" / "loss").as_uri(), place / "artifacts")]
    assert database_path(place).read_bytes() == before
    server._delete(served.copy)


def test_a_copy_is_deleted_where_no_server_starts(out, finished, monkeypatch, tmp_path):
    monkeypatch.setattr(server, "_is_writable", lambda out: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BadInput, match="'se'; it has loss"):
        server.start(out, experiment="se")
    assert list(tmp_path.glob("hemosweep-ui-*")) == []


def slow_server(port, *, after_s):
    """A process that answers at /health, after a while; one that ends at once where that is None."""
    program = f"""
import http.server, sys, time
if {after_s} is None:
    sys.exit(3)
time.sleep({after_s})
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("{LOOPBACK}", {port}), Healthy).serve_forever()
"""
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)


def test_a_slow_server_is_waited_for_as_long_as_it_lives_and_the_user_reads_what_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(server, "_TOLD_EVERY_S", 0.3)
    port = free_port(5500)
    process = slow_server(port, after_s=1.0)
    try:
        server._wait_until_healthy(process, port, tmp_path / "log")
    finally:
        process.kill()
        process.wait()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert lines[0].startswith("MLflow is still loading, for 0 s: its process ")


def test_a_server_that_ends_is_not_waited_for(tmp_path):
    port = free_port(5500)
    with pytest.raises(HemosweepError, match="ended at once with code 3; see "):
        server._wait_until_healthy(slow_server(port, after_s=None), port, tmp_path / "log")


def test_the_pages_of_a_sweep_carry_the_workflow_type_and_are_only_those_that_the_store_has(out, replicate):
    Recorder(out).begin_replicate(replicate())
    store = open_store(out)
    experiment = store.client.get_experiment_by_name("hemosweep/loss").experiment_id
    pages = server._pages(store, out, "loss")
    assert list(pages) == list(PAGES)
    assert all("workflowType=machine_learning" in address for address in pages.values())
    store.client.delete_experiment_tag(experiment, "mlflow.sharedViewState.hemosweep-bars")
    assert "bars of the arms" not in server._pages(store, out, "loss")
    for key in store.client.get_experiment(experiment).tags:
        store.client.delete_experiment_tag(experiment, key)
    assert server._pages(store, out, "loss") == {"runs": runs_page(experiment)}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_server_shows_the_artifacts_of_a_folder_of_any_name_that_was_moved(out, finished, monkeypatch):
    place = out.rename(out.with_name("my out?x=1 %20#é"))
    beside = set(place.parent.iterdir())
    served = server.start(place, port=5450)
    try:
        address = served.url.partition("/#")[0]
        query = urlencode({"run_uuid": finished, "path": "cases.json"})
        with urlopen(f"{address}/get-artifact?{query}") as answer:
            table = json.load(answer)
    finally:
        server.stop(served)
    assert [row[0] for row in table["data"]] == ["001", "002", "003", "004"]
    assert set(place.parent.iterdir()) == beside
    assert not out.exists()


@pytest.fixture
def browser(tmp_path):
    with chrome(tmp_path / "profile") as driver:
        yield driver


def run_names(page):
    """The names of the runs in a table, once there are some."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    # The page draws its table again while it is read.
    return WebDriverWait(page, 120, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda page: [link.text for link in page.find_elements(By.CSS_SELECTOR, "a[href*='/runs/']") if link.text]
    )


def wait_for(page, *texts):
    """The text of a page, once it has these."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def shown(page):
        text = page.find_element(By.TAG_NAME, "body").text
        return text if all(part in text for part in texts) else None

    return WebDriverWait(page, 120).until(shown)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(600)
@needs_chrome
def test_the_pages_of_a_sweep_in_a_new_browser(out, browser):
    book = Book(out)
    for seed, by in enumerate(SEEDS):
        for arm, scores in (("steady", SMALL), ("clear", CLEAR), ("last", shifted(SMALL, -0.1))):
            book.write(f"gate/{arm}@{seed}", recorded_cases(shifted(scores, by, 0.001 * seed), FOUR_FOLDS))
    declared = Declaration(
        name="gate",
        question="Is it clear?",
        arms=("steady", "clear", "last"),
        baseline="steady",
        comparisons=(("steady", "clear"), ("steady", "last")),
    )
    VerdictRecorder(out).record(compare_family(MlflowStore(out), "gate", declared.comparisons), declared)
    client = open_store(out).client
    experiment = client.get_experiment_by_name("hemosweep/gate").experiment_id
    groups = client.search_runs([experiment], "tags.`hemosweep.row` = 'arm'")
    ids = {run.info.run_name: run.info.run_id for run in groups}
    served = server.start(out, port=5400)
    root, _, _ = served.url.partition("#")
    best_first, columns = ["clear", "steady", "last"], ("Arms by DSC", "diff_vs_baseline", "claim_p_holm")
    try:
        # A link to a run without more opens its page, not that for language models, and no pane of the assistant.
        browser.get(f"{root}#/experiments/{experiment}/runs/{ids['clear']}")
        text = wait_for(browser, "over its seeds: better than steady", "Model metrics", "clear@2")
        assert "Assistant" not in text
        browser.get(served.url)
        assert run_names(browser) == best_first
        wait_for(browser, *columns, "better than steady", "Is it clear?")
        browser.refresh()
        assert run_names(browser) == best_first
        wait_for(browser, *columns)
        # Another view in the same tab, and F5 there.
        browser.get(served.links["arms with their seeds and folds"])
        text = wait_for(browser, "Arms with their seeds and folds", "dsc_std", "dsc_seed_sd")
        assert "diff_vs_baseline" not in text
        browser.refresh()
        assert "diff_vs_baseline" not in wait_for(browser, "dsc_std", "dsc_seed_sd")
        browser.get(f"{root}{compare_page(experiment, [ids['clear'], ids['last']])}")
        wait_for(browser, "Comparing 2 Runs", ids["clear"], ids["last"])
    finally:
        server.stop(served)
    assert served.process.returncode is not None
