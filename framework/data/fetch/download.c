/* SPDX-License-Identifier: MIT */
/* A transfer with libcurl's easy interface, which also honours http_proxy, https_proxy, all_proxy
 * and no_proxy. */
#include "data/fetch/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { MAX_VALIDATOR = 256, PROGRESS_NS = 100000000 };

typedef struct transfer {
    const as_download *download;
    CURL *curl;
    int descriptor;
    uint64_t begin;   /* bytes that were there */
    uint64_t written; /* now in the part */
    bool answered;    /* the status was looked at: bytes may be written */
    bool restarted, too_large, disk;
    int code; /* errno of the disk */
    char etag[MAX_VALIDATOR], modified[MAX_VALIDATOR];
    int64_t begin_ns, told_ns;
    uint64_t told_from;
} transfer;

/* ---- validators -------------------------------------------------------------------------------*/

/* What If-Range says; "" when nothing is known: then the part cannot be trusted to be of the same
 * file, and the server's answer decides by its length alone. */
static void read_validator(const char *path, char text[MAX_VALIDATOR]) {
    FILE *file = fopen(path, "re");
    text[0] = '\0';
    if (!file)
        return;
    if (!fgets(text, MAX_VALIDATOR, file))
        text[0] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    fclose(file);
}

static void write_validator(const transfer *t) {
    /* A weak ETag may stand for other bytes (RFC 9110, 13.1.5). */
    bool strong = t->etag[0] && strncmp(t->etag, "W/", 2) != 0;
    const char *text = strong ? t->etag : t->modified;
    if (text[0])
        (void)!as_file_write(t->download->validator, text, strlen(text), NULL);
    else
        unlink(t->download->validator);
}

static void keep_header(const char *line, size_t n, const char *name, char value[MAX_VALIDATOR]) {
    size_t n_name = strlen(name);
    if (n <= n_name || strncasecmp(line, name, n_name) != 0)
        return;
    const char *begin = line + n_name, *end = line + n;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (unsigned char)end[-1] <= ' ')
        end--;
    if (end - begin < MAX_VALIDATOR)
        snprintf(value, MAX_VALIDATOR, "%.*s", (int)(end - begin), begin);
}

static size_t on_header(char *line, size_t size, size_t n, void *context) {
    transfer *t = context;
    if (strncmp(line, "HTTP/", size * n < 5 ? size * n : 5) == 0)
        t->etag[0] = t->modified[0] = '\0'; /* another answer, behind a redirect */
    keep_header(line, size * n, "ETag:", t->etag);
    keep_header(line, size * n, "Last-Modified:", t->modified);
    return size * n;
}

/* ---- bytes ------------------------------------------------------------------------------------*/

/* The first bytes of an answer: do they follow those that are there? */
static bool look_at_answer(transfer *t) {
    long status = 0;
    t->answered = true;
    t->download->curl->easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300)
        return false;                /* an error page is no content */
    if (t->begin && status == 200) { /* the whole file again */
        t->restarted = true;
        t->begin = t->written = 0;
        if (ftruncate(t->descriptor, 0) != 0 || lseek(t->descriptor, 0, SEEK_SET) < 0) {
            t->disk = true;
            t->code = errno;
            return false;
        }
    }
    if (status)
        write_validator(t);
    return true;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *context) {
    transfer *t = context;
    size_t total = size * n, done = 0;
    if (!t->answered && !look_at_answer(t))
        return 0;
    if (t->written + total > t->download->limit_bytes) {
        t->too_large = true;
        return 0;
    }
    while (done < total) {
        ssize_t more = write(t->descriptor, bytes + done, total - done);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0) {
            t->disk = true;
            t->code = more ? errno : ENOSPC;
            return 0;
        }
        done += (size_t)more;
    }
    t->written += total;
    return total;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now) {
    transfer *t = context;
    const as_fetch_options *options = t->download->options;
    int64_t ns = as_clock_ns();
    (void)up_total, (void)up_now, (void)now;
    if (!options->progress || ns - t->told_ns < PROGRESS_NS)
        return 0;
    t->told_ns = ns;
    uint64_t all = t->download->expected_bytes;
    if (!all && total > 0)
        all = t->begin + (uint64_t)total;
    const as_fetch_progress progress = {.file = t->download->name,
                                        .url = t->download->url,
                                        .bytes = t->written,
                                        .total = all,
                                        .bytes_per_second = (double)(t->written - t->begin) * 1e9 /
                                                            (double)(ns - t->begin_ns + 1),
                                        .resumed = t->begin > 0};
    options->progress(options->context, &progress);
    return 0;
}

/* ---- one attempt ------------------------------------------------------------------------------*/

static bool set_options(transfer *t, struct curl_slist **headers, char *message) {
    const as_download *d = t->download;
    const as_fetch_options *o = d->options;
    CURL *c = t->curl;
    bool good = true;
    char range[64], validator[MAX_VALIDATOR], line[MAX_VALIDATOR + 16];
#define SET(option, value) good = good && d->curl->easy_setopt(c, option, value) == CURLE_OK
    SET(CURLOPT_URL, d->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https,file");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, 10L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, message);
    SET(CURLOPT_USERAGENT, "assay");
    SET(CURLOPT_CONNECTTIMEOUT, 30L);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, o->stall_seconds > 0 ? (long)(o->stall_seconds + 0.999) : 60L);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    if (t->begin && strncmp(d->url, "http", 4) == 0) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)t->begin);
        SET(CURLOPT_RANGE, range);
        read_validator(d->validator, validator);
        if (validator[0]) {
            snprintf(line, sizeof line, "If-Range: %s", validator);
            struct curl_slist *more = d->curl->slist_append(*headers, line);
            good = good && more;
            *headers = more ? more : *headers;
            SET(CURLOPT_HTTPHEADER, *headers);
        }
    } else if (t->begin) {
        SET(CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->begin);
    }
#undef SET
    return good;
}

static as_download_outcome judge(transfer *t, CURLcode code, const char *message, char why[300]) {
    long status = 0;
    t->download->curl->easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    const char *text = message[0] ? message : t->download->curl->easy_strerror(code);
    why[0] = '\0';
    if (t->too_large) {
        snprintf(why, 300, "sends more than %llu bytes",
                 (unsigned long long)t->download->limit_bytes);
        return AS_DOWNLOAD_TOO_LARGE;
    }
    if (status == 416 && t->begin) /* nothing behind what is there: it is whole, or another file */
        return AS_DOWNLOAD_DONE;
    if (status >= 300 && code != CURLE_TOO_MANY_REDIRECTS) {
        snprintf(why, 300, "answers %ld", status);
        bool busy = status == 408 || status == 425 || status == 429 || status >= 500;
        return busy ? AS_DOWNLOAD_AGAIN : AS_DOWNLOAD_USELESS;
    }
    if (code == CURLE_OK)
        return AS_DOWNLOAD_DONE;
    snprintf(why, 300, "%.280s", text);
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_FILE_COULDNT_READ_FILE:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_TOO_MANY_REDIRECTS:
        return AS_DOWNLOAD_USELESS;
    default:
        return AS_DOWNLOAD_AGAIN;
    }
}

assay_status as_download_try(const as_download *download, as_download_outcome *ret_outcome,
                             char ret_why[300], assay_error *error) {
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    struct stat info;
    transfer t = {.download = download, .begin_ns = as_clock_ns()};
    assay_status status = ASSAY_OK;
    t.descriptor = open(download->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t.descriptor < 0 || fstat(t.descriptor, &info) != 0 ||
        lseek(t.descriptor, 0, SEEK_END) < 0) {
        status = as_fail(error, ASSAY_IO, download->part, "cannot be written: %s", strerror(errno));
        goto done;
    }
    t.begin = t.written = (uint64_t)info.st_size;
    if (!(t.curl = download->curl->easy_init()) || !set_options(&t, &headers, message)) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, download->url, "no memory to fetch it");
        goto done;
    }
    CURLcode code = download->curl->easy_perform(t.curl);
    if (t.disk)
        status = as_fail(error, ASSAY_IO, download->part,
                         "cannot be written: %s; what came is kept, the same command goes on",
                         strerror(t.code));
    else
        *ret_outcome = judge(&t, code, message, ret_why);
done:
    if (t.curl)
        download->curl->easy_cleanup(t.curl);
    download->curl->slist_free_all(headers);
    if (t.descriptor >= 0)
        close(t.descriptor);
    return status;
}
