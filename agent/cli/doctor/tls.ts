import { findings, type Finding } from "./finding.ts";

const found = findings("tls");

export interface TlsFacts {
  /** Null where the certificate is trusted; OpenSSL's or Node's code where it is not; or that of a handshake that failed. */
  readonly code: string | null;
  /** Whoever signed it, as it says itself; null where none was shown. */
  readonly issuer: string | null;
  readonly validFrom: string | null;
  readonly validTo: string | null;
  /** The name that was asked for. */
  readonly host: string;
  /** Whether hub.ca-file is set. */
  readonly ownAuthority: boolean;
}

export function checkTls({ code, issuer, validFrom, validTo, host, ownAuthority }: TlsFacts): Finding {
  if (code === null) return found.ok(`trusted: signed by ${issuer ?? "an authority"}, valid until ${validTo ?? "?"}`);
  if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") {
    return found.fault(
      `by this board's clock the hub's certificate is ${code === "CERT_HAS_EXPIRED" ? "no longer" : "not yet"} valid (${validFrom ?? "?"} to ${validTo ?? "?"})`,
      "If the board's clock is wrong, mend that first; else the certificate has to be renewed on the hub's side",
    );
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return found.fault(
      `the certificate that is shown is not for ${host}`,
      "Check HostName in the connection string, and whether a proxy or captive portal of this network answers in the hub's place",
    );
  }
  if (issuer === null)
    return found.fault(`no TLS is spoken there (${code})`, "See whether something else than the hub listens there");
  return found.fault(
    `the hub's certificate is signed by an authority that this board does not know: ${issuer} (${code})`,
    ownAuthority
      ? "Check hub.ca-file: it must hold the authority of this hub. If it does, something on this network intercepts TLS"
      : "Azure's hubs need no setting: update ca-certificates (apt install --only-upgrade ca-certificates), and see whether something on this network intercepts TLS. For a hub with an authority of its own: set hub.ca-file, or provision with --ca-file",
  );
}
