import numpy as np
import pandas as pd
import pytest

from supervise_lib.stats.heaping import Heaping, LastDigits, bins_around, excess
from supervise_lib.stats.outliers import Outliers, court_share, fit_cases, fit_ols, nearest
from supervise_lib.text import Text

TITLE = Text("Unusual sentences", "量刑离群")


def thefts(n=400, seed=1, courts=5, noise=.2):
    rng = np.random.default_rng(seed); court = rng.integers(0, courts, n)
    f = pd.DataFrame(dict(case=[f"C{i:04d}" for i in range(n)], charge="theft", court=[f"court {c}" for c in court],
                          surrender=rng.random(n) < .3, log_amount=rng.normal(9, 1, n), band=rng.choice(["low", "mid"], n)))
    f["months"] = np.exp(.5 * f.log_amount - 2 - .3 * f.surrender + .3 * (f.band == "mid") + rng.normal(0, .1, courts)[court] + rng.normal(0, noise, n))
    return f.convert_dtypes(dtype_backend="pyarrow")


def statistic(**kw):
    return Outliers("ST01", TITLE, **(dict(y="months", by="charge", court="court", circumstances=("surrender", "log_amount", "band"), key=("case",)) | kw))


def test_studentised_residuals_of_an_anscombe_set():
    # Anscombe's third set; R: rstudent(lm(y3 ~ x3, anscombe)) gives 1203.54 for the third point
    x = np.array([10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5.0]); y = np.array([7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73])
    f = fit_ols(y, pd.DataFrame(dict(const=1.0, x=x)))
    assert abs(f.t[2] - 1203.54) < .5 and int(np.argmax(np.abs(f.t))) == 2
    # by brute force: each point left out of numpy's own fit
    for i in (0, 2, 5): np.testing.assert_allclose(f.expected[i], np.polyval(np.polyfit(np.delete(x, i), np.delete(y, i), 1), x[i]))


def test_outside_the_prediction_interval_is_the_same_as_p_below_its_level():
    y = np.random.default_rng(0).normal(size=500); f = fit_ols(y, pd.DataFrame(dict(const=np.ones(500), x=np.arange(500.0))))
    np.testing.assert_array_equal(f.p < .05, (y < f.low) | (y > f.high))
    assert .02 < (f.p < .05).mean() < .08


def test_planted_cases_are_found_with_direction_and_neighbours():
    f = thefts(); f.loc[7, "months"] *= .3; f.loc[9, "months"] *= 4
    c = statistic().cases(f)
    assert c.flag.dropna().to_dict() == {7: "below", 9: "above"}
    assert c.high[7] > c.expected[7] > c.low[7] > c.value[7] and c.value[9] > c.high[9]
    assert len(c.nearest[7].split(", ")) == 5 and "C0007" not in c.nearest[7] and c.nearest.notna().sum() == 2


def test_noise_alone_is_not_flagged():
    flagged = sum(int(statistic().cases(thefts(seed=s)).flag.notna().sum()) for s in range(12))
    assert flagged <= 3


def test_many_wild_cases_do_not_hide_one_another():
    f = thefts(300); f.loc[:29, "months"] *= 20
    c = statistic().cases(f); t = statistic().compute(f)
    assert c.flag[:30].eq("above").all() and c.flag[30:].notna().sum() <= 5 and "robust" in t.note_en[0]
    x = pd.DataFrame(dict(const=np.ones(300)))
    assert not fit_cases(np.random.default_rng(0).normal(size=300), x).robust


def test_missing_circumstance_is_not_judged_and_named():
    f = thefts(); f.loc[3, "surrender"] = pd.NA; f.loc[4, "court"] = pd.NA; f.loc[5, "months"] = 0; f.loc[6, "charge"] = pd.NA; f.loc[3, "months"] = 1e6
    c = statistic().cases(f)
    assert c.p[[3, 4, 5, 6]].isna().all() and c.flag[[3, 4, 5, 6]].isna().all() and c.expected[[3, 4, 5, 6]].isna().all()
    assert "surrender not recorded" in c.note_en[3] and "court not recorded" in c.note_en[4] and "not above zero" in c.note_en[5]
    t = statistic().compute(f)
    assert t.n[0] == 396 and t.n_unknown[0] == 3 and pd.isna(t.group.iloc[-1]) and t.n.iloc[-1] == 1


@pytest.mark.parametrize("n, kw, need", [(150, {}, 200), (60, dict(minimum=30, per_parameter=30), 120)])
def test_too_few_cases_are_refused_with_the_number_needed(n, kw, need):
    c, t = statistic(**kw).cases(thefts(n)), statistic(**kw).compute(thefts(n))
    assert c.p.isna().all() and t.value.isna().all() and f"{n} complete cases of this charge, at least {need}" in t.note_en[0] and f"至少需要{need}件" in t.note_zh[0]


def test_charges_are_judged_apart_but_tested_as_one_family():
    a, b = thefts(seed=1), thefts(seed=2).assign(charge="fraud", months=lambda d: d.months * 10); a.loc[7, "months"] *= .3
    both = statistic().cases(pd.concat([a, b], ignore_index=True)); alone = statistic().cases(a)
    np.testing.assert_allclose(both.p[:400].astype(float), alone.p.astype(float)); assert both.q[7] > alone.q[7] and both.flag[7] == "below"


def test_order_does_not_matter_and_index_is_kept():
    f = thefts(); f.loc[7, "months"] *= .3; g = f.sample(frac=1, random_state=3)
    a, b = statistic().cases(f), statistic().cases(g)
    assert b.index.tolist() == g.index.tolist()
    np.testing.assert_allclose(a.p.astype(float), b.loc[a.index].p.astype(float), rtol=1e-6); assert a.nearest[7] == b.nearest[7]


def test_the_only_case_of_a_court_is_not_judged():
    f = thefts(); f.loc[0, "court"] = "far away"; f.loc[0, "months"] = 500
    c = statistic().cases(f)
    assert pd.isna(c.p[0]) and pd.isna(c.flag[0]) and "only case of its court" in c.note_en[0]


def test_many_small_courts_are_shrunk_and_it_says_so():
    f = thefts(300, courts=60); f.loc[7, "months"] *= .2
    assert statistic().cases(f).flag.dropna().to_dict() == {7: "below"} and "court effects were shrunk" in statistic().compute(f).note_en[0]


def test_wrong_sign_is_called_a_data_problem():
    right, wrong = (statistic(signs=dict(surrender=s)).compute(thefts()).note_en[0] for s in (-1, 1))
    assert "surrender works against" in wrong and "works against" not in right


def test_court_share_recovers_the_one_simulated():
    rng = np.random.default_rng(5); court = np.repeat(np.arange(80), 25); X = pd.DataFrame(dict(const=1.0, x=rng.normal(size=2000)))
    share, effect = court_share(X.x.to_numpy() + rng.normal(0, 1, 80)[court] + rng.normal(0, 2, 2000), X, court)
    assert .12 < share < .28 and len(effect) == 2000  # 1 / (1 + 4)
    assert np.isnan(court_share(X.x.to_numpy(), X, np.zeros(2000))[0])


def test_nearest_breaks_ties_by_key():
    assert nearest(np.array([[0.], [1], [1], [2]]), np.array(["z", "b", "a", "c"], object), 0, 2) == ["a", "b"]


def test_bins_end_below_the_limit_and_skip_missing():
    assert bins_around([1799.99, 1800, 1999.99, 2000, None, 9e9], 2000, 200, 2).to_dict() == {-2: 1, -1: 2, 0: 1, 1: 0}
    assert bins_around([.69, .70, .79, .80], .80, .10, 2).to_dict() == {-2: 1, -1: 2, 0: 1, 1: 0}


def test_pile_below_a_limit_is_found_and_a_smooth_slope_is_not():
    rng = np.random.default_rng(1); p = []
    for _ in range(150): p.append(excess(bins_around(rng.gamma(4, 500, 1500), 2000, 200, 6))["p"])
    assert np.mean(np.array(p) < .05) < .09
    x = rng.gamma(4, 500, 3000); x[np.flatnonzero((x >= 2000) & (x < 2200))[:80]] -= 200; got = excess(bins_around(x, 2000, 200, 6))
    assert got["p"] < .001 and got["low"] > 1


def test_heaping_by_group_with_refusal():
    rng = np.random.default_rng(1); x = rng.gamma(4, 500, 1500); x[np.flatnonzero((x >= 2000) & (x < 2200))[:60]] -= 200
    f = pd.DataFrame(dict(county=["a"] * 1500 + ["b"] * 1500 + ["c"] * 20, amount=np.r_[x, rng.gamma(4, 500, 1500), np.full(20, 1990.0)]))
    f.loc[1500, "amount"] = np.nan
    t = Heaping("ST06", TITLE, of="amount", limit=2000, width=200, by="county").compute(f).set_index("group")
    assert t.flag.dropna().to_dict() == {"a": "above"} and t.n_unknown["b"] == 1 and pd.isna(t.value["c"]) and "at least 100" in t.note_en["c"]
    with pytest.raises(ValueError, match="4 bins"): Heaping("ST06", TITLE, of="amount", limit=1, width=1, span=2)


def test_last_digits():
    even = pd.DataFrame(dict(mg=list(range(100, 300)))); round5 = pd.DataFrame(dict(mg=list(range(100, 1100, 5))))
    digits = lambda f: LastDigits("D", TITLE, of="mg").compute(f).iloc[0]
    assert digits(even).p == 1 and pd.isna(digits(even).flag) and digits(round5).flag == "above" and digits(round5).value == 1
    assert pd.isna(digits(even.head(99)).value) and "at least 100" in digits(even.head(99)).note_en


def test_the_p_values_shown_are_the_tests_own_not_the_adjusted():
    from scipy import stats
    c = statistic().cases(thefts()); p, t = c.p.to_numpy(float), c.t.to_numpy(float)
    np.testing.assert_allclose(p, 2 * stats.t.sf(np.abs(t), 400 - 8 - 1))  # constant, 3 circumstances, 4 courts
