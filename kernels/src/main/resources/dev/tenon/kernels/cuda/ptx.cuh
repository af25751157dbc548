// The machine instructions that C++ has no words for, of compute capability 8.0 and up: asynchronous copies, and products of small
// matrices whose elements are spread over the registers of a warp.
#pragma once
#include "tenon.cuh"

__device__ inline u32 sharedAddress(const void* p) {
  u32 address;
  asm("{ .reg .u64 a; cvta.to.shared.u64 a, %1; cvt.u32.u64 %0, a; }" : "=r"(address) : "l"(p));
  return address;
}

// Starts copying `bytes` bytes, 16 at most, to 16 bytes of shared memory, the rest of which become zero.
__device__ inline void copyAsync(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)), "l"(global), "r"(bytes) : "memory");
}

// Ends a group of copies, and waits until all groups but the last N have arrived for this thread.
__device__ inline void copyCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ inline void copyWait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// 16 bytes that nobody writes meanwhile, which the compiler is not to ask for any later.
__device__ inline uint4 loadEarly(const void* p) {
  uint4 v;
  asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
  return v;
}

// Four matrices of eight rows of 16 bytes; lane i names row i % 8 of matrix i / 8. Of each matrix a lane gets the 4 bytes at its
// place, counted row by row, or those of the transpose, whose elements are 2 bytes wide.
__device__ inline void loadMatricesAt(u32 (&r)[4], u32 row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(row) : "memory");
}
__device__ inline void loadMatrices(u32 (&r)[4], const void* row) { loadMatricesAt(r, sharedAddress(row)); }
__device__ inline void loadMatricesTransposedAt(u32 (&r)[4], u32 row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(row) : "memory");
}
__device__ inline void loadMatricesTransposed(u32 (&r)[4], const void* row) { loadMatricesTransposedAt(r, sharedAddress(row)); }

__device__ inline u32 loadShared(u32 address) {
  u32 x;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x) : "r"(address) : "memory");
  return x;
}

// c += a·b: a of 16 rows, b of 8 columns, depth 16 in bf16 and 8 in tf32; sums in f32. Lane 4g + t holds rows g and g + 8 of a and
// c, and column g of b.
__device__ inline void multiplyBf16(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ inline void multiplyTf32(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The bits of an f32 rounded to tf32.
__device__ inline u32 toTf32(u32 x) {
  u32 y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(__uint_as_float(x)));
  return y;
}

__device__ inline u32 packBf16(float low, float high) {
  u32 both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

// As copyAsync, 4 bytes or zeros.
__device__ inline void copyWord(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(sharedAddress(shared)), "l"(global), "r"(valid ? 4 : 0) : "memory");
}
