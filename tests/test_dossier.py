"The dossier says what is in a model, what was measured of it, and what is not known; a copied model is noticed."
import dataclasses
import datetime as dt
import re
import subprocess

import pandas as pd
import pytest

from supervise_lib.data.identity import Keyring
from supervise_lib.model.special import special
from supervise_lib.publish.privacy import WITHHELD
from supervise_lib.publish.dossier import CHECKED, NO_HISTORY, NO_LEDGER, OTHER_CODE, STALE, TO_CHECK, UNMEASURED, changelog, changes, dossier, in_both, law_frame, score_demo, score_file
from supervise_lib.publish.likeness import cosine, inputs_of, likeness, pairs
from supervise_lib.publish.writeup import measure
from supervise_lib.review.ledger import Ledger, enter, move
from supervise_lib.text import LANGUAGES

DAY, NAME = dt.date(2024, 6, 1), "criminal_detention"


@pytest.fixture(scope="module")
def one(): return special(NAME)


@pytest.fixture(scope="module")
def made(tmp_path_factory): return dossier(NAME, tmp_path_factory.mktemp("none"), DAY)


def frame(d, part, n=0): return d[part].sheets[n].frame


def test_every_table_rule_reason_and_choice_of_the_special_is_in_it(made, one):
    assert list(frame(made, "data")["table"]) == list(one.tables)
    assert list(frame(made, "rules")["rule"]) == [r.id for r in one.rules]
    assert dict(frame(made, "left_out")[["rule", "why"]].values) == one.not_built
    assert list(frame(made, "left_out", 1)["item"]) == list(one.not_checked)
    assert len(frame(made, "cases")) == len(one.cases) and frame(made, "cases")["rows"].sum() == sum(len(c.rows) for c in one.cases)
    assert set(frame(made, "choices")["name"]) == set(one.choices)
    assert {f"{t}.{c}" for t, c in frame(made, "data", 1)[["table", "column"]].values} == inputs_of(one)


def test_rules_carry_their_exclusions_and_law_in_words(made, one):
    rows = frame(made, "rules").set_index("rule")
    for r in one.rules: assert len(rows.loc[r.id, "exclusions"]) == len(r.exclusions) and rows.loc[r.id, "reads"] == r.reads


def test_law_entries_are_marked_when_not_checked_and_when_the_check_is_old(one):
    now, later = law_frame(one, DAY), law_frame(one, dt.date(2040, 1, 1))
    assert set(now["name"]) == {n for r in one.rules for n in r.reads}
    assert set(now["mark"]) <= {TO_CHECK, CHECKED, STALE} and (later["mark"] == STALE).sum() > (now["mark"] == STALE).sum()
    assert list(now["mark"] == TO_CHECK) == list(later["mark"] == TO_CHECK)


def test_a_choice_whose_review_is_past_is_said(tmp_path, one):
    late = dossier(NAME, tmp_path, dt.date(2040, 1, 1))
    assert f"逾期未复核{len(one.choices)}项" in late["choices"].told[0].zh


def test_what_is_not_known_is_said(made):
    assert made["scores"].told == (UNMEASURED,) and made["yield"].told == (NO_LEDGER,)
    assert not made["scores"].sheets and not made["yield"].sheets


def test_it_is_whole_in_both_languages(made):
    for lang in LANGUAGES:
        told = made.to_dict(lang)
        assert len(told["parts"]) == 11 and all(p["told"] or p["tables"] for p in told["parts"])
        assert all(len(r) == len(t["head"]) for p in told["parts"] for t in p["tables"] for r in t["rows"])


def test_precision_and_recall_come_from_the_planted_truth(demo, tmp_path, monkeypatch):
    from supervise_lib.data.lake import Lake
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(demo.key))
    s = special("judgment_consistency")
    found = score_demo(s, Lake(demo.lake), demo.folder).set_index("rule")
    assert found["planted"].sum() > 50 and found["recall"].mean() > .9
    monkeypatch.setenv("SUPERVISE_LAKE", str(demo.lake))
    kept = measure(s.name, demo.folder, tmp_path, DAY)
    shown = dossier(s, tmp_path, DAY)["scores"]
    assert dict(shown.sheets[0].frame[["rule", "found"]].values) == found["found"].to_dict() and "2024-06-01" in shown.told[0].zh
    kept.write_text(kept.read_text().replace('"code": "', '"code": "0'))
    assert OTHER_CODE in dossier(s, tmp_path, DAY)["scores"].told and kept == score_file(tmp_path, s.name)


def test_yields_come_from_the_ledger_with_their_denominators(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "key"))
    book = Ledger(tmp_path / "ledger.sqlite", Keyring(tmp_path / "key"))
    leads = pd.DataFrame({"lead_no": [f"{NAME}-340111-20231231-{i:012x}" for i in range(80)], "region_code": "340111", "severity": 2, "hits": "DETENTION_R06"})
    enter(book, leads)
    for n in leads["lead_no"][:60]: move(book, n, "TRI", "AN", "甲")
    rows = frame(dossier(NAME, tmp_path, DAY), "yield").set_index("statistic")
    assert rows.loc["triaged_of_suspected", ["k", "n"]].tolist() == [60, 80] and rows.loc["triaged_of_suspected", "value"] == "75.0%"
    assert rows.loc["verified_true_of_verified", ["k", "n"]].tolist() == [0, 0]
    for n in leads["lead_no"][60:78]: move(book, n, "TRI", "AN", "甲")     # two are left: who has the others has them
    assert frame(dossier(NAME, tmp_path, DAY), "yield").set_index("statistic").loc["triaged_of_suspected", ["k", "n"]].map(str).tolist() == [str(WITHHELD)] * 2


def test_a_copied_model_is_noticed_and_the_present_ones_are_none(one):
    copy = dataclasses.replace(special("case_filing"), title=one.title)
    found = likeness(special("case_filing"), [copy, one]).set_index("special")
    assert found.loc["case_filing", "flag"] and found.loc["case_filing", ["texts", "tables", "columns"]].round(6).tolist() == [1, 1, 1]
    assert not found.loc[NAME, "flag"]
    few = dataclasses.replace(one, rules=one.rules[:2])         # two rules taken over are noticed as well
    assert likeness(few, [one]).iloc[0]["flag"] and len(likeness(few, [one]).iloc[0]["alike"]) >= 2


@pytest.mark.parametrize("a, b, alike", [("拘留超过法定期限的", "拘留超过法定期限", True), ("拘留超过法定期限", "未缴清土地价款即办证", False)])
def test_words_alike(a, b, alike): assert (cosine(pairs(a), pairs(b)) > .8) is alike


def test_every_source_and_type_of_a_contract_has_its_chinese_word():
    from supervise_lib.data.contracts import contracts
    words = {in_both("sources", c.source).zh for c in contracts().values()} | {in_both("types", o.type).zh for c in contracts().values() for o in c.columns.values()}
    assert [w for w in words if re.search("[A-Za-z]", w)] == []


def test_history_is_gits_where_there_is_a_checkout_and_the_changelogs_elsewhere(tmp_path):
    assert changes(NAME, tmp_path) is None and dossier(NAME, tmp_path, DAY, folder=tmp_path)["history"].told == (NO_HISTORY,)
    (tmp_path / "CHANGELOG.md").write_text(f"# Log\n\n- `{NAME}`: 21 rules\n  of custody.\n- `other`: nothing\n", encoding="utf-8")
    assert changelog(NAME, tmp_path) == [f"`{NAME}`: 21 rules of custody."]
    assert dossier(NAME, tmp_path, DAY, folder=tmp_path)["history"].told[0].zh.startswith(f"`{NAME}`")
    git = lambda *a: subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *a], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "params" / "specials").mkdir(parents=True); (tmp_path / "params" / "specials" / f"{NAME}.yaml").write_text("choices: {}\n")
    git("init"); git("add", "-A"); git("commit", "-m", "A threshold is reviewed")
    (tmp_path / "unrelated").write_text("x"); git("add", "-A"); git("commit", "-m", "Something else")
    assert list(changes(NAME, tmp_path)["what"]) == ["A threshold is reviewed"]
