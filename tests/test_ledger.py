"Leads through their life: only permitted steps, nothing lost by writers at once, nothing changed unseen."
import datetime as dt
import multiprocessing
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from supervise_lib.data.identity import Keyring
from supervise_lib.review.ledger import Ledger, assign, check_ledger, enter, move, overdue, receive, standing, table
from supervise_lib.review.lifecycle import Refused, lifecycle, permitted, reply_due, steps_from
from supervise_lib.review.packs import calendar, deadlines, pack, unpack

LEAD = "judgment_consistency-340111-20231231-%012x"
ROAD = (("TRI", "AN", {}), ("REG", "PR", {}), ("ASS", "PR", {}), ("PIN", "PR", {"note": "x"}), ("FIL", "CP", {"doc": "1"}))
BRINGS = {"reason": "lawful", "doc": "D1", "note": "n", "target": "340123", "line": "CIVIL", "outcome": "o", "same": LEAD % 1, "kind": "suggestion_social", "served": "2023-03-01"}


def leads(n, severity=2): return pd.DataFrame({"lead_no": [LEAD % i for i in range(n)], "region_code": "340111", "severity": severity, "grade": f"S{severity}", "hits": "JUDGE_R01"})

@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.sqlite", Keyring(tmp_path / "key"))
    enter(found, leads(3), at=dt.datetime(2023, 2, 1))
    return found

def walk(ledger, lead, road=ROAD):
    for to, role, more in road: move(ledger, lead, to, role, "甲", **more)


# ---- the table of the catalogue

def test_invariants_of_the_catalogue():
    life = lifecycle()
    into = lambda state: {s.start for s in life.steps.values() if s.to == state}
    assert ("GEN", "FIL") not in life.steps and ("TPR", "ASS") not in life.steps and ("TPR", "TRI") not in life.steps
    assert all(s.by in (("CP",), ("CP", "PC")) and "doc" in s.needs for s in life.steps.values() if s.to == "FIL")
    assert life.steps["PRO", "OVR"].by == ("SYS",) and into("TER") == {"FUP", "CON", "NOT"}
    reached, more = {"GEN"}, {"GEN"}
    while more: more = {s.to for x in more for s in steps_from(x)} - reached; reached |= more
    assert reached == set(life.states) and all(steps_from(s) for s in set(life.states) - life.ends)

@pytest.mark.parametrize("start", lifecycle().states)
def test_every_step_not_in_the_table_is_refused(start):
    for to in lifecycle().states:
        step = lifecycle().steps.get((start, to))
        for role in lifecycle().roles:
            if step and role in step.by: assert permitted(start, to, role, 2, BRINGS) == step
            else:
                with pytest.raises(Refused): permitted(start, to, role, 2, BRINGS)

def test_a_step_without_what_it_needs_says_what_is_lacking():
    for step in lifecycle().steps.values():
        for need in step.needs:
            with pytest.raises(Refused, match=f"needs .*{need}"): permitted(step.start, step.to, step.by[0], 2, {**BRINGS, need: ""})

def test_a_grave_lead_is_rejected_by_a_prosecutor_only():
    assert permitted("TRI", "REJ", "AN", 2, BRINGS)
    with pytest.raises(Refused, match="who may: PR"): permitted("TRI", "REJ", "AN", 3, BRINGS)


# ---- one ledger

@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(lifecycle().states)), st.sampled_from(sorted(lifecycle().roles))), max_size=25))
def test_whatever_is_tried_the_state_is_that_of_the_last_event(tmp_path_factory, tries):
    base = tmp_path_factory.mktemp("any")
    ledger = Ledger(base / "l.sqlite", Keyring(base / "key")); enter(ledger, leads(2))
    state, done = "GEN", 0
    for to, role in tries:
        try: move(ledger, LEAD % 0, to, role, "甲", **BRINGS)
        except Refused: continue
        assert (state, to) in lifecycle().steps
        state, done = to, done + 1
    assert standing(ledger, LEAD % 0).state == state and len(ledger.events(LEAD % 0)) == done + 1 and check_ledger(ledger) is None

def test_leads_are_entered_once(ledger):
    assert enter(ledger, leads(5)) == 2 and enter(ledger, leads(5)) == 0 and table(ledger).state.tolist() == ["GEN"] * 5

def test_a_lead_nobody_entered_is_refused_with_what_to_do(ledger):
    for call in (lambda: move(ledger, LEAD % 99, "TRI", "AN", "甲"), lambda: standing(ledger, LEAD % 99), lambda: assign(ledger, LEAD % 99, "乙", "甲")):
        with pytest.raises(KeyError, match="is not in"): call()

def test_assigning_leaves_the_lead_where_it_is(ledger):
    assign(ledger, LEAD % 0, "乙", "甲")
    assert table(ledger).set_index("lead").loc[LEAD % 0, ["state", "owner"]].tolist() == ["GEN", "乙"]
    with pytest.raises(Refused, match="may not assign"): assign(ledger, LEAD % 0, "乙", "甲", role="AN")

def test_a_duplicate_names_another_lead_of_the_ledger(ledger):
    move(ledger, LEAD % 0, "TRI", "AN", "甲")
    for same in (LEAD % 0, LEAD % 77):
        with pytest.raises(Refused, match="is not another lead"): move(ledger, LEAD % 0, "DUP", "AN", "甲", same=same)
    assert move(ledger, LEAD % 0, "DUP", "AN", "甲", same=LEAD % 1).to == "DUP"


# ---- transfers

def test_a_transferred_lead_is_not_bounced_back_however_long_the_way(ledger):
    lead, walked = LEAD % 0, ["340111"]
    walk(ledger, lead, ROAD[:3])
    for target in ("340123", "340124"):
        move(ledger, lead, "TPR", "CP", "甲", target=target, doc="1"); walked.append(target)
        mine = receive(ledger, lead, "乙")
        with pytest.raises(Refused, match="received already"): receive(ledger, lead, "乙")
        move(ledger, mine, "ASS", "PR", "乙"); lead = mine
        for back in walked:
            with pytest.raises(Refused, match="does not come back: report the dispute upwards"): move(ledger, lead, "TPR", "CP", "乙", target=back, doc="2")
    move(ledger, LEAD % 0, "CLO", "SP", "丙", outcome="filed there")
    assert table(ledger, seat="340124").lead.tolist() == [f"{LEAD % 0}@340124"] and standing(ledger, LEAD % 0).state == "CLO"

def test_a_line_that_returned_a_lead_does_not_get_it_again(ledger):
    walk(ledger, LEAD % 0, ROAD[:3])
    move(ledger, LEAD % 0, "TIN", "HD", "甲", line="CIVIL"); move(ledger, LEAD % 0, "REG", "HD", "乙", reason="out_of_scope"); move(ledger, LEAD % 0, "ASS", "PR", "丙")
    with pytest.raises(Refused, match="has returned this lead"): move(ledger, LEAD % 0, "TIN", "HD", "甲", line="CIVIL")
    assert move(ledger, LEAD % 0, "TIN", "HD", "甲", line="PIL").to == "TIN"

def test_an_unknown_region_is_refused(ledger):
    walk(ledger, LEAD % 0, ROAD[:3])
    with pytest.raises((KeyError, ValueError)): move(ledger, LEAD % 0, "TPR", "CP", "甲", target="349999", doc="1")
    assert standing(ledger, LEAD % 0).state == "ASS"


# ---- clocks

@pytest.mark.parametrize("kind, served, due", [("suggestion_social", "2023-03-01", "2023-05-04"), ("suggestion_social", "2022-12-30", "2023-02-28"), ("pil_proposal", "2023-06-15", "2023-08-15"),
                                               ("suggestion_enforcement", "2023-03-01", "2023-06-01"), ("explain_non_filing", "2023-06-01", "2023-06-08"), ("suggestion_trial", "2023-06-30", "2023-07-31"),
                                               ("correction_notice", "2023-06-01", None), ("pil_proposal", "2017-01-01", None)])
def test_the_answer_is_due_by_the_law_of_the_day(kind, served, due):
    assert reply_due(kind, dt.date.fromisoformat(served)) == (due and dt.date.fromisoformat(due))

def test_only_the_clock_makes_overdue(ledger):
    walk(ledger, LEAD % 0); move(ledger, LEAD % 0, "PRO", "CP", "甲", kind="suggestion_social", doc="1", served="2023-06-01")
    with pytest.raises(Refused): move(ledger, LEAD % 0, "OVR", "CP", "甲")
    assert [overdue(ledger, dt.date(2023, 8, d)) for d in (1, 2, 3)] == [0, 1, 0]
    assert standing(ledger, LEAD % 0).state == "OVR"

def test_deadlines_and_calendar(ledger):
    walk(ledger, LEAD % 0); move(ledger, LEAD % 0, "PRO", "CP", "甲", kind="suggestion_social", doc="1", served="2023-06-01")
    found = deadlines(ledger, dt.date(2023, 7, 22)).set_index(["lead", "what"])
    assert found.loc[(LEAD % 0, "reply"), ["due", "days_left"]].tolist() == ["2023-08-01", 10] and found.loc[(LEAD % 1, "step"), "days_left"] < 0
    from icalendar import Calendar
    entries = {str(e["uid"]): e for e in Calendar.from_ical(calendar(ledger, day=dt.date(2023, 7, 22))).walk("vevent")}
    mine = entries[f"{LEAD % 0}-reply@supervise_lib"]
    assert mine["dtstart"].dt == dt.date(2023, 8, 1) and "应复" in str(mine["summary"]) and [a["trigger"].dt.days for a in mine.walk("valarm")] == [-10, -3]


# ---- writers, damage, tampering

def write(path, key, n, mine):
    ledger = Ledger(path, Keyring(key))
    for i in range(n): assign(ledger, LEAD % (i % 3), f"w{mine}-{i}", f"w{mine}")

def test_writers_at_once_lose_nothing(ledger):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(ledger.path, ledger.keys.key_file, 25, m)) for m in range(4)]
    for p in processes: p.start()
    for p in processes: p.join(120)
    assert [p.exitcode for p in processes] == [0] * 4
    told = [e.data["owner"] for e in ledger.events() if "owner" in e.data]
    assert sorted(told) == sorted(f"w{m}-{i}" for m in range(4) for i in range(25)) and check_ledger(ledger) is None

def test_two_who_decide_at_once_do_not_both_succeed(ledger):
    move(ledger, LEAD % 0, "TRI", "AN", "甲")
    move(ledger, LEAD % 0, "REJ", "AN", "甲", reason="lawful")
    with pytest.raises(Refused, match="cannot become REG"): move(ledger, LEAD % 0, "REG", "CM", "乙")

@pytest.mark.parametrize("sql", ["update events set actor = '己' where seq = 2", "delete from events where seq = 2", "update events set seq = 9 where seq = 3", "delete from events where seq = 3; insert into events select 3, lead, start, \"to\", role, actor, at, data, digest from events where seq = 2"])
def test_tampering_shows(ledger, sql):
    with sqlite3.connect(ledger.path) as db:
        with pytest.raises(sqlite3.DatabaseError, match="never"): db.executescript(sql)
        db.rollback()
        db.executescript(f"drop trigger never_change; drop trigger never_remove; {sql}")
    assert check_ledger(ledger) in (2, 3)

def test_a_chain_made_anew_without_the_key_shows(ledger, tmp_path):
    other = Ledger(tmp_path / "forged.sqlite", Keyring(tmp_path / "otherkey")); enter(other, leads(3))
    assert check_ledger(Ledger(other.path, ledger.keys)) == 1

def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "l.sqlite").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(ValueError, match="is damaged"): Ledger(tmp_path / "l.sqlite", Keyring(tmp_path / "key"))

def test_a_ledger_that_is_held_is_told(ledger):
    impatient = Ledger(ledger.path, ledger.keys, wait=.1)
    with sqlite3.connect(ledger.path, isolation_level=None) as db:
        db.execute("begin immediate")
        with pytest.raises(TimeoutError, match="held by another writer"): move(impatient, LEAD % 0, "TRI", "AN", "甲")


# ---- packs

def test_a_pack_opens_with_its_phrase_only_and_not_after_a_change(tmp_path):
    phrase, path = "correct horse battery", tmp_path / "p.pack"
    pack(leads(3), path, phrase)
    assert unpack(path, phrase)["lead_no"].tolist() == leads(3)["lead_no"].tolist() and path.stat().st_mode & 0o77 == 0 and b"JUDGE" not in path.read_bytes()
    with pytest.raises(ValueError, match="wrong pass phrase"): unpack(path, "correct horse batterz")
    raw = bytearray(path.read_bytes()); raw[-5] ^= 1; path.write_bytes(raw)
    with pytest.raises(ValueError, match="was changed"): unpack(path, phrase)
    with pytest.raises(ValueError, match="shorter than 12"): pack(leads(1), path, "short")
    Path(tmp_path / "no").write_text("x")
    with pytest.raises(ValueError, match="is no pack"): unpack(tmp_path / "no", phrase)


# ---- the command line

def test_from_the_command_line(ledger, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from supervise_lib import cli
    out = tmp_path / "outputs"
    monkeypatch.setenv("SUPERVISE_OUTPUTS", str(out)); monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "key"))
    folder = out / "runs" / "judgment_consistency" / "340111" / "2023-12-31"
    folder.mkdir(parents=True); leads(2).to_parquet(folder / "leads.parquet")
    def say(*args, code=0):
        found = CliRunner().invoke(cli.app, ["leads", *map(str, args)])
        assert found.exit_code == code or (code and found.exception), found.output
        return found.output if not code else str(found.exception)
    assert say("enter").startswith("2 leads entered") and say("enter").startswith("0 leads entered")
    a = LEAD % 0
    for to, role in (("TRI", "AN"), ("REG", "CM"), ("ASS", "PR")): say("move", a, to, "--role", role, "--by", "甲")
    assert "cannot become FIL" in say("move", a, "FIL", "--role", "CP", "--by", "甲", code=1)
    say("assign", a, "乙", "--by", "甲")
    assert "评估" in say("show", a) and "承办检察官" in say("show", a) and "in assessment" in say("show", a, "--lang", "en")
    assert "340111" in say("list", "--state", "ASS") and say("list", "--state", "CLO").startswith("no leads")
    say("transfer", a, "340123", "--by", "甲", "--doc", "移1号")
    assert say("receive", a, "--by", "丙").strip() == f"{a}@340123"
    say("export", tmp_path / "c.ics"); assert (tmp_path / "c.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    monkeypatch.setenv("SUPERVISE_PHRASE", "correct horse battery"); say("export", tmp_path / "p.pack")
    assert len(unpack(tmp_path / "p.pack", "correct horse battery")) == 2
    assert "encrypted only" in say("export", tmp_path / "p.csv", code=1)
    for to, role, more in (("ASS", "PR", ()), ("PIN", "PR", ("--note", "x")), ("FIL", "CP", ("--doc", "1")), ("PRO", "CP", ("--kind", "suggestion_social", "--doc", "1", "--served", "2023-06-01"))): told = say("move", f"{a}@340123", to, "--role", role, "--by", "丙", *more)
    assert "2023-08-01" in told and f"{a}@340123" in say("list", "--overdue", "--day", "2023-08-02")
    assert "1 became overdue" in say("check", "--day", "2023-08-02") and say("check").startswith("history whole; 0")
