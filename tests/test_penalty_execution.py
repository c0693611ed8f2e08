"penalty_execution on a small demo province, and on sentences of two counties: what was planted is found, look-alikes are left alone, the undecidable is said to be so."
import csv
import datetime as dt
import json
from functools import cache

import pandas as pd
import pytest

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, outside, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.model.special import Case, frame_columns, judge_case, special
from supervise_lib.publish.timelines import timeline
from supervise_lib.specials.chapters.penalty_execution_picture import timeline_of
from supervise_lib.specials.penalty_execution import with_durations
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"
MINE = {f"EXEC_R{i:02d}" for i in (*range(1, 16), 18, 19, 20, 21, 23, 46)}


# --- the demo province ---------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("execution")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .04, tables=special("penalty_execution").tables)
    return Run("penalty_execution", "340000", AS_OF, lake=lake), truth(home / "demo", "penalty_execution"), lake

@pytest.fixture(scope="module")
def scored(run):
    found = score(run[1], run[0].verdicts, TRUTH_KEYS["penalty_execution"])
    return found[found.index.isin(MINE)]

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == MINE
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all() and (scored.lookalikes >= 1).all()

def test_other_stories_people_lead_ordinary_lives(run):
    found = outside(run[1], run[0].verdicts, TRUTH_KEYS["penalty_execution"])
    assert found.sum() <= 24 and found.get("EXEC_R36", 0) <= 4     # fines of bribers whose gains were not recovered

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() <= 2
    assert (scored.undecidable >= 1).all() and (scored.undecidable_said == scored.undecidable).all()

def test_outcomes_add_up(run):
    whole = run[0]
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all()
    assert set(whole.frame.subject_kind) >= {"sentence", "prisoner", "benefit"} and whole.frame.subject_id.is_unique

def test_a_county_judges_its_own_rows_as_the_province_does(run):
    whole, _, lake = run
    county = whole.frame.region_code.value_counts().index[0]
    own = Run("penalty_execution", county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and len(own.frame) == (whole.frame.region_code == county).sum()

def test_the_most_urgent_lead_is_drawn_with_its_limits(run):
    drawn = timeline_of(run[0])
    assert drawn["spans"] or drawn["marks"]
    assert all(day for _, day in drawn["limits"]) and timeline(**drawn).axes


# --- sentences of two counties -----------------------------------------------------------------------------------------------------------

HERE, THERE = "340111", "340123"
ANNOUNCED, EFFECTIVE = dt.date(2023, 5, 12), dt.date(2023, 5, 23)
WHO = dict(case_no="c1", person_id_no="P1")
ELSEWHERE = ("custody_stays", "prison_terms", "correction_subjects", "deaths", "sentence_changes", "temporary_outside_executions", "political_rights_deprivations", "administrative_detention_stays", "correction_sanctions", "sentence_deliveries", "criminal_appeals")

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def somebody(name):
    "A row about somebody else, so that the table is there."
    c = contract(name)
    day = lambda kind: dt.datetime(2023, 1, 1) if kind == "timestamp" else dt.date(2023, 1, 1)
    return {k: day(c[k].type) if c[k].type in ("date", "timestamp") else 1 if c[k].type == "integer" else f"other-{k}" for k in {*c.key, c.event_date} if k} | {"person_id_no": "P9", "region_code": HERE}

def lake_of(folder, *more, without=(), **judgment):
    "A lake with one sentence in one county, the registers of others, and further rows anywhere."
    rows = {n: [somebody(n)] for n in ELSEWHERE if n not in without}
    rows |= {"criminal_judgments": [dict(**WHO, verdict="guilty", principal_penalty="fixed", term_years=1, term_months=0, is_suspended=False, announce_date=ANNOUNCED, effective_date=EFFECTIVE, region_code=HERE) | judgment],
             "judgment_charges": [dict(**WHO, charge_seq=1, principal_penalty="fixed", term_years=1, term_months=0, offence_start_date=dt.date(2023, 2, 1), offence_end_date=dt.date(2023, 2, 1), region_code=HERE)],
             "coercive_measures": [dict(measure_id="m1", person_id_no="P1", measure_kind="bail", start_time=dt.datetime(2023, 2, 10), region_code=HERE)]}
    for name, row in more: rows.setdefault(name, []).append(row)
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *found))
    return lake

def outcome(lake, rule, region=HERE, subject="S:c1|P1"):
    v = Run("penalty_execution", region, AS_OF, lake=lake).verdicts
    return v[(v.rule == rule) & (v.subject_id == subject)].outcome.item()

def test_who_is_served_elsewhere_was_taken_in(tmp_path):
    assert outcome(lake_of(tmp_path / "a"), "EXEC_R11") == "hit"
    term = dict(prisoner_no="1", **WHO, admit_date=dt.date(2023, 7, 1), region_code=THERE)
    assert outcome(lake_of(tmp_path / "b", ("prison_terms", term)), "EXEC_R11") == "clear"
    stay = dict(custody_no="1", person_id_no="P1", in_time=dt.datetime(2023, 6, 1, 9), in_basis="execute", custody_stage="serving", region_code=THERE)
    assert outcome(lake_of(tmp_path / "c", ("custody_stays", stay)), "EXEC_R11") == "clear"

def test_a_file_of_correction_in_another_county_counts(tmp_path):
    probation = dict(is_suspended=True, probation_years=1, probation_months=0)
    assert outcome(lake_of(tmp_path / "a", **probation), "EXEC_R14") == "hit"
    there = dict(correction_no="k1", **WHO, correction_kind="suspended", correction_start_date=EFFECTIVE, correction_end_date=dt.date(2024, 5, 22), region_code=THERE)
    assert outcome(lake_of(tmp_path / "b", ("correction_subjects", there), **probation), "EXEC_R14") == "clear"

@pytest.mark.parametrize("table_, rule", [("custody_stays", "EXEC_R11"), ("prison_terms", "EXEC_R11"), ("temporary_outside_executions", "EXEC_R11"), ("sentence_deliveries", "EXEC_R08"), ("correction_subjects", "EXEC_R14"), ("correction_sanctions", "EXEC_R18"), ("deaths", "EXEC_R21"), ("political_rights_deprivations", "EXEC_R46")])
def test_a_table_that_was_not_delivered_makes_no_hit(tmp_path, table_, rule):
    lake = lake_of(tmp_path, without=(table_,), is_suspended=rule == "EXEC_R14", deprivation_years="2")
    v = Run("penalty_execution", HERE, AS_OF, lake=lake).verdicts
    assert "hit" not in set(v[v.rule == rule].outcome)

def test_the_second_instance_replaces_the_first_and_others_are_known_from_their_register(tmp_path):
    second = dict(case_no="c2", person_id_no="P1", verdict="guilty", principal_penalty="fixed", term_years=0, term_months=10, is_suspended=False, announce_date=dt.date(2023, 7, 1), effective_date=dt.date(2023, 7, 1), region_code=HERE)
    appeal = dict(**WHO, appeal_date=dt.date(2023, 5, 20), second_instance_case_no="c2", region_code=HERE)
    prisoner = dict(prisoner_no="7", person_id_no="P5", case_no="lost", admit_date=dt.date(2020, 1, 1), region_code=HERE)
    lake = lake_of(tmp_path, ("criminal_judgments", second), ("criminal_appeals", appeal), ("prison_terms", prisoner))
    frame = Run("penalty_execution", HERE, AS_OF, lake=lake).frame
    assert {"S:c2|P1", "P:7"} <= set(frame.subject_id) and "S:c1|P1" not in set(frame.subject_id)

def test_without_an_effective_day_nothing_that_runs_from_it_is_a_hit(tmp_path):
    lake = lake_of(tmp_path / "a", effective_date=None)
    assert {r: outcome(lake, r) for r in ("EXEC_R08", "EXEC_R11")} == {"EXEC_R08": "cannot_tell", "EXEC_R11": "cannot_tell"}
    served = dict(doc_id="d1", doc_seq=1, case_no="c1", doc_kind="judgment", proc_service_date=ANNOUNCED, doc_date=ANNOUNCED, region_code=HERE)
    assert outcome(lake_of(tmp_path / "b", ("legal_documents", served), effective_date=None, defendant_service_date=ANNOUNCED), "EXEC_R11") == "hit"
    appeal = ("criminal_appeals", dict(case_no="c1", person_id_no="P8", appeal_date=dt.date(2023, 5, 20), region_code=HERE))
    assert outcome(lake_of(tmp_path / "c", ("legal_documents", served), appeal, effective_date=None, defendant_service_date=ANNOUNCED), "EXEC_R11") == "cannot_tell"

def test_a_person_no_register_knows_is_not_said_to_be_at_large(tmp_path):
    lake = lake_of(tmp_path, without=("coercive_measures",), person_id_no="P7")
    assert outcome(lake, "EXEC_R11", subject="S:c1|P7") == "cannot_tell"

def test_a_county_fetches_little_beyond_its_own_rows(run):
    whole, _, lake = run
    county = whole.frame.region_code.value_counts().index[0]
    people = set(whole.frame.loc[whole.frame.region_code == county, "person_id_no"].dropna())
    own = beyond = 0
    for name in special("penalty_execution").tables:
        f = lake.table(name).execute()
        mine = f.region_code == county
        own += mine.sum()
        if "person_id_no" in f: beyond += (f.person_id_no.isin(people) & ~mine).sum()
    assert own > 50 and beyond < .2 * own


# --- statistics ------------------------------------------------------------------------------------------------------------------------------

def test_what_was_not_received_waits_until_the_last_day():
    day = lambda *x: pd.Series([dt.date(*v) if v else None for v in x], dtype="date32[pyarrow]")
    f = pd.DataFrame({"effective_date": day((2023, 3, 1), (2023, 3, 1), None), "receive_date": day((2023, 3, 8), None, (2023, 3, 20)), "is_handed": pd.Series([True, False, True], dtype="bool[pyarrow]"),
                      "principal_penalty": pd.Series(["fixed"] * 3, dtype="string[pyarrow]")})
    d = with_durations(f)
    assert d.days_waited.tolist() == [7, 19] and d.was_handed.tolist() == [True, False]


# --- the catalogue's worked examples --------------------------------------------------------------------------------------------------------------

@cache
def columns(): return frame_columns(special("penalty_execution"))

def examples(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: return {r["example_id"]: (json.loads(r["inputs"]), json.loads(r["expected"])) for r in csv.DictReader(f) if r["special"] == "penalty_execution"}

def judged(rule, as_of=None, **row):
    s = special("penalty_execution")
    base = dict(subject_kind="sentence", **WHO, verdict="guilty", announce_date=ANNOUNCED, effective_date=EFFECTIVE, centre_stays=[], died=[], changes=[], outside=[], all_judgments=[], measures=[], admin_stays=[], served_terms=[], is_handed=True)
    return judge_case(s, Case(rule, Text("x", "甲"), (base | row,), (), as_of=as_of or dt.date(2023, 12, 31)), columns()).iloc[0]

@pytest.mark.parametrize("example, severity", [("WE048", 2), ("WE049", 3)])
def test_a_late_report_is_graded_as_in_the_catalogue(example, severity, shared):
    given, want = examples(shared)[example]
    file = {"no": "k", "case": "c1", "kind": "suspended", "from": EFFECTIVE, "to": dt.date(2024, 5, 22), "docs": EFFECTIVE, "reported": dt.date.fromisoformat(given["reported"])}
    v = judged("EXEC_R15", is_suspended=True, principal_penalty="fixed", corrections=[file], sanctions=[])
    assert (v.outcome, v.severity, v.margin) == ("hit", severity, want["late_days"])

def test_the_place_of_service_is_that_of_the_catalogue(shared):
    given, want = examples(shared)["WE052"]
    day = dt.date.fromisoformat
    told = [judged("EXEC_R09", is_suspended=False, principal_penalty="fixed", receive_date=day(given["delivered"]), term_end_printed=day(e)).outcome for e in given["term_end"]]
    assert ["detention_centre" if o == "not_applicable" else "prison" for o in told] == want["place"]

def test_the_interval_of_lawful_ends_is_that_of_the_catalogue(shared):
    given, want = examples(shared)["WE076"]
    day, at = dt.date.fromisoformat, lambda x: dt.datetime.combine(dt.date.fromisoformat(x), dt.time(9))
    stays = [{"from": at(a), "to": at(b), "basis": "detain", "reason": "bail", "stage": "first"} for a, b in given["stays"]] + [{"from": at(given["committed"]), "to": None, "basis": "execute", "stage": "serving"}]
    def of(end): return judged("EXEC_R01", principal_penalty="fixed", is_suspended=False, term_years=given["years"], term_months=given["months"], announce_date=dt.date(2023, 5, 25), term_start_printed=day(given["committed"]), commit_date=day(given["committed"]),
                               term_end_printed=end, centre_stays=stays, charges=[{"penalty": "fixed", "years": 1, "months": 2, "from": dt.date(2022, 11, 1), "to": dt.date(2022, 11, 1)}]).outcome
    lo, hi = day(want["lo"]), day(want["hi"])
    assert [of(lo), of(hi)] == ["clear", "clear"] and of(hi + dt.timedelta(2)) == "hit" and of(lo - dt.timedelta(2)) == "hit"

@pytest.mark.parametrize("example", ["WE096", "WE097", "WE098"])
def test_combined_totals_have_the_range_of_the_catalogue(example, shared):
    given, want = examples(shared)[example]
    charges = [{"penalty": "fixed", "years": y, "months": 0, "from": dt.date(2022, 11, 1), "to": dt.date(2022, 11, 1)} for y in given["single_years"]]
    def of(years): return judged("EXEC_R06", principal_penalty="fixed", is_suspended=False, term_years=years, term_months=0, charges=charges).outcome
    assert [of(want["min_years"] - 1), of(want["min_years"]), of(want["max_years"]), of(want["max_years"] + 1)] == ["hit", "clear", "clear", "hit"]
