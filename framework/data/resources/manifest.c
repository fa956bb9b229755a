/* SPDX-License-Identifier: MIT */
/* Manifests: loading, checking, and finding what they describe. */
#include "data/resources/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

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

const char *as_manifest_where(as_arena *arena, const as_manifest *manifest, const char *pointer) {
    const char *where = format_path(arena, manifest->file, "#", pointer);
    return where ? where : manifest->file;
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

static assay_status fill_sources(as_arena *arena, as_manifest *manifest, assay_error *error) {
    const json_t *list = json_object_get(manifest->json, "sources"), *one;
    size_t n = json_array_size(list), i;
    as_source *sources = as_arena_alloc_array(arena, n, sizeof *sources);
    if (!sources)
        return no_memory(manifest->file, error);
    json_array_foreach(list, i, one) {
        const char *path = json_string_value(json_object_get(one, "path"));
        sources[i].path = beside(arena, manifest->file, path);
        if (path && !sources[i].path)
            return no_memory(manifest->file, error);
        sources[i].url = json_string_value(json_object_get(one, "url"));
        sources[i].sha256 = json_string_value(json_object_get(one, "sha256"));
        sources[i].package = json_string_value(json_object_get(one, "package"));
    }
    manifest->sources = sources;
    manifest->n_sources = n;
    return ASSAY_OK;
}

/* Labels and splits; what the schema cannot say about them is checked here. */
static assay_status fill_layout(as_arena *arena, as_manifest *manifest, assay_error *error) {
    const json_t *labels = json_object_get(manifest->json, "labels");
    const json_t *splits = json_object_get(manifest->json, "splits");
    size_t n = json_array_size(labels);
    const char **names = as_arena_alloc_array(arena, n, sizeof *names);
    if (!names)
        return no_memory(manifest->file, error);
    for (size_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_array_get(labels, i));
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0)
                return as_fail(error, ASSAY_BAD_DATA, as_manifest_where(arena, manifest, "/labels"),
                               "the label \"%s\" stands there twice", names[i]);
    }
    manifest->labels = names;
    manifest->n_labels = (uint32_t)n;
    for (int s = 0; s <= AS_SPLIT_COUNT; s++)
        manifest->splits[s] =
            json_string_value(json_object_get(splits, as_split_name((as_split)s)));
    if (manifest->splits[AS_SPLIT_ALL] && json_object_size(splits) > 1)
        return assay_fail(error, ASSAY_BAD_DATA, as_manifest_where(arena, manifest, "/splits"),
                          "\"all\" stands for undivided data; it cannot stand beside others");
    return ASSAY_OK;
}

assay_status as_manifest_load(as_arena *arena, const char *resource, as_manifest *ret_manifest,
                              assay_error *error) {
    as_manifest manifest = {0};
    assay_status status = ASSAY_OK;
    size_t n = strlen(resource);
    bool is_path = strchr(resource, '/') || (n > 5 && strcmp(resource + n - 5, ".json") == 0);
    if (is_path) {
        manifest.file = as_arena_strdup(arena, resource);
    } else {
        const char *relative = format_path(arena, "resources/", resource, ".json");
        if (relative &&
            (status = as_find_suite_file(arena, relative, &manifest.file, error)) != ASSAY_OK)
            return status;
    }
    if (!manifest.file)
        return no_memory(resource, error);
    if ((status = as_json_load(manifest.file, &manifest.json, error)) != ASSAY_OK)
        return status;
    if ((status = check_schema(arena, manifest.json, manifest.file, error)) != ASSAY_OK)
        goto fail;
    manifest.name = json_string_value(json_object_get(manifest.json, "name"));
    manifest.license = json_string_value(json_object_get(manifest.json, "license"));
    manifest.citation = json_string_value(json_object_get(manifest.json, "citation"));
    manifest.content_sha256 = json_string_value(json_object_get(manifest.json, "content_sha256"));
    manifest.reader = json_object_get(manifest.json, "reader");
    manifest.format = json_string_value(json_object_get(manifest.reader, "format"));
    if ((status = fill_sources(arena, &manifest, error)) != ASSAY_OK)
        goto fail;
    if ((status = fill_layout(arena, &manifest, error)) != ASSAY_OK)
        goto fail;
    *ret_manifest = manifest;
    return ASSAY_OK;
fail:
    json_decref(manifest.json);
    return status;
}

void as_manifest_done(as_manifest *manifest) {
    json_decref(manifest->json);
    *manifest = (as_manifest){0};
}

static assay_status verify(const as_source *source, assay_error *error) {
    as_sha256_hex found;
    if (!source->sha256)
        return ASSAY_OK;
    assay_status status = as_sha256_file(source->path, &found, error);
    if (status == ASSAY_OK && strcmp(found.text, source->sha256) != 0)
        status = as_fail(error, ASSAY_BAD_DATA, source->path,
                         "its SHA-256 is %s; the manifest wants %s: another version, or damaged",
                         found.text, source->sha256);
    return status;
}

/* NOT_FOUND with every way to get the resource. */
static assay_status fail_missing(const as_manifest *manifest, const char *folder,
                                 assay_error *error) {
    char text[sizeof error->text];
    size_t used;
    snprintf(text, sizeof text,
             "the data set is not on this machine: looked for %s/%s (folder or "
             "archive)",
             folder, manifest->name);
    for (size_t i = 0; i < manifest->n_sources; i++) {
        const as_source *source = &manifest->sources[i];
        used = strlen(text);
        if (source->path)
            snprintf(text + used, sizeof text - used, ", %s", source->path);
        used = strlen(text);
        if (source->package)
            snprintf(text + used, sizeof text - used, "; apt-get install %s brings it",
                     source->package);
        else if (source->url)
            snprintf(text + used, sizeof text - used, "; get it from %s", source->url);
    }
    used = strlen(text);
    snprintf(text + used, sizeof text - used, "; or give its place as data.path");
    return assay_fail(error, ASSAY_NOT_FOUND, manifest->name, text);
}

assay_status as_manifest_locate(as_arena *arena, const as_manifest *manifest, const char *path,
                                const char *data_dir, const char **ret_path, assay_error *error) {
    static const char *const endings[] = {"",        ".tar",     ".tar.gz",  ".tgz",
                                          ".tar.xz", ".tar.bz2", ".tar.zst", ".zip"};
    assay_error homeless = ASSAY_ERROR_INIT;
    const char *folder = NULL;
    assay_status status;
    if (path) {
        struct stat info;
        if (stat(path, &info) != 0)
            return as_fail(error, ASSAY_NOT_FOUND, path, "cannot read data.path: %s",
                           strerror(errno));
        *ret_path = path;
        return ASSAY_OK;
    }
    /* Without any home there is no such folder, but the source may still have a place of its own.
     */
    status = as_data_folder(arena, data_dir, &folder, &homeless);
    if (status != ASSAY_OK && status != ASSAY_NOT_FOUND)
        return assay_fail(error, status, homeless.where, homeless.text);
    for (size_t i = 0; folder && i < sizeof endings / sizeof endings[0]; i++) {
        const char *stem = format_path(arena, folder, "/", manifest->name);
        const char *candidate = stem ? format_path(arena, stem, endings[i], "") : NULL;
        if (!candidate)
            return no_memory(manifest->file, error);
        if (as_path_exists(candidate)) {
            *ret_path = candidate;
            return ASSAY_OK;
        }
    }
    for (size_t i = 0; i < manifest->n_sources; i++) {
        if (!manifest->sources[i].path || !as_path_exists(manifest->sources[i].path))
            continue;
        if ((status = verify(&manifest->sources[i], error)) == ASSAY_OK)
            *ret_path = manifest->sources[i].path;
        return status;
    }
    return fail_missing(manifest, folder ? folder : "$ASSAY_DATA_DIR", error);
}
