"""Time a batch of 1,210 runs of which nothing has changed: the decision, the index page, and the whole command.

One run is executed; its folder is copied to every region and day, with the inputs that run would have had, so that each counts as unchanged.
Targets: everything skipped; the command within 5 s, the page written within 5 s and below 3 MB.

Usage: python bench/skip.py [--days 10] [--scale 0.05] [--repeat 3]"""
import argparse
import copy
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPECIAL, DAY = "judgment_consistency", "2023-12-31"


def manifest_for(m, region, day, now):
    "A run's manifest as if it had been the run of another region and day: same findings, but the region's own inputs as they are now."
    from supervise_lib.data.regions import region as find_region
    from supervise_lib.model.special import special
    m = copy.deepcopy(m); found = special(m["special"])
    m |= {"region": region, "region_name": find_region(region).name.to_dict(), "as_of": day}
    m["inputs"] |= {"data": {t: now.snapshot(t, region) for t in found.tables}, "absent": now.absent(found, region)}
    return m


def multiply(folder, outputs, regions, days):
    "The run in `folder` as the run of every region and day, its files as hard links."
    from supervise_lib.work.run import run_folder
    from supervise_lib.work.unchanged import Now
    m, now = json.loads((folder / "run.json").read_text(encoding="utf-8")), Now()
    for region in regions:
        mine = manifest_for(m, region, DAY, now)
        for day in days:
            target = run_folder(outputs, m["special"], region, day); target.mkdir(parents=True)
            for f in m["outputs"]: (target / f).parent.mkdir(exist_ok=True); os.link(folder / f, target / f)
            (target / "run.json").write_text(json.dumps(mine | {"as_of": day}, ensure_ascii=False, indent=1), encoding="utf-8")


def timed(function, *args):
    begun = time.perf_counter(); found = function(*args)
    return time.perf_counter() - begun, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10); parser.add_argument("--scale", type=float, default=.05); parser.add_argument("--repeat", type=int, default=3)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as d:
        os.environ |= {"SUPERVISE_KEY_FILE": f"{d}/key", "SUPERVISE_LAKE": f"{d}/lake", "SUPERVISE_OUTPUTS": f"{d}/outputs"}
        from supervise_lib.data.demo import build_demo
        from supervise_lib.data.lake import Lake
        from supervise_lib.data.regions import within
        from supervise_lib.work.batch import plan, reasons
        from supervise_lib.work.execute import Job, execute
        from supervise_lib.work.index import write_index
        lake = Lake(f"{d}/lake"); build_demo(lake, Path(d) / "delivered", scale=a.scale); lake.close()
        done = execute(Job(SPECIAL, "340100", DAY), Path(d) / "one", "supervise"); assert done.status == "done", done.error
        regions, days, outputs = within("340000"), [f"2023-12-{31 - i}" for i in range(a.days)], Path(d) / "outputs"
        multiply(Path(done.folder), outputs, regions, days)
        jobs = [j for day in days for j in plan([SPECIAL], regions, day)]
        ways = {"decision": lambda: reasons(jobs, outputs), "index page": lambda: write_index(outputs), "checked plan": lambda: [plan([SPECIAL], regions, day) for day in days]}
        print(f"{len(jobs)} runs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for name, way in ways.items():
            took = [timed(way) for _ in range(a.repeat)]
            print(f"{name:14} median {statistics.median(t for t, _ in took):5.2f} s   {min(t for t, _ in took):.2f} … {max(t for t, _ in took):.2f}")
        why = reasons(jobs, outputs); assert not any(why.values()), next(w for w in why.items() if w[1])
        print(f"page           {(outputs / 'index.html').stat().st_size / 1e6:.2f} MB")
        code = f"from supervise_lib.work.batch import batch, plan; from supervise_lib.data.regions import within; print(batch([j for day in {days} for j in plan([{SPECIAL!r}], within('340000'), day)], runner=lambda todo, *_, **__: list(todo) and exit('not all skipped'))['counts'])"
        cpu = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        before, took = cpu(), [timed(lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)) for _ in range(a.repeat)]
        print(f"whole process  median {statistics.median(t for t, _ in took):5.2f} s   {min(t for t, _ in took):.2f} … {max(t for t, _ in took):.2f}   (of the processor {(cpu() - before) / a.repeat:.2f} s)   {took[-1][1].stdout.strip()}")


if __name__ == "__main__": main()
