"""What a page says of a comparison or a search fits into MLflow, with links that lead somewhere."""

from __future__ import annotations

from runners.tracking import limits, notes

TABLE = """# digits: accuracy/test

| architecture | mean |
| --- | ---: |
| small | 0.9 |
| plain | 0.8 |

- small: better than each of the others tested
"""


def test_a_note_has_the_heading_with_links_then_the_table_then_what_was_asked_and_the_picture() -> None:
    note = notes.family_note("Is it worth it?\n", TABLE, picture="pictures/intervals.png", file="comparison.md")
    shown = notes.filled(note, {notes.RUN: "abc", notes.EXPERIMENT: "7"})
    runs = "#/experiments/7/runs?workflowType=machine_learning"
    assert shown.split("\n\n") == [
        f"**digits: accuracy/test** · [Charts of its runs]({runs}&compareRunsMode=CHART&viewStateShareKey=convspec-abc)"
        f" · [Table of its runs]({runs}&compareRunsMode=TABLE&viewStateShareKey=convspec-abc)",
        "| architecture&ensp; | mean |\n| --- | ---: |\n| small&ensp; | 0.9 |\n| plain&ensp; | 0.8 |",
        "- small: better than each of the others tested",
        "Is it worth it?",
        "![pictures/intervals.png](get-artifact?path=pictures/intervals.png&run_uuid=abc)",
    ]


def test_before_anything_is_found_a_note_has_links_and_what_was_asked() -> None:
    links, asked = notes.family_note("Is it worth it?").split("\n\n")
    assert links.startswith("[Charts of its runs](#/experiments/{experiment_id}/runs?")
    assert asked == "Is it worth it?"


def test_of_a_long_table_and_a_long_list_the_first_lines_stay() -> None:
    rows = "\n".join(f"| architecture {number} | 0.{number} |" for number in range(500))
    words = "\n".join(f"- architecture {number}: worse" for number in range(400))
    markdown = f"# long\n\n| architecture | mean |\n| --- | ---: |\n{rows}\n\n{words}\n"
    note = notes.family_note("", markdown, picture="pictures/intervals.png", file="comparison.md")
    filled = notes.filled(note, {notes.RUN: "0" * 32, notes.EXPERIMENT: "9" * 18})
    assert limits.TAG_LENGTH - 600 < len(filled) <= limits.TAG_LENGTH
    _, table, listed, where, picture = filled.split("\n\n")
    assert table.split("\n")[2] == "| architecture 0&ensp; | 0.0 |"
    kept = len(table.split("\n")) - 1  # with the header and the line below it
    assert table.split("\n")[-1] == f"| ... and {502 - kept} more |"
    assert listed.split("\n")[-1] == f"- ... and {400 - kept} more"
    assert where == "All of it is in comparison.md."
    assert picture.startswith("![pictures/")


def test_a_description_that_leaves_no_room_is_no_error() -> None:
    assert len(notes.family_note("x" * 9000, TABLE)) > 9000
