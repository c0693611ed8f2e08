"""The commands for candidate models, class problems and typical cases, on an invented results folder: what was known on a day, what a file may be, and one cause for each lead that moves."""
import datetime as dt
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from supervise_lib import cli
from supervise_lib.model.candidate import Candidate
from supervise_lib.model.special import special
from supervise_lib.publish.gate import Refused
from supervise_lib.publish.typical_files import write_case
from supervise_lib.review.ledger import Ledger, enter, move
from supervise_lib.review.models import applied, fit_known, leads_known, read_model, runs_known, seal, write_model
from supervise_lib.review.models_compare import compare_models
from supervise_lib.review.models_words import told
from supervise_lib.review.problem_pages import after_reply, page_of, standing_leads, with_story
from supervise_lib.review.problems import as_rows, problems
from supervise_lib.text import Text
from supervise_lib.work.records import digest

NAME, JUNE, DECEMBER, EACH = "criminal_detention", "2023-06-30", "2023-12-31", 14
COUNTIES = ("340102", "340103", "340111", "340121", "340122", "340123", "340124", "340202", "340207", "340221", "340302", "340303")
RULES = ("DETENTION_R01", "DETENTION_R06")
ARTICLE = {"name": "x", "label": {"en": "limit", "zh": "期限"}, "value": 3, "unit": {"en": "days", "zh": "日"}, "since": "2012-01-01", "article": {"en": "Law on A, Art. 91", "zh": "甲法第九十一条"}, "status": "checked"}


@pytest.fixture(autouse=True)
def own_language(chinese): pass


def invoke(*args):
    found = CliRunner().invoke(cli.app, [str(a) for a in args])
    return found.exit_code, found.output + (str(found.exception) if found.exception and not isinstance(found.exception, SystemExit) else "")


# ---- an invented results folder

def evidence(hits, organ): return json.dumps([{"rule": r, "title": special(NAME).rule(r).title.to_dict(), "outcome": "hit", "values": [{"column": "organ_name", "value": organ}], "law": [ARTICLE]} for r in hits.split(";") if r != "none"])


def matters(county, n, rng):
    "Detentions of a county, those with the second rule seldom rightly flagged."
    a, b = rng.random(n) < .6, rng.random(n) < .5
    hits = [";".join(r for r, h in zip(RULES, x, strict=True) if h) or RULES[0] for x in zip(a, b, strict=True)]
    p = np.where(b, .08, .85)
    return pd.DataFrame({"measure_id": [f"M{county}{i:03}" for i in range(n)], "region_code": county, "day": [dt.date(2023, 1 + i * 12 // n, 5) for i in range(n)], "severity": rng.integers(1, 5, n), "hits": hits, "right": rng.random(n) < p})


def write_run(outputs, county, day, rows, choices=None, **inputs):
    "A run's folder: leads, their verdicts, a manifest. `law`: values by reference; `row` and `law` of a row may be given."
    folder = Path(outputs) / "runs" / NAME / county / day
    folder.mkdir(parents=True, exist_ok=True)
    d = rows.assign(lead_no=[f"{NAME}-{county}-{day.replace('-', '')}-{digest(k)[:12]}" for k in rows["measure_id"]], grade="S" + rows["severity"].astype(str), instruments="correction_notice", n_hits=1, deadline=pd.array([None] * len(rows), dtype="string"), mark="", evidence=[evidence(h, f"{c}公安局") for h, c in zip(rows["hits"], rows["region_code"], strict=True)])
    d[[c for c in d if c not in ("right", "row", "law")]].to_parquet(folder / "leads.parquet")
    v = [{"measure_id": r.measure_id, "rule": rule, "outcome": "hit" if rule in r.hits.split(";") else "clear", "severity": r.severity, "row": getattr(r, "row", "r"), "law": getattr(r, "law", "")} for r in d.itertuples() for rule in RULES]
    write_verdicts(folder, pd.DataFrame(v, columns=["measure_id", "rule", "outcome", "severity", "row", "law"]))
    known = {c: x.value for c, x in special(NAME).choices.items()} | (choices or {})
    base = {"law": {"hash": "l", "values": {}}, "choices": {"values": known, "hash": digest(known), "overridden": choices or {}}, "code": "c", "reference": "f", "data": {}, "across": {}, "absent": []}
    m = {"special": NAME, "region": county, "region_name": {"en": f"County {county}", "zh": f"县{county}"}, "as_of": day, "lang": "zh", "inputs": base | inputs, "outputs": {"leads.parquet": digest(folder / "leads.parquet")}}
    (folder / "run.json").write_text(json.dumps(m), encoding="utf-8")
    return folder


def write_verdicts(folder, v): v.astype({"severity": "Int64"}).to_parquet(folder / "verdicts.parquet")


def answer(book, lead, right, at):
    road = [("TRI", "AN", {}), ("REG", "PR", {}), ("ASS", "PR", {}), ("PIN", "PR", {"note": "x"}), ("FIL", "CP", {"doc": "1"})] if right else [("TRI", "AN", {}), ("REJ", "PR", {"reason": "lawful"})]
    for to, role, more in road: move(book, lead, to, role, "甲", at=at, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "Twelve counties, run in June and in December, each matter answered half a month after the run that found it."
    base = tmp_path_factory.mktemp("models"); rng = np.random.default_rng(5)
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_KEY_FILE", str(base / "identity.key"))
        book = Ledger(base / "outputs" / "ledger.sqlite")
        for county in COUNTIES:
            rows = matters(county, EACH, rng); early = rows["day"] <= dt.date(2023, 6, 30)
            for day, mine, answered in ((JUNE, rows[early], rows[early]), (DECEMBER, rows, rows[~early])):
                folder = write_run(base / "outputs", county, day, mine)
                leads = pd.read_parquet(folder / "leads.parquet")
                enter(book, leads, at=dt.datetime.fromisoformat(day))
                numbers = dict(zip(leads["measure_id"], leads["lead_no"], strict=True))
                for r in answered.itertuples(): answer(book, numbers[r.measure_id], r.right, dt.datetime.fromisoformat(day) + dt.timedelta(15))
    return SimpleNamespace(outputs=base / "outputs", key=base / "identity.key")


@pytest.fixture
def outputs(made, tmp_path, monkeypatch):
    "A copy that a test may change."
    shutil.copytree(made.outputs, tmp_path / "outputs")
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(made.key)); monkeypatch.setenv("SUPERVISE_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


@pytest.fixture
def read_only(made, monkeypatch):
    "The results themselves, for tests that only read."
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(made.key)); monkeypatch.setenv("SUPERVISE_OUTPUTS", str(made.outputs))
    return made.outputs


@pytest.fixture(scope="module")
def fitted(made):
    "The model of all reviews."
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_KEY_FILE", str(made.key))
        return fit_known(made.outputs, NAME, dt.date(2024, 3, 1), 40)


# ---- fit

def test_a_model_is_fitted_measured_and_written(fitted, outputs):
    code, said = invoke("model", "fit", NAME, "--as-of", "2024-03-01", "--k", "40", "--lang", "en")
    path = outputs / "models" / NAME / "2024-03-01.json"
    assert code == 0 and str(path) in said, said
    m = read_model(path)
    assert path.read_text(encoding="utf-8") == fitted.to_json()      # the same reviews give the same bytes
    assert m.kind == "fitted" and m.weights[RULES[0]] > m.weights[RULES[1]] and m.fitted_on["n"] == 12 * EACH and m.manifest["as_of"] == "2024-03-01" and len(m.manifest["runs"]) == 24
    assert m.choices == {c: x.value for c, x in special(NAME).choices.items()}
    for way in ("other counties", "later matters"):
        for measure in ("confirmed among the first 40 (precision)", "recall estimate", "calibration: intercept", "calibration: slope", "Brier"):
            assert any(way in line and measure in line and "(95%)" in line for line in said.split("\n")), (way, measure)
    assert "more are confirmed than in the order of severity" in said and "in the order of their score" in said
    assert not list(path.parent.glob("*.part")) and not list(path.parent.glob(".*"))


def test_a_backtest_uses_only_what_was_known_then(outputs):
    "Later runs and later answers change nothing of what an earlier day knew."
    day = dt.date(2023, 9, 1)
    leads, book = leads_known(outputs, NAME, day); runs = runs_known(outputs, NAME, day)
    assert leads["label"].notna().sum() == len(leads) == 6 * EACH and leads["day"].max() <= dt.date(2023, 6, 30) and {r["as_of"] for r in runs} == {JUNE}
    ledger = Ledger(outputs / "ledger.sqlite")
    lead = next(n for n, es in ledger.by_lead().items() if es[-1].to == "FIL" and f"-{JUNE.replace('-', '')}-" in n)
    for to, role, more in (("PRO", "CP", {"kind": "correction_notice", "doc": "2", "served": "2023-10-01"}), ("RPL", "CM", {"outcome": "x"})): move(ledger, lead, to, role, "甲", at=dt.datetime(2023, 10, 1), **more)
    write_run(outputs, "340403", "2024-01-31", matters("340403", 30, np.random.default_rng(9)))
    again, read = leads_known(outputs, NAME, day)
    assert again.equals(leads) and read == book and runs_known(outputs, NAME, day) == runs
    assert leads_known(outputs, NAME, dt.date(2023, 7, 1))[0]["label"].isna().all()      # found, but not answered yet


def test_an_answer_that_was_changed_later_counts_as_it_stood(outputs):
    folder = outputs / "runs" / NAME / "340102" / JUNE; rows = pd.read_parquet(folder / "leads.parquet")
    write_run(outputs, "340102", JUNE, pd.concat([rows, rows[:1].assign(measure_id="Mnew")], ignore_index=True))
    book, lead = Ledger(outputs / "ledger.sqlite"), f"{NAME}-340102-{JUNE.replace('-', '')}-{digest('Mnew')[:12]}"
    enter(book, pd.read_parquet(folder / "leads.parquet"), at=dt.datetime(2023, 7, 1))
    for month, road in ((7, (("TRI", "AN", {}), ("REG", "PR", {}), ("ASS", "PR", {}), ("PIN", "PR", {"note": "x"}), ("NFL", "CP", {"doc": "1", "reason": "false_positive"}))), (11, (("PIN", "CP", {"note": "y"}), ("FIL", "CP", {"doc": "2"})))):
        for to, role, more in road: move(book, lead, to, role, "甲", at=dt.datetime(2023, month, 9), **more)
    said = lambda day: [None if pd.isna(v) else v for v in leads_known(outputs, NAME, day)[0].set_index("lead_no").loc[lead, ["label", "known_on"]]]
    assert said(dt.date(2023, 7, 8)) == [None, None] and said(dt.date(2023, 9, 1)) == [False, "2023-07-09"] and said(dt.date(2023, 12, 1)) == [True, "2023-11-09"]


def test_what_was_reviewed_is_what_was_entered(outputs):
    "A run made again finds leads with another rule; the answer stays with what was answered, and how many there are is told."
    day = dt.date(2023, 9, 1); before = leads_known(outputs, NAME, day)[0]
    rows = pd.read_parquet(outputs / "runs" / NAME / "340102" / JUNE / "leads.parquet")
    write_run(outputs, "340102", JUNE, rows.assign(hits=RULES[1]))
    after, book = leads_known(outputs, NAME, day)
    assert after["hits"].tolist() == before["hits"].tolist() and book["changed"] == int((rows["hits"] != RULES[1]).sum()) > 0
    model = Candidate(NAME, "severity_order", {"en": "few", "zh": "少"}, manifest={"runs": [], "leads": 0, "ledger": book})
    assert "与现有运行结果不同" in "".join(t.zh for t in told(model))


@pytest.mark.parametrize("lang, words", [("zh", ("不足60条", "仅按严重程度排序", "未检验查准率", "属实优势倍数")), ("en", ("no weights are learnt", "order of severity alone", "not measured", "odds of being confirmed"))])
def test_too_few_reviews_leave_the_order_of_severity(outputs, lang, words):
    (outputs / "ledger.sqlite").unlink()
    book = Ledger(outputs / "ledger.sqlite"); leads = pd.read_parquet(outputs / "runs" / NAME / "340102" / JUNE / "leads.parquet"); enter(book, leads, at=dt.datetime(2023, 7, 1))
    for n in leads["lead_no"][:4]: answer(book, n, True, dt.datetime(2023, 7, 5))
    code, said = invoke("model", "fit", NAME, "--as-of", "2024-01-01", "--lang", lang)
    assert code == 0 and all(w in said for w in words[:3]) and words[3] not in said, said
    m = read_model(outputs / "models" / NAME / "2024-01-01.json")
    assert m.kind == "severity_order" and m.fitted_on["n"] == 4 and m.weights == {} and m.validation == []
    code, said = invoke("model", "apply", outputs / "models" / NAME / "2024-01-01.json", "-r", "340102", "--as-of", DECEMBER, "--lang", lang)
    table = pd.read_csv(next((outputs / "models" / NAME / "applied").glob("*.csv")))
    assert code == 0 and words[0] in said and table["score"].isna().all() and table["severity"].is_monotonic_decreasing      # no number that could be taken for a probability
    code, said = invoke("model", "apply", outputs / "models" / NAME / "2024-01-01.json", "-r", "340102", "--as-of", DECEMBER, "--by", "score")
    assert code != 0 and "has no weights" in said


def test_without_a_ledger_nothing_is_reviewed_and_none_is_made(outputs):
    (outputs / "ledger.sqlite").unlink()
    code, said = invoke("model", "fit", NAME, "--as-of", "2024-01-01")
    assert code == 0 and "已评审线索0条" in said and "尚无已评审线索" in said and not (outputs / "ledger.sqlite").exists()


def test_a_model_no_better_than_severity_says_so_and_orders_nothing(outputs, tmp_path):
    "Answers thrown at random."
    (outputs / "ledger.sqlite").unlink(); book, rng = Ledger(outputs / "ledger.sqlite"), np.random.default_rng(3)
    for county in COUNTIES:
        leads = pd.read_parquet(outputs / "runs" / NAME / county / JUNE / "leads.parquet"); enter(book, leads, at=dt.datetime(2023, 7, 1))
        for n in leads["lead_no"]: answer(book, n, bool(rng.random() < .5), dt.datetime(2023, 7, 5))
    code, said = invoke("model", "fit", NAME, "--as-of", "2023-08-01", "--out", tmp_path / "m.json")
    assert code == 0 and "并不优于按严重程度排序" in said and "得分不用于排序" in said and "--by score" in said, said
    invoke("model", "apply", tmp_path / "m.json", "-r", "340102", "--as-of", DECEMBER, "--out", tmp_path / "a.csv"); invoke("model", "apply", tmp_path / "m.json", "-r", "340102", "--as-of", DECEMBER, "--by", "score", "--out", tmp_path / "b.csv")
    a, b = pd.read_csv(tmp_path / "a.csv"), pd.read_csv(tmp_path / "b.csv")
    assert (a["place"] == a["place_by_severity"]).all() and b["score"].is_monotonic_decreasing and (b["place"] != b["place_by_severity"]).any()


@pytest.mark.parametrize("args, words", [(["nothing"], "no special 'nothing'"), ([NAME, "--as-of", "2023-02-30"], "is not a day"), ([NAME, "--as-of", "2999-01-01"], "has not come yet"), ([NAME, "--as-of", "2001-01-01"], "no run of criminal_detention"), ([NAME, "--k", "0"], "k is 0"), ([NAME, "--lang", "fr"], "'fr' is not known")])
def test_what_cannot_be_fitted_is_refused_and_nothing_written(outputs, args, words):
    code, said = invoke("model", "fit", *args)
    assert code != 0 and words in said and not (outputs / "models").exists()


def test_nothing_is_learnt_from_what_was_changed(outputs):
    import sqlite3
    leads = outputs / "runs" / NAME / "340102" / JUNE / "leads.parquet"; kept = leads.read_bytes(); leads.write_bytes((outputs / "runs" / NAME / "340103" / JUNE / "leads.parquet").read_bytes())
    code, said = invoke("model", "fit", NAME, "--as-of", "2023-09-01")
    assert code != 0 and "is not what its run wrote" in said
    leads.write_bytes(kept)
    db = sqlite3.connect(outputs / "ledger.sqlite"); db.execute("drop trigger never_change"); db.execute("""update events set "to" = 'FIL' where "to" = 'REJ'"""); db.commit(); db.close()
    code, said = invoke("model", "fit", NAME, "--as-of", "2023-09-01")
    assert code != 0 and "a ledger that was changed" in said


def test_choices_that_differ_between_runs_are_in_no_model(outputs):
    name = "slight_hours"; value = special(NAME).choices[name].value
    write_run(outputs, "340403", JUNE, matters("340403", 5, np.random.default_rng(2)), choices={name: value + 1})
    (outputs / "ledger.sqlite").unlink()
    m = fit_known(outputs, NAME, dt.date(2023, 9, 1))
    assert name not in m.choices and "grace_days" in m.choices and m.manifest["mixed_choices"] == [name] and f"各次运行的{name}取值不一" in "".join(t.zh for t in told(m))


# ---- show

@pytest.mark.parametrize("lang, words", [("zh", ("候选模型：刑拘监督", "属实优势倍数", "严重程度（由S1至S4）", "其他县区", "后期事项", "查全率估计", "自定阈值", "得分低不等于没有问题", "校验值")),
                                         ("en", ("Candidate model of Criminal detention", "odds of being confirmed", "severity, from S1 to S4", "other counties", "later matters", "recall estimate", "Choices", "a low one clears nobody", "Digest"))])
def test_a_model_is_shown_in_both_languages(fitted, tmp_path, lang, words):
    code, said = invoke("model", "show", write_model(fitted, tmp_path / "m.json"), "--lang", lang)
    assert code == 0 and all(w in said for w in words), said
    assert special(NAME).rule(RULES[0]).title(lang) in said and not any(c in said for c in COUNTIES)      # no list of counties


# ---- apply

def test_leads_of_another_county_and_year_are_put_in_order(fitted, outputs, tmp_path):
    write_run(outputs, "340403", "2024-06-30", matters("340403", 30, np.random.default_rng(8)))
    code, said = invoke("model", "apply", write_model(fitted, tmp_path / "m.json"), "--region", "340403", "--as-of", "2024-06-30")
    path = next((outputs / "models" / NAME / "applied").glob("340403_2024-06-30_*.csv"))
    table = pd.read_csv(path)
    assert code == 0 and str(path) in said and "30 leads" in said and path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert table["place"].tolist() == list(range(1, 31)) and table["score"].is_monotonic_decreasing and table["score"].between(0, 1).all() and sorted(table["place_by_severity"]) == list(range(1, 31))
    assert table.groupby(table["hits"].eq(RULES[0]))["score"].mean().diff().iloc[-1] > .3


def test_rules_the_model_learnt_nothing_of_are_named(fitted):
    leads = pd.DataFrame({"lead_no": [f"{NAME}-340111-20231231-{i:012x}" for i in range(2)], "region_code": "340111", "day": "2023-05-01", "grade": "S3", "severity": 3, "hits": [RULES[0], f"{RULES[0]};DETENTION_R22"]})
    assert applied(fitted, leads)["not_learnt"].tolist() == ["", "DETENTION_R22"]


def test_a_run_with_other_choices_is_told(fitted, outputs, tmp_path):
    name, value = next((c, v) for c, v in fitted.choices.items() if isinstance(v, (int, float)) and not isinstance(v, bool))
    folder = write_run(outputs, "340403", DECEMBER, matters("340403", 5, np.random.default_rng(8)), choices={name: value + 1})
    code, said = invoke("model", "apply", write_model(fitted, tmp_path / "m.json"), "--run", folder)
    assert code == 0 and f"other values of {name}" in said


def test_a_model_that_cannot_be_right_is_refused(fitted, read_only, tmp_path):
    raw, path = fitted.to_json(), tmp_path / "m.json"
    weight = f'"{RULES[0]}": {fitted.weights[RULES[0]]}'
    assert weight in raw
    gone = replace(fitted, rules=(*fitted.rules, "DETENTION_R99"), weights=fitted.weights | {"DETENTION_R99": 1.0})
    for text, words in ((raw.replace(weight, f'"{RULES[0]}": 9.5'), "is not what was fitted"), (raw[:-40], "is not a model"), ("{}", "version None"), ("[1]", "version None"), (raw.replace('"weights": {', '"weights": null, "x": {'), "unknown"),
                        (json.dumps(json.loads(raw) | {"weights": None}), "another kind"), (json.dumps(json.loads(raw) | {"manifest": {}}), "no digest"), (seal(gone).to_json(), "DETENTION_R99, not in criminal_detention"),
                        (seal(replace(fitted, choices={"no_such": 1})).to_json(), "no_such, not in"), (seal(replace(fitted, special="nothing")).to_json(), "no special 'nothing'")):
        path.write_text(text, encoding="utf-8")
        for args in (("show", path), ("apply", path, "-r", "340102", "--as-of", DECEMBER, "--out", tmp_path / "t.csv"), ("compare", path, path, "-r", "340102", "--as-of", DECEMBER)):
            code, said = invoke("model", *args)
            assert code != 0 and words in said and not (tmp_path / "t.csv").exists(), (words, said)


def test_another_special_or_no_run_is_refused(fitted, read_only, tmp_path):
    other = write_model(Candidate("case_filing", "severity_order", {"en": "few", "zh": "少"}), tmp_path / "other.json"); mine = write_model(fitted, tmp_path / "m.json")
    run = read_only / "runs" / NAME / "340102" / DECEMBER
    for args, words in ((("apply", other, "--run", run), "is a run of criminal_detention, the model is of case_filing"), (("apply", mine, "-r", "340404", "--as-of", DECEMBER), "run.json is not there"), (("apply", mine, "-r", "349999", "--as-of", DECEMBER), "not known"),
                        (("apply", mine, "-r", "340102", "--as-of", DECEMBER, "--run", run), "leave out --region"), (("apply", mine), "no region"), (("apply", mine, "--run", run, "--by", "luck"), "--by 'luck'"), (("compare", mine, other, "--run", run), "different specials")):
        code, said = invoke("model", *args, "--out", tmp_path / "t.csv") if args[0] == "apply" else invoke("model", *args)
        assert code != 0 and words in said and not (tmp_path / "t.csv").exists(), said
    with pytest.raises(ValueError, match="says nothing of leads of criminal_detention"): applied(read_model(other), pd.read_parquet(run / "leads.parquet"))


# ---- compare: one cause alone

K, DAY = 4, "2024-06-30"
LAW = {"law_a@2012-01-01": 3}

@pytest.fixture
def ten():
    "Ten matters: severity 4 for the first five, and one of them with both rules."
    return pd.DataFrame({"measure_id": [f"M{i}" for i in range(10)], "region_code": "340111", "day": dt.date(2024, 3, 1), "severity": [4] * 5 + [2] * 5, "hits": [RULES[0]] * 10, "row": "r", "law": "law_a@2012-01-01"})


@pytest.fixture
def model(): return Candidate(NAME, "fitted", {"en": "w", "zh": "甲"}, rules=RULES, weights={RULES[0]: .5, RULES[1]: -.5, "severity": 2.0}, validation=[{"by": "county", "statistic": "gain_at_9", "value": .2, "low": .1, "high": .3, "n": 90, "k": 40}])


def two_runs(tmp_path, ten, change, **inputs):
    "The run of the ten, and another: `change`: of rows by their number, None where the row is no lead any more."
    a = write_run(tmp_path / "a", "340111", DAY, ten, law={"hash": "l", "values": LAW})
    rows = ten.copy()
    for i, more in change.items():
        for c, v in (more or {"hits": "none"}).items(): rows.loc[i, c] = v
    b = write_run(tmp_path / "b", "340111", DAY, rows, **({"law": {"hash": "l", "values": LAW}} | inputs))
    leads = pd.read_parquet(b / "leads.parquet"); leads[leads["hits"] != "none"].to_parquet(b / "leads.parquet")
    return a, b


def first_dropped(ten): return [ten.index[ten["measure_id"] == m][0] for m in sorted(ten["measure_id"][:5], key=lambda m: digest(m)[:12])[:1]]


def moved(found): return {(r.measure_id, r.lead): r.cause for r in found.itertuples()}


def test_weight_alone(tmp_path, ten, model):
    ten.loc[:4, "hits"] = ";".join(RULES)
    run = write_run(tmp_path / "a", "340111", DAY, ten)
    found = compare_models(model, run, replace(model, weights={RULES[0]: .5, RULES[1]: -9.0, "severity": 2.0}), run, K)
    assert len(found) == 2 * K and set(found["cause"]) == {"weight"} and set(found["lead"]) == {"added", "dropped"} and found["was"].min() == found["now"].min() == 1
    assert compare_models(model, run, model, run, K).empty and compare_models(model, run, replace(model, intercept=3.0), run, K).empty
    assert compare_models(model, run, replace(model, weights={RULES[0]: .5, RULES[1]: -9.0, "severity": 2.0}), run).empty      # weights bring nothing into the list


@pytest.mark.parametrize("cause, change, inputs", [
    ("data", {"row": "s"}, {}), ("law", {}, {"law": {"hash": "m", "values": {"law_a@2012-01-01": 5}}}), ("code", {}, {"code": "d"}), ("choice", {}, "choice")])
@pytest.mark.parametrize("k", [K, None])
def test_one_cause_alone_and_only_that(tmp_path, ten, model, cause, change, inputs, k):
    "A lead of the head is none any more: it is dropped, the next one comes in, both for the one reason."
    if inputs == "choice":
        name = special(NAME).rule(RULES[0]).choices[0]; known = {c: x.value for c, x in special(NAME).choices.items()}
        inputs = {"choices": {"values": known | {name: "other"}, "hash": "h", "overridden": {}}}
    i = first_dropped(ten)[0]
    a, b = two_runs(tmp_path, ten, {i: {"hits": "none"} | change}, **inputs)
    got = moved(compare_models(model, a, model, b, k))
    assert got.pop((ten.loc[i, "measure_id"], "dropped")) == cause and set(got.values()) == ({cause} if k else set()) and len(got) == (1 if k else 0), got


def test_each_lead_has_its_own_cause(tmp_path, ten, model):
    "Two are dropped, one for its data and one for the law; who comes in for them has both causes, no other."
    order = sorted(ten["measure_id"][:5], key=lambda m: digest(m)[:12]); x, y = (ten.index[ten["measure_id"] == m][0] for m in order[:2])
    ten.loc[x, "law"] = ""
    a, b = two_runs(tmp_path, ten, {x: {"hits": "none", "row": "s"}, y: {"hits": "none"}}, law={"hash": "m", "values": {"law_a@2012-01-01": 5}})
    got = moved(compare_models(model, a, model, b, K))
    assert got[(order[0], "dropped")] == "data" and got[(order[1], "dropped")] == "law" and {c for (_, w), c in got.items() if w == "added"} == {"data;law"}


def test_a_lead_that_weights_and_data_moved_has_both(tmp_path, ten, model):
    "The new weights bring up leads of the second rule, and one of the head is gone by its data: who left by weight left by weight."
    ten.loc[5:, "hits"] = RULES[1]; i = first_dropped(ten)[0]
    a, b = two_runs(tmp_path, ten, {i: {"hits": "none", "row": "s"}})
    other = replace(model, weights={RULES[0]: .5, RULES[1]: 9.0, "severity": 2.0})
    got = moved(compare_models(model, a, other, b, K))
    assert got[(ten.loc[i, "measure_id"], "dropped")] == "data" and {c for (m, w), c in got.items() if m != ten.loc[i, "measure_id"]} == {"weight"} and len(got) == 2 * K


def test_a_new_lead_that_only_new_weights_let_in_has_both(tmp_path, ten, model):
    ten.loc[9, "hits"] = "none"
    a, b = two_runs(tmp_path, ten, {9: {"hits": RULES[1], "row": "s"}})
    leads = pd.read_parquet(a / "leads.parquet"); leads[leads["hits"] != "none"].to_parquet(a / "leads.parquet")
    other = replace(model, weights={RULES[0]: .5, RULES[1]: 9.0, "severity": 2.0})
    assert moved(compare_models(model, a, other, b, K))[("M9", "added")] == "data;weight"


@pytest.mark.parametrize("lang, words", [("zh", ("权重", "新进", "退出", "原因", "线索按模型得分排序")), ("en", ("weight", "added", "dropped", "in the order of their score"))])
def test_compare_says_it_in_both_languages(tmp_path, ten, model, lang, words):
    ten.loc[:4, "hits"] = ";".join(RULES)
    run = write_run(tmp_path / "a", "340111", DAY, ten)
    a, b = write_model(model, tmp_path / "a.json"), write_model(replace(model, weights={RULES[0]: .5, RULES[1]: -9.0, "severity": 2.0}), tmp_path / "b.json")
    code, said = invoke("model", "compare", a, b, "--run", run, "--k", K, "--lang", lang)
    assert code == 0 and all(w in said for w in words) and said.count("M") >= 2 * K, said
    assert "no lead differs" in invoke("model", "compare", a, a, "--run", run)[1]
    assert "give one for both models" in invoke("model", "compare", a, b, "--run", run, "--run", run, "--run", run)[1]


# ---- class problems

def test_class_problems_of_runs(outputs):
    "Leads by unit, a draft, and no word of a reply that has not come; a county asked for alone has its own leads only."
    code, said = invoke("problems", "-s", NAME, "--region", "340102", "--office", "甲市人民检察院", "--day", "2024-02-01")
    files = sorted((outputs / "problems" / NAME / "340102").glob("*.zh.md"))
    patterns = pd.read_parquet(outputs / "runs" / NAME / "340102" / DECEMBER / "leads.parquet")["hits"].value_counts(); shared_by_two = patterns[patterns > 1]
    assert code == 0 and files and all(f.name in said for f in files), said
    text = "".join(f.read_text(encoding="utf-8") for f in files)
    for words in ("类案问题：", "340102公安局（线索", "检察建议书（稿）", "甲市人民检察院", "甲法第九十一条", "未估计：尚未收到回复", "不是认定的事实", "立案"): assert words in text, words
    assert "340103" not in text and len(set(re.findall(r"criminal_detention-\d{6}-\d{8}-[0-9a-f]{12}", text))) == shared_by_two.sum() and len(files) == len(shared_by_two)
    code, said = invoke("problems", "--lang", "en", "--counties", "13")
    assert code == 0 and "no class problem" in said and not list((outputs / "problems").rglob("*.en.md"))


@pytest.mark.parametrize("wrong, asked", [(1, 3), (2, None)])
def test_what_was_verified_as_not_so_is_not_asked_about(wrong, asked):
    rows = pd.DataFrame({"lead_no": [f"{NAME}-340111-20231231-{i:012x}" for i in range(4)], "region_code": "340111", "day": dt.date(2023, 5, 1), "hits": RULES[0], "evidence": evidence(RULES[0], "甲县公安局"), "as_of": DECEMBER})
    story = with_story(as_rows(rows, "organ_name"), {}).assign(label=pd.Series([False] * wrong + [None] * (4 - wrong), dtype=object))
    text = page_of(problems(story)[0], NAME, rows, {}, Text("A", "甲县人民检察院"), dt.date(2024, 1, 5)).text.zh
    assert f"不列入建议书的{wrong}件" in text and (f"期间有{asked}件事项" in text and "已核实不属实0件" in text if asked else "事项2件，类案建议至少须3件" in text), text


def test_a_matter_found_twice_is_one_under_the_number_that_went_farthest(read_only):
    events = Ledger(read_only / "ledger.sqlite").by_lead()
    found = standing_leads(read_only, NAME, events)
    assert len(found) == found["measure_id"].nunique() == 12 * EACH and set(found["as_of"]) == {DECEMBER}
    assert all(len(events[n]) > 1 for n in found["lead_no"]) and found["lead_no"].str.contains("-20230630-").sum() == 6 * EACH


def test_what_the_newest_run_has_cleared_is_in_no_problem(outputs):
    rows = pd.read_parquet(outputs / "runs" / NAME / "340102" / DECEMBER / "leads.parquet")
    write_run(outputs, "340102", DECEMBER, rows[5:])
    found = standing_leads(outputs, NAME, {}, "340102")
    assert sorted(found["measure_id"]) == sorted(rows["measure_id"][5:])
    write_run(outputs, "340100", "2024-01-31", rows[10:])      # the city, later: its counties are covered
    assert sorted(standing_leads(outputs, NAME, {}, "340102")["measure_id"]) == sorted(rows["measure_id"][10:])


def test_before_and_after_a_reply(tmp_path):
    "Two years of twelve a month, then one of three; the months end where a county of the batch has no data any more."
    months = pd.period_range("2021-01", "2023-12", freq="M")
    d = pd.DataFrame([{"lead_no": f"L{i}", "region_code": "340111", "day": m.start_time.date(), "as_of": "2023-12-31", "replied_on": "2023-01-10" if i == 0 else None} for i, m in enumerate(m for m in months for _ in range(12 if m.year < 2023 else 3))])
    zh, en = after_reply(d, d).zh, after_reply(d, d).en
    assert "2023-01-10回复以来：下降" in zh and "并非比率" in zh and "前24个月、后11个月" in zh and "fell" in en
    assert "前后各须至少6期" in after_reply(pd.concat([d, d[:1].assign(region_code="340123", as_of="2023-03-31")]), pd.concat([d, d[:1].assign(region_code="340123", as_of="2023-03-31")])).zh
    assert "尚未收到回复" in after_reply(d.assign(replied_on=None), d).zh


@pytest.mark.parametrize("args, words", [(["-s", "nothing"], "no special 'nothing'"), (["-s", "case_filing"], "no runs of case_filing"), (["--unit", "no_such", "--region", "340404"], None), (["--region", "349999"], "not known"), (["--day", "2024-02-30"], "not YYYY-MM-DD")])
def test_what_cannot_be_a_problem_is_told(outputs, args, words):
    code, said = invoke("problems", *args)
    assert (code != 0 and words in said) if words else (code == 0 and "无类案问题" in said)


# ---- typical cases

LIFE = (("PRO", "CP", {"kind": "correction_notice", "doc": "2", "served": "2024-02-01"}), ("RPL", "CM", {"outcome": "采纳"}), ("FUP", "PR", {"note": "查"}), ("TER", "CP", {"doc": "3", "outcome": "纠正"}), ("GOV", "HD", {"doc": "4"}), ("CLO", "HD", {}))

@pytest.fixture
def closed(outputs, tmp_path, monkeypatch):
    "A lead that was right and has ended, one that is still open, one that was not right; no lake."
    monkeypatch.setenv("SUPERVISE_LAKE", str(tmp_path / "no_lake"))
    book = Ledger(outputs / "ledger.sqlite"); of = lambda state: [n for n, es in book.by_lead().items() if es[-1].to == state]
    lead, still = of("FIL")[:2]
    for to, role, more in LIFE: move(book, lead, to, role, "甲", at=dt.datetime(2024, 2, 1), **more)
    return SimpleNamespace(lead=lead, still=still, wrong=of("REJ")[0], folder=outputs / "typical")


def test_a_typical_case_is_begun_written_and_stopped(closed):
    code, said = invoke("publish", "typical", closed.lead)
    form, = closed.folder.iterdir()
    assert code == 0 and str(form) in said and "尚未撰写" in said.replace("\n", "") and "340" not in form.name
    code, said = invoke("publish", "typical", closed.lead)
    assert code != 0 and [form] == list(closed.folder.iterdir())      # an empty form makes no case
    raw = yaml.safe_load(form.read_text(encoding="utf-8"))
    raw |= {"title": {"en": "A late release", "zh": "超期拘留监督案"}, "keywords": [{"en": "custody", "zh": "羁押"}], "parts": {k: {"en": "What was learnt.", "zh": "经核实，被告人王小明超期羁押属实。"} for k in raw["parts"]}}
    form.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    code, said = invoke("publish", "typical", closed.lead)
    assert code != 0 and "replace by 某" in said and "王小明" not in said and [form] == list(closed.folder.iterdir())      # the English one is not written either
    form.write_text(yaml.safe_dump(raw | {"names": {"王小明": "王某"}}, allow_unicode=True), encoding="utf-8")
    code, said = invoke("publish", "typical", closed.lead, "--day", "2024-06-01")
    made = sorted(p.name.partition(".")[2] for p in closed.folder.iterdir())
    assert code == 0 and made == ["en.docx", "en.pdf", "yaml", "zh.docx", "zh.pdf"] and "通常为" in said and "未作姓名检查" in said, said
    before = {p: p.read_bytes() for p in closed.folder.iterdir()}
    book = Ledger(closed.folder.parent / "ledger.sqlite")
    with pytest.raises(Refused, match="name"): write_case(book, closed.lead, form, closed.folder, names=frozenset({"属实"}))
    with pytest.raises(ValueError, match="without having been right"): write_case(book, closed.wrong, form, closed.folder)
    assert {p: p.read_bytes() for p in closed.folder.iterdir()} == before


def test_a_lead_that_is_open_wrong_or_unknown_is_no_typical_case(closed):
    for lead, words in ((closed.still, "only a lead that has ended"), (closed.wrong, "without having been right"), (closed.lead[:-1] + "z", "is not in"), (closed.lead, "of another lead")):
        args = [] if "another" not in words else ["--case", closed.folder.parent / "other.yaml"]
        if args:
            both = {"en": "Learnt.", "zh": "经核实属实。"}
            args[1].write_text(yaml.safe_dump({"lead": closed.still, "title": both, "keywords": [both], "parts": {"gist": both}}, allow_unicode=True), encoding="utf-8")
        code, said = invoke("publish", "typical", lead, *args)
        assert code != 0 and words in said and not closed.folder.exists(), said

