"""A cluster that loses a node: few cassettes here, 5,000 with scripts/cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from endurance import cluster

from tests.servers import cache, seaweedfs_cluster


def test_a_node_that_dies_and_comes_back_costs_no_cassette(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "cluster").mkdir()
    told: list[object] = []
    try:
        with seaweedfs_cluster.start(tmp_path / "cluster") as servers:
            up, down = cluster.both_ways(servers, tmp_path, 300, 1.0, told.append)
    except cache.UnavailableError as error:
        if request.config.option.require_servers:
            raise
        pytest.skip(f"NOT RUN, a SeaweedFS cluster cannot be had: {error}")
    assert told == [up, down]
    assert (up.cassettes, down.cassettes) == (300, 300)
