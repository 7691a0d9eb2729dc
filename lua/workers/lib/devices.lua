-- SPDX-License-Identifier: Apache-2.0
-- SHA-256 fingerprints of the devices that may come in: lower-case hex, as certFingerprintSHA256 has it.
return {
  ["04b354cfc8784262786aa110c944867af626cad95843029c69ac1f052eb1b77e"] = "sensor 1",
}
