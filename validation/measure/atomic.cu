// Round trip of an integer addition in the shared cache that returns the old value (atomicAdd), as kernels take their next
// work item from a counter: one thread a core, each addition waits for the one before.
//
// Prints cores, whether all use one counter, cycles of a round trip: least, mean and most over the cores.
// nvcc -O3 -arch=sm_90a -o atomic atomic.cu && ./atomic
#include <algorithm>
#include <cstdio>
#include <cstdint>
__device__ uint32_t clk() {
  uint32_t c;
  asm volatile("mov.u32 %0,%%clock;" : "=r"(c)::"memory");
  return c;
}
__global__ void add(int *counters, uint32_t *out, int stride, int n) {
  int *mine = counters + blockIdx.x * stride, index = 0;
  for (int i = 0; i < 16; i++) index = atomicAdd(mine + (index & 0), 1);
  uint32_t start = clk();
  for (int i = 0; i < n; i++) index = atomicAdd(mine + (index < 0), 1);
  uint32_t end = clk();
  out[blockIdx.x] = end - start + (index == -7);
}
int main() {
  int *counters;
  uint32_t *out, host[132];
  cudaMalloc(&counters, 1 << 20);
  cudaMalloc(&out, 4096);
  printf("cores,one_counter,round_trip_least_clk,round_trip_mean_clk,round_trip_most_clk\n");
  for (int cores : {1, 132})
    for (int shared = 0; shared < 2; shared++) {
      if (cores == 1 && shared) continue;
      const int n = 1000;
      cudaMemset(counters, 0, 1 << 20);
      add<<<cores, 1>>>(counters, out, shared ? 0 : 1024, n);
      cudaMemcpy(host, out, cores * 4, cudaMemcpyDeviceToHost);
      double sum = 0;
      for (int i = 0; i < cores; i++) sum += host[i];
      printf("%d,%d,%.1f,%.1f,%.1f\n", cores, shared, *std::min_element(host, host + cores) / double(n),
        sum / cores / n, *std::max_element(host, host + cores) / double(n));
    }
  printf("%s\n", cudaGetErrorString(cudaGetLastError()));
}
