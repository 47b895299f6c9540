"""Languages: what a code stands for, and whether two codes stand for the same.

Data sets spell the same language in many ways: `zh`, `zho`, `cmn`, `zh-CN`, `zho_Hans`, `Chinese`. All of them are read
here and brought to one row of `languages.csv`, whose key is a BCP-47 code, with the script where the table holds a
language in more than one. A code that is not understood stands for itself: no script, family or place is made up.
"""

import csv
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Direction = Literal["ltr", "rtl"]

RIGHT_TO_LEFT = frozenset((
    "Adlm", "Armi", "Arab", "Avst", "Hebr", "Hung", "Mand", "Mani", "Nbat", "Nkoo", "Phnx", "Rohg", "Samr", "Syrc",
    "Thaa",
))  # fmt: skip
"""Scripts (ISO 15924) that run from right to left."""

_SAME_SCRIPT = {"Hang": "Kore", "Hrkt": "Jpan", "Aran": "Arab"}
"""Scripts that data sets name for a part or a style of the one that the table names."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language in one script."""

    code: str
    """BCP-47, the key inside xbench; with the script where the table holds the language in more than one."""
    iso639_3: str
    """ISO 639-3, the macrolanguage where the data sets mean one; empty = none, or not known."""
    script: str
    """ISO 15924; empty = unknown."""
    direction: Direction
    """Which way lines of this script run; left to right unless the script is known to run the other way."""
    name: str
    """In English; the code itself where the language is not known."""
    autonym: str
    """What its speakers call it, in this script; empty = unknown."""
    family: str
    """The highest group that Glottolog puts it in, an isolate's own name, or "synthetic"; empty = unknown."""
    macro_area: str
    """Glottolog's part of the world; empty = unknown, or spoken nowhere by birth."""
    resource_class: int | None
    """0 (left behind) to 5 (winner), in the taxonomy of Joshi et al. 2020, or by design where synthetic; None = not
    listed, or not unambiguously."""
    proxy: str
    """For a macrolanguage: the ISO 639-3 code of the individual language that stands for its family and place."""
    latitude: float | None = None
    """Degrees, of the point that Glottolog gives; None = unknown, or spoken nowhere by birth."""
    longitude: float | None = None
    """Degrees."""
    speakers: int | None = None
    """People who speak it, as a first language or a further one, in all scripts; None = unknown."""
    speakers_source: str = ""
    """Who counted the speakers, and the year."""


class _Tag(NamedTuple):
    """A code as it was understood."""

    base: str
    """The language without its script, in lower case: what two spellings of one language have in common."""
    script: str
    """The script that the code itself names; empty = it names none."""
    language: Language


class _Table(NamedTuple):
    rows: tuple[Language, ...]
    spellings: dict[str, Language]
    """Every way to spell a row, normalised -> the row; a bare code of several rows -> the one it means by default."""
    several: frozenset[str]
    """Bases that have more than one row."""


def language(code: str) -> Language:
    """The language that a code, or an English name, stands for.

    Takes ISO 639-1, 639-2 and 639-3, BCP-47, FLORES (`arb_Arab`), underscores or hyphens, any case, and the codes that
    data sets made up (`zh-min-nan`). Never raises: what is not understood comes back as a language of that name.
    """
    return _read(code).language


def same(a: str, b: str) -> bool:
    """Whether two codes name the same language, as far as a person means who asks for one of them.

    A macrolanguage is its usual member (`sw`, `swh`); a code without a script is that language in any script; countries
    do not count, except where they tell the script (`zh-TW`).
    """
    one, other = _read(a), _read(b)
    return one.base == other.base and (not one.script or not other.script or one.script == other.script)


def match(wanted: str, codes: Sequence[str]) -> tuple[str, ...]:
    """Those of a task's own codes that `wanted` names; the very same spelling wins alone over other spellings."""
    return (wanted,) if wanted in codes else tuple(code for code in codes if same(wanted, code))


def known() -> tuple[Language, ...]:
    """Every row of the table, by code."""
    return _table().rows


@functools.cache
def _table() -> _Table:
    """Read languages.csv, once."""
    # Imported here because it takes longer to load than the rest of this module.
    from importlib import resources

    text = resources.files("xbench").joinpath("languages.csv").read_text(encoding="utf-8")
    records = list(csv.DictReader(text.splitlines()))
    rows = [_row(record) for record in records]
    bases = [_base(row.code) for row in rows]
    spellings = {_key(row.code): row for row in rows}
    # The surest spellings come first, and the first claim holds: no name in English may take a code away.
    for record, row in zip(records, rows, strict=True):
        for other in record["also"].split():
            spellings.setdefault(other, row)
    for column in ("iso639_3", "proxy", "name"):
        for record, row in zip(records, rows, strict=True):
            if record[column]:
                spellings.setdefault(_key(record[column]), row)
    several = frozenset(base for base in bases if bases.count(base) > 1)
    return _Table(tuple(sorted(rows, key=lambda row: row.code)), spellings, several)


def _row(record: dict[str, str]) -> Language:
    return Language(
        code=record["code"],
        iso639_3=record["iso639_3"],
        script=record["script"],
        direction="rtl" if record["direction"] == "rtl" else "ltr",
        name=record["name"],
        autonym=record["autonym"],
        family=record["family"],
        macro_area=record["macro_area"],
        resource_class=int(record["resource_class"]) if record["resource_class"] else None,
        proxy=record["proxy"],
        latitude=float(record["latitude"]) if record["latitude"] else None,
        longitude=float(record["longitude"]) if record["longitude"] else None,
        speakers=int(record["speakers"]) if record["speakers"] else None,
        speakers_source=record["speakers_source"],
    )


def _key(code: str) -> str:
    """The form in which spellings are compared."""
    return "-".join(code.replace("_", "-").lower().split())


def _base(code: str) -> str:
    """A row's code without its script."""
    first, *rest = _key(code).split("-")
    return "-".join([first, *(part for part in rest if not _is_script(part))])


def _is_script(part: str) -> bool:
    return len(part) == 4 and part.isascii() and part.isalpha()


def _is_region(part: str) -> bool:
    return part.isascii() and ((len(part) == 2 and part.isalpha()) or (len(part) == 3 and part.isdigit()))


@functools.lru_cache(maxsize=4096)
def _read(code: str) -> _Tag:
    """Understand a code: as the table spells it, else by its parts, else as the registries write it today."""
    key = _key(code)
    tag = _spelled(key) or _assembled(key)
    if tag is None:
        standard = _standard(key)
        tag = _spelled(standard) or _assembled(standard) or _unlisted(code, key, standard)
    return tag


def _spelled(key: str) -> _Tag | None:
    """A code that is spelled out in the table."""
    row = _table().spellings.get(key)
    if row is None:
        return None
    named = row.script.lower() in key.split("-")[1:]
    return _Tag(_base(row.code), row.script if named else "", row)


def _assembled(key: str) -> _Tag | None:
    """A code of a language in the table, with a script or a country that the table does not spell out."""
    table = _table()
    parts = _parts(key)
    row = table.spellings.get(parts[0]) if parts else None
    # The synthetic languages' codes mean others elsewhere (`mid` is Mandaic): they are taken only as they stand.
    if parts is None or row is None or row.family == "synthetic":
        return None
    base, (_, script, region) = _base(row.code), parts
    if not script and region and base in table.several:
        script = _usual_script(base, region)
    if not script or script == row.script:
        return _Tag(base, script, row)
    listed = table.spellings.get(f"{base}-{script.lower()}")
    return _Tag(base, script, listed or _in_script(row, base, script))


def _parts(key: str) -> tuple[str, str, str] | None:
    """Language, script and country of a code that is made of nothing else; empty = not named."""
    first, *rest = key.split("-")
    script = rest.pop(0).title() if rest and _is_script(rest[0]) else ""
    region = rest.pop(0).upper() if rest and _is_region(rest[0]) else ""
    return None if rest else (first, _SAME_SCRIPT.get(script, script), region)


def _in_script(row: Language, base: str, script: str) -> Language:
    """A known language in a script in which the table does not hold it."""
    name = row.name.partition(" (")[0]
    return replace(
        row,
        code=f"{base}-{script}",
        script=script,
        direction=_direction(script),
        name=f"{name} ({script})",
        autonym="",
    )


def _unlisted(code: str, key: str, standard: str) -> _Tag:
    """A language outside the table: itself, with the script that its code names and whatever the registries call it."""
    parts = _parts(key)
    if parts is None or not re.fullmatch("[a-z]{2,3}", parts[0]) or parts[0] in _table().spellings:
        return _Tag(key, "", _nameless(code, ""))
    _, script, _ = parts
    base = (_parts(standard) or parts)[0]
    iso639_3, name = _registered(base)
    return _Tag(base, script, replace(_nameless(code, script), iso639_3=iso639_3, name=name or code))


def _nameless(code: str, script: str) -> Language:
    return Language(
        code=code,
        iso639_3="",
        script=script,
        direction=_direction(script),
        name=code,
        autonym="",
        family="",
        macro_area="",
        resource_class=None,
        proxy="",
    )


def _direction(script: str) -> Direction:
    return "rtl" if script in RIGHT_TO_LEFT else "ltr"


def _standard(key: str) -> str:
    """The code as the registries write it today; itself where they do not know it."""
    # Imported here because its tables take longer to load than everything else in this module.
    import langcodes

    try:
        return _key(langcodes.standardize_tag(key))
    except (ValueError, LookupError):
        return key


def _registered(base: str) -> tuple[str, str]:
    """ISO 639-3 code and English name of a language that the table lacks; both empty where nobody registered it."""
    import langcodes

    try:
        found = langcodes.Language.get(base)
        name = found.language_name()
        # Codes for private use are valid and yet nobody's.
        return ("", "") if name.startswith("Unknown language") else (found.to_alpha3(), name)
    except (ValueError, LookupError):
        return "", ""


def _usual_script(base: str, region: str) -> str:
    """The script in which a language is mostly written in a country."""
    import langcodes

    return langcodes.Language.make(language=base, territory=region).maximize().script or ""
