/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CAPTURES_H
#define TESTS_LIB_CAPTURES_H

/* Frames seen on the wire between HAProxy 2.6.12 or 3.2.26 and an agent, in the notation of bytes.h. */

#define CAPTURE_HELLO_2_6 \
	"00 00 00 81 01 00 00 00 01 00 00" \
	"12 \"supported-versions\" 08 03 \"2.0\"" \
	"0e \"max-frame-size\" 03 fc f0 06" \
	"0c \"capabilities\" 08 10 \"pipelining,async\"" \
	"09 \"engine-id\" 08 24 \"967d3b24-3d86-4619-907a-e0406ef25fd6\""

#define CAPTURE_HELLO_3_2 \
	"00 00 00 7b 01 00 00 00 01 00 00" \
	"12 \"supported-versions\" 08 03 \"2.0\"" \
	"0e \"max-frame-size\" 03 fc f0 06" \
	"0c \"capabilities\" 08 0a \"pipelining\"" \
	"09 \"engine-id\" 08 24 \"967d3b24-3d86-4619-907a-e0406ef25fd6\""

/* The same on 2.6, 3.0, 3.2 and 3.4. */
#define CAPTURE_HEALTHCHECK \
	"00 00 00 4e 01 00 00 00 01 00 00" \
	"12 \"supported-versions\" 08 03 \"2.0\"" \
	"0e \"max-frame-size\" 03 fc f0 06" \
	"0c \"capabilities\" 08 00 0b \"healthcheck\" 11"

#define CAPTURE_AGENT_HELLO \
	"00 00 00 40 65 00 00 00 01 00 00" \
	"07 \"version\" 08 03 \"2.0\"" \
	"0e \"max-frame-size\" 03 fc f0 06" \
	"0c \"capabilities\" 08 0a \"pipelining\""

/* STREAM-ID 0: the first stream of a 2.6 process. */
#define CAPTURE_NOTIFY_2_6 \
	"00 00 00 5e 03 00 00 00 01 00 01 0a \"check-cert\" 07" \
	"04 \"used\" 11" \
	"06 \"verify\" 04 00" \
	"06 \"serial\" 09 14 29 90 b6 16 0a 09 5d 3b 75 f7 6a 29 05 bc 1a b3 77 f0 15 e1" \
	"02 \"dn\" 08 05 \"alice\"" \
	"00 06 7f 00 00 01" \
	"00 08 03 \"GET\"" \
	"07 \"missing\" 00"

#define CAPTURE_ACK \
	"00 00 00 33 67 00 00 00 01 00 01" \
	"01 03 02 07 \"verdict\" 08 05 \"allow\"" \
	"01 03 02 06 \"status\" 03 c8" \
	"01 03 02 03 \"hdr\" 08 05 \"alice\""

#define CAPTURE_DISCONNECT \
	"00 00 00 31 02 00 00 00 01 00 00" \
	"0b \"status-code\" 03 02 07 \"message\" 08 12 \"a timeout occurred\""

#define CAPTURE_AGENT_DISCONNECT \
	"00 00 00 22 66 00 00 00 01 00 00" \
	"0b \"status-code\" 03 00 07 \"message\" 08 03 \"bye\""

#endif
