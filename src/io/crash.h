/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_CRASH_H
#define KCAP_IO_CRASH_H

/* HDF5 1.10 trusts what its heaps hold, and a bit of it that is another makes it read where there is
 * nothing. From here on until kc_crash_over such a crash ends the process with KC_EINPUT and names
 * the file that is being read. One file at a time, the last. */
void kc_crash_names(const char *path);

/* The file is closed. */
void kc_crash_over(void);

#endif
