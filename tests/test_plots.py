"""A board's tables as charts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import vl_convert
from answered import FIFTEEN, answers, board_of, many
from hypothesis import given
from hypothesis import strategies as st
from test_store import RUN
from typer.testing import CliRunner, Result

from xbench import languages, plots
from xbench.board import Board, Table
from xbench.cli import app
from xbench.errors import BadOption, ScoringError, UnknownName, Unwritable
from xbench.plots.look import OKABE_ITO, extent
from xbench.plots.words import plain, unlike

HOSTILE = "<b onload=\"alert('x')\">\u202e]{{datum}}'\"+1"
EIGHT = ("mbert", "xlmr-base", "xlmr-large", "infoxlm-base", "infoxlm-large", "mdeberta-v3", "mmbert-base", "labse")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return many(tmp_path_factory.mktemp("plots"), EIGHT, seeds=1, items=60)


@pytest.fixture(scope="module")
def table(board: Board) -> Table:
    return board.tables()[0]


def charts(board: Board, table: Table, look: plots.Look) -> dict[str, plots.Chart]:
    two = plots.chosen(table, [column.encoder for column in table.columns[:2]])
    return {
        "heatmap": plots.heatmap(table, look),
        "gap": plots.heatmap(table, look, gap=True),
        "dumbbell of one": plots.dumbbell(replace(table, columns=table.columns[:1]), look),
        "dumbbell of two": plots.dumbbell(two, look),
        "scatter": plots.scatter(board, table, look),
        "strips": plots.strips(table, look, by="resource_class"),
        "strips of one": plots.strips(replace(table, columns=table.columns[:1]), look, by="family"),
        "forest": plots.forest(board, two, look),
    }


def rows(chart: plots.Chart) -> list[dict[str, object]]:
    return [row for data in chart.to_dict()["datasets"].values() for row in data]


def texts(svg: bytes) -> list[str]:
    return [" ".join(one.itertext()) for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def size(svg: bytes) -> tuple[float, float]:
    root = ElementTree.fromstring(svg)
    return float(root.attrib["width"].removesuffix("pt")), float(root.attrib["height"].removesuffix("pt"))


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_every_chart_is_as_wide_as_asked_and_says_what_it_shows(board: Board, table: Table, width: float) -> None:
    drawn = charts(board, table, plots.Look(width=width))
    assert len(drawn) == 8
    for name, chart in drawn.items():
        svg = plots.drawn(chart, "svg")
        wide, _ = size(svg)
        assert 0.93 * width <= wide / 72 <= 1.02 * width, name
        assert ElementTree.fromstring(svg).attrib["aria-label"] == chart.description
        assert "xnli" in chart.description
        said = " ".join(texts(svg))
        assert "n = 60" in said, name
        assert "1 seed" in said, name
        assert "…" not in said, name


def test_the_same_board_gives_the_same_bytes(board: Board, table: Table) -> None:
    first, second = (charts(board, table, plots.Look()) for _ in range(2))
    for name, chart in first.items():
        for format in ("svg", "png"):
            assert plots.drawn(chart, format) == plots.drawn(second[name], format), (name, format)


def test_a_png_has_300_dots_an_inch_and_a_pdf_is_one(table: Table) -> None:
    chart = plots.heatmap(table, plots.Look(width=4))
    png = plots.drawn(chart, "png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20]) == pytest.approx(4 * 300, rel=0.05)
    assert plots.drawn(chart, "pdf")[:5] == b"%PDF-"
    with pytest.raises(BadOption, match="svg, png, pdf, not as 'gif'"):
        plots.drawn(chart, "gif")


def test_a_heatmap_prints_every_value_and_marks_what_is_missing(tmp_path: Path) -> None:
    whole = answers(replace(RUN, encoder="whole"), {"en": 1.0, "de": 0.5, "sw": 0.0})
    part = answers(replace(RUN, encoder="part"), {"en": 1.0, "de": 0.0}, missing=("sw",))
    (table,) = board_of(tmp_path, [whole, part]).tables()
    found = {(row["language"], row["encoder"]): row for row in rows(plots.heatmap(table))}
    german = 100 * table.columns[[one.encoder for one in table.columns].index("whole")].cells["de"].value
    assert found["English", "whole"]["shown"] == "100.0"
    assert found["German", "whole"]["shown"] == f"{german:.1f}"
    assert (found["Swahili", "part"]["value"], found["Swahili", "part"]["shown"]) == (None, "///")
    assert [key for key, row in found.items() if row["source"]] == [("English", "whole"), ("English", "part")]
    assert "no score, 1 of 6 cells" in " ".join(texts(plots.drawn(plots.heatmap(table), "svg")))
    gaps = {(row["language"], row["encoder"]): row["shown"] for row in rows(plots.heatmap(table, gap=True))}
    assert gaps["Swahili", "whole"] == "100.0"
    assert gaps["English", "whole"] == "0.0"
    assert gaps["German", "part"] == "100.0"


def test_encoders_stand_by_their_mean_and_languages_by_theirs(table: Table) -> None:
    spec = plots.heatmap(table).to_dict()
    encoding = spec["hconcat"][0]["layer"][0]["encoding"]
    across = encoding["x"]["scale"]["domain"]
    means = {column.encoder: column.mean(table.languages) for column in table.columns}
    assert across == sorted(across, key=lambda one: -means[one])
    assert encoding["y"]["scale"]["domain"][0] == "English"


def test_more_encoders_than_the_width_holds_are_refused(table: Table) -> None:
    columns = tuple(replace(table.columns[0], encoder=f"encoder-{i}") for i in range(40))
    with pytest.raises(BadOption, match=r"40 encoders do not fit into 3\.3 inches, \d+ do"):
        plots.heatmap(replace(table, columns=columns), plots.Look(width=3.3))
    with pytest.raises(BadOption, match="strips tell 8 encoders apart, not 40"):
        plots.strips(replace(table, columns=columns))


def test_a_hundred_languages_stand_in_blocks_and_none_is_cut(tmp_path: Path) -> None:
    codes = ["en", *(one.code for one in languages.known() if one.family != "synthetic" and one.code != "en")][:100]
    (table,) = many(tmp_path, ["a", "b"], codes, seeds=1, items=10).tables()
    names = {languages.language(one).name for one in codes}
    for width, blocks in ((7.0, 3), (3.3, 1)):
        chart = plots.heatmap(table, plots.Look(width=width))
        assert len(chart.to_dict()["hconcat"]) == blocks
        svg = plots.drawn(chart, "svg")
        assert names <= set(texts(svg))
        assert size(svg)[1] / 72 < 10


def test_a_forest_pairs_items_and_says_who_is_better_beyond_doubt(tmp_path: Path) -> None:
    good = [answers(replace(RUN, encoder="good", seed=s), dict.fromkeys(("en", "de", "sw"), 0.9)) for s in range(2)]
    bad = [answers(replace(RUN, encoder="bad", seed=s), {"en": 0.9, "de": 0.3, "sw": 0.9}, items=200) for s in range(2)]
    board = board_of(tmp_path, good + bad)
    (table,) = board.tables()
    chart = plots.forest(board, plots.chosen(table, ["good", "bad"]))
    found = {row["language"]: row for row in rows(chart) if "language" in row}
    assert list(found)[:2] == ["mean of 2 targets", "German"]
    assert found["German"]["side"] == "better"
    assert found["English"]["side"] == "open"
    cells = {column.encoder: column.cells["de"].value for column in table.columns}
    assert found["German"]["value"] == pytest.approx(100 * (cells["good"] - cells["bad"]))
    assert "better in 1 and worse in 0" in chart.description
    swapped = plots.forest(board, plots.chosen(table, ["bad", "good"]))
    other = {row["language"]: row for row in rows(swapped) if "language" in row}
    assert other["German"]["value"] == -found["German"]["value"]
    assert (other["German"]["low"], other["German"]["high"]) == (-found["German"]["high"], -found["German"]["low"])


def test_encoders_with_other_items_have_no_forest(tmp_path: Path) -> None:
    a = answers(replace(RUN, encoder="a"), {"en": 0.9, "de": 0.5})
    b = answers(replace(RUN, encoder="b"), {"en": 0.9, "de": 0.5}, prefix="x")
    board = board_of(tmp_path, [a, b])
    (table,) = board.tables()
    with pytest.raises(ScoringError, match="not scored on the same items"):
        plots.forest(board, table)
    for file in tmp_path.rglob("*.parquet"):
        file.unlink()
    bare = board_of(tmp_path, [])
    with pytest.raises(BadOption, match="counts of a in xnli are not at hand"):
        plots.forest(bare, bare.tables()[0])


def test_a_chart_says_which_encoders_it_can_show(table: Table) -> None:
    with pytest.raises(BadOption, match=r"a forest shows 2 encoders, and xnli has 8 to show: .*mbert"):
        plots.forest(Board, table)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="a dumbbell shows 1 or 2 encoders"):
        plots.dumbbell(table)
    with pytest.raises(UnknownName, match="did you mean mbert"):
        plots.chosen(table, ["mbart"])


def test_a_group_that_nobody_has_is_refused_with_those_that_are_there(board: Board, table: Table) -> None:
    with pytest.raises(BadOption, match=r"Groups that have one: .*low-resource"):
        plots.scatter(board, table, group="left-handed")


def test_columns_of_one_encoder_have_labels_of_their_own(table: Table) -> None:
    first = replace(table.columns[0], encoder="e", recipe="a")
    columns = (first, replace(first, recipe="b"), replace(first, recipe="b", source="de"), table.columns[1])
    twins = replace(table, columns=(*columns, replace(first, signature="other")))
    own = plots.labels(twins)
    assert own == ("e · a", "e · b · en", "e · b · de", table.columns[1].encoder, "e · a #2")
    assert plots.chosen(twins, ["e · b · de"]).columns == (columns[2],)
    assert plots.chosen(twins, ["e"]).columns == (*columns[:3], twins.columns[4])


@given(st.lists(st.text(), max_size=8))
def test_labels_are_short_unlike_and_on_one_line(names: list[str]) -> None:
    found = unlike([plain(name) for name in names])
    assert len(set(found)) == len(names)
    assert all((len(name) <= 40 and name.isprintable()) or "\u200c" in name or "\u200d" in name for name in found)
    assert all(extent(name) >= 0 for name in found)


def expressions(spec: object) -> Iterator[str]:
    """Every text in a compiled Vega spec that a viewer evaluates."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in ("signal", "expr", "test", "update", "init", "as") and isinstance(value, str):
                yield value
            yield from expressions(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from expressions(value)


def test_names_from_records_are_text_and_never_evaluated(tmp_path: Path) -> None:
    runs = []
    for name in (HOSTILE, "plain"):
        for language in (("en", "de", "x'+alert(1)+'", "sw"),):
            run = replace(RUN, encoder=name.replace("/", ""), recipe="r", seed=0)
            made, counts = answers(run, dict.fromkeys(language, 0.5), items=20)
            runs.append((made, counts))
    board = board_of(tmp_path, runs)
    (table,) = board.tables()
    assert len(table.columns) == 2
    seen = 0
    for name, chart in charts(board, table, plots.Look()).items():
        spec = chart.to_dict()
        found = list(expressions(vl_convert.vegalite_to_vega(spec)))
        seen += len(found)
        for one in (*found, *(json.dumps(part) for part in expressions(spec))):
            assert "alert" not in one, (name, one)
            assert "onload" not in one, (name, one)
        svg = plots.drawn(chart, "svg")
        assert b"<b " not in svg
        assert "\u202e".encode() not in svg
        assert ElementTree.fromstring(svg) is not None
    assert seen > 100


def test_colours_and_shapes_tell_fifty_encoders_apart() -> None:
    from xbench.plots.look import SHAPES, colours

    inks, forms = colours([str(i) for i in range(56)])
    assert len(set(zip(inks, forms, strict=True))) == 56 == len(OKABE_ITO) * len(SHAPES)


def test_names_of_languages(table: Table) -> None:
    def called(names: plots.look.Names) -> set[object]:  # type: ignore[name-defined]
        return {row["language"] for row in rows(plots.heatmap(table, plots.Look(names=names)))}

    assert called("code") == set(FIFTEEN)
    assert "Swahili" in called("english")
    assert "العربية" in called("autonym")


def test_the_verb_draws_every_kind(board: Board, tmp_path: Path) -> None:
    folder = str(board.runs["board"].iloc[0])
    for words in (
        "heatmap --gap", "dumbbell --encoder mbert", "dumbbell --encoder mbert,labse", "scatter", "strips --by family",
        "forest --encoder mbert,labse", "heatmap --names autonym --width 10",
    ):  # fmt: skip
        out = tmp_path / f"{words}.svg"
        result = CliRunner().invoke(app, ["plot", *words.split(), "--board", folder, "--out", str(out)])
        assert result.exit_code == 0, (words, result.output, result.exception)
        assert out.read_bytes().startswith(b"<svg")
        assert "xnli" in result.output


def test_a_file_with_other_content_is_never_overwritten(board: Board, tmp_path: Path) -> None:
    out = tmp_path / "x.svg"

    def drawn(kind: str) -> Result:
        return CliRunner().invoke(app, ["plot", kind, "--board", str(board.runs["board"].iloc[0]), "--out", str(out)])

    assert [drawn("heatmap").exit_code, drawn("heatmap").exit_code] == [0, 0]
    before = out.read_bytes()
    refused = drawn("strips").exception
    assert isinstance(refused, Unwritable)
    assert "nothing is overwritten" in str(refused)
    assert out.read_bytes() == before
    out.unlink()
    out.symlink_to(tmp_path / "elsewhere.svg")
    assert isinstance(drawn("heatmap").exception, Unwritable)
    assert not (tmp_path / "elsewhere.svg").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("heatmap --out x.gif", "must end in .svg, .png, .pdf"),
        ("heatmap --out x.png --names autonym", "give --font-dir"),
        ("heatmap --out x.svg --font-dir .", "an .svg keeps text as text"),
        ("scatter --out x.svg --gap", "--gap belongs to heatmap, not to scatter"),
        ("heatmap --out x.svg --task xnly", "did you mean xnli"),
        ("heatmap --out x.svg --metric f1", "unknown metric"),
        ("heatmap --out x.svg --width 1", "2.5 to 40 inches"),
        ("heatmap --out nowhere/x.svg", "cannot be written"),
    ],
)
def test_what_the_verb_refuses(board: Board, words: str, said: str) -> None:
    result = CliRunner().invoke(app, ["plot", *words.split(), "--board", str(board.runs["board"].iloc[0])])
    assert said in str(result.exception)


def test_without_altair_it_says_what_to_install(board: Board) -> None:
    folder = str(board.runs["board"].iloc[0])
    lacking = "import sys; sys.modules['altair'] = None; from xbench.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", lacking, "plot", "heatmap", "--board", folder, "--out", "x.svg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == 'xbench: this needs altair: pip install "xbench[plot]" brings them\n'
