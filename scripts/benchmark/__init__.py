"""The rooms of scripts/bench: work, peers, servers, measure, scenarios, aims, report, plots."""
