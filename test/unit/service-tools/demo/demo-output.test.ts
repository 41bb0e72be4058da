import { describe, expect, it } from "vitest";
import { stayInstructions } from "../../../../service-tools/demo/demo-output.ts";

describe("what to type after --stay", () => {
  const program = { executable: "/usr/bin/node", arguments: ["/repo/dist/boardkeeper.js"] };

  it("is complete: where the home is, and how to call the program", () => {
    const words = stayInstructions("/tmp/demo", program, {});
    expect(words).toContain("export BOARDKEEPER_HOME=/tmp/demo\n");
    expect(words).toContain("alias boardkeeper='/usr/bin/node /repo/dist/boardkeeper.js'\n");
    expect(words).not.toContain("unset");
  });

  it("warns of a login in the shell that would lead elsewhere", () => {
    expect(stayInstructions("/tmp/demo", program, { IOTHUB_CONNECTION_STRING: "x" })).toContain(
      "unset IOTHUB_CONNECTION_STRING",
    );
  });
});
