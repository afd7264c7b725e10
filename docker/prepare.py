"""What Airflow's components need before they start: `prepare.py SLOTS`.

The bucket of the lake, where the lake is on an object store; the tables of Airflow's database; the pool of
the model stages, with a slot for each worker that is to hold a model in memory. May be repeated.
"""

import os
import subprocess
import sys

from pyarrow import fs

POOL = ("standpoint_model", "Tasks that hold the model in memory and keep every core busy.")


def main(slots: str) -> None:
    """Prepare everything; raises CalledProcessError or OSError where that fails."""
    lake = os.environ["STANDPOINT_LAKE"]
    if lake.startswith("s3://"):
        make_bucket(lake)
    subprocess.run(["airflow", "db", "migrate"], check=True)
    subprocess.run(["airflow", "pools", "set", POOL[0], slots, POOL[1]], check=True)


def make_bucket(uri: str) -> None:
    """Make the bucket of an `s3://` URI where it is missing."""
    more = "&" if "?" in uri else "?"
    filesystem, path = fs.FileSystem.from_uri(f"{uri}{more}allow_bucket_creation=true")
    filesystem.create_dir(path.partition("/")[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
