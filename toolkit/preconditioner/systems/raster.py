"""Fields on triangles as pictures: which triangle a pixel lies in, and linear interpolation from its corners."""

from __future__ import annotations

import numpy as np


class Raster:
    """The pixels of a plane mesh of triangles or quadrilaterals; made once, then `image(values)` for every field.

    vertices (v, 2); elements (e, 3) or (e, 4), quadrilaterals cut in two. Cost: one pass over the pixels of every
    triangle's box.
    """

    def __init__(self, vertices: np.ndarray, elements: np.ndarray, pixels: int = 160):
        if elements.shape[1] == 4:
            elements = np.concatenate((elements[:, [0, 1, 2]], elements[:, [0, 2, 3]]))
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        step = float((high - low).max()) / pixels
        columns, rows = (max(2, int(np.ceil(width / step))) for width in high - low)
        self.corners = np.zeros((rows, columns, 3), dtype=np.int64)
        self.weights = np.full((rows, columns, 3), np.nan)
        for triangle in elements:
            self._fill(vertices[triangle], triangle, low, step)

    def _fill(self, corner: np.ndarray, triangle: np.ndarray, low: np.ndarray, step: float) -> None:
        rows, columns, _ = self.corners.shape
        first = np.maximum(0, np.floor((corner.min(axis=0) - low) / step - 0.5).astype(int))
        last = np.ceil((corner.max(axis=0) - low) / step).astype(int) + 1
        i, j = np.mgrid[first[1] : min(rows, last[1]), first[0] : min(columns, last[0])]
        x, y = low[0] + (j + 0.5) * step - corner[0, 0], low[1] + (i + 0.5) * step - corner[0, 1]
        (a, b), (c, d) = corner[1] - corner[0], corner[2] - corner[0]
        twice = a * d - b * c
        if twice == 0:
            return
        second, third = (x * d - y * c) / twice, (y * a - x * b) / twice
        inside = (second >= -1e-9) & (third >= -1e-9) & (second + third <= 1 + 1e-9)
        self.corners[i[inside], j[inside]] = triangle
        share = np.stack((1 - second - third, second, third), axis=-1)
        self.weights[i[inside], j[inside]] = share[inside]

    def image(self, values: np.ndarray) -> np.ndarray:
        """The field with these values at the vertices, (rows, columns), NaN beside the mesh; row 0 has the lowest y."""
        return np.einsum("ijk,ijk->ij", self.weights, values[self.corners])
