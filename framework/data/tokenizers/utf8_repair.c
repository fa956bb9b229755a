/* SPDX-License-Identifier: MIT */
/* Well-formed UTF-8 by table 3-7 of the Unicode Standard. */
#include "data/tokenizers/utf8_repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static size_t sequence_length(unsigned char lead) {
    return lead < 0x80   ? 1
           : lead < 0xC2 ? 0
           : lead < 0xE0 ? 2
           : lead < 0xF0 ? 3
           : lead < 0xF5 ? 4
                         : 0;
}

/* Bytes of the sequence at p that fit, at least 1; *ret_valid: they are a whole character. */
static size_t take_sequence(const unsigned char *p, size_t n, bool *ret_valid) {
    size_t length = sequence_length(p[0]), i = 1;
    unsigned char low = 0x80, high = 0xBF;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    while (i < length && i < n && p[i] >= low && p[i] <= high) {
        low = 0x80;
        high = 0xBF;
        i++;
    }
    *ret_valid = i == length;
    return i;
}

size_t as_utf8_valid_prefix(const char *text, size_t n_bytes) {
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0;
    bool valid;
    while (at < n_bytes) {
        uint64_t eight;
        if (n_bytes - at >= sizeof eight) {
            memcpy(&eight, p + at, sizeof eight);
            if (!(eight & UINT64_C(0x8080808080808080))) {
                at += sizeof eight;
                continue;
            }
        }
        size_t n = take_sequence(p + at, n_bytes - at, &valid);
        if (!valid)
            break;
        at += n;
    }
    return at;
}

void as_utf8_repair_done(as_utf8_repair *repair) {
    free(repair->bytes);
    free(repair->positions);
    *repair = (as_utf8_repair){0};
}

static bool reserve(as_utf8_repair *r, size_t n_bytes) {
    size_t capacity, positions_bytes;
    if (!as_mul_size(n_bytes, 3, &capacity) ||
        !as_mul_size(capacity + 1, sizeof *r->positions, &positions_bytes))
        return false;
    if (capacity <= r->capacity)
        return true;
    as_utf8_repair_done(r);
    r->bytes = malloc(capacity);
    r->positions = malloc(positions_bytes);
    if (!r->bytes || !r->positions)
        return false;
    r->capacity = capacity;
    return true;
}

bool as_utf8_repair_make(as_utf8_repair *r, const char *text, size_t n_bytes) {
    static const char replacement[] = "\xEF\xBF\xBD";
    const unsigned char *p = (const unsigned char *)text;
    bool valid;
    if (!reserve(r, n_bytes)) /* a byte becomes three at most */
        return false;
    r->n_bytes = 0;
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = take_sequence(p + at, n_bytes - at, &valid);
        size_t n_made = valid ? n : sizeof replacement - 1;
        memcpy(r->bytes + r->n_bytes, valid ? text + at : replacement, n_made);
        for (size_t i = 0; i < n_made; i++)
            r->positions[r->n_bytes + i] = (uint32_t)at;
        r->n_bytes += n_made;
    }
    r->positions[r->n_bytes] = (uint32_t)n_bytes;
    return true;
}
