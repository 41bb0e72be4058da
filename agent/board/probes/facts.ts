/* What the probes find out about a board. The doctor's checks evaluate these facts; they never probe. */

export interface DiskFacts {
  readonly path: string;
  readonly freeBytes: number;
  /** Free inodes; null where the file system does not count them. */
  readonly freeFiles: number | null;
}

export interface FolderFacts {
  readonly path: string;
  /** Null where a file could be written and synced; else Node's code, such as EACCES. */
  readonly code: string | null;
  readonly exists: boolean;
  /** The user whose rights were tried. */
  readonly user: string;
}

/** The first hop on the way to the hub: the hub or its gateway, or a proxy. */
export interface FirstHop {
  readonly host: string;
  readonly port: number;
  readonly kind: "hub" | "proxy";
}

export interface DnsFacts {
  readonly hop: FirstHop;
  /** Empty where the name could not be resolved. */
  readonly addresses: readonly string[];
  /** Node's code where it could not be resolved; else null. */
  readonly code: string | null;
}

/** An attempt to open a TCP connection. */
export interface PortFacts {
  readonly port: number;
  /** Null where it opened; else Node's code, such as ECONNREFUSED or ETIMEDOUT. */
  readonly code: string | null;
}

export interface TlsFacts {
  /** Null where the certificate is trusted; else OpenSSL's or Node's code for the certificate or the handshake. */
  readonly code: string | null;
  /** The issuer as the certificate names it; null where no certificate was shown. */
  readonly issuer: string | null;
  readonly validFrom: string | null;
  readonly validTo: string | null;
  /** The host name that the certificate must be for. */
  readonly host: string;
  /** Whether hub.ca-file is set. */
  readonly ownAuthority: boolean;
}

export interface PowerSupplyFacts {
  /** The firmware's bits (vcgencmd get_throttled); null where it cannot be asked. */
  readonly throttled: number | null;
  /** The kernel's low voltage alarm (hwmon rpi_volt); null where there is none. */
  readonly lowVoltage: boolean | null;
}

/** The install helper's answer: the program that root would run; why it runs none; or why there is no answer. */
export type InstallHelperAnswer =
  | { readonly program: string }
  | { readonly refusal: string }
  | { readonly noAnswer: string };

/** The Node.js that runs this process. */
export interface NodeFacts {
  /** As in "24.22.3". */
  readonly version: string;
  /** Its executable; links are followed. */
  readonly path: string;
  /** Node's name of the architecture, as in "arm64". */
  readonly arch: string;
  /** The version of the Debian package that the executable belongs to; null where it belongs to none. */
  readonly debianVersion: string | null;
  /** ID in os-release, as in "debian" and "ubuntu"; null where there is none. */
  readonly osId: string | null;
}

/** The code cache: V8's code of the agent's sources, one file each. */
export interface CodeCacheFacts {
  readonly folder: string;
  /** How many of its files a start uses, and their size. */
  readonly accepted: number;
  readonly bytes: number;
  /** Files that belong to no source of this program. */
  readonly others: number;
  /** The first file that a start would not use, and why. */
  readonly problem:
    | {
        readonly file: string;
        readonly problem: "absent" | "untrusted" | "damaged" | "unreadable" | "refused";
        /** Why it is unreadable, as the system says it. */
        readonly detail?: string;
      }
    | undefined;
  /** The program that makes the cache. */
  readonly maker: string;
}
