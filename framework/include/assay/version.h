/* SPDX-License-Identifier: MIT */
/* assay/version.h: the version of the plugin interface (ABI).
 *
 * Host and plugin must agree on the major version. A minor version only appends fields and
 * operations; a plugin states the lowest minor it needs (normally 0), and both sides check
 * `struct_size` before they read a field that a later minor appended. */
#ifndef ASSAY_VERSION_H
#define ASSAY_VERSION_H

#define ASSAY_ABI_MAJOR 1
#define ASSAY_ABI_MINOR 0

/* True when `pointer`, a struct whose first field is `struct_size`, is long enough to hold `field`.
 */
#define ASSAY_HAS_FIELD(pointer, type, field)                                                      \
    ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

#endif
