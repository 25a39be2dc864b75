/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_CRC_H
#define KCAP_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (ISO 3309, that of zlib and Python's zlib.crc32) of n bytes that follow those of which
 * `before` is the CRC; 0: they are the first. */
uint32_t kc_crc32(uint32_t before, const void *bytes, size_t n);

#endif
