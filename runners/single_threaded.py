"""The environment variables that keep numpy's libraries to one thread: what a run computes must not depend on how many processors
there are."""

from __future__ import annotations

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
