import os
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    "The folder of shared reference data beside the checkout; tests that need it skip, saying so, where it is absent."
    folder = Path(os.environ.get("SUPERVISE_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir(): pytest.skip(f"shared data absent: {folder} is not a folder (set SUPERVISE_SHARED to use another)")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    "A small demo province, read only: `lake` with the tables of one special and `folder` (deliveries and truth), with an identity key of its own."
    from supervise_lib.data.demo import build_demo
    from supervise_lib.data.lake import Lake
    from supervise_lib.model.special import special
    base = tmp_path_factory.mktemp("province")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_KEY_FILE", str(base / "identity.key"))
        lake = Lake(base / "lake")
        report = build_demo(lake, base / "delivered", scale=.05, tables=special(SPECIAL).tables)
        lake.close()
    return SimpleNamespace(lake=base / "lake", folder=base / "delivered", key=base / "identity.key", report=report)


@pytest.fixture(scope="session")
def province(demo):
    "One run of judgment_consistency over the whole demo province."
    from supervise_lib.data.lake import Lake
    from supervise_lib.work.run import Run
    return Run("judgment_consistency", "340000", "2023-12-31", lake=Lake(demo.lake), lang="zh")


@pytest.fixture
def chinese():
    "Texts are in Chinese during a test and as they were afterwards, whatever language its runs ask for."
    from supervise_lib.text import in_lang
    with in_lang("zh"): yield


SPECIAL, DAY, REGIONS = "judgment_consistency", "2023-12-31", ("340100", "340123", "340124", "340202")    # a city, two of its counties, a county elsewhere
SHORT = (f"from supervise_lib.work.run import Run\nrun = Run('{SPECIAL}', region, as_of, choices=choices, lang=lang)", "run.save()")


def home_with(folder, *cells):
    "A workbench of its own whose template of the special holds the parameters cell and these."
    import json
    cell = lambda i, source, tags=(): {"cell_type": "code", "id": f"c{i}", "metadata": {"tags": list(tags)}, "source": source, "outputs": [], "execution_count": None}
    all_cells = [cell(0, "region: str = None\nas_of: str = None\nlang: str = None\nchoices: dict = None\n", ["parameters"]), *(cell(i, s) for i, s in enumerate(cells, 1))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "templates").mkdir(parents=True, exist_ok=True); (folder / "settings.ini").write_text("[workbench]\n", encoding="utf-8")
    (folder / "templates" / f"{SPECIAL}.ipynb").write_text(json.dumps({"cells": all_cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def finished(demo, tmp_path_factory):
    "A batch of four regions by a template that only saves, read only: `home`, `outputs`, `jobs`, `record`."
    from supervise_lib.work.batch import batch, plan
    base = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_HOME", str(home_with(base / "home", *SHORT))); m.setenv("SUPERVISE_LAKE", str(demo.lake)); m.setenv("SUPERVISE_OUTPUTS", str(base / "outputs"))
        jobs = plan([SPECIAL], REGIONS, DAY)
        record = batch(jobs, workers=2)
    assert record["counts"]["done"] == len(REGIONS), record["jobs"]
    return SimpleNamespace(home=base / "home", outputs=base / "outputs", jobs=jobs, record=record)


@pytest.fixture
def place(demo, finished, tmp_path, monkeypatch):
    "The finished batch as a test may change it: `outputs` is a copy, `home` its workbench, params and lake may be copied with `edit` and `own_lake`."
    import shutil

    from supervise_lib.data.lake import Lake
    from supervise_lib.settings import _resource
    home, outputs = tmp_path / "home", tmp_path / "outputs"
    shutil.copytree(finished.home, home); shutil.copytree(finished.outputs, outputs)
    for name, path in (("HOME", home), ("OUTPUTS", outputs), ("LAKE", demo.lake)): monkeypatch.setenv(f"SUPERVISE_{name}", str(path))

    def edit(name, old, new):
        "Replace a text that occurs once in a file of params."
        source, target = Path(__file__).resolve().parents[1] / "params", home / "params"
        if not target.exists(): shutil.copytree(source, target); _resource.cache_clear()      # where a file was found is remembered
        text = (target / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        (target / name).write_text(text.replace(old, new), encoding="utf-8")

    def own_lake():
        shutil.copytree(demo.lake, tmp_path / "lake"); monkeypatch.setenv("SUPERVISE_LAKE", str(tmp_path / "lake"))
        return Lake(tmp_path / "lake")
    return SimpleNamespace(home=home, outputs=outputs, jobs=finished.jobs, edit=edit, own_lake=own_lake, folder=lambda region: outputs / "runs" / SPECIAL / region / DAY)


TOY = ("""import json, os, pathlib, time
home, size = pathlib.Path(os.environ["SUPERVISE_HOME"]), 1000
def log(what):
    with open(home / "log", "a") as f: f.write(f"{what} {region} {os.getpid()}\\n")
log("start")""", "exec((home / 'behave.py').read_text())", """folder = pathlib.Path(os.environ["SUPERVISE_RUN_FOLDER"])
(folder / "verdicts.parquet").write_bytes(region.encode() + os.urandom(size))
(folder / "run.json").write_text(json.dumps(json.loads((home / "manifests.json").read_text())[region] | {"as_of": as_of}))
log("end")""")


@pytest.fixture
def toy(finished, demo, tmp_path, monkeypatch):
    "A workbench whose runs compute nothing, do what `behave(code)` says, keep a log, and leave a manifest that counts as unchanged."
    import importlib.util
    import json

    from supervise_lib.work.batch import plan
    from supervise_lib.work.unchanged import Now
    home, outputs = home_with(tmp_path / "home", *TOY), tmp_path / "outputs"
    for name, path in (("HOME", home), ("OUTPUTS", outputs), ("LAKE", demo.lake)): monkeypatch.setenv(f"SUPERVISE_{name}", str(path))
    spec = importlib.util.spec_from_file_location("bench_skip", Path(__file__).resolve().parents[1] / "bench" / "skip.py")
    skip = importlib.util.module_from_spec(spec); spec.loader.exec_module(skip)
    regions = ["340102", "340103", "340104", "340111", "340121", "340122", "340123", "340124"]
    one, now = json.loads((finished.outputs / "runs" / SPECIAL / "340124" / DAY / "run.json").read_text(encoding="utf-8")), Now()
    (home / "manifests.json").write_text(json.dumps({r: skip.manifest_for(one, r, DAY, now) for r in regions}), encoding="utf-8")
    behave = lambda code="": (home / "behave.py").write_text(code, encoding="utf-8")
    behave()

    def log(what):
        "Regions whose run came to this point, in order, with the process that was there."
        lines = (home / "log").read_text().split("\n")[:-1] if (home / "log").exists() else []
        return [(r, int(pid)) for w, r, pid in map(str.split, lines) if w == what]
    return SimpleNamespace(home=home, outputs=outputs, regions=regions, behave=behave, log=log, jobs=plan([SPECIAL], regions, DAY), skip=skip, folder=lambda r: outputs / "runs" / SPECIAL / r / DAY)


def leftovers(outputs): return [str(p) for p in outputs.rglob(".*") if p.name.endswith((".partial", ".old", ".tmp"))]


def whole(outputs) -> list[str]:
    "Regions of the runs that stand under outputs, each with all its files as its manifest says."
    import hashlib
    import json
    found = []
    for p in sorted(outputs.glob("runs/*/*/[!.]*")):
        m = json.loads((p / "run.json").read_text(encoding="utf-8"))
        assert {str(f.relative_to(p)): hashlib.sha256(f.read_bytes()).hexdigest() for f in p.rglob("*") if f.is_file() and f.name != "run.json"} == m["outputs"], p
        found.append(m["region"])
    return found
