"""Problems on meshes that people upload, and the two that need no file."""

import meshio
import numpy as np
import pytest

import toolkit as tk
from toolkit.core import spec as specs
from toolkit.data import meshes
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


@pytest.mark.parametrize("file", ["upload:abc", "upload:" + "0" * 64, "/no/such.msh", "/etc/passwd", "disc"])
def test_a_name_that_leads_nowhere_is_refused(file):
    with pytest.raises(tk.ToolkitError):
        YourMesh(file=file)


@pytest.mark.parametrize("name", ["ring", "gear"])
def test_the_meshes_that_need_no_file_pass_the_inspection(name):
    points, cells = example(name)
    meshes.checked(name, points.T, cells.T)
