"Identity numbers: check, pseudonym, vault, log. All numbers are invented."
import json
import os
import stat
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hsettings
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from supervise_lib.data.identity import (
    REASONS, KeyLost, Keyring, check, check_code, check_log, column_kind, other_token, party, pseudonym, pseudonymise_text, pseudonyms, reveal,
)

ARROW = pd.ArrowDtype(pa.string())


def number(day=date(1990, 3, 7), serial=101, division="340104"):
    body = f"{division}{day:%Y%m%d}{serial:03d}"
    return body + ric.calc_check_digit(body + "0")


def slip(n, at=16): return n[:at] + str((int(n[at]) + 1) % 10) + n[at + 1:]


@pytest.fixture(scope="module")
def keys(tmp_path_factory): return Keyring(tmp_path_factory.mktemp("keys") / "identity.key")


@given(st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(1, 998))
def test_valid_numbers_tell_birth_and_sex(day, serial):
    n = number(day, serial)
    found = check(n)
    assert (found.number, found.valid, found.birth_date, found.sex) == (n, True, day, "M" if serial % 2 else "F")
    assert check("'" + n.lower() + " ").number == n
    assert check(n.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})).number == n


@given(st.dates(date(1940, 1, 1), date(1999, 12, 31)), st.integers(1, 995), st.integers(0, 16), st.integers(1, 9))
def test_every_single_slip_is_seen(day, serial, at, by):
    n = number(day, serial)
    wrong = n[:at] + str((int(n[at]) + by) % 10) + n[at + 1:]
    assert not check(wrong).valid and check(wrong).reason in REASONS


@given(st.dates(date(1930, 1, 1), date(1999, 12, 31)), st.integers(1, 995))
def test_an_old_number_is_the_same_person(day, serial):
    n = number(day, serial)
    assert check(n[:6] + n[8:17]).number == n


@pytest.mark.parametrize("value, reason", [
    (None, "missing"), ("", "missing"), (float("nan"), "missing"), ("3.40104199003071E+17", "lost_digits"), (3.40104199003071e17, "lost_digits"),
    ("340104199003071000", "lost_digits"), ("340104199003070976.0", "lost_digits"), ("340104********1012", "masked"), ("34010419900307XXXX", "masked"),
    ("无", "placeholder"), ("111111111111111111", "placeholder"), ("张三", "not_a_number"), ("3401041990030710", "length"), ("340104199002301012", None)])
def test_reasons(value, reason):
    found = check(value)
    assert not found.valid and found.reason == (reason or found.reason) and found.why


def test_impossible_birth_date_and_division():
    body = "34010419900230101"
    assert check(body + ric.calc_check_digit(body + "0")).reason == "birth_date"
    assert check(number(division="990104")).reason == "division"


def test_credit_codes():
    assert check_code("91110000600037341L") == "91110000600037341L" and check_code("９1110000600037341l") == "91110000600037341L"
    assert check_code("91110000600037341A") is None and check_code("") is None


def test_pseudonyms_are_stable_keyed_and_separate(keys, tmp_path):
    n = number()
    p = pseudonym(n, keys)
    assert p == pseudonym(n, Keyring(keys.key_file)) == pseudonym(n[:6] + n[8:17], keys) and len(p) == 25 and p[0] == "P"
    assert pseudonym(n, Keyring(tmp_path / "other.key")) != p
    assert pseudonym(p, keys) == p
    weak = pseudonym(slip(n), keys)
    assert weak[0] == "W" and weak[1:] != p[1:] and weak == pseudonym(slip(n) + " ", keys)
    assert len({other_token(n, keys, "phone"), other_token(n, keys, "account"), p}) == 3


def test_series_keep_index_and_missing_stays_missing(keys):
    n = number()
    s = pd.Series([n, None, slip(n), "3.4E+17", n], index=list("abcde"), dtype=ARROW)
    out = pseudonyms(s, keys)
    assert list(out.index) == list("abcde") and out.pseudonym.isna().tolist() == [False, True, False, True, False]
    assert out.pseudonym["a"] == out.pseudonym["e"] == pseudonym(n, keys) and out.reason["d"] == "lost_digits" and pd.isna(out.reason["a"])
    assert pseudonyms(s.iloc[:0], keys).pseudonym.dtype == ARROW


def test_key_file_is_private_and_its_loss_is_an_error(tmp_path):
    k = Keyring(tmp_path / "deep" / "identity.key")
    assert stat.S_IMODE(k.key_file.stat().st_mode) == 0o600
    pseudonym(number(), k)
    assert stat.S_IMODE(k.vault.stat().st_mode) == 0o600 and number().encode() not in k.vault.read_bytes()
    k.key_file.rename(tmp_path / "gone")
    with pytest.raises(KeyLost, match="Restore the key"): Keyring(k.key_file)
    k.key_file.write_text("rubbish")
    os.chmod(k.key_file, 0o600)
    with pytest.raises(KeyLost, match="not a key file"): Keyring(k.key_file)


def test_env_names_the_key_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "env.key"))
    assert Keyring().key_file == tmp_path / "env.key"


def test_reveal_demands_reason_and_logs(tmp_path):
    k = Keyring(tmp_path / "identity.key")
    n = number()
    p, w = pseudonym(n, k), pseudonym(slip(n), k)
    for reason, who in (("", "A"), ("  ", "A"), ("why", ""), (None, "A")):
        with pytest.raises(ValueError, match="needs a reason"): reveal(p, reason, who, k)
    assert not k.log.exists()
    assert reveal(p, "notice 通知", "Officer A", k) == n and reveal(w, "correct it", "Officer B", k) == slip(n)
    with pytest.raises(KeyError, match="another key"): reveal("P" + "A" * 24, "try", "Officer C", k)
    with pytest.raises(ValueError, match="not a pseudonym"): reveal(n, "try", "Officer C", k)
    log = [json.loads(x) for x in k.log.read_text(encoding="utf-8").splitlines()]
    assert [(e["who"], e["found"]) for e in log] == [("Officer A", True), ("Officer B", True), ("Officer C", False)]
    assert n not in k.log.read_text(encoding="utf-8") and check_log(k) == (3, None)


@pytest.mark.parametrize("spoil", [
    lambda t: t.replace("first", "other"), lambda t: "".join(t.splitlines(True)[1:]), lambda t: "".join(t.splitlines(True)[:-1]), lambda t: "",
    lambda t: t + "not json\n", lambda t: "".join(t.splitlines(True)[::-1])], ids=["changed", "first out", "last out", "emptied", "added", "reordered"])
def test_tampering_with_the_log_shows(tmp_path, spoil):
    k = Keyring(tmp_path / "identity.key")
    p = pseudonym(number(), k)
    for reason in ("first", "second", "third"): reveal(p, reason, "Officer A", k)
    assert check_log(k).ok
    k.log.write_text(spoil(k.log.read_text(encoding="utf-8")), encoding="utf-8")
    assert not check_log(k).ok
    with pytest.raises(RuntimeError, match="not intact"): reveal(p, "fourth", "Officer A", k)


def test_swapped_vault_rows_are_not_believed(tmp_path):
    import sqlite3
    k = Keyring(tmp_path / "identity.key")
    a, b = pseudonym(number(), k), pseudonym(number(serial=103), k)
    with sqlite3.connect(k.vault) as db: db.execute("update numbers set sealed = (select sealed from numbers where pseudonym = ?) where pseudonym = ?", (b, a))
    with pytest.raises(Exception): reveal(a, "swap", "Officer A", k)  # noqa: B017 the cipher's own refusal


@hsettings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="被告人，。：ab ", max_size=8), st.dates(date(1950, 1, 1), date(2010, 1, 1)), st.text(alphabet="被告人，。：（", max_size=8))
def test_no_resident_number_survives_in_a_text(keys, before, day, after):
    before = before.rstrip("ab")
    for n in (number(day), slip(number(day)), number(day).lower()):
        out = pseudonymise_text(f"{before}{n}{after}", keys, keep=False)
        assert n not in out and pseudonym(n, keys, keep=False) in out


def test_texts_lose_phones_and_cards_but_keep_codes_and_case_numbers(keys):
    text = "电话13800000000，0551-62345678，卡号6222 0212 3456 7890 123，代码91110000600037341L，（2023）皖0104刑初123号，2018年5月24日，金额1234567元"
    out = pseudonymise_text(text, keys)
    assert "13800000000" not in out and "62345678" not in out and "7890" not in out
    for kept in ("91110000600037341L", "（2023）皖0104刑初123号", "2018年5月24日", "1234567元"): assert kept in out
    s = pd.Series([text, None], dtype=ARROW)
    assert pseudonymise_text(s, keys)[0] == out and pd.isna(pseudonymise_text(s, keys)[1])


def test_an_all_digit_credit_code_is_not_a_person(keys):
    code = next(c for i in range(10**4) if (c := (b := f"913401040{i:08d}") + uscc.calc_check_digit(b + "0")).isdigit())
    assert uscc.is_valid(code) and code in pseudonymise_text(f"代码{code}，", keys)


def test_parties(keys):
    n, p = number(), pseudonym(number(), keys)
    assert party(f"P:{n}", keys)[0] == party(n, keys)[0] == party(f"p：{n}", keys)[0] == f"P:{p}"
    assert party("O:91110000600037341L", keys)[0] == party("91110000600037341L", keys)[0] == "O:91110000600037341L"
    assert party("张三", keys)[0] is None and party("P:", keys)[0] is None and party("P:340104********1012", keys)[:2] == (None, "masked")
    assert party(f"P:{slip(n)}", keys)[0].startswith("P:W")


def test_columns():
    assert [column_kind(*c) for c in (("person_id_no", "18 characters, upper-case X"), ("child_id_no", "18 characters"), ("payer_party_id", ""), ("uscc", ""),
                                      ("account_hash", "salted SHA-256"), ("doc_hash", "SHA-256"), ("person_name", ""))] == [
        "person", "person", "party", "code", "hash", None, None]
