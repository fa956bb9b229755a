/* SPDX-License-Identifier: MIT */
/* Streaming over an archive with libarchive: only formats and filters that run inside the process.
 */
#include "data/resources/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

#include "base/error.h"

enum { BLOCK_BYTES = 256 * 1024, PATH_BYTES = 4096 };

typedef struct stream {
    struct archive *archive;
    const char *path;
    const as_archive_limits *limits;
    const as_archive_visitor *visitor;
    char *data; /* content of the current entry */
    size_t capacity;
    uint64_t n_entries, n_bytes; /* n_bytes: as headers state them, or as were found */
    la_int64_t end;              /* of the last entry, in the unpacked archive */
    char last_good[PATH_BYTES];
} stream;

static assay_status fail_damaged(const stream *s, assay_error *error) {
    const char *why = archive_error_string(s->archive);
    /* A compressed file that ends before its first entry is a damaged archive, not something else.
     */
    bool is_other = !why || strstr(why, "Unrecognized");
    if (!s->n_entries && is_other)
        return as_fail(error, ASSAY_BAD_DATA, s->path,
                       "is neither a folder nor a readable archive (tar or zip; plain, gz, bz2, xz "
                       "or zstd; a zip may be cut off): %s",
                       why ? why : "unknown format");
    return as_fail(error, ASSAY_BAD_DATA, s->path,
                   "the archive is cut off or damaged: %s; the last good entry is %.600s; get the "
                   "archive again",
                   why ? why : "it ends too early", s->last_good[0] ? s->last_good : "(none)");
}

static locale_t utf8_locale;

static void make_utf8_locale(void) {
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

locale_t as_archive_locale_enter(void) {
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, make_utf8_locale);
    /* Without such a locale names of ASCII still work; the others are refused one by one. */
    return uselocale(utf8_locale);
}

void as_archive_locale_leave(locale_t before) {
    uselocale(before);
}

/* Copies `raw` without "." and empty parts; refuses ".." and absolute paths. */
static assay_status clean_path(const stream *s, const char *raw, char *path, assay_error *error) {
    size_t used = 0;
    if (!raw || strlen(raw) >= PATH_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, s->path, "entry %llu has no usable name",
                       (unsigned long long)s->n_entries);
    if (raw[0] == '/')
        return as_fail(error, ASSAY_BAD_DATA, s->path,
                       "the entry \"%.200s\" has an absolute path; such archives are refused", raw);
    for (const char *part = raw; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return as_fail(
                error, ASSAY_BAD_DATA, s->path,
                "the entry \"%.200s\" leads out of its folder; such archives are refused", raw);
        if (n && !(n == 1 && part[0] == '.')) {
            if (used)
                path[used++] = '/';
            memcpy(path + used, part, n);
            used += n;
        }
        part += n + (part[n] == '/');
    }
    path[used] = '\0';
    return ASSAY_OK;
}

/* Counts bytes against the bound of the whole archive. */
static assay_status count_bytes(stream *s, uint64_t n_bytes, assay_error *error) {
    if (!__builtin_add_overflow(s->n_bytes, n_bytes, &s->n_bytes) &&
        s->n_bytes <= s->limits->max_total_bytes)
        return ASSAY_OK;
    return as_fail(error, ASSAY_LIMIT, s->path,
                   "the archive unpacks to over %llu bytes; the manifest's limits can be raised",
                   (unsigned long long)s->limits->max_total_bytes);
}

/* Reads the current entry's content into s->data, NUL-terminated. `stated`: bytes of it that were
 * counted already. */
static assay_status read_content(stream *s, uint64_t stated, const char *where, size_t *ret_n,
                                 assay_error *error) {
    size_t used = 0;
    for (;;) {
        if (s->capacity - used < BLOCK_BYTES) {
            size_t capacity = s->capacity * 2 > BLOCK_BYTES * 2 ? s->capacity * 2 : BLOCK_BYTES * 2;
            char *data = realloc(s->data, capacity);
            if (!data)
                return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to read it");
            s->data = data;
            s->capacity = capacity;
        }
        la_ssize_t n = archive_read_data(s->archive, s->data + used, BLOCK_BYTES - 1);
        if (n == ARCHIVE_RETRY)
            continue;
        if (n < 0)
            return fail_damaged(s, error);
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > stated) { /* its header lies */
            assay_status status = count_bytes(s, used - stated, error);
            if (status != ASSAY_OK)
                return status;
            stated = used;
        }
        if (used > s->limits->max_entry_bytes)
            return as_fail(error, ASSAY_LIMIT, where,
                           "has over %llu bytes; the manifest's limits (text_bytes) can be raised",
                           (unsigned long long)s->limits->max_entry_bytes);
    }
    s->data[used] = '\0';
    *ret_n = used;
    return ASSAY_OK;
}

static assay_status read_wanted(stream *s, struct archive_entry *entry, const char *path,
                                uint64_t stated, assay_error *error) {
    as_where where = as_where_join(s->path, ":", path);
    size_t n_bytes = 0;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return assay_fail(error, ASSAY_BAD_DATA, where.text,
                          "is a link or device where a text is expected; only regular files are "
                          "read");
    assay_status status = read_content(s, stated, where.text, &n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    return s->visitor->content(s->visitor->context, path, s->data, n_bytes, where.text, error);
}

static assay_status visit(stream *s, struct archive_entry *entry, assay_error *error) {
    char path[PATH_BYTES];
    const char *raw = archive_entry_pathname(entry);
    uint64_t stated = 0;
    assay_status status;
    bool wanted = false;
    if (++s->n_entries > s->limits->max_entries)
        return as_fail(error, ASSAY_LIMIT, s->path,
                       "the archive has over %llu entries; the manifest's limits can be raised",
                       (unsigned long long)s->limits->max_entries);
    if ((status = clean_path(s, raw, path, error)) != ASSAY_OK)
        return status;
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
        stated = (uint64_t)archive_entry_size(entry);
    if ((status = count_bytes(s, stated, error)) != ASSAY_OK)
        return status;
    if (archive_entry_filetype(entry) != AE_IFDIR &&
        (status = s->visitor->wants(s->visitor->context, path, &wanted, error)) != ASSAY_OK)
        return status;
    if (wanted)
        status = read_wanted(s, entry, path, stated, error);
    else if (archive_read_data_skip(s->archive) < ARCHIVE_WARN)
        status = fail_damaged(s, error);
    if (status != ASSAY_OK)
        return status;
    memcpy(s->last_good, path, strlen(path) + 1);
    s->end = archive_filter_bytes(s->archive, 0);
    return ASSAY_OK;
}

/* A tar ends in zero blocks (POSIX ustar). libarchive takes one that was cut between two entries as
 * whole, and then stands where the last entry ended. */
static assay_status check_tar_end(const stream *s, assay_error *error) {
    if ((archive_format(s->archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR ||
        archive_filter_bytes(s->archive, 0) > s->end)
        return ASSAY_OK;
    return fail_damaged(s, error);
}

static assay_status visit_all(const char *path, const as_archive_limits *limits,
                              const as_archive_visitor *visitor, assay_error *error) {
    assay_status status = ASSAY_OK;
    struct archive_entry *entry;
    stream s = {.path = path, .limits = limits, .visitor = visitor};
    if (!(s.archive = archive_read_new()))
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to open the archive");
    archive_read_support_format_tar(s.archive);
    /* Through its directory at the end only: without it nothing tells that a zip was cut. */
    archive_read_support_format_zip_seekable(s.archive);
    archive_read_support_filter_gzip(s.archive);
    archive_read_support_filter_bzip2(s.archive);
    archive_read_support_filter_xz(s.archive);
    archive_read_support_filter_zstd(s.archive);
    if (archive_read_open_filename(s.archive, path, BLOCK_BYTES) < ARCHIVE_WARN)
        status = fail_damaged(&s, error);
    while (status == ASSAY_OK) {
        int code = archive_read_next_header(s.archive, &entry);
        if (code == ARCHIVE_EOF) {
            status = check_tar_end(&s, error);
            break;
        }
        if (code == ARCHIVE_RETRY)
            continue;
        status = code < ARCHIVE_WARN ? fail_damaged(&s, error) : visit(&s, entry, error);
    }
    free(s.data);
    archive_read_free(s.archive);
    return status;
}

assay_status as_archive_each(const char *path, const as_archive_limits *limits,
                             const as_archive_visitor *visitor, assay_error *error) {
    locale_t before = as_archive_locale_enter();
    assay_status status = visit_all(path, limits, visitor, error);
    as_archive_locale_leave(before);
    return status;
}
