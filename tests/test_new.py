"A new special touches no other hand-written file: made in a copy of the checkout, it runs, passes the generic tests and finds what it planted."
import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_house import complaints, undocumented

from supervise_lib.data.contracts import contract, contracts
from supervise_lib.data.lake import Lake
from supervise_lib.data.planted import plant, planted_of
from supervise_lib.settings import _resource
from supervise_lib.work import new
from supervise_lib.work.new import LINES, NewError, check_name, check_table, new_special, planted_rows, unfit

ROOT, NAME, DAY = Path(__file__).resolve().parents[1], "river_sand", "2023-12-31"
FILES = [f"notebooks/specials/{NAME}.ipynb", f"params/specials/{NAME}.yaml", f"supervise_lib/specials/{NAME}.py", f"templates/{NAME}.ipynb"]
TITLE_EN, TITLE_ZH = 'Sand "dug" at night: $5 & \\n', "夜采“河砂”{甲}"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    "A checkout of its own with the tracked files as they are, and a function that runs Python in it."
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout: pytest.skip(f"{ROOT} is not a git checkout")
    folder = tmp_path_factory.mktemp("checkout") / "main"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file(): (folder / name).parent.mkdir(parents=True, exist_ok=True); shutil.copy(ROOT / name, folder / name)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SUPERVISE_")}
    env = kept | {"PYTHONPATH": str(folder), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "SUPERVISE_KEY_FILE": str(folder.parent / "identity.key"), "MPLCONFIGDIR": str(folder.parent / "mpl")}

    if (ROOT.parent / "shared").is_dir(): env["SUPERVISE_SHARED"] = str(ROOT.parent / "shared")

    def python(*args, fails=False):
        done = subprocess.run([sys.executable, *map(str, args)], cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", timeout=200)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr
    def git(*args): return subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *args], cwd=folder, check=True, capture_output=True, text=True).stdout
    python("-c", "from nbdev.doclinks import _build_modidx; _build_modidx()")       # whatever is being worked on here
    git("init", "-q"); git("add", "-A"); git("commit", "-qm", "as it was")
    python.folder, python.changed = folder, lambda: sorted(line[3:] for line in git("status", "--porcelain", "-uall").splitlines())
    return python


@pytest.fixture(scope="module")
def made(copy):
    copy.said = copy("-m", "supervise_lib.cli", "new", NAME, "--title-en", TITLE_EN, "--title-zh", TITLE_ZH, "--line", "public_interest", "--table", "water_permits")
    return copy


def test_only_its_own_files_are_made_and_three_steps_told(made):
    assert made.changed() == sorted([*FILES, "supervise_lib/_modidx.py"])
    assert [n for n in ("1. ", "2. ", "3. ") if f"\n{n}" in made.said] == ["1. ", "2. ", "3. "] and f"supervise run {NAME}" in made.said and "先看运行" in made.said


def test_it_passes_the_generic_tests(made):
    "Those of every special, of every notebook and template, of the house, and its own cells."
    said = made("-m", "pytest", "-p", "no:cacheprovider", "tests/test_specials.py", "tests/test_planted.py", "tests/test_notebooks.py", "tests/test_coverage.py", "-k",
                f"{NAME} or readme_says or has_its_template or listed_once")
    assert "failed" not in said and (" skipped" not in said or not (ROOT.parent / "shared").is_dir()) and int(said.split(" passed")[0].split()[-1]) >= 20
    made("-c", f"from nbdev.test import test_nb; import sys; sys.exit(0 if test_nb('{FILES[0]}')[0] else 1)")
    made("-m", "pytest", "-p", "no:cacheprovider", "tests/test_house.py", "-k", "export_of_the_notebook or top_level or name_no_machine")
    assert [c for c in complaints(made.folder) if NAME in c] == []
    assert undocumented(ast.parse((made.folder / FILES[2]).read_text(encoding="utf-8"))) == []
    made("-m", "ruff", "check", FILES[2])
    assert made.changed() == sorted([*FILES, "supervise_lib/_modidx.py"])


def test_exporting_and_cleaning_everything_leaves_no_difference(made):
    before = {f: (made.folder / f).read_bytes() for f in [*FILES, "supervise_lib/_modidx.py"]}
    made("-c", "from nbdev.export import nb_export; from nbdev.doclinks import _build_modidx; from nbdev.clean import nbdev_clean\n"
         f"nb_export('{FILES[0]}'); _build_modidx(); nbdev_clean('{FILES[0]}'); nbdev_clean('{FILES[3]}')")
    assert [f for f, b in before.items() if (made.folder / f).read_bytes() != b] == []


def test_it_finds_in_the_demo_province_what_it_planted(made):
    folder = made.folder
    made("-c", "from supervise_lib.data.demo import build_demo, truth\nfrom supervise_lib.data.lake import Lake\n"
         f"build_demo(Lake('lake'), 'demo', .005)\nassert truth('demo', '{NAME}')['kind'].tolist() == ['violation', 'lookalike', 'lookalike']")
    told = made("-c", "from supervise_lib.data.demo import TRUTH_KEYS, score, truth\nfrom supervise_lib.work.run import Run\n"
                f"run, key = Run('{NAME}', '340000', '{DAY}', lake='lake'), TRUTH_KEYS['{NAME}']\n"
                f"s = score(truth('demo', '{NAME}'), run.verdicts.merge(run.frame[list(dict.fromkeys([*run.special.key, *key]))], on=list(run.special.key)), key)\n"
                "print(s.loc[s.index[0], ['planted', 'found', 'lookalikes', 'false_lookalikes', 'precision', 'recall']].tolist())")
    assert told.splitlines()[-1] == "[1.0, 1.0, 2.0, 0.0, 1.0, 1.0]"
    made("-m", "supervise_lib.cli", "run", NAME, "--region", "340111", "--as-of", DAY)
    run = json.loads((folder / "outputs" / "runs" / NAME / "340111" / DAY / "run.json").read_text(encoding="utf-8"))
    assert run["title"] == {"en": TITLE_EN, "zh": TITLE_ZH}
    assert (run["rows"], run["leads"]["total"], run["rules"][f"{NAME.upper()}_R01"]) == (11, 4, {"hit": 4, "clear": 3, "cannot_tell": 0, "not_applicable": 4})
    assert made.changed() == sorted([*FILES, "supervise_lib/_modidx.py"])


def test_a_second_time_is_refused_and_changes_nothing(made):
    assert f"there is a special {NAME} already" in made("-m", "supervise_lib.cli", "new", NAME, fails=True)
    (made.folder / "templates" / "bus_lane.ipynb").write_text("mine", encoding="utf-8")
    assert "templates/bus_lane.ipynb exist already" in made("-m", "supervise_lib.cli", "new", "bus_lane", fails=True)
    (made.folder / "templates" / "bus_lane.ipynb").unlink()
    assert made.changed() == sorted([*FILES, "supervise_lib/_modidx.py"])


def test_what_does_not_run_is_taken_away_again(made):
    skeleton = made.folder / "params" / "skeleton" / "params.yaml"
    kept = skeleton.read_text(encoding="utf-8")
    skeleton.write_text(kept.replace("expect: [clear, hit, cannot_tell]", "expect: [hit, hit, cannot_tell]"), encoding="utf-8")
    said = made("-m", "supervise_lib.cli", "new", "bus_lane", fails=True)
    assert "the new special does not run; nothing was kept" in said
    skeleton.write_text(kept, encoding="utf-8")
    assert made.changed() == sorted([*FILES, "supervise_lib/_modidx.py"])


# ---- without a copy

@pytest.mark.parametrize("name", ["", "x", "River", "river-sand", "river sand", "_river", "river_", "river__sand", "1river", "河砂", "../river", "river/sand", "a" * 41, "import", "match", "json", "statistics", "chapters", "judgment_consistency"])
def test_names_that_cannot_be_are_refused(name):
    with pytest.raises(NewError): check_name(name)


def test_a_name_that_claims_the_chapters_of_another_is_refused(tmp_path):
    (tmp_path / "notebooks/specials/chapters").mkdir(parents=True); (tmp_path / "notebooks/specials/chapters/bus_lane_frame.ipynb").touch()
    with pytest.raises(NewError, match="claim the chapters bus_lane_frame"): check_name("bus_lane", tmp_path)
    assert check_name("bus", tmp_path.parent) == "bus"


@pytest.mark.parametrize("table, words", [("criminal_cases", "nearest: criminal_court_cases"), ("deaths", "identity numbers"), ("lpr_rates", "cannot start from lpr_rates"), ("lineage", "no contract")])
def test_tables_that_cannot_be_are_refused(table, words):
    with pytest.raises(NewError, match=words): check_table(table)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(new, "PACKAGE", tmp_path / "site-packages" / "supervise_lib")
    return tmp_path


def test_without_a_checkout_it_says_what_to_do(elsewhere):
    with pytest.raises(NewError, match="without its notebooks.*Clone the repository"): new_special("bus_lane")


def test_a_home_with_templates_of_its_own_is_refused(tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir(); (tmp_path / "settings.ini").touch()
    monkeypatch.setenv("SUPERVISE_HOME", str(tmp_path)); _resource.cache_clear()
    with pytest.raises(NewError, match="templates is taken from"): new_special("bus_lane")
    assert list((tmp_path / "templates").iterdir()) == []


@pytest.mark.parametrize("given, words", [(dict(line="military"), f"expected {LINES[0]}"), (dict(title_en="two\nlines"), "one line"), (dict(title_zh="  "), "one line"), (dict(title_zh="长" * 81), "at most 80"), (dict(table="no_such"), "no contract")])
def test_other_requests_are_refused_before_anything_is_made(given, words):
    before = sorted(p.name for p in (ROOT / "templates").iterdir())
    with pytest.raises(NewError, match=words): new_special("bus_lane", **given)
    assert sorted(p.name for p in (ROOT / "templates").iterdir()) == before


def test_planted_rows_of_every_table_are_accepted_by_ingest(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "identity.key"))
    tables = [n for n, c in contracts().items() if not unfit(c)]
    assert len(tables) > 100
    case = lambda t, v: {"rule": "X_R01", "kind": "violation", "note": {"en": "x", "zh": "甲"}, "key": yaml.safe_load(v["key_a"]), "rows": {t: yaml.safe_load(v["rows_a"])}} | (
        {"given": {t: g}} if (g := yaml.safe_load(v["given_a"])) else {})
    cases = [planted_of(t, [case(t, planted_rows(contract(t), "bus_lane", "a", new.DAYS["a"][0], 4))], t)[0] for t in tables]
    report = plant(Lake(tmp_path / "lake"), tmp_path, cases)
    assert [r[1:] for r in report] == [(t, 1, 4, 4, 0) for t in sorted(tables)]
