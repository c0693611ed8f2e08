"Notebooks are the source: clean, exported, told as chapters. Templates keep their parameters tag and stay thin, in two languages."
import ast
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if not any(part.startswith(".") for part in p.parts[len(ROOT.parts):]))
TEMPLATES = sorted((ROOT / "templates").glob("*.ipynb"))
KEEP = {"notebook": {"kernelspec", "language_info", "papermill"}, "cell": {"tags", "mystnb"}}
BODY, CELLS, LINES = 40, 16, 8  # longest exported cell; most code cells of a template and the lines of each


def read(path): return json.loads(path.read_text(encoding="utf-8"))
def source(cell): return "".join(cell["source"])
def tags(cell): return cell["metadata"].get("tags", [])
def named(paths): return pytest.mark.parametrize("path", paths, ids=[p.relative_to(ROOT).with_suffix("").as_posix() for p in paths])


# ---- what a notebook must be like

def clutter(nb):
    "What a run or an editor has left behind."
    ids = [c.get("id") for c in nb["cells"]]
    out = [f"cell {i} has no id" for i, x in enumerate(ids) if not x] + [f"id {x} is used twice" for x in sorted({x for x in ids if x and ids.count(x) > 1})]
    out += [f"notebook metadata: {k}" for k in sorted(set(nb["metadata"]) - KEEP["notebook"])]
    for i, c in enumerate(nb["cells"]):
        out += [f"cell {i} metadata: {k}" for k in sorted(set(c["metadata"]) - KEEP["cell"])]
        counts = [c.get("execution_count"), *(o.get("execution_count") for o in c.get("outputs", []))]
        if any(n is not None for n in counts): out.append(f"cell {i} keeps an execution count")
    return out


def untold(nb):
    "Where it does not read as a chapter."
    cells, out = nb["cells"], []
    head = source(cells[0]).splitlines() if cells else []
    if not (len(head) > 1 and head[0].startswith("# ") and head[1].startswith("> ")): out.append("the first cell is not a title with a > line below it")
    prose = sum(c["cell_type"] == "markdown" for c in cells)
    if prose < len(cells) / 4: out.append(f"{prose} of {len(cells)} cells are prose, a quarter is the least")
    for i, c in enumerate(cells):
        n = len(source(c).splitlines()) if c["cell_type"] == "code" and "#| export" in source(c) else 0
        if n > BODY: out.append(f"cell {i} exports {n} lines, {BODY} is the most")
    return out


def thick(nb):
    "Where a template does more than lead its reader through the run."
    code, out = [c for c in nb["cells"] if c["cell_type"] == "code"], []
    marked = [c for c in nb["cells"] if "parameters" in tags(c)]
    if len(marked) != 1: out.append(f"{len(marked)} cells are tagged parameters, must be one")
    for c in marked:
        named = [((n.target if isinstance(n, ast.AnnAssign) else n.targets[0]).id, n.value) for n in ast.parse(source(c)).body if isinstance(n, (ast.Assign, ast.AnnAssign))]
        defaults = dict(named)
        for name in ("region", "as_of"):
            if name not in defaults or getattr(defaults[name], "value", "") is not None: out.append(f"parameters cell lacks {name} = None")
        if len(defaults) != sum("=" in line.partition("#")[0] for line in source(c).splitlines()): out.append("parameters cell: one assignment on each line")
    if len(code) > CELLS: out.append(f"{len(code)} code cells, {CELLS} is the most")
    for i, c in enumerate(code):
        if (n := len(source(c).splitlines())) > LINES: out.append(f"code cell {i} has {n} lines, {LINES} is the most")
        if c in marked: continue
        for node in ast.walk(ast.parse("\n".join(line for line in source(c).splitlines() if not line.startswith("%")))):
            kind = type(node).__name__
            number = isinstance(node, ast.Constant) and isinstance(node.value, (int, float, complex)) and not isinstance(node.value, bool)
            if kind in {"FunctionDef", "AsyncFunctionDef", "ClassDef", "Lambda", "For", "While", "comprehension"} or number:
                out.append(f"code cell {i} holds {'the number ' + str(node.value) if number else 'a ' + kind}")
    return out


def one_tongued(nb):
    "Prose that does not stand in both languages, one beside the other."
    out, cells, i = [], nb["cells"], 0
    def lang(c): return sorted(t for t in tags(c) if t.startswith("lang-")) if c["cell_type"] == "markdown" else None
    while i < len(cells):
        if lang(cells[i]) is None: i += 1; continue
        pair = sorted((lang(c) or ["no prose"])[0] if lang(c) != [] else "no tag" for c in cells[i:i + 2])
        if pair == ["lang-en", "lang-zh"]: i += 2
        else: out.append(f"cell {i}: {pair}"); i += 1
    if not any(lang(c) for c in cells): out.append("no prose at all")
    return out


@named(NOTEBOOKS)
def test_notebook_is_clean_and_reads_as_a_chapter(path): assert clutter(read(path)) + untold(read(path)) == []


@named(TEMPLATES)
def test_template_is_clean_thin_and_bilingual(path): assert clutter(read(path)) + thick(read(path)) + one_tongued(read(path)) == []


def declared(folder):
    "The specials: modules that end in special = Special(...)."
    return {p.stem for p in folder.glob("*.py") for n in ast.parse(p.read_text(encoding="utf-8")).body if isinstance(n, ast.Assign)
            and [getattr(t, "id", "") for t in n.targets] == ["special"]}


def test_each_special_has_its_template_and_params():
    specials = declared(ROOT / "supervise_lib" / "specials")
    assert {p.stem for p in TEMPLATES} == specials
    assert specials - {p.stem for p in (ROOT / "params" / "specials").glob("*.yaml")} == set()


def test_readme_says_truly_which_specials_are_built():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert len(rows) >= 10
    built = declared(ROOT / "supervise_lib" / "specials")       # a special of one's own need not stand in the table
    assert {name for name, status in rows if status != "planned"} == built & {name for name, _ in rows}


# ---- the same checks, shown to fail

def cell(text, kind="code", n=0, **meta):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"c{n}", "metadata": meta, "source": text.splitlines(keepends=True), **extra}


GOOD = {"metadata": {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5, "cells": [
    cell("# Title\n> What it is.", "markdown", 0, tags=["lang-en"]), cell("# 题目\n> 说明", "markdown", 1, tags=["lang-zh"]),
    cell("region = None\nas_of = None\nlang = 'zh'  # zh = Chinese", n=2, tags=["parameters"]), cell("run = Run('one', region, as_of)\nrun", n=3)]}


def on(i, **keys): return lambda cells: cells[i].update(keys)


@pytest.mark.parametrize("check, edit", [
    (clutter, on(3, id="c2")), (clutter, on(3, id=None)), (clutter, on(3, execution_count=4)), (clutter, on(3, metadata={"collapsed": True})),
    (untold, on(0, source=["Title"])), (untold, lambda cells: cells.extend(cell("x", n=i) for i in range(9, 20))),
    (untold, lambda cells: cells.append(cell("#| export\n" + "x\n" * BODY, n=9))),
    (thick, on(2, metadata={})), (thick, lambda cells: cells.append(cells[2])), (thick, on(2, source="region = None")),
    (thick, on(2, source="region = '340100'\nas_of = None")), (thick, on(2, source="region = None; as_of = None")),
    (thick, on(3, source="def f(): return run")), (thick, on(3, source="[r for r in run]")), (thick, on(3, source="f = lambda r: r")),
    (thick, on(3, source="while run: run")), (thick, on(3, source="run.leads.head(20)")), (thick, on(3, source="run\n" * (LINES + 1))),
    (thick, lambda cells: cells.extend(cell("run", n=i) for i in range(9, 9 + CELLS))),
    (one_tongued, on(1, metadata={})), (one_tongued, lambda cells: cells.pop(1)), (one_tongued, lambda cells: cells.insert(1, cells.pop(2))),
    (one_tongued, lambda cells: cells.__delitem__(slice(2))),
])
def test_a_broken_notebook_is_found(check, edit):
    assert check(GOOD) == []
    nb = copy.deepcopy(GOOD); edit(nb["cells"])
    assert check(nb) != []


# ---- what nbdev does to them, tried on a copy

@pytest.fixture(scope="module")
def nbdev(tmp_path_factory):
    "Run an nbdev command in a copy of the checkout; the working tree is left alone."
    copied = tmp_path_factory.mktemp("checkout")
    skip = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("notebooks", "templates", "supervise_lib"):
        if (ROOT / name).is_dir(): shutil.copytree(ROOT / name, copied / name, ignore=skip)
    for name in ("pyproject.toml", "settings.ini"): shutil.copy(ROOT / name, copied)

    def run(command, *args):
        env = {**os.environ, "JUPYTER_DATA_DIR": str(copied / "jupyter"), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([str(Path(sys.executable).parent / command), *args], cwd=copied, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0 and "Failed to clean" not in done.stderr, done.stdout + done.stderr
    run.folder = copied
    return run


def contents(root, folder, suffix):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in (root / folder).rglob(f"*{suffix}")
            if not {".ipynb_checkpoints", "__pycache__"} & set(p.parts)}


def differing(a, b): return sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))


def test_cleaning_leaves_no_difference_and_keeps_the_parameters_tag(nbdev):
    broken, hooked = copy.deepcopy(GOOD), nbdev.folder / "templates" / "invented_special.ipynb"
    broken["cells"][3].update(execution_count=7); broken["cells"][3]["metadata"]["collapsed"] = True
    hooked.parent.mkdir(exist_ok=True)
    hooked.write_text(json.dumps(broken), encoding="utf-8")
    nbdev("nbdev-clean"); nbdev("nbdev-clean", "--fname", "templates")
    assert thick(read(hooked)) + one_tongued(read(hooked)) + clutter(read(hooked)) == []
    hooked.unlink()
    for folder in ("notebooks", "templates"): assert differing(contents(ROOT, folder, ".ipynb"), contents(nbdev.folder, folder, ".ipynb")) == []


def test_saving_in_jupyter_keeps_the_parameters_tag(nbdev, monkeypatch):
    from nbdev.clean import clean_jupyter
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(nbdev.folder / "jupyter"))
    path = nbdev.folder / "templates" / "saved_special.ipynb"
    path.parent.mkdir(exist_ok=True)
    for nb in [GOOD, *map(read, TEMPLATES)]:
        saved = copy.deepcopy(nb)
        saved["cells"][-1]["metadata"]["collapsed"] = True
        path.write_text(json.dumps(saved), encoding="utf-8")
        clean_jupyter(str(path), {"type": "notebook", "content": saved})
        assert saved == nb  # the hook ran, for the editor's mark is gone, and it took nothing else
    path.unlink()


def test_export_leaves_no_difference(nbdev):
    for p in (nbdev.folder / "supervise_lib").rglob("*.py"):
        if p.name != "__init__.py": p.unlink()
    nbdev("nbdev-export")
    assert differing(contents(ROOT, "supervise_lib", ".py"), contents(nbdev.folder, "supervise_lib", ".py")) == []


def test_a_difference_of_export_is_found(nbdev):
    path = nbdev.folder / "notebooks" / "text.ipynb"
    kept = path.read_text(encoding="utf-8")
    path.write_text(kept.replace('LANGUAGES = (\\"zh\\", \\"en\\")', 'LANGUAGES = (\\"zh\\", \\"fr\\")'), encoding="utf-8")
    nbdev("nbdev-export")
    assert "supervise_lib/text.py" in differing(contents(ROOT, "supervise_lib", ".py"), contents(nbdev.folder, "supervise_lib", ".py"))
    path.write_text(kept, encoding="utf-8")
