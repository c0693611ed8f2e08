"""Worked examples of the law as calls of the public functions.

`checks(row)` turns one row of the shared example table into (function, arguments, expected) triples; rows of other topics give None.
The same triples, written down once, are in tests/data/law_examples.yaml, so that they run where the shared table is absent.
"""
import json
from datetime import date, timedelta

import pandas as pd

from supervise_lib.law import calendar, intervals, penalties, sentences
from supervise_lib.law.values import Law

LAW = Law()
FREE = {"roll": False}


def _plain(x): return None if x is pd.NA else x

def range_of(frame): return [frame["min"].iloc[0], frame["max"].iloc[0]] if "impossible" not in frame or not frame.impossible.iloc[0] else ["impossible", None]

def day_after(d, **k): return FUNCTIONS[k.pop("call")](**k) + timedelta(d)

def chain(start, stages): return [start := calendar.period_months_criminal(start, m, custody=True, extra_days=d) for m, d in stages]

def not_after(day, start, years): return calendar.days_between(day, calendar.anniversary(start, years)) >= 0

def within_law(name, on, value): return value <= LAW.on(name, on)

def end_interval(**k):
    got = sentences.check_dates(start_printed=k["committed"], end_printed=None, days=0, penalty="fixed", judgment_date=None, **k).iloc[0]
    return [got.end_earliest, got.end_latest]

def last_lawful_day(detained): return calendar.period_days_criminal(detained, LAW.on("detain_cap_max", detained), custody=True)

def acts_in_window(acts, years): return max(calendar.most_within(pd.Series(["A"] * len(acts)), pd.Series(acts), years))

FUNCTIONS = {f.__name__: f for f in (
    calendar.period_days_criminal, calendar.period_months_criminal, calendar.period_days_civil, calendar.period_months_civil, calendar.anniversary,
    calendar.age_criminal, calendar.age_civil, calendar.days_inclusive, calendar.days_between, calendar.days_late, calendar.working_days_after,
    calendar.is_public_holiday, calendar.last_appeal_day, calendar.effective_date, calendar.full_calendar_months, intervals.trial_deadline,
    sentences.sentence_end, sentences.probation_end, sentences.deducted_days, penalties.recidivist, penalties.stays_in_centre,
    penalties.absorb_detention, penalties.commutation_interval, penalties.commutation_class, penalties.last_day_to_prosecute,
    day_after, chain, not_after, within_law, end_interval, last_lawful_day, acts_in_window)}
RANGES = {"probation_range": penalties.probation_range, "combine_terms": penalties.combine_terms, "term_range": penalties.term_range}
FRAMES = {"combine_missed": penalties.combine_missed, "combine_new": penalties.combine_new}

def run(name, args):
    "The answer of one call as plain values."
    if name in RANGES: return range_of(RANGES[name](**args))
    if name in FRAMES: return FRAMES[name](**args).iloc[0].tolist()
    received = args.get("received")
    got = FUNCTIONS[name](*received) if received else FUNCTIONS[name](**args)
    return [_plain(x) for x in got] if isinstance(got, list) else _plain(got)

ON = "2023-06-01"

def _direct(i, e):
    "The rows that name their operation."
    fn = i["fn"]
    d = e.get("date")
    if fn == "period_days_criminal": return [(fn, dict(event=i["event"], n=i["days"], custody=i["custody"]), d)]
    if fn == "period_months_criminal": return [(fn, dict(event=i["event"], n=i["months"], custody=i["custody_or_no_roll"]), d)]
    if fn == "period_days_civil": return [(fn, dict(event=i["event"], n=i["days"], roll=i["roll"]), d)]
    if fn == "period_months_civil": return [(fn, dict(event=i["event"], n=i["months"], roll=i["roll"]), d)]
    if fn == "sentence_end": return [(fn, dict(start=i["start"], years=i["years"], months=i["months"], days=i["days"]), d)]
    if fn == "sentence_end_deducted": return [("sentence_end", dict(start=i["start"], years=i["years"], months=i["months"], deducted=i["deducted_days"]), d)]
    if fn == "anniversary": return [(fn, dict(dates=i["date"], years=i["years"]), d)]
    if fn == "age": return [("age_criminal", dict(birth=i["birth"], on=i["event"]), e["age"])]
    if fn in ("days_inclusive", "days_between"): return [(fn, dict(start=i["start"], end=i["end"]), e["days"])]
    if fn == "working_days_after": return [(fn, dict(dates=i["date"], n=i["working_days"]), d)]
    if fn == "trial_deadline":
        out = [(fn, dict(filed=i["filed"], months=i["months"], deductions=i["deductions"]), e["deadline"])]
        return [*out, ("days_late", dict(due=e["deadline"], done=i["closed"]), e["overdue_days"])]
    return None

def _criminal(key, i, e):
    "Rows of the criminal basis that describe a situation."
    if key == "WE008": return [("last_lawful_day", dict(detained=i["detained"]), e["last_lawful_day"])]
    if key == "WE022":
        stages = [[1, 15] if "15d" in s else [1, 0] for s in i["stages"]]
        return [("chain", dict(start=i["received"], stages=stages), e["dates"])]
    if key == "WE044":
        received = [i["defendant_served"], i["procuratorate_received"]]
        return [("last_appeal_day", dict(received=received), e["appeal_last_day"]), ("effective_date", dict(received=received), e["effective_date"])]
    if key in ("WE048", "WE049"):
        late = ("days_late", dict(due=i["due"], done=i["reported"]), e["late_days"])
        return [late, ("within_law", dict(name="admonish_max_days", on=i["reported"], value=e["late_days"]), e["sanction"] == "admonish")]
    if key == "WE050b":
        due = ("period_months_criminal", dict(event=i["due"], n=1, custody=True))
        return [(*due, "2023-07-02"), *[("days_late", dict(due="2023-07-02", done=d), int(x)) for d, x in zip(i["as_of"], e["proposal_to_revoke_due"], strict=True)]]
    if key == "WE052":
        return [("stays_in_centre", dict(delivered=i["delivered"], term_end=t), p == "detention_centre") for t, p in zip(i["term_end"], e["place"], strict=True)]
    if key == "WE076": return [("end_interval", dict(custody=i["stays"], committed=i["committed"], years=i["years"], months=i["months"]), [e["lo"], e["hi"]])]
    if key == "WE082": return [("deducted_days", dict(custody=[["2022-01-01", "2022-07-19", "bail"]], penalty="fixed", on=ON), e["deducted_days"])]
    if key == "WE083": return [("probation_end", dict(effective="2023-05-23", years=i["probation_years"]), "2024-05-22")]
    if key in ("WE090", "WE091", "WE092", "WE093"):
        return [("probation_range", dict(penalty=i["principal_penalty"], term_months=i["term_months"], on=ON), [e["min"], e["max"]])]
    if key == "WE094": return [("within_law", dict(name="probation_max_term_months", on=ON, value=m), x is None) for m, x in zip(i["term_months"], e["lead"], strict=True)]
    if key == "WE095": return [("term_range", dict(penalty="detention", on=ON), [1, 6]), ("within_law", dict(name="cap_detention_m", on=ON, value=i["total_of_two_months"]), True)]
    return _several(key, i, e)

def _several(key, i, e):
    "Several crimes, commutation, limitation, recidivism."
    if key in ("WE096", "WE097", "WE098", "WE099"):
        want = ["impossible", None] if "error" in e else [e["min_years"] * 12, e["max_years"] * 12]
        return [("combine_terms", dict(penalty="fixed", terms=[y * 12 for y in i["single_years"]], on=ON), want)]
    if key in ("WE100", "WE101", "WE102"):
        return [("combine_terms", dict(penalty="control" if key == "WE102" else "detention", terms=i["single_months"], on=ON), [e["min"], e["max"]])]
    if key == "WE103":
        return [("absorb_detention", dict(fixed_months=i["fixed_months"], detention_months=i["detention_months"], act_date=i["crimes_after"]), e["months"])]
    if key in ("WE105", "WE106"):
        a = dict(penalty="fixed", first=i["first_years"] * 12, served=i["served_years"] * 12, other=i["other_years"] * 12, on=ON)
        low, high = e["min_years"] * 12, e["max_years"] * 12
        return [("combine_missed", a, [low, high, low - a["served"], high - a["served"]])] if key == "WE105" else [("combine_new", a, [e["remaining_years"] * 12, low, high])]
    if key == "WE114":
        return [("commutation_class", dict(penalty="fixed", term_months=120, on=ON, special=True), "B2"), ("commutation_interval", dict(klass="B2", on=ON), e["interval_months"])]
    if key in ("WE131", "WE132"): return [("acts_in_window", dict(acts=i["acts"], years=i["window_years"]), e["max_acts"])]
    if key == "WE136": return [("recidivist", dict(ended=i["released"], new_crime=d), r) for d, r in zip(i["new_crime"], e["result"], strict=True)]
    if key == "WE137": return [("recidivist", dict(ended=i["probation_end"], new_crime=i["new_crime"], executed=False), e["result"])]
    if key == "WE138": return [("recidivist", dict(ended=i["released"], new_crime=i["new_crime"]), e["result"])]
    return None

def _other(key, i, e):
    "Rows of the civil and public-interest bases that are date arithmetic."
    if key == "T20":
        return [("period_days_civil", dict(event=i["effective"], n=30), "2023-02-06"), ("days_late", dict(due="2023-02-06", done=i["applied"]), e["days_late"])]
    if key == "T17c":
        return [("period_days_civil", dict(event="2022-02-09", n=15, roll=False), e["earliest_hearing"]), ("days_between", dict(start=i["hearing"], end=e["earliest_hearing"]), e["days_early"])]
    if key == "T50": return [("age_civil", dict(birth=i["birth"], on=i["claimed_start"]), e["age"])]
    if key == "EX-PIL-24":
        return [("day_after", dict(d=1, call="period_months_civil", event=i["agreed_start"], n=n, roll=False), e[k]) for n, k in ((12, "fee_from"), (24, "take_back_from"))]
    if key == "EX-PIL-25b": return [("day_after", dict(d=1, call="period_months_civil", event="2022-06-29", n=12, roll=False), e["fee_from"])]
    if key == "EX-PIL-33": return [("full_calendar_months", dict(start=i["prison_from"], end=i["prison_to"]), e["months"])]
    if key in ("EX-BR-17", "EX-BR-18", "EX-BR-19"): return [("not_after", dict(day=i["activity"], start=i["conviction_effective"], years=i["years"]), e["lead"])]
    if key == "EX-BR-20b": return [("not_after", dict(day=d, start=i["served_until"], years=5), x) for d, x in zip(i["officer_on"], e["barred"], strict=True)]
    if key == "EX-BR-21b": return [("not_after", dict(day=d, start=i["probation_end"], years=2), x) for d, x in zip(i["officer_on"], e["barred"], strict=True)]
    if key in ("EX-MIN-08", "EX-MIN-09"): return [("is_public_holiday", dict(dates=i["date"]), not e["breach"])]
    return None

def checks(row):
    "The calls of one example with what they must give, or None if the example is not date or penalty arithmetic."
    i, e = json.loads(row["inputs"]), json.loads(row["expected"])
    return _direct(i, e) if "fn" in i else _criminal(row["example_id"], i, e) or _other(row["example_id"], i, e)

def same(got, want):
    "Is the answer the expected one? Dates are compared with their ISO text."
    if isinstance(want, list): return len(got) == len(want) and all(same(g, w) for g, w in zip(got, want, strict=True))
    return got.isoformat() == want if isinstance(got, date) else got == want
