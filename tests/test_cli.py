"The shell: help, wrong requests in one sentence with exit code 2, and each command on a small demo lake."
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from supervise_lib import cli
from supervise_lib.data.lake import Lake
from supervise_lib.work.run import Run

SPECIAL, COUNTY, DAY = "judgment_consistency", "340124", "2023-12-31"
AT = ["--as-of", DAY]
TEXT = ("某县人民法院 刑事判决书 （2023）皖0123刑初7号 公诉机关某县人民检察院。 被告人甲小某，男，1990年3月4日出生。因本案于2023年1月11日被刑事拘留。 某县人民检察院以某检刑诉〔2023〕9号起诉书指控被告人甲小某犯盗窃罪，"
        "于2023年3月2日向本院提起公诉。现已审理终结。 本院认为，被告人甲小某构成盗窃罪。判决如下： 被告人甲小某犯盗窃罪，判处拘役五个月，并处罚金人民币一千元。（即自2023年1月11日起至2023年6月10日止。） 审判员乙某 二〇二三年四月五日")


@pytest.fixture
def supervise(demo, tmp_path, monkeypatch, capfd, chinese):
    "The command in this process: exit code and all it said; lake and outputs are those of the test."
    monkeypatch.setenv("SUPERVISE_LAKE", str(demo.lake)); monkeypatch.setenv("SUPERVISE_OUTPUTS", str(tmp_path / "outputs")); monkeypatch.setenv("SUPERVISE_KEY_FILE", str(demo.key))
    monkeypatch.delenv("SUPERVISE_DEBUG", raising=False); monkeypatch.setenv("COLUMNS", "200")

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["supervise", *map(str, args)])
        with monkeypatch.context(), pytest.raises(SystemExit) as ended: cli.main()
        said = capfd.readouterr()
        return ended.value.code or 0, said.out + said.err
    return call


@pytest.fixture
def home(tmp_path, monkeypatch):
    "A workbench with a template of its own: no figures, and a failure in one county with a message that would be markup."
    home = tmp_path / "home"; (home / "templates").mkdir(parents=True); (home / "settings.ini").write_text("[workbench]\n")
    cells = [("region: str = None\nas_of: str = None\nlang: str = None\nchoices: dict = None\n", ["parameters"]), ("assert region != '340102', '[red]<script>alert(1)</script>'", []),
             (f"from supervise_lib.work.run import Run\nRun('{SPECIAL}', region, as_of, choices=choices, lang=lang).save()", [])]
    cells = [{"cell_type": "code", "id": f"c{i}", "metadata": {"tags": tags}, "source": s, "outputs": [], "execution_count": None} for i, (s, tags) in enumerate(cells)]
    template = {"cells": cells, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    (home / "templates" / f"{SPECIAL}.ipynb").write_text(json.dumps(template), encoding="utf-8")
    monkeypatch.setenv("SUPERVISE_HOME", str(home))


def files(folder): return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*")) if Path(folder).exists() else []


# ---- help and wrong requests

def test_help_names_the_commands():
    said = CliRunner().invoke(cli.app, ["--help"]).output
    assert all(f" {c} " in said for c in ("run", "batch", "why", "ingest", "papers", "reveal", "demo"))
    assert all(f" {c} " in CliRunner().invoke(cli.app, ["papers", "--help"]).output for c in ("read", "fill"))


def test_the_installed_command_is_the_same():
    "In a process of its own: help at once, a wrong request in one sentence."
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    call = lambda *args: subprocess.run([sys.executable, "-m", "supervise_lib.cli", *args], env=env, capture_output=True, text=True, timeout=60)
    assert call("--help").returncode == 0
    wrong = call("run", SPECIAL, "-r", "349999", *AT)
    assert wrong.returncode == 2 and wrong.stdout == "" and wrong.stderr.count("\n") == 1 and wrong.stderr.startswith("supervise: region '349999' is not known")


@pytest.mark.parametrize("args, words", [
    (["run", "judgement_consistency", "-r", COUNTY, *AT], "no template judgement_consistency.ipynb in"), (["run", SPECIAL, "-r", "340125", *AT], "'340125' is not known; nearest"),
    (["run", SPECIAL, *AT], "no region: give --region"), (["run", SPECIAL, "-r", COUNTY], "no as-of day: give --as-of"), (["run", SPECIAL, "-r", COUNTY, "--as-of", "2023-02-30"], "'2023-02-30' is not a day"),
    (["run", SPECIAL, "-r", COUNTY, *AT, "--lang", "fr"], "'fr' is not known"), (["run", SPECIAL, "-r", COUNTY, *AT, "--choice", "rec_tol_month=1"], "rec_tol_month is no choice"),
    (["run", SPECIAL, "-r", COUNTY, *AT, "--choice", "rec_tol_months"], "is not NAME=VALUE"), (["run", SPECIAL, "-r", COUNTY, *AT, "--choice", "rec_tol_months=many"], "expected int"),
    (["batch", "-r", COUNTY, "-r", "349999", *AT], "'349999' is not known"), (["batch", "-s", "nothing", "-r", COUNTY, *AT], "no template nothing"),
    (["why", SPECIAL, COUNTY, "nobody", *AT], "no row of"), (["why", SPECIAL, "349999", "x", *AT], "not known"), (["why", "nothing", COUNTY, "x", *AT], "no special 'nothing'"),
    (["ingest", "nothing", "x.csv"], "no contract for table 'nothing'"), (["ingest", "persons", "no_such_file.csv"], "no_such_file.csv"),
    (["papers", "read", "no_such_file.jsonl", "--out", "read.jsonl"], "no_such_file.jsonl is not a file")])
def test_a_wrong_request_ends_with_a_sentence_and_writes_nothing(supervise, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(Path(cli.__file__).parent)    # the workbench is found upwards
    code, said = supervise(*args)
    assert code == 2 and words in said and "Traceback" not in said and said.strip().count("\n") == 0 and said.startswith("supervise: ")
    assert files(tmp_path) == [] and not Path("read.jsonl").exists()


@pytest.mark.parametrize("args", [["bogus"], ["run"], ["run", SPECIAL, "--bogus"], ["papers", "read", "x"], ["why", SPECIAL]])
def test_usage_errors(supervise, args):
    code, said = supervise(*args)
    assert code == 2 and "Usage: " in said and "Traceback" not in said


def test_an_empty_lake_is_named(supervise, tmp_path):
    code, said = supervise("why", SPECIAL, COUNTY, "x", *AT, "--lake", tmp_path / "lake")
    assert code == 2 and "holds no tables; ingest files first" in said


# ---- run, batch, why

def test_run_and_batch(supervise, tmp_path, home):
    out = tmp_path / "outputs"; before = files(tmp_path)
    code, said = supervise("batch", "-s", SPECIAL, "-r", COUNTY, "-r", "340102", *AT, "--dry-run")
    assert code == 0 and said.count(f"run  {SPECIAL} ") == 2 and "not run yet" in said and "2 to run, 0 to skip" in said and files(tmp_path) == before
    code, said = supervise("run", SPECIAL, "-r", COUNTY, *AT, "--choice", "rec_gap_months=7")
    assert code == 0, said
    assert "1 done, 0 skipped, 0 failed" in said and str(out / "index.html") in said
    m = json.loads((out / "runs" / SPECIAL / COUNTY / DAY / "run.json").read_text(encoding="utf-8"))
    assert m["inputs"]["choices"]["overridden"] == {"rec_gap_months": 7} and f" {m['rows']} " in said and f" {m['leads']['total']} " in said
    record = json.loads(next((out / "batches").glob("*.json")).read_text(encoding="utf-8"))
    assert record["counts"] == {"done": 1, "skipped": 0, "failed": 0} and record["jobs"][0]["job"]["region"] == COUNTY
    before = files(out)
    code, said = supervise("batch", "-s", SPECIAL, "-r", COUNTY, *AT, "--dry-run")
    assert code == 0 and "choices" in said and "1 to run, 0 to skip" in said and files(out) == before


def test_one_failing_run_stops_no_other_and_is_told(supervise, tmp_path, home):
    code, said = supervise("batch", "-s", SPECIAL, "-r", "340102", "-r", COUNTY, *AT, "-j", "2")
    out = tmp_path / "outputs"
    assert code == 1 and "1 done, 0 skipped, 1 failed" in said and "AssertionError: [red]<script>alert(1)</script>" in said
    assert (out / "runs" / SPECIAL / COUNTY / DAY / "run.json").is_file() and not (out / "runs" / SPECIAL / "340102" / DAY).exists()
    kept = out / "failed" / SPECIAL / "340102" / DAY
    assert str(kept) in said and "<script>" in json.loads((kept / "error.json").read_text(encoding="utf-8"))["error"]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1 and "340102" in page and COUNTY in page
    code, said = supervise("batch", "-s", SPECIAL, "-r", "340102", "-r", COUNTY, *AT, "--dry-run")
    assert f"skip {SPECIAL} {COUNTY}" in said and f"run  {SPECIAL} 340102" in said


def test_why(supervise, demo):
    run = Run(SPECIAL, COUNTY, DAY, lake=demo.lake, lang="zh"); lead = run.leads.iloc[0]
    code, said = supervise("why", SPECIAL, COUNTY, f"{lead['case_no']},{lead['person_id_no']}", *AT)
    assert code == 0 and f"case_no={lead['case_no']}" in said and all(f"[命中] {rule}" in said for rule in lead["hits"].split(";"))
    code, english = supervise("why", SPECIAL, COUNTY, lead["lead_no"], *AT, "--lang", "en")
    assert code == 0 and all(f"[hit] {rule}" in english for rule in lead["hits"].split(";")) and english.count("\n[") == len(run.special.rules)


def test_why_of_a_case_with_several_defendants_asks_which(supervise, province):
    case = province.frame["case_no"].value_counts().index[0]
    code, said = supervise("why", SPECIAL, province.frame.loc[province.frame["case_no"] == case, "region_code"].iloc[0], case, *AT)
    assert code == 2 and "give the whole key" in said


# ---- ingest

def test_ingest(supervise, tmp_path):
    file, lake = tmp_path / "p.csv", tmp_path / "lake"
    file.write_bytes("起诉书文号,公民身份号码,姓名,起诉日期,行政区划代码\n某检刑诉〔2023〕9号,11010519491231002X,甲某,2023年3月2日,340123\n某检刑诉〔2023〕10号,11010519491231002X,甲某,昨天,340123\n".encode("gb18030"))
    code, said = supervise("ingest", "indictment_defendants", file, "--lake", lake)
    assert code == 0 and "Traceback" not in said
    found = Lake(lake).fetch(Lake(lake).table("indictment_defendants"))
    assert found["indictment_doc_no"].tolist() == ["某检刑诉〔2023〕9号"] and found["indictment_date"].astype(str).tolist() == ["2023-03-02"] and "11010519491231002X" not in found["person_id_no"].tolist()
    again = Lake(lake).snapshot("indictment_defendants")
    assert supervise("ingest", "indictment_defendants", file, "--lake", lake)[0] == 0 and Lake(lake).snapshot("indictment_defendants") == again


# ---- papers read

def test_papers_read(supervise, tmp_path):
    file, out = tmp_path / "j.jsonl.gz", tmp_path / "read.jsonl"
    with gzip.open(file, "wt", encoding="utf-8") as f: f.write("\n".join(json.dumps({"id": i, "text": t}, ensure_ascii=False) for i, t in ((1, TEXT), ("b", TEXT.replace("6月10日止", "8月10日止")), ("c", "不是判决书"))) + "\n\n")
    code, said = supervise("papers", "read", file, "--out", out)
    assert code == 0 and "3 documents read" in said
    read = [json.loads(x) for x in out.read_text(encoding="utf-8").splitlines()]
    assert [r["id"] for r in read] == [1, "b", "c"] and [r["date_check"] for r in read][:2] == ["clear", "hit"] and read[2]["date_check"] in ("cannot_tell", "not_applicable")
    person = read[0]["defendants"][0]
    assert [person[k] for k in ("name", "kind", "term_months", "probation_months", "fine_yuan", "start", "end")] == ["甲小某", "拘役", 5, None, 1000, "2023-01-11", "2023-06-10"]
    assert [c.rstrip("罪") for c in person["charges"]] == ["盗窃"]
    assert (read[0]["case_no"], read[0]["judgment_date"]) == ("（2023）皖0123刑初7号", "2023-04-05")


GOOD = json.dumps({"id": 1, "text": TEXT}, ensure_ascii=False)


@pytest.mark.parametrize("name, content, words", [
    ("j.jsonl", GOOD + "\nnot json\n", "line 2: not JSON"), ("j.jsonl", GOOD + '\n{"id": 2}\n', "line 2: expected an object with id and text, found id"), ("j.jsonl", '{"text": "甲"}\n', "line 1: expected an object with id and text"),
    ("j.jsonl", '{"id": 2, "text": 5}\n', "line 1: expected"), ("j.jsonl", "[1]\n", "found list"), ("j.jsonl", GOOD + "\n" + GOOD, "line 2: id 1 is there already"),
    ("j.jsonl", GOOD.encode("gb18030"), "expected UTF-8"), ("j.jsonl.gz", gzip.compress(GOOD.encode())[:-20], "could not be read"), ("j.jsonl.gz", GOOD, "could not be read"), ("j.jsonl", gzip.compress(GOOD.encode()), "could not be read")],
    ids=["not JSON", "no text", "no id", "text is a number", "a list", "id twice", "GB18030", "truncated gz", "not gz", "gz under another name"])
def test_papers_read_refuses_a_broken_file_and_leaves_no_output(supervise, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    code, said = supervise("papers", "read", tmp_path / name, "--out", tmp_path / "read.jsonl")
    assert code == 2 and words in said and name in said and "Traceback" not in said and files(tmp_path) == [name]


def test_papers_read_of_an_empty_file_is_empty(supervise, tmp_path):
    (tmp_path / "j.jsonl").write_text("\n")
    code, said = supervise("papers", "read", tmp_path / "j.jsonl", "--out", tmp_path / "read.jsonl")
    assert code == 0 and "0 documents read" in said and (tmp_path / "read.jsonl").read_text() == ""


def test_papers_read_keeps_the_earlier_output_if_it_fails(supervise, tmp_path):
    (tmp_path / "j.jsonl").write_text("x"); (tmp_path / "read.jsonl").write_text("earlier")
    assert supervise("papers", "read", tmp_path / "j.jsonl", "--out", tmp_path / "read.jsonl")[0] == 2 and (tmp_path / "read.jsonl").read_text() == "earlier"


def test_verify_without_a_run_says_so(supervise):
    code, said = supervise("verify")
    assert code == 2 and "no runs under" in said
