"Write-ups: sixteen sections in two languages, numbers from results, what is missing said, nothing identifying, fonts embedded."
import datetime as dt
import io
import json
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings as tries, strategies as st

from supervise_lib.data.identity import Keyring
from supervise_lib.model.special import special, special_names
from supervise_lib.publish.byhand import PARTS, ByHand, read_byhand
from supervise_lib.publish.effects import effects
from supervise_lib.publish.gate import Gate, Refused
from supervise_lib.publish.printing import Document, Figure, Heading, Para, Points, made_of, to_docx, to_pdf, widths
from supervise_lib.publish.prose import ProseError, facts_of, fill, lawful_digits, typed_digits
from supervise_lib.publish.sections import SECTIONS, operators
from supervise_lib.publish.tables import Table
from supervise_lib.publish.typical import PARTS as CASE_PARTS, given_away, read_case, remark_on_length, typical
from supervise_lib.publish.writeup import compose, material, write, writeup
from supervise_lib.review.ledger import Ledger, enter, move
from supervise_lib.text import LANGUAGES, Text, in_lang

ROOT = Path(__file__).resolve().parents[1]
DAY, NAME = dt.date(2024, 6, 1), "criminal_detention"
FILED = (("TRI", "AN", {}), ("REG", "CM", {}), ("ASS", "PR", {}), ("PIN", "PR", {"note": "查"}), ("FIL", "CP", {"doc": "1"}))
CLOSED = (*FILED, ("PRO", "CP", {"kind": "correction_notice", "doc": "2", "served": "2024-02-01"}), ("RPL", "CM", {"outcome": "采纳"}), ("FUP", "PR", {"note": "查"}), ("TER", "CP", {"doc": "3", "outcome": "纠正"}), ("GOV", "HD", {"doc": "4"}), ("CLO", "HD", {}))


def book_at(folder, steps, n=12):
    "A ledger with n leads of which the first went these steps."
    book = Ledger(folder / "ledger.sqlite", Keyring(folder / "key"))
    leads = pd.DataFrame({"lead_no": [f"{NAME}-340111-20231231-{i:012x}" for i in range(n)], "region_code": "340111", "severity": 4, "hits": "DETENTION_R06"})
    enter(book, leads, at=dt.datetime(2024, 1, 5))
    for to, role, more in steps: move(book, leads["lead_no"][0], to, role, "甲", at=dt.datetime(2024, 2, 1), **more)
    return book, leads["lead_no"][0]


def words(doc): return "\n".join(doc.texts())


# ---- prose

@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    "What a run leaves, as far as prose reads it."
    folder = tmp_path_factory.mktemp("run")
    manifest = {"special": NAME, "title": {"en": "Criminal detention", "zh": "刑拘监督"}, "region": "340111", "region_name": {"en": "Baohe District", "zh": "包河区"}, "unit": {"en": "detention", "zh": "拘留"}, "as_of": "2023-12-31", "rows": 1234,
                "outcomes": {"hit": 7, "clear": 1000, "cannot_tell": 200, "not_applicable": 27}, "rules": {"DETENTION_R06": {"hit": 7}}, "leads": {"total": 6, "S4": 2}, "not_delivered": ["persons"], "outputs": {"verdicts.parquet": "abcdef0123456789"}}
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "statistics.json").write_text(json.dumps([{"statistic": "down", "measure": "share", "group": "340111", "value": .125, "low": .1, "high": .2, "n": 80}, {"statistic": "down", "measure": "share", "group": "340123", "value": None, "low": None, "high": None, "n": 3}]), encoding="utf-8")
    return folder


SAID = Text("Of {rows:count} rows {DETENTION_R06.hit:count} were over the cap ({down.share.340111.value:percent}) by {as_of:day} in {region:text}.", "截至{as_of:day}，{region:text}{rows:count}行中{DETENTION_R06.hit:count}行超期（{down.share.340111.value:percent}）。")


def test_a_sentence_changes_with_the_result(run_folder, tmp_path):
    assert fill(SAID, run_folder).zh == "截至2023年12月31日，包河区1,234行中7行超期（12.5%）。"
    for f in run_folder.iterdir(): (tmp_path / f.name).write_text(f.read_text().replace('"rows": 1234', '"rows": 1300').replace('"hit": 7}}', '"hit": 8}}').replace(".125", ".5"))
    assert fill(SAID, tmp_path).en == "Of 1,300 rows 8 were over the cap (50.0%) by 31 December 2023 in Baohe District."


def test_a_missing_value_becomes_words_and_an_unknown_field_an_error(run_folder):
    assert fill(Text("It is {down.share.340123.value:percent}.", "占比{down.share.340123.value:percent}。"), run_folder).zh == "占比无法得出。"
    for bad in ("{down.share.340124.value}", "{rowz}", "{rows:percents}", "{down.share.340111.value:count}", "{rows", "{}", "{region:count}"):
        with pytest.raises(ProseError): fill(Text(bad, bad), run_folder)
    with pytest.raises(ProseError, match="same fields"): fill(Text("{rows}", "{rows:percent}"), run_folder)
    assert fill(Text("{rows}", "{rows}即{rows}"), run_folder).zh == "1,234即1,234"


def test_facts_of_a_live_run_are_those_of_its_folder(province, tmp_path):
    live = facts_of(province); province.save(tmp_path / "r"); kept = facts_of(tmp_path / "r")
    assert live.keys() == kept.keys() and live["rows"] == len(province.frame) == kept["rows"] and live["leads"] == len(province.leads)


@tries(max_examples=60, deadline=None)
@given(st.integers(0, 10 ** 9), st.floats(0, 1))
def test_no_field_is_left_and_counts_read_back(n, share):
    told = fill(Text("{n:count} of which {s:percent}", "{n:count}其中{s:percent}"), {"n": n, "s": share})
    assert int(told.zh.partition("其中")[0].replace(",", "")) == n and abs(float(told.en.split()[-1][:-1]) - share * 100) < .06


# ---- digits typed by hand

def prose_cells(path): return [("".join(c["source"])) for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "markdown"]


@pytest.mark.parametrize("path", sorted((ROOT / "templates").glob("*.ipynb")), ids=lambda p: p.stem)
def test_no_number_is_typed_into_a_templates_prose(path): assert [d for c in prose_cells(path) for d in typed_digits(c)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "params" / "writeups").glob("*.yaml")), ids=lambda p: p.stem)
def test_hand_written_parts_can_be_read_and_hold_no_typed_number(path): assert path.stem in special_names() and read_byhand(path.stem, path).special == path.stem


@pytest.mark.parametrize("text", ["共34人", "占12.5%", "百分之三十", "占三成以上", "共１２人", "in 2023 there were many", "grade S5", "《刑法》第17条规定的人有34名", "the Law, art. 91 and 34 people", "95 % of leads"])
def test_a_typed_number_is_found(text): assert typed_digits(text)


@pytest.mark.parametrize("text", ["S4 与 S1", "依据《刑事诉讼法》第91条第1款、第3款", "《关于办理案件的解释》（法释〔2016〕23号）第2条", "Criminal Procedure Law, arts. 91 and 92", "{rows:count}行", "含95%区间", "DETENTION_R06–R07", "R09 与 R22 是同一事实", "P2 级信息", "小于1表示更慢", "成立专班"])
def test_a_lawful_number_is_not(text): assert typed_digits(text) == []


def test_every_lawful_pattern_has_its_reason_and_is_needed(): assert len(lawful_digits()) >= 6


# ---- what leaves

@pytest.mark.parametrize("text", ["34012319900101123X", "身份证３４０１２３１９９００１０１１２３Ｘ", "电话13800138000", "卡号 6222 0212 3456 7890 128", "PABCDEFGHIJKLMNOPQRSTUVWX", "（2023）皖0123刑初15号", f"{NAME}-340111-20231231-0123456789ab"])
def test_what_identifies_is_found_in_paragraphs_and_tables(text):
    for block in (Para(f"见{text}。"), Table("t", ["甲"], [["乙", f"见{text}。"][1:]], [False])):
        with pytest.raises(Refused) as e: Gate(counts=False).check(made_of(doc_of(block), "x"))
        assert text not in str(e.value)


@pytest.mark.parametrize("text", ["2018 2019 2020 2021", "1,234,567.00元", "2023-12-31", "《刑法》第17条", "代码散列 0123456789abcdef"])
def test_what_does_not_identify_may_leave(text): Gate(counts=False).check(made_of(doc_of(Para(text)), "x"))


# ---- sixteen sections

@pytest.fixture(scope="module")
def bare(tmp_path_factory): return material(NAME, tmp_path_factory.mktemp("bare"), DAY, hand=ByHand(NAME))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sixteen_sections_in_order_and_what_is_missing_is_asked_of_somebody(bare, lang):
    doc = compose(bare, lang)
    heads = [b.text for b in doc.blocks if isinstance(b, Heading) and b.level == 1]
    assert len(heads) == 16 == len(SECTIONS) and all(t(lang) in h for (t, _), h in zip(SECTIONS, heads, strict=True))
    for part, (what, who) in PARTS.items(): assert any(what(lang) in t and who(lang) in t for t in doc.texts()), part
    assert not re.search("[一-鿿]", "".join(b.text for b in doc.blocks if isinstance(b, (Heading, Para)))) or lang == "zh"


def test_every_rule_is_told_with_its_sentence_and_exclusions(bare):
    for lang in LANGUAGES:
        text = words(compose(bare, lang))
        for r in special(NAME).rules: assert r.title(lang) in text and r.text(lang) in text


def test_hand_written_parts_stand_in_their_place_with_their_numbers(tmp_path, run_folder):
    hand = ByHand(NAME, {"background": Text("{rows:count} detentions were there.", "共有{rows:count}次拘留。")})
    doc = compose(material(NAME, tmp_path, DAY, run_folder, hand), "zh")
    assert "共有1,234次拘留。" in words(doc) and "首例案件" not in words(doc) and "包河区" in words(doc)
    with pytest.raises(ProseError, match="have no 'rows'"): compose(material(NAME, tmp_path, DAY, None, hand), "zh")
    with pytest.raises(ValueError, match="is a run of"): material("case_filing", tmp_path, DAY, run_folder)


def test_effect_comes_from_the_ledger_each_figure_with_its_word(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "key"))
    book, _ = book_at(tmp_path, FILED)
    m = material(NAME, tmp_path, DAY)
    rows = next(b.rows for b in compose(m, "zh").blocks if isinstance(b, Table) and b.head == ["性质", "件数"])
    assert rows[:3] == [["疑似", "12"], ["查实", "<10"], ["立案", "<10"]] and rows[3] == ["制发文书", "0"]
    assert effects(book, "case_filing").counts["suspected"] == 0
    for to, role, more in (("PRO", "CP", {"kind": "correction_notice", "doc": "2", "served": "2024-02-01"}),): move(book, f"{NAME}-340111-20231231-000000000000", to, role, "甲", **more)
    assert effects(book, NAME).counts["issued"] == 1


def test_a_transferred_lead_counts_once(tmp_path):
    from supervise_lib.review.ledger import receive
    book, lead = book_at(tmp_path, [*FILED[:3], ("TPR", "CP", {"target": "340123", "doc": "移1"})])
    receive(book, lead, "乙")
    assert effects(book, NAME).counts["suspected"] == 12


def test_the_operator_table_names_every_table_and_rule(bare):
    s, found = special(NAME), operators(special(NAME))
    assert len(found) == len(s.tables) + len(s.rules) + 2 and list(found["step"]) == list(range(1, len(found) + 1))


def test_hand_written_parts_are_read_strictly(tmp_path):
    p = tmp_path / "x.yaml"
    for bad, said in (({"parts": {"summary": {"en": "a", "zh": "共12条"}}}, "typed by hand"), ({"parts": {"praise": {"en": "a", "zh": "甲"}}}, "unknown part"), ({"parts": {"summary": {"en": "a"}}}, "en and zh"), ({"part": {}}, "unknown key"), ({"parts": {"summary": {"en": "{a", "zh": "{a"}}}, "no field")):
        p.write_text(yaml.safe_dump(bad, allow_unicode=True), encoding="utf-8")
        with pytest.raises(ProseError, match=said): read_byhand("x", p)


# ---- on paper

def test_files_in_both_languages_with_fonts_headings_and_alternative_texts(tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    files = {p.name: p for p in writeup(NAME, "both", tmp_path, DAY)}
    assert sorted(files) == sorted(f"{NAME}.{lang}.{e}" for lang in LANGUAGES for e in ("pdf", "docx")) and not list(tmp_path.rglob("*.part"))
    for lang, said in (("zh", "研发背景"), ("en", "Background")):
        data = files[f"{NAME}.{lang}.pdf"].read_bytes()
        pdf = pdfium.PdfDocument(data)
        assert said in "".join(p.get_textpage().get_text_range() for p in pdf)
        assert b"/FontFile" in data and b"/StructTreeRoot" in data and b"/Alt" in data
        with zipfile.ZipFile(files[f"{NAME}.{lang}.docx"]) as z: xml, styles = z.read("word/document.xml").decode(), z.read("word/styles.xml").decode()
        assert xml.count('w:val="Heading1"') == 16 and "w:tblHeader" in xml and "仿宋" in styles and "​" not in xml
        assert any(len(d) > 20 and "data:" not in d for d in re.findall(r'descr="([^"]*)"', xml))


def test_the_same_document_gives_the_same_pdf(bare): assert to_pdf(compose(bare, "en")) == to_pdf(compose(bare, "en"))


def doc_of(*blocks): return Document("x", "", "zh", blocks, DAY)


def test_a_document_with_something_identifying_is_never_written(tmp_path):
    for block in (Para("13800138000"), Heading("13800138000"), Points(("13800138000",)), Table("t", ["a"], [["13800138000"]], [False]), Figure(b"", "c", "13800138000")):
        with pytest.raises(Refused): write(doc_of(block), tmp_path / "out", "x")
    assert not (tmp_path / "out").exists()


def test_small_counts_of_a_run_are_withheld_in_a_write_up(run_folder, tmp_path):
    few = tmp_path / "few"; few.mkdir()
    m = json.loads((run_folder / "run.json").read_text()); m |= {"rules": {"DETENTION_R06": {"hit": 2, "clear": 1000, "cannot_tell": 205, "not_applicable": 27}}, "outcomes": {"hit": 2, "clear": 1000, "cannot_tell": 205, "not_applicable": 27}, "leads": {"total": 2, "S4": 2}}
    (few / "run.json").write_text(json.dumps(m), encoding="utf-8"); (few / "statistics.json").write_text((run_folder / "statistics.json").read_text(), encoding="utf-8")
    hand = ByHand(NAME, {"background": Text("Hits {DETENTION_R06.hit}, clear {clear}, leads {leads}, rows {rows}.", "命中{DETENTION_R06.hit}，未命中{clear}，线索{leads}，共{rows}行。")})
    said = words(compose(material(NAME, tmp_path, DAY, few, hand), "zh"))
    assert "命中隐去" in said and "线索隐去" in said and "共1,234行" in said
    (few / "run.json").write_text(json.dumps(m | {"rows": 4}), encoding="utf-8")
    assert "共隐去行" in words(compose(material(NAME, tmp_path, DAY, few, hand), "zh"))


@pytest.mark.parametrize("way", ["writeup", "dossier", "typical"])
def test_a_name_from_the_lake_stops_every_document(way, tmp_path, monkeypatch, case):
    from supervise_lib.publish import writeup as w
    monkeypatch.setattr(w, "BELOW", Text("{day} 测试某甲", "{day}测试某甲")); names = {"测试某甲"}
    with pytest.raises(Refused, match="name of a person"):
        if way == "writeup": w.writeup(NAME, "zh", tmp_path / "o", DAY, names=names)
        elif way == "dossier": w.write_dossier(NAME, "zh", tmp_path / "o", DAY, names=names)
        else: write(case(), tmp_path / "o", "x", {"王某"})
    assert not (tmp_path / "o").exists()


def test_a_character_without_glyph_and_a_figure_without_words_are_refused():
    with pytest.raises(ValueError, match="U\\+20BB7"): to_pdf(doc_of(Para("𠮷")))
    with pytest.raises(ValueError, match="alternative text"): Figure(b"", "caption", " ")


@pytest.mark.parametrize("text", ["#let x = 1", "$a_b$ *c* [d](e)", "<script>", "@label \\ ` ~", "& &amp; \"q\""])
def test_signs_of_markup_are_printed_as_they_are(text):
    pdfium = pytest.importorskip("pypdfium2")
    doc = doc_of(Para(f"甲{text}乙"), Table("t", ["h"], [[text]], [False]))
    assert re.sub(r"\s|\ufffe|\u200b", "", text) in re.sub(r"\s|\ufffe|\u200b", "", pdfium.PdfDocument(to_pdf(doc))[0].get_textpage().get_text_range())
    with zipfile.ZipFile(io.BytesIO(to_docx(doc))) as z: assert text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split()[0] in z.read("word/document.xml").decode().replace("&quot;", '"')


@tries(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text("ab 甲乙_", max_size=60), min_size=3, max_size=3), max_size=5))
def test_columns_share_the_page(rows): assert 95 <= sum(widths(Table("t", ["一", "two", "x_y"], rows, [False] * 3))) <= 100


# ---- typical cases

@pytest.fixture
def case(tmp_path):
    "A closed lead and the raw file of its typical case."
    book, lead = book_at(tmp_path, CLOSED)
    said = {k: {"en": "{leads_suspected} leads; the deposit of {deposit} came back on {day_TER:day}.", "zh": "线索{leads_suspected}件；被告人王小明的保证金{deposit}于{day_TER:day}退还。"} for k in CASE_PARTS}
    raw = {"lead": lead, "title": {"en": "A late release", "zh": "王小明超期拘留监督案"}, "keywords": [{"en": "custody", "zh": "超期羁押"}], "parts": said, "names": {"王小明": "王某"}, "provisions": list(special(NAME).rules[0].reads),
           "figures": {"deposit": {"value": 5000, "format": "yuan", "label": "recovered", "source": "凭证", "on": dt.date(2024, 3, 1)}}}
    def told(lang="zh", book=book, **change):
        (tmp_path / "case.yaml").write_text(yaml.safe_dump(raw | change, allow_unicode=True), encoding="utf-8")
        with in_lang(lang): return typical(read_case(tmp_path / "case.yaml"), book, lang, DAY)
    told.raw, told.folder = raw, tmp_path
    return told


def test_a_closed_lead_is_told_with_names_replaced_and_figures_labelled(case):
    text = words(case())
    assert "王某" in text and "王小明" not in text and "5,000.00元（挽回）" in text and "线索12（疑似）件" in text and "2024年2月1日" in text
    for head in ("【关键词】", "【要旨】", "【线索发现】", "【数据赋能】", "【案件办理】", "【治理成效】", "【典型意义】", "【相关规定】"): assert head in text
    assert "制发检察建议等" in text and "甲" not in text and "340111" not in text
    assert "5,000.00 yuan (recovered)" in words(case("en"))


def test_what_gives_somebody_away_stops_it(case):
    with pytest.raises(Refused, match="replace by 某") as e: case(names={})
    assert "王小明" not in str(e.value)
    parts = lambda zh: case.raw["parts"] | {"meaning": {"en": "A lesson.", "zh": zh}}
    for bad in ("被害人李小芳年幼。", "就读于明珠小学。", "张某在顺达物流有限公司工作。", "女孩年仅十三岁。"):
        with pytest.raises(Refused): case(parts=parts(bad))
    case(parts=parts("顺达物流有限公司整改。"), allowed=["顺达物流有限公司"])
    with pytest.raises(ValueError, match="does not hold 某"): case(names={"王小明": "小明"})


@pytest.mark.parametrize("text", ["被告人王某某供述", "不满十四周岁的未成年人", "已满16周岁", "某小学", "某某商贸有限公司", "中小学生", "被告人方面", "当事人应当知道", "被告人于某日到案"])
def test_what_gives_nobody_away_is_let_through(text): assert given_away(text) == []


def test_figures_without_label_or_before_the_lead_are_refused(case):
    figure = case.raw["figures"]["deposit"]
    for change, said in (({"label": "found"}, "label"), ({"on": dt.date(2023, 1, 1)}, "before the lead"), ({"source": None, "extra": 1}, "must have")):
        with pytest.raises(ValueError, match=said): case(figures={"deposit": figure | change})


def test_only_a_closed_lead_that_was_right_becomes_one(case, tmp_path):
    other = tmp_path / "other"; other.mkdir()
    book, _ = book_at(other, FILED)
    with pytest.raises(ValueError, match="only a lead that has ended"): case(book=book)
    third = tmp_path / "third"; third.mkdir()
    book, _ = book_at(third, [("TRI", "AN", {}), ("REJ", "PR", {"reason": "lawful"})])
    with pytest.raises(ValueError, match="without having been right"): case(book=book)


def test_length_is_remarked_and_missing_parts_refused(case):
    assert "字" in remark_on_length(case()).zh and remark_on_length(case("en")) is None
    long = {k: {"en": "x", "zh": "甲" * 350} for k in CASE_PARTS}
    assert remark_on_length(case(parts=long)) is None
    with pytest.raises(ValueError, match="lacks meaning"): case(parts={k: v for k, v in case.raw["parts"].items() if k != "meaning"})


# ---- from the shell

def test_on_the_command_line(tmp_path, monkeypatch):
    from typer.testing import CliRunner
    from supervise_lib.cli import app
    monkeypatch.setenv("SUPERVISE_OUTPUTS", str(tmp_path))
    done = CliRunner().invoke(app, ["publish", "writeup", NAME, "--lang", "zh", "--day", "2024-06-01", "--outputs", str(tmp_path)])
    assert done.exit_code == 0, done.exception
    assert [Path(p).name for p in done.stdout.split()] == [f"{NAME}.zh.pdf", f"{NAME}.zh.docx"]
    done = CliRunner().invoke(app, ["publish", "dossier", NAME, "--lang", "en", "--outputs", str(tmp_path)])
    assert done.exit_code == 0 and json.loads((tmp_path / "dossiers" / NAME / f"{NAME}.en.json").read_text())["special"] == NAME
    assert "is not YYYY-MM-DD" in str(CliRunner().invoke(app, ["publish", "writeup", NAME, "--day", "June"]).exception)
