/* SPDX-License-Identifier: MIT */
/* base/arena.h: memory with one lifetime. Blocks are freed together; nothing in an arena owns a
 * file descriptor or handle. Not thread-safe: one owner. */
#ifndef AS_BASE_ARENA_H
#define AS_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct as_arena as_arena;

as_arena *as_arena_new(void);        /* NULL when out of memory */
void as_arena_free(as_arena *arena); /* NULL allowed */

/* [owner] Zeroed memory aligned to 16 bytes, or NULL when out of memory. size 0 gives a valid
 * pointer. */
void *as_arena_alloc(as_arena *arena, size_t size);
/* [owner] As as_arena_alloc for n * size bytes, NULL on overflow. */
void *as_arena_alloc_array(as_arena *arena, size_t n, size_t size);
/* [owner] NUL-terminated copies. */
char *as_arena_strdup(as_arena *arena, const char *text);
char *as_arena_strndup(as_arena *arena, const char *text, size_t n);
/* [owner] Bytes handed out so far. */
size_t as_arena_used_bytes(const as_arena *arena);

/* [any] a * b and a + b; false on overflow, then *ret_size is untouched. */
bool as_mul_size(size_t a, size_t b, size_t *ret_size);
bool as_add_size(size_t a, size_t b, size_t *ret_size);

#endif
