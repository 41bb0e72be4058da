import { describe, expect, it } from "vitest";
import { stayInstructions } from "../../../../service-tools/demo/demo-output.ts";

describe("the instructions of --stay", () => {
  const program = { executable: "/usr/bin/node", arguments: ["/repo/dist/boardkeeper.js"] };

  it("are complete: the home, and how to start the program", () => {
    const words = stayInstructions("/tmp/demo", program, {});
    expect(words).toContain("export BOARDKEEPER_HOME=/tmp/demo\n");
    expect(words).toContain("alias boardkeeper='/usr/bin/node /repo/dist/boardkeeper.js'\n");
    expect(words).not.toContain("unset");
  });

  it("warn of a login in the shell that names another hub", () => {
    expect(stayInstructions("/tmp/demo", program, { IOTHUB_CONNECTION_STRING: "x" })).toContain(
      "unset IOTHUB_CONNECTION_STRING",
    );
  });
});
