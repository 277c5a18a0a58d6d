"""Tests for geometry.py."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vlm_robot import geometry as g

numbers = st.floats(-2, 2, allow_nan=False)
transforms = st.builds(
    lambda t, r: g.build_transform(t, Rotation.from_rotvec(r).as_quat()),
    st.tuples(numbers, numbers, numbers),
    st.tuples(numbers, numbers, numbers),
)


@given(transforms)
def test_a_transform_times_its_inverse_is_identity(T):
    assert np.allclose(T @ g.invert(T), np.eye(4), atol=1e-12)


@given(transforms, st.tuples(numbers, numbers, numbers))
def test_points_come_back(T, p):
    assert np.allclose(g.transform_points(g.invert(T), g.transform_points(T, np.array(p))), p, atol=1e-9)


@given(transforms)
def test_quaternions_rebuild_the_transform(T):
    assert np.allclose(g.build_transform(T[:3, 3], g.to_quaternion(T)), T, atol=1e-9)


@given(numbers, numbers, st.floats(0.1, 5))
def test_project_inverts_deproject(x, y, z):
    k = g.intrinsics_of(640, 480, 40)
    p = np.array([x, y, z])
    assert np.allclose(g.deproject(k, g.project(k, p), z), p, atol=1e-9)


def test_the_optical_axis_meets_the_target_in_the_middle_of_the_picture():
    k = g.intrinsics_of(640, 480, 40)
    T = g.look_at((1.2, 0.1, 0.6), (0.5, -0.2, 0.0))
    centre = g.project(k, g.transform_points(g.invert(T), np.array([0.5, -0.2, 0.0])))
    assert np.allclose(centre, [319.5, 239.5])
    higher = g.project(k, g.transform_points(g.invert(T), np.array([0.5, -0.2, 0.1])))
    assert higher[1] < centre[1]  # up in the world is up in the picture


def test_look_at_refuses_up_along_the_view():
    with pytest.raises(ValueError, match='parallel'):
        g.look_at((0, 0, 1), (0, 0, 0), (0, 0, 1))


@given(st.floats(-10, 10))
def test_quarter_turns_are_the_same_square(angle):
    wrapped = g.wrap_quarter_turn(angle)
    assert -np.pi / 4 <= wrapped <= np.pi / 4
    assert np.isclose(np.cos(4 * wrapped), np.cos(4 * angle), atol=1e-6)
