"""What is seen of an atom, the questions asked of it, and the small cases on which its claims are checked."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, first_below, needed, reached, whether
from toolkit.core.stop import Stop
from toolkit.mesh.quantum.energy_levels import DegreeLadder, DiracLadder, ElementLadder, RadialState
from toolkit.mesh.quantum.kohn_sham import AtomState, KohnShamAtom, SelfConsistency
from toolkit.mesh.quantum.radial_levels import HydrogenLike, RadialOscillator, RelativisticIon

MOST_POINTS = 2000
MOST_LINES = 8


def _thinned(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(*values.shape[:-2], -1)
    return flat[..., :: -(-flat.shape[-1] // MOST_POINTS)]


def _signed(P: np.ndarray) -> np.ndarray:
    """With the outermost lobe positive: an eigenvector's sign is nobody's."""
    return P * np.sign(P[np.arange(len(P)), np.argmax(np.abs(P), axis=1)])[:, None]


def _orbitals(problem, state: RadialState):
    """P(r) of the levels, of an atom those of the outermost states."""
    el, (names, nodal, power) = state.elements, state.outermost(problem, MOST_LINES)
    r = _thinned(el.r)
    P = _signed(_thinned(el.at_points(nodal)) * r ** power[:, None])
    return {"x": np.sqrt(r), **dict(zip(names, P))}


def _density(problem, state: AtomState):
    """4π r² n: a hump for every shell."""
    return {"x": np.sqrt(_thinned(state.elements.r)), "4π r² n": _thinned(state.radial_density)}


def _nodes(problem, state: RadialState):
    """The nodes, and the ends of the elements above them."""
    el = state.elements
    places = np.sqrt(el.places[:: -(-el.size // MOST_POINTS)])
    ends = np.sqrt(el.ends[:: -(-len(el.ends) // MOST_POINTS)])
    return {"nodes": (places, np.zeros(len(places))), "ends of elements": (ends, np.ones(len(ends)))}


def _eigenvalues(problem, state: AtomState):
    """The occupied levels, −ε, over their principal quantum number."""
    n = np.array([float(state_of[0]) for state_of in problem.states])
    letters = [name[1] for name in problem.names]
    depth = np.log10(np.maximum(-state.energies, 1e-3))
    return {
        letter: (n[[x == letter for x in letters]], depth[[x == letter for x in letters]])
        for letter in sorted(set(letters), key="spdf".index)
    }


PICTURES = (
    Picture("orbitals", "radial orbitals", "lines", _orbitals, x="√r (Bohr)", y="P(r)", of=RadialState),
    Picture("shells", "radial density", "lines", _density, x="√r (Bohr)", y="electrons per Bohr", of=AtomState),
    Picture("radial_nodes", "where the elements lie", "points", _nodes, "√r (Bohr)", "nodes 0, ends 1", of=RadialState),
    Picture("eigenvalues", "occupied levels", "points", _eigenvalues, "n", "log₁₀(−ε / Ha)", of=AtomState),
)

CASES = (
    HydrogenLike(),
    HydrogenLike(Z=92, l=1),
    RadialOscillator(),
    RelativisticIon(),
    RelativisticIon(Z=47, kappa=1),
    KohnShamAtom(Z=2),
    KohnShamAtom(Z=10),
    KohnShamAtom(Z=10, relativistic=True),
)


def gets_there(runs) -> bool:
    """Whether the second method came to an error below 1e-3."""
    return bool(runs[1].history["energy_error"].min() < 1e-3)


EXPERIMENTS = (
    Experiment(
        "hydrogen",
        "Hydrogen to ten digits",
        "The same levels on ladders of elements and of degrees: which gets to ten digits with the fewest unknowns?",
        HydrogenLike(),
        (DegreeLadder(), ElementLadder(), ElementLadder(mesh="uniform")),
        Stop(atol=1e-11, rtol=0.0, steps=28),
        measure="energy_error",
        against="unknowns",
        picture="orbitals",
        predict=Pick(
            "Who has an error below $10^{-10}$ with the fewest unknowns?",
            first_below("energy_error", 1e-10, "unknowns"),
        ),
        why=(
            "An energy level is as exact as the square of its function, so elements of degree $p$ give the order "
            "$2p$. Raising the degree is better still: the functions are analytic, and each degree divides the "
            "error by a factor. Equal elements are too long at the nucleus, where the function is steep, and too "
            "many far out, where it is nearly zero."
        ),
        formula=r"|E_h-E|\le C\,h^{2p}",
        level=1,
        minutes=5,
        then="neon",
    ),
    Experiment(
        "relativistic-ion",
        "A uranium ion by Dirac's equation",
        "The slope of a 1s function diverges at the nucleus: what is r^β worth?",
        RelativisticIon(),
        (DiracLadder(), DiracLadder(asymptotic=False)),
        Stop(atol=1e-9, rtol=0.0, steps=28),
        measure="energy_error",
        against="unknowns",
        picture="orbitals",
        predict=Pick(
            r"Without $r^\beta$ (the second), is an error below $10^{-3}$ reached?", whether(gets_there), options=YES_NO
        ),
        why=(
            r"At a point nucleus the 1s function of Dirac's equation goes like $r^\beta$ with $\beta<1$, and its "
            r"slope diverges; no polynomial follows that. Take $r^\beta$ out beforehand, and the rest is smooth: "
            "now each degree divides the error. Without it the error falls like a small power of the unknowns."
        ),
        formula=r"P(r)\sim r^{\beta},\qquad \beta=\sqrt{\kappa^2-(Z/c)^2}",
        level=3,
        minutes=5,
        then="optimal_truncation",
    ),
    Experiment(
        "neon",
        "Self-consistent neon",
        "The potential makes the density that makes the potential: how many rounds until both agree?",
        KohnShamAtom(Z=10),
        (SelfConsistency(), SelfConsistency(mixing="linear")),
        Stop(rtol=1e-9, steps=60),
        measure="potential_change",
        picture="shells",
        predict=Guess("How many rounds will the first method need?", needed(), 1, 100, unit="rounds", whole=True),
        why=(
            "The electrons' density makes a potential, and the potential makes a density; sought is the one that "
            "comes back as it went in. Taking a share of the new potential each time shrinks what is missing by a"
            " fixed factor a round. Anderson's mixing finds out from the last rounds which combination of them "
            "misses least, and needs far fewer."
        ),
        formula=r"V=V_{\text{out}}(V),\qquad \min_\gamma\Bigl\|f_k-\sum_j\gamma_j\,\Delta f_j\Bigr\|",
        level=2,
        minutes=5,
        then="uranium",
    ),
    Experiment(
        "uranium",
        "Uranium, to the digits of the table",
        "Ninety-two electrons, −25 658.417889 Ha: how many rounds to the last printed digit?",
        KohnShamAtom(Z=92),
        (SelfConsistency(), SelfConsistency(damping=0.3)),
        Stop(rtol=1e-9, steps=60),
        measure="energy_error",
        picture="shells",
        predict=Guess(
            "After how many rounds is the first method within $10^{-6}$ of the table?",
            reached("energy_error", 1e-6),
            1,
            100,
            unit="rounds",
            whole=True,
        ),
        why=(
            "At the ground state the energy has a minimum, so that its error is about the square of that of the "
            "density: the digits come in pairs. The number of rounds hardly depends on how many electrons there "
            "are, but on how well the potentials are mixed. The curve ends where the digits of the table do."
        ),
        formula=r"E[n]-E[n_0]=O(\|n-n_0\|^2)",
        level=2,
        minutes=5,
        then="relativistic-uranium",
    ),
    Experiment(
        "relativistic-uranium",
        "Uranium with relativity",
        "Dirac's equation takes 2343 Ha off the energy. Which levels sink, and which rise?",
        KohnShamAtom(Z=92, relativistic=True),
        (SelfConsistency(),),
        Stop(rtol=1e-9, steps=60),
        measure="energy_error",
        picture="shells",
        predict=Guess("How many rounds will it need?", needed(), 1, 100, unit="rounds", whole=True),
        why=(
            "Electrons near a heavy nucleus move at a good part of the speed of light. Those that come close to "
            "it, s and $p_{1/2}$, are drawn in and their levels sink. They then hide more of the nucleus from the"
            " others, and levels of d and f electrons rise. The iteration for the potential is the same as "
            "without relativity."
        ),
        formula=r"c\,\boldsymbol\alpha\cdot\mathbf p\,\psi+(\beta-1)c^2\psi+V\psi=\varepsilon\,\psi",
        level=3,
        minutes=5,
        then="relativistic-ion",
    ),
)
