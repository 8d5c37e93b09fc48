"""Reads one mesh file through meshio: a program of its own, run by `meshes` under limits of memory and time.

A reader of many formats believes what a file says of its sizes; in here it can only end itself.
Usage: python mesh_reader.py FILE msh|vtu|obj MEGABYTES SECONDS; writes an .npz with `points` and, by type, `cells`.
"""

import contextlib
import io
import sys


def limited(megabytes: int, seconds: int) -> None:
    """No more memory and processor time than this, where the system can say so."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def main(path: str, kind: str, megabytes: str, seconds: str) -> None:
    """Read and write."""
    limited(int(megabytes), int(seconds))
    import meshio
    import numpy as np

    with contextlib.redirect_stdout(io.StringIO()):
        mesh = {"msh": meshio.gmsh.read, "vtu": meshio.vtu.read, "obj": meshio.obj.read}[kind](path)
    found: dict[str, list] = {}
    for block in mesh.cells:
        found.setdefault(block.type, []).append(np.atleast_2d(np.asarray(block.data, dtype=np.int64)))
    cells = {f"cells_{name}": np.concatenate(blocks) for name, blocks in found.items()}
    np.savez(sys.stdout.buffer, points=np.asarray(mesh.points, dtype=float), **cells)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MemoryError:
        sys.exit("it needs more memory than there is for a mesh")
    except BaseException as error:
        if isinstance(error, SystemExit):
            sys.exit("it is not as the format says")
        sys.exit(f"{type(error).__name__}: {str(error)[:200] or 'it is not as the format says'}")
