"Two blind reviewers: their agreement, and what both overlooked, recovered from samples of which the truth is known."
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from supervise_lib.model.special import special
from supervise_lib.review.blind import answers, draw, held_together, verdict_of_review
from supervise_lib.stats.agreement import chapman, found_in_all, kappa


def answered(a, b, c, d): return (pd.Series([x] * a + [y] * b + [z] * c + [w] * d, dtype="bool[pyarrow]") for x, y, z, w in ((1, 1, 0, 0), (1, 0, 1, 0)))

@pytest.mark.parametrize("cells, value", [((20, 5, 10, 15), .4), ((45, 15, 25, 15), .1304), ((25, 35, 5, 35), .2593), ((30, 0, 0, 30), 1.0)])
def test_kappa_of_published_tables(cells, value): assert kappa(*answered(*cells)).loc[0, "value"] == pytest.approx(value, abs=1e-4)

def test_kappa_has_an_interval_and_counts_the_unanswered():
    a, b = answered(20, 5, 10, 15)
    a[0] = None
    r = kappa(a, b).loc[0]
    assert (r["n"], r["n_unknown"]) == (49, 1) and r["low"] < r["value"] < r["high"]

def test_too_few_pairs_or_one_answer_are_refused_in_words():
    r = kappa(*answered(5, 2, 2, 5)).loc[0]
    assert pd.isna(r["value"]) and "不足20件" in r["note_zh"]
    r = kappa(*answered(40, 0, 0, 0)).loc[0]
    assert pd.isna(r["value"]) and "not defined" in r["note_en"]

@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_estimate_never_falls_below_what_was_seen(a, b, m):
    n1, n2 = a + m, b + m
    value, low, high = chapman(n1, n2, m)
    assert value >= n1 + n2 - m - 1e-9 and n1 + n2 - m - 1e-9 <= low <= value + 1e-9 <= high + 2e-9

def test_more_found_by_both_than_by_one_is_refused():
    with pytest.raises(ValueError, match="cannot be more"): chapman(3, 5, 4)

def test_the_planted_number_is_recovered_as_often_as_stated():
    "200 provinces of 3,000 rows with 5 percent true, a tenth of which are flagged; two reviewers who see 85 and 75 percent."
    inside = 0
    for i in range(200):
        rng = np.random.default_rng(i)
        truth = rng.random(3000) < .05
        flagged = truth & (rng.random(3000) < .5) | (rng.random(3000) < .02)
        at = np.concatenate([rng.choice(np.flatnonzero(flagged == f), n, replace=False) for f, n in ((True, 60), (False, 600))])
        weight = pd.Series(np.where(flagged[at], flagged.sum() / 60, (~flagged).sum() / 600))
        seen = [pd.Series(truth[at] & (rng.random(len(at)) < p)) for p in (.85, .75)]
        r = found_in_all(*seen, weight, 3000, times=150, seed=i).loc[0]
        inside += r["low"] <= truth.sum() <= r["high"]
    assert inside >= 160        # nine in ten are promised


# ---- drawing and holding together

def run_of(n=80, leads=20):
    frame = pd.DataFrame({"measure_id": pd.Series([f"m{i}" for i in range(n)], dtype="string[pyarrow]"), "region_code": "340111", "start_time": pd.Timestamp("2023-01-01")})
    return SimpleNamespace(special=special("criminal_detention"), frame=frame, leads=frame.head(leads)[["measure_id"]], as_of="2023-12-31")

def test_the_sheet_does_not_say_which_are_leads():
    sheet, key = draw(run_of(), 15, 30)
    assert key["is_lead"].sum() == 15 and len(sheet) == 45 and not {"is_lead", "hits", "grade", "severity", "measure_id", "stands_for"} & set(sheet)
    assert not key["is_lead"].iloc[:15].all() and set(sheet["sample_no"]) == set(key["sample_no"])
    assert key.groupby("is_lead")["stands_for"].sum().tolist() == pytest.approx([60, 20])

def test_a_draw_is_repeated_by_its_seed_and_no_other():
    same = lambda a, b: draw(run_of(), 10, 10, seed=a)[1]["measure_id"].tolist() == draw(run_of(), 10, 10, seed=b)[1]["measure_id"].tolist()
    assert same(3, 3) and not same(3, 4)

def test_without_leads_the_others_are_drawn_and_without_rows_it_is_said():
    assert not draw(run_of(leads=0), 5, 5)[1]["is_lead"].any()
    with pytest.raises(ValueError, match="nothing to review"): draw(run_of(n=0, leads=0))

def test_answers_are_read_strictly():
    sheet = pd.DataFrame({"sample_no": ["a", "b", "c"], "answer": ["是", "no", None]})
    assert answers(sheet).tolist() == [True, False, pd.NA]
    with pytest.raises(ValueError, match="neither yes nor no"): answers(sheet.assign(answer=["maybe"] * 3))
    with pytest.raises(ValueError, match="answered twice"): answers(pd.concat([sheet, sheet]))
    with pytest.raises(ValueError, match="lacks answer"): answers(sheet[["sample_no"]])

def test_what_the_rules_missed_is_estimated_from_the_unflagged():
    sheet, key = draw(run_of(400, 40), 40, 120)
    true = key["measure_id"].str[1:].astype(int) % 10 == 0            # of 400 rows 40 are true, of the 40 leads 4
    told = sheet.assign(answer=true.to_numpy())
    found = verdict_of_review(held_together(told, told, key)).set_index("statistic")
    assert found.loc["agreement", "value"] == 1 and found.loc["true_among_leads", "value"] == pytest.approx(4, abs=.01)
    assert found.loc["true_among_others", "low"] < 36 < found.loc["true_among_others", "high"]
    with pytest.raises(ValueError, match="different draws"): held_together(told, told.iloc[1:], key)
