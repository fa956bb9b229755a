// SPDX-License-Identifier: MIT
// dnn_graph.cpp: the part of cuDNN that the cudnn backend calls, on the processor: handles, and
// backend graphs, run operation by operation as they are described (recurrent layers: dnn_rnn.cpp).
//
// Strict where engines leave something undefined: what lies behind a row's end, or outside a
// product's overrides, is no number, and is never written. Two engines take every graph, of which
// the first is not deterministic and must not be used;
// EMULATED_NO_ENGINES=1 leaves none, so that the backend's own kernels are tested.
#include <cudnn.h>
#include <map>
#include <math.h>
#include <memory>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <vector>

#define GPU_EMULATED
#include "emulated.h"
#include "emulated_types.h"
#include "emulator.h"

static std::string last_error;

static cudnnStatus_t refuse(cudnnStatus_t status, const std::string &why) {
    last_error = "emulated cuDNN: " + why;
    return status;
}

// ---- descriptors -----------------------------------------------------------------------------

enum { WORKSPACE_BYTES = 512 };

struct descriptor {
    cudnnBackendDescriptorType_t type;
    bool is_final;
    std::map<int, std::vector<unsigned char>> attributes;

    template <typename V> std::vector<V> all(int name) const {
        auto found = attributes.find(name);
        std::vector<V> values;
        if (found != attributes.end()) {
            values.resize(found->second.size() / sizeof(V));
            memcpy(values.data(), found->second.data(), values.size() * sizeof(V));
        }
        return values;
    }
    template <typename V> V one(int name, V absent) const {
        std::vector<V> values = all<V>(name);
        return values.empty() ? absent : values[0];
    }
    const descriptor *part(int name) const {
        return one<const descriptor *>(name, nullptr);
    }
};

static size_t size_of(cudnnBackendAttributeType_t type) {
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    default:
        return 4;
    }
}

// ---- tensors ---------------------------------------------------------------------------------

// Values of a tensor in row-major order of its dims.
struct values {
    std::vector<int64_t> dims;
    std::vector<double> data;

    explicit values(const std::vector<int64_t> &shape) : dims(shape) {
        size_t n = 1;
        for (int64_t dim : dims)
            n *= (size_t)dim;
        data.assign(n, 0);
    }
    // Of an index of 4, with dims of 1 repeated.
    double &at(int64_t a, int64_t b, int64_t c, int64_t d) {
        int64_t index[4] = {a, b, c, d}, offset = 0;
        for (size_t i = 0; i < dims.size(); i++)
            offset = offset * dims[i] + (dims[i] == 1 ? 0 : index[i]);
        return data[(size_t)offset];
    }
};

typedef std::map<const descriptor *, std::shared_ptr<values>> table;

// A run: where tensors stand, and what has been computed.
struct execution {
    std::map<int64_t, void *> places;
    table computed;
};

static std::vector<int64_t> dims_of(const descriptor *tensor) {
    std::vector<int64_t> dims = tensor->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS);
    while (dims.size() < 4)
        dims.insert(dims.begin(), 1);
    return dims;
}

static std::vector<int64_t> strides_of(const descriptor *tensor) {
    std::vector<int64_t> strides = tensor->all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
    while (strides.size() < 4)
        strides.insert(strides.begin(), strides.empty() ? 0 : strides[0]);
    return strides;
}

static cudnnDataType_t type_of(const descriptor *tensor) {
    return tensor->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
}

static void *place_of(const execution &e, const descriptor *tensor) {
    auto place = e.places.find(tensor->one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID, 0));
    if (place == e.places.end() || !place->second) {
        fprintf(stderr, "emulated cuDNN: a tensor has no place\n");
        abort();
    }
    if (!tensor->one<unsigned char>(CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) &&
        (uintptr_t)place->second %
                (uintptr_t)tensor->one<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1) !=
            0) {
        fprintf(stderr, "emulated cuDNN: a tensor is not aligned as it was described\n");
        abort();
    }
    return place->second;
}

static int is_transposed(const descriptor *tensor) {
    return strides_of(tensor)[3] != 1 && strides_of(tensor)[2] == 1;
}

// Calls `visit(linear, offset)` for each element that a row of the batch has; the tokens of a
// ragged tensor are along dim 2, or 3 where it is seen transposed.
template <typename F>
static void each_element(const execution &e, const descriptor *tensor, F visit) {
    std::vector<int64_t> d = dims_of(tensor), s = strides_of(tensor);
    const descriptor *ragged = tensor->part(CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC);
    const int32_t *offsets = ragged ? (const int32_t *)place_of(e, ragged) : nullptr;
    int along = is_transposed(tensor) ? 3 : 2;
    size_t linear = 0;
    for (int64_t a = 0; a < d[0]; a++) {
        int64_t begin = offsets ? offsets[a] : a * s[0];
        int64_t tokens = offsets ? (offsets[a + 1] - offsets[a]) / s[(size_t)along] : 0;
        for (int64_t b = 0; b < d[1]; b++)
            for (int64_t c = 0; c < d[2]; c++)
                for (int64_t x = 0; x < d[3]; x++, linear++)
                    if (!offsets || (along == 2 ? c : x) < tokens)
                        visit(linear, (size_t)(begin + b * s[1] + c * s[2] + x * s[3]));
    }
}

static std::shared_ptr<values> read(execution &e, const descriptor *tensor) {
    auto found = e.computed.find(tensor);
    if (found != e.computed.end())
        return found->second;
    if (tensor->one<unsigned char>(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0)) {
        fprintf(stderr, "emulated cuDNN: a virtual tensor is read before it is written\n");
        abort();
    }
    std::shared_ptr<values> v = std::make_shared<values>(dims_of(tensor));
    const void *place = place_of(e, tensor);
    cudnnDataType_t type = type_of(tensor);
    for (double &x : v->data)
        x = NAN;
    each_element(e, tensor, [&](size_t linear, size_t offset) {
        v->data[linear] = emulated_load(place, type, offset);
    });
    e.computed[tensor] = v;
    return v;
}

// What a later operation, or memory, sees of computed values.
static void write(execution &e, const descriptor *tensor, std::shared_ptr<values> v) {
    cudnnDataType_t type = type_of(tensor);
    for (double &x : v->data)
        x = emulated_round(x, type);
    e.computed[tensor] = v;
    if (tensor->one<unsigned char>(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0))
        return;
    void *place = place_of(e, tensor);
    each_element(e, tensor, [&](size_t linear, size_t offset) {
        emulated_store(place, type, offset, v->data[linear]);
    });
}

// ---- operations ------------------------------------------------------------------------------

template <typename F> static void each_index(const std::vector<int64_t> &d, F visit) {
    for (int64_t a = 0; a < d[0]; a++)
        for (int64_t b = 0; b < d[1]; b++)
            for (int64_t c = 0; c < d[2]; c++)
                for (int64_t x = 0; x < d[3]; x++)
                    visit(a, b, c, x);
}

static int64_t limit_of(execution &e, const descriptor *operation, int name, int64_t row,
                        int64_t all) {
    const descriptor *lengths = operation->part(name);
    return lengths ? ((const int32_t *)place_of(e, lengths))[row] : all;
}

static void run_matmul(execution &e, const descriptor *o) {
    const descriptor *to = o->part(CUDNN_ATTR_OPERATION_MATMUL_CDESC);
    std::shared_ptr<values> a = read(e, o->part(CUDNN_ATTR_OPERATION_MATMUL_ADESC));
    std::shared_ptr<values> b = read(e, o->part(CUDNN_ATTR_OPERATION_MATMUL_BDESC));
    std::shared_ptr<values> c = std::make_shared<values>(dims_of(to));
    int64_t terms = a->dims[3];
    each_index(c->dims, [&](int64_t i, int64_t h, int64_t m, int64_t n) {
        int64_t rows =
            limit_of(e, o, CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC, i, c->dims[2]);
        int64_t columns =
            limit_of(e, o, CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC, i, c->dims[3]);
        int64_t k = limit_of(e, o, CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC, i, terms);
        double sum = 0;
        for (int64_t x = 0; x < k && m < rows && n < columns; x++)
            sum += a->at(i, h, m, x) * b->at(i, h, x, n);
        c->at(i, h, m, n) = m < rows && n < columns ? sum : NAN;
    });
    write(e, to, c);
}

static double gelu(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2.0)));
}

static double pointwise(cudnnPointwiseMode_t mode, double x, double b) {
    switch (mode) {
    case CUDNN_POINTWISE_ADD:
        return x + b;
    case CUDNN_POINTWISE_SUB:
        return x - b;
    case CUDNN_POINTWISE_MUL:
        return x * b;
    case CUDNN_POINTWISE_DIV:
        return x / b;
    case CUDNN_POINTWISE_EXP:
        return exp(x);
    case CUDNN_POINTWISE_LOG:
        return log(x);
    case CUDNN_POINTWISE_CMP_LT:
        return x < b;
    case CUDNN_POINTWISE_LOGICAL_AND:
        return x != 0 && b != 0;
    case CUDNN_POINTWISE_GELU_FWD:
        return gelu(x);
    default:
        fprintf(stderr, "emulated cuDNN: no pointwise mode %d\n", (int)mode);
        abort();
    }
}

static void run_pointwise(execution &e, const descriptor *o) {
    const descriptor *kind = o->part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    cudnnPointwiseMode_t mode =
        kind->one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_ADD);
    const descriptor *to = o->part(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    const descriptor *b_of = o->part(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const descriptor *t_of = o->part(CUDNN_ATTR_OPERATION_POINTWISE_TDESC);
    std::shared_ptr<values> x = read(e, o->part(CUDNN_ATTR_OPERATION_POINTWISE_XDESC));
    std::shared_ptr<values> b = b_of ? read(e, b_of) : nullptr, t = t_of ? read(e, t_of) : nullptr;
    std::shared_ptr<values> y = std::make_shared<values>(dims_of(to));
    int64_t axis = kind->one<int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1);
    each_index(y->dims, [&](int64_t i, int64_t j, int64_t k, int64_t l) {
        int64_t index[4] = {i, j, k, l};
        double value = x->at(i, j, k, l), other = b ? b->at(i, j, k, l) : 0;
        y->at(i, j, k, l) = mode == CUDNN_POINTWISE_GEN_INDEX ? (double)index[axis]
                            : mode == CUDNN_POINTWISE_BINARY_SELECT
                                ? (t->at(i, j, k, l) != 0 ? value : other)
                                : pointwise(mode, value, other);
    });
    write(e, to, y);
}

static void run_reduction(execution &e, const descriptor *o) {
    const descriptor *to = o->part(CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
    cudnnReduceTensorOp_t kind =
        o->part(CUDNN_ATTR_OPERATION_REDUCTION_DESC)
            ->one<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_REDUCE_TENSOR_ADD);
    std::shared_ptr<values> x = read(e, o->part(CUDNN_ATTR_OPERATION_REDUCTION_XDESC));
    std::shared_ptr<values> y = std::make_shared<values>(dims_of(to));
    for (double &value : y->data)
        value = kind == CUDNN_REDUCE_TENSOR_MAX ? -INFINITY : 0;
    each_index(x->dims, [&](int64_t i, int64_t j, int64_t k, int64_t l) {
        double &sum = y->at(i, j, k, l), value = x->at(i, j, k, l);
        sum = kind == CUDNN_REDUCE_TENSOR_MAX ? (value > sum ? value : sum) : sum + value;
    });
    write(e, to, y);
}

// Only what the graphs use: the last two dims exchanged.
static void run_reshape(execution &e, const descriptor *o) {
    const descriptor *to = o->part(CUDNN_ATTR_OPERATION_RESHAPE_YDESC);
    std::shared_ptr<values> x = read(e, o->part(CUDNN_ATTR_OPERATION_RESHAPE_XDESC));
    std::shared_ptr<values> y = std::make_shared<values>(dims_of(to));
    each_index(y->dims, [&](int64_t i, int64_t j, int64_t k, int64_t l) {
        y->at(i, j, k, l) = x->at(i, j, l, k);
    });
    write(e, to, y);
}

static void run_norm(execution &e, const descriptor *o) {
    std::shared_ptr<values> x = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC));
    std::shared_ptr<values> scale = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC));
    std::shared_ptr<values> bias = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC));
    double epsilon = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC))->data[0];
    int64_t rows = x->dims[0], n = x->dims[1];
    std::shared_ptr<values> y = std::make_shared<values>(x->dims);
    std::vector<int64_t> column = {rows, 1, 1, 1};
    std::shared_ptr<values> mean = std::make_shared<values>(column);
    std::shared_ptr<values> inverse = std::make_shared<values>(column);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < n; c++)
            sum += x->at(r, c, 0, 0);
        for (int64_t c = 0; c < n; c++)
            squares += pow(x->at(r, c, 0, 0) - sum / (double)n, 2);
        mean->data[(size_t)r] = sum / (double)n;
        inverse->data[(size_t)r] = 1 / sqrt(squares / (double)n + epsilon);
        for (int64_t c = 0; c < n; c++)
            y->at(r, c, 0, 0) = (x->at(r, c, 0, 0) - mean->data[(size_t)r]) *
                                    inverse->data[(size_t)r] * scale->at(0, c, 0, 0) +
                                bias->at(0, c, 0, 0);
    }
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC), mean);
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC), inverse);
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC), y);
}

static void run_norm_gradient(execution &e, const descriptor *o) {
    std::shared_ptr<values> dy = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC));
    std::shared_ptr<values> x = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC));
    std::shared_ptr<values> scale = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC));
    std::shared_ptr<values> mean = read(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC));
    std::shared_ptr<values> inverse =
        read(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC));
    int64_t rows = x->dims[0], n = x->dims[1];
    std::shared_ptr<values> dx = std::make_shared<values>(x->dims);
    std::shared_ptr<values> dscale = std::make_shared<values>(scale->dims);
    std::shared_ptr<values> dbias = std::make_shared<values>(scale->dims);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, products = 0, i = inverse->data[(size_t)r];
        for (int64_t c = 0; c < n; c++) {
            double g = dy->at(r, c, 0, 0), z = (x->at(r, c, 0, 0) - mean->data[(size_t)r]) * i;
            dscale->at(0, c, 0, 0) += g * z;
            dbias->at(0, c, 0, 0) += g;
            sum += g * scale->at(0, c, 0, 0);
            products += g * scale->at(0, c, 0, 0) * z;
        }
        for (int64_t c = 0; c < n; c++) {
            double z = (x->at(r, c, 0, 0) - mean->data[(size_t)r]) * i;
            dx->at(r, c, 0, 0) =
                i * (dy->at(r, c, 0, 0) * scale->at(0, c, 0, 0) - (sum + z * products) / (double)n);
        }
    }
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC), dx);
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC), dscale);
    write(e, o->part(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC), dbias);
}

static void run_operation(execution &e, const descriptor *o) {
    switch (o->type) {
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
        return run_matmul(e, o);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return run_pointwise(e, o);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        return run_reduction(e, o);
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
        return run_reshape(e, o);
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        return run_norm(e, o);
    default:
        return run_norm_gradient(e, o);
    }
}

// ---- the interface ---------------------------------------------------------------------------

static cudnnStatus_t answer(const void *from, size_t n, int64_t requested, int64_t *count, void *to,
                            size_t size) {
    *count = (int64_t)n;
    memcpy(to, from, size * (size_t)((int64_t)n < requested ? (int64_t)n : requested));
    return CUDNN_STATUS_SUCCESS;
}

static long n_descriptors;

extern "C" {

long emulated_descriptors(void) {
    return n_descriptors;
}
size_t cudnnGetVersion(void) {
    return CUDNN_VERSION;
}
const char *cudnnGetErrorString(cudnnStatus_t status) {
    return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "an error of emulated cuDNN";
}
void cudnnGetLastErrorString(char *text, size_t size) {
    snprintf(text, size, "%s", last_error.c_str());
}
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    *handle = (cudnnHandle_t)malloc(1);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    free((void *)handle);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t, cudaStream_t) {
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *made) {
    n_descriptors++;
    *made = new descriptor{type, false, {}};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t which) {
    n_descriptors -= which != nullptr;
    delete (descriptor *)which;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t which,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t n,
                                       const void *elements) {
    descriptor *d = (descriptor *)which;
    const unsigned char *bytes = (const unsigned char *)elements;
    if (d->is_final)
        return refuse(CUDNN_STATUS_BAD_PARAM, "a finished descriptor is changed");
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
        for (int64_t i = 0; i < n; i++)
            if (!((descriptor *const *)elements)[i]->is_final)
                return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "a part is not finished");
    d->attributes[(int)name].assign(bytes, bytes + size_of(type) * (size_t)n);
    if (name == CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG) // which may be gone when the plan runs
        for (int kept :
             {(int)CUDNN_ATTR_ENGINE_OPERATION_GRAPH, (int)CUDNN_ATTR_ENGINE_NUMERICAL_NOTE})
            d->attributes[kept] = ((descriptor *const *)elements)[0]->attributes[kept];
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t which) {
    ((descriptor *)which)->is_final = true;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t which,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t, int64_t requested,
                                       int64_t *count, void *elements) {
    descriptor *d = (descriptor *)which;
    static const char device[] = "{\"deviceName\":\"emulated GPU\"}";
    int64_t zero = 0, workspace = WORKSPACE_BYTES;
    switch ((int)name) {
    case CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION:
        return answer(device, sizeof device, requested, count, elements, 1);
    case CUDNN_ATTR_ENGINEHEUR_RESULTS: {
        const char *none = getenv("EMULATED_NO_ENGINES");
        *count = none && *none == '1' ? 0 : 2;
        for (int64_t i = 0; i < *count; i++) {
            descriptor *configuration = ((descriptor **)elements)[i];
            configuration->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] =
                d->attributes[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH];
            configuration->attributes[CUDNN_ATTR_ENGINE_NUMERICAL_NOTE] = {(unsigned char)(i == 0)};
            configuration->is_final = true;
        }
        return CUDNN_STATUS_SUCCESS;
    }
    case CUDNN_ATTR_ENGINECFG_ENGINE:
        *count = 1;
        ((descriptor **)elements)[0]->attributes[CUDNN_ATTR_ENGINE_NUMERICAL_NOTE] =
            d->attributes[CUDNN_ATTR_ENGINE_NUMERICAL_NOTE];
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
        return answer(&zero, 1, requested, count, elements, sizeof zero);
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: {
        cudnnBackendNumericalNote_t note = CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
        return answer(&note, d->attributes[CUDNN_ATTR_ENGINE_NUMERICAL_NOTE][0], requested, count,
                      elements, sizeof note);
    }
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
        return answer(&workspace, 1, requested, count, elements, sizeof workspace);
    default:
        return refuse(CUDNN_STATUS_NOT_SUPPORTED, "an attribute that is not answered");
    }
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t, cudnnBackendDescriptor_t which,
                                  cudnnBackendDescriptor_t variant_pack) {
    const descriptor *plan = (descriptor *)which, *pack = (descriptor *)variant_pack;
    const descriptor *graph = plan->part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    std::vector<int64_t> ids = pack->all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    std::vector<void *> pointers = pack->all<void *>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    void *workspace = pack->one<void *>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, nullptr);
    std::vector<const descriptor *> operations =
        graph->all<const descriptor *>(CUDNN_ATTR_OPERATIONGRAPH_OPS);
    execution e;
    if (plan->attributes.at(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)[0])
        return refuse(CUDNN_STATUS_BAD_PARAM, "an engine that is not deterministic");
    if (!workspace || ids.size() != pointers.size())
        return refuse(CUDNN_STATUS_BAD_PARAM, "no workspace, or not a place for each tensor");
    for (size_t i = 0; i < ids.size(); i++)
        e.places[ids[i]] = pointers[i];
    emulated_enqueue(EMULATED_DNN, [=]() mutable {
        memset(workspace, 0xff, WORKSPACE_BYTES);
        for (const descriptor *operation : operations)
            run_operation(e, operation);
        e.computed.clear();
    });
    return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
