/**
 * `node conformance/browser/run.ts`: the suites in Chromium, with the report of the runner for the command line.
 *
 *   --area 03 --only transport/8.3     only these; may be repeated
 *   --format table|tap|junit|json      how the report looks; --output FILE: where it goes
 *
 * It ends with status 0 if all cases that apply passed and at least one ran.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import colours from "picocolors";
import { format, formats } from "../src/runner/formats.ts";
import { countOutcomes } from "../src/runner/run.ts";
import { runInChromium } from "./run_in_chromium.ts";

const { values } = parseArgs({
  options: {
    area: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    timeout: { type: "string" },
    format: { type: "string", default: "table" },
    output: { type: "string" },
  },
});
const form = formats.find((one) => one === values.format);
if (form === undefined) throw new Error(`no format ${values.format}; there are: ${formats.join(", ")}`);

const report = await runInChromium({
  ...(values.area && { areas: values.area }),
  ...(values.only && { only: values.only }),
  ...(values.timeout !== undefined && { timeout: Number(values.timeout) }),
});
if (values.output !== undefined) writeFileSync(values.output, format(report, form));
else process.stdout.write(format(report, form, colours.isColorSupported));
const { passed, failed } = countOutcomes(report.suites.flatMap(({ results }) => results));
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
