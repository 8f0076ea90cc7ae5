from benchmark import report
from benchmark.results import Results, Run


def results() -> Results:
    return Results(
        runs=[
            Run("minio", "up-2000", "s5cmd", 2.0, 4.0, 60_000_000),
            Run("minio", "up-2000", "timetrace", 1.0, 1.0, 30_000_000),
        ],
        requests={"minio": {"up-200": {"timetrace": {"PUT object": 200, "GET ?list": 1}}}},
        notes=["aws, 500 up, minio: not compared: exit code 1"],
        settings={"s5cmd": "s5cmd sync"},
        facts={"cores": "2"},
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
    assert "| s5cmd | s5cmd sync |" in page
    assert "- aws, 500 up, minio: not compared: exit code 1" in page
    assert "![benchmarks-minio.svg](benchmarks-minio.svg)" in page


def test_report_has_aims_and_requests_of_each_server() -> None:
    page = report.render(results(), [])
    assert "| 2,000 up | wall time against s5cmd | ≤ 0.8 | 0.50 | met |" in page
    assert "| up, 200 | timetrace | 200 PUT object, 1 GET ?list | 201 |" in page


def test_an_empty_run_renders() -> None:
    assert report.render(Results(), []).startswith("# Benchmarks\n")


def test_paths_of_this_machine_do_not_get_into_the_report() -> None:
    told = "upload failed: /srv/scratch-1/work/a.json to http://127.0.0.1:80/bucket/a/b: 1/2 sent, '/srv/x' is full"
    assert report.without_paths(told) == ("upload failed: … to http://127.0.0.1:80/bucket/a/b: 1/2 sent, '…' is full")
