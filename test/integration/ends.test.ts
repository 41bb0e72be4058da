import { describe, expect, it } from "vitest";
import { AgentError } from "../../agent/lib/errors.ts";
import { EndRun } from "../support/ends.ts";
import type { FakeBoardOptions } from "../support/fake-board.ts";
import { digest } from "../support/updates.ts";

/* Runs every end of every operation. docs/ends.md is written from it: scripts/generate-docs. A test fails while it is stale. */

interface End {
  readonly name: string;
  readonly board?: FakeBoardOptions;
  /** Plays it to its end. */
  readonly play: (run: EndRun) => Promise<void>;
}

const update = `update -d board-1 --uri https://images.example/board.img --sha256 ${digest} --version 2.0.0 --operation-id op-1 --wait`;
const reboot = "reboot -d board-1 --operation-id op-1 --wait";

const updates: readonly End[] = [
  { name: "completed", play: (run) => run.operator(update) },
  {
    name: "asked for again, and done already",
    play: async (run) => {
      await run.operator(update);
      await run.operator(update.replace("op-1", "op-2"));
    },
  },
  ...(
    [
      ["no-space", "The image of 9000 bytes does not fit: the board has space for 1000. Free some space."],
      ["unreachable", "https://images.example/board.img could not be reached: no answer within 86400 s."],
      ["http-status", "https://images.example/board.img answered with status 404."],
      ["internal", "A fault in the agent: x is not a function."],
    ] as const
  ).map(([code, message]): End => ({
    name: `failed while downloading: ${code}`,
    play: async (run) => {
      run.board.fetchFailure = new AgentError(code, message);
      await run.operator(update);
    },
  })),
  {
    name: "failed while verifying: bad-digest",
    play: async (run) => {
      run.board.fetchedSha256 = "b".repeat(64);
      await run.operator(update);
    },
  },
  {
    name: "failed while applying: image-changed",
    play: async (run) => {
      run.board.stagedFailure = new AgentError("image-changed", "The staged image was damaged on the board's disk.");
      await run.operator(update);
    },
  },
  {
    name: "failed while applying: installer-failed",
    play: async (run) => {
      run.board.breakInstall();
      await run.operator(update);
    },
  },
  {
    name: "rolled back: the new system did not start",
    play: async (run) => {
      run.board.unbootableVersion = "2.0.0";
      await run.operator(update);
    },
  },
  {
    name: "rolled back: the new system did not become healthy",
    play: (run) =>
      run.operator(update, () => {
        if (run.board.saved?.update.phase === "proving") run.hub.cut();
        if (run.board.saved?.update.phase === "rolledBack") run.hub.isReachable = true;
      }),
  },
  {
    name: "failed while going back",
    board: { restart: "service" },
    play: async (run) => {
      run.board.revertFailure = new AgentError("installer-failed", "The old slot could not be chosen.");
      await run.operator(update, () => {
        if (run.board.saved?.update.phase === "proving") run.hub.cut();
        if (run.board.saved?.update.phase === "failed") run.hub.isReachable = true;
      });
    },
  },
  {
    name: "cancelled by an operator",
    play: (run) =>
      run.operator(update.replace("--wait", "--apply manual --wait"), async (passedMs) => {
        if (passedMs === 180_000) await run.hub.call("cancelFirmwareUpdate", {});
      }),
  },
  {
    name: "cancelled: its time to begin passed while it waited",
    play: (run) => run.operator(update.replace("--wait", "--apply manual --start-by 2026-01-02T04:00:00Z --wait")),
  },
  {
    name: "cancelled: its time to begin had passed when the board read it",
    play: async (run) => {
      run.hub.cut();
      await run.operator(update.replace("--wait", "--desired --start-by 2026-01-02T04:00:00Z --wait"), (passedMs) => {
        if (passedMs === 3_900_000) run.hub.isReachable = true;
      });
    },
  },
  {
    name: "cancelled: its document was withdrawn",
    play: (run) =>
      run.operator(update.replace("--wait", "--apply manual --desired --wait"), (passedMs) => {
        if (passedMs === 180_000) run.hub.setDesired({ firmware: null });
      }),
  },
  {
    name: "cancelled: a document for the version that runs took its place",
    play: (run) =>
      run.operator(update.replace("--wait", "--apply manual --desired --wait"), (passedMs) => {
        if (passedMs === 180_000) run.hub.setDesired({ firmware: { fwVersion: "1.0.0", operationId: "back" } });
      }),
  },
  {
    name: "refused: a bad request",
    play: (run) => run.operator(update.replace("https:", "ftp:")),
  },
  {
    name: "refused: another update runs",
    play: async (run) => {
      const other = {
        fwPackageUri: "https://images.example/other.img",
        fwPackageCheckValue: digest,
        fwVersion: "3.0.0",
        operationId: "other",
      };
      await run.hub.call("firmwareUpdate", { ...other, apply: "manual" });
      await run.operator(update);
    },
  },
  {
    name: "refused: a window where none is configured",
    play: (run) => run.operator(update.replace("--wait", "--apply window --wait")),
  },
  {
    name: "declared, and refused",
    play: (run) => run.operator(update.replace("--wait", "--apply window --desired --wait")),
  },
  { name: "declared, and completed", play: (run) => run.operator(update.replace("--wait", "--desired --wait")) },
];

const reboots: readonly End[] = [
  { name: "proven", play: (run) => run.operator(reboot) },
  {
    name: "proven, but not by this request: the power was cut before it was due",
    play: (run) =>
      run.operator(`${reboot} --in 10m`, async (passedMs) => {
        if (passedMs === 120_000) await run.board.restart();
      }),
  },
  {
    name: "failed: the reboot never came",
    play: async (run) => {
      run.board.forgetsReboot = true;
      await run.operator(reboot);
    },
  },
  {
    name: "failed: a program took an inhibitor lock before it was due",
    play: (run) =>
      run.operator(`${reboot} --in 5m`, (passedMs) => {
        if (passedMs > 60_000) run.board.inhibitors = [{ who: "apt", why: "installs packages" }];
      }),
  },
  {
    name: "refused: a program holds an inhibitor lock",
    play: async (run) => {
      run.board.inhibitors = [{ who: "apt", why: "installs packages" }];
      await run.operator(reboot);
    },
  },
  {
    name: "refused: another one is pending",
    play: async (run) => {
      await run.hub.call("rebootDevice", { delaySeconds: 3_600, operationId: "other" });
      await run.operator(reboot);
    },
  },
  {
    name: "cancelled by an operator",
    play: (run) =>
      run.operator(`${reboot} --in 10m`, async (passedMs) => {
        if (passedMs === 120_000) await run.hub.call("cancelReboot", {});
      }),
  },
];

const configurations: readonly End[] = [
  { name: "applied", play: (run) => run.operator("configure -d board-1 agent.log-level=warn --wait") },
  { name: "refused", play: (run) => run.operator("configure -d board-1 agent.log-level=loud --wait") },
  {
    name: "removed",
    play: async (run) => {
      await run.operator("configure -d board-1 agent.log-level=warn --wait");
      await run.operator("configure -d board-1 --reset --wait");
    },
  },
];

const sections: readonly (readonly [title: string, ends: readonly End[]])[] = [
  ["Updates", updates],
  ["Reboots", reboots],
  ["Configuration over the hub", configurations],
];

const head = `# How operations end

What everybody sees at each end of each operation, when all is over: the saved state, the twin in its four formats, the commands on the board and the
CLI. Written by running them (\`scripts/generate-docs\`); a test fails while this page is stale. The board is one in memory, whose time passes at will.
[What each code means, and what to do](errors.md).
`;

async function endAsMarkdown({ name, board, play }: End): Promise<string> {
  const run = new EndRun(board);
  await run.board.powerOn();
  await run.pass(1);
  await play(run);
  await run.pass(2);
  const rows = (await run.rows()).map(([where, says]) => `| ${where} | ${says} |\n`).join("");
  return `### ${name}\n\n| where | says |\n|---|---|\n${rows}`;
}

describe("every end", () => {
  it("is as docs/ends.md has it", async () => {
    const parts: string[] = [head];
    for (const [title, ends] of sections) {
      parts.push(`## ${title}\n`);
      for (const end of ends) parts.push(await endAsMarkdown(end));
    }
    await expect(parts.join("\n")).toMatchFileSnapshot("../../docs/ends.md");
  });
});
