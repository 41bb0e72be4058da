import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readInhibitors, parseInhibitors } from "../../../../../agent/board/systemd/logind.ts";
import { createLog } from "../../../../../agent/lib/log.ts";
import type { Inhibitor } from "../../../../../agent/reboot/inhibited-message.ts";
import { quiet } from "../../../../support/logs.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** As busctl --json=short prints the answer of ListInhibitors: a list of the values returned, of which there is one. */
const printed =
  '{"type":"a(ssssuu)","data":[[["sleep","NetworkManager","NetworkManager needs to turn off networks","delay",0,563],["shutdown","Unattended Upgrades Shutdown","Stop ongoing upgrades or perform upgrades before shutdown","delay",0,702],["shutdown:sleep","apt","Upgrading\\npackages","block",0,1410],["handle-power-key","me","mine","block",1000,1500],["shutdown","weak","may be ignored","block-weak",0,9]]]}';

describe("inhibitors", () => {
  it("are those that block a shutdown", () => {
    expect(parseInhibitors(JSON.parse(printed))).toStrictEqual({
      ok: true,
      value: [{ who: "apt", why: "Upgrading packages" }],
    });
    expect(parseInhibitors({ type: "a(ssssuu)", data: [[]] })).toStrictEqual({ ok: true, value: [] });
  });

  it("fit an answer, whatever they say", () => {
    const held = parseInhibitors({ type: "a(ssssuu)", data: [[["shutdown", "", "x".repeat(5_000), "block", 0, 1]]] });
    expect(held).toMatchObject({ value: [{ who: "unknown", why: expect.stringMatching(/^x{97}…$/) }] });
  });

  it.each([[null], [{ type: "as", data: [["x"]] }], [{ type: "a(ssssuu)", data: [[["shutdown"]]] }]])(
    "are not read out of %j",
    (json) => {
      expect(parseInhibitors(json).ok).toBe(false);
    },
  );

  async function asking(script: string): Promise<{ held: readonly Inhibitor[]; lines: string[] }> {
    const program = join(await temporaryFolder(), "busctl");
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o700);
    const lines: string[] = [];
    const log = createLog("debug", { write: (line) => lines.push(line) });
    return { held: await readInhibitors(log, [program]), lines };
  }

  it("are asked for by a program", async () => {
    const { held, lines } = await asking(`cat <<'END'\n${printed}\nEND`);
    expect(held).toStrictEqual([{ who: "apt", why: "Upgrading packages" }]);
    expect(lines).toStrictEqual([]);
  });

  it.each([
    ["has no logind", "echo 'The name org.freedesktop.login1 was not provided' >&2; exit 1"],
    ["answers nonsense", "echo nonsense"],
    ["does not answer", "exec sleep 600"],
  ])("are none on a board that %s, which is said for those who look", async (_what, script) => {
    const { held, lines } = await asking(script);
    expect(held).toStrictEqual([]);
    expect(lines).toStrictEqual([expect.stringContaining("inhibitors unknown, counted as none")]);
  });

  it("are none on a board without the program", async () => {
    expect(await readInhibitors(quiet, ["/nowhere/busctl"])).toStrictEqual([]);
  });
});
