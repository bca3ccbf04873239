"""Time per replay of CUDA graphs of N kernels of a known length: what a graph and each of its nodes add.

python3 graph_replay.py OUT.csv
"""

import csv
import sys

import torch


def spin(cycles):
    torch.cuda._sleep(cycles)


def mean_us(body, runs=200):
    for _ in range(10):
        body()
    torch.cuda.synchronize()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(runs):
        body()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) * 1e3 / runs


def graph_of(kernels):
    for kernel in kernels:
        kernel()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for kernel in kernels:
            kernel()
    return graph


def main():
    name = torch.cuda.get_device_name()
    rows = []
    x = torch.zeros(1 << 20, device="cuda", dtype=torch.bfloat16)
    y = torch.zeros(64, device="cuda", dtype=torch.bfloat16)
    for cycles in (2_000, 20_000, 60_000, 120_000, 240_000):
        long = lambda: spin(cycles)
        for label, kernels in (
            ("spin", [long]),
            ("spin_spin", [long, long]),
            ("spin_x4", [long] * 4),
            ("tiny_spin", [lambda: y.add_(1), long]),
            ("tiny_tiny_spin", [lambda: y.add_(1), lambda: y.add_(1), long]),
            ("fill2MiB_tiny_spin", [lambda: x.fill_(1), lambda: y.add_(1), long]),
        ):
            graph = graph_of(kernels)
            rows.append((name, label, cycles, "graph", f"{mean_us(graph.replay):.3f}"))
            rows.append((name, label, cycles, "stream", f"{mean_us(lambda: [k() for k in kernels]):.3f}"))
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["gpu", "kernels", "spin_cycles", "launch", "us_per_call"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
