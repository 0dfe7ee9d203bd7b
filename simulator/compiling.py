"""How kernels are compiled: lazily, and kept on disk as long as nothing that they are made from has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
#: A kernel owns no array, so it does without reference counts (`_nrt`), which would be atomic operations in every call
#: of a rule; they took a third of an engine's time. None divides by zero, and a check of it keeps a loop from taking
#: several values at a time.
_OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


class Kernels:
    """Kernels that are made from the same files.

    Numba keeps compiled code until the file of the function itself changes; a kernel that takes rules and numbers from
    other files would silently go on with the old ones. So the stamp of its cache covers all files that it is made from.
    It is in the version of the cache too: an index of another version is not read any further, and may name classes
    that are no more.

    Parameters
    ----------
    files : iterable of Path
        All that the kernels are made from.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
        self.stamp = digest.hexdigest()

    def kernel(self, function: Function) -> Function:
        """Compiled form of a function of arrays and numbers."""
        compile_lazily: Any = njit
        compiled = compile_lazily(cache=True, **_OPTIONS)(function)
        cache_file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
        if hasattr(cache_file, "_source_stamp") and hasattr(cache_file, "_version"):
            cache_file._source_stamp = self.stamp
            cache_file._version = f"{cache_file._version} {self.stamp}"
        return cast(Function, compiled)

    def rule(self, function: Function) -> Function:
        """Compiled form of a function that becomes part of each kernel that calls it, and is kept with it.

        An array that is passed on takes seven machine words, so a call may cost more than the rule.
        """
        compile_lazily: Any = njit
        return cast(Function, compile_lazily(forceinline=True, **_OPTIONS)(function))
