/* SPDX-License-Identifier: MIT */
/* Manifests: loading and checking, by the schema and then by what a schema cannot say. */
#include "data/resources/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/paths.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the manifest");
}

static char *format_path(as_arena *arena, const char *a, const char *b, const char *c) {
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *path = as_arena_alloc(arena, n);
    if (path)
        snprintf(path, n, "%s%s%s", a, b, c);
    return path;
}

static assay_status check_schema(as_arena *arena, const json_t *json, const char *file,
                                 assay_error *error) {
    const char *path;
    json_t *schema = NULL;
    assay_status status = as_find_suite_file(arena, "schema/resource.schema.json", &path, error);
    if (status == ASSAY_OK)
        status = as_json_load(path, &schema, error);
    if (status == ASSAY_OK)
        status = as_json_schema_check(schema, json, file, error);
    json_decref(schema);
    return status;
}

/* Paths in a manifest are relative to its folder. */
static const char *beside(as_arena *arena, const char *file, const char *path) {
    const char *slash = strrchr(file, '/');
    char *folder;
    if (!path || path[0] == '/' || !slash)
        return path;
    folder = as_arena_strndup(arena, file, (size_t)(slash - file + 1));
    return folder ? format_path(arena, folder, path, "") : NULL;
}

/* A place in the manifest: "imdb.json#/labels/0". */
static as_where place(const as_manifest *manifest, const char *pointer) {
    return as_where_join(manifest->file, "#", pointer);
}

static assay_status fail_at(const as_manifest *manifest, const char *pointer, const char *text,
                            assay_error *error) {
    return assay_fail(error, ASSAY_BAD_DATA, place(manifest, pointer).text, text);
}

/* ---- sources ----------------------------------------------------------------------------------*/

static bool is_hex(const char *text) {
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* A name that can stand in a folder without leading out of it or hiding. */
static bool is_file_name(const char *name) {
    return name[0] && name[0] != '.' && !strchr(name, '/');
}

bool as_path_stays_inside(const char *path) {
    for (const char *part = path; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return false;
        part += n + (part[n] == '/');
    }
    return path[0] && path[0] != '/';
}

/* The end of an address's path: "https://host/a/b.zip?x#y" gives "b.zip". */
static const char *end_of_url(as_arena *arena, const char *url) {
    size_t n = strcspn(url, "?#"), start = n;
    while (start && url[start - 1] != '/')
        start--;
    return as_arena_strndup(arena, url + start, n - start);
}

/* Refuses a source that could not be kept or found. */
static assay_status check_source(const as_manifest *manifest, const as_source *source,
                                 const char *pointer, assay_error *error) {
    if (!source->path && !source->url && !source->file)
        return fail_at(manifest, pointer, "has neither url, path nor file; expected one", error);
    if (source->n_mirrors && !source->url)
        return fail_at(manifest, pointer, "has mirrors but no url; expected one", error);
    if (source->sha256 && !is_hex(source->sha256))
        return fail_at(manifest, pointer, "sha256 is not 64 lower-case hexadecimal digits", error);
    if (source->file && !is_file_name(source->file))
        return as_fail(error, ASSAY_BAD_DATA, place(manifest, pointer).text,
                       "would be kept as \"%.80s\"; expected a file name: state it as file",
                       source->file);
    return ASSAY_OK;
}

static assay_status fill_source(as_arena *arena, const as_manifest *manifest, const json_t *json,
                                as_source *source, assay_error *error) {
    const json_t *mirrors = json_object_get(json, "mirrors"), *one;
    const char *path = json_string_value(json_object_get(json, "path"));
    size_t i;
    source->path = beside(arena, manifest->file, path);
    source->url = json_string_value(json_object_get(json, "url"));
    source->file = json_string_value(json_object_get(json, "file"));
    if (!source->file && source->url)
        source->file = end_of_url(arena, source->url);
    source->sha256 = json_string_value(json_object_get(json, "sha256"));
    source->package = json_string_value(json_object_get(json, "package"));
    source->bytes = (uint64_t)json_integer_value(json_object_get(json, "bytes"));
    source->n_mirrors = json_array_size(mirrors);
    const char **urls = as_arena_alloc_array(arena, source->n_mirrors, sizeof *urls);
    if (!urls || (path && !source->path) || (source->url && !source->file))
        return no_memory(manifest->file, error);
    json_array_foreach(mirrors, i, one) urls[i] = json_string_value(one);
    source->mirrors = urls;
    return ASSAY_OK;
}

static assay_status fill_sources(as_arena *arena, as_manifest *manifest, assay_error *error) {
    const json_t *list = json_object_get(manifest->json, "sources"), *one;
    size_t n = json_array_size(list), i;
    as_source *sources = as_arena_alloc_array(arena, n, sizeof *sources);
    if (!sources)
        return no_memory(manifest->file, error);
    json_array_foreach(list, i, one) {
        char pointer[40];
        assay_status status = fill_source(arena, manifest, one, &sources[i], error);
        snprintf(pointer, sizeof pointer, "/sources/%zu", i);
        if (status == ASSAY_OK)
            status = check_source(manifest, &sources[i], pointer, error);
        for (size_t k = 0; status == ASSAY_OK && k < i; k++)
            if (sources[i].file && sources[k].file && strcmp(sources[i].file, sources[k].file) == 0)
                status =
                    fail_at(manifest, pointer, "is kept under the name of another source", error);
        if (status != ASSAY_OK)
            return status;
    }
    manifest->sources = sources;
    manifest->n_sources = n;
    return ASSAY_OK;
}

/* ---- data sets --------------------------------------------------------------------------------*/

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static assay_status fill_labels(as_arena *arena, as_manifest *manifest, assay_error *error) {
    const json_t *labels = json_object_get(manifest->json, "labels"), *one;
    size_t n = json_array_size(labels), i;
    const char **names = as_arena_alloc_array(arena, n, sizeof *names);
    const char **sorted = as_arena_alloc_array(arena, n, sizeof *sorted);
    if (!names || !sorted)
        return no_memory(manifest->file, error);
    json_array_foreach(labels, i, one) names[i] = sorted[i] = json_string_value(one);
    qsort(sorted, n, sizeof *sorted, compare_names);
    for (i = 1; i < n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return as_fail(error, ASSAY_BAD_DATA, place(manifest, "/labels").text,
                           "the label \"%.80s\" stands there twice", sorted[i]);
    manifest->labels = n ? names : NULL;
    manifest->n_labels = (uint32_t)n;
    return ASSAY_OK;
}

static bool has_label(const as_manifest *manifest, const char *name) {
    for (uint32_t k = 0; k < manifest->n_labels; k++)
        if (strcmp(manifest->labels[k], name) == 0)
            return true;
    return false;
}

/* "X" is none of the labels, with the nearest. */
static assay_status fail_label(const as_manifest *manifest, const char *name, const char *where,
                               assay_error *error) {
    const char *near = as_nearest_name(name, manifest->labels, manifest->n_labels);
    return as_fail(error, ASSAY_BAD_DATA, where,
                   "the label \"%.80s\" is not in the manifest %.200s%s%s%s; add it to labels, or "
                   "to label_map (null leaves its texts out)",
                   name, manifest->file, near ? "; did you mean \"" : "", near ? near : "",
                   near ? "\"?" : "");
}

assay_status as_manifest_label(const as_manifest *manifest, const char *name, const char *where,
                               const char **ret_name, assay_error *error) {
    const json_t *mapped = json_object_get(manifest->label_map, name);
    const char *label = mapped ? json_string_value(mapped) : name;
    if (label && manifest->labels && !has_label(manifest, label))
        return fail_label(manifest, label, where, error);
    *ret_name = label;
    return ASSAY_OK;
}

static assay_status check_label_map(const as_manifest *manifest, assay_error *error) {
    const char *key, *ignored;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)manifest->label_map, key, value) {
        assay_status status =
            as_manifest_label(manifest, key, place(manifest, "/label_map").text, &ignored, error);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

/* Formats whose texts are files of their own, in folders. */
static bool is_folders(const as_manifest *manifest) {
    return strcmp(manifest->format, "folders") == 0 || strcmp(manifest->format, "news") == 0;
}

static bool is_generated(const as_manifest *manifest) {
    return strcmp(manifest->format, "synthetic") == 0;
}

static assay_status check_split_files(const as_manifest *manifest, const json_t *files,
                                      const char *where, assay_error *error) {
    const char *key, *ignored;
    json_t *value;
    assay_status status = ASSAY_OK;
    if (strcmp(manifest->format, "lines") != 0)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "gives a file for each label; only the format lines reads that");
    if (!json_object_size(files))
        return as_fail(error, ASSAY_BAD_DATA, where, "names no file");
    json_object_foreach((json_t *)(uintptr_t)files, key, value) {
        if (status == ASSAY_OK)
            status = as_manifest_label(manifest, key, where, &ignored, error);
        if (status == ASSAY_OK && !as_path_stays_inside(json_string_value(value)))
            status = as_fail(error, ASSAY_BAD_DATA, where,
                             "\"%.200s\" leads out of the source; give a path inside",
                             json_string_value(value));
    }
    return status;
}

/* One split: a path, several paths, or a file a label. */
static assay_status fill_split(as_arena *arena, as_manifest *manifest, as_split split,
                               const json_t *json, assay_error *error) {
    size_t n = json_is_array(json) ? json_array_size(json) : 1;
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/splits/%s", as_split_name(split));
    as_where where = place(manifest, pointer);
    if (json_is_object(json)) {
        manifest->split_files[split] = json;
        return check_split_files(manifest, json, where.text, error);
    }
    if (json_is_array(json) && !is_folders(manifest))
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "names several paths; only the formats folders and news read that");
    const char **paths = as_arena_alloc_array(arena, n + 1, sizeof *paths);
    if (!paths)
        return no_memory(manifest->file, error);
    for (size_t i = 0; i < n; i++) {
        paths[i] = json_string_value(json_is_array(json) ? json_array_get(json, i) : json);
        if (!as_path_stays_inside(paths[i]))
            return as_fail(error, ASSAY_BAD_DATA, where.text,
                           "\"%.200s\" leads out of the source; give a path inside", paths[i]);
    }
    manifest->split_paths[split] = paths;
    manifest->splits[split] = paths[0];
    return ASSAY_OK;
}

static assay_status fill_splits(as_arena *arena, as_manifest *manifest, assay_error *error) {
    static const char *const whole[] = {".", NULL};
    const json_t *splits = json_object_get(manifest->json, "splits");
    if (splits && is_generated(manifest))
        return fail_at(manifest, "/splits", "generated data has no paths; remove it", error);
    if (json_object_get(splits, "all") && json_object_size(splits) > 1)
        return fail_at(manifest, "/splits",
                       "\"all\" stands for undivided data; it cannot stand beside others", error);
    if (splits && !json_object_size(splits))
        return fail_at(manifest, "/splits", "names no split; leave it out for undivided data",
                       error);
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        const json_t *one = json_object_get(splits, as_split_name((as_split)s));
        assay_status status = one ? fill_split(arena, manifest, (as_split)s, one, error) : ASSAY_OK;
        if (status != ASSAY_OK)
            return status;
    }
    if (!splits && !is_generated(manifest)) {
        manifest->split_paths[AS_SPLIT_ALL] = whole;
        manifest->splits[AS_SPLIT_ALL] = whole[0];
    }
    return ASSAY_OK;
}

static assay_status fill_dataset(as_arena *arena, as_manifest *manifest, assay_error *error) {
    static const char *const foreign[] = {"files", "dimensions", "words"};
    const json_t *limits = json_object_get(manifest->json, "limits");
    assay_status status;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (json_object_get(manifest->json, foreign[i]))
            return as_fail(error, ASSAY_BAD_DATA, manifest->file,
                           "a data set has no field \"%s\"; remove it", foreign[i]);
    manifest->reader = json_object_get(manifest->json, "reader");
    if (!manifest->reader)
        return assay_fail(error, ASSAY_BAD_DATA, manifest->file,
                          "a data set needs the field \"reader\": how its source is read");
    manifest->format = json_string_value(json_object_get(manifest->reader, "format"));
    manifest->content_sha256 = json_string_value(json_object_get(manifest->json, "content_sha256"));
    if (manifest->content_sha256 && !is_hex(manifest->content_sha256))
        return fail_at(manifest, "/content_sha256", "is not 64 lower-case hexadecimal digits",
                       error);
    const char *order = json_string_value(json_object_get(manifest->json, "order"));
    manifest->archive_order = order && strcmp(order, "archive") == 0;
    manifest->limits.entries = (uint64_t)json_integer_value(json_object_get(limits, "entries"));
    manifest->limits.text_bytes =
        (uint64_t)json_integer_value(json_object_get(limits, "text_bytes"));
    manifest->limits.total_bytes =
        (uint64_t)json_integer_value(json_object_get(limits, "total_bytes"));
    manifest->label_map = json_object_get(manifest->json, "label_map");
    if ((status = fill_labels(arena, manifest, error)) != ASSAY_OK ||
        (status = check_label_map(manifest, error)) != ASSAY_OK)
        return status;
    return fill_splits(arena, manifest, error);
}

/* ---- other kinds ------------------------------------------------------------------------------*/

static const struct kind {
    const char *name, *role; /* role: the file it must have */
} kinds[] = {{"weights", "weights"}, {"vocabulary", "vocabulary"}, {"embeddings", "vectors"}};

static const char *const roles[] = {"weights",   "config",           "vocabulary",
                                    "tokenizer", "tokenizer_config", "vectors"};
enum { N_ROLES = sizeof roles / sizeof roles[0] };

static assay_status check_files(const as_manifest *manifest, const char *needed,
                                assay_error *error) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)manifest->files, key, value) {
        char text[sizeof error->text];
        size_t i = 0;
        while (i < N_ROLES && strcmp(roles[i], key) != 0)
            i++;
        if (i == N_ROLES) {
            as_json_describe_unknown(key, roles, N_ROLES, text, sizeof text);
            return fail_at(manifest, "/files", text, error);
        }
        if (!as_path_stays_inside(json_string_value(value)))
            return as_fail(error, ASSAY_BAD_DATA, place(manifest, "/files").text,
                           "\"%.200s\" leads out of the source; give a path inside",
                           json_string_value(value));
    }
    if (!json_object_get(manifest->files, needed))
        return as_fail(error, ASSAY_BAD_DATA, manifest->file,
                       "a resource of kind %s needs files.%s: which file of the source it is",
                       manifest->kind, needed);
    return ASSAY_OK;
}

static assay_status fill_other(as_manifest *manifest, assay_error *error) {
    static const char *const foreign[] = {"reader", "splits", "labels",        "label_map",
                                          "order",  "limits", "content_sha256"};
    size_t i = 0;
    for (; i < sizeof foreign / sizeof foreign[0]; i++)
        if (json_object_get(manifest->json, foreign[i]))
            return as_fail(error, ASSAY_BAD_DATA, manifest->file,
                           "only a data set has the field \"%s\"; remove it", foreign[i]);
    manifest->files = json_object_get(manifest->json, "files");
    manifest->dimensions = json_integer_value(json_object_get(manifest->json, "dimensions"));
    manifest->n_words = json_integer_value(json_object_get(manifest->json, "words"));
    if (strcmp(manifest->kind, "embeddings") != 0 && (manifest->dimensions || manifest->n_words))
        return assay_fail(error, ASSAY_BAD_DATA, manifest->file,
                          "only embeddings have dimensions and words; remove them");
    for (i = 0; strcmp(kinds[i].name, manifest->kind) != 0; i++)
        ;
    return check_files(manifest, kinds[i].role, error);
}

/* ---- loading ----------------------------------------------------------------------------------*/

/* Takes over `json`, whatever the status. */
static assay_status from_json(as_arena *arena, json_t *json, const char *file,
                              as_manifest *ret_manifest, assay_error *error) {
    as_manifest manifest = {.file = file, .json = json};
    assay_status status = check_schema(arena, json, file, error);
    if (status != ASSAY_OK)
        goto fail;
    manifest.name = json_string_value(json_object_get(json, "name"));
    manifest.kind = json_string_value(json_object_get(json, "kind"));
    manifest.license = json_string_value(json_object_get(json, "license"));
    manifest.citation = json_string_value(json_object_get(json, "citation"));
    if (!is_file_name(manifest.name)) {
        status = fail_at(&manifest, "/name",
                         "is also a folder's name: it has no '/' and starts with no '.'", error);
        goto fail;
    }
    if ((status = fill_sources(arena, &manifest, error)) != ASSAY_OK)
        goto fail;
    status = strcmp(manifest.kind, "dataset") == 0 ? fill_dataset(arena, &manifest, error)
                                                   : fill_other(&manifest, error);
    if (status != ASSAY_OK)
        goto fail;
    *ret_manifest = manifest;
    return ASSAY_OK;
fail:
    json_decref(json);
    return status;
}

assay_status as_manifest_parse(as_arena *arena, const char *bytes, size_t n_bytes, const char *file,
                               as_manifest *ret_manifest, assay_error *error) {
    json_t *json;
    const char *copy = as_arena_strdup(arena, file);
    if (!copy)
        return no_memory(file, error);
    assay_status status = as_json_parse(bytes, n_bytes, copy, &json, error);
    return status == ASSAY_OK ? from_json(arena, json, copy, ret_manifest, error) : status;
}

/* suites/resources/NAME.json. Who gives a suite's name instead is told so. */
static assay_status find_resource(as_arena *arena, const char *name, const char **ret_file,
                                  assay_error *error) {
    assay_error found = ASSAY_ERROR_INIT, ignored = ASSAY_ERROR_INIT;
    const char *relative = format_path(arena, "resources/", name, ".json"), *suite;
    if (!relative)
        return no_memory(name, error);
    assay_status status = as_find_suite_file(arena, relative, ret_file, &found);
    if (status != ASSAY_NOT_FOUND)
        return status == ASSAY_OK ? status : assay_fail(error, status, found.where, found.text);
    bool is_suite =
        as_find_suite_file(arena, relative + strlen("resources/"), &suite, &ignored) == ASSAY_OK;
    return as_fail(error, status, found.where, "%s%s\ndo     assay list resources", found.text,
                   is_suite ? "; a suite has that name: give its data.resource" : "");
}

assay_status as_manifest_load(as_arena *arena, const char *resource, as_manifest *ret_manifest,
                              assay_error *error) {
    const char *file = NULL;
    json_t *json;
    assay_status status = ASSAY_OK;
    size_t n = strlen(resource);
    bool is_path = strchr(resource, '/') || (n > 5 && strcmp(resource + n - 5, ".json") == 0);
    if (is_path) {
        file = as_arena_strdup(arena, resource);
    } else if ((status = find_resource(arena, resource, &file, error)) != ASSAY_OK) {
        return status;
    }
    if (!file)
        return no_memory(resource, error);
    if ((status = as_json_load(file, &json, error)) != ASSAY_OK)
        return status;
    return from_json(arena, json, file, ret_manifest, error);
}

void as_manifest_done(as_manifest *manifest) {
    json_decref(manifest->json);
    *manifest = (as_manifest){0};
}
