"""Small counts of linked tables: nobody who adds and subtracts may tell that a hidden count is small."""
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from supervise_lib.publish.linked import protect

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


def largest(target, counts, hidden, sums):
    "The largest whole number a hidden count could be, by whole-number programming: an attacker independent of the code under test."
    names = sorted(hidden, key=repr); at = {n: i for i, n in enumerate(names)}
    a, b = [], []
    for total, parts in sums:
        row, right = np.zeros(len(names)), 0
        for k, sign in ((total, 1), *((p, -1) for p in parts)):
            if k in at: row[at[k]] += sign
            else: right -= sign * counts[k]
        if row.any(): a.append(row); b.append(right)
    if not a: return np.inf
    found = milp(-np.eye(len(names))[at[target]], constraints=LinearConstraint(np.array(a), b, b), bounds=Bounds(1, 10_000), integrality=np.ones(len(names)))
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
