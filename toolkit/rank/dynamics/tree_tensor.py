"""Tree tensor networks: the tree, its bases and cores, sums of products of operators on them, truncation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Node:
    """A node of a tree: its children (indices, none for a leaf), its leaf (an axis of the tensor), its parent."""

    children: tuple[int, ...]
    leaf: int = -1
    parent: int = -1


def planted_tree(shape) -> tuple[Node, ...]:
    """Nested tuples of axes as nodes, parents before children; the root comes first."""
    nodes: list = []

    def grow(part, parent: int) -> int:
        place = len(nodes)
        nodes.append(None)
        if isinstance(part, int):
            nodes[place] = Node((), part, parent)
        else:
            nodes[place] = Node(tuple(grow(one, place) for one in part), -1, parent)
        return place

    grow(shape, -1)
    return tuple(nodes)


def tree_shape(kind: str, order: int):
    """Nested tuples: "Tucker": one core; "binary": halved again and again; "train": one axis after another."""
    axes = tuple(range(order))
    if kind == "Tucker":
        return axes

    def halved(part):
        if len(part) == 1:
            return part[0]
        cut = len(part) // 2 if kind == "binary" else 1
        return halved(part[:cut]), halved(part[cut:])

    return halved(axes)


def times(core: np.ndarray, matrix: np.ndarray, mode: int) -> np.ndarray:
    """The mode product core ×_mode matrix."""
    return np.moveaxis(np.tensordot(matrix, core, (1, mode)), 0, mode)


def unfolded(core: np.ndarray, mode: int) -> np.ndarray:
    """Mat_mode: (size of the mode, all the others)."""
    return np.moveaxis(core, mode, 0).reshape(core.shape[mode], -1)


def folded(matrix: np.ndarray, shape: tuple, mode: int) -> np.ndarray:
    """The tensor whose unfolding is the matrix, of this shape but for the mode."""
    rest = shape[:mode] + shape[mode + 1 :]
    return np.moveaxis(matrix.reshape(len(matrix), *rest), 0, mode)


def terms(core: np.ndarray, matrices: list) -> np.ndarray:
    """Every term of a sum of products on a core: (K, *core.shape); `matrices[mode]` is (K, r, r), or None for I."""
    found = core[None]
    for mode, stack in enumerate(matrices):
        if stack is not None:
            flat = np.moveaxis(found, mode + 1, 1)
            shape = (len(stack), *flat.shape[1:])
            flat = np.matmul(stack, flat.reshape(len(flat), flat.shape[1], -1)).reshape(shape)
            found = np.moveaxis(flat, 1, mode + 1)
    return found


def expected(core: np.ndarray, moved: np.ndarray, mode: int) -> np.ndarray:
    """(K, r, r): unfoldings Mat(core)* and Mat(moved_k) multiplied over all modes but one."""
    flat = np.moveaxis(moved, mode + 1, 1).reshape(len(moved), core.shape[mode], -1)
    return np.matmul(unfolded(core, mode).conj(), flat.transpose(0, 2, 1)).transpose(0, 1, 2)


def upwards(tree, arrays: list, operators: list) -> list:
    """M_τ (K, r, r) = U_τᴴ H_τ U_τ of every node but the root, from the leaves up."""
    found: list = [None] * len(tree)
    for place in range(len(tree) - 1, 0, -1):
        found[place] = projected(tree[place], arrays[place], operators, [found[i] for i in tree[place].children])
    return found


def projected(node: Node, array: np.ndarray, operators: list, below: list) -> np.ndarray:
    """M_τ of one node from those of its children; of a leaf from its operators."""
    if node.leaf >= 0:
        return np.matmul(array.conj().T, np.matmul(operators[node.leaf], array))
    return expected(array, terms(array, [None, *below]), 0)


def dense(tree, arrays: list) -> np.ndarray:
    """The tensor itself: axes in the order of the leaves' numbers."""

    def basis(place: int) -> np.ndarray:
        """U_τ (n_τ, r), rows in the node's order of axes."""
        node, found = tree[place], arrays[place]
        if node.leaf >= 0:
            return found
        for i, child in enumerate(node.children):
            found = times(found, basis(child), i + 1)
        return found.reshape(len(found), -1).T

    names = leaves(tree, 0)
    sizes = {node.leaf: len(array) for node, array in zip(tree, arrays) if node.leaf >= 0}
    return np.transpose(basis(0).reshape([sizes[name] for name in names]), np.argsort(names))


def leaves(tree, place: int) -> list[int]:
    """The axes below a node, in its order."""
    node = tree[place]
    return [node.leaf] if node.leaf >= 0 else [axis for child in node.children for axis in leaves(tree, child)]


def decomposed(tree, tensor: np.ndarray, tolerance: float) -> list:
    """Bases and cores of a dense tensor, each matricisation cut at the tolerance; then made orthonormal."""
    bases: dict = {}
    arrays: list = [None] * len(tree)
    for place in range(len(tree) - 1, 0, -1):
        axes = leaves(tree, place)
        rest = [axis for axis in range(tensor.ndim) if axis not in axes]
        matrix = np.transpose(tensor, axes + rest).reshape(int(np.prod([tensor.shape[a] for a in axes])), -1)
        u, values, _ = np.linalg.svd(matrix, full_matrices=False)
        bases[place] = u[:, : cut(values, tolerance, len(values))]
    for place, node in enumerate(tree):
        if node.leaf >= 0:
            arrays[place] = bases[place]
            continue
        whole = np.transpose(tensor, leaves(tree, 0)).reshape(-1, 1) if place == 0 else bases[place]
        core = whole.T.reshape(whole.shape[1], *(len(bases[i]) for i in node.children))
        for mode, child in enumerate(node.children):
            core = times(core, bases[child].conj().T, mode + 1)
        arrays[place] = core
    return orthonormalised(tree, arrays)


def cut(values: np.ndarray, tolerance: float, most: int) -> int:
    """The least rank, 1 … most, whose singular tail is at most the tolerance."""
    tails = np.sqrt(np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0))
    return int(min(max(1, np.argmax(tails <= tolerance)), most, len(values)))


def orthonormalised(tree, arrays: list) -> list:
    """The same tensor with orthonormal bases at every node but the root: QR from the leaves up."""
    arrays = list(arrays)
    for place in range(len(tree) - 1, 0, -1):
        node, array = tree[place], arrays[place]
        flat = array if node.leaf >= 0 else array.reshape(len(array), -1).T
        q, r = np.linalg.qr(flat)
        arrays[place] = q if node.leaf >= 0 else q.T.reshape(-1, *array.shape[1:])
        mode = tree[node.parent].children.index(place) + 1
        arrays[node.parent] = times(arrays[node.parent], r, mode)
    return arrays


def truncated_tree(tree, arrays: list, tolerance: float, most: int) -> tuple[list, list]:
    """Cut every matricisation at the tolerance, from the root down; (arrays, singular values of every node).

    With orthonormal bases the singular values of the tensor's matricisation at a node are those of its parent's core,
    weighted from above. The error is at most √(number of nodes) times the tolerance.
    Reference: L. Grasedyck, SIAM J. Matrix Anal. Appl. 31 (2010) 2029–2054, doi:10.1137/090764189.
    """
    arrays = list(arrays)
    weighted, values = list(arrays), [np.ones(1)] * len(tree)
    for place, node in enumerate(tree):
        for i, child in enumerate(node.children):
            p, s, _ = np.linalg.svd(unfolded(weighted[place], i + 1), full_matrices=False)
            r = cut(s, tolerance, most)
            p, values[child] = p[:, :r], s[:r]
            arrays[place] = times(arrays[place], p.conj().T, i + 1)
            if tree[child].leaf >= 0:
                arrays[child] = arrays[child] @ p
            else:
                arrays[child] = times(arrays[child], p.T, 0)
                weighted[child] = times(arrays[child], np.diag(s[:r]), 0)
    return orthonormalised(tree, arrays), values
