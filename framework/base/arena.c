/* SPDX-License-Identifier: MIT */
/* Arena of malloc'ed chunks, each at least 64 KiB, linked for freeing. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, ALIGNMENT = 16 };

typedef struct chunk {
    struct chunk *next;
    size_t size, used;
    /* Keeps the bytes that follow the header 16-byte aligned. */
    size_t padding;
} chunk;

struct as_arena {
    chunk *chunks;
    size_t used_bytes;
};

_Static_assert(sizeof(chunk) % ALIGNMENT == 0, "chunk header keeps alignment");

bool as_mul_size(size_t a, size_t b, size_t *ret_size) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret_size = product;
    return true;
}

bool as_add_size(size_t a, size_t b, size_t *ret_size) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret_size = sum;
    return true;
}

as_arena *as_arena_new(void) {
    return calloc(1, sizeof(as_arena));
}

void as_arena_free(as_arena *arena) {
    if (!arena)
        return;
    for (chunk *next, *c = arena->chunks; c; c = next) {
        next = c->next;
        free(c);
    }
    free(arena);
}

void *as_arena_alloc(as_arena *arena, size_t size) {
    size_t rounded, total;
    if (!as_add_size(size ? size : 1, ALIGNMENT - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGNMENT - 1);
    chunk *c = arena->chunks;
    if (!c || c->size - c->used < rounded) {
        size_t payload = rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES;
        if (!as_add_size(payload, sizeof(chunk), &total) || !(c = calloc(1, total)))
            return NULL;
        c->size = payload;
        /* A block of its own size goes behind the current chunk, whose rest stays in use. */
        if (arena->chunks && rounded > CHUNK_BYTES) {
            c->next = arena->chunks->next;
            arena->chunks->next = c;
        } else {
            c->next = arena->chunks;
            arena->chunks = c;
        }
    }
    void *block = (char *)(c + 1) + c->used;
    c->used += rounded;
    arena->used_bytes += rounded;
    return block;
}

void *as_arena_alloc_array(as_arena *arena, size_t n, size_t size) {
    size_t total;
    return as_mul_size(n, size, &total) ? as_arena_alloc(arena, total) : NULL;
}

char *as_arena_strndup(as_arena *arena, const char *text, size_t n) {
    char *copy = n == SIZE_MAX ? NULL : as_arena_alloc(arena, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

char *as_arena_strdup(as_arena *arena, const char *text) {
    return as_arena_strndup(arena, text, strlen(text));
}

size_t as_arena_used_bytes(const as_arena *arena) {
    return arena->used_bytes;
}
