"Linking people and companies: what is one, what is apart, what nobody can tell; and why."
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from supervise_lib.data.demo_world import check_character
from supervise_lib.data.linkage import VERDICTS, link
from supervise_lib.data.linkage_compare import code, word
from supervise_lib.data.linkage_kinds import company_number, person_number, scheme
from supervise_lib.data.linkage_names import choice
from supervise_lib.text import Text

ROOT = Path(__file__).resolve().parents[1]


def number(body): return body + check_character(body)


ONE, TWO = number("34012319900307101"), number("34012319900307127")
PLACE = "肥西县人民路12号3幢501室"


def people(*rows): return pd.DataFrame([dict(dict(person_name=None, person_id_no=None, birth_date=None, address=None, phone=None), **r) for r in rows])


def verdict(*rows, **how):
    "The verdict on two records, and whether they lie in one cluster."
    links = link(people(*rows), **how); why = links.why(0, 1)
    assert (links.clusters["cluster"][0] == links.clusters["cluster"][1]) == (why.verdict in ("exact", "probable"))
    return why.verdict, next((b.key for b in (*links.by.vetoes, *links.by.caps) if b.reason == why.reason), None)


ZHANG = dict(person_name="张小明", birth_date="1990-03-07", address=PLACE, phone="13800001234")


# ---- namesakes are not merged

@pytest.mark.parametrize("left, right, why", [
    (dict(person_id_no=ONE), dict(person_id_no=TWO), "two_numbers"),                # everything the same but the valid number
    (dict(birth_date="1990-03-07"), dict(birth_date="1968-11-21"), "born_apart"),   # everything the same but the birth date
    (dict(person_id_no=ONE), dict(birth_date="1968-11-21"), "born_apart"),          # the birth date is read off the number
])
def test_namesakes_are_apart_however_much_agrees(left, right, why):
    assert verdict({**ZHANG, **left}, {**ZHANG, **right}) == ("apart", why)


def test_a_name_alone_merges_nobody():
    links = link(people(dict(person_name="张小明"), dict(person_name="张小明")))
    assert links.clusters["cluster"].nunique() == 2 and not len(links.pairs)


@pytest.mark.parametrize("left, right, why", [
    (dict(birth_date="1990-03-07", phone=None, address="城关镇李庄村"), dict(birth_date="1990-03-17", phone=None, address="城关镇李庄村"), "nearly_born"),
    (dict(birth_date=None, phone=None, address="城关镇李庄村"), dict(phone=None, address="城关镇李庄村"), "no_birth_date"),
    (dict(person_name="张小明"), dict(person_name="张小红"), "other_name"),         # brother and sister: one telephone, one door
    (dict(person_name="张小明"), dict(person_name="李芳"), "other_name"),           # man and wife
    (dict(person_name="张某某"), dict(), "other_name"),                             # masked
])
def test_who_cannot_be_told_is_undecided_or_apart_never_merged(left, right, why):
    found, key = verdict({**ZHANG, **left}, {**ZHANG, **right})
    assert found in ("undecided", "apart") and (found == "apart" or key == why)


def test_relatives_of_one_birth_date_are_undecided():
    assert verdict(ZHANG, {**ZHANG, "person_name": "张小红"}) == ("undecided", "other_name")


# ---- who is one

@pytest.mark.parametrize("right", [
    dict(person_name="章晓明"), dict(person_name="張小明"), dict(person_name="小明张"), dict(birth_date="1990-03-17"),
    dict(birth_date=None), dict(address=None, phone=None),
    dict(address="人民路十二号3栋501", phone=None)])
def test_one_person_written_in_two_ways(right): assert verdict(ZHANG, {**ZHANG, **right})[0] == "probable"


def test_the_same_number_decides_and_old_numbers_are_completed():
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="章晓明", person_id_no=ONE[:6] + ONE[8:17]))[0] == "exact"
    assert verdict(dict(person_name="张小明", person_id_no="P" + "A" * 24), dict(person_name="张小明", person_id_no="P" + "A" * 24))[0] == "exact"


def test_the_same_number_under_quite_another_name_waits():
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="李芳", person_id_no=ONE))[0] == "undecided"
    links = link(people(*[dict(person_name=n, person_id_no=ONE) for n in ("李芳", "张小明", "张小明", "章晓明")]))
    assert links.clusters["cluster"].tolist() == [0, 1, 1, 1]


def test_a_number_with_a_slip_is_not_identity_but_evidence():
    wrong = ONE[:9] + str((int(ONE[9]) + 1) % 10) + ONE[10:]
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="张小明", person_id_no=wrong))[0] == "probable"
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="李芳", person_id_no=wrong))[0] == "apart"


def test_a_masked_number_meets_its_ends():
    masked = ONE[:6] + "********" + ONE[-4:]
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="张小明", person_id_no=masked))[0] == "probable"
    assert verdict(dict(person_name="张小明", person_id_no=ONE), dict(person_name="张小明", person_id_no=TWO[:6] + "********" + TWO[-4:]))[0] == "apart"


# ---- clusters

def test_a_record_between_two_numbers_belongs_to_neither():
    same = dict(person_name="张小明", birth_date="1990-03-07")
    links = link(people(dict(same, person_id_no=ONE), dict(same), dict(same, person_id_no=TWO)))
    assert links.clusters["cluster"].nunique() == 3
    assert set(links.pairs["reason"]) == {"contested"} and (links.pairs["verdict"] == "undecided").all()


def test_a_record_that_clearly_fits_one_of_two_joins_it():
    same = dict(person_name="张小明", birth_date="1990-03-07")
    close = dict(same, phone="13800001234", address=PLACE)
    links = link(people(dict(close, person_id_no=ONE), close, dict(same, person_id_no=TWO)))
    assert links.clusters["cluster"].tolist() == [0, 0, 1]


def test_nothing_undecided_is_in_one_cluster_and_clusters_are_what_pairs_say(found):
    links, _ = found
    cluster = dict(zip(links.clusters["id"], links.clusters["cluster"], strict=True)); p = links.pairs
    joined = np.array([cluster[a] == cluster[b] for a, b in zip(p["left"], p["right"], strict=True)])
    assert joined[p["verdict"].isin(["exact", "probable"])].all()
    assert not joined[(p["verdict"] == "apart").to_numpy(bool)].any()
    assert links.clusters["cluster"].nunique() < len(links.clusters)


# ---- a thousand and more: weights are learned

@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_linkage", ROOT / "bench" / "linkage.py")
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(bench):
    d = bench.records(2500, seed=7); return link(d.drop(columns="person")), d


def test_invented_people_are_found_again_and_nobody_is_taken_for_another(found, bench):
    links, d = found; c, t = links.clusters["cluster"].to_numpy(), d["person"].to_numpy()
    both = bench.together(c.astype("int64") * 10**6 + t)
    assert both / bench.together(c) > 0.999 and both / bench.together(t) > 0.92
    assert links.considered < 20000 and "same valid number" in links.model.taught("en")


def test_no_cluster_holds_two_valid_numbers(found):
    links, d = found; valid = person_number().prepared(d.reset_index(drop=True))["number_valid"]
    assert pd.DataFrame(dict(c=links.clusters["cluster"].to_numpy(), v=valid.to_numpy())).dropna().groupby("c")["v"].nunique().max() == 1


def test_where_all_are_strangers_nobody_is_merged(bench):
    d = bench.people(1500, np.random.default_rng(5)).assign(address=lambda d: d["county"].map(bench.COUNTIES) + d["local"])
    links = link(d[["person_name", "birth_date", "gender", "address", "phone"]])      # two in five share a door, one in nine a telephone
    assert links.clusters["cluster"].nunique() == 1500 and "expectation maximisation" in links.model.taught("en")


def test_why_adds_up_to_the_weight_of_the_pair(found):
    links, _ = found; p = links.pairs[links.pairs["weight"].notna()]
    for i in list(range(0, len(p), max(1, len(p) // 15))):
        row = p.iloc[i]; why = links.why(int(row["left"]), int(row["right"]))
        assert why.steps["bits"].sum() == pytest.approx(row["weight"], abs=1e-6)
        assert (why.verdict, why.steps["total"].iloc[-1]) == (row["verdict"], pytest.approx(row["weight"], abs=1e-6))
        assert row["verdict"] == "exact" or why.probability == pytest.approx(row["probability"], abs=1e-9)


def test_the_same_records_give_the_same_pairs_and_their_order_does_not_matter(found):
    d = found[1].head(900).drop(columns="person").assign(key=range(900))
    links, again, mixed = link(d, id="key"), link(d, id="key"), link(d.sample(frac=1, random_state=3), id="key")
    pd.testing.assert_frame_equal(again.pairs, links.pairs)
    groups = lambda x: {tuple(sorted(ids)) for _, ids in x.clusters.groupby("cluster")["id"]}
    one, other = groups(links), groups(mixed)
    assert len(one & other) > 0.99 * len(one)      # the sample of random pairs depends on the order, and only that


def test_common_names_weigh_less():
    days = np.datetime64("1950-01-01") + np.random.default_rng(1).integers(0, 20000, 900)
    rows = [dict(person_name="王伟" if i % 5 == 0 else f"赵{chr(0x4e00 + i)}{chr(0x5000 + i)}", birth_date=str(d)) for i, d in enumerate(days)]
    rows += [dict(person_name=n, birth_date="1971-01-01") for n in ("王伟", "王伟", "赵丁乙", "赵丁乙")]
    links = link(people(*rows)); name = lambda a, b: links.why(a, b).steps.set_index(links.why(a, b).table("en")["step"])["bits"]["name"]
    assert name(900, 901) < 4 < 7 < name(902, 903)


# ---- two tables, companies, schemes of one's own

def test_two_tables_are_linked_with_each_other_only():
    courts, register = people(ZHANG, ZHANG).assign(case=["c1", "c2"]), people({**ZHANG, "person_name": "章晓明"}).assign(case=["r1"])
    links = link(courts, register, id="case")
    assert sorted(map(tuple, links.pairs[["left", "right"]].values)) == [("c1", "r1"), ("c2", "r1")] and links.considered == 2
    assert links.clusters["side"].tolist() == ["left", "left", "right"] and links.why("c1", "r1").verdict == "probable"


def test_records_of_one_number_meet_across_tables_by_their_names():
    left, right = (people(*[dict(person_name=n, person_id_no=ONE) for n in names]) for names in (("张小明", "张小明", "李芳"), ("章晓明", "王强")))
    p = link(left.assign(key=["l0", "l1", "l2"]), right.assign(key=["r0", "r1"]), id="key").pairs
    assert p["left"].str.startswith("l").all() and p["right"].str.startswith("r").all()
    assert set(map(tuple, p[p["verdict"] == "exact"][["left", "right"]].values)) == {("l0", "r0"), ("l1", "r0")}
    assert set(map(tuple, p[p["verdict"] == "undecided"][["left", "right"]].values)) == {("l2", "r0"), ("l0", "r1")}


def test_numbers_beside_pseudonyms_are_refused():
    with pytest.raises(ValueError, match="1 numbers are pseudonyms and 1 are not"):
        link(people(dict(ZHANG, person_id_no=ONE)), people(dict(ZHANG, person_id_no="P" + "A" * 24)))


def firms(*rows): return pd.DataFrame([dict(dict(company_name=None, uscc=None, address=None, phone=None, legal_representative=None), **r) for r in rows])


@pytest.mark.parametrize("left, right, expected", [
    (dict(company_name="合肥皖新建筑工程有限公司"), dict(company_name="合肥皖新建筑工程有限公司"), "probable"),
    (dict(company_name="合肥皖新建筑工程有限公司", address=PLACE), dict(company_name="皖新建筑工程有限责任公司", address="人民路12号3栋501"), "probable"),
    (dict(company_name="合肥皖新建筑工程有限公司", address=PLACE), dict(company_name="芜湖皖新建筑工程有限公司", address=PLACE), "apart"),
    (dict(company_name="安徽皖新商贸有限公司", address=PLACE), dict(company_name="安徽皖新商贸有限公司芜湖分公司", address=PLACE), "apart"),
    (dict(company_name="皖新饭店"), dict(company_name="皖新饭店"), "undecided"),
    (dict(company_name="皖新饭店", phone="13800001234"), dict(company_name="皖新饭店", phone="13800001234"), "probable"),
    (dict(company_name="安徽旧名商贸有限公司", uscc="91110000600037341L"), dict(company_name="安徽新名科技有限公司", uscc="60003734-1"), "exact"),
])
def test_companies(left, right, expected):
    links = link(firms(left, right), by="company")
    assert links.why(0, 1).verdict == expected and (links.clusters["cluster"].nunique() == 1) == (expected in ("exact", "probable"))


@pytest.mark.parametrize("code_, valid", [
    ("91110000600037341L", "600037341"), ("600037341", "600037341"), ("60003734-1", "600037341"), ("600037342", None), ("91110000600037341M", None), ("无", None)])
def test_organisation_codes(code_, valid):
    found = company_number().prepared(pd.DataFrame({"uscc": [code_]}))["number_valid"][0]
    assert (None if pd.isna(found) else found) == valid


def test_a_list_of_ones_own():
    d = pd.DataFrame(dict(surname=["Abel", "Abell", "Cain"], given=["Jon", "Jon", "Eve"], zip=["12345", "12345", "99999"]))
    links = link(d, by=[word("surname"), word("given"), code("zip")])
    assert links.pairs[["left", "right", "verdict"]].values.tolist() == [[0, 1, "probable"]] and links.report("en").count("records") >= 2
    assert link(d, by=scheme([word("surname"), code("zip")], blocks=["zip_value"])).considered == 1


# ---- thresholds, errors, report

def test_thresholds_are_arguments_with_declared_defaults():
    assert (choice("certain"), choice("review")) == (0.98, 0.9)
    weaker = dict(person_name="张小明", birth_date="1990-03-07"), dict(person_name="章晓明", birth_date="1990-03-07")
    p = link(people(*weaker)).why(0, 1).probability
    assert link(people(*weaker), certain=p - 1e-6).counts["probable"] == 1
    held = link(people(*weaker), certain=min(1, p + 1e-5), review=p - 1e-6)
    assert held.counts["undecided"] == 1 and held.clusters["cluster"].nunique() == 2
    assert link(people(*weaker), certain=1, review=min(1, p + 1e-5)).counts["undecided"] == 0


@pytest.mark.parametrize("how, says", [
    (dict(by="person", drop=["person_name"]), "needs a column person_name"), (dict(columns={"birth": "born_on"}), "born_on is not in every table"),
    (dict(columns={"born": "birth_date"}), "has no part born"), (dict(by="ship"), "'ship' is not known"), (dict(by=[word("surname")]), "no column surname"),
    (dict(id="case"), "no column 'case'"),
    (dict(id="phone"), "does not name each record once"), (dict(certain=0.5), "0 < review <= certain"), (dict(by=["surname"]), "expected 'person'")])
def test_errors_say_what_was_found_and_expected(how, says):
    how = dict(how); d = people(ZHANG, ZHANG).drop(columns=how.pop("drop", []))
    with pytest.raises((ValueError, TypeError), match=says): link(d, **how)


def test_no_table_no_records():
    with pytest.raises(TypeError, match="expected a DataFrame"): link([ZHANG])
    for n in (0, 1):
        links = link(people(ZHANG).head(n)); assert (links.considered, len(links.pairs), len(links.clusters)) == (0, 0, n) and isinstance(links.report, Text)


def test_the_report_counts_and_names_what_was_not_compared():
    links = link(people(ZHANG, {**ZHANG, "person_name": "章晓明"}, {**ZHANG, "person_name": "张小红"}).drop(columns=["person_id_no"]))
    en, zh = links.report("en"), links.report("zh")
    assert "3 records" in en and "1 one by evidence" in en and "Not compared" in en and "number, gender" in en
    assert "3条记录" in zh and "待核实" in zh and "号码、性别" in zh
    assert sum(links.counts.values()) == len(links.pairs) and set(links.counts) == set(VERDICTS)


def test_why_is_told_in_both_languages_and_for_records_never_compared():
    links = link(people(ZHANG, {**ZHANG, "person_name": "章晓明"}, dict(person_name="李芳", birth_date="1950-01-01")))
    why = links.why(0, 1)
    assert why.table("zh")["level"].tolist()[1:3] == ["同音", "同日"] and why.table("en")["level"].tolist()[1:3] == ["sounds the same", "the same day"]
    assert "同音" in str(why) and links.why(0, 2).verdict == "apart"
    with pytest.raises(KeyError, match="no record 9"): links.why(0, 9)
    with pytest.raises(ValueError, match="one record"): links.why(1, 1)


def test_pairs_are_arrow_backed_and_missing_stays_missing():
    links = link(people(ZHANG, {**ZHANG, "birth_date": None, "person_id_no": None}, dict()))
    assert all(isinstance(t, pd.ArrowDtype) for t in links.pairs.dtypes) and links.pairs["birth"][0] == "unknown"
    assert len(links.clusters) == 3 and links.clusters["records"].tolist() == [2, 2, 1]


def test_a_waterfall_is_drawn_without_names():
    from supervise_lib.publish.canvas import png
    from supervise_lib.publish.waterfalls import waterfall, weights_seen
    links = link(people(ZHANG, {**ZHANG, "person_name": "章晓明"})); fig = waterfall(links.why(0, 1), links.certain, links.review)
    told = [t.get_text() for a in fig.axes for t in (*a.get_yticklabels(), *a.texts)]
    assert "姓名: 同音" in told and not any(n in t for t in told for n in ("张小明", "章晓明", "13800001234", "人民路"))
    assert png(fig) == png(waterfall(links.why(0, 1), links.certain, links.review)) and len(png(weights_seen(links))) > 1000


def test_tables_as_the_lake_gives_them():
    import pyarrow as pa
    arrow = lambda kind, *values: pd.Series(values, dtype=pd.ArrowDtype(kind))
    born = arrow(pa.date32(), *[pd.Timestamp(x).date() if x else None for x in ("1990-03-07", "1990-03-07", None)])
    d = pd.DataFrame(dict(person_name=arrow(pa.string(), "张小明", "章晓明", None), person_id_no=arrow(pa.string(), "P" + "A" * 24, None, "W" + "B" * 24), birth_date=born,
                          phone_hash=arrow(pa.string(), "ab" * 32, "ab" * 32, "cd" * 32), gender=arrow(pa.string(), "M", None, "U")))
    links = link(d)
    assert links.pairs[["left", "right", "verdict", "name", "birth", "phone", "gender"]].values.tolist() == [[0, 1, "probable", "sound", "same", "same", "unknown"]]
