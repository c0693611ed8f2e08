import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervise_lib.data.contracts import contract
from supervise_lib.data.lake import Lake, LakeError

NAME = "custody_periods"  # key: person_id_no, custody_kind, valid_from
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stays(n=3, region="340111", start=0, **cells):
    "n invented stays in one region."
    return pd.DataFrame({"person_id_no": [f"p{start + i:04d}" for i in range(n)], "custody_kind": "arrest", "valid_from": [date(2024, 1, 1 + i % 28) for i in range(n)],
                         "region_code": region} | cells)


def people(lake, region=None, name=NAME):
    t = lake.table(name, region)
    return sorted(lake.fetch(t.select("person_id_no")).person_id_no.to_list())


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", grace=0)
    yield lake
    lake.close()


def run(code, *args):
    "Python code in a process of its own."
    head = "import os, sys, resource, signal, time\nfrom pathlib import Path\nimport pandas as pd\nfrom tests.test_lake import *\n"
    return subprocess.Popen([sys.executable, "-c", head + textwrap.dedent(code), *map(str, args)], cwd=Path(__file__).parents[1],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# reading what was written

def test_a_table_never_written_is_empty_and_typed(lake):
    t = lake.table(NAME, "340111")
    got = lake.fetch(t)
    assert len(got) == 0 and list(got.columns) == list(contract(NAME).columns) and got.dtypes.to_dict() == contract(NAME).dtypes
    assert (lake.tables, lake.regions(NAME), lake.rows(NAME)) == ([], [], 0)
    assert not lake.folder.exists()  # looking writes nothing


def test_delivered_empty_is_not_the_same_as_not_delivered(lake):
    lake.write(NAME, stays(0, region=[], custody_kind=[]))
    assert lake.tables == [NAME] and lake.rows(NAME) == 0
    lake.write(NAME, stays(0, region=[], custody_kind=[]), regions=["340111"])
    assert Lake(lake.folder).regions(NAME) == ["340111"] and people(lake, "340111") == []


def test_columns_not_given_are_missing_and_all_types_are_the_contracts(lake):
    lake.write(NAME, stays(source_system=float("nan"), is_void=None, valid_to=pd.NaT))
    got = lake.fetch(lake.table(NAME))
    assert got.source_system.isna().all() and got.is_void.isna().all()
    assert got.dtypes.to_dict() == contract(NAME).dtypes
    assert got.valid_to.isna().all() and got.row_id.isna().all()


def test_a_region_is_itself_and_all_below(lake):
    lake.write(NAME, pd.concat([stays(2, "340111"), stays(1, "340123", 10), stays(1, "340202", 20), stays(1, "340100", 30), stays(1, "340171", 40), stays(1, "110101", 50)]))
    assert {r: lake.rows(NAME, r) for r in ("340111", "340123", "340100", "340200", "340000", "000000", None, "340300")} == {
        "340111": 2, "340123": 1, "340100": 5, "340200": 1, "340000": 6, "000000": 7, None: 7, "340300": 0}
    for r in ("340111", "340100", "340000", "000000", "340300", None, "肥西县"): assert len(people(lake, r)) == lake.rows(NAME, r)
    assert people(lake, "肥西县") == ["p0010"]


def test_a_county_opens_only_its_file(lake):
    state = lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    state.file("340123").write_bytes(b"not parquet")
    assert people(lake, "340111") == ["p0000", "p0001"]


def test_unknown_region_and_table_are_refused(lake):
    lake.write(NAME, stays())
    for ask in (lake.table, lake.rows, lake.snapshot):
        with pytest.raises(ValueError, match="340199.*nearest"): ask(NAME, "340199")
        with pytest.raises(ValueError, match="nearest: custody_periods"): ask("custody_period")


def test_a_table_without_region_is_the_same_for_every_region(lake):
    lake.write("lpr_rates", pd.DataFrame({"lpr_date": [date(2024, 1, 22), date(2024, 2, 20)]}))
    assert lake.regions("lpr_rates") == ["000000"] and lake.rows("lpr_rates", "340111") == 2
    assert lake.fetch(lake.table("lpr_rates", "340111").count()) == 2
    assert lake.snapshot("lpr_rates", "340111") == lake.snapshot("lpr_rates")


def test_fetch_gives_one_kind_of_number_date_and_text(lake):
    lake.write(NAME, stays())
    t = lake.table(NAME)
    got = lake.fetch(t.group_by("region_code").agg(n=t.count(), small=t.count().cast("int8"), last=t.valid_from.max(),
                                                  share=(t.count() / 2).cast("float32"), none=t.valid_to.max()))
    assert [str(d) for d in got.dtypes] == ["string[pyarrow]", "int64[pyarrow]", "int64[pyarrow]", "date32[day][pyarrow]", "double[pyarrow]", "date32[day][pyarrow]"]
    assert got["last"][0] == date(2024, 1, 3) and got.none.isna().all()
    assert lake.fetch(t.valid_from.min()) == date(2024, 1, 1)
    assert lake.fetch(t.person_id_no).columns.to_list() == ["person_id_no"]


# writing

def test_replace_upsert_and_replace_of_regions(lake):
    lake.write(NAME, pd.concat([stays(3, "340111"), stays(2, "340123", 10)]))
    lake.write(NAME, pd.concat([stays(1, "340111", source_row_no="2"), stays(1, "340202", 20)]), how="upsert")
    assert [lake.rows(NAME, r) for r in ("340111", "340123", "340202")] == [3, 2, 1]
    assert lake.fetch(lake.table(NAME, "340111")).source_row_no.dropna().to_list() == ["2"]
    lake.write(NAME, stays(1, "340111", 5), regions=["340111", "340202"])
    assert [lake.rows(NAME, r) for r in ("340111", "340123", "340202")] == [1, 2, 0]
    assert lake.regions(NAME) == ["340111", "340123", "340202"]  # delivered, though empty
    lake.write(NAME, stays(1, "340123", 7))
    assert lake.regions(NAME) == ["340123"] and people(lake) == ["p0007"]


def test_an_upsert_moves_a_row_to_its_new_region(lake):
    lake.write(NAME, pd.concat([stays(3, "340111"), stays(1, "340123", 10)]))
    lake.write(NAME, stays(1, "340123", 0), how="upsert")
    assert people(lake, "340111") == ["p0001", "p0002"] and people(lake, "340123") == ["p0000", "p0010"]


def test_only_what_changed_is_written(lake):
    first = lake.write(NAME, pd.concat([stays(3, "340111"), stays(2, "340123", 10)]))
    second = lake.write(NAME, stays(1, "340111", 9), how="upsert")
    assert first.file("340123").samefile(second.file("340123")) and not first.file("340111").samefile(second.file("340111"))
    assert lake.write(NAME, stays(1, "340111", 9), how="upsert") == second  # the same again makes nothing new


@pytest.mark.parametrize("df, said", [
    (stays(region=None), "region_code is missing in 3 rows, first at positions \\[0, 1, 2\\]"),
    (stays(custody_kind=["arrest", None, "bail"]), "custody_kind is missing in 1 rows, first at positions \\[1\\]"),
    (pd.concat([stays(2), stays(1)]), "2 rows share their key .*positions \\[0, 2\\]"),
    (stays(surprise=1), "not in the contract, or twice: surprise"),
    (stays(region="34011"), "'34011' is not six digits"), (stays(region="３４０１１１"), "is not six digits"),
    (stays(region=340111.0), "region_code: double cannot be kept as string"),
    (stays(valid_to="yesterday"), "custody_periods.valid_to: .* cannot be kept as date"),
    (stays(valid_to=20240101), "a number is not a date"),
    (stays(valid_to=pd.Timestamp("2024-01-01 10:00")), "custody_periods.valid_to: .*not midnight"),
    (stays(valid_to=pd.Timestamp("2024-01-01", tz="Asia/Shanghai")), "carry the zone Asia/Shanghai"),
    (stays(is_void=1), "a number is not a truth value"),
    (stays(source_row_no=["a", 1, 2.5]), "column source_row_no mixes kinds"),
])
def test_rows_that_cannot_be_kept_are_refused_and_nothing_changes(lake, df, said):
    before = lake.write(NAME, stays(1, start=77))
    for how in ("replace", "upsert"):
        with pytest.raises(LakeError, match=said): lake.write(NAME, df, how=how)
    assert Lake(lake.folder).state(NAME) == before


def test_a_refused_key_does_not_show_whose_it_is(lake):
    with pytest.raises(LakeError, match="share their key") as e: lake.write(NAME, pd.concat([stays(1, person_id_no="340111199001011234")] * 2))
    assert "340111199001011234" not in str(e.value)


def test_a_replacement_of_regions_stays_inside_them(lake):
    lake.write(NAME, pd.concat([stays(3, "340111"), stays(2, "340123", 10)]))
    before = lake.state(NAME)
    with pytest.raises(LakeError, match="rows of 340202 in a replacement of 340111"): lake.write(NAME, stays(1, "340202"), regions=["340111"])
    with pytest.raises(LakeError, match="1 keys are already in region 340123"): lake.write(NAME, stays(1, "340111", 10), regions=["340111"])
    with pytest.raises(ValueError, match="34011"): lake.write(NAME, stays(1, "340111"), regions=["34011"])
    with pytest.raises(LakeError, match="'replace' or 'upsert'"): lake.write(NAME, stays(), how="append")
    with pytest.raises(LakeError, match="goes by key"): lake.write(NAME, stays(), how="upsert", regions=["340111"])
    with pytest.raises(LakeError, match="no regions"): lake.write("lpr_rates", pd.DataFrame({"lpr_date": [date(2024, 1, 22)]}), regions=["340111"])
    assert Lake(lake.folder).state(NAME) == before


def test_nan_is_missing(lake):
    lake.write("criminal_judgments", pd.DataFrame({"case_no": ["a", "b"], "person_id_no": ["p", "q"], "region_code": "340111", "fine_yuan": [math.nan, 5.0]}))
    got = lake.fetch(lake.table("criminal_judgments").order_by("case_no"))
    assert got.fine_yuan.isna().to_list() == [True, False]
    assert (got.fine_yuan > 1).to_list() == [pd.NA, True] or (got.fine_yuan > 1).isna().to_list() == [True, False]


def test_a_contract_that_grows_reads_old_files_and_keeps_their_hash(lake, tmp_path, monkeypatch):
    import shutil

    from supervise_lib.settings import resource
    lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    before = lake.snapshot(NAME)
    shutil.copytree(resource("params"), tmp_path / "params")
    path = tmp_path / "params" / "tables" / f"{NAME}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "  cell_no: {zh: 监室号, type: integer, class: P2}\n", encoding="utf-8")
    monkeypatch.setenv("SUPERVISE_HOME", str(tmp_path))
    got = lake.fetch(lake.table(NAME))
    assert str(got.cell_no.dtype) == "int64[pyarrow]" and got.cell_no.isna().all() and len(got) == 4
    lake.write(NAME, stays(1, "340111", 50, cell_no=4), how="upsert")
    assert lake.snapshot(NAME, "340123") == Lake(lake.folder).snapshot(NAME, "340123")
    assert lake.fetch(lake.table(NAME)).cell_no.dropna().to_list() == [4]
    lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    assert lake.snapshot(NAME) == before


# hashes

CELLS = {"person_id_no": st.text("ab\x00人\n ", min_size=1, max_size=3), "custody_kind": st.sampled_from(["arrest", "bail"]), "valid_from": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
         "region_code": st.sampled_from(["340111", "340123", "340202"]), "valid_to": st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1)), "source_row_no": st.none() | st.text(max_size=3),
         "is_void": st.none() | st.booleans()}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8, unique_by=lambda r: (r["person_id_no"], r["custody_kind"], r["valid_from"]))


def frame(rows, columns=CELLS): return pd.DataFrame({n: pd.Series([r[n] for r in rows], dtype=contract(NAME).dtypes[n]) for n in columns})


@QUICK
@given(ROWS)
def test_what_is_read_is_what_was_written(tmp_path_factory, rows):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lake.write(NAME, frame(rows))
    got = lake.fetch(lake.table(NAME).select(*CELLS)).to_dict("records")
    def plain(rows): return sorted(repr([None if r[n] is pd.NA or r[n] is pd.NaT else r[n] for n in CELLS]) for r in rows)
    assert plain(got) == plain(rows)
    lake.verify(NAME)
    lake.close()


@QUICK
@given(ROWS, st.data())
def test_the_hash_is_blind_to_order_and_sees_every_cell(tmp_path_factory, rows, data):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lake.write(NAME, frame(rows))
    before = lake.snapshot(NAME)
    shuffled = data.draw(st.permutations(rows))
    lake.write(NAME, frame(shuffled, data.draw(st.permutations(list(CELLS)))))
    assert lake.snapshot(NAME) == before
    at, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from(["valid_to", "source_row_no", "is_void", "region_code"]))
    other = data.draw(CELLS[column].filter(lambda v: v != rows[at][column] or type(v) is not type(rows[at][column])))
    lake.write(NAME, frame([r | {column: other} if i == at else r for i, r in enumerate(rows)]))
    assert lake.snapshot(NAME) != before
    lake.write(NAME, frame(rows))
    assert lake.snapshot(NAME) == before


@pytest.mark.parametrize("one, two", [
    (dict(source_row_no=["a", "bc"]), dict(source_row_no=["ab", "c"])), (dict(source_row_no=["", None]), dict(source_row_no=[None, ""])),
    (dict(source_row_no=["", "x"]), dict(source_row_no=[None, "x"])), (dict(source_row_no=["x", "y"]), dict(batch_id=["x", "y"])),
    (dict(is_void=[False, True]), dict(is_void=[None, True])), (dict(valid_to=[date(1970, 1, 1), date(2024, 1, 1)]), dict(valid_to=[None, date(2024, 1, 1)])),
])
def test_cells_that_look_alike_in_bytes_are_told_apart(lake, one, two):
    lake.write(NAME, stays(2, **one))
    before = lake.snapshot(NAME)
    lake.write(NAME, stays(2, **two))
    assert lake.snapshot(NAME) != before


def test_the_hash_of_a_county_does_not_depend_on_others_and_is_that_of_any_lake(lake, tmp_path):
    lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    a, b, city = (lake.snapshot(NAME, r) for r in ("340111", "340123", "340100"))
    lake.write(NAME, stays(1, "340123", 99), how="upsert")
    assert lake.snapshot(NAME, "340111") == a and lake.snapshot(NAME, "340123") != b and lake.snapshot(NAME, "340100") != city
    other = Lake(tmp_path / "other")
    other.write(NAME, pa.Table.from_pandas(stays(2, "340111"), preserve_index=False))
    assert other.snapshot(NAME, "340111") == a


def test_times_numbers_and_texts_keep_their_values(lake):
    cells = {"case_no": ["a", "b"], "person_id_no": ["p", "q"], "region_code": ["340111"] * 2, "fine_yuan": [0.1 + 0.2, -0.0], "term_years": [2**60 + 1, -1]}
    lake.write("criminal_judgments", pd.DataFrame(cells))
    got = lake.fetch(lake.table("criminal_judgments").order_by("case_no"))
    assert got.fine_yuan.to_list() == [0.1 + 0.2, 0.0] and got.term_years.to_list() == [2**60 + 1, -1]
    docs = pd.DataFrame({"doc_id": ["d"], "region_code": ["340111"], "doc_created_time": [datetime(2024, 2, 29, 23, 59, 59, 123456)], "doc_text": ["甲\n乙" * 1000]})
    lake.write("legal_documents", docs)
    assert lake.fetch(lake.table("legal_documents"))[["doc_created_time", "doc_text"]].values.tolist() == docs[["doc_created_time", "doc_text"]].values.tolist()


# one view at a time

def test_a_lake_keeps_the_snapshot_it_first_saw_until_refreshed(lake):
    lake.write(NAME, stays(1))
    reader = Lake(lake.folder)
    before = reader.snapshot(NAME)
    lake.write(NAME, stays(1, start=5))
    assert reader.snapshot(NAME) == before and people(reader) == ["p0000"]
    reader.refresh()
    assert reader.snapshot(NAME) != before and people(reader) == ["p0005"]


def test_old_snapshots_go_but_not_under_a_readers_feet(tmp_path):
    lake = Lake(tmp_path, keep=2, grace=0)
    lake.write(NAME, stays(1))
    reader = Lake(tmp_path)
    t = reader.table(NAME)
    lake.write(NAME, stays(2))
    assert reader.fetch(t.count()) == 1
    lake.write(NAME, stays(3))
    lake.write(NAME, stays(4))
    assert len([p for p in (tmp_path / NAME).iterdir() if p.is_dir()]) == 2
    with pytest.raises(LakeError, match="not readable"): reader.fetch(t.count())
    late = Lake(tmp_path); late._seen[NAME] = reader.state(NAME)  # noqa: SLF001
    with pytest.raises(LakeError, match="refresh"): late.table(NAME)
    patient = Lake(tmp_path / "patient", keep=1, grace=3600)
    for n in range(1, 5): patient.write(NAME, stays(n))
    assert len([p for p in (tmp_path / "patient" / NAME).iterdir() if p.is_dir()]) == 4


def test_a_forked_process_opens_its_own_connection(lake):
    lake.write(NAME, stays(3))
    assert len(people(lake)) == 3
    others = [Lake(lake.folder) for _ in range(3)]
    assert [len(people(o)) for o in others] == [3] * 3
    out = multiprocessing.get_context("fork").Queue()
    def child():
        others.clear()  # letting go of an inherited connection must not hang
        out.put(len(people(lake)))
    p = multiprocessing.get_context("fork").Process(target=child)
    p.start()
    assert out.get(timeout=60) == 3
    p.join()
    assert len(people(lake)) == 3


def test_importing_and_opening_start_no_engine(tmp_path):
    code = "import sys; from supervise_lib.data.lake import Lake; Lake(sys.argv[1]).rows('custody_periods', '340111'); print(*[m for m in ('duckdb', 'ibis', 'pandera') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True).stdout.strip() == ""


def test_tables_of_two_lakes_are_not_taken_for_each_other(lake, tmp_path):
    other = Lake(tmp_path / "other")
    lake.write(NAME, stays(1)); other.write(NAME, stays(1, start=5))
    a, b = lake.table(NAME), other.table(NAME)
    assert lake.fetch(a).person_id_no.to_list() != other.fetch(b).person_id_no.to_list()
    with pytest.raises(Exception, match="custody_periods"): lake.fetch(a.select("person_id_no").union(b.select("person_id_no")))


def test_a_lake_travels_to_another_process(lake):
    import pickle
    lake.write(NAME, stays(3))
    people(lake)
    assert people(pickle.loads(pickle.dumps(lake))) == people(lake)


# what goes wrong

@pytest.mark.parametrize("moment", ["parquet.write_table", "snapshots._put_json", "snapshots._publish", "pointer"])
def test_a_writer_killed_at_any_moment_leaves_the_old_table_whole(lake, moment):
    before = lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    writer = run("""
        import pyarrow.parquet, supervise_lib.data.snapshots as s
        moment, count = sys.argv[2], [0]
        def die(real, when=lambda *a: True):
            def f(*a, **k):
                count[0] += when(*a)
                if when(*a) and (count[0] == 2 or moment != "parquet.write_table"): os.kill(os.getpid(), signal.SIGKILL)
                return real(*a, **k)
            return f
        if moment == "parquet.write_table": pyarrow.parquet.write_table = die(pyarrow.parquet.write_table)
        elif moment == "pointer": s._put_json = die(s._put_json, lambda path, v: path.name == "current.json")
        else: setattr(s, moment.split(".")[1], die(getattr(s, moment.split(".")[1])))
        Lake(sys.argv[1]).write(NAME, pd.concat([stays(9, "340111"), stays(9, "340123", 10)]))
        """, lake.folder, moment)
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    reader = Lake(lake.folder)
    assert reader.state(NAME) == before and len(people(reader)) == 4
    reader.verify(NAME)
    after = lake.write(NAME, stays(1, "340111", 50), how="upsert")  # the lock is free and the rubbish is no obstacle
    assert after.rows() == 5 and len(people(lake)) == 5
    lake.write(NAME, stays(1)); lake.write(NAME, stays(2)); lake.write(NAME, stays(3)); lake.write(NAME, stays(4))
    assert len([p for p in (lake.folder / NAME).iterdir() if p.is_dir()]) == lake.keep


def test_two_writers_at_once_lose_nothing(lake):
    code = """
        lake = Lake(sys.argv[1], keep=2, grace=0)
        for i in range(8): lake.write(NAME, stays(2, sys.argv[2], int(sys.argv[3]) + 2 * i), how="upsert")
        """
    writers = [run(code, lake.folder, region, start) for region, start in (("340111", 0), ("340111", 100), ("340123", 200))]
    for w in writers:
        _, said = w.communicate(timeout=120)
        assert w.returncode == 0, said
    assert lake.rows(NAME) == 48 and len(set(people(lake))) == 48
    lake.verify(NAME)


def test_a_writer_that_waits_too_long_says_so(lake, tmp_path):
    holder = run("from supervise_lib.data.snapshots import writing\nwith writing(Path(sys.argv[1]), 1): print('held', flush=True); time.sleep(60)", lake.folder / NAME)
    try:
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(LakeError, match="another writer has held"): Lake(lake.folder, wait=0.1).write(NAME, stays())
    finally: holder.kill(); holder.communicate()
    lake.write(NAME, stays())  # the dead holder's lock is gone


def test_a_full_disk_leaves_the_old_table_whole(lake):
    before = lake.write(NAME, stays(2))
    writer = run("""
        lake = Lake(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try: lake.write(NAME, stays(3000, "340111", source_row_no=[os.urandom(20).hex() for _ in range(3000)]))
        except LakeError as e: print("refused", e)
        """, lake.folder)
    said, error = writer.communicate(timeout=60)
    assert said.startswith("refused") and "could not be written" in said and "the table is as it was" in said, error
    assert Lake(lake.folder).state(NAME) == before
    assert [p.name for p in (lake.folder / NAME).iterdir() if p.is_dir()] == [before.id]


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_disk_that_fails_at_the_last_step_leaves_the_old_table_whole(lake, monkeypatch, call):
    before = lake.write(NAME, stays(2))
    def fail(*a): raise OSError(28, "No space left on device")
    with monkeypatch.context() as m:
        m.setattr(os, call, fail)
        with pytest.raises(LakeError, match="No space left on device"): lake.write(NAME, stays(5))
    assert Lake(lake.folder).state(NAME) == before and len(people(Lake(lake.folder))) == 2
    assert lake.write(NAME, stays(5)).rows() == 5


def test_a_file_system_without_links_is_copied_on(lake, monkeypatch):
    first = lake.write(NAME, pd.concat([stays(3, "340111"), stays(2, "340123", 10)]))
    def fail(*a): raise OSError(95, "Operation not supported")
    monkeypatch.setattr(os, "link", fail)
    second = lake.write(NAME, stays(1, "340111", 9), how="upsert")
    assert not first.file("340123").samefile(second.file("340123")) and len(people(lake)) == 6


@pytest.mark.parametrize("harm", [lambda p: p.write_bytes(b"PAR1 rubbish"), lambda p: p.write_bytes(p.read_bytes()[:-40]), lambda p: p.unlink(), lambda p: p.write_bytes(b"")])
def test_a_damaged_file_is_named_with_what_to_do(lake, harm):
    state = lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    t = lake.table(NAME)
    harm(state.file("340123"))
    said = "region_code=340123.*part.parquet: not readable .*lake.write\\('custody_periods', rows, regions=\\['340123'\\]\\)"
    with pytest.raises(LakeError, match=said): lake.fetch(t)
    with pytest.raises(LakeError, match=said): lake.verify(NAME)
    with pytest.raises(LakeError, match=said): lake.fetch(Lake(lake.folder).table(NAME, "340123"))
    lake.write(NAME, stays(2, "340123", 10), regions=["340123"])  # the cure that was named
    lake.verify(NAME)


def test_a_file_swapped_for_another_is_found_by_verify(lake):
    state = lake.write(NAME, pd.concat([stays(2, "340111"), stays(2, "340123", 10)]))
    state.file("340123").write_bytes(state.file("340111").read_bytes())
    with pytest.raises(LakeError, match="340123.*not what was written"): lake.verify(NAME)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "x"}'])
def test_a_damaged_pointer_is_named_with_what_to_do(lake, text):
    state = lake.write(NAME, stays())
    pointer = lake.folder / NAME / "current.json"
    pointer.write_text(text)
    with pytest.raises(LakeError, match="current.json: not readable .*copy the snapshot.json"): Lake(lake.folder).rows(NAME)
    pointer.write_text((lake.folder / NAME / state.id / "snapshot.json").read_text())
    assert Lake(lake.folder).state(NAME) == state


def test_the_pointer_can_be_read_by_people(lake):
    lake.write(NAME, stays(2))
    m = json.loads((lake.folder / NAME / "current.json").read_text())
    assert m["table"] == NAME and m["partitions"]["340111"]["rows"] == 2 and m["columns"]["valid_from"] == "date32[day]"
    assert abs(datetime.fromisoformat(m["written"]).timestamp() - time.time()) < 60
