/* SPDX-License-Identifier: MIT */
/* Bytes as a manifest: refused with a place and a reason, or every field holds what the header
 * promises. */
#include <stdlib.h>
#include <string.h>

#include "data/resources/manifest.h"
#include "data/resources/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void require(bool holds) {
    if (!holds)
        abort();
}

static void check_sources(const as_manifest *m) {
    for (size_t i = 0; i < m->n_sources; i++) {
        const as_source *s = &m->sources[i];
        require(s->path || s->url || s->file);
        require(!s->url || s->file);
        require(!s->file || (s->file[0] && s->file[0] != '.' && !strchr(s->file, '/')));
        require(!s->sha256 || strlen(s->sha256) == 64);
        for (size_t k = 0; k < s->n_mirrors; k++)
            require(s->mirrors[k] && s->mirrors[k][0]);
    }
}

static void check_dataset(const as_manifest *m) {
    bool any = false;
    require(m->format && m->reader && !m->files);
    for (uint32_t k = 0; k < m->n_labels; k++)
        require(m->labels[k] && m->labels[k][0]);
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) {
        any = any || m->splits[s] || m->split_files[s];
        require(!m->splits[s] == !m->split_paths[s]);
        for (size_t i = 0; m->split_paths[s] && m->split_paths[s][i]; i++)
            require(as_path_stays_inside(m->split_paths[s][i]));
    }
    require(any || strcmp(m->format, "synthetic") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *const names[] = {"neg", "pos", "a", "", "\xff"};
    as_arena *arena = as_arena_new();
    as_manifest m;
    assay_error error = ASSAY_ERROR_INIT;
    const char *found = NULL;
    require(arena);
    if (as_manifest_parse(arena, (const char *)bytes, n, "/nonexistent/m.json", &m, &error) !=
        ASSAY_OK) {
        require(error.text[0] && error.where[0]);
        as_arena_free(arena);
        return 0;
    }
    require(m.name[0] && m.license[0] && !strchr(m.name, '/'));
    check_sources(&m);
    if (strcmp(m.kind, "dataset") == 0)
        check_dataset(&m);
    else
        require(m.files && !m.format);
    for (size_t i = 0; m.format && i < sizeof names / sizeof names[0]; i++)
        if (as_manifest_label(&m, names[i], "x:1", &found, &error) == ASSAY_OK && found)
            require(found[0] || !names[i][0]);
    if (as_manifest_locate(arena, &m, NULL, "/nonexistent", &found, &error) == ASSAY_OK)
        require(found);
    as_manifest_done(&m);
    as_arena_free(arena);
    return 0;
}
