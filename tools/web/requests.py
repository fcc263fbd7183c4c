"""What a browser may ask for: one JSON object per text message, checked before anything happens."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streamer.errors import ConfigError
from tools.display.config import ColorMap
from tools.measure.ratio import as_row
from tools.measure.regions import Regions
from tools.web.client import Client

Number = Annotated[int, Field(ge=0, lt=2**62)]


Millimetres = Annotated[float, Field(gt=-1e3, lt=1e3, allow_inf_nan=False)]
Point = tuple[Millimetres, Millimetres]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Next(_Request):
    """The last message is on the screen."""

    do: Literal["next"]


class Freeze(_Request):
    """Show one image until `live`: of a number, of a session and frame, or the newest."""

    do: Literal["freeze"]
    number: Number | None = None
    frame: tuple[Annotated[str, Field(max_length=64)], Number] | None = None


class Live(_Request):
    """Follow the stream."""

    do: Literal["live"]


class Measure(_Request):
    """Measure these regions from now on; null ends it."""

    do: Literal["measure"]
    regions: Regions | None


class Roi(_Request):
    """The viewer's region of interest between two points, or by the edges it had; null: the node's."""

    do: Literal["region"]
    between: tuple[Point, Point] | None = None
    edges: tuple[Millimetres, Millimetres, Millimetres, Millimetres] | None = None


class Fusion(_Request):
    """Set the node's time constant of fusion, s; 0: off."""

    do: Literal["fusion"]
    time_constant: Annotated[float, Field(ge=0, le=30)]


class Options(_Request):
    """How colours and greys are made."""

    do: Literal["options"]
    color_map: ColorMap | None = None
    range_max: float | None = None
    opacity: float | None = None
    bmode_gain: Annotated[float, Field(ge=-40, le=40)] | None = None
    bmode_range: Annotated[float, Field(ge=20, le=100)] | None = None
    flip: bool | None = None


class Row(_Request):
    """A table row of the frozen image's measurement."""

    do: Literal["row"]


class Best(_Request):
    """The numbers of the three best images held."""

    do: Literal["best"]


class Keep(_Request):
    """Save what was just seen, RF included, through the tape process."""

    do: Literal["keep"]


Request = Next | Freeze | Live | Measure | Roi | Fusion | Options | Row | Best | Keep
_ADAPTER: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])


def parse(text: str) -> Request:
    """The request, or ValueError with what is wrong."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(wrong) from error


def answer(request: Next | Measure | Roi | Options | Row, client: Client) -> dict[str, Any] | None:
    """Do what needs no waiting; the answer, if there is one. Under the feed's lock.

    ValueError: it cannot be done.
    """
    match request:
        case Next():
            client.drawn.set()
        case Measure():
            client.regions = request.regions
            client.measured_anew()
        case Roi():
            client.set_region(*(request.between or (None, None)))
            if request.edges is not None:
                _change(client, region=request.edges)
        case Options():
            _change(client, **request.model_dump(exclude={"do"}, exclude_none=True))
        case Row():
            return _row(client)
    return None


def _change(client: Client, **given: Any) -> None:
    try:
        client.options = replace(client.options, **given)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _row(client: Client) -> dict[str, Any]:
    if client.shown is None:
        raise ValueError("freeze an image first: rows come from frozen images")
    found = client.measurement()
    if found is None:
        raise ValueError("draw regions A and B first")
    measurement, per_press, regions = found
    frame, region = client.shown.image, client.options.region
    row = as_row(
        measurement,
        regions,
        per_press=per_press.text,
        pairs=frame.pairs,
        persistence_s=frame.time_constant,
        mean_strain=frame.mean_strain,
        own_region=None if region is None else " ".join(f"{edge:.2f}" for edge in region),
    )
    return {"row": row, "image": [frame.session_id, frame.frame_index]}
