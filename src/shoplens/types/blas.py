"""The number of threads that matrix products use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


def single_blas_thread() -> AbstractContextManager[Any]:
    """Let matrix products use one thread inside the ``with`` statement.

    A search multiplies small matrices. Further threads of the BLAS library save nothing there, and wait for the next
    product in a loop that keeps their cores busy for milliseconds. Where the limit is one for the whole process, the
    first thread that sets it restores what was before, see the documentation of threadpoolctl.
    """
    limit: AbstractContextManager[Any] = _blas().limit(limits=1)
    return limit


@lru_cache(maxsize=1)
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
