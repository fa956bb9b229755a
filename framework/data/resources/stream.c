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

enum { BLOCK_BYTES = 1 << 20, MAX_ENTRIES = 2000000 };

struct as_stream {
    struct archive *archive; /* NULL: bytes in memory */
    const char *memory;
    size_t n_memory;
    char *block; /* [BLOCK_BYTES] */
    uint64_t max_bytes, offset;
    bool ended;
    char name[PATH_MAX + 256];
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

/* Does a member's path name lead below the folder it starts in? */
static bool stays_inside(const char *member) {
    for (const char *part = member; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return false;
        part += n + (part[n] == '/');
    }
    return member[0] != '/';
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

/* Advances to the wanted entry. */
static assay_status find_entry(as_stream *s, const char *path, const char *member,
                               assay_error *error) {
    struct archive_entry *entry;
    for (int n = 0;; n++) {
        int code = archive_read_next_header(s->archive, &entry);
        if (code == ARCHIVE_RETRY)
            continue;
        if (code == ARCHIVE_EOF && n == 0 && !member) {
            s->ended = true; /* an empty file */
            return ASSAY_OK;
        }
        if (code == ARCHIVE_EOF)
            return as_fail(error, ASSAY_NOT_FOUND, path, "the archive has no file \"%.200s\"",
                           member ? member : "");
        if (code < ARCHIVE_WARN)
            return fail_damaged(s, error);
        if (n == MAX_ENTRIES)
            return as_fail(error, ASSAY_LIMIT, path, "the archive has over %d entries",
                           MAX_ENTRIES);
        if ((archive_format(s->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_RAW) {
            if (!member)
                return ASSAY_OK;
            return as_fail(error, ASSAY_BAD_DATA, path,
                           "is one file, not a folder or archive that holds \"%.200s\"", member);
        }
        const char *name = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) == AE_IFDIR || !name ||
            (member && !is_member(name, member)))
            continue;
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
            return as_fail(error, ASSAY_BAD_DATA, path,
                           "its entry \"%.200s\" is a link or device; only regular files are read",
                           name);
        snprintf(s->name, sizeof s->name, "%s:%.250s", path, name);
        return ASSAY_OK;
    }
}

/* The file to open: `path`, or member in the folder `path`, itself or compressed. */
static assay_status locate(const char *path, const char **member, char *found, size_t size,
                           assay_error *error) {
    static const char *const suffixes[] = {"", ".gz", ".xz", ".bz2", ".zst"};
    struct stat info;
    if (stat(path, &info) != 0)
        return as_fail(error, ASSAY_NOT_FOUND, path, "there is no such file or folder");
    if (*member && strcmp(*member, ".") == 0)
        *member = NULL;
    if (*member && !stays_inside(*member))
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

assay_status as_stream_open(const char *path, const char *member, uint64_t max_bytes,
                            as_stream **ret_stream, assay_error *error) {
    char found[PATH_MAX];
    assay_status status = locate(path, &member, found, sizeof found, error);
    if (status != ASSAY_OK)
        return status;
    as_stream *s = calloc(1, sizeof *s);
    if (!s || !(s->archive = new_archive()) || !(s->block = malloc(BLOCK_BYTES))) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to read it");
        goto fail;
    }
    s->max_bytes = max_bytes;
    snprintf(s->name, sizeof s->name, "%s", found);
    if (archive_read_open_filename(s->archive, found, BLOCK_BYTES) < ARCHIVE_WARN) {
        status = fail_damaged(s, error);
        goto fail;
    }
    if ((status = find_entry(s, found, member, error)) != ASSAY_OK)
        goto fail;
    *ret_stream = s;
    return ASSAY_OK;
fail:
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
        if (n < 0)
            return fail_damaged(s, error);
        n_bytes = (size_t)n;
        s->ended = n == 0;
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
        const char *block;
        size_t n;
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
