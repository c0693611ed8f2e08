"""The logic of verdicts and leads: what may be said of a row when something of it is not known, and what a lead carries."""
import json
from dataclasses import replace
from datetime import date
from itertools import product

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from supervise_lib.law.values import PLAIN, Law, unit_words
from supervise_lib.model.leads import explain, law_entries, lead_no, make_leads, parse_lead_no
from supervise_lib.model.lists import any_of, asked_last, exploded, has
from supervise_lib.model.rules import Rule, call, judge, reason_text, suspend
from supervise_lib.model.special import Special, judge_all
from supervise_lib.model.verdicts import BOOL, Outcome, as_flag, count_outcomes, known_absent, one_of, outcomes
from supervise_lib.text import Text

THREE = (True, False, None)
answer = st.sampled_from(THREE)
def col(*v): return pd.Series(v, dtype=BOOL)
def column(kind, *v): return pd.Series(v, dtype=pd.ArrowDtype(kind))
def verdict(*v): return outcomes(*(col(x) for x in v)).item()


# --- four answers ---------------------------------------------------------------------------------------------------------------------

def by_hand(flag, applies, known, excused):
    "The table of the notebook, question by question."
    if applies is False: return "not_applicable"
    if known is True and flag is False: return "clear"
    if applies is None or known is not True or flag is None: return "cannot_tell"
    return {True: "clear", None: "cannot_tell", False: "hit"}[excused]

@pytest.mark.parametrize("row", list(product(THREE, repeat=4)))
def test_outcomes_follow_the_table(row): assert verdict(*row) == by_hand(*row)

@given(st.lists(st.tuples(answer, answer, answer, answer), min_size=1, max_size=30))
def test_each_row_is_answered_by_itself(rows):
    got = outcomes(*(col(*c) for c in zip(*rows, strict=True))).tolist()
    assert got == [by_hand(*r) for r in rows]

@pytest.mark.parametrize("row", [r for r in product(THREE, repeat=4) if None in r])
def test_an_answer_does_not_depend_on_what_is_not_known(row):
    "However the unknown turns out, a hit stays a hit and nothing that was in order becomes one."
    said = verdict(*row)
    later = {verdict(*full) for full in product(*((x,) if x is not None else (True, False) for x in row))}
    if said == "hit": assert later == {"hit"}
    if said == "clear": assert "hit" not in later
    if said == "not_applicable": assert later == {"not_applicable"}

def test_outcome_words(): assert [str(o) for o in Outcome] == ["hit", "clear", "cannot_tell", "not_applicable"]

@given(st.lists(answer, min_size=1, max_size=20))
def test_flags_keep_what_is_missing(values):
    f = as_flag(col(*values), pd.RangeIndex(len(values)))
    assert [None if pd.isna(x) else x for x in f] == values
    assert known_absent(f).tolist() == [x is True for x in values]

def test_flags_that_lost_their_blanks_are_refused():
    index = pd.RangeIndex(2)
    with pytest.raises(TypeError, match="numpy boolean"): as_flag(pd.Series([True, False]), index)
    with pytest.raises(ValueError, match="another order"): as_flag(col(True, False).iloc[::-1], index)
    assert as_flag(True, index).tolist() == [True, True]

@given(st.lists(st.sampled_from(["a", "b", None]), max_size=8), st.sets(st.sampled_from(["a", "b", "c"])))
def test_one_of_keeps_blanks(values, wanted):
    got = one_of(column(pa.string(), *values), wanted)
    assert [None if pd.isna(x) else bool(x) for x in got] == [None if v is None else v in wanted for v in values]

def test_counts_add_up_or_stop_the_run():
    v = pd.DataFrame({"rule": ["A", "A"], "outcome": ["hit", "clear"]})
    assert count_outcomes(v, 2, ["A"]).loc["A"].tolist() == [1, 1, 0, 0]
    for rows, rules in ((3, ["A"]), (2, ["A", "B"])):
        with pytest.raises(AssertionError, match="do not add up"): count_outcomes(v, rows, rules)


# --- lists ----------------------------------------------------------------------------------------------------------------------------

RECORD = pa.list_(pa.struct([("n", pa.int64())]))

@given(st.lists(st.none() | st.lists(st.none() | st.integers(0, 3), max_size=4), min_size=1, max_size=8), answer)
def test_any_of_is_three_valued(rows, empty):
    f = pd.DataFrame({"items": column(RECORD, *[None if r is None else [{"n": n} for n in r] for r in rows])})
    got = any_of(exploded(f, "items")["n"] > 1, f.index, empty=empty)
    def want(r):
        if not r: return empty
        if any(n is not None and n > 1 for n in r): return True
        return None if None in r else False
    assert [None if pd.isna(x) else bool(x) for x in got] == [want(r) for r in rows]

def test_has_tells_an_empty_list_from_a_missing_one():
    got = has(column(pa.list_(pa.string()), ["a"], [], None), "a", "b")
    assert [None if pd.isna(x) else bool(x) for x in got] == [True, False, None]

def test_a_kept_answer_keeps_its_articles():
    @asked_last
    def years(f, law): return law.on("recid_years", f)
    law, days = Law(), column(pa.date32(), date(2023, 6, 1))
    seen = []
    for _ in range(2):
        with law.trail() as readings: years(days, law)
        seen.append([r.name for r in readings])
    assert seen == [["recid_years"], ["recid_years"]]


# --- one rule -------------------------------------------------------------------------------------------------------------------------

def too_long(f, law):
    "Longer than the longest probation term. 超过可适用缓刑的最高刑期。"
    return f.term_months > law.on("probation_max_term_months", f.announce_date)

def is_excused(f, law):
    "The court found a reason. 法院说明了理由。"
    return f.is_plea_accepted

def convicted(f): return f.verdict == "guilty"
def beyond(f, law): return f.term_months - law.on("probation_max_term_months", f.announce_date)
def due(f, law): return f.effective_date
def graded(f): return pd.Series([4 if m and m > 40 else 2 for m in f.term_months.fillna(0)], index=f.index)

RULE = dict(title=Text("Too long", "刑期过长"), severity=graded, needs=("term_months", "announce_date"), instrument="protest", late_instrument="protest_request", applies=convicted, exclusions=(is_excused,),
            reads=("probation_max_term_months",), margin=beyond, margin_unit=Text("months", "个月"), deadline=due)
MAIN, OTHER = Rule(too_long, id="TOY_R01", **RULE), Rule(too_long, id="TOY_R02", **{**RULE, "severity": 1, "exclusions": (), "late_instrument": None, "instrument": "correction_opinion"})
ORDERS = Rule(too_long, id="TOY_R03", **{**RULE, "severity": 1, "exclusions": (), "applies": None}, only_with_others=True)
TOY = Special(name="toy", title=Text("Toy", "玩具"), line="criminal", unit=Text("defendant", "被告人"), key=("case_no", "person_id_no"), day="announce_date", tables=("criminal_judgments",),
              frame=lambda t: t.criminal_judgments, rules=(MAIN, OTHER, ORDERS), not_checked=(Text("much", "许多"),))
TOY.__dict__["_params"] = ({}, (), (), (), {})     # it has no params file
KINDS = {"case_no": pa.string(), "person_id_no": pa.string(), "region_code": pa.string(), "announce_date": pa.date32(), "verdict": pa.string(), "term_months": pa.int64(), "is_plea_accepted": pa.bool_(), "effective_date": pa.date32()}
SOUND = {"region_code": "340123", "announce_date": date(2023, 5, 8), "verdict": "guilty", "term_months": 37, "is_plea_accepted": False, "effective_date": date(2023, 5, 18)}
AS_OF = date(2023, 5, 18)

def frame(*rows):
    rows = [{"case_no": f"案{i}", "person_id_no": "P1", **SOUND, **r} for i, r in enumerate(rows, 1)]
    return pd.DataFrame({c: column(k, *[r[c] for r in rows]) for c, k in KINDS.items()})

def test_a_verdict_says_why_it_is_none():
    f = frame({}, {"term_months": 36}, {"term_months": None}, {"announce_date": None}, {"verdict": None}, {"verdict": "exempt"}, {"is_plea_accepted": True}, {"is_plea_accepted": None})
    v = judge(MAIN, f, Law())
    assert v["outcome"].tolist() == ["hit", "clear", "cannot_tell", "cannot_tell", "cannot_tell", "not_applicable", "clear", "cannot_tell"]
    assert v["reason"].fillna("").tolist() == ["", "", "missing:term_months", "missing:announce_date", "applies", "", "excused:is_excused", "unsure:is_excused"]

def test_a_verdict_carries_severity_margin_deadline_and_law():
    v = judge(MAIN, frame({}, {"term_months": 41}, {"announce_date": date(1997, 9, 30)}), Law())
    assert v["severity"].tolist() == [2, 4, 2]
    assert v["margin"].tolist()[:2] == [1, 5] and pd.isna(v["margin"].iloc[2])
    assert v["deadline"].tolist() == [date(2023, 5, 18)] * 3
    assert v["law"].tolist() == ["probation_max_term_months@1997-10-01"] * 2 + [""]
    assert v["outcome"].tolist() == ["hit", "hit", "cannot_tell"] and v["reason"].iloc[2] == "unknown"

def test_a_stale_value_is_marked():
    assert judge(MAIN, frame({}), Law(as_of=date(2026, 12, 1)))["mark"].item() == ""
    assert "stale" in judge(MAIN, frame({}), Law(as_of=date(2030, 1, 1)))["mark"].item()

def test_absence_proves_nothing_where_the_table_was_not_delivered():
    rule = Rule(too_long, id="TOY_R01", **{**RULE, "complete": ("protests",)})
    v = judge(rule, frame({}, {"term_months": 36}, {"verdict": "exempt"}), Law(), absent={"protests"})
    assert v["outcome"].tolist() == ["cannot_tell", "cannot_tell", "not_applicable"]
    assert v["reason"].tolist()[:2] == ["not_delivered:protests"] * 2
    assert judge(rule, frame({}), Law(), absent={"persons"})["outcome"].item() == "hit"

def test_functions_name_what_they_are_given():
    assert call(lambda said, f: (f, said), 1, 2, 3, 4) == (1, 4)
    def strange(frame): return frame
    with pytest.raises(TypeError, match="strange asks for frame"): call(strange, 1, 2)

def test_what_is_lost_in_a_condition_is_refused():
    def lossy(f, law):
        "Lossy. 丢失缺失值。"
        return f.verdict.isin(["guilty"]).astype(bool)
    with pytest.raises(TypeError, match="numpy boolean"): judge(Rule(lossy, id="TOY_R01", **RULE), frame({}), Law())

@pytest.mark.parametrize("hits, rows, suspended", [(15, 30, False), (16, 30, True), (29, 29, False), (30, 30, True)])
def test_suspension_begins_above_the_ceiling_and_with_enough_rows(hits, rows, suspended):
    v = pd.DataFrame({"outcome": column(pa.string(), *["hit"] * hits, *["clear"] * (rows - hits), *["cannot_tell"] * 50), "reason": column(pa.string(), *[None] * (rows + 50))})
    got = suspend(MAIN, v)
    assert (got["outcome"] == "hit").sum() == (0 if suspended else hits)
    assert got["reason"].notna().sum() == (hits if suspended else 0)

def test_reasons_in_words():
    names = {"term_months": Text("term", "刑期"), "protests": Text("protests", "抗诉")}
    said = lambda code: reason_text(MAIN, code, lambda n: names[n])
    assert said("missing:term_months").en == "term is not recorded" and said("missing:term_months").zh == "未记录刑期"
    assert said("unsure:is_excused").zh == "不能排除：法院说明了理由。" and said("excused:is_excused").en == "explained: The court found a reason."
    assert said("not_delivered:protests").en == "the table protests was not delivered"
    assert "0.97" in reason_text(MAIN, "suspended:0.97").en
    assert said("applies").en and said("unknown").zh
    assert said(None) is None and said("") is None and said(pd.NA) is None


# --- leads ----------------------------------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z_]{0,20}", fullmatch=True)

@given(names, st.from_regex(r"\d{6}", fullmatch=True), st.dates(date(1990, 1, 1), date(2099, 12, 31)), st.tuples(st.text(min_size=1), st.text(min_size=1)))
def test_lead_numbers_are_read_back(special, region, day, key):
    number = lead_no(special, region, day, key)
    assert parse_lead_no(number)[:3] == (special, region, day)
    assert lead_no(special, region, day, key) == number
    assert lead_no(special, region, day, (*key, "x")) != number

@pytest.mark.parametrize("text", ["", "7", "a-b-c", "toy-340123-20231301-abc"])
def test_other_numbers_are_refused(text):
    with pytest.raises(ValueError, match="is not a lead number"): parse_lead_no(text)

def leads_of(*rows, as_of=AS_OF):
    f, law = frame(*rows), Law(as_of=as_of)
    return make_leads(TOY, f, judge_all(TOY, f, law, None), law, "340123", as_of)

def test_the_most_urgent_comes_first():
    got = leads_of({}, {"term_months": 41, "effective_date": None}, {"term_months": 41, "effective_date": date(2023, 6, 1)}, {"term_months": 41}, {"term_months": 36}, {"is_plea_accepted": True, "term_months": 41})
    assert got["case_no"].tolist() == ["案4", "案3", "案2", "案1", "案6"]
    assert got["grade"].tolist() == ["S4", "S4", "S4", "S2", "S1"]
    assert got["hits"].iloc[0] == "TOY_R01;TOY_R02;TOY_R03" and got["n_hits"].tolist() == [3, 3, 3, 3, 2]

def test_after_the_deadline_another_instrument_follows():
    said = lambda day: set(leads_of({"effective_date": day}, as_of=AS_OF)["instruments"].item().split(";"))
    assert said(AS_OF) == {"protest", "correction_opinion"}
    assert said(date(2023, 5, 17)) == {"protest_request", "correction_opinion"}
    assert said(None) == {"protest", "protest_request", "correction_opinion"}

def by_document(f):
    "The instrument by the kind of verdict. 按判决结果确定监督方式。"
    return f.verdict.map({"guilty": "protest", "exempt": "correction_opinion"}, na_action="ignore").astype(pd.ArrowDtype(pa.string()))

@pytest.mark.parametrize("verdict, found", [("guilty", "protest"), (None, "")])
def test_an_instrument_may_depend_on_the_row(verdict, found):
    s = replace(TOY, rules=(replace(MAIN, instrument=by_document, late_instrument=None, needs=("term_months",), applies=None, exclusions=()),))
    s.__dict__["_params"] = TOY._params
    f = frame({"verdict": verdict}, {"term_months": 1})
    leads = make_leads(s, f, judge_all(s, f, Law(), None), Law(), "340123", AS_OF)
    assert leads["instruments"].tolist() == [found]

def test_an_instrument_that_does_not_exist_is_refused():
    def strange(f):
        "Anything. 任意。"
        return ["lawsuit"] * len(f)
    s = replace(TOY, rules=(replace(MAIN, instrument=strange, applies=None, exclusions=()),))
    f = frame({})
    with pytest.raises(ValueError, match="strange proposes lawsuit"): make_leads(s, f, judge_all(s, f, Law(), None), Law(), "340123", AS_OF)

def test_a_rule_that_only_orders_makes_no_lead():
    got = leads_of({"verdict": "exempt"})
    assert len(got) == 0
    full = leads_of({})
    assert got.dtypes.to_dict() == full.dtypes.to_dict()

def test_evidence_holds_values_law_and_what_was_not_answered():
    lead = leads_of({"is_plea_accepted": None}).iloc[0]
    told = {e["rule"]: e for e in json.loads(lead["evidence"])}
    assert set(told) == {"TOY_R01", "TOY_R02", "TOY_R03"}
    hit = told["TOY_R02"]
    assert hit["outcome"] == "hit" and hit["margin"] == 1 and hit["deadline"] == "2023-05-18"
    assert {v["column"]: v["value"] for v in hit["values"]} == {"term_months": 37, "announce_date": "2023-05-08"}
    (law,) = hit["law"]
    assert (law["name"], law["value"], law["since"], law["status"]) == ("probation_max_term_months", 36, "1997-10-01", "checked")
    assert "第72条" in law["article"]["zh"]
    assert told["TOY_R01"]["outcome"] == "cannot_tell" and told["TOY_R01"]["reason"]["zh"].startswith("不能排除")
    assert lead["lead_no"] == lead_no("toy", "340123", AS_OF, ("案1", "P1"))

def test_a_row_nobody_flagged_is_explained_too():
    f, law = frame({"term_months": 36}), Law()
    told = explain(TOY, f.iloc[0], judge_all(TOY, f, law, None), law)
    assert [e["outcome"] for e in told] == ["clear"] * 3
    assert told[0]["margin"] == 0 and told[0]["text"]["zh"] == "超过可适用缓刑的最高刑期。"

def test_law_entries_are_read_from_the_verdict():
    law = Law()
    assert [e["name"] for e in law_entries("prob_min_det@1997-10-01;prob_max_det@1997-10-01", law)] == ["prob_min_det", "prob_max_det"]
    assert law_entries("", law) == [] and law_entries(None, law) == []


def test_every_unit_of_the_law_has_words():
    law = Law()
    units = {law.value(n).unit for n in law.names} - set(PLAIN)
    assert len(units) > 20 and unit_words("mg_per_100ml")["zh"] == "毫克/百毫升"
    assert [u for u in sorted(units) if unit_words(u)["zh"].isascii()] == []


def test_a_table_that_some_counties_did_not_deliver_proves_nothing_there_only():
    rule, f = Rule(too_long, id="TOY_R01", **{**RULE, "complete": ("protests",)}), frame({}, {}, {"term_months": 36})
    v = judge(rule, f, Law(), absent={"protests": pd.Series([True, False, False], index=f.index), "persons": pd.Series(True, index=f.index)})
    assert v["outcome"].tolist() == ["cannot_tell", "hit", "clear"] and v["reason"].fillna("").tolist() == ["not_delivered:protests", "", ""]
