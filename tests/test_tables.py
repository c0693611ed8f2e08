"Tables escape everything, dash what is missing, count what they leave out, and add up."
import datetime as dt
from html.parser import HTMLParser

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervise_lib.model.verdicts import Outcome
from supervise_lib.publish.canvas import width
from supervise_lib.publish.tables import Table, cell, counts_table, coverage_table, estimate, leads_table, measure_name, statistics_table, table, why_table
from supervise_lib.stats.estimates import COLUMNS, say, tidy, working
from supervise_lib.text import Text, in_lang

TITLE = Text("A table", "一张表")


@pytest.fixture(autouse=True)
def chinese():
    with in_lang("zh"): yield


class Reader(HTMLParser):
    "The tags of a piece of HTML and the words of its cells."
    def __init__(self, text):
        super().__init__(); self.tags, self.cells, self.open = [], [], False
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(attrs)))
        if tag in ("td", "th"): self.cells.append(""); self.open = True
    def handle_endtag(self, tag): self.open = self.open and tag not in ("td", "th")
    def handle_data(self, data):
        if self.open: self.cells[-1] += data


HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</td></table>", "&lt;b&gt;", "a & b", "'", "<!--", "]]>"]
SAFE = {"div", "style", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "p"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)), min_size=1, max_size=4))
def test_words_come_out_as_they_went_in(values):
    df = pd.DataFrame({"x": values})
    read = Reader(table(df, Text("<i>t</i>", "<i>t</i>"), {"x": Text("<b>h</b>", "<b>h</b>")}, notes=["<u>n</u>"])._repr_html_())
    assert read.cells == ["<b>h</b>", *values]
    assert {t for t, _ in read.tags} <= SAFE and {k for _, attrs in read.tags for k, _ in attrs} <= {"class", "style", "scope"}


def test_missing_is_a_dash_and_zero_is_not():
    types = {"s": pa.string(), "n": pa.int64(), "f": pa.float64(), "d": pa.date32(), "b": pa.bool_()}
    df = pd.DataFrame({k: pd.Series([None], dtype=pd.ArrowDtype(t)) for k, t in types.items()})
    assert table(df, TITLE).rows == [["—"] * 5]
    assert [cell(v) for v in (0, 0.0, False, dt.date(2023, 5, 1), pd.Timestamp("2023-05-01"))] == ["0", "0", "否", "2023-05-01", "2023-05-01"]


def test_numbers_stand_right_and_text_left():
    df = pd.DataFrame({"name": ["甲"], "n": [1234], "yes": [True]})
    made = table(df, TITLE)
    assert made.right == [False, True, False] and 'style="text-align:right">1,234<' in made._repr_html_()


def test_rows_left_out_are_counted():
    df = pd.DataFrame({"n": range(1, 1101)})
    assert table(df, TITLE, max_rows=10).notes == ("……另有1,090行",) and len(table(df, TITLE, max_rows=10).rows) == 10
    assert table(df, TITLE, max_rows=None).notes == () and len(table(df, TITLE, max_rows=None).rows) == 1100
    with in_lang("en"): assert table(df[:0], TITLE).notes == ("No rows.",)


def test_an_unknown_column_is_refused():
    with pytest.raises(KeyError, match="no column court"): table(pd.DataFrame({"n": [1]}), TITLE, {"court": TITLE})


def test_plain_text_lines_up():
    lines = str(table(pd.DataFrame({"name": ["濉溪县", "A"], "n": [5, 12345]}), TITLE)).split("\n")
    assert lines[0] == "一张表" and len({width(x) for x in lines[1:]}) == 1 and "<" not in "".join(lines)


def test_coverage_says_what_was_not_delivered():
    c = pd.DataFrame(dict(title=["拘留", "逮捕"], rows=[5, 0], delivered=[True, False]), index=pd.Index(["detentions", "arrest_reviews"], name="table"))
    made = coverage_table(c)
    assert made.rows[1][2:] == ["0", "否"] and "1张表未报送" in made.notes[0]


def test_counts_add_up_or_are_refused():
    counts = pd.DataFrame([[1, 2, 3, 4], [0, 10, 0, 0]], index=["R1", "R2"], columns=[o.value for o in Outcome])
    made = counts_table(counts, {"R1": Text("One", "甲"), "R2": Text("Two", "乙")})
    assert made.head == ["规则", "名称", "命中", "未命中", "无法判断", "不适用", "行数"]
    assert made.total == ["合计", "", "1", "12", "3", "4", "20"] and [r[-1] for r in made.rows] == ["10", "10"]
    with pytest.raises(ValueError, match="add up"): counts_table(counts.replace(2, 3))
    assert counts_table(counts[:0]).notes == ("没有数据行。",)


@pytest.mark.parametrize("args, words", [((.25, .18, .34, "share"), "25.0% [18.0%, 34.0%]"), ((12, 8, None, "days"), "12 [8, …]"), ((None, .1, .2, "share"), "—"), ((16.8, None, None, "chi2"), "16.8")])
def test_estimate_in_words(args, words): assert estimate(*args) == words


def test_statistics_keep_refusals_in_the_language_in_force():
    d = working(pd.DataFrame(dict(group=["340123", "340621"], value=[.25, None], low=[.18, None], high=[.34, None], n=[120, 4], n_unknown=[3, 0], flag=["unsure", None])))
    say(d, d.n < 30, Text("Not estimated.", "未估计。"))
    s = tidy(d, statistic="ST_A", measure="beyond_37", unit="share")
    made = statistics_table(s, {"ST_A": Text("Late", "逾期率")})
    assert [r[2] for r in made.rows] == ["肥西县", "濉溪县"] and made.rows[1][3:] == ["—", "4", "0", "—", "未估计。"] and made.rows[0][:2] == ["逾期率", "超过37日仍未结束"]
    assert made.rows[0][6] == "？结论不稳"
    with in_lang("en"): assert statistics_table(s).rows[1][2:4] == ["Suixi County", "—"] and statistics_table(s).rows[1][-1] == "Not estimated."
    assert statistics_table(pd.DataFrame()).notes == statistics_table(pd.DataFrame(columns=list(COLUMNS))).notes == ("没有数据行。",)


@pytest.mark.parametrize("name, words", [("median", "中位数"), ("q90", "90%已结束的时长"), ("by_30", "30日内已结束"), ("quality", "quality")])
def test_measures_in_words(name, words): assert measure_name(name) == words


def test_leads_name_their_questions():
    leads = pd.DataFrame(dict(lead_no=["L-1"], grade=["S4"], hits=["R1;R2"], deadline=[dt.date(2024, 1, 2)], mark=[""], court=["<b>"]))
    made = leads_table(leads, {"R1": Text("One", "甲")}, columns={"court": Text("Court", "法院")})
    assert made.rows == [["L-1", "S4", "R1 甲\nR2", "2024-01-02", "—", "<b>"]]
    assert "<b>" not in made._repr_html_() and isinstance(made, Table)


def test_why_shows_what_was_seen_and_the_law():
    two = lambda s: {"en": s, "zh": s}
    rule = dict(rule="R1", title=two("甲"), text=two("句"), outcome="hit", outcome_text=two("命中"), reason=None, severity=4, values=[dict(column="d", label=two("天数"), value=None, words=two("—"))],
                law=[dict(label=two("期限"), value=30, unit=two("日"), article=two("第x条"), since="2018-10-26", status="verify")], mark="", margin=-2, margin_unit=two("日"), deadline="2024-01-02")
    other = rule | dict(rule="R2", outcome="not_applicable", outcome_text=two("不适用"), law=[], margin=None, deadline=None, reason=two("不涉及"))
    made = why_table([rule, other])
    assert made.rows == [["R1 甲", "命中", "—", "天数: —", "期限: 30 日 · 第x条 · 2018-10-26 · 待核", "-2 日", "2024-01-02"], ["R2 甲", "不适用", "不涉及", "—", "—", "—", "—"]]
