/* SPDX-License-Identifier: MIT */
/* data/manifest.h: a resource's manifest (suites/resources/NAME.json), checked against
 * suites/schema/resource.schema.json. A data set of one's own is such a file and needs no code:
 *
 *     { "schema_version": 1, "name": "mine", "kind": "dataset", "license": "CC0-1.0",
 *       "reader": { "format": "folders" }, "splits": { "train": "train", "test": "test" },
 *       "labels": ["neg", "pos"] }
 */
#ifndef AS_DATA_MANIFEST_H
#define AS_DATA_MANIFEST_H

#include "data/data.h"

typedef struct as_source {
    const char *path;           /* on this machine, absolute; NULL: none */
    const char *file;           /* name it is kept under; NULL: none, it has no url */
    const char *url;            /* where to get it; NULL: none */
    const char *const *mirrors; /* [n_mirrors] */
    size_t n_mirrors;
    uint64_t bytes;      /* 0: not stated */
    const char *sha256;  /* of the file; NULL: not stated */
    const char *package; /* Debian package that brings the path; NULL: none */
} as_source;

typedef struct as_manifest {
    const char *file;                                       /* of the manifest */
    const char *name, *license, *citation, *content_sha256; /* the last two may be NULL */
    const char *kind;                                       /* "dataset", "weights", ... */
    const char *format;                                     /* of the reader; NULL: no data set */
    const json_t *reader;                                   /* its options */
    const char *splits[AS_SPLIT_COUNT + 1]; /* path in the source, by as_split; NULL: no such */
    const char *const *split_paths[AS_SPLIT_COUNT + 1]; /* every path of the split, NULL at the end,
                                                           splits[] the first; NULL: no such */
    const json_t *split_files[AS_SPLIT_COUNT + 1]; /* {label: path}, instead of a path; or NULL */
    const char *const *labels;                     /* NULL: in order of appearance in train */
    uint32_t n_labels;
    const json_t *label_map; /* NULL: none */
    bool archive_order;      /* of rows */
    struct {
        uint64_t entries, text_bytes, total_bytes; /* 0: not stated */
    } limits;
    const json_t *files;         /* {role: name}, of weights, vocabularies, embeddings; else NULL */
    int64_t dimensions, n_words; /* of embeddings; 0: not stated */
    const as_source *sources;
    size_t n_sources;
    json_t *json; /* owns the strings above */
} as_manifest;

/* [any] Loads a manifest by resource name, or by path when it holds a '/' or ends in ".json".
 * NOT_FOUND suggests the nearest name. Release with as_manifest_done before the arena. */
ASSAY_MUST_USE assay_status as_manifest_load(as_arena *arena, const char *resource,
                                             as_manifest *ret_manifest, assay_error *error);
/* [any] The same from bytes in memory; `file` stands for the manifest's path in errors, and paths
 * in it are relative to its folder. */
ASSAY_MUST_USE assay_status as_manifest_parse(as_arena *arena, const char *bytes, size_t n_bytes,
                                              const char *file, as_manifest *ret_manifest,
                                              assay_error *error);
void as_manifest_done(as_manifest *manifest);

/* [any] Where the resource's content lies: `path` if given, else in the data folder (see
 * as_prepare), else a source's own path; that one's SHA-256 is verified where stated. NOT_FOUND
 * says where it was looked for and how to get it. */
ASSAY_MUST_USE assay_status as_manifest_locate(as_arena *arena, const as_manifest *manifest,
                                               const char *path, const char *data_dir,
                                               const char **ret_path, assay_error *error);

/* [any] A label as the source has it -> *ret_name, the one of the manifest's labels (or itself
 * where those are left out), or NULL: its texts are left out. BAD_DATA at `where` when the manifest
 * has labels and this is none of them. */
ASSAY_MUST_USE assay_status as_manifest_label(const as_manifest *manifest, const char *name,
                                              const char *where, const char **ret_name,
                                              assay_error *error);

/* [any] Does a relative path lead below the folder it starts in? Absolute, empty or with "..": no.
 */
bool as_path_stays_inside(const char *path);

#endif
