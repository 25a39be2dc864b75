/* SPDX-License-Identifier: BSD-3-Clause */

#include "../test.h"

#include "kcap/base/crc.h"

/* The check value of CRC-32/ISO-HDLC, and the definition bit by bit. */
KC_TEST(as_published_and_as_defined)
{
    unsigned char bytes[600];
    uint32_t crc = ~0u, pieces = 0;
    assert_int_equal(kc_crc32(0, "123456789", 9), 0xcbf43926);
    for (int i = 0; i < 600; ++i) {
        bytes[i] = (unsigned char)(i * i + 7 * i);
        crc ^= bytes[i];
        for (int k = 0; k < 8; ++k)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        pieces = kc_crc32(pieces, bytes + i, 1);
        assert_int_equal(kc_crc32(0, bytes, (size_t)i + 1), ~crc);
        assert_int_equal(pieces, ~crc);
    }
}

KC_TEST_MAIN(NULL, NULL)
