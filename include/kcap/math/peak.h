/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_PEAK_H
#define KCAP_MATH_PEAK_H

/* The multiply-add rate this machine reaches now with `threads` threads on registers alone, in
 * flop/s (a multiply-add is two): the ceiling of any fp32 kernel. The best of several short runs
 * of the widest vectors the CPU has; takes about a tenth of a second. 0 where it is not known how
 * to measure it (not x86-64).
 *   collective  no; ranks that share a node must measure at the same time, see kc_barrier */
double kc_peak_flops(int threads);

#endif
