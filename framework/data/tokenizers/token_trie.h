/* SPDX-License-Identifier: MIT */
/* data/tokenizers/token_trie.h: tokens by their bytes: the longest one that a text begins with. A
 * trie whose edges (node, byte) -> node lie in one hash table (open addressing, at most half full,
 * a random multiplier per trie, so that no file can make it slow). */
#ifndef AS_DATA_TOKENIZERS_TOKEN_TRIE_H
#define AS_DATA_TOKENIZERS_TOKEN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct as_token_trie {
    uint64_t *edges; /* node << 40 | byte << 32 | ends << 31 | child; 0 is free: no child is the
                        root. ends: a token ends at the child */
    int32_t *values; /* [n_nodes] -1: no token ends here */
    uint64_t multiplier;
    uint32_t shift, n_nodes, max_nodes;
    uint64_t mask;
} as_token_trie;

enum { AS_TRIE_ROOT = 0, AS_TRIE_MAX_NODES = (1 << 24) - 1 };

/* [owner] An empty trie with room for tokens of n_bytes bytes together; false: out of memory, or
 * over AS_TRIE_MAX_NODES. */
bool as_token_trie_init(as_arena *arena, as_token_trie *trie, size_t n_bytes);
/* [owner] Adds a token; the value of one that was there already, else -1. */
int32_t as_token_trie_add(as_token_trie *trie, const char *token, size_t n_bytes, int32_t value);
/* [any] Node behind `bytes`, from `node` on; UINT32_MAX: none. */
uint32_t as_token_trie_walk(const as_token_trie *trie, uint32_t node, const char *bytes,
                            size_t n_bytes);
/* [any] Value of the longest token that bytes[0 .. n) begins with, from `node` on (that node itself
 * does not count), its length in *ret_n; -1: none. */
int32_t as_token_trie_longest(const as_token_trie *trie, uint32_t node, const char *bytes, size_t n,
                              size_t *ret_n);
/* [any] Value of exactly these bytes; -1: none. */
int32_t as_token_trie_find(const as_token_trie *trie, const char *bytes, size_t n_bytes);

#endif
