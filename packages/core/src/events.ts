/**
 * What comes out of the engine: one event for each packet, and those that no packet brings.
 *
 * @module
 */
import type { MqttError, RefusedError } from "./errors.ts";
import type { Connack, Message, PacketId } from "./packets.ts";

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
  /** The type of the packet that settled it: 0x40 PUBACK, 0x70 PUBCOMP, 0x90 SUBACK or 0xb0 UNSUBACK. */
  readonly packet: number;
  /** The identifier that the command gave. */
  readonly id: PacketId;
  /** SUBACK: one code per filter, 0 to 2 granted or 0x80 refused, in the order asked for. Otherwise empty. */
  readonly reasons: readonly number[];
  /** Why a message was not taken as it was sent; absent when it was. */
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

/** The connection is over. */
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
export type EngineEvent = Online | Message | Settled | Progress | Skipped | Pong | Lost | Offline;
