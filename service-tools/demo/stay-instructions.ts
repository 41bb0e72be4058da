import type { Program } from "../images/process.ts";
import type { Environment } from "../cli/context.ts";
import { demoBoard } from "./set-up.ts";

/** What to type to play with what the demo has left up. */
export function stayWords(home: string, { executable, arguments: given }: Program, env: Environment): string {
  const alias = [executable, ...given].join(" ");
  const login = env["IOTHUB_CONNECTION_STRING"] ? ["  unset IOTHUB_CONNECTION_STRING   # it names another hub"] : [];
  return [
    "",
    "All of it stays up. To play, type in another terminal:",
    "",
    `  export BOARDKEEPER_HOME=${home}`,
    `  alias boardkeeper='${alias}'`,
    ...login,
    "",
    `  boardkeeper status -d ${demoBoard}`,
    `  boardkeeper watch -d ${demoBoard}`,
    `  boardkeeper reboot -d ${demoBoard} --in 10s --wait`,
    `  boardkeeper update -d ${demoBoard} --rehearse --wait`,
    `  boardkeeper twin -d ${demoBoard}`,
    "  boardkeeper hub status",
    "",
    "Ctrl-C here ends it and removes everything.",
  ].join("\n");
}
