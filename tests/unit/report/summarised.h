/* SPDX-License-Identifier: MIT */
/* summarised.h: a run of fixture cells (../results/fixture.h), read back and summarised. */
#ifndef SUMMARISED_H
#define SUMMARISED_H

#include "fixture.h"
#include "report/aggregate.h"

typedef struct summarised {
    char *folder;
    as_run *run;
    as_arena *arena;
    as_summary s;
} summarised;

static inline summarised summarise(const fixture_cell *cells, size_t n) {
    summarised t = {fixture_folder(), NULL, as_arena_new(), {0}};
    assay_error error = ASSAY_ERROR_INIT;
    fixture_run(t.folder, cells, n, NULL);
    cr_assert_eq(as_run_read(t.folder, 1, &t.run, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_summarise(t.arena, t.run, &t.s, &error), ASSAY_OK, "%s", error.text);
    return t;
}

static inline void summarised_done(summarised *t) {
    as_run_free(t->run);
    as_arena_free(t->arena);
    cr_assert_eq(as_remove_folder(t->folder, NULL), ASSAY_OK);
    free(t->folder);
}

#endif
