/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/peer.h"

void meter_init(struct meter *meter, pid_t pid, double warmup, double seconds)
{
	*meter = (struct meter){ .pid = pid };
	meter->begin = clock_mono_ns() + (int64_t)(warmup * 1e9);
	meter->end = meter->begin + (int64_t)(seconds * 1e9);
}

void meter_time(struct meter *meter, int64_t now, bool counted)
{
	if (!meter->measuring && now >= meter->begin) {
		meter->measuring = true;
		meter->wall_begin = now;
		meter->cpu_begin = peer_cpu_ns(meter->pid);
		meter->own_begin = peer_cpu_ns(getpid());
	}
	if (!meter->stopping && (now >= meter->end || counted)) {
		meter->stopping = true;
		meter->wall_end = now;
		meter->cpu_end = peer_cpu_ns(meter->pid);
		meter->own_end = peer_cpu_ns(getpid());
	}
}

void meter_answer(struct meter *meter, int64_t ns, uint64_t out, uint64_t in)
{
	if (!meter->measuring || meter->stopping)
		return;
	meter->answered++;
	meter->bytes_out += out;
	meter->bytes_in += in;
	histogram_add(&meter->latency, ns);
}

void meter_wrong(struct meter *meter, const char *expected, const char *reason, const char *why)
{
	if (meter->wrong++ < 5)
		fprintf(stderr, "wrong answer: %s (expected %s%s%s)\n", why, expected,
			reason[0] ? ":" : "", reason);
}

void meter_print(const struct meter *meter, uint64_t lost)
{
	double seconds = (double)(meter->wall_end - meter->wall_begin) / 1e9;
	double answered = meter->answered ? (double)meter->answered : 1.0;
	const struct histogram *h = &meter->latency;
	printf("{\"verdicts\": %" PRIu64 ", \"seconds\": %.3f, \"rate\": %.0f, \"wrong\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", ",
	       meter->answered, seconds, (double)meter->answered / seconds, meter->wrong, lost);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, ",
	       (double)histogram_at(h, 0.5) / 1e3, (double)histogram_at(h, 0.99) / 1e3,
	       (double)histogram_at(h, 0.999) / 1e3, (double)h->max / 1e3);
	printf("\"agent_cpu_us\": %.4f, \"agent_cores\": %.3f, \"load_cpu_us\": %.4f, "
	       "\"out_bytes\": %.0f, \"in_bytes\": %.0f}\n",
	       (double)(meter->cpu_end - meter->cpu_begin) / 1e3 / answered,
	       (double)(meter->cpu_end - meter->cpu_begin) / 1e9 / seconds,
	       (double)(meter->own_end - meter->own_begin) / 1e3 / answered,
	       (double)meter->bytes_out / answered, (double)meter->bytes_in / answered);
	fflush(stdout);
}
