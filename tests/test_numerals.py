"Numbers, dates and terms as people write them: every value written by an independent writer must be read back."
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise_lib.data.numerals import (
    Quantity, chinese_date, chinese_number, chinese_term, chinese_time, dates_in, excel_date, money, quantity,
)

PLAIN, BANKER = "零一二三四五六七八九十百千", "零壹贰叁肆伍陆柒捌玖拾佰仟"


def section(n, c):
    out, zero = "", False
    for unit, name in ((1000, c[12]), (100, c[11]), (10, c[10]), (1, "")):
        d = n // unit % 10
        if d: out += (c[0] if zero and out else "") + c[d] + name; zero = False
        else: zero = True
    return out


def written(n, c=PLAIN):
    if n == 0: return c[0]
    out, parts = "", [(n // 10**8, "亿"), (n // 10**4 % 10**4, "万"), (n % 10**4, "")]
    for value, name in parts:
        if not value: continue
        if out and value < 1000: out += c[0]
        out += section(value, c) + name
    return out


@given(st.integers(0, 10**12 - 1).filter(lambda n: n // 10**8 < 10**4))
def test_a_written_number_is_read_back(n):
    assert chinese_number(written(n)) == n
    assert chinese_number(written(n, BANKER)) == n
    assert chinese_number(f"{n:,}") == n
    assert chinese_number(f"{n:,}".replace(",", "，")) == n
    assert chinese_number(str(n).translate(str.maketrans("0123456789", "０１２３４５６７８９"))) == n


@given(st.integers(1, 10**9), st.sampled_from(["万", "亿"]))
def test_decimals_before_a_unit_are_exact(n, unit):
    text = f"{n // 100}.{n % 100:02d}{unit}"
    assert chinese_number(text) == float(Decimal(n) / 100 * {"万": 10**4, "亿": 10**8}[unit])


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_a_written_date_is_read_back(d):
    year = "".join(PLAIN[int(c)] for c in str(d.year))
    month, day = written(d.month).removeprefix("一") if d.month > 9 else written(d.month), written(d.day)
    for zero in "〇○零0OΟ": assert chinese_date(f"{year.replace('零', zero)}年{month}月{day}日") == d
    for text in (f"{d.year}年{d.month}月{d.day}日", f"{d.year}.{d.month}.{d.day}", d.isoformat(), f"{d:%Y/%m/%d}", f"{d:%Y%m%d}", f"{d:%Y-%m-%d} 08:30:00"):
        assert chinese_date(text) == d
    assert dates_in(f"被告人于{year}年{month}月{day}日被拘留")[0][0] == d


@given(st.dates(date(1910, 1, 2), date(2099, 12, 31)))
def test_excel_serials_count_from_1900(d):
    assert excel_date((d - date(1899, 12, 30)).days) == d


def test_excel_serial_known_day():
    assert excel_date(43244) == date(2018, 5, 24)
    assert excel_date(20180524) is None and excel_date(17) is None


@given(st.integers(0, 25), st.integers(0, 40), st.integers(0, 60))
def test_terms_stay_as_pronounced(y, m, d):
    if not (y or m or d): return
    for write in (written, str):
        parts = [write(y) + "年"] * bool(y) + [write(m) + "个月"] * bool(m) + [write(d) + "日"] * bool(d)
        for joiner in ("", "零", "又"): assert chinese_term(joiner.join(parts)) == (y, m, d)


@pytest.mark.parametrize("text, expected", [
    ("两年", (2, 0, 0)), ("半年", (0, 6, 0)), ("一年半", (1, 6, 0)), ("一年六月", (1, 6, 0)), ("一年零六个月", (1, 6, 0)),
    ("六月", None), ("一个半月", None), ("无期徒刑", None), ("×年", None), ("2018年5月24日", None), ("", None), ("年", None), ("一年半六个月", None)])
def test_terms(text, expected):
    assert chinese_term(text) == expected


@pytest.mark.parametrize("text", ["××", "X", "某", "1300余", "几百", "数十", "三五百", "3万5", "1.5万2千", "万", "", "百五", "3,00", "三百千",
                                  "一万亿万", "-", "十十"])
def test_what_does_not_say_one_number_is_refused(text): assert chinese_number(text) is None


@pytest.mark.parametrize("text, value", [("1万2千", 12000), ("三千五", 3500), ("三千零五", 3005), ("两千", 2000), ("廿", 20), ("卅五", 35), ("二〇一八", 2018),
                                         ("二0一八", 2018), ("2O18", 2018), ("十", 10), ("一百二", 120), ("1万5000", 15000), ("12,000万", 120000000)])
def test_numbers(text, value): assert chinese_number(text) == value


@pytest.mark.parametrize("text, value", [("1300余", Quantity(1300, "at_least")), ("三万多", Quantity(30000, "at_least")),
                                         ("一百余万", Quantity(1000000, "at_least")),
                                         ("近3000", Quantity(3000, "below")), ("约500", Quantity(500, "about")), ("500", Quantity(500)), ("余", None)])
def test_quantities_keep_their_bound(text, value): assert quantity(text) == value


@pytest.mark.parametrize("text", ["2018年2月30日", "2018-02-29", "20181332", "18年5月24日", "2018年5月", "二〇一八年五月初五", "24/5/2018", "2018-5/24",
                                  "某年某月某日", "2018年×月24日", "1018年5月24日", "2018-05-24 24:30",
                                  "2018年5月24日25时", "", "2018年十三月一日", "2018年〇月一日", "43244"])
def test_impossible_or_partial_dates_are_refused(text): assert chinese_date(text) is None


def test_times():
    assert chinese_time("2018-05-24T10:30") == datetime(2018, 5, 24, 10, 30)
    assert chinese_time("2018年5月24日10时30分") == datetime(2018, 5, 24, 10, 30)
    assert chinese_time("2018/5/24 9:05:07") == datetime(2018, 5, 24, 9, 5, 7)
    assert chinese_time("2018-05-24") == datetime(2018, 5, 24)
    assert chinese_time("2018-05-24 24:00") == datetime(2018, 5, 24) + timedelta(1)
    assert chinese_time("2018-05-24T10:30Z") is None


@given(st.integers(1, 10**11))
def test_money_is_exact_to_the_fen(n):
    yuan, fen = divmod(n, 100)
    assert money(f"{yuan:,}.{fen:02d}元") == Decimal(n) / 100
    assert money(f"¥{yuan}.{fen:02d}") == Decimal(n) / 100
    assert money(f"{yuan}元{fen // 10}角{fen % 10}分") == Decimal(n) / 100
    if yuan: assert money(f"人民币{written(yuan, BANKER)}元整") == yuan
    assert money(f"-{yuan}元") == -yuan


def test_money_needs_its_unit():
    assert money("3.5") is None and money("3.5", unit="万元") == 35000 and money("3.5", unit="元") == Decimal("3.5")
    assert money("6.2万元") == 62000 and money("6.2万元", unit="元") == 62000
    assert [money(t) for t in ("3000美元", "约3000元", "××元", "元", "")] == [None] * 5
    with pytest.raises(ValueError, match="expected 元 or 万元"): money("3", unit="角")


@given(st.text(alphabet="零一二三十百千万亿两0123.,年月日个半又元角分余约×- /:", max_size=12))
def test_nonsense_never_raises(text):
    for read in (chinese_number, chinese_date, chinese_time, chinese_term, money, quantity): read(text)


def test_quick_enough():
    texts = [f"二〇{PLAIN[i // 10 % 10]}{PLAIN[i % 10]}年{written(i % 12 + 1)}月{written(i % 28 + 1)}日" for i in range(20000)]
    start = time.perf_counter()
    for t in texts: chinese_date(t)
    assert len(texts) / (time.perf_counter() - start) > 20_000
