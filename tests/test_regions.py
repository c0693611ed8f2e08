import pytest

from supervise_lib.data.regions import RegionError, is_within, region, regions, within

HEAD = "code,name_zh,name_en,level,parent_code,population_2020_thousand\n"
ROWS = HEAD + "330000,浙江省,Zhejiang Province,province,000000,64567.6\n330100,杭州市,Hangzhou City,prefecture,330000,\n330106,西湖区,Xihu District,county,330100,1112.9\n"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "regions.csv"
        path.write_text(text, encoding="utf-8")
        return path
    return write


def test_the_shipped_province_is_complete():
    assert [len(regions(level, within="340000")) for level in ("province", "prefecture", "county")] == [1, 16, 104]
    assert sum(r.population for r in regions("county")) == pytest.approx(region("340000").population, rel=0.001)
    assert sorted(r.code for p in regions("prefecture") for r in regions("county", within=p.code)) == [r.code for r in regions("county")]


def test_shipped_file_says_what_the_domain_basis_says(shared):
    import csv
    with open(shared / "domain" / "anhui_divisions.csv", encoding="utf-8") as f: rows = list(csv.DictReader(f))
    for r in rows:
        o = region(r["code"])
        assert (o.name.zh, o.name.en, o.level, o.parent) == (r["name_zh"], r["name_en"], r["level"], r["parent_code"] or "000000")
        assert o.population == round(float(r["population_2020_thousand"]) * 1000)


def test_code_name_and_full_width_lead_to_the_same_region():
    assert region("340123") == region("肥西县") == region(" ３４０１２３ ") == region(340123)
    assert region("全国").code == "000000" and region("000000").parent is None


@pytest.mark.parametrize("asked, near", [("340199", "3401"), ("肥西", "340123 肥西县"), ("Feixi", "340123"), ("", "regions.csv"), (None, "not known")])
def test_unknown_is_refused_with_the_nearest(asked, near):
    with pytest.raises(RegionError, match=near): region(asked)


def test_name_of_two_regions_is_refused_with_both_codes(file):
    path = file(ROWS + "330200,西湖区,Another,county,330100,\n")
    with pytest.raises(RegionError, match="330106, 330200"): region("西湖区", path)


def test_within_is_itself_and_all_below(file):
    path = file(ROWS)
    assert within("000000", path) == ["000000", "330000", "330100", "330106"]
    assert within("杭州市", path) == ["330100", "330106"]
    assert [r.code for r in regions("county", "330000", path)] == ["330106"]
    assert region("330100", path).population is None


def test_children_before_parents_and_counties_under_a_province_are_fine(file):
    path = file(HEAD + "429004,仙桃市,Xiantao,county,420000,\n420000,湖北省,Hubei,province,000000,\n")
    assert within("420000", path) == ["420000", "429004"]


@pytest.mark.parametrize("code, top, expected", [("340171", "340100", True), ("340171", "340200", False), ("340171", "340000", True),
                                                 ("110101", "000000", True), ("110101", "340000", False), ("340100", "340111", False), ("340111", "340111", True)])
def test_codes_not_listed_lie_where_their_digits_say(code, top, expected):
    assert is_within(code, top) is expected


@pytest.mark.parametrize("row, line, said", [
    ("330106,重复区,Twice,county,330100,", 5, "given twice \\(first on line 4\\)"),
    ("330202,海曙区,Haishu,county,330200,", 5, "parent '330200' of 330202 is not in the file; nearest: 330"),
    ("330202,海曙区,Haishu,county,330106,", 5, "county 330202 lies in 330106, a county"),
    ("330200,宁波市,Ningbo,prefecture,330100,", 5, "prefecture 330200 lies in 330100, a prefecture"),
    ("330202,海曙区,Haishu,district,330100,", 5, "level 'district'"),
    ("33020,海曙区,Haishu,county,330100,", 5, "not six digits"),
    ("330202,,Haishu,county,330100,", 5, "name_zh"),
    ("330202,海曙区,Haishu,county,330100,many", 5, "population 'many'"),
    ("000000,全国,China,province,000000,", 5, "needs no row"),
])
def test_broken_rows_are_refused_with_their_line(file, row, line, said):
    with pytest.raises(RegionError, match=f"line {line}: .*{said}"): regions(path=file(ROWS + row + "\n"))


def test_wrong_header_is_refused(file):
    with pytest.raises(RegionError, match="line 1: expected the columns code"): regions(path=file(ROWS.replace("parent_code", "parent")))


def test_unknown_level_is_refused():
    with pytest.raises(RegionError, match="expected one of nation"): regions("district")


def test_a_changed_file_is_read_again(file):
    path = file(ROWS)
    assert len(regions(path=path)) == 4
    file(ROWS + "330200,宁波市,Ningbo,prefecture,330000,\n")
    assert within("330000", path) == ["330000", "330100", "330106", "330200"]
