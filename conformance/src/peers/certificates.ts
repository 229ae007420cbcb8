/**
 * Certificates for tests, made by `openssl` when they are needed: ones that are checked in expire.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { atExit } from "./at_exit.ts";

/** A certificate with its key, as PEM text and as files. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What {@link Authority.issue} takes. */
export interface CertificateOptions {
  /** Its common name; `localhost` when absent. */
  readonly commonName?: string;
  /** Its alternative names; those of the loopback interface when absent, none when empty. */
  readonly names?: readonly string[];
  /** What it is for; `server` when absent. */
  readonly purpose?: "server" | "client";
  /** When it begins to be valid; yesterday when absent. */
  readonly from?: Date;
  /** When it ends to be valid; in a month when absent. */
  readonly until?: Date;
  /** The key's algorithm; `ec` (P-256) when absent. */
  readonly algorithm?: "ec" | "rsa" | "ed25519";
}

/** Names and addresses of the loopback interface. */
export const LOOPBACK: readonly string[] = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"];

const DAY = 86_400_000;

const ALGORITHMS = {
  ec: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  ed25519: ["-algorithm", "ed25519"],
};

/**
 * Why tests with certificates must be skipped, or null. Where CI is set in the environment nothing may be skipped for
 * that, so it throws there.
 */
export function opensslMissing(): string | null {
  if (spawnSync("openssl", ["version"]).status === 0) return null;
  const reason = "openssl is not installed: apt-get install openssl";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** An authority that issues certificates; its files are in a temporary folder until it is disposed of. */
export class Authority implements Disposable {
  /** Where its files are. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "authority-"));
  /** Its own certificate. */
  readonly cert: string;
  /** The file of its own certificate. */
  readonly certFile: string;
  #count = 0;

  /**
   * Makes an authority of this name, with a certificate signed by itself, or by the authority above it and then valid
   * until a time of choice.
   */
  constructor(name: string, above?: Authority, until: Date = inAMonth()) {
    folders.add(this.folder);
    mkdirSync(join(this.folder, "issued"));
    writeFileSync(join(this.folder, "index.txt"), "");
    writeFileSync(join(this.folder, "openssl.cnf"), CONFIGURATION.replaceAll("FOLDER", this.folder));
    const [key, request] = [join(this.folder, "ca.key"), join(this.folder, "ca.csr")];
    this.certFile = join(this.folder, "ca.crt");
    makeKey(key, "ec");
    const subject = ["-subj", `/CN=${name}`, "-key", key];
    if (above) {
      openssl("req", "-new", ...subject, "-out", request);
      above.#sign(request, this.certFile, EXTENSIONS.authority, new Date(until.getTime() - 60 * DAY), until);
    } else {
      const extensions = EXTENSIONS.authority.flatMap((extension) => ["-addext", extension]);
      openssl("req", "-x509", "-days", "30", ...subject, ...extensions, "-out", this.certFile);
    }
    this.cert = readFileSync(this.certFile, "utf8");
  }

  /** Makes a key and a certificate for it. */
  issue(options: CertificateOptions = {}): Certified {
    const { commonName = "localhost", names = LOOPBACK, purpose = "server", algorithm = "ec" } = options;
    const { from = new Date(Date.now() - DAY), until = inAMonth() } = options;
    const base = join(this.folder, `${++this.#count}`);
    const [keyFile, request, certFile] = [`${base}.key`, `${base}.csr`, `${base}.crt`];
    makeKey(keyFile, algorithm);
    openssl("req", "-new", "-subj", `/CN=${commonName}`, "-key", keyFile, "-out", request);
    const extensions = [...EXTENSIONS[purpose]];
    if (names.length > 0) extensions.push(`subjectAltName=${names.join(",")}`);
    this.#sign(request, certFile, extensions, from, until);
    return {
      cert: readFileSync(certFile, "utf8"),
      key: readFileSync(keyFile, "utf8"),
      certFile,
      keyFile,
    };
  }

  /** Takes a certificate back; gives the file of the list of all that were taken back. */
  revoke({ certFile }: Certified): string {
    const list = join(this.folder, "revoked.pem");
    const configuration = ["-config", join(this.folder, "openssl.cnf")];
    openssl("ca", ...configuration, "-revoke", certFile);
    openssl("ca", ...configuration, "-gencrl", "-crldays", "30", "-out", list);
    return list;
  }

  /** Removes its files. */
  [Symbol.dispose](): void {
    folders.delete(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #sign(request: string, certFile: string, extensions: readonly string[], from: Date, until: Date): void {
    const file = `${request}.ext`;
    writeFileSync(file, extensions.join("\n"));
    openssl(
      "ca",
      "-batch",
      "-notext",
      "-rand_serial",
      ...["-config", join(this.folder, "openssl.cnf"), "-extfile", file, "-in", request, "-out", certFile],
      ...["-startdate", stamp(from), "-enddate", stamp(until)],
    );
  }
}

/** A certificate signed by its own key, as a manual for a small broker has it made; in the folder of an authority. */
export function selfSigned({ folder }: Authority): Certified {
  const [keyFile, certFile] = [join(folder, "self.key"), join(folder, "self.crt")];
  makeKey(keyFile, "ec");
  const names = `subjectAltName=${LOOPBACK.join(",")}`;
  const subject = ["-subj", "/CN=localhost", "-addext", names];
  openssl("req", "-x509", "-days", "30", ...subject, "-key", keyFile, "-out", certFile);
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8"), certFile, keyFile };
}

/** The key once more, encrypted: in PKCS #8, or in the older form of OpenSSL with `traditional`. */
export function encryptKey({ keyFile }: Certified, passphrase: string, traditional = false): string {
  const form = traditional ? ["-traditional"] : [];
  return openssl("pkey", "-in", keyFile, "-aes-256-cbc", "-passout", `pass:${passphrase}`, ...form);
}

const EXTENSIONS = {
  authority: ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
  server: ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"],
  client: ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth"],
};

const CONFIGURATION = `[ca]
default_ca = authority
[authority]
database = FOLDER/index.txt
serial = FOLDER/serial
new_certs_dir = FOLDER/issued
certificate = FOLDER/ca.crt
private_key = FOLDER/ca.key
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
[req]
distinguished_name = name
[name]
`;

function makeKey(file: string, algorithm: keyof typeof ALGORITHMS): void {
  openssl("genpkey", ...ALGORITHMS[algorithm], "-out", file);
}

function openssl(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")} failed: ${error ?? stderr}`);
  return stdout;
}

function stamp(date: Date): string {
  return date.toISOString().replace(/[-:T]|\.\d+/g, "");
}

function inAMonth(): Date {
  return new Date(Date.now() + 30 * DAY);
}

// What a test forgot goes with us.
const folders = new Set<string>();
atExit(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
