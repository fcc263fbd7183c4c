"""What a hand draws on the page in a real Chromium: which image it belongs to, and what is refused."""

import re
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.web.chromium import Page, chromium, page_server

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def node() -> Iterator[SyntheticNode]:
    with SyntheticNode(fused=True, rate=15.0) as started:
        yield started


@pytest.fixture(scope="module")
def served(node: SyntheticNode) -> Iterator[str]:
    with page_server(node.address) as address:
        yield address


def frozen_with_regions(browser: webdriver.Chrome, served: str) -> Page:
    page = Page(browser, served)
    page.mode("a")
    page.drag("strain", (-2, 14), (6, 22))
    page.mode("b")
    page.drag("strain", (9, 14), (17, 22))
    page.click("freeze")
    page.wait(lambda: page.state("s.frozen && s.measure"), "a frozen image with a ratio")
    return page


def add_row(page: Page) -> dict[str, object]:
    before = page.run("return musse.rows.length")
    page.click("add")
    page.wait(lambda: page.run("return musse.rows.length") == before + 1, "a row")
    row: dict[str, object] = page.run("return musse.rows[musse.rows.length - 1]")
    return row


def test_calipers_measure_the_one_image_that_they_were_drawn_on(
    browser: webdriver.Chrome, served: str
) -> None:
    page = frozen_with_regions(browser, served)
    page.mode("ruler")
    page.drag("strain", (-4, 18), (8, 18))
    page.drag("bmode", (-4, 18), (6, 18))
    drawn = page.state("s.frame")
    millimetres = (
        r"strain (11\.9|12\.[01]) mm, B-mode (9\.9|10\.[01]) mm, E/B 1\.(19|2[01])"  # of whole pixels
    )
    assert re.fullmatch(millimetres, page.text("calipers"))
    own = add_row(page)
    assert own["frame"] == drawn
    assert own["e_over_b"] == pytest.approx(1.2, abs=0.02)

    page.click("back")
    page.wait(lambda: page.state("s.frame") < drawn, "the image before")
    page.wait(
        lambda: page.text("calipers") == f"none on this image, drawn on frame {drawn}", "whose they are"
    )
    assert page.run("return Object.keys(musse.tools.rulers)") == []
    other = add_row(page)
    assert other["frame"] < drawn
    assert [other[name] for name in ("caliper_e_mm", "caliper_b_mm", "e_over_b")] == [None, None, None]

    page.drag("bmode", (-4, 18), (6, 18))  # and that of another image makes no E/B with this one
    assert re.fullmatch(r"strain –, B-mode (9\.9|10\.[01]) mm", page.text("calipers"))
    page.click("freeze")
    page.wait(lambda: page.text("calipers").startswith("none on this image"), "the live image")


def test_what_was_drawn_on_one_source_measures_no_other(
    browser: webdriver.Chrome, node: SyntheticNode, served: str
) -> None:
    page = frozen_with_regions(browser, served)
    page.mode("ruler")
    page.drag("strain", (-4, 18), (8, 18))
    page.mode("box")
    page.drag("strain", (-12, 9), (18, 30))
    page.wait(lambda: page.state("s.own_region"), "the region of interest")
    try:
        node.source = "leg"
        page.wait(lambda: page.state("s.others")[:1] == ["leg"], "word of another source")
        kept = page.run(
            "return [!!musse.tools.regions.a, !!musse.tools.rulers.strain, !!musse.state.measure]"
        )
        assert kept == [True, True, True]  # the frozen image is that of the one before
        page.click("freeze")
        page.wait(
            lambda: page.state("s.source") == "leg" and page.state("s.strain_grey === false"), "the other"
        )
        page.wait(lambda: page.text("message") == "source leg is shown now: regions and calipers of arm were "
                  "removed", "words")  # fmt: skip
        page.wait(lambda: page.state("s.own_region === null && s.measure === null"), "nothing measured")
        left = page.run("const { a, b } = musse.tools.regions; return [a, b, musse.tools.calipers.of]")
        assert left == [None, None, None]
    finally:
        node.source = "arm"
    page.wait(lambda: page.state("s.source") == "arm", "the source of the other tests")


def test_escape_ends_what_is_being_drawn(browser: webdriver.Chrome, served: str) -> None:
    page = Page(browser, served)
    canvas = page.element("strain")
    for mode in ("a", "box"):
        page.mode(mode)
        chain = ActionChains(browser, duration=50)
        chain.move_to_element_with_offset(canvas, -60, -60).click_and_hold().move_by_offset(60, 60)
        chain.send_keys(Keys.ESCAPE).move_by_offset(40, 40).release().perform()
        assert page.run("return [musse.tools.mode, musse.tools.drag, musse.tools.box]") == [None, None, None]
    assert page.run("return Object.keys(musse.tools.regions)") == ["a", "b"]  # and none of no name
    drawn = page.run("return musse.tools.regions.a.width")
    page.run("musse.tools.setMode('a')")
    page.drag("strain", (8, 24), (12, 28))
    page.wait(lambda: page.run("return musse.tools.regions.a.width") < drawn, "the next region")
    assert page.state("s.own_region") is None


def test_a_row_beyond_the_limit_is_refused_with_words(browser: webdriver.Chrome, served: str) -> None:
    page = frozen_with_regions(browser, served)
    add_row(page)
    page.run("while (musse.rows.length < 500) musse.rows.push({ ...musse.rows[0] })")
    page.click("add")
    page.wait(lambda: page.text("message").startswith("the table is full (500 rows)"), "the refusal")
    assert page.run("return musse.rows.length") == 500


def test_the_name_of_a_region_over_the_top_of_the_image_stands_inside(
    browser: webdriver.Chrome, served: str
) -> None:
    page = Page(browser, served)
    top, em, names = page.run(
        """const { raster, state, tools } = musse, view = musse.views[1], names = {};
        const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
        const size = { shape: 'ellipse', width: 6, height: 6 };
        const regions = { a: { ...size, x: 0, z: 1 }, b: { ...size, x: 8, z: 20 } };
        context.fillText = (text, x, y) => (names[text] = y);
        const drawn = { regions, rulers: {}, pointer: null, box: null };
        view.draw(raster.canvases, state, drawn, canvas, { width: 900, height: 700 });
        return [view.place.y, view.em, { ...names, above: view.toScreen(8, 17)[1] }]"""
    )
    assert names["A"] >= top + em  # below the image's upper edge, where FROZEN stands, by the letter's height
    assert names["above"] - em < names["B"] < names["above"]


def test_a_page_without_a_tape_process_says_so_and_one_with_empty_memory_does_not(
    browser: webdriver.Chrome, served: str
) -> None:
    page = Page(browser, served)
    none = "to save: none, as no tape process answers (musse-stream run starts one"
    page.wait(lambda: none in page.text("held"), "no answer")  # drawn some time after the state has it
    assert "--keep" in page.text("held")
    empty = (
        "musse.state.cine.kept = 0; musse.tools.handlers.onChange(); return document.getElementById('held')"
    )
    assert "to save: 0 s in memory" in page.run(f"{empty}.textContent")
