"bribery_records on a small demo province: what was planted is found, look-alikes are left alone, the undecidable is said to be so; numbers match, names do not."
import csv
import datetime as dt
import gzip
import json
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from stdnum.cn import uscc

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.law.calendar import period_months_civil
from supervise_lib.law.values import Law
from supervise_lib.model.special import Case, frame_columns, judge_case, special
from supervise_lib.specials.bribery_records import NO_MATTERS, first_steps, found_or_not, outcomes_of_givers, recoveries
from supervise_lib.specials.chapters.bribery_records_queries import audit_sample
from supervise_lib.specials.chapters.bribery_records_tiers import confirmed, fine_range, levels_on, predictive_value, tender_fines, tier
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF, NAME = "2023-12-31", "bribery_records"
HERE, THERE = "340111", "340123"

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("bribery")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .02, tables=set(special(NAME).tables) - {"legal_documents"})    # no documents to be read
    return Run(NAME, "340000", AS_OF, lake=lake), truth(home / "demo", NAME), lake

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS[NAME])

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == {f"BRIBERY_R{i:02d}" for i in range(1, 21)}
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all() and (scored.lookalikes >= scored.planted).all()

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() == 0 and (scored.undecidable_said == scored.undecidable).all() and (scored.undecidable >= 1).all()

def test_outcomes_add_up_and_a_county_reads_its_own_rows(run):
    whole, _, lake = run
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all() and not whole.frame.matter_id.duplicated().any()
    county = whole.frame.region_code.value_counts().index[0]
    own = Run(NAME, county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and set(own.frame.matter_id) == set(whole.frame[whole.frame.region_code == county].matter_id)

def test_leads_go_to_the_body_in_charge(run):
    leads = run[0].leads
    sent = {r.id: r.instrument for r in special(NAME).rules}
    assert {sent[i] for i in ("BRIBERY_R01", "BRIBERY_R02", "BRIBERY_R03", "BRIBERY_R05")} == {"transfer_supervision"}
    assert "transfer_investigation" not in set(";".join(leads.instruments if "instruments" in leads else leads.filter(like="instrument").iloc[:, 0]).split(";")) | set(sent.values())


# --- an empty result ---------------------------------------------------------------------------------------------------------------------

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def lake_of(folder, **rows):
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *found))
    return lake

PURCHASE = dict(package_no="G1", supplier_uscc="91340100MA2MXH0A1U", activity_date=dt.date(2023, 3, 1), is_no_violation_declared=True, region_code=HERE)

def test_an_empty_result_is_a_result_and_says_so(tmp_path):
    nobody = Run(NAME, HERE, AS_OF, lake=lake_of(tmp_path / "a", government_purchases=[dict(PURCHASE, region_code=THERE)]))
    assert len(nobody.frame) == 0 and len(nobody.leads) == 0 and found_or_not(nobody) == NO_MATTERS
    quiet = lake_of(tmp_path / "b", government_purchases=[PURCHASE], criminal_judgments=[dict(case_no="c0", person_id_no="PX", announce_date=dt.date(2022, 1, 1), region_code=HERE)],
                    credit_listings=[dict(party_id="O:91340100MA2NTA1B2E", list_kind="tender_ban", list_date=dt.date(2022, 1, 1), region_code=HERE)])
    found = Run(NAME, HERE, AS_OF, lake=quiet)
    assert len(found.leads) == 0 and found.verdicts.set_index("rule").outcome["BRIBERY_R06"] == "clear"
    assert "valid result" in found_or_not(found).en and "有效结果" in found_or_not(found).zh

def test_the_template_says_it():
    told = (Path(__file__).resolve().parents[1] / "templates" / "bribery_records.ipynb").read_text(encoding="utf-8")
    assert "没有命中也是有效结果" in told and "finding nothing is a valid result" in told and "print(found_or_not(run))" in told and "不对外提供查询结果" in told

def test_without_judgments_no_supplier_is_clean(tmp_path):
    v = Run(NAME, HERE, AS_OF, lake=lake_of(tmp_path, government_purchases=[PURCHASE])).verdicts
    assert v.set_index("rule").outcome["BRIBERY_R06"] == "cannot_tell"


# --- who is meant ------------------------------------------------------------------------------------------------------------------------

CODE = "91340100MA2MXH0A1U"

def purchase_lake(folder, party=f"O:{CODE}", **more):
    judgment = dict(case_no="（2022）皖0111刑初8号", person_id_no="PREPRESENTATIVE", party_id=party, verdict="guilty", principal_penalty="fine_only", announce_date=dt.date(2022, 5, 1), effective_date=dt.date(2022, 5, 12), region_code=THERE) | more
    other = dict(case_no="（2022）皖0111刑初9号", person_id_no="PX", announce_date=dt.date(2022, 1, 1), region_code=HERE)     # the county delivered judgments
    return lake_of(folder, government_purchases=[PURCHASE], criminal_judgments=[judgment, other], judgment_charges=[dict(case_no=judgment["case_no"], person_id_no="PREPRESENTATIVE", charge_seq=1, charge_code="单位行贿", offence_end_date=dt.date(2021, 1, 1), region_code=THERE)],
                   credit_listings=[dict(party_id="O:91340100MA2NTA1B2E", list_kind="tender_ban", list_date=dt.date(2022, 1, 1), region_code=HERE)], company_roles=[dict(uscc=CODE, person_id_no="PREPRESENTATIVE", role_kind="director", valid_from=dt.date(2021, 1, 1), region_code=HERE)])

def outcome(lake, rule, kind):
    run = Run(NAME, HERE, AS_OF, lake=lake)
    v = run.verdicts
    mine = v[(v.rule == rule) & v.matter_id.str.startswith(f"{kind}:")]
    return mine.outcome.item() if len(mine) else None

def test_a_conviction_in_another_county_is_the_suppliers_own_and_not_its_representatives(tmp_path):
    assert outcome(purchase_lake(tmp_path / "a"), "BRIBERY_R06", "purchase") == "hit"
    assert outcome(purchase_lake(tmp_path / "a2"), "BRIBERY_R10", "office") is None                # the person who stood for the unit was not convicted
    assert outcome(purchase_lake(tmp_path / "b", party="P:PREPRESENTATIVE"), "BRIBERY_R06", "purchase") == "clear"
    assert outcome(purchase_lake(tmp_path / "c", party="O:91340100MA2NTA1B2E"), "BRIBERY_R06", "purchase") == "clear"

def test_a_sealed_record_is_not_reached(tmp_path):
    assert outcome(purchase_lake(tmp_path, is_sealed=True), "BRIBERY_R06", "purchase") == "clear"

def test_a_name_is_no_match_and_leaves_it_open(tmp_path):
    lake = purchase_lake(tmp_path, party="O:91340100MA2NTA1B2E")
    company = dict(uscc=CODE, company_name="安徽甲建设有限公司", establish_date=dt.date(2010, 1, 1), region_code=HERE)
    fact = dict(fact_id="f1", giver_name="安徽甲建设有限公司", last_bribe_date=dt.date(2021, 1, 1), region_code=THERE)
    lake.write("companies", table("companies", company))
    lake.write("bribery_facts", table("bribery_facts", fact))
    assert outcome(lake, "BRIBERY_R06", "purchase") == "cannot_tell"
    lake.write("bribery_facts", table("bribery_facts", fact | dict(giver_party_id="O:91340100MA2NTA1B2E")))     # the same name with another code is another company
    assert outcome(lake, "BRIBERY_R06", "purchase") == "clear"

@pytest.mark.parametrize("party, valid", [("P:PABC", True), ("P:WABC", False), (f"O:{CODE}", True), ("O:91340100MA2MXH0A19", False), ("O:91340100MA2MXH0A", False), (None, None)])
def test_only_a_valid_number_confirms(party, valid): assert confirmed(party) is valid


# --- statistics --------------------------------------------------------------------------------------------------------------------------

def test_statistics_count_what_they_say(run):
    f = run[0].frame
    waited = first_steps(f)
    assert (waited.days_waited >= 0).all() and waited.was_dealt_with.any() and not waited.was_dealt_with.all()
    assert outcomes_of_givers(f).is_prosecuted.dropna().mean() < 1 and recoveries(f).is_recovered.dropna().mean() < 1
    told = run[0].statistics
    assert set(told.statistic) == {"waiting", "prosecuted", "recovered", "share_bribery_r01"}
    assert told.loc[told.value.isna(), "note_en"].str.len().gt(0).all()    # refused in words

def test_the_sample_of_queries_is_the_same_for_everyone(run):
    q = run[0].frame[(run[0].frame.matter_kind == "query").fillna(False)]
    assert set(audit_sample(q, .05).matter_id) == set(audit_sample(q.iloc[::-1], .05).matter_id) and len(audit_sample(q, .05)) == -(-len(q) // 20)


# --- the catalogue's worked examples -------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def examples(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f:
        return {r["example_id"]: (json.loads(r["inputs"]), json.loads(r["expected"]), r["topic"]) for r in csv.DictReader(f) if r["special"] == NAME}

def levels(): return levels_on(Law(), pd.Series([dt.date(2023, 6, 1)]))[0][0]
columns = cache(lambda: frame_columns(special(NAME)))
def judged(rule, row, as_of): return judge_case(special(NAME), Case(rule, Text("x", "甲"), (row,), (), as_of=as_of), columns()).outcome.item() == "hit"
day = dt.date.fromisoformat

def answer(topic, given):
    "What this special says of one example."
    if given.get("fn") == "period_months_civil": return {"date": str(period_months_civil(day(given["event"]), given["months"], roll=given["roll"]))}
    if topic == "bribery tier": return {"tier": tier(given["amount_yuan"], given["circumstances"], given["loss_yuan"], levels())}
    if topic.startswith("bribery tier, sum"):
        each, total = [tier(y, (), 0, levels()) for y in given["amounts_yuan"]], sum(given["amounts_yuan"])
        return {"sum_yuan": total, "tier": tier(total, (), 0, levels()), "single_tiers": each}
    if topic == "procurement look-back":
        c = dict(case_no="c1", verdict="guilty", penalty="fine_only", effective=day(given["conviction_effective"]), codes=["单位行贿"])
        return {"lead": judged("BRIBERY_R06", dict(matter_kind="purchase", party_id=f"O:{CODE}", is_no_violation_declared=True, listings=[], namesakes=[], convictions=[c], activity_date=day(given["activity"])), day(AS_OF))}
    if topic.startswith("officer ban"):
        c = dict(case_no="c1", verdict="guilty", penalty="fixed", suspended="probation_end" in given, effective=dt.date(2018, 7, 1), end=given.get("served_until") and day(given["served_until"]), probation_end=given.get("probation_end") and day(given["probation_end"]), codes=["行贿"])
        row = dict(matter_kind="office", party_id="P:PA", role_kind="director", valid_from=dt.date(2022, 1, 1), company_kind="llc", reg_status="active", namesakes=[], convictions=[c])
        return {"barred": [judged("BRIBERY_R10", row, day(d)) for d in given["officer_on"]]}
    if topic == "state enterprise life ban":
        c = dict(case_no="c1", verdict="guilty", penalty="fixed", suspended=False, effective=dt.date(given["convicted"], 3, 1), codes=["行贿"])
        return {"barred": judged("BRIBERY_R11", dict(matter_kind="office", party_id="P:PA", role_kind="director", valid_from=dt.date(2020, 1, 1), state_control_kind=given["control"], reg_status="active", namesakes=[], convictions=[c]), dt.date(given["on"], 6, 1))}
    if topic == "tender fine": return {k: round(v) for k, v in tender_fines(given["winning_yuan"], given["unit_fine_yuan"], dt.date(2023, 1, 1), Law()).items()}
    if topic.startswith("criminal fine"):
        low, high, consistent = fine_range(given["amount_yuan"], *(Law().on(n, dt.date(2023, 1, 1)) for n in ("bribe_fine_min_yuan", "bribe_fine_max_multiple")))
        return {"min_yuan": low, "max_yuan": high} | ({} if consistent else {"flag": "no consistent range"})
    if topic == "predictive value": return {"ppv": round(predictive_value(given["prevalence"], given["sensitivity"], given["false_positive"]), 4)}
    if topic == "share acted upon": return {"percent": round(100 * given["hits"] / given["queries"], 4)}
    raise AssertionError(f"no answer for {topic}")

def test_every_worked_example_of_the_catalogue(examples):
    assert len(examples) == 30
    wrong = {k: (got, want) for k, (given, want, topic) in examples.items() if any((got := answer(topic, given)).get(x) != y for x, y in want.items())}
    assert wrong == {}


# --- published indicators of bid-rigging ------------------------------------------------------------------------------------------------------

def bids_of(record):
    "Bidder, price and whether valid, of each bid in a published record that names its bidder."
    return [(t["id"], b["value"]["amount"], b.get("status") == "valid") for b in (record.get("bids") or {}).get("details") or [] for t in b.get("tenderers") or [] if b.get("value")]

def test_identical_bids_alone_are_no_ring(shared, tmp_path):
    "R028 of the published indicators flags identical prices; here only a shared computer, author or account links bidders, and wins must exceed chance."
    path = shared / "data" / "procurement_red_flags.jsonl.gz"
    if not path.exists(): pytest.skip("shared data absent: procurement_red_flags.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as f: case = next(c for c in map(json.loads, f) if c["case"] == "R028")
    told = {r["ocid"]: bids_of(r) for r in case["records"]}
    codes = {who: body + uscc.calc_check_digit(body) for i, who in enumerate(sorted({w for x in told.values() for w, *_ in x} | {"giver", "owner"})) for body in [f"91340111MA2XX{i:04d}"]}
    def lake(folder, shared_computer):
        bid = lambda ident, who, won, **more: dict(lot_no=ident, bidder_uscc=codes[who], is_winner=won, region_code=HERE, **more)
        lots = [dict(lot_no=ident, owner_uscc=codes["owner"] if inside else None, bid_opening_date=dt.date(2021, 3, 1), region_code=HERE) for ident, inside in [*((i, True) for i in told), *((f"o{k}", False) for k in range(9))]]
        rows = {(i, w): bid(i, w, False, bid_price_yuan=float(y), upload_mac="M1" if shared_computer else None) for i, x in told.items() for w, y, _ in x}
        own = [bid(i, "giver", True) for i in told] + [bid(f"o{k}", "giver", False) for k in range(9)]
        fact = dict(fact_id="f1", giver_party_id=f"O:{codes['giver']}", taker_unit="某局", purpose_code="project", last_bribe_date=dt.date(2021, 1, 1), region_code=HERE)
        return lake_of(folder, tender_projects=lots, tender_bids=[*rows.values(), *own], bribery_facts=[fact], companies=[dict(uscc=codes["owner"], company_name="某局", establish_date=dt.date(2001, 1, 1), region_code=HERE)])
    assert sum(len({w for w, *_ in x}) > 1 for x in told.values()) >= 2
    assert outcome(lake(tmp_path / "a", False), "BRIBERY_R15", "fact") == "clear"
    assert outcome(lake(tmp_path / "b", True), "BRIBERY_R15", "fact") == "hit"
