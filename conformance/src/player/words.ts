/**
 * Steps, values and errors of scenarios as people read them, and when two values are the same.
 *
 * @module
 */
import { MMQTTException } from "@minimqtt/client";
import { MqttError } from "@minimqtt/core";
import { toHex } from "../wire/bytes.ts";
import type { Failure, Step } from "./scenario.ts";

/** How a call went, once it has ended. */
export interface Outcome {
  /** Whether it has ended. */
  done: boolean;
  /** What it gave. */
  value?: unknown;
  /** What it failed with, if it did. */
  error?: unknown;
  /** Whether a step has asked how it ended. */
  met: boolean;
}

/** A step in words. */
export function describe(step: Step): string {
  switch (step.step) {
    case "call":
      return `${step.command}(${step.args.map(show).join(", ")})`;
    case "returns":
      return `${step.of ?? "the call"} gives ${show(step.value)}`;
    case "fails":
      return `${step.of ?? "the call"} fails`;
    case "network":
      return `the network answers by ${step.answer}`;
    case "accept":
      return "the broker accepts";
    case "expect":
      return `the broker gets ${brief(step.bytes)}`;
    case "nothing":
      return "nothing happens";
    case "closed":
      return "the client closes";
    case "send":
      return `the broker sends ${brief(step.bytes)}`;
    case "drop":
      return step.how === "end" ? "the broker closes" : "the connection is reset";
    case "wait":
      return `${step.time} ms pass`;
    case "callback":
      return `${step.name} is called`;
    case "when":
      return `${step.name} is going to do something`;
  }
}

/** A failure in words. */
export function showFailure({ type, text, code, cause, statement }: Failure): string {
  return type + (text === undefined ? "" : `: ${text}`) + (code === undefined ? "" : ` (code ${code})`) +
    (cause === undefined ? "" : ` caused by ${cause}`) + (statement === undefined ? "" : ` [${statement}]`);
}

/** How a call ended, in words. */
export function showOutcome(outcome: Outcome): string {
  if (!outcome.done) return "no end of the call";
  if (!("error" in outcome)) return show(outcome.value);
  const { error } = outcome;
  if (!(error instanceof Error)) return `thrown: ${show(error)}`;
  const code = error instanceof MqttError || error instanceof MMQTTException ? error.code : undefined;
  const cause = error.cause instanceof MqttError ? error.cause.code : undefined;
  return `${error.name}: ${error.message}${code === undefined ? "" : ` (code ${code})`}${
    cause === undefined ? "" : ` caused by ${cause}`
  }`;
}

/** A value for people: bytes in hex, text in quotes. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const more = value.length > FEW_BYTES ? `... (${value.length} bytes)` : "";
    return `<${toHex(value.subarray(0, FEW_BYTES))}${more}>`;
  }
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "string") return brief(JSON.stringify(value));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value).map(([name, part]) => `${name}: ${show(part)}`).join(", ")} }`;
  }
  return String(value);
}

/** Equal in depth: lists, bytes, and objects by those fields that the second one has. */
export function same(got: unknown, expected: unknown): boolean {
  if (Object.is(got, expected)) return true;
  if (typeof got !== "object" || typeof expected !== "object" || got === null || expected === null) {
    return false;
  }
  if (got instanceof Uint8Array && expected instanceof Uint8Array) {
    return got.length === expected.length && got.every((byte, i) => byte === expected[i]);
  }
  if (got instanceof Uint8Array || expected instanceof Uint8Array) return false;
  if (Array.isArray(got) !== Array.isArray(expected)) return false;
  if (Array.isArray(got) && got.length !== (expected as unknown[]).length) return false;
  return Object.entries(expected).every(([name, part]) => same((got as Record<string, unknown>)[name], part));
}

/** Text for a message: its beginning, if it is long. */
export function brief(text: string): string {
  return text.length <= 400 ? text || "nothing" : `${text.slice(0, 400)}... (${text.length} characters)`;
}

/** More bytes than these nobody reads. */
const FEW_BYTES = 200;
