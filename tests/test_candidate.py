"Candidate models: what they learn, that they are honest where they learn nothing, that they are plain data, and that nothing from later leaks in."
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from supervise_lib.model.candidate import Candidate, apply, fit, folds, read_candidate, save_candidate
from supervise_lib.model.validation import Leak, backtest, by_county, by_time, fit_and_validate, gain, known_then, refuse_leaks
from supervise_lib.review.labels import answer_of
from supervise_lib.review.ledger import Event


def invented(n=600, seed=1, strength=2.0, counties=24, spread=0.0):
    rng = np.random.default_rng(seed)
    a, b, c = rng.random(n) < .5, rng.random(n) < .4, rng.integers(0, counties, n)
    p = 1 / (1 + np.exp(-(-.7 + strength * a - strength * b + spread * rng.normal(size=counties)[c])))
    month = [1 + i * 12 // n for i in range(n)]
    return pd.DataFrame({"lead_no": [f"L{i:05}" for i in range(n)], "region_code": [f"34{x:04}" for x in c], "day": [f"2023-{m:02}-01" for m in month], "as_of": [f"2023-{m:02}-05" for m in month],
                         "severity": rng.integers(1, 5, n), "hits": [";".join(r for r, h in (("A", x), ("B", y)) if h) or "C" for x, y in zip(a, b, strict=True)],
                         "label": pd.Series(rng.random(n) < p, dtype="boolean"), "known_on": [f"2023-{m:02}-20" for m in month]})


# ---- fitting

def test_the_weights_that_made_the_answers_are_found_again():
    m = fit(invented(4000), "toy")
    assert m.kind == "fitted" and m.weights["A"] - m.weights["B"] == pytest.approx(4, abs=.4) and abs(m.weights["severity"]) < .3

def test_counties_are_drawn_together_the_more_the_fewer_leads_they_have():
    leads = invented(1200, spread=0.0)
    small = leads.assign(region_code=np.where(np.arange(1200) < 4, "349901", np.where(np.arange(1200) < 300, "349902", leads["region_code"])))
    small.loc[:299, "label"] = True
    levels = fit(small, "toy").counties
    assert 0 < levels["349901"] < levels["349902"]

def test_an_unseen_county_has_the_level_of_the_province():
    m = fit(invented(1000, spread=.8), "toy")
    one = pd.DataFrame({"hits": ["A"], "severity": [3], "region_code": ["999999"]})
    seen = sorted(float(apply(m, one.assign(region_code=c)).item()) for c in m.counties)
    assert seen[0] < apply(m, one).item() < seen[-1]

@pytest.mark.parametrize("n, true", [(0, 0), (59, 30), (100, 14), (100, 86)])
def test_with_too_few_reviews_leads_stay_in_the_order_of_severity_and_it_says_so(n, true):
    leads = invented(n or 1).head(n).assign(label=pd.Series([i < true for i in range(n)], dtype="boolean"))
    m = fit_and_validate(leads, "toy")
    assert m.kind == "severity_order" and str(n) in m.why["zh"] and "order of severity" in m.why["en"] and m.validation == []
    order = apply(m, pd.DataFrame({"hits": ["A", "A;B", "A"], "severity": [4, 2, 2], "region_code": "x"}))
    assert order[0] > order[1] > order[2]

def test_leads_nobody_answered_are_not_learnt_from():
    leads = invented(300)
    more = pd.concat([leads, leads.assign(lead_no="M" + leads["lead_no"], label=pd.NA, hits="B")], ignore_index=True)
    assert fit(more, "toy").weights == fit(leads, "toy").weights

def test_the_order_of_rows_does_not_matter():
    leads = invented(300)
    assert fit(leads.sample(frac=1, random_state=3), "toy").to_json() == fit(leads, "toy").to_json()

def test_a_column_that_is_lacking_is_told():
    with pytest.raises(KeyError, match="lack label, known_on"): fit(invented(10).drop(columns=["label", "known_on"]), "toy")


# ---- out of sample

def test_folds_keep_counties_whole_and_are_of_a_size():
    c = invented(1000)["region_code"]
    f = folds(c)
    assert (pd.Series(f).groupby(c).nunique() == 1).all() and np.bincount(f).min() > 120

def test_predictions_never_come_from_a_model_that_saw_the_county_or_the_time():
    "Answers of one county, or of the last months, turned round: what is predicted for them stays as it was."
    leads = invented(500)
    last = leads["region_code"].eq(leads["region_code"].iloc[0])
    turned = leads.assign(label=leads["label"].where(~last, ~leads["label"]))
    a, b = (by_county(x, "toy").loc[last, "score"] for x in (leads, turned))
    assert np.allclose(a, b)
    late = leads["day"] >= by_time(leads, "toy").query("fold == 2")["day"].min()
    turned = leads.assign(label=leads["label"].where(~late, ~leads["label"]))
    a, b = (by_time(x, "toy").query("fold == 2")["score"] for x in (leads, turned))
    assert np.allclose(a, b)

def test_a_model_of_worth_and_one_of_none_say_what_they_are():
    good, none = fit_and_validate(invented(800), "toy"), fit_and_validate(invented(800, strength=0), "toy")
    assert "more are confirmed than in the order of severity" in good.why["en"] and "并不优于" in none.why["zh"]
    r = pd.DataFrame(good.validation).set_index(["by", "statistic"])
    for by in ("county", "time"):
        row = r.loc[(by, "precision_at_50")]
        assert row["low"] < row["value"] < row["high"] and r.loc[(by, "calibration_slope"), "low"] < 1 < r.loc[(by, "calibration_slope"), "high"]

def test_what_the_order_of_severity_says_is_never_measured_as_a_probability():
    "Early months hold too few leads to learn from: later ones that only severity could order are in no measurement, and the model says what was not measured."
    leads = invented(90)
    assert by_time(leads, "toy")["fold"].unique().tolist() == [2] and by_time(leads.head(60), "toy").empty
    few = fit_and_validate(invented(62, strength=.3), "toy")
    assert few.kind == "fitted" and few.validation == [] and "未检验" in few.why["zh"] and "is the order of severity" not in few.why["en"]

def test_models_of_noise_are_called_better_no_more_often_than_stated():
    better = sum(gain(by_county(invented(200, seed=s, strength=0, counties=15), "toy"), 40)[1] > 0 for s in range(25))
    assert better <= 4      # one in twenty is meant


# ---- plain data

def test_a_saved_model_is_read_back_and_its_bytes_are_the_same(tmp_path):
    m = fit_and_validate(invented(300), "toy", manifest={"seed": 1})
    path = save_candidate(m, tmp_path / "m.json")
    again = read_candidate(path)
    assert again.to_json() == m.to_json() == path.read_text(encoding="utf-8") and np.allclose(apply(again, invented(50)), apply(m, invented(50)))

@pytest.mark.parametrize("change, words", [({"version": 9}, "version 9"), ({"kind": "magic"}, "kind 'magic'"), ({"intercept": "1"}, "is not a number"), ({"weights": {"A": True}}, "is not a number"),
                                           ({"code": "import os"}, "code unknown"), ({"calibration": [0, float("nan")]}, "is not a number")])
def test_a_model_file_is_read_strictly(tmp_path, change, words):
    raw = json.loads(fit(invented(200), "toy").to_json()) | change
    (tmp_path / "m.json").write_text(json.dumps(raw))
    with pytest.raises(ValueError, match=words): read_candidate(tmp_path / "m.json")

def test_something_else_is_no_model(tmp_path):
    (tmp_path / "m.json").write_bytes(b"\x80\x04pickled")
    with pytest.raises(ValueError, match="is not a model"): read_candidate(tmp_path / "m.json")


# ---- back-tests

DAY = dt.date(2023, 7, 10)

def test_nothing_from_later_enters_a_backtest():
    leads = invented(800)
    later = leads["known_on"] > str(DAY)
    turned = leads.assign(label=leads["label"].where(~later, ~leads["label"]), hits=leads["hits"].where(leads["as_of"] <= str(DAY), "Z"), severity=leads["severity"].where(leads["as_of"] <= str(DAY), 4))
    a, b = backtest(leads, "toy", DAY)[0], backtest(turned, "toy", DAY)[0]
    assert a.kind == "fitted" and a.to_json() == b.to_json()

def test_a_planted_leak_is_caught():
    then = known_then(invented(800), DAY)
    refuse_leaks(then, DAY)
    for column, value in (("known_on", "2023-09-01"), ("as_of", "2023-08-01"), ("day", "2023-08-01"), ("known_on", None)):
        leaked = then.copy(); at = leaked.index[leaked["label"].notna()][5]; leaked.loc[at, column] = value
        with pytest.raises(Leak): refuse_leaks(leaked, DAY)

def test_a_backtest_measures_what_came_later():
    m, rows = backtest(invented(1200), "toy", DAY)
    found = {r["statistic"]: r for r in rows}
    assert found["precision_at_50"]["value"] > .7 and isinstance(m, Candidate) and m.fitted_on["known_by"] == str(DAY)


# ---- answers

def life(*steps): return [Event("L", a, b, "PR", "x", f"2023-0{i + 1}-01T00:00:00", d) for i, (a, b, d) in enumerate(steps)]

@pytest.mark.parametrize("steps, answer", [
    ([(None, "GEN", {}), ("GEN", "TRI", {})], (None, None)), ([("TRI", "REJ", {"reason": "lawful"})], (False, "2023-01-01")), ([("TRI", "REJ", {"reason": "not_evaluable"})], (None, None)),
    ([("TRI", "DUP", {})], (None, None)), ([("PIN", "FIL", {}), ("FIL", "PRO", {})], (True, "2023-01-01")), ([("PIN", "NFL", {"reason": "false_positive"}), ("NFL", "PIN", {})], (None, None)),
    ([("PIN", "NFL", {"reason": "false_positive"}), ("NFL", "PIN", {}), ("PIN", "FIL", {})], (True, "2023-03-01")), ([("ASS", "TEX", {}), ("TEX", "FUP", {})], (True, "2023-02-01")), ([("ASS", "TEX", {}), ("TEX", "CLO", {})], (None, None))])
def test_what_review_says(steps, answer): assert answer_of(life(*steps)) == answer
