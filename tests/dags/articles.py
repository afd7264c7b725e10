"""Small raw articles on the disk, as `ingest` takes them."""

from datetime import date
from pathlib import Path

LINES = (
    "Mayor Anna Reed sharply criticised the Harbour Company on Tuesday, calling its plan a disgrace.",
    "The Harbour Company thanked the council of Larkhaven for its support.",
)


def put(folder: Path, name: str, day: date, *lines: str) -> Path:
    """An article of this day, in the layout of the seeds."""
    path = folder / f"{name}.txt"
    head = (f"Mayor of Larkhaven attacks the harbour plan, {name}", f"{day:%Y%m%d}")
    text = (*head, f"https://gazette.example.com/{name}", *(lines or LINES))
    path.write_text("\n".join(text) + "\n", "utf-8")
    return path
