"Ingest from file to lake: forms of files, repairs, quarantine, reconciliation, and a zoo of broken files. All people are invented."
import gzip
import io
import json
import zipfile
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hsettings
from hypothesis import strategies as st
from stdnum.cn import ric

from supervise_lib.data.contracts import contract
from supervise_lib.data.files import IngestError, read_file
from supervise_lib.data.identity import KeyLost, Keyring, pseudonym, reveal
from supervise_lib.data.lake import Lake
from supervise_lib.data.readers import ingest
from supervise_lib.text import in_lang

T = "criminal_judgments"
HEAD = ["case_no", "person_id_no", "announce_date", "fine_yuan", "is_suspended", "verdict", "term_years", "region_code"]
ZH = [contract(T)[n].label.zh for n in HEAD]


def person(serial, day="19900307"):
    body = f"340104{day}{serial:03d}"
    return body + ric.calc_check_digit(body + "0")


def case(i): return f"（2023）皖0123刑初{i}号"
def row(i, **changes):
    base = dict(case_no=case(i), person_id_no=person(i), announce_date="2023-05-06", fine_yuan="3000", is_suspended="true", verdict="guilty", term_years="1",
                region_code="340123")
    return [(base | changes)[n] for n in HEAD]


def text(rows, head=ZH, sep=","): return "\n".join(sep.join(map(str, r)) for r in [head, *rows]) + "\n"


def xlsx(rows, sheets=None):
    "A workbook by hand: texts, numbers, dates (as Excel keeps them), truth values."
    def cell(v):
        if v is None or v == "": return "<c/>"
        if isinstance(v, bool): return f'<c t="b"><v>{int(v)}</v></c>'
        if isinstance(v, date): return f'<c s="1"><v>{(v - date(1899, 12, 30)).days}</v></c>'
        if isinstance(v, (int, float)): return f"<c><v>{v!r}</v></c>"
        return f'<c t="inlineStr"><is><t>{escape(v)}</t></is></c>'
    sheets, out, n = sheets or {"Sheet1": rows}, io.BytesIO(), "http://schemas.openxmlformats.org/"
    kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
                    for i in range(1, len(sheets) + 1))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", f'<Types xmlns="{n}package/2006/content-types"><Default Extension="rels" '
                   'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
                   f'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{kinds}</Types>')
        z.writestr("_rels/.rels", f'<Relationships xmlns="{n}package/2006/relationships"><Relationship Id="r1" Type="{n}officeDocument/2006/relationships/'
                   'officeDocument" Target="xl/workbook.xml"/></Relationships>')
        z.writestr("xl/workbook.xml", f'<workbook xmlns="{n}spreadsheetml/2006/main" xmlns:r="{n}officeDocument/2006/relationships"><sheets>'
                   + "".join(f'<sheet name="{s}" sheetId="{i}" r:id="r{i}"/>' for i, s in enumerate(sheets, 1)) + "</sheets></workbook>")
        z.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{n}package/2006/relationships">' + "".join(
            f'<Relationship Id="r{i}" Type="{n}officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{i}.xml"/>' for i in range(1, len(sheets) + 1))
            + f'<Relationship Id="r99" Type="{n}officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>')
        z.writestr("xl/styles.xml", f'<styleSheet xmlns="{n}spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>')
        for i, rs in enumerate(sheets.values(), 1):
            z.writestr(f"xl/worksheets/sheet{i}.xml", f'<worksheet xmlns="{n}spreadsheetml/2006/main"><sheetData>'
                       + "".join(f"<row>{''.join(map(cell, r))}</row>" for r in rs) + "</sheetData></worksheet>")
    return out.getvalue()


@pytest.fixture(scope="module")
def keys(tmp_path_factory): return Keyring(tmp_path_factory.mktemp("keys") / "identity.key")


@pytest.fixture
def take(tmp_path, keys):
    "Write a file's bytes, ingest it, return the receipt; take.lake is the lake."
    def go(data, name="a.csv", table=T, **more):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return ingest(table, path, tmp_path / "lake", **{"extract_date": "2023-12-31", "keys": keys, "legal_basis": "调取通知书1号"} | more)
    go.folder = tmp_path / "lake"
    go.rows = lambda table=T: (lambda lake: lake.fetch(lake.table(table)))(Lake(go.folder))
    go.quarantine = lambda: pd.concat([pq.read_table(p).to_pandas() for p in sorted(go.folder.glob("_quarantine/*/*.parquet"))], ignore_index=True)
    return go


ROWS = [row(1), row(2, announce_date="2023-06-07", fine_yuan="", is_suspended="", term_years=""), row(3, fine_yuan="1234.5")]
OBJECTS = [{h: v for h, v in zip(ZH, r, strict=True) if v != ""} for r in ROWS]
FORMS = {
    "utf8.csv": text(ROWS).encode(), "bom.csv": text(ROWS).encode("utf-8-sig"), "gb.csv": text(ROWS).encode("gb18030"), "utf16.csv": text(ROWS).encode("utf-16"),
    "english.csv": text(ROWS, HEAD).encode(), "semicolon.csv": text(ROWS, sep=";").encode(), "tab.txt": text(ROWS, sep="\t").encode("gb18030"),
    "crlf.csv": text(ROWS).replace("\n", "\r\n").encode(), "quoted.csv": "\n".join(",".join(f'"{v}"' for v in r) for r in [ZH, *ROWS]).encode(),
    "packed.csv.gz": gzip.compress(text(ROWS).encode()), "lines.jsonl": "\n".join(json.dumps(o, ensure_ascii=False) for o in OBJECTS).encode(),
    "lines.jsonl.gz": gzip.compress("\n".join(json.dumps(o) for o in OBJECTS).encode()), "array.json": json.dumps(OBJECTS).encode(),
    "title.csv": ("2023年刑事裁判情况表,,,,,,,\n" + text(ROWS)).encode(), "two_languages.csv": (",".join(HEAD) + "\n" + text(ROWS)).encode(),
    "blank_lines.csv": text(ROWS).replace("\n", "\n\n").encode(), "trailing.csv": "\n".join(",".join([*r, ""]) for r in [ZH, *ROWS]).encode(),
    "book.xlsx": xlsx([ZH, *ROWS]), "book_title.xlsx": xlsx([["刑事裁判情况表"], ZH, *ROWS]), "sheets.xlsx": xlsx(None, {"说明": [["看第二页"]], "数据": [ZH, *ROWS]}),
    "typed.xlsx": xlsx([ZH, *[[r[0], r[1], date.fromisoformat(r[2]), float(r[3]) if r[3] else None, True if r[4] else None, r[5], int(r[6]) if r[6] else None,
                              int(r[7])] for r in ROWS]]),
}
_buffer = io.BytesIO()
pq.write_table(pa.table({h: [r[i] or None for r in ROWS] for i, h in enumerate(ZH)}), _buffer)
FORMS["rows.parquet"] = _buffer.getvalue()
_buffer = io.BytesIO()
pq.write_table(pa.table({"case_no": [r[0] for r in ROWS], "person_id_no": pa.array([r[1] for r in ROWS]).dictionary_encode(),
                         "announce_date": [date.fromisoformat(r[2]) for r in ROWS], "fine_yuan": [float(r[3]) if r[3] else None for r in ROWS],
                         "is_suspended": [True if r[4] else None for r in ROWS], "verdict": [r[5] for r in ROWS],
                         "term_years": pa.array([int(r[6]) if r[6] else None for r in ROWS], pa.int32()), "region_code": [int(r[7]) for r in ROWS]}), _buffer)
FORMS["typed.parquet"] = _buffer.getvalue()


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_gives_the_same_rows(take, name, keys):
    receipt = take(FORMS[name], name)
    assert (receipt.rows, receipt.accepted, receipt.quarantined) == (3, 3, 0), str(receipt)
    got = take.rows().sort_values("case_no")
    assert got.case_no.tolist() == [case(i) for i in (1, 2, 3)]
    assert got.person_id_no.tolist() == [pseudonym(person(i), keys) for i in (1, 2, 3)]
    assert got.announce_date.tolist() == [date(2023, 5, 6), date(2023, 6, 7), date(2023, 5, 6)]
    assert got.fine_yuan.fillna(-1).tolist() == [3000, -1, 1234.5] and got.is_suspended.isna().tolist() == [False, True, False]
    assert got.extract_date.tolist() == [date(2023, 12, 31)] * 3 and got.region_code.tolist() == ["340123"] * 3
    report = receipt.files[0]
    if name.startswith("gb") or name.startswith("tab"): assert report.encoding == "GB18030"
    if name == "semicolon.csv": assert report.delimiter == ";"
    if "title" in name: assert "1 row(s) above" in " ".join(report.notes) and got.source_row_no.tolist() == ["3", "4", "5"]
    contract(T).schema().validate(got, lazy=True)


@pytest.mark.parametrize("column, cell, value, kind", [
    ("announce_date", "2023年5月6日", date(2023, 5, 6), "date"), ("announce_date", "２０２３．５．６", date(2023, 5, 6), "date"), ("announce_date", "45052", date(2023, 5, 6), "excel_serial"),
    ("announce_date", "二〇二三年五月六日", date(2023, 5, 6), "date"), ("fine_yuan", "3，000元", 3000.0, "money"), ("fine_yuan", "0.3万元", 3000.0, "money"),
    ("fine_yuan", "三千元", 3000.0, "money"), ("fine_yuan", "/", None, "null_word"), ("term_years", "3.0", 3, "number"), ("term_years", "三", 3, "number"),
    ("term_years", "３", 3, "number"), ("is_suspended", "是", True, "boolean"), ("is_suspended", "无", False, "boolean"), ("is_suspended", "N", False, "boolean"),
    ("verdict", "有罪", "guilty", "label"), ("case_no", "(2023)皖0123刑初1号", case(1), "case_no"), ("case_no", "〔２０２３〕皖0123刑初 1号", case(1), "case_no"),
    ("region_code", "肥西县", "340123", "region"), ("region_code", "340123000000", "340123", "region"), ("region_code", "340123.0", "340123", "region"),
    ("case_no", f'="{case(1)}"', case(1), "text_formula")])
def test_repairs_are_made_and_logged(take, column, cell, value, kind):
    quoted = '"' + cell.replace('"', '""') + '"'
    receipt = take(text([row(1, **{column: quoted})]))
    assert receipt.accepted == 1 and receipt.repairs == {kind: 1}, str(receipt)
    got = take.rows()[column][0]
    assert (pd.isna(got) if value is None else got == value)
    log = pq.read_table(next(take.folder.glob(f"_repairs/{T}/*.parquet"))).to_pylist()
    assert [(e["column"], e["kind"], e["row"]) for e in log] == [(column, kind, "2")]
    if contract(T)[column].personal == "P0": assert (log[0]["before"], log[0]["after"]) == (cell, str(value))
    else: assert log[0]["before"] != cell or not any(c.isalnum() for c in cell)


@pytest.mark.parametrize("changes, reason", [
    ({"announce_date": "2023-02-30"}, "announce_date: bad_date"), ({"announce_date": ""}, "announce_date: required"), ({"announce_date": "23年5月6日"}, "announce_date: bad_date"),
    ({"fine_yuan": "若干"}, "fine_yuan: bad_number"), ({"fine_yuan": "1300余元"}, "fine_yuan: bad_number"), ({"term_years": "1.5"}, "term_years: bad_number"),
    ({"is_suspended": "也许"}, "is_suspended: bad_boolean"), ({"verdict": "大概有罪"}, "verdict: not_allowed"), ({"fine_yuan": "=A1*2"}, "fine_yuan: formula"),
    ({"fine_yuan": "#REF!"}, "fine_yuan: sheet_error"), ({"person_id_no": "3.40104E+17"}, "person_id_no: lost_digits"),
    ({"person_id_no": "340104199003071000"}, "person_id_no: lost_digits"), ({"person_id_no": "340104********1012"}, "person_id_no: masked"),
    ({"person_id_no": "无"}, "person_id_no: masked"), ({"person_id_no": ""}, "person_id_no: required"), ({"person_id_no": "甲乙"}, "person_id_no: not_a_number"),
    ({"region_code": "349999"}, "region_code: unknown_region"), ({"region_code": "某县"}, "region_code: unknown_region"), ({"region_code": ""}, "region_code: required")])
def test_what_cannot_be_known_goes_to_quarantine(take, changes, reason):
    receipt = take(text([row(1, **changes), row(2)]))
    assert (receipt.rows, receipt.accepted, receipt.quarantined) == (2, 1, 1), str(receipt)
    kept = take.quarantine()
    assert kept._reason.tolist() == [reason] and kept._row.tolist() == ["2"] and kept._file.tolist() == ["a.csv"]
    assert receipt.quarantine == {reason.split(": ")[1]: 1}


def test_rows_with_other_cell_counts_are_kept_aside(take):
    receipt = take(text([row(1), [*row(2), "x", "y"], row(3)[:4], row(4)]))
    assert (receipt.rows, receipt.accepted, receipt.quarantine) == (4, 2, {"cells": 2})
    kept = take.quarantine()
    assert kept._row.tolist() == ["3", "4"] and person(2) not in "".join(kept._raw)
    assert take.rows().source_row_no.sort_values().tolist() == ["2", "5"]


def test_miskeyed_numbers_are_weak_and_still_meet(take, keys):
    slip = person(1)[:15] + str((int(person(1)[15]) + 1) % 10) + person(1)[16:]
    receipt = take(text([row(1, person_id_no=slip), row(2, person_id_no=slip.lower() + " "), row(3, person_id_no=person(3)[:6] + person(3)[8:17])]))
    assert receipt.accepted == 3 and receipt.repairs["weak_identity"] == 2 and receipt.repairs["old_number"] == 1
    got = take.rows().sort_values("case_no").person_id_no.tolist()
    assert got[0] == got[1] and got[0][0] == "W" and got[2] == pseudonym(person(3), keys)
    assert reveal(got[0], "correct the slip", "Officer A", keys) == slip


def test_money_units(take):
    head = [h + "（万元）" if h == "罚金" else h for h in ZH]
    receipt = take(text([row(1, fine_yuan="0.3"), row(2, fine_yuan="0.5万")], head))
    assert take.rows().fine_yuan.tolist() == [3000] and receipt.repairs["unit_wan"] == 1 and receipt.quarantine == {"ambiguous_money": 1}


def test_a_unit_column_counts_row_by_row(take):
    rows = [[*row(1, fine_yuan="2"), "万元"], [*row(2, fine_yuan="2"), "元"], [*row(3, fine_yuan="2"), "??"], [*row(4, fine_yuan=""), ""]]
    receipt = take(text(rows, [*ZH, "金额单位"]))
    assert take.rows().sort_values("case_no").fine_yuan.fillna(-1).tolist() == [20000, 2, -1] and receipt.quarantine == {"ambiguous_money": 1}


def test_duplicates_and_conflicts_inside_a_file(take):
    receipt = take(text([row(1), row(1), row(1, fine_yuan="9"), row(2)]))
    assert (receipt.rows, receipt.accepted) == (4, 2) and receipt.quarantine == {"duplicate": 1, "conflict": 1}
    assert take.rows().sort_values("case_no").fine_yuan.tolist() == [3000, 3000]


def test_the_same_file_again_changes_nothing(take):
    first = take(text([row(1), row(2, verdict="??")]))
    files = {p: p.stat().st_mtime_ns for p in take.folder.rglob("*.parquet")}
    again = take(text([row(1), row(2, verdict="??")]), "renamed.csv")
    assert again.already and again.before == again.after == first.after and "already ingested" in str(again) or "已入库" in str(again)
    assert {p: p.stat().st_mtime_ns for p in take.folder.rglob("*.parquet")} == files


def test_unchanged_rows_in_another_file_leave_the_snapshot(take):
    first = take(text([row(1), row(2)]))
    second = take(text([row(2)]), "b.csv")
    assert second.accepted == 1 and second.unchanged == 1 and second.after == first.after


def test_newer_wins_and_the_older_is_kept(take):
    take(text([row(1, fine_yuan="1"), row(2)]), extract_date="2023-06-30")
    newer = take(text([row(1, fine_yuan="2")]), "b.csv", extract_date="2023-09-30")
    assert newer.superseded == 1 and take.rows().sort_values("case_no").fine_yuan.tolist() == [2, 3000]
    assert pq.read_table(next(take.folder.glob(f"_superseded/{T}/*.parquet")))["fine_yuan"].to_pylist() == [1]
    older = take(text([row(1, fine_yuan="7"), row(3)]), "c.csv", extract_date="2023-03-31")
    assert older.quarantine == {"outdated": 1} and older.accepted == 1
    assert take.rows().sort_values("case_no").fine_yuan.tolist() == [2, 3000, 3000]


def test_several_files_are_one_swap(take, tmp_path, keys):
    for name, r in (("a.csv", row(1, fine_yuan="1")), ("b.csv", row(1, fine_yuan="2"))): (tmp_path / name).write_text(text([r, row(5)]), encoding="utf-8")
    receipt = ingest(T, [tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "lake", extract_date="2023-12-31", keys=keys)
    assert receipt.rows == 4 and receipt.accepted == 2 and receipt.quarantine == {"outdated": 1, "duplicate": 1}
    (tmp_path / "bad.csv").write_text("x,y\n1,2\n")
    (tmp_path / "good.csv").write_text(text([row(9)]), encoding="utf-8")
    with pytest.raises(IngestError): ingest(T, [tmp_path / "good.csv", tmp_path / "bad.csv"], tmp_path / "lake", extract_date="2023-12-31", keys=keys)
    assert case(9) not in take.rows().case_no.tolist()


def test_sealed_records_are_refused_and_leave_no_trace(take):
    rows = [[*row(1), "是"], [*row(77, announce_date="junk"), "1"], [*row(78), "看不清"], [*row(2), "否"], [*row(3), ""]]
    receipt = take(text(rows, [*ZH, "封存标志"]))
    assert (receipt.rows, receipt.accepted, receipt.quarantined, receipt.refused) == (5, 2, 0, 3)
    stored = b"".join(repr(pq.read_table(p).to_pydict()).encode() for p in take.folder.rglob("*.parquet"))
    assert case(77).encode() not in stored and case(78).encode() not in stored and case(2).encode() in stored


def test_region_from_the_call(take):
    head, rows = ZH[:-1], [row(1)[:-1], row(2)[:-1]]
    with pytest.raises(IngestError, match="missing here: region_code"): take(text(rows, head))
    assert take(text(rows, head), region="340123").accepted == 2 and set(take.rows().region_code) == {"340123"}
    other = take(text([row(3), row(4, region_code="340111")]), "b.csv", region="340123")
    assert other.quarantine == {"other_region": 1}
    assert take(text([row(5), row(6, region_code="340111"), row(7, region_code="340202")]), "c.csv", region="340100").quarantine == {"other_region": 1}
    with pytest.raises(ValueError, match="340199"): take(text([row(8)]), "d.csv", region="340199")


def test_the_batch_is_recorded_and_adds_up(take):
    receipt = take(text([row(1), row(2, verdict="??")]), source="某县公安局", complete=True, covered=("2023-01-01", "2023-12-31"))
    batch = take.rows("import_batches").iloc[0]
    assert (batch.row_count, batch.accepted_count, batch.quarantined_count, batch.refused_count) == (2, 1, 1, 0)
    assert batch.batch_id == receipt.files[0].batch == take.rows().batch_id[0] and batch.is_complete and batch.covered_to == date(2023, 12, 31)
    assert (batch.table_name, batch.file_name, batch.region_code, batch.source_agency) == (T, "a.csv", "340123", "某县公安局")


def test_without_an_extract_date_the_receipt_warns(take):
    assert any("extract_date" in w("en") for w in take(text([row(1)]), extract_date=None).warnings)
    assert not take(text([row(2)]), "b.csv").warnings
    with pytest.raises(ValueError, match="not a date"): take(text([row(3)]), "c.csv", extract_date="yesterday")


def test_sensitive_tables_want_a_legal_basis(take):
    assert any("legal_basis" in w("en") for w in take(text([row(1)]), legal_basis=None).warnings)
    assert take(text([row(2)]), "b.csv").warnings == [] and "调取通知书1号" in take.rows().legal_basis_doc.dropna().tolist()


def test_receipt_reads_in_both_languages(take):
    receipt = take(text([row(1, announce_date="2023年5月6日"), row(2, verdict="??")], [*ZH[:-1], ZH[-1]]))
    with in_lang("zh"): assert "收到 2 行 = 入库 1 + 隔离 1" in str(receipt) and "日期格式" in str(receipt) and "不在取值表内" in str(receipt)
    with in_lang("en"): assert "2 rows in = 1 accepted + 1 in quarantine" in str(receipt) and "not one of the allowed values" in str(receipt)
    assert json.loads(json.dumps(receipt.to_dict()))["quarantine"] == {"not_allowed": 1}


def test_unknown_columns_are_left_out_and_listed(take):
    extra = [f"列{i}" for i in range(300)]
    receipt = take(text([[*row(1), *["x"] * 300]], [*ZH, *extra]))
    assert receipt.accepted == 1 and receipt.files[0].unknown == extra and "(300)" in str(receipt)


def test_people_meet_across_tables_by_pseudonym(take, keys):
    take(text([row(1)]))
    c = contract("bank_transfers")
    need = {n: "x" for n, o in c.columns.items() if o.required and not o.lineage} | {"region_code": "340123"}
    for n, o in c.columns.items():
        if n in need and o.type in ("date", "timestamp"): need[n] = "2023-05-06"
        if n in need and o.type == "decimal": need[n] = "1"
        if n in need and o.values: need[n] = next(iter(o.values))
    need |= {"payer_party_id": f"P:{person(1)}", "payee_party_id": "O:91110000600037341L"}
    assert take(text([need.values()], need), "b.csv", table="bank_transfers").accepted == 1
    got = take.rows("bank_transfers").iloc[0]
    assert got.payer_party_id == f"P:{take.rows().person_id_no[0]}" and got.payee_party_id == "O:91110000600037341L"


def test_persons_keep_what_the_number_told(take):
    head, rows = ["公民身份号码", "姓名", "出生日期", "性别", "行政区划代码"], [[person(11), "甲某", "", "", "340123"], [person(12), "乙某", "1990-01-01", "男", "340123"]]
    receipt = take(text(rows, head), table="persons")
    got = take.rows("persons").sort_values("person_name")
    assert receipt.repairs["derived"] == 2
    by_name = {r.person_name: (r.birth_date, r.gender) for r in got.itertuples()}
    assert by_name == {"甲某": (date(1990, 3, 7), "M"), "乙某": (date(1990, 1, 1), "M")}


def test_numbers_in_texts_and_names_do_not_survive(take, keys):
    receipt = take(text([[*row(1), f"甲某（{person(9)}）", f"禁止令送达{person(8)}，电话13800000000"]], [*ZH, "姓名", "从业禁止主文"]))
    got = take.rows().iloc[0]
    assert receipt.repairs["in_text"] == 2 and pseudonym(person(9), keys) in got.person_name and pseudonym(person(8), keys) in got.occupation_ban_text
    assert "138" not in got.occupation_ban_text


def test_a_wrong_key_is_noticed(take, tmp_path):
    take(text([row(1)]))
    with pytest.raises(KeyLost, match="nobody would match"): take(text([row(2)]), "b.csv", keys=Keyring(tmp_path / "other.key"))


# --- the zoo -------------------------------------------------------------------------------------------------------------------

def bomb():
    out = io.BytesIO(xlsx([ZH, row(1)]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as z: z.writestr("xl/media/x.xml", bytes(80 << 20))
    return out.getvalue()


GOOD = text([row(i) for i in range(1, 40)])
ZOO = {
    "empty.csv": (b"", "an empty file"), "blank.csv": (b"\xef\xbb\xbf \n\n", "an empty file"), "header_only.csv": (text([]).encode(), "no rows"),
    "cut.csv.gz": (gzip.compress(GOOD.encode())[:-30], "cut-off gzip"), "cut.xlsx": (xlsx([ZH, row(1)])[:-200], "cut-off or damaged workbook"),
    "cut.parquet": (FORMS["rows.parquet"][:-40], "cut-off Parquet"), "cut_utf8.csv": (GOOD.encode()[:-30][:GOOD.encode().rfind("号".encode(), 0, -200) + 1], "cut or damaged"),
    "nonsense.csv": (b"\x81\x20\xff\xfe\x00" * 50, "zero bytes"), "no_text.csv": (b"a,b\n\xff\xff\xff,1\n", "not text in GB18030"),
    "page.xls": (b"<html><body><table><tr><td>x</td></tr></table>", "a web page"), "print.csv": (b"%PDF-1.7 ...", "a PDF document"),
    "named.xlsx": (GOOD.encode(), "csv file"), "book.csv": (xlsx([ZH, row(1)]), "xlsx file"), "not.csv.gz": (GOOD.encode(), "no gzip mark"),
    "archive.zip": (None, "no workbook"), "bomb.xlsx": (None, "once unpacked"), "password.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "workbook"),
    "missing.csv": (text([row(1)[1:]], ZH[1:]).encode(), "missing here: case_no"), "other.csv": (b"a,b,c\n1,2,3\n", "of which 0 are known"),
    "wide.csv": (",".join(f"c{i}" for i in range(300)).encode() + b"\n", "300 in all"), "two_lines.csv": ((",".join([*ZH[:3], *[""] * 5]) + "\n" + ",".join(["", "", "", *ZH[3:]])
                 + "\n" + ",".join(row(1)) + "\n").encode(), "spread over two rows"),
    "twins.csv": (text([[*row(1), "x"]], [*ZH, "case_no"]).encode(), "two headers for one column"), "twice.csv": (text([[*row(1), "x"]], [*ZH, ZH[0]]).encode(), "twice"),
    "quotes.csv": (GOOD.replace("3000", '"3000', 1).encode(), "quotes that do not pair"), "lines.jsonl": (b'{"case_no": "1"}\n{"case_no": \n', "broken JSON"),
    "list.jsonl": (b'{"case_no": "1"}\n[1]\n', "no object"), "array.json": (b'[{"case_no": "1"}, ', "broken JSON"),
    "two_sheets.xlsx": (xlsx(None, {"甲": [ZH, row(1)], "乙": [ZH, row(2)]}), "on the sheets"), "no_cells.xlsx": (xlsx([]), "no cells"),
    "two_headers.csv": (text([row(1), ZH, row(2)]).encode(), "several rows that could be the header"),
}


@pytest.mark.parametrize("name", ZOO)
def test_a_broken_file_is_refused_with_reasons_and_changes_nothing(take, name):
    take(text([row(500)]), "first.csv")
    before = {p for p in take.folder.rglob("*") if p.is_file()}
    data, found = ZOO[name]
    if name == "bomb.xlsx": data = bomb()
    if name == "archive.zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z: z.writestr("a.csv", GOOD)
        data = out.getvalue()
    with pytest.raises(IngestError) as e: take(data, name)
    assert found in str(e.value) and name in str(e.value) and "expected" in str(e.value) and e.value.todo
    assert {p for p in take.folder.rglob("*") if p.is_file()} == before and take.rows().case_no.tolist() == [case(500)]


def test_gzip_bombs_folders_and_missing_files(take, tmp_path, keys):
    with pytest.raises(IngestError, match="once unpacked"): take(gzip.compress(bytes(2 << 20)), "bomb.csv.gz", limit=1 << 20)
    with pytest.raises(IngestError, match="a folder"): ingest(T, tmp_path, tmp_path / "lake", keys=keys)
    with pytest.raises(IngestError, match="no file"): ingest(T, tmp_path / "gone.csv", tmp_path / "lake", keys=keys)
    with pytest.raises(ValueError, match="no contract"): ingest("judgements", tmp_path / "gone.csv", tmp_path / "lake", keys=keys)


def test_a_sheet_can_be_chosen(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(xlsx(None, {"甲": [ZH, row(1)], "乙": [ZH, row(2)]}))
    assert read_file(path, T, sheet="乙").columns["case_no"].to_pylist() == [case(2)]


# --- whatever comes, every row is found again ----------------------------------------------------------------------------------

CELLS = {"case_no": [case(1), case(2), "(2023)皖0123刑初3号", "", "#N/A"], "person_id_no": [person(1), person(2), person(1)[:-1] + "9", "3.4E+17", "", "无", "340104****", "某"],
         "announce_date": ["2023-05-06", "2023年5月6日", "45052", "2023-13-01", "", "=NOW()"], "fine_yuan": ["3000", "3,0", "6.2万元", "", "-"],
         "is_suspended": ["是", "false", "", "?"], "verdict": ["有罪", "guilty", "", "x"], "term_years": ["1", "十", "1.0", "", "x"], "region_code": ["340123", "340111", "349999", ""],
         "is_sealed": ["", "", "", "是", "否"]}


@hsettings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*(st.sampled_from(v) for v in CELLS.values())), min_size=1, max_size=12), st.booleans())
def test_rows_in_are_rows_found_again(tmp_path_factory, keys, rows, ragged):
    folder = tmp_path_factory.mktemp("h")
    lines = [",".join(f'"{v}"' for v in r) for r in rows] + ["a,b"] * ragged
    (folder / "a.csv").write_text("\n".join([",".join(CELLS), *lines]) + "\n", encoding="utf-8")
    receipt = ingest(T, folder / "a.csv", folder / "lake", extract_date="2023-12-31", keys=keys)
    lake = Lake(folder / "lake")
    accepted = lake.fetch(lake.table(T))
    side = [pq.read_table(p) for p in folder.glob("lake/_quarantine/*/*.parquet")]
    blank = sum(not any(r) for r in rows)
    assert receipt.rows == len(rows) - blank + ragged == len(accepted) + sum(t.num_rows for t in side) + receipt.refused
    assert receipt.refused == sum(r[-1] == "是" for r in rows)
    assert all(t["_reason"].null_count == 0 and "" not in t["_reason"].to_pylist() for t in side)
    if len(accepted): contract(T).schema().validate(accepted, lazy=True)
    stored = "".join(repr(pq.read_table(p).to_pydict()) for p in Path(folder, "lake").rglob("*.parquet"))
    assert not any(n in stored for n in (person(1), person(2), person(1)[:-1] + "9"))
    assert ingest(T, folder / "a.csv", folder / "lake", extract_date="2023-12-31", keys=keys).already


def test_tables_without_a_natural_key(take):
    c = contract("court_fees")
    need = {n: "x" for n, o in c.columns.items() if o.required and not o.lineage and n != "row_id"}
    for n, o in c.columns.items():
        if n in need: need[n] = "340123" if o.format == "region_code" else "2023-05-06" if o.type == "date" else "1" if o.type in ("decimal", "integer") else need[n]
        if n in need and o.values: need[n] = next(iter(o.values))
    first = take(text([need.values(), [*need.values()]], need), table="court_fees")
    assert first.accepted == 1 and first.quarantine == {"duplicate": 1}
    own = take(text([["A1", *need.values()], ["A2", *need.values()]], ["行标识", *need]), "b.csv", table="court_fees")
    assert own.accepted == 2 and {"A1", "A2"} <= set(take.rows("court_fees").row_id)


def test_an_apostrophe_before_a_cell_is_no_content(take, keys):
    assert take(text([row(1, person_id_no="'" + person(1), announce_date="'2023-05-06", case_no="'" + case(1))])).accepted == 1
    got = take.rows().iloc[0]
    assert (got.case_no, got.announce_date, got.person_id_no) == (case(1), date(2023, 5, 6), pseudonym(person(1), keys))


def test_a_write_that_fails_leaves_nothing(take, monkeypatch):
    take(text([row(500)]), "first.csv")
    before = {p for p in take.folder.rglob("*") if p.is_file()}
    def fail(*_, **__): raise OSError("no space left")
    monkeypatch.setattr(Lake, "write", fail)
    with pytest.raises(OSError, match="no space"): take(text([row(1, announce_date="2023年5月6日"), row(2, verdict="??")]))
    monkeypatch.undo()
    assert {p for p in take.folder.rglob("*") if p.is_file()} == before
    assert take(text([row(1, announce_date="2023年5月6日"), row(2, verdict="??")])).accepted == 1


def test_a_batch_that_was_swapped_in_but_not_recorded_is_finished_by_repeating(take, monkeypatch):
    write = Lake.write
    def fail(self, name, *a, **k):
        if name == "import_batches": raise OSError("killed")
        return write(self, name, *a, **k)
    monkeypatch.setattr(Lake, "write", fail)
    with pytest.raises(OSError): take(text([row(1), row(2, verdict="??")]))
    monkeypatch.undo()
    again = take(text([row(1), row(2, verdict="??")]))
    assert (again.accepted, again.quarantined, again.unchanged) == (1, 1, 1) and again.before == again.after and len(take.rows("import_batches")) == 1


def _send(args): return ingest(T, args[0], args[1], extract_date="2023-12-31", keys=Keyring(args[2])).accepted


def test_two_deliveries_at_once_both_arrive(tmp_path, keys):
    import multiprocessing
    for i in (1, 2): (tmp_path / f"{i}.csv").write_text(text([row(j) for j in range(i * 100, i * 100 + 50)]), encoding="utf-8")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_send, [(tmp_path / f"{i}.csv", tmp_path / "lake", keys.key_file) for i in (1, 2)]) == [50, 50]
    lake = Lake(tmp_path / "lake")
    assert lake.rows(T) == 100 and lake.rows("import_batches") == 2
