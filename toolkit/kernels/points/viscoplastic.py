"""An elastoviscoplastic law at many points: one implicit step of Norton's flow with Chaboche's back stress.

Symbols: E Young's modulus, a thermal expansion, R elastic limit, K and m viscosity, C and D hardening and recall; all
moduli fall linearly with the temperature. p is the accumulated plastic strain, X the back stress, q = (dp/dt)^(1/m).

Used by toolkit/rank/hyperreduction: the bar that is heated and pulled, in full and by few points.
"""

from toolkit.kernels._jit import kernel


@kernel
def respond(strain, rise, dt, law, old, new, stress, tangent):
    """Stress and its derivative at given strains; internal variables (plastic strain, X, p), (3, n), old → new.

    law = (E, a, R, K, m, C, D, loss of moduli a kelvin). With s the direction of flow and Δ = dt q^m the flow,
    s σ_trial − E Δ − (s X + C Δ)/(1 + D Δ) − R = K q: falls in q, one root; Newton's method between brackets.
    Reference: J.-L. Chaboche, Int. J. Plasticity 5 (1989) 247–302, doi:10.1016/0749-6419(89)90015-6.
    """
    m = law[4]
    for e in range(strain.shape[0]):
        soft = 1.0 - law[7] * rise[e]
        E, R, K, C, D = law[0] * soft, law[2] * soft, law[3] * soft, law[5] * soft, law[6]
        trial = E * (strain[e] - law[1] * rise[e] - old[0, e])
        X = old[1, e]
        s = 1.0 if trial >= X else -1.0
        over = s * (trial - X) - R
        new[0, e], new[1, e], new[2, e] = old[0, e], X, old[2, e]
        stress[e], tangent[e] = trial, E
        if over <= 0.0:
            continue
        low, high = 0.0, min(over / K, (over / (E * dt)) ** (1.0 / m))
        q = high
        flow = slope = fall = soften = 0.0
        for _ in range(80):
            power = dt * q ** (m - 1.0)
            flow = power * q
            slope = m * power
            hard = 1.0 + D * flow
            value = s * trial - E * flow - (s * X + C * flow) / hard - R - K * q
            soften = (C - D * s * X) / (hard * hard) * slope + K
            fall = E * slope + soften
            if value > 0.0:
                low = q
            else:
                high = q
            move = value / fall
            after = q + move
            if after <= low or after >= high:
                after = 0.5 * (low + high) if abs(move) > 1e-15 * q else q
            if abs(after - q) <= 1e-15 * q:
                break
            q = after
        stress[e] = trial - s * E * flow
        tangent[e] = E * soften / fall  # E (1 − E slope/fall) without its cancellation
        new[0, e] = old[0, e] + s * flow
        new[1, e] = (X + s * C * flow) / (1.0 + D * flow)
        new[2, e] = old[2, e] + flow
