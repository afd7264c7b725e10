"""What PyTorch keeps of its products."""

import os
import subprocess
import sys
from pathlib import Path

from models.kernels import bound_kernel_caches

ROOT = Path(__file__).resolve().parents[2]


def test_what_pytorch_remembers_of_its_products_is_bounded_unless_a_user_says_otherwise():
    environ = {"LRU_CACHE_CAPACITY": "7"}
    bound_kernel_caches(environ)
    assert environ == {"LRU_CACHE_CAPACITY": "7", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}


GROWTH = """
from models.fast import _dense, packs
import torch

def held():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

weight = torch.zeros(1536, 384, dtype=torch.bfloat16)
dense = _dense(weight, torch.zeros(1536, dtype=torch.bfloat16))
given = torch.zeros(300, 384, dtype=torch.bfloat16)
with torch.inference_mode():
    for rows in range(1, 71):
        dense(given[:rows])
    before = held()
    for rows in range(71, 271):
        dense(given[:rows])
print(held() - before if packs(weight) else "no packed products on this processor")
"""


def test_products_of_ever_new_sizes_take_no_more_memory():
    """Two hundred sizes took 130 MB where one cache was not bounded, and a run has thousands."""
    # Without what this process has set, which imported `models` itself.
    clean = {name: value for name, value in os.environ.items() if not name.endswith("CACHE_CAPACITY")}
    found = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, cwd=ROOT, env=clean
    ).stdout.strip()
    assert found.startswith("no packed") or int(found) < 70
