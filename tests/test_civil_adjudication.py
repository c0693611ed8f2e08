"civil_adjudication on a small demo province: what was planted is found, who lawfully sues in masses is cleared with the reason, the undecidable is said to be so."
import csv
import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo import TRUTH_KEYS, build_demo, score, truth
from supervise_lib.data.lake import Lake
from supervise_lib.model.rules import judge
from supervise_lib.model.special import Case, frame_columns, judge_case, special
from supervise_lib.specials.chapters.civil_adjudication_pairs import LENDERS, PAIRS, loans_of, suits_by_agent, surroundings_of
from supervise_lib.stats.pairs import exact_tail, poisson_tail
from supervise_lib.specials.civil_adjudication import with_length
from supervise_lib.stats.multiplicity import adjusted
from supervise_lib.text import Text
from supervise_lib.work.run import Run

AS_OF, KEY = "2023-12-31", "matter_no"
SPECIAL = special("civil_adjudication")
COLUMNS = frame_columns(SPECIAL)

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("civil")
    lake = Lake(home / "lake")
    build_demo(lake, home / "demo", .02, tables=SPECIAL.tables)
    return Run("civil_adjudication", "340000", AS_OF, lake=lake), truth(home / "demo", "civil_adjudication"), lake

@pytest.fixture(scope="module")
def scored(run): return score(run[1], run[0].verdicts, TRUTH_KEYS["civil_adjudication"])

def test_every_planted_violation_is_found_and_no_lookalike(scored):
    assert set(scored.index) == {r.id for r in SPECIAL.rules}
    assert (scored.recall == 1).all() and (scored.false_lookalikes == 0).all() and (scored.lookalikes >= 1).all()

def test_few_clean_rows_are_suspected_and_the_undecidable_is_open(scored):
    assert scored.false_clean.sum() <= 2 and (scored.undecidable >= 1).all() and (scored.undecidable_said == scored.undecidable).all()

def test_mass_plaintiffs_are_cleared_with_the_reason(run):
    "A bank's and a property manager's series; the same of a trading company is a question."
    whole, told, _ = run
    v = whole.verdicts.merge(told[["rule", KEY, "kind", "turn"]], on=["rule", KEY])
    reasons = lambda rule, kind: set(v[(v.rule == rule) & (v.kind == kind)].reason.dropna())
    assert "excused:lawful_series" in reasons("TRIAL_R27", "lookalike") and reasons("TRIAL_R27", "violation") == set()
    assert "excused:licensed" in reasons("TRIAL_R16", "lookalike") and "excused:mass_plaintiff" in reasons("TRIAL_R32", "lookalike")

def test_outcomes_add_up_and_a_county_reads_its_own_rows(run):
    whole, _, lake = run
    assert (whole.counts.sum(axis=1) == len(whole.frame)).all() and set(whole.frame.matter_kind) == {"trial", "enforcement", "payment_order"}
    county = whole.frame.region_code.value_counts().index[0]
    own = Run("civil_adjudication", county, AS_OF, lake=lake)
    assert set(own.frame.region_code) == {county} and len(own.frame) == (whole.frame.region_code == county).sum()

def test_a_county_never_protests(run):
    leads = run[0].leads
    assert len(leads) and not leads.instruments.fillna("").str.contains(r"(?:^|;)protest(?:;|$)").any()
    assert {"suggestion_trial", "suggestion_enforcement", "retrial_suggestion", "protest_request"} <= {i for x in leads.instruments for i in x.split(";")}

# --- whole lakes of a few rows -----------------------------------------------------------------------------------------------------------------

HERE, THERE = "340111", "340123"

def table(name, *rows):
    "Rows of a table in the types of its contract; what is not given is missing."
    schema = contract(name).arrow_schema()
    return pd.DataFrame({f.name: pd.Series([r.get(f.name) for r in rows], dtype=pd.ArrowDtype(f.type)) for f in schema})

def lake_of(folder, **rows):
    lake = Lake(folder)
    for name, found in rows.items(): lake.write(name, table(name, *({"region_code": HERE} | r for r in found)))
    return lake

def outcome(lake, rule, no, region=HERE):
    run = Run("civil_adjudication", region, AS_OF, lake=lake)
    found = judge(SPECIAL.rule(rule), run.frame, run.law, run.choices, set(run.coverage.index[~run.coverage["delivered"]])).loc[(run.frame[KEY] == no).to_numpy(bool)]
    return found.outcome.item(), found.reason.item()

SUIT = dict(case_no="c1", court_code="C", filing_date=dt.date(2022, 3, 1), procedure_kind="ordinary", instance_level="first", close_kind="judgment", close_date=dt.date(2022, 12, 1), announce_date=dt.date(2022, 12, 1), doc_date=dt.date(2022, 12, 1), is_foreign_related=False)

def test_a_court_that_exports_no_events_is_not_late(tmp_path):
    assert outcome(lake_of(tmp_path / "a", civil_cases=[SUIT]), "TRIAL_R01", "c1")[0] == "cannot_tell"
    event = dict(case_no="c2", limit_event_kind="suspend", start_date=dt.date(2022, 4, 1), end_date=dt.date(2022, 5, 1))
    other = SUIT | dict(case_no="c2", filing_date=dt.date(2022, 2, 1))
    assert outcome(lake_of(tmp_path / "b", civil_cases=[SUIT, other], trial_limit_events=[event]), "TRIAL_R01", "c1")[0] == "hit"

def test_a_party_reached_in_another_county_was_not_reached_by_this_court(tmp_path):
    "Only the same court must know that the party can be found; the prison of another county it must know, too."
    parties = [dict(case_no="c1", party_seq=2, party_role="defendant", party_id="P:7", person_id_no="7", is_present=False)]
    services = [dict(case_no="c1", service_seq=1, party_seq=2, served_doc_kind="complaint", service_mode="post", service_start_date=dt.date(2022, 3, 5), is_returned=True), dict(case_no="c1", service_seq=2, party_seq=2, served_doc_kind="complaint", service_mode="announcement", service_start_date=dt.date(2022, 4, 1), attempt_no="1")]
    def lake(folder, court, **more):
        elsewhere = SUIT | dict(case_no="c9", court_code=court, region_code=THERE)
        return lake_of(folder, civil_cases=[SUIT, elsewhere], civil_case_parties=[*parties, dict(parties[0], case_no="c9", region_code=THERE)], service_records=[*services, dict(services[0], case_no="c9", service_mode="direct", is_returned=False, service_done_date=dt.date(2022, 3, 9), region_code=THERE)], **more)
    assert outcome(lake(tmp_path / "a", "D"), "TRIAL_R04", "c1")[0] == "clear" and outcome(lake(tmp_path / "b", "C"), "TRIAL_R04", "c1")[0] == "hit"
    held = [dict(person_id_no="7", custody_kind="prison", valid_from=dt.date(2021, 1, 1), region_code=THERE)]
    assert outcome(lake(tmp_path / "c", "D", custody_periods=held), "TRIAL_R04", "c1")[0] == "hit"

def test_without_the_list_no_series_is_accused(tmp_path):
    orders = [dict(case_no=f"o{i}", accept_date=dt.date(2023, 3, 1 + i), issue_date=dt.date(2023, 3, 3 + i), service_mode="direct", service_done_date=dt.date(2023, 3, 9 + i), creditor_party_id="O:91", debtor_party_id=f"P:{i}") for i in range(12)]
    rows = dict(payment_orders=orders, enforcement_cases=[dict(enforcement_case_no="e", filing_date=dt.date(2023, 1, 1))])
    assert outcome(lake_of(tmp_path / "a", **rows), "TRIAL_R27", "o3") == ("cannot_tell", "unsure:lawful_series")
    white = lambda code: [dict(whitelist_kind="property_management", uscc=code, addr_key="x", valid_from=dt.date(2010, 1, 1))]
    assert outcome(lake_of(tmp_path / "b", **rows, whitelists=white("91")), "TRIAL_R27", "o3") == ("clear", "excused:lawful_series")
    assert outcome(lake_of(tmp_path / "c", **rows, whitelists=white("92")), "TRIAL_R27", "o3")[0] == "hit"

def test_an_order_that_the_court_lists_twice_is_one_row(tmp_path):
    order = dict(case_no="o1", accept_date=dt.date(2023, 3, 1), issue_date=dt.date(2023, 3, 30), service_mode="direct", service_done_date=dt.date(2023, 4, 1))
    lake = lake_of(tmp_path, payment_orders=[order], civil_cases=[SUIT | dict(case_no="o1", procedure_kind="payment_order")], enforcement_cases=[dict(enforcement_case_no="e1", filing_date=dt.date(2023, 1, 1), basis_kind="criminal")])
    f = Run("civil_adjudication", HERE, AS_OF, lake=lake).frame
    assert f[[KEY, "matter_kind"]].values.tolist() == [["o1", "payment_order"]]    # and the enforcement of a fine is another department's

def test_two_sittings_of_one_judge_in_two_counties_are_seen_from_both(tmp_path):
    at = lambda h, m=0: dt.datetime(2023, 3, 1, h, m)
    hearings = [dict(hearing_id="h1", case_no="c1", hearing_start_time=at(9), hearing_end_time=at(10), courtroom="A", is_pretrial=False), dict(hearing_id="h2", case_no="c2", hearing_start_time=at(9, 40), hearing_end_time=at(11), courtroom="B", is_pretrial=False, region_code=THERE)]
    staff = [dict(hearing_id="h1", staff_id="s", panel_role="presiding"), dict(hearing_id="h2", staff_id="s", panel_role="assessor", region_code=THERE)]
    lake = lake_of(tmp_path, civil_cases=[SUIT, SUIT | dict(case_no="c2", region_code=THERE)], civil_hearings=hearings, civil_hearing_staff=staff)
    assert outcome(lake, "TRIAL_R31", "c1")[0] == outcome(lake, "TRIAL_R31", "c2", THERE)[0] == "hit"

# --- pairs, durations -----------------------------------------------------------------------------------------------------------------------------

def test_chances_of_the_catalogue(shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: rows = {r["example_id"]: (json.loads(r["inputs"]), json.loads(r["expected"])) for r in csv.DictReader(f)}
    for g in ("G01", "G02"): assert exact_tail(rows[g][0]["k"], [tuple(rows[g][0][k] for k in "NKn")]) == pytest.approx(rows[g][1]["p"], rel=1e-3)
    assert poisson_tail(rows["G03"][0]["k"], rows["G03"][0]["mean"]) == pytest.approx(rows["G03"][1]["p"], rel=1e-3)
    q = adjusted(rows["G04"][0]["p"])
    assert q.round(4).tolist() == rows["G04"][1]["adjusted"] and (q <= rows["G04"][0]["q"]).sum() == rows["G04"][1]["rejections"]

def suits(rows, **over):
    "Suits of one court, cause and year: (agent, judge, plaintiff, whether the agent is the other side's)."
    party = lambda who: [{"seq": 1, "party": who, "role": "plaintiff", "uscc": who[2:] if who[0] == "O" else None}, {"seq": 2, "party": "P:2", "role": "defendant", "uscc": None}]
    d = [dict(matter_no=f"案{i}", matter_kind="trial", filing_date=dt.date(2023, 3, 1), court_code="C", cause_code="9103", judge_staff_id=judge, parties=party(who), agents=[{"party": 2 if other else 1, "agent": agent, "licence": None}], **over) for i, (agent, judge, who, other) in enumerate(rows)]
    return pa.Table.from_pylist([{**{"cause_name": None, "whitelisted": None}, **r} for r in d]).to_pandas(types_mapper=pd.ArrowDtype)

def agents_before_judges(favoured):
    "Four hundred suits of one court; the first agent's fall on the first judge as often as asked."
    rng = np.random.default_rng(4)
    return [("a0", "j0" if i < favoured else f"j{1 + i % 3}", f"P:s{i}", False) for i in range(40)] + [(f"a{1 + i % 9}", f"j{rng.integers(4)}", f"P:t{i}", False) for i in range(360)]

def test_a_pair_that_meets_too_often_is_counted_and_a_series_is_one_case():
    agent_judge = PAIRS[0]
    many, usual = agent_judge.compute(suits(agents_before_judges(30))), agent_judge.compute(suits(agents_before_judges(11)))
    assert many.k[0] == 1 and many.q[0] < .05 and many.n[0] == usual.n[0] == 40 and usual.k[0] == 0 and pd.isna(usual.q[0])
    one = [(a, j, "P:bank" if a == "a0" else p, o) for a, j, p, o in agents_before_judges(30)]     # forty suits of one plaintiff, cause and day are one
    assert agent_judge.compute(suits(one)).k[0] == 0
    rest = suits(agents_before_judges(30)); rest["cause_code"] = rest["judge_staff_id"]              # a bench for each kind of case is no favour
    assert agent_judge.compute(rest).k[0] == 0

def test_the_opponents_agent_is_a_question_of_its_own_and_a_listed_plaintiff_is_none():
    rng = np.random.default_rng(6); rows = [("a0", "j", "O:91", True)] * 20 + [(f"a{1 + i % 9}", "j", f"P:{rng.integers(20)}", True) for i in range(300)]
    f = suits(rows); f["filing_date"] = pd.Series([dt.date(2023, 1, 1) + dt.timedelta(i) for i in range(len(f))], dtype=pd.ArrowDtype(pa.date32()))
    own, other = PAIRS[1:]
    assert other.compute(f).k[0] == 1 and "未检验" in own.compute(f).note_zh[0]
    listed = other.compute(suits(rows, whitelisted=[{"uscc": "91", "kind": "bank"}])).k[0]
    assert pd.isna(listed) or listed == 0

def test_pairs_and_lenders_are_numbers_without_names(run):
    found = run[0].statistics; mine = found[found.statistic.isin([s.id for s in (*PAIRS, LENDERS)])]
    assert len(mine) == 4 and set(mine.group) == {"all"} and (mine.note_zh.str.len() > 5).all() and len(suits_by_agent(run[0].frame)) > 100
    ids = set(suits_by_agent(run[0].frame)[["agent", "judge", "plaintiff"]].astype(object).stack().dropna()) | set(loans_of(run[0].frame)[0].lender)
    assert ids and not any(i in mine.to_json(force_ascii=False) for i in ids)

def test_without_agents_or_judges_nothing_is_tested():
    rows = agents_before_judges(30); unknown = [(a, None if i % 3 == 0 else j, p, o) for i, (a, j, p, o) in enumerate(rows)]
    t = PAIRS[0].compute(suits(unknown))
    assert pd.isna(t.value[0]) and t.n_unknown[0] == 134 and "80%" in t.note_zh[0]
    assert pd.isna(LENDERS.compute(suits(rows).assign(lent=pd.Series([None] * len(rows), dtype=pd.ArrowDtype(pa.null())))).value[0])

def test_the_law_that_a_statistic_reads_is_an_input(run):
    assert len(run[0].statistics) and set(LENDERS.reads) <= set(run[0].law_read)

def test_a_lead_has_surroundings_and_no_lead_none(run):
    found = surroundings_of(run[0])
    assert found["centre"] == run[0].leads.matter_no.iloc[0] and set(found["nodes"].kind) <= {"case", "party", "lawyer", "phone"} and found["centre"] in set(found["nodes"].id)
    class Nothing: frame, leads = run[0].frame.head(0), run[0].leads.head(0)
    assert surroundings_of(Nothing)["centre"] is None

def test_length_runs_to_the_last_day_recorded():
    day = pd.ArrowDtype(pa.date32())
    f = pd.DataFrame({"matter_kind": pd.Series(["trial", "trial", "enforcement"], dtype="string[pyarrow]"), "filing_date": pd.Series([dt.date(2023, 1, 1), dt.date(2023, 2, 1), dt.date(2020, 1, 1)], dtype=day), "close_date": pd.Series([dt.date(2023, 3, 2), None, None], dtype=day),
                      "procedure_kind": pd.Series(["summary", None, None], dtype="string[pyarrow]")})
    d = with_length(f)
    assert d.days_open.tolist() == [60, 29] and d.was_closed.tolist() == [True, False] and d.procedure.iloc[0] == "简易"

# --- the catalogue's worked examples ------------------------------------------------------------------------------------------------------------------

def judged(rule, row, as_of=dt.date(2023, 12, 31)):
    return judge_case(SPECIAL, Case(rule, Text("x", "甲"), (row,), (), as_of=as_of), COLUMNS).iloc[0]

TRIALS = {"T01": "ordinary", "T03": "summary", "T04": "summary", "T05": "summary", "T06": "ordinary", "T07": "small_claim", "T08": "second"}

@pytest.mark.parametrize("example", TRIALS)
def test_worked_example_of_a_trial_limit(example, shared):
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: row = next(r for r in csv.DictReader(f) if r["example_id"] == example)
    i, want = json.loads(row["inputs"]), json.loads(row["expected"])
    filed, usual = dt.date.fromisoformat(i["filed"]), {"ordinary": 6, "summary": 3, "small_claim": 2, "second": 3}[TRIALS[example]]
    events = [{"kind": "extension_president", "from": filed, "approve": filed, "level": "president"}] if i["months"] > usual else []
    v = judged("TRIAL_R01", dict(matter_kind="trial", procedure_kind=TRIALS[example], filing_date=filed, close_kind="judgment", announce_date=dt.date.fromisoformat(i["closed"]), is_foreign_related=False, is_pilot_court=False, court_events=1, limit_events=events))
    assert (v.outcome == "hit") == (want["overdue_days"] > 0) and max(0, v.margin) == want["overdue_days"]

def test_worked_example_of_small_claims(shared):
    "The catalogue flags a claim between half and twice the wage because no agreement was made; data cannot say so, and the row stays open."
    with open(shared / "domain" / "worked_examples.csv", encoding="utf-8", newline="") as f: i = next(json.loads(r["inputs"]) for r in csv.DictReader(f) if r["example_id"] == "T67")
    row = dict(matter_kind="trial", procedure_kind="small_claim", filing_date=dt.date.fromisoformat(i["filed"]), avg_wage_yuan=float(i["average_wage_yuan"]), cause_name="买卖合同纠纷", is_foreign_related=False, is_pilot_court=False, court_services=1)
    assert [judged("TRIAL_R34", row | dict(claim_yuan=float(c))).outcome for c in i["claim_yuan"]] == ["cannot_tell", "hit"]
