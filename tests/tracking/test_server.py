import json
import socket
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from hemosweep.engine.lock import driver_lock
from hemosweep.errors import BadInput
from hemosweep.tracking import server
from hemosweep.tracking.database import database_path
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store
from hemosweep.tracking.views import ARMS, TABLE_MODE, page

CHROMEDRIVER = Path("/usr/bin/chromedriver")
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1700,950",
)


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(BadInput, match="has no runs"):
        server.start(tmp_path)


def test_an_unknown_sweep_is_refused_before_anything_starts(out, replicate):
    Recorder(out).begin_replicate(replicate())
    with pytest.raises(BadInput, match="'se'; it has loss"):
        server.start(out, experiment="se")


def test_a_taken_port_gives_way_to_the_next_free_one():
    with socket.socket() as holder:
        holder.bind((server.HOST, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert server._free_port(taken) > taken


def test_the_page_is_the_newest_sweeps_unless_one_is_named(out, replicate):
    recorder = Recorder(out)
    recorder.begin_replicate(replicate(sweep="loss"))
    time.sleep(0.01)
    recorder.begin_replicate(replicate(sweep="se"))
    store = open_store(out)
    ids = {name: store.client.get_experiment_by_name(f"hemosweep/{name}").experiment_id for name in ("loss", "se")}
    assert server._page(store, out, None) == page(ids["se"], ARMS, TABLE_MODE)
    assert server._page(store, out, "loss") == page(ids["loss"], ARMS, TABLE_MODE)


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

    def started(store, copy, port, page):
        uri = store.client.get_experiment_by_name("hemosweep/loss").artifact_location
        stores.append((store.database, uri, store.artifacts))
        return server.Server(process=None, url=page, copy=copy)

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


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(not CHROMEDRIVER.exists(), reason=f"{CHROMEDRIVER} is absent (Debian package chromium-driver)")
def test_the_runs_page_shows_the_arms_best_first(out, replicate, cases, tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    recorder = Recorder(out)
    for arm, shift in (("worst", -0.1), ("best", 0.1), ("middle", 0.0)):
        run_id = recorder.begin_replicate(replicate(arm))
        recorder.finish_replicate(run_id, cases=cases.assign(dsc=cases["dsc"] + shift), figures={}, status="FINISHED")
    served = server.start(out, port=5400)
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    try:
        driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
        try:
            driver.get(served.url)
            names = WebDriverWait(driver, 60).until(
                lambda page: [
                    link.text for link in page.find_elements(By.CSS_SELECTOR, "a[href*='/runs/']") if link.text
                ]
            )
            text = driver.find_element(By.TAG_NAME, "body").text
        finally:
            driver.quit()
    finally:
        server.stop(served)
    assert names == ["best", "middle", "worst"]
    assert "Arms by mean DSC" in text
    assert "dsc_mean" in text
    assert served.process.returncode is not None
