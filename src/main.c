/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/main.h"

int main(int argc, char **argv)
{
    return kc_main(argc, argv);
}
