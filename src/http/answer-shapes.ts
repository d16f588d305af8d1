import type { OpenAPIObject } from '@nestjs/swagger';
import type { CachedRoute } from '../cache/index.js';
import { operationId } from './operation-id.js';
import { shapeHash } from './shape-hash.js';

/**
 * The forms of this application's answers, from its own description. That can only be made when the application is there,
 * while the cache has to be given this object before.
 */
export class AnswerShapes {
  #describe: (() => OpenAPIObject) | undefined;

  /** @param describe  called when a shape is asked for */
  readFrom(describe: () => OpenAPIObject): void {
    this.#describe = describe;
  }

  /** @returns `undefined` where the description declares no schema */
  of({ controller, handler }: CachedRoute): string | undefined {
    const document = this.#describe?.();
    return document && shapeHash(document, operationId(controller.name, handler));
  }
}
