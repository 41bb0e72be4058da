import type { Environment } from "../cli/context.ts";

/** Variables that would make the demo's programs speak to another hub, or behave otherwise than shown. */
const foreign = /^(BOARDKEEPER_|IOTHUB_|CREDENTIALS_DIRECTORY$|STATE_DIRECTORY$)/;

/** What the demo's processes and commands are given: their own home, and pauses long enough to be seen. */
export function demoEnvironment(env: Environment, home: string): Environment {
  const own = Object.entries(env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(own),
    BOARDKEEPER_HOME: home,
    BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "2",
    BOARDKEEPER_SIMULATION_BOOT_SECONDS: "2",
    BOARDKEEPER_REPORT_PROGRESS_SECONDS: "0",
    // A server of the demo's own that is gone does not come back: nobody has to watch a board try for a day.
    BOARDKEEPER_UPDATE_DOWNLOAD_DEADLINE_SECONDS: "0",
  };
}
