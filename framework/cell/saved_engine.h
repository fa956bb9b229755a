/* SPDX-License-Identifier: MIT */
/* cell/saved_engine.h: a saved cell's engine and buffers. Private to saved*.c. */
#ifndef AS_CELL_SAVED_ENGINE_H
#define AS_CELL_SAVED_ENGINE_H

/* [main] NULL allowed. */
void as_saved_engine_free(struct as_saved_engine *engine);

#endif
