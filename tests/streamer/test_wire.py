"""Headers and messages on the wire survive packing and unpacking; anything else is refused."""

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamer.errors import MessageRefused
from streamer.headers import ArrayEntry, BmodeHeader, Grid, RfHeader, StatusHeader, StrainHeader
from streamer.reasons import REFUSALS
from streamer.wire import MAX_HEADER_BYTES, decode, encode, pack_header, topic, unpack_header
from tests.echo_frames import rf_header

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=64)
sources = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
GRID = Grid(axial_start=0.0, axial_step=1e-4, lateral_start=-1e-2, lateral_step=3e-4, probe_type="linear")


@st.composite
def rf_headers(draw: st.DrawFn) -> RfHeader:
    kind = draw(st.sampled_from(["rf", "iq"]))
    sampling = draw(st.floats(1e5, 1e10))
    return rf_header(
        draw(st.integers(0, 2**63 - 1)),
        source_id=draw(sources),
        session_id=draw(printable.filter(bool)),
        t_acq=draw(st.integers(-(2**63), 2**63 - 1)),
        clock=draw(st.sampled_from(["unix", "monotonic", "device"])),
        shape=(draw(st.integers(64, 65536)), draw(st.integers(4, 4096))),
        axes=draw(st.sampled_from(["axial,lateral", "lateral,axial"])),
        kind=kind,
        dtype="<c8" if kind == "iq" else draw(st.sampled_from(["<i2", "<f4"])),
        sampling_frequency=sampling,
        center_frequency=draw(st.floats(1e4, sampling * 0.49)),
        probe_type=draw(st.sampled_from(["linear", "phased"])),
        line_pitch=draw(st.floats(1e-6, 0.1)),
        sound_speed=draw(st.floats(300, 6000)),
        steering_angles=tuple(draw(st.lists(st.floats(-1, 1), max_size=20))),
        payload_crc32=draw(st.none() | st.integers(0, 2**32 - 1)),
        assumed=tuple(draw(st.lists(printable, max_size=24))),
    )


@given(rf_headers())
def test_a_header_comes_out_as_it_went_in(header: RfHeader) -> None:
    assert unpack_header(pack_header(header)) == header


@given(st.binary(max_size=600))
@example(b"")
@example(b"\xc1")
@example(b"\x93\x01\x02\x03")
@example(msgpack.packb({1: 2}))
@example(b"\x81\x91\x01\x02")  # a list as key
@example(b"\xdd\xff\xff\xff\xff")  # a list of four billion
@example(b"\x91" * 5000)  # deeper than any stack
@example(b"\xc7\x0c\xff" + b"\xff" * 12)  # a time stamp that is none
def test_no_bytes_at_all_do_more_than_be_refused(raw: bytes) -> None:
    with pytest.raises(MessageRefused) as refused:
        unpack_header(raw)
    assert refused.value.reason in REFUSALS
    assert refused.value.detail


FIELDS = rf_header(3).model_dump(by_alias=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), values, min_size=1, max_size=4))
def test_a_header_with_any_values_is_refused_by_name_or_is_in_range(changes: dict[str, Any]) -> None:
    try:
        header = unpack_header(msgpack.packb(FIELDS | changes))
    except MessageRefused as refused:
        if refused.reason not in {"malformed", "unknown_schema"}:
            raise
    else:
        assert isinstance(header, RfHeader)
        assert 64 * 4 * 2 <= header.nbytes <= 65536 * 4096 * 8
        assert -(2**63) <= header.t_acq < 2**63
        assert np.isfinite(header.sampling_frequency * header.sound_speed * header.initial_time)
        assert header.session_id.isprintable() or not any(c < " " for c in header.session_id)


@given(st.dictionaries(st.text(max_size=12).filter(lambda key: key not in FIELDS), values, max_size=4))
def test_fields_unknown_to_this_release_are_ignored(unknown: dict[str, Any]) -> None:
    assert unpack_header(msgpack.packb(FIELDS | unknown)) == rf_header(3)


@pytest.mark.parametrize(
    "field", sorted(name for name, f in RfHeader.model_fields.items() if f.is_required())
)
def test_every_required_field_is_missed_by_name(field: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != field}
    with pytest.raises(MessageRefused, match=f"malformed: {field}: Field required"):
        unpack_header(msgpack.packb(fields))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": "musse.other"}, "unknown_schema"),
        ({"schema": None}, "unknown_schema"),
        ({"schema": ["musse.rf"]}, "unknown_schema"),
        ({"version": 2}, "unknown_schema"),
        ({"version": True}, "unknown_schema"),
        ({"version": 1.0}, "unknown_schema"),
        ({"version": "1"}, "unknown_schema"),
        ({"frame_index": True}, "malformed"),
        ({"frame_index": 3.0}, "malformed"),
        ({"frame_index": "3"}, "malformed"),
        ({"frame_index": -1}, "malformed"),
        ({"shape": [512]}, "malformed"),
        ({"source_id": "Bridge"}, "malformed"),
        ({"source_id": "bridge\n"}, "malformed"),
        ({"session_id": ""}, "malformed"),
        ({"session_id": "x" * 65}, "malformed"),
        ({"session_id": b"one"}, "malformed"),
        ({"sampling_frequency": float("nan")}, "malformed"),
        ({"center_frequency": 20e6}, "malformed"),
        ({"kind": "iq"}, "malformed"),
        ({"probe_type": "curved"}, "malformed"),
        ({"payload_crc32": -1}, "malformed"),
        ({"assumed": ["x" * 201]}, "malformed"),
        ({"assumed": ["x"] * 25}, "malformed"),
        ({"t_acq": msgpack.Timestamp(1, 0)}, "malformed"),
        ({"extra": msgpack.ExtType(7, b"")}, "malformed"),
    ],
    ids=str,
)
def test_each_mistake_is_refused(changes: dict[str, Any], reason: str) -> None:
    unpack_header(msgpack.packb(FIELDS))  # the control: it is the change that is refused
    with pytest.raises(MessageRefused) as refused:
        unpack_header(msgpack.packb(FIELDS | changes))
    assert refused.value.reason == reason


def test_the_limit_of_a_header_is_in_bytes() -> None:
    room = MAX_HEADER_BYTES - len(msgpack.packb(FIELDS | {"note": b"\0" * 70_000})) + 70_000
    assert unpack_header(msgpack.packb(FIELDS | {"note": b"\0" * (room + 2)}))
    with pytest.raises(MessageRefused, match="at most"):
        unpack_header(msgpack.packb(FIELDS | {"note": b"\0" * (room + 3)}))


def test_the_longest_texts_of_a_frame_fit_into_its_strain_header() -> None:
    """A sender must not be able to make results that no display can read."""
    assumed = ("\U0001f9ea" * 200,) * 24
    header = strain_header(session_id="\U0001f9ea" * 64, assumed=assumed)
    assert len(pack_header(header)) < MAX_HEADER_BYTES


def strain_header(**changes: Any) -> StrainHeader:
    entries = tuple(
        ArrayEntry(name=name, dtype="<f4", shape=(3, 2)) for name in ("axial_strain", "strain_std")
    )
    fields: dict[str, Any] = {
        "source_id": "bridge", "session_id": "one", "arrays": entries, "pre_index": 0, "post_index": 1,
        "grid": GRID, "interval": 0.02, "mean_strain": -0.005, "quality": 0.9, "predicted_snre": 5.0,
        "median_ncc": 0.99, "lateral_motion": 0.0, "rejection": None, "region": None, "state_epoch": 0,
        "state_age": 1, "engine": "trivial", "precision": "float32", "model_hash": None, "axial_window": 2e-3,
        "lateral_window": 1e-3, "stage_seconds": {"infer": 1e-3}, "assumed": (),
    }  # fmt: skip
    return StrainHeader(**{**fields, **changes})


MAPS = (np.array([[0.1, np.nan], [-np.inf, 1e-30], [3, 4]], np.float32), np.ones((3, 2), np.float32))


def test_arrays_come_out_as_they_went_in_whatever_their_order_in_memory() -> None:
    parts = encode("strain", strain_header(), (np.asfortranarray(MAPS[0]), MAPS[1][::1]))
    message = decode([bytes(part) for part in parts])
    assert message.header == strain_header()
    np.testing.assert_array_equal(message.arrays["axial_strain"], MAPS[0])
    assert not message.arrays["strain_std"].flags.writeable


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda parts: parts[:1], "malformed"),
        (lambda parts: parts[:3], "wrong_size"),
        (lambda parts: [*parts, b""], "wrong_size"),
        (lambda parts: [*parts[:3], parts[3][:-1]], "wrong_size"),
        (lambda parts: [*parts[:3], bytes(parts[3]) + b"\0"], "wrong_size"),
        (lambda parts: [parts[0], pack_header(rf_header(0)), *parts[2:]], "unknown_schema"),
    ],
)
def test_a_result_with_other_parts_than_its_header_names_is_refused(spoil: Any, reason: str) -> None:
    parts = [bytes(part) for part in encode("strain", strain_header(), MAPS)]
    decode(parts)
    with pytest.raises(MessageRefused) as refused:
        decode(spoil(parts))
    assert refused.value.reason == reason


def test_no_result_carries_objects_or_huge_shapes() -> None:
    for bad in ({"dtype": "|O"}, {"shape": (65537, 1)}, {"shape": (0, 1)}, {"shape": (1,)}):
        fields = strain_header().model_dump(by_alias=True)
        fields["arrays"] = [{"name": "axial_strain", "dtype": "<f4", "shape": (3, 2)} | bad]
        with pytest.raises(MessageRefused, match="malformed: arrays"):
            unpack_header(msgpack.packb(fields))


def test_a_topic_is_no_prefix_of_another_source() -> None:
    assert topic("rf", "a") == b"rf/a/"
    assert not topic("rf", "a2").startswith(topic("rf", "a"))
    assert topic("rf", "a2").startswith(topic("rf"))


def test_headers_name_the_schemas_of_the_protocol() -> None:
    names = {kind.model_fields["schema_name"].default for kind in (RfHeader, StrainHeader, BmodeHeader)}
    assert names == {"musse.rf", "musse.strain", "musse.bmode"}
    assert StatusHeader.model_fields["schema_name"].alias == "schema"
