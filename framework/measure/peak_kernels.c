/* SPDX-License-Identifier: MIT */
/* Multiply-adds in registers: independent accumulators, as many as hide the latency of a fused
 * multiply-add in every pipe (two pipes of four or five cycles on today's processors: ten; twelve
 * are taken, so that sixteen registers do), with operands that never become large, tiny or NaN: a =
 * a / 2 + 1 / 2 or a constant step, so that no value is slower than another.
 *
 * bf16: dot products of pairs, summed in f32 (AVX512_BF16's VDPBF16PS), or tiles of 16 x 32 by
 * 32 x 16 (AMX's TDPBF16PS; Intel 64 and IA-32 Architectures Software Developer's Manual, 18). The
 * kernel grants tiles on request (Documentation/arch/x86/xstate.rst). */
#include "measure/peak_kernels.h"

#include <math.h>
#include <string.h>

#include "assay/backend.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { ACCUMULATORS = 12, ROUNDS = 2000 };

static int nothing_to_prepare(void) {
    return 1;
}

static void nothing_to_finish(void) {
}

/* STEP(i) for each accumulator. */
#define EACH(STEP)                                                                                 \
    STEP(0)                                                                                        \
    STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)

#if defined(__x86_64__)

/* A compiler that saw equal values would compute one of them. */
#define BEGIN(i)                                                                                   \
    acc[i] = start;                                                                                \
    __asm__("" : "+x"(acc[i]));
#define SUM(i) total = ADD(total, acc[i]);
#define STEP_FMA(i) acc[i] = FMADD(acc[i], half, half);

#define FMA_BLOCK(NAME, TARGET, VECTOR, ELEMENT, LANES, SET, STORE)                                \
    __attribute__((target(TARGET))) static double NAME(void) {                                     \
        VECTOR acc[ACCUMULATORS], half = SET(0.5), start = SET(0.25), total = SET(0);              \
        ELEMENT lanes[LANES];                                                                      \
        EACH(BEGIN)                                                                                \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            EACH(STEP_FMA)                                                                         \
        }                                                                                          \
        EACH(SUM)                                                                                  \
        STORE(lanes, total);                                                                       \
        return (double)lanes[0];                                                                   \
    }

#define ADD _mm512_add_ps
#define FMADD _mm512_fmadd_ps
FMA_BLOCK(block_avx512_f32, "avx512f", __m512, float, 16, _mm512_set1_ps, _mm512_storeu_ps)
#undef ADD
#undef FMADD
#define ADD _mm512_add_pd
#define FMADD _mm512_fmadd_pd
FMA_BLOCK(block_avx512_f64, "avx512f", __m512d, double, 8, _mm512_set1_pd, _mm512_storeu_pd)
#undef ADD
#undef FMADD
#define ADD _mm256_add_ps
#define FMADD _mm256_fmadd_ps
FMA_BLOCK(block_avx2_f32, "avx2,fma", __m256, float, 8, _mm256_set1_ps, _mm256_storeu_ps)
#undef ADD
#undef FMADD
#define ADD _mm256_add_pd
#define FMADD _mm256_fmadd_pd
FMA_BLOCK(block_avx2_f64, "avx2,fma", __m256d, double, 4, _mm256_set1_pd, _mm256_storeu_pd)
#undef ADD
#undef FMADD

/* Sums stay below ROUNDS. */
#define ADD _mm512_add_ps
#define STEP_DOT(i) acc[i] = _mm512_dpbf16_ps(acc[i], pair, pair);
__attribute__((target("avx512f,avx512bf16"))) static double block_avx512_bf16(void) {
    __m512 acc[ACCUMULATORS], start = _mm512_set1_ps(0.25f), total = start;
    __m512bh pair = (__m512bh)_mm512_set1_epi16(0x3f00); /* one half */
    float lanes[16];
    EACH(BEGIN)
    for (int i = 0; i < ROUNDS; i++) {
        EACH(STEP_DOT)
    }
    EACH(SUM)
    _mm512_storeu_ps(lanes, total);
    return (double)lanes[0];
}
#undef ADD

/* ---- tiles ----------------------------------------------------------------------------------- */

enum { TILE_ROWS = 16, TILE_ROW_BYTES = 64, TILES = 8, TILE_OPERANDS = 4 };
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */

/* Palette 1 of LDTILECFG. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

_Static_assert(sizeof(tile_config) == 64, "LDTILECFG reads 64 bytes");

__attribute__((target("amx-tile"))) static int prepare_tiles(void) {
    tile_config config;
    uint16_t halves[TILE_ROWS * TILE_ROW_BYTES / sizeof(uint16_t)];
    if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0)
        return 0;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < TILES; i++) {
        config.row_bytes[i] = TILE_ROW_BYTES;
        config.rows[i] = TILE_ROWS;
    }
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
        halves[i] = 0x3f00;
    _tile_loadconfig(&config);
    _tile_loadd(4, halves, TILE_ROW_BYTES);
    _tile_loadd(5, halves, TILE_ROW_BYTES);
    _tile_loadd(6, halves, TILE_ROW_BYTES);
    _tile_loadd(7, halves, TILE_ROW_BYTES);
    return 1;
}

/* Two by two blocks of c, each product with its own pair of operands. */
__attribute__((target("amx-tile,amx-bf16"))) static double block_amx_bf16(void) {
    float sums[TILE_ROWS * TILE_ROW_BYTES / sizeof(float)];
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int i = 0; i < ROUNDS; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, TILE_ROW_BYTES);
    return (double)sums[0];
}

__attribute__((target("amx-tile"))) static void finish_tiles(void) {
    _tile_release();
}

static int leaf7(unsigned int subleaf, unsigned int *eax, unsigned int *edx) {
    unsigned int ebx, ecx;
    return __get_cpuid_count(7, subleaf, eax, &ebx, &ecx, edx);
}

/* Bits of CPUID leaf 7 (the same manual, volume 2, CPUID). */
static int has_tiles(void) {
    unsigned int eax, edx;
    return leaf7(0, &eax, &edx) && (edx >> 22 & 1) && (edx >> 24 & 1) && prepare_tiles() &&
           (finish_tiles(), 1);
}

static int has_bf16(void) {
    unsigned int eax, edx;
    return __builtin_cpu_supports("avx512f") && leaf7(1, &eax, &edx) && (eax >> 5 & 1);
}

#define FMA_FLOPS(lanes) (2.0 * (lanes)*ACCUMULATORS * ROUNDS)
#define PLAIN(name, flops, block)                                                                  \
    { name, flops, nothing_to_prepare, block, nothing_to_finish }

const as_peak_kernel *as_peak_kernel_for(int32_t dtype) {
    static const as_peak_kernel avx512[2] = {PLAIN("avx512f", FMA_FLOPS(16), block_avx512_f32),
                                             PLAIN("avx512f", FMA_FLOPS(8), block_avx512_f64)};
    static const as_peak_kernel avx2[2] = {PLAIN("avx2", FMA_FLOPS(8), block_avx2_f32),
                                           PLAIN("avx2", FMA_FLOPS(4), block_avx2_f64)};
    static const as_peak_kernel dots = PLAIN("avx512_bf16", 2 * FMA_FLOPS(16), block_avx512_bf16);
    static const as_peak_kernel tiles = {"amx_bf16", 2.0 * 16 * 16 * 32 * TILE_OPERANDS * ROUNDS,
                                         prepare_tiles, block_amx_bf16, finish_tiles};
    int wide = dtype == ASSAY_DTYPE_F64;
    __builtin_cpu_init();
    if (dtype == ASSAY_DTYPE_BF16)
        return has_tiles() ? &tiles : has_bf16() ? &dots : NULL;
    if (dtype != ASSAY_DTYPE_F32 && !wide)
        return NULL;
    if (__builtin_cpu_supports("avx512f"))
        return &avx512[wide];
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2[wide] : NULL;
}

void as_peak_copy(void *to, const void *from, size_t n_bytes, int past_caches) {
    if (!past_caches) {
        memcpy(to, from, n_bytes);
        return;
    }
    const __m128i *x = from;
    __m128i *y = to;
    for (size_t i = 0; i < n_bytes / sizeof *x; i += 4) {
        __m128i a = _mm_load_si128(x + i), b = _mm_load_si128(x + i + 1);
        __m128i c = _mm_load_si128(x + i + 2), d = _mm_load_si128(x + i + 3);
        _mm_stream_si128(y + i, a);
        _mm_stream_si128(y + i + 1, b);
        _mm_stream_si128(y + i + 2, c);
        _mm_stream_si128(y + i + 3, d);
    }
    _mm_sfence();
}

#else

/* Vectors of the compiler's: what the target's own registers hold at a time is its choice. */
typedef float vector_f32 __attribute__((vector_size(16)));
typedef double vector_f64 __attribute__((vector_size(16)));

#define BEGIN(i)                                                                                   \
    acc[i] = acc[i] * 0 + start;                                                                   \
    __asm__("" : "+m"(acc[i]));
#define STEP_VECTOR(i)                                                                             \
    for (int k = 0; k < (int)(sizeof acc[i] / sizeof acc[i][0]); k++)                              \
        acc[i][k] = FMA(acc[i][k], 0.5f, 0.5f);
#define SUM(i) total += acc[i][0];

#define VECTOR_BLOCK(NAME, VECTOR, ELEMENT)                                                        \
    static double NAME(void) {                                                                     \
        VECTOR acc[ACCUMULATORS] = {{0}};                                                          \
        const ELEMENT start = (ELEMENT)0.25;                                                       \
        ELEMENT total = 0;                                                                         \
        EACH(BEGIN)                                                                                \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            EACH(STEP_VECTOR)                                                                      \
        }                                                                                          \
        EACH(SUM)                                                                                  \
        return (double)total;                                                                      \
    }

#ifdef __FP_FAST_FMAF
#define FMA fmaf
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
VECTOR_BLOCK(block_f32, vector_f32, float)
#undef FMA
#ifdef __FP_FAST_FMA
#define FMA fma
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
VECTOR_BLOCK(block_f64, vector_f64, double)

const as_peak_kernel *as_peak_kernel_for(int32_t dtype) {
    static const as_peak_kernel f32 = {"vectors", 2.0 * 4 * ACCUMULATORS * ROUNDS,
                                       nothing_to_prepare, block_f32, nothing_to_finish};
    static const as_peak_kernel f64 = {"vectors", 2.0 * 2 * ACCUMULATORS * ROUNDS,
                                       nothing_to_prepare, block_f64, nothing_to_finish};
    return dtype == ASSAY_DTYPE_F32 ? &f32 : dtype == ASSAY_DTYPE_F64 ? &f64 : NULL;
}

void as_peak_copy(void *to, const void *from, size_t n_bytes, int past_caches) {
    (void)past_caches;
    memcpy(to, from, n_bytes);
}

#endif
