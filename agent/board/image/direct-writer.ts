import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorCode } from "../../lib/errors.ts";

/** Written at once past the page cache. It begins and ends at multiples of its size: any disk's blocks divide that. */
const pieceBytes = 1_048_576;

/**
 * Turns of the event loop in which nothing arrives before what is held gets written. A source that is faster than this process
 * pauses for one or two of them when it is told to go on.
 */
const idleTurns = 4;

/** What a file system answers to a write that it does not do directly. */
const refusals = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** What a DirectWriter needs of a file handle. */
export interface WriterFile {
  readonly fd: number;
  write(bytes: Uint8Array, fromByte: number, count: number, at: number): Promise<{ readonly bytesWritten: number }>;
  close(): Promise<void>;
}

/** Opens the file of a descriptor once more, for direct writes. Rejects where that cannot be. */
type DirectOpener = (fd: number) => Promise<WriterFile>;

/**
 * Writes a file or a block device, one byte after the other. Bytes that arrive faster than this process takes them are
 * collected to whole pieces and written with O_DIRECT: that saves the copy into the page cache, and pushes nobody else's files
 * out of it. All others are written through the page cache, each chunk at once: those of a slow source, those before the next
 * multiple of a piece, and all where the file system refuses direct writes or memory for pieces is not to be had.
 *
 * The kernel keeps both ways coherent: a direct write removes its range from the page cache, and no other range is touched.
 */
export class DirectWriter {
  readonly #file: WriterFile;
  readonly #openDirect: DirectOpener;
  #direct: WriterFile | undefined;
  #isRefused = false;
  #memory: PieceMemory | undefined;
  /** All bytes that were appended. */
  #takenBytes: number;
  #writtenBytes: number;
  /** Those of them at the end of which no write has begun: they are in the current piece, from its first byte on. */
  #heldBytes = 0;
  /** The last write that was begun. Once one has failed, all later ones do, with the same error. */
  #lastWrite: Promise<void> = Promise.resolve();
  #pendingWrites = 0;
  #hasFailed = false;
  #isWatching = false;

  /** @param fromBytes where the first byte goes */
  constructor(file: WriterFile, fromBytes: number, openDirect: DirectOpener = openAgain) {
    this.#file = file;
    this.#takenBytes = fromBytes;
    this.#writtenBytes = fromBytes;
    this.#openDirect = openDirect;
  }

  /** Where the next byte goes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Every byte before this one is the kernel's: it is there for whoever reads, also if this process is killed. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Takes a chunk, which may be used again afterwards. Rejects when this write or an earlier one has failed. */
  async append(chunk: Uint8Array): Promise<void> {
    if (this.#hasFailed) return await this.#lastWrite;
    for (let rest = chunk; rest.length > 0;) {
      const intoPiece = this.#takenBytes % pieceBytes;
      const part = rest.subarray(0, pieceBytes - intoPiece);
      rest = rest.subarray(part.length);
      const memory = this.#pieceMemory(intoPiece);
      const at = this.#takenBytes;
      this.#takenBytes += part.length;
      if (memory === undefined) {
        await this.#enqueue(() => this.#writeBuffered(part, at));
        continue;
      }
      memory.current.set(part, intoPiece);
      this.#heldBytes += part.length;
      if (this.#heldBytes === pieceBytes) await this.#writePiece(memory);
    }
  }

  /** Writes what is held, unless more is appended in the next few turns of the event loop. A failure is the next call's. */
  flushWhenIdle(): void {
    if (this.#heldBytes === 0 || this.#isWatching) return;
    this.#isWatching = true;
    let [turns, takenBytes] = [0, this.#takenBytes];
    const turn = (): void => {
      turns = takenBytes === this.#takenBytes ? turns + 1 : 0;
      takenBytes = this.#takenBytes;
      if (this.#heldBytes > 0 && turns < idleTurns) return void setImmediate(turn);
      this.#isWatching = false;
      this.flush().catch(() => undefined); // The next call gets the rejection.
    };
    setImmediate(turn);
  }

  /** Resolves when all that was appended is the kernel's. */
  async flush(): Promise<void> {
    const memory = this.#memory;
    if (memory === undefined || this.#heldBytes === 0) return await this.#lastWrite;
    const part = memory.current.subarray(0, this.#heldBytes);
    const at = this.#takenBytes - this.#heldBytes;
    this.#heldBytes = 0; // The rest of this piece goes through the page cache.
    await this.#enqueue(() => this.#writeBuffered(part, at));
  }

  /** Resolves when no write is under way, also after one has failed. What is held stays so. */
  async settled(): Promise<void> {
    await this.#lastWrite.catch(() => undefined); // The next call gets the rejection.
  }

  /** Forgets what was appended: the next byte goes there. */
  async restart(fromBytes: number): Promise<void> {
    this.#heldBytes = 0;
    await this.#lastWrite;
    this.#takenBytes = fromBytes;
    this.#writtenBytes = fromBytes;
  }

  /** Closes what it has opened itself. What is held is lost: flush first. */
  async close(): Promise<void> {
    await this.settled();
    this.#heldBytes = 0;
    this.#memory?.free();
    this.#memory = undefined;
    this.#isRefused = true;
    await this.#direct?.close();
    this.#direct = undefined;
  }

  /** Memory for the current piece; undefined where its next bytes go through the page cache. */
  #pieceMemory(intoPiece: number): PieceMemory | undefined {
    if (this.#heldBytes > 0) return this.#memory; // A piece stays together, also where direct writes were refused meanwhile.
    if (intoPiece > 0 || this.#isRefused) return undefined;
    this.#memory ??= PieceMemory.allocate();
    this.#isRefused = this.#memory === undefined;
    return this.#memory;
  }

  /** Begins to write the current piece. Resolves when the one before is written: the next bytes go into its memory. */
  async #writePiece(memory: PieceMemory): Promise<void> {
    const [piece, at, before] = [memory.current, this.#takenBytes - pieceBytes, this.#lastWrite];
    this.#heldBytes = 0;
    memory.swap();
    this.#enqueue(() => this.#writeDirect(piece, at)).catch(() => undefined); // The next call gets the rejection.
    await before;
  }

  /** One write after the other: a process that is killed leaves no hole. */
  async #enqueue(write: () => Promise<void>): Promise<void> {
    const done = this.#pendingWrites === 0 ? write() : this.#lastWrite.then(write);
    this.#pendingWrites += 1;
    this.#lastWrite = done;
    try {
      await done;
      this.#pendingWrites -= 1; // One that has failed stays pending: nothing is written after it.
    } catch (cause) {
      this.#hasFailed = true;
      throw cause;
    }
  }

  async #writeDirect(piece: Uint8Array, at: number): Promise<void> {
    const done = this.#isRefused ? 0 : await this.#tryDirect(piece, at);
    await this.#writeBuffered(piece.subarray(done), at + done); // The rest: none, or what a full disk did not take.
  }

  /** How many bytes were written directly: none where that is refused. */
  async #tryDirect(piece: Uint8Array, at: number): Promise<number> {
    try {
      this.#direct ??= await this.#openDirect(this.#file.fd).catch(() => undefined); // The other descriptor is open.
      if (this.#direct !== undefined) return (await this.#direct.write(piece, 0, piece.length, at)).bytesWritten;
    } catch (cause) {
      if (!refusals.has(errorCode(cause) ?? "")) throw cause;
    }
    this.#isRefused = true;
    return 0;
  }

  async #writeBuffered(part: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < part.length;) {
      const { bytesWritten } = await this.#file.write(part, done, part.length - done, at + done);
      done += bytesWritten;
    }
    this.#writtenBytes = at + part.length;
  }
}

/** Through /proc: the very file, whatever has taken its name since. */
export async function openAgain(fd: number): Promise<WriterFile> {
  return await open(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DIRECT | constants.O_NONBLOCK);
}

/** Page-aligned memory for two pieces: one is filled while the other is written. */
class PieceMemory {
  readonly #buffer: ArrayBuffer;
  #current: Uint8Array;
  #other: Uint8Array;

  private constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
    this.#current = new Uint8Array(buffer, 0, pieceBytes);
    this.#other = new Uint8Array(buffer, pieceBytes, pieceBytes);
  }

  /**
   * V8 maps a resizable buffer as whole pages, of exactly its size, and unmaps what it is shrunk by. (The memory of WebAssembly
   * is page-aligned too, but reserves 10 GiB of addresses on 64 bits, which a limit of them refuses.) Not promised: but memory
   * that is not aligned would be refused by the kernel, and written through the page cache. Undefined where there is none.
   */
  static allocate(): PieceMemory | undefined {
    try {
      return new PieceMemory(new ArrayBuffer(2 * pieceBytes, { maxByteLength: 2 * pieceBytes }));
    } catch (cause) {
      if (cause instanceof RangeError) return undefined;
      throw cause;
    }
  }

  /** The piece that is filled. */
  get current(): Uint8Array {
    return this.#current;
  }

  swap(): void {
    [this.#current, this.#other] = [this.#other, this.#current];
  }

  free(): void {
    this.#buffer.resize(0);
  }
}
