import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { CacheService } from '../../cache/index.js';
import { Problem } from '../../http/problem.js';
import { inTransaction } from '../transaction.js';
import { BatchTally } from './batch-tally.js';
import { readEventLine, type EventLine } from './event-line.js';
import { EventWriter, type Outcome } from './event-writer.js';
import type { BatchDto } from './event.dto.js';
import { inChunks, linesOf } from './lines.js';

const limits = { maxLines: 10_000, maxLineBytes: 64 * 1024 };
const chunkLines = 1000;

/** Takes events in bulk. */
@Injectable()
export class EventBatchService {
  readonly #logger = new Logger('Ingest');

  constructor(
    private readonly dataSource: DataSource,
    private readonly writer: EventWriter,
    private readonly cache: CacheService,
  ) {}

  /**
   * Writes each thousand lines in a transaction of their own, while the next ones arrive. What was written stays when a
   * later part fails: a repeat finds it as duplicates.
   *
   * @throws {Problem} `payload_too_large` beyond 10,000 lines
   */
  async ingest(body: AsyncIterable<Buffer>): Promise<BatchDto> {
    const startedAtMs = performance.now();
    const tally = new BatchTally();
    try {
      for await (const lines of inChunks(eventLines(body), chunkLines)) {
        const outcomes = await inTransaction(this.dataSource, (manager) => this.#write(manager, lines));
        tally.add(lines, outcomes);
      }
    } catch (error) {
      // The route invalidates only after success, but these lines are committed.
      await this.cache.invalidate(...tally.tags());
      throw error;
    }
    return this.#report(tally, startedAtMs);
  }

  /**
   * Reads all lines before it writes the first, and writes all or none. They wait in memory, not in an open transaction:
   * a slow client must not hold locks.
   *
   * @throws {Problem} `batch_rejected`, naming the first 100 bad lines; `payload_too_large` beyond 10,000 lines
   */
  async ingestAtomically(body: AsyncIterable<Buffer>): Promise<BatchDto> {
    const startedAtMs = performance.now();
    const chunks: EventLine[][] = [];
    for await (const lines of inChunks(eventLines(body), chunkLines)) chunks.push(lines);

    const tally = await inTransaction(this.dataSource, async (manager) => {
      const attempt = new BatchTally();
      for (const lines of chunks) attempt.add(lines, await this.#write(manager, lines));
      if (attempt.rejected > 0) throw rejection(attempt.result());
      return attempt;
    });
    return this.#report(tally, startedAtMs);
  }

  /** @returns one outcome for each line, in their order */
  async #write(manager: EntityManager, lines: readonly EventLine[]): Promise<Outcome[]> {
    const events = lines.flatMap((line) => ('event' in line ? [line.event] : []));
    const written = await this.writer.write(manager, events);
    let next = 0;
    return lines.flatMap((line) => ('refusal' in line ? [line.refusal] : written.slice(next, ++next)));
  }

  #report(tally: BatchTally, startedAtMs: number): BatchDto {
    const result = tally.result();
    this.#logger.log({
      event: 'ingest.batch',
      count: result.accepted,
      duplicates: result.duplicates,
      rejected: result.rejected,
      duration_ms: Math.round(performance.now() - startedAtMs),
    });
    return result;
  }
}

async function* eventLines(body: AsyncIterable<Buffer>): AsyncGenerator<EventLine> {
  for await (const line of linesOf(body, limits)) yield readEventLine(line);
}

function rejection({ rejected, errors }: BatchDto): Problem {
  return new Problem('batch_rejected', `${rejected} lines were bad; nothing was written.`, {
    errors: errors.map(({ line, code, detail }) => ({ pointer: `/lines/${line}`, code, detail })),
  });
}
