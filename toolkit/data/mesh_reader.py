"""Reads one mesh file through meshio: a program of its own, run by `meshes` under limits of memory and time.

A reader of many formats believes what a file says of its sizes; in here it can only end itself. Points and cells are
all that is wanted: what a file says besides (tags, names, normals, data on points and cells) is passed over unread, so
that nothing in it can make a sound mesh look damaged.
Usage: python mesh_reader.py FILE msh|vtu|obj MEGABYTES SECONDS; writes an .npz with `points` and, by type, `cells`.
"""

import contextlib
import io
import re
import sys

SAID_OF = "it is not as the format says"


def limited(megabytes: int, seconds: int) -> None:
    """No more memory and processor time than this, where the system can say so."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


class Bare:
    """What meshio's readers make, with points and cells only."""

    def __init__(self, points, cells, **_):
        self.points = points
        self.cells = [(one.type, one.data) if hasattr(one, "type") else one for one in cells]


# -- gmsh ------------------------------------------------------------------------------------------------------------


def gmsh(path: str) -> list[Bare]:
    """A gmsh file of the formats 2 and 4; nodes may have parameters, what is not wanted may be there for some only."""
    from meshio.gmsh import _gmsh22, _gmsh40, _gmsh41, main
    from meshio.gmsh.common import _fast_forward_to_end_block as forward

    for format, entities in ((_gmsh22, None), (_gmsh40, None), (_gmsh41, (None, None))):
        format.Mesh = Bare
        format._read_physical_names = lambda f, *_: forward(f, "PhysicalNames")
        format._read_periodic = lambda f, *_: forward(f, "Periodic")
        format._read_data = lambda f, tag, *_: forward(f, tag)
        format._read_entities = lambda f, *_, given=entities: (forward(f, "Entities"), given)[1]
    _gmsh22._read_nodes = lambda f, text: (_nodes_of_2(f, text), forward(f, "Nodes"))[0]
    _gmsh41._read_nodes = lambda f, text, size: (_nodes_of_4(f, text, size), forward(f, "Nodes"))[0]
    with open(path, "rb") as file:
        data = file.read()
    if b"$ParametricNodes" in data:
        with open(path, "wb") as file:
            file.write(data.replace(b"ParametricNodes", b"Nodes"))
    return [main.read(path)]


def _nodes_of_2(f, text: bool):
    """(points, their tags) of the format 2; a text line may go on with parameters, tags are in any order."""
    import numpy as np

    count = int(f.readline())
    if not text:
        data = np.fromfile(f, count=count, dtype=[("tag", "i4"), ("x", "f8", (3,))])
        return np.ascontiguousarray(data["x"]), data["tag"]
    rows = []
    while len(rows) < count:
        line = f.readline()
        if not line:
            raise EOFError("the nodes end too soon")
        if line.strip():
            rows.append(line.split(maxsplit=4)[:4])
    found = np.array(rows, dtype=float).reshape(-1, 4)
    return found[:, 1:], found[:, 0]


def _nodes_of_4(f, text: bool, size: int):
    """(points, their tags from 0, nothing of their entities) of the format 4.1; parameters are dropped."""
    import numpy as np

    def read(kind, count):
        found = np.fromfile(f, kind, int(count), sep=" " if text else "")
        if len(found) < count:
            raise EOFError("the nodes end too soon")
        return found

    points, tags = [], []
    for _ in range(int(read(f"u{size}", 4)[0])):
        dim, _, parametric = read("i4", 3)
        (count,) = read(f"u{size}", 1)
        tags.append(read(f"u{size}", count).astype(np.int64) - 1)
        width = 3 + int(dim) * bool(parametric)
        points.append(read("f8", int(count) * width).reshape(-1, width)[:, :3])
    return np.concatenate(points), np.concatenate(tags), None


# -- the others ------------------------------------------------------------------------------------------------------


def vtu(path: str) -> list[Bare]:
    """The pieces of a VTK file, each read by itself: meshio keeps the cells of the last one only."""
    from xml.etree import ElementTree

    from meshio import _mesh, _vtk_common
    from meshio.vtu import _vtu

    _vtu.Mesh, _vtk_common.warn = Bare, sys.exit  # it warns of cells that it leaves out
    _vtk_common.num_nodes_per_cell["pixel"], _mesh.topological_dimension["pixel"] = 4, 2  # which it knows by name only
    try:
        tree = ElementTree.parse(path)
    except ElementTree.ParseError:  # bytes in the midst of the text: meshio finds its way by their places
        with open(path, "rb") as file:
            if file.read().count(b"<Piece") > 1:
                sys.exit("it has several pieces with raw data appended; save it as one piece, or as text")
        return [_vtu.read(path)]
    grid = tree.getroot().find("UnstructuredGrid")
    if grid is None:
        return [_vtu.read(path)]
    if tree.getroot().get("version", "").startswith("2"):  # as 1.0 for the cells that are read here
        tree.getroot().set("version", "1.0")
    pieces, found = grid.findall("Piece"), []
    for piece in pieces:
        for part in [one for one in piece if one.tag not in ("Points", "Cells")]:
            piece.remove(part)
        grid[:] = [piece]
        tree.write(path)
        try:
            found.append(_vtu.read(path))
        except KeyError as error:
            if error.args[0] in _vtk_common.meshio_to_vtk_type:  # known to meshio by its name only
                sys.exit(f"it has cells of the type {error.args[0]!r}: cut them into triangles or tetrahedra")
            raise
    return found or sys.exit("it has no piece")


def obj(path: str) -> list[Bare]:
    """A Wavefront file: its points and faces, whose corners may be counted from the end and name normals as well."""
    from meshio.obj import _obj

    _obj.Mesh = Bare
    with open(path, encoding="latin-1", newline="") as file:
        lines = file.read().replace("\\\r\n", " ").replace("\\\n", " ").split("\n")
    kept, points = [], 0
    for words in (line.split("#")[0].split() for line in lines):
        if words[:1] == ["v"]:
            points += 1
            kept.append(words[:4])
        elif words[:1] == ["f"]:
            corners = [int(word.split("/")[0]) for word in words[1:]]
            if 0 in corners:
                sys.exit("its faces count their corners from 0; expected from 1, or from the end")
            kept.append(["f", *(str(one if one > 0 else points + 1 + one) for one in corners)])
    with open(path, "w") as file:
        file.writelines(" ".join(words) + "\n" for words in kept)
    return [_obj.read(path)]


def main(path: str, kind: str, megabytes: str, seconds: str) -> None:
    """Read and write; of several pieces the cells count on in the points of all."""
    limited(int(megabytes), int(seconds))
    import numpy as np

    with contextlib.redirect_stdout(io.StringIO()):
        pieces = {"msh": gmsh, "vtu": vtu, "obj": obj}[kind](path)
    found: dict[str, list] = {}
    first = 0
    for piece in pieces:
        for name, cells in piece.cells:
            data = np.atleast_2d(np.asarray(cells, dtype=np.int64))
            data = np.where(data < 0, data, data + first)
            found.setdefault(f"cells_{name}:{data.shape[1]}", []).append(data)
        first += len(piece.points)
    points = np.concatenate([np.asarray(piece.points, dtype=float) for piece in pieces])
    np.savez(sys.stdout.buffer, points=points, **{name: np.concatenate(blocks) for name, blocks in found.items()})


def _reason(error: BaseException) -> str:
    """An error in words, without the place where the file lies for the while."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is for a mesh"
    if isinstance(error, ImportError):
        return "meshes are read by meshio, which is not installed: pip install 'convergence-toolkit[apps]'"
    if isinstance(error, SystemExit):
        return str(error.code) if isinstance(error.code, str) else SAID_OF
    words = str(error)[:200].replace(sys.argv[1], "the file")
    if type(error).__name__ == "ReadError" and words:
        return words
    words = re.sub(r"b?(['\"]).*?\1", "…", words)  # what stands in the file is nobody's business
    return f"damaged or truncated: {type(error).__name__}: {words or SAID_OF}"


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException as error:
        sys.exit(_reason(error))
