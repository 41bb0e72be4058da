/** The arguments that decide which configuration a process reads. A stored configuration is for a process with the same ones. */
export interface LaunchArguments {
  readonly configFile: string | undefined;
  readonly simulate: boolean;
  /** Which of several local hub devices a simulated board is. */
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
}

/** Nothing in it: systemd would pass nothing on. */
export interface ServiceCredential {
  readonly stored?: { readonly source: string; readonly connectionString: string; readonly isEncrypted: boolean };
  /** Why it cannot be read, in a sentence. */
  readonly problem?: string;
}

/** Everything outside the configuration files that decides about the configuration. */
export interface LaunchOptions extends LaunchArguments {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stateDir: string | undefined;
  /** The file in which `boardkeeper-agent provision` stores the connection string; the usual one unless given. */
  readonly credentialFile?: string;
  /** What systemd would pass to the service, for commands that examine the service's agent from outside. */
  readonly serviceCredential?: ServiceCredential | undefined;
}
