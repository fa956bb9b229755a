/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_fatbin.S: nvcc's output for kernels.cu as read-only data of the plugin. */
    .section .rodata
    .globl gpu_fatbin
    .hidden gpu_fatbin
    .balign 64
gpu_fatbin:
    .incbin GPU_FATBIN
    .byte 0
    .section .note.GNU-stack, "", %progbits
