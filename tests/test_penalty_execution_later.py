"The later life of a sentence: what was planted is found, look-alikes are left alone, the undecidable is said to be so, and a missing table accuses nobody."
from dataclasses import replace
from datetime import date, datetime
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import score
from supervise_lib.data.demo_execution_later import RULES, tell
from supervise_lib.data.demo_world import World
from supervise_lib.data.lake import Lake
from supervise_lib.law.values import Law
from supervise_lib.model.special import Choices, check_frame, judge_all, special
from supervise_lib.specials.chapters.penalty_execution_changes import STATISTICS_LATER
from supervise_lib.specials.chapters.penalty_execution_extents import with_cuts

AS_OF = date(2023, 12, 31)
HOME, OTHER = "340123", "341182"
EACH = [*RULES, "EXEC_R31"]
each_rule = pytest.mark.parametrize("rule", EACH)


def cell(kind, name, value):
    "A told value as the lake keeps it: valid numbers become pseudonyms."
    if value is None: return None
    if name.endswith("id_no"): return f"P{value}"
    if pa.types.is_timestamp(kind): return datetime.fromisoformat(value)
    return float(value) if pa.types.is_floating(kind) else value

def frame_of(table, rows):
    kinds = contract(table).arrow_schema()
    return pa.table({f.name: pa.array([cell(f.type, f.name, r.get(f.name)) for r in rows], f.type) for f in kinds}).to_pandas(types_mapper=pd.ArrowDtype)

def lives(scale):
    "Told rows, gathered in one county for speed, and the truth."
    rows, truth = tell(World(2023, AS_OF), scale)
    return {t: [{**r, "region_code": HOME} for r in told] for t, told in rows.items()}, truth

def lake_of(folder, rows):
    lake = Lake(folder)
    for table, told in rows.items():
        if told: lake.write(table, frame_of(table, told))
    return lake

def judged(lake, absent=(), region=None):
    "Frame and verdicts of these rules on a lake, for a region's own rows, as if some tables had not been delivered."
    s = special("penalty_execution")
    s = replace(s, rules=tuple(r for r in s.rules if r.id in EACH))
    table = lambda t, r=None: lake.table(t, r).limit(0) if t in absent else lake.table(t, r)
    everywhere = {t: table(t) for t in s.tables}
    own = everywhere if region is None else {t: table(t, region) for t in s.tables}
    f = lake.fetch(s.frame(SimpleNamespace(**own, everywhere=SimpleNamespace(**everywhere), as_of=AS_OF, region=region or "340000")))
    check_frame(s, f)
    return f, judge_all(s, f, Law(as_of=AS_OF), Choices(s.choices), absent)

def subject(told):
    "The key of a told subject, with the person's pseudonym."
    if told.startswith("S:"): return "|P".join(told.split("|"))
    return f"B:P{told[2:]}" if told.startswith("B:") else told

@pytest.fixture(scope="module")
def province(tmp_path_factory):
    rows, truth = lives(.75)
    t = pd.DataFrame([(r, subject(s), kind) for r, _, s, kind, _ in truth], columns=["rule", "subject_id", "kind"])
    f, v = judged(lake_of(tmp_path_factory.mktemp("execution"), rows))
    return f, v, t

@pytest.fixture(scope="module")
def scored(province): return score(province[2], province[1], ("subject_id",))


# --- the planted truth --------------------------------------------------------------------------------------------------------------------

@each_rule
def test_what_was_planted_is_found_and_nothing_else(scored, rule):
    s = scored.loc[rule]
    assert s.planted >= 6 and s.recall == 1 and s.precision == 1

@pytest.mark.parametrize("rule", RULES)
def test_lookalikes_are_left_alone_and_the_undecidable_is_said(scored, rule):
    s = scored.loc[rule]
    assert s.lookalikes >= 6 and s.false_lookalikes == 0
    assert s.undecidable >= 6 and s.undecidable_said == s.undecidable

def test_only_the_gluing_prison_is_marked(province):
    f, v, _ = province
    hits = set(v.subject_id[(v.rule == "EXEC_R31") & (v.outcome == "hit")])
    facilities = {t[0]["facility"] for s, t in zip(f.subject_id, f.served_terms, strict=True) if s in hits and len(t)}
    assert facilities == {"安徽省皖东第二监狱"} and len(hits) == 30


# --- what is missing ------------------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def small(tmp_path_factory):
    lake = lake_of(tmp_path_factory.mktemp("small"), lives(.02)[0])
    return lake, hits(judged(lake)[1])

def hits(v):
    "Rule and person or prisoner of each hit."
    return set(zip(v.rule[v.outcome == "hit"], v.subject_id[v.outcome == "hit"], strict=True))

MISSING = (("prison_terms",), ("sentence_changes", "sentence_deliveries"), ("temporary_outside_executions", "deaths"), ("enforcement_cases", "bail_deposits"), ("custody_stays", "judgment_circumstances"))

@pytest.mark.parametrize("tables", MISSING, ids=" and ".join)
def test_missing_tables_make_no_new_hit(small, tables):
    lake, whole = small
    assert hits(judged(lake, tables)[1]) - whole == set()

def test_without_changes_and_enforcement_nothing_is_clear(small):
    v = judged(small[0], ("sentence_changes", "enforcement_cases"))[1]
    for rule in ("EXEC_R24", "EXEC_R25", "EXEC_R26", "EXEC_R27", "EXEC_R28", "EXEC_R30", "EXEC_R37", "EXEC_R40"): assert "clear" not in set(v[v.rule == rule].outcome) and "cannot_tell" in set(v[v.rule == rule].outcome)
    assert "hit" not in set(v[v.rule == "EXEC_R36"].outcome)

def test_a_pension_paid_in_another_county_is_seen_there_where_the_judgment_is(tmp_path):
    rows = lives(.02)[0]
    mine = {r["person_id_no"] for r in rows["benefit_payments"] if r["_turn"] == "R41_violation"} & {r["person_id_no"] for r in rows["criminal_judgments"]}
    rows["benefit_payments"] = [{**r, "region_code": OTHER} for r in rows["benefit_payments"] if r["person_id_no"] in mine]
    f, v = judged(lake_of(tmp_path, rows), region=HOME)
    assert set(f.region_code) == {HOME}
    assert (v[(v.rule == "EXEC_R41") & v.subject_id.str.endswith(f"P{next(iter(mine))}")].outcome == "hit").all()


# --- statistics -----------------------------------------------------------------------------------------------------------------------------

MEAN, TOP, UNUSUAL = STATISTICS_LATER

def test_mean_share_of_the_largest_cut_is_that_of_the_textbook(province):
    d, e = MEAN.compute(province[0]), with_cuts(province[0])
    row = d[d.n >= 20].iloc[0]
    v = e[e.facility == row.group]["share"].dropna().astype(float).to_numpy()
    assert (row.value, row.n) == (pytest.approx(v.mean()), len(v))
    assert (row.low, row.high) == pytest.approx(stats.t.interval(.95, len(v) - 1, v.mean(), stats.sem(v)))

def test_share_at_the_maximum_has_wilson_limits_and_the_glued_prison_stands_out(province):
    d = TOP.compute(province[0])
    row = d[d.group == "安徽省皖东第二监狱"].iloc[0]
    assert (row.k, row.n) == (30, 30) and row.flag == "above"
    assert (row.low, row.high) == pytest.approx(proportion_confint(30, 30, method="wilson"))

def test_small_numbers_are_refused_in_words(province):
    f = province[0]
    first = f[[c is not None and len(c) > 0 for c in f.changes]].head(12)
    d = MEAN.compute(first)
    few = d[d.n < 20]
    assert len(few) and few.value.isna().all() and few.note_en.str.contains("Not estimated", regex=False).all() and few.note_zh.str.contains("未估计", regex=False).all()
    assert UNUSUAL.compute(first).value.isna().all()

def test_an_unusual_cut_is_found_among_enough(province):
    e = UNUSUAL.cases(province[0])
    theft = e[(e.group == "盗窃") & e.p.notna()]
    assert len(theft) >= 200
    assert (theft[theft.flag.notna()].value >= 9).all() and (theft.flag[theft.value == 40] == "above").all() and (theft.value == 40).any()


# --- enforcement after an appeal ------------------------------------------------------------------------------------------------------------

def test_enforcement_under_the_number_of_the_first_instance_or_of_the_title_is_found(tmp_path):
    told = lives(.02)[0]
    fined = [r for r in told["criminal_judgments"] if r["_turn"] == "plain"]
    second = {r["case_no"]: r["case_no"].replace("刑初", "刑终") for r in fined[:1]}
    by_title = {r["case_no"] for r in fined[1:2]}
    told["criminal_court_cases"] = [{"case_no": b, "previous_case_no": a, "instance_level": "second", "court_accept_date": r["announce_date"], "region_code": r["region_code"]} for r in fined[:1] for a, b in second.items()]
    for table in ("criminal_judgments", "judgment_charges", "prison_terms", "sentence_deliveries"):
        told[table] = [{**r, "case_no": second.get(r.get("case_no"), r.get("case_no"))} for r in told[table]]
    told["enforcement_cases"] = [{**r, "case_no": None, "basis_no": r["case_no"]} if r["case_no"] in by_title else r for r in told["enforcement_cases"]]
    v = judged(lake_of(tmp_path, told))[1]
    for case in (*second.values(), *by_title): assert v[(v.rule == "EXEC_R36") & v.subject_id.str.contains(case, regex=False)].outcome.tolist() == ["clear"]
