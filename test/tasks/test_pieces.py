from __future__ import annotations

import math

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.tasks.pieces import Box, Frustum, Piece, Turned, rectangle


def test_a_split_box_has_the_inertia_of_the_whole():
    a, b, c = 0.1, 0.2, 0.3
    halves = tuple(Box((a / 4, b / 2, c / 2), (x, 1.0, 2.0)) for x in (a / 4, 3 * a / 4))
    piece = Piece(halves, mass_kg=6.0)
    assert piece.center_of_mass == pytest.approx((a / 2, 1.0, 2.0))
    expected = 6.0 / 12.0 * np.diag((b * b + c * c, a * a + c * c, a * a + b * b))
    assert piece.inertia == pytest.approx(expected, abs=1e-15)


def test_an_asymmetric_piece_has_products_of_inertia():
    boxes = (Box((0.1, 0.1, 0.1), (0.2, 0.2, 0)), Box((0.1, 0.1, 0.1), (-0.2, -0.2, 0)))
    assert Piece(boxes, mass_kg=2.0).inertia[0, 1] == pytest.approx(-2.0 * 0.2 * 0.2)


def same_distribution(one, other):
    for a, b in zip(one.mass_properties, other.mass_properties, strict=True):
        assert a == pytest.approx(b)


def test_a_frustum_without_taper_is_a_box():
    base = rectangle(0.1, 0.2)
    same_distribution(Frustum(base, base, 0.6, (1, 2, 2.7)), Box((0.1, 0.2, 0.3), (1, 2, 3)))


def weigh(part, low, high, is_inside):
    """Compare a part's volume, centre and inertia with those of random points inside."""
    points = np.random.default_rng(0).uniform(low, high, (400_000, 3))
    inside = points[is_inside(*points.T)]
    volume, center, gyration = part.mass_properties
    box = np.prod(np.array(high) - np.array(low))
    assert volume == pytest.approx(len(inside) / len(points) * box, rel=0.01)
    assert center - part.position == pytest.approx(inside.mean(axis=0), abs=2e-3)
    spread = np.cov(inside.T)
    expected = np.trace(spread) * np.eye(3) - spread
    assert gyration == pytest.approx(expected, rel=0.01, abs=0.01 * np.trace(expected))


def test_a_frustum_weighs_what_its_points_do():
    part = Frustum(rectangle(0.1, 0.3), rectangle(0.4, 0.2), 0.5, (1.0, 2.0, 3.0))
    weigh(
        part,
        (-0.4, -0.3, 0),
        (0.4, 0.3, 0.5),
        lambda x, y, z: (abs(x) <= 0.1 + 0.6 * z) & (abs(y) <= 0.3 - 0.2 * z),
    )


def test_a_lopsided_prism_weighs_what_its_points_do():
    triangle = ((0.1, 0.0), (0.5, 0.0), (0.5, 0.3))
    weigh(
        Frustum(triangle, triangle, 0.2, (0, 0, 0)),
        (0.1, 0, 0),
        (0.5, 0.3, 0.2),
        lambda x, y, _: y <= 0.75 * (x - 0.1),
    )


def test_a_turned_part_weighs_what_its_points_do():
    part = Turned(((0.1, 0.2), (0.3, 0.4), (0.6, 0.4)), (1.0, 2.0, 3.0))
    weigh(
        part,
        (-0.4, -0.4, 0.1),
        (0.4, 0.4, 0.6),
        lambda x, y, z: np.hypot(x, y) <= np.minimum(0.1 + z, 0.4),
    )


def distances_inside(points, corner, normal):
    """Return the distances of points behind the plane through a corner."""
    normal = np.array(normal, dtype=float) / np.linalg.norm(normal)
    return (np.array(corner) - points) @ normal


def test_a_frustums_faces_move_inwards_by_the_inset():
    part = Frustum(rectangle(0.01, 0.01), rectangle(0.02, 0.01), 0.01, (0.1, 0.2, 0.3))
    assert part.sections()[:, 0] == pytest.approx(np.array([(0.11, 0.21, 0.3), (0.12, 0.21, 0.31)]))
    inner = part.sections(0.001).reshape(-1, 3) - part.position
    for corner, normal in (
        ((0.01, 0, 0), (1, 0, -1)),
        ((-0.01, 0, 0), (-1, 0, -1)),
        ((0, 0.01, 0), (0, 1, 0)),
        ((0, -0.01, 0), (0, -1, 0)),
        ((0, 0, 0), (0, 0, -1)),
        ((0, 0, 0.01), (0, 0, 1)),
    ):
        distances = distances_inside(inner, corner, normal)
        assert np.sort(distances)[:4] == pytest.approx(np.full(4, 0.001))


def test_a_cut_frustum_keeps_its_faces():
    part = Frustum(rectangle(0.01, 0.01), rectangle(0.02, 0.01), 0.01, (0.1, 0.2, 0.3))
    above = part.above(0.004)
    assert above.sections()[1] == pytest.approx(part.sections()[1])
    assert above.sections()[0, 0] == pytest.approx(np.array((0.114, 0.21, 0.304)))


def test_a_turned_parts_faces_move_in_by_the_inset():
    part = Turned(((0.0, 0.01), (0.005, 0.015), (0.02, 0.015)), (0.1, 0.2, 0.3))
    rings = part.sections(0.001) - part.position
    outer = part.sections() - part.position
    assert rings.shape == outer.shape == (3, 64, 3)
    # The sides are as far inside the circle as the corners are outside it.
    corners = np.linalg.norm(outer[2, :, :2], axis=1)
    sides = np.linalg.norm(outer[2, :, :2] + np.roll(outer[2, :, :2], 1, axis=0), axis=1) / 2
    assert 0.5 * (corners + sides) == pytest.approx(np.full(64, 0.015))
    assert corners - sides == pytest.approx(np.full(64, 2e-5), abs=3e-6)
    middle = np.array((math.cos(math.pi / 64), math.sin(math.pi / 64)))
    along = 0.5 * (rings[:, 0] + rings[:, 1])
    radii, reach = along[:, :2] @ middle, sides[0]
    assert [reach - radii[1], reach - radii[2]] == pytest.approx([0.001, 0.001])
    assert rings[0, 0, 2] == pytest.approx(0.001)
    assert rings[2, 0, 2] == pytest.approx(0.019)
    flat = np.column_stack((radii[:2], along[:2, 2]))
    start = 0.5 * (outer[0, 0] + outer[0, 1])
    slanted = distances_inside(flat, (start[:2] @ middle, 0.0), (1, -1))
    assert slanted == pytest.approx(np.full(2, 0.001), abs=3e-6)


SQUARE = rectangle(0.1, 0.1)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: Box((0.1, 0.0, 0.1), (0, 0, 0)), "half_extents"),
        (lambda: Frustum(rectangle(0.1, 0.0), SQUARE, 0.1, (0, 0, 0)), "convex counter-clockwise"),
        (lambda: Frustum(SQUARE[::-1], SQUARE[::-1], 0.1, (0, 0, 0)), "convex counter-clockwise"),
        (lambda: Frustum(SQUARE, SQUARE[:3], 0.1, (0, 0, 0)), "as many corners"),
        (lambda: Frustum(SQUARE, SQUARE[1:] + SQUARE[:1], 0.1, (0, 0, 0)), "parallel edges"),
        (lambda: Frustum(SQUARE, SQUARE, math.inf, (0, 0, 0)), "height: expected above 0"),
        (lambda: Turned(((0.0, 0.1),), (0, 0, 0)), "two or more"),
        (lambda: Turned(((0.0, 0.1), (0.0, 0.1)), (0, 0, 0)), "from the bottom up"),
        (lambda: Turned(((0, 0.2), (1, 0.1), (2, 0.2)), (0, 0, 0)), "convex"),
        (lambda: Turned(((0, 0.2), (1, 0.0)), (0, 0, 0)), "radii above 0"),
        (lambda: Turned(((0, 0.2), (1, 0.1)), (0, 0, 0), sides=2), "sides: expected 3"),
        (lambda: Piece((), 1.0), "at least one part"),
        (lambda: Piece((Box((1, 1, 1), (0, 0, 0)),), 0.0), "mass_kg"),
        (lambda: Piece((Box((1, 1, 1), (0, 0, 0)),), 1.0, friction=-0.1), "friction"),
    ],
)
def test_impossible_pieces_are_refused(build, told):
    with pytest.raises(ConfigurationError, match=told):
        build()
