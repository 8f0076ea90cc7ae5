import json
from pathlib import Path
from statistics import mean

from benchmark import work


def test_cassettes_are_the_same_in_every_run() -> None:
    assert list(work.cassettes(50)) == list(work.cassettes(50))


def test_fewer_cassettes_are_the_first_of_many() -> None:
    assert list(work.cassettes(50))[:20] == list(work.cassettes(20))


def test_cassettes_are_json_of_1_to_100_kb_and_about_15_in_the_mean() -> None:
    made = list(work.cassettes(2000))
    sizes = [len(content) for _, content in made]
    assert all(isinstance(json.loads(content)["number"], int) for _, content in made[::100])
    assert min(sizes) >= 1_000
    assert max(sizes) <= 100_000
    assert 14_000 < mean(sizes) < 16_000


def test_no_two_cassettes_are_alike() -> None:
    made = list(work.cassettes(500))
    assert len({name for name, _ in made}) == len({content for _, content in made}) == 500


def test_what_is_made_is_what_is_read(tmp_path: Path) -> None:
    assert work.read(tmp_path) == {}
    assert work.make(tmp_path, 120) == work.read(tmp_path)


def test_a_changed_file_has_another_size_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    before = work.make(tmp_path, 120)
    after = work.change(tmp_path, before, 20)
    assert work.read(tmp_path) == after
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == 20
    assert all(before[name].size < after[name].size for name in changed)


def test_a_large_file_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    made = work.make_large(tmp_path / "large.bin", (1 << 20) + 5)
    assert made.size == 1_048_581
    assert work.read(tmp_path) == {"large.bin": made}
