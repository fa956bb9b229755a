/* SPDX-License-Identifier: MIT */
/* A trie in a hash table of edges. */
#include "data/tokenizers/token_trie.h"

#include <assert.h>
#include <sodium.h>

enum { CHILD_BITS = 32 };
static const uint64_t ends_here = UINT64_C(1) << 31;
static const uint32_t no_node = UINT32_MAX;

static uint64_t edge_key(uint32_t node, unsigned char byte) {
    return (uint64_t)node << 8 | byte;
}

/* The slot that holds the edge, or the free one where it belongs. */
static uint64_t find_slot(const as_token_trie *trie, uint64_t key) {
    uint64_t slot = key * trie->multiplier >> trie->shift;
    while (trie->edges[slot] && trie->edges[slot] >> CHILD_BITS != key)
        slot = (slot + 1) & trie->mask;
    return slot;
}

static uint32_t child_of(uint64_t edge) {
    return edge ? (uint32_t)(edge & AS_TRIE_MAX_NODES) : no_node;
}

bool as_token_trie_init(as_arena *arena, as_token_trie *trie, size_t n_bytes) {
    uint32_t bits = 4;
    if (n_bytes >= AS_TRIE_MAX_NODES)
        return false;
    while ((size_t)1 << bits < 2 * (n_bytes + 1))
        bits++;
    *trie = (as_token_trie){0};
    trie->edges = as_arena_alloc_array(arena, (size_t)1 << bits, sizeof *trie->edges);
    trie->values = as_arena_alloc_array(arena, n_bytes + 1, sizeof *trie->values);
    if (!trie->edges || !trie->values)
        return false;
    randombytes_buf(&trie->multiplier, sizeof trie->multiplier);
    trie->multiplier |= 1;
    trie->shift = 64 - bits;
    trie->mask = ((uint64_t)1 << bits) - 1;
    trie->max_nodes = (uint32_t)n_bytes + 1;
    trie->n_nodes = 1;
    trie->values[AS_TRIE_ROOT] = -1;
    return true;
}

int32_t as_token_trie_add(as_token_trie *trie, const char *token, size_t n_bytes, int32_t value) {
    uint32_t node = AS_TRIE_ROOT;
    uint64_t slot = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        uint64_t key = edge_key(node, (unsigned char)token[i]);
        slot = find_slot(trie, key);
        if (!trie->edges[slot]) {
            assert(trie->n_nodes < trie->max_nodes);
            trie->values[trie->n_nodes] = -1;
            trie->edges[slot] = key << CHILD_BITS | trie->n_nodes++;
        }
        node = (uint32_t)(trie->edges[slot] & AS_TRIE_MAX_NODES);
    }
    if (trie->values[node] >= 0)
        return trie->values[node];
    trie->values[node] = value;
    if (n_bytes)
        trie->edges[slot] |= ends_here;
    return -1;
}

uint32_t as_token_trie_walk(const as_token_trie *trie, uint32_t node, const char *bytes,
                            size_t n_bytes) {
    for (size_t i = 0; i < n_bytes && node != no_node; i++)
        node = child_of(trie->edges[find_slot(trie, edge_key(node, (unsigned char)bytes[i]))]);
    return node;
}

int32_t as_token_trie_longest(const as_token_trie *trie, uint32_t node, const char *bytes, size_t n,
                              size_t *ret_n) {
    uint32_t found = no_node;
    for (size_t i = 0; i < n; i++) {
        uint64_t edge = trie->edges[find_slot(trie, edge_key(node, (unsigned char)bytes[i]))];
        if (!edge)
            break;
        node = child_of(edge);
        if (edge & ends_here) {
            found = node;
            *ret_n = i + 1;
        }
    }
    return found == no_node ? -1 : trie->values[found];
}

int32_t as_token_trie_find(const as_token_trie *trie, const char *bytes, size_t n_bytes) {
    uint32_t node = as_token_trie_walk(trie, AS_TRIE_ROOT, bytes, n_bytes);
    return node == no_node ? -1 : trie->values[node];
}
