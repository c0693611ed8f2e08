"""The published site: what is on it, what is not, that it opens from a folder, and that it is written only where it changed."""
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from supervise_lib.cli import app
from supervise_lib.model.special import special
from supervise_lib.publish.gate import Refused
from supervise_lib.publish.released import latest_runs, release, shown_regions
from supervise_lib.publish.site import RECORD, site

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from publish import province  # noqa: E402

CITY = "340500"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs"); province(outputs, 5, CITY)
    return outputs, site(outputs)


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "outputs"); return tmp_path / "outputs"


def pages(outputs): return sorted((outputs / "site").rglob("*.html"))


def change(run, **new):
    m = json.loads(run.read_text(encoding="utf-8")); m |= new; run.write_text(json.dumps(m, ensure_ascii=False), encoding="utf-8")


class Reader(HTMLParser):
    "What a reader with a screen reader meets: headings, images, links, languages, tables."
    def __init__(self, text):
        super().__init__(); self.heads, self.links, self.lang, self.images, self.scopeless, self.tables = [], [], None, [], 0, 0; self.captions = 0; self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if re.fullmatch("h[1-6]", tag): self.heads.append(int(tag[1]))
        if tag == "html": self.lang = a.get("lang")
        if tag == "img": self.images.append(a.get("alt"))
        if tag == "th" and "scope" not in a: self.scopeless += 1
        if tag == "table": self.tables += 1
        if tag == "caption": self.captions += 1
        for k in ("href", "src"):
            if a.get(k): self.links.append(a[k])


def test_there_is_a_page_per_special_model_and_region_in_both_languages(made):
    outputs, told = made
    names = {str(p.relative_to(outputs / "site")) for p in pages(outputs)}
    for lang in ("zh", "en"):
        for n in ("criminal_detention", "topic_4"): assert {f"{lang}/special-{n}.html", f"{lang}/model-{n}.html"} <= names
        assert {f"{lang}/index.html", f"{lang}/rules.html", f"{lang}/search.html", f"{lang}/region-{CITY}.html"} <= names
    assert told["pages"] == len(names)


def test_pages_are_accessible_and_nothing_is_loaded_from_elsewhere(made):
    outputs, _ = made
    for p in pages(outputs):
        r = Reader(p.read_text(encoding="utf-8"))
        assert r.heads.count(1) == 1 and r.heads[0] == 1, p
        assert all(b <= a + 1 for a, b in zip(r.heads, r.heads[1:], strict=False)), f"{p}: heading order {r.heads}"
        assert r.lang and (p.parent.name == "site" or r.lang.startswith(p.parent.name)) and all(r.images) and not r.scopeless and r.tables == r.captions
        for link in r.links:
            assert "://" not in link, f"{p} asks {link}"
            if not link.startswith("#"): assert (p.parent / link.partition("?")[0]).is_file(), f"{p}: {link} leads nowhere"


def test_the_font_is_there_for_readers_without_one(made): assert (made[0] / "site" / "NotoSansSC-Regular.ttf").stat().st_size > 1_000_000


def test_numbers_on_the_pages_are_the_released_ones(made):
    outputs, _ = made
    runs, _ = latest_runs(outputs); one = release("criminal_detention", {r: m for (s, r), m in runs.items() if s == "criminal_detention"})
    text = (outputs / "site" / "zh" / f"region-{CITY}.html").read_text(encoding="utf-8")
    for rule, cells in one.regions[CITY]["rules"].items():
        row = re.search(rf'<th scope="row">{rule}</th>(.*?)</tr>', text)[1]
        assert re.findall(r'<td class="n">(.*?)</td>', row) == ['<span class="w">隐去</span>' if n is None else f"{n:,}" for n in cells.values()]


def test_no_small_count_is_on_a_page_and_some_are_hidden(made):
    outputs, _ = made; hidden = 0
    for p in pages(outputs):
        text = p.read_text(encoding="utf-8"); hidden += text.count('<span class="w">')
        k = 10 if "topic" in p.name else 5
        assert not [n for n in re.findall(r'<td class="n">([\d,]+)</td>', text) if 0 < int(n.replace(",", "")) < k], p
    assert hidden


def test_models_show_law_with_dates_thresholds_and_what_is_not_checked(made):
    text, s = (made[0] / "site" / "zh" / "model-criminal_detention.html").read_text(encoding="utf-8"), special("criminal_detention")
    from supervise_lib.law.values import Law
    for n in {n for r in s.rules for n in r.reads}:
        v = Law().value(n); assert v.label.zh in text and all(str(e.since) in text for e in v.history)
    for t in s.not_checked: assert t.zh in text
    for c in s.choices.values(): assert c.label.zh in text and str(c.review) in text


def test_search_knows_chinese_words_without_network(made):
    script = (made[0] / "site" / "zh" / "search-index.js").read_text(encoding="utf-8")
    known = json.loads(script.removeprefix("window.PAGES=").rstrip(";\n"))
    def find(*words): return {p for p, title, text in known if all(w in title + text for w in words)}
    assert "model-criminal_detention.html" in find("羁押") and f"region-{CITY}.html" in find("马鞍山市", "刑拘监督") and not find("不构成定性")


def test_publishing_again_touches_nothing_and_a_change_touches_its_pages_only(copy):
    def stamps(): return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (copy / "site").rglob("*") if p.is_file() and p.name != RECORD}
    before = stamps(); assert site(copy)["changed"] == 0 and stamps() == before
    run = next(copy.glob("runs/criminal_detention/340521/*/run.json")); change(run, not_delivered=["detentions"])
    site(copy); touched = {p.relative_to(copy / "site").as_posix() for p, s in stamps().items() if before.get(p) != s}
    assert {"zh/region-340521.html", "en/region-340521.html"} <= touched <= {f"{x}/{n}" for x in ("zh", "en") for n in ("region-340521.html", "search-index.js")}


def test_nothing_in_the_site_lets_a_hidden_count_be_guessed(made):
    "A hash of all counts would give a hidden one away: there are only a few values to try."
    outputs, _ = made
    assert not [p for p in (outputs / "site").rglob("*") if p.is_file() and p.suffix not in (".ttf",) and re.search(r"[0-9a-f]{32}", p.read_text(encoding="utf-8"))]
    assert set(json.loads((outputs / "site" / RECORD).read_text())) == {p.relative_to(outputs / "site").as_posix() for p in (outputs / "site").rglob("*") if p.is_file() and p.name != RECORD and p.suffix != ".ttf"}


def test_pages_of_what_is_gone_are_removed_and_other_files_stay(copy):
    (copy / "site" / "notes.txt").write_text("mine"); shutil.rmtree(copy / "runs" / "topic_4")
    assert site(copy)["removed"] == 4 and not list((copy / "site").rglob("*topic_4*")) and (copy / "site" / "notes.txt").is_file()


@pytest.mark.parametrize("where", ["title", "region_name", "not_delivered"])
def test_a_number_of_a_person_anywhere_in_a_manifest_stops_everything(copy, where):
    before = {p: p.read_bytes() for p in pages(copy)}
    run = next(copy.glob(f"runs/topic_4/{CITY}/*/run.json")); secret = "340111199003071234"
    for run in copy.glob("runs/topic_4/*/*/run.json"): change(run, **{where: [secret] if where == "not_delivered" else {"en": secret, "zh": secret}})
    if where == "region_name": assert site(copy) and not [p for p in pages(copy) if secret in p.read_text(encoding="utf-8")]; return       # names of regions come from the register
    with pytest.raises(Refused, match="identity number"): site(copy)
    assert {p: p.read_bytes() for p in pages(copy)} == before


def test_a_known_name_in_a_manifest_stops_everything(copy):
    for run in copy.glob("runs/topic_4/*/*/run.json"): change(run, not_delivered=["测试某甲"])
    with pytest.raises(Refused, match="name of a person"): site(copy, names={"测试某甲"})


def test_only_the_latest_run_is_published(copy):
    old = next(copy.glob(f"runs/criminal_detention/{CITY}/2023-12-31")); new = old.with_name("2024-01-31"); shutil.copytree(old, new); change(new / "run.json", as_of="2024-01-31")
    site(copy); text = (copy / "site" / "zh" / f"region-{CITY}.html").read_text(encoding="utf-8")
    assert "2024-01-31" in text


def test_a_damaged_manifest_is_said(copy):
    run = next(copy.glob("runs/topic_4/340521/*/run.json")); run.write_text("{")
    site(copy, lang="zh"); assert "无法读取而未公布的运行" in (copy / "site" / "zh" / "index.html").read_text(encoding="utf-8")


def test_few_rows_hide_a_region_and_what_would_tell_it():
    assert shown_regions({"340500": 60, "340503": 4, "340504": 26, "340506": 30}, 5) == {"340500", "340506"}
    assert shown_regions({"340000": 104, "340500": 4, "340600": 40, "340800": 60, "340503": 4, "340602": 40}, 5) == {"340000", "340800"}


def test_the_command(copy, monkeypatch):
    monkeypatch.setenv("SUPERVISE_LAKE", str(copy / "no_lake")); monkeypatch.setenv("SUPERVISE_OUTPUTS", str(copy))
    done = CliRunner().invoke(app, ["publish", "site", "--lang", "zh", "--to", str(copy / "elsewhere")])
    assert done.exit_code == 0 and "pages" in done.output and (copy / "elsewhere" / "zh" / "index.html").is_file() and not (copy / "elsewhere" / "en").exists()
