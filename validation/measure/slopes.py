"""Cycles per step of one work item, from calls that differ in the key length alone: run under Nsight Compute.

ncu --profile-from-start off --clock-control none --csv --page raw --metrics METRICS python3 slopes.py > OUT
Each printed CASE line names the call (kernel,pass,batch*heads,seq_q,seq_kv,head_dim); the profiled kernels follow in that order.
"one": at most one work item a core (128 of 132 cores); "two": two a core.
"""
import torch, torch.nn.functional as F
from torch.nn.attention import sdpa_kernel, SDPBackend
cases = []
for heads, tag in ((8, "one"), (16, "two"), (33, "many")):
    for d in (64, 128, 256):
        sq = 2048 if d < 256 else 1024
        for sk in (2048, 4096, 8192):
            t = lambda s, g=False: torch.randn(1, heads, s, d, device="cuda", dtype=torch.bfloat16, requires_grad=g)
            q, k, v = t(sq), t(sk), t(sk)
            def fn(q=q, k=k, v=v):
                with sdpa_kernel(SDPBackend.FLASH_ATTENTION): F.scaled_dot_product_attention(q, k, v)
            fn(); torch.cuda.synchronize(); cases.append((f"fa2,fwd,{tag},{heads},{sq},{sk},{d}", fn))
for heads, tag in ((8, "one"), (33, "many")):
    for d in (64, 128):
        for sq in (2048, 4096):
            t = lambda s: torch.randn(1, heads, s, d, device="cuda", dtype=torch.bfloat16, requires_grad=True)
            q, k, v = t(sq), t(2048), t(2048)
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION): o = F.scaled_dot_product_attention(q, k, v)
            g = torch.randn_like(o)
            def fn(o=o, q=q, k=k, v=v, g=g): torch.autograd.grad(o, (q, k, v), g, retain_graph=True)
            fn(); torch.cuda.synchronize(); cases.append((f"fa2,bwd,{tag},{heads},{sq},2048,{d}", fn))
for name, fn in cases:
    torch.cuda.synchronize(); print("CASE", name, flush=True); torch.cuda.profiler.start(); fn(); torch.cuda.synchronize(); torch.cuda.profiler.stop()
