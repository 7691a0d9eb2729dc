/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/verify.h"

/* OpenSSL 1.1.1's words, which Cloudflare shows; numbers that came later and CRL matters have none. */
static const char *const texts[] = {
	[0] = "SUCCESS",
	[1] = "FAILED:unspecified certificate verification error",
	[2] = "FAILED:unable to get issuer certificate",
	[4] = "FAILED:unable to decrypt certificate's signature",
	[6] = "FAILED:unable to decode issuer public key",
	[7] = "FAILED:certificate signature failure",
	[9] = "FAILED:certificate is not yet valid",
	[10] = "FAILED:certificate has expired",
	[13] = "FAILED:format error in certificate's notBefore field",
	[14] = "FAILED:format error in certificate's notAfter field",
	[17] = "FAILED:out of memory",
	[18] = "FAILED:self signed certificate",
	[19] = "FAILED:self signed certificate in certificate chain",
	[20] = "FAILED:unable to get local issuer certificate",
	[21] = "FAILED:unable to verify the first certificate",
	[22] = "FAILED:certificate chain too long",
	[23] = "FAILED:certificate revoked",
	[24] = "FAILED:invalid CA certificate",
	[25] = "FAILED:path length constraint exceeded",
	[26] = "FAILED:unsupported certificate purpose",
	[27] = "FAILED:certificate not trusted",
	[28] = "FAILED:certificate rejected",
	[29] = "FAILED:subject issuer mismatch",
	[30] = "FAILED:authority and subject key identifier mismatch",
	[31] = "FAILED:authority and issuer serial number mismatch",
	[32] = "FAILED:key usage does not include certificate signing",
	[34] = "FAILED:unhandled critical extension",
	[37] = "FAILED:invalid non-CA certificate (has CA markings)",
	[38] = "FAILED:proxy path length constraint exceeded",
	[39] = "FAILED:key usage does not include digital signature",
	[40] = "FAILED:proxy certificates not allowed, please set the appropriate flag",
	[41] = "FAILED:invalid or inconsistent certificate extension",
	[42] = "FAILED:invalid or inconsistent certificate policy extension",
	[43] = "FAILED:no explicit policy",
	[45] = "FAILED:Unsupported extension feature",
	[46] = "FAILED:RFC 3779 resource not subset of parent's resources",
	[47] = "FAILED:permitted subtree violation",
	[48] = "FAILED:excluded subtree violation",
	[49] = "FAILED:name constraints minimum and maximum not supported",
	[50] = "FAILED:application verification failure",
	[51] = "FAILED:unsupported name constraint type",
	[52] = "FAILED:unsupported or invalid name constraint syntax",
	[53] = "FAILED:unsupported or invalid name syntax",
	[55] = "FAILED:Path Loop",
	[66] = "FAILED:EE certificate key too weak",
	[67] = "FAILED:CA certificate key too weak",
	[68] = "FAILED:CA signature digest algorithm too weak",
	[72] = "FAILED:proxy subject name violation",
	/* OpenSSL 3 moved "invalid CA certificate" here and gave 24 another meaning. */
	[79] = "FAILED:invalid CA certificate",
};

const char *verify_text(int error)
{
	if (error < 0 || (size_t)error >= sizeof(texts) / sizeof(texts[0]) || !texts[error])
		return "FAILED";
	return texts[error];
}
