// Throughput of fp32 additions in the shared cache, as flash attention's backward kernels do them on dQ: bulk reductions
// of the copy engine (cp.reduce.async.bulk, one thread a core) and element-wise atomics of warps (red.global.add, 256
// threads a core, 128 bytes a warp instruction).
//
// Prints kind, bytes of a tile, tiles in flight, region (0: 2 MiB shared by 32 cores, 1: 160 KiB for each core, 2: 2.5 MiB
// for each core, which is more than the cache together), cores, bytes per clock and core.
// nvcc -O3 -arch=sm_90a -o reduce reduce.cu && ./reduce
#include <cstdio>
#include <cstdint>
__device__ uint32_t clk(){uint32_t c;asm volatile("mov.u32 %0,%%clock;":"=r"(c));return c;}
#define A(s) asm volatile(s:::"memory")
__global__ void bulk(char*b,uint32_t*o,int n,int d,int reg,int sh,int R){extern __shared__ __align__(1024) char sm[];for(int i=threadIdx.x;i<n*d/4;i+=128)((float*)sm)[i]=1e-9f;__syncthreads();A("fence.proxy.async.shared::cta;");if(threadIdx.x)return;char*p=b+(size_t)(blockIdx.x/sh)*reg;int T=reg/n,t=(blockIdx.x%sh)*T/sh;uint32_t s=(uint32_t)__cvta_generic_to_shared(sm),t0=clk();for(int i=0;i<R;i++){asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0],[%1],%2;"::"l"(p+(size_t)t*n),"r"(s+i%d*n),"r"(n):"memory");A("cp.async.bulk.commit_group;");if(d==1)A("cp.async.bulk.wait_group.read 0;");else A("cp.async.bulk.wait_group.read 1;");if(++t==T)t=0;}A("cp.async.bulk.wait_group 0;");o[blockIdx.x]=clk()-t0;}
__global__ void red(char*b,uint32_t*o,int n,int d,int reg,int sh,int R){char*p=b+(size_t)(blockIdx.x/sh)*reg;int T=reg/n,t=(blockIdx.x%sh)*T/sh;uint32_t t0=clk();for(int i=0;i<R;i++){float*q=(float*)(p+(size_t)t*n);for(int k=threadIdx.x;k<n/4;k+=256)asm volatile("red.global.add.f32 [%0],%1;"::"l"(q+k),"f"(1e-9f):"memory");if(++t==T)t=0;}__syncthreads();if(!threadIdx.x)o[blockIdx.x]=clk()-t0;}
int main(){char*b;uint32_t*o,h[132];cudaMalloc(&b,400<<20);cudaMemset(b,0,400<<20);cudaMalloc(&o,999);cudaFuncSetAttribute(bulk,cudaFuncAttributeMaxDynamicSharedMemorySize,99999);for(int K=0;K<3;K++)for(int g=1;g<133;g+=131)for(int w=0;w<3;w++){int n=K==2?32768:20480,d=K==1?2:1,reg=(w==0?2<<20:w==1?160<<10:2560<<10)/n*n,sh=w?1:32;for(int q=0;q<2;q++){if(K<2)bulk<<<g,128,n*d>>>(b,o,n,d,reg,sh,300);else red<<<g,256>>>(b,o,n,d,reg,sh,300);cudaDeviceSynchronize();}cudaMemcpy(h,o,4*g,cudaMemcpyDeviceToHost);printf("%s,%d,%d,%d,%d,%.2f,%s\n",K<2?"bulk":"red",n,d,w,g,n*300./h[g/2],cudaGetErrorString(cudaGetLastError()));}}
