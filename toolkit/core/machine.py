"""Machine: what decides the last digit of a run. Two runs on machines that agree must agree bit for bit.

That is the processor as the compiler sees it (`NUMBA_CPU_NAME` alone narrows nothing: the features stay those of this
processor unless `NUMBA_CPU_FEATURES` is set too, be it to nothing), the BLAS with its threads (a product may be summed
in as many parts), and the versions of whatever computes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
from dataclasses import asdict, dataclass

import numpy as np

LIBRARIES = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "Numba": "numba",
    "llvmlite": "llvmlite",
    "PyAMG": "pyamg",
    "scikit-fem": "scikit-fem",
    "scikit-learn": "scikit-learn",
    "toolkit": "convergence-toolkit",
}
MOST = 400  # characters of a text that somebody else has written
_STRANGE = re.compile(r"[^\w .,+()#-]")
# Eight sums side by side: the widest registers in what the compiler makes of it are those it may use.
_SUMS = "define <8 x double> @f(<8 x double> %a, <8 x double> %b) { %c = fadd <8 x double> %a, %b ret <8 x double> %c }"


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides the last digit, in words.

    `processor` is the one that is compiled for, `vectors` the bits of its vectors, `code` a digest of all else that
    chooses the code that runs: features, those of the processor itself, the system, settings. `blas` and `versions` are
    texts, or digests of them (`#…`) where room is short; what is empty or 0 is not known.
    """

    processor: str = ""
    vectors: int = 0
    code: str = ""
    blas: str = ""
    versions: str = ""

    def words(self) -> dict:
        """As JSON-ready data."""
        return {name: value for name, value in asdict(self).items() if value}

    def short(self) -> list:
        """The same for a link: texts that say nothing to a reader of the link are digests."""
        return [self.processor, self.vectors, self.code, _digested(self.blas), _digested(self.versions)]

    @classmethod
    def read(cls, found) -> Machine:
        """From what `words` or `short` gave; what is not understood is not known."""
        if isinstance(found, list):
            found = dict(zip(("processor", "vectors", "code", "blas", "versions"), found))
        if not isinstance(found, dict):
            return cls()
        texts = {name: found.get(name) for name in ("processor", "code", "blas", "versions")}
        kept = {name: _STRANGE.sub("", text)[:MOST] for name, text in texts.items() if isinstance(text, str)}
        bits = found.get("vectors")
        return cls(**kept, vectors=bits if type(bits) is int and 0 <= bits < 1 << 16 else 0)

    def other(self, here: Machine) -> list[str]:
        """In what `here` is another machine, in words; what is not known of either is taken to agree."""
        found = []
        if not _agree(self.processor, here.processor) or not _agree(self.vectors, here.vectors):
            found.append(f"another processor ({self._core()}; here {here._core()})")
        elif not _agree(self.code, here.code):
            found.append("a processor or a system with other features or settings")
        if not _agree(self.blas, here.blas):
            known = not self.blas.startswith("#")
            found.append(f"another BLAS ({self.blas}; here {here.blas})" if known else "another BLAS or other threads")
        return found + _newer(self.versions, here.versions)

    def _core(self) -> str:
        return self.processor + (f" with vectors of {self.vectors} bits" if self.vectors else "")


def _digested(text: str) -> str:
    return text if not text or text.startswith("#") else "#" + _digest(text, 3)


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def _agree(was, now) -> bool:
    if not was or not now or was == now:
        return True
    return isinstance(was, str) and "#" in was[:1] + now[:1] and _digested(was) == _digested(now)


def _newer(was: str, now: str) -> list[str]:
    """The versions that differ, each where both are told."""
    if _agree(was, now):
        return []
    if was.startswith("#") or now.startswith("#"):
        return ["other versions of libraries"]
    old, new = (dict(one.rsplit(" ", 1) for one in text.split(", ") if " " in one) for text in (was, now))
    return [f"{name} {old[name]} (here {new[name]})" for name in old if name in new and old[name] != new[name]]


def machine() -> Machine:
    """The one that this process runs on, with the threads of BLAS as they are set now."""
    processor, vectors, code, versions = _fixed()
    return Machine(processor, vectors, code, _blas(), versions)


@functools.cache
def _fixed() -> tuple[str, int, str, str]:
    import numba
    from llvmlite import binding

    name, features = _target()
    vectors = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
    host = sorted(flag for flag, has in binding.get_host_cpu_features().items() if has)
    chosen = {n: getattr(numba.config, n, None) for n in ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "USING_SVML")}
    system = [platform.system(), platform.machine(), os.environ.get("GLIBC_TUNABLES", "")]
    parts = [binding.get_host_cpu_name(), host, name, features, list(vectors), chosen, system]
    if numba.config.DISABLE_JIT:
        name, width, parts = "no compiler", 0, [*parts, "plain Python"]
    else:
        width = _width(name, features)
    return name, width, _digest(json.dumps(parts), 4), _versions()


def _target() -> tuple[str, str]:
    """(processor, features) that Numba compiles for."""
    from llvmlite import binding
    from numba import config
    from numba.core.codegen import get_host_cpu_features

    name = binding.get_host_cpu_name() if config.CPU_NAME is None else config.CPU_NAME
    return name, get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES


def _width(name: str, features: str) -> int:
    """Bits of the widest vectors that the compiler uses for such a processor."""
    from llvmlite import binding
    from numba.core.codegen import initialize_llvm

    initialize_llvm()
    compiler = binding.Target.from_default_triple().create_target_machine(cpu=name, features=features, opt=3)
    made = compiler.emit_assembly(binding.parse_assembly(_SUMS))
    return next((bits for register, bits in (("zmm", 512), ("ymm", 256)) if register in made), 128)


def _versions() -> str:
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name, package in LIBRARIES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    libc, version = platform.libc_ver()
    return ", ".join(f"{name} {version}" for name, version in (found | {libc: version}).items() if name)


def _blas() -> str:
    """NumPy's BLAS: name, version, the processor it computes for, threads. SciPy's is set by the same settings."""
    from threadpoolctl import threadpool_info

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    own = next((one for one in found if "scipy.libs" not in one["filepath"]), None)
    if own is None:
        built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
        return f"{built.get('name', '')} {built.get('version', '')}".strip()
    threads = own["num_threads"]
    core = own.get("architecture") or ""
    return f"{own['internal_api']} {own['version']} {core} with {threads} thread{'s' if threads > 1 else ''}"
