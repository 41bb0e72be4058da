import type { Faults } from "../faults/faults.ts";
import type { Where } from "../faults/scope.ts";
import type { Conduit } from "../network/faulty-socket.ts";
import type { Admission, ConnectRequest } from "./admission.ts";
import type { Sessions } from "./sessions.ts";
import { parseUserName } from "./user-name.ts";

/** A refusal that is no verdict on the client. */
interface FaultyRefusal {
  readonly ok: false;
  readonly returnCode: number;
  readonly why: string;
}

/** Lets clients in, or not: as admission says, unless a fault says otherwise. */
export class Doorkeeper {
  readonly #admit: (request: ConnectRequest) => Admission;
  readonly #sessions: Sessions;
  readonly #faults: Faults;

  constructor(admit: (request: ConnectRequest) => Admission, sessions: Sessions, faults: Faults) {
    this.#admit = admit;
    this.#sessions = sessions;
    this.#faults = faults;
  }

  async judge(request: ConnectRequest, conduit: Conduit): Promise<Admission | FaultyRefusal> {
    // Whose connection it claims to be: who is refused has a network too.
    const claimed = request.userName === undefined ? undefined : parseUserName(request.userName)?.target;
    if (claimed !== undefined) conduit.belongsTo(claimed);
    const refused = this.#faults.strike("connack-refused", conduit.where);
    if (refused !== undefined) return { ok: false, returnCode: refused.code, why: "a fault refuses it" };
    const admission = this.#admit(request);
    if (admission.ok) await this.#forgetSession(request.clientId, conduit.where);
    return admission;
  }

  async #forgetSession(clientId: string, where: Where): Promise<void> {
    if (this.#sessions.subscriptionsOf(clientId).length === 0) return;
    if (this.#faults.strike("session-forgotten", where) !== undefined) await this.#sessions.forget(clientId);
  }
}
