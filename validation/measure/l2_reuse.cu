// What the shared cache keeps of a read that repeats: `bytes` of memory read again and again by all cores, each launch with
// the same or with another assignment of chunks to cores.
//   nvcc -O3 -arch=sm_90 -o l2_reuse l2_reuse.cu
//   ./l2_reuse                       time of a launch inside a graph of 20, in us
//   ncu --cache-control none --clock-control none --csv --page raw --metrics dram__bytes_read.sum,gpu__time_duration.sum ./l2_reuse ncu
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <cuda_runtime.h>

// Chunks of 32 KiB, dealt to blocks in turn; `shift` moves the assignment.
__global__ void readAll(const uint4* data, int chunks, int shift, unsigned* sink) {
  unsigned sum = 0;
  for (int i = blockIdx.x; i < chunks; i += gridDim.x) {
    int chunk = (i + shift) % chunks;
    const uint4* p = data + (size_t)chunk * 2048;
#pragma unroll 8
    for (int j = threadIdx.x; j < 2048; j += blockDim.x) {
      uint4 v;
      asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p + j));
      sum ^= v.x ^ v.y ^ v.z ^ v.w;
    }
  }
  if (sum == 0x12345678) *sink = sum;
}

// The same by the copy engine: one bulk copy of 32 KiB after another into a ring of four.
__global__ void copyAll(const uint4* data, int chunks, int shift, unsigned* sink) {
  extern __shared__ __align__(128) unsigned char ring[];
  __shared__ __align__(8) unsigned long long bar[4];
  unsigned base = __cvta_generic_to_shared(ring), bars = __cvta_generic_to_shared(bar);
  if (threadIdx.x == 0) {
    for (int s = 0; s < 4; s++) asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(bars + 8 * s));
    asm volatile("fence.mbarrier_init.release.cluster;");
    int n = 0;
    for (int i = blockIdx.x; i < chunks || n % 4;) {
      int k = 0;
      for (; k < 4 && i < chunks; k++, i += gridDim.x) {
        int chunk = (i + shift) % chunks;
        asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(bars + 8 * k), "r"(32768));
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(base + k * 32768),
                     "l"(data + (size_t)chunk * 2048), "r"(32768), "r"(bars + 8 * k) : "memory");
      }
      unsigned phase = (n / 4) & 1;
      for (int w = 0; w < k; w++) {
        unsigned done = 0;
        while (!done)
          asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}" : "=r"(done) : "r"(bars + 8 * w), "r"(phase));
      }
      n += 4;
      if (k < 4) break;
    }
  }
}

int main(int argc, char** argv) {
  bool profile = argc > 1 && !strcmp(argv[1], "ncu");
  cudaDeviceProp prop;
  cudaGetDeviceProperties(&prop, 0);
  int cores = prop.multiProcessorCount;
  uint4* data;
  unsigned* sink;
  cudaMalloc(&data, (size_t)512 << 20);
  cudaMalloc(&sink, 4);
  cudaMemset(data, 1, (size_t)512 << 20);
  std::vector<int> sizes;
  for (int mb = 12; mb <= 72; mb += 4) sizes.push_back(mb);
  sizes.push_back(96); sizes.push_back(128); sizes.push_back(256);
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaFuncSetAttribute(copyAll, cudaFuncAttributeMaxDynamicSharedMemorySize, 4 * 32768);
  for (int way = 0; way < 4; way++) {
    int moves = way & 1;
    for (int mb : sizes) {
      int chunks = mb * 32;
      int step = moves ? 37 : 0;  // not a multiple of the number of cores
      if (profile) {
        for (int k = 0; k < 8; k++) (way < 2 ? (void)(readAll<<<cores, 512, 0, stream>>>(data, chunks, k * step, sink)) : (void)(copyAll<<<cores, 32, 4 * 32768, stream>>>(data, chunks, k * step, sink)));
        cudaStreamSynchronize(stream);
        continue;
      }
      cudaGraph_t graph;
      cudaGraphExec_t exec;
      cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
      for (int k = 0; k < 20; k++) (way < 2 ? (void)(readAll<<<cores, 512, 0, stream>>>(data, chunks, k * step, sink)) : (void)(copyAll<<<cores, 32, 4 * 32768, stream>>>(data, chunks, k * step, sink)));
      cudaStreamEndCapture(stream, &graph);
      cudaGraphInstantiate(&exec, graph, 0);
      cudaEvent_t a, b;
      cudaEventCreate(&a); cudaEventCreate(&b);
      for (int k = 0; k < 3; k++) cudaGraphLaunch(exec, stream);
      cudaEventRecord(a, stream);
      for (int k = 0; k < 10; k++) cudaGraphLaunch(exec, stream);
      cudaEventRecord(b, stream);
      cudaEventSynchronize(b);
      float ms;
      cudaEventElapsedTime(&ms, a, b);
      printf("%s,%s,%d,%.3f\n", way < 2 ? "loads" : "copies", moves ? "moving" : "fixed", mb, ms * 1000 / 200);
    }
  }
  return 0;
}
