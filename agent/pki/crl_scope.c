/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

bool crl_scope_eq(const struct crl_scope *a, const struct crl_scope *b)
{
	return slice_eq(a->names, b->names) && slice_eq(a->relative, b->relative) &&
	       a->only_user == b->only_user && a->only_ca == b->only_ca &&
	       a->only_attribute == b->only_attribute && a->some_reasons == b->some_reasons &&
	       a->indirect == b->indirect;
}
