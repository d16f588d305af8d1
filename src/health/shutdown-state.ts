import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';

/** Whether the service has been told to stop. It serves on for a while: it only must not look ready any more. */
@Injectable()
export class ShutdownState {
  /** By connection: of answers that wait behind another on one that breaks off, Node never says that they are closed. */
  readonly #unanswered = new Map<Socket, Set<ServerResponse>>();
  #hasBegun = false;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whoever is still to be answered is told that the connection closes, which it will. */
  begin(): void {
    this.#hasBegun = true;
    for (const responses of this.#unanswered.values())
      for (const response of responses) response.shouldKeepAlive = false;
  }

  /** Where the service is told to stop before this answer is out, its client is told that the connection closes. For each one. */
  tellOfStop(response: ServerResponse): void {
    if (this.#hasBegun) {
      response.shouldKeepAlive = false;
      return;
    }
    const responses = this.#unansweredOn(response.req.socket);
    responses.add(response);
    response.once('close', () => {
      responses.delete(response);
    });
  }

  #unansweredOn(socket: Socket): Set<ServerResponse> {
    const known = this.#unanswered.get(socket);
    if (known) return known;
    const responses = new Set<ServerResponse>();
    this.#unanswered.set(socket, responses);
    socket.once('close', () => {
      this.#unanswered.delete(socket);
    });
    return responses;
  }
}
