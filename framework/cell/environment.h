/* SPDX-License-Identifier: MIT */
/* cell/environment.h: the environment of a cell's process: what a program needs to find its files,
 * and the settings of OpenMP that the host decides. Nothing else comes through, so that a shell's
 * leftovers (OMP_*, MKL_*, DNNL_*) can't change a figure. */
#ifndef AS_CELL_ENVIRONMENT_H
#define AS_CELL_ENVIRONMENT_H

#include "base/arena.h"

/* [main] NULL-terminated "NAME=value" list in the arena; NULL when out of memory. */
const char **as_cell_environment(as_arena *arena, int32_t threads);

#endif
