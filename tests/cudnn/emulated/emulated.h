// SPDX-License-Identifier: MIT
// emulated.h: what the parts of the emulated GPU share: work that goes to a stream.
#ifndef TESTS_CUDNN_EMULATED_H
#define TESTS_CUDNN_EMULATED_H

#include <functional>

enum emulated_kind {
    EMULATED_KERNEL,
    EMULATED_PRODUCT,
    EMULATED_DNN,
    EMULATED_COPY,
    EMULATED_KINDS
};

// Does the work at once, or, while a stream is captured, keeps it for the graph.
void emulated_enqueue(emulated_kind kind, std::function<void()> work);
// True while a stream is captured.
bool emulated_is_capturing();

#endif
