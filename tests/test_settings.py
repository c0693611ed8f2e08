"The one file an officer edits: what it may hold, where it is looked for, and that nbdev keeps its own settings elsewhere."
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from supervise_lib.settings import Settings, home, resource, settings

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def ini(tmp_path):
    def write(text, folder=tmp_path):
        path = folder / "settings.ini"
        path.parent.mkdir(parents=True, exist_ok=True); path.write_text(text, encoding="utf-8")
        return path
    return write


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.delenv("SUPERVISE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def test_shipped_settings_are_the_defaults():
    shipped = settings(ROOT / "settings.ini")
    bare = Settings(home=ROOT, lake=ROOT / "lake", outputs=ROOT / "outputs", key_file=Settings.key_file.expanduser())
    assert shipped == bare
    assert ROOT not in shipped.key_file.parents  # the key lies outside the checkout and the lake
    assert shipped.pseudonymise is True


def test_values_are_typed_and_paths_start_at_the_file(ini, tmp_path):
    s = settings(ini("[workbench]\nlake = ../lake\noutputs = ~/out\nregion = 340100\nas_of =\nworkers = 3\nlang = en\n"
                     "[privacy]\npseudonymise = no\n[publishing]\nsmall_cell = 7\n"))
    assert (s.region, s.as_of, s.workers, s.lang, s.pseudonymise, s.small_cell) == ("340100", None, 3, "en", False, 7)
    assert (s.lake, s.outputs, s.home) == (tmp_path.resolve() / "../lake", Path("~/out").expanduser(), tmp_path.resolve())


@pytest.mark.parametrize("text, said", [
    ("[workbench]\nlakes = x\n", "lakes is not a setting"), ("[workbench]\nhome = x\n", "home is not a setting"),
    ("[workbench]\nworkers = two\n", "workers = 'two' is not a whole number"), ("[workbench]\nworkers = 1.5\n", "whole number"),
    ("[privacy]\npseudonymise = perhaps\n", "not yes or no"), ("[publishing]\nsmall_cell =\n", "whole number"),
    ("lake = x\n", "could not be read"), ("[workbench]\nlake = a\nlake = b\n", "could not be read"),
])
def test_a_faulty_file_is_refused_with_its_name(ini, text, said):
    path = ini(text)
    with pytest.raises(ValueError, match=said) as e: settings(path)
    assert str(path) in str(e.value)


def test_percent_signs_and_chinese_are_taken_as_they_stand(ini): assert settings(ini("[workbench]\nlake = 数据%(x)s湖\n")).lake.name == "数据%(x)s湖"


def test_home_is_the_named_folder_else_the_nearest_one_upwards_else_here(ini, nowhere, monkeypatch):
    deep = nowhere / "a" / "b"
    deep.mkdir(parents=True); monkeypatch.chdir(deep)
    assert home() == deep
    ini("", nowhere); assert home() == nowhere
    ini("", nowhere / "a"); assert home() == nowhere / "a"
    monkeypatch.setenv("SUPERVISE_HOME", str(nowhere / "elsewhere")); assert home() == nowhere / "elsewhere"


def test_without_a_file_the_defaults_hold_and_start_here(nowhere):
    s = settings()
    assert (s.home, s.lake, s.region, s.pseudonymise) == (nowhere, nowhere / "lake", None, True)


def test_a_province_s_own_params_come_first(nowhere, ini):
    ini("")
    own = nowhere / "params" / "own.yaml"
    own.parent.mkdir(); own.write_text("a: 1", encoding="utf-8")
    assert resource("params/own.yaml") == own
    with pytest.raises(FileNotFoundError, match=r"params/no\.yaml was not found; looked in"): resource("params/no.yaml")


def test_nbdev_is_configured_in_pyproject_beside_settings_ini():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["nbdev"]
    assert (config["nbs_path"], config["lib_path"]) == ("notebooks", "supervise_lib")
    assert "tags" in config["allowed_cell_metadata_keys"]
    done = subprocess.run([sys.executable, "-c", "from nbdev.config import get_config; c = get_config(); print(c.nbs_path, c.jupyter_hooks)"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [str(ROOT / "notebooks"), "True"], done.stderr
