/* SPDX-License-Identifier: MIT */
/* Initial values: one random stream per parameter, keyed by its name, so that adding or reordering
 * layers leaves the other layers' weights alone. */
#include "train/init.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"

assay_status as_init_parameter(const assay_parameter_info *parameter, uint64_t seed, double *values,
                               assay_error *error) {
    if (parameter->values) {
        memcpy(values, parameter->values, (size_t)parameter->n_elements * sizeof *values);
        return ASSAY_OK;
    }
    as_random random = as_random_init(seed, as_hash64(parameter->name));
    double scale = parameter->init.scale;
    for (int64_t i = 0; i < parameter->n_elements; i++) {
        double x;
        switch (parameter->init.kind) {
        case ASSAY_INIT_CONSTANT:
            x = scale;
            break;
        case ASSAY_INIT_UNIFORM:
            x = scale * (2.0 * as_random_uniform(&random) - 1.0);
            break;
        case ASSAY_INIT_NORMAL:
            x = scale * as_random_normal(&random);
            break;
        default:
            return as_fail(error, ASSAY_INVALID_ARGUMENT, parameter->name,
                           "unknown initialisation %d; expected ASSAY_INIT_CONSTANT, _UNIFORM or "
                           "_NORMAL",
                           (int)parameter->init.kind);
        }
        values[i] = (double)(float)x;
    }
    return ASSAY_OK;
}
