"""Marching squares and marching cubes on a uniform grid, s < 0 inside; vertices are shared, so surfaces are closed.

A vertex is the zero of the linear interpolant on a grid edge and is known by it: edge = axis * nodes + (node of its
lower end), nodes in C order. Two passes: vertices on the edges with a change of sign, then the simplices of each cell.

Reference: W. E. Lorensen, H. E. Cline, Comput. Graph. 21(4) (1987) 163-169, doi:10.1145/37402.37422.

Used by toolkit/mesh/design: marching cubes and squares, and fits of a surface to a silhouette.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def crossings(s, strides, number):
    """number[axis, node] <- the vertex on that edge, -1 where there is none; returns how many there are.

    s: (nodes,) values, strides: (d, 2) nodes along the axis and the stride of a step along it.
    """
    found = 0
    for axis in range(strides.shape[0]):
        length, stride = strides[axis]
        for node in range(s.size):
            number[axis, node] = -1
            inside = (node // stride) % length < length - 1
            if inside and (s[node] < 0) != (s[node + stride] < 0):
                number[axis, node] = found
                found += 1
    return found


@kernel
def place(s, strides, number, edges, along):
    """edges <- (axis, node), along <- t = s_a / (s_a - s_b) of every vertex: it lies at node + t step(axis)."""
    for axis in range(strides.shape[0]):
        stride = strides[axis, 1]
        for node in range(s.size):
            k = number[axis, node]
            if k >= 0:
                edges[k, 0], edges[k, 1] = axis, node
                along[k] = s[node] / (s[node] - s[node + stride])


@kernel
def squares(s, number, table, rows, columns, out):
    """out <- the segments (pairs of vertices) of every cell, the inside on their left; returns how many.

    table: (18, 4) edges of a cell in pairs, -1 for none: 0 lower, 1 right, 2 upper, 3 left. Rows 16 and 17 are the two
    saddles (corners 0 and 2, 1 and 3 inside) when the mean of the four corners is inside.
    """
    found = 0
    for i in range(rows - 1):
        for j in range(columns - 1):
            node = i * columns + j
            a, b, c, d = s[node], s[node + 1], s[node + columns + 1], s[node + columns]
            case = (a < 0) + 2 * (b < 0) + 4 * (c < 0) + 8 * (d < 0)
            if a + b + c + d < 0:
                if case == 5:
                    case = 16
                elif case == 10:
                    case = 17
            for k in range(0, 4, 2):
                if table[case, k] < 0:
                    break
                for end in range(2):
                    edge = table[case, k + 1 - end]  # row, column is left-handed: turned round
                    if edge == 0:
                        out[found, end] = number[1, node]
                    elif edge == 1:
                        out[found, end] = number[0, node + 1]
                    elif edge == 2:
                        out[found, end] = number[1, node + columns]
                    else:
                        out[found, end] = number[0, node]
                found += 1
    return found


@kernel
def cubes(s, number, table, sizes, corner, ends, out):
    """out <- the triangles (three vertices) of every cell, counter-clockwise from outside; returns how many.

    table: (256, 16) edges of a cell in threes, -1 after the last; corner: (8, 3) offsets of the corners, bit k of a
    case is corner k; ends: (12, 2) axis and lower corner of the cell's edges. With out empty they are counted only.
    """
    found, shift = 0, np.empty(8, dtype=np.int64)
    plane, row = sizes[1] * sizes[2], sizes[2]
    for k in range(8):
        shift[k] = corner[k, 0] * plane + corner[k, 1] * row + corner[k, 2]
    for i in range(sizes[0] - 1):
        for j in range(sizes[1] - 1):
            for m in range(sizes[2] - 1):
                node, case = i * plane + j * row + m, 0
                for k in range(8):
                    if s[node + shift[k]] < 0:
                        case |= 1 << k
                for t in range(0, 15, 3):
                    if table[case, t] < 0:
                        break
                    if out.shape[0]:
                        for v in range(3):
                            edge = table[case, t + v]
                            out[found, v] = number[ends[edge, 0], node + shift[ends[edge, 1]]]
                    found += 1
    return found


@kernel
def current_field(x, m, centres, normals, width, field, pull):
    """field <- sum_f K(x, x_f) n_f, pull <- its product with m differentiated by x, K = exp(-|x - y|^2 / width^2).

    All (points, d) but centres, normals: (simplices, d). Each pair needs one exponential.
    """
    scale, d = 1 / width**2, x.shape[1]
    for i in range(x.shape[0]):
        field[i] = 0
        pull[i] = 0
        for f in range(centres.shape[0]):
            gap, across = 0.0, 0.0
            for k in range(d):
                gap += (x[i, k] - centres[f, k]) ** 2
                across += m[i, k] * normals[f, k]
            weight = np.exp(-scale * gap)
            for k in range(d):
                field[i, k] += weight * normals[f, k]
                pull[i, k] -= 2 * scale * weight * across * (x[i, k] - centres[f, k])
