"""Small counts of linked tables: nobody who adds and subtracts may tell that a hidden count is small."""
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from supervise_lib.publish.linked import protect
from supervise_lib.publish.released import OUTCOMES, release

K = 5
COUNT = st.one_of(st.integers(0, 6), st.integers(0, 60))


def cube(draw_counts, shape, tree):
    "Counts of a table of regions (in two or three levels) by rule by outcome, with all its sums."
    leaves = {("c", *at): n for at, n in zip(itertools.product(*map(range, shape)), draw_counts, strict=True)}
    counts, sums = dict(leaves), []
    regions, rules, outcomes = (range(s) for s in shape)
    for r, o in itertools.product(rules, outcomes):     # up the regions
        for city, members in tree.items():
            counts[("city", city, r, o)] = sum(leaves[("c", m, r, o)] for m in members); sums.append((("city", city, r, o), [("c", m, r, o) for m in members]))
        counts[("all", r, o)] = sum(counts[("city", c, r, o)] for c in tree); sums.append((("all", r, o), [("city", c, r, o) for c in tree]))
    for kind, places in (("c", regions), ("city", tree), ("all", [None])):      # over the outcomes
        for p, r in itertools.product(places, rules):
            cell = lambda o, kind=kind, p=p, r=r: (kind, r, o) if kind == "all" else (kind, p, r, o)
            counts[("rows", kind, p, r)] = sum(counts[cell(o)] for o in outcomes); sums.append((("rows", kind, p, r), [cell(o) for o in outcomes]))
    return counts, sums


def equations(counts, hidden, sums):
    "What the published sums say of the hidden counts: names, place of each, coefficients, right sides."
    names = sorted(hidden, key=repr); at = {n: i for i, n in enumerate(names)}
    a, b = [], []
    for total, parts in sums:
        row, right = np.zeros(len(names)), 0
        for k, sign in ((total, 1), *((p, -1) for p in parts)):
            if k in at: row[at[k]] += sign
            else: right -= sign * counts[k]
        if row.any(): a.append(row); b.append(right)
    return names, at, np.array(a), b


def largest(target, counts, hidden, sums):
    "The largest whole number a hidden count could be, by whole-number programming: an attacker independent of the code under test."
    names, at, a, b = equations(counts, hidden, sums)
    if not b: return np.inf
    found = milp(-np.eye(len(names))[at[target]], constraints=LinearConstraint(a, b, b), bounds=Bounds(1, 10_000), integrality=np.ones(len(names)))
    assert found.status == 0
    return round(-found.fun)


@settings(max_examples=25, deadline=None)
@given(st.lists(COUNT, min_size=16, max_size=16))
def test_no_attacker_who_knows_all_sums_can_tell_that_a_hidden_count_is_small(values):
    counts, sums = cube(values, (4, 2, 2), {"x": [0, 1], "y": [2, 3]})
    hidden = protect(counts, sums, K)
    for k, n in counts.items():
        if 0 < n < K: assert k in hidden and largest(k, counts, hidden, sums) >= K
        if n == 0: assert k not in hidden


@settings(max_examples=25, deadline=None)
@given(st.lists(COUNT, min_size=4, max_size=4), st.integers(0, 3))
def test_a_part_that_is_not_published_is_not_told_either(values, missing):
    parts = [("p", i) for i in range(4)]
    whole = dict(zip(parts, values, strict=True)) | {("all",): sum(values)}
    left = {k: n for k, n in whole.items() if k != ("p", missing)}
    hidden = protect(left, [(("all",), parts)], K)
    if 0 < values[missing] < K: assert hidden, "the total minus the others would be the missing part"
    if all(v >= K for v in values): assert not hidden


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=16, max_size=16))
def test_marked_counts_of_linked_tables_have_more_than_one_value(values):
    "A reader is told which counts are below the threshold, noughts among them; of totals nothing is said."
    counts, sums = cube(values, (4, 2, 2), {"x": [0, 1], "y": [2, 3]})
    hidden = protect(counts, sums, K, marked=True); totals = {t for t, _ in sums}
    assert hidden >= {k for k, n in counts.items() if n < K}
    names, at, a, b = equations(counts, hidden, sums)
    low, high = np.array([[0, 10_000] if n in totals else [0, K - 1] if counts[n] < K else [K, 10_000] for n in names], float).reshape(-1, 2).T
    for n in names:
        ends = [milp(s * np.eye(len(names))[at[n]], constraints=LinearConstraint(a, b, b), bounds=Bounds(low, high), integrality=np.ones(len(names))) for s in (1, -1)]
        assert round(-ends[1].fun) > round(ends[0].fun), f"{n} = {counts[n]} can be worked out"


def test_minors_need_more():
    counts = {("all",): 40, ("a",): 7, ("b",): 33}; sums = [(("all",), [("a",), ("b",)])]
    assert protect(counts, sums, 5) == set()
    assert ("a",) in protect(counts, sums, 10) and len(protect(counts, sums, 10)) == 2
    assert protect(counts, sums, {("all",): 5, ("a",): 10, ("b",): 5}) >= {("a",)}


def test_tables_of_different_data_are_not_linked():
    assert protect({("all",): 10, ("a",): 20, ("b",): 7}, [(("all",), [("a",), ("b",)])], 5) == set()


def test_the_same_counts_hide_the_same_cells():
    counts, sums = cube([1, 30, 2, 9, 14, 0, 7, 50] * 2, (4, 2, 2), {"x": [0, 1], "y": [2, 3]})
    assert protect(counts, sums, K) == protect(dict(reversed(counts.items())), sums, K)


@pytest.mark.parametrize("wrong", [-1, 2.5])
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(ValueError, match="is no count"): protect({("a",): wrong}, [], 5)


PLACES = ["340503", "340504", "340506", "340521"]


def run_of(code, cells):
    return dict(special="criminal_detention", title=dict(en="a", zh="甲"), region=code, region_name=dict(en="b", zh="乙"), as_of="2023-12-31", rows=sum(cells), unit=dict(en="c", zh="丙"),
                rules={"DETENTION_R01": dict(zip(OUTCOMES, cells, strict=True))}, not_delivered=[], leads={"total": cells[0], "S3": cells[0]}, folder=__import__("pathlib").Path("absent"))


@example([(0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 1, 4)], set())     # the rows are known: one and four cannot be told apart from five
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(COUNT, COUNT, st.integers(0, 3), st.integers(0, 30)), min_size=4, max_size=4), st.sets(st.sampled_from(range(4)), max_size=2))
def test_of_a_city_and_its_counties_no_small_count_can_be_told_whether_published_or_not(cells, absent):
    "The attacker knows the pages, that outcomes add up to rows and counties to the city, and seeks any whole numbers that fit."
    runs = {c: run_of(c, x) for i, (c, x) in enumerate(zip(PLACES, cells, strict=True)) if i not in absent} | {"340500": run_of("340500", [sum(x) for x in zip(*cells, strict=True)])}
    out = release("criminal_detention", runs).regions
    if "340500" not in out: return
    truth = {(c, o): n for c, x in zip(PLACES, cells, strict=True) for o, n in zip(OUTCOMES, x, strict=True)} | {("340500", o): sum(x[i] for x in cells) for i, o in enumerate(OUTCOMES)}
    seen = {(c, o): out[c]["rules"]["DETENTION_R01"][o] for c in out for o in OUTCOMES}
    names = sorted(truth); at = {n: i for i, n in enumerate(names)}; a, b = [], []
    def equation(terms, right):
        row = np.zeros(len(names))
        for t, sign in terms: row[at[t]] = sign
        a.append(row); b.append(right)
    for o in OUTCOMES: equation([(("340500", o), 1), *(((c, o), -1) for c in PLACES)], 0)
    for c in out: equation([((c, o), 1) for o in OUTCOMES], out[c]["rows"])
    low, high = np.zeros(len(names)), np.full(len(names), 10_000)
    for k, n in seen.items():
        if n is None: low[at[k]] = 1
        else: low[at[k]] = high[at[k]] = n
    for k, n in truth.items():
        if not 0 < n < K or k[0] in PLACES and k[0] not in out: continue
        assert seen[k] is None, f"{k} is small and shown"
        found = milp(-np.eye(len(names))[at[k]], constraints=LinearConstraint(a, b, b), bounds=Bounds(low, high), integrality=np.ones(len(names)))
        assert found.status == 0 and round(-found.fun) >= K, f"{k} = {n} can be told to be below {K}"
    for o in OUTCOMES:      # of all that is not published together
        rest = sum(truth[c, o] for c in PLACES if c not in out)
        if not 0 < rest < K: continue
        w = np.zeros(len(names))
        for c in PLACES:
            if c not in out: w[at[c, o]] = -1
        found = milp(w, constraints=LinearConstraint(a, b, b), bounds=Bounds(low, high), integrality=np.ones(len(names)))
        assert round(-found.fun) >= K, f"the unpublished {o} of {rest} can be told to be below {K}"
