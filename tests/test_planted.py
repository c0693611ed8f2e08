"Rows that params files plant in the demo province come out as their author said, and a section that plants nothing is refused."
from dataclasses import replace

import pytest

from supervise_lib.data.demo import build_demo, score, truth, truth_keys, truth_of, world
from supervise_lib.data.lake import Lake
from supervise_lib.data.planted import PlantedError, plant, planted, planted_of, planted_truth
from supervise_lib.model.special import ParamsError, read_params, special
from supervise_lib.work.run import Run

DAY, PLANTED = "2023-12-31", planted()
SPECIALS = sorted({p.special for p in PLANTED})
COURT = {"court_accept_date": "2023-03-05", "region_code": "340111"}


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch): monkeypatch.setenv("SUPERVISE_KEY_FILE", str(tmp_path / "identity.key"))


def outcomes(run, case):
    "What the rule of a planted case says of the row that its key names."
    at = run.frame[[str(k) for k in case.key]].astype(str).eq([str(v) for v in case.key.values()]).all(axis=1)
    assert at.sum() == 1, f"{case.where}: {int(at.sum())} rows of the frame have {case.key}"
    mine = run.verdicts["rule"].eq(case.rule)
    for k in run.special.key: mine &= run.verdicts[k].eq(run.frame.loc[at, k].item())
    return run.verdicts.loc[mine.fillna(False).astype(bool), "outcome"].tolist()


@pytest.mark.parametrize("name", SPECIALS)
def test_planted_rows_come_out_as_said(name, tmp_path):
    "All specials' rows in one lake, each rule asked without suspending itself among so few rows."
    lake, s = Lake(tmp_path / "lake"), special(name)
    plant(lake, tmp_path, PLANTED, DAY)
    run = Run(replace(s, rules=tuple(replace(r, ceiling=1.0) for r in s.rules)), "000000", DAY, lake=lake)
    wrong = [f"{p.where} ({p.kind}): {p.rule} says {found}" for p in s.planted if not (found := outcomes(run, p)) or not p.agrees(found[0])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SPECIALS)
def test_a_violation_is_planted_with_a_lookalike(name):
    kinds = {}
    for p in special(name).planted: kinds.setdefault(p.rule, set()).add(p.kind); assert special(name).rule(p.rule) and p.note.en.isascii() and not p.note.zh.isascii()
    assert [r for r, k in kinds.items() if "violation" in k and "lookalike" not in k] == []


# ---- an invented case

def section(**change):
    return [{"rule": "TOY_R01", "kind": "violation", "note": {"en": "Two", "zh": "两案"}, "given": {"criminal_court_cases": COURT}, "rows": {"criminal_court_cases": [{"case_no": "TOY-1"}, {"case_no": "TOY-2"}]},
             "key": {"case_no": "TOY-1"}, **change}]


WRONG = [(dict(kind="guilty"), "kind 'guilty' is not known; expected violation"), (dict(rule=None), "rule missing"), (dict(extra=1), "unknown key extra"), (dict(note={"en": "x"}), "note must be"),
         (dict(given={"criminal_court_case": {}}), "'criminal_court_case' has no contract; nearest: criminal_court_cases"), (dict(rows={"no_such": [{}]}), "'no_such' has no contract"),
         (dict(rows={"criminal_court_cases": [{"case_number": "x"}]}), "no column 'case_number'; nearest: case_no"), (dict(rows={"criminal_court_cases": [{}]}), "lacks case_no"),
         (dict(given=None), "lacks court_accept_date, region_code"), (dict(rows={"criminal_court_cases": ["x"]}), "must be a mapping"), (dict(key={"person_id_no": "1"}, given=None, rows={"criminal_judgments": [{"case_no": "1", "person_id_no": "1", "announce_date": "2023-03-05", "region_code": "340111"}]}), "turns into a pseudonym"),
         (dict(key="TOY-1"), "key must be a mapping"), (dict(given={"criminal_court_cases": COURT, "protests": {"protest_id": "1"}}), "no rows"),
         (dict(rows={"criminal_court_cases": [{"case_no": "x", "row_id": "1"}]}), "no column 'row_id'")]


@pytest.mark.parametrize("change, words", WRONG)
def test_a_wrong_section_is_refused_saying_where(change, words):
    with pytest.raises(PlantedError, match="toy.yaml: planted 1: ") as e: planted_of("toy", section(**change), "toy.yaml")
    assert words in str(e.value)


def test_params_files_refuse_it_too(tmp_path):
    (tmp_path / "toy.yaml").write_text("planted:\n  - {rule: TOY_R01}\n", encoding="utf-8")
    with pytest.raises(ParamsError, match="toy.yaml: planted 1: kind, note, rows, key missing"): read_params(tmp_path / "toy.yaml")
    with pytest.raises(PlantedError, match="toy.yaml: planted 1"): planted(tmp_path)
    (tmp_path / "toy.yaml").write_text("planted: {rule: TOY_R01}\n", encoding="utf-8")
    with pytest.raises(ParamsError, match="must be a list"): read_params(tmp_path / "toy.yaml")
    (tmp_path / "toy.yaml").write_text("absence: fine_yuan\n", encoding="utf-8")
    with pytest.raises(ParamsError, match="absence must be a list of columns"): read_params(tmp_path / "toy.yaml")


def test_keys_of_one_special_agree_and_rows_are_planted_once(tmp_path):
    other = section(key={"court_code": "1"}, rows={"criminal_court_cases": [{"case_no": "TOY-9"}]})
    with pytest.raises(PlantedError, match="by the same columns"): planted_of("toy", section() + other, "toy.yaml")
    with pytest.raises(PlantedError, match="same key .* as in toy.yaml: planted 1"): plant(None, tmp_path, planted_of("toy", section() + section(), "toy.yaml"))
    with pytest.raises(PlantedError, match="by which the truth of judgment_consistency is kept"): truth_keys([], planted_of("judgment_consistency", section(), "x.yaml"))


def test_what_ingest_rejects_is_an_error(tmp_path):
    bad = planted_of("toy", section(given={"criminal_court_cases": COURT | {"court_accept_date": "no day"}}), "toy.yaml")
    with pytest.raises(PlantedError, match="2 planted rows of criminal_court_cases were rejected"): plant(Lake(tmp_path / "lake"), tmp_path, bad)


def test_the_demo_province_takes_them_in_and_keeps_their_truth(tmp_path):
    toy = planted_of("toy", section(), "toy.yaml")
    other = planted_of("judgment_consistency", section(rows={"criminal_court_cases": [{"case_no": "TOY-3"}]}, key={"case_no": "TOY-3", "defendant_seq": 1}), "x.yaml")
    lake = Lake(tmp_path / "lake")
    (tmp_path / "truth_planted_gone.parquet").touch()
    report = build_demo(lake, tmp_path, .01, cases=toy + other)
    assert report[report["agency"] == "planted"][["table", "rows", "accepted"]].to_numpy().tolist() == [["criminal_court_cases", 3, 3]]
    assert set(lake.fetch(lake.table("criminal_court_cases", "340111"))["case_no"]) >= {"TOY-1", "TOY-2", "TOY-3"}
    kept = truth(tmp_path, "toy")
    assert kept.equals(planted_truth(toy)) and kept["kind"].tolist() == ["violation"]
    assert score(kept, kept.assign(outcome="hit"), ("case_no",)).loc["TOY_R01", "recall"] == 1
    both = truth(tmp_path)      # told by a chapter of the demo, and planted by a file
    assert len(both) == len(truth_of(world(.01))) + 1 and both.loc[both["turn"] == "planted", "case_no"].tolist() == ["TOY-3"]
    with pytest.raises(FileNotFoundError): truth(tmp_path, "gone")
