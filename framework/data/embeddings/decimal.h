/* SPDX-License-Identifier: MIT */
/* data/embeddings/decimal.h: decimal numbers to floats, fast and correctly rounded. */
#ifndef AS_DATA_EMBEDDINGS_DECIMAL_H
#define AS_DATA_EMBEDDINGS_DECIMAL_H

#include <stdbool.h>

/* [any] Reads a number ([+-] digits [. digits] [e [+-] digits], a digit before or after the point)
 * at `text`, whose last byte (a line feed, say) is not part of one. What strtof gives in the "C"
 * locale; false for anything else, and for one too large for a float. *ret_end stands behind it. */
bool as_decimal_read(const char *text, const char **ret_end, float *ret_value);

#endif
