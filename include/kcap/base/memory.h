/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_MEMORY_H
#define KCAP_BASE_MEMORY_H

#include <stdint.h>

/* Bytes this node can still give to this process's group: what the kernel calls available, or what
 * is left under the control group's limit (v1 or v2) where that is less. 0: not known. */
int64_t kc_memory_available(void);

#endif
