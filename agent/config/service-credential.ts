import { credentialName, type CredentialFile } from "./paths.ts";

/*
 * Where the service's agent has its connection string from, as systemd sees it: the owner may have named another place in a drop-in
 * of the unit. Only root may read what lies there, and systemctl(1) shows no credentials: the unit's text is the only source.
 */

/** In the order in which they count. */
export interface ConnectionStringSources {
  /** The connection string in Environment=; undefined where it is not there. A secret. */
  readonly variable: string | undefined;
  /** EnvironmentFile=: these may set the same variable, and override it. */
  readonly environmentFiles: readonly string[];
  /** The first of these that exists is passed on. */
  readonly files: readonly CredentialFile[];
}

export const connectionStringVariable = "IOTHUB_DEVICE_CONNECTION_STRING";

/** systemd's own store of credentials (systemd.exec(5), ImportCredential=), in the order in which it is searched. */
const storeRoots = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];

/** @param unitText the unit and its drop-ins, as systemctl cat(1) shows them */
export function connectionStringSources(unitText: string): ConnectionStringSources {
  let loaded: readonly CredentialFile[] = [];
  let imported: readonly CredentialFile[] = [];
  let variable: string | undefined;
  let environmentFiles: string[] = [];
  for (const { key, value } of serviceLines(unitText)) {
    const isEncrypted = key === "LoadCredentialEncrypted";
    if (key === "LoadCredential" || isEncrypted) {
      const [name = "", path = name] = split(value);
      if (value === "") loaded = [];
      else if (name === credentialName)
        loaded = path.startsWith("/") ? [{ path, isEncrypted }] : inStore(path, isEncrypted);
    } else if (key === "ImportCredential") {
      if (value === "") imported = [];
      else if (isImported(value)) imported = [...inStore(credentialName, false), ...inStore(credentialName, true)];
    } else if (key === "Environment") variable = value === "" ? undefined : (variableIn(value) ?? variable);
    else if (key === "EnvironmentFile") {
      environmentFiles = value === "" ? [] : [...environmentFiles, value.replace(/^-/, "")];
    }
  }
  return { variable: variable === "" ? undefined : variable, environmentFiles, files: [...loaded, ...imported] };
}

/** The settings of [Service] in order; of a line that goes on in the next ones, the comments in between left out. */
function serviceLines(unitText: string): { readonly key: string; readonly value: string }[] {
  const text = unitText.replace(/^[ \t]*[#;].*\n?/gm, "").replace(/\\\n/g, " ");
  let section = "";
  const found: { key: string; value: string }[] = [];
  for (const line of text.split("\n")) {
    section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (section === "Service" && key !== undefined && value !== undefined) found.push({ key, value });
  }
  return found;
}

function split(value: string): string[] {
  const at = value.indexOf(":");
  return at < 0 ? [value] : [value.slice(0, at), value.slice(at + 1)];
}

/** Where systemd looks for a credential that is named without a folder. */
function inStore(name: string, isEncrypted: boolean): CredentialFile[] {
  const received = isEncrypted ? "/run/credentials/@encrypted" : "/run/credentials/@system";
  const store = isEncrypted ? "credstore.encrypted" : "credstore";
  return [
    { path: `${received}/${name}`, isEncrypted, isReceived: true },
    ...storeRoots.map((root) => ({ path: `${root}/${store}/${name}`, isEncrypted })),
  ];
}

/** @param value a glob with one star at the end at most, and perhaps a name to give what is found */
function isImported(value: string): boolean {
  const [glob = "", otherName] = split(value);
  if (otherName !== undefined) return false;
  return glob.endsWith("*") ? credentialName.startsWith(glob.slice(0, -1)) : glob === credentialName;
}

/** @param text of a file that EnvironmentFile= names */
export function variableInFile(text: string): string | undefined {
  const value = new RegExp(`^\\s*${connectionStringVariable}=(.*?)\\s*$`, "m").exec(text)?.[1];
  return value?.replace(/^(["'])(.*)\1$/, "$2");
}

function variableIn(assignments: string): string | undefined {
  const quoted = new RegExp(`(?:^|\\s)(["'])${connectionStringVariable}=(.*?)\\1(?=\\s|$)`).exec(assignments)?.[2];
  return quoted ?? new RegExp(`(?:^|\\s)${connectionStringVariable}=(\\S*)`).exec(assignments)?.[1];
}
