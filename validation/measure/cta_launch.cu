// From the end of one work item to the start of the next on the same core, where one fits at a time: cycles a wave of a grid of
// N waves, by threads and by what an item does at its end.
//   nvcc -O3 -arch=sm_90 -o cta_launch cta_launch.cu
//   ncu --clock-control none --csv --page raw --metrics sm__cycles_elapsed.max ./cta_launch
// Kernels in the order of the loops below: way (0 nothing, 1 a barrier of all threads at the start, 2 the same and stores of 32 KiB
// by threads, 3 the same by the copy engine, waiting until shared memory is read, 4 waiting until written), threads (128, 256,
// 384, 512), waves (40, 80).
#include <cuda_runtime.h>
#include <cstdio>

__global__ void item(int way, unsigned char* out) {
  extern __shared__ __align__(128) unsigned char buffer[];
  if (way >= 1) __syncthreads();
  if (way == 2) {
    uint4* o = (uint4*)(out + (size_t)blockIdx.x * 32768);
    for (int i = threadIdx.x; i < 2048; i += blockDim.x) o[i] = make_uint4(i, 0, 0, 0);
  }
  if (way >= 3 && threadIdx.x == 0) {
    unsigned from = __cvta_generic_to_shared(buffer);
    asm volatile("fence.proxy.async.shared::cta;");
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(out + (size_t)blockIdx.x * 32768), "r"(from), "r"(32768) : "memory");
    asm volatile("cp.async.bulk.commit_group;");
    if (way == 3) asm volatile("cp.async.bulk.wait_group.read 0;");
    else asm volatile("cp.async.bulk.wait_group 0;");
  }
}

int main() {
  cudaDeviceProp prop;
  cudaGetDeviceProperties(&prop, 0);
  int cores = prop.multiProcessorCount;
  unsigned char* out;
  cudaMalloc(&out, (size_t)cores * 80 * 32768);
  cudaFuncSetAttribute(item, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 * 1024);
  for (int way = 0; way < 5; way++)
    for (int threads = 128; threads <= 512; threads += 128)
      for (int waves = 40; waves <= 80; waves += 40) item<<<cores * waves, threads, 200 * 1024>>>(way, out);
  cudaDeviceSynchronize();
  printf("%s\n", cudaGetErrorString(cudaGetLastError()));
  return 0;
}
