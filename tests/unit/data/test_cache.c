/* SPDX-License-Identifier: MIT */
/* The cache of prepared data: the same again without reading, and never anything but the same. */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/cache/store.h"
#include "data_set.h"

typedef struct bench {
    scratch_path scratch, cache, archive, manifest;
    as_arena *arena;
    as_data_config data;
    as_tokenizer_config tokenizer;
} bench;

static const char *const words[] = {"red", "blue", "green", "old", "new", "big"};

/* An archive with 24 texts, whose content `version` changes. */
static void pack(const bench *b, int version) {
    archive_builder builder = builder_open(b->archive.text, KIND_TAR_GZ);
    for (int i = 0; i < 24; i++) {
        char path[64], text[128];
        snprintf(path, sizeof path, "%s/%s/%d_1.txt", i % 4 < 2 ? "train" : "test",
                 i % 2 ? "pos" : "neg", i);
        int n = snprintf(text, sizeof text, "%s %s text %d of %d", words[i % 6],
                         words[(i + version) % 6], i, version);
        builder_entry(&builder, path, AE_IFREG, NULL, text, (size_t)n);
    }
    builder_close(&builder);
}

static bench begin(void) {
    bench b = {.scratch = scratch_folder(), .arena = as_arena_new()};
    b.cache = scratch_join(b.scratch.text, "cache");
    b.archive = scratch_join(b.scratch.text, "set.tar.gz");
    b.manifest =
        scratch_write(b.scratch.text, "mine.json", folders_manifest, strlen(folders_manifest));
    b.tokenizer =
        (as_tokenizer_config){.kind = "words", .vocab_size = 100, .min_count = 1, .max_tokens = 8};
    setenv("ASSAY_CACHE_DIR", b.cache.text, 1);
    pack(&b, 1);
    return b;
}

static void end(bench *b) {
    as_arena_free(b->arena);
    scratch_remove(&b->scratch);
}

static as_prepared *prepare(bench *b) {
    as_prepared *p = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    b->data = (as_data_config){.resource = b->manifest.text,
                               .path = b->archive.text,
                               .order = -1,
                               .subset = {.n_rows = {AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL},
                                          .seed = 1,
                                          .stratified = true},
                               .validation = {.share = 0.25, .seed = 1, .stratified = true}};
    cr_assert_eq(as_prepare(b->arena, &b->data, &b->tokenizer, NULL, &p, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    return p;
}

static void same(const as_prepared *a, const as_prepared *b) {
    cr_assert_str_eq(a->sha256.text, b->sha256.text);
    cr_assert_str_eq(a->rows_sha256.text, b->rows_sha256.text);
    cr_assert_str_eq(a->source, b->source);
    cr_assert_str_eq(a->removals_csv, b->removals_csv);
    cr_assert_eq(a->vocab_size, b->vocab_size);
    cr_assert(json_equal(a->report, b->report));
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const as_split_rows *x = &a->splits[s], *y = &b->splits[s];
        cr_assert(x->n_rows == y->n_rows && x->n_tokens == y->n_tokens &&
                  x->n_unknown == y->n_unknown && x->longest == y->longest);
        for (uint32_t i = 0; i < x->n_rows; i++) {
            cr_assert_str_eq(x->rows[i].text, y->rows[i].text);
            cr_assert_str_eq(x->rows[i].name, y->rows[i].name);
            cr_assert(x->rows[i].label == y->rows[i].label && x->rows[i].index == y->rows[i].index);
            cr_assert_eq(x->rows[i].n_ids, y->rows[i].n_ids);
            cr_assert_eq(
                memcmp(x->rows[i].ids, y->rows[i].ids, (size_t)x->rows[i].n_ids * sizeof(int32_t)),
                0);
        }
    }
}

/* Known by its content, told of by its own place; another manifest's name is not taken over. */
Test(cache, the_same_content_elsewhere_has_its_own_name) {
    bench b = begin();
    as_prepared *first = prepare(&b);
    scratch_path moved = scratch_join(b.scratch.text, "moved.tar.gz");
    cr_assert_eq(rename(b.archive.text, moved.text), 0);
    b.archive = moved;
    as_prepared *second = prepare(&b);
    cr_assert(second->from_cache);
    cr_assert_str_eq(second->source, moved.text);
    cr_assert_str_eq(second->rows_sha256.text, first->rows_sha256.text);
    char other[sizeof folders_manifest + 8];
    const char *name = strstr(folders_manifest, "mine");
    snprintf(other, sizeof other, "%.*sours%s", (int)(name - folders_manifest), folders_manifest,
             name + 4);
    b.manifest = scratch_write(b.scratch.text, "ours.json", other, strlen(other));
    as_prepared *third = prepare(&b);
    cr_assert_str_eq(third->name, "ours");
    as_prepared_free(first);
    as_prepared_free(second);
    as_prepared_free(third);
    end(&b);
}

/* Paths of the files in CACHE/prepared. */
static int list_images(const bench *b, scratch_path paths[16]) {
    scratch_path folder = scratch_join(b->cache.text, "prepared");
    DIR *listing = opendir(folder.text);
    int n = 0;
    for (struct dirent *entry; listing && n < 16 && (entry = readdir(listing));)
        if (entry->d_name[0] != '.')
            paths[n++] = scratch_join(folder.text, entry->d_name);
    if (listing)
        closedir(listing);
    return n;
}

Test(cache, the_second_time_comes_from_it) {
    bench b = begin();
    as_prepared *cold = prepare(&b), *warm = prepare(&b);
    cr_assert(!cold->from_cache && warm->from_cache);
    same(cold, warm);
    as_prepared_free(cold);
    as_prepared_free(warm);
    end(&b);
}

Test(cache, other_settings_are_another_image) {
    bench b = begin();
    as_prepared_free(prepare(&b));
    b.tokenizer.max_tokens = 3;
    as_prepared *p = prepare(&b);
    cr_assert_not(p->from_cache);
    cr_assert_eq(p->splits[AS_SPLIT_TRAIN].longest, 3);
    as_prepared_free(p);
    b.tokenizer.max_tokens = 8;
    json_t *cleaning = json_pack("[s]", "strip_digits");
    b.tokenizer.cleaning = cleaning;
    p = prepare(&b);
    cr_assert_not(p->from_cache);
    as_prepared_free(p);
    b.tokenizer.cleaning = NULL;
    p = prepare(&b);
    cr_assert(p->from_cache);
    as_prepared_free(p);
    json_decref(cleaning);
    end(&b);
}

Test(cache, a_changed_archive_is_read_again) {
    bench b = begin();
    as_prepared *one = prepare(&b);
    pack(&b, 2);
    as_prepared *two = prepare(&b);
    cr_assert_not(two->from_cache);
    cr_assert_str_neq(one->rows_sha256.text, two->rows_sha256.text);
    pack(&b, 1); /* another file with the first content: read, and then known */
    as_prepared *again = prepare(&b);
    cr_assert(again->from_cache);
    same(one, again);
    as_prepared_free(one);
    as_prepared_free(two);
    as_prepared_free(again);
    end(&b);
}

/* Cut short, and with one bit changed, all over it: never used, made anew. */
Test(cache, a_damaged_image_is_never_used, .timeout = 120) {
    bench b = begin();
    scratch_path images[16];
    as_prepared *cold = prepare(&b);
    cr_assert_eq(list_images(&b, images), 1);
    char *bytes;
    size_t n_bytes;
    cr_assert_eq(as_file_read(images[0].text, 1 << 24, &bytes, &n_bytes, NULL), ASSAY_OK);
    const char *key = strrchr(images[0].text, '/') + 1;
    for (size_t i = 0; i < n_bytes; i += 61) {
        as_image *image = NULL;
        as_image_content content;
        as_arena *arena = as_arena_new();
        cr_assert_eq(as_file_write(images[0].text, bytes, i, NULL), ASSAY_OK);
        cr_assert_eq(as_cache_open(arena, b.cache.text, key, &image, &content, NULL),
                     ASSAY_NOT_FOUND, "cut at %zu", i);
        cr_assert_not(as_path_exists(images[0].text), "it is removed");
        bytes[i] ^= 1;
        cr_assert_eq(as_file_write(images[0].text, bytes, n_bytes, NULL), ASSAY_OK);
        bytes[i] ^= 1;
        cr_assert_eq(as_cache_open(arena, b.cache.text, key, &image, &content, NULL),
                     ASSAY_NOT_FOUND, "changed at %zu", i);
        as_arena_free(arena);
    }
    as_prepared *anew = prepare(&b);
    cr_assert_not(anew->from_cache);
    same(cold, anew);
    free(bytes);
    as_prepared_free(cold);
    as_prepared_free(anew);
    end(&b);
}

Test(cache, an_image_under_another_name_is_not_taken) {
    bench b = begin();
    scratch_path images[16];
    as_prepared_free(prepare(&b));
    b.tokenizer.max_tokens = 2;
    as_prepared_free(prepare(&b));
    cr_assert_eq(list_images(&b, images), 2);
    scratch_path aside = scratch_join(b.scratch.text, "aside");
    cr_assert_eq(rename(images[0].text, aside.text), 0);
    cr_assert_eq(rename(images[1].text, images[0].text), 0);
    cr_assert_eq(rename(aside.text, images[1].text), 0);
    as_prepared *p = prepare(&b);
    cr_assert_not(p->from_cache);
    cr_assert_eq(p->splits[AS_SPLIT_TRAIN].longest, 2);
    as_prepared_free(p);
    end(&b);
}

/* /dev/full stands where the temporary file would be written. */
Test(cache, a_full_disk_costs_the_cache_and_nothing_else) {
    bench b = begin();
    scratch_path images[16];
    char temporary[600];
    as_prepared *cold = prepare(&b);
    cr_assert_eq(list_images(&b, images), 1);
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", images[0].text, (long)getpid());
    cr_assert_eq(unlink(images[0].text), 0);
    cr_assert_eq(symlink("/dev/full", temporary), 0);
    as_prepared *p = prepare(&b);
    cr_assert(!p->from_cache && p->cache_problem);
    cr_assert(strstr(p->cache_problem, "No space left"), "%s", p->cache_problem);
    same(cold, p);
    cr_assert_eq(list_images(&b, images), 0, "nothing half-written");
    as_prepared_free(p);
    p = prepare(&b);
    cr_assert(!p->from_cache && !p->cache_problem, "there is room again");
    as_prepared_free(p);
    as_prepared_free(cold);
    end(&b);
}

Test(cache, what_was_used_longest_ago_goes_first) {
    bench b = begin();
    scratch_path images[16];
    setenv("ASSAY_CACHE_BYTES", "1", 1);
    for (int32_t i = 2; i < 5; i++) {
        b.tokenizer.max_tokens = i;
        as_prepared_free(prepare(&b));
        cr_assert_eq(list_images(&b, images), 1, "the one just made stays");
    }
    as_prepared *p = prepare(&b);
    cr_assert(p->from_cache);
    as_prepared_free(p);
    unsetenv("ASSAY_CACHE_BYTES");
    end(&b);
}
