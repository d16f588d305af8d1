import { decodeEntry, MAX_ENTRY_BYTES } from '../engine/cache-entry.js';
import { NOTHING_STORED, type Lease, type StoreRead } from '../engine/store.js';
import { newToken } from '../engine/tokens.js';
import { failureReason } from '../redis/failure-reason.js';
import type { BinaryClient } from '../redis/redis-client.js';
import { inCommands, type RedisServers } from '../redis/redis-servers.js';
import type { RedisSession } from '../redis/redis-session.js';
import type { ServerIdentity } from '../redis/server-identity.js';
import type { Part } from './question-parts.js';
import { OPEN } from './redis-scripts.js';

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

/**
 * Asks a server for its part of a question, in one round trip. Not in one step: what was written between the tokens and
 * the entry has others, and is a miss. A script would spare this process some work, and cost Redis, which all processes
 * share, half as much again for an entry of 8 kB.
 */
export async function readPart(
  servers: RedisServers,
  { client, binary, identity }: RedisSession,
  part: Part,
): Promise<PartRead> {
  // The time that is left first: what has none by then, and is there, has just been written.
  const left = part.entryKey === undefined ? ABSENT : client.pTTL(part.entryKey);
  const found = inCommands(servers, part.tokenKeys).map((some) => binary.mGet(some));
  const entry = part.entryKey === undefined ? undefined : beginning(binary, part.entryKey);
  const [leftMs, bytes, ...replies] = await Promise.all([left, entry, ...found]);
  return { part, tokens: tokensOf(servers, identity, replies.flat()), bytes, leftMs, hasLease: true };
}

/** Whoever puts 50 MB under a key of ours would hold this process up if they came. */
async function beginning(binary: BinaryClient, key: string): Promise<Buffer | undefined> {
  try {
    return (await binary.getRange(key, 0, MAX_ENTRY_BYTES)) ?? undefined;
  } catch (error) {
    if (failureReason(error) === 'WRONGTYPE') return undefined;
    throw error;
  }
}

/** As {@link readPart}, and first makes the tokens that there are not, and takes the lease if the part has one. */
export async function openPart(
  servers: RedisServers,
  { binary, identity }: RedisSession,
  part: Part,
  tokenTtlMs: number,
  lease: Lease | undefined,
): Promise<PartRead> {
  const { tokenKeys, entryKey, leaseKey } = part;
  const kinds = 't'.repeat(tokenKeys.length) + (entryKey ? 'e' : '') + (leaseKey ? 'l' : '');
  const keys = [...tokenKeys, entryKey, leaseKey].filter((key) => key !== undefined);
  // The same for all: a token is compared only with those of its own tag.
  const parameters = [newToken(), String(tokenTtlMs), String(MAX_ENTRY_BYTES)];
  if (lease) parameters.push(lease.owner, String(Math.ceil(lease.ttlMs)));
  let next = 0;
  const commands = inCommands(servers, keys).map((some) => {
    const ofThese = kinds.slice(next, (next += some.length));
    return OPEN.run(binary, some, [ofThese, ...parameters]);
  });
  const replies = ((await Promise.all(commands)) as OpenReply[][]).flat();
  const entry = replies[kinds.indexOf('e')] as EntryReply | undefined;
  return {
    part,
    tokens: tokensOf(servers, identity, replies.slice(0, tokenKeys.length) as TokenReply[]),
    bytes: entry?.[1] ?? undefined,
    leftMs: entry?.[0] ?? ABSENT,
    hasLease: !leaseKey || replies.at(-1) === 1,
  };
}

type TokenReply = Buffer | null | undefined;
type EntryReply = readonly [leftMs: number, bytes: Buffer | null];
type OpenReply = TokenReply | EntryReply | 0 | 1;

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

const UNREADABLE = { stored: undefined, isUnreadable: true };

/** The entry in it, if there is one that can be read. */
export function storedIn(read: PartRead | undefined): Pick<StoreRead, 'stored' | 'isUnreadable'> {
  if (!read) return NOTHING_STORED;
  const { bytes, leftMs } = read;
  // Something without an end, or that is not even text, was not put there by us.
  if (leftMs === WITHOUT_END) return UNREADABLE;
  // Where the time had almost run out it has just gone.
  if (!bytes?.length) return leftMs > CLOCK_TOLERANCE_MS ? UNREADABLE : NOTHING_STORED;
  const entry = decodeEntry(bytes);
  if (!entry) return UNREADABLE;
  const livesMs = entry.ttlMs + entry.graceMs;
  // The server's clock was put back since it was written, and nobody knows how old it is.
  if (leftMs > livesMs + CLOCK_TOLERANCE_MS) return NOTHING_STORED;
  // Another may have been written between the two questions, and its end is not that of this one.
  return {
    stored: { entry, leftMs: leftMs === ABSENT ? livesMs : Math.min(leftMs, livesMs) },
    isUnreadable: false,
  };
}
