"Before and after: a published example, made series, and what may not be said."
import numpy as np
import pytest

from supervise_lib.stats.interruption import EACH, interrupted, rate_ratio

# Admissions for acute coronary events in Sicily, January 2002 to November 2006, with the age-standardised population; smoking ban from January 2005.
# Lopez Bernal, Cummins and Gasparrini, Int J Epidemiol 2017;46:348-355.
ACES = """728 659 791 734 757 726 760 740 720 814 795 858 887 766 851 769 781 756 766 752 765 831 879 928 914 808 937 840 916 828 845 818 860 839 887 886
831 796 833 820 877 758 767 738 781 843 850 908 1021 859 976 888 962 838 810 876 843 936 912"""
POPULATION = """379875.3 376495.5 377040.8 377116.4 377383.4 374113.1 379513.3 376295.5 374653.2 378485.6 375955.5 378349.7 376762.4 379032.3 379360.4 376162 377972.4 381830.7 379888.6 380872.2 380966.9 381240.4
382104.9 381802.7 381656.3 383680 383504.2 386462.9 383783.1 380836.8 383483 380906.2 382926.8 384052.4 384449.6 383428.4 388153.2 388373.2 386470.1 386033.2 383686.4 385509.3 385901.9 386516.6 388436.5 383255.2
390148.7 385874.9 391613.6 391750.4 394005.6 391364.9 391664.6 389022.3 391878.5 388575.3 392989 390018.8 390712.3"""
Y, P = ([float(x) for x in text.split()] for text in (ACES, POPULATION))


def test_published_example():
    plain = interrupted(Y, 36, P, bend=False)
    assert plain.step[0] == pytest.approx(.894, abs=5e-4)           # published 0.894 (0.864-0.925), Poisson without over-dispersion
    se = np.log(plain.step[2] / plain.step[0]); assert .03 < se < .12 and plain.dispersion > 1     # wider than published: the spread is counted
    season = interrupted(Y, 36, P, season=12, bend=False)
    assert season.dispersion < plain.dispersion and season.step[2] < 1 and season.said.en == "fell"

@pytest.mark.parametrize("effect, word", [(.4, "fell"), (1., "no change beyond chance"), (2.5, "rose")])
def test_made_series_are_read_as_made(effect, word):
    rng = np.random.default_rng(5); rate = 15 * np.exp(-.01 * np.arange(40)) * np.where(np.arange(40) < 20, 1, effect)
    assert interrupted(rng.poisson(rate), 20).said.en == word

def test_a_fall_that_was_there_anyway_is_seldom_an_effect():
    rng, t = np.random.default_rng(8), np.arange(30)
    said = [interrupted(rng.poisson(25 * np.exp(-.04 * t)), 15).said.en for _ in range(120)]
    assert np.mean([s != "no change beyond chance" for s in said]) <= .05 + 2 * (.05 * .95 / 120) ** .5

def test_counts_that_vary_more_than_poisson_are_not_read_as_effects():
    rng = np.random.default_rng(9); found = [interrupted(rng.negative_binomial(3, 3 / 23, 40), 20) for _ in range(120)]
    assert {f.family for f in found} & {"quasi-poisson", "negative_binomial"}
    assert np.mean([f.said.en != "no change beyond chance" for f in found]) <= .12
    assert np.mean([f.dispersion for f in found]) > 3

def test_too_little_says_nothing():
    short = interrupted([5] * (EACH - 1) + [1] * 12, EACH - 1); assert short.now is None and str(EACH) in short.said.zh
    assert interrupted([0] * 8 + [3] * 8, 8).now is None
    assert interrupted([3] * 16, 8, [100] * 15 + [None]).now is None
    with pytest.raises(ValueError, match="known"): interrupted([3, float("nan")] * 8, 8)
    with pytest.raises(ValueError, match="opportunities"): interrupted([3] * 16, 8, [1] * 4)

def test_none_afterwards_has_an_upper_end():
    gone = interrupted([8] * 10 + [0] * 10, 10); assert gone.now[0] == 0 and gone.now[2] < .1 and "下降" in gone.said.zh
    few = interrupted([1, 0, 0, 0, 0, 1] + [0] * 6, 6); assert few.now[2] > 1 and "无超出偶然" in few.said.zh

def test_opportunities_are_the_base():
    base = np.r_[np.full(16, 400.), np.full(16, 100.)]; y = np.r_[[18, 22] * 8, [4, 6] * 8]
    assert interrupted(y, 16, base).said.en == "no change beyond chance" and interrupted(y, 16).said.en == "fell"

def test_two_runs_compared():
    assert rate_ratio(5, 100, 20, 100)[2] < 1 < rate_ratio(8, 100, 10, 100)[2] and rate_ratio(0, 10, 0, 10)[0] is None
    with pytest.raises(ValueError): rate_ratio(1, 0, 1, 1)
