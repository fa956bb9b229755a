// SPDX-License-Identifier: MIT
// nvml.cpp: the part of NVML that the cudnn backend calls: a GPU whose clocks and energy move with
// each question.
//
// ASSAY_EMULATED_THROTTLE=REASONS: from the second question on, these bits are the reasons why the
// clocks are held back (nvmlClocksThrottleReason*). ASSAY_EMULATED_VIOLATION=POLICY: time is lost
// to that policy (nvmlPerfPolicyType_t) between any two questions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

struct violation {
    unsigned long long reference, lost; // ns
};

static long number_of(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? strtol(text, nullptr, 0) : otherwise;
}

extern "C" {

int nvmlInit_v2(void) {
    return SUCCESS;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
    static int gpu;
    *device = &gpu;
    return strcmp(bus, "0000:2a:00.0") == 0 ? SUCCESS : NOT_FOUND;
}
int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    snprintf(version, length, "580.1.2");
    return SUCCESS;
}
int nvmlDeviceGetClockInfo(void *, int clock, unsigned int *mhz) {
    *mhz = 1410;
    return clock == 1 ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetMaxClockInfo(void *, int clock, unsigned int *mhz) {
    *mhz = 1980;
    return clock == 1 ? SUCCESS : NOT_SUPPORTED;
}
int nvmlDeviceGetTotalEnergyConsumption(void *, unsigned long long *millijoules) {
    static unsigned long long used = 5000000;
    *millijoules = used += 2500;
    return SUCCESS;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *, unsigned long long *reasons) {
    static int questions;
    *reasons = questions++ ? (unsigned long long)number_of("ASSAY_EMULATED_THROTTLE", 1) : 1;
    return SUCCESS; // 1: idle
}
int nvmlDeviceGetViolationStatus(void *, int policy, struct violation *status) {
    static unsigned long long now;
    now += 1000000;
    *status = {now, policy == number_of("ASSAY_EMULATED_VIOLATION", -1) ? now / 2 : 0};
    return SUCCESS;
}
}
