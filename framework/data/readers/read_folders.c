/* SPDX-License-Identifier: MIT */
/* One text a file, one folder a label: SPLIT/LABEL/FILE, in a folder or straight out of an archive,
 * with or without one folder above it all (aclImdb/train/pos/0_9.txt). SPLIT is the path that the
 * manifest gives ("." for files that lie in LABEL/FILE). Other labels (train/unsup), other files
 * (README) and hidden ones (.DS_Store, ._x) are passed over. Option `suffix` (".txt"): only files
 * with that ending. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "data/resources/archive.h"
#include "data/readers/reader.h"

enum { TOP_BYTES = 256 };

typedef struct reading {
    const as_manifest *manifest;
    as_dataset *dataset;
    const char *path;    /* folder or archive */
    const char *suffix;  /* "" for any */
    char top[TOP_BYTES]; /* the folder above it all, once seen; "" is none */
    bool top_known;
} reading;

static bool wanted_name(const reading *r, const char *name) {
    size_t n = strlen(name), n_suffix = strlen(r->suffix);
    return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, r->suffix) == 0;
}

static bool in_place(const char *split) {
    return strcmp(split, ".") == 0;
}

/* Matches SPLIT/LABEL/FILE from its start; the file's name on success. */
static const char *match(const reading *r, const char *path, as_split *ret_split,
                         uint32_t *ret_label) {
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const char *split = r->manifest->splits[s], *rest = path;
        if (!split)
            continue;
        if (!in_place(split)) {
            size_t n = strlen(split);
            if (strncmp(path, split, n) != 0 || path[n] != '/')
                continue;
            rest = path + n + 1;
        }
        const char *slash = strchr(rest, '/');
        if (!slash || strchr(slash + 1, '/') || !wanted_name(r, slash + 1))
            continue;
        for (uint32_t k = 0; k < r->manifest->n_labels; k++) {
            const char *label = r->manifest->labels[k];
            if (strlen(label) == (size_t)(slash - rest) &&
                memcmp(label, rest, (size_t)(slash - rest)) == 0) {
                *ret_split = (as_split)s;
                *ret_label = k;
                return slash + 1;
            }
        }
    }
    return NULL;
}

/* ---- archives ---------------------------------------------------------------------------------*/

/* As match, with or without a top folder; that folder's length goes to *ret_top. */
static const char *match_below_top(const reading *r, const char *path, as_split *ret_split,
                                   uint32_t *ret_label, size_t *ret_top) {
    const char *name = match(r, path, ret_split, ret_label), *slash = strchr(path, '/');
    *ret_top = 0;
    if (name || !slash)
        return name;
    *ret_top = (size_t)(slash - path);
    return match(r, slash + 1, ret_split, ret_label);
}

static assay_status archive_wants(void *context, const char *path, bool *ret_wanted,
                                  assay_error *error) {
    reading *r = context;
    as_split split;
    uint32_t label;
    size_t n_top;
    *ret_wanted = match_below_top(r, path, &split, &label, &n_top) != NULL;
    if (!*ret_wanted)
        return ASSAY_OK;
    if (n_top >= TOP_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, r->path, "its top folder has a name of %zu bytes",
                       n_top);
    if (!r->top_known) {
        memcpy(r->top, path, n_top);
        r->top[n_top] = '\0';
        r->top_known = true;
    } else if (strlen(r->top) != n_top || memcmp(r->top, path, n_top) != 0) {
        return as_fail(error, ASSAY_BAD_DATA, r->path,
                       "holds the data set twice, in \"%s\" and \"%.*s\"; keep one", r->top,
                       (int)n_top, path);
    }
    return ASSAY_OK;
}

static assay_status archive_content(void *context, const char *path, const char *data,
                                    size_t n_bytes, const char *where, assay_error *error) {
    reading *r = context;
    as_split split = AS_SPLIT_TRAIN;
    uint32_t label = 0;
    size_t n_top;
    const char *name = match_below_top(r, path, &split, &label, &n_top);
    return as_dataset_add(r->dataset, split, label, name, data, n_bytes, where, error);
}

/* ---- folders ----------------------------------------------------------------------------------*/

static assay_status fail_errno(assay_error *error, const char *path, const char *what) {
    return as_fail(error, ASSAY_IO, path, "%s: %s", what, strerror(errno));
}

/* Reads one file of an open folder. Links are refused as in archives: what a name stands for must
 * not depend on the machine. */
static assay_status read_file(reading *r, int folder, const char *name, as_split split,
                              uint32_t label, const char *where, assay_error *error) {
    assay_status status = ASSAY_OK;
    struct stat info;
    char *data = NULL;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return assay_fail(error, ASSAY_BAD_DATA, where, "is a link; only regular files are read");
    if (fd < 0)
        return fail_errno(error, where, "cannot open");
    if (fstat(fd, &info) != 0) {
        status = fail_errno(error, where, "cannot stat");
        goto done;
    }
    if (S_ISDIR(info.st_mode)) /* deeper folders are not part of the layout */
        goto done;
    if (!S_ISREG(info.st_mode)) {
        status = assay_fail(error, ASSAY_BAD_DATA, where, "is no regular file; remove it");
        goto done;
    }
    if (info.st_size > AS_MAX_TEXT_BYTES) {
        status = as_fail(error, ASSAY_LIMIT, where, "has %lld bytes; at most %d are read",
                         (long long)info.st_size, AS_MAX_TEXT_BYTES);
        goto done;
    }
    size_t size = (size_t)info.st_size, used = 0;
    if (!(data = malloc(size + 1))) {
        status = assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to read it");
        goto done;
    }
    while (used < size) {
        ssize_t n = read(fd, data + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            status = n ? fail_errno(error, where, "cannot read")
                       : assay_fail(error, ASSAY_IO, where, "changed while it was read");
            goto done;
        }
        used += (size_t)n;
    }
    status = as_dataset_add(r->dataset, split, label, name, data, size, where, error);
done:
    free(data);
    close(fd);
    return status;
}

/* Reads every text of one label's folder. */
static assay_status read_label(reading *r, const char *root, as_split split, uint32_t label,
                               assay_error *error) {
    char path[PATH_MAX];
    assay_status status = ASSAY_OK;
    int n = snprintf(path, sizeof path, "%s/%s/%s", root, r->manifest->splits[split],
                     r->manifest->labels[label]);
    if (n < 0 || (size_t)n >= sizeof path)
        return as_fail(error, ASSAY_BAD_DATA, root, "its path is too long");
    DIR *folder = opendir(path);
    if (!folder && (errno == ENOENT || errno == ENOTDIR))
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "the folder of the class \"%s\" is missing (split \"%s\")",
                       r->manifest->labels[label], as_split_name(split));
    if (!folder)
        return fail_errno(error, path, "cannot open the folder");
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));) {
        if (!wanted_name(r, entry->d_name))
            continue;
        as_where where = as_where_join(path, "/", entry->d_name);
        status = read_file(r, dirfd(folder), entry->d_name, split, label, where.text, error);
    }
    closedir(folder);
    return status;
}

/* Does `root` hold the path of any split? */
static bool holds_split(const reading *r, const char *root) {
    char path[PATH_MAX];
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const char *split = r->manifest->splits[s];
        if (!split)
            continue;
        const char *below = in_place(split) ? r->manifest->labels[0] : split;
        int n = snprintf(path, sizeof path, "%s/%s", root, below);
        if (n > 0 && (size_t)n < sizeof path && as_path_exists(path))
            return true;
    }
    return false;
}

/* The folder the layout starts in: r->path, or the one folder in it that holds a split. */
static assay_status find_root(const reading *r, char *root, size_t size, assay_error *error) {
    char candidate[PATH_MAX];
    bool found = false, any = false;
    assay_status status = ASSAY_OK;
    snprintf(root, size, "%s", r->path);
    if (holds_split(r, root))
        return ASSAY_OK;
    DIR *folder = opendir(r->path);
    if (!folder)
        return fail_errno(error, r->path, "cannot open the folder");
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        any = true;
        int n = snprintf(candidate, sizeof candidate, "%s/%s", r->path, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof candidate || !holds_split(r, candidate))
            continue;
        if (found)
            status = as_fail(error, ASSAY_BAD_DATA, r->path,
                             "holds the data set twice, in \"%s\" and \"%s\"; give one of them",
                             root, candidate);
        found = true;
        snprintf(root, size, "%s", candidate);
    }
    closedir(folder);
    if (status == ASSAY_OK && !any)
        return assay_fail(error, ASSAY_BAD_DATA, r->path, "the folder is empty");
    if (status == ASSAY_OK && !found) {
        const char *split = NULL;
        for (int s = 0; s <= AS_SPLIT_COUNT && !split; s++)
            split = r->manifest->splits[s];
        status = as_fail(error, ASSAY_BAD_DATA, r->path,
                         "has another layout; expected %s/%s/FILE and so on in it, or in one "
                         "folder in it",
                         split, r->manifest->labels[0]);
    }
    return status;
}

static assay_status read_folder(reading *r, assay_error *error) {
    char root[PATH_MAX];
    assay_status status = find_root(r, root, sizeof root, error);
    for (int s = 0; s <= AS_SPLIT_COUNT && status == ASSAY_OK; s++)
        for (uint32_t k = 0; r->manifest->splits[s] && k < r->manifest->n_labels; k++)
            if ((status = read_label(r, root, (as_split)s, k, error)) != ASSAY_OK)
                break;
    return status;
}

assay_status as_read_folders(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error) {
    static const as_archive_limits limits = {AS_MAX_ROWS, AS_MAX_TEXT_BYTES, AS_MAX_TOTAL_BYTES};
    reading r = {.manifest = manifest, .dataset = dataset, .path = path, .suffix = ""};
    struct stat info;
    assay_status status =
        as_json_get_string(manifest->reader, "suffix", manifest->file, &r.suffix, error);
    if (status != ASSAY_OK)
        return status;
    if (stat(path, &info) != 0)
        return fail_errno(error, path, "cannot read the data set");
    if (S_ISDIR(info.st_mode))
        return read_folder(&r, error);
    if (!S_ISREG(info.st_mode))
        return assay_fail(error, ASSAY_BAD_DATA, path, "is neither a folder nor an archive");
    as_archive_visitor visitor = {&r, archive_wants, archive_content};
    return as_archive_each(path, &limits, &visitor, error);
}
