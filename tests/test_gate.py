"""The gate: what it lets through, what it refuses, and how it says so."""
import re

import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.publish.gate import Gate, Refused, identifiers, masked, personal_columns, plain, small_counts

DIGITS = st.text("0123456789", min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.dates(min_value=__import__("datetime").date(1900, 1, 1), max_value=__import__("datetime").date(2023, 12, 31)), st.text("0123456789", min_size=3, max_size=3), st.sampled_from("0123456789Xx"), st.lists(st.sampled_from(["", " ", "-", "\u200b", "\xa0"]), min_size=17, max_size=17), st.booleans())
def test_every_identity_number_is_seen_however_it_is_spaced(born, order, last, gaps, wide):
    number = f"340111{born:%Y%m%d}{order}{last}"
    text = "".join(c + g for c, g in zip(number, [*gaps, ""], strict=True))
    if wide: text = text.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789Xx"})
    assert "identity" in [k for k, _ in identifiers(f"号码{text}。")]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_gate(text):
    list(identifiers(text)); list(small_counts(text, 5)); plain(text)
    Gate(threshold=5).findings({"a.html": text.encode("utf-8", "replace"), "b.json": text.encode("utf-8", "replace"), "c.png": b"\x89PNG\r\n\x1a\n" + text.encode("utf-8", "replace"), "d.bin": text.encode("utf-8", "replace")})


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(2, 12))
def test_a_phrase_is_small_below_the_threshold_only(n, k):
    for phrase in (f"共{n}人", f"{n} children", f"线索：{n}"): assert bool(list(small_counts(phrase, k))) == (0 < n < k)


def test_a_refusal_says_what_where_and_what_to_do_and_does_not_repeat_it():
    with pytest.raises(Refused) as told: Gate(frozenset({"测试某甲"}), threshold=5).check({"zh/a.html": "<p>测试某甲，13800138000，共3人</p>".encode()})
    text = str(told.value)
    assert "zh/a.html" in text and "nothing was written" in text and "publish counts, not rows" in text and "publish.linked" in text
    assert "测试某甲" not in text and "13800138000" not in text
    assert {f.kind for f in told.value.findings} == {"name", "phone", "small"}


def test_many_findings_are_counted_not_all_listed():
    with pytest.raises(Refused) as told: Gate(threshold=5).check({f"{i}.html": b"<p>13800138000</p>" for i in range(40)})
    assert "40 found" in str(told.value) and "28 more" in str(told.value) and len(str(told.value).splitlines()) < 20


def test_own_sentences_may_count_and_data_may_not():
    rule = "同一地址有3个以上企业，含2人合伙"
    assert not Gate(threshold=5, own=[rule]).findings({"a.html": f"<p>{rule}</p>".encode()})
    assert [f.kind for f in Gate(threshold=5, own=[rule]).findings({"a.html": f"<p>{rule}，本县2人</p>".encode()})] == ["small"]
    assert Gate(threshold=5, own=["共13800138000"]).findings({"a.html": "共13800138000".encode()}), "an identifier is none of our own, whoever says so"


@pytest.mark.parametrize("column", ["person_id_no", "person_name"])
def test_personal_columns_are_refused_as_headings_and_fields(column):
    assert column in personal_columns()
    for name, data in {"a.html": f"<table><tr><th scope=col>{column}</th></tr></table>", "a.json": f'{{"{column}": "x"}}', "a.csv": f"{column},n\nx,100\n"}.items():
        assert "column" in [f.kind for f in Gate(threshold=5).findings({name: data.encode()})], name


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet", "a.pdf", "a.zip", "a"])
def test_what_cannot_be_looked_into_is_refused(name):
    assert "file" in [f.kind for f in Gate(threshold=5).findings({name: b"PK\x03\x04 anything"})]


def test_files_about_minors_are_held_to_the_higher_threshold():
    files = {"m.html": b"<td>7</td>", "o.html": b"<td>7</td>"}
    assert [f.where for f in Gate(threshold=5, minors=frozenset({"m.html"})).findings(files)] == ["m.html"]


def test_masking_shows_two_characters_at_most():
    assert masked("340111199003071234") == "34…(18)" and not re.search(r"\d{5}", masked("13800138000"))
