"""Images of a file, whatever it holds."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from streamer.config import Config
from tools.errors import ToolError
from tools.formats import Recording
from tools.measure.best import best_frames
from tools.measure.frames import ImageFrame
from tools.measure.offline import image_frames
from tools.measure.published import holds_images, published_frames


def frames_of_file(
    path: Path, config: Config, open_rf: Callable[[Path], Recording], *, with_bmode: bool = False
) -> Iterator[ImageFrame]:
    """The images that a tape or a file of results holds as they were published; else those of its RF frames.

    Raises RecordingError, ConfigError, EngineError.
    """
    if holds_images(path):
        yield from published_frames(path, with_bmode=with_bmode)
        return
    with open_rf(path) as recording:
        yield from image_frames(recording, config, with_bmode=with_bmode)


def choose(frames: Sequence[ImageFrame], index: int | None, path: Path) -> ImageFrame:
    """The image of this frame number, or the best one. Raises ToolError, naming what the file holds."""
    if not frames:
        raise ToolError(f"{path} gives no strain image: every pair was rejected, or fusion is off")
    if index is None:
        return next(iter(best_frames(frames)), frames[-1])
    found = next((frame for frame in frames if frame.frame_index == index), None)
    if found is None:
        span = f"{frames[0].frame_index} to {frames[-1].frame_index}"
        raise ToolError(f"{path} has no strain image of frame {index}; it holds {len(frames)} within {span}")
    return found
