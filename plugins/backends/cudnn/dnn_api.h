/* SPDX-License-Identifier: MIT */
/* cudnn/dnn_api.h: the functions of cuDNN 9 that the backend calls, as a table that is filled when
 * the library is opened: nothing of it is needed at load. Prototypes are the library's own
 * headers'; api->Create is cudnnCreate. */
#ifndef CUDNN_DNN_API_H
#define CUDNN_DNN_API_H

#include <cudnn.h>

#define CUDNN_DNN_FUNCTIONS(X)                                                                     \
    X(GetVersion)                                                                                  \
    X(GetErrorString)                                                                              \
    X(GetLastErrorString)                                                                          \
    X(Create)                                                                                      \
    X(Destroy)                                                                                     \
    X(SetStream)                                                                                   \
    X(BackendCreateDescriptor)                                                                     \
    X(BackendDestroyDescriptor)                                                                    \
    X(BackendSetAttribute)                                                                         \
    X(BackendGetAttribute)                                                                         \
    X(BackendFinalize)                                                                             \
    X(BackendExecute)                                                                              \
    X(CreateTensorDescriptor)                                                                      \
    X(DestroyTensorDescriptor)                                                                     \
    X(SetTensorNdDescriptor)                                                                       \
    X(GetTensorNdDescriptor)                                                                       \
    X(CreateRNNDescriptor)                                                                         \
    X(DestroyRNNDescriptor)                                                                        \
    X(SetRNNDescriptor_v8)                                                                         \
    X(CreateRNNDataDescriptor)                                                                     \
    X(DestroyRNNDataDescriptor)                                                                    \
    X(SetRNNDataDescriptor)                                                                        \
    X(GetRNNTempSpaceSizes)                                                                        \
    X(GetRNNWeightSpaceSize)                                                                       \
    X(GetRNNWeightParams)                                                                          \
    X(RNNForward)                                                                                  \
    X(RNNBackwardData_v8)                                                                          \
    X(RNNBackwardWeights_v8)

typedef struct cudnn_dnn_api {
#define X(name) __typeof__(cudnn##name) *name;
    CUDNN_DNN_FUNCTIONS(X)
#undef X
} cudnn_dnn_api;

#endif
