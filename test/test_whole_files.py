"""Files that are written as a whole or not at all."""

import os
import resource
import signal

import pytest

from der_ros.whole_files import whole_file, write_whole


@pytest.fixture
def small_disk():
    """Refuse more than 1000 bytes in one file, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_new_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.png"
    with whole_file(path) as part:
        assert (part.parent, part.suffix) == (tmp_path, ".part")
        part.write_bytes(b"1")
        assert not path.exists()
    assert path.read_bytes() == b"1"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("before", [None, "before"])
def test_a_full_disk_leaves_what_was_there(tmp_path, small_disk, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before)
    with pytest.raises(OSError, match="too large"):
        write_whole(path, "x" * 2000)
    assert (path.read_text() if path.exists() else None) == before
    assert os.listdir(tmp_path) == ([] if before is None else ["a.txt"])


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupted():
        with whole_file(tmp_path / "a") as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []


def test_mode_and_link_of_a_file_stay(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_text("before")
    path.chmod(0o600)
    link.symlink_to(path)
    write_whole(link, "after")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("after", 0o600)
    assert link.is_symlink()


def test_a_pipe_is_written_directly(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, "text")
    assert os.read(reading, 10) == b"text"
    os.close(reading)
    assert path.is_fifo()


@pytest.mark.parametrize(("name", "kind"), [("", IsADirectoryError), ("no/a", FileNotFoundError)])
def test_an_error_names_the_file_asked_for(tmp_path, name, kind):
    with pytest.raises(kind) as raised:
        write_whole(tmp_path / name, "text")
    assert raised.value.filename == str(tmp_path / name)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
