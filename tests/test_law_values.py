from datetime import date

import re
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from supervise_lib.law.dates import Shape, days
from supervise_lib.law.values import Law, LawError

CHECKED = "  checked: {on: 2026-01-31, by: tester, status: checked}\n"
LABEL = "  label: {en: Days, zh: 天数}\n  unit: day\n"
ENTRY = "    - {since: 2000-01-01, value: 3, law: 刑法, article: \"1\"}\n"
GOOD = "limit_days:\n" + LABEL + "  history:\n" + ENTRY + CHECKED


@pytest.fixture
def law_of(tmp_path):
    def make(as_of=None, **files):
        for name, text in files.items(): (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return Law(tmp_path, as_of)
    return make


def history(*entries): return "limit_days:\n" + LABEL + "  history:\n" + "".join(f"    - {e}\n" for e in entries) + CHECKED


# --- what is refused, where, and with what advice -------------------------------------------------------------------------------

A, B = "{since: 2000-01-01, value: 3, law: 刑法, article: '1'}", "{since: 2010-01-01, value: 5, law: 刑法, article: '1'}"
REFUSED = {
    "overlap": (history(A.replace("value", "until: 2010-06-30, value"), B), 6, "overlaps"),
    "not in order": (history(B, A), 6, "overlaps"),
    "same day twice": (history(A, A), 6, "overlaps"),
    "undeclared gap": (history(A.replace("value", "until: 2009-11-30, value"), B), 6, "no value from 2009-12-01 to 2009-12-31"),
    "gap without reason": (history(A.replace("value", "until: 2009-11-30, value"), "gap: {from: 2009-12-01, to: 2009-12-31}", B), 6, "reason is missing"),
    "gap that does not fit": (history(A.replace("value", "until: 2009-11-30, value"), "gap: {from: 2009-12-02, to: 2009-12-31, reason: x}", B), 7, "no value from"),
    "no article": (history("{since: 2000-01-01, value: 3, law: 刑法}"), 5, "has no article"),
    "no law": (history("{since: 2000-01-01, value: 3, article: '1'}"), 5, "has no law"),
    "no day": (history("{value: 3, law: 刑法, article: '1'}"), 5, "has no since"),
    "empty article": (history("{since: 2000-01-01, value: 3, law: 刑法, article: ''}"), 5, "article is empty"),
    "unknown key of an entry": (history("{sinse: 2000-01-01, value: 3, law: 刑法, article: '1'}"), 5, "did you mean 'since'"),
    "unknown key of a value": (GOOD.replace("  unit: day", "  units: day"), 3, "did you mean 'unit'"),
    "wrong date": (history("{since: 2000-02-30, value: 3, law: 刑法, article: '1'}"), 5, "2000-02-30"),
    "date as text": (history("{since: '1.2.2000', value: 3, law: 刑法, article: '1'}"), 5, "is not a date"),
    "until before since": (history("{since: 2000-01-02, until: 2000-01-01, value: 3, law: 刑法, article: '1'}"), 5, "before since"),
    "duplicate name": (GOOD + GOOD, 7, "written twice (first on line 1)"),
    "duplicate key": (GOOD.replace("  unit: day\n", "  unit: day\n  unit: month\n"), 4, "written twice"),
    "no label": ("limit_days:\n  unit: day\n  history:\n" + ENTRY + CHECKED, 1, "has no label"),
    "label in one language": (GOOD.replace(", zh: 天数", ""), 2, "needs zh"),
    "empty value": (history("{since: 2000-01-01, value: , law: 刑法, article: '1'}"), 5, "value is empty"),
    "mixed kinds": (history(A, B.replace("5", "free")), 5, "different kinds"),
    "unregistered law": (history(A.replace("刑法", "CLP")), 5, "register it there"),
    "nobody checked": (GOOD.replace(CHECKED, ""), 5, "who checked it"),
    "checked without day": (GOOD.replace("on: 2026-01-31, ", ""), 6, "needs `on` and `by`"),
    "unknown status": (GOOD.replace("status: checked", "status: sure"), 6, "expected one of checked, verify, proposal"),
    "mapping without by": (history("{since: 2000-01-01, value: {a: 1}, law: 刑法, article: '1'}"), 5, "needs `by"),
    "by without mapping": (GOOD.replace("  history", "  by: [grounds]\n  history"), 6, "nested once per name"),
    "empty history": ("limit_days:\n" + LABEL + "  history: []\n" + CHECKED, 4, "at least one entry"),
    "review period": ("review_months: soon\n" + GOOD, 1, "whole number"),
    "broken yaml": ("limit_days:\n  label: {en: Days\n  unit: day\n", 3, "not valid YAML"),
}


@pytest.mark.parametrize("text,line,words", REFUSED.values(), ids=REFUSED)
def test_refused_with_file_and_line(law_of, text, line, words):
    with pytest.raises(LawError) as e: law_of(mistake=text)
    assert f"mistake.yaml:{line}:" in str(e.value) and words in str(e.value), str(e.value)


def test_same_name_in_two_files_names_both(law_of):
    with pytest.raises(LawError, match=r"b\.yaml:1: limit_days is already in a\.yaml:1"): law_of(a=GOOD, b=GOOD)


def test_registered_source_is_written_out(law_of):
    law = law_of(a=GOOD.replace("刑法", "CL"), sources="CL: {en: Criminal Law, zh: 刑法}\n")
    assert law.value("limit_days").history[0].cite("zh") == "《刑法》第1条"


# --- the value of the day -------------------------------------------------------------------------------------------------------

GAP = history(A.replace("value", "until: 2009-11-30, value"), "gap: {from: 2009-12-01, to: 2009-12-31, reason: repealed}", B.replace("value", "until: 2020-12-31, value"))
DAYS = {"1999-12-31": None, "2000-01-01": 3, "2009-11-30": 3, "2009-12-01": None, "2009-12-31": None, "2010-01-01": 5, "2020-12-31": 5, "2021-01-01": None}


def column(law, dates): return [None if x is pd.NA else x for x in law.on("limit_days", dates)]


@pytest.mark.parametrize("make", [
    lambda d: d, lambda d: pd.Series(d), lambda d: pd.Series(pd.to_datetime(d)), lambda d: pd.Series(pd.to_datetime(d)).astype(pd.ArrowDtype(pa.timestamp("us"))),
    lambda d: pd.Series(pd.to_datetime(d)).astype(pd.ArrowDtype(pa.date32())), lambda d: pd.Series([date.fromisoformat(x) for x in d]),
    lambda d: pd.Series(d, dtype=pd.ArrowDtype(pa.string()))], ids=["list", "text", "datetime", "arrow time", "arrow date", "dates", "arrow text"])
def test_value_on_each_side_of_every_day(law_of, make):
    assert column(law_of(a=GAP), make(list(DAYS))) == list(DAYS.values())


def test_index_kept_and_missing_stays_missing(law_of):
    got = law_of(a=GAP).on("limit_days", pd.Series(["2000-01-01", None], index=["p", "q"]))
    assert list(got.index) == ["p", "q"] and got.isna().tolist() == [False, True] and got.dtype == pd.ArrowDtype(pa.int64())


def test_single_day_gives_single_value(law_of):
    law = law_of(a=GAP)
    assert law.on("limit_days", date(2000, 1, 1)) == 3 and law.on("limit_days", pd.Timestamp("2015-03-01 23:00")) == 5
    assert law.on("limit_days", "1999-12-31") is pd.NA and law.on("limit_days", None) is pd.NA


def test_comparison_with_a_missing_limit_is_not_false(law_of):
    held = pd.Series([100, 100, 1], dtype=pd.ArrowDtype(pa.int64()))
    assert (held > law_of(a=GAP).on("limit_days", ["1990-01-01", "2000-01-01", "2000-01-01"])).isna().tolist() == [True, False, False]


def test_types(law_of):
    law = law_of(a=history("{since: 2000-01-01, value: 1/3, law: 刑法, article: '1'}"), b=GOOD.replace("limit_days", "flag").replace("value: 3", "value: true"),
                 c=GOOD.replace("limit_days", "days_off").replace("value: 3", "value: [2027-01-01, 2027-01-02]"))
    assert law.on("limit_days", "2001-01-01") == pytest.approx(1 / 3) and law.on("flag", "2001-01-01") is True
    assert law.on("days_off", "2001-01-01") == [date(2027, 1, 1), date(2027, 1, 2)]


def test_unknown_name_names_near_ones(law_of):
    with pytest.raises(KeyError, match="limit_days"): law_of(a=GOOD).on("limit_day", "2001-01-01")


def test_dates_that_are_not_dates_are_refused(law_of):
    law = law_of(a=GOOD)
    for bad in (20230301, [20230301, None], ["yesterday"], pd.Series(pd.to_datetime(["2023-01-01"]).tz_localize("Asia/Shanghai"))):
        with pytest.raises((TypeError, ValueError)): law.on("limit_days", bad)


BY = "limit_days:\n" + LABEL + "  by: [grounds, grave]\n  history:\n    - {since: 2000-01-01, value: {plain: {true: 7, false: 3}, roving: {true: 30, false: 30}}, law: 刑法, article: '1'}\n" + CHECKED


def test_value_by_case(law_of):
    law = law_of(a=BY)
    case = pd.DataFrame({"grounds": ["plain", "plain", "roving", "other", None, "plain"], "grave": [True, False, True, True, True, None]}, index=list("abcdef"))
    got = law.on("limit_days", "2001-01-01", grounds=case.grounds, grave=case.grave)
    assert [None if x is pd.NA else x for x in got] == [7, 3, 30, None, None, None] and list(got.index) == list("abcdef")
    assert law.on("limit_days", "2001-01-01", grounds="plain", grave=False) == 3
    with pytest.raises(TypeError, match="depends on grounds, grave"): law.on("limit_days", "2001-01-01", grounds="plain")


def test_columns_of_different_rows_are_refused(law_of):
    with pytest.raises(ValueError, match="indexed differently"):
        law_of(a=BY).on("limit_days", pd.Series(["2001-01-01"], index=[5]), grounds=pd.Series(["plain"], index=[6]), grave=True)


# --- the trail ------------------------------------------------------------------------------------------------------------------

STATUS = history(A.replace("}", ", checked: {status: verify}}"), B)


def test_trail_carries_source_status_and_age_per_row(law_of):
    law = law_of(as_of="2027-02-01", a=STATUS)
    with law.trail() as readings: law.on("limit_days", pd.Series(["2005-01-01", "2015-01-01", None], index=["x", "y", "z"]))
    law.on("limit_days", "2005-01-01")
    (reading,) = readings
    assert reading.at("x") == dict(name="limit_days", value="3", law="刑法", article="1", since=date(2000, 1, 1), status="verify", stale=False)
    assert reading.at("y") == dict(name="limit_days", value="5", law="刑法", article="1", since=date(2010, 1, 1), status="checked", stale=True)
    assert reading.at("z") == dict(name="limit_days", value=None, law=None, article=None, since=None, status=None, stale=None)


def test_trail_of_a_single_day_holds_for_every_row(law_of):
    law = law_of(a=STATUS)
    with law.trail() as outer, law.trail() as inner: law.on("limit_days", "2015-01-01")
    assert outer[0].at("any row")["since"] == inner[0].at(7)["since"] == date(2010, 1, 1)


@pytest.mark.parametrize("as_of,months,stale", [("2027-01-31", 12, False), ("2027-02-01", 12, True), ("2026-02-28", 1, False), ("2026-03-01", 1, True), (None, 1, False)])
def test_stale_after_the_review_period(law_of, as_of, months, stale):
    law = law_of(as_of=as_of, a=f"review_months: {months}\n" + GOOD)
    with law.trail() as readings: law.on("limit_days", "2015-01-01")
    assert readings[0].at()["stale"] is stale


def test_hash_changes_with_the_record_and_only_with_it(law_of):
    before = law_of(a=GOOD, b=GOOD.replace("limit_days", "other"))
    one, all_ = before.hash(["limit_days"]), before.hash()
    after = law_of(a=GOOD, b=GOOD.replace("limit_days", "other").replace("value: 3", "value: 4"))
    assert after.hash(["limit_days"]) == one and after.hash() != all_ and after.hash(["other"]) != before.hash(["other"])


# --- our own params -------------------------------------------------------------------------------------------------------------

def test_every_value_of_params_has_labels_sources_and_a_status():
    law = Law()
    assert len(law.names) > 500
    for v in law.values.values():
        assert v.label.en != v.label.zh and any("\u4e00" <= c <= "\u9fff" for c in v.label.zh), v.name
        assert all(e.article and e.law.zh and e.status in ("checked", "verify") for e in v.history), v.name


def test_what_the_catalogue_marks_unconfirmed_is_marked_here(shared):
    table = pd.read_csv(shared / "domain" / "parameters.csv", dtype=str, keep_default_na=False)
    law = Law()
    for r in table.itertuples():
        if r.name not in law or not r.effective_from: continue
        for e in law.value(r.name).history:
            if str(e.since) != r.effective_from: continue
            assert e.status == "verify" or r.confidence == "checked", r.name
            if isinstance(e.value, (int, float)) and re.fullmatch(r"-?[0-9.]+", r.value): assert e.value == float(r.value), r.name


def test_our_own_thresholds_are_not_law(shared):
    table = pd.read_csv(shared / "domain" / "parameters.csv", dtype=str, keep_default_na=False)
    assert not set(table[table.confidence == "proposal"].name) & set(Law().names)


def test_a_million_rows_quickly():
    import time
    law, d = Law(), pd.Series(np.datetime64("1995-01-01") + np.arange(1_000_000) % 10_000).astype(pd.ArrowDtype(pa.date32()))
    start = time.perf_counter(); got = law.on("detain_cap_max", d)
    assert time.perf_counter() - start < 5 and got.isna().sum() > 0


def test_shape_refuses_lengths_that_differ():
    with pytest.raises(ValueError, match="rows"): Shape(a=["2020-01-01"], b=["2020-01-01", "2020-01-02"])


def test_time_of_day_is_dropped_also_before_1970():
    assert days(pd.Series(pd.to_datetime(["1969-12-31 23:59"]))).tolist() == [date(1969, 12, 31)]


def test_what_rules_read_of_the_law_is_said_in_chinese():
    "Articles and sentences of the law on Chinese pages; names of substances in tables by drug stay as they are."
    import re
    from supervise_lib.law.values import Law
    from supervise_lib.model.special import special, special_names
    law = Law(); names = {n for s in special_names() for r in special(s).rules for n in r.reads}
    bad = [n for n in sorted(names) for e in law.value(n).history if re.search("[a-z]{3,}", e.cite.zh) or isinstance(e.value, str) and re.search("[a-z]{3,}", e.said.zh)]
    assert bad == []
