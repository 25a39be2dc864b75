/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/printable.h"

#include "kcap/base/text.h"

enum { SHIFT = 0x100 };

static int is_seen(uint32_t code)
{
    return (code >= '!' && code <= '~') || (code >= 0xA1 && code <= 0xFF && code != 0xAD);
}

/* The bytes that are not seen: 0 to 32, 127 to 160 and 173. */
static uint32_t shifted(uint8_t byte)
{
    return SHIFT + (byte <= ' ' ? byte : byte <= 0xA0 ? (uint32_t)byte - 0x7F + 33 : 67);
}

int kc_printable(uint8_t byte, char to[KC_PRINTABLE_MOST])
{
    const uint32_t code = is_seen(byte) ? byte : shifted(byte);

    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    to[0] = (char)(0xC0 | code >> 6);
    to[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}

int kc_printable_byte(const char *text, int *n)
{
    uint32_t code = 0;

    *n = kc_utf8(text, &code);
    if (*n == 0)
        return -1;
    if (code < SHIFT)
        return is_seen(code) ? (int)code : -1;
    code -= SHIFT;
    return code <= ' ' ? (int)code : code <= 66 ? (int)code - 33 + 0x7F : code == 67 ? 0xAD : -1;
}
