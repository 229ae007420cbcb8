import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { esp32spiFixture } from "../../src/fixtures/esp32spi.ts";
import { clientCases, register, scenarios, transportSuite } from "../../src/mod.ts";

const fixture = esp32spiFixture();
const behaviours = esp32spiFixture();

describe("esp32spi keeps the transport contract", () => {
  transportSuite(it, fixture);

  it("and the protocol of the co-processor", () => assertEquals(fixture.module.violations.list, []));
});

describe("scenarios on MQTT over esp32spi", () => {
  register(it, clientCases(scenarios, behaviours));

  it("keep the protocol of the co-processor", () => assertEquals(behaviours.module.violations.list, []));
});
