/** Where the config comes from: what a process is given. */
export interface LaunchOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFile: string | undefined;
  readonly simulate: boolean;
  /** Which of several device files a simulated board takes. */
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
  readonly stateDir: string | undefined;
  /** Where `boardkeeper-agent provision` leaves the connection string; the usual place unless told. */
  readonly credentialFile?: string;
}
