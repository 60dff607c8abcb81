from __future__ import annotations

import math

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.tasks import Box, Frustum, Piece


def test_centre_of_mass_and_inertia_of_a_split_box_are_those_of_the_whole():
    a, b, c = 0.1, 0.2, 0.3
    halves = tuple(Box((a / 4, b / 2, c / 2), (x, 1.0, 2.0)) for x in (a / 4, 3 * a / 4))
    piece = Piece(halves, mass_kg=6.0)
    assert piece.center_of_mass == pytest.approx((a / 2, 1.0, 2.0))
    expected = 6.0 / 12.0 * np.diag((b * b + c * c, a * a + c * c, a * a + b * b))
    assert piece.inertia == pytest.approx(expected, abs=1e-15)


def test_a_piece_off_its_planes_of_symmetry_has_products_of_inertia():
    boxes = (Box((0.1, 0.1, 0.1), (0.2, 0.2, 0)), Box((0.1, 0.1, 0.1), (-0.2, -0.2, 0)))
    assert Piece(boxes, mass_kg=2.0).inertia[0, 1] == pytest.approx(-2.0 * 0.2 * 0.2)


def test_a_frustum_without_taper_is_a_box():
    box, same = Box((0.1, 0.2, 0.3), (1, 2, 3)), Frustum((0.1, 0.2), (0.1, 0.2), 0.6, (1, 2, 2.7))
    assert same.volume_m3 == pytest.approx(box.volume_m3)
    assert same.center_of_mass == pytest.approx(box.center_of_mass)
    assert same.gyration_m2 == pytest.approx(box.gyration_m2)


def test_a_frustum_weighs_what_its_points_do():
    part = Frustum((0.1, 0.3), (0.4, 0.2), 0.5, (1.0, 2.0, 3.0))
    points = np.random.default_rng(0).uniform((-0.4, -0.3, 0), (0.4, 0.3, 0.5), (400_000, 3))
    x, y, z = np.abs(points).T
    inside = points[(x <= 0.1 + 0.6 * z) & (y <= 0.3 - 0.2 * z)]
    assert part.volume_m3 == pytest.approx(len(inside) / len(points) * 0.8 * 0.6 * 0.5, rel=0.01)
    centre = np.array(part.center_of_mass) - (1.0, 2.0, 3.0)
    assert centre == pytest.approx(inside.mean(axis=0), abs=2e-3)
    variance = inside.var(axis=0)
    assert part.gyration_m2 == pytest.approx(variance.sum() - variance, rel=0.01)


def test_a_frustums_faces_move_inwards_by_the_inset():
    part, inset = Frustum((0.01, 0.01), (0.02, 0.01), 0.01, (0.1, 0.2, 0.3)), 0.001
    corners = part.vertices() - (0.1, 0.2, 0.3)
    assert sorted(map(tuple, corners.round(9).tolist())) == sorted(
        (i * a, j * 0.01, z) for a, z in ((0.01, 0), (0.02, 0.01)) for i in (-1, 1) for j in (-1, 1)
    )
    inner = part.vertices(inset) - (0.1, 0.2, 0.3)
    assert set(inner[:, 2].round(9)) == {0.001, 0.009}
    assert np.abs(inner[:, 1]) == pytest.approx(np.full(8, 0.009))
    # The slanted faces, at 45 degrees: |x| - z = 0.01 outside.
    along_normal = (0.01 - (np.abs(inner[:, 0]) - inner[:, 2])) / math.sqrt(2.0)
    assert along_normal == pytest.approx(np.full(8, inset))


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: Box((0.1, 0.0, 0.1), (0, 0, 0)), "half_extents"),
        (lambda: Frustum((0.1, 0.0), (0.1, 0.1), 0.1, (0, 0, 0)), "Frustum: .* above 0"),
        (lambda: Frustum((0.1, 0.1), (0.1, 0.1), math.inf, (0, 0, 0)), "Frustum: .* above 0"),
        (lambda: Piece((), 1.0), "at least one Box"),
        (lambda: Piece((Box((1, 1, 1), (0, 0, 0)),), 0.0), "mass_kg"),
        (lambda: Piece((Box((1, 1, 1), (0, 0, 0)),), 1.0, friction=-0.1), "friction"),
    ],
)
def test_impossible_pieces_are_refused(build, told):
    with pytest.raises(ConfigurationError, match=told):
        build()
