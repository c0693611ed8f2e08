"case_filing on a small demo province: what was planted is found, look-alikes are left alone, the undecidable is said to be so."
import csv


import pytest
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.model.special import special
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"
RULES = {f"FILING_R{i:02d}" for i in range(1, 25) if i not in (8, 23)}

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("filing")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .04, tables=special("case_filing").tables)
    return Run("case_filing", "340000", AS_OF, lake=lake), truth(home / "demo", "case_filing"), lake

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS["case_filing"])

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == RULES
    assert (scored.planted >= 1).all() and (scored.recall == 1).all()
    assert (scored.lookalikes >= 1).all() and (scored.false_lookalikes == 0).all()

def test_clean_matters_are_not_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() == 0 and (scored.undecidable_said == scored.undecidable).all()
    assert scored.undecidable.sum() >= 20

def test_outcomes_add_up_and_each_rule_is_about_one_kind(run):
    whole = run[0]
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all()
    about = whole.verdicts[whole.verdicts.outcome != "not_applicable"].merge(whole.frame[["matter_id", "matter_kind"]], on="matter_id")
    assert (about.groupby("rule").matter_kind.nunique() == 1).all()
    assert set(about.matter_kind) == {"incident", "penalty", "accident", "test", "referral", "notice", "case", "nonprosecution", "judgment"}

def test_a_county_run_reads_its_own_matters_and_sees_penalties_of_another_county(run):
    whole, told, lake = run
    planted = told[(told.rule == "FILING_R03") & (told.kind == "violation")].iloc[0]
    own = Run("case_filing", planted.region_code, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {planted.region_code}
    assert len(own.frame) == (whole.frame.region_code == planted.region_code).sum()
    row = own.frame[own.frame.matter_id == planted.matter_id].iloc[0]
    assert len({p["region"] for p in row.penalties}) == 2    # the first of the three thefts was punished elsewhere
    v = own.verdicts
    assert v[(v.matter_id == planted.matter_id) & (v.rule == "FILING_R03")].outcome.item() == "hit"
    assert not own.frame.matter_id.isin([f"penalty:{p['no']}:1" for p in row.penalties if p["region"] != planted.region_code]).any()

@pytest.mark.parametrize("table", ["police_case_suspects", "injury_appraisals", "persons"])
def test_a_missing_table_makes_no_new_hit(run, tmp_path, table):
    whole, _, full = run
    lake = Lake(tmp_path / "lake")
    for t in full.tables:
        if t in whole.special.tables and t != table: lake.write(t, full.table(t).execute())
    v = Run("case_filing", "340000", AS_OF, lake=lake).verdicts
    hits = lambda d: set(map(tuple, d.loc[d.outcome == "hit", ["rule", "matter_id"]].to_numpy()))
    assert hits(v) <= hits(whole.verdicts)
    assert len(hits(v)) < len(hits(whole.verdicts))

def test_refusal_rates_and_days_come_with_n_or_a_refusal_in_words(run):
    s = run[0].statistics
    assert {"refused", "decision", "share_filing_r15", "share_filing_r02"} <= set(s.statistic)
    few = s[(s.statistic == "refused") & s.value.isna()]
    assert len(few) and few.note_en.str.contains("Not estimated").all() and few.note_zh.notna().all()

def test_published_examples_are_named_by_worked_cases(shared):
    "Each example of the domain basis for this special stands in the note of a worked case, which test_specials judges."
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f:
        wanted = {r["example_id"] for r in csv.DictReader(f) if r["special"] == "case_filing"}
    notes = " ".join(c.note.en for c in special("case_filing").cases)
    assert len(wanted) == 21 and {w for w in wanted if w not in notes} == set()

def test_why_explains_a_hit_and_a_row_without(run):
    whole = run[0]
    v = whole.verdicts
    hit = v[(v.rule == "FILING_R02") & (v.outcome == "hit")].matter_id.iloc[0]
    calm = v.groupby("matter_id").outcome.agg(lambda o: "hit" not in set(o))
    for key in (hit, calm.index[calm.to_numpy()][0]):
        told = str(whole.why(key))
        assert all(r in told for r in RULES)
    assert "theft_large" in str(v[(v.rule == "FILING_R02") & (v.matter_id == hit)].law.iloc[0])
