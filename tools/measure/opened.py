"""Images of a file, whatever it holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

from streamer.config import Config
from tools.formats import Recording
from tools.measure.frames import ImageFrame
from tools.measure.offline import image_frames
from tools.measure.tape import tape_frames


def frames_of_file(
    path: Path, config: Config, open_rf: Callable[[Path], Recording], *, with_bmode: bool = False
) -> Iterator[ImageFrame]:
    """The images that a tape holds as they were published; otherwise those that its RF frames give.

    Raises RecordingError, ConfigError, EngineError.
    """
    if path.suffix.lower() == ".mcap":
        published = tape_frames(path, with_bmode=with_bmode)
        first = next(published, None)
        if first is not None:
            yield first
            yield from published
            return
    with open_rf(path) as recording:
        yield from image_frames(recording, config, with_bmode=with_bmode)
