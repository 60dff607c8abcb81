from der_ros.control.outbox import Outbox


def test_items_leave_in_the_order_they_came():
    outbox: Outbox[int] = Outbox(3)
    for item in (1, 2, 3):
        outbox.put(item)
    assert [outbox.get(0.0) for _ in range(4)] == [1, 2, 3, None]
    assert outbox.dropped == 0


def test_the_newest_are_kept_and_the_rest_counted():
    outbox: Outbox[int] = Outbox(3)
    for item in range(1000):
        outbox.put(item)
    assert len(outbox) == 3
    assert outbox.dropped == 997
    assert [outbox.get(0.0) for _ in range(3)] == [997, 998, 999]
