"""docs/protocol.md agrees with the schemas: every field, default, range, reason and state."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin

import pytest
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streamer import headers, wire
from streamer.reasons import REFUSALS, REJECTIONS, Refusal, Rejection, StateName
from streamer.subscriber import KINDS
from tests.docs.docs_reading import DOCS, code, tables

TEXT = (DOCS / "protocol.md").read_text(encoding="utf-8")
MODELS: dict[str, type[BaseModel]] = {
    "musse.rf": headers.RfHeader,
    "musse.strain": headers.StrainHeader,
    "musse.fused": headers.FusedHeader,
    "musse.bmode": headers.BmodeHeader,
    "musse.status": headers.StatusHeader,
    "musse array": headers.ArrayEntry,
    "musse grid": headers.Grid,
}
WIRE_REQUIRES = {"schema", "version"}  # the models fill them in when a header is made, never when one is read


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required() or name in WIRE_REQUIRES:
        return "required"
    return f"`{json.dumps(field.default)}`"


def mistakes(text: str, heading: str) -> list[str]:
    """How the table under a heading differs from its schema."""
    fields = {field.alias or name: field for name, field in MODELS[heading].model_fields.items()}
    schema = {name: _default(name, field) for name, field in fields.items()}
    documented = {code(row[0])[0]: row[3] for row in tables(text)[heading][0]}
    return [
        *(f"{name} is not in the document" for name in schema.keys() - documented.keys()),
        *(f"{name} is not in the schema" for name in documented.keys() - schema.keys()),
        *(
            f"{name}: {documented[name]} in the document, {schema[name]} in the schema"
            for name in schema.keys() & documented.keys()
            if documented[name] != schema[name]
        ),
    ]


@pytest.mark.parametrize("heading", MODELS)
def test_the_fields_are_those_of_the_schema(heading: str) -> None:
    assert mistakes(TEXT, heading) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("| `t_acq` |", "| `time` |", ["t_acq is not in the document", "time is not in the schema"]),
        ("`1540.0`", "`1500.0`", ["sound_speed: `1500.0` in the document, `1540.0` in the schema"]),
        ('| `"OK"` |', "| required |", ['status: required in the document, `"OK"` in the schema']),
    ],
)
def test_the_comparison_notices_a_wrong_table(old: str, new: str, expected: list[str]) -> None:
    assert old in TEXT
    assert mistakes(TEXT.replace(old, new, 1), "musse.rf") == expected


@pytest.mark.parametrize(
    ("heading", "reasons"), [("What is refused", REFUSALS), ("Why a pair is rejected", REJECTIONS)]
)
def test_every_reason_is_listed_and_no_other(heading: str, reasons: dict[str, str]) -> None:
    assert [code(row[0])[0] for row in tables(TEXT)[heading][0]] == list(reasons)


@pytest.mark.parametrize(("closed", "texts"), [(Refusal, REFUSALS), (Rejection, REJECTIONS)])
def test_every_reason_has_its_phrase(closed: Any, texts: dict[str, str]) -> None:
    assert sorted(literals(closed)) == sorted(texts)


def literals(closed: Any) -> list[str]:
    """The values of a Literal, or of a union of them."""
    return [
        value for part in get_args(closed) for value in ([part] if isinstance(part, str) else literals(part))
    ]


def test_every_state_is_listed_and_no_other() -> None:
    states = [code(row[0])[0] for row in tables(TEXT)["musse.status"][1]]
    assert sorted(states) == sorted(get_args(StateName))


@pytest.mark.parametrize("heading", MODELS)
def test_every_choice_of_a_field_is_named(heading: str) -> None:
    rows = {code(row[0])[0]: " ".join(row).replace("\\|", "|") for row in tables(TEXT)[heading][0]}
    for name, field in MODELS[heading].model_fields.items():
        row = rows[field.alias or name]
        if "as in the RF header" in row or name == "state":  # given there, or in the table of states
            continue
        for choice in get_args(field.annotation) if "Literal" in str(field.annotation) else ():
            assert f"`{json.dumps(choice)}`" in row, f"{name} may be {choice!r}"


def number(limit: object) -> float:
    assert isinstance(limit, int | float)
    return float(limit)


def ranges(annotation: Any, metadata: Iterable[object]) -> list[tuple[float, float]]:
    """(lowest, highest) of a number that has both, or of each number of a tuple."""
    limits = [item for item in metadata if isinstance(item, Ge | Le)]
    if limits:
        low = [number(item.ge) for item in limits if isinstance(item, Ge)]
        high = [number(item.le) for item in limits if isinstance(item, Le)]
        return [(low[0], high[0])] if low and high else []
    inner = [part for part in get_args(annotation) if get_origin(part) is Annotated]
    fields = [FieldInfo.from_annotation(part) for part in inner]
    return [found for field in fields for found in ranges(field.annotation, field.metadata)]


def documented_ranges(text: str) -> dict[str, list[tuple[float, float]]]:
    """Per field of an RF header what its row gives as "LOW to HIGH"."""
    found = {}
    for row in tables(text)["musse.rf"][0]:
        pairs = re.findall(r"(-?[\d.e-]+) to (-?[\d.e-]+)", row[-1])
        found[code(row[0])[0]] = [(float(low), float(high)) for low, high in pairs]
    return found


def wrong_ranges(text: str) -> list[str]:
    """Fields of an RF header whose range in the document is not that of the schema."""
    documented = documented_ranges(text)
    fields = headers.RfHeader.model_fields
    schema = {field.alias or name: ranges(field.annotation, field.metadata) for name, field in fields.items()}
    return [name for name, limits in schema.items() if limits and documented[name] != limits]


def test_the_ranges_are_those_of_the_schema() -> None:
    assert wrong_ranges(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("1e-6 to 0.1", "1e-6 to 1", "line_pitch"),
        ("4 to 4096", "4 to 2048", "shape"),
        ("-1 to 1;", "0 to 1;", "initial_time"),
    ],
)
def test_a_wrong_range_is_noticed(old: str, new: str, name: str) -> None:
    assert old in TEXT
    assert wrong_ranges(TEXT.replace(old, new, 1)) == [name]


def test_the_version_is_the_one_the_code_speaks() -> None:
    assert TEXT.splitlines()[0] == f"# Protocol, version {headers.PROTOCOL_VERSION}"


def test_every_schema_and_topic_has_its_section() -> None:
    assert wire._SCHEMAS.items() <= MODELS.items()
    for kind in ("rf", *KINDS):
        assert f"Topic `{kind}/<source_id>/`" in TEXT
