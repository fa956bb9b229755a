/* SPDX-License-Identifier: MIT */
/* Addresses, attempts, verification, names. */
#include "data/fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/paths.h"
#include "data/fetch/download.h"

enum { DEFAULT_RETRIES = 4, MAX_ADDRESSES = 20 };
#define FIRST_PAUSE_SECONDS 0.5
#define MAX_FILE_BYTES (UINT64_C(64) << 30)

typedef struct fetching {
    as_arena *arena;
    const as_curl *curl;
    const as_source *source;
    const as_fetch_options *options;
    const char *addresses[MAX_ADDRESSES];
    size_t n_addresses;
    char path[PATH_MAX], part[PATH_MAX], validator[PATH_MAX], rejected[PATH_MAX];
    char said[600]; /* what the addresses said */
    as_fetch_result result;
    assay_error *error;
} fetching;

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to fetch it");
}

/* ---- addresses --------------------------------------------------------------------------------*/

/* FROM/FILE; a folder becomes a file URL, its name escaped. */
static const char *address_in(fetching *f, const char *from) {
    const char *file = f->source->file;
    char folder[PATH_MAX], *text = NULL, *escaped = NULL;
    bool is_url = strstr(from, "://") != NULL;
    if (!is_url && !realpath(from, folder))
        return NULL;
    size_t n = 8 + 3 * (strlen(is_url ? from : folder) + strlen(file)) + 2, used = 0;
    if (!(text = as_arena_alloc(f->arena, n)))
        return NULL;
    if (is_url) {
        used = (size_t)snprintf(text, n, "%s", from);
        while (used && text[used - 1] == '/')
            text[--used] = '\0';
    } else {
        used = (size_t)snprintf(text, n, "file://");
        for (const char *part = folder; *part;) { /* between slashes, each escaped */
            size_t n_part = strcspn(part, "/");
            escaped = n_part ? f->curl->easy_escape(NULL, part, (int)n_part) : NULL;
            used += (size_t)snprintf(text + used, n - used, "%s%s", escaped ? escaped : "",
                                     part[n_part] ? "/" : "");
            f->curl->free(escaped);
            part += n_part + (part[n_part] == '/');
        }
    }
    escaped = f->curl->easy_escape(NULL, file, 0);
    snprintf(text + used, n - used, "/%s", escaped ? escaped : "");
    f->curl->free(escaped);
    return text;
}

static assay_status list_addresses(fetching *f) {
    if (f->options->from) {
        const char *address = address_in(f, f->options->from);
        if (!address)
            return as_fail(f->error, ASSAY_NOT_FOUND, f->options->from,
                           "there is no such folder; --from wants a folder or a URL");
        f->addresses[f->n_addresses++] = address;
        return ASSAY_OK;
    }
    if (f->source->url)
        f->addresses[f->n_addresses++] = f->source->url;
    for (size_t i = 0; i < f->source->n_mirrors && f->n_addresses < MAX_ADDRESSES; i++)
        f->addresses[f->n_addresses++] = f->source->mirrors[i];
    return ASSAY_OK;
}

/* ---- one file ---------------------------------------------------------------------------------*/

static bool has_bytes(const char *path, uint64_t *ret_bytes) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    *ret_bytes = (uint64_t)info.st_size;
    return true;
}

/* Digest and length of a whole file; false: it is not the one the manifest means. */
static assay_status verify(fetching *f, const char *path, bool *ret_good) {
    assay_status status = as_sha256_file(path, &f->result.sha256, f->error);
    if (status != ASSAY_OK)
        return status;
    has_bytes(path, &f->result.bytes);
    f->result.verified = f->source->sha256 != NULL;
    *ret_good = f->source->sha256 ? strcmp(f->source->sha256, f->result.sha256.text) == 0
                                  : !f->source->bytes || f->source->bytes == f->result.bytes;
    return ASSAY_OK;
}

static void say(fetching *f, const char *address, const char *why) {
    size_t used = strlen(f->said);
    if (used < sizeof f->said - 1)
        snprintf(f->said + used, sizeof f->said - used, "%s%.200s: %.250s", used ? "; " : "",
                 address, why);
}

static void pause_for(double seconds) {
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
        ;
}

/* Asks one address until it has given everything, or will not. A line that is cut but goes forward
 * is asked again at once, one that gives nothing after a pause. */
static assay_status ask(fetching *f, const char *address, as_download_outcome *ret_outcome) {
    int retries = f->options->retries < 0 ? DEFAULT_RETRIES : f->options->retries, failures = 0;
    const as_download download = {
        .curl = f->curl,
        .url = address,
        .part = f->part,
        .validator = f->validator,
        .name = f->source->file,
        /* A stated size bounds what comes; a little more shows that it is another file. */
        .limit_bytes = f->source->bytes ? f->source->bytes + 1 : MAX_FILE_BYTES,
        .expected_bytes = f->source->bytes,
        .options = f->options};
    for (;;) {
        as_download_outcome outcome;
        uint64_t before = 0, after = 0;
        char why[300];
        has_bytes(f->part, &before);
        assay_status status = as_download_try(&download, &outcome, why, f->error);
        if (status != ASSAY_OK)
            return status;
        has_bytes(f->part, &after);
        *ret_outcome = outcome;
        if (outcome == AS_DOWNLOAD_DONE)
            return ASSAY_OK;
        failures = after > before ? 0 : failures + 1;
        if (outcome != AS_DOWNLOAD_AGAIN || failures > retries) {
            say(f, address, why);
            return ASSAY_OK;
        }
        if (failures)
            pause_for(FIRST_PAUSE_SECONDS * (double)(1 << (failures - 1)));
    }
}

static void drop_part(fetching *f) {
    unlink(f->part);
    unlink(f->validator);
}

/* The part has come to its end. Another file than meant is set aside, so that it can be looked at
 * and is not gone on with. */
static assay_status take(fetching *f, const char *address, bool *ret_accepted) {
    bool good = false;
    uint64_t bytes = 0;
    char why[300];
    assay_status status = verify(f, f->part, &good);
    if (status != ASSAY_OK)
        return status;
    if (good) {
        int descriptor = open(f->part, O_RDONLY | O_CLOEXEC);
        bool synced = descriptor >= 0 && fsync(descriptor) == 0;
        if (descriptor >= 0)
            close(descriptor);
        if (!synced || rename(f->part, f->path) != 0)
            return as_fail(f->error, ASSAY_IO, f->path, "cannot be written: %s", strerror(errno));
        unlink(f->validator);
        *ret_accepted = true;
        return ASSAY_OK;
    }
    has_bytes(f->part, &bytes);
    if (rename(f->part, f->rejected) != 0)
        drop_part(f);
    unlink(f->validator);
    if (f->source->sha256)
        snprintf(why, sizeof why, "gave %llu bytes with SHA-256 %s, the manifest wants %s",
                 (unsigned long long)bytes, f->result.sha256.text, f->source->sha256);
    else
        snprintf(why, sizeof why, "gave %llu bytes, the manifest states %llu",
                 (unsigned long long)bytes, (unsigned long long)f->source->bytes);
    say(f, address, why);
    return ASSAY_OK;
}

static assay_status ask_all(fetching *f) {
    bool rejected = false;
    for (size_t i = 0; i < f->n_addresses; i++) {
        as_download_outcome outcome;
        bool accepted = false;
        uint64_t begun = 0;
        bool resumed = has_bytes(f->part, &begun) && begun > 0;
        assay_status status = ask(f, f->addresses[i], &outcome);
        if (status == ASSAY_OK && outcome == AS_DOWNLOAD_DONE)
            status = take(f, f->addresses[i], &accepted);
        if (status != ASSAY_OK)
            return status;
        if (accepted) {
            unlink(f->rejected);
            return ASSAY_OK;
        }
        if (outcome == AS_DOWNLOAD_TOO_LARGE)
            drop_part(f);
        bool other = outcome == AS_DOWNLOAD_DONE || outcome == AS_DOWNLOAD_TOO_LARGE;
        rejected = rejected || other;
        if (other && resumed)
            i--; /* the old part may have been the wrong one: once more from the start */
    }
    return as_fail(f->error, rejected ? ASSAY_BAD_DATA : ASSAY_IO, f->path,
                   "could not be fetched: %s%s%s", f->said,
                   as_path_exists(f->rejected) ? "; kept as " : "",
                   as_path_exists(f->rejected) ? f->rejected : "");
}

static bool fill_paths(fetching *f, const char *folder) {
    const struct {
        char *path;
        const char *ending;
    } names[] = {{f->path, ""},
                 {f->part, ".part"},
                 {f->validator, ".part.validator"},
                 {f->rejected, ".rejected"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int n =
            snprintf(names[i].path, PATH_MAX, "%s/%s%s", folder, f->source->file, names[i].ending);
        if (n < 0 || n >= PATH_MAX)
            return false;
    }
    return true;
}

static assay_status fetch_one(fetching *f, const char *folder) {
    bool good = false;
    if (!fill_paths(f, folder))
        return assay_fail(f->error, ASSAY_IO, folder, "its path is too long");
    if (!(f->result.path = as_arena_strdup(f->arena, f->path)))
        return no_memory(f->path, f->error);
    if (as_path_exists(f->path)) {
        assay_status status = verify(f, f->path, &good);
        f->result.was_there = true;
        if (status != ASSAY_OK || good)
            return status;
        return as_fail(
            f->error, ASSAY_BAD_DATA, f->path,
            "is another file than the manifest means (SHA-256 %s, wanted %s); remove it, "
            "then fetch again",
            f->result.sha256.text, f->source->sha256 ? f->source->sha256 : "its size");
    }
    assay_status status = list_addresses(f);
    return status == ASSAY_OK ? ask_all(f) : status;
}

/* ---- all of them ------------------------------------------------------------------------------*/

/* One process at a time fills a resource's folder. -1: another one does. */
static int lock_folder(const char *folder) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static assay_status fetch_all(as_arena *arena, const as_manifest *manifest, const char *folder,
                              const as_fetch_options *options, as_fetch_result *results,
                              size_t *ret_n, assay_error *error) {
    const as_curl *curl;
    size_t n = 0;
    assay_status opened = as_curl_open(&curl, error);
    if (opened != ASSAY_OK)
        return opened;
    for (size_t i = 0; i < manifest->n_sources; i++) {
        if (!manifest->sources[i].file)
            continue;
        fetching *f = as_arena_alloc(arena, sizeof *f);
        if (!f)
            return no_memory(folder, error);
        f->arena = arena;
        f->curl = curl;
        f->source = &manifest->sources[i];
        f->options = options;
        f->error = error;
        assay_status status = fetch_one(f, folder);
        if (status != ASSAY_OK)
            return status;
        results[n++] = f->result;
    }
    *ret_n = n;
    if (n)
        return ASSAY_OK;
    return as_fail(
        error, ASSAY_NOT_FOUND, manifest->name, "has no address to be fetched from%s%s",
        manifest->n_sources && manifest->sources[0].package ? "; apt-get install " : "",
        manifest->n_sources && manifest->sources[0].package ? manifest->sources[0].package : "");
}

assay_status as_fetch(as_arena *arena, const as_manifest *manifest, const as_fetch_options *options,
                      as_fetch_result **ret_results, size_t *ret_n, assay_error *error) {
    const char *data_dir;
    as_fetch_result *results = as_arena_alloc_array(arena, manifest->n_sources, sizeof *results);
    assay_status status = as_data_folder(arena, options->data_dir, &data_dir, error);
    if (status != ASSAY_OK)
        return status;
    size_t n_folder = strlen(data_dir) + strlen(manifest->name) + 2;
    char *folder = as_arena_alloc(arena, n_folder);
    if (!results || !folder)
        return no_memory(manifest->name, error);
    snprintf(folder, n_folder, "%s/%s", data_dir, manifest->name);
    if ((status = as_make_folders(folder, error)) != ASSAY_OK)
        return status;
    int lock = lock_folder(folder);
    if (lock < 0)
        return as_fail(error, ASSAY_IO, folder, "another process is fetching into it");
    size_t n = 0;
    status = fetch_all(arena, manifest, folder, options, results, &n, error);
    close(lock);
    if (status == ASSAY_OK) {
        *ret_results = results;
        *ret_n = n;
    }
    return status;
}
