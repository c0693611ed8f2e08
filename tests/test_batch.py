"The batch: what changed and nothing else is done again; nothing that fails, is killed or runs beside it leaves a half result or a lost one."
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import DAY, REGIONS, SPECIAL, home_with, leftovers, whole
from typer.testing import CliRunner

from supervise_lib import cli
from supervise_lib.data.regions import region as region_of
from supervise_lib.data.regions import within
from supervise_lib.model.special import special, special_names
from supervise_lib.settings import resource as find
from supervise_lib.work import records
from supervise_lib.work.batch import batch, batch_id, plan, read_plan, reasons, run_jobs, unfinished
from supervise_lib.work.execute import Done, Job
from supervise_lib.work.index import index_page, read_outputs, write_index

pytestmark = pytest.mark.usefixtures("chinese")
CITY, FEIXI, LUJIANG, WUHU = REGIONS
CHECKOUT = Path(__file__).resolve().parents[1]


def manifest(folder): return json.loads((folder / "run.json").read_text(encoding="utf-8"))
def changed(place, jobs=None): return {j.region: w for j, w in reasons(jobs or place.jobs, place.outputs).items() if w}
def none_to_do(todo, *_, **__): assert not todo, todo; return []
def ended(outputs): return [json.loads(p.read_text(encoding="utf-8")) for p in sorted((outputs / "batches").glob("[!.]*.json"))]


# ---- skipping

def test_a_second_batch_of_unchanged_runs_executes_nothing(place):
    record = batch(place.jobs, runner=none_to_do)
    assert record["counts"] == {"done": 0, "skipped": len(REGIONS), "failed": 0} and record["status"] == "ended"
    assert all("unchanged" in j["error"] for j in record["jobs"]) and (place.outputs / "index.html").read_text(encoding="utf-8").count("data-status=done") == len(REGIONS)


def edit_law(place, name):
    "One more day, yuan or person in the last entry of a law value."
    path = next(p for p in find("params/law").glob("*.yaml") if re.search(f"(?m)^{name}:", p.read_text(encoding="utf-8")))
    block = re.search(rf"(?ms)^{name}:.*?(?=^\S|\Z)", path.read_text(encoding="utf-8"))[0]
    old = re.findall(r"value: ([\d.]+)", block)[-1]; at = block.rindex(f"value: {old}")
    place.edit(f"law/{path.name}", block, f"{block[:at]}value: {float(old) + 1:g}{block[at + len('value: ' + old):]}")


def test_a_changed_law_value_repeats_exactly_the_runs_that_read_it(place):
    read = {r: set(manifest(place.folder(r))["inputs"]["law"]["read"]) for r in REGIONS}
    name = next(n for n in sorted(read[LUJIANG] - read[FEIXI] - read[WUHU]) if n.endswith(("_yuan", "_persons")))
    expected = [r for r in REGIONS if name in read[r]]
    edit_law(place, name)
    assert changed(place) == {r: ["law 法定数值"] for r in expected} and LUJIANG in expected
    before = {r: (place.folder(r) / "run.json").stat().st_mtime_ns for r in REGIONS}
    record = batch(place.jobs, workers=2)
    assert record["counts"] == {"done": len(expected), "skipped": len(REGIONS) - len(expected), "failed": 0}, record["jobs"]
    assert [r for r in REGIONS if (place.folder(r) / "run.json").stat().st_mtime_ns != before[r]] == expected
    assert changed(place) == {} and not leftovers(place.outputs)


def test_a_law_value_that_no_run_read_changes_nothing(place):
    edit_law(place, "jc_accept_decide")
    assert not any("jc_accept_decide" in manifest(place.folder(r))["inputs"]["law"]["read"] for r in REGIONS) and changed(place) == {}


def test_a_law_value_that_is_gone_counts_as_changed(place, monkeypatch):
    m = manifest(place.folder(WUHU)); m["inputs"]["law"]["read"].append("repealed_days")
    (place.folder(WUHU) / "run.json").write_text(json.dumps(m), encoding="utf-8")
    assert changed(place) == {WUHU: ["law 法定数值"]}


def test_a_changed_template_repeats_all(place):
    home_with(place.home, "# another word", "from supervise_lib.work.run import Run", f"Run('{SPECIAL}', region, as_of, choices=choices, lang=lang).save()")
    assert changed(place) == {r: ["template 模板"] for r in REGIONS}
    home_with(place.home, "from supervise_lib.work.run import Run\nimport supervise_lib.publish.tables", f"Run('{SPECIAL}', region, as_of, choices=choices, lang=lang).save()")
    assert changed(place) == {r: ["template 模板", "code 代码"] for r in REGIONS}      # it uses more of the package now


@pytest.mark.parametrize("old, new, words", [("value: 500\n", "value: 501\n", ["choices 自定阈值"]), ("Difference of amounts that is ignored", "Ignored difference of amounts", None)])
def test_a_changed_choice_repeats_all_and_its_label_nothing(place, old, new, words):
    place.edit(f"specials/{SPECIAL}.yaml", old, new)
    vars(special(SPECIAL)).pop("_params", None)     # a batch is a process of its own and reads the file anew
    try: assert changed(place) == ({r: words for r in REGIONS} if words else {})
    finally: vars(special(SPECIAL)).pop("_params", None)


def test_choices_and_language_of_a_job_are_part_of_it(place):
    jobs = [replace(place.jobs[0], choices={"rec_gap_months": 7}), replace(place.jobs[1], lang="en"), replace(place.jobs[2], choices={"rec_gap_months": 6}), replace(place.jobs[3], as_of="2023-12-30")]
    assert list(reasons(jobs, place.outputs).values()) == [["choices 自定阈值"], ["language 语言"], [], ["not run yet 尚未运行"]]     # 6 is what the choice is anyway


def test_reference_data_are_part_of_it(place):
    place.edit("circumstances.yaml", (find("params/circumstances.yaml").read_text(encoding="utf-8").splitlines() + [""])[0] + "\n", "# looked at again\n")
    assert changed(place) == {r: ["reference data 参考数据"] for r in REGIONS}


def test_a_workbench_with_one_params_folder_takes_the_rest_from_the_package(place):
    (place.home / "params" / "batches").mkdir(parents=True)
    assert changed(place) == {}


def without_first(lake, table, code):
    rows = lake.fetch(lake.table(table, code))
    assert len(rows), (table, code)
    lake.write(table, rows[1:], regions=[code])


def test_changed_data_of_a_county_repeat_the_county_and_what_is_above_it(place):
    without_first(place.own_lake(), "sentencing_recommendations", LUJIANG)
    assert changed(place) == {r: ["data: sentencing_recommendations 数据"] for r in (CITY, LUJIANG)}


def test_changed_data_that_are_read_across_regions_repeat_all(place):
    assert "custody_stays" in manifest(place.folder(FEIXI))["inputs"]["across"]
    without_first(place.own_lake(), "custody_stays", WUHU)
    across = ["data across regions: custody_stays 跨地区数据"]
    assert changed(place) == {CITY: across, FEIXI: across, LUJIANG: across, WUHU: ["data: custody_stays 数据", *across]}


def test_a_table_that_is_not_read_changes_nothing_and_a_new_delivery_does(place):
    lake = place.own_lake()
    first = lake.fetch(lake.table("import_batches"))[:1]
    lake.write("import_batches", first.assign(batch_id="b1", table_name="hotels", region_code=LUJIANG), how="upsert")
    assert changed(place) == {}
    assert not lake.rows("custody_extensions", LUJIANG) and manifest(place.folder(LUJIANG))["inputs"]["absent"] == []    # delivered complete, without a row
    told = lake.fetch(lake.table("import_batches"))
    lake.write("import_batches", told[told["table_name"] == "custody_extensions"].assign(is_complete=False), how="upsert")
    without = {r for r in REGIONS if not all(lake.rows("custody_extensions", c) for c in within(r) if region_of(c).level == "county")}     # those for which nothing says any more that there was none
    assert LUJIANG in without and changed(place) == {r: ["deliveries 报送情况"] for r in without}


@pytest.mark.parametrize("module, expected", [("law/sentences.py", ["code 代码"]), ("work/run.py", ["code 代码"]), ("cli.py", None), ("work/batch.py", None)])
def test_changed_code_repeats_the_runs_that_use_it(place, tmp_path, monkeypatch, module, expected):
    shutil.copytree(records.PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(records, "PACKAGE", tmp_path / "package")
    records._module_imports.cache_clear()
    assert changed(place) == {}
    with open(tmp_path / "package" / module, "a") as f: f.write("\n# a line more\n")
    assert changed(place) == ({r: expected for r in REGIONS} if expected else {})


def test_other_package_versions_repeat_all(place):
    m = manifest(place.folder(WUHU)); m["versions"]["pandas"] = "0.1"
    (place.folder(WUHU) / "run.json").write_text(json.dumps(m), encoding="utf-8")
    assert changed(place) == {WUHU: ["package versions 软件版本"]}


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null", '{"outputs": 1, "inputs": {}}', '{"outputs": {}, "inputs": {"template": null}}', "\x00" * 100])
def test_a_damaged_manifest_is_done_again_and_does_not_stop_the_index(place, text):
    (place.folder(WUHU) / "run.json").write_text(text, encoding="utf-8")
    assert changed(place) == {WUHU: ["the manifest is damaged 清单损坏"]}
    page = write_index(place.outputs).read_text(encoding="utf-8")
    assert page.count("data-status=done") + page.count("data-status=failed") == len(REGIONS) and "is damaged" in page


def test_a_missing_output_is_done_again(place):
    (place.folder(FEIXI) / "leads.parquet").unlink(); (place.folder(WUHU) / "run.json").unlink()
    assert changed(place) == {FEIXI: ["output missing: leads.parquet 结果缺失"], WUHU: ["not run yet 尚未运行"]}


def test_what_failed_last_time_is_tried_again(place):
    kept = place.outputs / "failed" / SPECIAL / WUHU / DAY; kept.mkdir(parents=True)
    (kept / "error.json").write_text(json.dumps({"job": {"special": SPECIAL, "region": WUHU, "as_of": DAY}, "cell": 2, "error": "x"}), encoding="utf-8")
    assert changed(place) == {WUHU: ["failed last time 上次失败"]}


def test_force_repeats_all_and_dry_run_says_why_and_writes_nothing(place):
    edit_law(place, "jc_accept_decide"); (place.folder(FEIXI) / "leads.parquet").unlink()
    before = {p: p.stat().st_mtime_ns for p in place.outputs.rglob("*")}
    args = ["batch", "-s", SPECIAL, *(x for r in REGIONS for x in ("-r", r)), "--as-of", DAY, "--dry-run"]
    said = CliRunner().invoke(cli.app, args)
    assert said.exit_code == 0 and f"run  {SPECIAL} {FEIXI} {DAY}  output missing: leads.parquet" in said.output and said.output.count("unchanged 未变化") == 3 and "1 to run, 3 to skip" in said.output
    forced = CliRunner().invoke(cli.app, [*args, "--force"])
    assert forced.output.count("forced 强制重跑") == len(REGIONS) and "4 to run, 0 to skip" in forced.output
    assert {p: p.stat().st_mtime_ns for p in place.outputs.rglob("*")} == before


def test_1210_unchanged_runs_are_skipped(finished, toy):
    days, regions = [f"2023-12-{31 - i}" for i in range(10)], within("340000")
    shutil.copytree(finished.home / "templates", toy.home / "templates", dirs_exist_ok=True)
    toy.skip.multiply(finished.outputs / "runs" / SPECIAL / LUJIANG / DAY, toy.outputs, regions, days)
    jobs = [j for d in days for j in plan([SPECIAL], regions, d)]
    record = batch(jobs, runner=none_to_do)
    assert record["counts"] == {"done": 0, "skipped": 1210, "failed": 0} == {"done": 0, "skipped": len(jobs), "failed": 0}
    page = (toy.outputs / "index.html").read_bytes()
    assert page.count(b"data-status=done") == 1210 and len(page) < 3e6


# ---- plans

def test_a_plan_file(place):
    path = place.home / "params" / "batches" / "monthly.yaml"; path.parent.mkdir(parents=True)
    path.write_text(f"specials: [{SPECIAL}]\nregions: [340100]\nbelow: yes\nlang: en\nchoices: {{rec_gap_months: 7}}\n", encoding="utf-8")
    jobs = read_plan("monthly", DAY)
    assert [j.region for j in jobs] == within("340100") and {(j.lang, j.as_of, j.choices["rec_gap_months"]) for j in jobs} == {("en", DAY, 7)}
    path.write_text(f"specials: {SPECIAL}\nregions: 340123\nas_of: 2023-11-30\nchoices: {{{SPECIAL}: {{rec_gap_months: 8}}}}\n", encoding="utf-8")
    assert read_plan("monthly") == [Job(SPECIAL, "340123", "2023-11-30")] and read_plan(str(path))[0].choices == {"rec_gap_months": 8} and read_plan("monthly", DAY)[0].as_of == DAY
    path.write_text(f"specials: [{SPECIAL}]\nregions: ['340123', '340124']\n", encoding="utf-8")
    said = CliRunner().invoke(cli.app, ["batch", "--plan", "monthly", "--as-of", DAY, "--dry-run"])
    assert said.exit_code == 0 and "0 to run, 2 to skip" in said.output


@pytest.mark.parametrize("text, words", [
    ("regions: ['340123']\nas_of: 2023-12-31\nspecial: x", "unknown key special"), ("regions: [340123", "monthly.yaml:1: not valid YAML"), ("as_of: 2023-12-31", "regions and as_of are needed"), ("regions: ['340123']", "regions and as_of are needed"),
    ("- 340123", "a plan is a mapping"), ("just words", "a plan is a mapping"), ("", "regions and as_of are needed"), (f"specials: [{SPECIAL}]\nregions: ['349999']\nas_of: 2023-12-31", "'349999' is not known"), (f"specials: [{SPECIAL}]\nregions: ['340123']\nas_of: soon", "'soon' is not a day"),
    ("regions: ['340123']\nas_of: 2023-12-31\nspecials: [nothing]", "no template nothing"), (f"specials: [{SPECIAL}]\nregions: ['340123']\nas_of: 2023-12-31\nchoices: {{rec_gap_month: 7}}", "rec_gap_month is no choice"), (f"specials: [{SPECIAL}]\nregions: ['340123']\nas_of: 2023-12-31\nlang: fr", "'fr' is not known")])
def test_a_wrong_plan_file_is_refused(place, text, words):
    path = place.home / "params" / "batches" / "monthly.yaml"; path.parent.mkdir(parents=True); path.write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, KeyError), match=re.escape(words)): read_plan("monthly")


def test_an_unknown_plan_names_those_there_are(place):
    with pytest.raises(FileNotFoundError, match="plans there are: .*province"): read_plan("weekly")

def test_the_plan_of_the_province_has_every_special(monkeypatch):
    monkeypatch.setenv("SUPERVISE_HOME", str(Path(__file__).resolve().parents[1]))
    assert len(read_plan("province", DAY)) == 121 * len(special_names())


@pytest.mark.parametrize("args, words", [(["--plan", "province", "-r", CITY], "--plan says what to run; leave out --region"), (["--resume", "--plan", "province"], "--resume says what to run; leave out --plan"), (["--resume", "--as-of", DAY], "leave out --as-of"), (["--resume"], "no unfinished batch")])
def test_options_that_would_be_ignored_are_refused(place, args, words):
    found = CliRunner().invoke(cli.app, ["batch", *args])
    assert isinstance(found.exception, (ValueError, FileNotFoundError)) and words in str(found.exception)


# ---- failures

def test_every_kind_of_failure_is_kept_and_told_and_stops_no_other(toy):
    good, raises, slow, killed, left, dies = toy.regions[:6]
    toy.behave(f"import signal\nif region == '{raises}': 1 / 0\nif region == '{slow}': time.sleep(60)\nif region == '{killed}': os.kill(os.getpid(), signal.SIGKILL)\nif region == '{left}': os._exit(3)\nif region == '{dies}': os.kill(os.getppid(), signal.SIGKILL)")
    heard = []
    record = batch(toy.jobs, workers=2, timeout=3, told=lambda done, n, total: heard.append((done.job.region, done.status, n, total)))
    jobs = {j["job"]["region"]: j for j in record["jobs"]}
    assert record["counts"] == {"done": 3, "skipped": 0, "failed": 5} and whole(toy.outputs) == [good, *toy.regions[6:]]
    said = {raises: "ZeroDivisionError: division by zero", slow: "CellTimeoutError", killed: "Kernel died", left: "Kernel died", dies: "killed by SIGKILL"}
    for region, words in said.items():
        job = jobs[region]; kept = Path(job["folder"])
        assert words in job["error"] and kept == toy.outputs / "failed" / SPECIAL / region / DAY, job
        assert json.loads((kept / "error.json").read_text(encoding="utf-8"))["error"] == job["error"]
    for region in (raises, slow, killed, left):
        cell = json.loads((Path(jobs[region]["folder"]) / "notebook.ipynb").read_text(encoding="utf-8"))["cells"][jobs[region]["cell"] - 1]
        assert "behave.py" in "".join(cell["source"]) and (region != raises or cell["outputs"][-1]["ename"] == "ZeroDivisionError")
    assert sorted(h[0] for h in heard) == sorted(toy.regions) and [h[2] for h in heard] == list(range(1, 9)) and not leftovers(toy.outputs)
    page = (toy.outputs / "index.html").read_text(encoding="utf-8")
    assert page.count("data-status=failed") == 5 and page.count("data-status=done") == 3 and all((toy.outputs / x).is_file() for x in re.findall(r'href="([^"]+)"', page))
    assert {j.region for j, why in reasons(toy.jobs, toy.outputs).items() if why == ["failed last time 上次失败"]} == set(said)
    toy.behave()
    again = batch(toy.jobs, workers=2)
    assert again["counts"] == {"done": 5, "skipped": 3, "failed": 0} and sorted(whole(toy.outputs)) == toy.regions
    assert "data-status=failed>" not in (toy.outputs / "index.html").read_text(encoding="utf-8") and not list(toy.outputs.glob("failed/*/*/[!.]*"))


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(toy):
    toy.behave(f"import subprocess\nif region == '{toy.regions[0]}':\n    p = subprocess.Popen(['sleep', '600']); log(f'sleeper-{{p.pid}}'); time.sleep(600)")
    found = {d.job.region: d for d in run_jobs(toy.jobs[:2], workers=2, whole=3)}
    late = found[toy.regions[0]]
    assert late.status == "failed" and "longer than 3 s" in late.error and late.cell == 4 and (Path(late.folder) / "notebook.ipynb").is_file() and found[toy.regions[1]].status == "done"
    sleeper = int(re.search(r"sleeper-(\d+)", (toy.home / "log").read_text())[1])
    assert gone([sleeper, *(pid for _, pid in toy.log("start"))]) and not leftovers(toy.outputs)


def test_where_nothing_can_be_forked_a_late_run_is_ended_too(toy):
    toy.behave(f"if region == '{toy.regions[0]}': time.sleep(600)")
    found = {d.job.region: d for d in run_jobs(toy.jobs[:2], workers=2, whole=20, warm=False)}
    late = found[toy.regions[0]]
    assert late.status == "failed" and "longer than 20 s" in late.error and found[toy.regions[1]].status == "done", found
    assert gone([pid for _, pid in toy.log("start")]) and len(toy.log("start")) == 2 and not leftovers(toy.outputs)


def test_the_index_shows_a_failure_only_while_it_is_the_latest(finished):
    runs, _ = read_outputs(finished.outputs)
    failure = lambda day: {"job": {"special": SPECIAL, "region": WUHU, "as_of": day}, "cell": None, "error": "x", "_path": "failed/x", "_notebook": False}
    matrix = lambda day: index_page(runs, [failure(day)]).split("<h2>")[0]
    assert "td class=bad" in matrix("2024-01-31") and "td class=bad" not in matrix("2023-01-31") and 'href="failed/x/notebook.ipynb"' not in index_page(runs, [failure(DAY)])


# ---- processes

def start(*args, **more):
    "The command in a process of its own."
    env = os.environ | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}
    return subprocess.Popen([sys.executable, "-m", "supervise_lib.cli", "batch", *args], cwd=os.environ["SUPERVISE_HOME"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **more)


def asked(toy): return ["-s", SPECIAL] + [x for r in toy.regions for x in ("-r", r)] + ["--as-of", DAY, "-j", "2"]


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(.02)


def descendants(pid):
    parents = {}
    for p in Path("/proc").glob("[0-9]*"):
        try: parents[int(p.name)] = int((p / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError: pass
    found, new = set(), {pid}
    while new: found |= new; new = {c for c, parent in parents.items() if parent in new} - found
    return found


def alive(pid):
    try: return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError: return False


def gone(pids, seconds=10):
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end: time.sleep(.05)
    return not any(map(alive, pids))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_batch_leaves_nothing_half_and_is_resumed(toy, number):
    hold = toy.home / "hold"; hold.touch()
    toy.behave(f"if region in {toy.regions[2:]}:\n    (folder := pathlib.Path(os.environ['SUPERVISE_RUN_FOLDER']), (folder / 'run.json').write_text('{{}}'))\n    while (home / 'hold').exists(): time.sleep(.05)")
    process = start(*asked(toy))
    wait_for(lambda: len(toy.log("start")) == 4)
    children = descendants(process.pid)
    assert len(children) >= 6 and len(whole(toy.outputs)) == 2     # the command, the warm process, two runs and their kernels
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else -9) and "Traceback" not in out + err and gone(children)
    assert sorted(whole(toy.outputs)) == toy.regions[:2] and [r["status"] for r in ended(toy.outputs)] == ["running"]
    if number == signal.SIGINT:
        assert "--resume goes on" in err and not leftovers(toy.outputs) and unfinished(toy.outputs) == toy.jobs and not toy.log("end")[2:]
    hold.unlink(); toy.behave()
    process = start("--resume"); out, err = process.communicate(timeout=90)
    assert process.returncode == 0 and "6 done, 2 skipped, 0 failed" in out, out + err
    assert sorted(whole(toy.outputs)) == toy.regions == sorted(r for r, _ in toy.log("end")) and not leftovers(toy.outputs)
    with pytest.raises(FileNotFoundError, match="no unfinished batch"): unfinished(toy.outputs)


def test_two_batches_at_once_execute_each_run_once(toy):
    toy.behave("time.sleep(.4)")
    processes = [start(*asked(toy)), start(*asked(toy)[:-4], *asked(toy)[-4:])]
    said = [p.communicate(timeout=120) for p in processes]
    assert [p.returncode for p in processes] == [0, 0], said
    assert sorted(r for r, _ in toy.log("start")) == sorted(r for r, _ in toy.log("end")) == toy.regions == sorted(whole(toy.outputs))
    done = ended(toy.outputs)
    assert [r["status"] for r in done] == ["ended"] * 2 and sum(r["counts"]["done"] for r in done) == len(toy.regions) and all(r["counts"]["failed"] == 0 for r in done)
    assert (toy.outputs / "index.html").read_text(encoding="utf-8").count("data-status=done") == len(toy.regions) and not leftovers(toy.outputs)
    assert not any(reasons(toy.jobs, toy.outputs).values())


def test_a_file_that_cannot_be_written_fails_its_run_in_words(toy):
    big = toy.regions[0]
    toy.behave(f"size = 3_000_000 if region == '{big}' else 1000")
    process = start(*asked(toy), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
    out, err = process.communicate(timeout=90)
    assert process.returncode == 1 and "7 done, 0 skipped, 1 failed" in out and "File too large" in out and "Traceback" not in out + err
    assert sorted(whole(toy.outputs)) == toy.regions[1:] and not leftovers(toy.outputs)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_in_words_and_leaves_nothing_half(toy, tmp_path):
    toy.outputs.mkdir(); toy.behave("size = 120_000")
    command = f'mount -t tmpfs -o size=400k tmpfs "{toy.outputs}" || exit 77; "$@"; code=$?; cp -a "{toy.outputs}" "{tmp_path}/seen"; exit $code'
    env = os.environ | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}
    try: done = subprocess.run(["unshare", "-m", "sh", "-c", command, "sh", sys.executable, "-m", "supervise_lib.cli", "batch", *asked(toy)], cwd=toy.home, env=env, capture_output=True, text=True, timeout=120)
    except FileNotFoundError: pytest.skip("no unshare here")
    if done.returncode == 77 or "unshare" in done.stderr: pytest.skip(f"a small disk cannot be mounted here: {done.stderr}")
    seen = tmp_path / "seen"; some = whole(seen)
    assert done.returncode == 1 and "No space left on device" in done.stdout and "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert 0 < len(some) < len(toy.regions) and f"{len(some)} done, 0 skipped, {len(toy.regions) - len(some)} failed" in done.stdout and not leftovers(seen)


# ---- records

def test_two_batches_of_the_same_moment_have_two_records(toy):
    import datetime as dt
    now = dt.datetime(2024, 1, 1, 20)
    assert batch_id(toy.jobs, now) != batch_id(toy.jobs, now.replace(microsecond=1)) and batch_id(toy.jobs, now).startswith("20240101-200000.000-")


def test_the_latest_unfinished_plan_is_resumed_with_its_choices(toy):
    def stop(*_, **__): raise KeyboardInterrupt
    jobs = [replace(toy.jobs[0], choices={"rec_gap_months": 7}, lang="en"), toy.jobs[1]]
    with pytest.raises(KeyboardInterrupt): batch(jobs, runner=stop)
    batch(toy.jobs[3:5], runner=lambda todo, *_, **__: [Done(j, "done") for j in todo])
    found = unfinished(toy.outputs)
    assert found == jobs and found[0].choices == {"rec_gap_months": 7}
    batch(found, runner=lambda todo, *_, **__: [Done(j, "done") for j in todo])
    with pytest.raises(FileNotFoundError, match="no unfinished batch"): unfinished(toy.outputs)


def test_a_record_that_cannot_be_written_is_told(toy, monkeypatch):
    def full(*_): raise OSError(28, "No space left on device")
    monkeypatch.setattr("supervise_lib.work.batch.write_index", full)
    record = batch(toy.jobs[:1], runner=lambda todo, *_, **__: [Done(j, "done") for j in todo])
    assert "No space left" in record["trouble"] and record["counts"]["done"] == 1
