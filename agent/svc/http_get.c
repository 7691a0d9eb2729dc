/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/http_get.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop_io.h"
#include "svc/target.h"

#define REDIRECTS_MAX 5L
#define CONNECT_MS 10000L
/* Slower than this for so long is not a transfer. */
#define SLOW_BYTES 500L
#define SLOW_SECONDS 10L
#define READY_MAX 32
/* Lists and answers pack to a tenth at best. What packs to less than a hundredth was made to keep whoever unpacks it from other work. */
#define UNPACKED_FREE ((size_t)4 << 20)
#define UNPACKED_TIMES 100

struct http_get {
	struct http_client *client;
	struct http_get *next, *prev;
	CURL *easy;
	struct curl_slist *headers;
	size_t max_bytes;
	bool public_only, conditional, was_refused;
	enum err body_err;
	char fault[CURL_ERROR_SIZE];
	struct http_result result;
	void (*on_done)(void *arg, struct http_result *result);
	void *arg;
};

struct http_client {
	struct loop *loop;
	CURLM *multi;
	int epoll;
	struct loop_io *io;
	struct loop_timer *timer;
	struct http_get *gets;
	unsigned count, max;
};

static void free_get(struct http_get *get)
{
	struct http_client *client = get->client;

	curl_multi_remove_handle(client->multi, get->easy);
	curl_easy_cleanup(get->easy);
	curl_slist_free_all(get->headers);
	if (get->prev)
		get->prev->next = get->next;
	else
		client->gets = get->next;
	if (get->next)
		get->next->prev = get->prev;
	client->count--;
	bulk_fini(&get->result.body);
	free(get);
}

static void judge(struct http_get *get, CURLcode code)
{
	struct http_result *result = &get->result;
	const char *why = get->fault[0] ? get->fault : curl_easy_strerror(code);

	curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &result->status);
	result->err = ERR_IO;
	if (get->was_refused && code != CURLE_OK) {
		result->err = ERR_USAGE;
		why = "the address is not one that may be asked";
	} else if (get->body_err || code == CURLE_FILESIZE_EXCEEDED) {
		result->err = get->body_err ? get->body_err : ERR_LIMIT;
		why = result->err == ERR_LIMIT ? "the answer is too large" :
						 "too many bytes of lists are held at the same time";
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		result->err = ERR_TIMEOUT;
	} else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_TOO_MANY_REDIRECTS ||
		   code == CURLE_URL_MALFORMAT) {
		result->err = ERR_USAGE;
	} else if (code == CURLE_OK &&
		   (result->status == 200 || (result->status == 304 && get->conditional))) {
		result->err = ERR_OK;
		return;
	} else if (code == CURLE_OK) {
		result->err = ERR_NOT_FOUND;
		snprintf(result->why, sizeof(result->why), "HTTP status %ld", result->status);
		return;
	}
	snprintf(result->why, sizeof(result->why), "%.190s", why);
}

static void finish_done(struct http_client *client)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct http_get *get;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &get) != CURLE_OK)
			continue;
		judge(get, code);
		if (get->result.err)
			bulk_fini(&get->result.body);
		get->on_done(get->arg, &get->result);
		free_get(get);
	}
}

static void on_timer(void *arg)
{
	struct http_client *client = arg;
	int running;

	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_done(client);
}

static void on_ready(void *arg)
{
	struct http_client *client = arg;
	struct epoll_event ready[READY_MAX];
	int n = epoll_wait(client->epoll, ready, READY_MAX, 0), running;

	for (int i = 0; i < n; i++) {
		int events = 0;

		if (ready[i].events & EPOLLIN)
			events |= CURL_CSELECT_IN;
		if (ready[i].events & EPOLLOUT)
			events |= CURL_CSELECT_OUT;
		if (ready[i].events & (EPOLLERR | EPOLLHUP))
			events |= CURL_CSELECT_ERR;
		curl_multi_socket_action(client->multi, ready[i].data.fd, events, &running);
	}
	finish_done(client);
}

/* curl tells which descriptors it waits for; the set of them is one descriptor for the loop. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http_client *client = arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(client->epoll, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(client->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(client->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		return -1;
	curl_multi_assign(client->multi, fd, client);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
	struct http_client *client = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_clear(client->timer);
	else
		loop_timer_set(client->timer, (int64_t)ms * 1000000);
	return 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_get *get = arg;

	(void)purpose;
	if (!target_allowed(&address->addr, get->public_only)) {
		get->was_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_bomb(const struct http_get *get)
{
	curl_off_t came = 0;

	return get->result.body.len > UNPACKED_FREE &&
	       curl_easy_getinfo(get->easy, CURLINFO_SIZE_DOWNLOAD_T, &came) == CURLE_OK &&
	       (curl_off_t)(get->result.body.len / UNPACKED_TIMES) > came;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_get *get = arg;

	get->body_err = bulk_put(&get->result.body, slice_of(bytes, size * count), get->max_bytes);
	if (is_bomb(get))
		get->body_err = ERR_LIMIT;
	return get->body_err ? 0 : size * count;
}

static void keep_tag(struct slice line, struct slice name, char *out)
{
	struct slice value = slice_trim(slice_sub(line, name.len, line.len));

	if (!slice_eq_nocase(slice_sub(line, 0, name.len), name))
		return;
	if (value.len >= HTTP_TAG_MAX)
		value.len = 0;
	memcpy(out, value.len ? value.ptr : (const uint8_t *)"", value.len);
	out[value.len] = '\0';
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_get *get = arg;
	struct slice line = slice_of(bytes, size * count);

	while (line.len && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n'))
		line.len--;
	/* Headers of a redirect say nothing about where it leads. */
	if (slice_starts(line, SLICE_LIT("HTTP/"))) {
		get->result.etag[0] = get->result.last_modified[0] = '\0';
		bulk_fini(&get->result.body);
	}
	keep_tag(line, SLICE_LIT("etag:"), get->result.etag);
	keep_tag(line, SLICE_LIT("last-modified:"), get->result.last_modified);
	return size * count;
}

static void add_header(struct http_get *get, const char *name, const char *value)
{
	char line[HTTP_TAG_MAX + 64];
	struct curl_slist *longer;

	if (!value || !*value)
		return;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(get->headers, line);
	if (longer)
		get->headers = longer;
}

static void set_headers(struct http_get *get, const struct http_request *request)
{
	get->conditional = (request->etag && *request->etag) ||
			   (request->last_modified && *request->last_modified);
	add_header(get, "Accept", request->accept);
	add_header(get, "Content-Type", request->content_type);
	add_header(get, "If-None-Match", request->etag);
	add_header(get, "If-Modified-Since", request->last_modified);
	if (request->body.len)
		get->headers = curl_slist_append(get->headers, "Expect:");
}

#define SET(option, value) (good = good && curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_bounds(struct http_get *get, const struct http_request *request)
{
	CURL *easy = get->easy;
	bool good = true;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	SET(CURLOPT_TIMEOUT_MS, request->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_bytes);
	/* A kept connection was opened under another request's rules. */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, get);
	return good;
}

static bool set_up(struct http_get *get, const struct http_request *request)
{
	CURL *easy = get->easy;
	bool good = set_bounds(get, request);

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PRIVATE, get);
	SET(CURLOPT_ERRORBUFFER, get->fault);
	SET(CURLOPT_USERAGENT, "mtlsguard/" MTLSGUARD_VERSION);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, get);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, get);
	if (request->body.len) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_COPYPOSTFIELDS, request->body.ptr);
	}
	set_headers(get, request);
	SET(CURLOPT_HTTPHEADER, get->headers);
	return good;
}

struct http_get *http_start(struct http_client *client, const struct http_request *request)
{
	struct http_get *get;
	CURL *easy;

	if (client->count >= client->max || (easy = curl_easy_init()) == NULL)
		return NULL;
	get = mem_new(sizeof(*get));
	get->client = client;
	get->easy = easy;
	get->max_bytes = request->max_bytes;
	get->result.body.budget = request->budget;
	get->public_only = request->public_only;
	get->on_done = request->on_done;
	get->arg = request->arg;
	if (!set_up(get, request)) {
		curl_easy_cleanup(easy);
		curl_slist_free_all(get->headers);
		free(get);
		return NULL;
	}
	get->next = client->gets;
	if (get->next)
		get->next->prev = get;
	client->gets = get;
	client->count++;
	curl_multi_add_handle(client->multi, easy);
	return get;
}

void http_cancel(struct http_get *get)
{
	free_get(get);
}

struct bulk http_take_body(struct http_result *result)
{
	struct bulk body = result->body;

	result->body = (struct bulk){ 0 };
	return body;
}

static void start_library(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool set_multi(struct http_client *client, const struct http_limits *limits)
{
	CURLM *multi = client->multi;

	return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limits->connections) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, limits->per_host) == CURLM_OK;
}

struct http_client *http_client_new(struct loop *loop, const struct http_limits *limits)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_client *client = mem_new(sizeof(*client));

	pthread_once(&once, start_library);
	client->loop = loop;
	client->max = limits->requests;
	client->multi = curl_multi_init();
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!client->multi || client->epoll < 0 || !set_multi(client, limits)) {
		log_error("cannot start the HTTP client: %s", strerror(errno));
		http_client_free(client);
		return NULL;
	}
	client->timer = loop_timer_new(loop, on_timer, client);
	client->io = loop_io_new(loop, client->epoll, on_ready, client);
	return client;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	for (struct http_get *get = client->gets, *next; get; get = next) {
		next = get->next;
		free_get(get);
	}
	if (client->multi)
		curl_multi_cleanup(client->multi);
	loop_io_free(client->io);
	loop_timer_free(client->timer);
	if (client->epoll >= 0)
		close(client->epoll);
	free(client);
}
