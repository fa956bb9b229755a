// SPDX-License-Identifier: MIT
// dnn_rnn.cpp: cuDNN's recurrent layers on the processor, for sequences packed by time; the
// descriptors that go with them.
//
// Strict about what is easily done wrong: lengths must descend, the reserve must be as large as was
// said and come from a training run, the backward pass of the weights must follow that of the data,
// and nothing of it may be captured. The reserve keeps each token's gates and the gradients of
// their sums as doubles: [tokens, directions, 14 H].
#include <cudnn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#include "emulated.h"
#include "emulated_types.h"

enum { RNN_WORKSPACE = 1024, KEPT = 14 }; // of a token: gates and state [6 H], gi [4 H], gh [4 H]

struct cudnnTensorStruct {
    cudnnDataType_t type;
    std::vector<int> dims, strides;
};

struct cudnnRNNStruct {
    cudnnRNNMode_t mode;
    int directions, in, hidden, gates;
    cudnnDataType_t type;
};

struct cudnnRNNDataStruct {
    cudnnDataType_t type;
    int width;
    std::vector<int> lengths; // descending
    size_t tokens() const {
        size_t n = 0;
        for (int length : lengths)
            n += (size_t)length;
        return n;
    }
};

// ---- weights: all matrices of a direction, gate by gate, then all biases likewise -------------

struct weights {
    const cudnnRNNStruct *rnn;

    size_t matrix(int direction, int layer) const {
        size_t h = (size_t)rnn->hidden, in = (size_t)rnn->in, gates = (size_t)rnn->gates;
        size_t of_direction = gates * h * (in + h), before = (size_t)direction * of_direction;
        return layer < rnn->gates ? before + (size_t)layer * h * in
                                  : before + gates * h * in + (size_t)(layer - rnn->gates) * h * h;
    }
    size_t bias(int direction, int layer) const {
        size_t h = (size_t)rnn->hidden, gates = (size_t)rnn->gates;
        return (size_t)rnn->directions * gates * h * ((size_t)rnn->in + h) +
               ((size_t)direction * 2 * gates + (size_t)layer) * h;
    }
    size_t elements() const {
        return bias(rnn->directions, 0);
    }
};

// ---- one run -----------------------------------------------------------------------------------

// Where step s of row i stands in the order of time.
struct order {
    std::vector<std::vector<size_t>> place; // [row][step]
    explicit order(const std::vector<int> &lengths) : place(lengths.size()) {
        size_t to = 0;
        for (int t = 0; t < lengths[0]; t++)
            for (size_t i = 0; i < lengths.size() && lengths[i] > t; i++)
                place[i].push_back(to++);
    }
};

struct layer {
    cudnnRNNStruct rnn;
    const void *w;
    const void *x;
    void *y;

    double input_sum(int d, int gate, size_t token, int j) const {
        weights at = {&rnn};
        double sum = emulated_load(w, rnn.type, at.bias(d, gate) + (size_t)j);
        for (int i = 0; i < rnn.in; i++)
            sum += emulated_load(w, rnn.type, at.matrix(d, gate) + (size_t)(j * rnn.in + i)) *
                   emulated_load(x, rnn.type, token * (size_t)rnn.in + (size_t)i);
        return sum;
    }
    double state_sum(int d, int gate, const std::vector<double> &h, int j) const {
        weights at = {&rnn};
        int row = gate + rnn.gates;
        double sum = emulated_load(w, rnn.type, at.bias(d, row) + (size_t)j);
        for (int i = 0; i < rnn.hidden; i++)
            sum += emulated_load(w, rnn.type, at.matrix(d, row) + (size_t)(j * rnn.hidden + i)) *
                   h[(size_t)i];
        return sum;
    }
};

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

// One step: h, c to their new values; kept [6 H]: the gates, then c or, of a GRU, Un h + cn.
static void step(const layer &l, int d, size_t token, std::vector<double> &h,
                 std::vector<double> &c, double *kept) {
    size_t n = (size_t)l.rnn.hidden;
    std::vector<double> after(n);
    for (int j = 0; j < l.rnn.hidden; j++) {
        size_t u = (size_t)j;
        if (l.rnn.mode == CUDNN_RNN_TANH) {
            after[u] = tanh(l.input_sum(d, 0, token, j) + l.state_sum(d, 0, h, j));
        } else if (l.rnn.mode == CUDNN_GRU) {
            double r = sigmoid(l.input_sum(d, 0, token, j) + l.state_sum(d, 0, h, j));
            double z = sigmoid(l.input_sum(d, 1, token, j) + l.state_sum(d, 1, h, j));
            double a = l.state_sum(d, 2, h, j), m = tanh(l.input_sum(d, 2, token, j) + r * a);
            kept[u] = r, kept[n + u] = z, kept[2 * n + u] = m, kept[3 * n + u] = a;
            after[u] = (1 - z) * m + z * h[u];
        } else {
            for (int g = 0; g < 4; g++) {
                double sum = l.input_sum(d, g, token, j) + l.state_sum(d, g, h, j);
                kept[(size_t)g * n + u] = g == 2 ? tanh(sum) : sigmoid(sum);
            }
            c[u] = kept[n + u] * c[u] + kept[u] * kept[2 * n + u];
            kept[4 * n + u] = c[u];
            after[u] = kept[3 * n + u] * tanh(c[u]);
        }
    }
    h = after;
}

// Gradients by the gates' sums (gi from the input's side, gh from the state's) and by the state
// before, of which dh then still lacks what comes through the recurrent weights.
static void step_back(const layer &l, const double *kept, const std::vector<double> &before,
                      const std::vector<double> &cell_before, const std::vector<double> &after,
                      std::vector<double> &dh, std::vector<double> &dc, double *gi, double *gh) {
    size_t n = (size_t)l.rnn.hidden;
    for (size_t u = 0; u < n; u++) {
        if (l.rnn.mode == CUDNN_RNN_TANH) {
            gi[u] = gh[u] = dh[u] * (1 - after[u] * after[u]);
            dh[u] = 0;
        } else if (l.rnn.mode == CUDNN_GRU) {
            double r = kept[u], z = kept[n + u], m = kept[2 * n + u], a = kept[3 * n + u];
            double dz = dh[u] * (before[u] - m), dm = dh[u] * (1 - z) * (1 - m * m);
            gi[u] = gh[u] = dm * a * r * (1 - r);
            gi[n + u] = gh[n + u] = dz * z * (1 - z);
            gi[2 * n + u] = dm;
            gh[2 * n + u] = dm * r;
            dh[u] *= z;
        } else {
            double i = kept[u], f = kept[n + u], g = kept[2 * n + u], o = kept[3 * n + u];
            double squashed = tanh(kept[4 * n + u]);
            dc[u] += dh[u] * o * (1 - squashed * squashed);
            gi[u] = dc[u] * g * i * (1 - i);
            gi[n + u] = dc[u] * cell_before[u] * f * (1 - f);
            gi[2 * n + u] = dc[u] * i * (1 - g * g);
            gi[3 * n + u] = dh[u] * squashed * o * (1 - o);
            for (int k = 0; k < 4; k++)
                gh[(size_t)k * n + u] = gi[(size_t)k * n + u];
            dc[u] *= f;
            dh[u] = 0;
        }
    }
}

static double *kept_of(void *reserve, const cudnnRNNStruct &rnn, size_t token, int direction) {
    return (double *)reserve +
           (token * (size_t)rnn.directions + (size_t)direction) * KEPT * (size_t)rnn.hidden;
}

static void run_forward(const layer &l, const std::vector<int> &lengths, void *reserve) {
    order by_time(lengths);
    size_t n = (size_t)l.rnn.hidden, width = n * (size_t)l.rnn.directions;
    for (int d = 0; d < l.rnn.directions; d++) {
        for (size_t row = 0; row < lengths.size(); row++) {
            std::vector<double> h(n, 0), c(n, 0), scratch(KEPT * n);
            for (int s = 0; s < lengths[row]; s++) {
                size_t token = by_time.place[row][(size_t)(d ? lengths[row] - 1 - s : s)];
                step(l, d, token, h, c,
                     reserve ? kept_of(reserve, l.rnn, token, d) : scratch.data());
                for (size_t j = 0; j < n; j++) {
                    emulated_store(l.y, l.rnn.type, token * width + (size_t)d * n + j, h[j]);
                    h[j] = emulated_round(h[j], l.rnn.type);
                }
            }
        }
    }
}

static std::vector<double> state_of(const layer &l, const std::vector<size_t> &tokens, int s,
                                    int d) {
    size_t n = (size_t)l.rnn.hidden, width = n * (size_t)l.rnn.directions;
    std::vector<double> h(n, 0);
    if (s >= 0 && s < (int)tokens.size())
        for (size_t j = 0; j < n; j++)
            h[j] = emulated_load(l.y, l.rnn.type, tokens[(size_t)s] * width + (size_t)d * n + j);
    return h;
}

static void run_back(const layer &l, const std::vector<int> &lengths, const void *dy, void *dx,
                     size_t tokens, void *reserve) {
    order by_time(lengths);
    weights at = {&l.rnn};
    int gates = l.rnn.gates;
    size_t n = (size_t)l.rnn.hidden, in = (size_t)l.rnn.in, width = n * (size_t)l.rnn.directions;
    std::vector<double> sums(tokens * in, 0);
    for (int d = 0; d < l.rnn.directions; d++) {
        for (size_t row = 0; row < lengths.size(); row++) {
            std::vector<double> dh(n, 0), dc(n, 0);
            for (int s = lengths[row] - 1; s >= 0; s--) {
                int t = d ? lengths[row] - 1 - s : s, earlier = d ? t + 1 : t - 1;
                size_t token = by_time.place[row][(size_t)t];
                double *kept = kept_of(reserve, l.rnn, token, d), *gi = kept + 6 * n,
                       *gh = gi + 4 * n;
                std::vector<double> cell(n, 0);
                if (s > 0 && l.rnn.mode == CUDNN_LSTM) {
                    const double *before =
                        kept_of(reserve, l.rnn, by_time.place[row][(size_t)earlier], d);
                    cell.assign(before + 4 * n, before + 5 * n);
                }
                for (size_t j = 0; j < n; j++)
                    dh[j] += emulated_load(dy, l.rnn.type, token * width + (size_t)d * n + j);
                step_back(l, kept, state_of(l, by_time.place[row], s > 0 ? earlier : -1, d), cell,
                          state_of(l, by_time.place[row], t, d), dh, dc, gi, gh);
                for (int g = 0; g < gates; g++)
                    for (size_t j = 0; j < n; j++) {
                        for (size_t i = 0; i < n; i++)
                            dh[i] +=
                                gh[(size_t)g * n + j] *
                                emulated_load(l.w, l.rnn.type, at.matrix(d, gates + g) + j * n + i);
                        for (size_t i = 0; i < in; i++)
                            sums[token * in + i] +=
                                gi[(size_t)g * n + j] *
                                emulated_load(l.w, l.rnn.type, at.matrix(d, g) + j * in + i);
                    }
            }
        }
    }
    for (size_t i = 0; i < sums.size(); i++)
        emulated_store(dx, l.rnn.type, i, sums[i]);
}

static void add(void *dw, cudnnDataType_t type, size_t i, double x) {
    emulated_store(dw, type, i, emulated_load(dw, type, i) + x);
}

static void run_back_weights(const layer &l, const std::vector<int> &lengths, void *dw,
                             void *reserve) {
    order by_time(lengths);
    weights at = {&l.rnn};
    int gates = l.rnn.gates;
    size_t n = (size_t)l.rnn.hidden, in = (size_t)l.rnn.in;
    std::vector<double> sums(at.elements(), 0);
    for (int d = 0; d < l.rnn.directions; d++) {
        for (size_t row = 0; row < lengths.size(); row++) {
            for (int t = 0; t < lengths[row]; t++) {
                size_t token = by_time.place[row][(size_t)t];
                const double *gi = kept_of(reserve, l.rnn, token, d) + 6 * n, *gh = gi + 4 * n;
                std::vector<double> h = state_of(l, by_time.place[row], d ? t + 1 : t - 1, d);
                for (int g = 0; g < gates; g++)
                    for (size_t j = 0; j < n; j++) {
                        double from_input = gi[(size_t)g * n + j],
                               from_state = gh[(size_t)g * n + j];
                        sums[at.bias(d, g) + j] += from_input;
                        sums[at.bias(d, gates + g) + j] += from_state;
                        for (size_t i = 0; i < in; i++)
                            sums[at.matrix(d, g) + j * in + i] +=
                                from_input * emulated_load(l.x, l.rnn.type, token * in + i);
                        for (size_t i = 0; i < n; i++)
                            sums[at.matrix(d, gates + g) + j * n + i] += from_state * h[i];
                    }
            }
        }
    }
    for (size_t i = 0; i < sums.size(); i++)
        add(dw, l.rnn.type, i, sums[i]);
}

// ---- the interface ---------------------------------------------------------------------------

static size_t reserve_bytes(const cudnnRNNStruct *rnn, const cudnnRNNDataStruct *x) {
    return x->tokens() * (size_t)rnn->directions * KEPT * (size_t)rnn->hidden * sizeof(double) + 64;
}

enum { OF_FORWARD = 0x46, OF_DATA = 0x44 }; // what the reserve's last byte says it comes from

static unsigned char *mark_of(void *reserve, size_t bytes) {
    return (unsigned char *)reserve + bytes - 1;
}

extern "C" {

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *tensor) {
    *tensor = new cudnnTensorStruct();
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
    delete tensor;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensor, cudnnDataType_t type,
                                         int rank, const int *dims, const int *strides) {
    tensor->type = type;
    tensor->dims.assign(dims, dims + rank);
    tensor->strides.assign(strides, strides + rank);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t tensor, int capacity,
                                         cudnnDataType_t *type, int *rank, int *dims,
                                         int *strides) {
    *type = tensor->type;
    *rank = (int)tensor->dims.size();
    for (int i = 0; i < *rank && i < capacity; i++) {
        dims[i] = tensor->dims[(size_t)i];
        strides[i] = tensor->strides[(size_t)i];
    }
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *rnn) {
    *rnn = new cudnnRNNStruct();
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t rnn) {
    delete rnn;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t rnn, cudnnRNNAlgo_t algo,
                                       cudnnRNNMode_t mode, cudnnRNNBiasMode_t bias,
                                       cudnnDirectionMode_t direction, cudnnRNNInputMode_t,
                                       cudnnDataType_t type, cudnnDataType_t math, cudnnMathType_t,
                                       int32_t in, int32_t hidden, int32_t projected,
                                       int32_t layers, cudnnDropoutDescriptor_t, uint32_t) {
    if (algo != CUDNN_RNN_ALGO_STANDARD || bias != CUDNN_RNN_DOUBLE_BIAS || projected != hidden ||
        layers != 1 || math != CUDNN_DATA_FLOAT)
        return CUDNN_STATUS_NOT_SUPPORTED;
    *rnn = {mode,   direction == CUDNN_BIDIRECTIONAL ? 2 : 1,           in,
            hidden, mode == CUDNN_LSTM ? 4 : mode == CUDNN_GRU ? 3 : 1, type};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *data) {
    *data = new cudnnRNNDataStruct();
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t data) {
    delete data;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t data, cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int longest, int rows,
                                        int width, const int *lengths, void *) {
    if (layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED || rows < 1 || lengths[0] != longest)
        return CUDNN_STATUS_NOT_SUPPORTED;
    for (int i = 0; i < rows; i++)
        if (lengths[i] < 1 || (i > 0 && lengths[i] > lengths[i - 1]))
            return CUDNN_STATUS_BAD_PARAM;
    *data = {type, width, std::vector<int>(lengths, lengths + rows)};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t, cudnnRNNDescriptor_t rnn, size_t *bytes) {
    weights at = {rnn};
    *bytes = at.elements() * emulated_bytes(rnn->type);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t, cudnnRNNDescriptor_t rnn, int32_t direction,
                                      size_t, const void *space, int32_t layer_id,
                                      cudnnTensorDescriptor_t matrix_shape, void **matrix,
                                      cudnnTensorDescriptor_t bias_shape, void **bias) {
    weights at = {rnn};
    int columns = layer_id < rnn->gates ? rnn->in : rnn->hidden;
    size_t bytes = emulated_bytes(rnn->type);
    *matrix_shape = {rnn->type, {1, rnn->hidden, columns}, {rnn->hidden * columns, columns, 1}};
    *bias_shape = {rnn->type, {1, rnn->hidden, 1}, {rnn->hidden, 1, 1}};
    *matrix = (char *)space + at.matrix(direction, layer_id) * bytes;
    *bias = (char *)space + at.bias(direction, layer_id) * bytes;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t, cudnnRNNDescriptor_t rnn,
                                        cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t x,
                                        size_t *workspace, size_t *reserve) {
    *workspace = RNN_WORKSPACE + x->tokens() * 16;
    *reserve = mode == CUDNN_FWD_MODE_TRAINING ? reserve_bytes(rnn, x) : 0;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNForward(cudnnHandle_t, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
                              const int32_t *, cudnnRNNDataDescriptor_t x_shape, const void *x,
                              cudnnRNNDataDescriptor_t y_shape, void *y, cudnnTensorDescriptor_t h,
                              const void *, void *, cudnnTensorDescriptor_t, const void *, void *,
                              size_t, const void *w, size_t workspace_bytes, void *workspace,
                              size_t kept_bytes, void *reserve) {
    bool trains = mode == CUDNN_FWD_MODE_TRAINING;
    if (emulated_is_capturing() || (trains && kept_bytes < reserve_bytes(rnn, x_shape)) ||
        x_shape->width != rnn->in || y_shape->width != rnn->hidden * rnn->directions ||
        h->dims[1] != (int)x_shape->lengths.size())
        return CUDNN_STATUS_BAD_PARAM;
    memset(workspace, 0xff, workspace_bytes);
    run_forward({*rnn, w, x, y}, x_shape->lengths, trains ? reserve : nullptr);
    if (trains)
        *mark_of(reserve, kept_bytes) = OF_FORWARD;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t, cudnnRNNDescriptor_t rnn, const int32_t *,
                                      cudnnRNNDataDescriptor_t, const void *y, const void *dy,
                                      cudnnRNNDataDescriptor_t x_shape, void *dx,
                                      cudnnTensorDescriptor_t, const void *, const void *, void *,
                                      cudnnTensorDescriptor_t, const void *, const void *, void *,
                                      size_t, const void *w, size_t workspace_bytes,
                                      void *workspace, size_t kept_bytes, void *reserve) {
    if (emulated_is_capturing() || kept_bytes < reserve_bytes(rnn, x_shape) ||
        *mark_of(reserve, kept_bytes) != OF_FORWARD)
        return CUDNN_STATUS_BAD_PARAM;
    memset(workspace, 0xff, workspace_bytes);
    run_back({*rnn, w, nullptr, (void *)(uintptr_t)y}, x_shape->lengths, dy, dx, x_shape->tokens(),
             reserve);
    *mark_of(reserve, kept_bytes) = OF_DATA;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t, cudnnRNNDescriptor_t rnn,
                                         cudnnWgradMode_t mode, const int32_t *,
                                         cudnnRNNDataDescriptor_t x_shape, const void *x,
                                         cudnnTensorDescriptor_t, const void *,
                                         cudnnRNNDataDescriptor_t, const void *y, size_t, void *dw,
                                         size_t workspace_bytes, void *workspace, size_t kept_bytes,
                                         void *reserve) {
    if (emulated_is_capturing() || mode != CUDNN_WGRAD_MODE_ADD ||
        kept_bytes < reserve_bytes(rnn, x_shape) || *mark_of(reserve, kept_bytes) != OF_DATA)
        return CUDNN_STATUS_BAD_PARAM;
    memset(workspace, 0xff, workspace_bytes);
    run_back_weights({*rnn, nullptr, x, (void *)(uintptr_t)y}, x_shape->lengths, dw, reserve);
    return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
