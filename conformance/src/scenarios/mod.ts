/**
 * All scenarios.
 *
 * @module
 */
import type { Scenario } from "../player/scenario.ts";
import { connect01 } from "./01_connect.ts";
import { refused02 } from "./02_refused.ts";
import { attempts03 } from "./03_attempts.ts";
import { will04 } from "./04_will.ts";
import { credentials05 } from "./05_credentials.ts";
import { publish06 } from "./06_publish.ts";
import { acknowledged07 } from "./07_acknowledged.ts";
import { sizes08 } from "./08_sizes.ts";
import { subscribe09 } from "./09_subscribe.ts";
import { unsubscribe10 } from "./10_unsubscribe.ts";
import { receive11 } from "./11_receive.ts";
import { topicCallbacks12 } from "./12_topic_callbacks.ts";
import { reconnect13 } from "./13_reconnect.ts";
import { loop14 } from "./14_loop.ts";
import { ping15 } from "./15_ping.ts";
import { disconnect16 } from "./16_disconnect.ts";
import { loss17 } from "./17_loss.ts";
import { malformed18 } from "./18_malformed.ts";
import { session19 } from "./19_session.ts";
import { construction20 } from "./20_construction.ts";
import { inFlight21 } from "./21_in_flight.ts";

/** Every scenario, in the order of the areas. */
export const scenarios: readonly Scenario[] = [
  ...connect01,
  ...refused02,
  ...attempts03,
  ...will04,
  ...credentials05,
  ...publish06,
  ...acknowledged07,
  ...sizes08,
  ...subscribe09,
  ...unsubscribe10,
  ...receive11,
  ...topicCallbacks12,
  ...reconnect13,
  ...loop14,
  ...ping15,
  ...disconnect16,
  ...loss17,
  ...malformed18,
  ...session19,
  ...construction20,
  ...inFlight21,
];
