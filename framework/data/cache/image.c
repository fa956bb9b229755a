/* SPDX-License-Identifier: MIT */
/* Writing and mapping images. */
#include "data/cache/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"

enum { VERSION = 2, ENDIAN = 0x01020304, KEY_BYTES = 64 };
static const char magic[16] = "assay prepared";

typedef struct split_record {
    uint64_t n_tokens, n_unknown;
    uint32_t n_rows, n_truncated, n_empty;
    int32_t longest;
} split_record;

typedef struct header {
    char magic[16];
    uint32_t version, endian;
    char key[KEY_BYTES];
    uint64_t file_bytes, checksum;      /* of header (checksum 0) .. texts */
    uint64_t rows, ids, strings, texts; /* where each part begins, in this order */
    uint64_t n_ids, name, source, license, citation, report, removals_csv; /* in strings */
    uint64_t labels, words, warnings;                                      /* first of each list */
    uint32_t n_labels, n_source_rows, n_words, n_warnings;
    int32_t vocab_size, identity;
    split_record splits[AS_SPLIT_COUNT];
    char sha256[65], rows_sha256[65];
    char reserved[6];
} header;

typedef struct row_record {
    uint64_t text, ids; /* byte of texts, place in ids */
    uint64_t name;      /* byte of strings */
    uint64_t n_bytes;   /* of text, its NUL not counted */
    int32_t n_ids, label, n_tokens;
    uint32_t index;
} row_record;

_Static_assert(sizeof(header) % 8 == 0, "parts begin aligned");
_Static_assert(sizeof(row_record) == 48, "no padding is written");

/* Four lanes of multiply and rotate over 32 bytes at a time: a check against torn and rotten files,
 * not against forgers, at the speed of memory. */
typedef struct sum {
    uint64_t lanes[4];
    unsigned char rest[32];
    size_t n_rest;
} sum;

static void sum_block(sum *s, const unsigned char *block) {
    for (int i = 0; i < 4; i++) {
        uint64_t part;
        memcpy(&part, block + 8 * i, 8);
        s->lanes[i] = (s->lanes[i] ^ part) * UINT64_C(0x9E3779B97F4A7C15);
        s->lanes[i] = s->lanes[i] << 29 | s->lanes[i] >> 35;
    }
}

static void sum_add(sum *s, const void *data, size_t n) {
    const unsigned char *bytes = data;
    while (s->n_rest && n) {
        s->rest[s->n_rest++] = *bytes++;
        n--;
        if (s->n_rest == 32) {
            sum_block(s, s->rest);
            s->n_rest = 0;
        }
    }
    for (; n >= 32; bytes += 32, n -= 32)
        sum_block(s, bytes);
    memcpy(s->rest + s->n_rest, bytes, n);
    s->n_rest += n;
}

static uint64_t sum_final(sum *s) {
    memset(s->rest + s->n_rest, 0, sizeof s->rest - s->n_rest);
    sum_block(s, s->rest);
    uint64_t total = s->n_rest;
    for (int i = 0; i < 4; i++)
        total = (total ^ s->lanes[i]) * UINT64_C(0xBF58476D1CE4E5B9) + (total >> 31);
    return total;
}

/* ---- writing ----------------------------------------------------------------------------------*/

typedef struct writer {
    FILE *stream;
    sum sum;
    uint64_t at;
} writer;

static void put(writer *w, const void *data, size_t n) {
    if (n && fwrite(data, 1, n, w->stream) == n)
        sum_add(&w->sum, data, n);
    w->at += n;
}

static void align(writer *w) {
    static const char zeros[8];
    put(w, zeros, (size_t)(-w->at & 7));
}

/* Writes a string where `strings` has come to; NULL is stored as place 0, an empty string there. */
static uint64_t put_string(writer *w, uint64_t strings, const char *text) {
    uint64_t place = w->at - strings;
    if (!text)
        return 0;
    put(w, text, strlen(text) + 1);
    return place;
}

static void put_rows(writer *w, const as_image_content *c, header *h) {
    uint64_t text = 0, ids = 0, name = 1;
    h->rows = w->at;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < c->splits[s].n_rows; i++) {
            const as_row *row = &c->splits[s].rows[i];
            const row_record record = {text,       ids,        name,          row->n_bytes,
                                       row->n_ids, row->label, row->n_tokens, row->index};
            put(w, &record, sizeof record);
            text += row->n_bytes + 1;
            ids += (uint64_t)row->n_ids;
            name += strlen(row->name) + 1;
        }
    h->n_ids = ids;
    h->ids = w->at;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < c->splits[s].n_rows; i++)
            put(w, c->splits[s].rows[i].ids,
                (size_t)c->splits[s].rows[i].n_ids * sizeof *c->splits[s].rows[i].ids);
    align(w);
}

/* Names of rows first, from place 1, as the row table says. */
static void put_strings(writer *w, const as_image_content *c, header *h) {
    uint64_t begin = h->strings = w->at;
    put(w, "", 1);
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < c->splits[s].n_rows; i++)
            put_string(w, begin, c->splits[s].rows[i].name);
    h->name = put_string(w, begin, c->name);
    h->source = put_string(w, begin, c->source);
    h->license = put_string(w, begin, c->license);
    h->citation = put_string(w, begin, c->citation);
    h->report = put_string(w, begin, c->report);
    h->removals_csv = put_string(w, begin, c->removals_csv);
    h->labels = w->at - begin;
    for (uint32_t i = 0; i < c->n_labels; i++)
        put_string(w, begin, c->labels[i]);
    h->words = w->at - begin;
    for (uint32_t i = 0; i < c->n_words; i++) { /* a word may hold a NUL */
        put(w, &c->word_bytes[i], sizeof c->word_bytes[i]);
        put(w, c->words[i], c->word_bytes[i]);
        put(w, "", 1);
    }
    h->warnings = w->at - begin;
    for (uint32_t i = 0; i < c->n_warnings; i++)
        put_string(w, begin, c->warnings[i]);
    align(w);
}

static void fill_header(header *h, const char *key, const as_image_content *c) {
    memcpy(h->magic, magic, sizeof magic);
    memcpy(h->key, key, KEY_BYTES);
    h->version = VERSION;
    h->endian = ENDIAN;
    h->n_labels = c->n_labels;
    h->n_source_rows = c->n_source_rows;
    h->n_words = c->n_words;
    h->n_warnings = c->n_warnings;
    h->vocab_size = c->vocab_size;
    h->identity = (int32_t)c->identity;
    memcpy(h->sha256, c->sha256.text, sizeof h->sha256);
    memcpy(h->rows_sha256, c->rows_sha256.text, sizeof h->rows_sha256);
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const as_split_rows *split = &c->splits[s];
        h->splits[s] = (split_record){split->n_tokens,    split->n_unknown, split->n_rows,
                                      split->n_truncated, split->n_empty,   split->longest};
    }
}

assay_status as_image_write(FILE *stream, const char *name, const char *key,
                            const as_image_content *content, assay_error *error) {
    writer w = {.stream = stream, .at = sizeof(header)};
    header h = {0};
    fill_header(&h, key, content);
    if (fseek(stream, (long)sizeof h, SEEK_SET) != 0)
        return as_fail(error, ASSAY_IO, name, "cannot be written: %s", strerror(errno));
    put_rows(&w, content, &h);
    put_strings(&w, content, &h);
    h.texts = w.at;
    for (int s = 0; s < AS_SPLIT_COUNT; s++)
        for (uint32_t i = 0; i < content->splits[s].n_rows; i++) {
            const as_row *row = &content->splits[s].rows[i];
            put(&w, row->text, row->n_bytes);
            put(&w, "", 1);
        }
    h.file_bytes = w.at;
    sum_add(&w.sum, &h, sizeof h);
    h.checksum = sum_final(&w.sum);
    if (fseek(stream, 0, SEEK_SET) != 0 || fwrite(&h, sizeof h, 1, stream) != 1 ||
        fflush(stream) != 0 || ferror(stream))
        return as_fail(error, ASSAY_IO, name, "cannot be written: %s",
                       strerror(errno ? errno : EIO));
    return ASSAY_OK;
}

/* ---- opening ----------------------------------------------------------------------------------*/

struct as_image {
    void *memory;
    size_t n_bytes;
};

void as_image_close(as_image *image) {
    if (!image)
        return;
    munmap(image->memory, image->n_bytes);
    free(image);
}

static bool is_whole(const header *h, const char *memory, size_t n_bytes, const char *key) {
    if (n_bytes < sizeof *h || memcmp(h->magic, magic, sizeof magic) != 0 ||
        h->version != VERSION || h->endian != ENDIAN || memcmp(h->key, key, KEY_BYTES) != 0 ||
        h->file_bytes != n_bytes)
        return false;
    if (h->rows != sizeof *h || h->ids < h->rows || h->strings < h->ids || h->texts <= h->strings ||
        h->texts > n_bytes)
        return false;
    sum s = {0};
    header blank = *h;
    blank.checksum = 0;
    sum_add(&s, memory + sizeof *h, n_bytes - sizeof *h);
    sum_add(&s, &blank, sizeof blank);
    return sum_final(&s) == h->checksum;
}

static const char **read_list(as_arena *arena, const char *strings, uint64_t place, uint32_t n) {
    const char **list = as_arena_alloc_array(arena, n, sizeof *list);
    const char *text = strings + place;
    for (uint32_t i = 0; list && i < n; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    return list;
}

static bool read_words(as_arena *arena, const header *h, const char *strings, as_image_content *c) {
    const char **words = as_arena_alloc_array(arena, h->n_words, sizeof *words);
    uint32_t *n_bytes = as_arena_alloc_array(arena, h->n_words, sizeof *n_bytes);
    const char *at = strings + h->words;
    if (!words || !n_bytes)
        return false;
    for (uint32_t i = 0; i < h->n_words; i++) {
        memcpy(&n_bytes[i], at, sizeof n_bytes[i]);
        words[i] = at + sizeof n_bytes[i];
        at = words[i] + n_bytes[i] + 1;
    }
    c->words = words;
    c->word_bytes = n_bytes;
    return true;
}

static bool read_splits(as_arena *arena, const header *h, const char *memory, as_image_content *c) {
    const row_record *record = (const row_record *)(const void *)(memory + h->rows);
    const int32_t *ids = (const int32_t *)(const void *)(memory + h->ids);
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const split_record *split = &h->splits[s];
        as_row *rows = as_arena_alloc_array(arena, split->n_rows, sizeof *rows);
        uint32_t *counts = as_arena_alloc_array(arena, h->n_labels, sizeof *counts);
        if (!rows || !counts)
            return false;
        for (uint32_t i = 0; i < split->n_rows; i++, record++) {
            rows[i] = (as_row){.text = memory + h->texts + record->text,
                               .name = memory + h->strings + record->name,
                               .ids = ids + record->ids,
                               .n_bytes = (size_t)record->n_bytes,
                               .n_ids = record->n_ids,
                               .label = record->label,
                               .n_tokens = record->n_tokens,
                               .index = record->index};
            counts[record->label]++;
        }
        c->splits[s] = (as_split_rows){(as_split)s,
                                       split->n_rows,
                                       rows,
                                       counts,
                                       split->n_tokens,
                                       split->n_unknown,
                                       split->n_truncated,
                                       split->n_empty,
                                       split->longest,
                                       0,
                                       NULL};
    }
    return true;
}

assay_status as_image_open(as_arena *arena, int descriptor, const char *name, const char *key,
                           as_image **ret_image, as_image_content *ret_content,
                           assay_error *error) {
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return as_fail(error, ASSAY_IO, name, "cannot be read: %s", strerror(errno));
    if ((size_t)info.st_size < sizeof(header))
        return assay_fail(error, ASSAY_BAD_DATA, name, "is cut off");
    as_image image = {NULL, (size_t)info.st_size};
    image.memory = mmap(NULL, image.n_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
    if (image.memory == MAP_FAILED)
        return as_fail(error, ASSAY_IO, name, "cannot be mapped: %s", strerror(errno));
    const char *memory = image.memory;
    const header *h = image.memory;
    as_image *kept = malloc(sizeof *kept);
    assay_status status = ASSAY_BAD_DATA;
    if (!is_whole(h, memory, image.n_bytes, key)) {
        assay_fail(error, status, name, "is not a whole image of this data");
        goto fail;
    }
    const char *strings = memory + h->strings;
    as_image_content c = {.name = strings + h->name,
                          .source = strings + h->source,
                          .license = h->license ? strings + h->license : NULL,
                          .citation = h->citation ? strings + h->citation : NULL,
                          .labels = read_list(arena, strings, h->labels, h->n_labels),
                          .n_labels = h->n_labels,
                          .n_source_rows = h->n_source_rows,
                          .identity = (as_identity)h->identity,
                          .vocab_size = h->vocab_size,
                          .n_words = h->n_words,
                          .report = strings + h->report,
                          .removals_csv = strings + h->removals_csv,
                          .warnings = read_list(arena, strings, h->warnings, h->n_warnings),
                          .n_warnings = h->n_warnings};
    memcpy(c.sha256.text, h->sha256, sizeof h->sha256);
    memcpy(c.rows_sha256.text, h->rows_sha256, sizeof h->rows_sha256);
    if (!kept || !c.labels || !c.warnings || !read_words(arena, h, strings, &c) ||
        !read_splits(arena, h, memory, &c)) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory for its rows");
        goto fail;
    }
    *kept = image;
    *ret_image = kept;
    *ret_content = c;
    return ASSAY_OK;
fail:
    free(kept);
    munmap(image.memory, image.n_bytes);
    return status;
}
