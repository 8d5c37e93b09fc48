"""Meshes that people upload: read as written, or refused with the reason."""

import meshio
import numpy as np
import pytest

import toolkit as tk
from toolkit.core import spec as specs
from toolkit.data import mesh_file as meshfile
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.your_mesh import YourMesh, example


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))


def written(folder, name, points, cells, **how) -> bytes:
    """The bytes of a mesh file as meshio writes it."""
    meshio.write(folder / name, meshio.Mesh(points, cells), **how)
    return (folder / name).read_bytes()


def ring() -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and triangles (m, 3) of the ring."""
    points, cells = example("ring")
    return np.column_stack([points.T, np.zeros(points.shape[1])]), cells.T


def area(problem) -> float:
    points, cells = problem.arrays
    edges = points[:, cells[1:]] - points[:, cells[:1]]
    return float(np.abs(np.linalg.det(edges.transpose(2, 1, 0))).sum()) / (2 if problem.dim == 2 else 6)


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
    value = YourMesh.accept_upload("file", name, written(tmp_path, name, points, [("triangle", cells)], **how))
    problem = YourMesh(file=value)
    assert problem.dim == 2 and problem.arrays[1].shape == (3, len(cells))
    extent = np.ptp(points, axis=0).max()
    np.testing.assert_allclose(area(problem), area(YourMesh(file="ring")) / extent**2, rtol=1e-6)


def test_an_uploaded_mesh_travels_in_a_spec_and_its_errors_have_the_order(tmp_path):
    points, cells = ring()
    data = written(tmp_path, "r.vtu", points, [("triangle", cells)])
    run = tk.solve(YourMesh(file=YourMesh.accept_upload("file", "r.vtu", data)), FiniteElements(degree=2), WHOLE)
    twin = tk.Run.from_spec(specs.loads(specs.dumps(run.spec()))).finish()
    assert twin.history.trace_hash() == run.history.trace_hash()
    error = run.history["energy_error"]
    np.testing.assert_allclose(np.log2(error[-2] / error[-1]), 2.0, atol=0.1)


def test_tetrahedra_make_a_problem_in_space(tmp_path):
    from skfem import MeshTet

    mesh = MeshTet().refined(2)
    value = YourMesh.accept_upload("file", "t.vtu", written(tmp_path, "t.vtu", mesh.p.T * 7.0, [("tetra", mesh.t.T)]))
    problem = YourMesh(file=value)
    assert problem.dim == 3 and problem.cells == ("tetrahedra",)
    np.testing.assert_allclose(area(problem), 1.0, rtol=1e-9)
    found = tk.solve(YourMesh(file=value, data="cubic"), FiniteElements(degree=1), WHOLE).history["l2_error"]
    np.testing.assert_allclose(np.log2(found[-2] / found[-1]), 2.0, atol=0.3)


def grid(n: int) -> tuple[str, str]:
    """A Wavefront square of n × n quadrilaterals: its points and its faces, in the plane y = 3, clockwise."""
    points = [f"v {i} 3 {j}" for i in range(n + 1) for j in range(n + 1)]
    at = lambda i, j: i * (n + 1) + j + 1  # noqa: E731
    faces = [f"f {at(i, j)} {at(i + 1, j)} {at(i + 1, j + 1)} {at(i, j + 1)}" for i in range(n) for j in range(n)]
    return "\n".join(points), "\n".join(faces)


def test_quadrilaterals_in_any_coordinate_plane_are_cut_in_two():
    points, faces = grid(3)
    found = meshfile.ready("q.obj", f"{points}\n{faces}\n".encode())
    assert found[1].shape == (3, 18) and found[0].min() == 0 and found[0].max() == 1


def test_points_at_one_place_become_one_and_loose_points_go():
    points, faces = grid(2)
    lines = points.splitlines()
    soup, corners = [], []
    for face in faces.splitlines():  # a point of its own for every corner of every face
        corners.append("f " + " ".join(str(len(soup) + k + 1) for k in range(4)))
        soup += [lines[int(i) - 1] for i in face.split()[1:]]
    found = meshfile.ready("s.obj", "\n".join([*soup, "v 9 3 9", *corners, ""]).encode())
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
        YourMesh.accept_upload("file", name, data)
    assert name in str(caught.value)


def test_cells_of_other_kinds_and_too_many_of_them_are_refused(tmp_path):
    from skfem import MeshHex, MeshTri

    box, many = MeshHex().refined(1), MeshTri().refined(7)
    with pytest.raises(tk.ToolkitError, match="'hexahedron'; expected triangle, quad, tetra"):
        YourMesh.accept_upload("file", "h.vtu", written(tmp_path, "h.vtu", box.p.T, [("hexahedron", box.t.T)]))
    with pytest.raises(tk.ToolkitError, match="32768 cells; the limit is 20000"):
        YourMesh.accept_upload("file", "m.vtu", written(tmp_path, "m.vtu", many.p.T, [("triangle", many.t.T)]))


def test_a_node_pulled_over_its_neighbours_tangles_the_mesh(tmp_path):
    points, cells = ring()
    points = points.copy()
    inner = np.flatnonzero(np.isclose(np.hypot(*(points[:, :2] - 0.5).T), 0.3))
    points[inner[0], :2] = 1 - points[inner[0], :2]  # to the other side of the ring
    data = written(tmp_path, "x.msh", points, [("triangle", cells)], file_format="gmsh22", binary=False)
    with pytest.raises(tk.ToolkitError, match=r"tangled: at .* faces"):
        YourMesh.accept_upload("file", "x.msh", data)


def test_a_file_cut_off_is_refused(tmp_path):
    points, cells = ring()
    data = written(tmp_path, "x.msh", points, [("triangle", cells)], file_format="gmsh22", binary=False)
    with pytest.raises(tk.ToolkitError, match="damaged or truncated"):
        YourMesh.accept_upload("file", "x.msh", data[: len(data) // 2])


def test_sizes_that_a_file_only_claims_cost_nothing():
    text = (
        "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n1 3 1 99999999999\n2 1 0 3\n1\n2\n99999999999\n"
        "0 0 0\n1 0 0\n0 1 0\n$EndNodes\n$Elements\n1 1 1 1\n2 1 2 1\n1 1 2 99999999999\n$EndElements\n"
    )
    with pytest.raises(tk.ToolkitError, match="more memory"):
        YourMesh.accept_upload("file", "x.msh", text.encode())


@pytest.mark.parametrize("file", ["upload:abc", "upload:" + "0" * 64, "/no/such.msh", "/etc/passwd", "disc"])
def test_a_name_that_leads_nowhere_is_refused(file):
    with pytest.raises(tk.ToolkitError):
        YourMesh(file=file)


@pytest.mark.parametrize("name", ["ring", "gear"])
def test_the_meshes_that_need_no_file_pass_the_inspection(name):
    points, cells = example(name)
    meshfile.checked(name, points.T, cells.T)
