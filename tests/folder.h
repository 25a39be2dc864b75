/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_FOLDER_H
#define KCAP_TESTS_FOLDER_H

#include "test.h"

static inline void test_folder_end(void *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", (const char *)path);
    if (system(command) != 0)
        abort();
}

/* A folder of the test's own, removed with all in it. */
static inline const char *test_folder(void)
{
    char *path = test_text("/tmp/kcap_test_XXXXXX");
    if (mkdtemp(path) == NULL)
        abort();
    return kc_test_owns(path, test_folder_end);
}

#endif
