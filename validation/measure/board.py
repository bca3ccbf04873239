"""Settled board power and effective core clock of attention kernels and of matrix products by kind of operand.

The driver's power reading lags by about a second and its clock is the one asked for, so each case runs without a gap for
several seconds; watts are the median of the second half, and the clock is counted: one warp on a stream of its own reads
the cycle counter and the global timer 300 us apart, some ten times while the load runs.

Columns of `attention`: those of attn_bench.py up to flops, then burst_us and kernel_us (empty), sustained_us,
effective_clock_mhz, sm_clock_mhz (the driver's), power_w, seconds of load.
Columns of `products`: kind, rate_per_s (flop), effective_clock_mhz, nvml_clock_mhz, power_w, seconds.
Columns of `trace`: kind, time_ms since the load began, nvml_power_w, nvml_clock_mhz.
Usage: python3 board.py FOLDER [SECONDS_PER_CASE]
"""
import csv, os, sys, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch, triton, triton.language as tl
import attn_bench as bench

FOLDER = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 2.4
NV, H = bench.pynvml, bench.H
START = time.time()


@triton.jit
def clocks(out, wait_ns):
    c0 = tl.inline_asm_elementwise("mov.u64 $0, %clock64;", "=l", [], dtype=tl.int64, is_pure=False, pack=1)
    t0 = tl.inline_asm_elementwise("mov.u64 $0, %globaltimer;", "=l", [], dtype=tl.int64, is_pure=False, pack=1)
    t1 = t0
    while t1 - t0 < wait_ns:
        t1 = tl.inline_asm_elementwise("mov.u64 $0, %globaltimer;", "=l", [], dtype=tl.int64, is_pure=False, pack=1)
    c1 = tl.inline_asm_elementwise("mov.u64 $0, %clock64;", "=l", [], dtype=tl.int64, is_pure=False, pack=1)
    tl.store(out, c1 - c0)
    tl.store(out + 1, t1 - t0)


SIDE = torch.cuda.Stream(priority=-1)
READ = torch.zeros(256, 2, dtype=torch.int64, device="cuda")
with torch.cuda.stream(SIDE):
    clocks[(1,)](READ[0], 300_000, num_warps=1)
torch.cuda.synchronize()


class Sampler(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.rows, self.go, self.t0 = [], True, time.time()

    def run(self):
        while self.go:
            self.rows.append((time.time() - self.t0, NV.nvmlDeviceGetPowerUsage(H) / 1e3, NV.nvmlDeviceGetClockInfo(H, NV.NVML_CLOCK_SM)))
            time.sleep(0.01)


def settle(fn, seconds=SECONDS, replays=True):
    """(us a call, effective MHz, NVML MHz, watts, seconds) of `fn` repeated without a gap."""
    fn(); torch.cuda.synchronize()
    a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    a.record(); [fn() for _ in range(3)]; b.record(); torch.cuda.synchronize()
    one = max(a.elapsed_time(b) / 3, 1e-3) / 1e3
    graph, per = None, 1
    if replays and one < 2e-3:
        try:
            per = max(1, int(4e-3 / one))
            side = torch.cuda.Stream(); side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side): fn()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(per): fn()
        except Exception:
            torch.cuda.synchronize(); graph, per = None, 1
    step = graph.replay if graph else fn
    chunk = max(1, int(0.04 / (one * per)))
    sampler = Sampler(); sampler.start()
    begin, times, reads, pending = time.time(), [], 0, []
    while time.time() - begin < seconds:
        x, y = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        x.record()
        for _ in range(chunk): step()
        y.record()
        late = time.time() - begin > seconds / 2
        pending.append((x, y, late))
        if late and len(pending) % 4 == 0 and reads < 255:
            reads += 1
            with torch.cuda.stream(SIDE): clocks[(1,)](READ[reads], 300_000, num_warps=1)
        # Keep two chunks in flight, so that the device never waits for the host.
        if len(pending) > 2: pending[-3][1].synchronize()
    torch.cuda.synchronize(); sampler.go = False; sampler.join()
    # Chunks beside which the clock was read may be slowed: the median leaves them out.
    spans = [x.elapsed_time(y) for x, y, late in pending if late]
    clock = sorted((c / t * 1e3) for c, t in READ[1:reads + 1].tolist() if t)
    rows = [r for r in sampler.rows if seconds * 0.55 < r[0] < seconds]
    return (bench.med(spans) / chunk / per * 1e3, bench.med(clock), bench.med([r[2] for r in rows]), bench.med([r[1] for r in rows]), seconds), sampler.rows


def table(name, header):
    file = open(os.path.join(FOLDER, name), "w", newline="")
    writer = csv.writer(file); writer.writerow(header.split(","))
    return file, writer


def record(kernel, pas, dt, b, hq, hk, sq, sk, d, dv, mask, fn, npairs=None):
    if time.time() - START > LIMIT: return
    try:
        npairs = bench.pairs(mask, sq, sk) if npairs is None else npairs
        flops = 2.0 * b * hq * npairs * (d + dv) * (2.5 if pas == "bwd" else 1.0)
        (us, clock, nvml, watts, seconds), _ = settle(fn, replays=pas != "bwd")
        ATTENTION.writerow([bench.GPU, kernel, pas, dt, b, hq, hk, sq, sk, d, dv, mask, f"{flops:.6g}", "", "", f"{us:.3f}", f"{clock:.1f}", nvml, f"{watts:.1f}", f"{seconds:.1f}"])
        FILE.flush()
        print(kernel, pas, b, hq, hk, sq, sk, d, mask, f"{us:.1f} us {clock:.0f} MHz (nvml {nvml}) {watts:.1f} W", flush=True)
    except Exception as error:
        print("FAIL", kernel, pas, b, hq, hk, sq, sk, d, mask, type(error).__name__, str(error)[:160].replace("\n", " "), flush=True)
        torch.cuda.empty_cache()


def products():
    """bf16 products of 8192 x 8192 matrices by what the operands hold."""
    n = 8192
    r = lambda: torch.randn(n, n, device="cuda", dtype=torch.bfloat16)
    z = torch.zeros(n, n, device="cuda", dtype=torch.bfloat16)
    rows = lambda k: (torch.arange(n, device="cuda") % 64 < k)[:, None]
    half = (torch.arange(n, device="cuda")[:, None] % 128 >= torch.arange(n, device="cuda")[None] % 128)
    scores = torch.randn(n, n, device="cuda") * 1.0
    p = torch.exp(scores - scores.max(dim=1, keepdim=True).values).bfloat16()
    cases = dict(
        randn_randn=(r(), r()), zero_zero=(z, z), zero_randn=(z, r()), randn_zero=(r(), z), ones_randn=(z + 1, r()), probabilities_randn=(p, r()),
        probabilities_half_zero_randn=(p * half, r()), rows1of64_randn=(r() * rows(1), r()), rows4of64_randn=(r() * rows(4), r()),
        rows16of64_randn=(r() * rows(16), r()), half_zero_randn=(r() * half, r()), randn_randn_transposed=(r(), r().t()))
    file, writer = table("products.csv", "kind,rate_per_s,effective_clock_mhz,nvml_clock_mhz,power_w,seconds")
    out = torch.empty(n, n, device="cuda", dtype=torch.bfloat16)
    for kind, (a, b) in cases.items():
        (us, clock, nvml, watts, seconds), _ = settle(lambda: torch.mm(a, b, out=out))
        writer.writerow([kind, f"{2.0 * n**3 / us * 1e6:.6g}", f"{clock:.1f}", nvml, f"{watts:.1f}", f"{seconds:.1f}"]); file.flush()
        print(kind, f"{2.0 * n**3 / us / 1e6:.1f} TFLOP/s {clock:.0f} MHz (nvml {nvml}) {watts:.1f} W", flush=True)


def trace():
    """How the driver's reading follows a load that begins after two idle seconds."""
    file, writer = table("trace.csv", "kind,time_ms,nvml_power_w,nvml_clock_mhz")
    q, k, v = bench.qkv(1, 16, 16, 16384, 16384, 128, 128)
    def fn():
        with bench.sdpa_kernel(bench.SDPBackend.FLASH_ATTENTION): bench.F.scaled_dot_product_attention(q, k, v)
    fn(); torch.cuda.synchronize(); time.sleep(2)
    _, rows = settle(fn, 3.0)
    for t, w, c in rows[::2]: writer.writerow(["fa2_s16384_d128_after_idle", f"{t * 1e3:.0f}", f"{w:.1f}", c])
    file.flush()


def attention():
    for k in ("fa2", "cudnn"):
        for d in (64, 128):
            for m in ("none", "causal"):
                for s in (512, 2048, 16384): bench.sdpa(k, "fwd", bench.std(s), 2048 // d, 2048 // d, s, s, d, m)
                for s in (512, 1024, 16384): bench.sdpa(k, "bwd", bench.std(s), 2048 // d, 2048 // d, s, s, d, m)
        for b, hq, hk, s in ((1, 32, 8, 16384), (1, 16, 1, 4096), (1, 8, 8, 4096), (1, 33, 33, 4096)): bench.sdpa(k, "fwd", b, hq, hk, s, s, 128, "causal")
        for sq, sk in ((16, 16384), (1, 16384), (128, 8192)): bench.sdpa(k, "fwd", 4, 16, 16, sq, sk, 128, "none")
    for b, hq, hk, sk, ns in ((1, 32, 8, 131072, 16), (1, 32, 8, 131072, 1), (64, 32, 8, 4096, 1), (8, 64, 8, 16384, 1), (16, 32, 8, 8192, 3), (1, 32, 32, 32768, 4), (4, 32, 8, 32768, 4)): bench.dec(b, hq, hk, sk, splits=ns)
    for b, hq, hk, sk in ((64, 32, 8, 4096), (8, 64, 8, 16384), (1, 32, 8, 131072)): bench.dec(b, hq, hk, sk, programs=264)
    for d in (64, 128):
        for m in ("none", "causal"):
            for s in (1024, 16384): bench.flex("fwd", bench.std(s), 2048 // d, 2048 // d, s, s, d, m)
    for w in (256, 1024, 4096): bench.flex("fwd", 1, 16, 16, 16384, 16384, 128, f"swa:{w}")
    nb = 16384 // 128
    for frac in (0.1, 0.5):
        g = torch.Generator().manual_seed(1234); keep = (torch.rand(nb, nb, generator=g) < frac).cuda(); keep.fill_diagonal_(True)
        bench.flex("fwd", 1, 16, 16, 16384, 16384, 128, "", lambda b, h, i, j, keep=keep: keep[i // 128, j // 128], float(keep.sum()) * 128 * 128, f"block_sparse128:{frac}:seed1234")
    for dims, win, stride, tile, label in (((128, 128), (32, 32), (8, 16), (8, 16), "gna128x128:w32x32:s8x16:t8x16"), ((128, 128), (64, 64), None, (8, 16), "gna128x128:w64x64:s1:t8x16")):
        bench.flex("fwd", 1, 16, 16, 16384, 16384, 128, "", bench.na(dims, win, stride, tile), 16384.0 * win[0] * win[1], label)
    for b, hq, hk, sk in ((32, 32, 8, 4096), (8, 32, 8, 32768), (1, 16, 1, 65536)): bench.flex("decode", b, hq, hk, 1, sk, 128, "none")


if __name__ == "__main__":
    LIMIT = float(sys.argv[3]) if len(sys.argv) > 3 else 560
    bench.record = record
    trace(); products()
    FILE, ATTENTION = table("attention.csv", "gpu,kernel,pass,dtype,batch,heads_q,heads_kv,seq_q,seq_kv,head_dim,head_dim_v,mask,flops,burst_us,kernel_us,sustained_us,effective_clock_mhz,sm_clock_mhz,power_w,seconds")
    attention()
    print("elapsed", time.time() - START)
