"Figures hold every character, keep their words, say what they leave out, and are the same bytes each time."
import datetime as dt
import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from IPython.utils.capture import capture_output
from matplotlib import font_manager
from PIL import Image

from supervise_lib.model.verdicts import Outcome
from supervise_lib.publish import figures as F
from supervise_lib.publish.canvas import wrap
from supervise_lib.stats.durations import km
from supervise_lib.stats.estimates import arrow
from supervise_lib.stats.outliers import Outliers
from supervise_lib.stats.rates import Rate
from supervise_lib.text import Text, in_lang

ALT, TITLE = Text("what is seen", "所见"), Text("A title", "标题")


@pytest.fixture(autouse=True)
def chinese():
    with in_lang("zh"): yield
    F.set_folder(None)


def told(fig):
    "All words of a figure, axes, legend and footnotes included."
    import matplotlib.text
    return "\n".join(t.get_text() for t in fig.findobj(matplotlib.text.Text))


def rates(hot=None, adjust=(), seed=1):
    "Thirty invented counties at 20 %; `hot` at 60 %; C29 has four rows; one row has no county."
    rng = np.random.default_rng(seed)
    f = pd.concat([pd.DataFrame(dict(county=f"C{i:02d}", late=rng.random(n) < (.6 if f"C{i:02d}" == hot else .2), drug=rng.random(n) < .5))
                   for i, n in enumerate([200] * 29 + [4])] + [pd.DataFrame(dict(county=[None], late=[True], drug=[True]))])
    f = pd.DataFrame({c: arrow(f[c]) for c in f})
    return Rate("ST_LATE", Text("Late", "逾期"), of="late", by="county", adjust=adjust).compute(f)


def counts(*rows): return pd.DataFrame(rows, index=[f"R{i:02d}" for i in range(len(rows))], columns=[o.value for o in Outcome])


# ---- characters

@pytest.mark.parametrize("text", ["濉溪县", "歙县", "黟县", "亳州", "−3", "埇桥区"])
def test_rare_characters_and_the_minus_are_drawn(text):
    fig, ax = F.sheet(3, 1.5)
    ax.plot([-3, 1], [-1, 2]); ax.set_title(text)
    empty, _ = F.sheet(3, 1.5)
    assert F.png(fig) != F.png(empty)


def test_a_missing_glyph_fails():
    fig, ax = F.sheet(3, 1.5)
    ax.set_title("\N{STOPWATCH}")
    with pytest.raises(ValueError, match="STOPWATCH"): F.png(fig)
    with pytest.raises(ValueError, match="missing from font"): F.show(fig, ALT, "missing")


def test_the_font_does_not_rest_on_the_cache(monkeypatch):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [f for f in font_manager.fontManager.ttflist if "SC" not in f.name])
    F.use_fonts()
    assert any(f.name == "Noto Sans SC" for f in font_manager.fontManager.ttflist)


def test_zhplot_and_pyplot_are_not_imported():
    code = "import sys; from supervise_lib.publish.figures import *; sheet(); print([m for m in sys.modules if m.startswith('zhplot') or m == 'matplotlib.pyplot'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# ---- showing

def test_show_keeps_alt_and_width_saves_and_closes(tmp_path):
    import matplotlib.pyplot as plt
    fig = plt.figure(figsize=(3, 2))
    F.set_folder(tmp_path)
    with in_lang("en"), capture_output() as out: F.show(fig, ALT, "one")
    data = (tmp_path / "figures" / "one.png").read_bytes()
    bundle, metadata = F.Picture(data, "what is seen")._repr_mimebundle_()
    assert metadata["image/png"] == {"alt": "what is seen", "width": Image.open(io.BytesIO(data)).width // 2} and bundle["text/plain"] == "what is seen"
    assert "what is seen" in out.stdout or out.outputs
    assert not plt.fignum_exists(fig.number)


def test_a_notebook_keeps_the_alt(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
        "from supervise_lib.publish.figures import *\nfrom supervise_lib.text import Text\nfig, ax = sheet(3, 2)\nshow(fig, Text('seen', '所见'), 'n')")])
    nbclient.NotebookClient(nb, timeout=120, kernel_name="python3").execute()
    shown = [o for o in nb.cells[0].outputs if o.output_type == "display_data"]
    assert len(nb.cells[0].outputs) == len(shown) == 1  # once, and without a warning
    assert shown[0].metadata["image/png"]["alt"] == "所见" and shown[0].data["text/plain"] == "所见"


def test_bytes_are_the_same_few_coloured_and_undated(tmp_path):
    make = lambda: F.png(F.funnel(rates("C03"), TITLE))
    first = make()
    assert first == make()
    image = Image.open(io.BytesIO(first))
    assert image.mode == "P" and len(image.convert("RGB").getcolors()) <= 64 and set(image.info) <= {"dpi"} and round(image.info["dpi"][0]) == 200


@pytest.mark.parametrize("alt, name, error", [("words", "a", TypeError), (ALT, "../a", ValueError), (ALT, "A b", ValueError), (ALT, "", ValueError)])
def test_no_figure_without_words_and_no_file_outside(tmp_path, alt, name, error):
    with pytest.raises(error): F.show(F.nothing(), alt, name, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---- what figures say

@pytest.mark.parametrize("lang, words", [("zh", "没有"), ("en", "No")])
@pytest.mark.parametrize("empty", [
    lambda: F.outcome_bars(counts([0, 0, 0, 0])), lambda: F.outcome_bars(counts()), lambda: F.funnel(rates()[:0]), lambda: F.funnel(pd.DataFrame()),
    lambda: F.intervals(pd.DataFrame()), lambda: F.residuals(pd.DataFrame()), lambda: F.timeline([]), lambda: F.survival(pd.DataFrame())])
def test_nothing_to_draw_is_said(empty, lang, words):
    with in_lang(lang):
        fig = empty()
        assert words in told(fig) and F.png(fig)


def test_bars_order_by_hits_and_print_every_count():
    fig = F.outcome_bars(counts([1, 5000, 2, 0], [7, 4990, 0, 6]), dict(R00=Text("first", "甲规则"), R01=Text("second", "乙规则")))
    labels = [t.get_text() for t in fig.axes[0].get_yticklabels()]
    assert labels == ["R01  乙规则", "R00  甲规则"]
    assert all(n in told(fig) for n in ("5,000", "4,990", "7", "6", "无法判断", "不适用", "每条规则判定5,003行"))
    hatches = {p.get_hatch() for c in fig.axes[0].containers for p in c}
    assert len(hatches) >= 3  # told apart without colour


def test_funnel_names_only_what_lies_outside():
    words = told(F.funnel(rates("C03")))
    assert "C03" in words and "C05" not in words and "未画出：1组" in words and "1行未记录分组" in words


def test_funnel_of_a_case_mix_draws_the_ratio():
    assert "观察数／期望数" in told(F.funnel(rates("C03", adjust=("drug",))))


def test_a_statistic_must_be_chosen():
    both = pd.concat([rates(), rates().assign(statistic="ST_B")], ignore_index=True)
    with pytest.raises(ValueError, match="choose one"): F.funnel(both)
    with pytest.raises(ValueError, match="no statistic"): F.intervals(both, statistic="ST_C")
    assert F.png(F.intervals(both, statistic="ST_B"))


def test_intervals_are_no_league_table_and_list_refusals():
    fig = F.intervals(rates("C03"))
    names = [t.get_text() for ax in fig.axes for t in ax.get_yticklabels()]
    shown = rates("C03").dropna(subset=["value"])
    band = shown.set_index("group").band.to_dict()
    rest = [n for n in names if band[n] == "common"]
    assert names[0] == "C03" and rest == sorted(rest) and len(names) == len(shown)
    assert "C29：未估计：可判断的仅4行" in told(fig)


def test_residuals_count_the_unjudged_and_print_no_case_key():
    rng = np.random.default_rng(2); n = 260
    f = pd.DataFrame(dict(case=[f"SECRET{i}" for i in range(n)], charge=["盗窃"] * 240 + ["诈骗"] * 20, amount=rng.normal(9, 1, n)))
    f["months"] = np.exp(.5 * f.amount - 2 + rng.normal(0, .1, n)); f.loc[7, "months"] *= 5
    f = pd.DataFrame({c: arrow(f[c]) for c in f}); f.loc[3, "amount"] = pd.NA
    cases = Outliers("ST01", TITLE, y="months", by="charge", circumstances=("amount",), key=("case",)).cases(f)
    words = told(F.residuals(cases))
    assert "SECRET" not in words and "异常偏长" in words and "诈骗：20件" in words and "盗窃：1件" in words
    assert "线索1" in told(F.residuals(cases, labels={"SECRET7": "线索1"}))


def test_timeline_says_what_is_missing_or_contradicts():
    fig = F.sentence_timeline([("2023-01-05", "2023-02-01", "detain"), (dt.date(2023, 2, 2), None, "arrest"), ("2023-05-01", "2023-04-01", "moon")], "2023-06-01",
                              ("2023-01-05", "2024-01-04"), dict(start_first="2023-01-05", end_earliest="2024-01-04", end_latest=pd.NaT))
    words = told(fig)
    assert F.png(fig) and all(w in words for w in ("刑事拘留", "逮捕羁押", "moon", "2023-02-02 → 未记录", "2023-05-01 → 2023-04-01：日期矛盾", "2024-01-04 → 未记录"))
    assert told(F.sentence_timeline(None, "2023-06-01")).count("未记录") == 4
    with pytest.raises(ValueError, match="style"): F.timeline([(ALT, None, None, "guilty")])


def test_survival_numbers_at_risk_and_limits():
    fig = F.survival(km([1, 2, 3, 5, 8, 13], [1] * 6), TITLE, [(Text("7 days", "七日"), 7)])
    assert F.png(fig) and "七日" in told(fig) and "全部" in told(fig)
    lines = F.survival(pd.concat([km([1, 2, 3], [1] * 3).assign(group=g) for g in "ABC"])).axes[0].get_lines()
    assert len({x.get_linestyle() for x in lines}) == 3  # told apart without colour


@pytest.mark.parametrize("columns", [4, 9, 30])
@pytest.mark.parametrize("text", ["拘留后提请批准逮捕超过法定期限，且无延长理由（含流窜作案）", "Held longer than the limit in force on that day", "第12条 Article 12 of the 刑事诉讼法"])
def test_wrapping_loses_nothing(text, columns):
    assert wrap(text, columns).replace("\n", "").replace(" ", "") == text.replace(" ", "")
    assert not any(line[:1] in "，）" for line in wrap(text, columns).split("\n"))
