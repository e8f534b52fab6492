"""Matrix products use one thread during a search, and as many as before afterwards."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from shoplens.types.blas import single_blas_thread


def blas_threads() -> int:
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def test_inside_there_is_one_thread_and_afterwards_as_many_as_before() -> None:
    with threadpool_limits(2, user_api="blas"):
        with single_blas_thread():
            with single_blas_thread():
                assert blas_threads() == 1
            assert blas_threads() == 1
        assert blas_threads() == 2
