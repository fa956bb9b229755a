/* SPDX-License-Identifier: MIT */
/* Whole-file reading and atomic writing; SHA-256 is base/sha256.h's. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sha256.h"

static assay_status fail_errno(assay_error *error, const char *path, const char *what) {
    int code = errno;
    assay_status status = code == ENOENT ? ASSAY_NOT_FOUND : ASSAY_IO;
    return as_fail(error, status, path, "%s: %s", what, strerror(code));
}

/* The same for writing: a missing folder is no name to look for but an output that fails. */
static assay_status fail_write(assay_error *error, const char *path, const char *what) {
    return as_fail(error, ASSAY_IO, path, "%s: %s", what, strerror(errno));
}

assay_status as_file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                          assay_error *error) {
    assay_status status = ASSAY_OK;
    struct stat info;
    char *data = NULL;
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return fail_errno(error, path, "cannot open");
    if (fstat(fileno(stream), &info) != 0) {
        status = fail_errno(error, path, "cannot stat");
        goto fail;
    }
    if (!S_ISREG(info.st_mode)) {
        status = as_fail(error, ASSAY_BAD_DATA, path, "is not a regular file");
        goto fail;
    }
    if ((uint64_t)info.st_size > max_bytes) {
        status = as_fail(error, ASSAY_LIMIT, path, "has %lld bytes; at most %zu are read",
                         (long long)info.st_size, max_bytes);
        goto fail;
    }
    size_t size = (size_t)info.st_size;
    if (!(data = malloc(size + 1))) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for %zu bytes", size);
        goto fail;
    }
    if (fread(data, 1, size, stream) != size) {
        status = as_fail(error, ASSAY_IO, path, "changed or failed while it was read");
        goto fail;
    }
    data[size] = '\0';
    *ret_data = data;
    if (ret_size)
        *ret_size = size;
    fclose(stream);
    return ASSAY_OK;
fail:
    free(data);
    fclose(stream);
    return status;
}

assay_status as_file_writer_open(const char *path, as_file_writer *ret_writer, assay_error *error) {
    as_file_writer writer = {NULL, strdup(path), NULL};
    if (!writer.path || asprintf(&writer.temporary, "%s.tmp.%ld", path, (long)getpid()) < 0) {
        free(writer.path);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for a file name");
    }
    writer.stream = fopen(writer.temporary, "wbe");
    if (!writer.stream) {
        assay_status status = fail_write(error, writer.temporary, "cannot create");
        free(writer.path);
        free(writer.temporary);
        return status;
    }
    *ret_writer = writer;
    return ASSAY_OK;
}

void as_file_writer_abandon(as_file_writer *writer) {
    if (writer->stream) {
        fclose(writer->stream);
        unlink(writer->temporary);
    }
    free(writer->path);
    free(writer->temporary);
    *writer = (as_file_writer){NULL, NULL, NULL};
}

static assay_status commit(as_file_writer *writer, bool sync, assay_error *error) {
    errno = 0;
    /* What an earlier write could not put down is tried again here, which tells why; where stdio
     * has thrown it away, one more byte does. */
    bool bad = fflush(writer->stream) != 0 || ferror(writer->stream);
    if (bad && errno == 0 && write(fileno(writer->stream), "", 1) >= 0)
        errno = EIO;
    bad = bad || (sync && fsync(fileno(writer->stream)) != 0);
    bad = bad || rename(writer->temporary, writer->path) != 0;
    assay_status status = bad ? fail_write(error, writer->path, "cannot write") : ASSAY_OK;
    if (bad)
        unlink(writer->temporary);
    fclose(writer->stream);
    writer->stream = NULL;
    as_file_writer_abandon(writer);
    return status;
}

assay_status as_file_writer_commit(as_file_writer *writer, assay_error *error) {
    return commit(writer, true, error);
}

assay_status as_file_writer_commit_cache(as_file_writer *writer, assay_error *error) {
    return commit(writer, false, error);
}

assay_status as_file_write(const char *path, const void *data, size_t size, assay_error *error) {
    as_file_writer writer;
    assay_status status = as_file_writer_open(path, &writer, error);
    if (status != ASSAY_OK)
        return status;
    fwrite(data, 1, size, writer.stream); /* errors surface in commit */
    return as_file_writer_commit(&writer, error);
}

assay_status as_make_folders(const char *path, assay_error *error) {
    char *copy = strdup(path);
    if (!copy)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for a path");
    assay_status status = ASSAY_OK;
    for (char *p = copy + 1; status == ASSAY_OK; p++) {
        if (*p && *p != '/')
            continue;
        char end = *p;
        *p = '\0';
        struct stat info;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            status = fail_write(error, copy, "cannot make folder");
        } else if (stat(copy, &info) != 0 || !S_ISDIR(info.st_mode)) {
            status = as_fail(error, ASSAY_IO, copy, "is a file where a folder is needed");
        }
        *p = end;
        if (!end)
            break;
    }
    free(copy);
    return status;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

assay_status as_remove_folder(const char *path, assay_error *error) {
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return fail_errno(error, path, "cannot remove");
    return ASSAY_OK;
}

bool as_path_exists(const char *path) {
    return access(path, F_OK) == 0;
}

char *as_path_join(const char *a, const char *b) {
    char *joined = NULL;
    if (b[0] == '/' || !a[0])
        return strdup(b);
    size_t n = strlen(a);
    return asprintf(&joined, "%s%s%s", a, a[n - 1] == '/' ? "" : "/", b) < 0 ? NULL : joined;
}

as_sha256_hex as_sha256_bytes(const void *data, size_t size) {
    unsigned char digest[AS_SHA256_BYTES];
    as_sha256_hex hex;
    as_sha256 state = as_sha256_init();
    as_sha256_update(&state, data, size);
    as_sha256_final(&state, digest);
    sodium_bin2hex(hex.text, sizeof hex.text, digest, sizeof digest);
    return hex;
}

assay_status as_sha256_file(const char *path, as_sha256_hex *ret_hex, assay_error *error) {
    unsigned char digest[AS_SHA256_BYTES];
    unsigned char *block = malloc(1 << 16);
    FILE *stream = fopen(path, "rbe");
    assay_status status = ASSAY_OK;
    if (!stream) {
        status = fail_errno(error, path, "cannot open");
        goto done;
    }
    if (!block) {
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to read it");
        goto done;
    }
    as_sha256 state = as_sha256_init();
    for (size_t n; (n = fread(block, 1, 1 << 16, stream)) > 0;)
        as_sha256_update(&state, block, n);
    if (ferror(stream)) {
        status = fail_errno(error, path, "cannot read");
        goto done;
    }
    as_sha256_final(&state, digest);
    sodium_bin2hex(ret_hex->text, sizeof ret_hex->text, digest, sizeof digest);
done:
    if (stream)
        fclose(stream);
    free(block);
    return status;
}
