import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';

/** Whether the service was told to stop. It goes on serving for a while, but must not look ready any more. */
@Injectable()
export class ShutdownState {
  /** By connection: if that breaks off, Node never closes answers that wait there behind another. */
  readonly #unanswered = new Map<Socket, Set<ServerResponse>>();
  #hasBegun = false;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** From now on answers tell their clients that the connection closes. */
  begin(): void {
    this.#hasBegun = true;
    for (const responses of this.#unanswered.values())
      for (const response of responses) response.shouldKeepAlive = false;
  }

  /** Called for each answer: if the service is told to stop before it is sent, it says that the connection closes. */
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
