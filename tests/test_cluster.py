"Beyond one machine: two worker processes of Dask do the same plan, and lose or repeat nothing when one is killed."
import hashlib
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import DAY, REGIONS, SPECIAL, leftovers, whole
from typer.testing import CliRunner

from supervise_lib import cli
from supervise_lib.work.batch import batch, plan
from supervise_lib.work.cluster import brought, run_on
from supervise_lib.work.execute import Done, Job

pytestmark = pytest.mark.usefixtures("chinese")
CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cluster():
    "A scheduler here and two workers in processes of their own, one thread each."
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("PYTHONPATH", str(CHECKOUT))
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found: yield found


def workers(cluster): return {w.pid for w in cluster.workers.values() if w.pid}


def test_the_same_plan_gives_the_same_bytes(cluster, place, tmp_path):
    outputs = tmp_path / "elsewhere"
    record = batch(plan([SPECIAL], REGIONS, DAY), outputs, runner=run_on(cluster.scheduler_address))
    assert record["counts"] == {"done": len(REGIONS), "skipped": 0, "failed": 0}, record["jobs"]
    for region in REGIONS:
        here, there = (folder / "runs" / SPECIAL / region / DAY for folder in (place.outputs, outputs))
        bytes_of = lambda folder: {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file() and p.name != "run.json"}
        assert bytes_of(here) == bytes_of(there) and bytes_of(here)
    assert (outputs / "index.html").read_text(encoding="utf-8").count("data-status=done") == len(REGIONS)
    said = CliRunner().invoke(cli.app, ["batch", "-s", SPECIAL, *(x for r in REGIONS for x in ("-r", r)), "--as-of", DAY, "--outputs", str(outputs), "--scheduler", cluster.scheduler_address])
    assert said.exit_code == 0 and "0 done, 4 skipped, 0 failed" in said.output


def test_machines_that_share_only_a_store(cluster, place, demo, tmp_path, monkeypatch):
    "Lake and outputs at a location of fsspec: the same bytes come back, what is unchanged is skipped, a run of something else is refused."
    home, store = tmp_path / "here", tmp_path / "store"
    store.mkdir(); shutil.copytree(place.home, home); shutil.copytree(demo.lake, store / "lake")
    for name in ("LAKE", "OUTPUTS"): monkeypatch.delenv(f"SUPERVISE_{name}", raising=False)
    monkeypatch.setenv("SUPERVISE_HOME", str(home)); monkeypatch.setenv("SUPERVISE_CACHE", str(tmp_path / "cache"))
    (home / "settings.ini").write_text(f"[workbench]\nscheduler = {cluster.scheduler_address}\nremote_lake = file://{store}/lake\nremote_outputs = file://{store}/outputs\n", encoding="utf-8")
    cluster_env(cluster, SUPERVISE_CACHE=str(tmp_path / "cache"))
    command = ["batch", "-s", SPECIAL, *(x for r in REGIONS for x in ("-r", r)), "--as-of", DAY]
    said = CliRunner().invoke(cli.app, command)
    assert said.exit_code == 0 and f"{len(REGIONS)} done, 0 skipped, 0 failed" in said.output, said.output
    for region in REGIONS:
        bytes_of = lambda folder: {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file() and p.name != "run.json" and not p.name.startswith(".")}
        here, there = (bytes_of(folder / "runs" / SPECIAL / region / DAY) for folder in (place.outputs, home / "outputs"))
        assert here == there == bytes_of(store / "outputs" / "runs" / SPECIAL / region / DAY) and here
    assert (store / "outputs" / "index.html").is_file() and len(list((store / "outputs" / "batches").glob("*.json"))) == 1
    shutil.rmtree(home / "outputs")                                  # another machine begins: it fetches what is there
    assert f"0 done, {len(REGIONS)} skipped, 0 failed" in CliRunner().invoke(cli.app, command).output
    done = Done(Job(SPECIAL, REGIONS[0], DAY), "done")
    record = store / "outputs" / "runs" / SPECIAL / REGIONS[0] / DAY / "run.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"code": "', '"code": "0'), encoding="utf-8")
    assert "rests on something else than is here: code" in brought(done, f"file://{store}/outputs", home / "outputs").error


def cluster_env(cluster, **names):
    "Set variables in the workers."
    from distributed import Client
    with Client(cluster.scheduler_address) as client: client.run(os.environ.update, names)


def test_failures_and_long_runs_are_told_and_stop_no_other(cluster, toy):
    bad, slow = toy.regions[:2]
    toy.behave(f"if region == '{bad}': 1 / 0\nif region == '{slow}': time.sleep(600)")
    record = batch(toy.jobs[:4], whole=4, runner=run_on(cluster.scheduler_address))
    errors = {j["job"]["region"]: j["error"] for j in record["jobs"] if j["status"] == "failed"}
    assert record["counts"] == {"done": 2, "skipped": 0, "failed": 2} and "ZeroDivisionError" in errors[bad] and "longer than 4 s" in errors[slow] and whole(toy.outputs) == toy.regions[2:4]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(cluster, toy):
    hold = toy.home / "hold"; hold.touch()
    toy.behave(f"if region in {toy.regions[2:4]}:\n    while (home / 'hold').exists(): time.sleep(.05)")
    found, before = {}, workers(cluster)
    thread = threading.Thread(target=lambda: found.update(batch(toy.jobs, runner=run_on(cluster.scheduler_address))))
    thread.start()
    try:
        wait(lambda: {r for r, _ in toy.log("start")} >= set(toy.regions[2:4]))
        victim = next(iter(before)); mine = kernels_below(victim, toy)
        assert len(mine) == 1
        os.kill(victim, signal.SIGKILL)
        wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine.values()))     # its run is ended with it
    finally: hold.unlink(); thread.join(120)
    assert found["counts"]["failed"] == 0 and found["counts"]["done"] + found["counts"]["skipped"] == len(toy.regions), found["jobs"]
    assert sorted(whole(toy.outputs)) == toy.regions == sorted(r for r, _ in toy.log("end")) and not leftovers(toy.outputs)
    assert sorted(r for r, _ in toy.log("start")) == sorted([*toy.regions, *mine])


def kernels_below(pid, toy):
    "The runs that are under way in kernels that descend from a process: region and process."
    def parent(p):
        try: return int(Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError: return 0
    def chain(p):
        while p > 1: yield p; p = parent(p)
    ended = {r for r, _ in toy.log("end")}
    return {r: p for r, p in toy.log("start") if r not in ended and pid in chain(p)}


def wait(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(.02)


# ---- no scheduler, no Dask

def test_a_scheduler_that_is_not_there_is_told_before_anything_is_written(toy):
    pytest.importorskip("distributed", reason="Dask is not installed")
    for address in ("tcp://127.0.0.1:1", "no such address"):
        with pytest.raises(ConnectionError, match=f"no Dask scheduler answers at {address} .*start one with `dask scheduler`"): run_on(address, patience=.5)
    assert not toy.outputs.exists()


def test_without_dask_it_says_what_to_install(toy, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'supervise_lib\[cluster\]'"): run_on("tcp://127.0.0.1:8786")
    monkeypatch.setattr(sys, "argv", ["supervise", "batch", "-s", SPECIAL, "-r", toy.regions[0], "--as-of", DAY, "--scheduler", "tcp://127.0.0.1:8786"])
    with pytest.raises(SystemExit) as ended: cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("supervise: a scheduler needs Dask") and said.count("\n") == 1 and not toy.outputs.exists()


def test_without_dask_a_batch_on_this_machine_goes_on(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None); shutil.rmtree(place.outputs / "batches")
    assert batch(place.jobs)["counts"]["skipped"] == len(REGIONS)
