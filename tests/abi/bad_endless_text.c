/* SPDX-License-Identifier: MIT */
/* A version text longer than anybody writes. */
#include "valid.h"

SPOILED_PLUGIN("bad_endless_text", static char text[5000]; memset(text, 'x', sizeof text - 1);
               p.version = text;)
