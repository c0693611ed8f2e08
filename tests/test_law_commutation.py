"Commutation with half-known convicts: what is not known only ever widens the answer, and the limits are those of the law of the day."
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise_lib.law.commutation import MERITS, WORDS, category_flags, compared, cut_limit, cut_names, interval_months, life_floor, possible_classes, waiting_months
from supervise_lib.law.dates import DATE
from supervise_lib.law.values import Law

LAW = Law()
FLAGS = ("special", "violent", "corruption", "restricted")
flag = st.sampled_from([True, False, None])
flags = st.fixed_dictionaries(dict.fromkeys(FLAGS, flag))
penalties = st.sampled_from(["fixed", "life", "death_reprieve"])
months = st.one_of(st.none(), st.sets(st.integers(6, 300), min_size=1, max_size=3))
day = lambda d: pd.Series([d]).astype(DATE)

def told(f, answers): return {k: answers[k] if v is None else v for k, v in f.items()}


@given(penalties, months, flags, st.fixed_dictionaries({k: st.booleans() for k in FLAGS}), st.booleans())
def test_learning_more_never_leaves_the_possible_classes(penalty, terms, f, answers, apart):
    wide = possible_classes(penalty, terms, f, 60, 120, apart)
    narrow = possible_classes(penalty, {min(terms)} if terms else {200}, told(f, answers), 60, 120, apart)
    assert len(narrow) == 1 and narrow <= wide

@given(penalties, months, flags, st.booleans())
def test_classes_belong_to_the_penalty(penalty, terms, f, apart):
    letters = {"fixed": "ABC", "life": "D", "death_reprieve": "E"}[penalty]
    found = possible_classes(penalty, terms, f, 60, 120, apart)
    assert {c[0] for c in found} <= set(letters)
    if not apart: assert not found & {"C1", "C2", "D3", "E4"}

@given(penalties, months, flags, st.sampled_from([*MERITS, None]), st.dates(date(2015, 1, 1), date(2026, 1, 1)))
def test_a_known_convict_lies_between_least_and_most(penalty, terms, f, merit, on):
    apart = not pd.isna(LAW.on("commute_wait_c1", on))
    classes = possible_classes(penalty, terms, f, 60, 120, apart)
    for read in (lambda k: waiting_months(LAW, [k], day(on)), lambda k: interval_months(LAW, [k], day(on)), lambda k: cut_limit(LAW, [k], [merit], day(on))):
        wide = read(classes).iloc[0]
        assert wide.isna().all() == (on < date(2017, 1, 1)) and wide.isna().any() == wide.isna().all()
        for c in classes:
            one = read(frozenset({c})).iloc[0]
            if not wide.isna().any(): assert wide.least <= one.least <= one.most <= wide.most

@pytest.mark.parametrize("klass, wait, interval, repent, best", [("A1", 12, 12, 9, 24), ("A2", 18, 12, 9, 24), ("A3", 24, 18, 9, 24), ("B1", 24, 12, 9, 12), ("B2", 24, 18, 9, 12), ("C1", 24, 18, 6, 12), ("C2", 36, 24, 6, 12),
                                                               ("D1", 24, 24, 9, 24), ("D2", 36, 24, 9, 12), ("D3", 48, 24, 6, 12), ("E1", 36, 24, 9, 24), ("E2", 36, 24, 9, 12), ("E3", 60, 24, 6, 12), ("E4", 48, 24, 6, 12)])
def test_limits_of_each_class(klass, wait, interval, repent, best):
    k, on = [frozenset({klass})], day("2022-01-01")
    assert waiting_months(LAW, k, on).iloc[0].tolist() == [wait, wait]
    assert interval_months(LAW, k, on).iloc[0].tolist() == [interval, interval]
    assert [cut_limit(LAW, k, [m], on).most.iloc[0] for m in ("repent", "repent_major")] == [repent, best]

def test_corruption_has_rules_of_its_own_from_june_2019():
    both = [frozenset({"C2"})] * 2
    assert waiting_months(LAW, both, pd.Series(["2019-05-31", "2019-06-01"]).astype(DATE)).least.fillna(0).tolist() == [0, 36]
    assert life_floor(LAW, [frozenset({"D3"})] * 2, ["repent"] * 2, pd.Series(["2019-05-31", "2019-06-01"]).astype(DATE)).least.fillna(0).tolist() == [0, 276]

def test_every_limit_named_is_a_law_value():
    assert all(n in LAW for c in ("A1", "B2", "C1", "D2", "E3", "E4") for m in MERITS for n in cut_names(c, m))

@given(st.lists(st.sampled_from(sorted({w for ws in WORDS.values() for w in ws} | {"ordinary"})), min_size=1, unique=True))
def test_words_are_read_in_any_order_and_an_unknown_one_only_opens(words):
    plain, odd = category_flags(";".join(words)), category_flags("；".join([*reversed(words), "not a category"]))
    assert all(odd[k] is True if plain[k] else odd[k] is None for k in plain)

def test_only_what_breaks_the_mildest_limit_is_a_breach():
    assert [compared(a, b) for a, b in ((True, True), (False, True), (False, False), (None, True), (None, False), (None, None))] == [True, None, False, None, False, None]
