import type { LaunchOptions } from "../../agent/config/launch-options.ts";

/** What a process is given where nobody says anything to it. */
export const bareLaunchOptions: LaunchOptions = {
  env: {},
  configFile: undefined,
  simulate: false,
  deviceId: undefined,
  moduleId: undefined,
  stateDir: undefined,
};
