// Deliberate faults: each an exact text of a source, found there once, and what takes its place. `npm run mutations`
// applies them one at a time and sees to it that the cases catch every one.

/** One of them. */
export interface Fault {
  /** What is wrong then. */
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The cases that must catch it: `behaviour` on the engine and in memory, or those of the transport contract. */
  readonly cases: "behaviour" | "transport";
  /** Where; Node when absent. */
  readonly runtime?: "deno";
}

function behaviour(
  file: string,
  faults: readonly (readonly [name: string, find: string, replace: string])[],
): Fault[] {
  return faults.map(([name, find, replace]) => ({
    name,
    file: `packages/core/src/${file}`,
    find,
    replace,
    cases: "behaviour",
  }));
}

function transport(
  file: string,
  faults: readonly (readonly [name: string, find: string, replace: string])[],
  runtime?: "deno",
): Fault[] {
  return faults.map(([name, find, replace]) => ({
    name,
    file: `packages/transport-tcp/src/${file}`,
    find,
    replace,
    cases: "transport",
    ...(runtime && { runtime }),
  }));
}

/** All of them. */
export const faults: readonly Fault[] = [
  ...behaviour("engine.ts", [
    ["PUBREL is not answered", "this.#writeAnswer(PUBCOMP, id, !expected);", ""],
    [
      "PUBREL of an unknown identifier is not answered",
      "this.#writeAnswer(PUBCOMP, id, !expected);",
      "if (expected) this.#writeAnswer(PUBCOMP, id, !expected);",
    ],
    [
      "PUBREC is answered with nothing",
      "this.#writeAnswer(PUBREL, id, !expected);",
      "",
    ],
    ["PUBREC does not release the message", "this.#outgoing.release(flight);", ""],
    [
      "QoS 2 is acknowledged with PUBACK",
      "message.qos === 2 ? PUBREC : PUBACK",
      "message.qos === 3 ? PUBREC : PUBACK",
    ],
    ["PUBACK settles a message with QoS 2", "if (packet !== PUBACK || flight.qos === 1) return", "return"],
    [
      "PUBCOMP settles what was not released",
      'flight.phase === (packet === PUBCOMP ? "sent" : "released")',
      'flight.phase === "queued"',
    ],
    [
      "DUP is not set when a message is sent again",
      'const duplicate = flight.phase === "sent";',
      "const duplicate = false;",
    ],
    [
      "DUP is set on the first sending",
      'const duplicate = flight.phase === "sent";',
      'const duplicate = flight.phase !== "released";',
    ],
    ["a second CONNACK is let be", "if (this.#accepted) throw", "if (false) throw"],
    ["another packet may come before CONNACK", "if (!this.#accepted && ", "if (false && "],
    [
      "session present is believed in a clean session",
      "if (sessionPresent && this.#cleanSession) {",
      "if (false) {",
    ],
    ["a refusal counts as success", "if (returnCode !== 0) {", "if (returnCode > 99) {"],
    [
      "a session is taken for lost that the server has",
      "if (sessionPresent) this.#outgoing.resume();",
      "if (!sessionPresent) this.#outgoing.resume();",
    ],
    ["SUBACK may have any number of return codes", "reasons.length !== request.count", "false"],
    ["a SUBSCRIBE without filters is sent", "if (filters.length === 0) {", "if (filters.length < 0) {"],
    ["filters are sent unchecked", "checkFilter(filter);", ""],
    [
      "something follows DISCONNECT",
      'this.#asked = true;\n    this.#state = "closing";',
      "this.#asked = true;",
    ],
    [
      "topics are not checked when they change",
      "checkTopic(topic);\n",
      "if (!this.#topic) checkTopic(topic);\n",
    ],
    ["a payload that changes later changes the message", "new Uint8Array(payload);", "payload;"],
    [
      "another client identifier keeps the session",
      "if (connect.clientId !== this.#clientId) this.#forget();",
      "",
    ],
    ["bytes that leave do not count for keep alive", "this.#liveness.taken(this.#outgoing.awaits, now);", ""],
    ["a ping is sent, and its answer not awaited", "this.#liveness.pinged(now);", ""],
  ]),
  ...behaviour("outgoing.ts", [
    [
      "a packet identifier is used again in flight",
      "while (this.#flights.has(id) || this.#requests.has(id))",
      "while (false)",
    ],
    ["identifiers of requests count as free", " || this.#requests.has(id))", ")"],
    ["the packet identifier becomes 0 after 65535", "id === MOST ? 1", "id === MOST ? 0"],
    ["an acknowledged message takes up the window", "    this.#flying--;\n", ""],
    ["the send window is one too large", "this.#flying < this.#window", "this.#flying <= this.#window"],
    [
      "what is sent again comes in another order",
      "return lost.filter(",
      "this.#queue = new Queue([...this.#flights.values()].reverse());\n    return lost.filter(",
    ],
    ["what waited comes before what is sent again", "queued(a) - queued(b)", "queued(b) - queued(a)"],
    [
      "an answer of another kind ends a request",
      "if (request?.answer !== answer) return undefined;",
      "if (request === undefined) return undefined;",
    ],
    ["requests outlive their connection", "this.#requests.clear();", ""],
    [
      "a released message keeps its place in the order",
      "this.#flights.delete(flight.id);\n    this.#flights.set(flight.id, flight);",
      "",
    ],
  ]),
  ...behaviour("incoming.ts", [
    ["a QoS 2 identifier is forgotten at once", "this.#held.set(message.id, message);", ""],
    ["a QoS 2 identifier is held for ever", "return this.#held.delete(id);", "return this.#held.has(id);"],
    [
      "QoS 2 identifiers are lost with the connection",
      "this.#early.clear();\n    this.#owed.clear();",
      "this.#early.clear();\n    this.#owed.clear();\n    this.#held.clear();",
    ],
    [
      "a copy with QoS 2 is not acknowledged",
      "this.#wait(held ?? message);\n          if (held === null) this.acknowledge(message);",
      "",
    ],
    ["QoS 2 identifiers outlive a lost session", "this.closed();\n    this.#held.clear();", "this.closed();"],
  ]),
  ...behaviour("liveness.ts", [
    [
      "keep alive counts from what was received",
      "this.#lastReceived = now;\n    if (this.#ping",
      "this.#lastReceived = this.#lastSent = now;\n    if (this.#ping",
    ],
    ["pings leave without a margin", "keepAlive * 900 ", "keepAlive * 1500 "],
    ["keep alive 0 pings all the time", "keepAlive * 900 || Infinity", "keepAlive * 900"],
    ["PINGRESP is not noticed", "this.#pingLeftAt;\n    this.#ping = NONE;", "this.#pingLeftAt;"],
    ["CONNACK is awaited for ever", "this.#connackBy = now + replyTimeout;", "this.#connackBy = Infinity;"],
    ["half a packet is awaited for ever", "missing === 0 ? Infinity", "missing >= 0 ? Infinity"],
  ]),
  ...behaviour("inbox.ts", [
    ["the remaining length may have five bytes", "if (this.#shift > 21) {", "if (this.#shift > 28) {"],
    ["a large packet is taken whatever the limit", "if (size > this.limit) {", "if (size > Infinity) {"],
    [
      "a packet in two chunks loses its second half",
      "this.#filled += stop - this.#at;",
      "this.#filled = body.length;",
    ],
  ]),
  ...behaviour("fields.ts", [
    ["QoS 3 is taken", "if ((flags & 0x06) === 0x06) throw", "if (false) throw"],
    ["DUP with QoS 0 is taken", "if ((flags & 0x0e) === 0x08) throw", "if (false) throw"],
    ["reserved flags are taken", "} else if (flags !== fixed) {", "} else if (false) {"],
    ["packet identifier 0 is taken", "if (id === 0) throw", "if (false) throw"],
    ["a wildcard in a topic is taken", "if (/[+#]/.test(topic)) throw", "if (false) throw"],
    [
      "the topic's length counts characters",
      'return typeof field === "string" ? utf8Length(field) : field.length;',
      "return field.length;",
    ],
    ["retain of a will is not sent", "| (will.retain ? 0x20 : 0)", ""],
    ["QoS of a will is not sent", "| (will.qos ?? 0) << 3", ""],
    ["clean session is always set", "cleanSession ? 0x02 : 0", "0x02"],
    ["the remaining length ends at 127", "for (; length >= 0x80;", "for (; length > 0x80;"],
  ]),
  ...behaviour("v4/read.ts", [
    ["a topic that reaches beyond its packet is taken", "if (at > end) {", "if (at > end + 65_535) {"],
    ["any return code of SUBACK is taken", "if (reason > 2 && reason !== 0x80) {", "if (false) {"],
    ["retain is not told", "retain: (first & 0x01) !== 0,", "retain: false,"],
  ]),
  ...behaviour("v4/write.ts", [
    ["retain of a message is not sent", "| (retain ? 1 : 0)", ""],
    ["PUBREL has no flags", "type === PUBREL ? type | 0x02 : type", "type"],
    [
      "UNSUBSCRIBE names the filters' QoS as well",
      "[id >> 8, id, ...filters]);",
      "[id >> 8, id, ...filters.flatMap((filter) => [filter, 0])]);",
    ],
  ]),
  ...behaviour("matcher.ts", [
    ["wildcards match $SYS", 'const wild = depth > 0 || !topic.startsWith("$");', "const wild = true;"],
    [
      "a/# does not match a",
      'if (wild) visit(stack, children.get("#"));',
      'if (wild && depth < levels.length) visit(stack, children.get("#"));',
    ],
    [
      "+ does not match an empty level",
      'if (wild) visit(stack, children.get("+"));',
      'if (wild && levels[depth]) visit(stack, children.get("+"));',
    ],
  ]),
  ...transport("node_connection.ts", [
    [
      "a write loses its second half",
      "this.#socket.write(bytes, (error) => {",
      "this.#socket.write(bytes.length > 65_536 ? bytes.subarray(0, 65_536) : bytes, (error) => {",
    ],
    ["write resolves at once", "this.#writer = { resolve, reject };\n", "resolve();\n"],
    ["close is a reset", "socket.end();\n", "socket.resetAndDestroy();\n"],
    [
      "close waits for the peer without end",
      "setTimeout(() => socket.destroy(), PATIENCE)",
      "setTimeout(() => {}, PATIENCE)",
    ],
    ["a pending read stays pending at close", "this.#reader?.resolve(null);\n", "\n"],
    [
      "a second read takes the first one's bytes",
      "if (this.#reader) return Promise.reject(",
      "if (false) return Promise.reject(",
    ],
    ["what nobody reads is taken in all the same", "if (this.#held >= ENOUGH)", "if (false)"],
    [
      "a second write goes through",
      "if (this.#writer) return Promise.reject(",
      "if (false) return Promise.reject(",
    ],
  ]),
  ...transport("dialling.ts", [
    ["an unknown name is any failure", 'ConnectionError("name-not-found"', 'ConnectionError("dial-failed"'],
    ["TLS is promised and not given", "if (address.secure) throw", "if (false) throw"],
    [
      "a refusal has no cause",
      'return new ConnectionError("dial-failed", text, { cause });',
      'return new ConnectionError("dial-failed", text);',
    ],
  ]),
  ...transport("race.ts", [
    ["an abort while dialling is not minded", 'signal?.addEventListener("abort", abort);', ""],
  ]),
  ...transport("deno_connection.ts", [
    ["what is read overwrites what was read", "this.#used += count;", ""],
    ["a partial write is dropped", "sent += await writing;", "sent += (await writing, bytes.length);"],
    ["close does not send the end", "await this.#socket.closeWrite();", ""],
  ], "deno"),
  ...transport("deno.ts", [
    [
      "an abort at the wrong moment leaves a socket open",
      "giveUp.signal.throwIfAborted = () => undefined;",
      "",
    ],
  ], "deno"),
];
