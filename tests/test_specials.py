"""Every special of the package: what it declares holds, and its worked cases come out as a lawyer wrote them down."""
import csv
from dataclasses import replace
from datetime import date
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from supervise_lib.data.lake import Lake
from supervise_lib.law.bands import Bands
from supervise_lib.law.values import Law
from supervise_lib.model.rules import Rule, judge, sentence
from supervise_lib.model.special import (Case, Choice, Choices, Derived, ParamsError, Special, case_frame, check_frame, frame_columns, frame_type,
                                         judge_all, judge_case, read_params, special, special_names, uses_others)
from supervise_lib.model.verdicts import Outcome
from supervise_lib.text import Text

SPECIALS = special_names()
AS_OF = date(2024, 6, 30)
columns_of = cache(lambda name: frame_columns(special(name)))
cases_of = lambda name: [(name, i) for i, _ in enumerate(special(name).cases)]
rules_of = lambda name: [(name, r.id) for r in special(name).rules]
each_rule = pytest.mark.parametrize("name, rule_id", [x for n in SPECIALS for x in rules_of(n)])
each_special = pytest.mark.parametrize("name", SPECIALS)


def functions(rule):
    "All functions of a rule, with what they are."
    named = {"condition": rule.condition, "applies": rule.applies, "severity": rule.severity, "margin": rule.margin, "deadline": rule.deadline}
    return {k: fn for k, fn in named.items() if callable(fn)} | {f"exclusion {e.__name__}": e for e in rule.exclusions}

@cache
def rows_of(name):
    "All rows of all worked cases as one frame, each with a key of its own."
    s = special(name)
    rows = tuple({**r, **{k: f"P{i}" for k in s.key}} for i, r in enumerate(r for c in s.cases for r in c.rows))
    return case_frame(s, Case(s.rules[0].id, Text("all", "全部"), rows, ()), columns_of(name))

@cache
def verdicts_of(name):
    "Verdicts of all rules on all those rows, with no rule suspended."
    s = special(name)
    return judge_all(replace(s, rules=tuple(replace(r, ceiling=1.0) for r in s.rules)), rows_of(name), Law(as_of=AS_OF), Choices(s.choices))


# --- worked cases -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, i", [x for n in SPECIALS for x in cases_of(n)])
def test_worked_case(name, i):
    s = special(name)
    case = s.cases[i]
    found = judge_case(s, case, columns_of(name))
    told = "\n".join(f"row {n}: {row}\n  {o} ({r})" for n, (row, o, r) in enumerate(zip(case.rows, found["outcome"], found["reason"], strict=True), 1))
    assert found["outcome"].tolist() == list(case.expect), f"{case.rule}: {case.note.en}\n{told}"
    if case.severity: assert found["severity"].tolist() == list(case.severity), f"{case.rule}: {case.note.en}"

@each_rule
def test_every_rule_is_shown_hitting_clear_and_unable(name, rule_id):
    s = special(name)
    shown = {e for c in s.cases if c.rule == rule_id for e in c.expect}
    wanted = {"hit", "clear", "cannot_tell"} if s.rule(rule_id).by_row else {"cannot_tell"}
    if s.rule(rule_id).applies: wanted.add("not_applicable")
    if s.rule(rule_id).only_with_others: wanted.discard("not_applicable")
    assert wanted <= shown

@each_special
def test_cases_name_rules_and_speak_both_languages(name):
    s = special(name)
    for c in s.cases:
        assert s.rule(c.rule)
        assert c.note.en and c.note.zh and not c.note.zh.isascii()


# --- declarations -------------------------------------------------------------------------------------------------------------------

@each_special
def test_catalogue_is_built_or_refused_with_a_reason(name, shared):
    s = special(name)
    with open(shared / "domain" / "rules.csv", encoding="utf-8", newline="") as f:
        every = list(csv.DictReader(f))
    assert s.prefix or name not in {r["special"] for r in every}, f"the catalogue has rules of {name}; say how their ids begin: prefix="
    listed = {r["rule_id"]: r for r in every if s.prefix and r["rule_id"].startswith(s.prefix) and r["tier"] in ("1", "2")}
    assert listed or not s.prefix, f"no rule of the catalogue begins with {s.prefix}"
    built = {r.id: r for r in s.rules}
    assert set(listed) - set(built) - set(s.not_built) == set()
    assert not set(built) & set(s.not_built)
    assert {i: built[i].tier for i in built if i in listed} == {i: int(listed[i]["tier"]) for i in built if i in listed}
    assert all(t.en and t.zh for t in s.not_built.values())

class Noting(Choices):
    "Choices that remember what was read."
    def __init__(self, known): super().__init__(known); self._read = set()
    def __getattr__(self, name):
        value = super().__getattr__(name)
        self._read.add(name)
        return value

@cache
def read_by(name, rule_id):
    "Choices and law values read when the rule judges its worked cases."
    s = special(name)
    rule, choices, read = s.rule(rule_id), Noting(s.choices), set()
    for c in (c for c in s.cases if c.rule == rule_id):
        frame, law, said = case_frame(s, c, columns_of(name)), Law(as_of=c.as_of or AS_OF), pd.DataFrame(index=range(len(c.rows)))
        if uses_others(rule):
            for r in s.rules[:s.rules.index(rule)]: said = said.assign(**{r.id: judge(r, frame, Law(as_of=c.as_of or AS_OF), Choices(s.choices), (), said)["outcome"]})
        with law.trail() as readings: judge(rule, frame, law, choices, c.absent, said)
        read |= {r.name for r in readings}
    return choices._read, read

@each_rule
def test_choices_declared_are_those_read(name, rule_id):
    assert read_by(name, rule_id)[0] == set(special(name).rule(rule_id).choices)

@each_special
def test_every_choice_of_the_file_is_used(name):
    assert set(special(name).choices) == {c for r in special(name).rules for c in r.choices}

@each_rule
def test_law_declared_is_that_read(name, rule_id):
    "Of the bands' values only those of the charges at hand are read; a rule that asks the bands declares them all."
    book = Bands()
    banded = {n for b in book.bands for n in b.values}
    declared, read = set(special(name).rule(rule_id).reads), read_by(name, rule_id)[1]
    assert read - declared == set()
    assert declared - read <= banded
    if read & banded - {"fine_min_yuan"} and read != declared: assert banded <= declared    # single values read by name are declared one by one

@each_rule
def test_a_verdict_cites_the_same_law_alone_and_among_all(name, rule_id):
    s = special(name)
    if uses_others(s.rule(rule_id)): pytest.skip("rests on the other rules")
    alone = judge(replace(s.rule(rule_id), ceiling=1.0), rows_of(name), Law(as_of=AS_OF), Choices(s.choices))
    together = verdicts_of(name)
    assert together.loc[together["rule"] == rule_id, "law"].tolist() == alone["law"].tolist()

@each_rule
def test_functions_explain_themselves(name, rule_id):
    rule = special(name).rule(rule_id)
    for what, fn in functions(rule).items():
        assert fn.__name__ != "<lambda>", f"{rule_id}: {what} is a lambda; name it"
    for fn in (rule.condition, *rule.exclusions): assert sentence(fn).en.isascii() and not sentence(fn).zh.isascii()
    assert rule.applies is None or rule.applies.__doc__, f"{rule_id}: applies has no docstring"
    assert not callable(rule.severity) or rule.severity.__doc__ or rule.severity.__name__.endswith("severity")


# --- missing is not clean -----------------------------------------------------------------------------------------------------------

@each_rule
def test_nothing_known_is_neither_guilty_nor_clean(name, rule_id):
    s = special(name)
    blank = Case(rule_id, Text("nothing", "空"), ({},), (), as_of=AS_OF)
    assert judge_case(s, blank, columns_of(name))["outcome"].item() in ("cannot_tell", "not_applicable")

@each_rule
def test_a_needed_column_that_is_missing_leaves_no_answer(name, rule_id):
    "Blanking a needed column of any row of the worked cases makes no hit, and no clear."
    s = special(name)
    rule = s.rule(rule_id)
    for c in (c for c in s.cases if c.rule == rule_id):
        blank = replace(c, rows=tuple({**r, column: None} for column in rule.needs for r in c.rows), as_of=c.as_of or AS_OF)
        assert set(judge_case(s, blank, columns_of(name))["outcome"]) <= {"cannot_tell", "not_applicable"}, c.note.en

@each_rule
def test_forgetting_never_makes_a_hit(name, rule_id):
    "A row that is not a hit does not become one by forgetting one of its columns, lists that may be empty and days of what never happened apart."
    s = special(name)
    never = s.absence
    never = set(never) | {n.partition(".")[2] for n in never if n.startswith(f"{rule_id}.")} | set(s.key)
    for c in (c for c in s.cases if c.rule == rule_id and not c.absent):
        forgotten = [(n, {**row, column: None}, column) for n, (row, e) in enumerate(zip(c.rows, c.expect, strict=True), 1) if e != "hit" for column in row if column not in never]
        if not forgotten: continue
        v = judge_case(s, replace(c, rows=tuple(row for _, row, _ in forgotten)), columns_of(name))["outcome"]
        hits = [f"without {column} row {n} becomes a hit" for o, (n, _, column) in zip(v, forgotten, strict=True) if o == "hit"]
        assert not hits, f"{c.note.en}: {'; '.join(hits)}"

@each_special
def test_columns_in_which_nothing_means_nothing_are_columns_of_the_frame(name):
    "Declared in the params file as `absence`: a column, or RULE.column where it holds for one rule alone."
    ids, known = {r.id for r in special(name).rules}, set(columns_of(name))
    for n in special(name).absence:
        rule_id, dot, column = n.rpartition(".")
        assert column in known and (not dot or rule_id in ids), n



# --- rows -----------------------------------------------------------------------------------------------------------------------------

@each_special
def test_outcomes_add_up(name):
    v = verdicts_of(name)
    assert len(v) == len(rows_of(name)) * len(special(name).rules)
    assert set(v["outcome"]) <= {o.value for o in Outcome}
    assert not v.duplicated(["rule", *special(name).key]).any()

@each_special
def test_rows_are_judged_by_themselves(name):
    "In another order, and without their neighbours, rows get the same verdicts."
    s, f = special(name), rows_of(name)
    rules = tuple(replace(r, ceiling=1.0) for r in s.rules if r.by_row)
    free = replace(s, rules=rules)
    order = np.random.default_rng(7).permutation(len(f))[: len(f) // 2]
    part = judge_all(free, f.iloc[order], Law(as_of=AS_OF), Choices(s.choices))
    whole = verdicts_of(name)
    key = ["rule", *s.key]
    both = part.merge(whole, on=key, suffixes=("", "_whole"), validate="one_to_one")
    assert len(both) == len(part)
    for c in ("outcome", "reason", "severity", "law", "mark", "margin", "deadline"):
        same = (both[c] == both[f"{c}_whole"]).fillna(False) | (both[c].isna() & both[f"{c}_whole"].isna())
        assert same.all(), both.loc[~same, [*key, c, f"{c}_whole"]].head().to_string()


# --- the frame ------------------------------------------------------------------------------------------------------------------------

@each_special
def test_frame_builds_on_empty_tables_with_the_declared_types(name, tmp_path):
    s, lake = special(name), Lake(tmp_path)
    tables = {t: lake.table(t) for t in s.tables}
    found = lake.fetch(s.frame(SimpleNamespace(**tables, everywhere=SimpleNamespace(**tables), as_of=AS_OF, region="340123")))
    assert len(found) == 0
    check_frame(s, found)
    assert set(s.derived) <= set(found.columns)
    got = {c: found[c].dtype.pyarrow_dtype for c in found.columns}
    assert got == {c: frame_type(s, c) for c in found.columns}
    assert frame_columns(s) == got


# --- what is refused --------------------------------------------------------------------------------------------------------------------

def too_long(f, law):
    "Held too long. 羁押超期。"
    return f.term_months > 1

def bare(f, law): return f.term_months > 1

def only_chinese(f, law):
    "羁押超期。"
    return f.term_months > 1

def toy(rules=None, **over):
    rule = Rule(too_long, id="TOY_R01", title=Text("Too long", "超期"), severity=2, needs=("term_months",), instrument="correction_opinion")
    return Special(**{"name": "toy", "title": Text("Toy", "玩具"), "line": "criminal", "unit": Text("row", "行"), "key": ("case_no",), "day": "announce_date", "tables": ("criminal_judgments",),
                      "frame": lambda t: t.criminal_judgments, "rules": (rule,) if rules is None else rules(rule), "not_checked": (Text("much", "许多"),), **over})

BROKEN = {
    "no docstring": (dict(rules=lambda r: (replace(r, condition=bare),)), "needs a docstring with an English sentence"),
    "one language": (dict(rules=lambda r: (replace(r, condition=only_chinese),)), "needs a docstring with an English sentence"),
    "bare exclusion": (dict(rules=lambda r: (replace(r, exclusions=(bare,)),)), "bare needs a docstring"),
    "law value": (dict(rules=lambda r: (replace(r, reads=("no_such_days",)),)), "law value 'no_such_days' is not in params/law"),
    "column": (dict(rules=lambda r: (replace(r, needs=("no_such_column",)),)), "column 'no_such_column' is in no contract"),
    "shown column": (dict(rules=lambda r: (replace(r, shows=("no_such_column",)),)), "column 'no_such_column' is in no contract"),
    "choice": (dict(name="judgment_consistency", rules=lambda r: (replace(r, choices=("no_such_choice",)),)), "choice 'no_such_choice' is not in params/specials"),
    "duplicate id": (dict(rules=lambda r: (r, r)), "rule id TOY_R01 is used twice"),
    "instrument": (dict(rules=lambda r: (replace(r, instrument="letter"),)), "instrument 'letter' is not in supervision_documents"),
    "late instrument": (dict(rules=lambda r: (replace(r, late_instrument="letter"),)), "instrument 'letter' is not in supervision_documents"),
    "severity": (dict(rules=lambda r: (replace(r, severity=5),)), "severity 5 must be 1 to 4"),
    "complete": (dict(rules=lambda r: (replace(r, complete=("protests",)),)), "complete table 'protests' is not among its tables"),
    "not_checked": (dict(not_checked=()), "not_checked is empty"),
    "table": (dict(tables=("no_such_table",)), "table 'no_such_table' has no contract"),
    "name": (dict(name="Toy Special"), "must be lower_case_words"),
    "derived": (dict(derived={"x": Derived(Text("x", "甲"), ("criminal_judgments.no_such",))}), "derived column x: criminal_judgments.no_such is not a column"),
}

def test_a_sound_special_is_accepted(): assert toy().rule("TOY_R01").text.zh == "羁押超期。"

@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_special_is_refused(what):
    over, words = BROKEN[what]
    with pytest.raises(ValueError, match="is refused") as e: toy(**over)
    assert words in str(e.value)

def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ValueError) as e: toy(rules=lambda r: (r, r), not_checked=())
    assert "not_checked" in str(e.value) and "used twice" in str(e.value)

def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(KeyError, match="there are"): special("no_such_special")
    with pytest.raises(KeyError, match="it has TOY_R01"): toy().rule("TOY_R02")


# --- case files -------------------------------------------------------------------------------------------------------------------------

CASE = "cases:\n  - {{rule: TOY_R01, note: {{en: Edge, zh: 边界}}, {0}}}\n"

def test_what_rows_have_in_common_is_given_once(tmp_path):
    p = tmp_path / "toy.yaml"
    p.write_text(CASE.format("given: {term_months: 2}, rows: [{}, {term_months: 1}, {term_months: null}], expect: [hit, clear, cannot_tell], as_of: 2023-01-01, absent: [protests]"), encoding="utf-8")
    (case,) = read_params(p)[1]
    assert case.rows == ({"term_months": 2}, {"term_months": 1}, {"term_months": None})
    assert (case.as_of, case.absent) == (date(2023, 1, 1), ("protests",))
    assert judge(toy().rules[0], case_frame(toy(), case), Law())["outcome"].tolist() == ["hit", "clear", "cannot_tell"]

@pytest.mark.parametrize("body, words", [("rows: [{}], expect: [hit, clear]", "1 rows but 2 in expect"), ("rows: [{}], expect: [guilty]", "guilty is no outcome"),
                                         ("rows: [{}], expect: [hit], severity: [1, 2]", "1 rows but 2 in severity"), ("rows: [{}]", "expect missing"), ("rows: [{}], expect: [hit], expected: 1", "unknown key expected")])
def test_case_files_are_read_strictly(tmp_path, body, words):
    p = tmp_path / "toy.yaml"
    p.write_text(CASE.format(body), encoding="utf-8")
    with pytest.raises(ParamsError, match=words): read_params(p)

def test_a_case_may_only_name_columns_of_the_frame():
    with pytest.raises(ParamsError, match="no_such_column"): case_frame(toy(), Case("TOY_R01", Text("x", "甲"), ({"no_such_column": 1},), ("hit",)))

def test_choices_are_overridden_only_by_their_like():
    known = {"tol": Choice("tol", 3, Text("t", "容差"), "day", "founders", Text("r", "由"), date(2027, 1, 1))}
    assert Choices(known, {"tol": 5}).tol == 5 and Choices(known).overridden == {}
    with pytest.raises(ValueError, match="is no choice"): Choices(known, {"toll": 5})
    with pytest.raises(TypeError, match="expected int"): Choices(known, {"tol": 5.5})
    with pytest.raises(AttributeError, match="no choice"): getattr(Choices(known), "other")  # noqa: B009


# --- frames ------------------------------------------------------------------------------------------------------------------------------

def toy_frame(**columns):
    kinds = {"case_no": pa.string(), "announce_date": pa.date32(), "region_code": pa.string(), "term_months": pa.int64()}
    data = {"case_no": ["1", "2"], "announce_date": [None, None], "region_code": [None, None], "term_months": [1, 2]} | columns
    return pd.DataFrame({k: pd.Series(v, dtype=pd.ArrowDtype(kinds[k])) for k, v in data.items()})

def test_frames_that_would_answer_wrongly_are_refused():
    s = toy()
    check_frame(s, toy_frame())
    with pytest.raises(ValueError, match="lacks term_months"): check_frame(s, toy_frame().drop(columns="term_months"))
    with pytest.raises(ValueError, match="already|there already"): check_frame(s, toy_frame(case_no=["1", "1"]))
    with pytest.raises(ValueError, match="without a key"): check_frame(s, toy_frame(case_no=["1", None]))
    with pytest.raises(TypeError, match="not Arrow-backed: term_months"): check_frame(s, toy_frame().assign(term_months=[1.0, 2.0]))

def test_a_rule_that_fires_on_nearly_everything_suspends_itself():
    s = toy()
    many = toy_frame(case_no=[str(i) for i in range(40)], announce_date=[None] * 40, region_code=[None] * 40, term_months=[2] * 40)
    v = judge_all(s, many, Law(), None)
    assert set(v["outcome"]) == {"cannot_tell"} and set(v["reason"]) == {"suspended:1.00"}
    few = judge_all(s, many.head(20), Law(), None)
    assert set(few["outcome"]) == {"hit"}
    half = judge_all(s, many.assign(term_months=pd.Series([2, 1] * 20, dtype="int64[pyarrow]")), Law(), None)
    assert (half["outcome"] == "hit").sum() == 20


# --- judgment_consistency: the rule that looks at other rows ----------------------------------------------------------------------------------

def test_an_unusual_sentence_is_found_among_enough_cases():
    s, rng = special("judgment_consistency"), np.random.default_rng(1)
    amounts = rng.uniform(8, 12, 240)
    months = np.exp(0.5 + 0.2 * amounts + rng.normal(0, 0.1, 240)).round(1)
    months[0] *= 6
    rows = tuple({"is_judged": True, "verdict": "guilty", "court_name": f"法院{i % 6}", "single_charge": "盗窃", "single_months": float(m), "log_amount": float(a), "is_plea_accepted": True,
                  "n_lighter": 0, "n_heavier": 0} for i, (a, m) in enumerate(zip(amounts, months, strict=True)))
    v = judge_case(s, Case("JUDGE_R28", Text("many", "多"), rows, ()), columns_of("judgment_consistency"))
    assert v["outcome"].iloc[0] == "hit"
    assert (v["outcome"] == "clear").sum() > 200
