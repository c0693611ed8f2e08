"""Reading civil papers: invented papers of every kind against their truth, what must stay missing, what contradicts itself, and public texts."""
import gzip
import json
import re
from collections import defaultdict
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.data.contracts import contract
from supervise_lib.data.demo_papers_civil import WRITERS, as_told, capitals, civil_paper, score
from supervise_lib.data.lake import Lake
from supervise_lib.data.papers_civil import CIVIL, doubts, fields, is_default, read_civil
from supervise_lib.data.papers_civil_rows import civil_rows
from supervise_lib.data.papers_civil_sums import rates, sums
from supervise_lib.data.papers_civil_text import civil_source
from supervise_lib.data.papers_text import kind_of, value
from supervise_lib.data.reading import fill

N = 40      # papers of each kind


@pytest.mark.parametrize("kind", WRITERS)
def test_invented_papers_are_read(kind):
    counts = {}
    for seed in range(N):
        text, truth = civil_paper(kind, seed)
        assert kind_of(text) == kind
        score(as_told(read_civil(text)), truth, counts)
    short = {name: (told, read, right) for name, (told, read, right) in counts.items() if right < .95 * read or right < .95 * told}
    assert not short


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(WRITERS)), st.integers(1000, 9000))
def test_each_field_stands_where_it_says(kind, seed):
    text, truth = civil_paper(kind, seed)
    paper = read_civil(text)
    for name, _, f in fields(paper):
        assert 0 <= f.start <= f.end <= len(text), name
        if name == "case_no": assert re.sub(r"\D", "", text[f.start:f.end]) == re.sub(r"\D", "", truth["case_no"])
        if name.startswith("party:"): assert text[f.start:f.end] == f.value


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9_999_999))
def test_a_sum_is_the_same_in_every_hand(yuan):
    for words in (f"{yuan}元", f"{yuan:,}元", f"人民币{capitals(yuan)}", f"{capitals(yuan)}（￥{yuan}.00）", f"￥{yuan:,}"):
        s = civil_source(f"借款{words}，")
        assert [x.yuan for x in sums(s, 0, len(s.t))] == [yuan], words


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_two_hands_that_differ_give_no_sum(one, other):
    s = civil_source(f"借款人民币{capitals(one)}（￥{other}.00），")
    found = sums(s, 0, len(s.t))
    assert [x.yuan for x in found] == [one if one == other else None] and bool(found[0].field.doubt) == (one != other)


@pytest.mark.parametrize("words, month, year", [("月息2分", ".02", None), ("月息1分8厘", ".018", None), ("月利率20‰", ".02", None), ("月利率1.3％", ".013", None), ("年利率百分之十二", None, ".12"), ("年息一分", None, ".1"), ("按24%年利率", None, ".24")])
def test_rates(words, month, year):
    s = civil_source(f"约定{words}计算")
    r, = [f.value for f in rates(s, 0, len(s.t))]
    assert (r.month, r.year) == (month and Decimal(month), year and Decimal(year))


JUDGMENT = ("某县人民法院\n民事判决书\n（2023）皖0123民初12号\n原告：甲某，男，1980年3月4日出生。\n被告：乙某，女，1981年3月4日出生。\n原告甲某与被告乙某民间借贷纠纷一案，本院于2023年3月1日立案后，依法适用简易程序，于2023年4月2日公开开庭进行了审理。"
            "{came}本案现已审理终结。\n甲某向本院提出诉讼请求：1.判令被告归还借款本金50000元；2.诉讼费用由被告承担。\n事实和理由：被告借款。\n{answer}\n经审理查明：{facts}\n本院认为，应予归还。依照某法规定，判决如下：\n"
            "一、被告乙某于本判决生效之日起十日内归还原告甲某借款本金50000元；\n二、驳回原告甲某的其他诉讼请求。\n{fee}\n如不服本判决，可上诉。\n审判员　丙某\n二〇二三年四月二十日\n书记员　丁某")
SAID = dict(came="原告甲某到庭参加诉讼，被告乙某经传票传唤，无正当理由拒不到庭参加诉讼。", answer="乙某未作答辩。", facts="2021年3月1日，乙某向甲某借款50000元，甲某以现金交付。", fee="案件受理费1050元，减半收取525元，由被告乙某负担。")


def paper(**parts): return read_civil(JUDGMENT.format(**SAID | parts))


def delivery(facts): return value(paper(facts=facts).loan.delivery)


def test_what_is_not_told_stays_missing():
    p = paper(came="", answer="", facts="2021年3月，乙某向甲某借款50000元。", fee="")
    assert (is_default(p), p.answers, p.loan.loans[0].day, p.loan.delivery, p.loan.rate, p.loan.due_on, p.fees, p.announced) == (None, [], None, None, None, None, [], None)


@pytest.mark.parametrize("facts, want", [
    ("乙某向甲某借款50000元，甲某以现金交付。", "cash"), ("乙某向甲某借款50000元，甲某通过银行转账交付。", "transfer"), ("乙某向甲某借款50000元，甲某转账40000元，另付现金10000元。", "mixed"),
    ("乙某向甲某借款50000元，后乙某以转账方式支付利息2000元。", None), ("乙某向甲某借款50000元，出具借条载明“今借到甲某现金50000元”。", None), ("乙某向甲某借款50000元。甲某提交转账凭证一份。", None)])
def test_delivery_is_of_the_loan_and_not_of_what_went_back(facts, want): assert delivery(facts) == want


def test_contradictions_are_said_and_give_no_value():
    p = paper(fee="案件受理费1050元，减半收取600元，由被告乙某负担。", facts="2021年3月1日，乙某向甲某借款人民币伍万元（￥5000.00），约定月息2分，又约定月利率3%。")
    assert p.fees[0].halved.value is None and p.loan.loans[0].principal.value is None and p.loan.rate.value is None and len(doubts(p)) >= 3
    p = paper(came="原告甲某、被告乙某均到庭参加诉讼。", answer="乙某未到庭，亦未答辩。")
    assert [f.came.value for f in p.presence if f.name == "乙某"] == [None] and is_default(p) is None
    p = paper(facts="2021年3月1日，乙某向甲某借款20000元；2021年4月1日，乙某向甲某借款20000元，共计50000元。")
    assert any("add up" in d for d in doubts(p))


def test_with_two_defendants_a_bare_one_is_nobody_in_particular():
    p = read_civil(JUDGMENT.format(**SAID | dict(came="被告未到庭参加诉讼。")).replace("。\n原告甲某与被告乙某民", "。\n被告：戊某，女。\n原告甲某与被告乙某、戊某民"))
    assert [x.name.value for x in p.parties] == ["甲某", "乙某", "戊某"] and p.presence == [] and is_default(p) is None


def test_a_criminal_paper_is_not_a_civil_one():
    assert kind_of("某县人民法院\n刑事附带民事判决书\n（2023）皖0123刑初1号") == "judgment"


def test_rows_fit_their_tables():
    for kind in WRITERS:
        for table, rows in civil_rows(read_civil(civil_paper(kind, 1)[0]), "d1", "340123").items():
            columns = contract(table).columns
            for r in rows:
                assert set(r) <= set(columns), (table, set(r) - set(columns))
                for name, x in r.items():
                    if columns[name].values and x is not None: assert x in columns[name].values, (table, name, x)


# ---------------------------------------------------------------- the lake

KINDS = {"civil_judgment": "judgment", "civil_mediation": "mediation", "confirmation": "confirmation_ruling", "award": "award", "notarial": "notarial", "execution_certificate": "notarial"}


def put(lake, table, rows):
    frame = pd.DataFrame(rows).assign(region_code="340123", source_system="court", batch_id="b1")
    frame["row_id"] = [f"{table}{i}" for i in range(len(frame))]
    for c in frame.columns:
        if c.endswith("_date"): frame[c] = pd.to_datetime(frame[c]).dt.date.astype(pd.ArrowDtype(pa.date32()))
    lake.write(table, frame)


def test_the_lake_is_filled_and_what_the_court_delivered_stays(tmp_path):
    lake, papers = Lake(tmp_path / "lake"), {k: civil_paper(k, 2) for k in KINDS}
    put(lake, "legal_documents", [dict(doc_id=f"d{i}", doc_kind=KINDS[k], doc_date="2023-04-05", case_no=None, doc_text=t) for i, (k, (t, _)) in enumerate(papers.items())])
    judged, name = papers["civil_judgment"][1]["case_no"], papers["civil_judgment"][1]["parties"][0][1]
    put(lake, "civil_cases", [dict(case_no=judged.replace("（", "(").replace("）", ")"), filing_date="2020-01-02", claim_yuan=1.0)])
    put(lake, "civil_case_parties", [dict(case_no=judged, party_seq=1, party_name=name, party_id="P:known")])
    written = fill(lake)
    read = lambda t, *c: lake.fetch(lake.table(t).select(*c, "source_system"))
    cases = read("civil_cases", "case_no", "claim_yuan")
    assert cases[cases["source_system"] == "court"]["claim_yuan"].tolist() == [1.0] and len(cases) == 2                 # the court's row, and the mediated case
    assert set(read("civil_case_parties", "case_no", "party_id").query("case_no == @judged")["party_id"]) == {"P:known"}
    assert written["claim_items"] >= 2 and written["confirmation_cases"] == written["mediation_agreements"] == written["arbitration_cases"] == 1 and written["notarial_instruments"] == 2
    assert read("loans", "lender_party_id")["lender_party_id"].tolist() == ["P:known"]
    assert "criminal_judgments" not in {t for t, n in written.items() if n} and written["paper_fields"] > 60
    before = {t: lake.snapshot(t) for t in written}
    assert fill(lake) == written and {t: lake.snapshot(t) for t in written} == before
    lake.close()


def test_papers_read_writes_civil_and_criminal_side_by_side(tmp_path):
    from supervise_lib.work.reading import read_file
    text, truth = civil_paper("civil_judgment", 4)
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": "c", "text": text}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_file(tmp_path / "p.jsonl", tmp_path / "out.jsonl") == 1
    got = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert (got["kind"], got["case_no"], got["date_check"], got["claimed"]) == ("civil_judgment", truth["case_no"], "not_applicable", truth["claimed"]) and all(f["end"] >= f["start"] for f in got["fields"])


# ---------------------------------------------------------------- public texts: counts and rates only

def lines(shared, name):
    file = shared / "data" / name
    if not file.is_file(): pytest.skip(f"shared data absent: {name}")
    with gzip.open(file, "rt", encoding="utf-8") as f: return [json.loads(x) for x in f]


def digits(text): return {Decimal(m[1].replace(",", "").replace("，", "")) * (10000 if m[2] else 1) for m in re.finditer(r"(\d+(?:[,，]\d{3})*(?:\.\d+)?)(万)?元", text)}


def test_public_loan_texts(shared):
    tally = defaultdict(lambda: [0, 0])
    def mark(name, ok): tally[name][0] += bool(ok); tally[name][1] += 1
    for r in lines(shared, "civil_loan_texts_scm.jsonl.gz"):
        p = read_civil(r["parties"] + "\n" + r["text"], "civil_judgment")
        want = len(re.findall(r"(?:^|[。，\n；\s]|律师|[一-龥](?=被告：))(?:原告|被告|第三人)(?!女|一案)", r["parties"]))
        mark("parties", len(p.parties) == want)
        mark("parts", p.parts.findings.end > p.parts.findings.start and p.parts.claims.end > p.parts.claims.start)
        if p.loan:
            for x in p.loan.loans:
                if x.principal.value is not None and re.search(r"\d", p.quote(x.principal)): mark("principal is a sum of the text", x.principal.value in digits(r["text"]) | digits(p.quote(x.principal)))
                if x.day: mark("loan day stands there", str(x.day.value.year) in r["text"] and date(1980, 1, 1) < x.day.value < date(2020, 1, 1))
            asked = {x.yuan for x in p.claims if x.kind == "principal" and x.use == "sum"}
            if p.loan.found and asked: mark("lent at least what is asked for", (value(p.loan.total) or sum(x.principal.value or 0 for x in p.loan.loans)) >= max(asked - {None}, default=0))
            if value(p.loan.delivery) in ("cash", "mixed"): mark("cash is said", re.search("现金|取", r["text"]))
            if value(p.loan.delivery) in ("transfer", "mixed"): mark("transfer is said", re.search("转|汇|银行|微信|支付宝", r["text"]))
        if is_default(p): mark("absence is said", re.search("到庭|出庭|应诉|缺席|参加", r["text"]))
        missing = re.search(r"被告[^。；，]{0,20}(?:未到庭|拒不到庭|未到庭参加)", r["text"])
        if missing: mark("an absence that is said is found", is_default(p))
    assert {k: v for k, v in tally.items() if v[0] < .9 * v[1]} == {}, dict(tally)


def test_public_cases_with_fields(shared):
    tally = defaultdict(lambda: [0, 0])
    def mark(name, ok): tally[name][0] += bool(ok); tally[name][1] += 1
    for r in lines(shared, "court_cases_fields_simucourt.jsonl.gz"):
        results = [v.strip("。；") for k, v in sorted(r.items()) if k.startswith("民事结果")]
        if r.get("类别") != "民事" or not (r.get("原告（公诉）") and r.get("被告") and r.get("案号") and results): continue
        names, others = r["原告（公诉）"], r["被告"]
        if re.search("[、，,；]", names + others): continue
        listed = "".join(f"{n}、{x}；\n" for n, x in zip("一二三四五六七八", [re.sub("^[一二三]、", "", x) for x in results], strict=False))
        p = read_civil(f"某县人民法院\n民事判决书\n{r['案号']}\n原告：{names}。\n被告：{others}。\n原告{names}与被告{others}{r['案由']}一案，现已审理终结。\n原告向本院提出诉讼请求：{r.get('原告诉请判令（公诉机关指控）', '')}\n经审理查明：{r.get('基本案情', '')}\n"
                       f"本院认为，{r.get('法院意见', '')}判决如下：\n{listed}案件受理费50元，由被告负担。\n审判员 丙某")
        mark("number", value(p.case_no) == r["案号"].replace("(", "（").replace(")", "）"))
        mark("cause", value(p.cause) == r["案由"])
        mark("parties", [x.name.value for x in p.parties] == [names, others])
        mark("items", len(p.orders) == len(results))
        first = re.sub(r"（[^）]*）|以[^，]*为基数", "", results[0])
        if len(digits(first)) == 1 and p.orders and p.orders[0].kind == "pay" and "每" not in first: mark("ordered sum", p.orders[0].total in digits(first))
    assert {k: v for k, v in tally.items() if v[0] < .9 * v[1]} == {}, dict(tally)


def test_public_criminal_judgments_are_not_taken_for_civil_ones(shared):
    assert not [r["id"] for r in lines(shared, "criminal_judgments_full.jsonl.gz") if kind_of(r["text"]) in CIVIL]
