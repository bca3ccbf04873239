// Clock and power of one NVIDIA Hopper GPU, part 2: time trace of the effective SM clock, and sustained rate, watts and EFFECTIVE clock (clock64 over globaltimer) of more kinds of work.
// Build: nvcc -O3 -std=c++17 -gencode=arch=compute_90a,code=sm_90a -o power2 power2.cu -lnvidia-ml ; run: ./power2 POWER.csv TRACE.csv RAWTRACE.csv
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include <algorithm>
#include <thread>
#include <atomic>
#include <chrono>
#include <functional>
#include <cuda.h>
#include <cuda_runtime.h>
#include <nvml.h>
#define CK(x) do{cudaError_t e=(x); if(e!=cudaSuccess){printf("ERROR,%s,%s,%d\n",cudaGetErrorString(e),#x,__LINE__); fflush(stdout); exit(1);} }while(0)
template<int N,int RS,int TB> struct W;
template<> struct W<128,0,0>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"l"(da),"l"(db)); } };
template<> struct W<128,1,0>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, {%64,%65,%66,%67}, %68, 1, 1, 1, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
__device__ __forceinline__ uint64_t mkdesc(uint32_t a){ return (uint64_t)((a>>4)&0x3fff)|((uint64_t)1<<16)|((uint64_t)64<<32)|((uint64_t)1<<62); }
__device__ __forceinline__ uint32_t sptr(const void*p){ return (uint32_t)__cvta_generic_to_shared(p); }
__device__ __forceinline__ uint32_t clk(){ uint32_t x; asm volatile("mov.u32 %0,%%clock;":"=r"(x)::"memory"); return x; }
__device__ __forceinline__ unsigned long long gt(){ unsigned long long x; asm volatile("mov.u64 %0,%%globaltimer;":"=l"(x)::"memory"); return x; }
__device__ __forceinline__ uint32_t rnd(uint32_t x){ x^=x<<13; x^=x>>17; x^=x<<5; return x*0x9E3779B9u; }
__device__ __forceinline__ uint32_t bf1(float f){ uint32_t u=__float_as_uint(f); return (u+0x8000u)>>16; }
// data: 0 zeros, 1 uniform in +-[0.5,1) (as power.cu), 2 standard normal (as attention inputs), 3 probabilities exp(normal) in (0,1]
__device__ uint32_t bf2(uint32_t s,int data){ if(data==0) return 0; uint32_t r=rnd(s); if(data==1){ uint32_t a=0x3f000000u|((r&0x7f)<<16)|((r&0x80)<<24), b=0x3f00u|((r>>8)&0x7f)|((r>>8)&0x80)<<8; return (a&0xffff0000u)|(b&0xffffu); }
  uint32_t q=rnd(s*3+1234567); float u=((r>>8)+1)*(1.f/16777217.f), v=(q>>8)*(1.f/16777216.f); float m=sqrtf(-2*logf(u)); float x=m*cosf(6.2831853f*v),y=m*sinf(6.2831853f*v); if(data==3){ x=expf(fminf(x-2.5f,0)); y=expf(fminf(y-2.5f,0)); } return (bf1(x)<<16)|(bf1(y)&0xffff); }
__device__ __forceinline__ void fill(uint8_t*sm,int bytes,int data){ for(int i=threadIdx.x;i<bytes/4;i+=blockDim.x) ((uint32_t*)sm)[i]=bf2(i*7+blockIdx.x*131+1,data); asm volatile("fence.proxy.async.shared::cta;":::"memory"); __syncthreads(); }
struct Rec{ unsigned long long g0,c0,g1,c1; };
enum{ SS=0,RS=1,HMMA=2,FFMA=3,FMNMX=4,CVT=5,LDSM=6,EX2=7,LOP=8,FMUL=9,SHFL=10,TMA=11,RED=12,BULKRED=13 };
__device__ __forceinline__ void bulk(uint32_t dst,const void*src,uint32_t n,uint32_t bar){ asm volatile("{.reg .b64 t; mbarrier.arrive.expect_tx.shared.b64 t,[%3],%2;} cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0],[%1],%2,[%3];"::"r"(dst),"l"(src),"r"(n),"r"(bar):"memory"); }
__device__ __forceinline__ void mwait(uint32_t b,uint32_t ph){ uint32_t ok=0; while(!ok) asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p,[%1],%2; selp.u32 %0,1,0,p;}":"=r"(ok):"r"(b),"r"(ph):"memory"); }
// work until `ns` have passed (ns>0) or `iter` iterations; counts iterations of every warp 0 of a CTA; thread blockDim-1's warp of block 0 records the trace
// 12 work warps (3 warpgroups; tensor uses 2 of them unless nwg=3) + 1 recorder warp
template<int KIND> __global__ void __launch_bounds__(416,1) work(float*fo,unsigned long long*its,Rec*rec,ulonglong2*trace,int tmax,unsigned long long ns,int iter,int data,int nwg,int idle,const uint8_t*src,size_t srcn){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile int stop; __shared__ uint64_t bars[4]; if(threadIdx.x==0){ stop=0; for(int i=0;i<4;i++) asm volatile("mbarrier.init.shared.b64 [%0],1;"::"r"(sptr(&bars[i]))); asm volatile("fence.proxy.async.shared::cta;":::"memory"); } if(KIND!=TMA) fill(sm,KIND==LDSM?65536:98304,data); __syncthreads();
  int wg=threadIdx.x/128; unsigned long long g0=gt(); unsigned long long c0=clock64();
  if(wg==3){ // recorder
    if(blockIdx.x==0&&threadIdx.x==384){ int n=0; unsigned long long last=0; rec->g0=gt(); rec->c0=clock64();
      while(!stop){ if(tmax){ unsigned long long g=gt(); if(g-last>=20000&&n<tmax){ unsigned long long gb=g,ga; do{ ga=gt(); }while(ga==gb); unsigned long long c=clock64(); trace[n++]=make_ulonglong2(ga,c); last=ga; } } __nanosleep(tmax?1000:20000); }
      rec->g1=gt(); rec->c1=clock64(); if(tmax) trace[n]=make_ulonglong2(0,0); }
    return; }
  uint32_t b=sptr(sm); unsigned long long n=0; float z=0; bool tl = ns>0;
#define DONE (tl? ((n&15)==0 && gt()-g0>=ns) : n>=(unsigned)iter)
  if constexpr(KIND==SS||KIND==RS){ if(wg<nwg){ uint64_t da=mkdesc(b+wg*16384),db=mkdesc(b+49152); float c[64]; for(int i=0;i<64;i++) c[i]=0; uint32_t a[4]; for(int i=0;i<4;i++) a[i]=bf2(threadIdx.x*4+i+blockIdx.x*999,data==2?3:data);
      for(;;){ uint32_t t0=clk(); asm volatile("wgmma.fence.sync.aligned;":::"memory");
        #pragma unroll
        for(int k=0;k<8;k++) W<128,KIND==RS,0>::mma(c,da+(k&3)*2+(k>>2)*512,a,db+(k&3)*2+(k>>2)*1024);
        asm volatile("wgmma.commit_group.sync.aligned;":::"memory"); if(idle){ asm volatile("wgmma.wait_group.sync.aligned 0;":::"memory"); while(clk()-t0<(uint32_t)idle); __syncwarp(); } else asm volatile("wgmma.wait_group.sync.aligned 1;":::"memory"); n++; if((n&15)==0){ int any; asm volatile("{.reg .pred p,q; setp.ne.s32 p,%1,0; bar.red.or.pred q,%2,128,p; selp.s32 %0,1,0,q;}":"=r"(any):"r"((int)(DONE)),"r"(2+wg):"memory"); if(any) break; } }
      asm volatile("wgmma.wait_group.sync.aligned 0;":::"memory"); for(int i=0;i<64;i++) z+=c[i]; } }
  else if constexpr(KIND==HMMA){ float c[16][4]; for(int i=0;i<64;i++) c[i/4][i%4]=0; uint32_t a[2][4],bb[8]; for(int i=0;i<8;i++){ a[i/4][i%4]=bf2(threadIdx.x*8+i+blockIdx.x*999,data); bb[i]=bf2(threadIdx.x*8+i+5555+blockIdx.x*777,data); }
      for(;;){
        #pragma unroll
        for(int u=0;u<4;u++)
        #pragma unroll
        for(int i=0;i<16;i++){ const uint32_t*x=a[(i>>3)&1]; int o=((i+u)&3)*2; asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};":"+f"(c[i][0]),"+f"(c[i][1]),"+f"(c[i][2]),"+f"(c[i][3]):"r"(x[0]),"r"(x[1]),"r"(x[2]),"r"(x[3]),"r"(bb[o]),"r"(bb[o+1])); }
        n++; if(DONE) break; } for(int i=0;i<64;i++) z+=c[i/4][i%4]; }
  else if constexpr(KIND==LDSM){ uint32_t ad=b+(threadIdx.x&31)*16,o=(threadIdx.x/32)*512, s=0; for(;;){ o+=8192;
        #pragma unroll
        for(int u=0;u<16;u++){ uint32_t r0,r1,r2,r3; asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];":"=r"(r0),"=r"(r1),"=r"(r2),"=r"(r3):"r"(ad+((o+u*512)&65535)):"memory"); s=(s+r0)^r1^r2; if(u==15) s^=r3; }
        n++; if(DONE) break; } if(s==0x12345678u) fo[0]=1; }
  else if constexpr(KIND==TMA){ if(threadIdx.x==0){ const int B=32768,D=4; int nt=(int)(srcn/B), t0_=data==9?(int)(blockIdx.x/33)*64:(int)((long long)blockIdx.x*nt/gridDim.x), lo=t0_, hi=data==9?t0_+64:(int)((long long)(blockIdx.x+1)*nt/gridDim.x), t=t0_; for(int q=0;q<D;q++){ bulk(b+q*B,src+(size_t)t*B,B,sptr(&bars[q])); if(++t==hi) t=lo; } int q=0; uint32_t ph=0; for(;;){ mwait(sptr(&bars[q]),ph); n++; if(DONE) break; bulk(b+q*B,src+(size_t)t*B,B,sptr(&bars[q])); if(++t==hi) t=lo; q++; if(q==D){q=0;ph^=1;} } for(int y=1;y<D;y++){ q++; if(q==D){q=0;ph^=1;} mwait(sptr(&bars[q]),ph); } } }
  // fp32 additions in the shared cache, each core in 160 KiB of its own: by warps (128 B an instruction), by the copy engine (16 KiB tiles); data 0 adds zeros, 1 numbers in +-[0.5,1)
  else if constexpr(KIND==RED){ float*q=(float*)src+blockIdx.x*40960+threadIdx.x; float v[16]; for(int i=0;i<16;i++) v[i]=data?__uint_as_float(0x3f000000u|(rnd(threadIdx.x*16+i+blockIdx.x*333)&0x807fffffu)):0.f; uint32_t o=0; for(;;){
        #pragma unroll
        for(int u=0;u<16;u++){ asm volatile("red.global.add.f32 [%0],%1;"::"l"(q+o),"f"(v[u]):"memory"); o+=384; if(o>40960-384) o=0; }
        n++; if(DONE) break; } }
  else if constexpr(KIND==BULKRED){ if(threadIdx.x==0){ for(int i=0;i<16384;i++) ((float*)sm)[i]=data?__uint_as_float(0x3f000000u|(rnd(i+blockIdx.x*333)&0x807fffffu)):0.f; asm volatile("fence.proxy.async.shared::cta;":::"memory"); const int B=16384; uint8_t*q=(uint8_t*)src+blockIdx.x*163840; for(;;){ asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0],[%1],%2;cp.async.bulk.commit_group;cp.async.bulk.wait_group.read 1;"::"l"(q+(n%10)*B),"r"(b+(uint32_t)(n&3)*B),"r"(B):"memory"); n++; if(DONE) break; } asm volatile("cp.async.bulk.wait_group 0;":::"memory"); } }
  else { float x[16]; for(int i=0;i<16;i++) x[i]=__uint_as_float(0x3f000000u|(rnd(threadIdx.x*16+i+blockIdx.x*333)&0x7fffff)); float p=__uint_as_float(0x3f000000u|(rnd(threadIdx.x)&0x7fffff)),q=p*0.5f;
      for(;;){
        #pragma unroll
        for(int u=0;u<8;u++)
        #pragma unroll
        for(int i=0;i<16;i++){
          if constexpr(KIND==FFMA) asm volatile("fma.rn.ftz.f32 %0,%0,%1,%2;":"+f"(x[i]):"f"(p),"f"(q));
          if constexpr(KIND==FMUL) asm volatile("mul.ftz.f32 %0,%0,%1;":"+f"(x[i]):"f"(-1.0f));
          if constexpr(KIND==FMNMX) asm volatile("max.f32 %0,%1,%2;":"=f"(x[i]):"f"(x[(i+1)&15]),"f"(x[(i+5)&15]));
          if constexpr(KIND==EX2) asm volatile("ex2.approx.ftz.f32 %0,%0;":"+f"(x[i]));
          if constexpr(KIND==LOP){ uint32_t r=__float_as_uint(x[i]); asm volatile("lop3.b32 %0,%0,%1,%2,0x96;":"+r"(r):"r"(__float_as_uint(p)),"r"(__float_as_uint(x[(i+3)&15]))); x[i]=__uint_as_float(r); }
          if constexpr(KIND==CVT){ uint32_t r; asm volatile("cvt.rn.bf16x2.f32 %0,%1,%2;":"=r"(r):"f"(x[i]),"f"(x[(i+3)&15])); x[i]=__uint_as_float(r); }
          if constexpr(KIND==SHFL) x[i]=__shfl_xor_sync(~0u,x[i],1); }
        n++; if(DONE) break; } for(int i=0;i<16;i++) z+=x[i]; }
  if(z==123.456f) fo[threadIdx.x]=z;
  if((threadIdx.x&31)==0) atomicAdd(its+blockIdx.x,n);
  asm volatile("bar.sync 1,384;":::"memory"); if(threadIdx.x==0) stop=1; }
nvmlDevice_t H; std::atomic<bool> go; std::vector<unsigned> ck,pw,mc; static int nsm; static float*fo; static unsigned long long*its; static Rec*rec; static ulonglong2*trc; static uint8_t*src;
void sampler(){ while(go){ unsigned c,p; nvmlDeviceGetClockInfo(H,NVML_CLOCK_SM,&c); nvmlDeviceGetPowerUsage(H,&p); ck.push_back(c); pw.push_back(p); std::this_thread::sleep_for(std::chrono::milliseconds(10)); } }
template<class T> static T med(std::vector<T> v){ if(v.empty()) return 0; std::sort(v.begin(),v.end()); return v[v.size()/2]; }
typedef void(*K)(float*,unsigned long long*,Rec*,ulonglong2*,int,unsigned long long,int,int,int,int,const uint8_t*,size_t);
static FILE*FP,*FT,*FR;
// one long launch of ~secs seconds; power and clock sampled over the second half
static void sustain(const char*name,K k,int smemB,double share,int data,int nwg,int idle,double units,const char*unit,double secs=4.0,size_t srcn=0){ CK(cudaFuncSetAttribute(k,cudaFuncAttributeMaxDynamicSharedMemorySize,smemB)); int g=std::max(1,(int)(nsm*share+0.5));
  unsigned long long e0=0; { nvmlDeviceGetTotalEnergyConsumption(H,&e0); }
  k<<<g,416,smemB>>>(fo,its,rec,trc,0,(unsigned long long)(secs*0.5e9),0,data,nwg,idle,src,srcn); CK(cudaDeviceSynchronize()); CK(cudaMemset(its,0,nsm*8)); ck.clear(); pw.clear(); go=true; std::thread t(sampler); unsigned long long ea=0,eb=0; nvmlDeviceGetTotalEnergyConsumption(H,&ea); auto w0=std::chrono::steady_clock::now();
  k<<<g,416,smemB>>>(fo,its,rec,trc,0,(unsigned long long)(secs*0.5e9),0,data,nwg,idle,src,srcn); CK(cudaDeviceSynchronize()); nvmlDeviceGetTotalEnergyConsumption(H,&eb); double wall=std::chrono::duration<double>(std::chrono::steady_clock::now()-w0).count(); go=false; t.join();
  Rec r; CK(cudaMemcpy(&r,rec,sizeof r,cudaMemcpyDeviceToHost)); std::vector<unsigned long long> h(nsm); CK(cudaMemcpy(h.data(),its,nsm*8,cudaMemcpyDeviceToHost)); double tot=0; for(auto v:h) tot+=v; double sec=(r.g1-r.g0)*1e-9; double mhz=(double)(r.c1-r.c0)/(r.g1-r.g0)*1e3;
  std::vector<unsigned> c2(ck.begin()+ck.size()/2,ck.end()),p2(pw.begin()+pw.size()/2,pw.end());
  fprintf(FP,"%s,%.3f,%.6g,%s,%u,%.1f,%.1f,%.1f,%.5g,%.3f\n",name,share,tot*units/sec,unit,med(c2),mhz,med(p2)/1e3,(eb-ea)/1e3/wall,tot*units/(r.c1-r.c0)/g,sec); fflush(FP); std::this_thread::sleep_for(std::chrono::milliseconds(500)); }
static void trace(const char*name,K k,int smemB,int data,int nwg,int idle,double ms=150){ std::this_thread::sleep_for(std::chrono::milliseconds(3000)); CK(cudaFuncSetAttribute(k,cudaFuncAttributeMaxDynamicSharedMemorySize,smemB)); CK(cudaMemset(its,0,nsm*8)); CK(cudaDeviceSynchronize()); std::this_thread::sleep_for(std::chrono::milliseconds(2000));
  unsigned c,p; nvmlDeviceGetClockInfo(H,NVML_CLOCK_SM,&c); nvmlDeviceGetPowerUsage(H,&p); k<<<nsm,416,smemB>>>(fo,its,rec,trc,20000,(unsigned long long)(ms*1e6),0,data,nwg,idle,src,0); CK(cudaDeviceSynchronize()); Rec r; CK(cudaMemcpy(&r,rec,sizeof r,cudaMemcpyDeviceToHost));
  std::vector<ulonglong2> h(20001); CK(cudaMemcpy(h.data(),trc,h.size()*16,cudaMemcpyDeviceToHost)); size_t n=0; while(n<20000&&h[n].x) n++;
  double at[]={0.02,0.05,0.1,0.2,0.5,1,2,5,10,20,50,100,150}; unsigned long long g0=r.g0; 
  for(double t: at){ // effective MHz over a window around t: [0.75t,1.25t], at least 4 samples
    double lo=t*0.75,hi=t*1.25; size_t a=0,b=0; bool fa=false; for(size_t i=0;i<n;i++){ double x=(h[i].x-g0)*1e-6; if(!fa&&x>=lo){ a=i; fa=true; } if(x<=hi) b=i; } if(!fa) a=n-1; if(b<a+2){ b=std::min(n-1,a+2); a=b>=2?b-2:0; } double mhz=(double)(h[b].y-h[a].y)/(h[b].x-h[a].x)*1e3; fprintf(FT,"%s,%g,%.1f,%.4f,%.4f,%u,%.1f\n",name,t,mhz,(h[a].x-g0)*1e-6,(h[b].x-g0)*1e-6,c,p/1e3); }
  fflush(FT); for(size_t i=0;i<n;i++){ double x=(h[i].x-g0)*1e-6; if(i==0||x<3||(x<20&&i%5==0)||i%25==0) fprintf(FR,"%s,%.4f,%llu\n",name,x,(unsigned long long)(h[i].y-h[0].y)); } fflush(FR); }
int main(int ac,char**av){ nvmlInit(); nvmlDeviceGetHandleByIndex(0,&H); cudaDeviceProp p; CK(cudaGetDeviceProperties(&p,0)); nsm=p.multiProcessorCount; CK(cudaMalloc(&fo,1<<20)); CK(cudaMalloc(&its,nsm*8)); CK(cudaMalloc(&rec,sizeof(Rec))); CK(cudaMalloc(&trc,20001*16+64)); CK(cudaMalloc(&src,512u<<20));
  { std::vector<uint32_t> h(1<<22); uint32_t x=9; for(auto&v:h){ x^=x<<13;x^=x>>17;x^=x<<5; v=(x&0xbfffbfff)|0x30003000; } for(int i=0;i<32;i++) CK(cudaMemcpy(src+(size_t)i*h.size()*4,h.data(),h.size()*4,cudaMemcpyHostToDevice)); }
  FP=fopen(av[1],"w"); FT=fopen(av[2],"w"); FR=fopen(av[3],"w"); fprintf(FP,"kind,share_of_sms,rate_per_s,unit,nvml_sm_clock_mhz,effective_clock_mhz,power_w,energy_counter_w,rate_per_clk_per_sm,seconds\n"); fprintf(FT,"kind,time_ms,effective_mhz,window_start_ms,window_end_ms,nvml_mhz_before,nvml_w_before\n"); fprintf(FR,"kind,time_ms,clock_cycles\n");
  const int SB=132096; bool some=ac>5; double mm=2.0*64*128*16*8/4; // flop per counted warp-iteration (4 warps of a warpgroup count each)
  double f=ac>4?atof(av[4]):1.0;
  if(!some){ trace("wgmma_ss_randn",work<SS>,SB,2,2,0); trace("wgmma_ss_uniform",work<SS>,SB,1,2,0); trace("wgmma_ss_zero",work<SS>,SB,0,2,0); trace("wgmma_ss_randn_33pct",work<SS>,SB,2,1,1400); trace("wgmma_ss_randn_50pct",work<SS>,SB,2,1,1000); trace("wgmma_ss_randn_75pct",work<SS>,SB,2,2,1330); trace("wgmma_ss_randn_10pct",work<SS>,SB,2,1,5080); trace("wgmma_ss_zero_50pct",work<SS>,SB,0,1,1000); trace("mma_sync_zero",work<HMMA>,SB,0,3,0); trace("mma_sync_randn",work<HMMA>,SB,2,3,0); trace("wgmma_rs_randn",work<RS>,SB,2,2,0); trace("ffma",work<FFMA>,SB,1,3,0);
  }
  if(!some){ sustain("wgmma_ss_randn",work<SS>,SB,1,2,2,0,mm,"flop",8*f); sustain("wgmma_ss_uniform",work<SS>,SB,1,1,2,0,mm,"flop",7*f); sustain("wgmma_ss_zero",work<SS>,SB,1,0,2,0,mm,"flop",7*f); sustain("wgmma_rs_randn",work<RS>,SB,1,2,2,0,mm,"flop",7*f); sustain("wgmma_ss_randn",work<SS>,SB,0.5,2,2,0,mm,"flop",7*f); sustain("wgmma_ss_randn_33pct",work<SS>,SB,1,2,1,1400,mm,"flop",7*f); sustain("wgmma_ss_randn_50pct",work<SS>,SB,1,2,1,1000,mm,"flop",7*f); sustain("wgmma_ss_randn_75pct",work<SS>,SB,1,2,2,1330,mm,"flop",7*f); sustain("wgmma_ss_randn_10pct",work<SS>,SB,1,2,1,5080,mm,"flop",7*f);
  }
  if(!some){ double hm=4096.0*64; sustain("mma_sync_randn",work<HMMA>,SB,1,2,3,0,hm,"flop",7*f); sustain("mma_sync_randn",work<HMMA>,SB,0.5,2,3,0,hm,"flop",7*f); sustain("mma_sync_zero",work<HMMA>,SB,1,0,3,0,hm,"flop",7*f);
  }
  if(!some){ double e=32.0*128; sustain("ffma",work<FFMA>,SB,1,1,3,0,e,"fma",7*f); sustain("fmul",work<FMUL>,SB,1,1,3,0,e,"mul",7*f); sustain("fmnmx",work<FMNMX>,SB,1,1,3,0,e,"max",7*f); sustain("lop3",work<LOP>,SB,1,1,3,0,e,"lop3",7*f); sustain("cvt_bf16x2",work<CVT>,SB,1,1,3,0,e,"cvt (two elements)",7*f); sustain("ex2",work<EX2>,SB,1,1,3,0,e,"ex2",7*f); sustain("shfl",work<SHFL>,SB,1,1,3,0,e,"shuffle lanes",7*f);
  }
  for(int d=0;d<2;d++){ std::string n=d?"randn":"zero"; CK(cudaMemset(src,0,24u<<20)); sustain(("red_add_f32_"+n).c_str(),work<RED>,SB,1,d,3,0,16.0*128,"B added",7*f,24u<<20); CK(cudaMemset(src,0,24u<<20)); sustain(("bulk_reduce_f32_"+n).c_str(),work<BULKRED>,SB,1,d,3,0,16384.0,"B added",7*f,24u<<20); } if(some) return 0; sustain("ldmatrix",work<LDSM>,SB,1,1,3,0,512.0*16,"B",7*f); sustain("tma_l2_to_smem_24MiB_own_region_per_sm",work<TMA>,SB,1,1,3,0,32768.0,"B",7*f,24u<<20); sustain("tma_l2_to_smem_shared2MiB_by_33sm",work<TMA>,SB,1,9,3,0,32768.0,"B",7*f,24u<<20); sustain("tma_dram_to_smem_own_region_per_sm",work<TMA>,SB,1,1,3,0,32768.0,"B",7*f,512u<<20);
  { ck.clear(); pw.clear(); go=true; std::thread t(sampler); std::this_thread::sleep_for(std::chrono::milliseconds(2500)); go=false; t.join(); std::vector<unsigned> p2(pw.begin()+pw.size()/2,pw.end()); fprintf(FP,"idle,0,0,none,%u,0,%.1f,0,0,0\n",med(ck),med(p2)/1e3); }
  fclose(FP); fclose(FT); fclose(FR); return 0; }
