/**
 * What MiniMQTT's users may rely on, numbered: each behaviour is shown by a test that has its number in its name.
 *
 * The numbers are MiniMQTT's behaviours as they were observed; the summary is what ours does. `KEEP`: the same. `FIX`:
 * the original is wrong there, and we are not. `EXTEND`: the original cannot do it. None of them: it has no meaning here.
 *
 * Longer than 300 lines: a table, one line for each.
 *
 * @module
 */
import type { Behaviour, Verdict } from "./entries.ts";

type Row = readonly [number: string, verdicts: string, summary: string];

const CONSTRUCTION: readonly Row[] = [
  [
    "001",
    "KEEP",
    "the port is 1883 plain and 8883 secure, a given one stays; 0 and null mean none; else 1 to 65535",
  ],
  ["002", "KEEP", "a connection is plain unless isSsl is true, on any port"],
  ["003", "KEEP", "recvTimeout must be longer than socketTimeout"],
  ["004", "KEEP FIX", "connectRetries must be a positive integer"],
  ["005", "KEEP", "options are checked in the order time-outs, retries, credentials"],
  ["006", "KEEP FIX", "a password over 65535 bytes is refused, by the constructor and by usernamePwSet"],
  ["007", "FIX", "a user name over 65535 bytes is refused likewise, and nothing is written"],
  ["008", "FIX", "keepAlive must be an integer from 0 to 65535"],
  ["009", "FIX", "broker must be a host, an address or a URL"],
  [
    "010",
    "FIX",
    "a generated client identifier is cpy and letters and digits, 23 at most, with 64 random bits at least",
  ],
  [
    "011",
    "EXTEND",
    "an empty client identifier is sent as such, and needs a clean session; null generates one",
  ],
  [
    "012",
    "KEEP FIX",
    "a client identifier is sent as it is; U+0000, lone surrogates and over 65535 bytes are refused",
  ],
  ["013", "KEEP", "the client identifier is made once and used by every connect"],
  ["014", "KEEP", "the constructor opens and sends nothing"],
  ["015", "KEEP", "userData reaches callbacks as it is when they are called"],
  ["016", "KEEP FIX", "options are one object, and an unknown one is refused"],
];

const CONNECT: readonly Row[] = [
  ["020", "KEEP", "CONNECT as of the defaults, byte for byte"],
  ["021", "KEEP", "each CONNECT flag is set for what is there, and no other"],
  ["022", "KEEP", "cleanSession false clears the flag"],
  [
    "023",
    "KEEP FIX",
    "host, port and keepAlive given to connect replace the client's own; keepAlive 0 counts",
  ],
  [
    "024",
    "KEEP",
    "a CONNECT over 127 bytes has a longer length; flags never leak from one connect to the next",
  ],
  ["025", "KEEP", "CONNECT leaves in one write"],
  ["026", "KEEP", "onConnect is called with flags and 0 before connect resolves"],
  ["027", "KEEP", "subscribe and publish work inside onConnect"],
  ["028", "KEEP", "CONNACK codes 1 to 5 reject with their text and code, and the connection is closed"],
  ["029", "FIX", "CONNACK codes from 6 on reject as unknown reason with the code, at once"],
  ["030", "FIX", "a CONNACK of any other length than 2 is invalid, and the connection is closed"],
  ["031", "FIX", "connect gives, and onConnect gets, the session present flag"],
  ["032", "FIX", "CONNACK's reserved bits, and session present after a clean session, are protocol errors"],
  ["033", "FIX", "any packet before CONNACK is a protocol error"],
  ["034", "KEEP", "codes 4 and 5 end the attempts"],
  ["035", "KEEP FIX", "code 3 and time-outs are tried again; codes 1 and 2 end the attempts"],
  ["036", "KEEP", "waits between attempts double from 2 to 32 seconds, with up to a second on top"],
  ["037", "FIX", "a dead network is waited for like a refusal; there are exactly connectRetries attempts"],
  ["038", "FIX", "failures of every kind are counted together"],
  [
    "039",
    "KEEP FIX",
    "the last error ends up as cause of Repeated connect failures, or Connect failure for one attempt, with its code",
  ],
  ["040", "KEEP", "a success starts the waits over"],
  ["041", "KEEP", "no CONNACK within recvTimeout ends the attempt, with the seconds in the text"],
  ["042", "FIX", "the end of the stream before CONNACK is noticed at once"],
  ["043", "FIX", "every failed attempt closes its connection"],
  ["044", "FIX", "connect while connected is refused and touches nothing"],
  ["045", "FIX", "the same with a single attempt"],
  ["046", "FIX", "any number of clients to one broker; sessionId is kept and does nothing"],
  ["047", "", "pystack exhausted: a limit of microcontrollers"],
  ["048", "KEEP", "nothing may be sent before CONNACK"],
  ["049", "EXTEND", "an AbortSignal ends connect, reconnect, loop, publish and subscribe"],
  ["230", "FIX", "what onConnect throws rejects connect as it is, once, and the connection stays"],
];

const WILL: readonly Row[] = [
  [
    "050",
    "KEEP EXTEND",
    "willSet takes topic, message, retain, QoS by position with checked types, or an object",
  ],
  ["051", "KEEP", "a will with QoS 0: flags and fields"],
  ["052", "KEEP", "a will with QoS 1 and 2, retained, empty, binary, a number"],
  ["053", "KEEP", "willSet refuses in the reference's order and words"],
  ["054", "EXTEND", "the object form may leave the payload out: it is empty"],
  ["055", "FIX", "a will's message over 65535 bytes is refused by willSet"],
  ["056", "FIX", "a will consumes no packet identifier"],
  ["057", "FIX", "a will may be set whenever there is no connection"],
  ["058", "KEEP EXTEND", "a will stays for all connects, until willClear"],
  ["059", "KEEP", "disconnect drops the will, a lost connection fires it"],
];

const CREDENTIALS: readonly Row[] = [
  ["060", "KEEP", "user name and password: flags and fields"],
  ["061", "KEEP", "empty ones are sent as empty fields"],
  ["062", "FIX", "a user name alone: no password flag, no password field"],
  ["063", "FIX", "a password without a user name is refused"],
  ["064", "KEEP", "usernamePwSet is refused while connected"],
  ["065", "FIX", "usernamePwSet without a password clears it"],
  ["066", "KEEP", "every length counts bytes of UTF-8, in every field"],
  ["067", "KEEP", "no credential reaches a log line"],
];

const PUBLISH: readonly Row[] = [
  ["070", "KEEP", "publish asks for a connection before anything else"],
  ["071", "KEEP", "publish refuses in the reference's order and words"],
  ["072", "KEEP", "PUBLISH with QoS 0"],
  [
    "073",
    "KEEP FIX",
    "retain is bit 0, an empty retained message clears, and anything but a boolean is refused",
  ],
  ["074", "KEEP", "PUBLISH with QoS 1 has its identifier behind the topic"],
  ["075", "KEEP", "text leaves as UTF-8, bytes as they are, and empty is allowed"],
  ["076", "KEEP EXTEND", "any view of bytes is taken and copied; lists and objects are refused"],
  ["077", "KEEP FIX", "numbers leave as Python writes them; booleans and what is not finite are refused"],
  ["078", "FIX", "U+0000 and lone surrogates in a topic are refused before a byte leaves"],
  ["079", "KEEP", "with QoS 1 publish waits for PUBACK, calls onPublish, and resolves"],
  ["080", "KEEP", "a PUBACK for another identifier is passed over"],
  ["081", "FIX", "a PUBACK of another length than 2 is invalid, and closes"],
  ["082", "KEEP FIX", "PUBACK has recvTimeout from the publish on, whatever else comes meanwhile"],
  [
    "083",
    "KEEP FIX",
    "messages are delivered while PUBACK is waited for, and every packet reaches its owner",
  ],
  ["084", "KEEP", "onPublish for QoS 0 gets the identifier used last"],
  ["085", "KEEP FIX", "one counter for identifiers, 1 to 65535 and around, without 0 and those in flight"],
  ["086", "KEEP", "the counter goes on behind a reconnect"],
  ["087", "KEEP FIX", "any QoS but 0, 1 and 2 is refused, booleans too"],
  ["088", "FIX EXTEND", "QoS 2: PUBLISH, PUBREC, PUBREL, PUBCOMP, then onPublish"],
  ["089", "EXTEND", "publishes overlap, each resolves on its own identifier, and writes never mix"],
];

const SIZES: readonly Row[] = [
  ["090", "KEEP", "mqttMsg gives the limits for messages and topics"],
  ["091", "FIX", "mqttMsg must be an integer from 0 to 268435455"],
  ["092", "KEEP", "a message over the limit is refused; one of its size is not"],
  ["093", "KEEP", "a message over 268435455 bytes is refused"],
  ["094", "KEEP", "a packet that exceeds the remaining length is refused, and takes no identifier"],
  ["095", "KEEP", "the remaining length at each of its boundaries"],
  ["096", "EXTEND", "a packet over the limit closes before its body is taken"],
  ["097", "KEEP", "a message of megabytes arrives whole, and a slow broker slows publish down"],
];

const SUBSCRIBE: readonly Row[] = [
  ["100", "KEEP EXTEND", "a filter, a filter and QoS, a pair, lists of filters, pairs and objects"],
  ["101", "KEEP", "one SUBSCRIBE for the whole list"],
  ["102", "KEEP", "subscribe refuses in the reference's order and words, before a byte leaves"],
  ["103", "FIX", "an empty list is refused"],
  ["104", "FIX", "what is no filter is refused with a clear text"],
  ["105", "FIX", "filters that break the rules for wildcards are refused"],
  ["106", "KEEP FIX", "granted filters are tracked, then onSubscribe is called for each in order"],
  ["107", "FIX", "onSubscribe gets the QoS that was granted"],
  ["108", "KEEP FIX", "the first refused filter rejects with its code; the granted ones count all the same"],
  ["109", "FIX", "a SUBACK with another number of codes closes"],
  ["110", "FIX", "a SUBACK for another identifier is passed over"],
  ["111", "KEEP", "a message before SUBACK is delivered"],
  ["112", "FIX", "other packets before SUBACK reach their owners"],
  ["113", "KEEP", "SUBACK has recvTimeout"],
  ["114", "FIX", "the last subscription to a filter counts, once"],
];

const UNSUBSCRIBE: readonly Row[] = [
  ["115", "KEEP", "a filter or a list of them, in one UNSUBSCRIBE"],
  ["116", "KEEP EXTEND", "a filter that is not subscribed is refused, unless the session was resumed"],
  ["117", "FIX", "the connection is asked for first"],
  ["118", "FIX", "an empty list is refused"],
  ["119", "FIX", "what is no filter is refused with a clear text"],
  ["120", "KEEP", "onUnsubscribe is called for each filter, with the identifier, behind UNSUBACK"],
  ["121", "FIX", "a filter named twice leaves once"],
  ["122", "KEEP", "a message before UNSUBACK is delivered"],
  ["123", "FIX", "an UNSUBACK for another identifier is passed over; one of another length closes"],
  ["124", "KEEP", "unsubscribe works inside onMessage"],
];

const RECEIVE: readonly Row[] = [
  ["125", "KEEP", "messages reach callbacks as text, an empty one as empty text"],
  ["126", "KEEP", "in binary mode they reach them as bytes"],
  ["127", "FIX", "a message that is no UTF-8 is acknowledged, and rejects the call; the connection stays"],
  ["128", "FIX", "a topic that is no UTF-8 closes"],
  ["129", "KEEP", "with QoS 1 the callback comes first, then PUBACK"],
  ["130", "FIX", "a message whose callback throws is acknowledged, and the error rejects the call"],
  ["131", "EXTEND", "a fourth argument tells QoS, retain and duplicate"],
  [
    "132",
    "KEEP EXTEND",
    "messages come only while a call runs; between calls nothing is read and no timer armed",
  ],
  ["133", "FIX EXTEND", "QoS 2 arrives exactly once: PUBREC, PUBREL, PUBCOMP"],
  ["134", "KEEP", "messages are delivered in order, one at a time, async callbacks waited for"],
  ["135", "KEEP", "callbacks may call the client's methods"],
  ["136", "KEEP", "addTopicCallback needs a filter and a callback"],
  ["137", "KEEP", "a second callback for a filter replaces the first"],
  ["138", "KEEP", "every matching callback is called; onMessage only if there is none"],
  ["139", "KEEP", "callbacks are called in the order exact, +, #, level by level"],
  ["140", "KEEP", "+ is one level, # any number and the parent; letters count, nothing is normalised"],
  ["141", "KEEP", "a wildcard at the beginning does not match $ topics"],
  ["142", "KEEP", "removeTopicCallback refuses what is not there"],
  ["143", "FIX", "the beginning of a filter is not the filter"],
  ["144", "FIX", "filters of topic callbacks are held to the rules for wildcards"],
  ["145", "KEEP", "topic callbacks do not subscribe, and survive reconnects"],
  ["146", "EXTEND", "filters of shared subscriptions match without their prefix"],
  ["147", "FIX", "callbacks added or removed by a callback do not disturb the delivery under way"],
  ["148", "KEEP", "a message for no callback is dropped, and acknowledged"],
  ["149", "KEEP", "one's own message comes back like any other"],
  ["232", "KEEP", "several packets in one segment are handled in one loop"],
];

const RECONNECT: readonly Row[] = [
  ["150", "KEEP", "reconnect disconnects, connects and subscribes again, with the callbacks in this order"],
  ["151", "KEEP", "without a connection it only connects"],
  ["152", "FIX", "subscriptions are made again in order, with their QoS, in one packet"],
  ["153", "KEEP", "resubTopics false forgets them"],
  ["154", "FIX", "subscriptions survive a connect that fails"],
  ["155", "FIX", "the session is asked for as the last time; a resumed one needs no subscriptions"],
  ["156", "KEEP", "credentials, will, host, port and keep alive are used again"],
  ["157", "KEEP", "the rules for attempts are connect's"],
  ["158", "KEEP", "it ends"],
  ["159", "KEEP EXTEND", "nothing reconnects by itself"],
];

const LOOP: readonly Row[] = [
  ["160", "KEEP", "loop handles what comes until its time has passed, and gives the types or null"],
  ["161", "KEEP", "it is never early"],
  ["162", "KEEP", "types are without flags, one for each packet, in order"],
  ["163", "KEEP EXTEND", "a timeout below socketTimeout is refused, but 0 handles what is there and returns"],
  ["164", "KEEP", "loop is refused when not connected"],
  ["165", "KEEP", "loop pings when nothing was sent for long enough"],
  ["166", "FIX", "every packet written counts as sent"],
  ["167", "KEEP", "who publishes often enough needs no ping"],
  ["168", "FIX", "PINGREQ leaves before keepAlive has passed"],
  ["169", "KEEP", "a long loop pings several times"],
  ["170", "FIX", "keepAlive 0 switches pings off; ping then waits recvTimeout"],
  ["171", "FIX", "unexpected packets are taken whole: late answers passed over, impossible ones close"],
  ["172", "KEEP", "ping gives the types up to PINGRESP"],
  [
    "173",
    "KEEP FIX",
    "PINGRESP has keepAlive seconds, one that came in time is never late, and the time-out closes",
  ],
  ["174", "KEEP", "messages are delivered during ping"],
  ["175", "KEEP", "a PINGRESP nobody asked for is accepted"],
  ["176", "KEEP", "a PINGRESP with a body closes"],
  ["177", "KEEP", "one ping at a time, on a clock that never wraps"],
  ["178", "FIX", "a lost connection rejects at once, and calls onDisconnect once with 1"],
  ["179", "FIX", "a packet may come in pieces, with gaps up to recvTimeout, across calls"],
];

const DISCONNECT: readonly Row[] = [
  ["180", "KEEP", "disconnect sends DISCONNECT, closes, and calls onDisconnect with 0"],
  ["181", "KEEP", "it is refused when not connected"],
  ["182", "KEEP", "it closes and calls back on a dead connection too"],
  ["183", "KEEP", "nothing leaves behind DISCONNECT; what was written before does; calls in progress reject"],
  ["184", "FIX", "deinit and await using never reject for not being connected"],
  ["185", "FIX", "isConnected is false as soon as the transport tells the end"],
  ["186", "FIX", "a publish on a dead connection rejects as MMQTTException"],
  [
    "187",
    "KEEP",
    "the client connects again with its callbacks, will and credentials, without subscriptions",
  ],
  ["188", "", "an older release's isConnected that throws: the newest counts"],
  ["189", "EXTEND", "onDisconnect is called for a loss too"],
  ["231", "FIX", "disconnect inside a callback acknowledges, and loop gives what it has"],
];

const LOGGER: readonly Row[] = [
  ["190", "KEEP", "the logger does nothing by default"],
  [
    "191",
    "KEEP EXTEND",
    "enableLogger takes a package, or any object with the five methods, and gives the logger",
  ],
  ["192", "KEEP", "disableLogger goes back"],
  ["193", "KEEP", "the older call with a package alone works"],
  ["194", "KEEP", "what is logged at which level"],
];

const SOCKETS: readonly Row[] = [
  ["195", "EXTEND", "connections come from a transport"],
  ["196", "KEEP", "setSocket sets the transport for clients made without one"],
  ["197", "FIX", "isSsl needs a transport that is secure"],
  ["198", "KEEP", "the server's certificate is checked against the broker's name, and errors name TLS"],
  ["199", "EXTEND", "plain to a TLS port, or the reverse, says so"],
  ["200", "EXTEND", "client certificate and key"],
  ["201", "KEEP", "socketTimeout limits the dialling"],
  ["202", "KEEP", "recvTimeout limits every answer and every gap within a packet"],
  ["203", "", "sockets without recv_into: none here"],
  ["204", "KEEP", "an error of reading has the reference's text, and the runtime's error as cause"],
  ["205", "FIX", "an idle loop over TLS is no error"],
  ["206", "EXTEND", "WebSocket: sub-protocol mqtt, binary frames, packets across frames"],
  ["207", "KEEP", "two clients share nothing"],
  ["208", "KEEP", "failures leave no connection open"],
];

const MALFORMED: readonly Row[] = [
  ["210", "FIX", "a remaining length of more than four bytes closes"],
  ["211", "KEEP FIX", "a topic longer than its packet closes"],
  ["212", "FIX", "a QoS 1 message without room for its identifier closes"],
  ["213", "FIX", "a message without room for its topic closes"],
  ["214", "FIX", "a message with an empty topic closes"],
  ["215", "FIX", "wildcards and U+0000 in a message's topic close"],
  ["216", "FIX", "QoS 3 closes, and is not delivered"],
  ["217", "FIX", "identifier 0 closes"],
  ["218", "FIX", "a duplicate with QoS 0 closes"],
  ["219", "FIX", "reserved flag bits close"],
  ["220", "FIX", "packets that only clients send close"],
  ["221", "FIX", "acknowledgements nobody waits for are passed over with a warning"],
  ["222", "FIX", "a second CONNACK closes"],
  ["223", "FIX", "garbage behind a packet closes"],
  ["224", "FIX", "a stream in pieces gives the same, and one that is cut tells its end"],
];

const BEYOND: readonly Row[] = [
  [
    "225",
    "EXTEND",
    "a session resumed: what is unacknowledged is sent again, in order, same identifiers, as duplicate",
  ],
  ["226", "EXTEND", "MQTT 5"],
  ["227", "EXTEND", "brokers by URL"],
  ["228", "EXTEND", "async iteration, AbortSignal, await using"],
  ["229", "EXTEND", "a timeout for a single call"],
  ["233", "EXTEND", "overlapping calls"],
];

/** All behaviours, in the order of their areas. */
export const behaviours: readonly Behaviour[] = [
  ...area("A. Construction", CONSTRUCTION),
  ...area("B. connect", CONNECT),
  ...area("C. Will", WILL),
  ...area("D. User name and password", CREDENTIALS),
  ...area("E. publish", PUBLISH),
  ...area("F. Sizes", SIZES),
  ...area("G. subscribe", SUBSCRIBE),
  ...area("H. unsubscribe", UNSUBSCRIBE),
  ...area("I. Receiving and topic callbacks", RECEIVE),
  ...area("J. reconnect", RECONNECT),
  ...area("K. loop, ping, keep alive", LOOP),
  ...area("L. disconnect", DISCONNECT),
  ...area("M. Logger", LOGGER),
  ...area("N. Transports and time-outs", SOCKETS),
  ...area("O. Malformed input", MALFORMED),
  ...area("P. Beyond the reference", BEYOND),
];

function area(name: string, rows: readonly Row[]): Behaviour[] {
  return rows.map(([number, verdicts, summary]) => ({
    id: `MM-${number}`,
    area: name,
    verdicts: verdicts.split(" ").filter((verdict) => verdict !== "") as Verdict[],
    summary,
  }));
}
