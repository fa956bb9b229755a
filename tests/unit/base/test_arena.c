/* SPDX-License-Identifier: MIT */
/* Arenas: alignment, zeroing, copies, overflow. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"

Test(arena, blocks_are_aligned_zeroed_and_apart) {
    as_arena *arena = as_arena_new();
    unsigned char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * 37 % 5000 + (i % 50 == 0 ? 100000 : 0);
        blocks[i] = as_arena_alloc(arena, size);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            cr_assert_eq(blocks[i][k], 0, "block %zu byte %zu overlaps another", i, k);
        memset(blocks[i], 0xAB, size);
    }
    as_arena_free(arena);
}

Test(arena, size_zero_gives_a_pointer_and_counts) {
    as_arena *arena = as_arena_new();
    size_t before = as_arena_used_bytes(arena);
    cr_assert_not_null(as_arena_alloc(arena, 0));
    cr_assert_gt(as_arena_used_bytes(arena), before);
    as_arena_free(arena);
    as_arena_free(NULL);
}

Test(arena, impossible_sizes_give_null) {
    as_arena *arena = as_arena_new();
    cr_assert_null(as_arena_alloc(arena, SIZE_MAX));
    cr_assert_null(as_arena_alloc(arena, SIZE_MAX - 16));
    cr_assert_null(as_arena_alloc_array(arena, SIZE_MAX / 2, 3));
    cr_assert_null(as_arena_strndup(arena, "x", SIZE_MAX));
    cr_assert_not_null(as_arena_alloc(arena, 8), "the arena still works");
    as_arena_free(arena);
}

Test(arena, copies_end_in_nul) {
    as_arena *arena = as_arena_new();
    cr_assert_str_eq(as_arena_strdup(arena, "gloss"), "gloss");
    cr_assert_str_eq(as_arena_strndup(arena, "gloss", 3), "glo");
    as_arena_free(arena);
}

Test(arena, checked_arithmetic_leaves_result_on_overflow) {
    size_t result = 7;
    cr_assert(as_mul_size(6, 7, &result));
    cr_assert_eq(result, 42);
    cr_assert(as_add_size(1, 2, &result));
    cr_assert_eq(result, 3);
    cr_assert_not(as_add_size(SIZE_MAX, 1, &result));
    cr_assert_not(as_mul_size(SIZE_MAX, 2, &result));
    cr_assert_eq(result, 3, "ret_size is untouched on overflow");
}
