"A built wheel is whole: installed away from the checkout it has its sub-packages, params, templates and commands."
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "supervise_lib").rglob("*.py")}


def run(*command, cwd, **env):
    "Run a command away from the checkout's settings; its output, or a failure that shows it."
    kept = {k: v for k, v in os.environ.items() if k not in ("SUPERVISE_HOME", "PYTHONPATH")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env={**kept, "PYTHONUTF8": "1", **env}, capture_output=True, text=True, encoding="utf-8", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    "Run Python with the installed wheel, and not the checkout, as supervise_lib."
    site, away = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("away")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel, cwd=away)
    def python(*args): return run(sys.executable, "-P", *args, cwd=away, PYTHONPATH=str(site))
    python.site = site
    return python


def shipped(wheel): return {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}


def wanted():
    "What the wheel must hold, by its place there: every module, and every file of params and templates."
    keep = lambda p: p.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(p.parts)  # noqa: E731
    code = {p.relative_to(ROOT).as_posix() for p in (ROOT / "supervise_lib").rglob("*.py")}
    return code | {f"supervise_lib/{p.relative_to(ROOT).as_posix()}" for f in ("params", "templates") for p in (ROOT / f).rglob("*") if keep(p)}


def test_wheel_holds_every_room_params_and_templates_and_nothing_else(wheel):
    assert shipped(wheel) == wanted()
    assert {f"{room}/__init__.py" for room in ROOMS} <= shipped(wheel)


def test_installed_package_is_the_one_tested(installed):
    assert Path(installed("-c", "import supervise_lib; print(supervise_lib.__file__)").strip()).parent == installed.site / "supervise_lib"


@pytest.mark.parametrize("name", [n for n in ("params/law", "params/specials", "params/tables", "params/batches", "templates") if any((ROOT / n).glob("*.*"))])
def test_installed_package_finds_its_own(installed, name):
    found = Path(installed("-c", f"from supervise_lib.settings import resource; print(resource('{name}'))").strip())
    assert found == installed.site / "supervise_lib" / name
    assert {p.name for p in found.glob("*")} == {p.name for p in (ROOT / name).glob("*") if p.name != ".ipynb_checkpoints"}


def test_entry_points_load(installed):
    said = installed("-c", "from importlib.metadata import distributions\n"
                     "d = next(d for d in distributions() if d.name == 'supervise_lib')\n"
                     "for e in d.entry_points: print(d.locate_file(''), e.group, e.name, type(e.load()).__name__)").split("\n")
    rows = [r.split() for r in said if r]
    assert {r[0] for r in rows} == {str(installed.site)}
    assert {("console_scripts", "supervise"), ("nbdev", "supervise_lib")} <= {(r[1], r[2]) for r in rows}


def test_installed_command_knows_what_the_readme_promises(installed):
    said = installed("-m", "supervise_lib.cli", "--help")
    promised = set(re.findall(r"`?supervise ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"ingest", "run", "why", "batch", "verify", "papers", "reveal"} <= promised
    assert [name for name in sorted(promised | {"demo"}) if not re.search(rf"\b{name}\b", said)] == []


@pytest.fixture
def setting_up(tmp_path):
    "Run the Makefile's set-up in an empty folder with a pretended interpreter; what it said, and whether it left its stamp."
    if not shutil.which("make"): pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"): shutil.copy(ROOT / name, tmp_path)
    def make(script):
        fake = tmp_path / "fake-python"
        if script: fake.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8"); fake.chmod(0o755)
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        done = subprocess.run(["make", ".venv/.ready", f"PYTHON={fake}"], cwd=tmp_path, env=env, capture_output=True, text=True, encoding="utf-8", timeout=60)
        return done.returncode, done.stdout + done.stderr, (tmp_path / ".venv" / ".ready").exists()
    return make


VENV = 'if [ "$1" = -m ] && [ "$2" = venv ]; then mkdir -p .venv/bin; printf "#!/bin/sh\\n%s\\n" > .venv/bin/python; chmod +x .venv/bin/python; fi'


@pytest.mark.parametrize("script, code, said, stamped", [
    (None, 2, "was not found; name an interpreter", False),
    ('[ "$1" = --version ] && echo Python 3.9.2; exit 1', 2, "Python 3.9.2 at .* is too old: 3.11 or newer is needed", False),
    (VENV % "echo no network; exit 1", 2, "no network", False),
    (VENV % "exit 0", 0, "setting up", True),
])
def test_set_up_says_what_is_wrong_and_leaves_no_stamp_when_it_fails(setting_up, script, code, said, stamped):
    rc, text, stamp = setting_up(script)
    assert (rc, stamp) == (code, stamped), text
    assert re.search(said, text)
