/* SPDX-License-Identifier: MIT */
/* data/splits/numpy_random.h: numpy.random.default_rng(seed).permutation(n), bit for bit, for
 * subsets that others drew with NumPy. What assay draws itself comes from base/random.h. */
#ifndef AS_DATA_SPLITS_NUMPY_RANDOM_H
#define AS_DATA_SPLITS_NUMPY_RANDOM_H

#include <stdint.h>

/* [any] Fills items[n] with the permutation of 0 .. n - 1 that NumPy gives for this seed. */
void as_numpy_permutation(uint64_t seed, uint32_t n, uint32_t *items);

#endif
