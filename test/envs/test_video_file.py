import resource
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from der_ros.envs.video_file import make_video_file
from der_ros.errors import ConfigurationError, DerRosError


def frames(count, width=320, height=180):
    """Return frames of a red square that moves over grey."""
    for number in range(count):
        frame = np.full((height, width, 3), 200, dtype=np.uint8)
        frame[40:80, 8 * number : 8 * number + 40] = (200, 30, 30)
        yield frame


def write(path, count=20, fps=1.0 / 0.06, **size):
    with make_video_file(path, fps) as video:
        for frame in frames(count, **size):
            video.write(frame)
    return path


def test_an_mp4_opens_again_with_all_its_frames(tmp_path):
    path = write(tmp_path / "out.mp4")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    decode = [*ffmpeg, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    result = subprocess.run(decode, capture_output=True, check=True)
    assert b"16.67 fps" in result.stderr
    read = np.frombuffer(result.stdout, np.uint8).reshape(-1, 180, 320, 3)
    assert len(read) == 20
    for got, wanted in zip(read, frames(20), strict=True):
        assert np.abs(got.astype(int) - wanted).mean() < 3.0


def test_a_gif_keeps_its_frames_and_times(tmp_path):
    with Image.open(write(tmp_path / "out.GIF")) as image:
        assert image.size == (320, 180)
        assert image.info["loop"] == 0
        read = [
            (frame.info["duration"], np.asarray(frame.convert("RGB")))
            for frame in ImageSequence.Iterator(image)
        ]
    assert len(read) == 20
    for (duration_ms, got), wanted in zip(read, frames(20), strict=True):
        assert duration_ms == 60
        assert np.abs(got.astype(int) - wanted).max() <= 8


def test_a_wide_gif_is_made_smaller(tmp_path):
    with Image.open(write(tmp_path / "out.gif", 2, width=1280, height=400)) as image:
        assert image.size == (640, 200)


@pytest.mark.parametrize("name", ["out.mp4", "out.gif"])
def test_an_unwritable_film_is_refused_at_the_start(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigurationError, match=r"can be written.*Is a directory"):
        make_video_file(tmp_path / name, 20.0)


@pytest.mark.parametrize("name", ["out.mp4", "out.gif"])
def test_without_frames_there_is_no_file(tmp_path, name):
    assert not write(tmp_path / name, 0).exists()


def test_another_suffix_or_folder_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"expected a file \.mp4 or \.gif, got '.*\.avi'"):
        make_video_file(tmp_path / "out.avi", 16.0)
    with pytest.raises(ConfigurationError, match=r"expected the folder .*nowhere"):
        make_video_file(tmp_path / "nowhere" / "out.gif", 16.0)


def test_a_missing_ffmpeg_is_said_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ConfigurationError, match=r"pip install imageio-ffmpeg, or write a \.gif"):
        make_video_file(tmp_path / "out.mp4", 16.0)
    make_video_file(tmp_path / "out.gif", 16.0)


def test_a_film_that_a_full_disk_cuts_is_an_error(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DerRosError, match=r"out\.mp4"):
            write(tmp_path / "out.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "out.mp4").exists()
