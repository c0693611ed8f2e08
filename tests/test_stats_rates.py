import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.stats.rates import (Rate, Ratio, binomial_limits, dispersion, gamma_ratio, garwood, poisson_limits, prior_size, shrink_rates,
                                       shrink_shares, wilson)
from supervise_lib.text import Text

TITLE = Text("Late delivery", "逾期交付率")
counts = st.lists(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=25)


def counties(*shares, n=200, unknown=()):
    "A frame with n rows per county, the stated share of them hits."
    late = {f"{340100 + i}": [True] * round(n * s) + [False] * (n - round(n * s)) for i, s in enumerate(shares)}
    for i, u in unknown: late[f"{340100 + i}"] += [None] * u
    rows = [(c, x) for c, xs in late.items() for x in xs]
    return pd.DataFrame(dict(county=[c for c, _ in rows], late=pd.array([x for _, x in rows], dtype="bool[pyarrow]")))


# Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3 (Wilson without continuity correction)
@pytest.mark.parametrize("k, n, low, high", [(81, 263, .2553, .3662), (15, 148, .0624, .1605), (0, 20, .0000, .1611), (1, 29, .0061, .1718)])
def test_wilson_as_published(k, n, low, high): np.testing.assert_allclose(np.ravel(wilson(k, n)), [low, high], atol=6e-5)


def test_exact_poisson_interval_as_published():  # tables of exact Poisson limits
    np.testing.assert_allclose(np.ravel(garwood([0, 5, 20])), [0, 1.623, 12.217, 3.689, 11.668, 30.888], atol=1e-3)


@pytest.mark.parametrize("e, l95, h95, l998, h998", [(2, 0, 5, 0, 8), (5, 1, 10, 0, 13), (10, 4, 17, 2, 21), (20, 12, 29, 8, 35), (50, 37, 64, 30, 73)])
def test_poisson_funnel(e, l95, h95, l998, h998):
    assert (*map(float, poisson_limits(e, .95)), *map(float, poisson_limits(e, .998))) == (l95, h95, l998, h998)


@pytest.mark.parametrize("n, l95, h95, l998, h998", [(5, 0, .8, 0, 1), (20, .15, .55, .05, .70), (100, .26, .44, .21, .50)])
def test_binomial_funnel(n, l95, h95, l998, h998):
    np.testing.assert_allclose(np.ravel([binomial_limits(n, .35, .95), binomial_limits(n, .35, .998)]) / n, [l95, h95, l998, h998])


def test_marshall_shrinkage_worked_example():
    people = [8000, 60000, 200000, 20000, 240000]
    np.testing.assert_allclose(shrink_rates([6, 9, 40, 12, 33], people).shrunk * 1e5, [36.499, 15.891, 19.914, 40.815, 14.103], atol=1e-3)
    np.testing.assert_allclose(shrink_rates([2, 15, 40, 3, 60], people).shrunk * 1e5, 22.727, atol=1e-3)  # no spread: all alike


def test_gamma_ratio_worked_example():
    got = gamma_ratio([4, 9, 46, 0], [1.2, 8, 38.5, 1.5], a=5, level=.9).to_numpy()
    np.testing.assert_allclose(got, [[1.452, .757, 2.328], [1.077, .651, 1.590], [1.172, .916, 1.455], [.769, .303, 1.408]], atol=6e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_share_and_mirrors(kn):
    k, n = kn; low, high = (float(x[0]) for x in wilson(k, n)); other = [float(x[0]) for x in wilson(n - k, n)]
    assert 0 <= low <= k / n <= high <= 1
    np.testing.assert_allclose([low, high], [1 - other[1], 1 - other[0]], atol=1e-12)


def test_wilson_rises_with_k_and_narrows_with_n():
    low, high = wilson(np.arange(51), 50)
    assert (np.diff(low) > 0).all() and (np.diff(high) > 0).all()
    low, high = wilson([5, 50, 500], [10, 100, 1000])
    assert (np.diff(high - low) < 0).all()


def test_no_rows_have_no_interval(): assert np.isnan(wilson(0, 0)).all()


@settings(max_examples=40, deadline=None)
@given(counts)
def test_shrunk_share_lies_between_own_and_common(kn):
    k, n = np.array(kn, float).T; s = shrink_shares(k, n); m = k.sum() / n.sum()
    assert ((s.shrunk >= np.minimum(k / n, m) - 1e-9) & (s.shrunk <= np.maximum(k / n, m) + 1e-9)).all()
    assert s.weight.between(0, 1).all()
    told = s.shrunk_low.notna()
    assert ((s.shrunk_low <= s.shrunk) & (s.shrunk <= s.shrunk_high))[told].all()


@pytest.mark.parametrize("k, n", [([5], [10]), ([0, 0, 0], [5, 10, 400]), ([5, 10], [5, 10]), ([20, 40, 60], [100, 200, 300])])
def test_no_spread_shrinks_fully_without_interval(k, n):
    s = shrink_shares(k, n)
    np.testing.assert_allclose(s.shrunk, sum(k) / sum(n)); assert s.shrunk_low.isna().all()


def test_prior_size_recovers_the_one_simulated():
    rng = np.random.default_rng(4); n = np.full(400, 100)
    assert 15 < prior_size(rng.binomial(n, rng.beta(6, 14, 400)), n) < 27  # a beta of size 20


def test_dispersion_is_never_below_chance_and_needs_groups():
    assert dispersion(np.full(20, .1)) == 1 and dispersion([2, -2] * 6) == 4 and np.isnan(dispersion([3.0] * 9))


def test_a_county_outside_is_flagged_and_others_are_not():
    t = Rate("ST", TITLE, of="late", by="county").compute(counties(*[.2] * 9, .45, .02)).set_index("group")
    assert t.flag.dropna().to_dict() == {"340109": "above", "340110": "below"} and t.band[:9].eq("common").all()
    assert (t.low < t.value).all() and (t.value < t.high).all() and t.n.eq(200).all() and t.k["340109"] == 90


def test_small_group_is_refused_in_words_but_shrunk():
    f = pd.concat([counties(.2, .3), pd.DataFrame(dict(county="tiny", late=pd.array([True] * 4, dtype="bool[pyarrow]")))])
    r = Rate("ST", TITLE, of="late", by="county").compute(f).set_index("group").loc["tiny"]
    assert pd.isna(r.value) and pd.isna(r.low) and pd.isna(r.p) and pd.isna(r.flag) and r.shrunk < 1
    assert "4 rows" in r.note_en and "at least 30" in r.note_en and "至少需要30行" in r.note_zh


def test_unknown_is_in_neither_number_and_bounds_the_share():
    r = Rate("ST", TITLE, of="late", by="county").compute(counties(.25, .25, unknown=[(0, 100)])).set_index("group").loc["340100"]
    assert (r.n, r.k, r.n_unknown, r.value) == (200, 50, 100, .25)
    np.testing.assert_allclose([r.worst_low, r.worst_high], [50 / 300, 150 / 300]); assert "100 rows could not be told" in r.note_en


@pytest.mark.parametrize("share, unknown, flag", [(.45, 0, "above"), (.45, 10, "above"), (.45, 250, "unsure"), (.02, 0, "below"), (.02, 60, "unsure")])
def test_flag_stands_only_if_the_unknown_rows_cannot_undo_it(share, unknown, flag):
    t = Rate("ST", TITLE, of="late", by="county").compute(counties(*[.2] * 10, share, unknown=[(10, unknown)]))
    assert t.flag.dropna().tolist() == [flag]


def test_all_unknown_looks_neither_clean_nor_guilty():
    f = pd.DataFrame(dict(county=["a"] * 50, late=pd.array([None] * 50, dtype="bool[pyarrow]")))
    r = Rate("ST", TITLE, of="late", by="county").compute(f).iloc[0]
    assert pd.isna(r.value) and pd.isna(r.shrunk) and (r.n, r.n_unknown, r.worst_low, r.worst_high) == (0, 50, 0, 1)


def test_verdicts_count_hit_and_clear_only():
    f = pd.DataFrame(dict(id=[f"i{i}" for i in range(50)], county="a"))
    outcome = ["hit"] * 10 + ["clear"] * 25 + ["cannot_tell"] * 5 + ["not_applicable"] * 7   # three rows have no verdict
    v = pd.concat([pd.DataFrame(dict(id=f.id[:47], rule="R01", outcome=outcome)), pd.DataFrame(dict(id=f.id, rule="R02", outcome="hit"))])
    for kind in (str, "string[pyarrow]"):
        r = Rate("ST", TITLE, rule="R01", by="county").compute(f, v.astype(kind)).iloc[0]
        assert (r.n, r.k, r.n_unknown) == (35, 10, 8)


def test_verdicts_that_cannot_be_counted_are_refused():
    f = pd.DataFrame(dict(id=["a", "b"], county="x")); rate = Rate("ST", TITLE, rule="R01", by="county")
    v = pd.DataFrame(dict(id=["a", "a"], rule="R01", outcome=["hit", "clear"]))
    with pytest.raises(ValueError, match="more than one verdict"): rate.compute(f, v)
    with pytest.raises(ValueError, match="needs verdicts"): rate.compute(f)
    with pytest.raises(ValueError, match="none of rule"): rate.compute(f, v.assign(rule="R09"))
    with pytest.raises(ValueError, match="not known"): rate.compute(f, v[:1].assign(outcome="guilty"))
    with pytest.raises(KeyError, match="no column where"): Rate("ST", TITLE, of="late", by="where").compute(counties(.2))
    with pytest.raises(ValueError, match="either"): Rate("ST", TITLE)


def test_among_sets_the_denominator_and_its_missing_is_unknown():
    f = counties(.5, n=100).assign(recent=pd.array([True] * 60 + [False] * 20 + [None] * 20, dtype="bool[pyarrow]"))
    r = Rate("ST", TITLE, of="late", by="county", among="recent").compute(f).iloc[0]
    assert (r.n, r.k, r.n_unknown) == (60, 50, 20)


def test_rows_without_a_group_are_reported_not_dropped():
    f = pd.concat([counties(.2, .3), pd.DataFrame(dict(county=[None] * 7, late=pd.array([True] * 7, dtype="bool[pyarrow]")))])
    r = Rate("ST", TITLE, of="late", by="county").compute(f).iloc[-1]
    assert pd.isna(r.group) and pd.isna(r.value) and r.n == 7 and "7 rows have no county" in r.note_en


def test_case_mix_explains_a_county_away():
    rng = np.random.default_rng(2); joint = np.r_[rng.random(2000) < .3, np.ones(200, bool)]
    f = pd.DataFrame(dict(county=[f"c{i % 10}" for i in range(2000)] + ["all joint"] * 200, joint=np.where(joint, "yes", "no"),
                          late=rng.random(2200) < np.where(joint, .6, .1)))
    raw, mixed = (Rate("ST", TITLE, of="late", by="county", adjust=a).compute(f).set_index("group") for a in ((), ("joint",)))
    assert raw.flag["all joint"] == "above" and mixed.flag.isna().all()
    assert abs(mixed.ratio["all joint"] - 1) < .1 and abs(mixed.expected.sum() - mixed.k.sum()) < 1e-6


def test_one_group_or_no_difference_is_not_compared():
    one = Rate("ST", TITLE, of="late").compute(counties(.2)).iloc[0]
    none = Rate("ST", TITLE, of="late", by="county").compute(counties(0, 0, 0))
    assert one.value == .2 and pd.isna(one.band) and none.flag.isna().all() and none.note_en.str.contains("same outcome").all()


def test_empty_frame_says_that_there_is_nothing_to_count():
    row, = Rate("ST", TITLE, of="late", by="county").compute(counties(.2).iloc[:0]).to_dict("records")
    assert (row["statistic"], row["measure"], row["n"]) == ("ST", "share", 0) and pd.isna(row["value"]) and "nothing" in row["note_en"] and "没有" in row["note_zh"]


def test_region_narrows_what_is_shown_not_what_it_is_compared_with():
    f = counties(*[.2] * 10, .5).rename(columns={"county": "region_code"}).assign(name="县")
    rate = Rate("ST", TITLE, of="late", by="region_code", label="name"); t = rate.compute(f, region="340110")
    whole = rate.compute(f).set_index("group").loc["340110"]
    assert t.group.tolist() == ["340110"] and t.flag[0] == "above" and t.q[0] == whole.q


def test_order_of_rows_does_not_matter():
    f = counties(.2, .25, .3, .6, n=101, unknown=[(1, 3)]); rate = Rate("ST", TITLE, of="late", by="county")
    pd.testing.assert_frame_equal(rate.compute(f), rate.compute(f.sample(frac=1, random_state=1)))


def test_under_no_difference_few_are_outside():
    rng = np.random.default_rng(7); outside, flagged = [], 0
    for _ in range(25):
        n = rng.integers(60, 300, 60); g = pd.DataFrame(dict(county=np.repeat(np.arange(60).astype(str), n))); g["late"] = rng.random(len(g)) < .3
        t = Rate("ST", TITLE, of="late", by="county").compute(g); outside += (t.band != "common").tolist(); flagged += int(t.flag.notna().sum())
    assert np.mean(outside) < .06 and flagged <= 3  # 1500 groups: 5 % and 0.2 % by design


def test_over_dispersed_groups_are_not_all_flagged():
    rng = np.random.default_rng(9); f = counties(*np.clip(rng.normal(.3, .08, 60), .05, .6), n=300)
    t = Rate("ST", TITLE, of="late", by="county").compute(f)
    assert t.phi[0] > 3 and t.flag.notna().sum() <= 2 and t.note_en.str.contains("limits are widened").all()


def test_ratio_of_counts_to_population():
    f = pd.DataFrame(dict(county=["a"] * 60 + ["b"] * 20 + ["c"] * 22 + ["nowhere"] * 3))
    r = Ratio("ST", TITLE, by="county", exposure=dict(a=1e5, b=1e5, c=1e5, d=1e5, small=2e3)).compute(f).set_index("group")
    np.testing.assert_allclose(r.expected["a"], 102 / 3); np.testing.assert_allclose(r.value["a"], 60 / r.expected["a"])
    assert r.flag["a"] == "above" and pd.isna(r.value["d"]) and pd.isna(r.flag["d"]) and "nothing was sent" in r.note_en["d"]
    assert pd.isna(r.value["nowhere"]) and "no exposure" in r.note_en["nowhere"] and 1 < r.shrunk["a"] < r.value["a"]


def test_ratio_refuses_a_small_expectation_and_a_county_alone():
    f = pd.DataFrame(dict(county=["a"] * 100 + ["small"] * 3)); ratio = Ratio("ST", TITLE, by="county", exposure=dict(a=1e5, small=2e3, silent=1e5))
    r = ratio.compute(f).set_index("group")
    assert pd.isna(r.value["small"]) and "2.02 would be expected here, at least 3" in r.note_en["small"]
    # the silent county's people must not make county a look guilty
    assert pd.isna(r.flag["a"]) and pd.isna(r.band["a"]) and abs(r.value["a"] - 1) < .02 and "fewer than two" in r.note_en["a"]


def test_ratio_below_is_unsure_when_unknown_rows_could_fill_it():
    late = pd.array([True] * 200 + [False] * 5 + [None] * 90, dtype="bool[pyarrow]")
    f = pd.DataFrame(dict(county=["a"] * 100 + ["b"] * 100 + ["c"] * 95, late=late))
    r = Ratio("ST", TITLE, by="county", of="late", exposure=dict(a=1, b=1, c=1)).compute(f).set_index("group")
    assert r.flag["c"] == "unsure" and r.value["c"] == 0 and r.n_unknown["c"] == 90


def test_p_is_the_exact_test_of_the_county_alone():
    from scipy import stats
    r = Rate("ST", TITLE, of="late", by="county").compute(counties(.2, .2, .26)).iloc[2]
    np.testing.assert_allclose(r.p, min(1, 2 * stats.binom.sf(51, 200, .22))); assert r.q > r.p
