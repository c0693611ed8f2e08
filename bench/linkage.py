"""Linking speed: invented Chinese people, about two records each, with the errors of real files. Run: python bench/linkage.py [RECORDS ...] [--seed N]
Prints seconds, the ratio to the run before, peak memory, and how well the people were found again."""
import resource
import sys
import threading
import time

import numpy as np
import pandas as pd
import psutil
from pypinyin import lazy_pinyin

from supervise_lib.data.demo_world import figures
from supervise_lib.data.linkage import link

GIVEN = ("伟强军勇磊涛超明刚平辉鹏杰峰波斌龙飞建国华文武志海林亮东成兵俊宇浩凯健旭康宏彬松柏祥云芳娜敏静丽艳娟霞秀英玲红梅燕萍兰莉琴雪慧洁琳蓉婷倩颖璐凤珍永家世光学少德晓小春玉金天新立正传业"
         "子涵梓轩雨欣怡佳嘉思诗梦悦然博睿泽浩宸昊铭晨阳皓瑞翔腾达振兴富贵荣昌盛和顺利安宁福禄寿喜庆丰收良善美真诚信义仁礼智孝忠廉洁清泉江河湖川山岩石城市乡田禾苗根树森青绿紫白玄黑朝暮晴雯露霜冰寒冬夏秋"
         "莹媛婧妍娇姗姣婉嫣淑惠芬芝茹莲菊荷桂桃李杏丹彤彩虹霓锦绣绮纹绢素巧灵妙聪颖哲贤良才能力量衡钧铁钢银铜锋锐钊鑫锡镇锁钥维纲纪经纬绪统综")
TOWNS = [a + b for a in "上中下东西南北新老大小双三高长" for b in ("派镇", "桥镇", "塘镇", "河镇", "岗镇", "集镇", "店镇", "湾镇")]
VILLAGES = [a + b for a in "张李王刘陈杨赵黄周吴徐孙朱马胡郭何高林罗" for b in ("庄村", "湾村", "岗村", "圩村", "塘村", "桥村", "楼村", "店村", "郢村", "大村")]
ROADS = [a + b for a in ("长江", "淮河", "人民", "解放", "建设", "中山", "迎宾", "团结", "胜利", "文昌", "滨河", "东环", "金寨", "黄山", "巢湖", "包河") for b in ("路", "大道", "东路", "西路")]
COUNTIES = {"340111": "合肥市包河区", "340121": "长丰县", "340123": "肥西县", "340122": "肥东县", "340202": "芜湖市镜湖区",
            "340402": "淮南市大通区", "341122": "来安县", "341221": "临泉县", "341522": "霍邱县", "341881": "宁国市"}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def sounds_like():
    "Each given-name character's others of the same sound."
    by_sound, common = {}, [bytes([a, b]).decode("gb2312", "ignore") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]
    for c in dict.fromkeys(c for c in common if c): by_sound.setdefault(lazy_pinyin(c)[0], []).append(c)
    return {c: [x for x in by_sound.get(lazy_pinyin(c)[0], []) if x != c][:12] or [c] for c in set(GIVEN)}


def people(n, rng):
    "Invented people: name, number, birth date, gender, address, phone."
    names = figures("people")["surnames"]; family = np.array(list(names)); weight = np.array(list(names.values()), float)
    given = np.array(list(GIVEN)); often = 1 / (np.arange(len(given)) + 12.0); often /= often.sum()
    third = np.where(rng.random(n) < .8, rng.choice(given, n, p=often), "")
    name = np.char.add(np.char.add(rng.choice(family, n, p=weight / weight.sum()), rng.choice(given, n, p=often)), third)
    born = np.datetime64("1945-01-01") + rng.integers(0, 22000, n); day = born.astype(str); codes = np.array(list(COUNTIES))
    county = rng.choice(codes, n); female = rng.random(n) < .4; serial = rng.integers(0, 500, n) * 2 + ~female
    body = np.char.add(np.char.add(county, np.char.replace(day, "-", "")), np.char.zfill(serial.astype(str), 3))
    check = np.array(list("10X98765432"))[((body.astype("S17").view(np.uint8).reshape(n, 17) - 48) * np.array(_WEIGHTS)).sum(1) % 11]
    town, road, number = rng.random(n) < .6, rng.choice(ROADS, n), rng.integers(1, 400, n).astype(str)
    house, room = rng.integers(1, 30, n), rng.integers(101, 2800, n)
    street = np.array([f"{r}{a}号{b}幢{c}室" for r, a, b, c in zip(road, number, house, room, strict=True)])
    local = np.where(town, np.char.add(rng.choice(TOWNS, n), rng.choice(VILLAGES, n)), street)
    phone = np.char.add("1", (3 * 10**9 + rng.integers(0, 6 * 10**9, n)).astype(str))
    d = pd.DataFrame(dict(person=np.arange(n), person_name=name, person_id_no=np.char.add(body, check), birth_date=day, gender=np.where(female, "F", "M"),
                          county=county, local=local, phone=phone))
    kin = np.flatnonzero(rng.random(n) < .4); kin = kin[kin > 0]     # lives with the one before: often of one surname, sometimes with one telephone
    d.loc[kin, "local"] = d["local"].to_numpy()[kin - 1]
    one = kin[rng.random(len(kin)) < .3]; d.loc[one, "phone"] = d["phone"].to_numpy()[one - 1]
    one = kin[rng.random(len(kin)) < .6]; names = d["person_name"].to_numpy()
    d.loc[one, "person_name"] = [b[0] + a[1:] for a, b in zip(names[one], names[one - 1], strict=True)]
    return d


def spoiled(d, rng):
    "The records as files hold them: numbers missing, masked or mistyped, names by ear, dates swapped, addresses shortened, old telephones."
    d = d.reset_index(drop=True); n = len(d); roll = lambda p: rng.random(n) < p
    number, name, born = d["person_id_no"].to_numpy(object), d["person_name"].to_numpy(object), d["birth_date"].to_numpy(object)
    fate = rng.random(n); at = rng.integers(6, 17, n)
    slip = [x[:i] + str((int(x[i]) + 1 + i % 8) % 10) + x[i + 1:] for x, i in zip(number, at, strict=True)]
    number = np.where(fate < .35, None, np.where(fate < .40, [x[:6] + "********" + x[-4:] for x in number], np.where(fate < .43, slip, number)))
    alike, fate, pick = sounds_like(), rng.random(n), rng.integers(0, 12, n)
    def misheard(x, i): return x[:-1] + alike[x[-1]][i % len(alike[x[-1]])] if x[-1] in alike else x
    for i in np.flatnonzero(fate < .04):
        x = name[i]
        if fate[i] < .022: name[i] = misheard(x, pick[i])
        elif fate[i] < .025: name[i] = x[1:] + x[0]
        elif fate[i] < .03: name[i] = x[:-1] + GIVEN[pick[i] * 7]
        else: name[i] = x[0] + "某" * (len(x) - 1)
    fate = rng.random(n); swapped = [f"{x[:4]}-{x[8:]}-{x[5:7]}" if x[8:] <= "12" else x for x in born]
    born = np.where(fate < .12, None, np.where(fate < .14, [f"{int(x[:4]) + 1}{x[4:]}" for x in born], np.where(fate < .145, swapped, born)))
    place = np.array([COUNTIES[c] for c in d["county"]], object) + d["local"].to_numpy(object)
    place = np.where(roll(.3), None, np.where(roll(.4), d["local"].to_numpy(object), place))
    elsewhere = roll(.1); place[elsewhere] = place[np.roll(np.arange(n), 1)][elsewhere]
    phone = d["phone"].to_numpy(object); old = roll(.15); phone[old] = [f"15{rng.integers(10**8, 10**9)}" for _ in range(old.sum())]
    return pd.DataFrame(dict(person=d["person"], person_name=name, person_id_no=number, birth_date=born, gender=np.where(roll(.05), None, d["gender"]),
                             address=place, phone=np.where(roll(.4), None, phone)))


def records(n, seed=1):
    "About `n` records of half as many people."
    rng = np.random.default_rng(seed); d = people(n // 2, rng)
    return spoiled(d.iloc[rng.integers(0, len(d), n)], rng)


def together(label):
    n = np.bincount(pd.factorize(label)[0]).astype(float); return float((n * (n - 1) / 2).sum())


class Watch:
    "Peak memory of the process inside the block, in MiB."
    def __enter__(self):
        self.me, self.peak, self.done = psutil.Process(), 0, threading.Event(); self.base = self.me.memory_info().rss / 2**20
        threading.Thread(target=self.watch, daemon=True).start()
        return self

    def watch(self):
        while not self.done.wait(0.1): self.peak = max(self.peak, self.me.memory_info().rss / 2**20)

    def __exit__(self, *_): self.done.set()


def main(sizes, seed):
    before = None
    for n in sizes:
        d = records(n, seed)
        with Watch() as memory:
            cpu, start = time.process_time(), time.perf_counter(); links = link(d.drop(columns="person"))
            took, used = time.perf_counter() - start, time.process_time() - cpu
        c, t = links.clusters["cluster"].to_numpy(), d["person"].to_numpy(); both = together(c.astype("int64") * (n + 1) + t)
        ratio = f", {took / before[1]:.1f} times the seconds (CPU {used / before[2]:.1f} times) of {before[0]:,} records" if before else ""
        print(f"{n:,} records: {took:.1f} s (CPU {used:.1f} s){ratio}; memory before {memory.base:,.0f} MiB, peak {memory.peak:,.0f} MiB "
              f"(process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f}); precision {both / max(together(c), 1):.4f}, recall {both / together(t):.4f}")
        print(" ", links.report("en"))
        wait = links.pairs[links.pairs["verdict"] != "exact"]; ok = t[wait["left"].to_numpy(int)] == t[wait["right"].to_numpy(int)]
        shown = pd.DataFrame(dict(verdict=wait["verdict"].to_numpy(), reason=wait["reason"].to_numpy(), true=ok))
        print(shown.groupby(["verdict", "reason"])["true"].agg(["size", "mean"]).to_string(), flush=True)
        before = (n, took, used)


if __name__ == "__main__":
    args = sys.argv[1:]; seed = int(args[args.index("--seed") + 1]) if "--seed" in args else 1
    main([int(a) for i, a in enumerate(args) if a.isdigit() and (i == 0 or args[i - 1] != "--seed")] or [100_000], seed)
