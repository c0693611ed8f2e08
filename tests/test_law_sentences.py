from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_law_calendar import is_end, plain_months

from supervise_lib.law import penalties as pen
from supervise_lib.law.sentences import check_dates, commuted_end, deducted_days, probation_end, sentence_end

D = timedelta(1)
any_day = st.dates(date(1998, 1, 1), date(2060, 12, 31))
recent = st.dates(date(2015, 1, 1), date(2025, 12, 31))
years, months, days = st.integers(0, 15), st.integers(0, 11), st.integers(0, 29)


def plain_end(start, y, m, d=0):
    a = plain_months(start, 12 * y, False)
    if m: a = plain_months(a, m, is_end(start))
    return a + timedelta(d) - D


def check(custody, start=None, end=None, term=(1, 0, 0), penalty="fixed", judged="2023-06-01", committed=None):
    return check_dates(start, end, *term, penalty, judged, custody, committed).iloc[0]


def missing(row, *names): return [pd.isna(row[n]) for n in names]


# --- the end of a term ----------------------------------------------------------------------------------------------------------

@given(any_day, years, months, days)
def test_end_against_the_reference(start, y, m, d):
    assert sentence_end(start, y, m, d) == plain_end(start, y, m, d)


@given(any_day, years, months, days)
def test_end_moves_one_day_per_day_and_a_start_follows_an_end(start, y, m, d):
    assert sentence_end(start, y, m, d + 1) - sentence_end(start, y, m, d) == D
    assert sentence_end(start, y, m, d, deducted=5) == sentence_end(start, y, m, d) - 5 * D
    assert sentence_end(start, y, m, d) >= start - D


@given(any_day, years)
def test_years_end_the_day_before_the_same_day(start, y):
    end = sentence_end(start, y) + D
    assert (end.month, end.day) == ((start.month, start.day) if (start.month, start.day) != (2, 29) or y % 4 == 0 else (2, 28))


@given(any_day, st.integers(1, 180))
def test_longer_terms_end_later(start, n):
    assert sentence_end(start, 0, n) < sentence_end(start, 0, n + 1) and sentence_end(start, 0, n + 0.5) == sentence_end(start, 0, n) + 15 * D


@pytest.mark.parametrize("parts", [(None, 0, 0), (1, None, 0), (1, 0, None), (-1, 0, 0)])
def test_a_term_with_an_unknown_part_has_no_end(parts): assert sentence_end("2023-01-01", *parts) is pd.NA


def test_holidays_do_not_move_a_sentence(): assert sentence_end("2022-10-02", 1) == date(2023, 10, 1)


def test_index_and_missing_start():
    got = sentence_end(pd.Series(["2023-02-28", None], index=[7, 9]), 1)
    assert list(got.index) == [7, 9] and got.isna().tolist() == [False, True] and got.dtype == pd.ArrowDtype(pa.date32())


def test_commutation_is_counted_forward():
    assert [commuted_end("2014-03-31", 13, 0, c) for c in (0, 8, 16, 24)] == [date(2027, 3, 30), date(2026, 7, 30), date(2025, 11, 29), date(2025, 3, 30)]
    assert commuted_end("2014-03-31", 1, 0, 13) is pd.NA


def test_probation_takes_no_custody_off(): assert probation_end("2024-11-05", 1) == date(2025, 11, 4)


# --- deductions -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind,fixed,control", [("detain", 10, 20), ("arrest", 10, 20), ("", 10, 20), ("retention", 10, 20), ("residence_designated", 5, 10),
                                                ("administrative_detention", 10, None), ("bail", 0, 0), ("residence", 0, 0), ("holiday", None, None)])
def test_ratio_of_each_kind_of_stay(kind, fixed, control):
    got = [deducted_days([("2023-03-01", "2023-03-10", kind)], p, "2023-06-01") for p in ("fixed", "control")]
    assert [None if x is pd.NA else x for x in got] == [fixed, control]


def test_law_of_the_day_decides_the_ratio():
    stay = [("2010-03-01", "2010-03-10", "residence_designated")]
    assert deducted_days(stay, "fixed", "2010-06-01") is pd.NA and deducted_days(stay, "fixed", "2013-06-01") == 5


def test_overlapping_kinds_count_once_at_the_better_ratio():
    assert deducted_days([("2023-03-01", "2023-03-10", "residence_designated"), ("2023-03-06", "2023-03-15", "arrest")], "fixed", "2023-06-01") == 12.5


def test_unknown_history_and_life_sentences_have_no_answer():
    assert deducted_days(None, "fixed", "2023-06-01") is pd.NA and deducted_days([], "fixed", "2023-06-01") == 0 and deducted_days([], "life", "2023-06-01") is pd.NA
    assert deducted_days([("2023-03-05", "2023-03-01", "detain")], "fixed", "2023-06-01") is pd.NA


# --- printed dates --------------------------------------------------------------------------------------------------------------

stays = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), min_size=1, max_size=4).map(
    lambda xs: [(date(2022, 1, 1) + timedelta(a), date(2022, 1, 1) + timedelta(a + n), "detain") for a, n in xs])
terms = st.tuples(st.integers(0, 5), months, st.integers(0, 20)).filter(lambda t: t[0] or t[1] >= 6)


@given(recent, st.integers(1, 300), terms)
def test_continuous_custody_has_exactly_one_lawful_end(first, before, term):
    judged = first + timedelta(before)
    for custody in ([(first, None, "detain")], [(first, first + timedelta(before // 2), "detain"), (first + timedelta(before // 2 + 1), judged, "arrest")]):
        got = check(custody, first, plain_end(first, *term), term, judged=judged)
        assert got.end_earliest == got.end_latest == plain_end(first, *term) and not got.interrupted and (got.start_off, got.end_off) == (0, 0)


@given(stays, st.integers(1, 200), terms)
@settings(max_examples=60)
def test_all_three_lawful_ways_lie_inside(custody, later, term):
    touched = {a + timedelta(k) for a, b, _ in custody for k in range((b - a).days + 1)}
    first, commit = min(touched), max(touched) + timedelta(later + 1)
    blocks = sum(d + D not in touched for d in touched)
    way_b, way_c = plain_end(commit, *term) - len(touched) * D, plain_end(first, *term) + ((commit - first).days - len(touched)) * D
    got = check(custody, commit, None, term, judged=commit, committed=commit)
    assert got.end_earliest <= min(way_b, way_c) and max(way_b + blocks * D, way_c) <= got.end_latest
    assert (got.end_latest - got.end_earliest).days <= blocks + 8 and got.deducted == len(touched) and got.interrupted
    assert (got.start_first, got.start_commit) == (first, commit)


@given(stays, st.integers(1, 200), st.randoms())
@settings(max_examples=60)
def test_order_splitting_and_repeating_of_stays_change_nothing(custody, later, rnd):
    commit = max(b for _, b, _ in custody) + timedelta(later + 1)
    other = [p for a, b, k in custody for p in ([(a, b, k)] if a == b else [(a, a + (b - a) // 2, k), (a + (b - a) // 2 + D, b, "arrest")])] + custody[:1]
    rnd.shuffle(other)
    a, b = (check(c, commit, "2025-01-01", judged=commit, committed=commit) for c in (custody, other))
    assert a.to_dict() == b.to_dict()


@given(stays, terms)
@settings(max_examples=40)
def test_a_longer_term_is_never_over_earlier(custody, term):
    a, b = (check(custody, None, None, t, committed="2023-06-01") for t in (term, (term[0], term[1], term[2] + 1)))
    assert a.end_earliest < b.end_earliest and a.end_latest < b.end_latest


def test_offs_tell_direction_and_distance():
    custody = [("2022-11-10", "2022-12-16", "detain")]
    got = {e: check(custody, "2023-06-20", e, (1, 2, 0), committed="2023-06-20").end_off for e in ("2024-07-11", "2024-07-12", "2024-07-14", "2024-07-15", "2024-08-19")}
    assert list(got.values()) == [-1, 0, 0, 1, 36]
    assert [check(custody, s, None, (1, 2, 0), committed="2023-06-20").start_off for s in ("2023-06-20", "2022-11-10", "2023-06-22", "2022-11-09")] == [0, 0, 2, -1]


ALL = ("start_first", "start_commit", "end_earliest", "end_latest", "start_off", "end_off")

@pytest.mark.parametrize("why,args", {
    "no history": dict(custody=None), "stay ends before it starts": dict(custody=[("2023-03-10", "2023-03-01", "detain")]), "stay without start": dict(custody=[(None, "2023-03-01", "detain")]),
    "unknown kind": dict(custody=[("2023-01-01", None, "somewhere")]), "unknown term": dict(custody=[("2023-01-01", None, "detain")], term=(1, None, 0)),
    "unknown penalty": dict(custody=[("2023-01-01", None, "detain")], penalty=None), "life": dict(custody=[("2023-01-01", None, "detain")], penalty="life"),
    "no judgment day": dict(custody=[("2023-01-01", None, "detain")], judged=None),
    "released, way C, commitment unknown": dict(custody=[("2023-01-01", "2023-02-01", "detain")], start="2023-01-01"),
    "released, nothing printed": dict(custody=[("2023-01-01", "2023-02-01", "detain")], start=None)}.items())
def test_what_is_not_known_is_missing(why, args):
    got = check(**{"start": "2023-01-01", "end": "2024-01-01", **args})
    assert all(missing(got, *ALL)), why


def test_printed_commitment_is_believed_for_the_end_but_not_for_itself():
    got = check([("2022-11-10", "2022-12-16", "detain")], "2023-06-20", "2024-07-13", (1, 2, 0))
    assert got.end_off == 0 and all(missing(got, "start_first", "start_commit", "start_off"))


def test_stays_after_the_judgment_do_not_disturb():
    got = check([("2023-01-10", "2023-08-01", "detain"), ("2024-02-01", "2024-03-01", "prison")], "2023-01-10", "2024-01-09")
    assert (got.start_off, got.end_off, got.interrupted) == (0, 0, False)


def test_administrative_detention_running_into_custody_may_be_printed_both_ways():
    got = check([("2023-02-01", "2023-02-10", "administrative_detention"), ("2023-02-11", None, "detain")], "2023-02-11", "2023-06-30", (0, 5, 0), "detention", "2023-04-01")
    assert (got.end_off, got.start_off, got.end_latest) == (0, 0, date(2023, 6, 30)) and (got.start_first, got.start_commit) == (date(2023, 2, 1), date(2023, 2, 11))


def test_designated_residence_counts_half_and_both_roundings_are_lawful():
    got = check([("2023-04-20", "2023-06-19", "residence_designated"), ("2023-06-20", None, "arrest")], "2023-06-20", "2024-06-19", judged="2023-08-01")
    assert (got.end_earliest, got.end_latest, got.end_off) == (date(2024, 5, 19), date(2024, 5, 20), 30) and got.start_off == 0


def test_control_counts_from_its_own_start_and_two_for_one():
    got = check([("2023-03-01", "2023-03-20", "detain")], "2023-06-01", "2023-10-21", (0, 6, 0), "control", committed="2023-06-01")
    assert got.end_off == 0 and got.end_earliest == date(2023, 10, 21) and got.deducted == 40


def test_never_in_custody_is_not_the_same_as_not_known():
    assert check([], "2023-06-20", "2024-06-19").end_off == 0 and pd.isna(check(None, "2023-06-20", "2024-06-19").end_off)


def test_rows_do_not_disturb_each_other_and_keep_their_index():
    rows = {"a": [("2023-01-10", None, "detain")], "b": None, "c": [("2022-01-01", "2022-01-10", "detain")], "d": []}
    x = pd.Series(list(rows.values()), index=list(rows), dtype=object)
    got = check_dates("2023-01-10", "2024-01-09", 1, 0, 0, "fixed", "2023-06-01", x)
    for key, custody in rows.items():
        one = check(custody, "2023-01-10", "2024-01-09")
        assert [None if pd.isna(v) else v for v in got.loc[key]] == [None if pd.isna(v) else v for v in one], key
    assert all(isinstance(t, pd.ArrowDtype) for t in got.dtypes)


def test_many_rows_quickly():
    import time
    n = 100_000
    t = pa.list_(pa.struct([("from", pa.date32()), ("to", pa.date32()), ("kind", pa.string())]))
    first = np.datetime64("2015-01-01") + np.arange(n) % 3000
    flat = pa.StructArray.from_arrays([pa.array(np.repeat(first, 2) + np.tile([0, 100], n)), pa.array(np.repeat(first, 2) + np.tile([36, 400], n)), pa.array(["detain"] * 2 * n)], ["from", "to", "kind"])
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * n + 1, 2), pa.int32()), flat.cast(t.value_type))
    d = lambda x: pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(x)])))
    start = time.perf_counter()
    got = check_dates(d(first + 100), d(first + 400), 1, 0, 0, "fixed", d(first + 200), pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([lists]))))
    assert time.perf_counter() - start < 10 and (got.deducted == 37).all()


# --- penalties ------------------------------------------------------------------------------------------------------------------

months_list = st.lists(st.integers(6, 180), min_size=1, max_size=6)

@given(months_list)
def test_a_total_lies_between_the_longest_and_the_sum_and_below_the_cap(terms):
    got = pen.combine_terms("fixed", terms, "2023-01-01").iloc[0]
    cap = 300 if sum(terms) >= 420 else 240
    assert (got["min"], got["max"], got.impossible) == (max(terms), min(sum(terms), cap), False)


def test_the_law_before_2011_had_one_cap(): assert pen.combine_terms("fixed", [180, 144, 120], "2011-04-30")["max"][0] == 240


@given(st.integers(6, 180), st.integers(0, 100), st.integers(6, 180))
def test_missed_and_new_crimes(first, served, other):
    served = min(served, first)
    missed, new = pen.combine_missed("fixed", first, served, other, "2023-01-01").iloc[0], pen.combine_new("fixed", first, served, other, "2023-01-01").iloc[0]
    assert missed["min"] - missed.remaining_min == served and new.remaining == first - served
    assert new["max"] + served >= missed["max"]      # a new crime is never treated better than a missed one


@pytest.mark.parametrize("got", [pen.combine_terms("fixed", None, "2023-01-01").iloc[0].tolist(), pen.combine_terms("fixed", [12, None], "2023-01-01").iloc[0].tolist(),
                                 pen.combine_terms("life", [12, 12], "2023-01-01").iloc[0].tolist()[:2], pen.probation_range("fixed", None, "2023-01-01").iloc[0].tolist(),
                                 pen.probation_range("control", 6, "2023-01-01").iloc[0].tolist()[1:]])
def test_unknown_terms_have_no_range(got): assert all(pd.isna(x) for x in got)


def test_bounds_are_those_of_the_law():
    assert pen.term_range(pd.Series(["control", "detention", "fixed", None]), "2023-01-01").astype(object).where(lambda f: f.notna(), None).values.tolist() == [[3, 24], [1, 6], [6, 180], [None, None]]
    assert pen.probation_range("fixed", 36, "2023-01-01").iloc[0].tolist() == [36, 60]


@pytest.mark.parametrize("penalty,term,props,klass", [("fixed", 59, {}, "A1"), ("fixed", 60, {}, "A2"), ("fixed", 119, {}, "A2"), ("fixed", 120, {}, "A3"), ("fixed", 119, dict(special=True), "B1"),
    ("fixed", 120, dict(special=True), "B2"), ("fixed", 119, dict(corruption=True), "C1"), ("fixed", 120, dict(corruption=True), "C2"), ("life", None, {}, "D1"), ("life", None, dict(special=True), "D2"),
    ("life", None, dict(corruption=True), "D3"), ("reprieve", None, {}, "E1"), ("reprieve", None, dict(special=True), "E2"), ("reprieve", None, dict(restricted=True), "E3"),
    ("reprieve", None, dict(corruption=True), "E4"), ("control", 12, {}, None), ("fixed", None, {}, None), ("fixed", 60, dict(special=None), None)])
def test_commutation_class(penalty, term, props, klass):
    got = pen.commutation_class(penalty, term, "2023-01-01", **props)
    assert got == klass if klass else got is pd.NA


@pytest.mark.parametrize("klass,first,after", [("A1", 12, 12), ("A2", 18, 12), ("A3", 24, 18), ("B1", 24, 12), ("B2", 24, 18), ("C1", 24, 18), ("C2", 36, 24), ("D1", 24, 24), ("D2", 36, 24),
                                               ("D3", 48, 24), ("E1", 36, 24), ("E2", 36, 24), ("E3", 60, 24), ("E4", 48, 24)])
def test_waiting_and_interval_of_every_class(klass, first, after):
    assert pen.first_commutation("2021-04-15", klass, "2023-01-01") == plain_months(date(2021, 4, 15), first, False)
    assert pen.next_commutation("2021-04-15", klass, 6, "2023-01-01") == plain_months(date(2021, 4, 15), after, False)


def test_corruption_waiting_time_starts_with_its_law():
    assert pen.first_commutation("2018-04-15", "C1", "2019-05-31") is pd.NA and pen.first_commutation("2018-04-15", "C1", "2019-06-01") == date(2020, 4, 15)


def test_an_unknown_last_cut_leaves_the_interval_open(): assert pen.next_commutation("2021-04-15", "A1", None, "2023-01-01") is pd.NA


@given(any_day, st.integers(1, 15), st.integers(0, 11))
def test_half_of_a_term_is_less_than_the_term(start, y, m):
    half, whole = pen.half_served(start, y, m, "2023-01-01"), sentence_end(start, y, m)
    assert start <= half < whole and abs((whole - half).days - (half - start).days) <= 6


@pytest.mark.parametrize("term,last", [((6, 0), "2023-06-09"), ((5, 3), "2023-01-24"), ((1, 0), "2020-12-09"), ((0, 7), "2020-09-24")])
def test_half_of_odd_months_counts_half_a_month(term, last): assert pen.half_served("2020-06-10", *term, "2023-01-01").isoformat() == last


def test_life_is_measured_by_the_law_of_the_act():
    got = pen.life_minimum(pd.Series(["2012-05-20", "2012-05-20", "2012-05-20"]), pd.Series(["2011-04-30", "2011-05-01", None]))
    assert got.dropna().tolist() == [date(2022, 5, 20), date(2025, 5, 20)] and got.isna()[2]


@pytest.mark.parametrize("months,years", [(36, 5), (59, 5), (60, 10), (119, 10), (120, 15), (180, 15)])
def test_limitation_follows_the_maximum(months, years):
    assert pen.last_day_to_prosecute("2018-06-30", months) == date(2018 + years, 6, 30)
    assert pen.last_day_to_prosecute("2018-06-30", months, life=True) == date(2038, 6, 30)


def test_unknown_maximum_has_no_limitation(): assert pen.last_day_to_prosecute("2018-06-30", None) is pd.NA and pen.last_day_to_prosecute("2018-06-30", 36, life=None) is pd.NA


def test_recidivist_needs_to_know_whether_the_term_was_served():
    got = pen.recidivist(pd.Series(["2018-03-15"] * 4), pd.Series(["2020-01-01", "2020-01-01", "2018-03-15", None]), executed=pd.Series([None, False, True, True], dtype="boolean"))
    assert [None if x is pd.NA else x for x in got] == [None, "not", "not", None]


def test_a_stay_that_begins_after_the_judgment_and_still_runs_is_the_commitment():
    got = check([("2022-11-10", "2022-12-16", "detain"), ("2023-06-20", None, "detention")], "2023-06-20", "2024-07-13", (1, 2, 0), judged="2023-06-01")
    assert (got.start_first, got.start_commit, got.start_off, got.end_off) == (date(2022, 11, 10), date(2023, 6, 20), 0, 0)
