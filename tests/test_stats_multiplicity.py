import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from supervise_lib.stats.multiplicity import adjusted, control, family

ps = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=40)


def floats(x): return x.to_numpy(float, na_value=np.nan)


def test_the_example_of_benjamini_and_hochberg_1995():
    p = [.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1.0]
    assert control(p, .05).tolist() == [True] * 4 + [False] * 11
    # R: p.adjust(p, "BH")[1:4]
    np.testing.assert_allclose(floats(adjusted(p))[:4], [.0015, .0030, .0095, .035625])
    # Yekutieli's factor for 15 tests is 1 + 1/2 + ... + 1/15 = 3.318229
    np.testing.assert_allclose(floats(adjusted(p, "by"))[0], .0015 * 3.318229, rtol=1e-6)


@given(ps)
def test_missing_stays_missing_and_is_no_test(p):
    q = floats(adjusted(p)); told = [x for x in p if x is not None]
    assert [np.isnan(x) for x in q] == [x is None for x in p]
    np.testing.assert_allclose(q[~np.isnan(q)], floats(adjusted(told)))


@given(ps)
def test_q_is_at_least_p_keeps_the_order_and_by_is_stricter(p):
    x = pd.Series(p, dtype=float).to_numpy(); q = floats(adjusted(p)); told = ~np.isnan(x)
    assert (q[told] >= x[told] - 1e-12).all() and (q[told] <= 1).all() and (floats(adjusted(p, "by"))[told] >= q[told] - 1e-12).all()
    assert (np.diff(q[told][np.argsort(x[told])]) >= -1e-12).all()


@given(ps, st.randoms())
def test_order_does_not_matter(p, random):
    at = list(range(len(p))); random.shuffle(at)
    np.testing.assert_allclose(floats(adjusted([p[i] for i in at])), floats(adjusted(p))[at])


def test_what_was_given_is_not_written_to():
    p = pd.Series([.01, .02, np.nan, .9]); adjusted(p); d = pd.DataFrame(dict(p=p)); adjusted(d.p)
    assert p.tolist()[:2] == [.01, .02] and d.p[0] == .01


def test_index_is_kept_and_nonsense_refused():
    assert adjusted(pd.Series([.1, .2], index=["x", "y"])).index.tolist() == ["x", "y"]
    with pytest.raises(ValueError, match="between 0 and 1"): adjusted([-.1])
    with pytest.raises(ValueError, match="bonferroni"): adjusted([.1], "bonferroni")


def test_false_discoveries_are_held_at_the_level():
    rng = np.random.default_rng(0); false = []
    for _ in range(300):
        p = np.r_[rng.random(80), rng.random(20) * 1e-4]; found = control(p, .1).to_numpy(bool)
        false.append(found[:80].sum() / max(1, found.sum()))
    assert .06 < np.mean(false) < .1


def test_family_withdraws_flags_and_adds_none():
    t = lambda p, flag: pd.DataFrame(dict(p=pd.array(p, dtype="double[pyarrow]"), flag=pd.array(flag, dtype="string[pyarrow]"), q=None))
    a, b = family(t([.04, .001], ["above", "below"]), t([.9, .0001, None], [None, None, "above"]))
    assert a.flag.isna().tolist() == [True, False] and b.flag.isna().tolist() == [True, True, False]
    np.testing.assert_allclose(floats(pd.concat([a.q, b.q])), floats(adjusted([.04, .001, .9, .0001, None])))
