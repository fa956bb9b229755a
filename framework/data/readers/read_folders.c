/* SPDX-License-Identifier: MIT */
/* One text a file, one folder a label: SPLIT/LABEL/FILE, in a folder or straight out of an archive,
 * with or without one folder above it all (aclImdb/train/pos/0_9.txt). SPLIT is a path that the
 * manifest gives ("." for files that lie in LABEL/FILE). What lies higher or deeper and hidden
 * names (.DS_Store, ._x) are passed over; with a `suffix` so is every other file. A folder of texts
 * that is no label of the manifest is an error: label_map says which are left out. Without labels
 * in the manifest every folder is one.
 *
 * A row's name is FILE; where label_map gives the folder another label, LABEL/FILE, since files of
 * two folders may be called the same. A UTF-8 byte order mark at the start of a file is dropped. */
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
#include "data/readers/reader.h"
#include "data/resources/archive.h"

enum { TOP_BYTES = 256 };

typedef struct reading {
    const as_manifest *manifest;
    as_dataset *dataset;
    as_decoder decoder;
    const as_text_filter *filter; /* NULL: texts stay as they are */
    const char *path;             /* folder or archive */
    const char *suffix;           /* "" for any */
    char top[TOP_BYTES];          /* the folder above it all, once seen; "" is none */
    bool top_known;
    char unknown[PATH_MAX]; /* first file of a folder that is no label; "" for none */
    size_t n_unknown_top;   /* length of the folder above it all, were it one */
} reading;

/* A file's place in the layout. */
typedef struct place {
    as_split split;
    const char *label, *file; /* label: [n_label] */
    size_t n_label;
    size_t n_top; /* length of the folder above it all; 0: none */
} place;

static bool wanted_name(const reading *r, const char *name) {
    size_t n = strlen(name), n_suffix = strlen(r->suffix);
    return name[0] != '.' && n > n_suffix && strcmp(name + n - n_suffix, r->suffix) == 0;
}

static bool in_place(const char *split) {
    return strcmp(split, ".") == 0;
}

/* Is a folder a label, or may it be one? */
static bool is_label(const reading *r, const char *name, size_t n) {
    char text[NAME_MAX + 1];
    if (!r->manifest->labels)
        return true;
    if (n > NAME_MAX)
        return false;
    memcpy(text, name, n);
    text[n] = '\0';
    if (json_object_get(r->manifest->label_map, text))
        return true;
    for (uint32_t k = 0; k < r->manifest->n_labels; k++)
        if (strcmp(r->manifest->labels[k], text) == 0)
            return true;
    return false;
}

/* Decodes, filters and adds one text. */
static assay_status add_text(reading *r, as_split split, const char *label, size_t n_label,
                             const char *file, const char *data, size_t n_bytes, const char *where,
                             assay_error *error) {
    char name[2 * NAME_MAX + 2];
    uint32_t index;
    bool skip;
    bool mark = r->decoder.encoding == AS_ENCODING_UTF8 && n_bytes >= 3 &&
                memcmp(data, "\xef\xbb\xbf", 3) == 0;
    assay_status status =
        as_dataset_label(r->dataset, r->manifest, label, n_label, where, &index, &skip, error);
    if (status != ASSAY_OK || skip)
        return status;
    status = as_decode(&r->decoder, data + 3 * mark, n_bytes - 3 * (size_t)mark, where, 3 * mark,
                       &data, &n_bytes, error);
    if (status == ASSAY_OK && r->filter)
        status = r->filter->filter(r->filter->context, data, n_bytes, &data, &n_bytes, error);
    if (status != ASSAY_OK)
        return status;
    const char *mapped = r->dataset->labels[index];
    if (strlen(mapped) != n_label || memcmp(mapped, label, n_label) != 0) {
        snprintf(name, sizeof name, "%.*s/%s", (int)n_label, label, file);
        file = name;
    }
    return as_dataset_add(r->dataset, split, index, file, data, n_bytes, where, error);
}

static assay_status fail_unknown(const reading *r, const char *label, size_t n_label,
                                 const char *where, assay_error *error) {
    const char *ignored;
    char *name = strndup(label, n_label);
    if (!name)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for a label");
    assay_status status = as_manifest_label(r->manifest, name, where, &ignored, error);
    free(name);
    return status;
}

/* ---- archives ---------------------------------------------------------------------------------*/

/* Matches SPLIT/LABEL/FILE from the start of `path`. */
static bool match(const reading *r, const char *path, place *ret_place) {
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const char *const *splits = r->manifest->split_paths[s];
        for (size_t i = 0; splits && splits[i]; i++) {
            const char *rest = path;
            size_t n = strlen(splits[i]);
            if (!in_place(splits[i])) {
                if (strncmp(path, splits[i], n) != 0 || path[n] != '/')
                    continue;
                rest = path + n + 1;
            }
            const char *slash = strchr(rest, '/');
            if (!slash || rest[0] == '.' || strchr(slash + 1, '/') || !wanted_name(r, slash + 1))
                continue;
            *ret_place = (place){(as_split)s, rest, slash + 1, (size_t)(slash - rest), 0};
            return true;
        }
    }
    return false;
}

/* As match, with or without a top folder: the way that gives a label, if any. */
static bool match_below_top(const reading *r, const char *path, place *ret_place) {
    place plain, below;
    const char *slash = strchr(path, '/');
    bool is_plain = match(r, path, &plain), is_below = slash && match(r, slash + 1, &below);
    if (is_below)
        below.n_top = (size_t)(slash - path);
    if (is_below && (!is_plain || (!is_label(r, plain.label, plain.n_label) &&
                                   is_label(r, below.label, below.n_label))))
        *ret_place = below;
    else if (is_plain)
        *ret_place = plain;
    return is_plain || is_below;
}

/* All texts lie under one top folder; remembers it. */
static assay_status check_top(reading *r, const char *path, size_t n_top, assay_error *error) {
    if (n_top >= TOP_BYTES)
        return as_fail(error, ASSAY_BAD_DATA, r->path, "its top folder has a name of %zu bytes",
                       n_top);
    if (!r->top_known) {
        memcpy(r->top, path, n_top);
        r->top[n_top] = '\0';
        r->top_known = true;
    } else if (strlen(r->top) != n_top || memcmp(r->top, path, n_top) != 0) {
        return as_fail(error, ASSAY_BAD_DATA, r->path,
                       "holds the data set twice, in \"%s\" and \"%.*s\"; keep one%s", r->top,
                       (int)n_top, path,
                       r->manifest->labels ? "" : ", or state the labels in the manifest");
    }
    return ASSAY_OK;
}

static assay_status archive_wants(void *context, const char *path, bool *ret_wanted,
                                  assay_error *error) {
    reading *r = context;
    place at;
    bool skip = false;
    uint32_t ignored;
    *ret_wanted = false;
    if (!match_below_top(r, path, &at))
        return ASSAY_OK;
    if (!is_label(r, at.label, at.n_label)) {
        if (!r->unknown[0]) { /* whether it matters shows once the top folder is known */
            snprintf(r->unknown, sizeof r->unknown, "%s", path);
            r->n_unknown_top = at.n_top;
        }
        return ASSAY_OK;
    }
    assay_status status = as_dataset_label(r->dataset, r->manifest, at.label, at.n_label, r->path,
                                           &ignored, &skip, error);
    *ret_wanted = !skip;
    return status == ASSAY_OK && !skip ? check_top(r, path, at.n_top, error) : status;
}

static assay_status archive_content(void *context, const char *path, const char *data,
                                    size_t n_bytes, const char *where, assay_error *error) {
    reading *r = context;
    place at;
    if (!match_below_top(r, path, &at)) /* it matched when it was wanted */
        return assay_fail(error, ASSAY_INTERNAL, where, "lost its place in the layout");
    return add_text(r, at.split, at.label, at.n_label, at.file, data, n_bytes, where, error);
}

static assay_status read_archive(reading *r, assay_error *error) {
    const as_archive_limits limits = {r->dataset->limits.rows, r->dataset->limits.text_bytes,
                                      r->dataset->limits.total_bytes};
    const as_archive_visitor visitor = {r, archive_wants, archive_content};
    place at;
    assay_status status = as_archive_each(r->path, &limits, &visitor, error);
    if (status != ASSAY_OK || !r->unknown[0] || !r->top_known ||
        strlen(r->top) != r->n_unknown_top || memcmp(r->top, r->unknown, r->n_unknown_top) != 0 ||
        !match_below_top(r, r->unknown, &at))
        return status;
    as_where where = as_where_join(r->path, ":", r->unknown);
    return fail_unknown(r, at.label, at.n_label, where.text, error);
}

/* ---- folders ----------------------------------------------------------------------------------*/

static assay_status fail_errno(assay_error *error, const char *path, const char *what) {
    return as_fail(error, ASSAY_IO, path, "%s: %s", what, strerror(errno));
}

/* Reads size bytes of an open file into malloc'ed memory. */
static assay_status read_bytes(int fd, size_t size, const char *where, char **ret_data,
                               assay_error *error) {
    assay_status status = ASSAY_OK;
    size_t used = 0;
    char *data = malloc(size + 1);
    if (!data)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to read it");
    while (used < size && status == ASSAY_OK) {
        ssize_t n = read(fd, data + used, size - used);
        if (n > 0)
            used += (size_t)n;
        else if (n == 0)
            status = assay_fail(error, ASSAY_IO, where, "changed while it was read");
        else if (errno != EINTR)
            status = fail_errno(error, where, "cannot read");
    }
    if (status == ASSAY_OK)
        *ret_data = data;
    else
        free(data);
    return status;
}

/* Reads one file of an open folder. Links are refused as in archives: what a name stands for must
 * not depend on the machine. */
static assay_status read_file(reading *r, int folder, const char *label, const char *name,
                              as_split split, const char *where, assay_error *error) {
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
    if ((uint64_t)info.st_size > r->dataset->limits.text_bytes) {
        status =
            as_fail(error, ASSAY_LIMIT, where, "has %lld bytes; at most %llu are read",
                    (long long)info.st_size, (unsigned long long)r->dataset->limits.text_bytes);
        goto done;
    }
    if ((status = read_bytes(fd, (size_t)info.st_size, where, &data, error)) == ASSAY_OK)
        status = add_text(r, split, label, strlen(label), name, data, (size_t)info.st_size, where,
                          error);
done:
    free(data);
    close(fd);
    return status;
}

/* Reads every text of one label's folder, or refuses it as unknown once it holds one. */
static assay_status read_label(reading *r, const char *split_path, const char *label,
                               as_split split, assay_error *error) {
    char path[PATH_MAX];
    assay_status status = ASSAY_OK;
    bool known = is_label(r, label, strlen(label));
    int n = snprintf(path, sizeof path, "%s/%s", split_path, label);
    if (n < 0 || (size_t)n >= sizeof path)
        return as_fail(error, ASSAY_BAD_DATA, split_path, "its path is too long");
    DIR *folder = opendir(path);
    if (!folder && errno == ENOTDIR)
        return ASSAY_OK;
    if (!folder)
        return fail_errno(error, path, "cannot open the folder");
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));) {
        if (!wanted_name(r, entry->d_name))
            continue;
        as_where where = as_where_join(path, "/", entry->d_name);
        status = known ? read_file(r, dirfd(folder), label, entry->d_name, split, where.text, error)
                       : fail_unknown(r, label, strlen(label), where.text, error);
    }
    closedir(folder);
    return status;
}

/* Reads every label's folder of one split's path. */
static assay_status read_split(reading *r, const char *root, as_split split, const char *below,
                               assay_error *error) {
    char path[PATH_MAX];
    assay_status status = ASSAY_OK;
    int n = snprintf(path, sizeof path, "%s/%s", root, below);
    if (n < 0 || (size_t)n >= sizeof path)
        return as_fail(error, ASSAY_BAD_DATA, root, "its path is too long");
    DIR *folder = opendir(path);
    if (!folder && (errno == ENOENT || errno == ENOTDIR))
        return as_fail(error, ASSAY_BAD_DATA, path, "the folder of the split \"%s\" is missing",
                       as_split_name(split));
    if (!folder)
        return fail_errno(error, path, "cannot open the folder");
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            status = read_label(r, path, entry->d_name, split, error);
    closedir(folder);
    return status;
}

/* Does the folder hold a file that could be a text, or with `deeper` one of its folders? */
static bool holds_text(const reading *r, const char *path, bool deeper) {
    char below[PATH_MAX];
    bool found = false;
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        struct stat info;
        int n = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof below ||
            stat(below, &info) != 0)
            continue;
        found = deeper
                    ? S_ISDIR(info.st_mode) && is_label(r, entry->d_name, strlen(entry->d_name)) &&
                          holds_text(r, below, false)
                    : S_ISREG(info.st_mode) && wanted_name(r, entry->d_name);
    }
    closedir(folder);
    return found;
}

/* Does `root` hold the path of any split? */
static bool holds_split(const reading *r, const char *root) {
    char path[PATH_MAX];
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const char *const *splits = r->manifest->split_paths[s];
        for (size_t i = 0; splits && splits[i]; i++) {
            int n = snprintf(path, sizeof path, "%s/%s", root, splits[i]);
            if (in_place(splits[i]) ? holds_text(r, root, true)
                                    : n > 0 && (size_t)n < sizeof path && as_path_exists(path))
                return true;
        }
    }
    return false;
}

static assay_status fail_layout(const reading *r, assay_error *error) {
    const char *split = NULL;
    for (int s = 0; s <= AS_SPLIT_COUNT && !split; s++)
        split = r->manifest->splits[s];
    return as_fail(error, ASSAY_BAD_DATA, r->path,
                   "has another layout; expected %s/%s/FILE%s and so on in it, or in one folder in "
                   "it",
                   split, r->manifest->labels ? r->manifest->labels[0] : "LABEL", r->suffix);
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
    return status == ASSAY_OK && !found ? fail_layout(r, error) : status;
}

static assay_status read_folder(reading *r, assay_error *error) {
    char root[PATH_MAX];
    assay_status status = find_root(r, root, sizeof root, error);
    r->dataset->unordered = true;
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const char *const *splits = r->manifest->split_paths[s];
        for (size_t i = 0; status == ASSAY_OK && splits && splits[i]; i++)
            status = read_split(r, root, (as_split)s, splits[i], error);
    }
    return status;
}

/* ---- both -------------------------------------------------------------------------------------*/

assay_status as_read_labelled_files(const as_manifest *manifest, const char *path,
                                    const char *suffix, const as_text_filter *filter,
                                    as_dataset *dataset, assay_error *error) {
    struct stat info;
    reading *r = calloc(1, sizeof *r);
    if (!r)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory to read it");
    r->manifest = manifest;
    r->dataset = dataset;
    r->filter = filter;
    r->path = path;
    r->suffix = suffix;
    as_where where = as_where_join(manifest->file, "#", "/reader");
    assay_status status = as_decoder_init(manifest->reader, where.text, &r->decoder, error);
    if (status != ASSAY_OK)
        goto done;
    if (stat(path, &info) != 0)
        status = fail_errno(error, path, "cannot read the data set");
    else if (S_ISDIR(info.st_mode))
        status = read_folder(r, error);
    else if (S_ISREG(info.st_mode))
        status = read_archive(r, error);
    else
        status = assay_fail(error, ASSAY_BAD_DATA, path, "is neither a folder nor an archive");
    if (status == ASSAY_OK)
        status = as_dataset_take_replaced(dataset, &r->decoder, error);
    as_decoder_free(&r->decoder);
done:
    free(r);
    return status;
}

assay_status as_read_folders(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error) {
    const char *suffix = "";
    assay_status status =
        as_json_get_string(manifest->reader, "suffix", manifest->file, &suffix, error);
    if (status != ASSAY_OK)
        return status;
    return as_read_labelled_files(manifest, path, suffix, NULL, dataset, error);
}
