import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.stats.durations import Cox, Exits, TimeTo, beyond, km, logrank, observed_less_expected, quantile
from supervise_lib.text import Text

TITLE = Text("Detention to disposition", "拘留至处理")
# Freireich and others (1963), Blood 21, 699-716: weeks in remission, 6-MP and placebo. In R: MASS::gehan
DRUG, DRUG_SEEN = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], [1] * 9 + [0] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
BOTH, SEEN, ARM = DRUG + PLACEBO, DRUG_SEEN + [1] * 21, ["drug"] * 21 + ["placebo"] * 21
LEUKAEMIA = pd.DataFrame(dict(weeks=BOTH, relapse=np.array(SEEN, bool), arm=ARM)).convert_dtypes(dtype_backend="pyarrow")
times = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=40)


def remission(**kw): return TimeTo("LEUK", TITLE, days="weeks", seen="relapse", **({"by": "arm"} | kw))


def test_curve_and_interval_of_the_remission_data():
    c = km(DRUG, DRUG_SEEN)
    np.testing.assert_allclose(c.day, [6, 7, 10, 13, 16, 22, 23]); np.testing.assert_allclose(c.at_risk, [21, 17, 15, 12, 11, 7, 6])
    np.testing.assert_allclose(c.share, [.857143, .806723, .752941, .690196, .627451, .537815, .448179], atol=1e-6)
    # log-log limits computed once with lifelines 0.30 (KaplanMeierFitter)
    np.testing.assert_allclose(c.low, [.619718, .563147, .503200, .431610, .367511, .267779, .188052], atol=1e-6)
    np.testing.assert_allclose(c.high, [.951552, .922809, .889362, .849066, .804912, .746791, .680143], atol=1e-6)


def test_medians_as_published():
    # lifelines 0.30, log-log interval: 23 [13, not reached] and 8 [4, 11]
    assert quantile(DRUG, DRUG_SEEN, .5)[:2] == (23, 13) and np.isnan(quantile(DRUG, DRUG_SEEN, .5)[2])
    assert quantile(PLACEBO, [1] * 21, .5) == (8, 4, 11)


def test_logrank_as_published():
    chi2, p = logrank(BOTH, SEEN, ARM)
    assert abs(chi2 - 16.7929) < 1e-3 and abs(p - 4.17e-5) < 1e-7
    assert abs(observed_less_expected(BOTH, SEEN, np.array(ARM) == "drug") - (9 - 19.25)) < .01


def test_cox_as_published():
    # R: coxph(Surv(time, cens) ~ treat, gehan): coef 1.572, se 0.412, exp(coef) 4.817 [2.147, 10.809]; lifelines 0.30 the same
    r = Cox("LEUK", TITLE, days="weeks", seen="relapse", circumstances=("arm",)).compute(LEUKAEMIA).iloc[0]
    np.testing.assert_allclose([r.value, r.low, r.high, r.p], [4.816873, 2.146508, 10.809307, .00013775], rtol=1e-4)
    assert (r.n, r.k, r.group) == (42, 30, "arm=placebo") and "not the same at all days" not in r.note_en


def test_cox_refuses_too_few_ends_and_counts_what_it_sets_aside():
    cox = Cox("LEUK", TITLE, days="weeks", seen="relapse", circumstances=("arm",))
    few = cox.compute(LEUKAEMIA.iloc[12:26]); gap = LEUKAEMIA.copy(); gap.loc[0, "arm"] = pd.NA
    assert few.value.isna().all() and "at least 10" in few.note_en[0] and cox.compute(gap).n_unknown[0] == 1
    assert cox.compute(gap).n[0] == 41


def test_cox_with_strata_and_drift():
    rng = np.random.default_rng(1); n = 800; x = rng.random(n) < .5; t = np.where(x, rng.weibull(.6, n), rng.weibull(3, n)) * 30 + 1
    f = pd.DataFrame(dict(d=t, e=True, x=np.where(x, "b", "a"), unit=rng.choice(list("uvw"), n)))
    r = Cox("C", TITLE, days="d", seen="e", circumstances=("x",), strata="unit").compute(f).iloc[0]
    assert "not the same at all days" in r.note_en and r.low < r.value < r.high


@settings(max_examples=60, deadline=None)
@given(times)
def test_curve_falls_from_one_and_lies_in_its_interval(rows):
    days, seen = zip(*rows, strict=True); c = km(days, seen)
    assert len(c) == len({d for d, s in rows if s}) and c.share.between(-1e-12, 1).all() and (np.diff([1, *c.share]) < 1e-12).all()
    told = c.low.notna()
    assert ((c.low <= c.share) & (c.share <= c.high))[told].all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_without_censoring_the_curve_is_the_plain_share(days):
    c = km(days, [1] * len(days))
    np.testing.assert_allclose(c.share, [np.mean(np.array(days) > d) for d in c.day], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(times, st.integers(1, 20))
def test_longer_days_shift_the_median(rows, by):
    days, seen = (np.array(x) for x in zip(*rows, strict=True)); m = quantile(days, seen, .5)[0]
    np.testing.assert_equal(quantile(days + by, seen, .5)[0], m + by)


def test_beyond_a_day_nobody_was_watched_is_missing():
    np.testing.assert_allclose(beyond(DRUG, DRUG_SEEN, 12)[0], .752941, atol=1e-6)
    assert np.isnan(beyond(DRUG, DRUG_SEEN, 36)).all() and beyond(DRUG, DRUG_SEEN, 5)[0] == 1


def test_statistic_gives_medians_marks_and_tests():
    t = remission(minimum=5, marks=(10, 50), quantiles=(.5, .9)).compute(LEUKAEMIA).set_index(["group", "measure"])
    assert t.value["drug", "median"] == 23 and t.value["placebo", "median"] == 8 and abs(t.value["all", "logrank"] - 16.793) < 1e-3
    assert t.flag["drug", "median"] == "above" and t.flag["placebo", "median"] == "below" and t.flag.notna().sum() == 2
    assert pd.isna(t.value["drug", "q90"]) and "fewer than 90%" in t.note_en["drug", "q90"] and t.value["placebo", "q90"] == 17
    assert pd.isna(t.value["drug", "beyond_50"]) and "50 days" in t.note_en["drug", "beyond_50"]
    assert (t.n["drug", "median"], t.k["drug", "median"]) == (21, 9)


def test_too_few_ends_are_refused_in_words():
    t = remission(minimum=10).compute(LEUKAEMIA).set_index(["group", "measure"])
    assert pd.isna(t.value["drug", "median"]) and "9 ends were seen among 21 rows, at least 10" in t.note_en["drug", "median"]
    assert t.flag.isna().all() and "at least 20" in t.note_en["all", "logrank"] and pd.isna(t.value["all", "logrank"])


def test_unusable_rows_are_set_aside_and_counted():
    f = LEUKAEMIA.copy(); f.loc[0, "weeks"] = -1; f.loc[1, "weeks"] = pd.NA; f.loc[2, "relapse"] = pd.NA
    r = remission(minimum=5).compute(f).iloc[0]
    assert (r.n, r.n_unknown) == (18, 3) and "3 rows" in r.note_en


def test_an_end_on_day_zero_counts():
    f = pd.DataFrame(dict(weeks=[0] * 12 + [5] * 12, relapse=True, start=0))
    for entry in (None, "start"):
        r = remission(by=None, marks=(0.75,), entry=entry).compute(f)
        assert r.n[0] == 24 and r.value[1] == .5


def test_left_truncation_lowers_the_curve():
    # all watched from day 10: the days before are no evidence of lasting long
    f = pd.DataFrame(dict(weeks=[5, 8, 12, 14, 15, 20, 30, 31], relapse=True, start=[0, 0, 10, 10, 10, 10, 10, 10]))
    late, plain = (remission(by=None, minimum=1, entry=e).compute(f).value[0] for e in ("start", None))
    # by hand with entry: two at risk until day 8, both end, so the curve is at 0 by then
    assert late == 8 and plain == 15
    assert observed_less_expected(f.weeks, f.relapse, np.arange(8) < 2, f.start) == 0


def test_rows_without_a_group_and_curves_for_drawing():
    f = LEUKAEMIA.copy(); f.loc[41, "arm"] = pd.NA; s = remission(minimum=5)
    assert s.compute(f).iloc[-1].n == 1 and pd.isna(s.compute(f).iloc[-1].group)
    assert s.curves(LEUKAEMIA).groupby("group").size().to_dict() == {"drug": 7, "placebo": 12}


def test_order_does_not_matter():
    s = remission(minimum=5, marks=(10,))
    pd.testing.assert_frame_equal(s.compute(LEUKAEMIA), s.compute(LEUKAEMIA.sample(frac=1, random_state=2)))


def test_equal_groups_are_seldom_flagged():
    rng = np.random.default_rng(3); flagged = 0
    for _ in range(15):
        f = pd.DataFrame(dict(weeks=rng.integers(1, 40, 600), relapse=rng.random(600) < .7, arm=rng.choice(list("abcdefgh"), 600)))
        flagged += int(remission().compute(f).flag.notna().sum())
    assert flagged <= 3


def test_exits_add_up_with_those_still_waiting():
    rng = np.random.default_rng(1); f = pd.DataFrame(dict(d=rng.integers(1, 60, 300), how=rng.choice(["arrest", "bail", "waiting"], 300)))
    t = Exits("E", TITLE, days="d", exit="how", marks=(7, 30)).compute(f)
    still = beyond(f.d, f.how != "waiting", 30)[0]
    np.testing.assert_allclose(t.value[t.measure == "by_30"].sum() + still, 1)
    naive = 1 - beyond(f.d, f.how == "bail", 30)[0]
    assert naive > float(t.value[(t.group == "bail") & (t.measure == "by_30")].iloc[0])  # Kaplan-Meier overstates each exit


def test_exits_by_hand_and_refusals():
    f = pd.DataFrame(dict(d=[1, 2, 3, 4, 5, 6, 7, 8, 9], how=["arrest", "bail", "arrest", "waiting", "bail", "arrest", "waiting", "waiting", None]))
    t = Exits("E", TITLE, days="d", exit="how", marks=(3, 6, 99), minimum=3).compute(f)
    np.testing.assert_allclose(t.value[:2].astype(float), [2 / 8, 2 / 8 + 15 / 32 / 3])
    assert "99 days" in t.note_en[2] and t.value[2:].isna().all() and "at least 3" in t.note_en[3] and t.n_unknown[0] == 1
    with pytest.raises(KeyError, match="no column exits"): Exits("E", TITLE, days="d", exit="exits", marks=(3,)).compute(f)
