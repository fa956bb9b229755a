/* SPDX-License-Identifier: MIT */
/* Initial values: one random stream per parameter, keyed by its name, so that adding or reordering
 * layers leaves the other layers' weights alone. */
#include "train/init.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

static double truncated_normal(as_random *random) {
    double x;
    do
        x = as_random_normal(random);
    while (fabs(x) > 2);
    return x;
}

/* Vector v of n, each of `length` elements `step` apart; vectors start `stride` apart. */
typedef struct vectors {
    double *values;
    int64_t n, length, stride, step;
} vectors;

static double dot(const vectors *v, int64_t a, int64_t b) {
    double sum = 0;
    for (int64_t i = 0; i < v->length; i++)
        sum += v->values[a * v->stride + i * v->step] * v->values[b * v->stride + i * v->step];
    return sum;
}

/* Takes what lies in the direction of unit vector `of` out of vector `from`. */
static void project_out(const vectors *v, int64_t from, int64_t of) {
    double share = dot(v, from, of);
    for (int64_t i = 0; i < v->length; i++)
        v->values[from * v->stride + i * v->step] -=
            share * v->values[of * v->stride + i * v->step];
}

/* Modified Gram-Schmidt, twice for each vector (Giraud et al. 2005: enough for orthogonality to
 * rounding). R's diagonal are lengths, so above 0: this is the Q that Keras takes. A vector that
 * lies in those before it is drawn again. */
static void orthonormalise(const vectors *v, as_random *random) {
    for (int64_t k = 0; k < v->n; k++) {
        double length = 0;
        while (length < 1e-6) {
            for (int64_t i = 0; i < v->length; i++)
                v->values[k * v->stride + i * v->step] = as_random_normal(random);
            for (int pass = 0; pass < 2; pass++)
                for (int64_t j = 0; j < k; j++)
                    project_out(v, k, j);
            length = sqrt(dot(v, k, k));
        }
        for (int64_t i = 0; i < v->length; i++)
            v->values[k * v->stride + i * v->step] /= length;
    }
}

static assay_status draw_orthogonal(const assay_parameter_info *parameter, as_random *random,
                                    double *values, assay_error *error) {
    int64_t rows = parameter->dims[0], columns = parameter->dims[1];
    const vectors of_columns = {values, columns, rows, 1, columns};
    const vectors of_rows = {values, rows, columns, columns, 1};
    if (parameter->rank != 2)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, parameter->name,
                       "has rank %d; only a matrix can be orthogonal", (int)parameter->rank);
    orthonormalise(rows >= columns ? &of_columns : &of_rows, random);
    for (int64_t i = 0; i < parameter->n_elements; i++)
        values[i] *= parameter->init.scale;
    return ASSAY_OK;
}

static assay_status draw(const assay_parameter_info *parameter, as_random *random, double *values,
                         assay_error *error) {
    double scale = parameter->init.scale;
    int64_t n = parameter->n_elements, quarter = n / 4;
    for (int64_t i = 0; i < n; i++) {
        switch (parameter->init.kind) {
        case ASSAY_INIT_CONSTANT:
            values[i] = scale;
            break;
        case ASSAY_INIT_UNIFORM:
            values[i] = scale * (2.0 * as_random_uniform(random) - 1.0);
            break;
        case ASSAY_INIT_NORMAL:
            values[i] = scale * as_random_normal(random);
            break;
        case ASSAY_INIT_TRUNCATED_NORMAL:
            values[i] = scale * truncated_normal(random);
            break;
        case ASSAY_INIT_ORTHOGONAL:
            return draw_orthogonal(parameter, random, values, error);
        case ASSAY_INIT_FORGET_GATE:
            if (parameter->rank != 1 || n % 4 != 0)
                return as_fail(error, ASSAY_INVALID_ARGUMENT, parameter->name,
                               "has rank %d and %lld elements; an LSTM's bias is a vector of four "
                               "gates",
                               (int)parameter->rank, (long long)n);
            values[i] = i >= quarter && i < 2 * quarter ? scale : 0;
            break;
        default:
            return as_fail(error, ASSAY_INVALID_ARGUMENT, parameter->name,
                           "unknown initialisation %d; expected an ASSAY_INIT_* constant",
                           (int)parameter->init.kind);
        }
    }
    return ASSAY_OK;
}

assay_status as_init_parameter(const assay_parameter_info *parameter, uint64_t seed, double *values,
                               assay_error *error) {
    if (parameter->values) {
        memcpy(values, parameter->values, (size_t)parameter->n_elements * sizeof *values);
        return ASSAY_OK;
    }
    as_random random = as_random_init(seed, as_hash64(parameter->name));
    assay_status status = draw(parameter, &random, values, error);
    for (int64_t i = 0; status == ASSAY_OK && i < parameter->n_elements; i++)
        values[i] = (double)(float)values[i];
    return status;
}
