"The demo province: repeatable, lawful where it claims to be, honest about what it planted."
import datetime as dt
import hashlib
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from stdnum.cn import ric

from supervise_lib.data.demo import RULES, TRUTH_KEYS, deliver, listen, score, storytellers, truth, truth_of, world
from supervise_lib.data.demo_cases import term_end
from supervise_lib.data.demo_dirt import tables
from supervise_lib.data.demo_papers import chinese
from supervise_lib.data.demo_world import figures
from supervise_lib.data.identity import check

SMALL = .05
GONE = ("omitted", "split", "withdrawn_one")


@pytest.fixture(scope="module")
def small(): return world(SMALL)


@pytest.fixture(scope="module")
def full(): return world(1.0)


@pytest.fixture(scope="module")
def facts(full): return truth_of(full)


def judged(w): return [(c, d) for c in w.cases if c.judged for d in c.defendants if d.verdict not in GONE]


def untouched(w): return [(c, d) for c, d in judged(w) if c.turn is None]


def digest(folder): return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_seed_same_bytes_other_seed_other_people(tmp_path):
    one = deliver(tmp_path / "a", .02, seed=7)
    world.cache_clear()
    deliver(tmp_path / "b", .02, seed=7)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") and len(digest(tmp_path / "a")) > 100
    deliver(tmp_path / "c", .02, seed=8)
    assert not set(truth(one.folder).person_id_no.dropna()) & set(truth(tmp_path / "c").person_id_no.dropna())


def test_about_four_thousand_judgments_over_all_counties_most_from_2019_on(full):
    days = [c.days["announced"] for c in full.cases if c.judged]
    assert 3600 < len(days) < 4400 and max(days) <= full.as_of
    assert sum(d.year >= 2019 for d in days) > .85 * len(days)
    assert len({c.place.code for c in full.cases}) == 104


def test_populous_counties_have_more_cases(full):
    n = pd.Series([c.place.code for c in full.cases]).value_counts()
    people = sorted(full.places, key=lambda p: p.population)
    assert n.reindex([p.code for p in people[-20:]]).sum() > 4 * n.reindex([p.code for p in people[:20]]).fillna(0).sum()


@pytest.mark.parametrize("rule", [f"JUDGE_R{i:02d}" for i in range(1, 29)] + ["JUDGE_N26"])
def test_every_rule_has_violations_and_at_least_as_many_lookalikes(facts, rule):
    n = facts[facts.rule == rule].kind.value_counts()
    assert n["violation"] >= 5 and n["lookalike"] >= n["violation"]


def test_everybody_judged_is_in_the_truth_once_per_rule(full, facts):
    assert set(facts.rule) == set(RULES) and not facts.duplicated(["case_no", "defendant_seq", "rule"]).any()
    assert {(c.nos["case"], d.seq) for c, d in judged(full)} <= set(zip(facts.case_no, facts.defendant_seq, strict=True))
    assert facts.loc[facts.kind != "clean", ["note_en", "note_zh"]].notna().loc[lambda f: ~(facts.rule == "JUDGE_R25")].all(axis=None)


def test_at_any_scale_every_turn_happens(small): assert {c.turn for c in small.cases} - {None} == set(figures("turns"))


def test_identity_numbers_are_valid_unique_and_fit_their_person(full):
    people = {id(d.person): d.person for c in full.cases for d in c.defendants}.values()
    assert len({p.id_no for p in people}) == len(people)
    for p in people:
        told = check(p.id_no)
        assert told.valid and told.birth_date == p.born and told.sex == p.gender and ric.calc_check_digit(p.id_no) == p.id_no[-1]


def test_case_numbers_are_unique_and_of_the_court(full):
    assert len({c.nos["case"] for c in full.cases}) == len(full.cases)
    assert all(c.nos["case"].startswith(f"（{c.days['accepted'].year}）{c.place.court_code}刑初") for c in full.cases)


def test_no_text_holds_template_leftovers(full):
    texts = [c.text for c in full.cases if c.judged] + [p["text"] for c in full.cases for p in c.papers]
    for t in texts: assert not re.search(r"[{}]|None|nan|True|False|，，|。。|、、|，。|\n\n| ", t), t
    assert 900 < pd.Series([len(t) for t in texts]).median() < 2500


def test_texts_say_what_the_case_holds(full):
    for c, d in untouched(full):
        t = d.total
        if d.hide: continue   # an earlier case that is only half told
        assert c.nos["case"] in c.text and d.person.name in c.text and f"{c.place.court}\n刑事判决书" in c.text
        if d.printed: assert all(f"{x.year}年{x.month}月{x.day}日" in c.text for x in d.printed)
        if t.fine: assert any(f"{x}元" in c.text for x in (chinese(t.fine), str(t.fine), f"{t.fine:,}"))


def test_dates_of_untouched_cases_follow_each_other(full):
    for c, d in untouched(full):
        x = c.days
        assert x["offence"] <= x["filed"] <= x["held"] < x["received"] < x["indicted"] <= x["accepted"] < x["announced"] <= x["served"] <= x["announced"] + dt.timedelta(5)
        assert all(k.start <= k.end <= d.held[0].start for k in d.crimes) and d.person.born < d.crimes[0].start
        assert all(a.start <= (a.end or x["announced"]) for a in d.held) and x["announced"].weekday() < 5


def test_terms_of_untouched_unbroken_custody_end_by_the_calendar(full):
    n = 0
    for _, d in untouched(full):
        if d.way != "plain" or not d.printed: continue
        n += 1
        assert d.printed[1] == term_end(d.printed[0], d.total.months, d.total.days)
    assert n > 500


def test_untouched_cases_stay_in_their_bands_and_follow_the_recommendation(full):
    for _, d in untouched(full):
        for k in d.crimes:
            top = k.band["to"] or 6
            mitigated = set(d.found) & set(figures("courts")["mitigating"])
            assert 1 <= k.sentence.months <= top and (mitigated or k.band["from"] <= 6 or k.sentence.months >= k.band["from"])
            assert (k.sentence.fine or 0) >= 1000 or k.band["fine"] == "none"
            if k.charge == "theft": assert k.sentence.fine <= 2 * k.amount
        if d.total.probation is not None: assert d.total.months <= 36 and d.total.months <= d.total.probation <= 60 and "recidivist" not in d.found
        for a in d.advice:
            low, high = a.total or (a.low, a.high)
            assert low <= d.total.months <= high and (a.suspended == "yes") == (d.total.probation is not None)


def test_planted_errors_are_in_the_texts(full):
    by = {c.turn: c for c in full.cases if c.turn}
    assert "罚金" not in re.split("判决如下", by["fine_missing"].text)[1]
    assert "撤销" in by["look_revoked"].text and "撤销" not in by["not_revoked"].text
    assert "累犯" not in by["recid_untold"].text and "累犯" in by["recid_probation"].text
    assert any(p["kind"] == "correction" and "补正为" in p["text"] for p in by["look_corrected"].papers)
    omitted = by["omitted_person"]
    assert f"被告人{omitted.defendants[1].person.name}犯" not in re.split("判决如下", omitted.text)[1]


def test_tables_refer_to_each_other(full):
    rows = tables(full)
    indicted = {r["indictment_doc_no"] for r in rows["indictment_defendants"]}
    cases = {r["case_no"] for r in rows["criminal_court_cases"]}
    assert {r["indictment_doc_no"] for t in ("indictment_charges", "indictment_circumstances", "sentencing_recommendations") for r in rows[t]} <= indicted
    assert {r["case_no"] for t in ("legal_documents", "prison_terms", "protests") for r in rows[t]} <= cases
    assert not any(t in rows for t in ("criminal_judgments", "judgment_charges"))


def test_undecidable_means_not_delivered(full):
    rows, by = tables(full), {c.turn: c for c in full.cases if c.turn}
    held = {r["person_id_no"] for r in rows["custody_stays"]}
    assert by["cannot_untold"].defendants[0].person.id_no not in held and "刑事拘留" not in by["cannot_untold"].text
    assert "××××年" in by["cannot_masked"].text and "××" in by["cannot_amount"].text
    who = by["cannot_age"].defendants[0].person
    assert who.id_no not in by["cannot_age"].text and f"{who.born.year}年{who.born.month}月" not in by["cannot_age"].text


def test_score_counts_each_kind_of_answer():
    t = pd.DataFrame({"case_no": list("abcdef"), "defendant_seq": 1, "rule": "JUDGE_R01", "kind": ["violation", "violation", "violation", "lookalike", "clean", "undecidable"]})
    v = pd.DataFrame({"case_no": list("abdef"), "defendant_seq": 1, "rule": "JUDGE_R01", "outcome": ["hit", "cannot tell", "hit", "clear", "cannot_tell"]})
    s = score(t, v).loc["JUDGE_R01"]
    assert (s.planted, s.found, s.missed, s.cannot_tell, s.false_lookalikes, s.false_clean, s.undecidable_said) == (3, 1, 1, 1, 1, 0, 1)
    assert s.precision == .5 and s.recall == pytest.approx(1 / 3) and s.cannot_tell_share == .2 and s.n == 5


def test_score_refuses_contradicting_verdicts():
    t = pd.DataFrame({"case_no": ["a"], "defendant_seq": [1], "rule": ["JUDGE_R01"], "kind": ["clean"]})
    v = pd.DataFrame({"case_no": ["a", "a"], "defendant_seq": [1, 1], "rule": ["JUDGE_R01"] * 2, "outcome": ["hit", "clear"]})
    with pytest.raises(ValueError, match="contradict"): score(t, v)


@pytest.mark.parametrize("special", sorted(set(TRUTH_KEYS) - {"judgment_consistency"}))
def test_every_special_told_has_its_truth_beside_the_delivery(tmp_path, special):
    deliver(tmp_path, .02)
    t, key = truth(tmp_path, special), list(TRUTH_KEYS[special])
    assert {"rule", "region_code", *key, "kind", "turn"} <= set(t.columns) and set(t.kind) <= {"violation", "lookalike", "undecidable", "clean"}
    assert not t.duplicated(["rule", *key]).any() and t[key].notna().all(axis=None)
    oracle = t.assign(outcome=t.kind.map({"violation": "hit", "undecidable": "cannot tell", "lookalike": "clear", "clean": "clear"}))
    assert (score(t, oracle, key).recall.dropna() == 1).all()


def test_a_new_chapter_is_heard_and_knows_what_was_told_before():
    w = world(.02)
    before, heard = {t: len(r) for t, r in w.told.items()}, {}
    place = w.places[0].code
    def tell(world, scale):
        heard.update(told=set(world.told), scale=scale)
        return {"deaths": [{"person_id_no": None, "region_code": place, "_turn": None, "_case": 0}]}, [("NEW_R01", place, "x", "clean", None)]
    try:
        listen(w, SimpleNamespace(__name__="demo_new", SPECIAL="new", KEY=("case_no",), tell=tell), .02)
        assert {"persons", "coercive_measures"} <= heard["told"] and heard["scale"] == .02
        assert len(w.told["deaths"]) == before.get("deaths", 0) + 1 and w.truths["new"] == [("NEW_R01", place, "x", "clean", None)]
        with pytest.raises(ValueError, match="a truth must be"): listen(w, SimpleNamespace(__name__="demo_new", SPECIAL="new", KEY=("case_no", "seq"), tell=tell), .02)
    finally: world.cache_clear()


def test_no_table_told_vanishes(tmp_path):
    found = deliver(tmp_path, .02)
    assert set(found.files) == {t for t, n in found.rows.items() if n} and {m.SPECIAL for m in storytellers()} <= set(TRUTH_KEYS)


def test_everything_delivered_is_accepted_or_quarantined_for_a_known_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "key" / "identity.key"))
    from supervise_lib.data.lake import Lake
    from supervise_lib.data.readers import ingest
    found = deliver(tmp_path / "in", .02)
    for table in ("indictment_defendants", "criminal_court_cases", "legal_documents"):
        r = ingest(table, found.files[table], Lake(tmp_path / "lake"), extract_date=found.as_of, legal_basis="demo", source="demo")
        assert r.rows == r.accepted + r.quarantined and r.accepted > .97 * found.rows[table]
