"""Meshes that people upload: read as written, or refused with the reason."""

import json
import zlib
from pathlib import Path

import meshio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import toolkit as tk
from toolkit.data import mesh_checks
from toolkit.data.mesh_reader import _reason
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


FILES = Path(__file__).parent / "files"
SOUND = {
    "normals.obj": (32, ""),
    "textures.obj": (32, ""),
    "negative_indices.obj": (32, ""),
    "physical_on_some.msh": (10, ""),
    "tags_on_some.msh": (8, "quadrilaterals were cut"),
    "element_data_on_some.msh": (8, "quadrilaterals were cut"),
    "parametric_nodes.msh": (8, "quadrilaterals were cut"),
    "tilted.msh": (32, "It lies in a tilted plane: turned into the y–z plane."),
    "single_noise.msh": (32, "Its points stray from the x–y plane by 4e-08 of its extent: taken as flat."),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_read_and_what_was_done_to_it_is_said(name):
    cells, words = SOUND[name]
    (points, found), remarks = MESH.look(str(FILES / name))
    assert found.shape == (3, cells) and words in " ".join(remarks) and bool(remarks) == bool(words)
    edges = np.linalg.norm(np.diff(points[:, found[[0, 1, 2, 0]]], axis=1), axis=0)
    squares = {32: 16.0, 8: 4.0, 10: 2.0}[cells]  # so many squares on the shortest edge but of the last, on 1/2
    assert area(points, found) == pytest.approx(squares * (0.25 if cells == 10 else edges.min() ** 2), rel=1e-7)


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


def second_order(points, cells):
    """The same cells with the middles of their edges as further points."""
    pairs = [(0, 1), (1, 2), (2, 0), *([(0, 3), (1, 3), (2, 3)] if cells.shape[1] == 4 else [])]
    middles = np.vstack([points[cells[:, list(pair)]].mean(axis=1) for pair in pairs])
    numbers = len(points) + np.arange(len(middles)).reshape(len(pairs), -1).T
    return np.vstack([points, middles]), np.hstack([cells, numbers])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(list(FORMATS)),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.floats(1e-3, 1e3),
    st.booleans(),
    st.booleans(),
)
def test_a_flat_mesh_may_lie_anywhere_in_space(tmp_path, kind, turn, scale, quadratic, single):
    """Its area over the square of its extent is that of the mesh in the plane, turned as it may be."""
    (name, how), (points, cells) = FORMATS[kind], ring()
    moved = Rotation.from_rotvec(turn).apply(points) * scale + [1.0, -2.0, 0.5] * np.array(scale)
    moved = moved.astype(np.float32).astype(float) if single else moved
    if quadratic and kind != "Wavefront":
        moved, cells = second_order(moved, cells)
    block = "triangle6" if cells.shape[1] == 6 else "triangle"
    data = written(tmp_path, name, moved, [(block, cells)], **how)
    (found, triangles), remarks = MESH.found(name, data)
    assert triangles.shape == (3, len(cells)) and np.ptp(found, axis=1).max() == pytest.approx(1.0)
    expected = area(points[:, :2].T, cells[:, :3].T)
    rigid = np.ptp(found, axis=1).max()
    sides = np.linalg.norm(np.diff(found[:, triangles[[0, 1, 2, 0]]], axis=1), axis=0).sum()
    given_sides = np.linalg.norm(np.diff(points[cells[:, [0, 1, 2, 0]]], axis=1), axis=2).sum()
    assert area(found, triangles) / sides**2 == pytest.approx(expected / given_sides**2, rel=1e-4) and rigid
    assert any("corners were read" in one for one in remarks) == (block == "triangle6")


def test_tetrahedra_of_second_order_are_read_by_their_corners(tmp_path):
    from skfem import MeshTet

    mesh = MeshTet().refined(2)
    points, cells = second_order(mesh.p.T, mesh.t.T)
    for name, how in (("t.vtu", {}), ("t.msh", dict(file_format="gmsh22", binary=False))):
        (found, tetrahedra), remarks = MESH.found(name, written(tmp_path, name, points, [("tetra10", cells)], **how))
        assert found.shape == mesh.p.shape and tetrahedra.shape == mesh.t.shape
        assert remarks == ("Cells of higher degree: their corners were read, and their sides taken as straight.",)


def test_the_boundary_of_a_mesh_is_not_looked_at(tmp_path):
    """Neither its kind of cells, nor points that no cell has."""
    from skfem import MeshTet

    mesh = MeshTet().refined(2)
    points = np.vstack([mesh.p.T, np.full((1, 3), np.nan)])
    cells = [("tetra", mesh.t.T), ("line3", np.array([[0, 1, 2]])), ("triangle6", np.arange(6)[None])]
    assert MESH.made("b.vtu", written(tmp_path, "b.vtu", points, cells, binary=False))[1].shape == mesh.t.shape


def test_what_an_obj_file_may_hold_besides_is_passed_over():
    points, faces = grid(3)
    coloured = points.replace("\n", " 0.5 0.5 1\n", 5)
    text = f"# un café\nmtllib a.mtl\no it\n{coloured}\nvn 0 0 1\nvt 0 0\nvt 0 0 1\ns off\ng one\n{faces}\nl 1 2\n"
    broken = text.replace("f 1 5", "f 1 \\\n5", 1)
    for one in (text, broken, text.replace("\n", "\r\n")):
        assert MESH.made("a.obj", one.encode("latin-1"))[1].shape == (3, 18)


def test_corners_counted_from_the_end_count_from_where_they_stand():
    lines = []
    for i in range(3):  # three strips of two squares each, their points before their faces
        lines += [f"v {i + a} {b} 0" for a in range(2) for b in range(3)]
        lines += ["f -6 -3 -2 -5", "f -5 -2 -1 -4"]
    found, remarks = MESH.found("a.obj", "\n".join(lines).encode())
    assert found[0].shape == (2, 12) and found[1].shape == (3, 12) and "6 points stood" in remarks[-1]


PARAMETRIC = """$MeshFormat
4.1 0 8
$EndMeshFormat
$Entities
0 1 1 0
7 0 0 0 1 0 0 0 2 1 2
7 0 0 0 1 1 0 1 3 1 7
$EndEntities
$Nodes
3 5 10 90
0 1 1 1
10
0 0 0
1 7 1 2
20
30
1 0 0 0.25
1 1 0 0.75
2 7 1 2
40
90
0 1 0 0.1 0.2
0.5 0.5 0 0.5 0.5
$EndNodes
$Elements
1 4 1 4
2 7 2 4
1 10 20 90
2 20 30 90
3 30 40 90
4 40 10 90
$EndElements
"""


def test_parameters_of_nodes_and_gaps_in_their_numbers_are_passed_over_in_gmshs_format_4():
    points, cells = MESH.made("a.msh", PARAMETRIC.encode())
    assert area(points, cells) == pytest.approx(1.0) and cells.shape == (3, 4)


def test_data_on_some_nodes_and_names_of_groups_are_passed_over(tmp_path):
    points, cells = ring()
    for name, how in (("a.msh", "gmsh"), ("b.msh", "gmsh22")):
        for binary in (True, False):
            data = written(tmp_path, name, points, [("triangle", cells)], file_format=how, binary=binary)
            head, end, rest = data.partition(b"$EndMeshFormat\n")
            names = b'$PhysicalNames\n1\n2 1 "Robin\'s"\n$EndPhysicalNames\n'
            some = b'$NodeData\n1\n"x"\n1\n0\n3\n0\n1\n1\n3 1.0\n$EndNodeData\n'
            assert MESH.made(name, head + end + names + rest + some)[1].shape == (3, len(cells))


def pieces(*, text: str = "", pixels: bool = False, kind: int = 0) -> bytes:
    """A VTK file of two pieces side by side, of quadrilaterals or of VTK's pixels, with data that nobody wants."""
    made = ""
    for shift in (0, 2):
        points = " ".join(f"{shift + i} {j} 0" for i in range(3) for j in range(3))
        order = (0, 3, 1, 4) if pixels else (0, 3, 4, 1)
        cells = " ".join(str(3 * i + j + k) for i in (0, 1) for j in (0, 1) for k in order)
        kinds = " ".join(4 * [str(kind or (8 if pixels else 9))])
        made += (
            '<Piece NumberOfPoints="9" NumberOfCells="4"><Points><DataArray type="Float32" NumberOfComponents="3">'
            f'{points}</DataArray></Points><Cells><DataArray type="Int64" Name="connectivity">{cells}</DataArray>'
            '<DataArray type="Int64" Name="offsets">4 8 12 16</DataArray><DataArray type="UInt8" Name="types">'
            f'{kinds}</DataArray></Cells><CellData><Array type="String" Name="kind">{text}</Array></CellData></Piece>'
        )
    head = '<?xml version="1.0"?><VTKFile type="UnstructuredGrid" version="2.2" byte_order="LittleEndian">'
    return f"{head}<UnstructuredGrid>{made}</UnstructuredGrid></VTKFile>".encode()


@pytest.mark.parametrize("pixels", [False, True])
def test_all_pieces_of_a_vtk_file_are_read(pixels):
    (points, cells), remarks = MESH.found("two.vtu", pieces(text="97 0", pixels=pixels))
    assert points.shape == (2, 15) and cells.shape == (3, 16) and area(points, cells) == pytest.approx(8 / 16)
    assert "3 points stood at the place of another" in remarks[-1]


def appended(compressed: bool) -> bytes:
    """A square of 4 × 4 squares as ParaView writes it: bytes appended to the text, data on the points among them."""
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    corner = (np.arange(4)[:, None] * 5 + np.arange(4)).reshape(-1, 1)
    arrays = [np.arange(25, dtype="<f4"), np.column_stack([x.ravel(), y.ravel(), 0 * x.ravel()]).astype("<f4")]
    arrays += [(corner + np.array([0, 1, 6, 5])).astype("<i8"), np.arange(4, 65, 4).astype("<i8"), np.full(16, 9, "u1")]
    blob, offsets = b"", []
    for data in (array.tobytes() for array in arrays):
        offsets.append(len(blob))
        packed = zlib.compress(data)
        sizes = (1, len(data), 0, len(packed)) if compressed else (len(data),)
        blob += np.array(sizes, dtype="<u4").tobytes() + (packed if compressed else data)
    about = [("Float32", "x", 1), ("Float32", "Points", 3), ("Int64", "connectivity", 1), ("Int64", "offsets", 1)]
    tags = [
        f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="{parts}" format="appended" offset="{offset}"/>'
        for (kind, name, parts), offset in zip([*about, ("UInt8", "types", 1)], offsets)
    ]
    compressor = ' compressor="vtkZLibDataCompressor"' if compressed else ""
    return (
        '<?xml version="1.0"?>\n'
        f'<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian"{compressor}>\n'
        '<UnstructuredGrid><Piece NumberOfPoints="25" NumberOfCells="16">'
        f"<PointData>{tags[0]}</PointData><Points>{tags[1]}</Points><Cells>{''.join(tags[2:])}</Cells>"
        '</Piece></UnstructuredGrid>\n<AppendedData encoding="raw">\n_'
    ).encode() + blob + b"\n</AppendedData>\n</VTKFile>\n"  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
def test_bytes_appended_to_the_text_of_a_vtk_file_are_read(compressed):
    points, cells = MESH.made("a.vtu", appended(compressed))
    assert cells.shape == (3, 32) and area(points, cells) == pytest.approx(1.0)


def test_where_the_reader_is_not_installed_that_is_said():
    assert "not installed: pip install 'convergence-toolkit[apps]'" in _reason(ModuleNotFoundError("meshio"))


@pytest.mark.parametrize(
    "kind, words", [(6, "cells that meshio cannot handle"), (15, "cells of the type 'penta_prism'")]
)
def test_cells_that_the_reader_does_not_know_are_not_called_damaged(kind, words):
    with pytest.raises(tk.ToolkitError, match=words) as refusal:
        MESH.accept("two.vtu", pieces(kind=kind))
    assert "damaged" not in str(refusal.value)


def cubes(extra: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Tetrahedra of two cubes on top of each other; `extra`: the upper one cuts the common face the other way."""
    corners = np.array([[i, j, k] for k in range(3) for j in range(2) for i in range(2)], dtype=float)
    centres = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 1.5]])
    sides = [(0, 1, 3, 2), (0, 1, 5, 4), (0, 2, 6, 4), (1, 3, 7, 5), (2, 3, 7, 6), (4, 5, 7, 6)]
    cells = []
    for level in range(2):
        for a, b, c, d in sides:
            if extra and level and (a, b, c, d) == sides[0]:
                a, b, c, d = b, c, d, a
            base = 4 * level
            cells += [(base + a, base + b, base + c, 12 + level), (base + a, base + c, base + d, 12 + level)]
    return np.vstack([corners, centres]), np.array(cells)


def test_a_face_cut_one_way_from_below_and_the_other_from_above_is_refused(tmp_path):
    points, cells = cubes()
    assert MESH.made("c.vtu", written(tmp_path, "c.vtu", points, [("tetra", cells)]))[1].shape == (4, 24)
    points, cells = cubes(extra=True)
    with pytest.raises(tk.ToolkitError, match=r"not joined face to face: around .* split on one side only"):
        MESH.accept("c.vtu", written(tmp_path, "c.vtu", points, [("tetra", cells)]))


def test_hanging_nodes_are_refused_wherever_they_are(tmp_path):
    """Of a conforming mesh one cell is cut in two: at its first inner edge, or the boundary's, where nothing hangs."""
    points, cells = ring()
    edges = np.sort(np.vstack([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]]), axis=1)
    every, count = np.unique(edges, axis=0, return_counts=True)
    for edge, times in list(zip(every, count))[:: len(every) // 12]:
        at = next(i for i, cell in enumerate(cells) if set(edge) <= set(cell))
        a, b = edge
        (c,) = set(cells[at]) - set(edge)
        more = np.vstack([np.delete(cells, at, axis=0), [a, len(points), c], [len(points), b, c]])
        data = written(tmp_path, "h.vtu", np.vstack([points, points[edge].mean(axis=0)]), [("triangle", more)])
        if times == 1:
            assert MESH.made("h.vtu", data)[1].shape == (3, len(more))
            continue
        with pytest.raises(tk.ToolkitError, match="hanging node") as refusal:
            MESH.accept("h.vtu", data)
        place = (points[edge].mean(axis=0) - points.min(axis=0))[:2] / np.ptp(points, axis=0).max()
        told = np.array(json.loads(str(refusal.value).split("around ")[1].split(" (")[0]))
        np.testing.assert_allclose(told, place, atol=1e-4)  # the node itself


def test_cells_over_one_another_are_refused_soon(monkeypatch):
    """Each has to be held against all others."""
    monkeypatch.setattr(mesh_checks, "MOST_PAIRS", 10_000)
    points, cells = np.random.default_rng(0).random((600, 2)), np.arange(600).reshape(-1, 3)
    rim = np.vstack([cells[:, [0, 1]], cells[:, [1, 2]], cells[:, [2, 0]]])
    with pytest.raises(tk.DataError, match="its cells lie over one another"):
        mesh_checks._conforming("x", points, rim, np.vstack([cells] * 3))


def test_two_parts_that_only_touch_are_not_one():
    """Two rows of squares, the upper one moved by half a square: no point of one is a point of the other."""
    low, high = grid(4), grid(4)
    points = high[0].splitlines()
    moved = [f"v {float(x) + 0.5} {y} {float(z) + 4}" for _, x, y, z in (one.split() for one in points)]
    count = len(points)
    faces = ["f " + " ".join(str(int(i) + count) for i in one.split()[1:]) for one in high[1].splitlines()]
    text = "\n".join([low[0], *moved, low[1], *faces, ""])
    with pytest.raises(tk.ToolkitError, match="not joined face to face"):
        MESH.accept("m.obj", text.encode())


SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
REFUSED = {
    "wrong ending": ("mesh.stl", b"v 0 0 0\n", r"mesh\.stl.*\.msh, \.vtu, \.obj"),
    "counted from 0": ("mesh.obj", f"{SQUARE}f 0 1 2\n".encode(), "count their corners from 0; expected from 1"),
    "STL": ("mesh.stl", b"solid a\nfacet normal 0 0 1\n", "an STL mesh; expected a mesh .* `meshio convert`"),
    "legacy VTK": ("mesh.vtk", b"# vtk DataFile Version 3.0\n", "a legacy VTK file; expected a mesh .*convert"),
    "an image": ("mesh.obj", b"\x89PNG\r\n\x1a\n", "it is a PNG image; expected a mesh"),
    "gmsh 1": ("mesh.msh", b"$NOD\n4\n", "gmsh's format 1, which is not read; save it in the format 2.2 or 4.1"),
    "another VTK file": ("mesh.vtu", b"<VTKFile type='PolyData'></VTKFile>", "Expected type UnstructuredGrid"),
    "torn": ("mesh.obj", f"{grid(2)[0]}\nv 1.00000005 3 1\n{grid(2)[1]}".replace("f 5 8", "f 10 8").encode(), "torn"),
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
