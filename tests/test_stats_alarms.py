"Figures in tests/data/alarms_reference*.csv were computed once with R 4.2 and surveillance 1.20.3; alarms_series.csv is invented."
import itertools
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from supervise_lib.data.regions import regions
from supervise_lib.stats.alarms import Alarms, judge
from supervise_lib.stats.alarms_budget import budget_words, false_alarms, ordinary
from supervise_lib.stats.alarms_cusum import between, cusum, evidence, limit_for, mean_run, run_sums
from supervise_lib.stats.alarms_ears import deviation, ears
from supervise_lib.stats.alarms_farrington import flexible, negbin_threshold, original, power_threshold, same_weeks
from supervise_lib.stats.alarms_scan import Scan, best_cylinders, circles, distances, log_ratio, positions
from supervise_lib.stats.alarms_weeks import arrived, delays, monday, weekly, weeks_between
from supervise_lib.stats.estimates import arrow
from supervise_lib.text import Text

DATA, TITLE = Path(__file__).parent / "data", Text("t", "题")
SERIES = {k: g.observed.to_numpy(float) for k, g in pd.read_csv(DATA / "alarms_series.csv").groupby("series")}
REFERENCE = pd.read_csv(DATA / "alarms_reference.csv")


def threshold(method, y, t):
    "Our threshold under the settings that a method of the reference names."
    kind, *how = method.split("_")
    if kind == "ears": return ears(y, t, how[0], limit=stats.norm.isf(.001), few=(0, 4)).threshold
    b = int(how[0][1])
    if kind == "farrington":
        return original(y, t, b=b, above=None if how[1] == "noweight" else 1.0, trend=how[1] != "notrend", power={"none": "none", "half": "1/2"}.get(how[1], "2/3"), few=(0, 4)).threshold
    p = int(how[2][1:])
    return flexible(y, t, b=b, parts=p, trend_below=1.0 if p == 10 else .05, threshold="negbin" if how[1] == "nbPlugin" else "power", few=(0, 4)).threshold


def worst(rows, series): return max(abs(threshold(m, series(r), t) / u - 1) for r in rows.itertuples() for m, t, u in [(r.method, r.t, r.threshold)])


@pytest.mark.parametrize("method", sorted(m for m in REFERENCE.method.unique() if not m.startswith("cusum")))
def test_thresholds_are_those_of_the_reference_package(method):
    rows = REFERENCE[(REFERENCE.method == method) & ~((REFERENCE.series == "rare") & REFERENCE.method.str.startswith("farrington_b3"))]      # rare, three years: a trend to nothing, see the notebook
    assert len(rows) >= 60 and worst(rows, lambda r: SERIES[r.series]) < 1e-8


@pytest.mark.parametrize("method", ["cusum_a0", "cusum_a0.15"])
def test_sums_are_those_of_the_reference_package(method):
    for name, g in REFERENCE[REFERENCE.method == method].groupby("series"):     # the sums are given for the last weeks, so begin where the reference stood
        y, mu, a = SERIES[name][g.t], g.extra.to_numpy(), float(method[7:]); s = g.threshold.iloc[0]
        for t in range(1, len(y)): s = max(0, s + evidence(y[t], mu[t], 2, a)); assert s == pytest.approx(g.threshold.iloc[t], rel=1e-8, abs=1e-8)


def test_thresholds_on_the_package_s_own_series(shared):
    d = pd.read_csv(shared / "data" / "outbreak_series.csv.gz"); d = d[d.periods_per_year == 52]
    series = {k: g.sort_values("t").observed.to_numpy(float) for k, g in d.assign(unit=d.unit.astype(str)).groupby(["series", "unit"])}
    rows = pd.read_csv(DATA / "alarms_reference_surveillance.csv", dtype={"unit": str}); own = [threshold(r.method, series[r.series, r.unit], r.t) for r in rows.itertuples()]
    past = np.array([series[r.series, r.unit][same_weeks(r.t, int(r.method.split("_b")[1][0]), 3)].sum() > 0 for r in rows.itertuples()])
    off = np.abs(np.array(own) / rows.threshold.to_numpy() - 1)[past]
    assert len(off) > 400 and (off < 1e-6).mean() > .98       # the rest: a trend that runs to nothing


def test_thresholds_as_worked():
    assert [negbin_threshold(4, 1.5, t) for t in (.05, .01, .005, .001)] == [8, 11, 12, 14] and power_threshold(4, .2**.5, 1.5, .005) == pytest.approx(11.904, abs=1e-3)
    assert stats.poisson.sf(8, 4) == pytest.approx(.02136, abs=1e-5)


def test_too_few_too_short_and_an_empty_past_are_said():
    y = np.zeros(330); y[::8] = 1
    assert flexible(y, 329).outcome == original(y, 329).outcome == "too_few" and flexible(y, 100).outcome == "no_baseline"
    empty = np.zeros(330); empty[329] = 1
    assert flexible(empty, 329).outcome == "too_few"
    empty[326:] = 3; assert flexible(empty, 329).outcome == "alarm" and flexible(empty, 329).threshold >= 1


def test_ears_as_worked():
    y = [4, 6, 3, 5, 4, 7, 5, 6, 9, 12]
    assert deviation(y)[0][-1] == pytest.approx(3.2336, abs=1e-4) and deviation(y, 2)[0][-1] == pytest.approx(5.3099, abs=1e-4)
    assert ears([5] * 20, 19, "C1").outcome == "quiet" and ears([5] * 19 + [7], 19, "C1").outcome == "alarm"       # half an event is the least deviation
    z = deviation([5, 4, *y], 2)[0]; j = ears([5, 4, *y], 11, "C3"); assert j.score * 2 == pytest.approx(np.maximum(z[9:12] - 1, 0).sum())
    with pytest.raises(ValueError, match="C1, C2 or C3"): ears(y, 9, "C9")


def test_cusum_as_worked_and_after_the_published_run_length():
    y = [3, 5, 4, 6, 7, 9, 8, 7]; t = cusum(y, 4, limit=99); assert t["sum"].tolist() == pytest.approx([0, 0, 0, .1589, 1.0109, 3.2492, 4.7944, 5.6464], abs=1e-4) and t.start[7] == 3
    assert between(4, 8) == pytest.approx(5.77078, abs=1e-5)
    k = 1.5; ratio = next(r for r in np.linspace(1.01, 4, 30000) if between(1.04, 1.04 * r) >= k)
    assert mean_run(run_sums(np.full(600, 1.04), ratio, 0, 3000, 1), 4 * np.log(ratio) - 1e-3) == pytest.approx(98.3, rel=.06)     # arlCusum(h=4, k=1.5, theta=1.04)


def test_the_limit_keeps_its_budget():
    h = limit_for(3.0, weeks=104, alpha=.1); assert 80 < mean_run(run_sums(np.full(416, 3.0), 2.0, .1, 600, seed=9), h) < 135 and h == limit_for(3.0, weeks=104, alpha=.1)


@pytest.mark.parametrize("method, low, high", [(flexible, .002, .011), (ears, .005, .05)])
def test_false_alarms_on_ordinary_series(method, low, high):
    t = false_alarms(method, ordinary(6, 330, 24, phi=1.2, seed=3), last=26); assert t.low[0] <= high and t.high[0] >= low and t.n[0] > 500


def test_the_budget_in_words():
    assert budget_words(208).en == "about one false alarm per county in four years" and "26 a year among 104 counties" in budget_words(208, 104).en and "4年" in budget_words(208).zh


# ---- weeks

@given(st.dates(date(2015, 1, 1), date(2030, 12, 31)))
@settings(max_examples=60)
def test_each_day_has_a_monday_and_week_53_is_week_52(d):
    m = monday([d])[0].astype(object); year, week, _ = d.isocalendar()
    assert m == date.fromisocalendar(year, min(week, 52), 1)


def test_the_same_week_lies_52_back_in_every_year(): assert len(weeks_between("2014-12-29", "2026-12-27")) == 12 * 52


def test_undated_events_are_counted_beside_and_silence_before_the_first_event_is_unknown():
    f = pd.DataFrame(dict(c=list("AAB"), d=pd.Series(pd.array([date(2024, 1, 1), None, date(2024, 1, 15)], dtype="date32[pyarrow]")))); w = weekly(f, "d", "c")
    assert w["A"].tolist() == [1, 0, 0] and w["B"].isna().tolist() == [True, True, False] and w.attrs["undated"] == {"A": 1}


def test_what_has_arrived():
    days = pd.Series(pd.array([date(2023, 1, 2) + timedelta(i) for i in range(60)], dtype="date32[pyarrow]")); f = pd.DataFrame(dict(d=days, r=pd.Series(pd.array([x + timedelta(14) for x in days], dtype="date32[pyarrow]"))))
    found = delays(f, "d", "r", "2024-01-07"); assert set(found) == {14} and delays(f.head(29), "d", "r", "2024-01-07") is None
    assert arrived(np.array(["2023-12-18", "2024-01-01"], "M8[D]"), "2024-01-07", found).tolist() == [1.0, 0.0]


# ---- scan

def test_log_ratio_as_worked(): assert log_ratio([12, 9, 7], [4.5, 2, 7.5], [180, 60, 180]).tolist() == pytest.approx([4.43254, 6.97721, 0], abs=1e-5)


def test_the_best_cylinder_against_every_cylinder():
    rng = np.random.default_rng(2); y = rng.poisson(2, (5, 6)); people = np.array([1., 2, 1, 3, 1]); E = np.outer(people, np.ones(6)); E *= y.sum() / E.sum(); Z = circles(rng.random(5), rng.random(5), people, .5)
    want = max(float(log_ratio(y[z][:, e - h:e].sum(), E[z][:, e - h:e].sum(), y.sum())) for z, h, e in itertools.product(Z, range(1, 4), range(1, 7)) if e >= h)
    assert best_cylinders(y, E, Z, 3, prospective=False).llr[0] == pytest.approx(want)


def test_the_scan_finds_a_planted_cluster_and_nothing_in_nothing():
    p = positions().iloc[:30]; rng = np.random.default_rng(1); people = pd.Series(1e5, index=p.index); weeks = [f"w{i:02d}" for i in range(20)]
    y = pd.DataFrame(rng.poisson(1, (20, 30)), index=weeks, columns=p.index); s = Scan("S", TITLE, draws=99, longest=6)
    assert s.compute(y, people).flag.isna().all()
    near = p.index[np.argsort((p.lon - p.lon.iloc[0])**2 + (p.lat - p.lat.iloc[0])**2)][:3]; z = y.copy(); z.loc[weeks[-3:], near] += 5
    t = s.compute(z, people); assert set(near) <= set(t.members[0].split(",")) and t["first"][0] == "w17" and t.p[0] == .01 and s.compute(z, people).equals(t)
    assert p.index[9] in s.compute(z.assign(**{p.index[9]: np.nan}), people).note_en[0] and "at least 20" in s.compute(y * 0, people).note_en[0]


# ---- the statistic

def events(end=date(2023, 12, 31)):
    rng = np.random.default_rng(6); out = []
    for code, mean, years, more in (("A", 6, 5, 0), ("B", 6, 5, 20), ("C", .2, 5, 0), ("D", 6, 1, 0)):
        n = rng.poisson(mean, 52 * years); n[-1] += more; out += [(code, end - timedelta(int(7 * (len(n) - 1 - w) + rng.integers(0, 7)))) for w in range(len(n)) for _ in range(n[w])]
    return pd.DataFrame(dict(c=arrow([c for c, _ in out]), d=pd.Series(pd.array([d for _, d in out], dtype="date32[pyarrow]"))))


def test_each_county_is_judged_as_its_past_allows():
    t = Alarms("W", TITLE, day="d", by="c").compute(events(), date(2023, 12, 31)).set_index("group")
    assert t.flag["B"] == "above" and t.outcome.to_dict() | {"D": 0} == {"A": "quiet", "B": "alarm", "C": "too_few", "D": 0} and t.method["D"] == "EARS C2"
    assert "one false alarm per county in four years" in t.note_en["B"] and "prefecture" in t.note_en["C"] and pd.isna(t.p["C"]) and t.low["A"] <= t.expected["A"] <= t.high["A"]


def test_reports_still_on_their_way_are_allowed_for():
    f = events(); late = f.assign(r=pd.Series(pd.array([d + timedelta(21) for d in f.d], dtype="date32[pyarrow]")))
    t = Alarms("W", TITLE, day="d", by="c", reported="r").compute(late, date(2023, 12, 31)); assert set(t.outcome) == {"too_early"} and t.flag.isna().all()
    y = np.random.default_rng(2).poisson(10, 300).astype(float); y[-1] = 10; assert judge(y)[0].outcome == "quiet" and judge(y, here=.5)[0].expected == pytest.approx(judge(y)[0].expected / 2)


def test_each_county_has_one_place_and_the_tiles_lie_as_the_counties_do():
    p, known = positions(), {r.code: str(r.name) for r in regions(level="county", within="340000")}
    assert sorted(p.index) == sorted(known) and p.index.is_unique and not p.duplicated(["tile_row", "tile_col"]).any()
    assert p.lon.between(114.8, 119.7).all() and p.lat.between(29.3, 34.7).all()
    assert p.tile_row.corr(-p.lat, method="spearman") > .98 and p.tile_col.corr(p.lon, method="spearman") > .97
    km = distances(p.lon, p.lat); row, col = p.tile_row.to_numpy(), p.tile_col.to_numpy()
    beside = (abs(row[:, None] - row) + abs(col[:, None] - col)) == 1
    assert km[beside].mean() < .3 * km.mean() and km[beside].max() < 130       # who stands side by side on the map lives side by side
    far = [(known[a], known[b]) for i, a in enumerate(p.index) for j, b in enumerate(p.index) if beside[i, j] and row[i] < row[j] and p.lat.iloc[j] - p.lat.iloc[i] > .15]
    assert far == []                                                           # none far north of the one above it
