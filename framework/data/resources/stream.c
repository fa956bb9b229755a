/* SPDX-License-Identifier: MIT */
/* One file's bytes with libarchive: its raw format for plain and compressed files, tar and zip for
 * members. Only filters that run inside the process. */
#include "data/resources/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/resources/archive.h"
#include "data/resources/manifest.h"

enum { BLOCK_BYTES = 1 << 20, MAX_ENTRIES = 1000000 };
#define MAX_SKIPPED_BYTES (UINT64_C(16) << 30) /* of a tar's other members */

struct as_stream {
    struct archive *archive; /* NULL: bytes in memory */
    const char *memory;
    size_t n_memory;
    char *block; /* [BLOCK_BYTES] */
    uint64_t max_bytes, offset;
    bool ended;
    char *path, *member; /* of an archive; member NULL: its only file */
    uint32_t n_entries;
    la_int64_t end;            /* of the last entry, in the unpacked tar */
    char name[PATH_MAX + 256]; /* "path:entry" */
};

static assay_status fail_damaged(const as_stream *s, assay_error *error) {
    const char *why = archive_error_string(s->archive);
    return as_fail(error, ASSAY_BAD_DATA, s->name,
                   "cannot be read: %s; it may be cut off or damaged: get it again",
                   why ? why : "it ends too early");
}

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* `member` itself, or in one folder above it. */
static bool is_member(const char *entry, const char *member) {
    while (strncmp(entry, "./", 2) == 0)
        entry += 2;
    if (strcmp(entry, member) == 0)
        return true;
    const char *below = strchr(entry, '/');
    return below && strcmp(below + 1, member) == 0;
}

static struct archive *new_archive(void) {
    struct archive *a = archive_read_new();
    if (!a)
        return NULL;
    archive_read_support_format_tar(a);
    archive_read_support_format_zip_seekable(a);
    archive_read_support_format_raw(a);
    archive_read_support_format_empty(a);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    return a;
}

static int format_of(const as_stream *s) {
    return archive_format(s->archive) & ARCHIVE_FORMAT_BASE_MASK;
}

/* The next entry that could be the wanted file; NULL at the archive's end. */
static assay_status look_for_candidate(as_stream *s, struct archive_entry **ret_entry,
                                       assay_error *error) {
    struct archive_entry *entry;
    for (;;) {
        int code = archive_read_next_header(s->archive, &entry);
        if (code == ARCHIVE_RETRY)
            continue;
        if (code < ARCHIVE_WARN)
            return fail_damaged(s, error);
        if (code == ARCHIVE_EOF)
            break;
        if (++s->n_entries > MAX_ENTRIES)
            return as_fail(error, ASSAY_LIMIT, s->path, "the archive has over %d entries",
                           MAX_ENTRIES);
        const char *name = archive_entry_pathname(entry);
        if (format_of(s) == ARCHIVE_FORMAT_RAW ||
            (name && archive_entry_filetype(entry) != AE_IFDIR &&
             (!s->member || is_member(name, s->member)))) {
            *ret_entry = entry;
            return ASSAY_OK;
        }
        if (format_of(s) == ARCHIVE_FORMAT_TAR && archive_entry_size(entry) > 0 &&
            (uint64_t)archive_entry_size(entry) + (uint64_t)archive_filter_bytes(s->archive, 0) >
                MAX_SKIPPED_BYTES)
            return as_fail(error, ASSAY_LIMIT, s->path, "the archive unpacks to over %llu bytes",
                           (unsigned long long)MAX_SKIPPED_BYTES);
        if (archive_read_data_skip(s->archive) < ARCHIVE_WARN)
            return fail_damaged(s, error);
        s->end = archive_filter_bytes(s->archive, 0);
    }
    /* A tar ends in zero blocks; libarchive takes one without them as whole. */
    if (format_of(s) == ARCHIVE_FORMAT_TAR && archive_filter_bytes(s->archive, 0) <= s->end)
        return fail_damaged(s, error);
    *ret_entry = NULL;
    return ASSAY_OK;
}

/* As above, with names in UTF-8. */
static assay_status next_candidate(as_stream *s, struct archive_entry **ret_entry,
                                   const char **ret_name, assay_error *error) {
    locale_t before = as_archive_locale_enter();
    assay_status status = look_for_candidate(s, ret_entry, error);
    if (status == ASSAY_OK && *ret_entry)
        *ret_name = archive_entry_pathname(*ret_entry);
    as_archive_locale_leave(before);
    return status;
}

static const char *const suffixes[] = {"", ".gz", ".xz", ".bz2", ".zst"};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Is the file at `path` called as the member, itself or compressed? */
static bool is_named(const char *path, const char *member) {
    const char *name = base_name(path), *wanted = base_name(member);
    size_t n = strlen(wanted);
    if (strncmp(name, wanted, n) != 0)
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcmp(name + n, suffixes[i]) == 0)
            return true;
    return false;
}

/* Advances to the wanted entry. */
static assay_status find_entry(as_stream *s, assay_error *error) {
    struct archive_entry *entry;
    const char *name = NULL;
    assay_status status = next_candidate(s, &entry, &name, error);
    if (status != ASSAY_OK)
        return status;
    if (!entry && !s->n_entries && !s->member) { /* an empty file */
        s->ended = true;
        return ASSAY_OK;
    }
    if (!entry)
        return as_fail(error, ASSAY_NOT_FOUND, s->path, "the archive has no file \"%.200s\"",
                       s->member ? s->member : "");
    if (format_of(s) == ARCHIVE_FORMAT_RAW) {
        if (!s->member || is_named(s->path, s->member))
            return ASSAY_OK;
        return as_fail(
            error, ASSAY_BAD_DATA, s->path,
            "is one file, not a folder or archive that holds \"%.200s\" (a zip that was cut "
            "off also looks so: get it again)",
            s->member);
    }
    if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return as_fail(error, ASSAY_BAD_DATA, s->path,
                       "its entry \"%.200s\" is a link or device; only regular files are read",
                       name ? name : "");
    snprintf(s->name, sizeof s->name, "%s:%.250s", s->path, name);
    return ASSAY_OK;
}

/* Does a plain file start as packed ones do? A compressed one that is cut off in its header is
 * taken for plain, and so is a zip without the directory at its end. */
static bool is_cut(const as_stream *s, size_t n) {
    static const char *const magics[] = {"\x1f\x8b", "BZh", "\xfd\x37\x7a\x58", "\x28\xb5\x2f\xfd"};
    if (s->offset || format_of(s) != ARCHIVE_FORMAT_RAW ||
        archive_filter_code(s->archive, 0) != ARCHIVE_FILTER_NONE)
        return false;
    for (size_t i = 0; n < 32 && i < sizeof magics / sizeof magics[0]; i++)
        if (n >= strlen(magics[i]) && memcmp(s->block, magics[i], strlen(magics[i])) == 0)
            return true;
    return n >= 4 && memcmp(s->block, "PK\x03\x04", 4) == 0;
}

/* After the file's last byte: nothing else may answer to its name, and the archive must be whole.
 */
static assay_status check_rest(as_stream *s, assay_error *error) {
    struct archive_entry *entry;
    const char *name = NULL;
    if (format_of(s) == ARCHIVE_FORMAT_RAW)
        return ASSAY_OK;
    s->end = archive_filter_bytes(s->archive, 0);
    assay_status status = next_candidate(s, &entry, &name, error);
    if (status != ASSAY_OK || !entry)
        return status;
    name = name ? name : "";
    if (s->member)
        return as_fail(error, ASSAY_BAD_DATA, s->path,
                       "the archive holds %.200s twice (%.200s); keep one", s->member, name);
    return as_fail(error, ASSAY_BAD_DATA, s->path,
                   "the archive holds several files (%.200s is the second); name the one to read",
                   name);
}

/* The file to open: `path`, or member in the folder `path`, itself or compressed. */
static assay_status locate(const char *path, const char **member, char *found, size_t size,
                           assay_error *error) {
    struct stat info;
    if (stat(path, &info) != 0)
        return as_fail(error, ASSAY_NOT_FOUND, path, "there is no such file or folder");
    if (*member && strcmp(*member, ".") == 0)
        *member = NULL;
    if (*member && !as_path_stays_inside(*member))
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "\"%.200s\" leads out of it; give a path inside", *member);
    if (!S_ISDIR(info.st_mode)) {
        snprintf(found, size, "%s", path);
        return ASSAY_OK;
    }
    for (size_t i = 0; *member && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        int n = snprintf(found, size, "%s/%s%s", path, *member, suffixes[i]);
        if (n > 0 && (size_t)n < size && is_file(found)) {
            *member = NULL;
            return ASSAY_OK;
        }
    }
    return as_fail(error, ASSAY_NOT_FOUND, path, "the folder has no file \"%.200s\"",
                   *member ? *member : "");
}

static as_stream *new_stream(const char *path, const char *member, uint64_t max_bytes) {
    as_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->max_bytes = max_bytes;
    snprintf(s->name, sizeof s->name, "%s", path);
    s->archive = new_archive();
    s->block = malloc(BLOCK_BYTES);
    s->path = strdup(path);
    s->member = member ? strdup(member) : NULL;
    if (s->archive && s->block && s->path && (s->member || !member))
        return s;
    as_stream_close(s);
    return NULL;
}

assay_status as_stream_open(const char *path, const char *member, uint64_t max_bytes,
                            as_stream **ret_stream, assay_error *error) {
    char found[PATH_MAX];
    assay_status status = locate(path, &member, found, sizeof found, error);
    if (status != ASSAY_OK)
        return status;
    as_stream *s = new_stream(found, member, max_bytes);
    if (!s)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to read it");
    if (archive_read_open_filename(s->archive, found, BLOCK_BYTES) < ARCHIVE_WARN)
        status = fail_damaged(s, error);
    else
        status = find_entry(s, error);
    if (status == ASSAY_OK)
        *ret_stream = s;
    else
        as_stream_close(s);
    return status;
}

assay_status as_stream_memory(const void *bytes, size_t n_bytes, const char *name,
                              as_stream **ret_stream, assay_error *error) {
    as_stream *s = calloc(1, sizeof *s);
    if (!s)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory to read it");
    s->memory = bytes;
    s->n_memory = n_bytes;
    s->max_bytes = UINT64_MAX;
    snprintf(s->name, sizeof s->name, "%s", name);
    *ret_stream = s;
    return ASSAY_OK;
}

void as_stream_close(as_stream *stream) {
    if (!stream)
        return;
    if (stream->archive)
        archive_read_free(stream->archive);
    free(stream->block);
    free(stream->path);
    free(stream->member);
    free(stream);
}

assay_status as_stream_next(as_stream *s, const char **ret_block, size_t *ret_n_bytes,
                            assay_error *error) {
    size_t n_bytes = 0;
    const char *block = s->block;
    if (!s->archive) {
        block = s->memory;
        n_bytes = s->ended ? 0 : s->n_memory;
        s->ended = true;
    }
    while (s->archive && !s->ended) {
        la_ssize_t n = archive_read_data(s->archive, s->block, BLOCK_BYTES);
        if (n == ARCHIVE_RETRY)
            continue;
        if (n < 0 || is_cut(s, (size_t)n))
            return fail_damaged(s, error);
        n_bytes = (size_t)n;
        s->ended = n == 0;
        assay_status status = s->ended ? check_rest(s, error) : ASSAY_OK;
        if (status != ASSAY_OK)
            return status;
        break;
    }
    s->offset += n_bytes;
    if (s->offset > s->max_bytes)
        return as_fail(error, ASSAY_LIMIT, s->name, "unpacks to over %llu bytes",
                       (unsigned long long)s->max_bytes);
    *ret_block = block;
    *ret_n_bytes = n_bytes;
    return ASSAY_OK;
}

assay_status as_stream_read_all(as_stream *s, char **ret_bytes, size_t *ret_n_bytes,
                                assay_error *error) {
    char *bytes = malloc(1);
    size_t used = 0, capacity = 1;
    assay_status status = ASSAY_OK;
    for (;;) {
        const char *block = NULL;
        size_t n = 0;
        if ((status = as_stream_next(s, &block, &n, error)) != ASSAY_OK)
            goto fail;
        if (bytes && n && capacity - used <= n) {
            capacity = (used + n + 1) * 2;
            char *more = realloc(bytes, capacity);
            if (!more)
                free(bytes);
            bytes = more;
        }
        if (!bytes) {
            status = assay_fail(error, ASSAY_OUT_OF_MEMORY, s->name, "no memory to read it");
            goto fail;
        }
        if (!n)
            break;
        memcpy(bytes + used, block, n);
        used += n;
    }
    bytes[used] = '\0';
    *ret_bytes = bytes;
    *ret_n_bytes = used;
    return ASSAY_OK;
fail:
    free(bytes);
    return status;
}

const char *as_stream_name(const as_stream *stream) {
    return stream->name;
}

uint64_t as_stream_offset(const as_stream *stream) {
    return stream->offset;
}
