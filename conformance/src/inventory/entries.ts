/**
 * What an inventory consists of.
 *
 * @module
 */

/** What we do about a behaviour of the reference. */
export type Verdict = "KEEP" | "FIX" | "EXTEND";

/** Something a user of MiniMQTT may rely on. */
export interface Behaviour {
  /** `MM-085`. */
  readonly id: string;
  /** The part of the client it belongs to. */
  readonly area: string;
  /** Empty where it has no meaning here. */
  readonly verdicts: readonly Verdict[];
  /** What ours does, in a line. */
  readonly summary: string;
}

/** A normative statement of MQTT 3.1.1. */
export interface Statement {
  /** `v3 MQTT-2.3.1-2`, or `v3 §2.2.3` for a section whose rule has no number. */
  readonly id: string;
  /** What it demands, in a line. */
  readonly summary: string;
}

/** An entry of the inventory that no test shows. */
export interface Gap {
  /** The behaviour or statement. */
  readonly id: string;
  /** Why. */
  readonly reason: string;
}
