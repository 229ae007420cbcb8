import { describe, it } from "@std/testing/bdd";
import { clientCases, register, scenarios } from "../../src/mod.ts";
import { tcpFixture } from "../../src/fixtures/tcp.ts";

describe("scenarios on MQTT over TCP", () => register(it, clientCases(scenarios, tcpFixture())));
