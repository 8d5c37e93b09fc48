"""Triangulations: their edges, and newest-vertex bisection.

Cell t has the vertices cells[t] (m, 3), counter-clockwise. Its edge k runs from corner k to corner k + 1; edge 0 is the
one that is bisected, corner 2 the newest vertex.

Reference: P. Morin, K. G. Siebert, A. Veeser, in: Primer of Adaptive Finite Element Methods, LNM 2040 (2012) 125–225,
doi:10.1007/978-3-642-24079-9_3; vectorised closure: S. Funken, D. Praetorius, P. Wissgott, Comput. Methods Appl. Math.
11 (2011) 460–490, doi:10.2478/cmam-2011-0026.

Used by toolkit/mesh/adaptive: refinement of triangulations.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def edges(cells, n):
    """(sides, ends, beside, most): edges of the cells (m, 3), end points (e, 2), cells beside an edge (e, 2), −1: none.

    An edge is numbered when it is first met; `most` is the largest number of cells at an edge, above 2 on a mesh that
    is no surface, or where two cells run along an edge in the same direction (3 is returned for that too).
    """
    m = cells.shape[0]
    head, after = np.full(n, -1, np.int32), np.empty(3 * m, np.int32)
    ends, beside = np.empty((3 * m, 2), np.int32), np.full((3 * m, 2), -1, np.int32)
    sides = np.empty((m, 3), np.int32)
    count, most = 0, 0
    for t in range(m):
        for k in range(3):
            i, j = cells[t, k], cells[t, (k + 1) % 3]
            low, high = min(i, j), max(i, j)
            e = head[low]
            while e >= 0 and ends[e, 0] + ends[e, 1] != low + high:
                e = after[e]
            if e < 0:
                e, count = count, count + 1
                after[e], head[low] = head[low], e
                ends[e, 0], ends[e, 1], beside[e, 0] = i, j, t
                most = max(most, 1)
            elif beside[e, 1] < 0:
                beside[e, 1] = t
                most = max(most, 2 if ends[e, 0] == j else 3)
            else:
                most = 3
            sides[t, k] = e
    return sides, ends[:count].copy(), beside[:count].copy(), most


@kernel
def close(sides, chosen):
    """Choose edges until every cell with a chosen edge has its edge 0 chosen: only then the bisected mesh conforms."""
    again = True
    while again:
        again = False
        for t in range(sides.shape[0]):
            if not chosen[sides[t, 0]] and (chosen[sides[t, 1]] or chosen[sides[t, 2]]):
                chosen[sides[t, 0]] = True
                again = True


@kernel
def bisect(cells, sides, middle, out, parent):
    """Bisect the cells along the edges whose middle is a vertex (`middle` ≥ 0); returns the number of cells.

    A cell is halved from its corner 2 to the middle of edge 0, and each half again where its own edge 0 is chosen.
    """
    count = 0
    for t in range(cells.shape[0]):
        i, j, k = cells[t, 0], cells[t, 1], cells[t, 2]
        p, q, r = middle[sides[t, 0]], middle[sides[t, 1]], middle[sides[t, 2]]
        first = count
        if p < 0:
            out[count] = i, j, k
            count += 1
        else:
            if r < 0:
                out[count] = k, i, p
                count += 1
            else:
                out[count] = p, k, r
                out[count + 1] = i, p, r
                count += 2
            if q < 0:
                out[count] = j, k, p
                count += 1
            else:
                out[count] = p, j, q
                out[count + 1] = k, p, q
                count += 2
        parent[first:count] = t
    return count
