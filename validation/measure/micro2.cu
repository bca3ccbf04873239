// Micro-benchmarks of one NVIDIA Hopper GPU, part 2: wgmma issue and queueing, softmax fragments beside the tensor core, barriers, TMA, mma.sync.
// Build: nvcc -O3 -std=c++17 -gencode=arch=compute_90a,code=sm_90a -o micro2 micro2.cu ; run: ./micro2 > micro2_h100.csv
// Each row: name,value,unit,note. Clocks are read with %clock/clock64 on the SM; medians over repetitions, warps and (where all SMs run) SMs.
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cstdarg>
#include <cmath>
#include <string>
#include <vector>
#include <algorithm>
#include <cuda.h>
#include <cuda_runtime.h>
#define CK(x) do{cudaError_t e=(x); if(e!=cudaSuccess){printf("ERROR,0,%s,%s line %d\n",cudaGetErrorString(e),#x,__LINE__); fflush(stdout); exit(1);} }while(0)
static void row(const std::string&n,double v,const char*u,const std::string&note=""){ printf("%s,%.6g,%s,%s\n",n.c_str(),v,u,note.c_str()); fflush(stdout);}
static double med(std::vector<double> v){ std::sort(v.begin(),v.end()); return v.empty()?-1:v[v.size()/2]; }
template<int N,int RS,int TB> struct W;
template<> struct W<64,0,0>{ static __device__ __forceinline__ void mma(float(&c)[32],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]):"l"(da),"l"(db)); } };
template<> struct W<64,1,0>{ static __device__ __forceinline__ void mma(float(&c)[32],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, {%32,%33,%34,%35}, %36, 1, 1, 1, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<64,1,1>{ static __device__ __forceinline__ void mma(float(&c)[32],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, {%32,%33,%34,%35}, %36, 1, 1, 1, 1;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<80,0,0>{ static __device__ __forceinline__ void mma(float(&c)[40],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n80k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39}, %40, %41, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]):"l"(da),"l"(db)); } };
template<> struct W<80,1,0>{ static __device__ __forceinline__ void mma(float(&c)[40],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n80k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39}, {%40,%41,%42,%43}, %44, 1, 1, 1, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<128,0,0>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"l"(da),"l"(db)); } };
template<> struct W<128,1,0>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, {%64,%65,%66,%67}, %68, 1, 1, 1, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<128,1,1>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, {%64,%65,%66,%67}, %68, 1, 1, 1, 1;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<128,0,1>{ static __device__ __forceinline__ void mma(float(&c)[64],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, 1, 1, 1, 0, 1;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]):"l"(da),"l"(db)); } };
template<> struct W<256,0,0>{ static __device__ __forceinline__ void mma(float(&c)[128],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127}, %128, %129, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]),"+f"(c[64]),"+f"(c[65]),"+f"(c[66]),"+f"(c[67]),"+f"(c[68]),"+f"(c[69]),"+f"(c[70]),"+f"(c[71]),"+f"(c[72]),"+f"(c[73]),"+f"(c[74]),"+f"(c[75]),"+f"(c[76]),"+f"(c[77]),"+f"(c[78]),"+f"(c[79]),"+f"(c[80]),"+f"(c[81]),"+f"(c[82]),"+f"(c[83]),"+f"(c[84]),"+f"(c[85]),"+f"(c[86]),"+f"(c[87]),"+f"(c[88]),"+f"(c[89]),"+f"(c[90]),"+f"(c[91]),"+f"(c[92]),"+f"(c[93]),"+f"(c[94]),"+f"(c[95]),"+f"(c[96]),"+f"(c[97]),"+f"(c[98]),"+f"(c[99]),"+f"(c[100]),"+f"(c[101]),"+f"(c[102]),"+f"(c[103]),"+f"(c[104]),"+f"(c[105]),"+f"(c[106]),"+f"(c[107]),"+f"(c[108]),"+f"(c[109]),"+f"(c[110]),"+f"(c[111]),"+f"(c[112]),"+f"(c[113]),"+f"(c[114]),"+f"(c[115]),"+f"(c[116]),"+f"(c[117]),"+f"(c[118]),"+f"(c[119]),"+f"(c[120]),"+f"(c[121]),"+f"(c[122]),"+f"(c[123]),"+f"(c[124]),"+f"(c[125]),"+f"(c[126]),"+f"(c[127]):"l"(da),"l"(db)); } };
template<> struct W<256,1,0>{ static __device__ __forceinline__ void mma(float(&c)[128],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127}, {%128,%129,%130,%131}, %132, 1, 1, 1, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]),"+f"(c[64]),"+f"(c[65]),"+f"(c[66]),"+f"(c[67]),"+f"(c[68]),"+f"(c[69]),"+f"(c[70]),"+f"(c[71]),"+f"(c[72]),"+f"(c[73]),"+f"(c[74]),"+f"(c[75]),"+f"(c[76]),"+f"(c[77]),"+f"(c[78]),"+f"(c[79]),"+f"(c[80]),"+f"(c[81]),"+f"(c[82]),"+f"(c[83]),"+f"(c[84]),"+f"(c[85]),"+f"(c[86]),"+f"(c[87]),"+f"(c[88]),"+f"(c[89]),"+f"(c[90]),"+f"(c[91]),"+f"(c[92]),"+f"(c[93]),"+f"(c[94]),"+f"(c[95]),"+f"(c[96]),"+f"(c[97]),"+f"(c[98]),"+f"(c[99]),"+f"(c[100]),"+f"(c[101]),"+f"(c[102]),"+f"(c[103]),"+f"(c[104]),"+f"(c[105]),"+f"(c[106]),"+f"(c[107]),"+f"(c[108]),"+f"(c[109]),"+f"(c[110]),"+f"(c[111]),"+f"(c[112]),"+f"(c[113]),"+f"(c[114]),"+f"(c[115]),"+f"(c[116]),"+f"(c[117]),"+f"(c[118]),"+f"(c[119]),"+f"(c[120]),"+f"(c[121]),"+f"(c[122]),"+f"(c[123]),"+f"(c[124]),"+f"(c[125]),"+f"(c[126]),"+f"(c[127]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<256,1,1>{ static __device__ __forceinline__ void mma(float(&c)[128],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127}, {%128,%129,%130,%131}, %132, 1, 1, 1, 1;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]),"+f"(c[64]),"+f"(c[65]),"+f"(c[66]),"+f"(c[67]),"+f"(c[68]),"+f"(c[69]),"+f"(c[70]),"+f"(c[71]),"+f"(c[72]),"+f"(c[73]),"+f"(c[74]),"+f"(c[75]),"+f"(c[76]),"+f"(c[77]),"+f"(c[78]),"+f"(c[79]),"+f"(c[80]),"+f"(c[81]),"+f"(c[82]),"+f"(c[83]),"+f"(c[84]),"+f"(c[85]),"+f"(c[86]),"+f"(c[87]),"+f"(c[88]),"+f"(c[89]),"+f"(c[90]),"+f"(c[91]),"+f"(c[92]),"+f"(c[93]),"+f"(c[94]),"+f"(c[95]),"+f"(c[96]),"+f"(c[97]),"+f"(c[98]),"+f"(c[99]),"+f"(c[100]),"+f"(c[101]),"+f"(c[102]),"+f"(c[103]),"+f"(c[104]),"+f"(c[105]),"+f"(c[106]),"+f"(c[107]),"+f"(c[108]),"+f"(c[109]),"+f"(c[110]),"+f"(c[111]),"+f"(c[112]),"+f"(c[113]),"+f"(c[114]),"+f"(c[115]),"+f"(c[116]),"+f"(c[117]),"+f"(c[118]),"+f"(c[119]),"+f"(c[120]),"+f"(c[121]),"+f"(c[122]),"+f"(c[123]),"+f"(c[124]),"+f"(c[125]),"+f"(c[126]),"+f"(c[127]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"l"(db)); } };
template<> struct W<144,0,0>{ static __device__ __forceinline__ void mma(float(&c)[72],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n144k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71}, %72, %73, 1, 1, 1, 0, 0;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]),"+f"(c[48]),"+f"(c[49]),"+f"(c[50]),"+f"(c[51]),"+f"(c[52]),"+f"(c[53]),"+f"(c[54]),"+f"(c[55]),"+f"(c[56]),"+f"(c[57]),"+f"(c[58]),"+f"(c[59]),"+f"(c[60]),"+f"(c[61]),"+f"(c[62]),"+f"(c[63]),"+f"(c[64]),"+f"(c[65]),"+f"(c[66]),"+f"(c[67]),"+f"(c[68]),"+f"(c[69]),"+f"(c[70]),"+f"(c[71]):"l"(da),"l"(db)); } };
template<> struct W<96,0,1>{ static __device__ __forceinline__ void mma(float(&c)[48],uint64_t da,const uint32_t(&a)[4],uint64_t db){ asm volatile("wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47}, %48, %49, 1, 1, 1, 0, 1;":"+f"(c[0]),"+f"(c[1]),"+f"(c[2]),"+f"(c[3]),"+f"(c[4]),"+f"(c[5]),"+f"(c[6]),"+f"(c[7]),"+f"(c[8]),"+f"(c[9]),"+f"(c[10]),"+f"(c[11]),"+f"(c[12]),"+f"(c[13]),"+f"(c[14]),"+f"(c[15]),"+f"(c[16]),"+f"(c[17]),"+f"(c[18]),"+f"(c[19]),"+f"(c[20]),"+f"(c[21]),"+f"(c[22]),"+f"(c[23]),"+f"(c[24]),"+f"(c[25]),"+f"(c[26]),"+f"(c[27]),"+f"(c[28]),"+f"(c[29]),"+f"(c[30]),"+f"(c[31]),"+f"(c[32]),"+f"(c[33]),"+f"(c[34]),"+f"(c[35]),"+f"(c[36]),"+f"(c[37]),"+f"(c[38]),"+f"(c[39]),"+f"(c[40]),"+f"(c[41]),"+f"(c[42]),"+f"(c[43]),"+f"(c[44]),"+f"(c[45]),"+f"(c[46]),"+f"(c[47]):"l"(da),"l"(db)); } };
__device__ __forceinline__ uint64_t mkdesc(uint32_t a,uint32_t lbo,uint32_t sbo){ return (uint64_t)((a>>4)&0x3fff)|((uint64_t)lbo<<16)|((uint64_t)sbo<<32)|((uint64_t)1<<62); } // 128-byte swizzle
__device__ __forceinline__ uint32_t clk(){ uint32_t x; asm volatile("mov.u32 %0,%%clock;":"=r"(x)::"memory"); return x; }
__device__ __forceinline__ uint32_t sptr(const void*p){ return (uint32_t)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void fence(){ asm volatile("wgmma.fence.sync.aligned;":::"memory"); }
__device__ __forceinline__ void commit(){ asm volatile("wgmma.commit_group.sync.aligned;":::"memory"); }
template<int K> __device__ __forceinline__ void waitg(){ asm volatile("wgmma.wait_group.sync.aligned %0;"::"n"(K):"memory"); }
template<int K> __device__ __forceinline__ void waitg_dyn(int k);
__device__ __forceinline__ uint32_t rnd(uint32_t x){ x^=x<<13; x^=x>>17; x^=x<<5; return x*0x9E3779B9u; }
__device__ __forceinline__ uint32_t bf2(uint32_t s){ uint32_t r=rnd(s); return ((0x3f000000u|((r&0x7f)<<16)|((r&0x80)<<24))&0xffff0000u)|((0x3f00u|((r>>8)&0x7f)|(((r>>8)&0x80)<<8))&0xffffu); }
__device__ __forceinline__ void fill(uint8_t*sm,int bytes){ for(int i=threadIdx.x;i<bytes/4;i+=blockDim.x) ((uint32_t*)sm)[i]=bf2(i*7+blockIdx.x*131+1); asm volatile("fence.proxy.async.shared::cta;":::"memory"); __syncthreads(); }
// K-major tiles: slabs of 64 columns (128 B rows, swizzled); k step 16 = +32 B inside a slab, next slab after rows*128 B. MN-major B (V): k step 16 = +2048 B, slab stride in LBO.
template<int ROWS> __device__ __forceinline__ uint64_t kstep(uint64_t d,int k){ return d+(uint64_t)((k&3)*2+(k>>2)*(ROWS*128/16)); }
__device__ __forceinline__ uint64_t vstep(uint64_t d,int k){ return d+(uint64_t)(k*128); }
uint32_t*dout; unsigned long long*dll; float*dfl; int nsm;
static std::vector<uint32_t> get(size_t n){ std::vector<uint32_t> h(n); CK(cudaDeviceSynchronize()); CK(cudaMemcpy(h.data(),dout,n*4,cudaMemcpyDeviceToHost)); return h; }
#define SINK(c,n) { float s_=0; for(int i_=0;i_<n;i_++) s_+=c[i_]; if(s_==123.456f) fo[threadIdx.x]=s_; }
template<class F> static void smem(F f,int b){ CK(cudaFuncSetAttribute(f,cudaFuncAttributeMaxDynamicSharedMemorySize,b)); }
static std::string S(const char*f,...){ char b[256]; va_list a; va_start(a,f); vsnprintf(b,256,f,a); va_end(a); return b; }

// ---- 1. issue
template<int N,int RS,int TB,int CNT> __global__ void __launch_bounds__(128) k_issue(uint32_t*out,float*fo,int reps){
  extern __shared__ __align__(1024) uint8_t sm[]; fill(sm,131072);
  uint32_t b=sptr(sm); uint64_t da=mkdesc(b,1,64),db=mkdesc(b+32768,TB?(16384/16):1,64); float c[N/2]; for(int i=0;i<N/2;i++) c[i]=0; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)};
  for(int r=0;r<reps;r++){
    uint32_t st[CNT+4]; __syncthreads(); __nanosleep(2000); __syncthreads(); st[0]=clk(); fence(); st[1]=clk();
    #pragma unroll
    for(int k=0;k<CNT;k++){ W<N,RS,TB>::mma(c,kstep<64>(da,k&7),a,TB?vstep(db,k&7):kstep<N>(db,k&7)); st[k+2]=clk(); }
    commit(); st[CNT+2]=clk(); waitg<0>(); st[CNT+3]=clk();
    if((threadIdx.x&31)==0) for(int i=0;i<CNT+4;i++) out[((size_t)r*4+threadIdx.x/32)*(CNT+4)+i]=st[i]-st[0];
  }
  SINK(c,N/2)
}
template<int N,int RS,int TB,int CNT> void d_issue(bool detail=false){
  smem(k_issue<N,RS,TB,CNT>,132096); int R=41; k_issue<N,RS,TB,CNT><<<1,128,132096>>>(dout,dfl,R); CK(cudaDeviceSynchronize()); k_issue<N,RS,TB,CNT><<<1,128,132096>>>(dout,dfl,R); auto h=get((size_t)R*4*(CNT+4));
  auto at=[&](int i){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=0;w<4;w++) v.push_back(h[((size_t)r*4+w)*(CNT+4)+i]); return med(v); };
  std::string p=S("issue_%s%s_m64n%dk16_x%d",RS?"rs":"ss",TB?"_mnB":"",N,CNT);
  row(p+"_fence",at(1),"clk","clock from before wgmma.fence to after"); row(p+"_issue_end",at(CNT+1),"clk","last wgmma issued; since start"); row(p+"_commit",at(CNT+2),"clk","after commit_group"); row(p+"_done",at(CNT+3),"clk","after wait_group 0");
  if(detail) for(int k=0;k<CNT;k++) row(p+S("_issued_%d",k+1),at(k+2),"clk","this many wgmma issued");
}
// ---- 2. several warpgroups: completion of every wgmma (each its own commit group) and issue ends
template<int CNT,int RS,int EACH> __global__ void __launch_bounds__(384) k_multi(uint32_t*out,float*fo,int reps,int off){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile uint32_t base; fill(sm,131072); int wg=__shfl_sync(~0u,threadIdx.x/128,0),nw=blockDim.x/32;
  uint32_t b=sptr(sm); uint64_t da=mkdesc(b+wg*16384,1,64),db=mkdesc(b+65536,1,64); float c[64]; for(int i=0;i<64;i++) c[i]=0; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)};
  for(int r=0;r<reps;r++){ uint32_t ie[CNT],dn[CNT],t0;
    __syncthreads(); if(threadIdx.x==0) base=clk()+3000; __syncthreads(); uint32_t g=base+wg*off; while((int)(clk()-g)<0); __syncwarp(); t0=clk(); fence();
    #pragma unroll
    for(int k=0;k<CNT;k++){ W<128,RS,0>::mma(c,kstep<64>(da,k&7),a,kstep<128>(db,k&7)); if(EACH||k==CNT-1) commit(); ie[k]=clk(); }
    if constexpr(EACH){ // wait for each in turn
      if constexpr(CNT>=8){ waitg<7>(); dn[0]=clk(); waitg<6>(); dn[1]=clk(); waitg<5>(); dn[2]=clk(); waitg<4>(); dn[3]=clk(); waitg<3>(); dn[4]=clk(); waitg<2>(); dn[5]=clk(); waitg<1>(); dn[6]=clk(); } }
    waitg<0>(); dn[CNT-1]=clk();
    if((threadIdx.x&31)==0){ uint32_t*o=out+((size_t)r*nw+threadIdx.x/32)*(2*CNT+1); o[0]=t0-base; for(int k=0;k<CNT;k++){ o[1+k]=ie[k]-base; o[1+CNT+k]=(EACH||k==CNT-1)?dn[k]-base:0; } }
    if constexpr(!EACH){ } }
  SINK(c,64)
}
template<int RS,int EACH> void d_multi(int wgs,int off){ constexpr int C=8; smem(k_multi<C,RS,EACH>,132096); int R=31,nw=wgs*4; for(int q=0;q<2;q++){ k_multi<C,RS,EACH><<<1,wgs*128,132096>>>(dout,dfl,R,off); CK(cudaDeviceSynchronize()); } auto h=get((size_t)R*nw*(2*C+1));
  for(int g=0;g<wgs;g++){ auto at=[&](int i){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=g*4;w<g*4+4;w++) v.push_back((int)h[((size_t)r*nw+w)*(2*C+1)+i]); return med(v); };
    std::string p=S("multi_%s_%s_%dwg_off%d_wg%d",RS?"rs":"ss",EACH?"commit_each":"one_commit",wgs,off,g); row(p+"_start",at(0),"clk","since common base; 8 x m64n128k16"); 
    if(EACH){ std::string s1,s2; for(int k=0;k<C;k++){ s1+=S("%g ",at(1+k)); s2+=S("%g ",at(1+C+k)); } row(p+"_issue_first",at(1),"clk","issued: "+s1); row(p+"_done_first",at(1+C),"clk","done: "+s2); }
    row(p+"_issue_end",at(C),"clk"); row(p+"_done",at(2*C),"clk"); } }
// 16 wgmma per warpgroup, a commit group every 2: completion of each pair
template<int RS2> __global__ void __launch_bounds__(256) k_pairs(uint32_t*out,float*fo,int reps,int off){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile uint32_t base; fill(sm,131072); int wg=__shfl_sync(~0u,threadIdx.x/128,0),nw=blockDim.x/32; uint32_t b=sptr(sm); uint64_t da=mkdesc(b+wg*16384,1,64),db=mkdesc(b+65536,1,64),dv=mkdesc(b+98304,1024,64); float c[64],o[64]; for(int i=0;i<64;i++) c[i]=o[i]=0; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)};
  for(int r=0;r<reps;r++){ uint32_t st[10],p[8][4]; for(int i=0;i<8;i++) asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3},[%4];":"=r"(p[i][0]),"=r"(p[i][1]),"=r"(p[i][2]),"=r"(p[i][3]):"r"(b+98304+(threadIdx.x&127)*16+i*2048)); __syncthreads(); if(threadIdx.x==0) base=clk()+3000; __syncthreads(); uint32_t g=base+wg*off; while((int)(clk()-g)<0); __syncwarp(); st[0]=clk(); fence();
    #pragma unroll
    for(int k=0;k<8;k++){ W<128,0,0>::mma(c,kstep<64>(da,k&7),a,kstep<128>(db,k&7)); if(k&1) commit(); }
    fence();
    #pragma unroll
    for(int k=0;k<8;k++){ if(RS2) W<128,1,1>::mma(o,0,p[k],vstep(dv,k)); else W<128,0,0>::mma(o,kstep<64>(da,k&7),a,kstep<128>(db,k&7)); if(k&1) commit(); }
    st[1]=clk(); waitg<7>(); st[2]=clk(); waitg<6>(); st[3]=clk(); waitg<5>(); st[4]=clk(); waitg<4>(); st[5]=clk(); waitg<3>(); st[6]=clk(); waitg<2>(); st[7]=clk(); waitg<1>(); st[8]=clk(); waitg<0>(); st[9]=clk();
    if((threadIdx.x&31)==0) for(int i=0;i<10;i++) out[((size_t)r*nw+threadIdx.x/32)*10+i]=st[i]-base; }
  SINK(c,64) SINK(o,64) }
template<int RS2> void d_pairs(int wgs,int off){ smem(k_pairs<RS2>,132096); int R=31,nw=wgs*4; for(int q=0;q<2;q++){ k_pairs<RS2><<<1,wgs*128,132096>>>(dout,dfl,R,off); CK(cudaDeviceSynchronize()); } auto h=get((size_t)R*nw*10);
  for(int g=0;g<wgs;g++){ std::string d; double e=0,st=0,fin=0; for(int i=0;i<10;i++){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=g*4;w<g*4+4;w++) v.push_back((int)h[((size_t)r*nw+w)*10+i]); double m=med(v); if(i==0) st=m; else if(i==1) e=m; else d+=S("%g ",m); fin=m; } row(S("pairs_8ss_8%s_%dwg_off%d_wg%d_done",RS2?"rs":"ss",wgs,off,g),fin,"clk",S("start %g issue end %g; each pair of wgmma done: %s",st,e,d.c_str())); } }
// deep queue: 64 wgmma in one group, issue stamps of every fourth
template<int N> __global__ void __launch_bounds__(128) k_deep(uint32_t*out,float*fo,int reps){ extern __shared__ __align__(1024) uint8_t sm[]; fill(sm,131072); uint32_t b=sptr(sm); uint64_t da=mkdesc(b,1,64),db=mkdesc(b+32768,1,64); float c[N/2]; for(int i=0;i<N/2;i++) c[i]=0; uint32_t a[4]={1,2,3,4};
  for(int r=0;r<reps;r++){ uint32_t st[18]; __syncthreads(); __nanosleep(2000); __syncthreads(); st[0]=clk(); fence();
    #pragma unroll
    for(int k=0;k<64;k++){ W<N,0,0>::mma(c,kstep<64>(da,k&7),a,kstep<N>(db,k&7)); if((k&3)==3) st[1+k/4]=clk(); }
    commit(); waitg<0>(); st[17]=clk(); if((threadIdx.x&31)==0) for(int i=0;i<18;i++) out[((size_t)r*4+threadIdx.x/32)*18+i]=st[i]-st[0]; } SINK(c,N/2) }
template<int N> void d_deep(){ smem(k_deep<N>,132096); int R=21; for(int q=0;q<2;q++){ k_deep<N><<<1,128,132096>>>(dout,dfl,R); CK(cudaDeviceSynchronize()); } auto h=get((size_t)R*72); std::string d; double fin=0,is=0; for(int i=1;i<18;i++){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=0;w<4;w++) v.push_back(h[((size_t)r*4+w)*18+i]); double m=med(v); if(i<17){ d+=S("%g ",m); is=m; } fin=m; } row(S("deep_ss_m64n%dk16_x64_issue_end",N),is,"clk","issued after every 4: "+d); row(S("deep_ss_m64n%dk16_x64_done",N),fin,"clk"); }
// ---- 3. vector work alone and beside a busy tensor core
// tensor warpgroup: back-to-back wgmma until `left` is 0; the warpgroup agrees on the end through a barrier reduction
template<int N,int T> __device__ __forceinline__ void tensor_loop(uint32_t b,int wg,volatile int*left,uint32_t*res,float*fo){ uint64_t da=mkdesc(b+(wg&1)*16384,1,64),db=mkdesc(b+32768,1,64); float c[N/2]; for(int i=0;i<N/2;i++) c[i]=0; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)}; uint32_t n=0,t0=clk();
  for(;;){ fence();
    #pragma unroll
    for(int k=0;k<8;k++) W<N,T,0>::mma(c,kstep<64>(da,k),a,kstep<N>(db,k));
    commit(); waitg<1>(); n++; if((n&7)==0){ int any; asm volatile("{.reg .pred p,q; setp.ne.s32 p,%1,0; bar.red.or.pred q,%2,128,p; selp.s32 %0,1,0,q;}":"=r"(any):"r"((int)(*left<=0||n>2000000)),"r"(2+wg):"memory"); if(any) break; } }
  uint32_t t1=clk(); waitg<0>(); SINK(c,N/2) res[0]=t1-t0; res[1]=n; }
// one kind of instruction, 16 independent chains a thread
template<int OP> __device__ __forceinline__ void vop(float&x,float&y,float p,float q,float cs){
  if constexpr(OP==0) asm volatile("fma.rn.ftz.f32 %0,%0,%1,%2;":"+f"(x):"f"(p),"f"(q));
  if constexpr(OP==1) x=fmaf(x,cs,-q);             // constant-bank or uniform operand, as in the attention kernels
  if constexpr(OP==2) asm volatile("mul.ftz.f32 %0,%0,%1;":"+f"(x):"f"(p));
  if constexpr(OP==3) asm volatile("add.ftz.f32 %0,%0,%1;":"+f"(x):"f"(p));
  if constexpr(OP==4) asm volatile("max.f32 %0,%0,%1;":"+f"(x):"f"(y));
  if constexpr(OP==5) asm volatile("ex2.approx.ftz.f32 %0,%0;":"+f"(x));
  if constexpr(OP==6){ uint32_t r; asm volatile("cvt.rn.bf16x2.f32 %0,%1,%2;":"=r"(r):"f"(x),"f"(y)); x=__uint_as_float(r); }
  if constexpr(OP==7) x=__shfl_xor_sync(~0u,x,1);
  if constexpr(OP==8){ uint32_t r=__float_as_uint(x); asm volatile("lop3.b32 %0,%0,%1,%2,0x96;":"+r"(r):"r"(__float_as_uint(p)),"r"(__float_as_uint(q))); x=__uint_as_float(r); }
  if constexpr(OP==9){ asm volatile("ex2.approx.ftz.f32 %0,%0;":"+f"(x)); asm volatile("add.ftz.f32 %0,%0,%1;":"+f"(y):"f"(p)); }   // ex2 + add
  if constexpr(OP==10){ asm volatile("ex2.approx.ftz.f32 %0,%0;":"+f"(x)); asm volatile("add.ftz.f32 %0,%0,%1;":"+f"(y):"f"(p)); asm volatile("mul.ftz.f32 %0,%0,%1;":"+f"(y):"f"(q)); } // ex2 + add + mul
  if constexpr(OP==11){ x=fmaf(x,cs,-q); asm volatile("ex2.approx.ftz.f32 %0,%0;":"+f"(x)); } }
template<int OP,int N,int T> __global__ void __launch_bounds__(384,1) k_op(uint32_t*out,float*fo,int reps,int nS,float cs){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile int left; if(threadIdx.x==0) left=nS; fill(sm,98304); int wg=threadIdx.x/128; uint32_t*res=out+(blockIdx.x*12+threadIdx.x/32)*2; uint32_t rr[2];
  if(wg<nS){ float x[16],y[16]; for(int i=0;i<16;i++){ x[i]=(rnd(threadIdx.x*64+i)&0xffff)*1e-5f; y[i]=x[i]+0.5f; } float p=x[3]+1,q=x[5]; for(int i=0;i<100;i++) __nanosleep(100); uint32_t t0=clk();
    for(int r=0;r<reps;r++){
      #pragma unroll
      for(int u=0;u<4;u++)
      #pragma unroll
      for(int i=0;i<16;i++) vop<OP>(x[i],y[(i+5)&15],p,q,cs); }
    float z=0; for(int i=0;i<16;i++) z+=x[i]+y[i]; if(z==123.456f) fo[0]=z; rr[0]=clk()-t0; rr[1]=reps*64; if(threadIdx.x%128==0) atomicSub((int*)&left,1); }
  else tensor_loop<N,T>(sptr(sm),wg,&left,rr,fo);
  if((threadIdx.x&31)==0){ res[0]=rr[0]; res[1]=rr[1]; } }
static std::string besides(int nS,int nT,int N,int T){ return nT?S("_%dwg_beside_%s_n%d",nS,T?"rs":"ss",N):S("_%dwg",nS); }
static void report(const std::string&p,int nS,int nT,int N,double div,const char*unit){ const int G=8; auto h=get(G*24); std::vector<double> a,t; for(int g=0;g<G;g++){ double tt=0; for(int w=0;w<(nS+nT)*4;w++){ double c=h[(g*12+w)*2],k=h[(g*12+w)*2+1]; if(w<nS*4) a.push_back(c/k); else tt+=k*8*(N/2)/c/4; } t.push_back(tt); } row(p,med(a)/div,unit,nT?S("tensor pipe share meanwhile %.4f",med(t)):""); }
template<int OP,int N,int T> void d_op(const char*n,int nS,int nT){ smem(k_op<OP,N,T>,99328); for(int q=0;q<2;q++){ CK(cudaMemset(dout,0,1<<16)); k_op<OP,N,T><<<8,(nS+nT)*128,99328>>>(dout,dfl,300,nS,1.0001f); CK(cudaDeviceSynchronize()); } report(std::string("op_")+n+besides(nS,nT,N,T),nS,nT,N,nS,"clk per warp instruction (or group) per sub-partition"); }
// the same with C dependent chains a thread: the issue rate is limited by latency, so that the tensor pipe's loss can be read as a function of the vector rate
template<int OP,int C> __global__ void __launch_bounds__(384,1) k_ilp(uint32_t*out,float*fo,int reps,int nS,float cs){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile int left; if(threadIdx.x==0) left=nS; fill(sm,98304); int wg=threadIdx.x/128; uint32_t*res=out+(blockIdx.x*12+threadIdx.x/32)*2; uint32_t rr[2];
  if(wg<nS){ float x[C],y[16]; for(int i=0;i<C;i++) x[i]=(rnd(threadIdx.x*64+i)&0xffff)*1e-5f; for(int i=0;i<16;i++) y[i]=(rnd(threadIdx.x*77+i)&0xffff)*1e-5f; float p=x[0]+1,q=x[0]*0.5f; for(int i=0;i<100;i++) __nanosleep(100); uint32_t t0=clk();
    for(int r=0;r<reps;r++){
      #pragma unroll
      for(int u=0;u<64/C;u++)
      #pragma unroll
      for(int i=0;i<C;i++) vop<OP>(x[i],y[u&15],p,q,cs); }
    float z=0; for(int i=0;i<C;i++) z+=x[i]; for(int i=0;i<16;i++) z+=y[i]; if(z==123.456f) fo[0]=z; rr[0]=clk()-t0; rr[1]=reps*(64/C*C); if(threadIdx.x%128==0) atomicSub((int*)&left,1); }
  else tensor_loop<128,0>(sptr(sm),wg,&left,rr,fo);
  if((threadIdx.x&31)==0){ res[0]=rr[0]; res[1]=rr[1]; } }
template<int OP,int C> void d_ilp(const char*n){ for(int nT: {0,1}){ smem(k_ilp<OP,C>,99328); for(int q=0;q<2;q++){ CK(cudaMemset(dout,0,1<<16)); k_ilp<OP,C><<<8,(1+nT)*128,99328>>>(dout,dfl,300,1,1.0001f); CK(cudaDeviceSynchronize()); } report(S("ilp%d_",C)+n+besides(1,nT,128,0),1,nT,128,1,"clk per warp instruction per sub-partition"); } }
// softmax of a 64x128 fragment: S comes from a wgmma (opaque), P is consumed; flags: 1 max, 2 exp, 4 sum, 8 convert, 16 rescale O, 32 or 64 mask
__device__ __forceinline__ float ex2(float x){ float y; asm("ex2.approx.ftz.f32 %0,%1;":"=f"(y):"f"(x)); return y; }
template<int F,int T> __global__ void __launch_bounds__(384,1) k_soft(uint32_t*out,float*fo,int reps,int nS,float scale,float cm){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile int left; if(threadIdx.x==0) left=nS; fill(sm,98304); int wg=threadIdx.x/128; uint32_t*res=out+(blockIdx.x*12+threadIdx.x/32)*2; uint32_t rr[2]; uint32_t b=sptr(sm);
  if(wg<nS){ float s[64],o[64],m[2]={-3e38f,-3e38f},l[2]={0,0},sc[2]={cm,cm+1}; for(int i=0;i<64;i++){ s[i]=0; o[i]=1; } uint64_t da=mkdesc(b+(wg&1)*16384,1,64),db=mkdesc(b+32768,1,64); uint32_t a4[4]; uint32_t sum=0; int Z[16]; for(int i=0;i<16;i++) Z[i]=((volatile int*)fo)[i]+(i<3?9:i>5?i>8?24:1:3); for(int i=0;i<100;i++) __nanosleep(100);
    for(int r=0;r<reps;r++){ fence(); W<128,0,0>::mma(s,da,a4,db); commit(); waitg<0>(); uint32_t t0=clk(); uint32_t p[32];
      if constexpr((F&96)!=0){ // a neighborhood mask as NATTEN's apply_mask writes it: 32 three axes of tiles 2x8x8, 64 two of 16x8
        constexpr int D=F&32?3:2; int K[3],rr2=r+Z[15],f=threadIdx.x%4*2;
        #pragma unroll
        for(int d=D-1;d>=0;d--){ int e=d+3-D,t=e==0?2:e==1?(F&32?8:16):8,G=Z[d]; K[d]=(d?rr2%G:rr2)*t+(d?f%t:f); rr2=d?rr2/G:rr2; f/=t; }
        #pragma unroll
        for(int i=0;i<2;i++){ int A[3],E[3],Q=threadIdx.x/4+8*i;
          #pragma unroll
          for(int d=D-1;d>=0;d--){ int e=d+3-D,t=e==0?2:e==1?(F&32?8:16):8; int y=Z[3+d]*t+(d?Q%t:Q); Q/=t; int st=Z[6+d],l=min(y/st*st+st/2,Z[9+d]-1),h=Z[12+d]/2; A[d]=max(l-h,0)+((l+h-1>=Z[9+d])*(Z[9+d]-h-l)); E[d]=A[d]+Z[12+d]; }
          #pragma unroll
          for(int j=0;j<32;j++){ int c=j/2*8+j%2; bool q=true;
            #pragma unroll
            for(int d=D-1;d>=0;d--){ int e=d+3-D,t=e==0?2:e==1?(F&32?8:16):8; int v=K[d]+(d?c%t:c); c/=t; q=q&&v>=A[d]&&v<E[d]; }
            if(!q) s[(j>>1)*4+i*2+(j&1)]=-INFINITY; } } }
      #pragma unroll
      for(int r2=0;r2<2;r2++){ float old=m[r2],mc=cm;
        if constexpr(F&1){ float x[4]; for(int i=0;i<4;i++) x[i]=s[(i>>1)*4+r2*2+(i&1)];
          #pragma unroll
          for(int j=4;j<32;j++) x[j&3]=fmaxf(x[j&3],s[(j>>1)*4+r2*2+(j&1)]);
          mc=fmaxf(fmaxf(fmaxf(x[0],x[1]),fmaxf(x[2],x[3])),m[r2]); mc=fmaxf(mc,__shfl_xor_sync(~0u,mc,2)); mc=fmaxf(mc,__shfl_xor_sync(~0u,mc,1)); m[r2]=mc; if(mc==-INFINITY) mc=0; }
        float ms=mc*scale;
        if constexpr(F&2){
          #pragma unroll
          for(int j=0;j<32;j++){ int i=(j>>1)*4+r2*2+(j&1); s[i]=ex2(s[i]*scale-ms); }
          if constexpr(F&1) sc[r2]=ex2((old-mc)*scale); }
        if constexpr(F&4){ float t=l[r2]*sc[r2];
          #pragma unroll
          for(int j=0;j<32;j++) t+=s[(j>>1)*4+r2*2+(j&1)];
          l[r2]=t; } }
      #pragma unroll
      for(int i=0;i<32;i++){ if constexpr(F&8) asm("cvt.rn.bf16x2.f32 %0,%1,%2;":"=r"(p[i]):"f"(s[2*i+1]),"f"(s[2*i])); else p[i]=__float_as_uint(s[2*i])^__float_as_uint(s[2*i+1]); }
      if constexpr(F&16){
        #pragma unroll
        for(int i=0;i<64;i++) o[i]*=sc[(i>>1)&1]; }
      uint32_t z=0;
      #pragma unroll
      for(int i=0;i<32;i+=2) z^=p[i]^p[i+1];
      if(z==0x12345678u) asm volatile("trap;"); sum+=clk()-t0; if(r==3) sum=0; }
    float z=m[0]+m[1]+l[0]+l[1]; for(int i=0;i<64;i++) z+=s[i]+o[i]; if(z==123.456f) fo[0]=z; rr[0]=sum; rr[1]=reps-4; if(threadIdx.x%128==0) atomicSub((int*)&left,1); }
  else tensor_loop<128,T>(b,wg,&left,rr,fo);
  if((threadIdx.x&31)==0){ res[0]=rr[0]; res[1]=rr[1]; } }
template<int F,int T> void d_soft(const char*n,int nS,int nT){ smem(k_soft<F,T>,99328); for(int q=0;q<2;q++){ CK(cudaMemset(dout,0,1<<16)); k_soft<F,T><<<8,(nS+nT)*128,99328>>>(dout,dfl,200,nS,0.01f,0.5f); CK(cudaDeviceSynchronize()); } report(std::string("softmax64x128_")+n+besides(nS,nT,128,T),nS,nT,128,1,"clk from S ready to P done (and O scaled)"); }
// ---- 3b. issue stamps across a change of operand source or accumulator: 8 wgmma of kind A then 8 of kind B
template<int RA,int RB> __global__ void __launch_bounds__(128,1) k_switch(uint32_t*out,float*fo,int reps){ extern __shared__ __align__(1024) uint8_t sm[]; fill(sm,131072); uint32_t b=sptr(sm); uint64_t da=mkdesc(b,1,64),dk=mkdesc(b+32768,1,64),dv=mkdesc(b+65536,1024,64); float c[64],o[64]; for(int i=0;i<64;i++) c[i]=o[i]=0; uint32_t p[8][4]; for(int i=0;i<32;i++) p[i/4][i%4]=bf2(threadIdx.x*32+i);
  for(int r=0;r<reps;r++){ uint32_t st[19]; __syncthreads(); for(int i=0;i<8;i++) asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3},[%4];":"=r"(p[i][0]),"=r"(p[i][1]),"=r"(p[i][2]),"=r"(p[i][3]):"r"(b+98304+threadIdx.x*16+i*2048)); __nanosleep(2000); __syncthreads(); st[0]=clk(); fence();
    #pragma unroll
    for(int k=0;k<8;k++){ W<128,RA,0>::mma(c,kstep<64>(da,k),p[k],kstep<128>(dk,k)); st[1+k]=clk(); }
    commit(); fence();
    #pragma unroll
    for(int k=0;k<8;k++){ if(RB) W<128,1,1>::mma(o,0,p[k],vstep(dv,k)); else W<128,0,0>::mma(o,kstep<64>(da,k),p[k],kstep<128>(dk,k)); st[9+k]=clk(); }
    commit(); waitg<1>(); st[17]=clk(); waitg<0>(); st[18]=clk(); if((threadIdx.x&31)==0) for(int i=0;i<19;i++) out[((size_t)r*4+threadIdx.x/32)*19+i]=st[i]-st[0]; } SINK(c,64) SINK(o,64) }
template<int RA,int RB> void d_switch(){ smem(k_switch<RA,RB>,132096); int R=31; for(int q=0;q<2;q++){ k_switch<RA,RB><<<1,128,132096>>>(dout,dfl,R); CK(cudaDeviceSynchronize()); } auto h=get((size_t)R*76); std::string d; double a=0,z=0,bi=0; for(int i=1;i<19;i++){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=0;w<4;w++) v.push_back(h[((size_t)r*4+w)*19+i]); double m=med(v); if(i<17) d+=S("%g ",m); if(i==16) bi=m; if(i==17) a=m; z=m; } row(S("switch_%s_then_%s_issue_end",RA?"rs":"ss",RB?"rs":"ss"),bi,"clk","8+8 m64n128k16; issued at: "+d); row(S("switch_%s_then_%s_first_done",RA?"rs":"ss",RB?"rs":"ss"),a,"clk"); row(S("switch_%s_then_%s_done",RA?"rs":"ss",RB?"rs":"ss"),z,"clk"); }
// ---- 4. two groups in sequence
template<int N1,int C1,int N2,int C2> __global__ void __launch_bounds__(256) k_seq(uint32_t*out,float*fo,int reps,int off){
  extern __shared__ __align__(1024) uint8_t sm[]; __shared__ volatile uint32_t base; fill(sm,196608); int wg=__shfl_sync(~0u,threadIdx.x/128,0),nw=blockDim.x/32; uint32_t b=sptr(sm);
  uint64_t da=mkdesc(b+wg*32768,1,64),dk=mkdesc(b+65536,1,64),dv=mkdesc(b+131072,(N2>64?16384/16:1),64); float s[N1/2],o[N2/2]; for(int i=0;i<N1/2;i++) s[i]=0; for(int i=0;i<N2/2;i++) o[i]=0; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)};
  for(int r=0;r<reps;r++){ uint32_t p[8][4]; for(int i=0;i<8;i++) asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3},[%4];":"=r"(p[i][0]),"=r"(p[i][1]),"=r"(p[i][2]),"=r"(p[i][3]):"r"(b+131072+(threadIdx.x&127)*16+i*2048)); __syncthreads(); if(threadIdx.x==0) base=clk()+2000; __syncthreads(); uint32_t g=base,g2=base+wg*off; while((int)(clk()-g2)<0); __syncwarp(); uint32_t st[6]; st[0]=clk(); fence();
    #pragma unroll
    for(int k=0;k<C1;k++) W<N1,0,0>::mma(s,kstep<64>(da,k&7),a,kstep<N1>(dk,k&7));
    commit(); st[1]=clk(); fence();
    #pragma unroll
    for(int k=0;k<C2;k++){ W<N2,1,1>::mma(o,0,p[k&7],vstep(dv,k&7)); if(k==0) st[5]=clk(); }
    commit(); st[2]=clk(); waitg<1>(); st[3]=clk(); waitg<0>(); st[4]=clk();
    if((threadIdx.x&31)==0) for(int i=0;i<6;i++) out[((size_t)r*nw+threadIdx.x/32)*6+i]=st[i]-g; }
  SINK(s,N1/2) SINK(o,N2/2) }
template<int N1,int C1,int N2,int C2> void d_seq(const char*n,int wgs,int off=0){ smem(k_seq<N1,C1,N2,C2>,197632); int R=31,nw=wgs*4; for(int q=0;q<2;q++){ k_seq<N1,C1,N2,C2><<<1,wgs*128,197632>>>(dout,dfl,R,off); CK(cudaDeviceSynchronize()); } auto h=get((size_t)R*nw*6);
  const char*nm[6]={"start","qk_issued","pv_issued","qk_done","pv_done","pv_first_issued"}; for(int g=0;g<wgs;g++) for(int i=0;i<6;i++){ std::vector<double> v; for(int r=1;r<R;r++) for(int w=g*4;w<g*4+4;w++) v.push_back((int)h[((size_t)r*nw+w)*6+i]); row(S("seq_%s_%dwg_off%d_wg%d_%s",n,wgs,off,g,nm[i]),med(v),"clk",S("%d x m64n%dk16 SS then %d x m64n%dk16 RS (MN-major B)",C1,N1,C2,N2)); } }
// ---- 5. barriers
__device__ __forceinline__ void bsync(int i,int n){ asm volatile("bar.sync %0,%1;"::"r"(i),"r"(n):"memory"); }
__device__ __forceinline__ void barr(int i,int n){ asm volatile("bar.arrive %0,%1;"::"r"(i),"r"(n):"memory"); }
__global__ void k_named(uint32_t*out,int it,int nwg){ int wg=threadIdx.x/128; int me=1+wg,nx=1+(wg+1)%nwg; __syncthreads(); if(wg==0) barr(1,256); uint32_t t0=clk(); for(int i=0;i<it;i++){ bsync(me,256); barr(nx,256); } uint32_t t1=clk(); if(wg==nwg-1) bsync(1,256); if(threadIdx.x%32==0) out[threadIdx.x/32]=t1-t0; }
// after the ring: the first WG's barrier still holds one arrive from the last WG; the last WG's extra bar.sync completes it
__device__ __forceinline__ void minit(uint32_t b,int n){ asm volatile("mbarrier.init.shared.b64 [%0],%1;"::"r"(b),"r"(n):"memory"); }
__device__ __forceinline__ bool mtry(uint32_t b,uint32_t ph){ uint32_t ok; asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p,[%1],%2; selp.u32 %0,1,0,p;}":"=r"(ok):"r"(b),"r"(ph):"memory"); return ok; }
__device__ __forceinline__ void mwait(uint32_t b,uint32_t ph){ while(!mtry(b,ph)); }
__device__ __forceinline__ void marr(uint32_t b){ asm volatile("{.reg .b64 t; mbarrier.arrive.shared.b64 t,[%0];}"::"r"(b):"memory"); }
__device__ __forceinline__ void mexp(uint32_t b,uint32_t n){ asm volatile("{.reg .b64 t; mbarrier.arrive.expect_tx.shared.b64 t,[%0],%1;}"::"r"(b),"r"(n):"memory"); }
__global__ void k_mready(uint32_t*out,int it){ __shared__ uint64_t bar; uint32_t b=sptr(&bar); if(threadIdx.x==0){ minit(b,1); marr(b); } __syncthreads(); uint32_t t0=clk(); for(int i=0;i<it;i++) mwait(b,0); uint32_t t1=clk(); out[threadIdx.x]=t1-t0; }
__global__ void k_mping(uint32_t*out,int it){ __shared__ uint64_t bar[2]; uint32_t b0=sptr(&bar[0]),b1=sptr(&bar[1]); if(threadIdx.x==0){ minit(b0,1); minit(b1,1); } __syncthreads(); int w=threadIdx.x/32; uint32_t t0=clk();
  for(int i=0;i<it;i++){ if(w==0){ if(threadIdx.x==0) marr(b1); mwait(b0,i&1); } else { mwait(b1,i&1); if(threadIdx.x==32) marr(b0); } __syncwarp(); } uint32_t t1=clk(); if(threadIdx.x%32==0) out[w]=t1-t0; }
__global__ void k_arrive(uint32_t*out,int it){ __shared__ uint64_t bar; uint32_t b=sptr(&bar); if(threadIdx.x==0) minit(b,100000); __syncthreads(); uint32_t t0=clk(); if(threadIdx.x==0) for(int i=0;i<it;i++) marr(b); uint32_t t1=clk(); if(threadIdx.x==0) out[0]=t1-t0; }
// ---- TMA. KIND 0: 1-D bulk copy, 1: 3-D tensor map box 64 x rows x 2 (one instruction for a 128-column tile), 2: two 2-slab instructions
__device__ __forceinline__ void bulk(uint32_t dst,const void*src,uint32_t n,uint32_t bar){ asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0],[%1],%2,[%3];"::"r"(dst),"l"(src),"r"(n),"r"(bar):"memory"); }
__device__ __forceinline__ void tma3(uint32_t dst,const CUtensorMap*m,int x,int y,int z,uint32_t bar){ asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0],[%1,{%2,%3,%4}],[%5];"::"r"(dst),"l"(m),"r"(x),"r"(y),"r"(z),"r"(bar):"memory"); }
struct TmaArg{ const uint8_t*src; int ntiles; int bytes; int iters; int kind; int group; int gap; }; // group: SMs that stream the same 2 MiB (0: each starts elsewhere in the whole buffer)
template<int KIND> __device__ __forceinline__ void tissue(const CUtensorMap*tm,const uint8_t*src,int bytes,int rows,uint32_t dst,uint32_t bar,int tile){ mexp(bar,bytes); if constexpr(KIND==0) bulk(dst,src+(size_t)tile*bytes,bytes,bar); else tma3(dst,tm,0,tile*rows,0,bar); }
template<int D,int KIND,bool ST> __device__ __forceinline__ void tstream(const CUtensorMap*tm,const TmaArg&a,uint32_t s0,uint32_t bars,uint32_t*res,volatile int*stop){ // one thread
  uint32_t ts[D],mn=~0u,mx=0,sum=0; int bytes=a.bytes,rows=bytes/256,per=(2<<20)/bytes,lo=0,hi=a.ntiles; const uint8_t*src=a.src; int tile;
  if(a.group){ lo=(blockIdx.x/a.group)*per; hi=lo+per; tile=lo; } else tile=(int)((long long)blockIdx.x*a.ntiles/gridDim.x);
  for(int q=0;q<D;q++) minit(bars+q*8,1); asm volatile("fence.proxy.async.shared::cta;":::"memory");
  uint32_t t0=clk(),next=t0; 
  #pragma unroll
  for(int q=0;q<D;q++){ ts[q]=clk(); tissue<KIND>(tm,src,bytes,rows,s0+q*bytes,bars+q*8,tile); if(++tile==hi) tile=lo; }
  uint32_t ph=0; int n=0; bool end=false; int laps=a.iters/D;
  for(int lap=0;;lap++){ bool last = ST ? (*stop!=0||lap>=laps) : lap>=laps;
    #pragma unroll
    for(int q=0;q<D;q++){ mwait(bars+q*8,ph); uint32_t t=clk(),l=t-ts[q]; if(lap>0){ sum+=l>>2; mn=min(mn,l); mx=max(mx,l); } n++;
      if(a.gap){ next+=a.gap; while((int)(clk()-next)<0); next=max((int)(clk()-next),0)?clk():next; }
      if(!last){ ts[q]=clk(); tissue<KIND>(tm,src,bytes,rows,s0+q*bytes,bars+q*8,tile); if(++tile==hi) tile=lo; } }
    ph^=1; if(last) break; }
  res[0]=clk()-t0; res[1]=n; res[2]=(uint32_t)(4ull*sum/max(1,n-D)); res[3]=mn; res[4]=mx; }
template<int D,int KIND> __global__ void k_tma(const __grid_constant__ CUtensorMap tm,TmaArg a,uint32_t*out){ extern __shared__ __align__(1024) uint8_t sm[]; __shared__ uint64_t bars[8]; if(threadIdx.x==0) tstream<D,KIND,false>(&tm,a,sptr(sm),sptr(bars),out+blockIdx.x*8,nullptr); }
template<int T,int D> __global__ void __launch_bounds__(288,1) k_tmawg(const __grid_constant__ CUtensorMap tm,TmaArg a,uint32_t*out,float*fo,int iters){ extern __shared__ __align__(1024) uint8_t sm[]; __shared__ uint64_t bars[8]; __shared__ volatile int stop; if(threadIdx.x==0) stop=0; fill(sm,65536); int wg=threadIdx.x/128;
  if(wg==2){ if constexpr(D>0) if(threadIdx.x==256) tstream<D,1,true>(&tm,a,sptr(sm)+65536,sptr(bars),out+blockIdx.x*16,&stop); }
  else { uint32_t b=sptr(sm); uint64_t da=mkdesc(b+wg*16384,1,64),db=mkdesc(b+32768,1,64); float c[64]; for(int i=0;i<64;i++) c[i]=0; uint32_t x[4]={bf2(threadIdx.x),bf2(threadIdx.x+999),bf2(threadIdx.x+77),bf2(threadIdx.x+5)}; for(int i=0;i<20;i++) __nanosleep(200); uint32_t t0=clk();
    for(int i=0;i<iters;i++){ fence();
      #pragma unroll
      for(int k=0;k<8;k++) W<128,T,0>::mma(c,kstep<64>(da,k),x,kstep<128>(db,k));
      commit(); waitg<1>(); }
    waitg<0>(); uint32_t t1=clk(); SINK(c,64) asm volatile("bar.sync 1,256;":::"memory"); if(threadIdx.x==0) stop=1; if(threadIdx.x%128==0) out[blockIdx.x*16+8+wg]=t1-t0; } }
// TMA store of a 128-column tile: issue, commit, wait_group.read 0 (source may be reused), wait_group 0 (writes visible)
__global__ void k_tstore(const __grid_constant__ CUtensorMap tm,uint32_t*out,int rows,int rd,int tiles){ extern __shared__ __align__(1024) uint8_t sm[]; if(threadIdx.x==0){ uint32_t sum=0; int tile=(int)((long long)blockIdx.x*tiles/gridDim.x); for(int i=0;i<60;i++){ asm volatile("fence.proxy.async.shared::cta;":::"memory"); uint32_t t0=clk(); asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0,{%1,%2,%3}],[%4];"::"l"(&tm),"r"(0),"r"(tile*rows),"r"(0),"r"(sptr(sm)):"memory"); asm volatile("cp.async.bulk.commit_group;":::"memory"); if(rd) asm volatile("cp.async.bulk.wait_group.read 0;":::"memory"); else asm volatile("cp.async.bulk.wait_group 0;":::"memory"); uint32_t l=clk()-t0; if(i>=10) sum+=l; if(++tile==tiles) tile=0; __nanosleep(3000); } out[blockIdx.x]=sum/50; asm volatile("cp.async.bulk.wait_group 0;":::"memory"); } }
typedef CUresult(*EncFn)(CUtensorMap*,CUtensorMapDataType,cuuint32_t,void*,const cuuint64_t*,const cuuint64_t*,const cuuint32_t*,const cuuint32_t*,CUtensorMapInterleave,CUtensorMapSwizzle,CUtensorMapL2promotion,CUtensorMapFloatOOBfill);
static EncFn enc; static uint8_t*tbuf; static size_t TB=24u<<20;
static CUtensorMap mk(int rows_box,size_t bytes){ CUtensorMap m; cuuint64_t rows=bytes/256,d[3]={64,rows,2},s[2]={256,128}; cuuint32_t bx[3]={64,(cuuint32_t)rows_box,2},es[3]={1,1,1}; CUresult r=enc(&m,CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,3,tbuf,d,s,bx,es,CU_TENSOR_MAP_INTERLEAVE_NONE,CU_TENSOR_MAP_SWIZZLE_128B,CU_TENSOR_MAP_L2_PROMOTION_L2_256B,CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE); if(r) printf("ERROR,0,tensormap,%d\n",(int)r); return m; }
template<int D,int KIND> static void d_tma(int bytes,int sms,int group){ TmaArg a{tbuf,(int)(TB/bytes),bytes,600,KIND,group,0}; CUtensorMap m=mk(bytes/256,TB); smem(k_tma<D,KIND>,bytes*D+1024); for(int q=0;q<2;q++){ k_tma<D,KIND><<<sms,32,bytes*D+1024>>>(m,a,dout); CK(cudaDeviceSynchronize()); } auto h=get(sms*8);
  std::vector<double> bw,la,mn,mx; for(int i=0;i<sms;i++){ bw.push_back((double)h[i*8+1]*bytes/h[i*8]); la.push_back(h[i*8+2]); mn.push_back(h[i*8+3]); mx.push_back(h[i*8+4]); }
  std::string p=S("tma_%s_%dKiB_depth%d_%s%s",KIND?"tensor3d":"bulk1d",bytes/1024,D,sms==1?"1sm":"allsm",group==0?"_apart24MiB":group>=sms?"_all_same2MiB":S("_groups_of_%d_share2MiB",group).c_str()); row(p+"_latency",med(la),"clk",S("issue to seen; min %g max(median SM) %g",*std::min_element(mn.begin(),mn.end()),med(mx))); row(p+"_bandwidth",med(bw),"B/clk/SM"); }
template<int T,int D> static void d_tmawg(const char*nm,int gap,int sms){ int bytes=32768; TmaArg a{tbuf,(int)((24u<<20)/bytes),bytes,1000000,1,33,gap}; CUtensorMap m=mk(bytes/256,TB); smem(k_tmawg<T,D>,65536+131072+1024); int it=3000; for(int q=0;q<2;q++){ CK(cudaMemset(dout,0,1<<16)); k_tmawg<T,D><<<sms,288,65536+131072+1024>>>(m,a,dout,dfl,it); CK(cudaDeviceSynchronize()); } auto h=get(sms*16);
  std::vector<double> r,b; for(int i=0;i<sms;i++){ for(int w=0;w<2;w++) r.push_back((double)h[i*16+8+w]/it/16); if(D) b.push_back((double)h[i*16+1]*bytes/h[i*16]); } row(S("wgmma_%s_2wg_beside_tma_%s_%dsm",T?"rs":"ss",nm,sms),med(r),"clk per m64n128k16",D?S("TMA %.2f B/clk/SM meanwhile",med(b)):"no TMA"); }
static void d_tstore(int rows,int sms,int rd){ CUtensorMap m=mk(rows,TB*2); smem(k_tstore,rows*256+1024); int tiles=(int)(TB*2/256/rows); for(int q=0;q<2;q++){ k_tstore<<<sms,32,rows*256+1024>>>(m,dout,rows,rd,tiles); CK(cudaDeviceSynchronize()); } auto h=get(sms); std::vector<double> v(h.begin(),h.end()); row(S("tma_store_%dKiB_%s_%s",rows/4,rd?"wait_read":"wait_all",sms==1?"1sm":"allsm"),med(v),"clk","one tile at a time; idle otherwise"); }
// ---- 6. mma.sync
template<int CH,int LD> __global__ void k_mma(uint32_t*out,float*fo,int iter){ __shared__ __align__(128) uint8_t sm[16384]; for(int i=threadIdx.x;i<4096;i+=blockDim.x) ((uint32_t*)sm)[i]=bf2(i); __syncthreads();
  float c[CH][4]={}; uint32_t a[4]={bf2(threadIdx.x),bf2(threadIdx.x+9),bf2(threadIdx.x+99),bf2(threadIdx.x+999)},b[8]; for(int i=0;i<8;i++) b[i]=bf2(i*77+threadIdx.x); uint32_t ad=sptr(sm)+(threadIdx.x&31)*16, wv=(threadIdx.x/32)*1024, acc=0; __syncthreads(); uint32_t t0=clk();
  #pragma unroll (CH==1?16:CH<=4?8:4)
  for(int it=0;it<iter;it++){
    #pragma unroll
    for(int i=0;i<CH;i++){ 
      if constexpr(LD==1){ if((i&1)==0) asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];":"=r"(b[(i&2)*2]),"=r"(b[(i&2)*2+1]),"=r"(b[(i&2)*2+2]),"=r"(b[(i&2)*2+3]):"r"(ad+((wv+it*(CH*256)+(i>>1)*512)&15872))); }
      if constexpr(LD==2){ if((i&1)==0) asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];":"=r"(b[(i&2)*2]),"=r"(b[(i&2)*2+1]),"=r"(b[(i&2)*2+2]),"=r"(b[(i&2)*2+3]):"r"(ad+((wv+it*(CH*256)+(i>>1)*512)&15872))); }
      int o=(i&2)*2+(i&1)*2; if constexpr(LD!=3) asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};":"+f"(c[i][0]),"+f"(c[i][1]),"+f"(c[i][2]),"+f"(c[i][3]):"r"(a[0]),"r"(a[1]),"r"(a[2]),"r"(a[3]),"r"(b[o]),"r"(b[o+1]));
      if constexpr(LD==3){ uint32_t*e=b+(i&1)*4; asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];":"=r"(e[0]),"=r"(e[1]),"=r"(e[2]),"=r"(e[3]):"r"(ad+((wv+it*(CH*512)+i*512)&15872))); acc=acc*3+(e[0]^e[1]^e[2]^e[3]); } }
  }
  uint32_t t1=clk(); float s=0; for(int i=0;i<CH;i++) s+=c[i][0]+c[i][1]+c[i][2]+c[i][3]; for(int i=0;i<8;i++) s+=__uint_as_float(b[i]); if(s==123.456f||acc==0x12345678u) fo[0]=s; if((threadIdx.x&31)==0) out[blockIdx.x*32+threadIdx.x/32]=t1-t0; }
template<int CH,int LD> void d_mma(const char*n,int warps){ int it=2000; for(int q=0;q<2;q++){ k_mma<CH,LD><<<4,warps*32>>>(dout,dfl,it); CK(cudaDeviceSynchronize()); } auto h=get(128); std::vector<double> v; for(int b=0;b<4;b++){ double x=0; for(int w=0;w<warps;w++) x=std::max(x,(double)h[b*32+w]); v.push_back(x); } double per=med(v)/((double)it*CH); std::string p=S("%s_%dwarps_%dchains",n,warps,CH);
  if(LD==3) row(p,per/std::max(1,warps/4),"clk per ldmatrix.x4 per sub-partition",S("%.2f B/clk/SM",512.0*warps/per)); else row(p,per/std::max(1.0,warps/4.0),"clk per mma m16n8k16 per sub-partition",S("%.1f flop/clk/SM; %.2f clk between mma of one warp",4096.0*warps/per,per)); }
int main(int argc,char**argv){
  cudaDeviceProp p; CK(cudaGetDeviceProperties(&p,0)); nsm=p.multiProcessorCount; printf("name,value,unit,note\n"); printf("device,0,,%s\n",p.name); CK(cudaMalloc(&dout,16<<20)); CK(cudaMalloc(&dfl,1<<20)); CK(cudaMemset(dfl,0,1<<20)); CK(cudaMalloc(&tbuf,64<<20)); CK(cudaMemset(tbuf,0x3f,64<<20));
  { void*f=nullptr; cudaDriverEntryPointQueryResult q; CK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled",&f,12000,cudaEnableDefault,&q)); enc=(EncFn)f; }
  // 1
  d_issue<128,0,0,1>(); d_issue<128,0,0,2>(); d_issue<128,0,0,4>(); d_issue<128,0,0,8>(); d_issue<128,0,0,16>(true);
  d_issue<128,1,0,1>(); d_issue<128,1,0,2>(); d_issue<128,1,0,4>(); d_issue<128,1,0,8>(); d_issue<128,1,0,16>(true); d_issue<128,1,1,8>(); d_issue<128,1,1,16>(true);
  d_issue<256,0,0,1>(); d_issue<256,0,0,4>(); d_issue<256,0,0,16>(true); d_issue<256,1,1,5>(); d_issue<256,1,1,16>(true);
  d_issue<64,0,0,1>(); d_issue<64,0,0,4>(); d_issue<64,0,0,16>(true); d_issue<64,1,1,8>(); d_issue<64,1,1,16>(true);
  d_issue<80,0,0,1>(); d_issue<80,0,0,4>(); d_issue<80,0,0,16>(true);
  d_deep<128>(); d_deep<256>(); d_deep<64>();
  // 2
  for(int w: {1,2,3}) for(int o: {0,256}){ if(w==1&&o) continue; d_multi<0,1>(w,o); d_multi<0,0>(w,o); } d_multi<0,1>(2,64); d_multi<1,1>(2,0); d_multi<1,1>(2,256); d_multi<1,0>(2,0);
  d_pairs<0>(1,0); d_pairs<1>(1,0); for(int o: {0,128,256,512,768,1024}) d_pairs<1>(2,o); d_pairs<0>(2,512);
  // 3
  d_switch<0,1>(); d_switch<1,0>(); d_switch<0,0>(); d_switch<1,1>();
#define OPS(OP,n) d_op<OP,128,0>(n,1,0); d_op<OP,128,0>(n,2,0); d_op<OP,128,0>(n,1,1); d_op<OP,128,0>(n,2,1); d_op<OP,128,1>(n,1,1); d_op<OP,64,0>(n,1,1); d_op<OP,256,0>(n,1,1);
  OPS(0,"ffma_rrr") OPS(1,"ffma_const") OPS(2,"fmul") OPS(3,"fadd") OPS(4,"fmnmx") OPS(5,"ex2") OPS(6,"cvt_bf16x2") OPS(7,"shfl") OPS(8,"lop3") OPS(9,"ex2_fadd") OPS(10,"ex2_fadd_fmul") OPS(11,"ffma_ex2")
#define ILP(OP,n) d_ilp<OP,1>(n); d_ilp<OP,2>(n); d_ilp<OP,3>(n); d_ilp<OP,4>(n); d_ilp<OP,6>(n);
  ILP(0,"ffma_rrr") ILP(3,"fadd") ILP(4,"fmnmx") ILP(5,"ex2")
#define SOFT(F,n) d_soft<F,0>(n,1,0); d_soft<F,0>(n,2,0); d_soft<F,0>(n,1,1); d_soft<F,0>(n,2,1); d_soft<F,1>(n,1,1);
  SOFT(0,"baseline") SOFT(8,"cvt") SOFT(24,"cvt_rescale") SOFT(10,"exp_cvt") SOFT(14,"exp_sum_cvt") SOFT(11,"max_exp_cvt") SOFT(15,"max_exp_sum_cvt") SOFT(31,"all") SOFT(95,"mask2d_all") SOFT(63,"mask3d_all") SOFT(64,"mask2d") SOFT(32,"mask3d")
  // 4
  d_seq<128,8,128,8>("d128",1); d_seq<128,8,128,8>("d128",2); for(int o: {128,256,512,768,1024}) d_seq<128,8,128,8>("d128",2,o); d_seq<128,4,64,8>("d64",1); d_seq<128,4,64,8>("d64",2); d_seq<128,4,64,8>("d64",2,256);  d_seq<80,16,256,5>("d256",1); 
  // 5
  for(int n: {2,3}){ for(int q=0;q<2;q++){ k_named<<<1,n*128>>>(dout,1000,n); CK(cudaDeviceSynchronize()); } auto h=get(n*4); row(S("named_barrier_ring_%dwg",n),h[0]/1000.0/n,"clk per handoff","bar.sync 256 of the waiting warpgroup after bar.arrive of the other"); }
  k_mready<<<1,32>>>(dout,1000); k_mready<<<1,32>>>(dout,1000); row("mbarrier_try_wait_complete",get(1)[0]/1000.0,"clk","loop of try_wait on a completed phase, includes loop branch");
  k_mping<<<1,64>>>(dout,1000); k_mping<<<1,64>>>(dout,1000); row("mbarrier_handoff",get(1)[0]/2000.0,"clk","arrive by one warp to return of try_wait in another");
  k_arrive<<<1,32>>>(dout,1000); k_arrive<<<1,32>>>(dout,1000); row("mbarrier_arrive_issue",get(1)[0]/1000.0,"clk","back-to-back arrives by one thread");
#define TM(D,K) for(int kb: {16,32}){ d_tma<D,K>(kb*1024,1,0); d_tma<D,K>(kb*1024,nsm,0); d_tma<D,K>(kb*1024,nsm,33); d_tma<D,K>(kb*1024,nsm,1000); }
  TM(1,0) TM(2,0) TM(4,0) TM(1,1) TM(2,1) TM(4,1)
  for(int sms: {1,nsm}) for(int rows: {128,192}) for(int rd: {1,0}) d_tstore(rows,sms,rd);
  for(int sm_: {1,nsm}){ d_tmawg<0,0>("none",0,sm_); d_tmawg<0,4>("full_depth4",0,sm_); d_tmawg<0,2>("32KiB_per_1024clk",1024,sm_); d_tmawg<0,2>("32KiB_per_512clk",512,sm_); d_tmawg<1,0>("none",0,sm_); d_tmawg<1,4>("full_depth4",0,sm_); d_tmawg<1,2>("32KiB_per_1024clk",1024,sm_); }
  // 6
  d_mma<1,0>("mma_sync_dependent",1); d_mma<2,0>("mma_sync",4); d_mma<4,0>("mma_sync",4); for(int w: {4,8,16}){ d_mma<8,0>("mma_sync",w); d_mma<8,1>("mma_sync_ldmatrix",w); d_mma<8,2>("mma_sync_ldmatrix_trans",w); d_mma<8,3>("ldmatrix_x4",w); } d_mma<16,0>("mma_sync",4); d_mma<16,1>("mma_sync_ldmatrix",4); d_mma<1,3>("ldmatrix_x4_alone",1);
  return 0; }
