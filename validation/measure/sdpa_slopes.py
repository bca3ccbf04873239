"""Cycles, instructions and shared-memory wavefronts of fa2 and cudnn at two lengths, and the kernels of a backward call.

python3 sdpa_slopes.py times     times of the kernels of a call, mean of ten (PyTorch's profiler): kernels_h100.csv
ncu --profile-from-start off --clock-control none --csv --page raw --metrics sm__cycles_elapsed.max,sm__cycles_active.avg,\
smsp__inst_executed.sum,l1tex__data_pipe_lsu_wavefronts_mem_shared.sum,gpu__time_duration.sum python3 sdpa_slopes.py: slopes3_h100.csv
Tensors lie head by head ([batch, heads, tokens, head dim]).
"""
import sys, torch, torch.nn.functional as F
from torch.nn.attention import sdpa_kernel, SDPBackend
from torch.profiler import profile, ProfilerActivity

BACKENDS = {"fa2": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}

def call(kernel, batch, heads, kv_heads, seq_q, seq_kv, dim, causal, backward):
    make = lambda h, s: torch.randn(batch, h, s, dim, device="cuda", dtype=torch.bfloat16, requires_grad=backward)
    q, k, v = make(heads, seq_q), make(kv_heads, seq_kv), make(kv_heads, seq_kv)
    def forward():
        with sdpa_kernel(BACKENDS[kernel]):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv_heads)
    if not backward: return forward
    o = forward(); g = torch.randn_like(o)
    return lambda: torch.autograd.grad(o, (q, k, v), g, retain_graph=True)

if sys.argv[1:] == ["times"]:
    for kernel in BACKENDS:
        for b, h, hk, s, d, c in [(32, 16, 16, 512, 128, False), (32, 16, 16, 512, 128, True), (8, 32, 32, 2048, 64, False),
                (4, 32, 32, 4096, 64, True), (2, 16, 16, 8192, 128, False), (2, 16, 16, 8192, 128, True), (4, 32, 8, 2048, 128, False)]:
            f = call(kernel, b, h, hk, s, s, d, c, True)
            for _ in range(20): f()
            torch.cuda.synchronize()
            with profile(activities=[ProfilerActivity.CUDA]) as p:
                for _ in range(10): f()
                torch.cuda.synchronize()
            for e in p.key_averages(): print(kernel, b, h, hk, s, d, c, e.key[:90], e.count, round(e.device_time_total / 10, 1))
else:
    cases = []
    for kernel in BACKENDS:
        for d in (64, 128, 256):
            for c in (False, True):
                for s in (2048, 8192):
                    if kernel == "cudnn": cases.append((kernel, 1, 33, 33, s if c else 2048, s, d, c, False))
                    if d < 256: cases.append((kernel, 1, 33, 33, s, s if c else 2048, d, c, True))
    for case in cases:
        f = call(*case); f(); torch.cuda.synchronize(); print("CASE", case, flush=True)
        torch.cuda.profiler.start(); f(); torch.cuda.synchronize(); torch.cuda.profiler.stop()
