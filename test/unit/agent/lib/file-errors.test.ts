import { describe, expect, it } from "vitest";
import { describeFileError } from "../../../../agent/lib/file-errors.ts";

function systemError(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: words of the system, open '${path ?? ""}'`), {
    code,
    ...(path && { path }),
  });
}

describe("why a file cannot be read", () => {
  it.each([
    ["ENOENT", "/x does not exist (ENOENT)"],
    ["EACCES", "this user has no permission for /x (EACCES)"],
    ["EPERM", "this user has no permission for /x (EPERM)"],
    ["ENOTDIR", "/x, or a part of the way to it, is a file where a folder should be (ENOTDIR)"],
    ["ELOOP", "/x is a link that leads back to itself (ELOOP)"],
    ["ENAMETOOLONG", "the path of /x is too long (ENAMETOOLONG)"],
    ["EMFILE", "too many files are open, so /x cannot be read now (EMFILE)"],
    ["EIO", "the disk fails when /x is read (EIO)"],
    ["ESTALE", "the disk that holds /x was removed or unmounted (ESTALE)"],
    ["EWHATEVER", "EWHATEVER: words of the system, open '/x'"],
  ])("%s", (code, words) => expect(describeFileError(systemError(code, "/x"))).toBe(words));

  it("names what the caller says, or nothing where the error names no path", () => {
    expect(describeFileError(systemError("ENOENT", "/x"), "the folder")).toBe("the folder does not exist (ENOENT)");
    expect(describeFileError(systemError("EIO"))).toBe("the disk fails when it is read (EIO)");
  });

  it("shows nothing of what the file holds", () => {
    const parse = (): unknown => JSON.parse('{"connectionString":"HostName=h;SharedAccessKey=c2Vj"');
    let thrown: unknown;
    try {
      parse();
    } catch (cause) {
      thrown = cause;
    }
    expect(describeFileError(thrown)).toBe("it is not JSON: cut off, or damaged");
    expect(describeFileError(new Error("Invalid TOML\nkey = secret"))).toBe("Invalid TOML");
  });
});
