/* SPDX-License-Identifier: Apache-2.0 */
#include "script/ticks.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "script/budget.h"

_Thread_local struct ticks ticks;
static _Thread_local timer_t timer;

/* Lua 5.4 manual, lua_sethook may be called from a signal; nothing else is done here. */
static void on_tick(int signum)
{
	struct state *state = ticks.state;

	(void)signum;
	if (state)
		budget_tick(state);
}

#ifdef __SANITIZE_THREAD__
/* That sanitizer keeps signals back until the thread calls a function that it knows: a loop in Lua calls none. */
static bool start_timer(void)
{
	return false;
}
#else
static bool start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM };
	const struct itimerspec every = { .it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS };

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer))
		return false;
	if (!timer_settime(timer, 0, &every, NULL))
		return true;
	timer_delete(timer);
	return false;
}
#endif

bool ticks_start(void)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGVTALRM);
	if (sigaction(SIGVTALRM, &action, NULL) || pthread_sigmask(SIG_UNBLOCK, &ours, NULL))
		return false;
	ticks.on = start_timer();
	return ticks.on;
}

void ticks_stop(void)
{
	if (ticks.on)
		timer_delete(timer);
	ticks.on = false;
}
