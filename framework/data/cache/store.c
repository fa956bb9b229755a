/* SPDX-License-Identifier: MIT */
/* The cache folder. */
#include "data/cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"

#define DEFAULT_CACHE_BYTES (UINT64_C(4) << 30)

/* ---- keys -------------------------------------------------------------------------------------*/

static json_t *program_identity(void) {
    struct stat info;
    if (stat("/proc/self/exe", &info) != 0)
        return json_null();
    return json_pack("[I, I, I]", (json_int_t)info.st_size, (json_int_t)info.st_mtim.tv_sec,
                     (json_int_t)info.st_mtim.tv_nsec);
}

assay_status as_cache_key(json_t *parts, as_sha256_hex *ret_key, assay_error *error) {
    char *text = NULL;
    if (parts && json_object_set_new(parts, "program", program_identity()) == 0)
        text = json_dumps(parts, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(parts);
    if (!text)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cache", "no memory for a key");
    *ret_key = as_sha256_bytes(text, strlen(text));
    free(text);
    return ASSAY_OK;
}

static bool join(char *path, size_t size, const char *folder, const char *below, const char *name) {
    int n = snprintf(path, size, "%s/%s/%s", folder, below, name);
    return n > 0 && (size_t)n < size;
}

/* ---- images -----------------------------------------------------------------------------------*/

assay_status as_cache_open(as_arena *arena, const char *folder, const char *key,
                           as_image **ret_image, as_image_content *ret_content,
                           assay_error *error) {
    char path[PATH_MAX];
    if (!folder || !join(path, sizeof path, folder, "prepared", key))
        return assay_fail(error, ASSAY_NOT_FOUND, "cache", "there is none");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return as_fail(error, ASSAY_NOT_FOUND, path, "%s", strerror(errno));
    assay_status status =
        as_image_open(arena, descriptor, path, key, ret_image, ret_content, error);
    if (status == ASSAY_OK)
        futimens(descriptor, NULL); /* last used; where it may not be written, age decides */
    close(descriptor);
    if (status != ASSAY_BAD_DATA)
        return status;
    unlink(path);
    return as_fail(error, ASSAY_NOT_FOUND, path, "was not whole and has been removed");
}

typedef struct cached_file {
    char name[80];
    uint64_t bytes;
    struct timespec used;
} cached_file;

static int compare_used(const void *a, const void *b) {
    const cached_file *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    return (x->used.tv_nsec > y->used.tv_nsec) - (x->used.tv_nsec < y->used.tv_nsec);
}

static uint64_t cache_bytes(void) {
    const char *text = getenv("ASSAY_CACHE_BYTES");
    char *end;
    errno = 0;
    unsigned long long bytes = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end && errno == 0 ? bytes : DEFAULT_CACHE_BYTES;
}

/* Removes what was used longest ago until the rest fits; never `keep`. A mapping of a removed file
 * stays valid. */
static void evict(const char *folder, const char *keep) {
    enum { MAX_FILES = 4096 };
    char path[PATH_MAX];
    uint64_t total = 0, limit = cache_bytes();
    size_t n = 0;
    cached_file *files = malloc(MAX_FILES * sizeof *files);
    DIR *listing = join(path, sizeof path, folder, "prepared", ".") ? opendir(path) : NULL;
    if (!files || !listing)
        goto done;
    for (struct dirent *entry; n < MAX_FILES && (entry = readdir(listing));) {
        struct stat info;
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof files[n].name ||
            fstatat(dirfd(listing), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        memcpy(files[n].name, entry->d_name, strlen(entry->d_name) + 1);
        files[n].bytes = (uint64_t)info.st_size;
        files[n].used = info.st_mtim;
        total += files[n++].bytes;
    }
    qsort(files, n, sizeof *files, compare_used);
    for (size_t i = 0; i < n && total > limit; i++)
        if (strcmp(files[i].name, keep) != 0 && unlinkat(dirfd(listing), files[i].name, 0) == 0)
            total -= files[i].bytes;
done:
    if (listing)
        closedir(listing);
    free(files);
}

/* ---- files ------------------------------------------------------------------------------------*/

assay_status as_cache_file_open(const char *folder, const char *key, FILE **ret_stream,
                                assay_error *error) {
    char path[PATH_MAX];
    if (!folder || !join(path, sizeof path, folder, "prepared", key))
        return assay_fail(error, ASSAY_NOT_FOUND, "cache", "there is none");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "rb");
    if (!stream) {
        if (descriptor >= 0)
            close(descriptor);
        return as_fail(error, ASSAY_NOT_FOUND, path, "%s", strerror(errno));
    }
    futimens(descriptor, NULL); /* last used; where it may not be written, age decides */
    *ret_stream = stream;
    return ASSAY_OK;
}

void as_cache_file_drop(const char *folder, const char *key) {
    char path[PATH_MAX];
    if (join(path, sizeof path, folder, "prepared", key))
        unlink(path);
}

assay_status as_cache_file_begin(const char *folder, const char *key, as_file_writer *ret_writer,
                                 assay_error *error) {
    char path[PATH_MAX];
    if (!join(path, sizeof path, folder, "prepared", ""))
        return assay_fail(error, ASSAY_IO, folder, "its path is too long");
    assay_status status = as_make_folders(path, error);
    if (status != ASSAY_OK)
        return status;
    if (!join(path, sizeof path, folder, "prepared", key))
        return assay_fail(error, ASSAY_IO, folder, "its path is too long");
    return as_file_writer_open(path, ret_writer, error);
}

assay_status as_cache_file_commit(const char *folder, const char *key, as_file_writer *writer,
                                  assay_error *error) {
    assay_status status = as_file_writer_commit_cache(writer, error);
    if (status == ASSAY_OK)
        evict(folder, key);
    return status;
}

/* ---- storing images ---------------------------------------------------------------------------*/

/* Into the folder. Any failure leaves nothing behind. */
static assay_status store_on_disk(as_arena *arena, const char *folder, const char *key,
                                  const as_image_content *content, as_image **ret_image,
                                  as_image_content *ret_content, assay_error *error) {
    as_file_writer writer;
    assay_status status = as_cache_file_begin(folder, key, &writer, error);
    if (status != ASSAY_OK)
        return status;
    status = as_image_write(writer.stream, writer.path, key, content, error);
    if (status != ASSAY_OK) {
        as_file_writer_abandon(&writer);
        return status;
    }
    if ((status = as_cache_file_commit(folder, key, &writer, error)) != ASSAY_OK)
        return status;
    return as_cache_open(arena, folder, key, ret_image, ret_content, error);
}

static assay_status store_in_memory(as_arena *arena, const char *key,
                                    const as_image_content *content, as_image **ret_image,
                                    as_image_content *ret_content, assay_error *error) {
    int descriptor = memfd_create("assay-prepared", MFD_CLOEXEC);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "w+b");
    assay_status status = ASSAY_OK;
    if (!stream) {
        if (descriptor >= 0)
            close(descriptor);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "prepared data", "no memory file: %s",
                       strerror(errno));
    }
    status = as_image_write(stream, "prepared data", key, content, error);
    if (status == ASSAY_OK)
        status =
            as_image_open(arena, descriptor, "prepared data", key, ret_image, ret_content, error);
    fclose(stream);
    return status;
}

assay_status as_cache_store(as_arena *arena, const char *folder, const char *key,
                            const as_image_content *content, as_image **ret_image,
                            as_image_content *ret_content, char ret_why_not[200],
                            assay_error *error) {
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = ASSAY_NOT_FOUND;
    ret_why_not[0] = '\0';
    if (folder)
        status = store_on_disk(arena, folder, key, content, ret_image, ret_content, &why);
    if (status == ASSAY_OK || status == ASSAY_OUT_OF_MEMORY)
        return status == ASSAY_OK ? status : assay_fail(error, status, why.where, why.text);
    if (folder)
        snprintf(ret_why_not, 200, "%.100s: %.90s", why.where, why.text);
    return store_in_memory(arena, key, content, ret_image, ret_content, error);
}

/* ---- sources ----------------------------------------------------------------------------------*/

static bool memo_path(as_arena *arena, const char *folder, const char *path, const char *reading,
                      char memo[PATH_MAX], const char **ret_real) {
    char real[PATH_MAX], both[PATH_MAX + 80];
    if (!folder || !realpath(path, real))
        return false;
    snprintf(both, sizeof both, "%s\n%s", real, reading);
    as_sha256_hex name = as_sha256_bytes(both, strlen(both));
    *ret_real = as_arena_strdup(arena, real);
    return *ret_real && join(memo, PATH_MAX, folder, "sources", name.text);
}

/* What tells that a file is still the one it was; NULL when it is no regular file. */
static json_t *file_identity(const char *path) {
    struct stat i;
    if (stat(path, &i) != 0 || !S_ISREG(i.st_mode))
        return NULL;
    return json_pack("[I, I, I, I, I, I]", (json_int_t)i.st_size, (json_int_t)i.st_ino,
                     (json_int_t)i.st_mtim.tv_sec, (json_int_t)i.st_mtim.tv_nsec,
                     (json_int_t)i.st_ctim.tv_sec, (json_int_t)i.st_ctim.tv_nsec);
}

bool as_cache_recall(as_arena *arena, const char *folder, const char *path, const char *reading,
                     as_source_memo *ret_memo) {
    char memo[PATH_MAX];
    const char *real, *content = NULL, *order = NULL, *known_path = NULL;
    json_t *json = NULL;
    if (!memo_path(arena, folder, path, reading, memo, &real) || !as_path_exists(memo) ||
        as_json_load(memo, &json, NULL) != ASSAY_OK)
        return false;
    json_t *now = file_identity(path), *then = json_object_get(json, "file");
    bool known = now && json_equal(now, then) &&
                 json_unpack(json, "{s:s, s:s, s:s}", "path", &known_path, "content", &content,
                             "order", &order) == 0 &&
                 strcmp(known_path, real) == 0 && strlen(content) == 64 && strlen(order) == 64;
    if (known) {
        memcpy(ret_memo->content.text, content, 65);
        memcpy(ret_memo->order.text, order, 65);
    }
    json_decref(now);
    json_decref(json);
    return known;
}

void as_cache_remember(as_arena *arena, const char *folder, const char *path, const char *reading,
                       const as_source_memo *memo) {
    char file[PATH_MAX], below[PATH_MAX];
    const char *real;
    json_t *identity = file_identity(path), *json = NULL;
    if (identity && memo_path(arena, folder, path, reading, file, &real))
        json = json_pack("{s:s, s:O, s:s, s:s}", "path", real, "file", identity, "content",
                         memo->content.text, "order", memo->order.text);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text && join(below, sizeof below, folder, "sources", "") &&
        as_make_folders(below, NULL) == ASSAY_OK)
        (void)!as_file_write(file, text, strlen(text), NULL);
    free(text);
    json_decref(json);
    json_decref(identity);
}
