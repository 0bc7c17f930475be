import socket
import time
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking import server
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
    process, url = server.start(out, port=5400)
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    try:
        driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
        try:
            driver.get(url)
            names = WebDriverWait(driver, 60).until(
                lambda page: [
                    link.text for link in page.find_elements(By.CSS_SELECTOR, "a[href*='/runs/']") if link.text
                ]
            )
            text = driver.find_element(By.TAG_NAME, "body").text
        finally:
            driver.quit()
    finally:
        server.stop(process)
    assert names == ["best", "middle", "worst"]
    assert "Arms by mean DSC" in text
    assert "dsc_mean" in text
    assert process.returncode is not None
