import itertools
from datetime import date, timedelta
from math import comb, log2

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import hypergeom

from supervise_lib.data.contracts import contract
from supervise_lib.law.values import Law
from supervise_lib.publish.canvas import png
from supervise_lib.publish.neighbourhood import MOST, neighbourhood, together
from supervise_lib.stats.communities import Families, communities
from supervise_lib.stats.cycles import COLUMNS, Circles, busy, cycles
from supervise_lib.stats.estimates import arrow
from supervise_lib.stats.lenders import AREA_YEAR, COURT_YEAR, Lenders, lenders
from supervise_lib.stats.networks import Sharing, around, company_links, components, framed, hubs, known_hubs, ties, without
from supervise_lib.stats.pairs import Pairs, count_pairs, exact_tail, poisson_tail
from supervise_lib.text import Text, in_lang

TITLE, LAW = Text("t", "题"), Law()
few = settings(max_examples=40, deadline=None)


def frame(columns, rows): return pd.DataFrame({c: arrow(v) for c, v in zip(columns.split(), zip(*rows, strict=True), strict=True)})
def links(*rows): return frame("node layer value", rows)


# ---- hubs, components, ties

def test_a_hub_is_left_out_for_a_reason_and_ties_nobody():
    shared = links(*[(f"C{i}", "address", "host") for i in range(9)], *[(f"C{i}", "phone", "switch") for i in range(9)], ("C0", "officer", "p"), ("C1", "officer", "p"), ("bank", "officer", "p"))
    gone = hubs(shared, frame("value kind", [("host", "cluster_host"), ("bank", "bank"), ("none", "utility")]), largest={"phone": 8})
    assert dict(zip(gone.value, gone.reason_en, strict=True)) == {"bank": "Left out: on the local list as bank.", "host": "Left out: on the local list as lawful host of cluster registrations.",
        "switch": "Left out: shared by 9 companies, more than 8, so it ties nobody to anybody; ask what it is."}
    assert "集群注册" in gone.reason_zh[1] and gone.layer.isna().tolist() == [True, False, False]
    assert framed(ties(without(shared, gone)))[["a", "b"]].to_numpy().tolist() == [["C0", "C1"]]
    assert not len(hubs(shared, largest=9)) and hubs(shared, largest=8).value.tolist() == ["host", "switch"]


def test_missing_values_tie_nobody():
    nothing = links(("A", "phone", None), ("B", "phone", None), ("A", "officer", "p"))
    assert ties(nothing).num_rows == 0 and components(nothing)["size"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="no weight for layer horoscope"): ties(links(("A", "horoscope", "1")))


two_mode = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["phone", "officer"]), st.integers(0, 5)), min_size=1, max_size=25)


@few
@given(two_mode)
def test_components_and_ties_against_brute_force(rows):
    d = links(*[(f"C{a}", layer, f"v{v}") for a, layer, v in rows]); group = {n: n for n in d.node}; members = {}
    for n, layer, v in zip(d.node, d.layer, d.value, strict=True): members.setdefault((layer, v), set()).add(n)
    for ns in members.values():
        for a, b in itertools.combinations(sorted(ns), 2):
            old, new = sorted((group[a], group[b]), reverse=True); group = {k: new if g == old else g for k, g in group.items()}
    got = components(d)
    assert dict(zip(got.node, got.component, strict=True)) == group
    assert all(s == list(group.values()).count(c) for c, s in zip(got.component, got["size"], strict=True))
    want = {}
    for (layer, _), ns in members.items():
        for pair in itertools.combinations(sorted(ns), 2): want[pair] = want.get(pair, 0) + dict(phone=2, officer=3)[layer] / log2(1 + len(ns))
    t = framed(ties(d)); assert {(a, b): w for a, b, w in zip(t.a, t.b, t.weight, strict=True)} == pytest.approx(want)


def test_a_value_in_many_companies_counts_less():
    t = framed(ties(links(*[(f"A{i}", "phone", "1") for i in range(2)], *[(f"B{i}", "phone", "2") for i in range(7)])))
    assert t.weight[0] == pytest.approx(2 / log2(3)) and set(t.weight[1:].round(9)) == {round(2 / 3, 9)}


class Tables:
    "A few companies under the contracts."
    def __init__(self, **tables):
        for name, rows in tables.items():
            schema = contract(name).arrow_schema()
            setattr(self, name, ibis.memtable(pa.table([pa.array([r.get(f.name) for r in rows], f.type) for f in schema], names=schema.names)))


def test_links_are_those_of_the_day():
    old, since = dict(establish_date=date(2019, 1, 1), region_code="340111"), date(2020, 1, 1)
    t = Tables(companies=[dict(uscc="A", addr_key="x", filing_agent_uscc="G", **old), dict(uscc="B", addr_key="x", **old), dict(uscc="gone", addr_key="x", deregister_date=date(2021, 1, 1), **old),
            dict(uscc="later", addr_key="x", establish_date=date(2024, 1, 1), region_code="340111")],
        company_contacts=[dict(uscc="A", contact_hash="1", contact_kind="phone", valid_from=since), dict(uscc="B", contact_hash="2", contact_kind="email", valid_from=since)],
        company_roles=[dict(uscc="A", person_id_no="p", role_kind="director", valid_from=since, valid_to=date(2022, 1, 1)), dict(uscc="B", person_id_no="p", role_kind="director", valid_from=since)],
        whitelists=[dict(whitelist_kind="cluster_host", uscc="H", addr_key="x", valid_from=since), dict(whitelist_kind="bank", uscc="K", addr_key="", valid_from=since, valid_to=date(2021, 1, 1))])
    got = company_links(t, date(2022, 6, 1)).to_pandas()
    assert set(got.node) == {"A", "B"} and len(got) == 8      # every company in every layer, also without a value
    assert {k: sorted(v) for k, v in got.dropna(subset="value").groupby("layer").node.agg(list).items()} == {"address": ["A", "B"], "agent": ["A"], "officer": ["B"], "phone": ["A"]}
    assert sorted(known_hubs(t, date(2022, 6, 1)).to_pandas().value) == ["H", "x"]
    assert not len(without(company_links(t, date(2022, 6, 1)), hubs(company_links(t, date(2022, 6, 1)), known_hubs(t, date(2022, 6, 1)))).filter(pa.compute.field("layer") == "address"))


def test_sharing_carries_n_and_interval_and_refuses():
    d = links(*[(f"C{i}", "phone", f"t{i // 2 if i < 20 else i}") for i in range(40)], *[(f"C{i}", "officer", "p" if i < 31 else None) for i in range(40)], *[("C0", "agent", "g")])
    s = Sharing("S", TITLE, largest={"officer": 30}).compute(d.assign(region_code=arrow(["340111"] * len(d)))).set_index("group")
    assert (s.value["phone"], s.k["phone"], s.n["phone"]) == (.5, 20, 40) and s.low["phone"] == pytest.approx(.352, abs=1e-3)
    assert pd.isna(s.value["agent"]) and "at least 30" in s.note_en["agent"]
    assert pd.isna(s.value["officer"]) and "at least 80%" in s.note_en["officer"] and "1 shared values were left out" in s.note_en["officer"]


# ---- communities

def ring(*names): return [(a, b, 1.0) for a, b in itertools.combinations(names, 2)]


def test_communities_are_the_same_each_time_and_in_any_order():
    d = frame("a b weight", ring(*"ABCDE") + ring(*"VWXYZ") + [("E", "V", .2)]); got = communities(d, runs=10)
    assert dict(zip(got.node, got.community, strict=True)) == dict.fromkeys("ABCDE", "A") | dict.fromkeys("VWXYZ", "V")
    assert communities(d.sample(frac=1, random_state=1), runs=10).equals(got) and got["size"].eq(5).all()
    with pytest.raises(ValueError, match="at least one run"): communities(d, runs=0)


def test_the_global_random_state_is_left_alone():
    import random
    random.seed(5); want = random.random(); random.seed(5); communities(frame("a b weight", ring(*"ABCD")), runs=3)
    assert random.random() == want


def test_a_family_is_judged_against_its_strata():
    rows = [(f"F{i // 8}", i < 8 or i % 9 == 0, "old" if i < 80 else "young") for i in range(160)]
    f = frame("community bad age", rows); t = Families("F", TITLE, of="bad").compute(f).set_index("group")
    assert t.flag.dropna().index.tolist() == ["F0"] and t.p["F0"] == pytest.approx(hypergeom.sf(7, 160, int(f.bad.sum()), 8), rel=1e-9)
    allbad = f.assign(bad=arrow([r[2] == "old" for r in rows]))     # the stratum explains it all
    assert Families("F", TITLE, of="bad", strata=("age",)).compute(allbad).flag.isna().all()
    few_ = Families("F", TITLE, of="bad").compute(f.head(12)).set_index("group")
    assert pd.isna(few_.value["F1"]) and "at least 5" in few_.note_en["F1"]


# ---- cycles

def flows(*rows):
    start = date(2024, 3, 1); d = frame("flow_id payer payee day amount", [(f"f{i}", a, b, None if t is None else start + timedelta(t), None if x is None else float(x)) for i, (a, b, t, x) in enumerate(rows)])
    return dated(d)


def dated(d):
    "The day as date32, also where all are missing."
    return d.assign(day=pd.Series(pd.array(list(d["day"]), dtype=pd.ArrowDtype(pa.date32())), index=d.index))


def brute(d, window, ratio, longest, ordered):
    "All cycles as sets of flows, by trying every sequence of legs."
    rows = [r for r in d.itertuples() if not any(pd.isna(v) for v in r) and r.payer != r.payee]; found = set()
    for k in range(2, longest + 1):
        for legs in itertools.permutations(rows, k):
            nodes = [x.payer for x in legs]
            if len(set(nodes)) < k or any(legs[i].payee != nodes[(i + 1) % k] for i in range(k)): continue
            days, money = [x.day for x in legs], [x.amount for x in legs]
            if (max(days) - min(days)).days > window or min(money) < ratio * max(money) or (ordered and days != sorted(days)): continue
            found.add(frozenset(x.flow_id for x in legs))
    return found


legs = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD"), st.one_of(st.none(), st.integers(0, 6)), st.sampled_from([90, 95, 100, 60, None])), min_size=1, max_size=8)


@few
@given(legs, st.sampled_from([0, 2, 5]), st.sampled_from([.9, .6]), st.sampled_from([2, 3, 4]), st.booleans())
def test_cycles_against_brute_force(rows, window, ratio, longest, ordered):
    d = flows(*rows); got = cycles(d, window, ratio, longest, ordered)
    assert sorted(map(sorted, got.flows)) == sorted(map(sorted, brute(d, window, ratio, longest, ordered)))
    assert got.attrs["n_unknown"] == sum(t is None or x is None for *_, t, x in rows)


def test_a_cycle_says_who_what_when():
    c = cycles(flows(("A", "B", 0, 100), ("B", "C", 3, 96), ("C", "A", 4, 95)), window=4).iloc[0]
    assert (list(c.members), list(c.flows), c.first_day, c.last_day, c.lowest, c.highest) == (["A", "B", "C"], ["f0", "f1", "f2"], date(2024, 3, 1), date(2024, 3, 5), 95, 100)


def test_busy_parties_are_left_out_with_a_reason_and_too_many_paths_refused():
    star = flows(*[(f"P{i}", "tax", 0, 10) for i in range(30)], *[("tax", f"P{i}", 1, 10) for i in range(30)]); gone = busy(star, frame("value kind", [("P3", "bank")]), busiest=20)
    assert gone.party.tolist() == ["P3", "tax"] and "more than 20" in gone.reason_en[1] and "bank" in gone.reason_en[0]
    assert len(cycles(star)) == 30 and len(cycles(star, left_out=gone)) == 0
    with pytest.raises(ValueError, match="paths of 2 legs"): cycles(star, most=100)
    with pytest.raises(ValueError, match="2 to 8 legs"): cycles(star, longest=1)


def test_circles_that_chance_explains_are_not_flagged():
    rng = np.random.default_rng(1); same = flows(*[(f"P{a}", f"P{b}", int(t), 100) for a, b, t in zip(rng.integers(0, 30, 200), rng.integers(0, 30, 200), rng.integers(0, 60, 200), strict=True)])
    t = Circles("C", TITLE, longest=3, draws=19).compute(same)
    assert t.value[0] == t.expected[0] > 0 and t.p[0] == 1 and t.flag.isna().all() and t.low[1] <= t.value[1] <= t.high[1]
    assert "at least 100" in Circles("C", TITLE).compute(same.head(99)).note_en[0]
    assert set(COLUMNS) <= set(same)


# ---- pairs

@pytest.mark.parametrize("k, strata, p", [(16, [(4000, 320, 60)], 1.1219e-05), (5, [(400, 40, 10)], 1.3580e-03)])
def test_exact_tail_as_worked(k, strata, p): assert exact_tail(k, strata) == pytest.approx(p, rel=1e-4)


def test_poisson_tail_as_worked(): assert poisson_tail([16, 12, 3], [4.8, 4, .5]) == pytest.approx([4.3183e-05, 9.15e-4, .0144], rel=1e-3)


stratum = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n)))


@few
@given(st.lists(stratum, min_size=1, max_size=2), st.integers(0, 18))
def test_exact_tail_against_every_way_to_deal_the_cases(strata, k):
    ways = [1]
    for N, K, n in strata:
        new = [0] * (len(ways) + n)
        for drawn in itertools.combinations(range(N), n):
            both = sum(i < K for i in drawn)
            for j, w in enumerate(ways): new[j + both] += w
        ways = new
    assert exact_tail(k, strata) == pytest.approx(sum(ways[k:]) / np.prod([float(comb(N, n)) for N, _, n in strata]), abs=1e-12)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(0, n))), st.integers(0, 60))
def test_exact_tail_is_scipys(s, k): assert exact_tail(k, [s]) == pytest.approx(hypergeom.sf(k - 1, *s), rel=1e-8, abs=1e-14)


def dealt(n=600, seed=3, judges="ABCDE"):
    rng = np.random.default_rng(seed); return pd.DataFrame(dict(case=[str(i) for i in range(n)], lawyer=rng.choice([f"L{i}" for i in range(12)], n), judge=rng.choice(list(judges), n), year=rng.choice([2021, 2022], n)))


def arrowed(d): return pd.DataFrame({c: arrow(d[c]) for c in d})


def test_pairs_finds_the_planted_one_and_nobody_else():
    d = dealt(); d.loc[(d.lawyer == "L3") & (np.random.default_rng(9).random(len(d)) < .6), "judge"] = "C"
    s = Pairs("P", TITLE, left="lawyer", right="judge", case="case", strata=("year",)); t = s.compute(arrowed(d))
    assert t.group.dropna().tolist() == ["L3 × C"] and t.n[0] == 60 and t.k[0] == 1 and t.low[1] < t.value[1] < t.high[1]
    every = s.pairs(arrowed(d)); parts = count_pairs(arrowed(d), "lawyer", "judge", "case", ["year"])
    row = parts[(parts.left == "L3") & (parts.right == "C")]
    assert t.p[1] == pytest.approx(exact_tail(int(row.both.sum()), row[["cases", "of_right", "of_left"]].to_numpy()))
    assert t.expected[1] == pytest.approx((row.of_left * row.of_right / row.cases).sum()) and len(every) == 60
    with in_lang("en"): assert "not a finding" in t.note_en[1]


def test_false_discoveries_are_kept_down_where_cases_are_dealt_at_random():
    s = Pairs("P", TITLE, left="lawyer", right="judge", case="case", ratio=0, common=0)
    assert sum(int(s.compute(arrowed(dealt(seed=i)), None)["k"][0] > 0) for i in range(12)) <= 2      # one run in twenty on average


def test_a_series_counts_once_and_the_only_judge_is_no_discovery():
    series = pd.DataFrame(dict(case=[str(i) for i in range(60)], lawyer=["L"] * 30 + ["M"] * 30, judge=["A"] * 30 + list("AB") * 15, plaintiff=["bank"] * 30 + [str(i) for i in range(30)]))
    s = dict(left="lawyer", right="judge", case="case", minimum=1, ratio=1.1)
    assert Pairs("P", TITLE, **s).compute(arrowed(series)).k[0] > 0 and Pairs("P", TITLE, once=("plaintiff",), **s).compute(arrowed(series)).k[0] == 0
    assert Pairs("P", TITLE, **s).compute(arrowed(dealt(judges="A"))).k[0] == 0


def test_pairs_refuses_where_names_are_missing_or_few():
    d = dealt(); d["judge"] = d.judge.where(np.arange(len(d)) % 4 > 0)
    s = Pairs("P", TITLE, left="lawyer", right="judge", case="case"); t = s.compute(arrowed(d))
    assert len(t) == 1 and pd.isna(t.k[0]) and "75% of cases, at least 80%" in t.note_en[0] and t.n_unknown[0] == 150
    assert "at least 10 cases" in s.compute(arrowed(dealt(n=20))).note_en[0]


# ---- lenders

def lent(*people):
    rows = [(who, f"{who}{i}", start + timedelta(i * step) if start else None, f"case {who}{i}", court) for who, n, start, step, court in people for i in range(n)]
    return dated(frame("lender borrower day case_no court_code", rows))


@pytest.mark.parametrize("n, start, step, outcome", [(10, date(2021, 1, 1), 81, "hit"), (9, date(2021, 1, 1), 81, "clear"), (10, date(2021, 1, 1), 82, "clear"),     # 9 × 81 = 729 days, 9 × 82 = 738
    (10, date(2018, 1, 1), 60, "not_applicable"), (10, date(2019, 10, 12), 1, "hit"), (10, date(2019, 10, 11), 1, "not_applicable")])    # the tenth loan on 21 October 2019, or on the 20th
def test_the_national_standard_at_its_borders(n, start, step, outcome):
    t = lenders(lent(("W", n, start, step, "X")), LAW)
    assert t.outcome.tolist() == [outcome] and (pd.isna(t.limit[0]) if outcome == "not_applicable" else t.limit[0] == 10 and t.law[0] == "法发〔2019〕24号")


def test_missing_dates_borrowers_and_kin_can_only_make_it_open():
    d = lent(("W", 10, date(2021, 1, 1), 30, "X")); i = pd.Series(range(10))
    for blank in (dict(day=d.day.mask(i == 4)), dict(borrower=d.borrower.mask(i == 4))): assert lenders(d.assign(**blank), LAW).outcome.tolist() == ["cannot_tell"]
    kin = arrow([i == 4 for i in range(10)])
    assert lenders(d.assign(kin=kin), LAW, kin="kin").outcome.tolist() == ["clear"] and lenders(d.assign(kin=kin.mask(i == 4)), LAW, kin="kin").outcome.tolist() == ["cannot_tell"]
    assert lenders(lent(("W", 8, date(2021, 1, 1), 30, "X"), ("W", 1, None, 1, "X")), LAW).outcome.tolist() == ["clear"]
    assert lenders(lent(("W", 12, None, 1, "X")), LAW).outcome.tolist() == ["cannot_tell"]
    assert lenders(d.assign(borrower=arrow(["same"] * 10)), LAW).outcome.tolist() == ["clear"]
    assert lenders(d.assign(lender=d.lender.mask(i == 0)), LAW).attrs["n_unknown"] == 1


def test_licensed_lenders_and_local_standards():
    d = lent(("W", 10, date(2021, 1, 1), 20, "X"), ("V", 10, date(2021, 1, 1), 20, "X")); d["area"] = arrow(["34"] * 20)
    t = lenders(d, LAW, known=frame("value kind", [("V", "licensed_lender"), ("W", "utility")])).set_index("lender")
    assert t.outcome.to_dict() == {"V": "not_applicable", "W": "hit"} and "licensed lender" in t.note_en["V"]
    local = lenders(d, LAW, COURT_YEAR); assert set(local.outcome) == {"hit"} and set(local.status) == {"verify"} and "has to be checked" in local.note_en[0]
    assert set(lenders(d, LAW, AREA_YEAR).outcome) == {"clear"}     # fifteen in the area of an intermediate court
    split = d.assign(court_code=arrow(["X", "Y"] * 10)); assert set(lenders(split, LAW, COURT_YEAR).outcome) == {"clear"}


def test_the_share_of_lenders_has_n_and_interval():
    d = lent(*[(f"W{i:02d}", 10 if i < 6 else 3, date(2021, 1, 1), 30, "X") for i in range(40)]); t = Lenders("L", TITLE).compute(d, LAW)
    assert (t.n[0], t.k[0], t.value[0]) == (40, 6, .15) and t.low[0] == pytest.approx(.0706, abs=1e-3)
    assert pd.isna(Lenders("L", TITLE).compute(d[d.lender < "W20"], LAW).value[0])


# ---- the picture

def crowd(n, mixed=False):
    return links(("A", "phone", "1"), *[(f"C{i}", "phone", "1") for i in range(n)], *[(f"C{i}", "address", f"a{i // 2}") for i in range(n) if mixed], ("A", "officer", "p"), ("D", "officer", "p"))


def texts(fig): return " ".join(t.get_text().replace("\n", "") for t in [*fig.texts, *(t for ax in fig.axes for t in ax.texts)])


def test_a_small_neighbourhood_shows_each_name_and_is_the_same_picture_each_time():
    n, e = around(crowd(20), "A"); draw = lambda: neighbourhood(n, e, "A", names={f"C{i}": f"歙县{i}公司" for i in range(20)})  # noqa: E731
    assert all(f"歙县{i}公司" in texts(draw()) for i in range(20)) and png(draw(), dpi=40) == png(draw(), dpi=40)


def test_beyond_sixty_like_companies_are_one_node_or_there_is_no_picture():
    n, e = around(crowd(90), "A"); told = texts(neighbourhood(n, e, "A")); assert len(n) > MOST and "90家企业" in told and "共92家企业共用2项要素" in told
    kept, _ = together(n, e, "A"); assert len(kept) == 5 and kept["count"].max() == 90
    told = texts(neighbourhood(*around(crowd(120, mixed=True), "A", 2), "A")); assert "超出可读范围" in told and "122家" in told
    with in_lang("en"): assert "too many for a picture" in texts(neighbourhood(*around(crowd(120, mixed=True), "A", 2), "A"))


def test_nothing_shared_is_said_and_hubs_left_out_are_named():
    assert "未见与其他企业共用要素" in texts(neighbourhood(*around(links(("A", "phone", "1")), "A"), "A"))
    n, e = around(crowd(3), "A"); gone = hubs(links(*[(f"C{i}", "phone", "总机") for i in range(60)]))
    assert "已剔除的枢纽：总机 (60)" in texts(neighbourhood(n, e, "A", left_out=gone))
    with pytest.raises(KeyError, match="not among"): neighbourhood(n, e, "Z")
