/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/histogram.h"

static unsigned step_of(uint64_t ns)
{
	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	unsigned top = 63U - (unsigned)__builtin_clzll(ns);
	unsigned step = (top - 5) * HISTOGRAM_STEPS + (unsigned)((ns >> (top - 6)) - HISTOGRAM_STEPS);
	return step < HISTOGRAM_SIZE ? step : HISTOGRAM_SIZE - 1;
}

/* The largest duration of a step. */
static uint64_t step_end(unsigned step)
{
	if (step < HISTOGRAM_STEPS)
		return step;
	unsigned shift = step / HISTOGRAM_STEPS - 1;
	return (((uint64_t)(step % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;
	h->counts[step_of(value)]++;
	h->total++;
	if (value > h->max)
		h->max = value;
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++)
		h->counts[i] += from->counts[i];
	h->total += from->total;
	if (from->max > h->max)
		h->max = from->max;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)h->total + 0.5), seen = 0;
	if (h->total == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		seen += h->counts[i];
		if (seen >= wanted)
			return step_end(i) < h->max ? step_end(i) : h->max;
	}
	return h->max;
}
