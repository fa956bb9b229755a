/* SPDX-License-Identifier: MIT */
/* data/resources/resources.h: a file of a resource that is no data set: the vocabulary of a
 * tokenizer, the vectors of embeddings, the weights or configuration of a model.
 *
 *     status = as_resource_file(arena, "bert-base-uncased-vocabulary", "vocabulary", "vocabulary",
 *                               NULL, &path, &member, error);
 *
 * The name may be a resource's (of any kind whose manifest lists such a file: "bert-base-uncased"
 * has a vocabulary too), a manifest's path, or the path of the file itself, of an archive with it
 * or of a folder with it under its usual name (vocab.txt, tokenizer.json, model.safetensors, ...).
 */
#ifndef AS_DATA_RESOURCES_RESOURCES_H
#define AS_DATA_RESOURCES_RESOURCES_H

#include "data/resources/manifest.h"

/* [any] The file of `role` (a manifest's files: "vocabulary", "tokenizer", "tokenizer_config",
 * "weights", "config", "vectors"): *ret_path in `arena`, *ret_member its name in that archive, or
 * NULL when *ret_path is the file (which may be compressed). `kind` is the kind of resource that
 * was expected, for messages; data_dir as in as_prepare. NOT_FOUND says how to get it,
 * INVALID_ARGUMENT that the resource has no such file. */
ASSAY_MUST_USE assay_status as_resource_file(as_arena *arena, const char *name_or_path,
                                             const char *kind, const char *role,
                                             const char *data_dir, const char **ret_path,
                                             const char **ret_member, assay_error *error);

/* [any] Does the name end as an archive's does (.zip, .tar, .tar.xz, ...)? */
bool as_is_archive_name(const char *path);

#endif
