/* SPDX-License-Identifier: MIT */
/* onednn/kernels_begin.h: headers of the kernel files, included before any instruction set is
 * chosen so that library functions keep the build's own. */
#ifndef ONEDNN_KERNELS_BEGIN_H
#define ONEDNN_KERNELS_BEGIN_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "assay/backend.h"
#include "kernels.h"

#endif
