import type { OpenAPIObject } from '@nestjs/swagger';
import type { CachedRoute } from '../cache/index.js';
import { operationId } from './operation-id.js';
import { shapeHash } from './shape-hash.js';

/**
 * The forms of the answers of this application, from its own description. That can be made only when the application is
 * there, while the cache has to be told before whom to ask.
 */
export class AnswerShapes {
  #describe: (() => OpenAPIObject) | undefined;

  /** @param describe called when the first shape is asked for */
  readFrom(describe: () => OpenAPIObject): void {
    this.#describe = describe;
  }

  /** @returns `undefined` where the description declares no schema */
  of({ controller, handler }: CachedRoute): string | undefined {
    const document = this.#describe?.();
    return document && shapeHash(document, operationId(controller.name, handler));
  }
}
