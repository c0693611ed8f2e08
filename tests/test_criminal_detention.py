"criminal_detention on a small demo province: what was planted is found, look-alikes are left alone, the undecidable is said to be so."
import csv
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.model.special import Case, frame_columns, judge_case, special
from supervise_lib.specials.criminal_detention import with_durations
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("detention")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .04, tables=special("criminal_detention").tables)
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


# --- people and cases of two counties ------------------------------------------------------------------------------------------------------

HERE, THERE = "340111", "340123"

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def two_counties(folder, *more):
    "A lake with one detention in one county, and further rows anywhere."
    who, day = dict(person_id_no="P1", police_case_no="A1"), dt.datetime(2022, 3, 1, 9)
    rows = {"coercive_measures": [dict(measure_id="m1", **who, measure_kind="detain", decide_organ="police", start_time=day, end_time=day + dt.timedelta(3), extend_kind="none", measure_end_kind="bail", region_code=HERE)],
            "police_cases": [dict(police_case_no="A1", case_status="open", case_nature="ordinary", filing_date=day.date(), region_code=HERE)],
            "police_case_suspects": [dict(**who, suspect_status="in_case", region_code=HERE)],
            "arrest_reviews": [dict(person_id_no="P9", police_case_no="A9", proc_case_no="x", receive_date=day.date(), region_code=HERE)]}
    for name, row in more: rows.setdefault(name, []).append(row)
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *found))
    return lake

def outcome(lake, rule, region=HERE):
    run = Run("criminal_detention", region, AS_OF, lake=lake)
    v = run.verdicts
    return v[(v.rule == rule) & (v.measure_id == "m1")].outcome.item()

def test_a_stay_in_another_county_counts_as_the_entry(tmp_path):
    stay = dict(custody_no="c1", person_id_no="P1", police_case_no="A1", in_time=dt.datetime(2022, 3, 1, 20), in_basis="temporary", region_code=THERE)
    assert outcome(two_counties(tmp_path / "a"), "DETENTION_R01") == "cannot_tell"
    assert outcome(two_counties(tmp_path / "b", ("custody_stays", stay)), "DETENTION_R01") == "clear"
    assert outcome(two_counties(tmp_path / "c", ("custody_stays", stay | dict(in_time=dt.datetime(2022, 3, 2, 20)))), "DETENTION_R01") == "hit"

def test_a_second_detention_in_another_county_is_seen_from_both(tmp_path):
    second = dict(measure_id="m2", person_id_no="P1", police_case_no="A1", measure_kind="detain", decide_organ="police", start_time=dt.datetime(2022, 6, 1, 9), end_time=dt.datetime(2022, 6, 4, 9), measure_end_kind="released", region_code=THERE)
    lake = two_counties(tmp_path, ("coercive_measures", second))
    v = Run("criminal_detention", THERE, AS_OF, lake=lake).verdicts
    assert v[(v.rule == "DETENTION_R16")].outcome.tolist() == ["hit"] and outcome(lake, "DETENTION_R16") == "clear"

def test_a_request_made_elsewhere_is_a_request(tmp_path):
    assert outcome(two_counties(tmp_path / "a"), "DETENTION_R07") == "hit"
    review = dict(person_id_no="P1", police_case_no="A1", proc_case_no="y", receive_date=dt.date(2022, 3, 5), arrest_decision="no_need", region_code=THERE)
    assert outcome(two_counties(tmp_path / "b", ("arrest_reviews", review)), "DETENTION_R07") == "clear"
    moved = dict(person_id_no="P1", police_case_no="A1", proc_case_no="z", receive_date=dt.date(2022, 8, 5), region_code=THERE)
    assert outcome(two_counties(tmp_path / "c", ("prosecution_reviews", moved)), "DETENTION_R07") == "clear"

def test_a_county_fetches_little_beyond_its_own_rows(run):
    whole, _, lake = run
    county = whole.frame.region_code.value_counts().index[0]
    cases, people = (set(whole.frame.loc[whole.frame.region_code == county, c].dropna()) for c in ("police_case_no", "person_id_no"))
    own = beyond = 0
    for name in Run("criminal_detention", county, AS_OF, lake=lake).special.tables:
        f = lake.table(name).execute()
        mine = (f.region_code == county)
        about = f.police_case_no.isin(cases) if name != "custody_stays" and "police_case_no" in f else f.person_id_no.isin(people) if name == "custody_stays" else mine
        own += mine.sum(); beyond += (about & ~mine).sum()
    assert own > 100 and beyond < .05 * own


# --- statistics ------------------------------------------------------------------------------------------------------------------------------

def test_durations_end_with_the_first_disposition_and_wait_for_the_rest():
    f = pd.DataFrame({"is_detention": [True, True, False], "start_date": [dt.date(2022, 3, 1)] * 3, "end_date": [dt.date(2022, 3, 11), None, None], "transfer_date": [dt.date(2022, 3, 8), None, dt.date(2022, 5, 1)],
                      **{c: [None] * 3 for c in ("arrest_executed_date", "prosecution_received", "terminate_date", "judged_date")}})
    f = f.astype({c: "date32[pyarrow]" for c in f if c != "is_detention"} | {"is_detention": "bool[pyarrow]"})
    d = with_durations(f)
    assert d.days_waited.tolist() == [7, 10] and d.was_disposed.tolist() == [True, False]

def test_a_slow_station_is_found_and_small_ones_are_refused_together():
    rng, rows = np.random.default_rng(5), []
    for unit, n, mean in (("甲所", 70, 8), ("乙所", 60, 8), ("丙所", 60, 24), ("丁所", 3, 8), ("戊所", 3, 8)):
        for d in rng.exponential(mean, n).round().astype(int) + 1: rows.append((unit, dt.date(2022, 3, 1), dt.date(2022, 3, 1) + dt.timedelta(int(d))))
    f = pd.DataFrame(rows, columns=["unit_name", "start_date", "end_date"])
    f = f.assign(is_detention=True, extend_kind="to30", region_code=HERE, **{c: None for c in ("arrest_executed_date", "transfer_date", "prosecution_received", "terminate_date", "judged_date")})
    days = [c for c in f if c.endswith("_date") or c.endswith("_received")]
    f = f.astype({c: "date32[pyarrow]" for c in days} | {c: "string[pyarrow]" for c in ("unit_name", "extend_kind", "region_code")} | {"is_detention": "bool[pyarrow]"})
    disposition, hazard = (next(s for s in special("criminal_detention").statistics if s.id == i) for i in ("disposition", "unit_hazard"))
    found = disposition.compute(f)
    assert found[found.flag == "above"].group.unique().tolist() == ["丙所"]
    assert found[found.group == "few"].n.tolist() == [6] and not set(found.group) & {"丁所", "戊所"}
    assert found[(found.group == "all") & (found.measure == "median")].n.item() == len(f)
    h = hazard.compute(f).set_index("group_label")
    assert h.loc["丙所", "high"] < 1    # slower than the unit it is compared with


# --- the catalogue's worked examples --------------------------------------------------------------------------------------------------------------

WORKED = {"WE008": "DETENTION_R06", "WE009": "DETENTION_R01"}

@pytest.mark.parametrize("example", WORKED)
def test_worked_example_of_the_catalogue(example, shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: row = next(r for r in csv.DictReader(f) if r["example_id"] == example)
    given, want, s = json.loads(row["inputs"]), json.loads(row["expected"]), special("criminal_detention")
    start = dt.datetime.fromisoformat(given["detained"])
    person = dict(is_detention=True, is_first=True, is_listed=True, person_id_no="P1", police_case_no="A1", decide_organ="police", start_time=start, start_date=start.date(), extend_kind=given.get("extend_kind"))
    def judged(row, as_of=None):
        v = judge_case(s, Case(WORKED[example], Text("x", "甲"), (person | row,), (), as_of=as_of or dt.date(2023, 12, 31)), frame_columns(s)).iloc[0]
        return v.outcome == "hit", f"S{v.severity}"
    stay = lambda at: {"stays": [{"from": at, "to": None, "case": "A1", "basis": "detain"}]}
    if example == "WE008":
        told = [judged(stay(start), dt.date.fromisoformat(d)) for d in given["as_of"]]
        assert [hit for hit, _ in told] == want["lead"] and told[-1][1] == want["severity"]
    else: assert [level if hit else None for hit, level in (judged(stay(dt.datetime.fromisoformat(t))) for t in given["entered"])] == want["severity"]
