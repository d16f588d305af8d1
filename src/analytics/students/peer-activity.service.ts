import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached } from '../../cache/index.js';
import { peerActivitySql, type PeerRow } from '../facts/peer-activity.sql.js';
import { endOfWeek, twelveMondays } from '../iso-week.js';
import { medianOfCounts } from '../statistics.js';

const weekMs = 7 * 86_400_000;

/** How many days the students of a course were active: what `low_engagement` compares with. */
@Injectable()
export class PeerActivityService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Medians of the active days in the 14 days up to the ends of the eleven weeks before a moment, and up to the moment
   * itself; `null` where the course had no students. All students of the course share them for 30 s.
   *
   * @param courseId  number of the course's row
   * @param asOf      ISO 8601 in UTC
   */
  @Cached<PeerActivityService['medians']>({ ttl: 30, prefix: 'peer_activity' })
  async medians(courseId: number, asOf: string): Promise<(number | null)[]> {
    const moment = new Date(asOf);
    const mondays = twelveMondays(moment);
    const weekBefore = new Date((mondays[0]?.getTime() ?? 0) - weekMs);
    const [row]: { peers: PeerRow[] | null }[] = await this.dataSource.query(peerActivitySql, [
      courseId,
      moment,
      weekBefore.toISOString().slice(0, 10),
      asOf.slice(0, 10),
    ]);
    const peers = row?.peers ?? [];
    return mondays.map((monday, i) =>
      i < mondays.length - 1
        ? medianAt(peers, endOfWeek(monday).getTime(), (peer) => daysIn(peer, i) + daysIn(peer, i + 1))
        : medianAt(peers, moment.getTime(), ({ recent }) => recent ?? 0),
    );
  }
}

function medianAt(peers: readonly PeerRow[], at: number, daysOf: (peer: PeerRow) => number): number | null {
  const studentsByDays = Array.from({ length: 15 }, () => 0);
  for (const peer of peers.filter((one) => isIn(one, at))) {
    const days = daysOf(peer);
    studentsByDays[days] = (studentsByDays[days] ?? 0) + 1;
  }
  return medianOfCounts(studentsByDays);
}

function isIn({ from, until }: PeerRow, at: number): boolean {
  return from <= at && (until === null || until > at);
}

/** Numbers of more than 32 bits: no bit operators. */
function daysIn({ weeks }: PeerRow, week: number): number {
  return Math.floor((weeks ?? 0) / 16 ** week) % 16;
}
