/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays the *.scn files of this folder: SPOP connections, a scripted worker and
 * a clock that moves when the text says so. One test a file; a line that does
 * not come true fails it with its number. A line is one of
 *
 *	config LUA                     the configuration; before all else
 *	reload LUA                     another one, as after a reload
 *	open C                         a new connection C (a letter)
 *	hello C [SIZE [CAPABILITIES]]  sends a HELLO and takes its answer
 *	send C BYTES                   sends bytes (bytes.h); drip C BYTES: one at a time
 *	ask C STREAM [ARG=VALUE...]    sends a NOTIFY; values: null, true, false, or text
 *	connect C STREAM [ARG=VALUE...]     the same about a connection without a request
 *	worker pass|pend|respond N|fail     what workers do from here on
 *	call I pass|respond N|fail     ends the pending call I
 *	sleep N(ms|s)                  time passes, with the ticks that sessions ask for
 *	drain C                        starts draining
 *	lose C                         the connection is gone
 *	blocked C N                    so many bytes of output wait to be written
 *	C: hello|nothing|paused|reading|open
 *	C: ack STREAM [VAR=VALUE...]   the next frame is that ACK
 *	C: goodbye STATUS              the next frame is a DISCONNECT
 *	C: over                        the session has ended
 *	pending N                      so many calls of workers wait
 *	cancelled N                    so many were cancelled
 */
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>

#include "lib/bytes.h"
#include "lib/spoe_rig.h"

#define ARGS_MAX 32

static struct rig *rig;
static struct spoe_shared *shared;
static struct spoe_rig *peers[26];
static const char *scene;
static unsigned line_number;

static const struct rig_file files[] = { { "w.lua", "return {}\n" }, { NULL, NULL } };

static _Noreturn void wrong(const char *what, const char *got)
{
	print_message("# %s:%u: %s: %s\n", scene, line_number, what, got);
	fail();
	abort();
}

#define CHECK(condition, got)                     \
	do {                                      \
		if (!(condition))                 \
			wrong(#condition, got);   \
	} while (0)

/* The next word of a line, "" at its end. */
static char *word(char **line)
{
	char *start = *line + strspn(*line, " \t"), *end = start + strcspn(start, " \t");

	*line = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

static unsigned number(char **line)
{
	char *text = word(line), *end;
	unsigned long n = strtoul(text, &end, 10);

	CHECK(text[0] && !*end, text);
	return (unsigned)n;
}

static struct spoe_rig *peer_of_name(const char *name)
{
	CHECK(name[0] >= 'A' && name[0] <= 'Z' && peers[name[0] - 'A'], name);
	return peers[name[0] - 'A'];
}

static void set_up(const char *config)
{
	rig = rig_new(config, files);
	shared = spoe_rig_shared(rig);
}

static void tear_down(void)
{
	for (size_t i = 0; i < 26; i++) {
		if (peers[i])
			spoe_rig_free(peers[i]);
		peers[i] = NULL;
	}
	if (rig) {
		spoe_rig_shared_free(shared);
		rig_free(rig);
	}
	rig = NULL;
}

static struct policy_result result_of(char **line)
{
	char *kind = word(line);

	if (strcmp(kind, "pass") == 0)
		return (struct policy_result){ .outcome = POLICY_PASSED };
	if (strcmp(kind, "respond") == 0)
		return (struct policy_result){ .outcome = POLICY_RESPONDED, .status = (int)number(line) };
	CHECK(strcmp(kind, "fail") == 0, kind);
	return (struct policy_result){ .outcome = POLICY_FAILED, .reason = REASON_POLICY_ERROR };
}

static void do_worker(char *line)
{
	rig->state = strncmp(line, "pend", 4) == 0 ? POLICY_PENDING : POLICY_DONE;
	if (rig->state == POLICY_DONE)
		rig->result = result_of(&line);
}

static void do_hello(char *line)
{
	struct spoe_rig *peer = peer_of_name(word(&line));
	char *size = word(&line), *capabilities = word(&line);
	struct buf frame = buf_capped(0);
	struct spop_frame answer;

	peer_hello(&frame, size[0] ? strtoul(size, NULL, 10) : 16380,
		   capabilities[0] ? capabilities : "pipelining");
	spoe_rig_send(peer, buf_slice(&frame));
	buf_fini(&frame);
	CHECK(spoe_rig_next(peer, &answer), "silence");
	CHECK(answer.type == SPOP_AGENT_HELLO, "another frame");
}

static struct value value_of(const char *text)
{
	if (strcmp(text, "null") == 0)
		return (struct value){ .kind = VALUE_NULL };
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return (struct value){ .kind = VALUE_BOOL, .boolean = text[0] == 't' };
	return (struct value){ .kind = VALUE_TEXT, .bytes = slice_str(text) };
}

/* Arguments, as "name=value" each, behind the `count` that are there. */
static void read_args(char *line, struct named *over, size_t count)
{
	while (*line && count < ARGS_MAX) {
		char *name = word(&line), *value = strchr(name, '=');

		CHECK(value, name);
		*value = '\0';
		over[count++] = (struct named){ name, value_of(value + 1) };
	}
	over[count] = (struct named)NAMED_END;
}

static void do_ask(char *line)
{
	struct spoe_rig *peer = peer_of_name(word(&line));
	unsigned stream = number(&line);
	struct named over[ARGS_MAX + 1];

	read_args(line, over, 0);
	spoe_rig_ask(peer, stream, 1, over);
}

static void do_connect(char *line)
{
	static const struct named none[] = { UNSENT("host"), UNSENT("method"), UNSENT("path") };
	struct spoe_rig *peer = peer_of_name(word(&line));
	unsigned stream = number(&line);
	struct buf payload = buf_capped(0), frame = buf_capped(0);
	struct named over[ARGS_MAX + 1];

	memcpy(over, none, sizeof(none));
	read_args(line, over, 3);
	peer_message(&payload, "check-client-connection", over);
	peer_frame(&frame, SPOP_NOTIFY, SPOP_FIN, stream, 1, buf_slice(&payload));
	spoe_rig_send(peer, buf_slice(&frame));
	buf_fini(&payload);
	buf_fini(&frame);
}

static void do_sleep(char *line)
{
	char *unit;
	int64_t ns = strtoll(line, &unit, 10) * (strcmp(unit, "ms") == 0 ? 1000000 : 1000000000);
	int64_t start = rig_mono_ns;

	CHECK(strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0, line);
	/* Small steps, so that all connections see the same time. */
	while (rig_mono_ns < start + ns) {
		rig_sleep(ns < 1000000 ? ns : 1000000);
		for (size_t i = 0; i < 26; i++)
			if (peers[i] && !peers[i]->finished && spoe_deadline(peers[i]->session) <= rig_mono_ns)
				spoe_tick(peers[i]->session);
	}
}

static void expect_ack(struct spoe_rig *peer, char *line)
{
	struct spop_frame ack;

	CHECK(spoe_rig_next(peer, &ack), "silence");
	CHECK(ack.type == SPOP_ACK, "another frame");
	CHECK(ack.stream_id == number(&line), "another stream");
	CHECK(peer_actions(&ack) >= 1, "no action");
	while (*line) {
		char *name = word(&line), *value = strchr(name, '=');

		CHECK(value, name);
		*value = '\0';
		CHECK(strcmp(peer_text(&ack, name), value + 1) == 0, peer_text(&ack, name));
	}
}

static void expect_goodbye(struct spoe_rig *peer, char *line)
{
	struct spop_disconnect goodbye;
	struct spop_frame frame;

	CHECK(spoe_rig_next(peer, &frame), "silence");
	CHECK(frame.type == SPOP_AGENT_DISCONNECT, "another frame");
	CHECK(spop_disconnect_decode(frame.payload, &goodbye) == SPOP_NORMAL, "rubbish");
	CHECK(goodbye.status == number(&line), spop_status_text(goodbye.status));
}

static void expect(struct spoe_rig *peer, char *line)
{
	char *what = word(&line);
	struct spop_frame frame;

	if (strcmp(what, "ack") == 0)
		expect_ack(peer, line);
	else if (strcmp(what, "goodbye") == 0)
		expect_goodbye(peer, line);
	else if (strcmp(what, "hello") == 0)
		CHECK(spoe_rig_next(peer, &frame) && frame.type == SPOP_AGENT_HELLO, "something else");
	else if (strcmp(what, "nothing") == 0)
		CHECK(!spoe_rig_next(peer, &frame), "a frame");
	else if (strcmp(what, "over") == 0)
		CHECK(peer->finished, "open");
	else if (strcmp(what, "open") == 0)
		CHECK(!peer->finished, "over");
	else if (strcmp(what, "paused") == 0)
		CHECK(peer->paused, "reading");
	else if (strcmp(what, "reading") == 0)
		CHECK(!peer->paused, "paused");
	else
		wrong("not an expectation", what);
}

static void do_open(char *line)
{
	CHECK(!peers[line[0] - 'A'], "open already");
	peers[line[0] - 'A'] = spoe_rig_new(rig, shared);
}

static void do_lose(char *line)
{
	spoe_rig_free(peer_of_name(line));
	peers[line[0] - 'A'] = NULL;
}

static void do_send(char *line)
{
	struct spoe_rig *peer = peer_of_name(word(&line));

	spoe_rig_send(peer, bytes(line));
}

static void do_drip(char *line)
{
	struct spoe_rig *peer = peer_of_name(word(&line));

	spoe_rig_drip(peer, bytes(line));
}

static void do_blocked(char *line)
{
	struct spoe_rig *peer = peer_of_name(word(&line));

	peer->waiting = number(&line);
	spoe_writable(peer->session);
	spoe_rig_again(peer);
}

static void do_call(char *line)
{
	unsigned i = number(&line);

	CHECK(i < rig->pending_count, "no such call");
	rig_complete(rig, i, result_of(&line));
	for (size_t at = 0; at < 26; at++)
		if (peers[at])
			spoe_rig_again(peers[at]);
}

static void do_drain(char *line)
{
	spoe_drain(peer_of_name(line)->session);
}

static void do_reload(char *line)
{
	rig_reload(rig, line);
}

static void do_pending(char *line)
{
	char count[16];

	snprintf(count, sizeof(count), "%zu", rig->pending_count);
	CHECK(strcmp(count, line) == 0, count);
}

static void do_cancelled(char *line)
{
	char count[16];

	snprintf(count, sizeof(count), "%u", rig->cancelled);
	CHECK(strcmp(count, line) == 0, count);
}

static void play_line(char *line)
{
	static const struct {
		const char *word;
		void (*play)(char *line);
	} verbs[] = { { "open", do_open }, { "hello", do_hello }, { "send", do_send }, { "drip", do_drip },
		      { "ask", do_ask }, { "connect", do_connect }, { "worker", do_worker }, { "call", do_call },
		      { "sleep", do_sleep }, { "drain", do_drain }, { "lose", do_lose },
		      { "blocked", do_blocked }, { "reload", do_reload }, { "pending", do_pending },
		      { "cancelled", do_cancelled } };
	char *verb = word(&line);

	if (strcmp(verb, "config") == 0) {
		set_up(line);
		return;
	}
	CHECK(rig, "no config");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].word) == 0) {
			verbs[i].play(line);
			return;
		}
	CHECK(verb[0] && verb[1] == ':' && !verb[2], verb);
	expect(peer_of_name(verb), line);
}

static void play(void **state)
{
	char line[4096], path[512];
	FILE *file;

	scene = *state;
	snprintf(path, sizeof(path), "%s", __FILE__);
	snprintf(line, sizeof(line), "%s/%s", dirname(path), scene);
	file = fopen(line, "r");
	assert_non_null(file);
	for (line_number = 1; fgets(line, sizeof(line), file); line_number++) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			play_line(line);
	}
	fclose(file);
}

static int after(void **state)
{
	(void)state;
	tear_down();
	return 0;
}

static int is_scene(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".scn") == 0;
}

int main(void)
{
	char path[512];
	struct dirent **names;
	struct CMUnitTest tests[64];
	int count, failed;

	snprintf(path, sizeof(path), "%s", __FILE__);
	count = scandir(dirname(path), &names, is_scene, alphasort);
	if (count < 1 || count > 64)
		return 2;
	for (int i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ names[i]->d_name, play, NULL, after, names[i]->d_name };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("scenes", tests, (size_t)count, NULL, NULL);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return failed;
}
