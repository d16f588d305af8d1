import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';

/** Whether the service has been told to stop. It serves on for a while: it only must not look ready any more. */
@Injectable()
export class ShutdownState {
  readonly #unanswered = new Set<ServerResponse>();
  #hasBegun = false;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whoever is still to be answered is told that the connection closes, which it will. */
  begin(): void {
    this.#hasBegun = true;
    for (const response of this.#unanswered) response.shouldKeepAlive = false;
  }

  /** Where the service is told to stop before this answer is out, it closes its connection. To be told of every one. */
  closeAfter(response: ServerResponse): void {
    if (this.#hasBegun) {
      response.shouldKeepAlive = false;
      return;
    }
    this.#unanswered.add(response);
    response.once('close', () => {
      this.#unanswered.delete(response);
    });
  }
}
