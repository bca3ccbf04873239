#!/usr/bin/env python3
"""Compares the answers of two builds of attnsim byte for byte.

    same-answers.py OLD NEW [--calls 2000] [--seed 1] [--only calls,scenarios,tables] [--refusals] [--may-refuse]

OLD and NEW are checkouts whose command lies at `bin/attnsim`, `.build/release/attnsim` or `.build/debug/attnsim`. Each runs in its own checkout,
with its own device files. Asked are `run --format json` of every scenario that both have, `validate --json` of every table,
and random calls over all schedules that both know. A call that either side refuses counts as a refusal; with --refusals
the texts must agree too; with --may-refuse NEW may refuse what OLD answered, and the reasons are counted. Exit code 1 where
anything else differs.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import subprocess
import sys

MASKS = ["none", "causal", "causal-tl", "swa:256", "swa:100,30", "prefix:128", "sink:64+256", "doc:300,200,524",
         "block_sparse:128x128:density=0.4:seed=3", "gna:16x64:w8x8", "heads(0-1=causal;2-3=swa:128)"]
GPUS = ["h100-sxm5", "h100-sxm5", "h100-sxm5", "h100-pcie", "h200-sxm", "h20", "a100-sxm4-80", "jetson-agx-orin"]
OTHERS = {"sdpa": ["streaming-abstract", "streaming-dam"], "ubimoe": ["zcu102", "alveo-u280", "alveo-u50"],
          "unfused": ["fusemax-cloud", "flat-cloud", "flat-edge"], "flat": ["fusemax-cloud", "flat-cloud", "flat-edge"],
          "fusemax": ["fusemax-cloud", "flat-cloud"]}
NUMBERS = {"splits": ["auto", "rule", "1", "2", "4", "7"], "stages": ["1", "2", "3"], "page-size": ["16", "64", "128"],
           "tile": ["auto", "64x64", "128x64"], "block": ["64", "128"]}


def command(checkout):
    for place in ("bin/attnsim", ".build/release/attnsim", ".build/debug/attnsim"):
        path = os.path.join(checkout, place)
        if os.path.exists(path):
            return os.path.abspath(path)
    sys.exit(f"{checkout}: no built command")


def ask(checkout, arguments):
    done = subprocess.run([command(checkout)] + arguments, cwd=checkout, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def parameters(schedule, draw):
    chosen = []
    for parameter in schedule["parameters"]:
        if draw.random() > 0.3:
            continue
        values = parameter.get("choices") or NUMBERS.get(parameter["name"]) or [parameter["default"]]
        chosen += ["--param", f"{parameter['name']}={draw.choice(values)}"]
    return chosen


def call(schedule, draw):
    name = schedule["name"]
    devices = next((d for prefix, d in OTHERS.items() if name.startswith(prefix)), GPUS)
    arguments = ["run", "--format", "json", "--schedule", name, "--device", draw.choice(devices)]
    if devices is not GPUS:
        arguments += ["--batch", draw.choice("128"), "--heads", draw.choice(["1", "3", "8"]), "--seq",
                      draw.choice(["64", "197", "512", "1k"]), "--head-dim", draw.choice(["32", "64", "128"])]
        return arguments + parameters(schedule, draw)
    decode = name in ("flash-decoding", "lean", "flashmla") or draw.random() < 0.2
    kv = draw.choice([1, 2, 4, 8])
    arguments += ["--heads", str(kv * draw.choice([1, 1, 2, 4, 8])), "--kv-heads", str(kv)]
    if name == "flashmla":
        arguments[-1] = "1"
        arguments += ["--head-dim", "576", "--head-dim-v", "512"]
    else:
        arguments += ["--head-dim", draw.choice(["64", "64", "96", "128", "128", "128", "192", "256"])]
        if draw.random() < 0.05:
            arguments += ["--head-dim-v", "128"]
    if draw.random() < 0.15:
        one = (lambda: f"{draw.choice([1, 3])}x{draw.choice([1, 7, 500])}/{draw.choice(['2k', '777', '9000'])}") \
            if draw.random() < 0.4 else (lambda: f"{draw.choice([1, 3, 12])}x{draw.choice(['1k', '333', '5000'])}")
        arguments += ["--lengths", ",".join(one() for _ in range(draw.choice([1, 2, 4])))]
        if "/" not in arguments[-1]:
            arguments += ["--seq", "1" if decode else "333"]
    else:
        arguments += ["--batch", draw.choice(["1", "2", "4", "7", "32"])]
        lengths = ["128", "333", "512", "1024", "1111", "4k", "8k", "16k"]
        if decode:
            arguments += ["--seq", draw.choice(["1", "1", "2", "4"]), "--seq-kv", draw.choice(lengths)]
        else:
            arguments += ["--seq", draw.choice(lengths)]
            if draw.random() < 0.15:
                arguments += ["--seq-kv", draw.choice(lengths)]
        if draw.random() < 0.05:
            arguments += ["--shared-prefix", "64"]
    if draw.random() < 0.55:
        arguments += ["--mask", draw.choice(MASKS[1:2] * 6 + MASKS)]
    if draw.random() < 0.12:
        arguments += ["--pass", "bwd"]
    if draw.random() < 0.4:
        arguments += ["--mode", draw.choice(["burst", "locked:1500 MHz", "locked:1200 MHz"])]
    if draw.random() < 0.1:
        arguments += ["--set", draw.choice(["vector.exp=x2", "dram.bandwidth=x0.5", "cores.count=x0.5", "l2.capacity=x2"])]
    return arguments + parameters(schedule, draw)


def questions(old, new, chosen, calls, seed):
    if "scenarios" in chosen:
        both = set(os.listdir(f"{old}/scenarios")) & set(os.listdir(f"{new}/scenarios"))
        for name in sorted(n for n in both if n.endswith(".yaml")):
            yield ["run", f"scenarios/{name}", "--format", "json"]
    if "tables" in chosen:
        both = set(os.listdir(f"{old}/validation")) & set(os.listdir(f"{new}/validation"))
        for name in sorted(n for n in both if n.endswith(".csv")):
            yield ["validate", f"validation/{name}", "--json"]
    if "calls" in chosen:
        known = [{s["name"]: s for s in json.loads(ask(c, ["schedules", "--json"])[1])} for c in (old, new)]
        names = [n for n in known[0] if n in known[1]]
        draw = random.Random(seed)
        gpu = [n for n in names if not n.startswith(tuple(OTHERS))]
        for _ in range(calls):
            name = draw.choice(gpu) if draw.random() < 0.85 else draw.choice(names)
            yield call(known[0][name], draw)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="calls,scenarios,tables")
    parser.add_argument("--refusals", action="store_true")
    parser.add_argument("--may-refuse", action="store_true")
    options = parser.parse_args()
    same = refused = 0
    reasons = collections.Counter()
    different = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def both(arguments):
            return arguments, ask(options.old, arguments), ask(options.new, arguments)
        asked = questions(options.old, options.new, options.only.split(","), options.calls, options.seed)
        for arguments, a, b in pool.map(both, list(asked)):
            if a[0] and b[0] and not options.refusals:
                refused += 1
            elif a == b or (a[0] == 0 and b[0] == 0 and a[1] == b[1]):
                same += 1
            elif options.may_refuse and a[0] == 0 and b[0] == 65:
                reasons[b[2].strip().splitlines()[0]] += 1
            else:
                different.append((arguments, a, b))
    for arguments, a, b in different[:20]:
        print("attnsim", " ".join(f"'{x}'" if set(x) & set(" ();*") else x for x in arguments))
        left, right = (a[1] + a[2]).splitlines(), (b[1] + b[2]).splitlines()
        for x, y in list(zip(left + [""] * len(right), right + [""] * len(left)))[:len(left) + len(right)]:
            if x != y:
                print(f"  - {x[:160]}\n  + {y[:160]}")
                break
    for reason, count in reasons.most_common():
        print(f"{count:5} refused now: {reason[:150]}")
    print(f"{same} same, {refused} refused by both, {sum(reasons.values())} refused now, {len(different)} different")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
