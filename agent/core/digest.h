/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_CORE_DIGEST_H
#define MTLSGUARD_CORE_DIGEST_H

/* Digests for the floors above, which see no pki. */
#include "pki/digest.h"

#endif
