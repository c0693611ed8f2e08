"No small cell of a published table can be read, nor worked out from what stands beside it."
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

from supervise_lib.publish.privacy import TOTAL as ALL, hits_shown, rounded, share_shown, suppress

TOTAL = str(ALL)

def table(rows): return pd.DataFrame(rows, index=[f"r{i}" for i in range(len(rows))], columns=[f"c{j}" for j in range(len(rows[0]))])

def readable(shown: pd.DataFrame, k: int) -> list:
    "What a reader with the whole table in hand knows of each hidden cell: the cells with one possible value only."
    words = shown.to_numpy()
    cells = [c for c in np.ndindex(words.shape) if not words[c].isdigit()]
    at, a, b = {c: n for n, c in enumerate(cells)}, [], []
    r, c = words.shape[0] - 1, words.shape[1] - 1
    sums = [([(i, j) for j in range(c)], (i, c)) for i in range(r + 1)] + [([(i, j) for i in range(r)], (r, j)) for j in range(c + 1)]
    for parts, total in sums:
        line, known = np.zeros(len(cells)), 0
        for sign, cell in [*((1, p) for p in parts), (-1, total)]:
            if cell in at: line[at[cell]] += sign
            else: known += sign * int(words[cell])
        a.append(line); b.append(-known)
    box = [(0, k - 1) if words[cell].startswith("<") else (0, None) if r == cell[0] or c == cell[1] else (k, None) for cell in cells]
    found = []
    for n, cell in enumerate(cells):
        aim = np.eye(len(cells))[n]
        low, high = (linprog(s * aim, A_eq=np.array(a), b_eq=b, bounds=box, method="highs") for s in (1, -1))
        assert low.status == 0
        if high.status == 0 and -high.fun - low.fun < .5: found.append(cell)
    return found

counts = st.integers(1, 4).flatmap(lambda c: st.lists(st.lists(st.one_of(st.integers(0, 12), st.integers(0, 60)), min_size=c, max_size=c), min_size=1, max_size=4))

@settings(max_examples=60, deadline=None)
@given(counts, st.sampled_from([3, 5, 10]))
def test_no_hidden_cell_can_be_worked_out(rows, k):
    shown = suppress(table(rows), k)
    assert readable(shown, k) == []

@settings(max_examples=60, deadline=None)
@given(counts, st.sampled_from([3, 5, 10]))
def test_what_is_shown_is_true_and_no_small_cell_is_shown(rows, k):
    true, shown = table(rows), suppress(table(rows), k)
    whole = true.assign(**{TOTAL: true.sum(axis=1)})
    whole.loc[TOTAL] = whole.sum()
    for c in np.ndindex(whole.shape):
        word, n = shown.iloc[c], int(whole.iloc[c])
        if word.isdigit(): assert int(word) == n >= k
        elif word.startswith("<"): assert word == f"<{k}" and n < k

def test_a_table_without_small_cells_is_shown_whole():
    shown = suppress(table([[12, 30], [20, 11]]), 10)
    assert shown.loc["r0"].tolist() == ["12", "30", "42"] and shown.loc[TOTAL].tolist() == ["32", "41", "73"]

def test_the_oracle_of_these_tests_finds_a_cell_that_is_given_away():
    shown = pd.DataFrame([["<10", "12", "15"], ["14", "20", "34"], ["17", "32", "49"]])
    assert (0, 0) in readable(shown, 10)

def test_two_small_cells_whose_sum_gives_them_away_take_a_third_with_them():
    shown = suppress(table([[0, 0, 30, 40], [50, 60, 70, 80]]), 10)     # both are zero, for the row total says so
    assert readable(shown, 10) == [] and (shown.loc["r0"] == "<10").sum() == 2
    assert not set(shown.loc["r0", ["c2", "c3"]]) <= {"30", "40"}

def test_totals_that_are_small_together_give_nothing_away():
    shown = suppress(table([[1, 1], [1, 1], [1, 1]]), 3)      # three row totals below three that make six would be two each
    assert readable(shown, 3) == []

def test_zeros_that_could_not_be_otherwise_are_shown():
    shown = suppress(table([[0, 30], [40, 50]]), 10, structural=[[True, False], [False, False]])
    assert shown.loc["r0"].tolist() == ["0", "30", "30"]

def test_the_catalogues_examples():
    shown = suppress(table([[3, 12, 27]]), 10, base=5).loc["r0"].tolist()
    assert shown[0] == "<10" and not shown[1].isdigit() and shown[2:] == ["25", "40"]
    assert [rounded(x, 5) for x in (12, 27, 42, 12.5)] == [10, 25, 40, 15]
    assert share_shown(4, 12) is None and share_shown(10, 40) == .25

def test_minors_have_the_higher_threshold():
    assert suppress(table([[7, 20], [30, 40]])).loc["r0", "c0"] == "7"
    assert suppress(table([[7, 20], [30, 40]]), minors=True).loc["r0", "c0"] == "<10"

@pytest.mark.parametrize("rows", [[[1, None]], [[-1, 3]], [[1.5, 2]]])
def test_what_is_no_count_is_refused(rows):
    with pytest.raises(ValueError, match="whole counts"): suppress(table(rows))

def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="structural"): suppress(table([[1, 2]]), structural=[[True]])

def test_a_wide_table_of_many_small_counts_is_done_in_seconds():
    rng = np.random.default_rng(3)
    true = table(rng.poisson(6, (22, 60)).tolist())
    start = time.perf_counter()
    shown = suppress(true, 10)
    assert time.perf_counter() - start < 10
    assert (shown.iloc[:-1, :-1] == "<10").to_numpy().tolist() == (true < 10).to_numpy().tolist()

def test_a_table_of_middle_size_gives_nothing_away():
    assert readable(suppress(table(np.random.default_rng(3).poisson(9, (6, 8)).tolist()), 10), 10) == []


# --- a run ------------------------------------------------------------------------------------------------------------------------------------

def test_hits_of_a_run_show_no_small_count():
    rules = [SimpleNamespace(id=i) for i in ("A", "B", "C")]
    rows = [("A", f"k{i}", "340111") for i in range(12)] + [("B", f"m{i}", "340111") for i in range(2)] + [("A", f"n{i}", "340123") for i in range(25)] + [("B", f"o{i}", "340123") for i in range(14)]
    frame = pd.DataFrame(rows, columns=["rule", "key", "region_code"])
    run = SimpleNamespace(special=SimpleNamespace(key=("key",), rules=rules), verdicts=frame[["rule", "key"]].assign(outcome="hit"), frame=frame[["key", "region_code"]], region=SimpleNamespace(code="340100"))
    shown = hits_shown(run)
    assert shown.loc["B", "340111"] == "<10" and shown.loc["C", "340123"] == "<10" and readable(shown, 10) == [] and list(shown.index) == ["A", "B", "C", TOTAL]
