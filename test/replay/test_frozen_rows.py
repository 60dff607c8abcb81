import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ConfigurationError
from der_ros.replay import frozen_rows
from der_ros.replay.frozen_rows import FrozenRows
from der_ros.replay.storage import Storage
from der_ros.replay.transitions import Transitions


def rows(tag, count):
    return Transitions(
        *(np.full((count, *rest), tag, np.float32) for rest in ((2,), (1,), (), (), (2,)))
    )


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(frozen_rows, "_CHUNK_ROWS", 4)


@pytest.mark.usefixtures("small_chunks")
def test_frozen_rows_do_not_change():
    @given(
        st.integers(0, 20),
        st.integers(0, 20),
        st.lists(st.tuples(st.integers(0, 19), st.integers(1, 9))),
    )
    def check(start, stop, writes):
        storage = Storage(20, 2, 1)
        for slot in range(20):
            storage.write(slice(slot, slot + 1), rows(slot, 1), slice(1))
        part = slice(min(start, stop), max(start, stop))
        frozen = storage.freeze(part)
        for first, count in writes:
            last = min(20, first + count)
            storage.write(slice(first, last), rows(-1, last - first), slice(last - first))
        assert frozen()[:, 0].tolist() == list(range(part.start, part.stop))

    check()


@pytest.mark.usefixtures("small_chunks")
def test_writes_during_a_read_do_not_show():
    matrix = np.arange(12, dtype=np.float32)[:, None]
    frozen = FrozenRows(matrix, slice(0, 12))

    class WritesWhenLeft:
        """A lock that overwrites all rows once the first chunk has been read."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            if matrix[0] >= 0:
                frozen._lock = NoLock()
                frozen.keep(slice(0, 12))
                matrix[:] = -1

    class NoLock:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    frozen._lock = WritesWhenLeft()
    assert frozen()[:, 0].tolist() == list(range(12))
    assert sorted(frozen._kept) == []  # the kept rows are released


def test_a_second_call_is_refused():
    frozen = FrozenRows(np.zeros((3, 2), np.float32), slice(0, 3))
    frozen()
    with pytest.raises(ConfigurationError, match="called once"):
        frozen()
