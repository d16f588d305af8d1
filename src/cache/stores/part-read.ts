import { decodeEntry, MAX_ENTRY_BYTES } from '../engine/cache-entry.js';
import type { Lease, StoreRead } from '../engine/store.js';
import { newToken } from '../engine/tokens.js';
import { inCommands, type RedisServers } from '../redis/redis-servers.js';
import type { RedisSession } from '../redis/redis-session.js';
import type { ServerIdentity } from '../redis/server-identity.js';
import type { Part } from './question-parts.js';
import { ASK } from './redis-scripts.js';

/** Replies of PTTL. */
const [WITHOUT_END, ABSENT] = [-1, -2];

/** By so much we may take a server's clock for later than it is. */
const CLOCK_TOLERANCE_MS = 1000;

/** What one server said. */
export interface PartRead {
  readonly part: Part;
  readonly tokens: readonly (string | undefined)[];
  /** Of the entry, and no more than one byte beyond the longest that there may be; none where there is nothing, or no text. */
  readonly bytes: Buffer | undefined;
  readonly leftMs: number;
  readonly hasLease: boolean;
}

/** Asks a server for its part of a question, in one round trip; where that is about an entry, in one step on each key. */
export async function readPart(servers: RedisServers, session: RedisSession, part: Part): Promise<PartRead> {
  if (part.entryKey !== undefined) return askFor(servers, session, part, 't');
  const { binary, identity } = session;
  const found = await Promise.all(inCommands(servers, part.tokenKeys).map((some) => binary.mGet(some)));
  const tokens = tokensOf(servers, identity, found.flat());
  return { part, tokens, bytes: undefined, leftMs: ABSENT, hasLease: true };
}

/** As {@link readPart}, and first makes the tokens that there are not, and takes the lease if the part has one. */
export function openPart(
  servers: RedisServers,
  session: RedisSession,
  part: Part,
  tokenTtlMs: number,
  lease: Lease | undefined,
): Promise<PartRead> {
  // The same for all: a token is compared only with those of its own tag.
  const parameters = [newToken(), String(tokenTtlMs)];
  if (lease) parameters.push(lease.owner, String(Math.ceil(lease.ttlMs)));
  return askFor(servers, session, part, 'm', parameters);
}

type TokenReply = Buffer | null | undefined;
type EntryReply = readonly [leftMs: number, bytes: Buffer | null];
type Reply = TokenReply | EntryReply | 0 | 1;

/** @param parameters  of {@link ASK}, behind those that it always has */
async function askFor(
  servers: RedisServers,
  { binary, identity }: RedisSession,
  part: Part,
  tokenKind: 't' | 'm',
  parameters: readonly string[] = [],
): Promise<PartRead> {
  const { tokenKeys, entryKey, leaseKey } = part;
  const kinds = tokenKind.repeat(tokenKeys.length) + (entryKey ? 'e' : '') + (leaseKey ? 'l' : '');
  const keys = [...tokenKeys, entryKey, leaseKey].filter((key) => key !== undefined);
  let next = 0;
  const commands = inCommands(servers, keys).map((some) => {
    const ofThese = kinds.slice(next, (next += some.length));
    // Whoever puts 50 MB under a key of ours would hold this process up if they came.
    return ASK.run(binary, some, [ofThese, String(MAX_ENTRY_BYTES), ...parameters]);
  });
  const replies = ((await Promise.all(commands)) as Reply[][]).flat();
  const entry = replies[kinds.indexOf('e')] as EntryReply | undefined;
  return {
    part,
    tokens: tokensOf(servers, identity, replies.slice(0, tokenKeys.length) as TokenReply[]),
    bytes: entry?.[1] ?? undefined,
    leftMs: entry?.[0] ?? ABSENT,
    hasLease: !leaseKey || replies.at(-1) === 1,
  };
}

/** As this store gives them: the server's identity in front, and on a cluster its epoch, which is the first of `values`. */
function tokensOf(
  { isCluster }: RedisServers,
  identity: ServerIdentity,
  values: readonly TokenReply[],
): (string | undefined)[] {
  const texts = values.map((value) => value?.toString('latin1'));
  const epoch = isCluster ? texts.shift() : '';
  // A dot ends the hard half of a token, so none may stand before it.
  const origin = `${identity.text}:${epoch?.replaceAll('.', '') ?? ''}`;
  return texts.map((text) => (text === undefined || epoch === undefined ? undefined : `${origin}:${text}`));
}

/**
 * Deletes what is no text where a token belongs, such as a list: while it is there none can be made, and all that depends on
 * that token would be a miss.
 */
export async function deleteForeignTokens(
  { client }: RedisSession,
  { part, tokens }: PartRead,
): Promise<void> {
  // On a cluster the server's epoch is the first, and without it there are no others.
  const epochs = part.tokenKeys.length - tokens.length;
  const isForeign = (index: number) =>
    index < epochs ? tokens.every((token) => token === undefined) : tokens[index - epochs] === undefined;
  const foreign = part.tokenKeys.filter((_, index) => isForeign(index));
  await Promise.all(foreign.map((key) => client.unlink(key)));
}

/** The entry in it, if there is one that can be read. */
export function storedIn(read: PartRead | undefined): Pick<StoreRead, 'stored' | 'isUnreadable'> {
  if (!read) return { stored: undefined, isUnreadable: false };
  const { bytes, leftMs } = read;
  // Something without an end, or that is not even text, was not put there by us.
  if (leftMs === WITHOUT_END) return { stored: undefined, isUnreadable: true };
  if (!bytes?.length) return { stored: undefined, isUnreadable: leftMs !== ABSENT };
  const entry = decodeEntry(bytes);
  if (!entry) return { stored: undefined, isUnreadable: true };
  const livesMs = entry.ttlMs + entry.graceMs;
  // The server's clock was put back since it was written, and nobody knows how old it is.
  if (leftMs > livesMs + CLOCK_TOLERANCE_MS) return { stored: undefined, isUnreadable: false };
  return { stored: { entry, leftMs: Math.min(leftMs, livesMs) }, isUnreadable: false };
}
