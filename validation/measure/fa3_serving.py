"""FlashAttention-3 as serving engines call it (PyPI sglang-kernel 0.4.3, for torch 2.11): one call of each case under Nsight
Compute.

ncu --profile-from-start off --clock-control none --csv --page raw --metrics \\
sm__cycles_elapsed.max,sm__cycles_active.avg,smsp__inst_executed.sum,dram__bytes_read.sum,gpu__time_duration.sum \\
python3 fa3_serving.py fa3_sgl_h100.csv ncu

Without `ncu`: time of a call in graphs of 20 calls, replayed, in us; with the tile counts prepared before the graph as
well (`get_scheduler_metadata`). The cases are those of the table: varlen: flash_attn_varlen_func; paged: flash_attn_with_kvcache
with a page table in random order and cu_seqlens_q.
"""
import csv
import sys
import torch
from sgl_kernel.flash_attn import flash_attn_varlen_func, flash_attn_with_kvcache, get_scheduler_metadata

COLUMNS = ["kind", "batch", "heads_q", "heads_kv", "seq_q", "seq_kv", "head_dim", "mask", "page_size"]


def call(kind, batch, heads, heads_kv, queries, keys, d, mask, page):
    rand = lambda *shape: torch.randn(*shape, device="cuda", dtype=torch.bfloat16)
    window = (int(mask[4:]), 0) if mask.startswith("swa:") else (-1, -1)
    starts = torch.arange(0, batch * queries + 1, queries, device="cuda", dtype=torch.int32)
    q = rand(batch * queries, heads, d)
    if kind == "varlen":
        k, v = rand(batch * keys, heads_kv, d), rand(batch * keys, heads_kv, d)
        run = lambda prepared=None: flash_attn_varlen_func(
            q, k, v, starts, starts, queries, keys, causal=True, window_size=window)
        return run, None
    pages = -(-keys // page)
    k, v = rand(batch * pages, page, heads_kv, d), rand(batch * pages, page, heads_kv, d)
    table = torch.randperm(batch * pages, device="cuda", dtype=torch.int32).view(batch, pages)
    lengths = torch.full((batch,), keys, device="cuda", dtype=torch.int32)
    run = lambda prepared=None: flash_attn_with_kvcache(
        q, k, v, page_table=table, cache_seqlens=lengths, cu_seqlens_q=starts, max_seqlen_q=queries, causal=True,
        window_size=window, scheduler_metadata=prepared)
    return run, get_scheduler_metadata(
        batch, queries, keys, heads, heads_kv, d, lengths, cu_seqlens_q=starts, page_size=page, causal=True,
        window_size=window)


def replayed(run, prepared):
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        run(prepared)
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph):
        for _ in range(20):
            run(prepared)
    graph.replay()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(5):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 100 * 1000


def main():
    profile = sys.argv[2:] == ["ncu"]
    with open(sys.argv[1]) as table:
        cases = dict.fromkeys(tuple(row[name] for name in COLUMNS) for row in csv.DictReader(table))
    for case in cases:
        kind, *sizes, mask, page = case
        with torch.no_grad():
            run, prepared = call(kind, *map(int, sizes), mask, int(page or 0))
            for _ in range(3):
                run()
            torch.cuda.synchronize()
            if profile:
                torch.cuda.cudart().cudaProfilerStart()
                run()
                torch.cuda.synchronize()
                torch.cuda.cudart().cudaProfilerStop()
                continue
            times = [replayed(run, None)] + ([replayed(run, prepared)] if prepared is not None else [])
            print(",".join(case), *(f"{time:.2f}" for time in times), sep=",", flush=True)


main()
