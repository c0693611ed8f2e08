"Class problems: leads grouped, a draft whose every number is counted, levels reached, and whether the reply helped."
import datetime as dt
import json
import re

import numpy as np
import pandas as pd
import pytest

from evaluation_action import YEAR, action
from supervise_lib.review.evaluation_facts import facts
from supervise_lib.review.problems import LEVELS, as_rows, before_after, lasting, level_of, monthly, problem_params, problems, suggestion, with_outcomes
from supervise_lib.text import Text

OFFICE, SERVED = Text("Procuratorate of County A", "甲县人民检察院"), dt.date(2024, 1, 5)
LAW = {"article": {"en": "Law on A, Art. 91", "zh": "甲法第九十一条"}, "status": "checked"}


def lead(i, county="340111", unit="甲县公安局", hits="DET_R01", law=LAW, **more):
    proof = [{"rule": r, "title": {"en": f"asked by {r[:3]}", "zh": "超过期限"}, "outcome": "hit", "law": [law] if law else []} for r in hits.split(";")] + [{"rule": "DET_R77", "title": {"en": "cleared", "zh": "无问题"}, "outcome": "clear", "law": [LAW | {"article": {"en": "z", "zh": "无关条文"}}]}]
    return dict(lead_no=f"criminal_detention-{county}-20231231-{i:012x}", region_code=county, day=dt.date(2023, i % 12 + 1, 7), hits=hits, unit=unit, evidence=json.dumps(proof)) | more

def one(*leads): return problems(as_rows(pd.DataFrame(leads)))


def test_leads_are_grouped_by_pattern_and_mechanism_across_counties():
    found = one(lead(1), lead(2, "340202", "乙区公安局"), lead(3, hits="DET_R02;DET_R01"), lead(4, hits="DET_R01;DET_R02"), lead(5, hits="FIL_R01"), lead(6, mechanism="转押"), lead(7, mechanism="转押"))
    assert [(p.pattern, p.mechanism, len(p.leads)) for p in found] == [("DET_R01", "DET", 2), ("DET_R01", "转押", 2), ("DET_R01;DET_R02", "DET", 2)]
    assert found[0].counties == ["340111", "340202"] and set(found[0].batches) == {"甲县公安局", "乙区公安局"}
    assert [p.pattern for p in problems(as_rows(pd.DataFrame([lead(1), lead(2)])), least_counties=2)] == []

def test_a_lead_without_a_unit_is_in_nobodys_suggestion():
    p, = one(lead(1), lead(2, unit=None), lead(3))
    assert p.without_unit == 1 and len(p.batches["甲县公安局"]) == 2
    with pytest.raises(ValueError, match="one addressee"): suggestion(p.leads, OFFICE, SERVED)

def test_leads_of_runs_bring_their_unit_in_the_evidence(tmp_path):
    from supervise_lib.model.special import special
    from supervise_lib.review.problems import leads_of_special
    def with_unit(i, name, **more):
        row = lead(i, unit=None, **more); proof = json.loads(row["evidence"]); proof[0]["values"] = [{"column": "police_org", "value": name}]
        return {"lead_no": row["lead_no"], **{k: f"K{i}" for k in special("criminal_detention").key}, **{k: v for k, v in row.items() if k not in ("lead_no", "unit")}, "evidence": json.dumps(proof)}
    for day, rows in (("2023-06-30", [with_unit(1, "甲县公安局")]), ("2023-12-31", [with_unit(1, "甲县公安局") | {"lead_no": "criminal_detention-340111-20240101-000000000001"}, with_unit(2, "乙县公安局"), with_unit(3, None)])):
        folder = tmp_path / "runs" / "criminal_detention" / "340111" / day; folder.mkdir(parents=True); pd.DataFrame(rows).to_parquet(folder / "leads.parquet")
    got = as_rows(leads_of_special(tmp_path, "criminal_detention"), unit="police_org")
    assert got["unit"].tolist() == ["甲县公安局", "乙县公安局", None]                       # the row found twice counts once
    with pytest.raises(FileNotFoundError, match="run the special first"): leads_of_special(tmp_path, "case_filing")

@pytest.mark.parametrize("n", [3, 14])
def test_every_number_of_the_draft_is_counted(n):
    batch = one(*(lead(i, ("340111", "340202")[i % 2], label=True if i < 2 else False if i == 2 else None) for i in range(n)))[0].batches["甲县公安局"]
    d = suggestion(batch, OFFICE, SERVED)
    assert d.numbers == dict(n=n, counties=2, true=2, wrong=1, open=n - 3, reply=2, of_DET_R01=n) and len(d.annex) == n == len(set(d.annex))
    for lang in ("zh", "en"):
        bare = re.sub(r"\d{4}-\d\d-\d\d|第[^条]*条|Art\. \d+|（\d）|\(\d\)|(?m:^\d\. )|20\d\d", "", d.text(lang))
        assert {int(x) for x in re.findall(r"\d+", bare)} <= set(d.numbers.values())
    for part in ("甲县公安局", "甲县人民检察院", "是否存在", "甲法第九十一条", "不是认定的事实", "检察建议工作规定"): assert part in d.text.zh
    assert "无关条文" not in d.text.zh and "{" not in d.text.zh + d.text.en and "not established facts" in d.text.en

def test_law_not_yet_checked_is_marked():
    batch = one(*(lead(i, law=LAW | {"status": "verify"}) for i in range(3)))[0].batches["甲县公安局"]
    assert "甲法第九十一条（待核）" in suggestion(batch, OFFICE, SERVED).text.zh

def test_no_draft_from_too_little():
    for leads, why in (([lead(1), lead(2)], "at least 3"), ([lead(1), lead(2), lead(3, law=None)], "no article")):
        with pytest.raises(ValueError, match=why): suggestion(one(*leads)[0].leads, OFFICE, SERVED)
    with pytest.raises(ValueError, match="no time to reply"): suggestion(one(*(lead(i) for i in range(3)))[0].leads, OFFICE, dt.date(2001, 1, 1))

def test_words_of_both_languages_have_the_same_fields():
    assert problem_params()["suggestion"]["zh"].count("{") >= 10 and set(LEVELS) == {"G0", "G1", "G2", "G3", "G4"}
    assert all(v["status"] in ("sourced", "proposed") for v in problem_params()["numbers"].values())


def ended(*days, units=("a", "b", "b")): return pd.DataFrame({"concluded_on": list(days), "unit": list(units)[:len(days)]})

@pytest.mark.parametrize("leads, more, level", [
    (ended(None, None), {}, "G0"), (ended("2023-01-01"), {}, "G1"), (ended("2023-01-01", "2023-05-01", "2023-12-31"), {}, "G2"), (ended("2023-01-01", "2023-05-01", "2024-01-01"), {}, "G1"),
    (ended("2023-01-01", "2023-05-01", "2023-12-31", units="aaa"), {}, "G1"), (ended(None), dict(suggestion_facts=3), "G2"), (ended(None), dict(suggestion_facts=2), "G0"), (ended("2023-01-01"), dict(outputs=1), "G3"),
    (ended("2023-01-01"), dict(outputs=1, runs=(("2023-01-01", 60, 1000), ("2023-07-01", 30, 1000))), "G4"), (ended("2023-01-01"), dict(outputs=0, runs=(("2023-01-01", 60, 1000), ("2023-07-01", 30, 1000))), "G1"),
    (ended("2023-01-01"), dict(outputs=1, runs=(("2023-01-01", 6, 100), ("2023-07-01", 3, 100))), "G3"),
])
def test_levels(leads, more, level): assert level_of(leads, **more) == level

def test_lasting_needs_time_size_and_more_than_chance():
    run = lambda k, day="2023-07-01": lasting(("2023-01-01", 100, 1000), (day, k, 1000))  # noqa: E731
    assert run(50) and run(70) and not run(71) and not run(50, "2023-06-30")


def test_outcomes_come_from_the_facts():
    f = facts(action([5] * 12), *YEAR); ids = f.leads["lead_id"].tolist()
    rows = pd.DataFrame({"lead_no": [ids[0], ids[7], "not there"], "unit": "a"})
    got = with_outcomes(rows, f.leads)
    assert got["label"].tolist() == [True, False, None] and got["concluded_on"].notna().tolist() == [True, False, False]


def days_of(rates, seed=3):
    rng = np.random.default_rng(seed)
    return [m.start_time.date() for m, r in zip(pd.period_range("2021-01", periods=len(rates), freq="M"), rates, strict=True) for _ in range(rng.poisson(r))]

def test_before_and_after_the_reply():
    since, until, replied = dt.date(2021, 1, 1), dt.date(2024, 12, 31), dt.date(2023, 1, 10)
    assert before_after(days_of([12] * 24 + [4] * 24), replied, since, until).said.en == "fell"
    assert before_after(days_of(12 * np.exp(-.03 * np.arange(48))), replied, since, until).said.en == "no change beyond chance"
    assert before_after(days_of([12] * 48), None, since, until).now is None
    assert before_after(days_of([12] * 48), dt.date(2024, 11, 3), since, until).now is None

def test_a_month_that_is_not_whole_is_left_out():
    got = monthly([dt.date(2023, 1, 31), dt.date(2023, 2, 3), None], dt.date(2023, 1, 2), dt.date(2023, 4, 29))
    assert list(map(str, got.index)) == ["2023-02", "2023-03"] and got.tolist() == [1, 0]
