"""Hardware counters of attention kernels: run under Nsight Compute.

ncu --profile-from-start off --clock-control none --set full --import-source no -f -o OUT python3 counters.py [torch|cute]
ncu --import OUT.ncu-rep --page raw --csv > counters.csv
Each profiled call is one range in the order printed; the printed lines name the shape (kernel,pass,b,h,s,d,mask).
"""
import sys, torch, torch.nn.functional as F
from torch.nn.attention import sdpa_kernel, SDPBackend
sys.path.insert(0, ".")
cases = []
def add(name, fn):
    try: fn(); fn(); torch.cuda.synchronize(); cases.append((name, fn))
    except Exception as e: print("FAIL", name, type(e).__name__, str(e)[:100])
def t(*s, g=False): return torch.randn(*s, device="cuda", dtype=torch.bfloat16, requires_grad=g)
which = sys.argv[1] if len(sys.argv) > 1 else "torch"
if which == "torch":
    for k, be in (("fa2", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
        for d in (64, 128, 256):
            for c in (False, True):
                q, k_, v = (t(4, 2048 // d, 4096, d) for _ in range(3))
                def fn(q=q, k_=k_, v=v, c=c, be=be):
                    with sdpa_kernel(be): F.scaled_dot_product_attention(q, k_, v, is_causal=c)
                add(f"{k},fwd,4,{2048//d},4096,{d},{'causal' if c else 'none'}", fn)
        q, k_, v = (t(4, 16, 4096, 128, g=True) for _ in range(3))
        with sdpa_kernel(be): o = F.scaled_dot_product_attention(q, k_, v)
        g = torch.randn_like(o); add(f"{k},bwd,4,16,4096,128,none", lambda o=o, q=q, k_=k_, v=v, g=g: torch.autograd.grad(o, (q, k_, v), g, retain_graph=True))
    from decode_kernels import Decode
    for sp, pr in ((16, None), (None, 264)): add(f"{'triton_splitkv:16' if sp else 'triton_streamk:264'},decode,1,32/8,32768,128,none", Decode(1, 8, 4, 32768, 128, sp, pr))
else:
    from flash_attn.cute import flash_attn_func
    for d in (64, 128, 256):
        for c in (False, True):
            q, k_, v = (t(4, 4096, 2048 // d, d) for _ in range(3)); add(f"fa_cute,fwd,4,{2048//d},4096,{d},{'causal' if c else 'none'}", lambda q=q, k_=k_, v=v, c=c: flash_attn_func(q, k_, v, causal=c))
    q, k_, v = (t(4, 4096, 16, 128, g=True) for _ in range(3)); o = flash_attn_func(q, k_, v); o = o[0] if isinstance(o, tuple) else o; g = torch.randn_like(o)
    add("fa_cute,bwd,4,16,4096,128,none", lambda: torch.autograd.grad(o, (q, k_, v), g, retain_graph=True))
for name, fn in cases:
    torch.cuda.synchronize(); print("CASE", name, flush=True); torch.cuda.profiler.start(); fn(); torch.cuda.synchronize(); torch.cuda.profiler.stop()
