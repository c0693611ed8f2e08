"The run: what must not be executed leaves nothing, what is executed appears whole, and the same inputs give the same bytes."
import hashlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from supervise_lib.data.lake import Lake
from supervise_lib.data.regions import RegionError, regions
from supervise_lib.law.values import Law
from supervise_lib.settings import resource
from supervise_lib.work.batch import batch, plan
from supervise_lib.work.execute import Job, check_job, execute
from supervise_lib.work.index import index_page, read_runs, write_index
from supervise_lib.work.run import Run, RunError, find_row
from supervise_lib.work.templates import TemplateError, check_parameters, declared, template_hash, template_path

pytestmark = pytest.mark.usefixtures("chinese")

SPECIAL, COUNTY, DAY = "judgment_consistency", "340124", "2023-12-31"
FILES = {"notebook.ipynb", "run.json", "verdicts.parquet", "leads.parquet", "statistics.json", "model.json", "figures"}
PARAMETERS = "region: str = None\nas_of: str = None\nlang: str = None\nchoices: dict = None\n"
QUICK = ("import json, os, pathlib", "folder = pathlib.Path(os.environ['SUPERVISE_RUN_FOLDER'])", "(folder / 'run.json').write_text(json.dumps({'times': {}, 'inputs': {}})); None")    # what save() leaves, without a run
CJK = re.compile("[\u3400-\u9fff]")
JOB = Job(SPECIAL, COUNTY, DAY)
CHECKOUT = Path(__file__).resolve().parents[1]
EXECUTE = "from supervise_lib.work.execute import Job, execute; done = execute(Job({!r}, {!r}, {!r}), {!r}); print(done.status, done.error)"


@pytest.fixture(scope="module", autouse=True)
def lake(demo):
    "Everything in this module reads the demo province."
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_LAKE", str(demo.lake)); m.delenv("SUPERVISE_OUTPUTS", raising=False)
        yield Lake(demo.lake)


def write_template(folder, *cells, tags=("parameters",), parameters=PARAMETERS):
    "A home with its own template of the special: the parameters cell and code cells."
    cell = lambda source, tags=(): {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], "execution_count": None, "id": hashlib.md5(source.encode()).hexdigest()[:8]}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "settings.ini").write_text("[workbench]\n", encoding="utf-8")
    path = folder / "templates" / f"{SPECIAL}.ipynb"
    path.write_text(json.dumps({"cells": [cell(parameters, tags), *map(cell, cells)], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    "A workbench whose template of the special a test writes itself."
    monkeypatch.setenv("SUPERVISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def digests(folder): return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(folder).rglob("*")) if p.is_file()}
def manifest(folder): return json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
def tables(folder): return ["".join(o["data"]["text/html"]) for c in json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", []) if "text/html" in o.get("data", {})]


def headings(page):
    "Captions and column headings of the tables of an executed notebook."
    return [html.unescape(re.sub("<[^>]*>", "", h)) for h in re.findall(r"<caption[^>]*>.*?</caption>|<th scope=\"col\"[^>]*>.*?</th>", "".join(page).replace("\n", " "))]


@pytest.fixture(scope="module")
def executed(tmp_path_factory, lake):
    "The template for one county: by the warm engine, in English, and meanwhile by papermill's own engine in another process."
    folders = {name: tmp_path_factory.mktemp(name) for name in ("warm", "english", "stock")}
    other = subprocess.Popen([sys.executable, "-c", EXECUTE.format(SPECIAL, COUNTY, DAY, str(folders["stock"]))], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for name, job in (("warm", JOB), ("english", replace(JOB, lang="en"))):
        done = execute(job, folders[name], "supervise")
        assert done.status == "done", done.error
    said, error = other.communicate(timeout=200)
    assert said.startswith("done"), said + error
    return {name: JOB.folder(folder) for name, folder in folders.items()}


# ---- what must not be executed

@pytest.mark.parametrize("job, words", [
    (Job(SPECIAL, None, DAY), "region is missing"), (Job(SPECIAL, COUNTY, None), "as_of is missing"),
    (Job(SPECIAL, 340124, DAY), "340124 is int, expected str"), (Job(SPECIAL, COUNTY, 20231231), "is int, expected str"),
    (Job(SPECIAL, "340125", DAY), "'340125' is not known; nearest: 3"), (Job(SPECIAL, "", DAY), "not known"),
    (Job(SPECIAL, COUNTY, "2023-13-01"), "'2023-13-01' is not a day"), (Job(SPECIAL, COUNTY, "31.12.2023"), "YYYY-MM-DD"), (Job(SPECIAL, COUNTY, "20231231"), "YYYY-MM-DD"),
    (Job(SPECIAL, COUNTY, DAY, "fr"), "'fr' is not known"), (Job(SPECIAL, COUNTY, DAY, choices={"rec_tol_month": 1}), "rec_tol_month is no choice"),
    (Job(SPECIAL, COUNTY, DAY, choices={"rec_tol_months": "many"}), "expected int"), (Job(SPECIAL, COUNTY, DAY, choices=[1]), "is list, expected dict"),
    (Job("judgement_consistency", COUNTY, DAY), "no template"), (Job("../" + SPECIAL, COUNTY, DAY), "no template")])
def test_a_wrong_request_is_refused_and_nothing_is_written(tmp_path, job, words):
    out = tmp_path / "outputs"
    with pytest.raises((ValueError, KeyError, TypeError), match=re.escape(words)): execute(job, out)
    assert not out.exists()


def test_one_wrong_job_of_a_plan_stops_it_before_anything_is_executed(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_OUTPUTS", str(tmp_path / "outputs"))
    with pytest.raises(RegionError if issubclass(RegionError, RunError) else (RunError, RegionError), match="349999"): batch(plan([SPECIAL], [COUNTY, "349999"], DAY))
    assert not (tmp_path / "outputs").exists()


def test_a_misspelt_parameter_is_refused_with_the_right_name():
    path = template_path(SPECIAL)
    check_parameters(path, {"region": COUNTY, "as_of": DAY})
    with pytest.raises(TemplateError, match="'regoin', did you mean 'region'"): check_parameters(path, {"regoin": COUNTY, "as_of": DAY})
    with pytest.raises(TemplateError, match="no parameter 'lake'"): check_parameters(path, {"region": COUNTY, "as_of": DAY, "lake": "/"})


@pytest.mark.parametrize("tags, parameters, words", [
    ((), PARAMETERS, "0 cells are tagged 'parameters'"), (("parameter",), PARAMETERS, "0 cells are tagged"), (("parameters",), PARAMETERS.replace("region: str = None", "region: str = '340123'"), "only default may be None"),
    (("parameters",), PARAMETERS.replace("as_of: str = None\n", ""), "has no as_of"), (("parameters",), "for region in ['340123']: pass", "not `name: type = default`")])
def test_a_template_that_would_run_the_wrong_county_is_refused(home, tmp_path, tags, parameters, words):
    "Without its tag papermill puts the values above the defaults, which then win, and ends with exit code 0."
    write_template(home, *QUICK, tags=tags, parameters=parameters)
    with pytest.raises(TemplateError, match=re.escape(words)): execute(JOB, tmp_path / "outputs")
    assert not (tmp_path / "outputs").exists()


def test_a_template_that_is_no_notebook_is_refused(home, tmp_path):
    write_template(home).write_text("{", encoding="utf-8")
    with pytest.raises(TemplateError, match="not a readable notebook"): execute(JOB, tmp_path / "outputs")
    assert not (tmp_path / "outputs").exists()


def test_the_template_of_the_special_declares_its_parameters_without_defaults():
    assert {k: v[1] for k, v in declared(template_path(SPECIAL)).items()} == dict.fromkeys(("region", "as_of", "lang", "choices"))


@pytest.mark.parametrize("region, as_of, words", [(None, DAY, "region is missing"), (340124, DAY, "six-digit code in quotes"), ("349999", DAY, "not known"), (COUNTY, None, "as_of is missing"), (COUNTY, "yesterday", "YYYY-MM-DD")])
def test_a_run_by_hand_is_refused_too(region, as_of, words):
    with pytest.raises((RunError, RegionError), match=words): Run(SPECIAL, region, as_of)


def test_an_empty_lake_is_refused_in_words(tmp_path):
    with pytest.raises(RunError, match="holds no tables; ingest files first"): Run(SPECIAL, COUNTY, DAY, lake=tmp_path / "lake")


# ---- what is executed

def test_layout(executed):
    for folder in executed.values():
        assert {p.name for p in folder.iterdir()} == FILES
        assert len(list((folder / "figures").glob("*.png"))) >= 4
        assert folder.parts[-4:] == ("runs", SPECIAL, COUNTY, DAY)
        assert not [p for p in folder.parent.iterdir() if p.name != DAY and not p.name.endswith((".lock", ".job"))]


def test_the_same_run_twice_gives_the_same_bytes(executed):
    one, two = digests(executed["warm"]), digests(executed["stock"])
    assert {f: one[f] == two[f] for f in one.keys() | two.keys()} == {f: f != "run.json" for f in one}
    a, b = manifest(executed["warm"]), manifest(executed["stock"])
    assert a.pop("times") and b.pop("times") and a == b


def test_by_hand_and_by_template_give_the_same_bytes(executed, tmp_path):
    Run(SPECIAL, COUNTY, DAY, lang="zh").save(tmp_path / "hand")
    hand, template = digests(tmp_path / "hand"), digests(executed["warm"])
    for f in ("verdicts.parquet", "leads.parquet", "statistics.json", "model.json"): assert hand[f] == template[f], f
    a, b = manifest(tmp_path / "hand"), manifest(executed["warm"])
    assert b["inputs"].pop("template")["hash"] == template_hash(template_path(SPECIAL))
    assert all(a[k] == b[k] for k in a if k not in ("outputs", "times"))


def test_the_language_changes_nothing_that_was_found(executed):
    a, b = manifest(executed["warm"]), manifest(executed["english"])
    for k in ("rows", "outcomes", "rules", "leads", "seed"): assert a[k] == b[k]
    assert a["inputs"] == b["inputs"] and (a["lang"], b["lang"]) == ("zh", "en")


def test_the_manifest_tells_what_went_in_and_what_came_out(executed, lake):
    folder, m = executed["warm"], manifest(executed["warm"])
    assert m["outputs"] == {f: h for f, h in digests(folder).items() if f != "run.json"}
    run = Run(SPECIAL, COUNTY, DAY)
    assert (m["special"], m["region"], m["as_of"], m["rows"]) == (SPECIAL, COUNTY, DAY, len(run.frame)) and m["rows"] > 0
    inputs = m["inputs"]
    assert inputs["data"] == {t: lake.snapshot(t, COUNTY) for t in run.special.tables}
    assert inputs["across"] and inputs["across"] == {t: lake.snapshot(t) for t in inputs["across"]}
    assert inputs["law"]["read"] and inputs["law"]["hash"] == Law().hash(inputs["law"]["read"])
    assert inputs["choices"]["values"] == run.choices.to_dict() and inputs["choices"]["overridden"] == {}
    assert all(re.fullmatch("[0-9a-f]{64}", h) for h in (inputs["choices"]["hash"], inputs["code"], inputs["reference"], inputs["template"]["hash"], inputs["template"]["code"]))
    assert {"python", "pandas", "duckdb", "papermill"} <= m["versions"].keys() and isinstance(m["seed"], int)
    assert {"started", "seconds", "total_seconds", "notebook"} <= m["times"].keys()
    nb = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
    assert nb["metadata"]["papermill"]["parameters"] == {"region": COUNTY, "as_of": DAY, "lang": "zh"}


def test_counts_add_up(executed, province):
    m = manifest(executed["warm"]); v = pd.read_parquet(executed["warm"] / "verdicts.parquet")
    assert all(sum(row[o] for o in m["outcomes"]) == m["rows"] for row in m["rules"].values())
    assert sum(m["outcomes"].values()) == m["rows"] * len(m["rules"]) == len(v)
    assert m["leads"]["total"] == len(pd.read_parquet(executed["warm"] / "leads.parquet")) == sum(n for g, n in m["leads"].items() if g != "total")
    assert (province.counts[["hit", "clear", "cannot_tell", "not_applicable"]].sum(axis=1) == len(province.frame)).all() and len(province.counts) == len(province.special.rules)


def test_counties_add_up_to_the_province(province):
    "Every row of the province belongs to exactly one of its regions."
    codes = province.frame["region_code"]
    assert codes.notna().all() and set(codes) <= {r.code for r in regions(within="340000")} | {"340000"}
    for code in codes.value_counts().index[:2]:
        run = Run(SPECIAL, code, DAY)
        assert sorted(run.frame["case_no"]) == sorted(province.frame.loc[codes == code, "case_no"])


def test_another_choice_changes_its_own_hash_only(tmp_path):
    folders = [Run(SPECIAL, COUNTY, DAY, choices=c).save(tmp_path / n) for n, c in (("a", None), ("b", {"rec_gap_months": 7}))]
    a, b = (manifest(f)["inputs"] for f in folders)
    assert {k for k in a if a[k] != b[k]} == {"choices"} and b["choices"]["overridden"] == {"rec_gap_months": 7} and a["choices"]["hash"] != b["choices"]["hash"]


def test_a_changed_table_changes_its_own_hash_only(lake, tmp_path):
    import shutil
    shutil.copytree(lake.folder, tmp_path / "lake")
    other = Lake(tmp_path / "lake")
    rows = other.fetch(other.table("sentencing_recommendations"))
    other.write("sentencing_recommendations", rows[rows["region_code"] != COUNTY])
    a, b = (Run(SPECIAL, COUNTY, DAY, lake=x) for x in (lake, other))
    a, b = (manifest(r.save(tmp_path / n))["inputs"] for r, n in ((a, "a"), (b, "b")))
    assert {t for t in a["data"] if a["data"][t] != b["data"][t]} == {"sentencing_recommendations"} and a["across"] == b["across"]
    assert a["law"]["read"] == b["law"]["read"] and all(a[k] == b[k] for k in ("choices", "code", "reference"))


def test_a_county_without_a_row_is_executed_and_invents_nothing(tmp_path, province):
    empty = next(r.code for r in regions(level="county", within="340000") if not (province.frame["region_code"] == r.code).any())
    done = execute(replace(JOB, region=empty), tmp_path, "supervise")
    assert done.status == "done", done.error
    m = manifest(done.folder)
    assert m["rows"] == 0 and not any(m["outcomes"].values()) and m["leads"] == {"total": 0} and len(m["rules"]) == len(province.special.rules)


def test_rows_after_the_day_are_no_part_of_a_run(province):
    day = province.frame["announce_date"].sort_values().iloc[len(province.frame) // 2]
    early = Run(SPECIAL, "340000", day)
    assert 0 < len(early.frame) < len(province.frame) and not (early.frame["announce_date"] > day).any()
    assert early.frame["announce_date"].isna().sum() == province.frame["announce_date"].isna().sum()


# ---- languages

def test_english_tables_have_english_headings(executed):
    english, chinese = headings(tables(executed["english"])), headings(tables(executed["warm"]))
    assert len(english) == len(chinese) > 25
    assert not [h for h in english if CJK.search(h)] and sum(bool(CJK.search(h)) for h in chinese) > 25


def test_prose_is_of_one_language(executed):
    for name, other in (("english", "lang-zh"), ("warm", "lang-en")):
        cells = [c for c in json.loads((executed[name] / "notebook.ipynb").read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "markdown"]
        assert len(cells) >= 7 and not any(other in c["metadata"].get("tags", []) for c in cells)
        assert all(bool(CJK.search("".join(c["source"]))) == (name == "warm") for c in cells)


# ---- why

def test_why_of_a_flagged_row(province):
    lead = province.leads.iloc[0]
    told = province.why(lead["lead_no"])
    assert (told.row["case_no"], told.row["person_id_no"]) == (lead["case_no"], lead["person_id_no"])
    assert {r["rule"] for r in told.told if r["outcome"] == "hit"} == set(lead["hits"].split(";"))
    first = next(r for r in told.told if r["outcome"] == "hit")
    assert first["law"] and all(x["article"]["zh"] and x["since"] for x in first["law"]) and f"[命中] {first['rule']}" in str(told)
    assert str(province.why((lead["case_no"], lead["person_id_no"]))) == str(told) == str(province.why(f"{lead['case_no']},{lead['person_id_no']}"))


def test_why_of_a_row_that_was_not_flagged(province):
    quiet = province.frame[~province.frame["person_id_no"].isin(province.verdicts.loc[province.verdicts["outcome"] == "hit", "person_id_no"])].iloc[0]
    told = province.why((quiet["case_no"], quiet["person_id_no"]))
    mine = province.verdicts[(province.verdicts["case_no"] == quiet["case_no"]) & (province.verdicts["person_id_no"] == quiet["person_id_no"])]
    assert {r["rule"]: r["outcome"] for r in told.told} == mine.set_index("rule")["outcome"].astype(str).to_dict() and len(told.told) == len(province.special.rules)
    assert "[命中]" not in str(told) and "[未命中]" in str(told)
    assert "[clear]" in "\n".join(told.lines("en"))
    assert all(r["reason"] for r in told.told if r["outcome"] == "cannot_tell")


def test_why_of_an_ambiguous_or_unknown_key(province):
    counts = province.frame["case_no"].value_counts()
    with pytest.raises(KeyError, match="rows have .*give the whole key"): province.why(counts.index[0])
    assert province.why(counts[counts == 1].index[0]).row["case_no"] == counts[counts == 1].index[0]
    for key in ("（2099）皖0000刑初1号", "", "JUDG-340000-20231231-NOPE", (counts.index[0], "nobody")):
        with pytest.raises(KeyError, match="no row of .*for example"): province.why(key)


def test_a_row_is_found_by_its_key_in_any_order_and_with_equal_parts():
    frame = pd.DataFrame({"case": ["1", "1", "2"], "person": ["1", "3", "4"]})
    run = SimpleNamespace(frame=frame, leads=pd.DataFrame({"lead_no": []}), special=SimpleNamespace(key=("case", "person")))
    for key, row in ((("1", "1"), 0), (("1", "3"), 1), (("3", "1"), 1), ("4", 2)): assert find_row(run, key).name == row
    with pytest.raises(KeyError, match="no row of"): find_row(run, ("2", "2"))
    with pytest.raises(KeyError, match="2 rows have 1"): find_row(run, "1")


def test_why_in_an_empty_frame(province):
    empty = next(r.code for r in regions(level="county", within="340000") if not (province.frame["region_code"] == r.code).any())
    with pytest.raises(KeyError, match="the frame is empty"): Run(SPECIAL, empty, DAY).why("x")


# ---- what fails

def test_a_failure_is_kept_apart_and_the_earlier_result_stays(home, tmp_path):
    out = tmp_path / "outputs"
    write_template(home, *QUICK)
    good = execute(JOB, out, "supervise"); before = digests(good.folder)
    assert good.status == "done", good.error
    write_template(home, QUICK[0], "1 / 0", QUICK[2])
    bad = execute(JOB, out, "supervise")
    assert bad.status == "failed" and "ZeroDivisionError" in bad.error
    kept = Path(bad.folder); told = json.loads((kept / "error.json").read_text(encoding="utf-8"))
    assert kept == out / "failed" / SPECIAL / COUNTY / DAY
    assert json.loads((kept / "notebook.ipynb").read_text(encoding="utf-8"))["cells"][bad.cell - 1]["source"] == ["1 / 0"]
    assert told["cell"] == bad.cell and "ZeroDivisionError" in told["error"] and told["job"]["region"] == COUNTY
    assert digests(good.folder) == before and not list(out.rglob("*.partial"))
    write_template(home, *QUICK)
    assert execute(JOB, out, "supervise").status == "done" and not kept.exists()


def test_a_template_that_does_not_save_has_failed(home, tmp_path):
    write_template(home, QUICK[0])
    done = execute(JOB, tmp_path / "outputs", "supervise")
    assert done.status == "failed" and "run.save()" in done.error and not (tmp_path / "outputs/runs" / SPECIAL / COUNTY / DAY).exists()


def test_a_cell_that_takes_too_long_has_failed(home, tmp_path):
    write_template(home, "import time; time.sleep(60)")
    done = execute(JOB, tmp_path / "outputs", "supervise", timeout=1)
    assert done.status == "failed" and done.seconds < 30 and not (tmp_path / "outputs/runs" / SPECIAL / COUNTY / DAY).exists()


HALF = """import json, os, pathlib, time
folder = pathlib.Path(os.environ["SUPERVISE_RUN_FOLDER"])
(folder / "verdicts.parquet").write_bytes(b"PAR1"); (folder / "run.json").write_text("{}")
pathlib.Path(os.environ["SUPERVISE_TEST_MARK"]).write_text(f"{os.getpid()}\\n")
time.sleep(120)"""


def test_a_run_killed_in_the_middle_leaves_no_half_folder_and_can_be_repeated(home, tmp_path):
    out, mark = tmp_path / "outputs", tmp_path / "mark"
    write_template(home, HALF)
    env = os.environ | {"SUPERVISE_TEST_MARK": str(mark), "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen([sys.executable, "-c", EXECUTE.format(SPECIAL, COUNTY, DAY, str(out))], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (mark.is_file() and mark.read_text().endswith("\n")):
            assert process.poll() is None and time.monotonic() < end, "the run did not come to its middle"
            time.sleep(.05)
    finally: process.kill(); process.wait(10)
    kernel = int(mark.read_text())
    try: os.kill(kernel, signal.SIGKILL)
    except ProcessLookupError: pass
    place = out / "runs" / SPECIAL / COUNTY
    assert not (place / DAY).exists() and read_runs(out) == []
    assert "✗" not in write_index(out).read_text(encoding="utf-8").split("<script>")[0]
    write_template(home, *QUICK)
    done = execute(JOB, out, "supervise")
    assert done.status == "done" and {p.name for p in (place / DAY).iterdir()} == {"run.json", "notebook.ipynb"}
    assert [p.name for p in place.iterdir() if p.is_dir()] == [DAY]


# ---- the index page

def test_the_index_lists_runs_and_opens_without_a_network(executed):
    out = executed["warm"].parents[3]
    page = write_index(out).read_text(encoding="utf-8")
    m = manifest(executed["warm"])
    assert COUNTY in page and m["region_name"]["zh"] in page and m["title"]["en"] in page and f">{m['leads']['total']}<" in page
    assert not re.search(r"https?:|(?:src|href)\s*=\s*[\"']?//|url\(|@import|fetch\(|XMLHttpRequest", page)
    links = re.findall(r'href="([^"]+)"', page)
    assert links and all((out / html.unescape(x)).is_file() for x in links)


def test_hostile_text_stays_text():
    evil = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover=\"alert(3)"
    failure = {"job": {"special": evil, "region": COUNTY, "as_of": DAY}, "cell": 3, "error": evil, "_path": f"failed/{evil}"}
    page = index_page([], [failure])
    assert page.count("<script>") == 1 and "<img" not in page and '" onmouseover="' not in page and "&lt;script&gt;alert(1)" in page


def test_the_page_can_be_read_in_both_languages(executed):
    runs = read_runs(executed["warm"].parents[3])
    for lang in ("zh", "en"): assert f"<html lang={lang}>" in index_page(runs, [], lang)
    page = index_page(runs, [])
    assert page.count('class="zh"') == page.count('class="en"') > 10


def test_the_law_of_a_run_lies_beside_the_package_or_in_it():
    assert resource("params/law").is_dir() and check_job(JOB) == template_path(SPECIAL)
