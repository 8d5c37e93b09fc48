"""Tucker and CP of a 200³ tensor against TensorLy. `pytest tests/bench/bench_rank_tensor.py`.

Tucker of rank 10 by our ST-HOSVD against TensorLy's Tucker with its randomised SVD, its fastest way (its default
needs ten times as long); the errors are asserted to agree. CP of rank 10: sweeps of ALS from the same factors.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import numpy as np
import pytest

from toolkit.rank.tensors.cp import sweep
from toolkit.rank.tensors.multilinear import cp_full, st_hosvd, tucker_full

tl = pytest.importorskip("tensorly", reason="tensorly is in the extra `peers`")
decomposition = pytest.importorskip("tensorly.decomposition")
N, RANK = 200, 10


@pytest.fixture(scope="module")
def noisy():
    """Multilinear rank 10 and one percent of noise."""
    rng = np.random.default_rng(0)
    factors = [np.linalg.qr(rng.standard_normal((N, RANK)))[0] for _ in range(3)]
    clean = tucker_full(rng.standard_normal((RANK,) * 3), factors)
    noise = rng.standard_normal(clean.shape)
    return clean + 0.01 * np.linalg.norm(clean) / np.linalg.norm(noise) * noise


def error(tensor, core, factors):
    return np.linalg.norm(tensor - tucker_full(np.asarray(core), factors)) / np.linalg.norm(tensor)


def test_tucker(ratio, noisy):
    def peer():
        return decomposition.tucker(noisy, rank=[RANK] * 3, svd="randomized_svd", random_state=0)

    def ours():
        return st_hosvd(noisy, (RANK,) * 3, by="gram")

    ratio(ours, peer, target="8", rounds=5)
    one, other = error(noisy, *ours()[:2]), error(noisy, *peer())
    print(f"errors: ours {one:.6e}, TensorLy {other:.6e}")
    assert one <= other * (1 + 1e-5)


def test_cp_sweep(ratio):
    rng = np.random.default_rng(0)
    tensor = cp_full(np.ones(RANK), [rng.standard_normal((N, RANK)) for _ in range(3)])
    start = [rng.standard_normal((N, RANK)) for _ in range(3)]
    results, sweeps = {}, 5

    def peer():
        init = (np.ones(RANK), [one.copy() for one in start])
        results["peer"] = decomposition.parafac(tensor, RANK, n_iter_max=sweeps, init=init, tol=0)

    def ours():
        factors = [one.copy() for one in start]
        grams = [one.T @ one for one in factors]
        for _ in range(sweeps):
            weights = sweep(tensor, factors, grams)[0]
        results["ours"] = weights, factors

    ratio(ours, peer, target="2.2", rounds=7)
    mine, theirs = cp_full(*results["ours"]), cp_full(results["peer"].weights, results["peer"].factors)
    assert np.linalg.norm(theirs - mine) <= 1e-6 * np.linalg.norm(theirs)
