import { describe, expect, it } from "vitest";
import type { UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { BoardView } from "../../../../service-tools/boards/board-view.ts";
import { board, declaring, reads, track } from "../../../support/tracked-updates.ts";

const error = { code: "unreachable", during: "downloading", message: "The server is gone." };
const done = { kind: "completed", version: "2.0.0", already: false };
const idle = board("idle", null);

describe("an operation that has ended before it is requested under the same id", () => {
  const withdrawn = { code: "withdrawn", during: "staged", message: "Its section was withdrawn." };
  const ended = (
    phase: UpdateSnapshot["phase"],
    at: string,
    more: Partial<UpdateSnapshot> = {},
    firmware = "op-1",
  ): BoardView => ({
    ...declaring(board(phase, "op-1", { ...more, times: { ended: `2026-01-02T${at}:00.000Z` } }), firmware, 6),
    connected: true,
  });
  const declared = { desiredVersion: 6 };
  const formers: [string, BoardView][] = [
    ["failed while fetching", ended("failed", "03:00", { error })],
    ["cancelled, because its document was withdrawn", ended("cancelled", "03:00", { error: withdrawn })],
    ["rolled back", ended("rolledBack", "03:00", { error })],
    ["cancelled by method, of another version", ended("cancelled", "03:00", { version: "1.9.0" })],
  ];

  it.each(formers)("%s, is followed where the board starts it again", (_what, former) => {
    const begun = [declaring(board("downloading"), "op-1", 6), declaring(board("completed"), "op-1", 6)];
    const { end, phases } = track(declared, former, [former, former, ...begun]);
    expect(end).toStrictEqual(done);
    expect(phases).not.toContain(former.update.phase);
    // The same where a method call has started a declared one again.
    expect(track({}, former, [former, former, ...begun]).end).toStrictEqual(done);
  });

  it("that ends the same way again between two reads, has ended again", () => {
    const former = ended("failed", "03:00", { error });
    const again = ended("failed", "03:07", { error });
    expect(track(declared, former, [former, again]).end).toStrictEqual({ kind: "failed", error });
  });

  it("is presumed to stay ended after ten reads of a connected board, and said to be a former one", () => {
    const former = ended("failed", "03:00", { error });
    expect(track(declared, former, reads(9, former)).presumed).toBeUndefined();
    const { end, presumed } = track(declared, former, reads(10, former));
    expect(end).toBeUndefined();
    expect(presumed).toStrictEqual({ kind: "failed", error, isFormer: true });
    // What a method call has started anew has ended anew.
    expect(track({}, former, reads(10, former)).presumed).toStrictEqual({ kind: "failed", error });
    expect(track(declared, former, reads(30, { ...former, connected: false })).presumed).toBeUndefined();
  });

  it("is not a success before the board has answered the document: it may declare another image", () => {
    const former = ended("completed", "03:00");
    expect(track(declared, former, reads(3, former)).end).toBeUndefined();
    expect(track(declared, former, reads(10, former)).presumed).toStrictEqual({ ...done, already: true });
    const refused = { code: "operation-id-in-use", message: "It belongs to another image.", desiredVersion: 6 };
    const answered = ended("completed", "03:00", { refused });
    const { desiredVersion: _, ...said } = refused;
    expect(track(declared, former, [former, answered]).end).toStrictEqual({ kind: "refused", ...said });
  });

  it("is refused also while it runs, and runs on where it began after the request", () => {
    const refused = { code: "operation-id-in-use", message: "It belongs to another image.", desiredVersion: 6 };
    const staged = declaring(board("staged"), "op-1", 6);
    const answered = declaring(board("staged", "op-1", { refused }), "op-1", 6);
    expect(track(declared, staged, [staged, answered]).end).toMatchObject({ kind: "refused" });
    expect(track(declared, idle, [staged, answered]).end).toBeUndefined();
  });

  it("counts where the board has answered that it repeats it", () => {
    const former = ended("failed", "03:00", { error });
    expect(track({ repeated: true }, former, [former]).end).toStrictEqual({ kind: "failed", error });
  });
});
