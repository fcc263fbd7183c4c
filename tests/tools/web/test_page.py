"""The page in a real Chromium: one browser for all, one test after the other on a live node."""

import csv
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from websockets.sync.client import connect

from streamer.headers import FusedHeader
from tests.tools.display.display_messages import STRAIN_GRID, fused_message, phantom
from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.measure.test_measure import image
from tests.tools.tape.keeper import tape_process, wait_for
from tests.tools.web.chromium import Page, chromium, page_server
from tools.display.colors import colorize
from tools.display.options import DisplayOptions
from tools.export.movie import write_movie
from tools.measure.offline import of_messages
from tools.measure.ratio import measure
from tools.measure.regions import parse_regions
from tools.tape.protocol import KeepClient
from tools.tape.reader import Tape

pytestmark = pytest.mark.alone

BYTES = """const r = musse.raster, size = (c) => 4 * c.width * c.height;
    const maps = [r.value, r.std, r.bmode, ...Object.values(r.tables)].filter(Boolean);
    const drawn = [...document.querySelectorAll('canvas'), ...Object.values(r.canvases),
        ...Object.values(r.images), ...musse.compared.images.map((image) => image.copy)];
    return performance.memory.usedJSHeapSize + maps.reduce((sum, m) => sum + m.data.byteLength, 0)
        + drawn.reduce((sum, c) => sum + size(c), 0)"""


CUT = """return [...document.querySelectorAll('figcaption')].filter((caption) =>
    caption.scrollHeight > caption.clientHeight + 1 || caption.scrollWidth > caption.clientWidth)
    .map((caption) => caption.textContent)"""


WATCH = """window.watched = { greySince: null, frame: 0, at: Date.now(), frames: 0, gap: 0 };
    setInterval(() => {
        const s = musse.state, w = window.watched, now = Date.now();
        const grey = s.strain_grey && s.bmode_grey && s.rates_grey;
        w.greySince = grey ? w.greySince ?? now : null;
        if (s.frame !== w.frame) {
            w.gap = Math.max(w.gap, now - w.at);
            [w.frame, w.at, w.frames] = [s.frame, now, w.frames + 1];
        }
    }, 5)"""
"""By the page's own clock: since when it is grey, and the longest time from one image to the next, in ms."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a page that was opened after its tape process had held images; where tapes are saved."""
    folder = tmp_path_factory.mktemp("kept")
    with SyntheticNode(fused=True, rate=15.0) as node, ExitStack() as beside:
        keep = beside.enter_context(tape_process(node.address, folder))
        with KeepClient(keep) as client:
            wait_for(lambda: len(client.ask({"do": "frames"})["frames"]) > 20 or None)
        yield beside.enter_context(page_server(node.address, "--keep", keep)), folder


def test_an_examination(browser: webdriver.Chrome, examined: tuple[str, Path]) -> None:
    # a browser in another zone than the server
    browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Pacific/Kiritimati"})
    page = Page(browser, examined[0])
    opened_with = page.state("s.frame")

    # the node's persistence, from the page
    for seconds in (2, 0, 0.5):
        page.run("const e = document.getElementById('persistence'); e.value = arguments[0];"
                 "e.dispatchEvent(new Event('change'))", str(seconds))  # fmt: skip
        page.wait(lambda s=seconds: page.state("s.fusion") == s, "the node's setting")  # type: ignore[misc]
        page.wait(lambda s=seconds: page.state("s.persistence") == s, "images of it")  # type: ignore[misc]

    # the live image moves
    first = page.state("s.frame")
    page.wait(lambda: page.state("s.frame") > first + 3, "newer images")
    assert page.text("banner") == "LIVE"

    # ten pixels have the colours of the numbers that were sent
    page.click("freeze")
    page.wait(lambda: page.state("s.frozen"), "freezing")
    page.run("const e = document.getElementById('opacity'); e.value = 1;"
             "e.dispatchEvent(new Event('input'))")  # fmt: skip
    page.wait(lambda: page.run("return musse.raster.palette.options.opacity") == 1, "full opacity")
    rng = np.random.default_rng(0)
    for x, z in zip(rng.uniform(-17, 17, 10), rng.uniform(3, 36, 10), strict=True):
        shown = page.run(
            "const i = musse.raster.pixel(arguments[0], arguments[1]); musse.raster.draw(musse.state);"
            "const cell = {}; musse.raster.sample(i, cell);"
            "const rgb = Array.from(musse.raster.images.strain.data.slice(4 * i, 4 * i + 3));"
            "const under = Array.from(musse.raster.images.bmode.data.slice(4 * i, 4 * i + 3));"
            "return [rgb, cell.v, cell.sure, under]",
            float(x), float(z),
        )  # fmt: skip
        rgb, value, sure, under = shown
        expected = colorize(np.array([[value]], np.float32), 2.5, "clinical")[0, 0, ::-1].astype(float)
        blended = sure * expected + (1 - sure) * np.array(under)
        np.testing.assert_allclose(rgb, blended, atol=2)
        truth = phantom(1.0)
        row = round((z * 1e-3 - STRAIN_GRID.axial_start) / STRAIN_GRID.axial_step)
        column = round((x * 1e-3 - STRAIN_GRID.lateral_start) / STRAIN_GRID.lateral_step)
        near = truth[row - 2 : row + 3, max(column - 2, 0) : column + 3]
        assert near.min() - 0.25 < value < near.max() + 0.25

    # regions by mouse: the ratio of the API for the same numbers
    page.mode("a")
    page.drag("strain", (-2, 14), (6, 22))
    page.mode("b")
    page.drag("bmode", (9, 14), (17, 22))
    page.wait(lambda: page.state("s.measure"), "the ratio")
    regions = parse_regions(json.dumps(page.run("return musse.tools.regions")))
    assert regions.a.x == pytest.approx(2, abs=0.3)
    maps = page.run("return [Array.from(musse.raster.value.data), Array.from(musse.raster.std.data)]")
    value, std = (np.array(m, float).astype(np.float32).reshape(250, 128) for m in maps)

    header = fused_message().header
    assert isinstance(header, FusedHeader)
    found = measure(of_messages(header, value, std, None, 0.0), regions)
    assert page.text("ratio") == found.ratio.text
    assert found.ratio.value == pytest.approx(1 / 0.35, rel=0.05)

    # calipers: E on strain, B on B-mode
    page.mode("ruler")
    page.drag("strain", (-4, 18), (8, 18))
    page.drag("bmode", (-4, 18), (6, 18))
    assert page.run("return musse.tools.lengths().ratio") == pytest.approx(1.2, abs=0.05)

    # frozen numbers stay; a row and its files
    frozen = page.state("[s.frame, s.quality, s.mean, s.measure.ratio.text]")
    page.click("add")
    page.wait(lambda: page.run("return musse.rows.length"), "a row")
    assert page.run("return document.querySelector('#rows td:nth-child(2)').textContent") in page.text(
        "frozen"
    )
    leaving = """const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event);
        return event.defaultPrevented"""
    assert page.run(leaving)  # a reload would lose the row
    last = page.state("s.cine.last")
    page.wait(lambda: page.state("s.cine.last") > last + 5, "the stream going on")
    assert page.state("s.trace[s.trace.length - 1][0]") == 0  # the trace ends with the frozen image
    assert page.state("[s.frame, s.quality, s.mean, s.measure.ratio.text]") == frozen
    page.click("csv")
    page.click("json")
    page.click("png")
    folder = browser.downloads  # type: ignore[attr-defined]
    page.wait(lambda: {p.suffix for p in folder.glob("musse-*")} >= {".csv", ".json", ".png"}, "three files")
    with next(folder.glob("*.csv")).open() as file:
        row = next(csv.DictReader(file))
    assert not page.run(leaving)
    assert float(row["ratio"]) == pytest.approx(found.ratio.value, rel=1e-6)
    assert int(row["frame"]) == frozen[0]
    exported = next(folder.glob("*.json")).read_text()
    assert '"arm"' not in exported  # the name of the source
    settings = json.loads(exported)["settings"]
    assert settings["display"]["color_map"] == "clinical"

    # a region of interest by mouse: 1 is its median, nothing outside it has a value, the ratio stays
    ratio = page.state("s.measure.ratio.value")
    page.mode("box")
    page.drag("strain", (-12, 9), (18, 30))
    page.wait(lambda: page.state("s.own_region"), "the region")
    page.wait(lambda: page.run("return musse.raster.at(-15, 20).value") is None, "nothing outside")
    box = page.state("s.own_region")
    np.testing.assert_allclose(box, (9, 30, -12, 18), atol=0.4)
    inside = np.array(page.run("return Array.from(musse.raster.value.data)"), float)
    assert np.nanmedian(inside) == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(inside).mean() > 0.4
    page.wait(lambda: page.state("s.measure.ratio.value") == pytest.approx(ratio, rel=0.02), "the ratio")
    page.drag("strain", (0, 15), (2, 16))
    page.wait(lambda: "larger region" in page.text("message"), "refusal of a tiny region")
    page.click("node-box")
    page.wait(lambda: page.state("s.own_region === null"), "the node's region")

    # cine: back by the slider's buttons, and to what the tape process held before the page was opened
    page.click("back")
    page.wait(lambda: page.state("s.frame") < frozen[0], "an older image")
    page.run("const e = document.getElementById('slider'); e.value = e.min;"
             "e.dispatchEvent(new Event('input'))")  # fmt: skip
    page.wait(lambda: page.state("s.frame") < opened_with - 10, "an image from before the page was opened")
    oldest, cells = page.run("return [musse.state.frame, Array.from(musse.raster.value.data)]")
    shown = np.array(cells, float).reshape(250, 128)
    np.testing.assert_allclose(shown[3:240], phantom(1.0, 0.05, seed=oldest)[3:240], atol=1e-6)
    assert page.run(BYTES) < 64e6

    # two images side by side, and the file of both
    page.click("keep-image")
    page.click("forth")
    page.wait(lambda: page.state("s.frame") > oldest, "the next image")
    page.click("keep-image")
    page.click("compare")
    kept = [figure.text for figure in browser.find_elements(By.CSS_SELECTOR, ".kept figcaption")]
    assert len(set(kept)) == 2
    assert all(f.is_displayed() for f in browser.find_elements(By.CSS_SELECTOR, ".kept canvas"))
    assert page.run(CUT) == []
    page.run("musse.tools.setMode(null)")
    assert page.text("hint") == "Choose A or B to move it; add a row."
    browser.set_window_size(
        1920, 900
    )  # of another height, and the same frame later: a copy of one scale, without age
    age = page.state("s.frozen")
    page.wait(lambda: page.state("s.frozen") != age, "an age of a second more")
    page.click("keep-image")
    assert page.run(
        "const [a, b] = musse.compared.images.map((i) => i.title + i.copy.toDataURL()); return a === b"
    )
    page.click("compare")

    # the three best images: the first is shown
    page.click("best")
    marks = "return [...document.querySelectorAll('#marks button')].map((b) => b.title)"
    best = page.wait_for(lambda: page.run(marks), "best images")
    assert 1 <= len(best) <= 3
    page.wait(lambda: f"frame {page.state('s.frame')}" == best[0], "the best image")
    assert abs(page.state("s.mean")) > 0.002

    # everything before the freeze is saved, and the page names the file; then live again
    page.wait(lambda: page.element("keep").is_enabled(), "the tape process")
    page.click("keep")
    page.wait(lambda: page.text("message").startswith("saved the last"), "the success message")
    (saved,) = examined[1].glob("*.mcap")
    assert saved.name in page.text("message")
    with Tape(saved) as tape:
        indices = [m.header.post_index for m in tape.messages(["fused"])]  # type: ignore[union-attr]
    assert min(indices) < opened_with - 10
    assert max(indices) == pytest.approx(frozen[0], abs=3)
    page.click("freeze")
    page.wait(lambda: page.state("s.cine.shown === null && !s.frozen"), "live")
    page.wait(lambda: page.element("keep").is_enabled(), "the tape process")
    page.click("keep")
    page.wait(lambda: len(list(examined[1].glob("*.mcap"))) == 2, "a tape of the last 20 s")


def test_a_killed_node_is_grey_within_half_a_second_and_a_frozen_image_is_not(
    browser: webdriver.Chrome,
) -> None:
    with SyntheticNode(fused=True, rate=20.0) as node, page_server(node.address) as served:
        page = Page(browser, served)
        page.wait(lambda: page.state("!s.strain_grey && s.trace.length > 20"), "a live image")
        page.run(WATCH)
        page.wait(lambda: page.run("return window.watched.frames > 20"), "a second of images")
        node.stop()
        stopped = time.time()
        since = page.wait_for(lambda: page.run("return window.watched.greySince"), "grey")
        late = 2 * page.run("return window.watched.gap") / 1000  # 0.1 s, and more on a busy machine
        assert since / 1000 - stopped < 0.5 + max(0.4, late)
        spread = """const d = musse.raster.images.strain.data; let m = 0;
            for (let i = 0; i < d.length; i += 4) m = Math.max(m, Math.abs(d[i] - d[i + 2])); return m"""
        page.wait(lambda: page.run(spread) <= 2, "an image without colours")
        page.click("keep-image")
        kept = page.run("return musse.compared.images[0].title")
        assert "live" not in kept
        assert "old when kept" in kept
        page.click("freeze")
        page.wait(lambda: page.text("frozen").startswith("REVIEW"), "review")
        assert page.text("frozen").split(",")[0].removeprefix("REVIEW ") in kept  # the image's own time
        page.wait(lambda: page.run(spread) > 100, "full colour")
        page.wait(lambda: page.text("banner") == "NODE LOST", "the link's state beside it")
    page.wait(lambda: page.text("banner") == "SERVER LOST", "the loss of the server", 3.0)
    assert "lost" in page.run("return document.body.className")


def test_a_broken_connection_keeps_settings_regions_and_the_frozen_image(browser: webdriver.Chrome) -> None:
    with SyntheticNode(fused=True, rate=15.0) as node, page_server(node.address) as served:
        page = Page(browser, served)
        page.run("const e = document.getElementById('map'); e.value = 'reversed';"
                 "e.dispatchEvent(new Event('input'))")  # fmt: skip
        page.click("flip")
        page.mode("box")
        page.drag("strain", (-12, 9), (15, 30))
        page.wait(lambda: page.state("s.own_region"), "the region")
        page.click("freeze")
        page.wait(lambda: page.state("s.frozen"), "freezing")
        shown = """const { color_map, flip } = musse.raster.palette.options;
            return [color_map, flip, musse.state.frame, musse.state.own_region]"""
        before = page.run(shown)
        assert before[:2] == ["reversed", True]
        newest = page.state("s.cine.last")
        page.run("window.broken = musse.link.socket; broken.close()")
        page.wait(
            lambda: page.run("return musse.link.socket !== broken && musse.raster.palette"), "the server"
        )
        page.wait(lambda: page.state("s.cine.last") > newest + 5, "messages of the new connection")
        page.wait(lambda: page.state("s.frozen") and page.run(shown) == before, "the same as before")


def test_text_that_comes_and_goes_moves_neither_images_nor_buttons(browser: webdriver.Chrome) -> None:
    with SyntheticNode(fused=True, rate=15.0) as node, page_server(node.address) as served:
        page = Page(browser, served)
        places = """return ['bmode', 'strain', 'freeze', 'slider'].map((id) => {
            const { x, y, width, height } = document.getElementById(id).getBoundingClientRect();
            return [x, y, width, height]; })"""
        for width, height in ((1366, 768), (1920, 900)):
            browser.set_window_size(width, height)
            page.run("document.getElementById('warnings').textContent = ''")
            before = page.run(places)
            page.run(
                "document.getElementById('warnings').textContent = 'A holds 60 % valid pixels; '.repeat(12)"
            )
            assert page.run(places) == before
            reach = "const a = document.querySelector('aside');"
            reach += "return [a.scrollHeight > a.clientHeight, getComputedStyle(a).overflowY]"
            assert page.run(reach) == [True, "auto"]  # all of it can be read
        browser.set_window_size(1920, 1080)


def test_words_on_a_narrow_image_are_not_squeezed_and_hide_nothing(browser: webdriver.Chrome) -> None:
    with SyntheticNode(fused=True, rate=15.0) as node, page_server(node.address) as served:
        page = Page(browser, served)
        page.mode("a")
        page.drag("strain", (0, 15), (0.4, 20))
        page.wait(lambda: "at least 1 mm" in page.text("message"), "refusal of a region of no width")
        page.click("freeze")
        page.wait(lambda: page.state("s.frozen"), "freezing")
        top, words = page.run(
            """const { raster, tools, state } = musse, view = musse.views[1], g = raster.geometry, drawn = [];
            raster.geometry = { ...g, width: g.width / 10, right: g.left + (g.right - g.left) / 10 };
            const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
            const caption = 'last good image, 2.6 s old: too little compression';
            context.fillText = (text, x, y, room) =>
                drawn.push([text, y, context.measureText(text).width, room ?? 1e9]);
            view.draw(raster.canvases, { ...state, caption }, tools, canvas, { width: 600, height: 500 });
            const words = drawn.filter(([text]) => text === caption || text === state.frozen);
            raster.geometry = g;
            return [view.place.y, words]"""
        )
        assert len(words) == 2
        assert all(width <= room + 1 for _, _, width, room in words)  # as wide as the letters want to be
        assert words[0][1] < top  # FROZEN stands above the image


def test_a_browser_that_is_one_too_many_is_told_so(browser: webdriver.Chrome) -> None:
    with (
        SyntheticNode(fused=True, rate=15.0) as node,
        page_server(node.address) as served,
        ExitStack() as all_,
    ):
        url = served.replace("http", "ws") + "ws"
        others = [all_.enter_context(connect(url, max_size=None)) for _ in range(4)]
        browser.get(served)
        page = Page.__new__(Page)
        page.browser = browser
        page.wait(lambda: page.text("banner") == "REFUSED", "the refusal")
        page.wait(lambda: "close one of them" in page.text("detail"), "its reason")
        others[0].close()
        page.wait(lambda: page.text("banner") == "LIVE", "a place")


def test_a_client_that_stops_hinders_no_other_and_widths_fit(
    browser: webdriver.Chrome, examined: tuple[str, Path]
) -> None:
    address = examined[0]
    with connect(address.replace("http", "ws") + "ws", max_size=None) as stopped:
        stopped.recv(timeout=30)  # and never again: it acknowledges nothing
        page = Page(browser, address)
        first = page.state("s.frame")
        page.wait(lambda: page.state("s.frame") > first + 10, "images beside a stopped client")
        for width, height in ((390, 844), (820, 1180), (3840, 2160), (1920, 1080)):
            browser.set_window_size(width, height)
            page.wait(
                lambda: page.run("return document.documentElement.scrollWidth <= window.innerWidth"),
                "fitting",
            )
            assert page.run(CUT) == [], width
            size = page.run("return parseFloat(getComputedStyle(document.body).fontSize)")
            assert size >= (14 if width < 3840 else 25)
            assert page.run("const v = musse.views[1]; return v.place.scale * v.raster.geometry.width"
                            " / v.canvas.width > 0.5")  # fmt: skip  # the image fills its room
        browser.set_window_size(820, 1180)  # a tablet, upright, and a finger
        page.mode("box")
        page.drag("strain", (-12, 9), (15, 30), finger=True)
        page.wait(lambda: page.state("s.own_region"), "the region that a finger drew")
        np.testing.assert_allclose(page.state("s.own_region"), (9, 30, -12, 15), atol=0.8)
        assert page.run("return window.scrollY") == 0  # it drew, and did not scroll
        page.mode("a")
        first, second, third = page.run(
            """const view = musse.views[1], box = view.canvas.getBoundingClientRect();
            return [[-8, 12], [2, 22], [12, 30]].map((point) => {
                const [x, y] = view.toScreen(...point).map((c) => (c * box.width) / view.canvas.width);
                return { x: x + box.left, y: y + box.top }; })"""
        )
        for kind, points in (
            ("touchStart", [first]), ("touchMove", [second]), ("touchStart", [second, third]),
            ("touchMove", [second, {"x": third["x"] - 9, "y": third["y"] - 9}]), ("touchEnd", []),
        ):  # fmt: skip  # a palm on the screen while a finger draws
            touches = [{**point, "id": number} for number, point in enumerate(points)]
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        drawn = page.run("const { x, z, width } = musse.tools.regions.a; return [x, z, width]")
        np.testing.assert_allclose(drawn, (-3, 17, 10), atol=0.5)
        browser.refresh()
        page.wait(lambda: page.state("s.frame !== null"), "the page after a reload")


def test_chromium_plays_a_webm_movie(browser: webdriver.Chrome, tmp_path: Path) -> None:
    frames = [image(-0.005, frame_index=number, time=number / 10, noise=0.05) for number in range(12)]
    write_movie(frames, tmp_path / "a.webm", DisplayOptions())
    (tmp_path / "a.html").write_text('<video src="a.webm" muted autoplay></video>')
    browser.get((tmp_path / "a.html").as_uri())
    played = "const v = document.querySelector('video'); return v.error ? -1 : v.currentTime * v.videoWidth"
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(played) > 0.3 * 1280)
