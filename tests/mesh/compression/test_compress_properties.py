"""Whatever the field, the maximum error never exceeds the tolerance asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toolkit.mesh.compression import codec
from toolkit.mesh.compression.multilevel import Hierarchy

SIDES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=11)
LONG = st.tuples(st.integers(1, 300))


@st.composite
def fields(draw):
    """Noise of many kinds, smooth waves, constants and raw bit patterns, in either precision."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    shape = draw(SIDES | LONG)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "heavy", "wave", "constant", "sparse", "any"]))
    size = 10.0 ** draw(st.floats(-30, 30) if dtype == np.float32 else st.floats(-300, 300))
    if kind == "any":
        width = 8 * np.dtype(dtype).itemsize
        numbers = st.floats(width=width, allow_nan=False, allow_infinity=False)
        return draw(hnp.arrays(dtype, shape, elements=numbers))
    base = {
        "noise": lambda: rng.standard_normal(shape),
        "heavy": lambda: np.clip(rng.standard_cauchy(shape), -1e6, 1e6),
        "wave": lambda: np.sin(sum(np.meshgrid(*(np.linspace(0, 5, n) for n in shape), indexing="ij"))),
        "constant": lambda: np.full(shape, rng.standard_normal()),
        "sparse": lambda: (rng.random(shape) < 0.1).astype(float),
    }[kind]()
    return (size * base).astype(dtype)


@settings(max_examples=300, deadline=None)
@given(fields(), st.floats(-16, 1), st.sampled_from(codec.BUDGETS), st.booleans())
def test_the_error_never_exceeds_the_tolerance(field, digits, budget, spend):
    tolerance = float(np.max(abs(field.astype(float)))) * 10.0**digits or 1e-3
    if not np.isfinite(tolerance):
        tolerance = 1e300
    for stream in (codec.compress(field, tolerance, budget, spend), codec.compress_rounded(field, tolerance)):
        again = codec.decompress(stream)
        assert again.dtype == field.dtype and again.shape == field.shape
        with np.errstate(over="ignore"):
            assert np.max(abs(again.astype(float) - field.astype(float))) <= tolerance


@settings(max_examples=150, deadline=None)
@given(SIDES | LONG, st.integers(0, 2**32))
def test_nothing_rounded_nothing_lost(shape, seed):
    u, levels = np.random.default_rng(seed).standard_normal(shape), Hierarchy(shape)
    assert np.max(abs(levels.recompose(levels.decompose(u)) - u)) <= 1e-12 * np.max(abs(u))


@settings(max_examples=60, deadline=None)
@given(SIDES, st.integers(0, 2**32), st.floats(-3, 3))
def test_the_bound_holds_without_the_check(shape, seed, digits):
    """Quantised with steps from the bound alone, no second look: the error is below the tolerance."""
    u, levels = np.random.default_rng(seed).standard_normal(shape), Hierarchy(shape)
    tolerance = 10.0**digits
    for budget in (0, 1):
        pyramid = levels.decompose(u)
        for a, quantum in zip(pyramid, codec.quanta(levels, tolerance, budget)):
            a[...] = np.rint(a / quantum) * quantum
        assert np.max(abs(levels.recompose(pyramid) - u)) <= tolerance * (1 + 1e-12) + 1e-13


@pytest.mark.parametrize("extreme", [5e-324, 1e-310, 2.2e-308, 1e300, 1.7e308])
@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 4, 5)])
def test_the_ends_of_double_precision(extreme, shape):
    u = extreme * np.where(np.random.default_rng(0).random(shape) < 0.5, -1.0, 1.0)
    for tolerance in (extreme / 10 or extreme, extreme, 5e-324, 1e308):
        again = codec.decompress(codec.compress(u, tolerance))
        with np.errstate(over="ignore"):
            assert np.max(abs(again - u)) <= tolerance
