"""An invented corpus: one article a day, some of them nearly the one of the day before."""

from datetime import date, timedelta
from pathlib import Path

FIRST = date(2021, 3, 1)
PEOPLE = ("Anna Reed", "Tomas Varga", "Ilse Brandt", "Omar Haddad", "Ruth Okafor")
BODIES = ("the Harbour Company", "the Larkhaven Council", "the Northern Union", "the Port Authority")
VERBS = ("sharply criticised", "praised", "met", "condemned", "thanked", "accused")


def days(number: int) -> list[date]:
    """The days of a corpus of this size."""
    return [FIRST + timedelta(no) for no in range(number)]


def write(folder: Path, number: int) -> None:
    """Write the articles, in the layout of the seeds; every fifth repeats the text of the day before."""
    folder.mkdir(parents=True, exist_ok=True)
    for no, day in enumerate(days(number)):
        told = no - 1 if no % 5 == 4 else no
        person, body, verb = (names[told % len(names)] for names in (PEOPLE, BODIES, VERBS))
        other = BODIES[(told + 1) % len(BODIES)]
        lines = (
            f"{person} {verb} {body}, report {no}",
            f"{day:%Y%m%d}",
            f"https://gazette.example.com/report-{no}",
            f"Mayor {person} {verb} {body} on its plan for quarter {told} of Larkhaven.",
            f"“We stand behind {other},” {person} said. {other} did not answer {told} letters.",
            f"Critics accuse {body} of having misled {told + 40} residents and {other}.",
        )
        (folder / f"report-{no:04}.txt").write_text("\n".join(lines) + "\n", "utf-8")
