import { errorCode, errorMessage } from "./errors.ts";

/**
 * Why a file or folder cannot be read, in plain words with the system's code: "/etc/x does not exist (ENOENT)". Of any other error
 * the first line: a TOML error shows the source below it, which may hold a secret.
 * @param subject what cannot be read; the path that the error names unless given
 */
export function describeFileError(cause: unknown, subject?: string): string {
  const code = errorCode(cause) ?? "";
  const what = subject ?? pathOf(cause) ?? "it";
  switch (code) {
    case "ENOENT":
      return `${what} does not exist (${code})`;
    case "EACCES":
    case "EPERM":
      return `this user has no permission for ${what} (${code})`;
    case "ENOTDIR":
      return `${what}, or a part of the way to it, is a file where a folder should be (${code})`;
    case "ELOOP":
      return `${what} is a link that leads back to itself (${code})`;
    case "ENAMETOOLONG":
      return `the path of ${what} is too long (${code})`;
    case "EMFILE":
    case "ENFILE":
      return `too many files are open, so ${what} cannot be read now (${code})`;
    case "EIO":
    case "ENODEV":
    case "ENXIO":
    case "EUCLEAN":
      return `the disk fails when ${what} is read (${code})`;
    case "ESTALE":
      return `the disk that holds ${what} was removed or unmounted (${code})`;
    default:
      // The engine quotes the text that it cannot parse.
      if (cause instanceof SyntaxError && cause.name === "SyntaxError") return "it is not JSON: cut off, or damaged";
      return errorMessage(cause).split("\n")[0] ?? "";
  }
}

function pathOf(cause: unknown): string | undefined {
  return cause instanceof Error && "path" in cause && typeof cause.path === "string" ? cause.path : undefined;
}
