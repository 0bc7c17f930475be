"""The case page in Chromium: from a file, at the width of a telephone, and inside MLflow's frame of artifacts."""

import json
from pathlib import Path

import pytest

from hemosweep.report.cases.page import case_page
from hemosweep.report.cases.pictures import read_pictures
from hemosweep.scores.metric import MetricDescription
from tests.chrome import chrome, needs_chrome, resize
from tests.hemosweep.report.cases.conftest import LESION

pytestmark = [pytest.mark.browser, needs_chrome]
MINUS = "\u2212"
NASTY = "<img src=x onerror=alert(1)>&'\""
UP, DOWN, LEFT, RIGHT, END, ESCAPE = "\ue013", "\ue015", "\ue012", "\ue014", "\ue010", "\ue00c"
LARGE = (slice(2, 6), slice(14, 28), slice(12, 28))
SMALL = (slice(4, 5), slice(18, 22), slice(16, 20))
FRAME = """
const [text, sandbox] = arguments, frame = document.createElement("iframe");
document.body.replaceChildren(frame);
frame.setAttribute("sandbox", sandbox);
frame.style.cssText = "width: 1100px; height: 560px";
frame.src = URL.createObjectURL(new Blob([text], { type: "text/html" }));
"""
"""The frame in which MLflow 3.13 to 3.18 shows HTML (ShowArtifactHtmlView): from a blob, with scripts alone."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chrome(tmp_path_factory.mktemp("profile"), "browser") as started:
        yield started


class Page:
    """The page in the browser: its state as a user sees it, and what a user does."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, asked="", size=(1280, 800)):
        resize(self.driver, *size)
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(path.as_uri() + asked)
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)", selector)

    def text(self, selector):
        return self.all(selector)[0]

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def press(self, key):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def wait(self, what, expected):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 20, 0.05).until(lambda _: what() == expected, f"{what()} is not {expected}")

    def cases(self):
        return self.all("#rows th button")

    def case(self):
        return self.text("#case")

    def place(self):
        return self.text("#place")

    def wait_for(self, case_id, place):
        self.wait(lambda: (self.case(), self.place()), (case_id, place))

    def colours(self, side="a"):
        """Colours of the marks that are drawn on a picture."""
        return self.run(
            """const canvas = document.querySelector(`[data-side="${arguments[0]}"] .marks`);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const named = { "255,255,255": "reference", "230,159,0": "a", "86,180,233": "b", "240,228,66": "ivh" };
            const found = new Set();
            for (let place = 0; place < data.length; place += 4) {
              if (data[place + 3] === 255) found.add(named[data.slice(place, place + 3).join()]);
            }
            return [...found].filter(Boolean).sort();""",
            side,
        )

    def said(self):
        """Messages in the console, without the browser's advice about the reading of `colours`."""
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        return [message for message in messages if "willReadFrequently" not in message]


@pytest.fixture
def page(driver):
    return Page(driver)


@pytest.fixture
def written(make_case, make_training, make_facts, tmp_path):
    """Three arms and four cases; one has IVH and a hostile name, one an empty reference, and one no prediction of C."""
    ivh = (slice(4, 5), slice(30, 34), slice(20, 30))
    cases = [
        make_case("gains"),
        make_case(NASTY, ivh=ivh),
        make_case("loses"),
        make_case("without", lesion=None),
    ]
    nan = float("nan")
    a = {"gains": 0.5, NASTY: 0.6, "loses": 0.9, "without": nan}
    b = {"gains": 0.9, NASTY: 0.7, "loses": 0.6, "without": nan}
    boxes = {"gains": SMALL, "loses": LESION, "without": SMALL}
    other = {"gains": LESION, "loses": LARGE, "without": None}
    # A prediction of the hostile name would need a file of that name: it has none, which the page says.
    arms = {
        "one": [make_training(f"one/seed {seed}", a, boxes) for seed in (0, 1)],
        "two": [make_training("two/seed 0", b, other)],
        "three": [make_training("three/seed 0", {"gains": 0.1}, {})],
    }
    facts = make_facts(arms, cases, pairs=[("one", "two"), ("one", "three")], question=NASTY)
    path = tmp_path / "cases.html"
    path.write_text(case_page(facts, read_pictures(facts)), encoding="utf-8")
    return path


def test_the_largest_difference_is_open_on_its_worst_slice_and_columns_sort(page, written):
    page.open(written).wait_for("gains", "Slice 4 of 8")
    assert page.cases() == ["gains", "loses", NASTY, "without"]
    assert page.text("#verdict").startswith(
        "+0.067 [\u22120.100, +0.300] DSC over 3 cases, B better in 2, A in 1. no evidence"
    )
    page.click('th [data-key="difference"]')
    assert page.cases() == ["gains", NASTY, "loses", "without"]
    page.click('th [data-key="difference"]')
    assert page.cases() == ["loses", NASTY, "gains", "without"]
    assert page.run("return document.querySelector('th.difference').getAttribute('aria-sort')") == "ascending"
    page.click('th [data-key="id"]')
    assert page.cases() == [NASTY, "gains", "loses", "without"]
    page.run(
        "const order = document.querySelector('#order'); order.value = 'worst-up';"
        "order.dispatchEvent(new Event('change'))"
    )
    assert page.cases()[0] == "gains"
    assert "undefined" in page.text('#rows tr[data-index="3"]')
    assert page.said() == []


def test_keys_go_through_slices_and_cases_and_toggle_what_is_drawn(page, written):
    page.open(written).wait_for("gains", "Slice 4 of 8")
    page.press(UP)
    assert page.place() == "Slice 5 of 8"
    assert page.colours("a") == ["a", "reference"]
    assert "b" in page.colours("b")
    assert "a" not in page.colours("b")
    for key, place in ((DOWN, "Slice 4 of 8"), (END, "Slice 7 of 8"), ("j", "Slice 4 of 8"), (UP, "Slice 5 of 8")):
        page.press(key)
        assert page.place() == place
    page.press("r")
    assert page.colours("a") == ["a"]
    page.press("a")
    assert page.colours("a") == []
    page.press("r")
    page.press("a")
    page.press("m")
    assert page.run("return document.querySelector('[data-side=b]').getBoundingClientRect().width") == 0
    page.press(RIGHT)
    page.wait(page.case, "loses")
    page.press(LEFT)
    page.wait(page.case, "gains")
    page.press("2")
    assert page.text("#window-text") == "40 / 40 HU"
    page.press("?")
    assert page.run("return document.querySelector('#keys').open")
    assert page.said() == []


def test_the_wheel_scrolls_and_a_drag_sets_the_window(page, written):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.by import By

    page.open(written).wait_for("gains", "Slice 4 of 8")
    panel = page.driver.find_element(By.CSS_SELECTOR, ".panel")
    ActionChains(page.driver).scroll_from_origin(ScrollOrigin.from_element(panel), 0, -100).perform()
    page.wait(page.place, "Slice 6 of 8")
    ActionChains(page.driver).click_and_hold(panel).move_by_offset(30, 40).release().perform()
    page.wait(lambda: page.text("#window-text"), "30 / 90 HU")
    assert page.run("return document.querySelector('#window feFuncR').getAttribute('slope')") == str(140 / 90)


def test_what_is_missing_is_said_in_words(page, written):
    page.open(written, "#a=one&b=three&case=gains").wait(page.case, "gains")
    page.wait(lambda: page.all(".said")[1], "three, seed 0: its prediction is not kept.")
    page.open(written, "#a=one&b=two&case=without").wait(page.case, "without")
    page.wait(lambda: page.all(".said"), ["The reference has no lesion.", "two predicts no lesion in this case."])
    assert page.all("#scores dd") == ["undefined", "undefined"]


def test_an_address_opens_its_comparison_case_and_slice_and_follows_the_user(page, written):
    page.open(written, "#a=two&b=one&case=loses&slice=3").wait_for("loses", "Slice 3 of 8")
    assert page.all("#scores dt") == ["two", "one", "B \u2212 A"]
    assert page.text("#verdict").endswith("Not a declared comparison: no test, only a look.")
    page.press(UP)
    assert page.run("return location.hash") == "#a=two&b=one&case=loses&slice=4"
    page.run("location.hash = '#a=one&b=two&case=gains&slice=6'")
    page.wait_for("gains", "Slice 6 of 8")
    page.open(written, "#a=one&b=two&case=gains&slice=x").wait_for("gains", "Slice 4 of 8")
    page.press(UP)
    assert page.place() == "Slice 5 of 8"
    assert page.said() == []


def test_the_last_row_has_the_means_of_the_cases_that_both_arms_have(page, written):
    def last():
        return page.run("return [...document.querySelectorAll('#foot > *')].map(cell => cell.textContent)")

    page.open(written).wait_for("gains", "Slice 4 of 8")
    # 0.5, 0.6, 0.9 and 0.9, 0.7, 0.6; three has gains alone, and no mean beside these.
    assert last() == ["Mean of 3", "0.667", "0.733", "+0.067", "", "", "", "", ""]
    page.open(written, "#a=one&b=three").wait(lambda: last()[0], "Mean of 1")
    assert last()[:4] == ["Mean of 1", "0.500", "0.100", f"{MINUS}0.400"]


def test_a_double_click_zooms_in_on_what_is_below_it_in_either_picture(page, written):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    page.open(written).wait_for("gains", "Slice 4 of 8")
    page.run(
        "window.drawn = []; const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (...asked) {"
        "  if (asked.length === 9) window.drawn.push([asked[5], this.canvas.width]); draw.apply(this, asked); }"
    )
    shifts = []
    for panel in page.driver.find_elements(By.CSS_SELECTOR, ".panel"):
        ActionChains(page.driver).move_to_element(panel).double_click().perform()
        left, width = page.run("return window.drawn.at(-1)")
        shifts.append(left / width)
        page.press("0")
    # A double click on the middle keeps the middle: the picture is as far out at the left in both.
    assert shifts[0] == pytest.approx(shifts[1], abs=0.02)


def test_a_metric_without_a_better_direction_has_a_higher_side_and_no_better_one(
    page, make_case, make_training, make_facts, tmp_path
):
    tone = MetricDescription(name="tone", label="Tone")
    a, b = (make_training(name, {"x": 0.5}, {"x": SMALL}, tone=value) for name, value in (("a", 1.0), ("b", 3.0)))
    c = make_training("c", {"x": 0.5}, {"x": SMALL}, tone=2.0)
    facts = make_facts({"a": [a], "b": [b], "c": [c]}, [make_case("x")], metric=tone)
    path = tmp_path / "cases.html"
    path.write_text(case_page(facts, read_pictures(facts)), encoding="utf-8")
    page.open(path).wait(page.case, "x")
    assert "B higher in 1, A in 0." in page.text("#verdict")
    shown = page.run("return document.body.innerText") + " ".join(page.all("#order option, #waterfall-text"))
    assert "better" not in shown.lower().replace("better?", "")
    assert "Lowest" in shown


def test_a_training_can_be_chosen_where_an_arm_has_several(page, written):
    page.open(written).wait_for("gains", "Slice 4 of 8")
    assert page.all("#seed option") == ["seed 0", "seed 1"]
    page.press("s")
    page.wait(lambda: page.run("return document.querySelector('#seed').value"), "1")


def test_hostile_names_are_text(page, written):
    page.open(written, "#case=" + NASTY.replace("&", "%26")).wait(page.case, NASTY)
    assert page.text("#question") == NASTY
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.said() == []


def test_on_a_telephone_nothing_is_cut_and_the_viewer_lies_over_the_table(page, written):
    page.open(written, size=(390, 844)).wait(lambda: len(page.cases()), 4)
    shown = "const box = document.querySelector('#viewer').getBoundingClientRect(); return [box.width, box.height]"
    assert page.run(shown) == [0, 0]
    too_wide = "return document.documentElement.scrollWidth - innerWidth"
    assert page.run(too_wide) <= 0
    page.click("#rows th button")
    page.wait_for("gains", "Slice 4 of 8")
    assert page.run(shown) == [390, 844]
    assert page.run(too_wide) <= 0
    assert (
        page.run("const viewer = document.querySelector('#viewer'); return viewer.scrollWidth - viewer.clientWidth")
        <= 0
    )
    page.press(ESCAPE)
    assert page.run(shown) == [0, 0]
    assert page.run("return document.activeElement.textContent") == "gains"
    page.click("#swap")
    assert page.run("return location.hash") == "#a=two&b=one&case=gains"
    assert page.run(shown) == [0, 0], "another comparison of the table opens no case"
    assert page.said() == []


def test_every_control_has_a_name_and_the_focus_can_reach_it(page, written):
    page.open(written).wait_for("gains", "Slice 4 of 8")
    unnamed = page.run(
        """return [...document.querySelectorAll("button, select, input")].filter(one => one.offsetParent
          && !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).map(one => one.outerHTML)"""
    )
    assert unnamed == []
    assert page.run("return [...document.querySelectorAll('th')].every(one => one.scope)")


def test_the_page_works_in_the_frame_that_mlflow_puts_artifacts_into(page, written, tmp_path):
    shell = tmp_path / "shell.html"
    shell.write_text("<!doctype html><title>shell</title><body></body>")
    page.open(shell)
    page.run(FRAME, written.read_text(encoding="utf-8"), "allow-scripts")
    page.driver.switch_to.frame(0)
    try:
        page.wait_for("gains", "Slice 4 of 8")
        assert page.run("return origin") == "null"
        page.driver.find_element("css selector", ".panel").click()
        page.press(UP)
        assert page.colours("a") == ["a", "reference"]
        page.click('#rows tr[data-index="2"] button')
        page.wait(page.case, "loses")
        page.press(UP)
        assert page.run("return document.documentElement.scrollHeight - innerHeight") <= 0
    finally:
        page.driver.switch_to.default_content()
    assert [text for text in page.said() if "favicon" not in text] == []


def test_mlflow_still_shows_artifacts_in_such_a_frame():
    import mlflow

    scripts = (Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js").glob("*.js")
    frames = [text for path in scripts if "mlflow-html-iframe" in (text := path.read_text(encoding="utf-8"))]
    assert any('"mlflow-html-iframe"' in text and 'sandbox:"allow-scripts"' in text for text in frames), json.dumps(
        len(frames)
    )
