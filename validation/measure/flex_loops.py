# One FlexAttention call for ncu and cuobjdump: flex_loops.py none|causal|bs|allfull HEAD_DIM
#
# Loops: cuobjdump -sass on the cubin that Triton leaves in TRITON_CACHE_DIR. Regions:
#   ncu -k regex:triton_tem -s 3 -c 1 --section SourceCounters --metrics sm__cycles_elapsed.max -o r python3 flex_loops.py ...
#   ncu -i r.ncu-rep --page source --csv
# and samples of each region over all samples, times cycles, over steps of the busiest core.
import sys
import torch
from torch.nn.attention.flex_attention import flex_attention, create_block_mask

name, d = sys.argv[1], int(sys.argv[2])
S, heads = 16384, 2048 // d
q, k, v = [torch.randn(1, heads, S, d, device="cuda", dtype=torch.bfloat16) for _ in range(3)]
torch.manual_seed(1)
keep = torch.rand(S // 128, S // 128, device="cuda") < 0.5
keep |= torch.eye(S // 128, device="cuda").bool()
mod = {
    "none": None,
    "causal": lambda b, h, i, j: i >= j,
    "bs": lambda b, h, i, j: keep[i // 128, j // 128],
    "allfull": lambda b, h, i, j: i >= j - 1000000,
}[name]
mask = None if mod is None else create_block_mask(mod, None, None, S, S, device="cuda")
call = torch.compile(flex_attention, dynamic=False)
for _ in range(4):
    call(q, k, v, block_mask=mask)
torch.cuda.synchronize()
