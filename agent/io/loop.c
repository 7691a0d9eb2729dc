/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop_ev.h"

/* So many do one thing after the other before they all go on to the next. */
#define BATCH_MAX 16u
/* Who was served waits so long for the others, looked at after each LOOK_EACH of them: looking takes time, too. */
#define BATCH_NS 500000
#define LOOK_EACH 4u
/* Output buffers at hand: a batch of small ones, or a few large ones. */
#define SPARE_COUNT BATCH_MAX
#define SPARE_ROOM (256u * 1024) /* of one */
#define SPARE_BYTES (5 * SPARE_ROOM) /* of all: four large ones leave room for small ones */
/* A task that queues itself again at every end must not keep the loop from polling. */
#define END_MAX 16384

struct loop {
	struct ev_loop *ev;
	struct ev_idle awake; /* while it is active the poll does not wait */
	struct loop_task end; /* heads of circular lists */
	struct loop_task soon;
	struct loop_task serve, write; /* of a batch */
	unsigned batched;
	bool many;     /* more than one event in this wake-up */
	bool in_batch; /* it runs */
	size_t kept;   /* at the front of scratch, until it has run */
	int64_t now_ns;
	bool in_wakeup;
	uint8_t *scratch;
	struct buf spare[SPARE_COUNT];
	size_t spares, spare_bytes;
	struct loop_stalls stalls;
};

struct loop_timer {
	struct ev_timer ev;
	struct loop *loop;
	void (*on_timer)(void *arg);
	void *arg;
};

struct loop_signal {
	struct ev_signal ev;
	struct loop *loop;
	void (*on_signal)(void *arg, int signum);
	void *arg;
};

static void list_init(struct loop_task *head)
{
	head->next = head->prev = head;
}

static bool list_empty(const struct loop_task *head)
{
	return head->next == head;
}

static void list_add(struct loop_task *head, struct loop_task *task)
{
	if (task->next)
		return;
	task->next = head;
	task->prev = head->prev;
	head->prev->next = task;
	head->prev = task;
}

void loop_task_cancel(struct loop_task *task)
{
	if (!task->next)
		return;
	task->next->prev = task->prev;
	task->prev->next = task->next;
	task->next = task->prev = NULL;
}

static void run_first(struct loop_task *head)
{
	struct loop_task *task = head->next;

	loop_task_cancel(task);
	task->run(task);
}

/* Runs what stands there now; what it queues comes next time. */
static void run_soon(struct loop *loop)
{
	struct loop_task mark = { 0 };

	if (likely(list_empty(&loop->soon)))
		return;
	list_add(&loop->soon, &mark);
	while (loop->soon.next != &mark)
		run_first(&loop->soon);
	loop_task_cancel(&mark);
}

static void run_all(struct loop_task *head)
{
	while (!list_empty(head))
		run_first(head);
}

static void serve(struct loop *loop)
{
	int64_t since = clock_mono_ns();

	for (unsigned n = 1; !list_empty(&loop->serve); n++) {
		run_first(&loop->serve);
		if (n % LOOK_EACH == 0 && clock_mono_ns() - since >= BATCH_NS) {
			run_all(&loop->write);
			since = clock_mono_ns();
		}
	}
}

static HOT void run_batch(struct loop *loop)
{
	loop->in_batch = true;
	while (!list_empty(&loop->serve) || !list_empty(&loop->write)) {
		if (!list_empty(&loop->serve))
			serve(loop);
		run_all(&loop->write);
	}
	loop->in_batch = false;
	loop->batched = 0;
	loop->kept = 0;
}

static void run_end(struct loop *loop)
{
	for (int i = 0; i < END_MAX && !list_empty(&loop->end); i++)
		run_first(&loop->end);
}

int64_t loop_stall_bound_ns(size_t i)
{
	static const int64_t ms[LOOP_STALL_BOUNDS] = { 1, 2, 5, 10, 20, 50, 100 };

	return ms[i] * 1000000;
}

const struct loop_stalls *loop_stalls(const struct loop *loop)
{
	return &loop->stalls;
}

/* Only the loop itself writes, so nothing has to be locked. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static COLD size_t long_stall(int64_t took)
{
	size_t i = 1;

	while (i < LOOP_STALL_BOUNDS && took > loop_stall_bound_ns(i))
		i++;
	return i;
}

static void note_stall(struct loop_stalls *stalls, int64_t took)
{
	size_t i = took > loop_stall_bound_ns(0) ? long_stall(took) : 0;

	add(&stalls->counts[i], 1);
	add(&stalls->total_ns, (uint64_t)took);
	if ((uint64_t)took > atomic_load_explicit(&stalls->max_ns, memory_order_relaxed))
		atomic_store_explicit(&stalls->max_ns, (uint64_t)took, memory_order_relaxed);
}

/* libev calls this instead of invoking what is pending: once a wake-up. */
static HOT void wake_up(struct ev_loop *ev)
{
	struct loop *loop = ev_userdata(ev);

	loop->now_ns = clock_mono_ns();
	loop->in_wakeup = true;
	loop->many = ev_pending_count(ev) > 1;
	run_soon(loop);
	ev_invoke_pending(ev);
	run_batch(loop);
	run_end(loop);
	loop->many = false;
	loop->in_wakeup = false;
	note_stall(&loop->stalls, clock_mono_ns() - loop->now_ns);
	if (unlikely(!list_empty(&loop->soon) || !list_empty(&loop->end)))
		ev_idle_start(ev, &loop->awake);
	else if (unlikely(ev_is_active(&loop->awake)))
		ev_idle_stop(ev, &loop->awake);
}

static void on_awake(struct ev_loop *ev, struct ev_idle *idle, int events)
{
	(void)ev;
	(void)idle;
	(void)events;
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_new(sizeof(*loop));

	loop->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (!loop->ev) {
		log_error("cannot make an event loop (epoll); are there descriptors left? "
			  "raise LimitNOFILE");
		free(loop);
		return NULL;
	}
	list_init(&loop->end);
	list_init(&loop->soon);
	list_init(&loop->serve);
	list_init(&loop->write);
	ev_idle_init(&loop->awake, on_awake);
	ev_set_userdata(loop->ev, loop);
	ev_set_invoke_pending_cb(loop->ev, wake_up);
	/* Without this a loop that watches nothing would return from its run at once. */
	ev_ref(loop->ev);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	ev_idle_stop(loop->ev, &loop->awake);
	ev_unref(loop->ev);
	ev_loop_destroy(loop->ev);
	while (loop->spares)
		buf_fini(&loop->spare[--loop->spares]);
	free(loop->scratch);
	free(loop);
}

void loop_run(struct loop *loop)
{
	ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop)
{
	ev_break(loop->ev, EVBREAK_ALL);
}

int64_t loop_now_ns(const struct loop *loop)
{
	/* Between runs there is no wake-up whose time could be told. */
	return loop->in_wakeup ? loop->now_ns : clock_mono_ns();
}

struct ev_loop *loop_ev(struct loop *loop)
{
	return loop->ev;
}

void loop_at_end(struct loop *loop, struct loop_task *task)
{
	list_add(&loop->end, task);
	if (!loop->in_wakeup)
		ev_idle_start(loop->ev, &loop->awake);
}

void loop_soon(struct loop *loop, struct loop_task *task)
{
	list_add(&loop->soon, task);
	if (!loop->in_wakeup)
		ev_idle_start(loop->ev, &loop->awake);
}

bool loop_in_batch(struct loop *loop, enum loop_step step, struct loop_task *task, size_t keep)
{
	if (likely(!loop->many) || loop->kept + keep > LOOP_KEPT)
		return false;
	loop->kept += keep;
	list_add(step == LOOP_SERVE ? &loop->serve : &loop->write, task);
	if (++loop->batched >= BATCH_MAX && !loop->in_batch)
		run_batch(loop);
	return true;
}

uint8_t *loop_scratch(struct loop *loop)
{
	if (unlikely(!loop->scratch))
		loop->scratch = mem_grow(NULL, LOOP_KEPT + LOOP_SCRATCH);
	return loop->scratch + loop->kept;
}

void loop_take_buf(struct loop *loop, struct buf *buf)
{
	*buf = loop->spares ? loop->spare[--loop->spares] : buf_capped(0);
	loop->spare_bytes -= buf->room;
}

void loop_give_buf(struct loop *loop, struct buf *buf)
{
	buf_reset(buf);
	if (!buf->ptr)
		return;
	if (likely(loop->spares < SPARE_COUNT && buf->room <= SPARE_ROOM &&
		   loop->spare_bytes + buf->room <= SPARE_BYTES)) {
		loop->spare[loop->spares++] = *buf;
		loop->spare_bytes += buf->room;
		*buf = buf_capped(0);
	} else {
		buf_fini(buf);
	}
}

void loop_start_timer(struct loop *loop, struct ev_timer *timer, int64_t after_ns)
{
	/* Timers count from libev's idea of now, which stands still outside of a run. */
	if (!loop->in_wakeup)
		ev_now_update(loop->ev);
	ev_timer_stop(loop->ev, timer);
	ev_timer_set(timer, after_ns > 0 ? (double)after_ns / 1e9 : 0.0, 0.0);
	ev_timer_start(loop->ev, timer);
}

static void timer_fired(struct ev_loop *ev, struct ev_timer *w, int events)
{
	struct loop_timer *timer = w->data;

	(void)ev;
	(void)events;
	timer->on_timer(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*on_timer)(void *arg), void *arg)
{
	struct loop_timer *timer = mem_new(sizeof(*timer));

	timer->loop = loop;
	timer->on_timer = on_timer;
	timer->arg = arg;
	ev_init(&timer->ev, timer_fired);
	timer->ev.data = timer;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t after_ns)
{
	loop_start_timer(timer->loop, &timer->ev, after_ns);
}

void loop_timer_clear(struct loop_timer *timer)
{
	ev_timer_stop(timer->loop->ev, &timer->ev);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_timer_clear(timer);
	free(timer);
}

static void signal_came(struct ev_loop *ev, struct ev_signal *w, int events)
{
	struct loop_signal *sig = w->data;

	(void)ev;
	(void)events;
	sig->on_signal(sig->arg, w->signum);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum,
				    void (*on_signal)(void *arg, int signum), void *arg)
{
	struct loop_signal *sig = mem_new(sizeof(*sig));

	sig->loop = loop;
	sig->on_signal = on_signal;
	sig->arg = arg;
	ev_signal_init(&sig->ev, signal_came, signum);
	sig->ev.data = sig;
	ev_signal_start(loop->ev, &sig->ev);
	return sig;
}

void loop_signal_free(struct loop_signal *sig)
{
	if (!sig)
		return;
	ev_signal_stop(sig->loop->ev, &sig->ev);
	free(sig);
}
