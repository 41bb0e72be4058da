import type { Faults } from "../faults/faults.ts";
import type { Location } from "../faults/scope.ts";
import type { FaultySocket } from "../network/faulty-socket.ts";
import type { AuthenticationResult, ConnectRequest } from "./admission.ts";
import type { SessionStore } from "./sessions.ts";
import { parseUserName } from "./user-name.ts";

/** A refusal that is no verdict on the client. */
interface FaultRejection {
  readonly ok: false;
  readonly returnCode: number;
  readonly why: string;
}

/** Lets clients in, or not: as admission says, unless a fault says otherwise. */
export class Authenticator {
  readonly #authenticate: (request: ConnectRequest) => AuthenticationResult;
  readonly #sessions: SessionStore;
  readonly #faults: Faults;

  constructor(admit: (request: ConnectRequest) => AuthenticationResult, sessions: SessionStore, faults: Faults) {
    this.#authenticate = admit;
    this.#sessions = sessions;
    this.#faults = faults;
  }

  async authenticate(request: ConnectRequest, conduit: FaultySocket): Promise<AuthenticationResult | FaultRejection> {
    // Whose connection it claims to be: who is refused has a network too.
    const claimed = request.userName === undefined ? undefined : parseUserName(request.userName)?.target;
    if (claimed !== undefined) conduit.setTarget(claimed);
    const refused = this.#faults.triggerOnce("connack-refused", conduit.location);
    if (refused !== undefined) return { ok: false, returnCode: refused.code, why: "a fault refuses it" };
    const admission = this.#authenticate(request);
    if (admission.ok) await this.#forgetSession(request.clientId, conduit.location);
    return admission;
  }

  async #forgetSession(clientId: string, where: Location): Promise<void> {
    if (this.#sessions.subscriptionsOf(clientId).length === 0) return;
    if (this.#faults.triggerOnce("session-forgotten", where) !== undefined)
      await this.#sessions.removeSession(clientId);
  }
}
