"Civil arithmetic: trial limits, interest, fees, enforcement clocks, against the worked examples and between their bounds."
import csv
import json
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervise_lib.law import court_fees, enforcement_clocks, interest, trial_limits
from supervise_lib.law.dates import DATE
from supervise_lib.law.values import Law

LAW, ON = Law(), date(2023, 6, 1)
day = date.fromisoformat
years = lambda n: timedelta(365 * n)

def late(deadline, done): return max(0, (day(done) - deadline).days)

def last_day(i, o):
    return trial_limits.closing_day(None, [{"mode": "post" if "posted" in i else "announcement", "start": day(i.get("posted") or i["published"]), "done": day(i.get("received") or i["deemed_served"])}])

def interest_parts(i):
    parts = interest.protected(i["principal_yuan"], i["rate_month"] * 12, day(i["contract"]), day(i["interest_to"]), day(i["contract"]), day(i["filed"]), LAW)
    return {"days_a": parts[0][2], "interest_a_yuan": parts[0][4], "days_b": parts[1][2], "interest_b_yuan": parts[1][4], "total_yuan": round(parts[0][4] + parts[1][4], 2)}

def lending_cap(i):
    start, one = day(i["contract"]), i["principal_yuan"]
    safe = interest.protected(one, i["rate"], start, start + years(i["years"]), start, start + years(2), LAW)[0][4]
    return {"lpr": LAW.on("lpr_1y", start), "cap": round(interest.lpr_cap(start, LAW), 6), "claimed_yuan": one * i["rate"] * i["years"], "protected_yuan": safe, "excess_yuan": one * i["rate"] * i["years"] - safe}

def effective(i):
    alone, whole = interest.effective_rate(i["iou_yuan"] - i["deducted_yuan"], i["iou_yuan"] * i["rate_month_on_iou"] * i["months"], i["deducted_yuan"], i["months"])
    cap = round(interest.lpr_cap(day(i["contract"]), LAW), 6)
    return {"interest_only_rate": round(alone, 4), "total_rate": round(whole, 4), "cap": cap, "over": whole > cap}

def sue(i):
    got = interest.voluntary(i["principal_yuan"], i["rate"], day(i["start"]), day(i["end"]), LAW)
    return {"paid_yuan": got["paid"], "returnable_yuan": got["returnable"], "not_returnable_yuan": got["not_returnable"]}

def ceiling(i):
    top = interest.rolled_over_ceiling(i["first_principal_yuan"], day(i["from_"]), day(i["on"]), i["cap"])
    return {"ceiling_yuan": top, "excess_yuan": i["claimed_yuan"] - top}

def each(fn): return lambda i: {"fee_yuan": [fn(x, ON, LAW) for x in next(iter(i.values()))]}

def advance(i):
    principal = interest.real_principal(i["iou_yuan"], i["iou_yuan"] - i["delivered_yuan"])
    return {"principal_yuan": principal, "interest_year_yuan": interest.protected(principal, i["rate"], day(i["contract"]), day(i["contract"]) + years(1), day(i["contract"]), day(i["contract"]) + years(2), LAW)[0][4]}

def before_answer(i):
    first = trial_limits.earliest_hearing(trial_limits.announcement_done(day(i["published"]), LAW), LAW)
    return {"earliest_hearing": first.isoformat(), "days_early": (first - day(i["hearing"])).days}

CALLS = {
    "T12": lambda i: {"closing_day": last_day(i, None).isoformat(), "overdue": last_day(i, None) > day(i["deadline"])},
    "T13": lambda i: {"closing_day": last_day(i, None).isoformat(), "overdue": last_day(i, None) > day(i["deadline"])},
    "T17c": before_answer,
    "T31": lambda i: {"days": (day(i["paid"]) - day(i["due"])).days, "interest_yuan": enforcement_clocks.late_interest(i["amount_yuan"], day(i["due"]), day(i["paid"]), LAW)},
    "T32": lambda i: {"round1_min_yuan": round(enforcement_clocks.sale_floor(i["appraisal_yuan"], ON, LAW)), "round2_min_yuan": round(enforcement_clocks.sale_floor(i["appraisal_yuan"], ON, LAW, second=True))},
    "T33": lending_cap, "T36": interest_parts, "T37": sue, "T39": effective, "T40": ceiling, "T38": advance,
    "T34": lambda i: {"cap": [round(interest.lpr_cap(day(d), LAW), 6) for d in i["contract"]]},
    "T35": lambda i: {"cap": round(interest.lpr_cap(day(i["contract"]), LAW), 6), "flag": i["rate"] > interest.lpr_cap(day(i["contract"]), LAW) + 5e-4},
    "T41": lambda i: {"rate_year": [interest.rate_in_words(t) for t in i["text"]]},
    "T43": lambda i: {"fee_yuan": court_fees.case_fee(i["claim_yuan"], ON, LAW), "halved_yuan": court_fees.halved(court_fees.case_fee(i["claim_yuan"], ON, LAW), ON, LAW)},
    "T44": each(court_fees.case_fee), "T45": each(court_fees.enforcement_fee), "T46": each(court_fees.preservation_fee),
    "T47": lambda i: {"fee_yuan": court_fees.payment_order_fee(i["claim_yuan"], ON, LAW)},
    "T67": lambda i: {"mandatory_cap_yuan": i["average_wage_yuan"] * LAW.on("small_claim_cap_ratio", day(i["filed"])), "agreed_cap_yuan": i["average_wage_yuan"] * LAW.on("small_claim_agreed_cap_ratio", day(i["filed"])), "lead": ["TRIAL_R34"] * 2},
}

@pytest.mark.parametrize("example", CALLS)
def test_worked_example(example, shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: row = next(r for r in csv.DictReader(f) if r["example_id"] == example)
    got, want = CALLS[example](json.loads(row["inputs"])), json.loads(row["expected"])
    assert got.keys() == want.keys()
    for k in want: assert got[k] == pytest.approx(want[k]) if not isinstance(want[k], (str, bool)) and not (isinstance(want[k], list) and isinstance(want[k][0], str)) else got[k] == want[k], k


# --- trial limits with extensions ------------------------------------------------------------------------------------------------------------

def last(procedure, filed, *extensions, pilot=None, doubtful=True, deductions=()):
    s = lambda x, kind: pd.Series([x], dtype=kind)
    return trial_limits.last_days(s(procedure, "string[pyarrow]"), s(filed, DATE), pd.Series([list(deductions)]), [list(extensions)], LAW, until=date(2023, 12, 31),
                                  pilot=None if pilot is None else s(pilot, "bool[pyarrow]"), doubtful=doubtful)[0]

def ext(approve, level="president", kind="extension_president"): return {"kind": kind, "approve": approve, "level": level}

@pytest.mark.parametrize("procedure, filed, extensions, want", [
    ("summary", date(2022, 5, 5), [ext(date(2022, 8, 1))], date(2022, 9, 5)),
    ("summary", date(2022, 5, 5), [ext(date(2022, 8, 8))], date(2022, 8, 5)),
    ("summary", date(2020, 9, 1), [ext(date(2020, 11, 30))], date(2021, 3, 1)),
    ("ordinary", date(2022, 3, 1), [ext(date(2022, 8, 1)), ext(date(2023, 2, 20), "higher_court", "extension_higher")], date(2023, 6, 1)),
    ("ordinary", date(2022, 3, 1), [ext(date(2022, 8, 1), kind="extension_higher")], date(2022, 9, 1)),
    ("small_claim", date(2022, 6, 1), [], date(2022, 8, 1)),
    ("second", date(2022, 10, 12), [], date(2023, 1, 12)),
    ("special", date(2023, 3, 1), [ext(date(2023, 3, 20))], date(2023, 5, 4)),      # 30 April is a holiday
])
def test_an_extension_counts_if_granted_in_time_by_the_right_level(procedure, filed, extensions, want): assert last(procedure, filed, *extensions) == want

def test_a_doubtful_extension_is_asked_both_ways():
    assert last("ordinary", date(2022, 3, 1), ext(None)) == date(2023, 3, 1) and last("ordinary", date(2022, 3, 1), ext(None), doubtful=False) == date(2022, 9, 1)

def test_pilot_courts_had_two_months_for_small_claims(): assert last("small_claim", date(2021, 3, 1), pilot=True) == date(2021, 5, 6) and last("small_claim", date(2021, 3, 1), pilot=False) == date(2021, 6, 1)

def test_a_procedure_without_a_limit_has_no_last_day(): assert pd.isna(last("payment_order", date(2022, 3, 1))) and pd.isna(last(None, date(2022, 3, 1)))

@given(st.dates(date(2012, 1, 1), date(2022, 12, 31)), st.integers(0, 200), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_a_deduction_never_shortens_a_limit(filed, start, length):
    begin = filed + timedelta(start)
    assert last("ordinary", filed, deductions=[(begin, begin + timedelta(length))]) >= last("ordinary", filed)


# --- interest ---------------------------------------------------------------------------------------------------------------------------------

@given(st.dates(date(2015, 9, 1), date(2023, 1, 1)), st.integers(0, 900), st.floats(0, .5), st.floats(100, 1e6))
@settings(max_examples=40, deadline=None)
def test_protected_interest_is_no_more_than_agreed_and_its_days_add_up(contract, length, rate, principal):
    end = contract + timedelta(length)
    parts = interest.protected(principal, rate, contract, end, contract, end + timedelta(30), LAW)
    assert sum(p[2] for p in parts) == length
    assert all(p[4] is None or p[4] <= round(principal * rate * p[2] / 365, 2) + .01 for p in parts)

def test_a_fee_never_falls_as_the_claim_grows():
    fees = court_fees.case_fee(pd.Series([float(x) for x in range(1, 30_000_000, 123_457)]), pd.Series([ON] * 243, dtype=DATE), LAW)
    assert len(fees) == 243 and fees.is_monotonic_increasing

def test_nothing_is_due_of_what_is_not_known():
    assert court_fees.case_fee(pd.Series([None, 5000.0], dtype="double[pyarrow]"), pd.Series([ON, None], dtype=DATE), LAW).isna().all()
    assert interest.rate_in_words("年利率两分") is None and interest.rate_in_words(None) is None
    assert interest.most_loans([], 2) == 0 and enforcement_clocks.search_days(date(2015, 1, 1), LAW) == []
