/**
 * What comes out of the engine: one event for each packet, and those that no packet brings.
 *
 * @module
 */
import type { MqttError, RefusedError } from "./errors.ts";
import type { Connack, Message, PacketId } from "./packets.ts";
import type { AuthProperties, ReasonProperties } from "./properties.ts";

/** CONNACK accepted the connection. */
export interface Online {
  /** Tells it from the other events. */
  readonly type: "online";
  /** The packet type: 0x20. */
  readonly packet: number;
  /** What the server said. */
  readonly connack: Connack;
}

/** A PUBLISH, SUBSCRIBE or UNSUBSCRIBE of ours is answered for good; its identifier is free. */
export interface Settled {
  /** Tells it from the other events. */
  readonly type: "settled";
  /**
   * The type of the packet that settled it: 0x40 PUBACK, 0x70 PUBCOMP, 0x90 SUBACK or 0xb0 UNSUBACK, and 0x50 for a
   * PUBREC by which the server refuses the message (MQTT 5).
   */
  readonly packet: number;
  /** The identifier that the command gave. */
  readonly id: PacketId;
  /**
   * SUBACK: one code per filter, 0 to 2 granted or 0x80 and above refused, in the order asked for; so UNSUBACK with
   * MQTT 5. For a message empty when all is well; with MQTT 5 else the one code that came: 0x10 "nobody has subscribed",
   * 0x80 and above refused.
   */
  readonly reasons: readonly number[];
  /** Why, in words, if the server (MQTT 5) told. */
  readonly properties: ReasonProperties | undefined;
  /** Why a message was not taken as it was sent; absent when it was, and where `reasons` say it. */
  readonly error?: RefusedError;
}

/** A packet that says nothing to the application: a step within QoS 2, a duplicate, a late acknowledgement. */
export interface Progress {
  /** Tells it from the other events. */
  readonly type: "progress";
  /** The packet type: 0x30, 0x40, 0x50, 0x60, 0x70, 0x90 or 0xb0. */
  readonly packet: number;
  /** Its identifier. */
  readonly id: PacketId;
  /** False when nothing was waiting for it: worth a warning, nothing more. */
  readonly expected: boolean;
}

/** PINGRESP came. */
export interface Pong {
  /** Tells it from the other events. */
  readonly type: "pong";
  /** The packet type: 0xd0. */
  readonly packet: number;
}

/** A message over the limit for packets came and was passed over: nothing of its payload is held. */
export interface Skipped {
  /** Tells it from the other events. */
  readonly type: "skipped";
  /** The packet type: 0x30. */
  readonly packet: number;
  /** The message, with an empty payload; to be acknowledged as any other. */
  readonly message: Message;
  /** The length of the whole packet in bytes. */
  readonly size: number;
}

/** A message with QoS 1 or 2 that had been sent is lost, because the server has no session of ours any more. */
export interface Lost {
  /** Tells it from the other events. */
  readonly type: "lost";
  /** No packet brings it: 0. */
  readonly packet: 0;
  /** The identifier that `publish` gave; free again. */
  readonly id: PacketId;
  /** True when the server had taken it over (PUBREC had come), so that sending it again might deliver it twice. */
  readonly released: boolean;
}

/** A message with QoS 1 or 2 that waited to be sent will not be (MQTT 5). */
export interface Dropped {
  /** Tells it from the other events. */
  readonly type: "dropped";
  /** No packet brings it: 0. */
  readonly packet: 0;
  /** The identifier that `publish` gave; free again. */
  readonly id: PacketId;
  /**
   * Why: `message-expired`; or what `publish` would have thrown, had it known the limits of the server that was
   * connected to since: `not-supported`, `payload-too-large`.
   */
  readonly error: MqttError;
}

/** The server asks for more, or is content, in an enhanced authentication (MQTT 5). */
export interface Auth {
  /** Tells it from the other events. */
  readonly type: "auth";
  /** The packet type: 0xf0. */
  readonly packet: number;
  /** 0x18: answer with `Engine.authenticate`. 0: the authentication that was begun on the open connection is done. */
  readonly reason: number;
  /** The method, and what it has to say. */
  readonly properties: AuthProperties;
}

/**
 * The connection is over. With MQTT 5 `Engine.take` may have one last batch behind it: a DISCONNECT that tells the server
 * what it did wrong. Write it before the connection is closed.
 */
export interface Offline {
  /** Tells it from the other events. */
  readonly type: "offline";
  /** No packet brings it: 0. */
  readonly packet: 0;
  /** Why; null after `disconnect()`. */
  readonly error: MqttError | null;
  /** The identifier of what was sent first on this connection and is not answered; 0 when nothing is. */
  readonly unanswered: PacketId;
}

/** What `Engine.next` gives. */
export type EngineEvent =
  | Online
  | Message
  | Settled
  | Progress
  | Skipped
  | Pong
  | Lost
  | Dropped
  | Auth
  | Offline;
