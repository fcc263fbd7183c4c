"""Images that the page's server holds, and what each browser sees of them."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamer.curve import PLAIN
from tests.tools.display.display_messages import (
    STRAIN_GRID,
    fused_message,
    received,
    status_message,
    strain_message,
)
from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.tape.keeper import wait_for
from tests.tools.web.page_link import unpack
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState
from tools.display.view import BmodeImage
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_wire
from tools.measure.regions import parse_regions
from tools.web.cine import Cine, CineFrame
from tools.web.client import Client
from tools.web.composer import Composer
from tools.web.feed import Feed


def frame(number: int, **changes: Any) -> CineFrame:
    from tests.tools.measure.test_measure import image

    made: ImageFrame = image(frame_index=number, time=number / 10, **changes)
    return CineFrame(number, made)


def test_the_cine_forgets_the_oldest_unless_it_is_pinned() -> None:
    one = frame(0).image.nbytes
    cine = Cine(limit=10 * one)
    for number in range(30):
        cine.append(frame(number))
    assert [f.number for f in cine] == list(range(20, 30))
    assert cine.get(3) is not None
    assert cine.get(3).number == 20  # type: ignore[union-attr]
    cine.pin("me")
    for number in range(30, 35):
        cine.append(frame(number))
    assert ([f.number for f in cine], cine.not_held) == (list(range(20, 30)), 5)
    assert cine.newest is not None
    assert cine.newest.number == 34  # a live page shows it although it has no room
    cine.complete(BmodeImage(np.full((50, 20), 7, np.uint8), STRAIN_GRID, 60.0, ("s", 34), 3.0))
    assert cine.newest.image.bmode is not None
    assert cine.newest.image.bmode[0, 0] == 7
    cine.unpin("me")
    assert cine.not_held == 0
    cine.append(frame(35))
    assert [f.number for f in cine][-1] == 35
    assert len(cine) == 10


def test_beside_a_freeze_that_fills_the_memory_a_live_page_shows_and_measures_the_newest_image() -> None:
    cine = Cine(limit=10 * frame(0).image.nbytes)
    feed = SimpleNamespace(cine=cine, late=lambda: False)
    frozen, live = Client(feed), Client(feed)  # type: ignore[arg-type]
    live.regions = parse_regions(
        '{"a": {"x": 0, "z": 15, "width": 5, "height": 5}, "b": {"x": 8, "z": 15, "width": 5, "height": 5}}'
    )
    pressed = [frame(number, strain=0.006 if number % 2 else -0.006) for number in range(89)]
    for one in pressed[:10]:
        cine.append(one)
    frozen.freeze()
    for one in pressed[10:]:
        cine.append(one)
    found = live.measurement()
    assert found is not None
    assert found[0].frame_index == 88
    assert len(found[1].values) == 1  # those of 8 s ago are no presses of the last 5 s
    live.freeze()
    assert live.shown is not None
    assert live.shown.number == 88
    assert frozen.shown is not None
    assert frozen.shown.number == 9


def test_after_a_sleep_of_the_computer_images_are_old_and_times_of_day_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asleep = 0.0
    wall, counting = time.time, time.clock_gettime
    monkeypatch.setattr(time, "time", lambda: wall() + asleep)
    monkeypatch.setattr(time, "clock_gettime", lambda kind: counting(kind) + asleep)
    with SyntheticNode(fused=True, rate=20.0) as node:
        feed = Feed(node.address, None, lambda: None, PLAIN)
        feed.start()
        try:
            wait_for(lambda: len(feed.cine) > 3 or None)
            node.silent.set()
            wait_for(lambda: feed.late() or None)
            before, asleep = len(feed.cine), 3600.0
            with feed.lock:
                age = feed.view().ages.strain.seconds
            assert age == pytest.approx(3600, abs=10)
            node.silent.clear()
            wait_for(lambda: len(feed.cine) not in (0, before) or None)
            newest = feed.cine.newest
            assert newest is not None
            assert newest.image.time == pytest.approx(time.time(), abs=5)
        finally:
            feed.stop()


def test_the_caption_of_an_old_image_is_short_and_the_banner_has_every_reason() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:1", now=0.0)
    state.update(received(status_message(), strain_message(), fused_message()), 0.1)
    state.update(received(status_message(reasons=("the sender hung up", "4 of 6 frames skipped"))), 2.0)
    image = of_wire((strain_message(), fused_message()), 0.1)
    assert image is not None
    cine = Cine()
    cine.append(CineFrame(1, image))
    feed = SimpleNamespace(cine=cine, view=lambda: state.view(2.1), tape_seconds=None, recording=False)
    shown = unpack(Composer(Client(feed), feed).next_message())[0]["state"]  # type: ignore[arg-type]
    assert shown["caption"] == "last good image, 2.0 s old: no new result for 2.0 s"
    assert "the sender hung up; 4 of 6 frames skipped" in shown["banner"]["detail"]


def test_a_frozen_image_keeps_its_own_source_engine_and_assumptions_beside_another_source() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:1", now=0.0)
    strain, fused = strain_message(device="cpu"), fused_message()
    state.update(received(status_message(), strain, fused), 0.1)
    cine, now = Cine(), 0.2
    image = of_wire((strain, fused), 0.1)
    assert image is not None
    cine.append(CineFrame(1, image))
    feed = SimpleNamespace(
        cine=cine, view=lambda: state.view(now), unix_now=lambda: now, late=lambda: False,
        tape_seconds=None, recording=False,
    )  # fmt: skip
    client = Client(feed)  # type: ignore[arg-type]
    client.freeze()
    while state.link.source == "arm":  # another scanner, whose first frame has not come
        now += 0.2
        state.update(received(status_message(source_id="leg", engine="onnx")), now)
        assert now < 5
    shown = unpack(Composer(client, feed).next_message())[0]["state"]  # type: ignore[arg-type]
    assert (shown["source"], shown["others"]) == ("arm", ["leg"])
    assert shown["engine"] == "reference (float32, cpu)"
    assert "engine reference (float32, cpu)" in shown["status"]
    assert shown["assumed"] == ["sound_speed: 1540 m/s by default"]
    assert shown["waiting"] == []  # nothing covers the image
    client.live()
    assert unpack(Composer(client, feed).next_message())[0]["state"]["source"] == "leg"  # type: ignore[arg-type]


def test_a_frozen_trace_breaks_where_pairs_were_rejected() -> None:
    cine = Cine()
    numbers = [*range(8), *range(11, 16)]  # rejected at the turning point of the hand
    for number in numbers:
        cine.append(frame(number))
    client = Client(SimpleNamespace(cine=cine))  # type: ignore[arg-type]
    trace = client.trace_before(frame(15), now=100.0)
    assert [point.after_gap for point in trace] == [number == 11 for number in numbers]


def test_a_bmode_that_comes_after_its_image_is_put_to_it() -> None:
    cine = Cine()
    for number in range(3):
        cine.append(frame(number, bmode=None))
    own = BmodeImage(np.full((50, 20), 7, np.uint8), STRAIN_GRID, 60.0, ("s", 1), 3.0)
    cine.complete(own)
    cine.complete(replace(own, frame=("s", 9)))
    images = [f.image.bmode for f in cine]
    assert (images[0], images[2]) == (None, None)
    np.testing.assert_array_equal(images[1], own.image)
