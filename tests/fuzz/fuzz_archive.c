/* SPDX-License-Identifier: MIT */
/* Bytes as an archive, as a compressed file and as a text: every entry and stream of them stays in
 * bounds, and what is decoded is valid UTF-8. The bytes lie in an anonymous file (memfd_create). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/resources/archive.h"
#include "data/resources/encoding.h"
#include "data/resources/stream.h"

enum { MAX_TEXT = 1 << 16, MAX_TOTAL = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void require(bool holds) {
    if (!holds)
        abort();
}

static assay_status wants(void *context, const char *path, bool *ret_wanted, assay_error *error) {
    size_t n = strlen(path);
    (void)context;
    (void)error;
    require(path[0] != '/' && !strstr(path, "//") && strncmp(path, "../", 3) != 0 &&
            !strstr(path, "/../"));
    *ret_wanted = n > 0 && path[n - 1] != 'b';
    return ASSAY_OK;
}

static void decode(const char *data, size_t n_bytes, as_encoding_kind encoding) {
    as_decoder decoder = {.encoding = encoding, .replace = true};
    const char *text;
    size_t n;
    if (as_decode(&decoder, data, n_bytes, "x", 0, &text, &n, NULL) == ASSAY_OK)
        require(as_utf8_valid_bytes(text, n) == n);
    else
        abort();
    require(decoder.n_replaced <= n_bytes && !decoder.first[0] == !decoder.n_replaced);
    as_decoder_free(&decoder);
}

static assay_status content(void *context, const char *path, const char *data, size_t n_bytes,
                            const char *where, assay_error *error) {
    size_t *total = context;
    (void)path;
    (void)where;
    (void)error;
    *total += n_bytes;
    require(n_bytes <= MAX_TEXT && *total <= MAX_TOTAL && data[n_bytes] == '\0');
    decode(data, n_bytes, AS_ENCODING_UTF8);
    return ASSAY_OK;
}

static void read_stream(const char *path, const char *member) {
    assay_error error = ASSAY_ERROR_INIT;
    as_stream *stream;
    char *all;
    size_t n;
    if (as_stream_open(path, member, MAX_TOTAL, &stream, &error) != ASSAY_OK) {
        require(error.text[0] && error.where[0]);
        return;
    }
    if (as_stream_read_all(stream, &all, &n, &error) == ASSAY_OK) {
        require(n <= MAX_TOTAL && as_stream_offset(stream) == n && all[n] == '\0');
        free(all);
    } else {
        require(error.text[0] && strlen(as_stream_name(stream)) > 0);
    }
    as_stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const as_archive_limits limits = {1000, MAX_TEXT, MAX_TOTAL};
    char path[64], name[16];
    size_t total = 0;
    assay_error error = ASSAY_ERROR_INIT;
    const as_archive_visitor visitor = {&total, wants, content};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    snprintf(name, sizeof name, "%d", fd);
    snprintf(path, sizeof path, "/proc/self/fd/%s", name);
    if (as_archive_each(path, &limits, &visitor, &error) != ASSAY_OK)
        require(error.text[0] && error.where[0]);
    read_stream(path, NULL);
    read_stream(path, "a/b");
    read_stream("/proc/self/fd", name); /* a file in a folder */
    for (int encoding = 0; encoding < 3; encoding++)
        decode((const char *)bytes, n, (as_encoding_kind)encoding);
    close(fd);
    return 0;
}
