"""The Kalman filter and the Rauch–Tung–Striebel smoother of Gaussian messages on parts of a state.

Used by toolkit/rank/tensors: functional Tucker, message passing along the functions of a mode.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def smoothed(transition, noise, start, seen, precision, weighted):
    """Posterior means (T, r) and covariances (T, r, r) of r components of a state of dimension D at T times.

    transition, noise (T, D, D): from the time before to this one (the first is not used); start (D, D): covariance
    before any message; seen (r,): the components; precision (T, r, r), weighted (T, r): the message at a time,
    exp(−½ uᵀΛu + ηᵀu); zero where there is none. O(T D³).
    """
    many, dim = transition.shape[0], transition.shape[1]
    r = seen.size
    guess, guess_cov = np.zeros((many, dim)), np.zeros((many, dim, dim))
    mean, cov = np.zeros((many, dim)), np.zeros((many, dim, dim))
    for t in range(many):
        if t == 0:
            p = start.copy()
            m = np.zeros(dim)
        else:
            a = transition[t]
            m = a @ mean[t - 1]
            p = a @ cov[t - 1] @ a.T + noise[t]
        guess[t], guess_cov[t] = m, p
        columns = np.empty((dim, r))
        for j in range(r):
            columns[:, j] = p[:, seen[j]]
        corner = np.empty((r, r))
        for i in range(r):
            corner[i] = columns[seen[i]]
        shrunk = p - columns @ precision[t] @ np.linalg.solve(np.eye(r) + corner @ precision[t], columns.T.copy())
        cov[t] = 0.5 * (shrunk + shrunk.T)
        rest = weighted[t].copy()
        for i in range(r):
            for j in range(r):
                rest[i] -= precision[t, i, j] * m[seen[j]]
        mean[t] = m
        for i in range(dim):
            for j in range(r):
                mean[t, i] += cov[t, i, seen[j]] * rest[j]
    for t in range(many - 2, -1, -1):
        gain = np.linalg.solve(guess_cov[t + 1], transition[t + 1] @ cov[t]).T.copy()
        mean[t] += gain @ (mean[t + 1] - guess[t + 1])
        p = cov[t] + gain @ (cov[t + 1] - guess_cov[t + 1]) @ gain.T
        cov[t] = 0.5 * (p + p.T)
    means, covs = np.empty((many, r)), np.empty((many, r, r))
    for t in range(many):
        for i in range(r):
            means[t, i] = mean[t, seen[i]]
            for j in range(r):
                covs[t, i, j] = cov[t, seen[i], seen[j]]
    return means, covs
