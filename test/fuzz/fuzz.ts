import fc from 'fast-check';
import type { OpenAPIObject } from '@nestjs/swagger';
import { judge, type Violation } from './judge.js';
import { operationsOf } from './operations.js';
import { anyRequest, bodilessRequests, followUps, type FuzzRequest } from './request-arbitrary.js';
import { type KnownValues, SchemaArbitrary } from './schema-arbitrary.js';
import { type Sender, shown, targetOf } from './sender.js';

interface FuzzOptions {
  readonly document: OpenAPIObject;
  readonly sender: Sender;
  readonly callers: readonly string[];
  readonly known: KnownValues;
  /** Random ones; those without a body come before them. */
  readonly requests: number;
  readonly seed: number;
  /** Awaited before every 500th request: brings back what requests have taken away. */
  readonly restore: () => Promise<void>;
  readonly say: (line: string) => void;
}

export interface Finding extends Violation {
  readonly operation: string;
  /** The smallest request that was found to do it. */
  readonly request: string;
}

export interface FuzzReport {
  /** How many were judged, those of the shrinking not counted. */
  readonly requests: number;
  readonly findings: readonly Finding[];
  /** Lines of batches that were taken. */
  readonly acceptedLines: number;
  /** How many further pages of each list were asked for. */
  readonly pages: ReadonlyMap<string, number>;
  /** How often each operation answered with each status. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

const batch = 500;
const mostFindings = 25;
/** Of questions that follow from an answer. */
const MAX_DEPTH = 2;

/** Sends requests made from the document and judges each answer; goes on after a finding, and looks for others. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { document, sender, requests, seed, say } = options;
  const { all, resolve } = operationsOf(document);
  const schemas = new SchemaArbitrary(resolve, options.known);
  const arbitrary = anyRequest(all, options.callers, schemas);
  const answers = new Map(all.map(({ name }) => [name, new Map<number, number>()]));
  const findings: Finding[] = [];
  const isKnown = (operation: string, rule: string) =>
    findings.some((finding) => finding.operation === operation && finding.rule === rule);

  const pages = new Map<string, number>();
  let acceptedLines = 0;
  let done = 0;
  const ask = async (request: FuzzRequest, depth = 0): Promise<Violation | undefined> => {
    const answer = await sender.send(request).catch((error: unknown) => error as Error);
    if (answer instanceof Error) return { rule: 'gives no answer', detail: answer.message };
    acceptedLines += Number((answer.body as { accepted?: unknown } | null)?.accepted ?? 0);
    const counts = answers.get(request.operation.name)!;
    counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
    const violation = judge(document, request, answer, targetOf(request));
    if (violation) return isKnown(request.operation.name, violation.rule) ? undefined : violation;
    if (depth === MAX_DEPTH) return undefined;
    for (const next of followUps(request, answer)) {
      if (next.query.some(([name]) => name === 'cursor')) {
        pages.set(request.operation.name, (pages.get(request.operation.name) ?? 0) + 1);
      }
      const found = await ask(next, depth + 1);
      if (found) return found;
    }
    return undefined;
  };
  const add = (request: FuzzRequest, violation: Violation) => {
    const finding = { operation: request.operation.name, request: shown(request), ...violation };
    findings.push(finding);
    say(`✗ ${finding.operation} ${finding.rule}`);
  };
  await options.restore();
  const bodiless = bodilessRequests(all, options.callers, schemas, seed);
  for (const request of bodiless) {
    const violation = await ask(request);
    if (violation) add(request, violation);
  }
  for (let run = 0; done < requests && findings.length < mostFindings; run += 1) {
    await options.restore();
    const found: { request: FuzzRequest; violation: Violation }[] = [];
    const property = fc.asyncProperty(arbitrary, async (request) => {
      const violation = await ask(request);
      if (!violation) return true;
      found.push({ request, violation });
      return false;
    });
    const result = await fc.check(property, { numRuns: Math.min(batch, requests - done), seed: seed + run });
    done += result.numRuns;
    const last = found.at(-1);
    if (result.failed && !last) throw result.errorInstance;
    if (last) add(last.request, last.violation);
    say(`${done} of ${requests} requests, ${findings.length} findings`);
  }
  return { requests: done + bodiless.length, findings, answers, acceptedLines, pages };
}
