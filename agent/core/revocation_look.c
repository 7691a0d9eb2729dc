/* SPDX-License-Identifier: Apache-2.0 */
#include "core/revocation_look.h"

#include "pki/der.h"
#include "pki/ocsp.h"
#include "pki/points.h"

#define NS_PER_S INT64_C(1000000000)
/* How far ahead a CA's clock may be: a list or an answer from later than that has not begun yet. */
#define SKEW_S OCSP_SKEW

/* One certificate of the path while it is looked at. */
struct looking {
	const struct revocation_view *view;
	const struct revocation_subject *subject;
	struct points points;
	struct slice serial, issuer_name;
	bool leaf;
	struct revocation_answer answer;
	struct revocation_question *questions; /* NULL: only whether there are any */
	size_t room, count;
};

bool revocation_needs_path(const struct authority_conf *authority)
{
	const struct revocation_conf *conf = &authority->revocation;

	return conf->crl_count || conf->points || conf->ocsp;
}

bool revocation_has_source(const struct authority_conf *authority)
{
	const struct revocation_conf *conf = &authority->revocation;

	return conf->deny_count || conf->deny_file_count || revocation_needs_path(authority);
}

static const struct revocation_conf *conf_of(const struct looking *looking)
{
	return &looking->view->authority->revocation;
}

static void begin(struct looking *looking, const struct revocation_view *view,
		  const struct revocation_subject *subject, bool leaf)
{
	struct slice own;

	*looking = (struct looking){ .view = view, .subject = subject, .leaf = leaf };
	looking->answer.holds_until = INT64_MAX;
	looking->serial = slice_of(subject->node->serial, subject->node->serial_len);
	if (subject->anchor || !revocation_needs_path(view->authority))
		return;
	/* What cannot be read has no points, and lists that name one do not cover it. */
	if (points_read(subject->cert, &looking->points))
		looking->points = (struct points){ 0 };
	if (der_names(subject->cert, &looking->issuer_name, &own))
		looking->issuer_name = SLICE_EMPTY;
}

static void hold(struct looking *looking, int64_t until)
{
	if (until < looking->answer.holds_until)
		looking->answer.holds_until = until;
}

static void say(struct looking *looking, enum revocation_status status, enum revocation_by by,
		int64_t this_update, int64_t next_update)
{
	looking->answer.status = status;
	looking->answer.by = by;
	looking->answer.this_update = this_update;
	looking->answer.next_update = next_update;
	if (status == REVOCATION_REVOKED)
		looking->answer.refuses = true;
}

static void ask(struct looking *looking, enum ask_kind kind, struct slice url)
{
	const struct revocation_subject *subject = looking->subject;
	struct revocation_question *question;

	looking->answer.asks = true;
	if (!looking->questions || looking->count == looking->room)
		return;
	question = &looking->questions[looking->count++];
	*question = (struct revocation_question){
		.kind = kind, .authority = looking->view->authority->name,
		.cert = subject->cert, .issuer = subject->issuer, .url = url,
		.serial_len = subject->node->serial_len,
	};
	memcpy(question->issuer_key, subject->node->issuer_key, sizeof(question->issuer_key));
	memcpy(question->serial, subject->node->serial, sizeof(question->serial));
}

/* False when the certificate stands in a deny list; *unread is set when one could never be read. */
static bool passes_deny_lists(struct looking *looking, bool *unread)
{
	const struct revocation_view *view = looking->view;
	const struct revocation_conf *conf = conf_of(looking);
	bool hit = view->deny && deny_hit(view->deny, looking->subject->node);

	for (size_t i = 0; !hit && i < conf->deny_file_count; i++) {
		const struct revocation_source *source =
			revocation_find(view->state, view->authority->name, SOURCE_DENY, conf->deny_files[i]);

		if (!source || !source->loaded)
			*unread = true;
		else
			hit = source->deny && deny_hit(source->deny, looking->subject->node);
	}
	if (hit)
		say(looking, REVOCATION_REVOKED, REVOCATION_BY_DENY, 0, 0);
	return !hit;
}

/* What all lists of the authority say together. */
struct verdict_of_lists {
	bool listed, covered, fresh;
	int64_t listed_in; /* thisUpdate of the newest list that it stands in */
	int64_t listed_next;
	unsigned reason;
	int64_t newest;		 /* thisUpdate of the newest list that covers it and does not list it */
	int64_t this_update, next_update; /* of the one that answers: fresh before newer */
	bool unverified;		  /* one of its issuer's name waits for a key */
};

static bool is_over(const struct looking *looking, int64_t next_update)
{
	return next_update && looking->view->now > next_update;
}

static void cover(struct looking *looking, struct verdict_of_lists *all,
		  const struct revlist_info *info)
{
	bool fresh = !is_over(looking, info->next_update);

	if (!all->covered || info->this_update > all->newest)
		all->newest = info->this_update;
	if (!all->covered || (fresh && !all->fresh) ||
	    (fresh == all->fresh && info->this_update > all->this_update)) {
		all->this_update = info->this_update;
		all->next_update = info->next_update;
		all->fresh = fresh;
	}
	all->covered = true;
}

/* A revocation that is to come. What had happened when its list or answer was made has happened, whatever this clock says. */
static bool is_ahead(const struct looking *looking, int64_t date, int64_t this_update)
{
	return date > looking->view->now && date > this_update;
}

static void look_at_list(struct looking *looking, const struct revlist *list,
			 struct verdict_of_lists *all)
{
	const struct revlist_subject subject = { looking->subject->node->issuer_key, looking->issuer_name,
						 &looking->points };
	int64_t now = looking->view->now;
	struct revlist_info info;
	struct revlist_hit hit;

	revlist_info(list, &info);
	if (revlist_find(list, &subject, looking->serial, &hit)) {
		if (is_ahead(looking, hit.date, info.this_update)) {
			hold(looking, hit.date);
		} else {
			if (!all->listed || info.this_update >= all->listed_in) {
				all->listed_in = info.this_update;
				all->listed_next = info.next_update;
				all->reason = hit.reason;
			}
			all->listed = true;
			return;
		}
	}
	if (!revlist_covers(list, &subject))
		return;
	if (info.this_update > now + SKEW_S)
		hold(looking, info.this_update - SKEW_S);
	else
		cover(looking, all, &info);
}

static bool is_configured(const struct revocation_conf *conf, const struct revocation_source *source)
{
	if (source->kind == SOURCE_DENY)
		return false;
	if (source->kind == SOURCE_POINT)
		return conf->points;
	for (size_t i = 0; i < conf->crl_count; i++)
		if (strcmp(conf->crls[i], source->name) == 0)
			return true;
	return false;
}

static void look_at_lists(struct looking *looking, struct verdict_of_lists *all)
{
	const struct revocation_view *view = looking->view;
	const struct revocation_source *source;

	for (size_t i = 0;
	     (source = revocation_source(view->state, view->authority->name, i)) != NULL; i++) {
		/* After a reload a source may be there for a moment that the configuration has dropped. */
		if (!is_configured(conf_of(looking), source))
			continue;
		for (size_t j = 0; j < source->list_count; j++) {
			const struct source_list *item = &source->lists[j];

			if (item->verified)
				look_at_list(looking, item->list, all);
			else
				all->unverified |= looking->issuer_name.len &&
						   slice_eq(item->issuer, looking->issuer_name);
		}
	}
}

/* Distribution points that were never tried. One point's URLs are the same list: the next is for when one failed. */
static bool ask_for_lists(struct looking *looking)
{
	const struct revocation_view *view = looking->view;
	bool asked = false;

	for (size_t i = 0; conf_of(looking)->points && i < looking->points.full.count; i++) {
		const struct point *point = &looking->points.full.items[i];

		for (size_t j = 0; j < point->uri_count; j++) {
			char url[POINTS_URI_LENGTH + 1];
			const struct revocation_source *source;

			if (point->uris[j].len > POINTS_URI_LENGTH)
				continue;
			memcpy(url, point->uris[j].ptr, point->uris[j].len);
			url[point->uris[j].len] = 0;
			source = revocation_find(view->state, view->authority->name, SOURCE_POINT, url);
			if (!source) {
				ask(looking, ASK_LIST, point->uris[j]);
				asked = true;
				break;
			}
			if (source->list_count)
				break;
		}
	}
	return asked;
}

/* Until when the record is used without another look. */
static int64_t next_look(const struct ocsp_record *record, int64_t now)
{
	if (now < record->used_from)
		return record->used_from;
	return now < record->look_again ? record->look_again : now + 1;
}

static bool last_record(const struct looking *looking, struct ocsp_record *out)
{
	const struct revocation_view *view = looking->view;
	struct revocation_question question = {
		.kind = ASK_OCSP, .authority = view->authority->name,
		.cert = looking->subject->cert, .issuer = looking->subject->issuer,
		.serial_len = looking->serial.len,
	};

	memcpy(question.issuer_key, looking->subject->node->issuer_key, sizeof(question.issuer_key));
	memcpy(question.serial, looking->subject->node->serial, sizeof(question.serial));
	return view->ops->ocsp(view->ops_arg, &question, view->now, out);
}

/* Over or not: until an answer says otherwise. */
static bool is_revoked_by(struct looking *looking, const struct ocsp_record *record)
{
	if (!record->revoked || is_ahead(looking, record->revoked_at, record->this_update))
		return false;
	say(looking, REVOCATION_REVOKED, REVOCATION_BY_OCSP, record->this_update, record->next_update);
	looking->answer.reason = record->reason;
	hold(looking, next_look(record, looking->view->now));
	return true;
}

/* True when a responder has said something that decides. */
static bool look_at_ocsp(struct looking *looking, bool *stale)
{
	const struct revocation_view *view = looking->view;
	struct ocsp_record record;
	bool known = last_record(looking, &record);

	if (known && is_revoked_by(looking, &record))
		return true;
	if (!known || record.this_update > view->now + SKEW_S) {
		ask(looking, ASK_OCSP, SLICE_EMPTY);
		return false;
	}
	if (record.revoked)
		hold(looking, record.revoked_at);
	*stale = view->now > record.until;
	looking->answer.this_update = record.this_update;
	looking->answer.next_update = record.next_update ? record.next_update : record.until;
	if (*stale) {
		ask(looking, ASK_OCSP, SLICE_EMPTY);
		return false;
	}
	say(looking, REVOCATION_GOOD, REVOCATION_BY_OCSP, record.this_update, record.next_update);
	hold(looking, next_look(&record, view->now));
	if (record.until < INT64_MAX)
		hold(looking, record.until + 1);
	return true;
}

/* Nothing fresh: what was once valid answers through `grace`. */
static void say_late(struct looking *looking, const struct verdict_of_lists *all, bool ocsp_stale)
{
	const struct revocation_conf *conf = conf_of(looking);
	int64_t this_update = all->covered ? all->this_update : looking->answer.this_update;
	int64_t next_update = all->covered ? all->next_update : looking->answer.next_update;
	int64_t end = next_update + conf->grace_ns / NS_PER_S;

	if (!all->covered && !ocsp_stale) {
		say(looking, REVOCATION_UNKNOWN, REVOCATION_BY_NOTHING, 0, 0);
		looking->answer.refuses = !conf->allow;
		return;
	}
	say(looking, REVOCATION_STALE, all->covered ? REVOCATION_BY_CRL : REVOCATION_BY_OCSP,
	    this_update, next_update);
	if (looking->view->now <= end)
		hold(looking, end + 1);
	else
		looking->answer.refuses = !conf->allow;
}

/* While lists are waited for, and they may never come: what a responder has revoked stays so. */
static bool was_revoked(struct looking *looking)
{
	struct ocsp_record record;

	return last_record(looking, &record) && is_revoked_by(looking, &record);
}

static bool uses_ocsp(const struct looking *looking)
{
	return conf_of(looking)->ocsp && looking->view->ops && looking->points.ocsp_count &&
	       (looking->leaf || conf_of(looking)->chain);
}

static void look_further(struct looking *looking)
{
	struct verdict_of_lists all = { 0 };
	bool asked, ocsp_stale = false;

	look_at_lists(looking, &all);
	if (all.listed && !(all.covered && all.newest > all.listed_in)) {
		say(looking, REVOCATION_REVOKED, REVOCATION_BY_CRL, all.listed_in, all.listed_next);
		looking->answer.reason = all.reason;
		return;
	}
	if (all.covered && all.fresh) {
		say(looking, REVOCATION_GOOD, REVOCATION_BY_CRL, all.this_update, all.next_update);
		if (all.next_update)
			hold(looking, all.next_update + 1);
		return;
	}
	asked = looking->view->ops && ask_for_lists(looking);
	if (all.unverified && looking->view->ops) {
		ask(looking, ASK_CHECK, SLICE_EMPTY);
		asked = true;
	}
	if (uses_ocsp(looking) && (asked ? was_revoked(looking) : look_at_ocsp(looking, &ocsp_stale)))
		return;
	say_late(looking, &all, ocsp_stale);
}

static void look(struct looking *looking)
{
	bool unread = false;

	if (!passes_deny_lists(looking, &unread))
		return;
	if (revocation_needs_path(looking->view->authority) && !looking->subject->anchor)
		look_further(looking);
	else if (conf_of(looking)->deny_count || conf_of(looking)->deny_file_count)
		say(looking, REVOCATION_GOOD, REVOCATION_BY_DENY, 0, 0);
	/* A deny list that was never read may hold anything. */
	if (unread && looking->answer.status != REVOCATION_REVOKED) {
		say(looking, REVOCATION_UNKNOWN, REVOCATION_BY_NOTHING, 0, 0);
		looking->answer.refuses = !conf_of(looking)->allow;
	}
	/* Whatever may be asked for may have come a moment later. */
	if (looking->answer.asks)
		looking->answer.holds_until = looking->view->now;
}

/* The leaf's answer counts; an intermediate's when it is revoked, or refused where the whole chain counts. */
static bool outranks(const struct looking *looking, const struct revocation_answer *before)
{
	if (looking->leaf)
		return true;
	if (before->status == REVOCATION_REVOKED)
		return false;
	return looking->answer.status == REVOCATION_REVOKED ||
	       (conf_of(looking)->chain && looking->answer.refuses && !before->refuses);
}

static void combine(struct revocation_answer *out, const struct looking *looking, size_t at)
{
	int64_t holds_until = out->holds_until;
	bool asks = out->asks || looking->answer.asks;

	if (outranks(looking, out)) {
		*out = looking->answer;
		out->at = at;
	}
	out->asks = asks;
	out->holds_until = looking->answer.holds_until < holds_until ? looking->answer.holds_until :
								       holds_until;
}

void revocation_look(const struct revocation_view *view, const struct revocation_subject *subjects,
		     size_t count, struct revocation_answer *out)
{
	struct looking looking;

	*out = (struct revocation_answer){ .holds_until = INT64_MAX };
	for (size_t i = 0; i < count; i++) {
		begin(&looking, view, &subjects[i], i == 0);
		look(&looking);
		combine(out, &looking, i);
	}
	/* Nothing that is asked for can make what is revoked good at once: it is not waited for. */
	if (out->status == REVOCATION_REVOKED)
		out->asks = false;
}

size_t revocation_questions(const struct revocation_view *view,
			    const struct revocation_subject *subjects, size_t count,
			    struct revocation_question *out)
{
	struct looking looking;
	size_t asked = 0;

	for (size_t i = 0; i < count && asked < REVOCATION_ASK_MAX; i++) {
		begin(&looking, view, &subjects[i], i == 0);
		looking.questions = out + asked;
		looking.room = REVOCATION_ASK_MAX - asked;
		look(&looking);
		asked += looking.count;
	}
	return asked;
}

enum reason revocation_refusal(const struct revocation_answer *answer)
{
	if (likely(!answer->refuses))
		return REASON_ALLOWED;
	switch (answer->status) {
	case REVOCATION_REVOKED:
		return REASON_CERTIFICATE_REVOKED;
	case REVOCATION_STALE:
		return REASON_REVOCATION_STALE;
	default:
		return REASON_REVOCATION_UNKNOWN;
	}
}

const char *revocation_by_name(enum revocation_by by)
{
	static const char *const names[] = { "", "deny", "crl", "ocsp" };

	return names[by];
}

const char *revocation_reason_name(unsigned reason)
{
	static const char *const names[] = {
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "unknown", "removeFromCRL",
		"privilegeWithdrawn", "aACompromise",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "unknown";
}
