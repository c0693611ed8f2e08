"Again, and against: the same bytes or the reason why not, a lead from its number, and every difference traced to its one cause."
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import DAY, REGIONS, SPECIAL
from typer.testing import CliRunner

from supervise_lib import cli
from supervise_lib.data.lake import Lake
from supervise_lib.work.compare import diff, diff_leads, job_of, read_manifest, rebuild, verify
from supervise_lib.work.run import Run

pytestmark = pytest.mark.usefixtures("chinese")
CITY, FEIXI, LUJIANG, WUHU = REGIONS
KEY = ["case_no", "person_id_no", "rule"]
CHECKOUT = Path(__file__).resolve().parents[1]


def invoke(*args):
    found = CliRunner().invoke(cli.app, [str(a) for a in args])
    return found.exit_code, found.output + (str(found.exception) if found.exception and not isinstance(found.exception, SystemExit) else "")


def law_block(name):
    for path in sorted((CHECKOUT / "params" / "law").glob("*.yaml")):
        if m := re.search(rf"(?ms)^{name}:.*?(?=^\S|\Z)", path.read_text(encoding="utf-8")): return path.name, m[0]
    raise KeyError(name)


def law_file(name): return f"law/{law_block(name)[0]}"


def longer(name, value=None):
    "A law value's record as it is, and with another last value."
    block = law_block(name)[1]; old = re.findall(r"value: ([\d.]+)", block)[-1]; at = block.rindex(f"value: {old}") + len("value: ")
    return block, f"{block[:at]}{value if value is not None else float(old) + 1:g}{block[at + len(old):]}"


# ---- verify

def test_a_run_executed_again_gives_the_same_bytes(place):
    code, said = invoke("verify", place.folder(LUJIANG))
    assert code == 0 and said.startswith("✓ ") and "same bytes" in said
    assert job_of(read_manifest(place.folder(LUJIANG))) == next(j for j in place.jobs if j.region == LUJIANG)


def test_an_altered_or_lost_output_is_found(place):
    leads = place.folder(LUJIANG) / "leads.parquet"; leads.write_bytes(leads.read_bytes()[:-1] + b"x"); (place.folder(LUJIANG) / "model.json").unlink()
    found = verify(place.folder(LUJIANG), "supervise")
    assert not found.same and found.altered == ["leads.parquet", "model.json"] and found.inputs == found.different == [] and "altered since: leads.parquet, model.json" in str(found)


def test_changed_inputs_are_named(place):
    lake = place.own_lake()
    case = Run(SPECIAL, LUJIANG, DAY, lake=lake).leads["case_no"][0]
    rows = lake.fetch(lake.table("criminal_judgments", LUJIANG)); lake.write("criminal_judgments", rows[rows["case_no"] != case], regions=[LUJIANG])
    found = verify(place.folder(LUJIANG), "supervise")
    assert not found.same and found.altered == [] and "data: criminal_judgments 数据" in found.inputs and {"verdicts.parquet", "leads.parquet"} <= set(found.different) and "inputs changed: data" in str(found)


def test_a_run_that_fails_now_is_told(place):
    path = place.home / "templates" / f"{SPECIAL}.ipynb"; path.write_text(path.read_text(encoding="utf-8").replace("run.save()", "1 / 0"), encoding="utf-8")
    found = verify(place.folder(LUJIANG), "supervise")
    assert not found.same and "ZeroDivisionError" in str(found) and found.inputs == ["template 模板"]


def test_what_is_not_a_run_is_refused(place, tmp_path):
    with pytest.raises(FileNotFoundError, match="run.json is not there; give the folder of a run"): verify(tmp_path)
    shutil.rmtree(place.outputs / "runs")
    code, said = invoke("verify")
    assert code == 1 and "no runs under" in said


# ---- rebuild

def test_a_lead_from_its_number(place):
    saved = pd.read_parquet(place.folder(CITY) / "leads.parquet", dtype_backend="pyarrow")
    number = saved["lead_no"].iloc[-1]
    found = rebuild(number)
    assert found.same and found.inputs == [] and found.now == {k: None if pd.isna(v) else str(v) for k, v in saved.iloc[-1].items()}
    code, said = invoke("rebuild", number)
    assert code == 0 and f"lead_no: {number}" in said and "same as saved" in said


def test_a_lead_that_is_none_now_or_never_was(place):
    number = pd.read_parquet(place.folder(LUJIANG) / "leads.parquet")["lead_no"][0]
    no_such = number.rsplit("-", 1)[0] + "-000000000000"
    found = rebuild(no_such)
    assert found.now is None and found.then is None and not found.same and found.inputs == []
    code, said = invoke("rebuild", no_such)
    assert code == 1 and "not a lead now" in said
    lake = place.own_lake(); lake.write("criminal_judgments", lake.fetch(lake.table("criminal_judgments", LUJIANG))[:0], regions=[LUJIANG]); lake.close()
    code, said = invoke("rebuild", number)
    assert code == 1 and "not a lead now" in said and "data: criminal_judgments" in said
    for wrong, words in (("7", "is not a lead number"), (number.replace(LUJIANG, "340181"), "run.json is not there"), (number.replace(DAY.replace("-", ""), "20231332"), "is not a lead number")):
        code, said = invoke("rebuild", wrong)
        assert code == 1 and words in said, said


def test_a_rebuilt_lead_that_differs_names_the_law(place):
    number = pd.read_parquet(place.folder(CITY) / "leads.parquet")["lead_no"][0]
    place.edit(law_file("protest_days_judgment"), *longer("protest_days_judgment"))
    found = rebuild(number)
    assert not found.same and found.inputs == ["law 法定数值"] and found.now["lead_no"] == found.then["lead_no"] and found.now["evidence"] != found.then["evidence"]
    code, said = invoke("rebuild", number)
    assert code == 1 and "≠ saved" in said and "inputs changed 输入变化: law 法定数值" in said


# ---- diff

def verdicts(folder): return pd.read_parquet(folder / "verdicts.parquet").set_index(KEY)[["outcome", "severity"]]


def really_changed(a, b):
    "Rows and rules whose hit came, went or became more or less severe, found without the module's help."
    both = verdicts(a).add_suffix("_a").join(verdicts(b).add_suffix("_b"), how="outer")
    both = both.assign(**{c: both[c].fillna(-1).astype(int) if c.startswith("severity") else both[c].astype(object).fillna("—") for c in both})
    return set(both[((both["outcome_a"] == "hit") | (both["outcome_b"] == "hit")) & ((both["outcome_a"] != both["outcome_b"]) | (both["severity_a"] != both["severity_b"]))].index)


def explained(a, b, cause):
    "Every change is in the difference, and each is attributed to `cause` alone."
    d, real = diff(a, b), really_changed(a, b)
    assert real and set(map(tuple, d[KEY].itertuples(index=False, name=None))) == real and set(d["cause"]) == {cause}, d
    leads = diff_leads(a, b)
    la, lb = (set(pd.read_parquet(f / "leads.parquet")["lead_no"]) for f in (a, b))
    counts = leads["lead"].value_counts().to_dict()
    assert (counts.get("added", 0), counts.get("dropped", 0)) == (len(lb - la), len(la - lb)) and set(leads["cause"]) == {cause}, leads
    return leads


def test_nothing_changed(place):
    assert diff(place.folder(CITY), place.folder(CITY)).empty and diff_leads(place.folder(CITY), place.folder(CITY)).empty
    assert invoke("diff", place.folder(CITY), place.folder(CITY)) == (0, "no lead differs 线索无差异\n")


def test_law_alone(place, tmp_path):
    place.edit(law_file("prob_max_fix"), *longer("prob_max_fix", 1))
    b = Run(SPECIAL, CITY, DAY, lang="zh").save(tmp_path / "b")
    leads = explained(place.folder(CITY), b, "law")
    code, said = invoke("diff", place.folder(CITY), b)
    assert code == 0 and said.count(" law") >= len(leads)


def test_a_choice_alone(place, tmp_path):
    explained(place.folder(CITY), Run(SPECIAL, CITY, DAY, choices={"rec_tol_months": 24}, lang="zh").save(tmp_path / "b"), "choice")


def test_data_alone(place, tmp_path):
    "One judgment is not delivered any more, and one county has no recommendations."
    lake = place.own_lake(); run = Run(SPECIAL, CITY, DAY, lake=Lake(lake.folder))
    gone = run.leads["case_no"].iloc[0]
    wide = run.verdicts[(run.verdicts["outcome"] == "hit") & run.verdicts["rule"].isin(["JUDGE_R05", "JUDGE_R06"]) & (run.verdicts["case_no"] != gone)]["case_no"].iloc[0]
    region = lambda case: run.frame.loc[run.frame["case_no"] == case, "region_code"].iloc[0]
    rows = lake.fetch(lake.table("criminal_judgments", region(gone))); lake.write("criminal_judgments", rows[rows["case_no"] != gone], regions=[region(gone)])
    lake.write("sentencing_recommendations", lake.fetch(lake.table("sentencing_recommendations", region(wide)))[:0], regions=[region(wide)])
    leads = explained(place.folder(CITY), Run(SPECIAL, CITY, DAY, lake=lake, lang="zh").save(tmp_path / "b"), "data")
    assert "dropped" in set(leads["lead"])


def test_code_alone(place, tmp_path):
    "The same inputs but other code, and another verdict."
    b = tmp_path / "b"; shutil.copytree(place.folder(CITY), b)
    v = pd.read_parquet(b / "verdicts.parquet", dtype_backend="pyarrow"); first = v.index[v["outcome"] == "hit"][0]
    v.loc[first, "outcome"] = "clear"; v.to_parquet(b / "verdicts.parquet")
    m = read_manifest(b); m["inputs"]["code"] = "0" * 64; (b / "run.json").write_text(json.dumps(m), encoding="utf-8")
    d = diff(place.folder(CITY), b)
    assert d[[*KEY, "was", "now", "cause"]].values.tolist() == [[*v.loc[first, KEY], "hit", "clear", "code"]]


def test_a_rule_that_suspends_itself_is_put_down_to_what_changed_elsewhere(place, tmp_path):
    "Neither row, law read nor choice of the verdict differ, and the code is the same: the data of other rows are all that is left."
    b = tmp_path / "b"; shutil.copytree(place.folder(CITY), b)
    v = pd.read_parquet(b / "verdicts.parquet", dtype_backend="pyarrow"); v.loc[v.index[v["outcome"] == "hit"][0], "outcome"] = "cannot_tell"; v.to_parquet(b / "verdicts.parquet")
    for kind, change in (("data", {"data": {"persons": "x"}}), ("law", {"law": {"hash": "x"}}), ("choice", {"choices": {"hash": "x"}})):
        m = read_manifest(place.folder(CITY))
        for k, more in change.items(): m["inputs"][k] |= more
        (b / "run.json").write_text(json.dumps(m), encoding="utf-8")
        assert diff(place.folder(CITY), b)["cause"].tolist() == [kind]


def test_two_specials_cannot_be_compared(place, tmp_path):
    b = tmp_path / "b"; shutil.copytree(place.folder(CITY), b)
    (b / "run.json").write_text(json.dumps(read_manifest(b) | {"special": "case_filing"}), encoding="utf-8")
    with pytest.raises(ValueError, match="different specials"): diff(place.folder(CITY), b)


def test_the_job_of_a_manifest_has_its_choices_and_language(place, tmp_path):
    job = replace(place.jobs[0], choices={"rec_gap_months": 7}, lang="en")
    m = read_manifest(Run(SPECIAL, LUJIANG, DAY, choices=job.choices, lang="en").save(tmp_path / "a"))
    assert job_of(m) == replace(job, region=LUJIANG) and job_of(m).choices == job.choices


def test_choices_of_two_models_are_run_on_the_lake_and_are_the_only_cause(place, tmp_path):
    "Each model is run with its own choices, the saved run stays as it is, and what differs is the choice alone."
    from supervise_lib.model.candidate import Candidate
    from supervise_lib.model.special import special
    from supervise_lib.review.models import write_model
    known = {c: x.value for c, x in special(SPECIAL).choices.items()}
    a, b = (write_model(Candidate(SPECIAL, "severity_order", {"en": "few", "zh": "少"}, choices=known | more), tmp_path / f"{i}.json") for i, more in enumerate(({}, {"rec_tol_months": 24})))
    before = {p: p.stat().st_mtime_ns for p in place.outputs.rglob("*")}
    code, said = invoke("model", "compare", a, b, "-r", CITY, "--as-of", DAY, "--whole", "--lang", "en")
    assert code == 0 and "choice: " in said and not any(f"{c}: " in said for c in ("data", "law", "code", "weight")), said
    assert {p: p.stat().st_mtime_ns for p in place.outputs.rglob("*")} == before
