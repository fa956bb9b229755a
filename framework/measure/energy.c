/* SPDX-License-Identifier: MIT */
/* Energy of the CPU packages from Linux' powercap interface
 * (Documentation/power/powercap/powercap.rst): intel-rapl:N/energy_uj counts microjoules and wraps
 * at max_energy_range_uj. AMD's counters appear under the same name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/environment.h"

enum { MAX_PACKAGES = 8 };

static bool read_number(int package, const char *file_name, double *ret_number) {
    char path[128];
    double number;
    FILE *file;
    bool good;
    snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/%s", package, file_name);
    file = fopen(path, "re");
    if (!file)
        return false;
    good = fscanf(file, "%lf", &number) == 1 && number >= 0;
    fclose(file);
    if (good)
        *ret_number = number;
    return good;
}

void as_energy_start(as_energy *energy) {
    memset(energy, 0, sizeof *energy);
    while (energy->n_packages < MAX_PACKAGES &&
           read_number(energy->n_packages, "energy_uj", &energy->last_uj[energy->n_packages]) &&
           read_number(energy->n_packages, "max_energy_range_uj",
                       &energy->range_uj[energy->n_packages]))
        energy->n_packages++;
}

void as_energy_skip(as_energy *energy) {
    double joules = energy->joules;
    (void)as_energy_joules(energy);
    energy->joules = joules;
}

double as_energy_joules(as_energy *energy) {
    if (energy->n_packages == 0)
        return NAN;
    for (int i = 0; i < energy->n_packages; i++) {
        double now_uj;
        if (!read_number(i, "energy_uj", &now_uj))
            return NAN;
        double used_uj = now_uj - energy->last_uj[i];
        energy->joules += 1e-6 * (used_uj < 0 ? used_uj + energy->range_uj[i] : used_uj);
        energy->last_uj[i] = now_uj;
    }
    return energy->joules;
}
