"""What PyTorch keeps of its products: bounded before it is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

KERNELS = "64"


def bound_kernel_caches(environ: MutableMapping[str, str] = os.environ) -> None:
    """Bound what PyTorch remembers of its products; to be called before PyTorch is first imported.

    oneDNN makes a kernel of some 0.6 MB for every number of rows that it multiplies, and that differs from
    batch to batch. Two caches keep 1,024 of them each: more than half a gigabyte. A batch needs a dozen.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        environ.setdefault(name, KERNELS)
