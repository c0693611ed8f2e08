"""Time one template over several counties in four ways, in one run on the same data, and the memory of the third.

(a) a shell loop over papermill's command line, (b) papermill's Python API in two processes, (c) the engine `supervise` in two warm forks,
(d) the template's code called as a plain function in two warm forks. Target: c at least 10 × a and 5 × b, at most 1.6 times the time of d, below 1.5 GiB.

Usage: python bench/batch.py [--regions 6] [--repeat 3] [--scale 1.0] [--generic] [--memory RUNS]
--generic: not our template but 15 cells that import the libraries, query Parquet with DuckDB, fit a logit, draw two pictures, style a table and write files,
which shows the engine by itself; --memory: only the growth of the warm process over RUNS notebooks."""
import argparse
import ast
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE, AS_OF = Path(os.environ.get("BENCH_TEMPLATE") or ROOT / "templates" / "judgment_consistency.ipynb"), "2023-12-31"
GENERIC = """import duckdb, ibis, numpy as np, pandas as pd, pyarrow.parquet as pq, statsmodels.api as sm, matplotlib.pyplot as plt
import pandera.pandas, scipy.stats
from IPython.display import Markdown, display
---
con = duckdb.connect(); con.execute("set threads to 1"); rows = con.sql(f"from read_parquet('{data}') where region = {int(region)}").df()
---
rows.head()
---
rows.describe()
---
by = con.sql(f"select kind, count(*) n, avg(y) share, median(x) x from read_parquet('{data}') where region = {int(region)} group by 1 order by 1").df()
---
by.style.format({'share': '{:.1%}'})
---
fit = sm.Logit(rows.y, sm.add_constant(rows[['x', 'z']])).fit(disp=0)
---
fit.summary()
---
fig, ax = plt.subplots(figsize=(6, 3)); ax.hist(rows.x, 40); ax.set_title(f'Region {region}'); plt.show()
---
fig, ax = plt.subplots(figsize=(6, 3)); ax.scatter(rows.x, rows.z, s=2); plt.show()
---
print(len(rows), 'rows')
---
Markdown(f'**{len(rows)}** rows')
---
scipy.stats.mannwhitneyu(rows.x[rows.y == 1], rows.x[rows.y == 0])
---
import tempfile, pathlib
out = pathlib.Path(tempfile.mkdtemp()); rows.to_parquet(out / 'rows.parquet'); by.to_json(out / 'by.json'); fig.savefig(out / 'fig.png')"""


def generic(folder):
    "The 15 cells and their data; the path of the notebook."
    import nbformat.v4 as v4
    import numpy as np
    import pandas as pd
    rng, n = np.random.default_rng(1), 400_000
    x, z = rng.normal(size=n), rng.normal(size=n)
    pd.DataFrame({"region": rng.integers(340101, 340125, n), "kind": rng.integers(0, 8, n), "x": x, "z": z, "y": (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)}).to_parquet(f"{folder}/data.parquet")
    first = v4.new_code_cell(f"region = None\nas_of = None\nlang = None\nchoices = None\ndata = '{folder}/data.parquet'", metadata={"tags": ["parameters"]})
    nb = v4.new_notebook(cells=[first, *map(v4.new_code_cell, GENERIC.split("\n---\n"))], metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "p"}})
    path = Path(folder) / "generic.ipynb"; path.write_text(json.dumps(nb))
    return path
sys.path.insert(0, str(Path(__file__).parent))     # the forks find this file's functions by its name


# ---- the four ways; each returns when all regions are done

def by_shell(regions, folder):
    for r in regions:
        subprocess.run([sys.executable, "-m", "papermill", str(TEMPLATE), f"{folder}/{r}.ipynb", "-r", "region", r, "-r", "as_of", AS_OF, "-p", "lang", "zh"], check=True, capture_output=True)


def one(region, folder, engine):
    import papermill
    papermill.execute_notebook(str(TEMPLATE), f"{folder}/{region}.ipynb", {"region": region, "as_of": AS_OF, "lang": "zh"}, engine_name=engine, progress_bar=False)
    return region


def render():
    "What a notebook does with pictures: turn them into PNG."
    import io

    import matplotlib.pyplot as plt
    for n in plt.get_fignums(): plt.figure(n).savefig(io.BytesIO(), bbox_inches="tight")
    plt.close("all")


def plain(region):
    "The template's cells as a plain program: what a cell shows is rendered, and goes nowhere."
    import matplotlib.pyplot as plt
    plt.switch_backend("agg"); plt.show = render
    names = {"region": region, "as_of": AS_OF, "lang": "zh", "choices": None}
    given = dict(names)
    for cell in json.loads(TEMPLATE.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code": continue
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), str(TEMPLATE), "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []): names |= given
        if last is None: continue
        value = eval(compile(ast.Expression(last.value), str(TEMPLATE), "eval"), names)
        if value is not None: getattr(value, "_repr_html_", value.__repr__)()
    return region


def quiet(region):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)     # displays print their names when there is no notebook
    return plain(region)


def warm_up(_): import papermill; return papermill.__version__


# ---- measuring

def family(pid):
    try: kids = [int(k) for t in Path(f"/proc/{pid}/task").iterdir() for k in (t / "children").read_text().split()]
    except OSError: return []
    return kids + [g for k in kids for g in family(k)]


def pss(pids):
    "Proportional memory of processes, MiB."
    total = 0
    for p in pids:
        try: total += next(int(line.split()[1]) for line in Path(f"/proc/{p}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
        except (OSError, StopIteration): pass
    return total / 1024


def peak(work):
    "Peak memory of this process' family, without itself, while `work()` runs."
    found, over = [0.0], threading.Event()
    def look():
        while not over.wait(.1): found.append(pss(family(os.getpid())))
    thread = threading.Thread(target=look); thread.start()
    try: work()
    finally: over.set(); thread.join()
    return max(found)


def timed(work):
    begun = time.perf_counter(); work()
    return time.perf_counter() - begun


def spread(values): return f"{statistics.median(values):6.2f}  ({min(values):.2f}-{max(values):.2f})"


def compare(a):
    from supervise_lib.data.demo import build_demo
    from supervise_lib.data.lake import Lake
    from supervise_lib.data.regions import regions
    from supervise_lib.work.batch import PRELOAD as OURS
    from supervise_lib.work.pool import PRELOAD, WarmPool
    with tempfile.TemporaryDirectory() as d:
        os.environ |= {"SUPERVISE_HOME": str(ROOT), "SUPERVISE_LAKE": f"{d}/lake", "SUPERVISE_OUTPUTS": f"{d}/outputs"}
        if a.generic:
            globals()["TEMPLATE"] = generic(d); os.environ["BENCH_TEMPLATE"] = str(TEMPLATE); a.scale = 0
        lake = Lake(f"{d}/lake")
        if a.scale: print(f"demo lake, scale {a.scale}: {timed(lambda: build_demo(lake, f'{d}/demo', a.scale)):.1f} s"); lake.close()
        codes = [str(340101 + i) for i in range(a.regions)] if a.generic else [r.code for r in regions("county")][:a.regions]
        begun = time.perf_counter()
        with WarmPool(2, [*PRELOAD, *OURS]) as warm, ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as cold:
            warm.submit(abs, 1).result(); print(f"the warm process is ready after {time.perf_counter() - begun:.1f} s")
            import batch as here     # by this name the forks know it
            list(cold.map(warm_up, range(2)))
            ways = {"a papermill command line, one after the other": lambda: by_shell(codes, d),
                    "b papermill Python API, two processes": lambda: list(cold.map(one, codes, [d] * len(codes), [None] * len(codes))),
                    "c engine supervise, two warm forks": lambda: [f.result() for f in [warm.submit(here.one, c, d, "supervise") for c in codes]],
                    "d plain functions, two warm forks": lambda: [f.result() for f in [warm.submit(here.quiet, c) for c in codes]]}
            for w in ("c", "d"): next(f for n, f in ways.items() if n[0] == w)()      # fill the file cache once
            seconds = {n: [] for n in ways}
            for _ in range(a.repeat):
                for n, work in ways.items(): seconds[n].append(timed(work) / len(codes))
            memory = peak(ways["c engine supervise, two warm forks"]), peak(ways["d plain functions, two warm forks"])
        report(seconds, memory)


def report(seconds, memory):
    print(f"{'seconds per notebook: median (least-most)':50s}                     notebooks/min")
    for n, s in seconds.items(): print(f"{n:50s} {spread(s)}   {60 / statistics.median(s):8.1f}")
    a, b, c, d = seconds.values()
    for name, over, under, target in (("c is faster than a, times", a, c, ">= 10"), ("c is faster than b, times", b, c, ">= 5"), ("c takes the time of d, times", c, d, "<= 1.6")):
        print(f"{name:50s} {spread([x / y for x, y in zip(over, under, strict=True)])}   target {target}")
    print(f"peak PSS of warm process and forks: c {memory[0]:.0f} MiB, d {memory[1]:.0f} MiB   target < 1536")


# ---- a thousand runs

def trivial(folder, number):
    import papermill
    papermill.execute_notebook(f"{folder}/trivial.ipynb", f"{folder}/out{number % 4}.ipynb", {"x": number}, engine_name="supervise", progress_bar=False)


def grow(runs):
    import batch as here
    import nbformat.v4 as v4

    from supervise_lib.work.batch import PRELOAD as OURS
    from supervise_lib.work.pool import PRELOAD, WarmPool
    with tempfile.TemporaryDirectory() as d, WarmPool(2, [*PRELOAD, *OURS]) as pool:
        nb = v4.new_notebook(cells=[v4.new_code_cell("x = 0", metadata={"tags": ["parameters"]}), v4.new_code_cell("print(x); x")], metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "p"}})
        Path(f"{d}/trivial.ipynb").write_text(json.dumps(nb))
        def state(): return f"warm process {pss([pool.warm.pid]):7.1f} MiB, {len(os.listdir(f'/proc/{pool.warm.pid}/fd'))} files, {len(family(pool.warm.pid))} children"
        begun = time.perf_counter()
        for done in range(0, runs + 1, max(runs // 5, 1)):
            if done: [f.result() for f in [pool.submit(here.trivial, d, n) for n in range(max(runs // 5, 1))]]
            else: pool.submit(here.trivial, d, 0).result()
            time.sleep(.2); print(f"after {done:5d} runs, {time.perf_counter() - begun:6.1f} s: {state()}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", type=int, default=6); parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0); parser.add_argument("--memory", type=int, default=0); parser.add_argument("--generic", action="store_true")
    a = parser.parse_args()
    grow(a.memory) if a.memory else compare(a)
