/* SPDX-License-Identifier: MIT */
/* Writing and mapping the cache file. */
#include "data/embeddings/vector_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { VERSION = 1, ENDIAN = 0x01020304, HEX = 64, N_PARTS = 4 };
static const char magic[16] = "assay vectors";

typedef struct header {
    char magic[16];
    uint32_t version, endian;
    char source[HEX], member[HEX];
    uint64_t file_bytes, n_word_bytes, n_slots, keys[2];
    uint64_t checksum; /* of the parts, then the header with 0 here */
    uint32_t n_words;
    int32_t dimensions;
    char reserved[48];
} header;

_Static_assert(sizeof(header) == 256, "the header is 256 bytes, without padding");

/* The parts behind the header. */
typedef struct part {
    const void *bytes;
    size_t n_bytes, offset;
} part;

/* ---- checksum ---------------------------------------------------------------------------------*/

static inline uint64_t mix(uint64_t sum, const unsigned char *eight) {
    uint64_t value;
    memcpy(&value, eight, sizeof value);
    sum = (sum ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    return sum << 31 | sum >> 33;
}

/* Four lanes over 32 bytes at a time: against torn and rotten files, not against forgers. Every
 * step is invertible, so one changed word always changes its lane. */
static uint64_t checksum(uint64_t seed, const void *bytes, size_t n_bytes) {
    const unsigned char *p = bytes;
    uint64_t lanes[4] = {seed, seed + 1, seed + 2, seed + 3 + n_bytes};
    size_t at = 0;
    for (; n_bytes - at >= 32; at += 32)
        for (size_t i = 0; i < 4; i++)
            lanes[i] = mix(lanes[i], p + at + 8 * i);
    unsigned char rest[32] = {0};
    if (n_bytes > at)
        memcpy(rest, p + at, n_bytes - at);
    for (size_t i = 0; i < 4; i++)
        lanes[0] = mix(mix(lanes[0], rest + 8 * i), (const unsigned char *)&lanes[i]);
    return lanes[0];
}

static uint64_t checksum_parts(const part parts[N_PARTS]) {
    uint64_t sum = 0;
    for (int i = 0; i < N_PARTS; i++)
        sum = checksum(sum, parts[i].bytes, parts[i].n_bytes);
    return sum;
}

static uint64_t checksum_header(const header *h, uint64_t sum_of_parts) {
    header copy = *h;
    copy.checksum = 0;
    return checksum(sum_of_parts, &copy, sizeof copy);
}

/* ---- layout -----------------------------------------------------------------------------------*/

static bool add_part(part *p, size_t n, size_t size, size_t *at) {
    size_t end;
    if (__builtin_mul_overflow(n, size, &p->n_bytes) ||
        __builtin_add_overflow(*at, p->n_bytes, &end) || end > SIZE_MAX - 7)
        return false;
    p->offset = *at;
    *at = (end + 7) & ~(size_t)7;
    return true;
}

/* Sizes and places of the parts by the header's counts; false when they overflow. */
static bool lay_out(const header *h, part parts[N_PARTS], size_t *ret_file_bytes) {
    size_t at = sizeof *h;
    size_t n_words = h->n_words, dimensions = (size_t)h->dimensions;
    if (!add_part(&parts[0], n_words * dimensions, sizeof(float), &at) ||
        !add_part(&parts[1], n_words, sizeof(uint64_t), &at) ||
        !add_part(&parts[2], h->n_slots, sizeof(uint32_t), &at) ||
        !add_part(&parts[3], h->n_word_bytes, 1, &at))
        return false;
    *ret_file_bytes = at;
    return true;
}

/* ---- writing ----------------------------------------------------------------------------------*/

static header make_header(const as_vectors *v) {
    header h = {.version = VERSION,
                .endian = ENDIAN,
                .n_word_bytes = v->n_word_bytes,
                .n_slots = v->n_slots,
                .keys = {v->keys[0], v->keys[1]},
                .n_words = v->n_words,
                .dimensions = v->dimensions};
    memcpy(h.magic, magic, sizeof magic);
    return h;
}

assay_status as_vector_cache_begin(const char *folder, const as_vectors *vectors,
                                   as_vector_writer *ret_writer, assay_error *error) {
    header h = make_header(vectors);
    part parts[N_PARTS] = {{.bytes = vectors->values},
                           {.bytes = vectors->ends},
                           {.bytes = vectors->slots},
                           {.bytes = vectors->words}};
    char file[PATH_MAX];
    size_t file_bytes;
    int n = snprintf(file, sizeof file, "%s/vectors", folder); /* until its name is known */
    if (n < 0 || (size_t)n >= sizeof file || !lay_out(&h, parts, &file_bytes))
        return as_fail(error, ASSAY_LIMIT, folder, "the vectors or the path do not fit");
    as_vector_writer writer = {.vectors = vectors};
    assay_status status = as_file_writer_open(file, &writer.file, error);
    if (status != ASSAY_OK)
        return status;
    bool written = fwrite(&h, sizeof h, 1, writer.file.stream) == 1;
    for (int i = 0; written && i < N_PARTS; i++) {
        static const char zeros[8];
        size_t next = i + 1 < N_PARTS ? parts[i + 1].offset : file_bytes;
        size_t n_zeros = next - parts[i].offset - parts[i].n_bytes;
        written =
            fwrite(parts[i].bytes, 1, parts[i].n_bytes, writer.file.stream) == parts[i].n_bytes &&
            fwrite(zeros, 1, n_zeros, writer.file.stream) == n_zeros;
    }
    if (!written) {
        status = as_fail(error, ASSAY_IO, file, "cannot write: %s", strerror(errno));
        as_vector_cache_abandon(&writer);
        return status;
    }
    writer.checksum = checksum_parts(parts);
    *ret_writer = writer;
    return ASSAY_OK;
}

assay_status as_vector_cache_commit(as_vector_writer *writer, const char *file,
                                    const as_vector_key *key, assay_error *error) {
    header h = make_header(writer->vectors);
    part parts[N_PARTS];
    size_t file_bytes = 0;
    char *path = strdup(file);
    if (!path || !lay_out(&h, parts, &file_bytes)) {
        as_vector_cache_abandon(writer);
        free(path);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, file, "no memory for a file name");
    }
    h.file_bytes = file_bytes;
    memcpy(h.source, key->source.text, HEX);
    memcpy(h.member, key->member.text, HEX);
    h.checksum = checksum_header(&h, writer->checksum);
    free(writer->file.path);
    writer->file.path = path;
    if (fseek(writer->file.stream, 0, SEEK_SET) == 0)
        fwrite(&h, sizeof h, 1, writer->file.stream); /* errors surface in commit */
    assay_status status = as_file_writer_commit(&writer->file, error);
    *writer = (as_vector_writer){0};
    return status;
}

void as_vector_cache_abandon(as_vector_writer *writer) {
    as_file_writer_abandon(&writer->file);
    *writer = (as_vector_writer){0};
}

/* ---- mapping ----------------------------------------------------------------------------------*/

static assay_status fail_bad(const char *file, const char *why, assay_error *error) {
    return as_fail(error, ASSAY_BAD_DATA, file, "the cached vectors %s", why);
}

static assay_status map_file(const char *file, as_vector_map *ret_map, assay_error *error) {
    struct stat info;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return as_fail(error, errno == ENOENT ? ASSAY_NOT_FOUND : ASSAY_BAD_DATA, file, "%s",
                       strerror(errno));
    assay_status status = ASSAY_OK;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode) ||
        (size_t)info.st_size < sizeof(header))
        status = fail_bad(file, "are cut off", error);
    void *bytes = MAP_FAILED;
    if (status == ASSAY_OK)
        bytes =
            mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
    if (status == ASSAY_OK && bytes == MAP_FAILED)
        status = as_fail(error, ASSAY_IO, file, "cannot map it: %s", strerror(errno));
    if (status == ASSAY_OK)
        *ret_map = (as_vector_map){bytes, (size_t)info.st_size};
    close(descriptor);
    return status;
}

/* Is it the file for that key? Sets the places of the parts. */
static assay_status check_header(const as_vector_map *map, const char *file,
                                 const as_vector_key *key, part parts[N_PARTS],
                                 assay_error *error) {
    const header *h = map->bytes;
    size_t file_bytes;
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->version != VERSION || h->endian != ENDIAN)
        return fail_bad(file, "are not of this version", error);
    if (memcmp(h->source, key->source.text, HEX) != 0 ||
        memcmp(h->member, key->member.text, HEX) != 0)
        return fail_bad(file, "are of another source", error);
    if (h->dimensions < 1 || h->n_words < 1 || h->n_slots < (uint64_t)h->n_words * 2 ||
        (h->n_slots & (h->n_slots - 1)) != 0 || !lay_out(h, parts, &file_bytes) ||
        file_bytes != h->file_bytes || map->n_bytes != file_bytes)
        return fail_bad(file, "have another size than they state", error);
    for (int i = 0; i < N_PARTS; i++)
        parts[i].bytes = (const char *)map->bytes + parts[i].offset;
    return checksum_header(h, checksum_parts(parts)) == h->checksum
               ? ASSAY_OK
               : fail_bad(file, "are damaged", error);
}

assay_status as_vector_cache_open(const char *file, const as_vector_key *key,
                                  as_vector_map *ret_map, as_vectors *ret_vectors,
                                  assay_error *error) {
    as_vector_map map = {NULL, 0};
    part parts[N_PARTS];
    assay_status status = map_file(file, &map, error);
    if (status == ASSAY_OK)
        status = check_header(&map, file, key, parts, error);
    if (status != ASSAY_OK) {
        as_vector_cache_close(&map);
        return status;
    }
    const header *h = map.bytes;
    char *base = map.bytes;
    *ret_vectors = (as_vectors){.values = (float *)(void *)(base + parts[0].offset),
                                .ends = (uint64_t *)(void *)(base + parts[1].offset),
                                .slots = (uint32_t *)(void *)(base + parts[2].offset),
                                .words = base + parts[3].offset,
                                .n_word_bytes = h->n_word_bytes,
                                .n_slots = h->n_slots,
                                .keys = {h->keys[0], h->keys[1]},
                                .n_words = h->n_words,
                                .dimensions = h->dimensions};
    *ret_map = map;
    return ASSAY_OK;
}

void as_vector_cache_close(as_vector_map *map) {
    if (map->bytes)
        munmap(map->bytes, map->n_bytes);
    *map = (as_vector_map){NULL, 0};
}
