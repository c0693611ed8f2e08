"Tables filled from documents: what an agency delivered comes first, a name proves a person only inside one case, nothing is merged for want of a number."
import pandas as pd
import pyarrow as pa
import pytest

from supervise_lib.data.lake import Lake
from supervise_lib.data.papers import read_judgment
from supervise_lib.data.reading import ABOUT, fill, marked, rows_of_documents

TEXT = ("某县人民法院 刑事判决书 {case} 公诉机关某县人民检察院。 被告人{name}，男，1990年3月4日出生。因本案于2023年1月11日被刑事拘留，同月25日被逮捕。现羁押于某县看守所。 "
        "某县人民检察院以某检刑诉〔2023〕{number}号起诉书指控被告人{name}犯盗窃罪，于2023年3月2日向本院提起公诉。现已审理终结。 本院认为，被告人{name}构成盗窃罪。依照《中华人民共和国刑法》第二百六十四条之规定，判决如下： "
        "被告人{name}犯盗窃罪，判处拘役{months}个月，并处罚金人民币{fine}元。（即自2023年1月11日起至2023年6月10日止。） 如不服本判决，可上诉。 审判员乙某 二〇二三年四月五日")
CASE = "（2023）皖0123刑初7号"
COUNTY = "340123"


def judgment(case=CASE, name="甲小某", number="9", months="五", fine="一千"): return TEXT.format(case=case, name=name, number=number, months=months, fine=fine)


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "lake")
    yield made
    made.close()


def put(lake, table, rows, source="court"):
    "Rows of an agency, in the types of the lake."
    frame = pd.DataFrame(rows).assign(region_code=COUNTY, source_system=source, batch_id="b1")
    frame["row_id"] = [f"{table}{i}" for i in range(len(frame))]
    for c in frame.columns:
        if c.endswith("_date"): frame[c] = pd.to_datetime(frame[c]).dt.date.astype(pd.ArrowDtype(pa.date32()))
    lake.write(table, frame)


def documents(lake, **texts):
    put(lake, "legal_documents", [{"doc_id": i, "doc_kind": "judgment", "doc_date": "2023-04-05", "case_no": None, "doc_text": t} for i, t in texts.items()])


def rows(lake, table, *columns): return lake.fetch(lake.table(table).select(*columns)) if columns else lake.fetch(lake.table(table))


def test_what_the_agency_did_not_deliver_is_read_and_marked(lake):
    documents(lake, d1=judgment())
    assert fill(lake)["criminal_judgments"] == 1
    found = rows(lake, "criminal_judgments").iloc[0]
    assert (found["case_no"], found["principal_penalty"], found["term_months"], found["fine_yuan"], found["region_code"], found["source_system"]) == (CASE, "detention", 5, 1000, COUNTY, "papers")


@pytest.mark.parametrize("spelt", [CASE, "(2023)皖0123刑初7号", "（2023） 皖0123刑初 7号", "〔2023〕皖0123刑初7号"])
def test_rows_of_the_agency_come_first_however_the_number_is_spelt(lake, spelt):
    documents(lake, d1=judgment(), d2=judgment("（2023）皖0123刑初8号", number="10"))
    put(lake, "criminal_judgments", [{"case_no": spelt, "person_id_no": "P1", "fine_yuan": 3000.0}])
    fill(lake)
    found = rows(lake, "criminal_judgments")
    assert found.set_index("case_no")["fine_yuan"].to_dict() == {spelt: 3000.0, "（2023）皖0123刑初8号": 1000.0}
    assert found.set_index("case_no")["source_system"].to_dict() == {spelt: "court", "（2023）皖0123刑初8号": "papers"}


def test_the_agency_comes_first_also_if_it_delivers_later(lake):
    documents(lake, d1=judgment()); fill(lake)
    read = rows(lake, "criminal_judgments")
    own = read.assign(person_id_no="P1", fine_yuan=3000.0, source_system="court", row_id="own").astype(read.dtypes.to_dict())
    lake.write("criminal_judgments", pd.concat([read, own], ignore_index=True))
    fill(lake)
    assert rows(lake, "criminal_judgments", "person_id_no", "fine_yuan").values.tolist() == [["P1", 3000.0]]


def person_read(lake): return rows(lake, "criminal_judgments", "person_id_no")["person_id_no"].tolist()


def indictment(lake, *people, number="某检刑诉〔2023〕9号"):
    put(lake, "indictment_defendants", [{"indictment_doc_no": number, "person_id_no": p, "person_name": n, "indictment_date": "2023-03-02"} for p, n in people], "procuratorate")


def test_a_person_is_known_by_a_name_that_one_defendant_of_the_indictment_bears(lake):
    documents(lake, d1=judgment()); indictment(lake, ("P1", "甲小某"), ("P2", "丙某"))
    fill(lake)
    assert person_read(lake) == ["P1"]
    assert set(rows(lake, "judgment_charges", "person_id_no")["person_id_no"]) == {"P1"}


@pytest.mark.parametrize("people, number", [
    ([("P1", "甲小某"), ("P2", "甲小某")], "某检刑诉〔2023〕9号"), ([("P1", "甲某")], "某检刑诉〔2023〕9号"), ([("P1", "甲小某")], "某检刑诉〔2023〕99号"), ([("P1", "甲小某")], "别检刑诉〔2023〕9号")],
    ids=["two of that name", "another name", "another indictment", "another procuratorate"])
def test_a_person_is_not_known_by_less(lake, people, number):
    documents(lake, d1=judgment()); indictment(lake, *people, number=number)
    fill(lake)
    found = person_read(lake)
    assert len(found) == 1 and found[0].startswith("D") and found[0] not in ("P1", "P2")


def test_a_name_proves_nothing_across_cases(lake):
    documents(lake, d1=judgment(), d2=judgment("（2023）皖0123刑初8号", number="10")); indictment(lake, ("P1", "甲小某"))
    fill(lake)
    found = rows(lake, "criminal_judgments", "case_no", "person_id_no").set_index("case_no")["person_id_no"]
    assert found[CASE] == "P1" and found["（2023）皖0123刑初8号"].startswith("D")


def test_without_a_case_number_each_document_stands_alone(lake):
    "The same name, the same penalty, no number: still two judgments."
    documents(lake, d1=judgment(""), d2=judgment("", fine="二千"), d3=judgment("", number="10"))
    fill(lake)
    found = rows(lake, "criminal_judgments", "case_no", "person_id_no", "fine_yuan")
    assert sorted(found["case_no"]) == ["doc:d1", "doc:d2", "doc:d3"] and sorted(found["fine_yuan"]) == [1000, 1000, 2000] and found["person_id_no"].nunique() == 3
    charges = rows(lake, "judgment_charges", "case_no")
    assert sorted(charges["case_no"]) == ["doc:d1", "doc:d2", "doc:d3"]


def test_rows_of_several_documents_without_a_number_are_never_merged():
    texts = {f"d{i}": judgment("", fine="一千") for i in range(4)}
    made = rows_of_documents((i, read_judgment(t), COUNTY) for i, t in texts.items())
    for table in ("criminal_judgments", "judgment_charges", "persons", "paper_fields"):
        assert len(marked(table, made[table])) == len(made[table]) >= 4, table
    assert marked("criminal_judgments", made["criminal_judgments"])["row_id"].is_unique


def snapshots(lake): return {t: lake.snapshot(t) for t in ABOUT}


def test_a_second_reading_changes_nothing(lake):
    documents(lake, d1=judgment(), d2=judgment("", number="10"), d3="不是判决书"); indictment(lake, ("P1", "甲小某"))
    first, before = fill(lake), snapshots(lake)
    assert fill(lake) == first and snapshots(lake) == before


def test_a_changed_document_changes_only_its_rows(lake):
    texts = {"d1": judgment(), "d2": judgment("（2023）皖0123刑初8号", name="丙大某", number="10")}
    documents(lake, **texts); fill(lake)
    before = {t: rows(lake, t) for t in ABOUT}
    documents(lake, **texts | {"d2": judgment("（2023）皖0123刑初8号", name="丙大某", number="10", fine="二千")}); fill(lake)
    changed = set()
    for table, old in before.items():
        new = rows(lake, table)
        a, b = ({tuple(map(str, r)) for r in f.itertuples(index=False, name=None)} for f in (old, new))
        changed |= {table} if a != b else set()
        assert not [r for r in a ^ b if CASE in r or "d1" in r], table
    assert "criminal_judgments" in changed
    assert rows(lake, "criminal_judgments", "case_no", "fine_yuan").set_index("case_no")["fine_yuan"].to_dict() == {CASE: 1000.0, "（2023）皖0123刑初8号": 2000.0}


def test_a_withdrawn_document_takes_its_rows_with_it(lake):
    documents(lake, d1=judgment(), d2=judgment("（2023）皖0123刑初8号", number="10")); fill(lake)
    documents(lake, d1=judgment()); fill(lake)
    assert rows(lake, "criminal_judgments", "case_no")["case_no"].tolist() == [CASE]


def test_other_documents_and_empty_texts_give_no_rows(lake):
    put(lake, "legal_documents", [{"doc_id": i, "doc_kind": kind, "doc_date": "2023-04-05", "case_no": CASE, "doc_text": text} for i, kind, text in (("d1", "indictment", judgment()), ("d2", "judgment", None))])
    fill(lake)
    assert lake.rows("criminal_judgments") == 0


def test_a_register_of_dates_is_filled_from_the_document_and_says_so(lake):
    documents(lake, d1=judgment(), d2=judgment("（2023）皖0123刑初8号", number="10"))
    put(lake, "criminal_judgments", [{"case_no": CASE, "person_id_no": "P1", "person_name": "甲小某", "announce_date": "2023-04-05", "effective_date": "2023-04-17"}, {"case_no": CASE, "person_id_no": "P9", "person_name": "丙某", "announce_date": "2023-04-05", "effective_date": "2023-04-18"}])
    before = rows(lake, "criminal_judgments")
    fill(lake)
    found = rows(lake, "criminal_judgments").set_index("person_id_no")
    assert set(found.index) == {"P1", "P9"} | {p for p in found.index if p.startswith("D")} and len(found) == 3      # the second document is read as before
    one, other = found.loc["P1"], found.loc["P9"]
    assert (one["verdict"], one["term_months"], one["fine_yuan"], str(one["effective_date"]), one["doc_id"], one["source_system"]) == ("guilty", 5, 1000, "2023-04-17", "d1", "court+papers")
    assert pd.isna(other["verdict"]) and other["source_system"] == "court"            # whom the document does not name stays blank
    assert set(rows(lake, "judgment_charges", "person_id_no")["person_id_no"]) >= {"P1"}
    again = lake.snapshot("criminal_judgments"); fill(lake)
    assert lake.snapshot("criminal_judgments") == again
    documents(lake, d1=judgment(fine="二千")); fill(lake)                               # a corrected document is read anew, into the same cells
    assert rows(lake, "criminal_judgments").set_index("person_id_no").loc["P1", "fine_yuan"] == 2000
    lake.write("legal_documents", rows(lake, "legal_documents")[:0]); fill(lake)
    left = [c for c in before if c not in ("row_id", "defendant_seq")]                  # the place in the document, once known, stays
    assert rows(lake, "criminal_judgments")[left].equals(before[left])
