/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTLSGUARD_PKI_SAN_H
#define MTLSGUARD_PKI_SAN_H

#include "pki/cert.h"
#include "pki/texts.h"

/* Writes the certificate's subject alternative names into cert->san and cert->spiffe_id. */
void san_collect(struct cert *cert, struct texts *texts);

#endif
