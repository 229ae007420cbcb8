import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, type MqttError, ProtocolError, UsageError } from "@minimqtt/client";
import { rejectsWith } from "./assertions.ts";
import { dialling, type DiallingStage, gaps } from "./dialling.ts";

const TEXTS = [
  "Incorrect Protocol Version",
  "ID Rejected",
  "Server unavailable",
  "Incorrect username/password",
  "Unauthorized",
];

/** Connects once, to a broker that answers CONNECT with these bytes; gives the error. */
async function refused(
  { client, broker, clock, open }: DiallingStage,
  hex: string,
  text: string | RegExp,
  cleanSession = true,
): Promise<MMQTTException> {
  const [error] = await Promise.all([
    rejectsWith(clock.run(client.connect(cleanSession)), MMQTTException, text),
    broker.welcome(hex),
  ]);
  await broker.expectEnd();
  assertFalse(client.isConnected());
  assertEquals([open(), clock.armed], [0, 0]);
  return error;
}

describe("connect(): CONNACK refuses", () => {
  it("connect() rejects with the text and the code of 1 to 5, and closes (MM-028)", async () => {
    for (let code = 1; code <= 5; code++) {
      const scene = dialling({ connectRetries: 1 });
      const text = `Connection Refused - ${TEXTS[code - 1]}`;
      const error = await refused(scene, `2002000${code}`, code === 3 ? "Connect failure" : text);
      assertEquals(error.code, code);
      if (code === 3) assertEquals((error.cause as MMQTTException).message, text);
    }
  });

  it("connect() rejects at once with Unknown reason and the code of 6 to 255, and closes (MM-029)", async () => {
    for (let code = 6; code < 256; code++) {
      const scene = dialling({ connectRetries: 3 });
      const hex = `200200${code.toString(16).padStart(2, "0")}`;
      const error = await refused(scene, hex, `Connection Refused - Unknown reason (${code})`);
      assertEquals([error.code, scene.addresses.length, scene.clock.now()], [code, 1, 0]);
    }
  });

  it("connect() copes with a broker that closes behind its refusal, and with one that does not (MM-028)", async () => {
    const { client, broker, clock, open } = dialling();
    const failing = rejectsWith(clock.run(client.connect()), MMQTTException, /Unauthorized/);
    await broker.welcome("20020005");
    await broker.close();
    assertEquals((await failing).code, 5);
    assertEquals(open(), 0);
  });

  it("connect() takes a refusal with session present for a refusal (MM-032)", async () => {
    const error = await refused(dialling(), "20020105", "Connection Refused - Unauthorized");
    assertEquals(error.code, 5);
  });

  it("connect() works again after a refusal: nothing is left of it (MM-029, MM-030)", async () => {
    for (const hex of ["20020006", "20020005", "2003000000", "d000"]) {
      const scene = dialling({ connectRetries: 1 });
      await refused(scene, hex, /./);
      const [flags] = await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
      assertEquals([flags, scene.open()], [0, 1]);
    }
  });
});

describe("connect(): what is no CONNACK", () => {
  it("connect() rejects a CONNACK of any other length than 2 as invalid CONNACK, and closes (MM-030)", async () => {
    for (const hex of ["2000", "200100", "2003000000", "20ffffff7f", "207f00"]) {
      const error = await refused(dialling(), hex, "invalid CONNACK");
      assert(error.cause instanceof ProtocolError);
      assertEquals([error.code, error.cause.code], [null, "malformed-packet"]);
    }
  });

  it("connect() rejects reserved flags, and session present behind a clean session (MM-032)", async () => {
    for (let flags = 2; flags < 256; flags++) {
      const hex = `2002${flags.toString(16).padStart(2, "0")}00`;
      await refused(dialling(), hex, `invalid CONNACK: flags ${flags}`, false);
    }
    for (const first of ["21", "22", "24", "28"]) await refused(dialling(), `${first}020000`, /CONNACK/);
    const text = "invalid CONNACK: session present in a clean session";
    await refused(dialling(), "20020100", text);
  });

  it("connect() rejects any other packet before CONNACK, delivers nothing, and closes (MM-033)", async () => {
    const packets = {
      3: "300a000472782f307a65726f20020000",
      4: "40020001",
      5: "50020001",
      6: "62020001",
      9: "900300010020020000",
      11: "b002000120020000",
      13: "d00020020000",
    };
    for (const [type, hex] of Object.entries(packets)) {
      const scene = dialling();
      scene.client.onMessage = () => assert(false, "onMessage ran");
      const text = `expected CONNACK, got a packet of type ${type}`;
      const error = await refused(scene, hex, text);
      assert(error.cause instanceof ProtocolError);
      assertEquals([error.cause.statement, scene.addresses.length], ["MQTT-3.2.0-1", 1]);
    }
  });

  it("connect() rejects garbage at its first two bytes (MM-033, MM-220)", async () => {
    const garbage = [
      "0000",
      "c000",
      "e000",
      "f000",
      "101200044d51",
      "485454502f312e312034303020", // an answer by HTTP
      "5353482d322e302d", // an SSH server
      "80".repeat(100),
    ];
    for (const hex of garbage) {
      const scene = dialling();
      const error = await refused(scene, hex, /./);
      assert(error.cause instanceof ProtocolError, String(error.cause));
      assertEquals([scene.clock.now(), scene.addresses.length], [0, 1]);
    }
  });

  it("connect() says of an alert of TLS that the port speaks TLS, and tries no second time (MM-199)", async () => {
    const scene = dialling();
    const error = await refused(scene, "15030300020246", /the broker speaks TLS at this port: use tls\(\)/);
    assert(error.cause instanceof ConnectionError);
    assertEquals([error.cause.code, scene.addresses.length], ["tls-expected", 1]);
  });

  it("connect() survives whatever bytes come, with and without a CONNACK before them (MM-033, MM-223)", async () => {
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 500; round++) {
      const scene = dialling({ connectRetries: 1, recvTimeout: 2 });
      const { client, broker, clock, open } = scene;
      const bytes = Array.from({ length: 1 + random(12) }, () => random(256).toString(16).padStart(2, "0"));
      const connack = round % 2 === 0 ? "20020000" : "";
      const running = clock.run(client.connect().then(() => client.loop(3))).then(
        () => null,
        (error) => error,
      );
      await broker.welcome(connack + bytes.join(""));
      await broker.close();
      const error = await running;
      assert(error instanceof MMQTTException && error.cause !== undefined, `${bytes.join("")}: ${error}`);
      assertEquals([open(), client.isConnected(), clock.armed], [0, false, 0], bytes.join(""));
    }
  });

  it("connect() reads a CONNACK byte by byte, however slowly, within recvTimeout (MM-041)", async () => {
    const dribble = async (recvTimeout: number) => {
      const scene = dialling({ recvTimeout, connectRetries: 1 });
      const { broker, clock } = scene;
      ["20", "02", "00", "00"].forEach((hex, i) =>
        clock.timer((i + 1) * 1000, () => void broker.send(hex).catch(() => {}))
      );
      const connecting = clock.run(scene.client.connect());
      connecting.catch(() => {});
      await broker.accept();
      return { ...scene, connecting };
    };
    const patient = await dribble(4.5);
    assertEquals([await patient.connecting, patient.clock.now()], [0, 4000]);
    const { connecting, clock, open } = await dribble(2.5);
    const error = await rejectsWith(connecting, MMQTTException, "Connect failure");
    assertEquals((error.cause as Error).message, "No data received from broker for 2.5 seconds.");
    assertEquals([clock.now(), open()], [2500, 0]);
  });
});

describe("connect(): no answer", () => {
  it("connect() gives a broker that never answers up after recvTimeout (MM-041)", async () => {
    for (const recvTimeout of [2, 10, 1.25]) {
      const { client, broker, clock, open } = dialling({ recvTimeout, connectRetries: 1 });
      const failing = rejectsWith(clock.run(client.connect()), MMQTTException, "Connect failure");
      await broker.accept();
      const { cause } = await failing;
      assert(cause instanceof MMQTTException);
      assertEquals(cause.message, `No data received from broker for ${recvTimeout} seconds.`);
      assert(cause.cause instanceof ConnectionError);
      assertEquals(cause.cause.code, "connack-timeout");
      assertEquals([clock.now(), open(), clock.armed], [recvTimeout * 1000, 0, 0]);
    }
  });

  it("connect() notices at once that the broker closes before CONNACK (MM-042)", async () => {
    for (const after of ["nothing", "CONNECT", "half a CONNACK"]) {
      const { client, broker, clock, times, open } = dialling({ connectRetries: 2 });
      const failing = rejectsWith(clock.run(client.connect()), MMQTTException, "Repeated connect failures");
      for (let attempt = 0; attempt < 2; attempt++) {
        await broker.accept();
        if (after !== "nothing") await broker.packet();
        if (after === "half a CONNACK") await broker.send("2002");
        await broker.close();
      }
      const { cause } = await failing;
      assertEquals((cause as Error).message, "Connection closed by broker");
      assertEquals([times, open()], [[0, 2000], 0]);
    }
  });

  it("connect() notices at once that the connection is reset before CONNACK (MM-042, MM-204)", async () => {
    const { client, clock, network, open } = dialling({ connectRetries: 1 });
    const failing = rejectsWith(clock.run(client.connect()), MMQTTException, "Connect failure");
    const connection = await network.accept();
    await connection.read();
    connection.reset();
    const { cause } = await failing;
    assertEquals((cause as Error).message, "Unexpected error while waiting for messages");
    assertEquals([clock.now(), open()], [0, 0]);
  });

  it("connect() takes a refusal that a closing broker has left unread (MM-042)", async () => {
    const { client, broker, clock } = dialling();
    const failing = rejectsWith(clock.run(client.connect()), MMQTTException, /Unauthorized/);
    await broker.accept();
    await broker.send("20020005");
    await broker.close();
    assertEquals((await failing).code, 5);
  });

  it("connect() gives a dial that hangs up after socketTimeout (MM-201)", async () => {
    const { client, clock, times, open } = dialling({ socketTimeout: 3, connectRetries: 2 }, () => "hang");
    const failing = clock.run(client.connect());
    const { cause } = await rejectsWith(failing, MMQTTException, "Repeated connect failures");
    const text = "no connection to broker.test:1883 within 3 seconds (socketTimeout)";
    assertEquals((cause as Error).message, text);
    assertEquals([gaps(times), open(), clock.armed], [[5000], 0, 0]);
  });

  it("connect() closes on every way of failing: twenty failures leave nothing open (MM-043, MM-208)", async () => {
    const answers = ["20020003", "20020005", "20020006", "2003000000", "d000", ""];
    for (let turn = 0; turn < 20; turn++) {
      const dials = turn % 4 === 3;
      const scene = dialling({ connectRetries: 1 }, () => dials ? new Error("refused") : undefined);
      const failing = rejectsWith(scene.clock.run(scene.client.connect()), MMQTTException, /./);
      if (!dials) await scene.broker.welcome(answers[turn % answers.length]);
      await failing;
      assertEquals([scene.open(), scene.clock.armed], [0, 0]);
    }
  });
});

describe("connect(): errors of the transport", () => {
  it("connect() has the transport's error, and the runtime's behind it, as cause (MM-039)", async () => {
    const refusal = Object.assign(new Error("ECONNREFUSED"), { code: "ECONNREFUSED" });
    const failed = new ConnectionError("dial-failed", "h:1 refused the connection", { cause: refusal });
    const unknown = new ConnectionError("name-not-found", "no address found for host name h");
    for (const error of [failed, unknown]) {
      const { client, clock } = dialling({ connectRetries: 1 }, () => error);
      const { cause, code } = await rejectsWith(
        clock.run(client.connect()),
        MMQTTException,
        "Connect failure",
      );
      assert(cause instanceof MMQTTException);
      assertEquals([cause.message, code], [error.message, null]);
      assertStrictEquals(cause.cause, error);
    }
  });

  it("connect() takes an error of a transport that knows no ConnectionError for a failed dial (MM-037)", async () => {
    const error = new TypeError("fetch failed");
    const { client, clock, addresses } = dialling({ connectRetries: 3 }, () => error);
    const { cause } = await rejectsWith(
      clock.run(client.connect()),
      MMQTTException,
      "Repeated connect failures",
    );
    const behind = (cause as MMQTTException).cause as MqttError;
    assertEquals([behind.code, behind.message], ["dial-failed", "connecting to broker.test:1883 failed"]);
    assertStrictEquals(behind.cause, error);
    assertEquals(addresses.length, 3);
  });

  it("connect() rejects at once with a UsageError of the transport (MM-197)", async () => {
    const error = new UsageError("invalid-argument", "no certificate");
    const { client, clock, addresses } = dialling({ connectRetries: 3 }, () => error);
    assertStrictEquals(await clock.run(client.connect()).catch((error) => error), error);
    assertEquals(addresses.length, 1);
  });
});
