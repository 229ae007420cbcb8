import { tcp } from "@minimqtt/transport-tcp";
import type { TlsOptions } from "@minimqtt/transport-tls";
import { assert } from "@std/assert";
import { afterAll, beforeAll, describe } from "@std/testing/bdd";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MosquittoOptions, startMosquitto } from "../../src/peers/brokers.ts";
import {
  Authority,
  type CertificateOptions,
  type Certified,
  encryptKey,
  selfSigned,
} from "../../src/peers/certificates.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { attempts, counted, fails, ready, test, works } from "./stage.ts";
import { startOpenssl } from "./openssl_server.ts";

const PAST = { from: new Date("2020-01-01"), until: new Date("2021-01-01") };
const FUTURE = { from: new Date("2040-01-01"), until: new Date("2041-01-01") };

let other: Authority;
let stranger: Certified;
beforeAll(() => {
  if (!ready) return;
  other = new Authority("another");
  stranger = other.issue({ purpose: "client", names: [] });
});
afterAll(() => other?.[Symbol.dispose]());

/** Runs a test against a mosquitto with this certificate for TLS. */
async function against(
  { certFile, keyFile }: Certified,
  run: (port: number) => Promise<unknown>,
  more: Partial<NonNullable<MosquittoOptions["tls"]>> = {},
): Promise<void> {
  await using broker = await startMosquitto({ tls: { cert: certFile, key: keyFile, ...more } });
  await run(broker.tlsPort ?? 0);
}

describe("the broker's certificate (MM-198)", () => {
  const ca = () => authority().cert;
  const issue = (options?: CertificateOptions) => authority().issue(options);

  test("is good from an authority in ca, for a name and for an address", () =>
    against(issue(), async (port) => {
      await works(attempts({ ca: ca() }, port));
      await works(attempts({ ca: ca() }, port, "127.0.0.1"));
      await works(attempts({ ca: [other.cert, ca()] }, port));
      await works(attempts({ ca: new TextEncoder().encode(other.cert + ca()) }, port));
      await works(attempts({ ca: { file: authority().certFile }, minVersion: "TLSv1.3" }, port));
    }));

  test("is good from an authority below the one in ca, when the broker sends both", async () => {
    using between = new Authority("between", authority());
    const leaf = between.issue();
    writeFileSync(leaf.certFile, leaf.cert + between.cert);
    await against(leaf, (port) => works(attempts({ ca: ca() }, port)));
  });

  test("certificate-wrong-name: with nothing but a common name, as old ones have", () =>
    against(issue({ names: [] }), async (port) => {
      const text = /names "localhost" as its common name only.*alternative names/;
      await fails(attempts({ ca: ca() }, port), "certificate-wrong-name", text);
      await fails(attempts({ ca: ca(), serverName: "x" }, port), "certificate-wrong-name", text);
    }));

  test("is good when it is the one in ca, signed by itself", async () => {
    const own = selfSigned(authority());
    await against(own, (port) => works(attempts({ ca: own.cert }, port)));
  });

  test("is good for serverName, whatever host is dialled, and serverName is what the broker is told", async () => {
    const wanted = issue({ names: ["DNS:broker.example"] });
    const indication = ["-cert2", wanted.certFile, "-key2", wanted.keyFile, "-servername", "broker.example"];
    await against(
      wanted,
      (port) => works(attempts({ ca: ca(), serverName: "broker.example" }, port, "127.0.0.1")),
    );
    await using server = await startOpenssl(issue({ names: ["DNS:elsewhere"] }), ...indication);
    const attempt = attempts({ ca: ca(), serverName: "broker.example" }, server.port, "127.0.0.1");
    const connecting = attempt.client.connect().catch(() => undefined);
    await server.prints("CIPHER is");
    await attempt.client.deinit();
    await connecting;
    assert(attempt.count === 1, "the certificate was not the one for the name");
  });

  test("certificate-untrusted: from an unknown authority", () =>
    against(issue(), async (port) => {
      await fails(attempts({}, port), "certificate-untrusted", /give the certificate of "conformance" as ca/);
      await fails(attempts({ ca: other.cert }, port), "certificate-untrusted", /as ca, if you trust it/);
    }));

  test("certificate-untrusted: signed by itself", () =>
    against(
      selfSigned(authority()),
      (port) => fails(attempts({}, port), "certificate-untrusted", /"localhost" as ca/),
    ));

  test("certificate-untrusted: of another key than the one in ca with the same name", async () => {
    using own = new Authority("conformance");
    await against(
      own.issue(),
      (port) => fails(attempts({ ca: ca() }, port), "certificate-untrusted", /localhost/),
    );
  });

  test("certificate-untrusted: for clients only", () =>
    against(
      issue({ purpose: "client" }),
      (port) =>
        fails(attempts({ ca: ca() }, port), "certificate-untrusted", /not from an authority that is trusted/),
    ));

  test("certificate-wrong-name: for another name, or another address", async () => {
    await against(issue({ names: ["DNS:elsewhere"] }), async (port) => {
      const text = /is for DNS:elsewhere, not for localhost: connect by that name, or set serverName/;
      await fails(attempts({ ca: ca() }, port), "certificate-wrong-name", text);
    });
    await against(issue({ names: ["DNS:localhost", "IP:10.0.0.1"] }), async (port) => {
      await fails(
        attempts({ ca: ca() }, port, "127.0.0.1"),
        "certificate-wrong-name",
        /not for 127\.0\.0\.1/,
      );
      await fails(attempts({ ca: ca(), serverName: "x" }, port), "certificate-wrong-name", /not for x/);
    });
  });

  test("certificate-expired: also when more is wrong with it", () =>
    against(issue(PAST), async (port) => {
      const text = /has expired \(Jan +1 00:00:00 2021 GMT\): the broker needs a new one/;
      await fails(attempts({ ca: ca() }, port), "certificate-expired", text);
      await fails(attempts({ ca: other.cert }, port), "certificate-expired", text);
      await fails(attempts({ ca: ca(), serverName: "x" }, port), "certificate-expired", text);
    }));

  test("certificate-expired: of the authority between", async () => {
    using between = new Authority("between", authority(), PAST.until);
    const leaf = between.issue();
    writeFileSync(leaf.certFile, leaf.cert + between.cert);
    await against(leaf, (port) => fails(attempts({ ca: ca() }, port), "certificate-expired", /has expired/));
  });

  test("certificate-not-yet-valid: asks for the clock", () =>
    against(issue(FUTURE), (port) => {
      const text = /not yet valid \(Jan +1 00:00:00 2040 GMT\): is the clock of this machine right\?/;
      return fails(attempts({ ca: ca() }, port), "certificate-not-yet-valid", text);
    }));

  test("is not looked at with unsafelyIgnoreCertificateErrors", async () => {
    const options = { unsafelyIgnoreCertificateErrors: true };
    for (const wrong of [{ names: ["DNS:elsewhere"] }, PAST, FUTURE, { purpose: "client" }] as const) {
      await against(issue(wrong), (port) => works(attempts(options, port)));
    }
  });
});

describe("the client's certificate (MM-200)", () => {
  const demand = () => ({ ca: authority().certFile });
  const client = (options?: CertificateOptions) =>
    authority().issue({ commonName: "client", names: [], purpose: "client", ...options });
  const pair = ({ cert, key }: Certified): TlsOptions => ({ ca: authority().cert, cert, key });

  test("is accepted, with a key of any kind", () =>
    against(authority().issue(), async (port) => {
      for (const algorithm of ["ec", "rsa", "ed25519"] as const) {
        await works(attempts(pair(client({ algorithm })), port));
      }
    }, demand()));

  test("is accepted with a key behind a passphrase, in both forms", () =>
    against(authority().issue(), async (port) => {
      for (const algorithm of ["ec", "rsa"] as const) {
        const certified = client({ algorithm });
        for (const traditional of [false, true]) {
          const key = encryptKey(certified, "correct horse", traditional);
          await works(attempts({ ...pair(certified), key, passphrase: "correct horse" }, port));
        }
      }
    }, demand()));

  test("is accepted from files, which are read for each connection", () =>
    against(authority().issue(), async (port) => {
      const { certFile, keyFile } = client();
      const attempt = attempts({ ...demandFiles(), cert: { file: certFile }, key: { file: keyFile } }, port);
      await works(attempt);
      writeFileSync(certFile, stranger.cert);
      writeFileSync(keyFile, stranger.key);
      await fails(attempt, "certificate-rejected", /does not accept the certificate in cert/, 2);
    }, demand()));

  test("is accepted with those between it and its authority", async () => {
    using between = new Authority("between", authority());
    const { cert, key } = between.issue({ names: [], purpose: "client" });
    await against(
      authority().issue(),
      (port) => works(attempts({ ca: authority().cert, cert: cert + between.cert, key }, port)),
      demand(),
    );
  });

  for (const version of ["1.3", "1.2"]) {
    // mosquitto has no highest version.
    const serve = async (run: (port: number) => Promise<unknown>): Promise<void> => {
      if (version === "1.3") return await against(authority().issue(), run, demand());
      const verify = ["-tls1_2", "-Verify", "2", "-verify_return_error", "-CAfile", authority().certFile];
      await using server = await startOpenssl(authority().issue(), ...verify);
      await run(server.port);
    };

    test(`certificate-required: demanded, and there is none, with TLS ${version}`, () =>
      serve(async (port) => {
        const text = /localhost:\d+ demands a certificate: give cert and key/;
        for (let round = 0; round < 10; round++) {
          await fails(attempts({ ca: authority().cert }, port), "certificate-required", text);
        }
      }));

    test(`certificate-rejected: of an unknown authority, expired, or for servers only, with TLS ${version}`, () =>
      serve(async (port) => {
        const text = /localhost:\d+ does not accept the certificate in cert/;
        for (const wrong of [stranger, client(PAST), client({ purpose: "server" })]) {
          const options = { ...pair(wrong), ca: authority().cert };
          await fails(attempts(options, port), "certificate-rejected", text);
        }
      }));
  }

  test("certificate-rejected: taken back", async () => {
    using own = new Authority("revoking");
    const [good, bad] = [client, client].map(() => own.issue({ names: [], purpose: "client" })) as [
      Certified,
      Certified,
    ];
    const list = own.revoke(bad);
    await against(own.issue(), async (port) => {
      await works(attempts({ ...pair(good), ca: own.cert }, port));
      await fails(attempts({ ...pair(bad), ca: own.cert }, port), "certificate-rejected", /does not accept/);
    }, { ca: own.certFile, extraConfig: `crlfile ${list}` });
  });

  function demandFiles(): TlsOptions {
    return { ca: { file: authority().certFile } };
  }
});

describe("a handshake", () => {
  const ca = () => authority().cert;

  test("tls-version: the broker is too old for minVersion", async () => {
    await using server = await startOpenssl(authority().issue(), "-tls1_2");
    const text = /speaks no version of TLS that is allowed here \(minVersion\)/;
    await fails(attempts({ ca: ca(), minVersion: "TLSv1.3" }, server.port), "tls-version", text);
  });

  test("tls-version: TLS 1.1 is never spoken", async () => {
    const old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    await using server = await startOpenssl(authority().issue(), ...old);
    await fails(attempts({ ca: ca() }, server.port), "tls-version", /speaks no version of TLS/);
  });

  test("offers mqtt as application protocol, and goes on where that means nothing", async () => {
    await using server = await startOpenssl(authority().issue(), "-alpn", "mqtt");
    const { client } = attempts({ ca: ca() }, server.port);
    const connecting = client.connect().catch(() => undefined);
    await server.prints("ALPN protocols selected: mqtt");
    await client.deinit();
    await connecting;
  });

  test("tls-failed: no application protocol in common, and alpn: [] helps", async () => {
    await using server = await startOpenssl(authority().issue(), "-alpn", "http/1.1");
    const text = /knows no application protocol of mqtt: try alpn: \[\]/;
    await fails(attempts({ ca: ca() }, server.port), "tls-failed", text, 3);
    const { client } = attempts({ ca: ca(), alpn: [] }, server.port);
    const connecting = client.connect().catch(() => undefined);
    await server.prints("CIPHER is");
    await client.deinit();
    await connecting;
  });

  test("not-tls: a port for plain MQTT", async () => {
    await using broker = await startMosquitto();
    const text =
      /localhost:\d+ hung up without a word of TLS: is it the broker's port for TLS, and is the broker up\?/;
    await fails(attempts({ ca: ca() }, broker.port), "not-tls", text, 3);
  });

  test("tls() over tcp() is not mistaken for a plain client at a port for TLS", () =>
    against(authority().issue(), async (port) => {
      await fails(counted(tcp(), port), "read-failed", /./, 3);
      await works(attempts({ ca: ca(), over: tcp() }, port));
    }));
});

describe("a file of a certificate", () => {
  test("that is not there, or wrong, is said when it is needed", () =>
    against(authority().issue(), async (port) => {
      const file = join(authority().folder, "absent.pem");
      const attempt = attempts({ ca: { file } }, port);
      const error = await attempt.client.connect().catch((error) => error);
      assert(/ca cannot be read: .*absent\.pem/.test(error.message), String(error));
      assert(error.name === "UsageError" && attempt.count === 1);
      writeFileSync(file, readFileSync(authority().certFile));
      await works(attempt);
    }));
});
