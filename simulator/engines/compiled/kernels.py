"""How kernels and the rules in them are compiled: lazily, and kept on disk as long as no rule has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def _digest_of_sources() -> str:
    """Digest of all that kernels are made from: the files of this folder, and those whose numbers they take."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*sorted(here.glob("*.py")), here.parent / "pool.py", here.parent / "tables.py"]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


_STAMP = _digest_of_sources()


def kernel(function: Function) -> Function:
    """Compiled form of a function of arrays and numbers.

    Kernels own no array, so they do without reference counts (`_nrt`), which would be atomic operations in every
    call of a rule; they took a third of the time. Numba keeps compiled code until the file of the function itself
    changes; a kernel that calls rules in other files would silently go on with the old ones, so the stamp of its
    cache covers all files that it is made from. It is in the version of the cache too: an index of another version is
    not read any further, and may name classes that are no more.
    """
    return _compiled(function)


def rule(function: Function) -> Function:
    """Compiled form of a short function that becomes part of each kernel that calls it.

    An array that is passed on takes seven machine words, so a call may cost more than the rule.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: Function, **options: bool) -> Function:
    compile_lazily: Any = njit
    compiled = compile_lazily(cache=True, _nrt=False, error_model="numpy", **options)(function)
    cache_file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(cache_file, "_source_stamp") and hasattr(cache_file, "_version"):
        cache_file._source_stamp = _STAMP
        cache_file._version = f"{cache_file._version} {_STAMP}"
    return cast(Function, compiled)
