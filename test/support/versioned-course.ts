import type { Answer } from './load.js';

const COURSE = 'PROG-101';

/** A course of the service whose name counts its writes, and which knows what answers were wrong. */
export class VersionedCourse {
  /** Answers that were older than a write which had been confirmed before they were asked for. */
  readonly wrong: string[] = [];
  #written = 0;
  #confirmed = 0;
  #isWriting = false;

  /** @param serviceUrl  asked anew for each call */
  constructor(private readonly serviceUrl: () => string) {}

  /** Writes begun so far. */
  get written(): number {
    return this.#written;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** Answered at best from the cache. */
  read(): Promise<Answer> {
    return this.#read(`/api/v3/analytics/courses/${COURSE}`, 'course_name');
  }

  readUncached(): Promise<Answer> {
    return this.#read(`/api/v3/courses/${COURSE}`, 'name');
  }

  /** Two writes at once would have no order; the second one reads instead. */
  async write(): Promise<Answer> {
    if (this.#isWriting) return this.readUncached();
    this.#isWriting = true;
    try {
      return await this.#write();
    } finally {
      this.#isWriting = false;
    }
  }

  async #write(): Promise<Answer> {
    const version = ++this.#written;
    const { answer } = await this.#call(`/api/v3/courses/${COURSE}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `v${version}` }),
    });
    if (answer.status === 200) this.#confirmed = version;
    return answer;
  }

  async #read(path: string, property: string): Promise<Answer> {
    const floor = this.#confirmed;
    const { answer, body } = await this.#call(path);
    const version = versionOf(String(body[property]));
    if (answer.status === 200 && version < floor) {
      this.wrong.push(`${path}: version ${version}, after ${floor} was confirmed (${answer.cache})`);
    }
    return answer;
  }

  async #call(path: string, init?: RequestInit) {
    const since = performance.now();
    const response = await fetch(this.serviceUrl() + path, init);
    const body = (await response.json()) as Record<string, unknown>;
    const answer: Answer = {
      status: response.status,
      cache: response.headers.get('x-cache'),
      atMs: since,
      ms: performance.now() - since,
    };
    return { answer, body };
  }
}

/** The number of the write that gave a course this name; 0 for the name it had before. */
export function versionOf(name: string): number {
  return Number(/^v(\d+)$/.exec(name)?.[1] ?? 0);
}
