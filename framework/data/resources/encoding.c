/* SPDX-License-Identifier: MIT */
/* Decoding of a source's bytes. Bytes that fit as they are (ASCII, well-formed UTF-8) are not
 * copied. Well-formed UTF-8 is Unicode's table 3-7: the range of the second byte depends on the
 * first, which is all that keeps overlong forms and surrogates out. */
#include "data/resources/encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

/* Code points of 0x80 to 0x9F; 0: undefined. */
static const uint16_t windows1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

static const char replacement[3] = "\xef\xbf\xbd"; /* U+FFFD */

assay_status as_decoder_init(const json_t *reader, const char *where, as_decoder *ret_decoder,
                             assay_error *error) {
    static const char *const names[] = {"utf-8", "latin-1", "windows-1252"};
    as_decoder decoder = {.encoding = AS_ENCODING_UTF8};
    const char *encoding = names[0], *invalid = "refuse";
    assay_status status = as_json_get_string(reader, "encoding", where, &encoding, error);
    if (status == ASSAY_OK)
        status = as_json_get_string(reader, "invalid", where, &invalid, error);
    if (status != ASSAY_OK)
        return status;
    size_t i = 0;
    while (i < 3 && strcmp(names[i], encoding) != 0)
        i++;
    if (i == 3)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "encoding is \"%.80s\"; expected utf-8, latin-1 or windows-1252", encoding);
    decoder.encoding = (as_encoding_kind)i;
    decoder.replace = strcmp(invalid, "replace") == 0;
    if (!decoder.replace && strcmp(invalid, "refuse") != 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "invalid is \"%.80s\"; expected refuse or replace", invalid);
    *ret_decoder = decoder;
    return ASSAY_OK;
}

void as_decoder_free(as_decoder *decoder) {
    free(decoder->buffer);
    decoder->buffer = NULL;
    decoder->capacity = 0;
}

/* Bytes at the start that are ASCII, eight at once. */
static size_t ascii_bytes(const unsigned char *bytes, size_t n) {
    size_t i = 0;
    for (uint64_t eight; n - i >= 8; i += 8) {
        memcpy(&eight, bytes + i, 8);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && bytes[i] < 0x80)
        i++;
    return i;
}

/* Length of the UTF-8 sequence at the start when it is well-formed; else minus the length of the
 * maximal subpart, at least 1. */
static int utf8_sequence(const unsigned char *bytes, size_t n) {
    unsigned first = bytes[0], low = 0x80, high = 0xBF;
    int length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return -1;
    low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : low;
    high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : high;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == n || bytes[i] < low || bytes[i] > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* The next sequence of `bytes`: how many it takes, and what it is in UTF-8 (NULL: does not fit). */
static size_t decode_one(as_encoding_kind encoding, const unsigned char *bytes, size_t n,
                         char out[4], size_t *ret_n_out) {
    if (encoding == AS_ENCODING_UTF8) {
        int length = utf8_sequence(bytes, n);
        *ret_n_out = length > 0 ? (size_t)length : 0;
        memcpy(out, bytes, *ret_n_out);
        return (size_t)(length > 0 ? length : -length);
    }
    uint32_t point = bytes[0];
    if (encoding == AS_ENCODING_WINDOWS1252 && point >= 0x80 && point < 0xA0)
        point = windows1252[point - 0x80];
    *ret_n_out = !point && bytes[0] ? 0 : point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
    if (point < 0x80) {
        out[0] = (char)point;
    } else if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
    } else {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
    }
    return 1;
}

/* Counts bytes that do not fit, or refuses them. */
static assay_status not_fitting(as_decoder *decoder, const unsigned char *bytes, size_t n,
                                const char *where, uint64_t offset, assay_error *error) {
    static const char *const names[] = {"UTF-8", "Latin-1", "Windows-1252"};
    if (!decoder->replace)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "invalid %s: byte 0x%02x at offset %llu; state the source's encoding, or "
                       "\"invalid\": \"replace\", in the manifest's reader",
                       names[decoder->encoding], bytes[0], (unsigned long long)offset);
    if (!decoder->n_replaced)
        snprintf(decoder->first, sizeof decoder->first, "%.400s: byte 0x%02x at offset %llu", where,
                 bytes[0], (unsigned long long)offset);
    decoder->n_replaced += n;
    return ASSAY_OK;
}

/* Bytes at the start that are the same in UTF-8. */
static size_t fitting_bytes(const as_decoder *decoder, const unsigned char *bytes, size_t n) {
    size_t i = 0;
    for (;;) {
        i += ascii_bytes(bytes + i, n - i);
        if (i == n || decoder->encoding != AS_ENCODING_UTF8)
            return i;
        int length = utf8_sequence(bytes + i, n - i);
        if (length < 0)
            return i;
        i += (size_t)length;
    }
}

assay_status as_decode(as_decoder *decoder, const char *bytes, size_t n_bytes, const char *where,
                       uint64_t offset, const char **ret_text, size_t *ret_n_bytes,
                       assay_error *error) {
    const unsigned char *in = (const unsigned char *)bytes;
    size_t i = fitting_bytes(decoder, in, n_bytes), used = i, capacity;
    if (i == n_bytes) {
        *ret_text = bytes;
        *ret_n_bytes = n_bytes;
        return ASSAY_OK;
    }
    /* No byte becomes more than three. */
    if (n_bytes > (SIZE_MAX - 1) / 3)
        return as_fail(error, ASSAY_LIMIT, where, "a text has %zu bytes", n_bytes);
    capacity = 3 * n_bytes + 1;
    if (decoder->capacity < capacity) {
        char *buffer = realloc(decoder->buffer, capacity);
        if (!buffer)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to decode it");
        decoder->buffer = buffer;
        decoder->capacity = capacity;
    }
    char *out = decoder->buffer;
    memcpy(out, bytes, i);
    while (i < n_bytes) {
        size_t n = fitting_bytes(decoder, in + i, n_bytes - i), n_out;
        memcpy(out + used, bytes + i, n);
        used += n;
        i += n;
        if (i == n_bytes)
            break;
        n = decode_one(decoder->encoding, in + i, n_bytes - i, out + used, &n_out);
        if (!n_out) {
            assay_status status = not_fitting(decoder, in + i, n, where, offset + i, error);
            if (status != ASSAY_OK)
                return status;
            memcpy(out + used, replacement, sizeof replacement);
            n_out = sizeof replacement;
        }
        used += n_out;
        i += n;
    }
    out[used] = '\0';
    *ret_text = out;
    *ret_n_bytes = used;
    return ASSAY_OK;
}
