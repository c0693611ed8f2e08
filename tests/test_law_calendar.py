import calendar as std
import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from law_examples import checks, run, same

from supervise_lib.law import calendar as cal
from supervise_lib.law.intervals import days_covered, trial_deadline
from supervise_lib.law.values import Law

EXAMPLES = yaml.safe_load((Path(__file__).parent / "data" / "law_examples.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key,name,args,want", EXAMPLES, ids=[f"{e[0]}-{n}" for n, e in enumerate(EXAMPLES)])
def test_worked_example(key, name, args, want):
    assert same(run(name, dict(args)), want)


def test_our_examples_are_those_of_the_domain_basis(shared):
    "Every row of the shared table that is date or penalty arithmetic holds, and our own list leaves none out."
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8") as f: rows = list(csv.DictReader(f))
    found = {r["example_id"]: c for r in rows if (c := checks(r)) is not None}
    assert len(found) >= 276 and not set(found) - {e[0] for e in EXAMPLES}
    wrong = [(k, name, args, want) for k, c in found.items() for name, args, want in c if not same(run(name, dict(args)), want)]
    assert not wrong


# --- reference functions, one day at a time, as the domain basis writes them -----------------------------------------------------

def plain_months(d, n, end):
    y, m = divmod(d.year * 12 + d.month - 1 + n, 12)
    last = std.monthrange(y, m + 1)[1]
    return date(y, m + 1, last if end else min(d.day, last))

def is_end(d): return d.day == std.monthrange(d.year, d.month)[1]

def plain_age(birth, on, day_after):
    n = on.year - birth.year
    return n - (plain_months(birth, 12 * n, False) >= on if day_after else plain_months(birth, 12 * n, False) > on)

any_day = st.dates(date(1950, 1, 1), date(2080, 12, 31))
known_day = st.dates(date(2004, 1, 1), date(2026, 9, 1))


@given(any_day, st.integers(0, 400))
def test_criminal_months_against_the_reference(d, n):
    assert cal.period_months_criminal(d, n, custody=True) == plain_months(d, n, is_end(d))


@given(any_day, st.integers(0, 400))
def test_civil_months_against_the_reference(d, n):
    assert cal.period_months_civil(d, n, roll=False) == plain_months(d, n, False)


@given(any_day, st.integers(0, 30_000))
def test_ages_against_the_reference(birth, more):
    on = birth + timedelta(more)
    assert cal.age_civil(birth, on) == plain_age(birth, on, False)
    assert cal.age_criminal(birth, on) == max(plain_age(birth, on, True), 0)
    assert 0 <= cal.age_civil(birth, on) - cal.age_criminal(birth, on) <= 1


# --- properties ------------------------------------------------------------------------------------------------------------------

@given(known_day, st.integers(0, 60))
def test_a_rolled_period_never_ends_on_a_rest_day_and_never_early(d, n):
    free, held = cal.period_days_criminal(d, n), cal.period_days_criminal(d, n, custody=True)
    assert cal.is_workday(free) is True and free >= held == d + timedelta(n)
    assert (free == held) is cal.is_workday(held)


@given(known_day)
def test_nothing_but_rest_days_is_skipped(d):
    rolled = cal.next_workday(d)
    assert not any(cal.is_workday(d + timedelta(k)) for k in range((rolled - d).days))


@given(known_day, st.integers(0, 30), st.integers(0, 30))
def test_working_days_add_up(d, a, b):
    assert cal.working_days_after(cal.working_days_after(d, a), b) is pd.NA or cal.working_days_after(cal.working_days_after(d, a), b) == cal.working_days_after(d, a + b)


@given(any_day, any_day, st.integers(0, 100))
def test_later_starts_never_end_earlier(a, b, n):
    a, b = min(a, b), max(a, b)
    assert cal.period_months_civil(a, n, roll=False) <= cal.period_months_civil(b, n, roll=False)
    assert cal.period_months_criminal(a, n, custody=True) <= cal.period_months_criminal(b, n, custody=True)


@given(any_day, st.integers(0, 100))
def test_month_end_rule_only_moves_month_ends_and_only_later(d, n):
    criminal, civil = cal.period_months_criminal(d, n, custody=True), cal.period_months_civil(d, n, roll=False)
    assert criminal >= civil and (criminal == civil or is_end(d))


@pytest.mark.parametrize("call", [
    lambda d: cal.is_workday(d), lambda d: cal.next_workday(d), lambda d: cal.working_days_after(d, 3), lambda d: cal.period_days_criminal(d, 3),
    lambda d: cal.period_months_criminal(d, 3), lambda d: cal.period_days_civil(d, 3), lambda d: cal.period_months_civil(d, 3), lambda d: cal.anniversary(d, 3),
    lambda d: cal.age_criminal(d, "2024-01-01"), lambda d: cal.age_civil("1990-01-01", d), lambda d: cal.days_between(d, "2024-01-01"),
    lambda d: cal.days_inclusive(d, "2024-01-01"), lambda d: cal.days_late(d, "2024-01-01"), lambda d: cal.last_appeal_day(d, "2023-01-01"),
    lambda d: cal.effective_date(d), lambda d: cal.full_calendar_months(d, "2024-01-01"), lambda d: trial_deadline(d, 6)])
def test_missing_in_missing_out_with_the_index(call):
    got = call(pd.Series(["2023-05-10", None], index=["a", "b"], dtype=pd.ArrowDtype(pa.string())))
    assert isinstance(got.dtype, pd.ArrowDtype) and got.isna().tolist() == [False, True] and list(got.index) == ["a", "b"]
    assert call(None) is pd.NA


@pytest.mark.parametrize("call", [lambda n: cal.period_days_criminal("2023-05-10", n), lambda n: cal.period_months_criminal("2023-05-10", n),
                                  lambda n: cal.period_days_civil("2023-05-10", n), lambda n: cal.period_months_civil("2023-05-10", n),
                                  lambda n: cal.anniversary("2023-05-10", n), lambda n: trial_deadline("2023-05-10", n)])
def test_missing_length_gives_missing(call):
    assert call(pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64()))).isna().tolist() == [False, True] and call(None) is pd.NA


# --- the calendar ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("day", ["2003-12-31", "2027-01-04", "1999-10-01"])
def test_outside_the_published_years_nothing_is_rolled_or_guessed(day):
    assert cal.is_workday(day) is pd.NA and cal.next_workday(day) is pd.NA and cal.period_days_criminal(day, 0) is pd.NA
    assert cal.period_days_criminal(day, 0, custody=True) == date.fromisoformat(day)


def test_a_roll_past_the_last_published_year_is_missing():
    assert cal.next_workday("2026-12-31") == date(2026, 12, 31) and cal.working_days_after("2026-12-31", 1) is pd.NA


@pytest.mark.parametrize("day,work", [("2022-01-29", True), ("2022-10-08", True), ("2023-10-07", True), ("2024-02-18", True), ("2025-01-26", True), ("2025-02-08", True),
                                      ("2022-02-04", False), ("2023-05-03", False), ("2024-02-09", True), ("2025-10-08", False), ("2026-02-28", True), ("2020-02-02", False)])
def test_make_up_days_work_and_holidays_do_not(day, work):
    assert cal.is_workday(day) is work


def test_declared_days_win_and_declared_years_are_known(tmp_path):
    record = "{}:\n  label: {{en: d, zh: 日}}\n  unit: day\n  history:\n    - {{since: 2027-01-01, value: {}, law: 公告, article: '1', checked: {{status: verify}}}}\n"
    (tmp_path / "calendar.yaml").write_text(record.format("calendar_years", "[2027]") + record.format("calendar_rest_days", "[2027-01-01, 2023-05-10]")
                                            + record.format("calendar_work_days", "[2027-01-03]"), encoding="utf-8")
    c = cal.calendar_of(Law(tmp_path))
    assert cal.next_workday("2027-01-01", c) == date(2027, 1, 3) and cal.is_public_holiday("2027-01-01", c) is True
    assert cal.next_workday("2023-05-10", c) == date(2023, 5, 11) and cal.is_workday("2028-01-03", c) is pd.NA


def test_custody_unknown_is_known_only_where_it_makes_no_difference():
    custody = pd.Series([None, None, True, False], dtype=pd.ArrowDtype(pa.bool_()))
    got = cal.period_days_criminal(pd.Series(["2023-03-01", "2023-03-06", "2023-03-01", "2023-03-01"]), 3, custody=custody)
    assert [None if x is pd.NA else x.isoformat() for x in got] == [None, "2023-03-09", "2023-03-04", "2023-03-06"]


def test_wrong_lengths_are_refused():
    for bad in (1.25, "three"):
        with pytest.raises((ValueError, TypeError)): cal.period_months_criminal("2023-01-01", bad)
    with pytest.raises(ValueError): cal.period_days_criminal("2023-01-01", 1.5)


def test_born_after_the_act_has_no_age(): assert cal.age_criminal("2024-01-02", "2024-01-01") is pd.NA


def test_end_before_start_has_no_length(): assert cal.days_inclusive("2024-01-02", "2024-01-01") is pd.NA and cal.full_calendar_months("2024-03-02", "2024-01-01") is pd.NA


def test_last_receipt_decides_and_an_unknown_one_leaves_it_open():
    assert cal.last_appeal_day("2023-05-10", "2023-05-08", kind="ruling") == date(2023, 5, 15) and cal.last_appeal_day("2023-05-10", None) is pd.NA


# --- deductions -----------------------------------------------------------------------------------------------------------------

intervals = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 90)), max_size=6).map(lambda xs: [(date(2022, 1, 1) + timedelta(a), date(2022, 1, 1) + timedelta(a + n)) for a, n in xs])


@given(intervals)
def test_covered_days_are_the_set_of_days(xs):
    assert days_covered(xs) == len({a + timedelta(k) for a, b in xs for k in range((b - a).days + 1)})


@given(intervals, st.randoms())
def test_covered_days_do_not_depend_on_order_or_splitting(xs, rnd):
    halves = [p for a, b in xs for p in ([(a, b)] if a == b else [(a, a + (b - a) // 2), (a + (b - a) // 2 + timedelta(1), b)])]
    rnd.shuffle(halves)
    assert days_covered(halves) == days_covered(xs)


def plain_trial(filed, months, xs):
    base = dl = plain_months(filed, months, False)
    merged = []
    for s, e in sorted(xs):
        if merged and s <= merged[-1][1]: merged[-1][1] = max(merged[-1][1], e)
        else: merged.append([s, e])
    while True:
        total = sum(max((e - max(s, filed)).days, 0) for s, e in merged if max(s, filed) < dl)
        if base + timedelta(total) == dl: return dl
        dl = base + timedelta(total)


@given(st.lists(st.tuples(st.integers(0, 500).map(lambda k: date(2021, 12, 1) + timedelta(k)), st.integers(1, 8), intervals), min_size=1, max_size=5))
@settings(max_examples=60)
def test_trial_deadline_against_the_reference(cases):
    got = trial_deadline(pd.Series([c[0] for c in cases]), pd.Series([c[1] for c in cases]), pd.Series([c[2] for c in cases]), roll=False)
    assert got.tolist() == [plain_trial(*c) for c in cases]


def test_a_running_deduction_needs_the_day_of_the_run():
    assert trial_deadline("2022-03-01", 6, [("2022-03-10", None)]) is pd.NA
    assert trial_deadline("2022-03-01", 6, [("2022-03-10", None)], roll=False, until="2022-03-20") == date(2022, 9, 11)


def test_arrow_lists_of_structs_are_read():
    t = pa.list_(pa.struct([("from", pa.date32()), ("to", pa.date32()), ("kind", pa.string())]))
    x = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array([[{"from": date(2023, 1, 1), "to": date(2023, 1, 3), "kind": "detain"}], [], None], t)])))
    assert [None if v is pd.NA else v for v in days_covered(x)] == [3, 0, None]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2000)), min_size=1, max_size=12))
def test_most_within_against_counting(acts):
    who, day = [a for a, _ in acts], [date(2018, 1, 1) + timedelta(k) for _, k in acts]
    count = lambda p: max(sum(w == p and d <= x <= plain_months(d, 24, False) for w, x in zip(who, day, strict=True)) for v, d in zip(who, day, strict=True) if v == p)
    assert cal.most_within(pd.Series(who), pd.Series(day), 2).tolist() == [count(p) for p in who]


def test_a_million_rows_quickly():
    import time
    d = pd.Series(np.datetime64("2005-01-01") + np.arange(1_000_000) % 7_000).astype(pd.ArrowDtype(pa.date32()))
    start = time.perf_counter()
    cal.period_months_criminal(d, 2); cal.age_criminal(d, "2026-01-01")
    assert time.perf_counter() - start < 10
