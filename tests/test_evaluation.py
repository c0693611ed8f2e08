"Evaluation: worked examples, small counties spared, chance not mistaken for merit, nothing ranked, gaming seen."
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from evaluation_action import COUNTIES, LAST, YEAR, action, said
from supervise_lib.review.evaluation import ETHICS, KINDS, RANKS, adoption_score, lower_adoption, lower_precision, no_ranks, number, precision_score, ratio_score, scheme, scheme_table, total, weights_of
from supervise_lib.review.evaluation_checks import families, gaming_checks, models_here
from supervise_lib.review.evaluation_facts import against_expected, facts, period, trend, yields_expected
from supervise_lib.review.evaluation_models import evaluate_models, score_model
from supervise_lib.review.evaluation_people import capped, evaluate_people, points_of, star_shares
from supervise_lib.review.evaluation_procuratorates import evaluate_procuratorates, score_procuratorate

# ---- the scheme

def test_scheme_says_of_everything_whether_it_is_sourced():
    for kind in ("models", "procuratorates"):
        for c in scheme()[kind]["criteria"].values(): assert c["status"] in ("sourced", "proposed") and c["basis"]["en"] and c["basis"]["zh"] and c["how"]["zh"]
    assert {level: sum(weights_of("procuratorates", level).values()) for level in ("county", "prefecture", "province")} == dict.fromkeys(("county", "prefecture", "province"), 100)
    assert "C9" not in weights_of("procuratorates", "county") and weights_of("procuratorates", "province")["C9"] == 26
    for kind in KINDS: assert set(scheme_table(kind)["status"]) <= {"sourced", "proposed"}
    assert "领导小组" in ETHICS.zh


# ---- worked examples

def test_sc_01_model_a():
    assert lower_precision(46, 60) == pytest.approx(.6150, abs=5e-5) and precision_score(46, 60) == pytest.approx(.6916, abs=1e-4)
    assert ratio_score(46, 38.5) == pytest.approx(.6147, abs=1e-4)
    assert score_model(dict(true=46, told=60, cases=46, expected=38.5, reuse=7), dict(M1=.85, M2=.9, M5=.6, M7=.8))["total"] == pytest.approx(71.8, abs=.005)

def test_sc_02_too_few_verified_is_not_rated():
    b = score_model(dict(true=3, told=3, cases=4, expected=1.2, reuse=0), dict(M1=.9, M2=.95, M5=.2, M7=.9))
    assert b["scores"]["M3"] == pytest.approx(.1326, abs=1e-4) and b["scores"]["M4"] == pytest.approx(.7688, abs=1e-4)
    assert b["total"] == pytest.approx(53.69, abs=.005) and b["band"] == "U" and b["shares"] == {"U": 1.}

def test_sc_03_three_of_three_is_not_best():
    assert lower_precision([3, 18, 120], [3, 20, 200], size=20) == pytest.approx([.2713, .4969, .5222], abs=5e-5)

@pytest.mark.parametrize("adopted, q, s, whole", [(11, .5210, .0420, 53.17), (19, .8466, .6932, 62.94)])
def test_sc_04_05_county(adopted, q, s, whole):
    got = score_procuratorate(dict(true=28, told=39, cases=9, expected=8., adopted=adopted, due=20, effects=[(6, 4.)]), dict(C1=.7, C6=.5, C7=.6, C8=.8))
    assert got["scores"] == pytest.approx(dict(C1=.7, C2=.5467, C3=.5535, C4=s, C5=.6448, C6=.5, C7=.6, C8=.8), abs=1e-4)
    assert lower_adoption(adopted, 20) == pytest.approx(q, abs=5e-5) and adoption_score(adopted, 20) == pytest.approx(s, abs=1e-4) and got["total"] == pytest.approx(whole, abs=.005)

def test_sc_06_all_common():
    got = against_expected([4, 9, 46, 0], [1.2, 8, 38.5, 1.5], minimum=0)
    assert got[["ratio", "low", "high"]].to_numpy() == pytest.approx(np.array([[1.452, .757, 2.328], [1.077, .651, 1.590], [1.172, .916, 1.455], [.769, .303, 1.408]]), abs=1e-3)
    assert ((got.low < 1) & (got.high > 1)).all() and got.remark.isna().all()

def people(*rows): return evaluate_people(pd.DataFrame([{"person": "甲", **r} for r in rows])).iloc[0]
BASE = (dict(item="case", grade="S3", share=.5, count=3), dict(item="model", grade="province", share=.6), dict(item="reuse", count=8))   # S2 of the example is S3 here

def test_sc_07_08_stars():
    assert people(*BASE)[["counted", "stars"]].tolist() == [26, 1]
    assert people(*BASE, dict(item="typical", grade="national", share=.5), dict(item="review", count=60))[["counted", "stars"]].tolist() == [39, 1]

def test_sc_09_cap_of_a_single_model():
    assert capped({"m": 30}, 20) == pytest.approx(33.33, abs=.005)
    got = people(dict(item="case", grade="S3", share=1, count=7.5, cluster="m"), dict(item="model", grade="province", share=1))
    assert got["points"] == 50 and got["counted"] == pytest.approx(33.33, abs=.005) and got["stars"] == 1

@given(st.lists(st.floats(0, 100), max_size=6), st.floats(0, 100))
def test_under_the_cap_no_model_gives_more_than_its_share(parts, rest):
    whole = capped(dict(enumerate(parts)), rest)
    assert 0 <= whole <= sum(parts) + rest + 1e-6
    assert rest + sum(min(x, .4 * whole) for x in parts) == pytest.approx(whole, abs=1e-6)

def test_four_stars_need_audited_cases_and_a_violation_bars():
    many = [dict(item="model", grade="national", share=1, count=4)]
    assert people(*many)["stars"] == 3
    assert people(*many, *[dict(item="case", grade="S1", share=1, audited=True)] * 2)["stars"] == 4
    barred = people(*many, dict(item="violation", count=1))
    assert barred["stars"] == 0 and not barred["eligible"]

def test_a_contribution_that_is_not_whole_is_refused():
    for row, why in ((dict(item="case", grade="S3"), "share"), (dict(item="case", grade="X", share=1), "grade"), (dict(item="gift"), "not an item")):
        with pytest.raises(ValueError, match=why): points_of(row)


# ---- what cannot be rated

def test_what_cannot_be_rated_is_left_out_and_said():
    w = weights_of("procuratorates")
    full = total(dict.fromkeys(w, .6), w); assert full.value == pytest.approx(60) and full.left_out == ()
    part = total(dict.fromkeys(w, .6) | {"C3": None, "C5": None}, w)
    assert part.value == pytest.approx(60) and part.left_out == ("C3", "C5") and sum(part.weights.values()) == pytest.approx(100)
    assert total({"C1": 1., "C2": 1.}, w).value is None

@given(st.dictionaries(st.sampled_from(list(weights_of("procuratorates"))), st.floats(0, 1)))
def test_a_total_lies_between_its_scores(scores):
    t = total(scores, weights_of("procuratorates"))
    assert t.value is None or 100 * min(scores.values()) - 1e-9 <= t.value <= 100 * max(scores.values()) + 1e-9

def test_a_gate_nobody_documented_gives_no_score():
    f = facts(action([30] * 12), *YEAR)
    profile = said(["M-1"], M1=.8, M2=.8, M5=.6, M6=.5, M7=.8)
    first = evaluate_models(f, profile).iloc[0]
    assert first["band"] == "U" and first["total"] is None and "legal_review" in first["gates_open"]
    passed = pd.concat([profile, said(["M-1"], **dict.fromkeys(scheme()["models"]["gates"], 1))])
    second = evaluate_models(f, passed).iloc[0]
    assert second["band"] in "ABC" and second["low"] <= second["total"] <= second["high"] and not second["gates_open"]
    failed = evaluate_models(f, pd.concat([profile, said(["M-1"], **(dict.fromkeys(scheme()["models"]["gates"], 1) | {"no_personal_data": 0}))])).iloc[0]
    assert failed["band"] == "U" and failed["gates_failed"] == ["no_personal_data"]

def test_a_small_county_is_shown_and_not_rated_on_yield():
    f = facts(action([10] * 11 + [4], [100] * 11 + [10]), *YEAR)
    got = evaluate_procuratorates(f, said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5)).set_index("region_code")
    assert got.loc["340602", "expected"] < 3 and "C3" in got.loc["340602", "left_out"] and pd.isna(got.loc["340602", "yield_remark"]) and pd.isna(got.loc["340602", "yield_band"])
    assert "C3" not in got.loc["340111", "left_out"] and got.loc["340111", "total"] is not None

def test_a_county_without_data_is_expected_nothing_of():
    tables = action([10] * 12); tables["model_runs"] = tables["model_runs"][:-1]
    got = evaluate_procuratorates(facts(tables, *YEAR)).set_index("region_code")
    assert got.loc["340602", "expected"] == 0 and got.loc["340602", "band"] == "not_rated"

def test_documents_nobody_judged_are_no_refusals():
    tables = action([10] * 12, adopted=20); d = tables["supervision_documents"]
    d["is_adopted"] = d["is_adopted"].astype(object); d.loc[d.index[:5], "is_adopted"] = None                 # answered, nobody wrote whether adopted
    d.loc[d.index[5:7], ["reply_date", "is_adopted"]] = None                                                   # never answered
    got = evaluate_procuratorates(facts(tables, *YEAR)).set_index("region_code").loc["340111"]
    assert (got["due"], got["adopted"]) == (15, 13)


# ---- facts

def test_events_after_the_period_do_not_exist_for_it():
    tables = action([5] * 12); late = tables["lead_events"]["to_status"] == "FIL"
    tables["lead_events"].loc[late, "transition_time"] = pd.Timestamp("2024-01-02"); tables["lead_events"].loc[tables["lead_events"]["to_status"] == "TER", "transition_time"] = pd.Timestamp("2024-02-02")
    assert not facts(tables, *YEAR).leads["filed"].any()

def test_a_split_fact_counts_once_and_is_seen():
    tables = action([25] + [5] * 11); mine = tables["leads"]["region_code"] == "340111"
    tables["leads"].loc[mine, "fact_key"] = ["F0"] * 15 + [f"F{i}" for i in range(15, mine.sum())]
    f = facts(tables, *YEAR)
    assert (f.leads["seat"] == "340111").sum() == mine.sum() - 14 and len(f.repeated) == 14
    seen = gaming_checks(f).set_index(["check", "subject"])
    assert seen.loc[("split", "340111"), "call"] and not seen.loc[("split", "340123"), "call"]

def test_a_lead_merged_into_another_does_not_take_its_case_away():
    tables = action([5] * 12); tables["leads"].loc[tables["leads"]["lead_id"].isin(["340111-000", "340123-000"]), "fact_key"] = "SAME"
    both = facts(tables, *YEAR); assert both.repeated["lead_id"].tolist() == ["340123-000"]
    mine = tables["lead_events"]["lead_id"] == "340111-000"
    tables["lead_events"] = pd.concat([tables["lead_events"][~mine], pd.DataFrame([("340111-000", 1, "TRI", "DUP", pd.Timestamp("2023-02-15"), None)], columns=tables["lead_events"].columns)])
    merged = facts(tables, *YEAR)
    assert merged.repeated["lead_id"].tolist() == ["340111-000"] and merged.leads.set_index("lead_id").loc["340123-000", "filed"]

def test_period_is_two_days():
    assert period("2023-01-01:2023-12-31") == YEAR
    for bad in ("2023", "2023-13-01:2024-01-01", "2023-02-01:2023-01-01"):
        with pytest.raises(ValueError): period(bad)

def test_the_ledger_speaks_the_same_language(tmp_path):
    from supervise_lib.data.identity import Keyring
    from supervise_lib.review.evaluation_facts import ledger_tables
    from supervise_lib.review.ledger import Ledger, enter, move
    book = Ledger(tmp_path / "l.sqlite", Keyring(tmp_path / "k"))
    numbers = [f"judgment_consistency-340111-20231231-{i:012x}" for i in range(3)]
    enter(book, pd.DataFrame({"lead_no": numbers, "region_code": "340111", "severity": 3, "hits": "JUDGE_R01"}), at=dt.datetime(2023, 2, 1))
    for to, role, more in (("TRI", "AN", {}), ("REG", "PR", {}), ("ASS", "PR", {}), ("PIN", "PR", {"note": "x"}), ("FIL", "CP", {"doc": "1"})): move(book, numbers[0], to, role, "甲", at=dt.datetime(2023, 3, 1), **more)
    f = facts(ledger_tables(book), *YEAR)
    assert f.leads.set_index("lead_id")["filed"].to_dict() == {n: i == 0 for i, n in enumerate(numbers)} and set(f.leads["model_id"]) == {"judgment_consistency"}


# ---- no ranks

def test_output_has_no_rank_and_is_in_the_order_of_regions():
    f = facts(action([3, 30, 8, 1, 12, 9, 9, 22, 5, 14, 2, 10]), *YEAR)
    for seed in (1, 2):
        got = evaluate_procuratorates(f, said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5), seed=seed)
        assert got["region_code"].tolist() == sorted(COUNTIES) and got["total"].notna().all()
        assert not got["total"].is_monotonic_increasing and not got["total"].is_monotonic_decreasing
        assert not [c for c in got.columns for r in RANKS if r in c.lower().split("_") or (not r.isascii() and r in c)]
    shuffled = {k: v.sample(frac=1, random_state=3) for k, v in action([3, 30, 8, 1, 12, 9, 9, 22, 5, 14, 2, 10]).items()}
    assert evaluate_procuratorates(facts(shuffled, *YEAR), said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5))["total"].tolist() == evaluate_procuratorates(f, said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5))["total"].tolist()
    for bad in ("rank", "county_rank", "全市排名"):
        with pytest.raises(ValueError, match="no ranks"): no_ranks(pd.DataFrame({bad: [1]}), bad)

def test_a_band_that_hangs_on_the_weights_shows_it():
    got = score_procuratorate(dict(true=28, told=39, cases=9, expected=8., adopted=11, due=20, effects=[(6, 4.)]), dict(C1=.2, C6=.1, C7=.3, C8=.1))
    assert set(got["shares"]) == {"steady", "developing"} or len(got["shares"]) == 1
    edge = score_procuratorate(dict(true=28, told=39, cases=9, expected=8., adopted=4, due=20), dict(C1=.5, C6=.2, C7=.3, C8=.3))
    assert 0 < max(edge["shares"].values()) <= 1 and sum(edge["shares"].values()) == pytest.approx(1)
    assert sum(star_shares(pd.DataFrame([{"person": "甲", **r} for r in BASE])).drop(columns="person").iloc[0]) == pytest.approx(1)

def test_a_candidate_needs_more_than_points():
    strong = dict(true=95, told=100, cases=40, expected=20., adopted=60, due=60, effects=[(40, 18.)])
    points = dict(C1=1, C6=1, C7=1, C8=1)
    assert score_procuratorate(strong, points)["band"] == "steady" and score_procuratorate(strong, points, met=True)["band"] == "candidate"
    f, b = facts(action([20] * 12, adopted=20), *YEAR), facts(action([20] * 12, adopted=20, year=2022), *LAST)
    whole = dict(C1=1, C6=1, C7=1, C8=1, no_privacy_incident=1, recheck_consistent=.95, on_site_check=1, public_notice=1)
    assert evaluate_procuratorates(f, said(COUNTIES, **whole), b).iloc[0]["lacking"] == []
    assert evaluate_procuratorates(f, said(COUNTIES, **whole)).iloc[0]["lacking"] == ["two_periods"]
    assert "no_privacy_incident" in evaluate_procuratorates(f, said(COUNTIES, **{k: v for k, v in whole.items() if k != "no_privacy_incident"}), b).iloc[0]["lacking"]


# ---- chance

@pytest.mark.parametrize("size", [3.5, 8, 30])
def test_counties_that_differ_only_by_chance_are_not_told_apart(size):
    rng, counties, times = np.random.default_rng(11), 104, 150
    expected = rng.gamma(2, size / 2, (times, counties)).clip(.5)
    found = [against_expected(rng.poisson(e), e) for e in expected]
    rated = pd.concat(found); rated = rated[rated["band"].notna()]
    assert sum(d["remark"].notna().any() for d in found) / times <= .05 + 2 * (.05 * .95 / times) ** .5      # any remark in the province
    assert (rated["band"] == "review").mean() <= .002 + .002 and (rated["band"] != "common").mean() <= .05
    assert ((rated["low"] > 1) | (rated["high"] < 1)).mean() <= 1 - number("level")

def test_a_county_that_differs_is_told_apart():
    e = np.full(104, 12.); k = np.random.default_rng(5).poisson(e); k[7] = 40
    assert against_expected(k, e)["remark"].dropna().to_dict() == {7: "above"}

def test_no_change_is_seldom_called_a_trend():
    rng = np.random.default_rng(3)
    told = [trend((rng.poisson(9), 9.), (rng.poisson(9), 9.))["trend"] for _ in range(400)]
    assert np.mean([x in ("up", "down") for x in told]) <= 1 - number("level")
    assert trend((40, 10.), (10, 10.))["trend"] == "up" and trend((3, 10.), (20, 10.))["trend"] == "down" and trend((4, 1.), (4, 8.))["trend"] is None

def test_bands_by_chance_alone_stay_together():
    rng, seen = np.random.default_rng(2), []
    for seed in range(3):
        got = evaluate_procuratorates(facts(action(rng.poisson(10, 12)), *YEAR), said(COUNTIES, C1=.6, C6=.5, C7=.6, C8=.6), seed=seed)
        seen += got["band"].tolist(); assert got["yield_remark"].isna().all()
    assert set(seen) == {"steady"}

@pytest.mark.parametrize("size", [4, 30])
def test_a_small_county_of_the_same_quality_is_not_called_developing(size):
    rng, given_by_hand, seen = np.random.default_rng(7), dict.fromkeys(("C1", "C6", "C7", "C8"), .5), []
    for seed in range(60):
        told, due = rng.poisson(2 * size) + 1, rng.poisson(size) + 1
        seen.append(score_procuratorate(dict(true=rng.binomial(told, .7), told=told, cases=rng.poisson(size), expected=float(size), adopted=rng.binomial(due, .9), due=due), given_by_hand, seed=seed)["band"])
    assert seen.count("developing") / 60 <= .05
    poor = score_procuratorate(dict(true=12, told=60, cases=8, expected=30., adopted=15, due=40), given_by_hand)
    assert poor["band"] == "developing" and poor["could"] < 50


# ---- gaming

def test_gaming_is_seen_and_honest_work_is_not():
    tables = action([25] * 12)
    honest = gaming_checks(facts(tables, *YEAR)).set_index(["check", "subject"])
    assert not honest.drop(index="reason", errors="ignore")["call"].fillna(False).any()
    ends = (tables["lead_events"]["to_status"] == "TER") & tables["lead_events"]["lead_id"].str.startswith("340111")
    tables["lead_events"].loc[ends, "transition_time"] = pd.Timestamp("2023-12-30")
    tables["leads"] = pd.concat([tables["leads"], pd.DataFrame([{**tables["leads"].iloc[-1].to_dict(), "lead_id": f"x{i}", "fact_key": f"X{i}", "region_code": "340123"} for i in range(60)])], ignore_index=True)
    seen = gaming_checks(facts(tables, *YEAR)).set_index(["check", "subject"])
    assert seen.loc[("closing", "340111"), "call"] and not seen.loc[("closing", "340123"), "call"]
    assert seen.loc[("unseen", "340123"), "call"] and not seen.loc[("unseen", "340111"), "call"]
    assert "涉案金额" in seen.loc[("money", "*"), "said"].zh

def test_one_reason_for_everything_is_seen():
    f = facts(action([5] * 12, rejected=30), *YEAR)
    seen = gaming_checks(f).set_index(["check", "subject"])
    assert seen.loc[("reason", "340111"), "call"] and gaming_checks(facts(action([5] * 12), *YEAR)).set_index(["check", "subject"]).loc[("reason", "340111"), "call"] is None

def test_a_copied_model_is_of_the_family_and_our_specials_are_not():
    here = models_here(); assert len(here) >= 4 and families(here).empty
    copy = here.iloc[[0]].assign(model_id="renamed", tables=lambda d: [[*t, "persons_more"] for t in d["tables"]])
    assert families(pd.concat([here, copy]))[["model", "like"]].values.tolist() == [sorted([here.iloc[0]["model_id"], "renamed"])]

def test_money_moves_nothing():
    tables, rich = action([10] * 12), action([10] * 12); rich["leads"]["stake_yuan"] *= 1e6
    a, b = (evaluate_procuratorates(facts(t, *YEAR), said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5)) for t in (tables, rich))
    pd.testing.assert_frame_equal(a, b)

def test_favourites_and_copies_do_not_count_as_reuse():
    from supervise_lib.review.evaluation_models import reuse_of
    tables = action([5] * 12) | {"model_adoptions": pd.DataFrame({"model_id": "M-1", "proc_code": ["a", "b", "c", "home"], "case_count": [0, 2, None, 5], "is_favourited": True, "is_derived": True, "region_code": "340111"}),
                                 "models": pd.DataFrame({"model_id": ["M-1"], "proc_code": ["home"], "line_code": ["PIL"], "new_content_note": [None]})}
    assert reuse_of("M-1", facts(tables, *YEAR)) == 1 and reuse_of("M-1", facts(action([5] * 12), *YEAR)) is None

@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=12))
def test_expected_cases_add_up_to_the_cases(cases):
    tables = action([5] * 12); y = yields_expected(facts(tables, *YEAR))
    assert y["expected"].sum() == pytest.approx(y["cases"].sum())
    e = np.array(cases, float); assert len(against_expected(e, e)) == 12 and against_expected(e, e)["remark"].isna().all()
