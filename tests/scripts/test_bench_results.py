import json

from benchmark import aims
from benchmark.results import Note, Results, Run, as_json, from_json, merged, table

MB = 1_000_000


def results(*runs: Run) -> Results:
    return Results(runs=list(runs))


def run(tool: str, wall: float, cpu: float = 1.0, rss: int = MB, scenario: str = "up-2000") -> Run:
    return Run("minio", scenario, tool, wall, cpu, rss)


def test_median_of_an_odd_number_of_runs_is_the_middle_one() -> None:
    found = results(run("s5cmd", 9.0), run("s5cmd", 1.0), run("s5cmd", 2.0))
    assert found.median("minio", "up-2000", "s5cmd", "wall") == 2.0


def test_median_of_two_runs_lies_between_them() -> None:
    assert results(run("s5cmd", 1.0), run("s5cmd", 2.0)).median("minio", "up-2000", "s5cmd", "wall") == 1.5


def test_median_of_no_run_is_none() -> None:
    found = results(run("s5cmd", 1.0))
    assert found.median("minio", "up-2000", "rclone", "wall") is None
    assert found.median("seaweedfs", "up-2000", "s5cmd", "wall") is None
    assert found.median("minio", "down-2000", "s5cmd", "wall") is None


def test_ratio_is_ours_over_the_best_peer_of_that_metric() -> None:
    found = results(run("timetrace", 1.0, cpu=1.0), run("s5cmd", 4.0, cpu=2.0), run("s5cmd-tuned", 2.0, cpu=4.0))
    assert found.ratio("minio", "up-2000", ("s5cmd", "s5cmd-tuned"), "wall") == (0.5, "s5cmd-tuned")
    assert found.ratio("minio", "up-2000", ("s5cmd", "s5cmd-tuned"), "cpu") == (0.5, "s5cmd")


def test_ratio_needs_both_sides() -> None:
    assert results(run("timetrace", 1.0)).ratio("minio", "up-2000", ("s5cmd",), "wall") is None
    assert results(run("s5cmd", 1.0)).ratio("minio", "up-2000", ("s5cmd",), "wall") is None


def test_results_are_the_same_after_a_way_through_json() -> None:
    found = results(run("s5cmd", 1.0))
    found.notes.append(Note("minio", "up-2000", "aws: not compared"))
    assert from_json(json.loads(json.dumps(as_json(found)))) == found


def test_what_was_measured_anew_replaces_what_was_there() -> None:
    earlier = results(run("timetrace", 9.0), run("timetrace", 5.0, scenario="down-2000"))
    earlier.notes.extend([Note("minio", "up-2000", "old"), Note("minio", "down-2000", "kept")])
    found = merged(earlier, results(run("timetrace", 1.0)))
    assert [(one.scenario, one.wall) for one in found.runs] == [("down-2000", 5.0), ("up-2000", 1.0)]
    assert [note.text for note in found.notes] == ["kept"]


def test_another_server_is_added() -> None:
    other = Results(runs=[Run("seaweedfs", "up-2000", "s5cmd", 2.0, 1.0, MB)], requests={"seaweedfs": {}})
    found = merged(Results(runs=[run("s5cmd", 1.0)], requests={"minio": {}}), other)
    assert found.servers() == ["minio", "seaweedfs"]
    assert set(found.requests) == {"minio", "seaweedfs"}


def test_table_is_markdown_with_its_head_first() -> None:
    assert table([["tool", "s"], ["s5cmd", "1.5"]]) == ["| tool | s |", "| --- | ---: |", "| s5cmd | 1.5 |"]


def test_columns_of_words_are_aligned_to_the_left() -> None:
    assert table([["a", "b", "c"]], words=2)[1] == "| --- | --- | ---: |"


def test_an_aim_is_met_at_its_limit_and_missed_above_it() -> None:
    at_limit = results(run("timetrace", 0.8, cpu=0.41), run("s5cmd", 1.0))
    verdicts = {verdict.what: verdict for verdict in aims.verdicts(at_limit, "minio")}
    wall, cpu = verdicts["wall time against s5cmd"], verdicts["CPU time against s5cmd"]
    assert (wall.aim, wall.found, wall.met) == ("≤ 0.8", "0.80", True)
    assert (cpu.aim, cpu.found, cpu.met) == ("≤ 0.4", "0.41", False)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert list(aims.verdicts(results(run("timetrace", 1.0)), "minio")) == []


def test_memory_of_a_large_file_is_held_against_64_mb() -> None:
    found = results(run("timetrace", 1.0, rss=64 * MB, scenario="large-up"))
    (verdict,) = aims.verdicts(found, "minio")
    assert (verdict.aim, verdict.found, verdict.met) == ("< 64 MB", "64 MB", False)


def test_least_requests_are_one_a_file_and_one_a_thousand_keys_listed() -> None:
    assert aims.least_requests("up-200") == 201
    assert aims.least_requests("down-200") == 201
    assert aims.least_requests("down-2001") == 2004
    assert aims.least_requests("nothing-200") == 1
    assert aims.least_requests("changed-200") == 21


def test_signing_is_held_against_microseconds_and_botocore() -> None:
    found = Results(figures={"signing": {"timetrace": 10.0, "botocore": 79.0}})
    assert [(verdict.found, verdict.met) for verdict in aims.signing(found)] == [("10.0", True), ("7.9", False)]
