"criminal_detention on a small demo province: what was planted is found, look-alikes are left alone, the undecidable is said to be so."
import pytest
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("detention")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .04)
    return Run("criminal_detention", "340000", AS_OF, lake=lake), truth(home / "demo", "criminal_detention"), lake

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS["criminal_detention"])

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == {f"DETENTION_R{i:02d}" for i in range(1, 23) if i != 21}
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all() and (scored.lookalikes >= 1).all()

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() <= 2 and (scored.undecidable_said == scored.undecidable).all()

def test_outcomes_add_up_and_a_county_reads_its_own_rows(run):
    whole, _, lake = run
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all()
    county = whole.frame.region_code.value_counts().index[0]
    own = Run("criminal_detention", county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and len(own.frame) == (whole.frame.region_code == county).sum()

def test_without_arrest_reviews_nobody_is_said_to_have_been_dropped(tmp_path, run):
    lake = Lake(tmp_path / "lake")
    for table in ("coercive_measures", "police_cases", "police_case_suspects"): lake.write(table, run[2].table(table).execute())
    v = Run("criminal_detention", "340000", AS_OF, lake=lake).verdicts
    assert "hit" not in set(v[v.rule == "DETENTION_R07"].outcome)
