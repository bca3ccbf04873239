"""FlashAttention-3's C++ build (PyPI fa3_fwd 0.0.3, forward only), one call of each case under Nsight Compute.

ncu --profile-from-start off --clock-control none --csv --page raw --metrics \\
sm__cycles_elapsed.max,sm__cycles_active.avg,smsp__inst_executed.sum,gpu__time_duration.sum python3 fa3_cpp.py ncu

Without `ncu`: time of a call from 30 repetitions (CUDA events), in us. dense: flash_attn_func. varlen: flash_attn_varlen_func,
lengths from a table. decode: flash_attn_with_kvcache, one query a sequence, lengths from a table, no pages.
"""
import sys
import torch
from fa3_fwd_interface import flash_attn_func, flash_attn_varlen_func, flash_attn_with_kvcache

# kind, batch, query heads, key-value heads, tokens (keys of a decode call), head dim, causal
CASES = [
    ("dense", 4, 16, 16, 4096, 128, 0), ("dense", 4, 16, 16, 4096, 128, 1), ("dense", 4, 32, 32, 4096, 64, 0),
    ("dense", 4, 32, 32, 4096, 64, 1), ("dense", 4, 8, 8, 4096, 256, 0), ("dense", 4, 8, 8, 4096, 256, 1),
    ("varlen", 4, 16, 16, 4096, 128, 1), ("varlen", 16, 16, 16, 1024, 128, 1), ("varlen", 16, 32, 8, 512, 128, 1),
    ("varlen", 64, 32, 4, 256, 128, 1), ("varlen", 128, 64, 2, 256, 128, 1), ("varlen", 64, 32, 32, 128, 128, 1),
    ("varlen", 256, 48, 1, 64, 128, 1), ("varlen", 64, 96, 2, 64, 128, 1), ("varlen", 4, 32, 32, 4096, 64, 0),
    ("varlen", 8, 32, 32, 256, 64, 0), ("varlen", 32, 4, 4, 1296, 64, 0), ("varlen", 32, 32, 32, 512, 64, 1),
    ("varlen", 32, 32, 4, 2048, 64, 1), ("varlen", 32, 16, 2, 512, 256, 1), ("varlen", 4, 8, 8, 4096, 256, 1),
    ("decode", 132, 1, 1, 16, 128, 0), ("decode", 128, 2, 2, 16, 128, 0), ("decode", 256, 8, 8, 16, 128, 0),
    ("decode", 512, 4, 4, 16, 128, 0), ("decode", 1024, 2, 2, 16, 128, 0), ("decode", 2048, 1, 1, 16, 128, 0),
    ("decode", 2048, 2, 2, 16, 128, 0), ("decode", 2048, 4, 4, 16, 128, 0), ("decode", 512, 64, 64, 16, 128, 0),
    ("decode", 1024, 16, 16, 64, 128, 0), ("decode", 512, 8, 4, 128, 128, 0), ("decode", 512, 4, 4, 352, 128, 0),
    ("decode", 512, 4, 4, 1056, 128, 0), ("decode", 1024, 64, 2, 16, 128, 0), ("decode", 2048, 64, 1, 64, 128, 0),
    ("decode", 64, 8, 8, 4096, 128, 0), ("decode", 4, 8, 2, 16384, 128, 0),
]


def call(kind, batch, heads, heads_kv, tokens, d, causal):
    rand = lambda *shape: torch.randn(*shape, device="cuda", dtype=torch.bfloat16)
    if kind == "dense":
        q, k, v = rand(batch, tokens, heads, d), rand(batch, tokens, heads_kv, d), rand(batch, tokens, heads_kv, d)
        return lambda: flash_attn_func(q, k, v, causal=bool(causal))
    if kind == "varlen":
        total = batch * tokens
        q, k, v = rand(total, heads, d), rand(total, heads_kv, d), rand(total, heads_kv, d)
        starts = torch.arange(0, total + 1, tokens, device="cuda", dtype=torch.int32)
        return lambda: flash_attn_varlen_func(q, k, v, starts, starts, tokens, tokens, causal=bool(causal))
    q, k, v = rand(batch, 1, heads, d), rand(batch, tokens, heads_kv, d), rand(batch, tokens, heads_kv, d)
    lengths = torch.full((batch,), tokens, device="cuda", dtype=torch.int32)
    return lambda: flash_attn_with_kvcache(q, k, v, cache_seqlens=lengths, causal=True)


def main():
    profile = sys.argv[1:] == ["ncu"]
    for case in CASES:
        with torch.no_grad():
            run = call(*case)
            for _ in range(3):
                run()
            torch.cuda.synchronize()
            if profile:
                torch.cuda.cudart().cudaProfilerStart()
                run()
                torch.cuda.synchronize()
                torch.cuda.cudart().cudaProfilerStop()
                continue
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(30):
                run()
            end.record()
            torch.cuda.synchronize()
            print(",".join(map(str, case)), f"{start.elapsed_time(end) / 30 * 1000:.2f}", sep=",", flush=True)


main()
