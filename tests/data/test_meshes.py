"""Meshes that people upload: read as written, or refused with the reason."""

import meshio
import numpy as np
import pytest

import toolkit as tk
from toolkit.data.meshes import MESH


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))


def written(folder, name, points, cells, **how) -> bytes:
    """The bytes of a mesh file as meshio writes it."""
    meshio.write(folder / name, meshio.Mesh(points, cells), **how)
    return (folder / name).read_bytes()


def ring(around=24, across=3) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and triangles (m, 3) of a ring of inner radius 0.2 and outer 0.5 around (½, ½)."""
    r, angle = np.meshgrid(np.linspace(0.2, 0.5, across + 1), 2 * np.pi * np.arange(around) / around, indexing="ij")
    points = np.column_stack([0.5 + (r * np.cos(angle)).ravel(), 0.5 + (r * np.sin(angle)).ravel(), 0 * r.ravel()])
    i, j = np.divmod(np.arange(across * around), around)
    a, b = i * around + j, i * around + (j + 1) % around
    return points, np.vstack([np.column_stack([a, b, a + around]), np.column_stack([b, b + around, a + around])])


def area(points, cells) -> float:
    edges = points[:, cells[1:]] - points[:, cells[:1]]
    return float(np.abs(np.linalg.det(edges.transpose(2, 1, 0))).sum()) / 2


FORMATS = {
    "gmsh 4.1, binary": ("a.msh", dict(file_format="gmsh")),
    "gmsh 2.2, text": ("b.msh", dict(file_format="gmsh22", binary=False)),
    "VTK, compressed": ("c.vtu", {}),
    "VTK, text": ("D.VTU", dict(file_format="vtu", binary=False)),
    "Wavefront": ("e.obj", {}),
}


@pytest.mark.parametrize("name, how", FORMATS.values(), ids=FORMATS)
def test_a_mesh_is_read_as_it_was_written(tmp_path, name, how):
    points, cells = ring()
    value = MESH.accept(name, written(tmp_path, name, points, [("triangle", cells)], **how))
    found = MESH.read(value)
    assert len(found[0]) == 2 and found[1].shape == (3, len(cells))
    extent = np.ptp(points, axis=0).max()
    np.testing.assert_allclose(area(*found), area(points[:, :2].T, cells.T) / extent**2, rtol=1e-6)


def grid(n: int) -> tuple[str, str]:
    """A Wavefront square of n × n quadrilaterals: its points and its faces, in the plane y = 3, clockwise."""
    points = [f"v {i} 3 {j}" for i in range(n + 1) for j in range(n + 1)]
    at = lambda i, j: i * (n + 1) + j + 1  # noqa: E731
    faces = [f"f {at(i, j)} {at(i + 1, j)} {at(i + 1, j + 1)} {at(i, j + 1)}" for i in range(n) for j in range(n)]
    return "\n".join(points), "\n".join(faces)


def test_quadrilaterals_in_any_coordinate_plane_are_cut_in_two():
    points, faces = grid(3)
    found = MESH.made("q.obj", f"{points}\n{faces}\n".encode())
    assert found[1].shape == (3, 18) and found[0].min() == 0 and found[0].max() == 1


def test_points_at_one_place_become_one_and_loose_points_go():
    points, faces = grid(2)
    lines = points.splitlines()
    soup, corners = [], []
    for face in faces.splitlines():  # a point of its own for every corner of every face
        corners.append("f " + " ".join(str(len(soup) + k + 1) for k in range(4)))
        soup += [lines[int(i) - 1] for i in face.split()[1:]]
    found = MESH.made("s.obj", "\n".join([*soup, "v 9 3 9", *corners, ""]).encode())
    assert found[0].shape == (2, 9) and found[1].shape == (3, 8)


SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
REFUSED = {
    "wrong ending": ("mesh.stl", b"$MeshFormat\n", r"mesh\.stl.*\.msh, \.vtu, \.obj"),
    "empty": ("mesh.msh", b"  \n", "empty"),
    "no mesh": ("mesh.obj", b"hello\n", "neither a gmsh"),
    "garbage": ("mesh.vtu", b"<VTKFile>garbage", "damaged or truncated"),
    "curved": ("mesh.obj", f"{SQUARE}v 0 0 1\nf 1 2 3\nf 1 2 5\n".encode(), "curved surface"),
    "tangled quadrilateral": ("mesh.obj", f"{SQUARE}f 1 2 4 3\n".encode(), "Jacobian is not positive"),
    "folded": ("mesh.obj", f"{SQUARE}v 0.9 0.1 0\nf 1 2 3\nf 1 3 5\n".encode(), "tangled"),
    "three at an edge": ("mesh.obj", f"{SQUARE}v 0 -1 0\nf 1 2 3\nf 1 2 4\nf 1 2 5\n".encode(), "not a manifold"),
    "touches in a point": ("mesh.obj", f"{SQUARE}v -1 0 0\nv -1 -1 0\nf 1 2 3\nf 1 5 6\n".encode(), "not a manifold"),
    "corner that is missing": ("mesh.obj", f"{SQUARE}f 1 2 9\n".encode(), "not among the 4 points"),
    "no number": ("mesh.obj", b"v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "finite"),
    "no area": ("mesh.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "without area"),
    "no inner point": ("mesh.obj", f"{SQUARE}f 1 2 3\nf 1 3 4\n".encode(), "every point is on the boundary"),
    "no cells": ("mesh.obj", SQUARE.encode(), "no cells"),
    "pentagon": ("mesh.obj", f"{SQUARE}v 0.5 2 0\nf 1 2 3 5 4\n".encode(), "polygon"),
    "too many bytes": ("mesh.obj", b"v 0 0 0\n" * (3 << 20), "24.0 MB; the limit is 16 MB"),
}


@pytest.mark.parametrize("name, data, reason", REFUSED.values(), ids=REFUSED)
def test_a_mesh_that_cannot_be_used_is_refused_with_the_reason(name, data, reason):
    with pytest.raises(tk.ToolkitError, match=reason) as caught:
        MESH.accept(name, data)
    assert name in str(caught.value)


def test_cells_of_other_kinds_and_too_many_of_them_are_refused(tmp_path):
    from skfem import MeshHex, MeshTri

    box, many = MeshHex().refined(1), MeshTri().refined(7)
    with pytest.raises(tk.ToolkitError, match="'hexahedron'; expected triangle, quad, tetra"):
        MESH.accept("h.vtu", written(tmp_path, "h.vtu", box.p.T, [("hexahedron", box.t.T)]))
    with pytest.raises(tk.ToolkitError, match="32768 cells; the limit is 20000"):
        MESH.accept("m.vtu", written(tmp_path, "m.vtu", many.p.T, [("triangle", many.t.T)]))


def test_a_node_pulled_over_its_neighbours_tangles_the_mesh(tmp_path):
    points, cells = ring()
    points = points.copy()
    inner = np.flatnonzero(np.isclose(np.hypot(*(points[:, :2] - 0.5).T), 0.3))
    points[inner[0], :2] = 1 - points[inner[0], :2]  # to the other side of the ring
    data = written(tmp_path, "x.msh", points, [("triangle", cells)], file_format="gmsh22", binary=False)
    with pytest.raises(tk.ToolkitError, match=r"tangled: at .* faces"):
        MESH.accept("x.msh", data)


def test_a_file_cut_off_is_refused(tmp_path):
    points, cells = ring()
    data = written(tmp_path, "x.msh", points, [("triangle", cells)], file_format="gmsh22", binary=False)
    with pytest.raises(tk.ToolkitError, match="damaged or truncated"):
        MESH.accept("x.msh", data[: len(data) // 2])


def test_sizes_that_a_file_only_claims_cost_nothing():
    text = (
        "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n1 3 1 99999999999\n2 1 0 3\n1\n2\n99999999999\n"
        "0 0 0\n1 0 0\n0 1 0\n$EndNodes\n$Elements\n1 1 1 1\n2 1 2 1\n1 1 2 99999999999\n$EndElements\n"
    )
    with pytest.raises(tk.ToolkitError, match="more memory"):
        MESH.accept("x.msh", text.encode())
