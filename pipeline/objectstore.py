"""S3 with patience: what the AWS SDK under pyarrow leaves undone when a network or a store fails.

The SDK tries most requests again, but not a read that is answered with an error, and it reads a small
object in two requests between which another writer may replace it. Here every operation is tried again,
with exponential back-off and full jitter, for a bounded time, and ends in one line (docs/storage.md).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import EnvironmentProblem, UsageError
from pipeline.ranges import RangeReader

Result = TypeVar("Result")
OPTIONS = ("region", "endpoint_override", "scheme")  # that a URI may name
CONNECT_TIMEOUT = 5.0
SILENCE = 15.0  # seconds without a byte after which a request is given up
SDK_ATTEMPTS = 3  # of one request, by the SDK
ATTEMPTS = 5  # of one operation, here
PATIENCE = 60.0  # seconds after which no attempt is begun
PAUSE = 0.5  # seconds; doubled with each attempt
PART = 10 * 2**20  # bytes from which on pyarrow makes a multipart upload of an object
DENIED = re.compile("ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN_ID")
NO_BUCKET = "NO_SUCH_BUCKET"


def connect(uri: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of an `s3://` URI, and the root in it: bucket and prefix. No request is made but to
    find the region, where neither URI nor endpoint tells it.

    Raises UsageError for a URI that holds credentials, names no bucket or another option than `OPTIONS`;
    EnvironmentProblem when the region cannot be found.
    """
    parts = urlsplit(uri)
    shown = f"s3://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if "@" in parts.netloc:
        raise UsageError(
            f"store {shown!r}: its URI holds credentials, which would end in logs; leave them out and "
            "give them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role"
        )
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OPTIONS:
            raise UsageError(f"store {shown!r}: option {name!r} is not one of {', '.join(OPTIONS)}")
    if not parts.netloc:
        raise UsageError(f"store {uri!r} names no bucket: s3://BUCKET/FOLDER is needed")
    try:
        found, root = fs.FileSystem.from_uri(uri)
    except (OSError, pa.ArrowInvalid) as error:
        raise EnvironmentProblem(f"store {shown!r} cannot be opened: {_line(error)}") from error
    # A URI cannot tell how patient to be: its options, as a pickled copy would have them, and that.
    _, (options,) = found.__reduce__()
    options |= {
        "connect_timeout": CONNECT_TIMEOUT,
        "request_timeout": SILENCE,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=SDK_ATTEMPTS),
    }
    small = fs.S3FileSystem(**options | {"allow_delayed_open": True})
    return fs.PyFileSystem(Patient(fs.S3FileSystem(**options), small, shown)), root


class Patient(fs.FileSystemHandler):
    """An S3 filesystem that tries again. Objects are put whole; there are no streams to write to."""

    def __init__(self, inner: fs.FileSystem, small: fs.FileSystem, uri: str) -> None:
        """`small` puts objects of less than a part in one request; `uri` is what error lines name."""
        self.inner, self.small, self.uri = inner, small, uri

    def patiently(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, tried again while the store fails; raises EnvironmentProblem at last."""
        began = time.monotonic()
        for attempt in range(ATTEMPTS):
            try:
                return work()
            except FileNotFoundError:
                raise
            except OSError as error:
                late = time.monotonic() - began > PATIENCE
                if attempt == ATTEMPTS - 1 or late or DENIED.search(str(error)) or NO_BUCKET in str(error):
                    self._give_up(error, attempt + 1, time.monotonic() - began)
            time.sleep(random.uniform(0, PAUSE * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")

    def _give_up(self, error: OSError, attempts: int, seconds: float) -> NoReturn:
        if DENIED.search(str(error)):
            what = "access is denied; check the credentials and what they permit (docs/storage.md)"
        elif NO_BUCKET in str(error):
            what = "there is no such bucket; create it, or name another"
        else:
            what = (
                f"gave up at attempt {attempts}, after {seconds:.0f} s; check the store, its endpoint and "
                "the network, then run this again"
            )
        raise EnvironmentProblem(f"store {self.uri!r}: {what} ({_line(error)})") from error

    def read(self, path: str) -> bytes:
        """A whole object in one of its versions, though it be replaced meanwhile.

        Raises FileNotFoundError where there is none.
        """

        def whole() -> bytes:
            with self._reader(path) as file:
                data = file.read()
                if file.is_replaced():
                    raise OSError(f"{path} was replaced again and again while it was read")
            return data

        return self.patiently(whole)

    def put(self, path: str, data: bytes) -> None:
        """Put a whole object in place: all of it or nothing is seen."""
        # A stream publishes what it has when it is closed or collected, whatever went wrong before. In one
        # PUT that is all or nothing. A larger object needs an upload that is begun when the stream is opened,
        # or one that cannot begin would leave an empty object; one of its parts that fails spoils the rest.
        filesystem = self.small if len(data) < PART else self.inner

        def whole() -> None:
            with filesystem.open_output_stream(path, compression=None) as stream:
                stream.write(data)

        # Ctrl-C and the like are raised in the main thread: in another, a stream is never left half written.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.patiently, whole).result()

    def exists(self, path: str) -> bool:
        """Whether there is an object of this name, in one request."""
        try:
            self.patiently(lambda: self.inner.open_input_file(path)).close()
        except FileNotFoundError:
            return False
        return True

    def open_input_file(self, path: str) -> pa.PythonFile:
        """An object opened for random access; FileNotFoundError where there is none."""
        return pa.PythonFile(self.patiently(lambda: self._reader(path)), mode="r")

    def open_input_stream(self, path: str) -> pa.PythonFile:
        """The same."""
        return self.open_input_file(path)

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:
        """What is at these paths."""
        return self.patiently(lambda: self.inner.get_file_info(paths))

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """What is under a prefix, in one request for each 1,000 objects."""
        return self.patiently(lambda: self.inner.get_file_info(selector))

    def delete_file(self, path: str) -> None:
        """Remove an object; FileNotFoundError where there is none."""
        self.patiently(lambda: self.inner.delete_file(path))

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        """Remove all objects under a prefix."""
        self.patiently(lambda: self.inner.delete_dir_contents(path, missing_dir_ok=missing_dir_ok))

    def _reader(self, path: str) -> RangeReader:
        return RangeReader(lambda: self.inner.open_input_file(path), self.patiently)

    def get_type_name(self) -> str:
        """What kind of filesystem this is."""
        return "s3"

    def normalize_path(self, path: str) -> str:
        """The path as it is."""
        return path

    def _refuse(self, *args: Any, **more: Any) -> NoReturn:
        raise NotImplementedError("an object store is read, put to and deleted from, nothing else")

    create_dir = delete_dir = delete_root_dir_contents = move = copy_file = _refuse
    open_output_stream = open_append_stream = _refuse


def told(text: str) -> str | None:
    """The line that `Patient` gave up with, where another library's error quotes it."""
    found = re.search(r"store 's3://.*?(?=\. Detail: Python exception)", text, re.S)
    return found and found.group()


def _line(error: BaseException) -> str:
    """What an error says, as one line of bounded length."""
    return " ".join(str(error).split())[:300]
