import { Injectable } from '@nestjs/common';

/** Whether the service has been told to stop. It serves on for a while: it only must not look ready any more. */
@Injectable()
export class ShutdownState {
  #hasBegun = false;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  begin(): void {
    this.#hasBegun = true;
  }
}
