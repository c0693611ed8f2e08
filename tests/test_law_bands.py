"The sentence bands: both sides of every boundary, every day on which a band changed, and every refusal."
import csv, json, shutil
from datetime import date, timedelta

import pandas as pd, pytest
from hypothesis import given, settings as hyp, strategies as st

from supervise_lib.law.bandbook import MODES, read_bands, spellings
from supervise_lib.law.bands import Bands, band_of, bands, lawful_range, one_band_below
from supervise_lib.law.circumstances import circumstances, codes_with, effects
from supervise_lib.law.values import Law, LawError
from supervise_lib.settings import resource

LAW = Law()
BOOK = Bands(law=LAW)
DAY = "2023-06-01"
DRUGS = "走私、贩卖、运输、制造毒品"


def plain(column): return [None if x is pd.NA else x for x in column]
def band(charge, day=DAY, **facts):
    x = BOOK.band_of(charge, day, unstated="absent", **facts)
    return None if x is pd.NA else x
def row(charge, day=DAY, **facts): return BOOK.lawful_range(charge, day, **facts).iloc[0]
def possible(charge, day=DAY, **facts):
    x = row(charge, day, **facts)["bands"]
    return [] if x is pd.NA else x.split(";")


# Each boundary: charge, day, fact, value just below, value at, band below (None: no crime), band at, further facts.
BOUNDARIES = [
    ("盗窃", DAY, "amount", 1999.99, 2000, None, "264.1", {}),
    ("盗窃", DAY, "amount", 49999, 50000, "264.1", "264.2", {}),
    ("盗窃", DAY, "amount", 399999, 400000, "264.2", "264.3", {}),
    ("盗窃", DAY, "amount", 999, 1000, None, "264.1", {"theft13_2": True}),
    ("诈骗", DAY, "amount", 4999, 5000, None, "266.1", {}),
    ("诈骗", DAY, "amount", 49999, 50000, "266.1", "266.2", {}),
    ("诈骗", DAY, "amount", 499999, 500000, "266.2", "266.3", {}),
    ("诈骗", DAY, "amount", 2999, 3000, None, "266.1", {"telecom": True}),
    ("诈骗", DAY, "amount", 29999, 30000, "266.1", "266.2", {"telecom": True}),
    ("诈骗", DAY, "messages", 4999, 5000, None, "266.2", {"telecom": True, "amount": 0}),
    ("诈骗", DAY, "calls", 499, 500, None, "266.2", {"telecom": True, "amount": 0}),
    ("敲诈勒索", DAY, "amount", 2999, 3000, None, "274.1", {}),
    ("敲诈勒索", DAY, "amount", 1499, 1500, None, "274.1", {"ext13_2": True}),
    ("敲诈勒索", DAY, "amount", 49999, 50000, "274.1", "274.2", {}),
    ("敲诈勒索", DAY, "amount", 39999, 40000, "274.1", "274.2", {"ext13_2_3_7": True}),
    ("敲诈勒索", DAY, "amount", 299999, 300000, "274.2", "274.3", {}),
    ("敲诈勒索", DAY, "amount", 239999, 240000, "274.2", "274.3", {"ext13_2_3_7": True}),
    ("危险驾驶", "2022-06-01", "bac", 79.9, 80, None, "133-1.1", {}),
    ("交通肇事", DAY, "deaths", 0, 1, None, "133.1", {"liability": "main"}),
    ("交通肇事", DAY, "deaths", 1, 2, "133.1", "133.2", {"liability": "full"}),
    ("交通肇事", DAY, "deaths", 2, 3, None, "133.1", {"liability": "equal"}),
    ("交通肇事", DAY, "deaths", 5, 6, "133.1", "133.2", {"liability": "equal"}),
    ("交通肇事", DAY, "serious_injured", 2, 3, None, "133.1", {"liability": "main"}),
    ("交通肇事", DAY, "serious_injured", 4, 5, "133.1", "133.2", {"liability": "main"}),
    ("交通肇事", DAY, "serious_injured", 0, 1, None, "133.1", {"liability": "main", "traffic_factor": True}),
    ("交通肇事", DAY, "unpaid_loss", 299999, 600000, None, "133.2", {"liability": "main"}),
    ("帮助信息网络犯罪活动", DAY, "persons", 2, 3, None, "287-2.1", {}),
    ("帮助信息网络犯罪活动", DAY, "settlement", 199999, 200000, None, "287-2.1", {}),
    ("帮助信息网络犯罪活动", DAY, "advertising", 49999, 50000, None, "287-2.1", {}),
    ("帮助信息网络犯罪活动", DAY, "gains", 9999, 10000, None, "287-2.1", {}),
    ("掩饰、隐瞒犯罪所得", "2020-06-01", "amount", 2999, 10000, None, "312.1", {}),
    ("掩饰、隐瞒犯罪所得", DAY, "amount", 99999, 100000, "312.1", "312.2", {}),
    ("掩饰、隐瞒犯罪所得", DAY, "amount", 49999, 50000, "312.1", "312.2", {"times": 3}),
    ("掩饰、隐瞒犯罪所得", DAY, "amount", 49999, 50000, "312.1", "312.2", {"special_property": True}),
    ("掩饰、隐瞒犯罪所得", DAY, "times", 9, 10, "312.1", "312.2", {"amount": 1000}),
    ("掩饰、隐瞒犯罪所得", "2025-09-01", "amount", 499999, 500000, "312.1", "312.2", {"conc25_side": True}),
    ("掩饰、隐瞒犯罪所得", "2025-09-01", "amount", 4999999, 5000000, "312.1", "312.2", {"conc25_side": True, "upstream_high_floor": True}),
    ("寻衅滋事", DAY, "extorted", 999, 1000, None, "293.1", {"injury_grade": "none"}),
    ("寻衅滋事", DAY, "damaged", 1999, 2000, None, "293.1", {"injury_grade": "none"}),
    ("抢劫", DAY, "amount", 49999, 50000, "263.1", "263.2", {"injury_grade": "none"}),
    ("赌博", DAY, "rake", 4999, 5000, None, "303.1", {"persons": 3}),
    ("赌博", DAY, "stakes", 49999, 50000, None, "303.1", {"persons": 3}),
    ("赌博", DAY, "persons", 2, 3, None, "303.1", {"stakes": 50000}),
    ("赌博", DAY, "persons", 19, 20, None, "303.1", {"stakes": 100}),
    ("非法吸收公众存款", DAY, "amount", 999999, 1000000, None, "176.1", {}),
    ("非法吸收公众存款", DAY, "amount", 499999, 500000, None, "176.1", {"fund_circumstance": True}),
    ("非法吸收公众存款", DAY, "amount", 4999999, 5000000, "176.1", "176.2", {}),
    ("非法吸收公众存款", DAY, "amount", 2499999, 2500000, "176.1", "176.2", {"fund_circumstance": True}),
    ("非法吸收公众存款", DAY, "amount", 49999999, 50000000, "176.2", "176.3", {}),
    ("非法吸收公众存款", DAY, "amount", 24999999, 25000000, "176.2", "176.3", {"fund_circumstance": True}),
    ("非法吸收公众存款", DAY, "persons", 149, 150, None, "176.1", {"amount": 0}),
    ("非法吸收公众存款", DAY, "persons", 499, 500, "176.1", "176.2", {"amount": 0}),
    ("非法吸收公众存款", DAY, "persons", 4999, 5000, "176.2", "176.3", {"amount": 0}),
    ("非法吸收公众存款", DAY, "loss", 499999, 500000, None, "176.1", {"amount": 0}),
    ("非法吸收公众存款", DAY, "loss", 2499999, 2500000, "176.1", "176.2", {"amount": 0}),
    ("非法吸收公众存款", DAY, "loss", 24999999, 25000000, "176.2", "176.3", {"amount": 0}),
    ("非法吸收公众存款", DAY, "loss", 249999, 250000, None, "176.1", {"amount": 0, "fund_circumstance": True}),
    ("非法吸收公众存款", DAY, "loss", 1499999, 1500000, "176.1", "176.2", {"amount": 0, "fund_circumstance": True}),
    ("非法吸收公众存款", DAY, "loss", 14999999, 15000000, "176.2", "176.3", {"amount": 0, "fund_circumstance": True}),
]


@pytest.mark.parametrize("charge, day, fact, under, at, low, high, more", BOUNDARIES)
def test_both_sides_of_a_threshold(charge, day, fact, under, at, low, high, more):
    assert (band(charge, day, **{fact: under}, **more), band(charge, day, **{fact: at}, **more)) == (low, high)


LARGE = {"opium": (200, 1000), "heroin": (10, 50), "methamphetamine": (10, 50), "cocaine": (10, 50), "mdma": (20, 100), "morphine": (20, 100), "fentanyl": (25, 125),
         "methcathinone": (40, 200), "pethidine": (50, 250), "ketamine": (100, 500), "methadone": (200, 1000), "tramadol": (400, 2000), "ghb": (400, 2000),
         "cannabis_oil": (1000, 5000), "cannabis_resin": (2000, 10000), "cannabis_leaf": (30000, 150000), "codeine": (1000, 5000), "buprenorphine": (1000, 5000)}


@pytest.mark.parametrize("kind", LARGE)
def test_drug_quantities(kind):
    some, large = LARGE[kind]
    grams = [some - 0.1, some, large - 0.1, large]
    ask = lambda charge, **more: plain(BOOK.band_of(charge, DAY, grams=grams, drug_kind=kind, unstated="absent", **more))
    assert ask(DRUGS) == ["347.1", "347.3", "347.3", "347.4"]
    assert ask(DRUGS, drug_serious=True) == ["347.2", "347.3", "347.3", "347.4"]
    assert ask("非法持有毒品") == [None, "348.1", "348.1", "348.3"]
    assert ask("非法持有毒品", drug_serious=True) == [None, "348.2", "348.2", "348.3"]


def test_a_drug_nobody_listed_or_an_unlisted_period_has_no_threshold():
    assert BOOK.band_of(DRUGS, DAY, grams=1000, drug_kind="something new", unstated="absent") is pd.NA
    assert BOOK.band_of(DRUGS, "2016-04-10", grams=1000, drug_kind="氯胺酮", unstated="absent") is pd.NA
    assert BOOK.band_of(DRUGS, "2016-04-11", grams=1000, drug_kind="氯胺酮", unstated="absent") == "347.4"
    assert BOOK.band_of(DRUGS, "2000-01-01", grams=50, drug_kind="海洛因", unstated="absent") == "347.4"


@pytest.mark.parametrize("charge, facts, expected", [
    ("故意伤害", {"injury_grade": "slight"}, None), ("故意伤害", {"injury_grade": "minor2"}, "234.1"), ("故意伤害", {"injury_grade": "轻伤一级"}, "234.1"),
    ("故意伤害", {"injury_grade": "serious2"}, "234.2"), ("故意伤害", {"injury_grade": "serious1", "cruel": True}, "234.3"), ("故意伤害", {"injury_grade": "death"}, "234.3"),
    ("交通肇事", {"fled": True, "deaths": 1, "liability": "full"}, "133.2"), ("交通肇事", {"death_by_fleeing": True}, "133.3"),
    ("盗窃", {"amount": 300, "indoor": True}, "264.1"), ("盗窃", {"amount": 300, "weapon": True}, "264.1"), ("盗窃", {"amount": 300, "pickpocketing": True}, "264.1"),
    ("盗窃", {"amount": 300, "repeat_3plus": True}, "264.1"), ("抢劫", {"indoor": True}, "263.2"), ("抢劫", {"injury_grade": "death"}, "263.2"),
    ("聚众斗殴", {}, "292.1"), ("聚众斗殴", {"weapon": True}, "292.2"), ("聚众斗殴", {"large_scale": True}, "292.2"), ("寻衅滋事", {"gathers_3plus": True}, "293.2"),
    (DRUGS, {"grams": 1, "drug_kind": "heroin", "drug_armed": True}, "347.4"), ("容留他人吸毒", {}, None), ("容留他人吸毒", {"repeat_3plus": True}, "354.1"),
    ("开设赌场", {}, "303.2a"), ("开设赌场", {"serious": True}, "303.2b"), ("组织参与国（境）外赌博", {}, "303.3a"), ("赌博", {"livelihood": True}, "303.1"),
    ("拒不执行判决", {}, "313.1"), ("拒不执行判决、裁定", {"esp_serious": True}, "313.2"), ("危险驾驶", {"bac": 200, "dui23_12": True}, "133-1.1"),
])
def test_facts_lead_to_a_band(charge, facts, expected): assert band(charge, **facts) == expected


# ---- days on which something changed

@pytest.mark.parametrize("charge, day, band_id, before, after", [
    ("开设赌场", "2021-03-01", "303.2a", (6, 36), (6, 60)),
    ("开设赌场", "2021-03-01", "303.2b", (36, 120), (60, 120)),
    ("非法吸收公众存款", "2021-03-01", "176.3", None, (120, 180)),
    ("组织参与国（境）外赌博", "2021-03-01", "303.3a", None, (6, 60)),
    ("盗窃", "2011-05-01", "264.1", None, (6, 36)),
    ("敲诈勒索", "2011-05-01", "274.1", None, (6, 36)),
    ("寻衅滋事", "2011-05-01", "293.1", None, (6, 60)),
    ("帮助信息网络犯罪活动", "2015-11-01", "287-2.1", None, (6, 36)),
    ("拒不执行判决、裁定", "2015-11-01", "313.1", None, (6, 36)),
    ("抢劫", "1997-10-01", "263.1", None, (36, 120)),
])
def test_the_day_a_band_changed(charge, day, band_id, before, after):
    on = lambda d: next((b.fixed for b in BOOK.at(charge, d) if b.id == band_id), None)
    assert (on(date.fromisoformat(day) - timedelta(1)), on(day)) == (before, after)


def test_top_band_of_absorption_before_amendment_xi():
    facts = {"amount": 60_000_000, "minor": False, "unstated": "absent"}
    assert (BOOK.lawful_range("非法吸收公众存款", ["2021-02-28", "2021-03-01"], **facts).max_months.tolist()) == [120, 180]


def test_fines_of_absorption_by_day():
    fine = lambda day, amount: row("非法吸收公众存款", day, amount=amount, minor=False, unstated="absent")[["fine_min", "fine_max"]].tolist()
    assert fine("2022-03-01", 2_000_000) == [50_000, 1_000_000]
    assert fine("2022-03-01", 6_000_000) == [100_000, 5_000_000]
    assert fine("2022-03-01", 60_000_000) == [500_000, float("inf")]
    assert fine("2022-02-28", 2_000_000)[0] == 1000       # between Amendment XI and the interpretation only the general floor
    assert fine("2021-02-28", 2_000_000)[0] == 20_000


def test_concealment_thresholds_by_day():
    assert [band("掩饰、隐瞒犯罪所得", d, amount=120_000) for d in ("2025-08-25", "2025-08-26")] == ["312.2", "312.1"]
    assert [band("掩饰、隐瞒犯罪所得", d, amount=1000) for d in ("2021-04-14", "2021-04-15")] == [None, "312.1"]
    assert possible("掩饰、隐瞒犯罪所得", "2021-04-14", amount=5000, unstated="absent") == ["312.1"]      # a province could set 3,000 or 10,000
    assert band("掩饰、隐瞒犯罪所得", "2021-04-14", amount=5000) is None


def test_side_conditions_of_2025_are_unknown_unless_given():
    assert possible("掩饰、隐瞒犯罪所得", "2025-09-01", amount=600_000) == ["312.1", "312.2"]
    assert row("掩饰、隐瞒犯罪所得", "2025-09-01", amount=600_000).has_verify
    assert not row("掩饰、隐瞒犯罪所得", "2025-08-25", amount=600_000).has_verify


def test_dangerous_driving_grounds_by_day():
    assert [band("危险驾驶", d, overload=True, bac=0) for d in ("2015-10-31", "2015-11-01")] == [None, "133-1.1"]
    assert [band("危险驾驶", d, bac=120, dui23_12=True) for d in ("2023-12-27", "2023-12-28")] == ["133-1.1", None]


def test_telecom_threshold_by_day():
    assert band("诈骗", "2016-12-20", amount=3000, telecom=True) == "266.1"
    assert band("诈骗", "2016-12-19", amount=3000, telecom=True) is None


def test_thresholds_before_their_first_day_leave_all_bands_possible():
    assert possible("盗窃", "2013-04-03", amount=60_000, unstated="absent") == ["264.1", "264.2", "264.3"]


# ---- milder law

def test_the_milder_law_prevails_and_the_range_is_the_union():
    judged = ["2021-02-28", "2021-03-01"]
    r = BOOK.lawful_range("开设赌场", "2020-06-01", judgment_date=judged, serious=True, minor=False)
    assert r.fixed_min_months.tolist() == [36, 36] and r.fixed_max_months.tolist() == [120, 120]
    assert r.sure_fixed_min_months.tolist() == [36, 60] and r.law_choice.tolist() == ["same", "both"]
    r = BOOK.lawful_range("开设赌场", "2020-06-01", judgment_date=judged, serious=False)
    assert r.max_months.tolist() == [36, 60] and r.sure_max_months.tolist() == [36, 36]


def test_band_of_takes_the_milder_of_two_days():
    got = BOOK.band_of("掩饰、隐瞒犯罪所得", "2024-01-01", amount=120_000, judgment_date=["2024-10-01", "2025-10-01"])
    assert got.tolist() == ["312.2", "312.1"]
    assert BOOK.band_of("危险驾驶", "2023-06-01", bac=120, dui23_12=True, unstated="absent", judgment_date="2024-01-10") is pd.NA    # no crime any more


def test_dates_that_cannot_be():
    got = BOOK.lawful_range("盗窃", ["2023-06-01", "2023-06-01", "2023-06-01"], judgment_date=["2023-05-31", None, "2023-06-01"], amount=9000)
    assert plain(got.reason) == ["judged_before_act", "no_judgment_date", None]
    assert plain(got.n_candidates) == [0, 0, 1] and plain(got.min_months) == [None, None, 1]


# ---- unknown stays unknown

def test_reasons():
    got = BOOK.lawful_range(pd.Series(["绑架", "盗窃", "盗窃", None, "盗窃", "盗窃罪"]), pd.Series([DAY, "2010-01-01", None, DAY, DAY, DAY]),
                            amount=pd.Series([9000, 9000, 9000, 9000, 10, 9000]), unstated="absent")
    assert plain(got.reason) == ["no_band", "not_in_force", "no_date", "no_charge", "condition_not_met", None]
    unanswered = got[got.reason.notna()].drop(columns=["reason", "n_candidates", "thresholds"])
    assert unanswered.isna().all().all() and (got.n_candidates.tolist() == [0, 0, 0, 0, 0, 1])


def test_unknown_amount_and_unknown_facts():
    assert possible("盗窃") == ["264.1", "264.2", "264.3"]
    assert possible("盗窃", amount=1200) == ["264.1"] and BOOK.band_of("盗窃", DAY, amount=1200) is pd.NA
    assert possible("盗窃", amount=24_999) == ["264.1"] and possible("盗窃", amount=25_000) == ["264.1", "264.2"]
    assert possible("诈骗", amount=45_000) == ["266.1", "266.2"] and possible("诈骗", amount=45_000, telecom=False, unstated="absent") == ["266.1"]
    assert possible("诈骗", amount=39_999, telecom=False) == ["266.1"]
    assert possible("开设赌场") == ["303.2a", "303.2b"] and BOOK.band_of("开设赌场", DAY) is pd.NA


def test_missing_cells_among_given_facts_stay_unknown_even_if_unstated_means_absent():
    telecom = pd.Series([True, False, None], dtype="bool[pyarrow]")
    got = BOOK.band_of("诈骗", DAY, amount=pd.Series([30_000.0] * 3), telecom=telecom, unstated="absent")
    assert plain(got) == ["266.2", "266.1", None]


def test_unstated_absent_never_presumes_a_measured_quantity():
    assert BOOK.band_of("盗窃", DAY, unstated="absent") is pd.NA and BOOK.band_of("危险驾驶", DAY, unstated="absent") is pd.NA
    assert BOOK.band_of("故意伤害", DAY, unstated="absent") is pd.NA


def test_index_is_kept_and_scalars_stay_scalar():
    amount = pd.Series([60_000, None], index=["x", "y"], dtype="double[pyarrow]")
    got = BOOK.lawful_range("盗窃", DAY, amount=amount)
    assert list(got.index) == ["x", "y"] and all(isinstance(t, pd.ArrowDtype) for t in got.dtypes)
    assert list(BOOK.band_of("盗窃", DAY, amount=amount).index) == ["x", "y"]
    assert BOOK.band_of("盗窃", DAY, amount=60_000) == "264.2"


def test_provincial_thresholds_hold_only_in_their_province():
    got = BOOK.band_of("盗窃", DAY, amount=60_000, region=pd.Series(["340123", "330100", None]), unstated="absent")
    assert plain(got) == ["264.2", None, None]
    assert BOOK.band_of("诈骗", DAY, amount=30_000, telecom=True, region="330100", fraud11_2=False, unstated="absent") is pd.NA    # 50,000 here, unknown there
    assert BOOK.lawful_range("盗窃", DAY, amount=60_000, region="330100").n_candidates.tolist() == [3]


def test_wrong_questions_are_refused():
    with pytest.raises(TypeError, match="no such fact"): BOOK.band_of("盗窃", DAY, amuont=5)
    with pytest.raises(ValueError, match="unstated"): BOOK.band_of("盗窃", DAY, amount=5, unstated="no")
    with pytest.raises(ValueError, match="negative"): BOOK.band_of("盗窃", DAY, amount=-5)
    with pytest.raises(ValueError, match="yes or no"): BOOK.band_of("盗窃", DAY, amount=5, indoor=3)
    with pytest.raises(ValueError, match="indexed differently"): BOOK.band_of("盗窃", pd.Series([DAY], index=[1]), amount=pd.Series([5], index=[2]))


# ---- cited paragraph

def test_the_cited_paragraph_decides():
    ask = lambda paragraph, **facts: possible(DRUGS, paragraph=paragraph, drug_kind="heroin", **facts)
    assert ask("4", grams=60) == ["347.1", "347.2"]                       # the court found less
    assert ask("第一款、第四款", grams=3) == ["347.1", "347.2"]
    assert ask(3, grams=3) == ["347.3"] and ask("1、2", grams=3) == ["347.4"]
    assert ask(None, grams=3) == ["347.1", "347.2", "347.4"] == ask("1", grams=3)     # paragraph 1 carries no band
    assert ask("第三百四十七条", grams=3) == ["347.1", "347.2", "347.4"]
    assert BOOK.band_of(DRUGS, DAY, paragraph="3") == "347.3" and BOOK.band_of(DRUGS, DAY, paragraph="4") is pd.NA
    assert possible("寻衅滋事", paragraph="2") == ["293.2"] and possible("盗窃", paragraph="1", amount=60_000) == ["264.2"]


# ---- what the range permits

def test_worked_range_of_theft():
    r = row("盗窃", amount=60_000, minor=False)
    assert (r.bands, r.min_months, r.max_months, r.fine_compulsory, r.allow_detention, r.allow_life) == ("264.2", 36, 120, True, False, False)
    assert "theft_huge_yuan=50000" in r.thresholds.split(";")
    below = BOOK.one_band_below("盗窃", DAY, amount=60_000).iloc[0]
    assert (below.bands, below.min_months, below.fixed_max_months, below.lowest) == ("264.1", 1, 36, False)


@pytest.mark.parametrize("amount, expected", [(6000, (1000, 12000)), (500, (1000, 1000)), (501, (1000, 1002)), (0, (1000, 100000)), (499, (1000, 1000))])
def test_theft_fine(amount, expected):
    r = row("盗窃", amount=amount, minor=False, pickpocketing=True, unstated="absent")
    assert (r.fine_min, r.fine_max) == expected


def test_fine_limits_need_what_they_need():
    r = row("盗窃", indoor=True, minor=False)
    assert r.fine_max is pd.NA and r.fine_min == 1000
    assert row("盗窃", amount=6000).fine_min == 500                       # perhaps a minor
    assert row("盗窃", amount=6000, minor=True).fine_min == 500 == row("盗窃", amount=6000, unstated="absent").fine_min      # never presumed adult
    assert row("诈骗", amount=6000, minor=False).fine_max == float("inf")
    assert row("诈骗", "2000-12-18", amount=6000, minor=False).fine_min is pd.NA and row("诈骗", "2000-12-19", amount=6000, minor=False).fine_min == 1000
    r = row("敲诈勒索", amount=6000, minor=False, nothing_obtained=False, unstated="absent")
    assert (r.fine_min, r.fine_max) == (2000, 12000)
    assert row("敲诈勒索", amount=6000, minor=False, nothing_obtained=True).fine_max == 100_000
    assert row("敲诈勒索", amount=6000, minor=False).fine_max == 100_000       # whether anything was obtained is not known
    assert row("敲诈勒索", amount=900, minor=False, repeat_3plus=True, unstated="absent").fine_max == 2000


def test_compulsory_fine_in_three_answers():
    assert row("盗窃").fine_compulsory is True and row("故意伤害").fine_compulsory is False
    assert row("拒不执行判决、裁定").fine_compulsory is pd.NA
    assert row("拒不执行判决、裁定", esp_serious=False).fine_compulsory is False
    assert row("寻衅滋事").fine_allowed is pd.NA and row("寻衅滋事", gathers_3plus=True).fine_allowed is True
    r = row(DRUGS, grams=60, drug_kind="heroin")
    assert (r.fine_compulsory, r.fine_allowed, r.fine_modes, r.fine_min) == (True, False, "must_confiscate", pd.NA)


def test_dangerous_driving_has_no_fixed_term():
    r = BOOK.lawful_range("危险驾驶", DAY, bac=[120] * 4)
    assert r.min_months.tolist() == [1] * 4 and r.max_months.tolist() == [6] * 4 and r.fixed_min_months.isna().all()
    out = BOOK.principal_outside(r, ["fixed", "detention", "detention", "control"], [8, 6, 7, 3])
    assert plain(out.above) == [True, False, True, False] and plain(out.below) == [False, False, False, True]


@pytest.mark.parametrize("kind, months, above, below", [
    ("fixed", 35, False, True), ("fixed", 36, False, False), ("fixed", 120, False, False), ("fixed", 121, True, False), ("detention", 6, False, True),
    ("control", 24, False, True), ("fine_only", None, False, True), ("life", None, True, False), ("death_reprieve", None, True, False), ("fixed", None, None, None),
    ("exempt", None, None, None), (None, 40, None, None)])
def test_principal_penalty_against_one_band(kind, months, above, below):
    out = BOOK.principal_outside(BOOK.lawful_range("盗窃", DAY, amount=[60_000]), [kind], pd.Series([months], dtype="double[pyarrow]"))
    assert (plain(out.above), plain(out.below)) == ([above], [below])


def test_principal_penalty_against_two_bands_and_none():
    r = BOOK.lawful_range("盗窃", DAY, amount=[26_000] * 5 + [10], unstated="unknown", repeat_3plus=False, indoor=[None] * 5 + [False], weapon=False, pickpocketing=False,
                          theft13_2=False)
    out = BOOK.principal_outside(r, ["fixed"] * 4 + ["detention", "detention"], [30, 36, 37, 121, 3, 9])
    assert plain(out.above) == [False, False, None, True, False, None]
    assert plain(out.below) == [None, False, False, False, None, None]


def test_fine_against_the_range():
    r = BOOK.lawful_range("盗窃", DAY, amount=[6000] * 4 + [None], minor=False)
    out = BOOK.fine_outside(r, [999.99, 1000, 12000.01, None, 500])
    assert plain(out.below) == [True, False, False, None, True] and plain(out.above) == [False, False, True, None, None]
    out = BOOK.fine_outside(BOOK.lawful_range("故意伤害", DAY), [5000])
    assert plain(out.below) == [None] and plain(out.above) == [None]


def test_one_band_below():
    below = BOOK.one_band_below(pd.Series(["盗窃", "盗窃", "盗窃", "抢劫", DRUGS, "故意伤害"]), DAY, amount=pd.Series([600_000, 60_000, 6000, 100_000, None, None]),
                                grams=pd.Series([None, None, None, None, 60, None]), drug_kind="heroin", injury_grade="death")
    assert plain(below.bands) == ["264.2", "264.1", None, "263.1", "347.3", "234.2"]
    assert plain(below.min_months) == [36, 1, None, 36, 84, 36] and plain(below.lowest) == [False, False, True, False, False, False]
    out = BOOK.principal_outside(below, ["fixed"] * 6, [35, 6, 6, 36, 83, 36])
    assert plain(out.below) == [True, False, None, False, True, False]


def test_one_band_below_where_the_band_is_not_known():
    below = BOOK.one_band_below("盗窃", DAY, amount=[26_000, 210_000])
    assert plain(below.lowest) == [None, False] and plain(below.min_months) == [None, 1]


def test_before_2011_mitigation_was_not_bound_to_one_band():
    below = BOOK.one_band_below("抢劫", ["2011-04-30", "2011-05-01"], indoor=True)
    assert plain(below.min_months) == [None, 36] and plain(below.reason) == ["before_one_band_rule", None]


def test_verify_marks():
    assert row("诈骗", amount=6000, unstated="absent").has_verify is False and row("诈骗", amount=6000, telecom=True, unstated="absent").has_verify is True
    assert row("敲诈勒索", amount=6000).has_verify is True and row("盗窃", amount=60_000).has_verify is False
    assert row("盗窃", amount=600_000).has_verify is True


def test_the_trail_shows_what_was_read_for_each_row():
    f = pd.DataFrame({"charge": ["盗窃", "抢劫", "诈骗"], "day": [DAY, DAY, "2010-01-01"], "amount": [60_000, 60_000, 60_000]}, index=["a", "b", "c"])
    with LAW.trail() as readings: Bands(law=LAW).lawful_range(f.charge, f.day, amount=f.amount)
    huge = next(r for r in readings if r.name == "theft_huge_yuan")
    assert [huge.at(k)["value"] for k in "abc"] == ["50000", "50000", None]
    assert next(r for r in readings if r.name == "fraud_huge_yuan").at("c")["value"] is None


def test_functions_and_ranks():
    assert band_of("盗窃", DAY, 60_000) == "264.2" and [b.id for b in bands("盗窃", DAY)] == ["264.1", "264.2", "264.3"] and bands("绑架", DAY) == []
    assert lawful_range("盗窃", DAY, amount=60_000, law=LAW).min_months.tolist() == [36]
    assert one_band_below("盗窃", DAY, amount=60_000).bands.tolist() == ["264.1"]
    assert plain(BOOK.rank(pd.Series(["264.1", "264.3", None, "9.9"]))) == [1, 3, None, None]
    assert {"band_id", "charge_code", "valid_from", "fine_mode"} <= set(BOOK.table) and len(BOOK.table) == len(BOOK.bands)
    assert len(BOOK.charges) == 19 and all(b.article and b.condition.zh for b in BOOK.bands)


# ---- arithmetic

AMOUNTS = {"盗窃": DAY, "诈骗": DAY, "敲诈勒索": DAY, "掩饰、隐瞒犯罪所得": DAY, "非法吸收公众存款": DAY}


@given(st.sampled_from(list(AMOUNTS)), st.lists(st.integers(0, 60_000_000), min_size=2, max_size=6), st.booleans(), st.sampled_from(["unknown", "absent"]))
@hyp(max_examples=25, deadline=None)
def test_more_money_is_never_a_milder_band(charge, amounts, telecom, unstated):
    amounts = sorted(amounts)
    facts = {"telecom": telecom} if charge == "诈骗" else {}
    r = BOOK.lawful_range([charge] * len(amounts), DAY, amount=amounts, unstated=unstated, **facts)
    ends = r[r.reason.isna()]
    for column in ("min_months", "max_months", "sure_fixed_min_months", "fixed_max_months"): assert ends[column].is_monotonic_increasing
    sure = BOOK.rank(BOOK.band_of([charge] * len(amounts), DAY, amount=amounts, unstated=unstated, **facts)).dropna()
    assert sure.is_monotonic_increasing


@given(st.sampled_from(BOOK.charges), st.integers(0, 60_000_000), st.dates(date(1998, 1, 1), date(2026, 6, 1)), st.integers(0, 2000), st.sampled_from(["unknown", "absent"]))
@hyp(max_examples=40, deadline=None)
def test_the_range_contains_the_single_band(charge, amount, day, later, unstated):
    judged = day + timedelta(later)
    facts = {"amount": [amount], "judgment_date": [judged], "unstated": unstated, "injury_grade": "minor2", "bac": 100, "minor": False}
    got, r = BOOK.band_of(charge, day, **facts)[0], BOOK.lawful_range(charge, day, **facts).iloc[0]
    if got is pd.NA: return
    assert got in r["bands"].split(";")
    b = [b for b in BOOK.bands if b.id == got and (b.in_force(day) or b.in_force(judged))]
    if b[0].fixed: assert r.fixed_min_months <= min(x.fixed[0] for x in b) and r.fixed_max_months >= max(x.fixed[1] for x in b)


@given(st.lists(st.one_of(st.none(), st.integers(0, 1_000_000)), min_size=1, max_size=5))
@hyp(max_examples=15, deadline=None)
def test_knowing_more_never_widens_the_range(amounts):
    wide = BOOK.lawful_range("盗窃", DAY, amount=pd.Series(amounts, dtype="double[pyarrow]"), repeat_3plus=True)
    narrow = BOOK.lawful_range("盗窃", DAY, amount=pd.Series(amounts, dtype="double[pyarrow]"), repeat_3plus=True, unstated="absent")
    assert (narrow.min_months >= wide.min_months).all() and (narrow.max_months <= wide.max_months).all() and (narrow.n_candidates <= wide.n_candidates).all()


# ---- circumstances

def test_effects_by_day_and_charge():
    ask = lambda code, day, **more: plain(effects(pd.Series([code]), day, **more))[0]
    assert [ask("confession", d) for d in ("2011-04-30", "2011-05-01")] == ["", "LM"]
    assert [ask("plea", d) for d in ("2018-10-25", "2018-10-26")] == ["", "L"]
    assert [ask("age_75", d) for d in ("2011-04-30", "2011-05-01")] == ["", "LM"]
    assert [ask("fund_refund", d, charge="非法吸收公众存款") for d in ("2021-02-28", "2021-03-01")] == ["", "LM"]
    assert ask("fund_refund", DAY, charge="盗窃") == "" and ask("fund_refund", DAY) is None
    assert ask("never heard of", DAY) is None and ask("surrender", None) is None and ask(None, DAY) is None
    assert (ask("recidivist", DAY), ask("drug_repeat", DAY), ask("accessory", DAY), ask("coerced", DAY), ask("deaf_mute_blind", DAY)) == ("H", "H", "LMX", "MX", "LMX")


def test_codes_that_explain_a_sentence_below_the_band():
    codes = codes_with("MX", date(2023, 6, 1))
    assert {"minor", "attempt", "accessory", "surrender", "merit", "mental", "discontinuation"} <= set(codes) and not {"plea", "recidivist", "forgiven"} & set(codes)
    assert "confession" not in codes_with("M", date(2011, 4, 30))


def test_every_circumstance_of_the_contract_is_known(shared):
    with open(shared / "domain" / "columns.csv", encoding="utf-8-sig") as f:
        line = next(r for r in csv.reader(f) if r[:2] == ["judgment_circumstances", "circumstance"])
    codes = {v.split("=")[0] for v in next(x for x in line if "surrender=" in x).split(";")} - {"other"}
    assert codes <= set(circumstances())


def test_circumstances_are_refused_with_line(tmp_path):
    good = "a:\n  {label: {en: A, zh: 甲}, effect: L, duty: may, law: CL, article: '1', since: 1997-10-01}\n"
    def refused(text, match):
        path = tmp_path / "c.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LawError, match=match): circumstances(path)
        path.unlink()
    refused(good.replace("effect: L", "effect: Q"), r"c\.yaml:2: a: effect 'Q'")
    refused(good.replace("effect: L", "effect: LL "), "each once")
    refused(good.replace("duty: may", "duty: perhaps"), "perhaps")
    refused(good.replace(", article: '1'", ""), "no article")
    refused(good.replace("law: CL", "law: CLL"), "not in sources.yaml")
    refused(good.replace("since: 1997-10-01", "since: 1997-10-01, until: 1990-01-01"), "before since")
    refused(good.replace("duty", "dutty"), "unknown key 'dutty'")
    refused(good + good.replace("a:", "b:", 1).replace("since", "also: [a], since"), "already used by a")


# ---- the files

@pytest.fixture
def folder(tmp_path):
    shutil.copy(resource("params/bands") / "_general.yaml", tmp_path)
    shutil.copy(resource("params/bands") / "robbery.yaml", tmp_path)
    return tmp_path


REFUSALS = [
    ('article: "263"\n', "", r"robbery\.yaml:5: band 263\.1 has no article"),
    ("rank: 2", "rank: 1", r"overlaps band 263\.1 of rank 1"),
    ("rank: 2", "rank: 3", "no band of rank 2"),
    ("rank: 2", "rank: two", "whole number"),
    ("max: 120", "max: 30", "expected min <= max"),
    ("max: 120", "max: 200", "within 6 to 180"),
    ("fixed: {min: 120}", "fixed: {min: 12}", "milder than band 263.1"),
    ("theft_huge_yuan", "theft_hug_yuan", "nearest: theft_huge_yuan"),
    ("rob_gun", "rob_gunn", "not a fact"),
    ("indoor: true", "indoor: 3", "true or false"),
    ("injury_grade: [serious2", "injury_grade: [serious3", "does not fit"),
    ("mode: must}", "mode: musst}", "expected one of"),
    ("mode: must}", "mode: must, ceiling: 3}", "unknown key 'ceiling'"),
    ("mode: must}", "mode: must, max: [{yuan: fine_min_yuan, times: half_ratio}]}", "either yuan or times"),
    ("mode: must}", "mode: none, max: [{yuan: fine_min_yuan}]}", "no limits of a fine"),
    ("mode: must}", "max: [{yuan: fine_min_yuan}]}", "has no mode"),
    ("life: true", "life: perhaps", "neither true nor false"),
    ("life: true", "lief: true", "unknown key 'lief', did you mean 'life'"),
    ("since: 1997-10-01", 'since: "1997"', "not a date"),
    ("    since: 1997-10-01\n", "", "has no since"),
    ("since: 1997-10-01", "since: 1997-10-01\n    until: 1990-01-01", "before since"),
    ("- {always: true}", "- {always: false}", "only be true"),
    ("- {always: true}", "- {always: true, when: {indoor: true}}", "only `always: true`"),
    ("- {always: true}", '- {scope: "34"}', "needs when or reach"),
    ("- {always: true}", "- {when: {indoor: true}, ratio: half_ratio}", "exactly one quantity"),
    ("- {always: true}", "- {when: {indoor: true}, may: never}", "expected one of open, usual"),
    ("- {always: true}", "- {reach: {indoor: theft_huge_yuan}}", "not a quantity"),
    ("- {always: true}", "- {reach: {amount: [theft_huge_yuan, theft_large_yuan, theft_huge_yuan]}}", r"\[lowest, highest\]"),
    ("    fixed: {min: 36, max: 120}\n", "", "neither fixed-term imprisonment nor detention"),
    ("{en: Robbery, zh: 抢劫罪}", "{en: Robbery}", "needs zh"),
    ("charge: 抢劫\n", "", "has no charge"),
    ("charge: 抢劫\n", "charge: 抢劫\ncharge: 抢劫\n", "written twice"),
    ("bands:", "bands: [", "not valid YAML"),
]


@pytest.mark.parametrize("old, new, match", REFUSALS)
def test_a_slip_in_a_band_is_refused_with_file_and_line(folder, old, new, match):
    path = folder / "robbery.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LawError, match=match) as e: read_bands(folder, LAW)
    assert "robbery.yaml:" in str(e.value)


def test_the_same_charge_or_band_in_two_files_is_refused(folder):
    text = (folder / "robbery.yaml").read_text(encoding="utf-8")
    (folder / "second.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LawError, match="second.yaml:1: the charge 抢劫 is already"): read_bands(folder, LAW)
    (folder / "second.yaml").write_text(text.replace("charge: 抢劫", "charge: 抢夺"), encoding="utf-8")
    with pytest.raises(LawError, match="band 263.1, 263.2 is already"): read_bands(folder, LAW)


def test_two_periods_of_a_band_must_not_overlap(folder):
    path = folder / "robbery.yaml"
    text = path.read_text(encoding="utf-8")
    first = text[text.index("  - id:"):text.index('  - id: "263.2"')]
    path.write_text(text.replace(first, first.replace("since: 1997-10-01", "since: 1997-10-01\n    until: 2020-01-01") + first.replace("1997-10-01", "2020-01-01")), encoding="utf-8")
    with pytest.raises(LawError, match="overlaps"): read_bands(folder, LAW)
    path.write_text(text.replace(first, first.replace("since: 1997-10-01", "since: 1997-10-01\n    until: 2019-12-31") + first.replace("1997-10-01", "2020-01-01")), encoding="utf-8")
    assert len(read_bands(folder, LAW)[1]) == 3


def test_the_general_file_is_checked_too(folder):
    path = folder / "_general.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new, match in (("penalty_fixed_min_months", "penalty_fixed", "nearest"), ("kind: measure", "kind: mesure", "expected one of"), ("fine_min:", "fine_mn:", "unknown key"),
                            ("minor: {kind: flag,", "minor: {kind: flag, values: {a: b},", "only a text has them")):
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(LawError, match=match): read_bands(folder, LAW)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="_general.yaml"): read_bands(folder, LAW)


def test_spellings():
    assert spellings("{掩饰,隐瞒}{犯罪所得,犯罪所得收益}")[0] == "掩饰犯罪所得" and len(spellings("{掩饰,隐瞒}{犯罪所得,犯罪所得收益}")) == 9
    assert possible("运输毒品", grams=12, drug_kind="冰毒", paragraph="3") == ["347.3"]


# ---- the domain's own examples

def test_worked_examples(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8-sig") as f: rows = {r["example_id"]: r for r in csv.DictReader(f)}
    given_, expected = (lambda i: json.loads(rows[i]["inputs"])), (lambda i: json.loads(rows[i]["expected"]))
    assert [band("盗窃", amount=x) for x in given_("WE139")["amount_yuan"]] == expected("WE139")["band"]
    assert band("盗窃", amount=given_("WE140")["amount_yuan"], theft13_2=True) == expected("WE140")["band"]
    assert [band("盗窃", amount=x) for x in given_("WE141")["amount_yuan"]] == expected("WE141")["band"]
    e, r = expected("WE142"), row("盗窃", amount=given_("WE142")["amount_yuan"])
    assert (r["bands"], r.min_months, r.max_months) == (e["band"], e["min_months"], e["max_months"])
    assert BOOK.one_band_below("盗窃", DAY, amount=60_000).min_months.tolist() == [e["mitigated_min_months"]]
    assert expected("WE143")["band_possible"] in possible("盗窃", amount=given_("WE143")["amount_yuan"], indoor=True, unstated="absent")
    for i in ("WE144", "WE145"):
        r = row("盗窃", amount=given_(i)["amount_yuan"], pickpocketing=True, minor=False, unstated="absent")
        assert (r.fine_min, r.fine_max) == (expected(i)["min_yuan"], expected(i)["max_yuan"])
    for key, telecom in (("ordinary", False), ("telecom", True)):
        assert [band("诈骗", amount=x, telecom=telecom) for x in given_("WE146")[f"{key}_yuan"]] == expected("WE146")[key]
    assert band("敲诈勒索", amount=given_("WE147")["amount_yuan"], ext13_2_3_7=True) == expected("WE147")["band"]
    g = given_("WE148")
    assert BOOK.band_of("掩饰、隐瞒犯罪所得", g["act"], amount=g["amount_yuan"], judgment_date=g["judged"]).tolist() == expected("WE148")["band"]
    g = given_("WE151")
    assert all(x in e for x, e in zip([band(DRUGS, grams=x, drug_kind=g["drug"]) for x in g["grams"]], expected("WE151")["band"], strict=True))
    g = given_("WE152")
    assert band("非法持有毒品", grams=g["grams"], drug_kind=g["drug"]) is expected("WE152")["band"]
    r = BOOK.lawful_range(["危险驾驶"], DAY, bac=95)
    assert BOOK.principal_outside(r, [given_("WE154")["principal_penalty"]], [6]).above.tolist() == [not expected("WE154")["valid"]]


def test_the_bands_are_those_of_the_table(shared):
    "Months, kinds and fine modes against the printed table of section 7.4."
    lines = (shared / "domain" / "criminal.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, x in enumerate(lines) if x.startswith("| Band | Charge | Article"))
    seen = set()
    for line in lines[start + 2:]:
        if not line.startswith("|"): break
        id_, _, _, _, low, high, d, c, life, death, fine, _ = [x.strip() for x in line.strip("|").split("|")]
        if id_ == "303.3": continue                        # two steps here
        b = [b for b in BOOK.bands if b.id == id_ and b.until is None][-1]
        assert b.fixed == (None if low == "–" else (int(low), int(high))), id_
        assert (b.detention, b.control, b.life, b.death) == tuple(x == "y" for x in (d, c, life, death)), id_
        mode = fine.split(";")[0].strip()
        assert b.fine_mode == {"must_or_conf": "must_or_confiscate", "must_conf": "must_confiscate"}.get(mode, mode) and b.fine_mode in MODES, id_
        seen.add(id_)
    assert seen == {b.id for b in BOOK.bands} - {"303.3a", "303.3b"}
