"Pages of evaluation: from the shell to a notebook, ethics on each, thin templates, nothing half written."
import json
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from evaluation_action import COUNTIES, YEAR, action, said
from supervise_lib.review.evaluation import ETHICS, RANKS
from supervise_lib.settings import resource
from test_notebooks import clutter, one_tongued, read, thick

SPAN = ":".join(map(str, YEAR))
PAGES = sorted((resource("templates") / "evaluation").glob("*.ipynb"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    "The management tables of an invented action in a lake."
    from supervise_lib.data.lake import Lake
    folder = tmp_path_factory.mktemp("action") / "lake"
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_KEY_FILE", str(folder.parent / "identity.key"))
        found = Lake(folder)
        for name, rows in action([12, 10, 8, 9, 11, 14, 6, 10, 9, 13, 40, 2]).items():
            if name == "lead_events": rows = rows.assign(actor_name="测试某甲")
            found.write(name, rows)
        found.close()
    return folder


@pytest.mark.parametrize("path", PAGES, ids=[p.stem for p in PAGES])
def test_a_page_is_thin_clean_bilingual_and_says_its_ethics(path):
    nb = read(path)
    assert clutter(nb) + thick(nb) + one_tongued(nb) == []
    text = path.read_text(encoding="utf-8")
    assert "ethics()" in text and "不作为排名" in text and "no basis for ranking" in text

def test_there_is_a_page_for_each_kind(): assert [p.stem for p in PAGES] == ["models", "people", "procuratorates"]

@pytest.mark.parametrize("kind, lang", [("models", "zh"), ("procuratorates", "zh"), ("people", "en")])
def test_from_the_shell_to_a_notebook(lake, tmp_path, kind, lang):
    from supervise_lib.cli import app
    scores = tmp_path / "given.csv"
    said(COUNTIES, C1=.5, C6=.5, C7=.5, C8=.5).assign(by="评审组").to_csv(scores, index=False)
    brought = tmp_path / "contributions.csv"
    pd.DataFrame([{"person": "甲", "item": "model", "grade": "province", "share": .6}]).to_csv(brought, index=False)
    extra = ["--contributions", str(brought)] if kind == "people" else ["--given", str(scores)]
    done = CliRunner().invoke(app, ["evaluate", kind, "--period", SPAN, "--region", "340000", "--lang", lang, "--lake", str(lake), "--outputs", str(tmp_path / "out"), *extra])
    assert done.exit_code == 0, done.output + str(done.exception)
    folder = tmp_path / "out" / "evaluation" / kind / "340000" / SPAN.replace(":", "_")
    nb = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
    text = "".join("".join(o.get("data", {}).get("text/plain", "")) + "".join(o.get("data", {}).get("text/markdown", "")) for c in nb["cells"] for o in c.get("outputs", []))
    assert ETHICS(lang) in text and str(tmp_path) not in json.dumps(nb["cells"][3:], ensure_ascii=False).replace(str(brought), "").replace(str(scores), "")
    about = json.loads((folder / "page.json").read_text(encoding="utf-8"))
    assert about["template"] == f"evaluation/{kind}" and about["parameters"]["since"] == str(YEAR[0])
    for word in RANKS: assert not re.search(rf"(?<!不作为)(?<!不)(?<!作为){word}\s*\d|第\d+名", text)
    if kind == "procuratorates": assert list(dict.fromkeys(x for x in re.findall(r"\b34\d{4}\b", text) if x in COUNTIES)) == sorted(COUNTIES)

@pytest.mark.parametrize("planted", ["34011119900307123X", "测试某甲"])
def test_a_page_that_names_a_person_leaves_nothing(lake, tmp_path, planted):
    from supervise_lib.cli import app
    import supervise_lib.work.pages as made
    page = made.run_page
    def with_secret(*args, check, **more): return page(*args, **more, check=lambda files: check({n: d.replace(b'"nbformat"', f'"note": "{planted}", "nbformat"'.encode(), 1) for n, d in files.items()}))
    with pytest.MonkeyPatch.context() as m:
        m.setattr(made, "run_page", with_secret)
        done = CliRunner().invoke(app, ["evaluate", "models", "--period", SPAN, "--region", "340000", "--lake", str(lake), "--outputs", str(tmp_path / "out")])
    assert done.exit_code != 0 and "nothing was written" in str(done.exception) and planted not in str(done.exception)
    assert not list(tmp_path.rglob("*.ipynb"))

def test_a_page_that_cannot_be_made_leaves_nothing(tmp_path):
    from supervise_lib.cli import app
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["evaluate", "models", "--period", "2023", "--lake", str(tmp_path / "empty"), "--outputs", str(out)])
    assert done.exit_code != 0 and "FROM:TO" in str(done.exception)
    done = CliRunner().invoke(app, ["evaluate", "models", "--period", SPAN, "--region", "340000", "--lake", str(tmp_path / "empty"), "--outputs", str(out)])
    assert done.exit_code != 0 and "nothing was written" in str(done.exception)
    assert not list(out.rglob("*.ipynb")) and not list(out.rglob("*.partial"))
