"The rule coverage page lists every rule of every special once, in both languages, and says why what is not built is not."
import csv
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from supervise_lib.cli import app
from supervise_lib.law.values import Law
from supervise_lib.model.special import special, special_names
from supervise_lib.publish.coverage import UNSAID, all_rules, coverage_of_rules_table, page_html, page_markdown, read_catalogue, rule_tables, rules_of, rules_page
from supervise_lib.publish.tables import Table
from supervise_lib.text import Text, in_lang

SPECIALS = special_names()


@pytest.fixture(scope="module")
def rules(): return all_rules()


@pytest.mark.parametrize("name", SPECIALS)
def test_every_rule_of_a_special_is_listed_once_with_what_it_rests_on(name, rules):
    s, mine = special(name), rules[rules["special"] == name].set_index("rule")
    assert sorted(mine.index) == sorted([r.id for r in s.rules] + list(s.not_built))
    for r in s.rules:
        row = mine.loc[r.id]
        assert row["built"] is True and row["why"] is None and row["tier"] == r.tier and row["law"] == len(r.reads)
        assert row["rows"] == sum(len(c.rows) for c in s.cases if c.rule == r.id) > 0
        assert set(row["tables"]) <= set(s.tables) and set(r.complete) <= set(row["tables"]) and row["tables"]
    for i, why in s.not_built.items(): assert mine.loc[i, "built"] is False and mine.loc[i, "why"] == why


def test_law_to_be_checked_is_counted(rules):
    law, both = Law(), rules[rules["built"].astype(bool)].set_index("rule")
    for name in SPECIALS:
        for r in special(name).rules: assert both.loc[r.id, "verify"] == len([n for n in r.reads if {e.status for e in law.value(n).history} != {"checked"}])
    assert both["verify"].sum() > 0


@pytest.mark.parametrize("name", SPECIALS)
def test_it_is_complete_against_the_catalogue_and_each_listed_once(name, shared):
    path = shared / "domain" / "rules.csv"
    with open(path, encoding="utf-8", newline="") as f: listed = {r["rule_id"]: r for r in csv.DictReader(f) if r["special"] == name}
    with_it, without = all_rules([name], read_catalogue(path)).set_index("rule"), all_rules([name]).set_index("rule")
    assert not with_it.index.has_duplicates and set(with_it.index[with_it["catalogue"].astype(bool)]) == set(listed)
    assert set(without.index) == set(with_it.index) and without["catalogue"].to_dict() == with_it["catalogue"].to_dict()     # the page needs no catalogue
    assert [i for i, why in with_it["why"].items() if why is UNSAID] == []
    assert {i: int(listed[i]["tier"]) for i in listed} == with_it.loc[list(listed), "tier"].to_dict()


def test_a_rule_of_the_catalogue_nobody_speaks_of_is_said(tmp_path):
    p = tmp_path / "rules.csv"
    p.write_text("rule_id,special,title_en,title_zh,tier\nJUDGE_R01,judgment_consistency,One,一,1\nJUDGE_R99,judgment_consistency,Lost,遗漏,1\nSHELL_R01,shell_companies,Other,别的,1\n", encoding="utf-8")
    found = all_rules(["judgment_consistency"], read_catalogue(p)).set_index("rule")
    assert found.loc["JUDGE_R99", "why"] is UNSAID and found.loc["JUDGE_R99", "title"].zh == "遗漏" and "SHELL_R01" not in found.index
    assert "Lost 遗漏" in rules_page(catalogue=p) and "not built, no reason given 未建，未说明原因" in rules_page(catalogue=p)
    p.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no rule catalogue: rule_id"): read_catalogue(p)


def test_a_template_shows_it_in_the_language_of_the_run():
    s = special("criminal_detention")
    with in_lang("en"): english = coverage_of_rules_table(s)
    with in_lang("zh"): chinese = coverage_of_rules_table(s)
    assert english.head == ["Rule", "Title", "In the catalogue", "Built", "Why not"] and chinese.head[2:] == ["列入目录", "已建", "未建原因"]
    r21 = next(r for r in english.rows if r[0] == "DETENTION_R21")
    assert r21 == ["DETENTION_R21", "—", "yes", "no", s.not_built["DETENTION_R21"].en]
    with in_lang("en"): ours = {r[0]: r[2:] for r in coverage_of_rules_table(special("judgment_consistency")).rows}
    assert ours["JUDGE_N26"] == ["no, our own", "yes", "—"] and ours["JUDGE_R01"] == ["yes", "yes", "—"]


def test_counts_of_the_page_add_up(rules):
    first, *rest = rule_tables(rules)
    assert len(first.rows) == len(rest) == len(SPECIALS)
    for row, t, name in zip(first.rows, rest, SPECIALS, strict=True):
        in_it, built, ours, left, worked = map(int, row[1:])
        assert built + ours + left == len(t.rows) == len(rules_of(special(name))) and built + left >= in_it
        assert worked == sum(len(c.rows) for c in special(name).cases)
        assert all(re.search(r"[一-鿿]", h) for h in t.head)


HOSTILE = Table("<i>t</i>", ["a|b"], [["<script>|\n*"]], [False])

def test_pages_escape_what_they_show():
    assert "<script>" not in page_html([HOSTILE]) and "<script>" not in page_markdown([HOSTILE])
    assert page_markdown([HOSTILE]).splitlines()[-1] == "| &lt;script&gt;\\| * |"


def test_the_command_writes_either_or_prints(tmp_path):
    run = lambda *args: CliRunner().invoke(app, ["rules", *map(str, args)])
    assert run("--out", tmp_path / "new" / "rules.html").exit_code == 0 and run("--out", tmp_path / "rules.md").exit_code == 0
    page, text = (tmp_path / "new" / "rules.html").read_text(encoding="utf-8"), (tmp_path / "rules.md").read_text(encoding="utf-8")
    assert run().output == text and page.startswith("<!doctype html>")
    for name in SPECIALS:
        for r in special(name).rules: assert f"| {r.id} |" in text and r.title.zh in text and f">{r.id}<" in page
    assert isinstance(run("--out", tmp_path / "rules.pdf").exception, ValueError) and not (tmp_path / "rules.pdf").exists()


def test_dtype_of_missing_is_none(rules):
    left = rules[~rules["built"].astype(bool)]
    assert len(left) and left[["law", "rows"]].isna().all(axis=None) and isinstance(rules, pd.DataFrame) and isinstance(left["why"].iloc[0], Text)
