"Names, places and telephones as keys: what must not matter does not, what matters does."
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervise_lib.data.linkage_compare import EVERY, agreement, birth_date, company_name, person_name, start_weights
from supervise_lib.data.linkage_names import company_keys, company_parts, figures, is_masked, name_keys, name_sound, near_sound, tidy_name
from supervise_lib.data.linkage_places import address_keys, address_parts, phone, phone_keys

HAN = st.sampled_from("张王李赵欧阳单曾伟强小明芳娜丽志国建华文静雪慧琳蓉婷倩颖龙飞海林")
NAME = st.text(HAN, min_size=2, max_size=4)
BORN = st.dates(pd.Timestamp("1940-01-01").date(), pd.Timestamp("2010-12-31").date())
QUICK = settings(max_examples=60, deadline=None)


@QUICK
@given(st.text(max_size=12))
def test_tidying_is_done_once(text):
    once = tidy_name(text)
    if once is not None: assert tidy_name(once) == once


@QUICK
@given(NAME, st.sampled_from([" ", "　", "·", "•", "."]), st.integers(1, 3))
def test_spaces_and_dots_do_not_matter(name, mark, at):
    assert tidy_name(name[:at] + mark + name[at:]) == tidy_name(name) == tidy_name(f" {name} ") == tidy_name(f"{name}（曾用名某某）")


@QUICK
@given(NAME, st.randoms())
def test_order_key_forgets_the_order_and_nothing_else(name, random):
    mixed = "".join(random.sample(name, len(name))); k = name_keys(pd.Series([name, mixed]))
    assert k["order"][0] == k["order"][1] and sorted(k["order"][0]) == sorted(name)
    assert (k["name"][0] == k["name"][1]) == (name == mixed)


@QUICK
@given(NAME)
def test_a_sound_has_a_syllable_for_each_character_and_folding_is_done_once(name):
    sound = name_sound(name)
    assert len(sound.split()) == len(name) and sound.isascii()
    assert near_sound(near_sound(sound)) == near_sound(sound)


@pytest.mark.parametrize("old, new", [p for p in figures()["variants"].split()][::7])
def test_variant_characters_are_one_name(old, new): assert tidy_name("李" + old) == tidy_name("李" + new) and name_sound("李" + new)


@pytest.mark.parametrize("name", ["张某", "张某某", "欧阳某", "李×强", "王*", "赵某1", "周□", "李?", "张某（化名）"])
def test_masked_names_have_no_keys(name):
    k = name_keys(pd.Series([name])).iloc[0]
    assert is_masked(tidy_name(name)) and k["masked"] and k[["name", "sound", "near", "order"]].isna().all()


def test_missing_names_stay_missing():
    k = name_keys(pd.Series(["不详", None, "", "张伟"]))
    assert k["name"].isna().tolist() == [True, True, True, False] and k["masked"].isna().tolist()[:3] == [True] * 3


@pytest.mark.parametrize("a, b", [("单雄", "善雄"), ("曾强", "增强"), ("张伟", "章炜"), ("李国强", "黎國強"), ("李YAN", "李燕")])
def test_sounds_the_same(a, b): assert name_sound(tidy_name(a)) == name_sound(tidy_name(b))


@pytest.mark.parametrize("a, b", [("张伟", "张明"), ("单雄", "丹雄"), ("王芳", "黄芳")])
def test_sounds_otherwise(a, b): assert name_sound(a) != name_sound(b)


@QUICK
@given(st.sampled_from(["", "安徽", "安徽省", "合肥", "合肥市", "肥西县"]), st.text(HAN, min_size=2, max_size=4), st.sampled_from(["建筑工程", "商贸", "科技", ""]),
       st.sampled_from(["有限公司", "有限责任公司", "股份有限公司", "经营部", "厂"]))
def test_the_core_of_a_company_survives_place_trade_and_form(place, core, trade, form):
    c = company_parts(place + core + trade + form)
    assert c.core + c.trade == core + trade and bool(c.place) == bool(place)


@QUICK
@given(st.text(max_size=20))
def test_any_text_can_be_a_company(text):
    c = company_parts(text)
    assert c is None or c.core


@pytest.mark.parametrize("a, b, same", [
    ("合肥皖新商贸有限公司", "皖新商贸有限责任公司", True), ("皖新（合肥）商贸有限公司", "合肥皖新商贸有限公司", True), ("皖新商贸有限公司", "皖新建材有限公司", False), ("皖新商贸有限公司", "皖兴商贸有限公司", False)])
def test_bodies_of_companies(a, b, same):
    k = company_keys(pd.Series([a, b])); assert (k["body"][0] == k["body"][1]) is same


def test_a_branch_is_told_from_its_company():
    assert company_parts("安徽皖新商贸有限公司").branch is None
    assert company_parts("安徽皖新商贸有限公司芜湖分公司").branch == "芜湖分公司" and company_parts("安徽皖新商贸有限公司芜湖分公司").core == "皖新"


@pytest.mark.parametrize("a, b", [
    ("安徽省合肥市肥西县上派镇人民路12号3幢2单元501室", "人民路十二号3栋2-501"), ("合肥市包河区长江路8号1号楼301室", "长江路8号1幢301"), ("肥西县 人民路１２号３幢５０１室", "人民路12号3栋501室")])
def test_one_door_written_in_two_ways(a, b): assert address_parts(a).door == address_parts(b).door is not None


def test_missing_parts_of_an_address_equal_nothing():
    k = address_keys(pd.Series(["人民路12号", "人民路12号3幢", "城关镇李庄村", "双河镇李庄村", None, "肥西县某路某号"]))
    assert k["door"].isna().all() and k["house"].isna().tolist() == [False, False, True, True, True, True]
    assert k["area"][2] != k["area"][3] and k["area"].isna()[4:].all()


@QUICK
@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True).filter(lambda p: len(set(p)) > 2), st.sampled_from(["{}", "+86{}", "0086 {}", "{}.0", " {} "]))
def test_a_mobile_number_in_any_dress(number, dress):
    assert phone(dress.format(number)) == number == phone(f"{number[:3]}-{number[3:7]}-{number[7:]}")


@pytest.mark.parametrize("text", ["110", "12345", "96110", "无", "138****1234", "11111111111", "", "0"])
def test_no_telephone(text): assert phone(text) is None


def test_a_hub_telephone_ties_nobody():
    calls = phone_keys(pd.Series(["13800001234"] * 25 + ["13900005678"] * 25), pd.Series([f"n{i}" for i in range(25)] + ["one"] * 25))
    assert calls[:25].isna().all() and calls[25:].notna().all()


@settings(max_examples=40, deadline=None)
@given(NAME, NAME)
def test_agreement_of_names_is_the_same_both_ways(a, b):
    one, other = agreement(person_name(), dict(person_name=a), dict(person_name=b)), agreement(person_name(), dict(person_name=b), dict(person_name=a))
    assert one == other and (one == "same") == (a == b)


@settings(max_examples=40, deadline=None)
@given(BORN, BORN)
def test_agreement_of_birth_dates(a, b):
    level = agreement(birth_date(), dict(birth_date=a.isoformat()), dict(birth_date=b.isoformat()))
    assert (level == "same") == (a == b)
    if level == "else": assert a.year != b.year


def test_unknown_is_neither_agreement_nor_difference():
    for c in (person_name(), birth_date(), company_name()): assert agreement(c, {c.columns[0]: None}, {c.columns[0]: None}) == "unknown"


def test_starting_weights_fall_and_cover_each_level():
    for c in EVERY:
        w = start_weights(c); ratios = [m / u for m, u in w.values()]
        assert ratios == sorted(ratios, reverse=True) and list(w)[-1] == "else" and ratios[0] > 1 > ratios[-1]
        assert 0.9 < sum(m for m, _ in w.values()) < 1.1
