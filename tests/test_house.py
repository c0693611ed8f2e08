"The house keeps its order: who may import whom, what lies at the top, nothing of this or that machine, a docstring on what is public."
import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "supervise_lib"
FLOOR = {"text": 0, "settings": 0, "law": 1, "data": 2, "stats": 3, "model": 3, "specials": 4, "work": 5, "review": 6, "publish": 7, "panels": 8, "cli": 9}
ONLY_IN = {"papermill": r"work\.", "statsmodels": r"stats\.|model\.candidate$", "ipywidgets": r"panels\."}  # library -> modules that may import it
TOP = set("notebooks supervise_lib templates params outputs tests settings.ini pyproject.toml README.md CHANGELOG.md Makefile LICENSE .ci bench "
          "requirements.lock .gitignore .gitattributes".split())
NOT_OURS = [  # written in pieces, so that this file does not find itself
    r"(?<![\w.])/(ro" + r"ot|wo" + r"rk|home/\w+|Users/\w+)/", r"/tmp/bash" + r"_jobs", r"files\.python" + r"hosted", r"pypi\." + r"org", r"/opt/py" + r"pi",
]


def modules(root):
    "Each module's dotted name below the package, and its file; generated indexes left out."
    for p in sorted((root / PACKAGE).rglob("*.py")):
        if p.name != "_modidx.py": yield ".".join(p.relative_to(root / PACKAGE).with_suffix("").parts).removesuffix(".__init__"), p


def imported(name, path):
    "Full dotted names of all that a module imports, at the top or inside a function, also those imported by string."
    inside = [PACKAGE, *name.split(".")] if name != "__init__" else [PACKAGE]
    package = inside if path.name == "__init__.py" else inside[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import): yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{base}.{a.name}" for a in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != f"{PACKAGE}.specials":  # walked, to find specials
            if re.fullmatch(rf"{PACKAGE}(\.\w+)+", node.value): yield node.value


def owner(parts, specials):
    "The special a module of specials belongs to: itself, or the one whose name its chapter begins with."
    if parts[:1] != ["chapters"]: return parts[0] if parts else None
    chapter = parts[1] if len(parts) > 1 else ""
    return max((s for s in specials if chapter == s or chapter.startswith(s + "_")), key=len, default=chapter)


def complaints(root):
    "Every import that goes the wrong way."
    out, specials = [], {p.stem for p in (root / PACKAGE / "specials").glob("*.py")} - {"__init__"}
    for name, path in modules(root):
        room = name.split(".")[0]
        if room != "__init__" and room not in FLOOR: out.append(f"{name}: no such room in the plan of the house"); continue
        for target in imported(name, path):
            head, *rest = target.split(".")
            if head in ONLY_IN and not re.match(ONLY_IN[head], name): out.append(f"{name} imports {head}")
            if head != PACKAGE or not rest or rest[0] not in FLOOR: continue
            if room == "__init__": out.append(f"{name} imports {target}: the package itself imports nothing"); continue
            to, floor = rest[0], FLOOR[room]
            if to == "cli" and room != "cli": out.append(f"{name} imports {target}: nothing imports cli")
            elif to == room: wrong = to == "specials" and owner(rest[1:], specials) != owner(name.split(".")[1:], specials)
            else: wrong = FLOOR[to] >= floor and not FLOOR[to] == floor == 0
            if to != "cli" and wrong: out.append(f"{name} imports {target}: {'a special knows no other' if to == room else 'this goes upwards'}")
    return out


def tracked(root=ROOT):
    found = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if found.returncode or not found.stdout: pytest.skip(f"{root} is not a git checkout")
    return [f for f in found.stdout.split("\0") if f and (root / f).is_file()]


def test_imports_go_one_way(): assert complaints(ROOT) == []


@pytest.mark.parametrize("module, line", [
    ("law.values", "from supervise_lib.data.lake import Lake"), ("law.values", "from ..data.lake import Lake"),
    ("law.values", "from .. import data"), ("text", "from .law.values import Law"), ("__init__", "from .text import Text"),
    ("data.lake", "def f():\n    import supervise_lib.work.run"), ("stats.rates", "from ..model.verdicts import HIT"),
    ("specials.one", "from .two import rule"), ("specials.one", "from supervise_lib.specials import two"),
    ("specials.one", "from .chapters.two_frame import frame"), ("specials.chapters.one_frame", "from .two_frame import frame"),
    ("specials.chapters.one_frame", "from ..two import rule"), ("specials.__init__", "from .one import special"),
    ("model.special", "import supervise_lib.specials.one"),
    ("model.special", "NAME = 'supervise_lib.specials.one'"), ("work.run", "from ..review.ledger import Ledger"),
    ("review.ledger", "from ..publish.site import build"), ("panels.explorer", "from ..cli import main"),
    ("review.ledger", "import papermill as pm"), ("model.special", "from statsmodels.api import Logit"),
    ("work.run", "import ipywidgets"), ("attic.old", "x = 1"),
])
def test_an_import_the_wrong_way_is_found(tmp_path, module, line):
    path = (tmp_path / PACKAGE / module.replace(".", "/")).with_suffix(".py")
    path.parent.mkdir(parents=True); path.write_text(line + "\n", encoding="utf-8")
    assert len(complaints(tmp_path)) == 1


@pytest.mark.parametrize("module, line", [
    ("data.lake", "from ..law.values import Law"), ("data.lake", "from .contracts import contract"), ("settings", "from .text import Text"),
    ("work.run", "import papermill"), ("model.candidate", "import statsmodels.api as sm"), ("panels.explorer", "from ..review.triage import queue"),
    ("specials.one", "from .chapters.one_frame import frame"), ("model.special", "PLACE = 'supervise_lib.specials'"),
    ("specials.one", "from ..stats.rates import Rate\nfrom ..model.special import Special"), ("cli", "from .work.batch import batch"),
])
def test_an_import_the_right_way_is_not(tmp_path, module, line):
    path = (tmp_path / PACKAGE / module.replace(".", "/")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True); path.write_text(line + "\n", encoding="utf-8")
    assert complaints(tmp_path) == []


def libraries(root):
    "Libraries imported outside the standard one, and where."
    own = {PACKAGE, *sys.stdlib_module_names}
    return {head: name for name, path in modules(root) for target in imported(name, path) if (head := target.split(".")[0]) not in own}


def test_each_library_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + [d for extra, wanted in project["optional-dependencies"].items() if extra != "dev" for d in wanted]
    known = {re.match(r"[\w.\-]+", d).group().lower().replace("_", "-") for d in declared}
    sources = packages_distributions()
    assert {head: name for head, name in libraries(ROOT).items() if not {d.lower().replace("_", "-") for d in sources.get(head, [head])} & known} == {}


def test_each_module_is_the_export_of_the_notebook_of_its_name():
    heads = {name: path.read_text(encoding="utf-8").partition("File to edit: ")[2].partition("\n")[0].rstrip(".") for name, path in modules(ROOT)
             if path.name != "__init__.py"}
    wanted = {name: "../" * (name.count(".") + 1) + f"notebooks/{name.replace('.', '/')}.ipynb" for name in heads}
    assert heads == wanted
    notebooks = {p.relative_to(ROOT / "notebooks").with_suffix("").as_posix().replace("/", ".") for p in (ROOT / "notebooks").rglob("*.ipynb")
                 if not any(part.startswith(".") for part in p.parts)}
    assert notebooks == set(heads)


def test_top_level_holds_only_what_the_plan_names():
    assert {f.split("/")[0] for f in tracked()} - TOP == set()
    assert [f for f in tracked() if f.startswith("outputs/")] in ([], ["outputs/README.md"])


def machine_traces(text): return [m.group() for p in NOT_OURS for m in re.finditer(p, text)]


def test_tracked_files_name_no_machine_and_no_registry():
    found = {}
    for f in tracked():
        try: text = (ROOT / f).read_text(encoding="utf-8")
        except UnicodeDecodeError: continue
        if traces := machine_traces(text): found[f] = sorted(set(traces))
    assert found == {}


def test_machine_traces_are_found_and_folders_of_ours_are_not():
    bad = ["open('/wo" + "rk/x/y')", "cd /ro" + "ot/z", "https://pypi." + "org/simple", "/home/" + "someone/lake", "file:///wo" + "rk/lake"]
    good = ["supervise_lib/work/run.py", "../../notebooks/work/run.ipynb", "../work/run.html", "/data/lake", "~/.config/supervise_lib"]
    assert [t for t in bad if not machine_traces(t)] == []
    assert [t for t in good if machine_traces(t)] == []


def undocumented(tree):
    "Public functions and classes, those named in __all__, that say nothing of themselves."
    named = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"), [])
    return [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and n.name in named and not ast.get_docstring(n)]


def test_what_is_public_has_a_docstring():
    assert {name: bare for name, path in modules(ROOT) if (bare := undocumented(ast.parse(path.read_text(encoding="utf-8"))))} == {}


def test_a_missing_docstring_is_found():
    assert undocumented(ast.parse("__all__ = ['f', 'G', 'h']\ndef f(): pass\nclass G: pass\ndef h(): 'Says what.'\ndef _i(): pass")) == ["f", "G"]


def test_lock_is_pinned_hashed_and_names_no_index():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*--(?!hash=sha256:[0-9a-f]{64}( \\)?$)", text, re.M)
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 50
    assert [p.split("\n")[0] for p in packages if not re.match(r"[a-z0-9.\-]+==[^ ]+( ;.*)? \\\n    --hash=sha256:", p)] == []
