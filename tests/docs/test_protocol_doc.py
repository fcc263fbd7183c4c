"""docs/protocol.md says what the schemas say: every field, what is required, every default and reason."""

import json
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streamer import headers, wire
from streamer.reasons import REFUSALS, REJECTIONS
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
    told = {code(row[0])[0]: row[3] for row in tables(text)[heading][0]}
    return [
        *(f"{name} is not in the document" for name in schema.keys() - told.keys()),
        *(f"{name} is not in the schema" for name in told.keys() - schema.keys()),
        *(
            f"{name}: {told[name]} in the document, {schema[name]} in the schema"
            for name in schema.keys() & told.keys()
            if told[name] != schema[name]
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


def test_every_state_is_listed_and_no_other() -> None:
    states = [code(row[0])[0] for row in tables(TEXT)["musse.status"][1]]
    assert sorted(states) == sorted(get_args(headers.StateName))


@pytest.mark.parametrize("heading", MODELS)
def test_every_choice_of_a_field_is_named(heading: str) -> None:
    rows = {code(row[0])[0]: " ".join(row).replace("\\|", "|") for row in tables(TEXT)[heading][0]}
    for name, field in MODELS[heading].model_fields.items():
        row = rows[field.alias or name]
        if "as in the RF header" in row or name == "state":  # told there, or in the table of states
            continue
        for choice in get_args(field.annotation) if "Literal" in str(field.annotation) else ():
            assert f"`{json.dumps(choice)}`" in row, f"{name} may be {choice!r}"


def test_the_version_is_the_one_the_code_speaks() -> None:
    assert TEXT.splitlines()[0] == f"# Protocol, version {headers.PROTOCOL_VERSION}"


def test_every_schema_and_topic_has_its_section() -> None:
    assert wire._SCHEMAS.items() <= MODELS.items()
    for kind in ("rf", *KINDS):
        assert f"Topic `{kind}/<source_id>/`" in TEXT
