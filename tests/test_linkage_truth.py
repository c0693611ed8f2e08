"Linkage on public sets whose truth is known: found again, rarely wrong, and better than Splink's stock settings. Skipped where the sets are absent."
import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def sets(shared):
    folder = shared / "data"
    if not (folder / "linkage_fake_1000.csv.gz").is_file(): pytest.skip(f"shared data absent: no linkage sets in {folder}")
    spec = importlib.util.spec_from_file_location("bench_linkage_truth", Path(__file__).resolve().parents[1] / "bench" / "linkage_truth.py")
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    return module, folder


@pytest.mark.parametrize("name, precision, recall", [("fake", 0.98, 0.70), ("people", 0.98, 0.85), ("companies", 0.99, 0.20)])
def test_truth_is_found_again_better_than_with_stock_settings(sets, name, precision, recall):
    bench, folder = sets; tables = bench.load(name, folder)
    found, links = bench.ours(name, tables)
    assert found["precision"] >= precision and found["recall"] >= recall
    assert found["f"] > bench.stock(name, tables)["f"] and links.considered == found["considered"] > 0
    assert found["undecided"] == links.counts["undecided"] and found["undecided_true"] / found["undecided"] > 0.8


def test_two_files_are_linked_without_error(sets):
    bench, folder = sets; tables = [t.sort_values("truth").head(1500) for t in bench.load("febrl", folder)]; found, links = bench.ours("febrl", tables)
    assert found["precision"] > 0.999 and found["recall"] > 0.999 and 1400 < links.counts["probable"] <= 1500
