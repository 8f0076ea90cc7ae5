from benchmark import report
from benchmark.results import Note, Results, Run, merged


def results() -> Results:
    return Results(
        runs=[
            Run("minio", "up-2000", "s5cmd", 2.0, 4.0, 60_000_000),
            Run("minio", "up-2000", "timetrace", 1.0, 1.0, 30_000_000),
        ],
        requests={"minio": {"up-200": {"timetrace": {"PUT object": 200, "GET ?list": 1}}}},
        notes=[Note("minio", "up-500", "aws, 500 up, minio: not compared: exit code 1")],
        settings={"s5cmd": ["s5cmd sync", "compares no content"]},
        parts=[{"cores": "2"}],
    )


def test_ours_comes_first_and_each_peer_has_our_share_of_it() -> None:
    assert report.scenario_table(results(), "minio", "up-2000")[2:] == [
        "| timetrace | 1 | 1.00 | 1.00 | 30 |  |  |  |",
        "| s5cmd | 1 | 2.00 | 4.00 | 60 | × 0.50 | × 0.25 | × 0.50 |",
    ]


def test_seconds_below_one_have_three_digits() -> None:
    assert [report.seconds(value) for value in (0.0213, 0.9, 12.345)] == ["0.021", "0.900", "12.35"]


def test_report_says_where_how_and_what_was_left_out() -> None:
    page = report.render(results(), ["benchmarks-minio.svg"])
    assert "| cores | 2 |" in page
    assert "| s5cmd | s5cmd sync | compares no content |" in page
    assert "- aws, 500 up, minio: not compared: exit code 1" in page
    assert "![benchmarks-minio.svg](benchmarks-minio.svg)" in page


def test_report_has_aims_and_requests_of_each_server() -> None:
    page = report.render(results(), [])
    assert "| 2,000 up | wall time against s5cmd | ≤ 0.8 | 0.50 | met |" in page
    assert "| up, 200 | timetrace | 200 PUT object, 1 GET ?list | 201 |" in page


def test_ratios_of_each_server_come_first() -> None:
    page = report.render(results(), [])
    assert "### On minio\n\n|  | s5cmd |\n| --- | ---: |\n| 2,000 up | 0.50 |" in page
    assert page.index("### On minio") < page.index("## Where") < page.index("## minio")


def test_missed_aims_are_told_apart() -> None:
    slow = results()
    slow.runs.append(Run("minio", "up-2000", "aws", 2.5, 4.0, 60_000_000))
    page = report.render(slow, [])
    assert "4 of 5 aims were met." in page
    assert (
        "| minio | 2,000 up | wall time against aws | ≤ 0.2 | 0.40 |" in page[: page.index("## How each tool was run")]
    )


def test_a_tool_without_figures_is_named() -> None:
    more = results()
    more.runs.append(Run("minio", "down-2000", "timetrace", 1.0, 1.0, 1))
    more.runs.append(Run("minio", "down-2000", "aws", 9.0, 9.0, 1))
    assert list(report.left_out(more)) == [
        "2,000 up: no figures of aws (on minio)",
        "2,000 down: no figures of s5cmd (on minio)",
    ]


def test_a_report_of_two_runs_says_so_and_keeps_the_facts_of_each() -> None:
    page = report.render(
        merged(results(), Results(parts=[{"cores": "2", "date": "2026-12-02", "took": "3 minutes"}])), []
    )
    assert "Made in 2 runs" in page
    assert "| what | run 1 | run 2 |" in page
    assert "| cores | 2 |\n" in page
    assert "| date |  | 2026-12-02 |" in page


def test_an_empty_run_renders() -> None:
    assert report.render(Results(), []).startswith("# Benchmarks\n")


def test_paths_of_this_machine_do_not_get_into_the_report() -> None:
    told = "upload failed: /srv/scratch-1/work/a.json to http://127.0.0.1:80/bucket/a/b: 1/2 sent, '/srv/x' is full"
    assert report.without_paths(told) == ("upload failed: … to http://127.0.0.1:80/bucket/a/b: 1/2 sent, '…' is full")
