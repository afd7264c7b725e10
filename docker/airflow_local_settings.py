"""What a Celery worker imports before it forks: tasks inherit it, and each would take longer than its work.

A torch that has only been imported survives a fork; one that has computed makes the child hang: so no
model is loaded here. Other components import nothing.
"""

import sys

if sys.argv[1:3] == ["celery", "worker"]:
    from importlib import import_module

    # pipeline first: it chooses Arrow's allocator.
    for name in ("pipeline", "great_expectations", "pyarrow.dataset", "pyarrow.parquet", "models.infer",
                 "pipeline.ingest", "pipeline.orchestration"):  # fmt: skip
        import_module(name)
