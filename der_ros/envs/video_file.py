"""Writers of frames into a video file: .mp4 by ffmpeg, .gif by Pillow."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.whole_files import whole_file

_GIF_WIDTH = 640
_GIF_COLORS = 160
# Number of frames that the palette is computed from.
_PALETTE_FRAMES = 12

Pixels = NDArray[np.uint8]


class VideoFile(Protocol):
    """Context manager that accepts frames; the file is complete on exit."""

    def write(self, frame: Pixels) -> None:
        """Append a frame, (height, width, 3) uint8; all frames have the same size."""

    def __enter__(self) -> VideoFile: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def make_video_file(path: Path, fps: float) -> VideoFile:
    """Return the writer for the suffix of ``path``; nothing is written yet.

    Args:
        path: File that ends in ``.mp4`` or ``.gif``, in an existing folder.
        fps: Frames per second.

    Raises:
        ConfigurationError: The suffix is unknown, the folder is missing, the file cannot be
            written, or ffmpeg is not installed.
    """
    kinds: dict[str, type[Mp4File] | type[GifFile]] = {".mp4": Mp4File, ".gif": GifFile}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(f"video: expected a file .mp4 or .gif, got '{path}'")
    if not path.parent.is_dir():
        raise ConfigurationError(f"video: expected the folder {path.parent}, there is none")
    _require_writable(path)
    return kind(path, fps)


def _require_writable(path: Path) -> None:
    """Check that a file can be written, before any frame is rendered."""
    existed = path.exists()
    try:
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"video: expected a file that can be written, got '{path}': {error.strerror}"
        ) from error


class Mp4File:
    """Writer of H.264 video in an .mp4 file.

    Raises:
        ConfigurationError: The package imageio-ffmpeg, which contains ffmpeg, is not installed.
    """

    def __init__(self, path: Path, fps: float) -> None:
        try:
            import imageio_ffmpeg
        except ImportError as error:
            raise ConfigurationError(
                "video: .mp4 needs the Python package imageio-ffmpeg, it is not installed; "
                "pip install imageio-ffmpeg, or write a .gif"
            ) from error
        self._ffmpeg = imageio_ffmpeg
        self._path, self._fps = path, fps
        self._frames: Generator[None, Any, None] | None = None
        self._whole, self._part = ExitStack(), path
        self._count = 0

    def write(self, frame: Pixels) -> None:
        """Append a frame of even width and height.

        Raises:
            DerRosError: The ffmpeg process has ended, for example because the disk is full.
        """
        try:
            if self._frames is None:
                height, width, _ = frame.shape
                self._part = self._whole.enter_context(whole_file(self._path))
                self._frames = self._ffmpeg.write_frames(
                    str(self._part),
                    (width, height),
                    fps=self._fps,
                    quality=7,
                    macro_block_size=2,
                    ffmpeg_log_level="error",
                    output_params=["-f", "mp4"],
                )
                self._frames.send(None)
            self._frames.send(np.ascontiguousarray(frame))
            self._count += 1
        except OSError as error:
            raise DerRosError(f"video {self._path}: expected ffmpeg to write, got: {error}") from (
                error
            )

    def __enter__(self) -> Mp4File:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file; without frames, no file is written.

        Raises:
            DerRosError: The file is not complete, for example because the disk is full. Then, and
                after any other error but Ctrl-C, a file that was there before is unchanged.
        """
        if self._frames is None:
            return
        self._frames.close()
        wanted = error is None or isinstance(error, KeyboardInterrupt)
        try:
            with self._whole:
                if not (wanted and self._is_complete()):
                    raise DerRosError(f"video {self._path}: could not be written whole; make room")
        except (DerRosError, OSError) as problem:
            if error is None:
                raise DerRosError(str(problem)) from problem

    def _is_complete(self) -> bool:
        """Return True if ffmpeg, which reports no error when it ends, wrote all frames."""
        try:
            frames, _ = self._ffmpeg.count_frames_and_secs(str(self._part))
        except (RuntimeError, OSError):
            return False
        return bool(frames == self._count)


class GifFile:
    """Looping .gif of reduced size and colours. Frames are kept compressed until the exit."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        # GIF frame times are multiples of 10 ms.
        self._frame_ms = 10 * max(2, round(100.0 / fps))
        self._size = (0, 0)
        self._packed: list[bytes] = []

    def write(self, frame: Pixels) -> None:
        """Append a frame to the video."""
        image = Image.fromarray(frame)
        if image.width > _GIF_WIDTH:
            height = round(image.height * _GIF_WIDTH / image.width)
            image = image.resize((_GIF_WIDTH, height), Image.Resampling.LANCZOS)
        self._size = image.size
        self._packed.append(zlib.compress(image.tobytes(), 1))

    def __enter__(self) -> GifFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the file, if there are frames.

        Raises:
            DerRosError: The file cannot be written.
        """
        if not self._packed:
            return
        palette = self._palette()
        first, *others = (
            self._unpacked(packed).quantize(palette=palette, dither=Image.Dither.NONE)
            for packed in self._packed
        )
        try:
            with whole_file(self._path) as part:
                first.save(
                    part,
                    format="GIF",
                    save_all=True,
                    append_images=others,
                    duration=self._frame_ms,
                    loop=0,
                )
        except OSError as problem:
            raise DerRosError(f"video {self._path}: cannot be written: {problem}") from problem

    def _palette(self) -> Image.Image:
        """Return one palette for all frames, so that unchanged pixels compress well."""
        chosen = self._packed[:: max(1, len(self._packed) // _PALETTE_FRAMES)] + self._packed[-1:]
        pixels = np.concatenate(
            [np.asarray(self._unpacked(packed)).reshape(-1, 3) for packed in chosen]
        )
        colors, counts = np.unique(pixels, axis=0, return_counts=True)
        # Weighted by the root of the count, or large areas would displace the plots' thin lines.
        weighed = np.repeat(colors, np.ceil(np.sqrt(counts)).astype(int), axis=0)
        return Image.fromarray(weighed[None]).quantize(_GIF_COLORS)

    def _unpacked(self, packed: bytes) -> Image.Image:
        return Image.frombytes("RGB", self._size, zlib.decompress(packed))
