// The machine instructions of compute capability 9.0a: barriers in shared memory that count bytes, tensor copies (TMA), products of a
// warpgroup (128 threads) that read their operands from shared memory (wgmma), clusters. For any other target this is empty.
#pragma once
#include "ptx.cuh"

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HOPPER

// How a tensor lies in memory and which box of it one copy moves, encoded by the driver; a kernel takes it as
// `const __grid_constant__ TensorMap`. Boxes here have rows of 128 bytes, permuted within 1024 bytes, so tiles are aligned to that.
struct __align__(64) TensorMap {
  u64 words[16];
};

// --- Barriers: a phase ends when all arrivals and all announced bytes have come. Waiters name the parity of the phase. Arrivals and waits
// order what the block itself reads and writes; ordering for a cluster or more would empty its cache of global memory each time.

__device__ inline void barrierInit(u64* barrier, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(arrivals) : "memory");
}
// Makes initialized barriers visible to copies and to the other blocks of the cluster.
__device__ inline void barrierPublish() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ inline void barrierExpect(u64* barrier, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(bytes) : "memory");
}
__device__ inline void barrierArrive(u64* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(sharedAddress(barrier)) : "memory");
}
// Arrives at the barrier of the same place in block `rank` of the cluster.
__device__ inline void barrierArrive(u64* barrier, u32 rank) {
  asm volatile(
      "{ .reg .b32 there; mapa.shared::cluster.u32 there, %0, %1; mbarrier.arrive.shared::cluster.b64 _, [there]; }"
      ::"r"(sharedAddress(barrier)), "r"(rank) : "memory");
}
__device__ inline void barrierWait(u64* barrier, u32 parity) {
  asm volatile(
      "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @!done bra again; }"
      ::"r"(sharedAddress(barrier)), "r"(parity) : "memory");
}

// Lets `threads` threads of a block wait for each other; number 0 is __syncthreads.
__device__ inline void syncNamed(int number, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

// --- Clusters.

__device__ inline u32 clusterRank() {
  u32 rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ inline void clusterSync() {
  asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// --- Tensor copies. One thread starts them; coordinates count elements, innermost first, and what lies outside of the tensor arrives
// as zeros and is not stored.

__device__ inline void tensorPrefetch(const TensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
__device__ inline void tensorLoad(void* to, const TensorMap* map, u64* barrier, int x, int y, int z) {
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];"
      ::"r"(sharedAddress(to)), "l"(map), "r"(sharedAddress(barrier)), "r"(x), "r"(y), "r"(z) : "memory");
}
__device__ inline void tensorLoad(void* to, const TensorMap* map, u64* barrier, int x, int y, int z, int w) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];"
      ::"r"(sharedAddress(to)), "l"(map), "r"(sharedAddress(barrier)), "r"(x), "r"(y), "r"(z), "r"(w) : "memory");
}
// To the same place in every block of the cluster whose bit is set in `blocks`; each one's barrier counts the bytes.
__device__ inline void tensorLoadAll(void* to, const TensorMap* map, u64* barrier, unsigned short blocks, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%4, %5, %6}], [%2], %3;"
      ::"r"(sharedAddress(to)), "l"(map), "r"(sharedAddress(barrier)), "h"(blocks), "r"(x), "r"(y), "r"(z) : "memory");
}
__device__ inline void tensorStore(const TensorMap* map, const void* from, int x, int y, int z) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];"
      ::"l"(map), "r"(sharedAddress(from)), "r"(x), "r"(y), "r"(z) : "memory");
}
__device__ inline void tensorStore(const TensorMap* map, const void* from, int x, int y, int z, int w) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];"
      ::"l"(map), "r"(sharedAddress(from)), "r"(x), "r"(y), "r"(z), "r"(w) : "memory");
}
// Bytes as they lie, a multiple of 16 of them.
__device__ inline void bulkLoad(void* to, const void* from, u32 bytes, u64* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
      ::"r"(sharedAddress(to)), "l"(from), "r"(bytes), "r"(sharedAddress(barrier)) : "memory");
}
__device__ inline void storeCommit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
// Waits until all groups of stores but the last N have read shared memory, or have been written.
template <int N> __device__ inline void storeWaitRead() { asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory"); }
template <int N> __device__ inline void storeWait() { asm volatile("cp.async.bulk.wait_group %0;" ::"n"(N) : "memory"); }
// Makes what this thread wrote to shared memory visible to tensor copies and wgmma.
__device__ inline void sharedPublish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// --- Registers move between the warpgroups of a block; N is a multiple of 8.

template <int N> __device__ inline void registersRaise() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }
template <int N> __device__ inline void registersLower() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }

// --- wgmma. An operand in shared memory is named by a descriptor. Along the depth: rows of 128 bytes, eight rows in 1024 bytes, and
// 16 elements further in depth are 32 bytes further in the row. Across it (bf16 only): 64 rows or columns lie in 128 bytes, eight
// depths in 1024 bytes, `lead` bytes lead to the next 64.

__device__ inline u64 operandAlong(u32 address) {
  return (u64)((address & 0x3ffff) >> 4) | 1ull << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}
__device__ inline u64 operandAcross(u32 address, u32 lead) {
  return (u64)((address & 0x3ffff) >> 4) | (u64)(lead >> 4) << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}

// Before the first product that uses registers written otherwise; after the last of a group; until all groups but the last N are done.
__device__ inline void wgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmmaCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N> __device__ inline void wgmmaWait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
// Keeps the compiler from moving what is done to sums across this point.
template <int N> __device__ inline void wgmmaPin(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}

// Lists of operands: %0 … %(n - 1), and n sums.
#define TEN(t) "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define LIST_32 TEN() TEN(1) TEN(2) "%30, %31"
#define LIST_64 TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) "%60, %61, %62, %63"
#define LIST_96 TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) "%90, %91, %92, %93, %94, %95"
#define LIST_128 TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11) \
  "%120, %121, %122, %123, %124, %125, %126, %127"
#define SUMS_8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
  "+f"(d[i + 7])
#define SUMS_32(d, i) SUMS_8(d, i), SUMS_8(d, i + 8), SUMS_8(d, i + 16), SUMS_8(d, i + 24)
#define SUMS_64(d) SUMS_32(d, 0), SUMS_32(d, 32)
#define SUMS_96(d) SUMS_64(d), SUMS_32(d, 64)
#define SUMS_128(d) SUMS_96(d), SUMS_32(d, 96)

// d = a·b, or with `keep` d += a·b: a of 64 rows, b of N columns, depth 16 (bf16) or 8 (tf32); d is spread over the warpgroup: warp w
// holds rows 16w to 16w + 15, lane 4g + t of it in d[4j … 4j + 3] columns 8j + 2t and 8j + 2t + 1 of row g, then of row g + 8.
// In bf16 either operand may lie across the depth; a may be in registers instead: those of `multiplyBf16`, a warp its 16 rows.
template <int N> struct Wgmma;
#define WGMMA(N, COUNT, LIST, SUMS, A, B, KEEP, A_ACROSS, B_ACROSS, A1, A2, A3, B4, KEEP5, B_ACROSS6) \
  template <> struct Wgmma<N> { \
    template <int AX, int BX> __device__ static void bf16(float (&d)[COUNT], u64 a, u64 b, int keep) { \
      asm volatile("{ .reg .pred keep; setp.ne.b32 keep, " KEEP ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" LIST \
          "}, " A ", " B ", keep, 1, 1, " A_ACROSS ", " B_ACROSS "; }" : SUMS : "l"(a), "l"(b), "r"(keep), "n"(AX), "n"(BX)); \
    } \
    template <int BX> __device__ static void bf16(float (&d)[COUNT], const u32 (&a)[4], u64 b, int keep) { \
      asm volatile("{ .reg .pred keep; setp.ne.b32 keep, " KEEP5 ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" \
          LIST "}, {" A ", " A1 ", " A2 ", " A3 "}, " B4 ", keep, 1, 1, " B_ACROSS6 "; }" \
          : SUMS : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(keep), "n"(BX)); \
    } \
    __device__ static void tf32(float (&d)[COUNT], u64 a, u64 b, int keep) { \
      asm volatile("{ .reg .pred keep; setp.ne.b32 keep, " KEEP ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k8.f32.tf32.tf32 {" LIST \
          "}, " A ", " B ", keep, 1, 1; }" : SUMS : "l"(a), "l"(b), "r"(keep)); \
    } \
  };
WGMMA(64, 32, LIST_32, SUMS_32(d, 0), "%32", "%33", "%34", "%35", "%36", "%33", "%34", "%35", "%36", "%37", "%38")
WGMMA(128, 64, LIST_64, SUMS_64(d), "%64", "%65", "%66", "%67", "%68", "%65", "%66", "%67", "%68", "%69", "%70")
WGMMA(192, 96, LIST_96, SUMS_96(d), "%96", "%97", "%98", "%99", "%100", "%97", "%98", "%99", "%100", "%101", "%102")
WGMMA(256, 128, LIST_128, SUMS_128(d), "%128", "%129", "%130", "%131", "%132", "%129", "%130", "%131", "%132", "%133", "%134")

// Writes four 8×8 matrices of 2-byte elements whose elements are spread over a warp; lane i names row i % 8 of matrix i / 8.
__device__ inline void storeMatrices(void* row, const u32 (&r)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};"
      ::"r"(sharedAddress(row)), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]) : "memory");
}

// More widths.
#define LIST_4 "%0, %1, %2, %3"
#define LIST_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define LIST_16 TEN() "%10, %11, %12, %13, %14, %15"
#define LIST_24 TEN() TEN(1) "%20, %21, %22, %23"
#define LIST_40 TEN() TEN(1) TEN(2) "%30, %31, %32, %33, %34, %35, %36, %37, %38, %39"
#define LIST_48 TEN() TEN(1) TEN(2) TEN(3) "%40, %41, %42, %43, %44, %45, %46, %47"
#define LIST_56 TEN() TEN(1) TEN(2) TEN(3) TEN(4) "%50, %51, %52, %53, %54, %55"
#define SUMS_4(d) "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
#define SUMS_16(d) SUMS_8(d, 0), SUMS_8(d, 8)
#define SUMS_24(d) SUMS_8(d, 0), SUMS_8(d, 8), SUMS_8(d, 16)
#define SUMS_40(d) SUMS_32(d, 0), SUMS_8(d, 32)
#define SUMS_48(d) SUMS_40(d), SUMS_8(d, 40)
#define SUMS_56(d) SUMS_48(d), SUMS_8(d, 48)
WGMMA(8, 4, LIST_4, SUMS_4(d), "%4", "%5", "%6", "%7", "%8", "%5", "%6", "%7", "%8", "%9", "%10")
WGMMA(16, 8, LIST_8, SUMS_8(d, 0), "%8", "%9", "%10", "%11", "%12", "%9", "%10", "%11", "%12", "%13", "%14")
WGMMA(32, 16, LIST_16, SUMS_16(d), "%16", "%17", "%18", "%19", "%20", "%17", "%18", "%19", "%20", "%21", "%22")
WGMMA(48, 24, LIST_24, SUMS_24(d), "%24", "%25", "%26", "%27", "%28", "%25", "%26", "%27", "%28", "%29", "%30")
WGMMA(80, 40, LIST_40, SUMS_40(d), "%40", "%41", "%42", "%43", "%44", "%41", "%42", "%43", "%44", "%45", "%46")
WGMMA(96, 48, LIST_48, SUMS_48(d), "%48", "%49", "%50", "%51", "%52", "%49", "%50", "%51", "%52", "%53", "%54")
WGMMA(112, 56, LIST_56, SUMS_56(d), "%56", "%57", "%58", "%59", "%60", "%57", "%58", "%59", "%60", "%61", "%62")
#endif
