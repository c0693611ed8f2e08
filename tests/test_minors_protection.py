"minors_protection on a small demo province: what was planted is found, look-alikes are left alone, and no lead holds a name, a number or what is personal."
import csv
import datetime as dt
import json
import math
import re
from functools import cache

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.demo_minors_weeks import HEAPED, RISING, last_week
from supervise_lib.data.lake import Lake
from supervise_lib.data.readers import ingest
from supervise_lib.law.calendar import age_criminal, period_days_civil
from supervise_lib.law.values import Law
from supervise_lib.model.special import Case, frame_columns, judge_case, special, withheld
from supervise_lib.publish.early import alarms_table, estimates_only, weeks_figure
from supervise_lib.publish.privacy import hits_shown, hits_table
from supervise_lib.specials.chapters.minors_protection_children import child_labour_fine, severe_disability, unattended_from
from supervise_lib.specials.chapters.minors_protection_events import weekly_counts
from supervise_lib.specials.chapters.minors_protection_frame import haversine, years_shown
from supervise_lib.specials.chapters.minors_protection_staff import check_fine, checked_share, loses_qualification, must_be_sealed
from supervise_lib.specials.chapters.minors_protection_weeks import offences
from supervise_lib.specials.minors_protection import INCIDENTS
from supervise_lib.stats.alarms import Alarms
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"
RULES = {f"MINORS_R{i:02d}" for i in range(1, 24) if i != 12}
NO_UNDECIDABLE = {"MINORS_R14", "MINORS_R21"}     # their key and own columns are never blank in a way that leaves the question open

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("minors")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .02, tables=special("minors_protection").tables)
    return Run("minors_protection", "340000", AS_OF, lake=lake), truth(home / "demo", "minors_protection"), lake, home

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS["minors_protection"])


# --- the demo -----------------------------------------------------------------------------------------------------------------------------------

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == RULES
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all()
    assert scored.lookalikes.sum() >= scored.planted.sum() and (scored.lookalikes >= 2).all()

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() <= 1 and (scored.undecidable_said == scored.undecidable).all()
    assert set(scored.index[scored.undecidable == 0]) == NO_UNDECIDABLE

def test_outcomes_add_up_and_a_county_reads_its_own_rows(run):
    whole, _, lake, _ = run
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all()
    county = whole.frame.region_code.value_counts().index[0]
    own = Run("minors_protection", county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and len(own.frame) == (whole.frame.region_code == county).sum()

def test_a_rule_is_about_its_own_kind_of_thing_only(run):
    v = run[0].verdicts
    about = {r: set(g) for r, g in v[v.outcome != "not_applicable"].groupby("rule")["thing_kind"]}
    assert about["MINORS_R01"] == {"visit"} and about["MINORS_R19"] == {"student"} and about["MINORS_R22"] == {"bus", "driver"} and {"entry", "incident"} <= about["MINORS_R08"] <= {"entry", "incident", "case"}
    assert all(len(kinds) <= 3 for kinds in about.values())


# --- nobody is named ----------------------------------------------------------------------------------------------------------------------------------

def test_leads_hold_no_name_no_number_and_nothing_personal(run):
    whole, _, lake, _ = run
    text = whole.leads.to_csv()
    people = lake.table("persons").execute()
    assert len(whole.leads) > 50 and not re.search(r"(?<!\d)\d{17}[\dXx](?!\d)", text)
    assert not any(n in text for n in people.person_name.dropna().unique() if len(n) > 2)
    plates = lake.table("school_buses").execute().plate_no
    births = set(lake.table("hotel_stays").execute().birth_date.dropna().astype(str)) | set(lake.table("minor_medical_visits").execute().birth_date.dropna().astype(str))
    assert not any(p in text for p in plates) and not any(b in text for b in births)

def test_of_personal_columns_a_lead_says_only_whether_they_are_recorded(run):
    whole = run[0]
    for evidence in whole.leads.evidence:
        for rule in json.loads(evidence):
            for v in rule["values"]:
                if not withheld(whole.special, v["column"]): continue
                assert v["value"] is None and re.fullmatch(r"—|已记录，依规隐去|\d+项记录，依规隐去", v["words"]["zh"])
    shown = {v["column"] for e in whole.leads.evidence for r in json.loads(e) for v in r["values"] if v["value"] is not None}
    assert {"age", "situation", "hotel_kind"} <= shown and not shown & {"person", "birth_date", "guests", "victims", "diagnosis"}

def test_only_declared_columns_of_personal_content_are_shown():
    s = special("minors_protection")
    assert s.masked
    for name, d in s.derived.items():
        personal = any(contract(t).columns[c].personal != "P0" for t, c in (x.split(".") for x in d.sources))
        assert withheld(s, name) == (personal and not d.coarse)
    assert withheld(s, "person_id_no") and withheld(s, "unheard_of") and not withheld(special("criminal_detention"), "person_id_no")

def test_why_is_masked_as_the_lead_is(run):
    whole = run[0]
    lead = whole.leads[whole.leads.hits.str.contains("MINORS_R01")].iloc[0]
    told = str(whole.why(lead.lead_no))
    row = whole.frame[whole.frame.thing_id == lead.thing_id].iloc[0]
    assert row.person not in told and str(row.birth_date) not in told and "周岁" in told

def test_counts_for_others_hide_small_cells(run):
    shown, text = hits_shown(run[0]), str(hits_table(run[0]))
    assert not {w for w in shown.to_numpy().ravel() if w.isdigit() and int(w) < 10} and "<10" in text
    assert all(c.endswith("00") for c in shown.columns[:-1])


# --- sealed records ------------------------------------------------------------------------------------------------------------------------------------

def test_sealed_records_are_refused_counted_and_leave_no_trace(tmp_path, run):
    rows = run[2].table("offender_records").execute()
    assert not rows.is_sealed.fillna(False).any()
    batches = run[2].table("import_batches").execute()
    mine = batches[batches.table_name == "offender_records"]
    assert mine.refused_count.sum() >= 1 and (mine.row_count == mine.accepted_count + mine.quarantined_count + mine.refused_count).all()
    path = tmp_path / "名单.csv"
    path.write_text("公民身份号码,记录编号,记录种类,生效日期,是否封存,行政区划代码\n340111199901010015,封1,性侵害,2016-01-01,是,340111\n340111198001010018,开1,性侵害,2016-01-01,否,340111\n", encoding="utf-8")
    lake = Lake(tmp_path / "lake")
    receipt = ingest("offender_records", path, lake, legal_basis="试", extract_date=AS_OF)
    assert sum(f.refused for f in receipt.files) == 1
    traces = [p for p in lake.folder.rglob("*") if p.is_file() and "封1".encode() in p.read_bytes()]
    assert traces == [] and len(lake.table("offender_records").execute()) == 1


# --- two counties ------------------------------------------------------------------------------------------------------------------------------------------

HERE, THERE = "340111", "340123"

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def county(folder, **rows):
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *[dict(region_code=HERE) | r for r in found]))
    return lake

def outcomes(lake, rule):
    v = Run("minors_protection", HERE, AS_OF, lake=lake).verdicts
    v = v[(v.rule == rule) & (v.outcome != "not_applicable")]
    return dict(zip(v.thing_id, v.outcome, strict=True))

def outcome(lake, rule):
    (found,) = outcomes(lake, rule).values()
    return found

VISIT = dict(visit_id="v1", visit_time=dt.datetime(2023, 5, 2, 10), person_id_no="P1", birth_date=dt.date(2011, 1, 1), situation_code="MR2", diag_code="Z32", inst_code="H1")

def test_a_report_made_in_another_county_is_a_report(tmp_path):
    other = dict(report_id="q0", report_time=dt.datetime(2023, 5, 2, 10), person_id_no="P9", situation_code="MR4")
    parties = dict(police_incident_parties=[dict(police_incident_no="j0", party_seq=1)], police_incidents=[dict(police_incident_no="j0", report_time=dt.datetime(2023, 1, 1))])
    assert outcome(county(tmp_path / "a", minor_medical_visits=[VISIT], mandatory_reports=[other], **parties), "MINORS_R01") == "hit"
    there = dict(report_id="q1", report_time=dt.datetime(2023, 5, 2, 18), person_id_no="P1", situation_code="MR2", region_code=THERE)
    assert outcome(county(tmp_path / "b", minor_medical_visits=[VISIT], mandatory_reports=[other, there], **parties), "MINORS_R01") == "clear"

def test_without_the_register_of_reports_nobody_has_failed_to_report(tmp_path):
    assert outcome(county(tmp_path, minor_medical_visits=[VISIT]), "MINORS_R01") == "cannot_tell"

def room(n, *more):
    "A child and a man in room n, who was not asked; and what the registers say of them."
    rows = [dict(stay_id=f"z{n}", guest_seq=i, person_id_no=p, birth_date=b, checkin_time=dt.datetime(2023, 7, 1, 20), hotel_id="h1", is_relation_logged=asked) for i, p, b, asked in ((1, f"C{n}", dt.date(2011, 1, 1), False), (2, f"A{n}", dt.date(1985, 1, 1), None))]
    return rows, [dict(person_a_id_no=f"{a}{n}", person_b_id_no=f"{b}{n}", kin_kind=k, valid_from=dt.date(2011, 1, 1), region_code=r) for a, b, k, r in more]

def test_kin_two_steps_away_and_in_another_countys_register_is_kin_and_a_divorced_spouse_is_not(tmp_path):
    mother, married, divorced = ("C", "M", "parent", HERE), ("A", "M", "spouse", THERE), ("A", "M", "ex_spouse", HERE)
    rooms = [room(1, mother), room(2, mother, married), room(3, married), room(4, mother, divorced)]
    lake = county(tmp_path, hotel_stays=[g for r, _ in rooms for g in r], kinships=[k for _, ks in rooms for k in ks])
    assert outcomes(lake, "MINORS_R04") == {"z1": "hit", "z2": "clear", "z3": "cannot_tell", "z4": "hit"}

def test_parent_and_child_are_told_apart_whichever_way_they_are_named(tmp_path):
    people = [dict(person_id_no=p, birth_date=b) for p, b in (("C1", dt.date(2015, 1, 1)), ("M1", dt.date(1988, 1, 1)), ("F1", dt.date(1986, 1, 1)))]
    kin = [dict(person_a_id_no="C1", person_b_id_no="M1", kin_kind="child", valid_from=dt.date(2015, 1, 1)), dict(person_a_id_no="F1", person_b_id_no="C1", kin_kind="child", valid_from=dt.date(2015, 1, 1))]
    known = dict(persons=people, kinships=kin, deaths=[dict(person_id_no="M1", death_source="household", death_date=dt.date(2022, 1, 1))], benefit_payments=[dict(payment_id="b0", person_id_no="C9", pay_date=dt.date(2022, 1, 1))],
                 custody_periods=[dict(person_id_no="F1", custody_kind="prison", valid_from=dt.date(2022, 6, 1), valid_to=dt.date(2024, 6, 1), region_code=THERE)])
    assert outcome(county(tmp_path / "a", **known), "MINORS_R20") == "hit"
    paid = dict(payment_id="b1", person_id_no="C1", benefit_kind="child_de_facto_unattended", month="2022-07", pay_date=dt.date(2022, 7, 20), region_code=THERE)
    assert outcome(county(tmp_path / "b", **known | dict(benefit_payments=[*known["benefit_payments"], paid])), "MINORS_R20") == "clear"

def test_absence_is_counted_in_recorded_school_days(tmp_path):
    days = [d for d in (dt.date(2023, 3, 1) + dt.timedelta(i) for i in range(40)) if d.weekday() < 5]
    def sheet(who, absent, kind): return [dict(person_id_no=who, attendance_date=d, is_present_at_school=i not in absent, absence_kind=kind if i in absent else "none") for i, d in enumerate(days)]
    sheets = {"C1": (range(3, 13), "none"), "C2": (range(3, 8), "none"), "C3": (range(3, 13), "sick"), "C4": (range(3, 13), None)}     # ten school days, two weekends between them
    lake = county(tmp_path, student_rolls=[dict(person_id_no=c, school_term="2022-2", grade_name="七年级", roll_status="enrolled") for c in sheets], student_attendances=[r for c, x in sheets.items() for r in sheet(c, *x)])
    assert outcomes(lake, "MINORS_R19") == {"C1|2022-2": "hit", "C2|2022-2": "clear", "C3|2022-2": "clear", "C4|2022-2": "cannot_tell"}

def test_a_card_in_use_at_two_cafes_is_seen_across_counties(tmp_path):
    here = dict(visit_id="e1", venue_id="c1", person_id_no="A1", birth_date=dt.date(1990, 1, 1), enter_time=dt.datetime(2023, 3, 1, 9), leave_time=dt.datetime(2023, 3, 1, 12), id_source_kind="own_card")
    rows = dict(venues=[dict(venue_id="c1", venue_kind="internet_cafe", venue_open_date=dt.date(2015, 1, 1))], custody_periods=[dict(person_id_no="P9", custody_kind="prison", valid_from=dt.date(2020, 1, 1))])
    there = here | dict(visit_id="e2", venue_id="c2", enter_time=dt.datetime(2023, 3, 1, 11), leave_time=dt.datetime(2023, 3, 1, 13), region_code=THERE)
    other = here | dict(visit_id="e3", person_id_no="A3")      # an adult's session about which nothing is wrong is no row
    assert outcomes(county(tmp_path, venue_entries=[here, there, other], **rows), "MINORS_R09") == {"e1": "hit"}


# --- ages, weeks, arithmetic ----------------------------------------------------------------------------------------------------------------------------------

@settings(max_examples=60, deadline=None)
@given(st.dates(dt.date(2000, 1, 1), dt.date(2015, 12, 31)), st.dates(dt.date(2016, 1, 1), dt.date(2026, 12, 31)))
def test_the_age_shown_is_the_age_judged(birth, day):
    import ibis
    shown = ibis.duckdb.connect().execute(years_shown(ibis.literal(birth), ibis.literal(day)))
    assert int(shown) == age_criminal(birth, day)

def test_weeks_without_an_offence_are_counted_and_twin_records_are_one():
    rows = [("incident", "a", dt.date(2023, 5, 2), "S1", "C1"), ("incident", "b", dt.date(2023, 5, 4), "S1", "C1"), ("incident", "c", dt.date(2023, 5, 4), None, None), ("case", "d", dt.date(2023, 5, 23), None, None), ("stay", "e", dt.date(2023, 5, 23), None, None)]
    one = lambda p: [{"person": p}] if p else None    # noqa: E731 shown
    f = pd.DataFrame([dict(thing_kind=k, thing_id=i, event_date=d, suspects=one(s), victims=one(v), region_code=HERE, is_minor_involved=k != "stay") for k, i, d, s, v in rows])
    n = weekly_counts(f)
    assert n.n.tolist() == [2, 0, 0, 1] and n.week.iloc[0] == dt.date(2023, 5, 1)
    assert weekly_counts(f, dt.date(2023, 5, 27)).n.tolist() == [2]      # the last week is not over
    assert len(weekly_counts(f.head(0))) == 0

def test_weekly_counts_of_a_run_are_those_of_its_rows(run):
    n = weekly_counts(run[0].frame)
    f = run[0].frame
    rows = f[f.thing_kind.isin(["incident", "case"]).to_numpy(bool) & f.is_minor_involved.fillna(False).to_numpy(bool)]
    assert 0 < n.n.sum() <= len(rows) and set(n.region_code) == set(rows.region_code)


# --- the catalogue's worked examples ------------------------------------------------------------------------------------------------------------------------------

columns = cache(lambda: frame_columns(special("minors_protection")))

def judged(rule, row, as_of="2025-12-31"):
    return judge_case(special("minors_protection"), Case(rule, Text("x", "甲"), (row,), (), as_of=dt.date.fromisoformat(as_of)), columns()).iloc[0]

def reporting(given):
    visit = dict(thing_kind="visit", situation="MR2", person="P1", birth_date=dt.date(2012, 1, 1), event_time=dt.datetime.fromisoformat(given["visit"]), event_date=dt.date(2024, 3, 5))
    never = judged("MINORS_R01", visit)
    v = judged("MINORS_R01", visit | {"incidents": [{"time": dt.datetime.fromisoformat(given["police_event"])}]})
    if v.outcome == "clear": return {"breach": False}
    return {"late_minutes": round(v.margin), "flag": "late", "severity_lowered_by": int(never.severity - v.severity)}

def near(given):
    cafe = dict(thing_kind="venue", venue_kind="internet_cafe", event_date=dt.date(2018, 1, 1), lat=given["a"][0], lon=given["a"][1], licences=[{"issued": dt.date(2018, 1, 1), "status": "valid"}],
                campuses=[{"stage": "junior", "lat": given["b"][0], "lon": given["b"][1], "gates": f"[[{given['b'][1]}, {given['b'][0]}]]", "opened": dt.date(2001, 9, 1)}])
    return {"distance_m": round(haversine(given["a"], given["b"]), 2), "flag": judged("MINORS_R11", cafe).outcome == "hit"}

def arcade(given):
    day = dt.date.fromisoformat(given["date"])
    return {"breach": judged("MINORS_R08", dict(thing_kind="entry", venue_kind="game_arcade", device="游戏机", card="own_card", event_date=day, birth_date=day.replace(year=day.year - given["age"]) - dt.timedelta(40))).outcome == "hit"}

def esports(given):
    t = dt.datetime.fromisoformat(given["checkin"] + "T20:00")
    v = judged("MINORS_R10", dict(thing_kind="stay", hotel_kind="esports_pro", event_time=t, event_date=t.date(), guests=[{"person": "C1", "birth": dt.date(2010, 1, 1)}]))
    return {"lead": True if v.outcome == "hit" else None}

def unattended(given):
    start = dt.date.fromisoformat(given["father_custody_from"])
    end = (pd.Timestamp(start) + pd.DateOffset(months=given["term_months"])).date() - dt.timedelta(1)
    status = [{"parent": "M", "kind": "dead", "from": dt.date.fromisoformat(given["mother"].split()[1]), "to": None, "note": None}, {"parent": "F", "kind": "custody", "from": start, "to": end, "note": None}]
    found = unattended_from(status, dt.date(2025, 1, 1), 6, 2, 4)[0]
    return {"qualifies_from": str(found[0])} if found else {"qualifies": False}

def teacher(given):
    charge = {"133-1": "危险驾驶", "234": "故意伤害"}[given["charge"]]
    return {"lost": loses_qualification({"verdict": "guilty", "deprivation": None, "penalty": given["principal_penalty"], "charges": charge}, set())}

def union_bound(given):
    n, p, k = given["offences"], 1 / given["hotels"], given["k"]
    return {"bound": round(given["hotels"] * sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)), 5)}

LAW, ON = Law(), dt.date(2024, 1, 1)
EXAMPLES = {
    "reporting grace": reporting, "distance": near, "e-sport hotel date": esports, "arcade on statutory holiday": arcade, "arcade on weekend": arcade, "de-facto unattended": unattended, "teacher qualification": teacher, "union bound": union_bound,
    "hotel fine": lambda g: {"min_yuan": LAW.on("hotel_fine_serious_min", ON), "max_yuan": LAW.on("hotel_fine_serious_max", ON)},
    "entry check fine": lambda g: {"max_yuan": check_fine(LAW, ON, not g["first_finding"])[1]}, "child labour fine": lambda g: {"fine_yuan": child_labour_fine(LAW, ON, g["children"], g["months"])},
    "severe disability": lambda g: {"severe": severe_disability(g["grade"], g["kind"] in ("intellectual", "mental"), LAW.on("defacto_disab_grade", ON), LAW.on("defacto_disab_mental_grade", ON))},
    "record sealing": lambda g: {"sealed": must_be_sealed(dt.date(2006, 1, 1), dt.date(2006 + g["age"], 6, 1), g["term_months"], LAW.on("seal_age", ON), LAW.on("seal_max_term_years", ON))},
    "check ratio": lambda g: {"ratio": checked_share(g["staff"], g["checked"])},
    "age in full years (day after the birthday)": lambda g: {"age": age_criminal(g["birth"], g["event"])},
    "period in days, civil/administrative": lambda g: {"date": str(period_days_civil(g["event"], g["days"], roll=g["roll"]))}}

def months_lost(given):
    lost = [{"parent": "M", "kind": "lost_contact", "from": dt.date.fromisoformat(given["event"]), "to": None, "note": None}, {"parent": "F", "kind": "severe_disability", "from": dt.date(2020, 1, 1), "to": None, "note": "肢体二级"}]
    return {"date": str(unattended_from(lost, dt.date(2025, 1, 1), given["months"], 2, 4)[0][0])}

def test_every_worked_example_of_the_catalogue_comes_out(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: rows = [r for r in csv.DictReader(f) if r["special"] == "minors_protection"]
    assert len(rows) == 27
    for r in rows:
        given_, want = json.loads(r["inputs"]), json.loads(r["expected"])
        topic = next(v for k, v in r.items() if v in EXAMPLES or "period in months" in (v or ""))
        got = months_lost(given_) if "period in months" in topic else EXAMPLES[topic](given_)
        assert got == want, r["example_id"]


# --- early warning -----------------------------------------------------------------------------------------------------------------------------------------------

def alarms(run, statistic="alarms_incident"):
    s = run.statistics
    return s[s.statistic == statistic].set_index("group")

def test_a_week_out_of_the_ordinary_is_alarmed_and_a_heap_of_late_entries_is_not(run):
    found, f = alarms(run[0]), offences(run[0].frame, "incident")
    assert found.outcome[RISING] == "alarm" and found.flag[RISING] == "above" and found.k[RISING] > found.threshold[RISING]
    assert found.outcome[HEAPED] == "quiet" and (found.outcome[~found.index.isin([RISING, HEAPED])] == "too_few").all()
    desk = Alarms(id="desk", title=Text("by entry", "按录入"), day="known_on").compute(f[f.known_on.notna()], AS_OF).set_index("group")
    assert desk.outcome[HEAPED] == "alarm"        # whoever counts by the day of entry is called out for nothing
    assert "not by" not in found.note_en[HEAPED] and "年一次误报" in found.note_zh[RISING]

def test_a_corner_rule_does_not_see_what_the_county_sees(run):
    v = run[0].verdicts
    mine = v[(v.rule == "MINORS_R18") & v.thing_id.isin(set(run[1].loc[run[1].region_code == RISING, "thing_id"])) & (v.outcome == "hit")]
    assert len(mine) == 0

def test_the_scan_finds_the_county_and_its_week_and_refuses_for_one_county(run):
    whole, one = run[0], Run("minors_protection", RISING, AS_OF, lake=run[2])
    s = whole.statistics[whole.statistics.statistic == "clusters"]
    assert s.members.iloc[0] == RISING and s["first"].iloc[0] == str(last_week(dt.date.fromisoformat(AS_OF))) and s.p.iloc[0] < .01
    s = one.statistics[one.statistics.statistic == "clusters"]
    assert s.value.isna().all() and "单个县区" in s.note_zh.iloc[0]
    assert list(alarms(one).index) == [RISING] and alarms(one).outcome[RISING] == "alarm" and alarms(one, "alarms_case").outcome.isin(["too_early", "no_baseline"]).all()

def test_paper_tells_no_small_week(run):
    whole = run[0]
    counts = [int(r[4]) for r in alarms_table(whole.statistics, whole.special.statistics).rows if r[4].isdigit()]
    assert counts and min(counts) >= 10 and "误报" in str(alarms_table(whole.statistics, whole.special.statistics))
    course = INCIDENTS.course(whole.frame, whole.as_of)
    assert (course.observed < 10).any() and min(b.get_height() for c in weeks_figure(course).axes[0].containers for b in c) >= 10
    assert len(estimates_only(whole.statistics)) and not set(estimates_only(whole.statistics).statistic) & {"alarms_incident", "alarms_case", "clusters"}

def test_alarms_need_a_day_and_say_when_there_is_nothing(run):
    with pytest.raises(ValueError, match="as_of"): INCIDENTS.compute(run[0].frame)
    nothing = INCIDENTS.compute(run[0].frame.head(0), as_of=dt.date(2023, 12, 31))
    assert nothing.outcome.tolist() == ["no_baseline"] and "不等于平稳" in nothing.note_zh[0]
    assert len(INCIDENTS.course(run[0].frame.head(0), AS_OF)) == 0 and weeks_figure(INCIDENTS.course(run[0].frame.head(0), AS_OF)).axes
