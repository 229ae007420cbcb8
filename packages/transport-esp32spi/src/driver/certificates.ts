/**
 * The certificate and the key by which TLS in the module identifies itself. What the methods promise is said at
 * `EspSpiControl`.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turns } from "../wire/turns.ts";
import { invalid } from "../wire/values.ts";

/** What was given to the module, until its next start. */
export class Certificates {
  readonly #turns: Turns;
  #certificate = false;
  #key = false;

  /** Takes the queue for the bus. */
  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Whether the module has both, so that it uses them. */
  get used(): boolean {
    return this.#certificate && this.#key;
  }

  /** The module has restarted, and has neither. */
  forget(): void {
    this.#certificate = this.#key = false;
  }

  async setCertificate(pem: string): Promise<void> {
    await this.#turns.ask(
      commands.setClientCertificate,
      pemArgument("certificate", pem, "CERTIFICATE", 1300),
    );
    this.#certificate = true;
  }

  async setPrivateKey(pem: string): Promise<void> {
    await this.#turns.ask(commands.setCertificateKey, pemArgument("key", pem, "RSA PRIVATE KEY", 1700));
    this.#key = true;
  }
}

/** The module copies a fixed count of bytes and looks for the end itself. */
function pemArgument(name: string, pem: string, label: string, most: number): Uint8Array {
  const bytes = new TextEncoder().encode(pem);
  if (!pem.startsWith(`-----BEGIN ${label}-----`) || !pem.includes(`-----END ${label}-----`)) {
    throw new UsageError("invalid-argument", `${name} must be PEM, with -----BEGIN ${label}-----.`);
  }
  if (bytes.length >= most) throw invalid(`${name} must have fewer than ${most} bytes, not ${bytes.length}`);
  return bytes;
}
